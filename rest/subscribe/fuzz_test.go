package subscribe_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// Whatever is sent as a Subscription is taken or refused, and what is taken can be read again without its headers.
func FuzzSubscription(f *testing.F) {
	p := open(f, storetest.SQLite(f))
	p.service.Kept = 1 << 30
	f.Add(text("Observation?code=1", "https://hook.example/x", ""))
	f.Add(text("Patient", "https://hook.example/x?y=1", idOnly, `,"end":"2027-01-01"`))
	f.Add(strings.Replace(text("Observation", "https://hook.example", withResource), `"header":[`, `"_header":[{"id":"a"}],"header":[`, 1))
	f.Fuzz(func(t *testing.T, body string) {
		ask := func(method, path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer a")
			r.Header.Set("Content-Type", "application/fhir+json")
			w := httptest.NewRecorder()
			p.handler.ServeHTTP(w, r)
			return w
		}
		w := ask("POST", "/Subscription", body)
		if w.Code != 201 {
			if w.Code < 400 || w.Code >= 500 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			return
		}
		at := strings.TrimPrefix(w.Header().Get("Location"), p.url)
		if w = ask("GET", at, ""); w.Code != 200 || strings.Contains(w.Body.String(), "secret-of-hook") && !strings.Contains(strings.Replace(body, "Authorization: Bearer secret-of-hook", "", 1), "secret-of-hook") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w = ask("DELETE", at, ""); w.Code != 204 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
