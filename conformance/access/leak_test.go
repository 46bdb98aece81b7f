package access

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
)

// What somebody may not see must not show in any answer. So each question is put to two records: one that holds the other
// person's resources too, and one in which these never were. The answers must be the same to the last byte, but for what is made
// by chance or time.

// world is a record with or without what the asker may not see. Lines of testdata/leak.ndjson marked other are only in
// the one that is full.
func world(t *testing.T, db string, full bool) *record.Door {
	t.Helper()
	w := emptyWorld(t, db)
	w.play(t, full)
	return w.door
}

// growing is a record into which the lines are written while others look.
type growing struct {
	door *record.Door
	tick atomic.Pointer[time.Time]
}

func emptyWorld(t *testing.T, db string) *growing {
	t.Helper()
	w := &growing{}
	w.at(noon.Add(-time.Hour))
	var err error
	if w.door, err = record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: w.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.door.Close() })
	return w
}

func (w *growing) at(when time.Time) { w.tick.Store(&when) }

func (w *growing) now() time.Time { return *w.tick.Load() }

// play writes the lines, each at its own time, and calls then after those that are in both records.
func (w *growing) play(t *testing.T, full bool, then ...func()) {
	t.Helper()
	text, err := os.ReadFile("testdata/leak.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		whose, rest, _ := strings.Cut(line, " ")
		w.at(noon.Add(-time.Hour).Add(time.Duration(i) * time.Second))
		if whose == "other" && !full {
			continue
		}
		method := record.Update
		name, body, _ := strings.Cut(rest, " ")
		if name == "delete" {
			method, name, body = record.Delete, body, "{}"
		}
		typ, id, _ := strings.Cut(name, "/")
		op := record.Op{Method: method, Type: typ, ID: id}
		if method == record.Update {
			if op.Resource, err = fhir.Parse([]byte(`{"resourceType":"` + typ + `","id":"` + id + `",` + strings.TrimPrefix(body, "{"))); err != nil {
				t.Fatalf("leak.txt, line %d: %v", i+1, err)
			}
		}
		if _, err := w.door.Commit(t.Context(), theSystem, []record.Op{op}); err != nil {
			t.Fatalf("leak.txt, line %d: %v", i+1, err)
		}
		for _, f := range then {
			if whose == "own" {
				f()
			}
		}
	}
	w.at(noon)
}

// questions are the requests of testdata/questions.txt: METHOD PATH, then a body after a tab where there is one.
func questions(t *testing.T) [][3]string {
	t.Helper()
	text, err := os.ReadFile("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out [][3]string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		head, body, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(head, " ")
		out = append(out, [3]string{method, path, body})
	}
	return out
}

// chance is what differs between any two records: ids and times that are made when a resource is written, places in pages.
var chance = regexp.MustCompile(`_page=[^"&\\]+|"lastUpdated":"[^"]+"|"lastModified":"[^"]+"|[a-z2-7]{20}\b|Last-Modified: [^\n]+`)

func TestNothingLeaks(t *testing.T) {
	askers := []string{"ada", "app-of-ada", "app-narrow", "clinician", "careworker", "receptionist", "service", "researcher"}
	all := questions(t)
	who := actors(t)
	onBoth(t, func(t *testing.T, db func(testing.TB) string) {
		for _, asker := range askers {
			t.Run(asker, func(t *testing.T) {
				t.Parallel()
				bare, full := serve(t, world(t, db(t), false), who[asker]), serve(t, world(t, db(t), true), who[asker])
				answered := 0
				for _, q := range all {
					want, got := ask(t, bare, q), ask(t, full, q)
					if want != got {
						t.Errorf("%s %s %s tells of the other:\nwithout: %s\n   with: %s", q[0], q[1], q[2], want, got)
					}
					if strings.HasPrefix(got, "200") && strings.Contains(got, `"entry"`) {
						answered++
					}
				}
				if asker == "ada" && answered < len(all)/2 {
					t.Errorf("only %d of %d questions were answered with anything: a test of nothing", answered, len(all))
				}
			})
		}
	})
}

func serve(t *testing.T, door *record.Door, who access.Actor) *httptest.Server {
	server := httptest.NewServer(&rest.Server{Door: door, Base: "http://kith.test/fhir", Who: func(*http.Request) (access.Actor, error) { return who, nil }})
	t.Cleanup(server.Close)
	return server
}

var nextLink = regexp.MustCompile(`"relation":"next","url":"http://kith.test/fhir/([^"]+)"`)

// ask is the answer to one question, with all its pages.
func ask(t *testing.T, server *httptest.Server, q [3]string) string {
	t.Helper()
	var out strings.Builder
	path := q[1]
	for page := 0; path != "" && page < 50; page++ {
		req, err := http.NewRequestWithContext(t.Context(), q[0], server.URL+"/"+strings.NewReplacer(" ", "%20", "|", "%7C").Replace(path), bytes.NewReader([]byte(q[2])))
		if err != nil {
			t.Fatal(err)
		}
		if q[2] != "" {
			req.Header.Set("Content-Type", "application/fhir+json")
			if q[0] == "PATCH" {
				req.Header.Set("Content-Type", "application/json-patch+json")
			}
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%d %s %s %s\n", answer.StatusCode, answer.Header.Get("ETag"), answer.Header.Get("Location"), text)
		path = ""
		if m := nextLink.FindSubmatch(text); m != nil && q[0] == "GET" {
			path = strings.ReplaceAll(string(m[1]), `\u0026`, "&")
		}
	}
	return chance.ReplaceAllString(out.String(), "…")
}
