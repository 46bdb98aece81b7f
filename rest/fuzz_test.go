package rest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

// FuzzRequest sends any request to a record of its own. The server never fails (5xx), and whatever it answers is JSON or
// XML that can be read.
func FuzzRequest(f *testing.F) {
	patient := `{"resourceType":"Patient","id":"a","name":[{"family":"Okafor"}]}`
	for _, s := range [][4]string{
		{"GET", "/Patient/a", "", ""},
		{"PUT", "/Patient/a", "If-Match: W/\"1\"", patient},
		{"POST", "/Patient", "If-None-Exist: identifier=a|b", patient},
		{"PATCH", "/Patient/a", "Content-Type: application/json-patch+json", `[{"op":"add","path":"/active","value":true}]`},
		{"PATCH", "/Patient?name=x", "Content-Type: application/fhir+json", `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.name"}]}]}`},
		{"DELETE", "/Patient?name=x&_count=2", "", ""},
		{"GET", "/Patient?name=Oka&_sort=-birthdate&_include=*&_format=xml&_pretty=true", "Accept: application/fhir+xml", ""},
		{"GET", "/Patient/a/_history/1", "If-None-Match: W/\"1\"\nIf-Modified-Since: Sat, 21 Nov 2026 03:00:00 GMT", ""},
		{"GET", "/_history?_since=2026-01-01T00:00:00Z&_count=3&_at=2026", "", ""},
		{"GET", "/Patient/a/$everything?start=2026&_type=Observation", "", ""},
		{"POST", "/Patient/$validate", "", patient},
		{"POST", "/Observation/_search?_count=1", "Content-Type: application/x-www-form-urlencoded", "code=a%7Cb&patient=Patient/a"},
		{"POST", "/", "Prefer: return=representation", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:1"}},"request":{"method":"PUT","url":"Observation/o"}},{"request":{"method":"GET","url":"Patient?name=a"}}]}`},
		{"POST", "/", "Content-Type: application/fhir+xml", `<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="DELETE"/><url value="Patient/a"/></request></entry></Bundle>`},
		{"GET", "/Patient/a/Observation?_page=AAAA", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	s := &Server{Door: record.TestOn(f, "sqlite::memory:"), Base: "http://kith.test/fhir", Who: func(*http.Request) (access.Actor, error) { return access.Actor{ID: "tester"}, nil }}
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(target, "/") || u.Host != "" || strings.ContainsAny(method, " \r\n\x00") {
			return // net/http lets no such request through
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Host: "kith.test"}
		r.Header.Set("Content-Type", jsonType)
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Set(name, value)
			}
		}
		r = r.WithContext(t.Context())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %q %q %q: %d %s", method, target, headers, body, w.Code, w.Body)
		}
		if w.Body.Len() == 0 || w.Header().Get("Content-Encoding") != "" {
			return
		}
		if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %q %q %q: the answer is not JSON: %s", method, target, headers, body, w.Body)
		}
		if strings.Contains(w.Header().Get("Content-Type"), "xml") {
			for d := xml.NewDecoder(w.Body); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s %q %q %q: the answer is not XML: %v", method, target, headers, body, err)
				}
			}
		}
	})
}
