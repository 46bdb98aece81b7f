package bulk_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/store/storetest"
)

// Whatever is asked for is taken or refused; nothing breaks.
func FuzzKickOff(f *testing.F) {
	p := open(f, storetest.SQLite(f), access.Default())
	p.exports.AtOnce, p.exports.Kept = 1<<30, 1<<30
	f.Add("_type=Patient&_since=2026-01-01T00:00:00Z", "")
	f.Add("_typeFilter=Observation%3Fcode%3D1,2,Patient%3Fname%3Dx&_elements=a,b", "")
	f.Add("", `{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"patient","valueReference":{"reference":"Patient/ada"}}]}`)
	f.Add("_outputFormat=ndjson", `{"resourceType":"Parameters","parameter":[{"name":"_since","valueInstant":1},{"valueString":[]},{}]}`)
	server := p.handler
	f.Fuzz(func(t *testing.T, query, body string) {
		method := "GET"
		if body != "" {
			method = "POST"
		}
		r := httptest.NewRequest(method, "/Patient/$export", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer service")
		r.Header.Set("Prefer", "respond-async")
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != 202 && (w.Code < 400 || w.Code >= 500) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
