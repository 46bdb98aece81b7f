package smart_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

func request(t testing.TB, path, token string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func TestTokensThatAreRefused(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c := public(p)
	got := p.Connect("lone", c, "patient/Patient.rs offline_access")
	token := got.JSON("access_token")
	for name, one := range map[string]struct {
		path   string
		header string
		status int
		says   string
	}{
		"right":                 {"/fhir/Patient/ada", "Bearer " + token, 200, ""},
		"lower case":            {"/fhir/Patient/ada", "bearer " + token, 200, ""},
		"none":                  {"/fhir/Patient/ada", "", 401, `Bearer realm="` + p.Base + `"`},
		"in the address":        {"/fhir/Patient/ada?access_token=" + token, "", 400, `error="invalid_request"`},
		"in both":               {"/fhir/Patient/ada?access_token=" + token, "Bearer " + token, 400, `error="invalid_request"`},
		"escaped":               {"/fhir/Patient/ada?access%5ftoken=" + token, "", 401, "Bearer"},
		"made up":               {"/fhir/Patient/ada", "Bearer guessed", 401, `error="invalid_token"`},
		"one letter off":        {"/fhir/Patient/ada", "Bearer " + token[:10] + map[bool]string{true: "b", false: "a"}[token[10] == 'a'] + token[11:], 401, `error="invalid_token"`},
		"longer":                {"/fhir/Patient/ada", "Bearer " + token + "x", 401, `error="invalid_token"`},
		"empty":                 {"/fhir/Patient/ada", "Bearer ", 401, `error="invalid_token"`},
		"the refresh token":     {"/fhir/Patient/ada", "Bearer " + got.JSON("refresh_token"), 401, `error="invalid_token"`},
		"as a password":         {"/fhir/Patient/ada", basic(c.ID, token), 400, `error="invalid_request"`},
		"metadata needs none":   {"/fhir/metadata", "", 200, ""},
		"discovery needs none":  {"/fhir/.well-known/smart-configuration", "", 200, ""},
		"no dots around it":     {"/fhir/metadata/../Patient/ada", "", 301, ""},
		"metadata of something": {"/fhir/Patient/metadata", "", 401, "Bearer"},
	} {
		var header []string
		if one.header != "" {
			header = []string{"Authorization", one.header}
		}
		got := p.Do("GET", one.path, "", "", header...)
		if got.Status == 307 {
			got.Status = 301
		}
		if got.Status != one.status || !strings.Contains(got.Header.Get("WWW-Authenticate"), one.says) || one.status == 200 && got.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d, WWW-Authenticate %q, want %d with %s", name, got.Status, got.Header.Get("WWW-Authenticate"), one.status, one.says)
		}
		if one.status == 401 && (!strings.Contains(got.Body, "OperationOutcome") || strings.Contains(got.Body, token)) {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
	// A bad token is not made good by a session, and a session does without token.
	if got := p.Do("GET", "/fhir/Patient/ada", "sam", "", "Authorization", "Bearer guessed"); got.Status != 401 {
		t.Errorf("a bad token with a session: %d", got.Status)
	}
	if got := p.Do("GET", "/fhir/Patient/ada", "sam", ""); got.Status != 200 {
		t.Errorf("a session: %d", got.Status)
	}
	// A POST from another site is refused with a session, and answered with a token.
	search := []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}
	if got := p.Do("POST", "/fhir/Patient/_search", "sam", "_id=ada", search...); got.Status != 403 {
		t.Errorf("another site's POST with a session: %d", got.Status)
	}
	if got := p.Do("POST", "/fhir/Patient/_search", "", "_id=ada", append(search, "Authorization", "Bearer "+token)...); got.Status != 200 {
		t.Errorf("another site's POST with a token: %d %s", got.Status, got.Body)
	}
}

func TestRefusedByThePolicyIsInsufficientScope(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	token := p.Connect("lone", public(p), "patient/Patient.rs").JSON("access_token")
	h := p.Smart.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(t, "/fhir/Patient/ada", token))
	if w.Code != 403 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestPagesOfRegisteredAppsOnlyMayCall(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c := public(p)
	for _, one := range []struct{ path, origin, want string }{
		{"/fhir/Patient", "https://app.example", "https://app.example"}, {"/fhir/Patient", "https://evil.example", ""}, {"/auth/token", "https://app.example", "https://app.example"}, {"/auth/token", "https://evil.example", ""},
		{"/auth/token", "null", ""}, {"/fhir/.well-known/smart-configuration", "https://evil.example", "*"}, {"/auth/jwks", "https://evil.example", "*"}, {"/.well-known/openid-configuration", "https://evil.example", "*"}, {"/auth/introspect", "https://evil.example", ""},
	} {
		got := p.Do("OPTIONS", one.path, "", "", "Origin", one.origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		if got.Status != 204 || got.Header.Get("Access-Control-Allow-Origin") != one.want || got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s from %s: %d %v", one.path, one.origin, got.Status, got.Header)
		}
	}
	token := p.Connect("lone", c, "patient/Patient.rs").JSON("access_token")
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		if got := p.Do("GET", "/fhir/Patient/ada", "", "", "Origin", origin, "Authorization", "Bearer "+token); got.Header.Get("Access-Control-Allow-Origin") != want || !strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("from %s: %v", origin, got.Header)
		}
	}
	if _, err := p.Smart.Decide(t.Context(), appstest.Accounts["olga"], c.ID, smart.Suspended, "no longer"); err != nil {
		t.Fatal(err)
	}
	if got := p.Do("OPTIONS", "/auth/token", "", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST"); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the pages of a suspended app may call")
	}
}

func TestMetadataSaysHowToGetAccess(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	got := p.Do("GET", "/fhir/metadata", "", "")
	for _, want := range []string{`"security":{"cors":true`, `"url":"authorize","valueUri":"` + p.URL + `/auth/authorize"`, `"url":"token","valueUri":"` + p.URL + `/auth/token"`, "oauth-uris", "SMART-on-FHIR"} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("metadata lacks %s", want)
		}
	}
	if got := p.Do("GET", "/fhir/.well-known/smart-configuration", "", ""); got.JSON("authorization_endpoint") != p.URL+"/auth/authorize" || strings.Contains(got.Body, "plain") || !strings.Contains(got.Body, `"permission-v2"`) {
		t.Error(got.Body)
	}
}

func BenchmarkWho(b *testing.B) {
	p := appstest.Open(b, storetest.SQLite(b))
	q := request(b, "/fhir/Patient/ada", p.Connect("lone", public(p), "patient/Patient.rs patient/Observation.rs").JSON("access_token"))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := p.Smart.Who(q); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
