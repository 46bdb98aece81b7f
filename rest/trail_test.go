package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

func TestTrailAsAuditEvents(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	d, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Everyone{}, Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	jessop := access.Actor{ID: "Practitioner/1", Name: "Dr A. Jessop", Role: "clinician", Organization: "M81001", Purpose: "TREAT", From: "10.1.2.3:4000"}
	res, _ := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p"}`))
	if _, err := d.Commit(t.Context(), jessop, []record.Op{{Method: record.Update, Type: "Patient", ID: "p", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := d.Get(t.Context(), jessop, "Patient", "p"); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{Door: d, Base: "http://kith.test/fhir", Who: func(*http.Request) (access.Actor, error) {
		return access.Actor{ID: "Patient/p", Role: "patient", Patient: "p"}, nil
	}}
	get := func(path string) (int, *fhir.Resource) {
		t.Helper()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		res, err := fhir.Parse(w.Body.Bytes())
		if err != nil {
			t.Fatalf("%s: %v %s", path, err, w.Body)
		}
		return w.Code, res
	}
	path, n, ids := "/AuditEvent?patient=Patient/p&date=2026-11-20&agent=Practitioner/1&_count=2", 0, map[string]bool{}
	for path != "" {
		code, bundle := get(path)
		if code != 200 {
			t.Fatalf("%s: %d %s", path, code, bundle.Bytes())
		}
		for e := bundle.Root().Get("entry").First(); e.Exists(); e = e.Next() {
			n++
			event := e.Get("resource")
			ids[event.Get("id").Text()] = true
			whole, err := fhir.Parse(event.Raw())
			if err != nil {
				t.Fatal(err)
			}
			if problems := validate.Structure(whole); len(problems) > 0 {
				t.Errorf("not an AuditEvent: %v %s", problems, event.Raw())
			}
			for _, want := range []string{`"altId":"Practitioner/1"`, `"name":"Dr A. Jessop"`, `"reference":"Patient/p"`, `"value":"M81001"`, `"code":"TREAT"`, `"outcome":"0"`} {
				if !strings.Contains(string(event.Raw()), want) {
					t.Errorf("no %s in %s", want, event.Raw())
				}
			}
		}
		path = ""
		for l := bundle.Root().Get("link").First(); l.Exists(); l = l.Next() {
			if l.Get("relation").Is("next") {
				path = strings.TrimPrefix(l.Get("url").Text(), s.Base)
			}
		}
	}
	if n != 5 || len(ids) != 5 {
		t.Errorf("%d AuditEvents, %d different ones, want 5", n, len(ids))
	}
	// From where somebody worked is for those to see who are no patients.
	s.Who = func(*http.Request) (access.Actor, error) {
		return access.Actor{ID: "Practitioner/9", Role: "privacy"}, nil
	}
	if _, bundle := get("/AuditEvent?patient=p&agent=Practitioner/1"); strings.Count(string(bundle.Bytes()), `"address":"10.1.2.3"`) != 5 {
		t.Errorf("a privacy officer does not see from where: %s", bundle.Bytes())
	}
	s.Who = func(*http.Request) (access.Actor, error) {
		return access.Actor{ID: "Patient/p", Role: "patient", Patient: "p"}, nil
	}
	if _, bundle := get("/AuditEvent?patient=p&agent=Practitioner/1"); strings.Contains(string(bundle.Bytes()), "10.1.2.3") {
		t.Error("a patient sees from where staff work")
	}
	for id := range ids {
		if code, event := get("/AuditEvent/" + id); code != 200 || event.ID() != id {
			t.Errorf("AuditEvent/%s: %d", id, code)
		}
	}
	for path, want := range map[string]int{"/AuditEvent?date=x&patient=p": 400, "/AuditEvent?patient=p,q": 422, "/AuditEvent?date=ne2026&patient=p": 422, "/AuditEvent?patient=p&_page=x": 400, "/AuditEvent/x.9": 404, "/AuditEvent?patient=p&date=lt2026-11-20": 200} {
		if code, res := get(path); code != want && !(want == 422 && code >= 400 && code < 500) || want == 200 && res.Root().Get("entry").Exists() {
			t.Errorf("%s: %d %s", path, code, res.Bytes())
		}
	}
	// Any other parameter asks for AuditEvents that somebody stored.
	stored, _ := fhir.Parse([]byte(`{"resourceType":"AuditEvent","id":"a","type":{"code":"rest"},"recorded":"2026-11-20T09:00:00Z","action":"R","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}`))
	if _, err := d.Commit(t.Context(), jessop, []record.Op{{Method: record.Update, Type: "AuditEvent", ID: "a", Resource: stored}}); err != nil {
		t.Fatal(err)
	}
	if _, bundle := get("/AuditEvent?action=R"); !strings.Contains(string(bundle.Bytes()), `"id":"a"`) {
		t.Errorf("%s", bundle.Bytes())
	}
}
