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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/subscribe"
)

// endpoint is where subscribers of a record are told, by the first segment of the path.
type endpoint struct {
	url   string
	serve func(*http.Request, access.Actor, string, *fhir.Resource) (*rest.Answer, error)
	start func() // has subscribers told until the test ends
	mu    sync.Mutex
	got   map[string][]string
}

// notifying serves Subscriptions of a record, of which nobody is told before start is called.
func notifying(t *testing.T, door *record.Door, now func() time.Time) *endpoint {
	t.Helper()
	h := &endpoint{got: map[string][]string{}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		number, rest, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got[number] = append(h.got[number], r.Method+" "+rest+" "+string(body))
	}))
	t.Cleanup(hook.Close)
	networks, err := notify.ParseNetworks("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	s := &notify.Service{Door: door, Base: "http://kith.test/fhir", Now: now, Allowed: networks, Poll: 2 * time.Millisecond, Kept: 1000}
	h.url, h.serve = hook.URL, (&subscribe.Handler{Subscriptions: s, Base: "http://kith.test/fhir"}).Serve
	h.start = func() {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		t.Cleanup(func() { stop(); <-done })
	}
	return h
}

// telling is notifying, started.
func telling(t *testing.T, door *record.Door, now func() time.Time) *endpoint {
	t.Helper()
	h := notifying(t, door, now)
	h.start()
	return h
}

// requests are those that came for a number.
func (h *endpoint) requests(n int) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got[strconv.Itoa(n)])
}

// subscription is a Subscription as it is sent, with more behind its payload.
func subscription(criteria, at, more string) string {
	return `{"resourceType":"Subscription","status":"requested","reason":"r","criteria":` + strconv.Quote(criteria) + `,"channel":{"type":"rest-hook","endpoint":"` + at + `","payload":"application/fhir+json"` + more + `}}`
}

// told is a record whose asker has subscribed to all sorts of things, and what they were told.
type told struct {
	*growing
	*endpoint
	server  *httptest.Server
	answers []string // to what was subscribed
}

// subscribed makes Subscriptions of all criteria in an empty record.
func subscribed(t *testing.T, db string, who access.Actor, criteria []string) *told {
	t.Helper()
	w := &told{growing: emptyWorld(t, db)}
	w.endpoint = notifying(t, w.door, w.now)
	w.server = httptest.NewServer(&rest.Server{Door: w.door, Base: "http://kith.test/fhir", Subscriptions: w.serve, Who: func(*http.Request) (access.Actor, error) { return who, nil }})
	t.Cleanup(w.server.Close)
	for i, c := range criteria {
		more := ""
		if i%2 == 0 {
			more = `,"_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"full-resource"}]}`
		}
		status, _, text := call(t, w.server, "", "POST", "Subscription", subscription(c, fmt.Sprintf("%s/%d", w.url, i), more))
		w.answers = append(w.answers, fmt.Sprint(status, " ", text))
	}
	w.start()
	return w
}

// quiet waits until everything that has happened was told.
func quiet(t *testing.T, door *record.Door) {
	t.Helper()
	for range 5000 {
		behind, err := door.Behind(t.Context(), "wake/notify")
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]string{}
		still := behind > 0
		for _, kind := range []string{"place", "woken", "sub"} {
			items, err := door.Box("notify").List(t.Context(), kind, "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				kept[kind+it.Key] = string(it.Value)
				still = still || kind == "sub" && strings.Contains(string(it.Value), `"Status":"requested"`)
			}
		}
		for name, woken := range kept {
			if id, ok := strings.CutPrefix(name, "woken"); ok && kept["place"+id] != "" {
				var p struct{ Seq int64 }
				if err := json.Unmarshal([]byte(kept["place"+id]), &p); err != nil {
					t.Fatal(err)
				}
				last, _ := strconv.ParseInt(woken, 10, 64)
				still = still || p.Seq < last
			}
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
func (w *told) all(t *testing.T) (out string, events int) {
	t.Helper()
	for i, answer := range w.answers {
		out += fmt.Sprintln(i, answer)
		for _, text := range w.requests(i) {
			out += fmt.Sprintln(i, text)
			events++
		}
	}
	_, _, text := call(t, w.server, "", "GET", "Subscription", "")
	return newUUID.ReplaceAllString(chance.ReplaceAllString(out+text, "…"), "…"), events
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
		for _, asker := range []string{"ada", "app-subscribes", "clinician", "service"} {
			t.Run(asker, func(t *testing.T) {
				t.Parallel()
				var heard [2]string
				events := 0
				for i := range heard {
					w := subscribed(t, db(t), who[asker], criteria)
					quiet(t, w.door)
					w.play(t, i == 1, func() { quiet(t, w.door) })
					quiet(t, w.door)
					heard[i], events = w.all(t)
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
