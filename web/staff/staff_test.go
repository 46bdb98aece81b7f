package staff

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
	"github.com/kith-care/kith/web/kit"
)

var update = flag.Bool("update", false, "write the goldens again")

var (
	today   = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	merrow  = town.Town{Seed: 1, People: 60}
	someone = access.Actor{ID: "Practitioner/tester", Role: "test"}
)

// place serves a record with the first people of Merrowby in it and whatever else is given.
func place(t testing.TB, people int, more ...string) http.Handler {
	t.Helper()
	door, err := record.Open(context.Background(), record.Options{DB: "sqlite::memory:", Policy: access.Everyone{}, Now: func() time.Time { return today }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	if people > 0 {
		put(t, door, must(t)(merrow.Shared()))
	}
	for i := range people {
		put(t, door, must(t)(merrow.Person(i)))
	}
	for _, resource := range more {
		put(t, door, []byte(`{"resourceType":"Bundle","entry":[{"resource":`+resource+`}]}`))
	}
	site := &Site{Door: door, Host: kit.Host{Now: func() time.Time { return today }, MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby", Done: people, Total: people} }}}
	return site.Handler()
}

func put(t testing.TB, door *record.Door, bundle []byte) { t.Helper(); putAs(t, door, someone, bundle) }

func putAs(t testing.TB, door *record.Door, who access.Actor, bundle []byte) {
	t.Helper()
	b, err := fhir.Parse(bundle)
	if err != nil {
		t.Fatal(err)
	}
	var ops []record.Op
	for e := range b.Root().Get("entry").Items() {
		r := e.Get("resource").Resource()
		ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	if _, err := door.Commit(t.Context(), who, ops); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func get(t *testing.T, h http.Handler, path string) (status int, body string, header http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String(), w.Header()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s line %d is\n%s\nwant\n%s\n(go test -update writes it again)", path, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s: %d lines, want %d (go test -update writes it again)", path, len(a), len(b))
	}
}
