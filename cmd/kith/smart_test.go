package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// The program as it is run: kith client registers and decides, kith serve asks for tokens and takes notice of what was decided beside it.
func TestServeAsksAppsForTokens(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "kith.db")
	client := func(want int, args ...string) string {
		t.Helper()
		var out, bad bytes.Buffer
		if code := run(append(append([]string{"client"}, args...), "--db", db), &out, &bad); code != want {
			t.Fatalf("kith client %v: %d %s%s", args, code, out.String(), bad.String())
		}
		return out.String() + bad.String()
	}
	added := client(0, "add", "--name", "My Health", "--maker", "Acme", "--does", "Shows results", "--kind", "secret", "--redirect", "https://app.example/cb", "--scopes", "patient/Observation.rs?category=laboratory openid")
	found := regexp.MustCompile(`client id: (\S+)\nsecret: (\S+)\n`).FindStringSubmatch(added)
	if found == nil {
		t.Fatal(added)
	}
	id, secret := found[1], found[2]
	for _, wrong := range [][]string{{"add", "--name", "X", "--maker", "Y", "--does", "Z", "--redirect", "https://app.example/cb", "--scopes", "patient/Observation.rs?colour=red"}, {"approve", id}, {"approve", "nobody", "--by", "Sam", "--reason", "x"}, {"love", id}, {"suspend", id, "--by", "Sam", "--reason", "x"}, {"add", "--keys", "nowhere.json"}} {
		if said := client(1, wrong...); !strings.HasPrefix(said, "kith client: ") {
			t.Errorf("%v: %s", wrong, said)
		}
	}

	out := &bytes.Buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	ended := make(chan error, 1)
	s := serving{addr: "127.0.0.1:0", db: db, auth: "on", name: "Kith", session: func(r *http.Request) (access.Actor, error) {
		if c, err := r.Cookie("session"); err == nil && c.Value == "olga" {
			return access.Actor{ID: "Practitioner/olga", Name: "Olga Wynn", Role: "operator"}, nil
		}
		return access.Actor{}, fhir.Errorf(fhir.Forbidden, "nobody is signed in")
	}}
	go func() {
		ended <- s.run(ctx, out, func(context.Context, *record.Door, *feeds.Service) { close(ready) })
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not answer")
	}
	site := strings.TrimSuffix(s.base, "/fhir")
	ask := func(method, path, body string, header ...string) (int, string, http.Header) {
		t.Helper()
		q, err := http.NewRequest(method, site+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text), res.Header
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, one := range []struct {
		method, path, body string
		header             []string
		status             int
		says               string
	}{
		{"GET", "/fhir/metadata", "", nil, 200, "oauth-uris"},
		{"GET", "/fhir/.well-known/smart-configuration", "", nil, 200, site + "/auth/token"},
		{"GET", "/.well-known/openid-configuration", "", nil, 200, site + "/auth/jwks"},
		{"GET", "/auth/jwks", "", nil, 200, "RS256"},
		{"GET", "/fhir/Patient", "", nil, 401, "sign in"},
		{"GET", "/fhir/Patient", "", []string{"Authorization", "Bearer x"}, 401, "access token"},
		{"GET", "/apps", "", nil, 303, ""},
		{"GET", "/clients", "", []string{"Cookie", "session=olga"}, 200, "Waits for review"},
		{"POST", "/auth/introspect", "token=x&client_id=" + id + "&client_secret=" + secret, append(form, "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"), 401, "not approved"},
	} {
		if status, body, _ := ask(one.method, one.path, one.body, one.header...); status != one.status || !strings.Contains(body, one.says) {
			t.Errorf("%s %s: %d %.300s", one.method, one.path, status, body)
		}
	}
	if said := client(0, "approve", id, "--by", "Sam Reed", "--reason", "reviewed"); !strings.Contains(said, "is approved") {
		t.Error(said)
	}
	if status, body, _ := ask("POST", "/auth/introspect", "token=x&client_id="+id+"&client_secret="+secret, append(form, "Sec-Fetch-Site", "cross-site")...); status != 200 || body != `{"active":false}` {
		t.Errorf("approved beside the server: %d %s", status, body)
	}
	if said := client(0, "list"); !strings.Contains(said, "Sam Reed: reviewed") || strings.Contains(said, secret) {
		t.Error(said)
	}
	client(0, "revoke", id, "--by", "Sam Reed", "--reason", "over")
	if status, _, _ := ask("POST", "/auth/introspect", "token=x&client_id="+id+"&client_secret="+secret, form...); status != 401 {
		t.Errorf("revoked beside the server: %d", status)
	}
}
