package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/subscribe"
)

// told is a record whose asker has subscribed to all sorts of things, and what they were told.
type told struct {
	*growing
	server *httptest.Server
	mu     sync.Mutex
	got    map[string][]string // by the number of the subscription
}

// subscribed makes Subscriptions of all criteria in an empty record; what is refused stands among what was told.
func subscribed(t *testing.T, db string, who access.Actor, criteria []string) *told {
	t.Helper()
	w := &told{growing: emptyWorld(t, db), got: map[string][]string{}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		number, rest, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got[number] = append(w.got[number], r.Method+" "+rest+" "+string(body))
	}))
	t.Cleanup(hook.Close)
	networks, err := notify.ParseNetworks("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	s := &notify.Service{Door: w.door, Base: "http://kith.test/fhir", Now: w.now, Allowed: networks, Poll: 2 * time.Millisecond, Kept: 1000}
	w.server = httptest.NewServer(&rest.Server{Door: w.door, Base: "http://kith.test/fhir", Subscriptions: (&subscribe.Handler{Subscriptions: s, Base: "http://kith.test/fhir"}).Serve,
		Who: func(*http.Request) (access.Actor, error) { return who, nil }})
	t.Cleanup(w.server.Close)
	for i, c := range criteria {
		payload := `"payload":"application/fhir+json"`
		if i%2 == 0 {
			payload += `,"_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"full-resource"}]}`
		}
		status, _, text := call(t, w.server, "", "POST", "Subscription", `{"resourceType":"Subscription","status":"requested","reason":"r","criteria":`+strconv.Quote(c)+`,"channel":{"type":"rest-hook","endpoint":"`+hook.URL+`/`+strconv.Itoa(i)+`",`+payload+`}}`)
		w.got[strconv.Itoa(i)] = []string{fmt.Sprint(status, " ", text)}
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return w
}

// quiet waits until everything that has happened was told.
func (w *told) quiet(t *testing.T) {
	t.Helper()
	for range 5000 {
		seq, err := w.door.Seq(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		behind, err := w.door.Behind(t.Context(), "wake/notify")
		if err != nil {
			t.Fatal(err)
		}
		places := map[string]string{}
		for _, kind := range []string{"place", "woken"} {
			items, err := w.door.Box("notify").List(t.Context(), kind, "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				places[kind+it.Key] = string(it.Value)
			}
		}
		still := behind > 0 && seq > 0
		for name, woken := range places {
			if id, ok := strings.CutPrefix(name, "woken"); ok {
				var p struct{ Seq int64 }
				if err := json.Unmarshal([]byte(places["place"+id]), &p); err != nil {
					t.Fatal(err)
				}
				last, _ := strconv.ParseInt(woken, 10, 64)
				still = still || p.Seq < last
			}
		}
		items, err := w.door.Box("notify").List(t.Context(), "sub", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			still = still || strings.Contains(string(it.Value), `"Status":"requested"`)
		}
		if !still {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatal("it did not become quiet")
}

var newUUID = regexp.MustCompile(`urn:uuid:[0-9a-f-]+|http://127.0.0.1:[0-9]+`)

// all is everything that the asker was told, and reads of their Subscriptions.
func (w *told) all(t *testing.T, n int) (out string, events int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range n {
		for _, text := range w.got[strconv.Itoa(i)] {
			out += fmt.Sprintln(i, text)
			events++
		}
	}
	_, _, text := call(t, w.server, "", "GET", "Subscription", "")
	return newUUID.ReplaceAllString(chance.ReplaceAllString(out+text, "…"), "…"), events - n
}

// No request that goes to a subscriber, nor anything they read of their Subscriptions, tells of anybody whom they may not see: each is put to two
// records that grow before their eyes, as in TestNothingLeaks.
func TestSubscriptionsLeakNothing(t *testing.T) {
	text, err := os.ReadFile("testdata/criteria.txt")
	if err != nil {
		t.Fatal(err)
	}
	var criteria []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line != "" && line[0] != '#' {
			criteria = append(criteria, line)
		}
	}
	who := actors(t)
	onBoth(t, func(t *testing.T, db func(testing.TB) string) {
		for _, asker := range []string{"ada", "app-subscribes", "clinician", "receptionist", "service", "researcher"} {
			t.Run(asker, func(t *testing.T) {
				t.Parallel()
				var heard [2]string
				events := 0
				for i := range heard {
					w := subscribed(t, db(t), who[asker], criteria)
					w.quiet(t)
					w.play(t, i == 1, func() { w.quiet(t) })
					w.quiet(t)
					heard[i], events = w.all(t, len(criteria))
				}
				if heard[0] != heard[1] {
					t.Errorf("what is told tells of the other:\nwithout: %s\n   with: %s", heard[0], heard[1])
				}
				if (asker == "service" || asker == "clinician" || asker == "ada") && events < 2*len(criteria) {
					t.Errorf("only %d events of %d Subscriptions: a test of nothing", events, len(criteria))
				}
			})
		}
	})
}
