package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/bulk"
)

// exporting serves exports of a record, and prepares them until the test ends.
func exporting(t *testing.T, door *record.Door) func(http.ResponseWriter, *http.Request, access.Actor) error {
	exports := &export.Service{Door: door, Now: func() time.Time { return noon }, Poll: 2 * time.Millisecond, AtOnce: 1000, Kept: 1000}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		exports.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return (&bulk.Handler{Exports: exports, Base: "http://kith.test/fhir"}).Serve
}

// call is one request of somebody, "" for whom the server takes everybody to be, and its answer.
func call(t *testing.T, server *httptest.Server, as, method, path, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/"+strings.TrimPrefix(path, "http://kith.test/fhir/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+as)
	req.Header.Set("Prefer", "respond-async")
	req.Header.Set("Content-Type", "application/fhir+json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// prepared waits for an export's manifest.
func prepared(t *testing.T, server *httptest.Server, as, at string) (status int, text string, files []string) {
	t.Helper()
	for range 5000 {
		if status, _, text = call(t, server, as, "GET", at, ""); status != http.StatusAccepted {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	var m struct {
		Output, Deleted []struct{ URL string }
	}
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range append(m.Output, m.Deleted...) {
		files = append(files, f.URL)
	}
	return status, text, files
}

// exported asks for one resource by an export: the status and what was fetched, 404 where it was not in it.
func exported(t *testing.T, server *httptest.Server, as, typ, id string) (int, string) {
	t.Helper()
	level := "$export"
	if record.Personal(typ) {
		level = "Patient/$export"
	}
	status, header, text := call(t, server, as, "GET", level+"?_type="+typ+"&_typeFilter="+typ+"%3F_id%3D"+id, "")
	if status != http.StatusAccepted {
		return status, text
	}
	at := header.Get("Content-Location")
	status, text, files := prepared(t, server, as, at)
	if status != http.StatusOK {
		return status, text
	}
	defer call(t, server, as, "DELETE", at, "")
	if len(files) == 0 {
		return http.StatusNotFound, text
	}
	status, _, text = call(t, server, as, "GET", files[0], "")
	if !strings.Contains(text, `"id":"`+id+`"`) {
		t.Errorf("%s exports %s/%s and gets %s", as, typ, id, text)
	}
	return status, text
}

// No answer about an export, from its kick-off to its last file, tells of anybody whom the asker may not see: each is asked of two records, as in
// TestNothingLeaks.
func TestExportsLeakNothing(t *testing.T) {
	text, err := os.ReadFile("testdata/exports.txt")
	if err != nil {
		t.Fatal(err)
	}
	var asks [][2]string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line != "" && line[0] != '#' {
			path, body, _ := strings.Cut(line, "\t")
			asks = append(asks, [2]string{path, body})
		}
	}
	who := actors(t)
	onBoth(t, func(t *testing.T, db func(testing.TB) string) {
		for _, asker := range []string{"ada", "app-of-ada", "app-narrow", "clinician", "careworker", "receptionist", "service", "researcher"} {
			t.Run(asker, func(t *testing.T) {
				t.Parallel()
				var servers [2]*httptest.Server
				for i := range servers {
					door := world(t, db(t), i == 1)
					servers[i] = httptest.NewServer(&rest.Server{Door: door, Base: "http://kith.test/fhir", Export: exporting(t, door), Who: func(*http.Request) (access.Actor, error) { return who[asker], nil }})
					t.Cleanup(servers[i].Close)
				}
				fetched := 0
				for _, q := range asks {
					want, _ := whole(t, servers[0], q[0], q[1])
					got, n := whole(t, servers[1], q[0], q[1])
					fetched += n
					if want != got {
						t.Errorf("%s %s tells of the other:\nwithout: %s\n   with: %s", q[0], q[1], want, got)
					}
				}
				if asker == "service" && fetched < len(asks)/2 {
					t.Errorf("only %d files of %d exports: a test of nothing", fetched, len(asks))
				}
			})
		}
	})
}

// whole is all that is answered about one export, but for what is made by chance, and how many files it has.
func whole(t *testing.T, server *httptest.Server, path, body string) (string, int) {
	t.Helper()
	method := "GET"
	if body != "" {
		method = "POST"
	}
	status, header, text := call(t, server, "", method, path, body)
	out := fmt.Sprintf("%d %s %s\n", status, header.Get("Content-Location"), text)
	at := header.Get("Content-Location")
	if at == "" {
		return chance.ReplaceAllString(out, "…"), 0
	}
	status, text, files := prepared(t, server, "", at)
	out += fmt.Sprintf("%d %s\n", status, text)
	for _, f := range files {
		status, header, text := call(t, server, "", "GET", f, "")
		out += fmt.Sprintf("%d %s %s\n", status, header.Get("Content-Length"), text)
	}
	return chance.ReplaceAllString(out, "…"), len(files)
}
