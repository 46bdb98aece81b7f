package message

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// relay is a carrier whose other end is another process.
type relay struct{ url string }

func (r relay) Text(ctx context.Context, key, to, text string) (string, error) {
	answer, err := http.Post(r.url+"/"+key, "text/plain", strings.NewReader(text))
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "no answer came: %w", err)
	}
	answer.Body.Close()
	return key, nil
}

// TestServeToBeKilled is the process that TestKilledWhileSending kills; by itself it does nothing.
func TestServeToBeKilled(t *testing.T) {
	db, url := os.Getenv("KITH_MESSAGE_DB"), os.Getenv("KITH_MESSAGE_URL")
	if db == "" {
		return // the other test runs it
	}
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Door: door, Name: "Mill Lane Surgery", Link: "https://kith.example", Text: relay{url}, Every: 50 * time.Millisecond, limit: 2 * time.Second}
	fmt.Println("serving")
	s.Run(t.Context())
}

// kill -9 in the moment in which the gateway has a text message and has not answered: when the program is back it is not sent again, staff see that nobody
// knows, and the person is reached all the same.
func TestKilledWhileSending(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		var child atomic.Pointer[exec.Cmd]
		var texts atomic.Int32
		keys := make(chan string, 10)
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			keys <- r.URL.Path
			if texts.Add(1) == 1 {
				child.Load().Process.Kill() // SIGKILL
				child.Load().Wait()
			}
		}))
		defer gateway.Close()
		run := func() {
			c := exec.Command(os.Args[0], "-test.run=^TestServeToBeKilled$", "-test.v")
			c.Env = append(os.Environ(), "KITH_MESSAGE_DB="+db, "KITH_MESSAGE_URL="+gateway.URL)
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			child.Store(c)
			for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "serving"; {
			}
		}
		look := func(f func(*Service)) {
			door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}})
			if err != nil {
				t.Fatal(err)
			}
			defer door.Close()
			f(&Service{Door: door})
		}
		look(func(s *Service) {
			for _, text := range []string{`{"resourceType":"Organization","id":"a","name":"Mill Lane Surgery"}`,
				`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor"}],"managingOrganization":{"reference":"Organization/a"},"telecom":[{"system":"phone","use":"mobile","value":"07700 900123"}]}`,
				`{"resourceType":"Flag","id":"f","status":"active","code":{"coding":[{"system":"https://kith.care/fhir/CodeSystem/need","code":"channel-text"}]},"subject":{"reference":"Patient/ada"}}`} {
				res, err := fhir.Parse([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Door.Commit(t.Context(), nurse, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
					t.Fatal(err)
				}
			}
			c := fmt.Sprintf(`{"resourceType":"Communication","id":"m","identifier":[{"system":"urn:kith:thread","value":"t"}],"status":"completed","priority":"stat","subject":{"reference":"Patient/ada"},"recipient":[{"reference":"Patient/ada"}],"sender":{"reference":"Practitioner/bell"},"sent":%q,"payload":[{"contentString":"Come in today"}]}`, time.Now().UTC().Format(time.RFC3339))
			res, err := fhir.Parse([]byte(c))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Door.Commit(t.Context(), nurse, []record.Op{{Method: record.Update, Type: "Communication", ID: "m", Resource: res}}); err != nil {
				t.Fatal(err)
			}
		})
		run()
		select {
		case <-keys:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was sent")
		}
		child.Load().Wait()
		run()
		defer func() { child.Load().Process.Kill(); child.Load().Wait() }()
		var seen []Failure
		for range 400 { // the job is another's only after the killed one's time is up
			time.Sleep(time.Second / 2)
			look(func(s *Service) {
				var err error
				if seen, err = s.Failures(t.Context(), nurse, "ada", 1); err != nil {
					t.Fatal(err)
				}
			})
			if len(seen) > 0 {
				break
			}
		}
		if len(seen) != 1 || seen[0].Channel != "text" || !seen[0].Unsure {
			t.Errorf("staff see %+v", seen)
		}
		if n := texts.Load(); n != 1 {
			t.Errorf("the text message was sent %d times", n)
		}
	})
}

// The program was killed while it made a letter: the letter is asked for again by the same key, since otherwise nobody would know whether there is one.
func TestKilledWhilePrinting(t *testing.T) {
	y := begin(t, "sqlite::memory:")
	y.patient([]string{"ada", "Okafor", "address"})
	y.put(`{"resourceType":"Communication","id":"m","status":"completed","subject":{"reference":"Patient/ada"},"recipient":[{"reference":"Patient/ada"}],"sent":"2020-01-01T09:00:00Z","payload":[{"contentString":"Come on 3 May"}]}`)
	y.settle()
	d := delivery{Key: "k", Ref: "Communication/m", Patient: "ada", Inbox: "m", Steps: []step{{Channel: need.Letter, State: sending}, {Channel: need.Telephone}}}
	err := y.s.box().Decide(t.Context(), func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
		return record.Noted{Items: []record.BoxItem{record.JSONItem(deliveryKind, "k", d)}, Jobs: []record.Job{{Name: "k", Due: y.clock()}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := y.expect([]string{"letters", "1"}); err != nil {
		t.Error(err)
	}
	if got, err := y.s.delivery(t.Context(), "k"); err != nil || got.Over != overPosted || len(y.out.keys) != 1 || y.out.keys[0] != "k-0" {
		t.Errorf("%+v %v %v", got, y.out.keys, err)
	}
}
