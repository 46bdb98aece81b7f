package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/apps/appstest"
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
	added := client(0, "add", "--name", "My Health", "--maker", "Acme", "--does", "Shows results", "--kind", "secret", "--redirect", "https://app.example/cb", "--scopes", "patient/Observation.rs?category=laboratory openid offline_access")
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

	put := func(ctx context.Context, door *record.Door, _ *feeds.Service) {
		var ops []record.Op
		for _, text := range []string{`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-02-03"}`, `{"resourceType":"Patient","id":"ben","name":[{"family":"Reed"}],"birthDate":"1984-11-02"}`,
			`{"resourceType":"Observation","id":"lab","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"text":"Potassium"},"subject":{"reference":"Patient/ada"}}`,
			`{"resourceType":"Observation","id":"vital","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"text":"Pulse"},"subject":{"reference":"Patient/ada"}}`,
			`{"resourceType":"Observation","id":"his","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"text":"Potassium"},"subject":{"reference":"Patient/ben"}}`} {
			r, err := fhir.Parse([]byte(text))
			if err != nil {
				t.Error(err)
				return
			}
			ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
		}
		if _, err := door.Commit(ctx, access.Actor{ID: "kith/test", Role: access.Kith}, ops); err != nil {
			t.Error(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		s := serving{addr: addr, db: db, auth: "on", name: "Kith"}
		ended <- s.run(ctx, io.Discard, func(ctx context.Context, door *record.Door, board *feeds.Service) {
			put(ctx, door, board)
			close(ready)
		})
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
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not answer")
	}
	site := "http://" + addr
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "app.example" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	app := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(by *http.Client, method, at, body string, header ...string) (int, string, http.Header) {
		t.Helper()
		q, err := http.NewRequest(method, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i+1 < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		res, err := by.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text), res.Header
	}
	proof := "&client_id=" + id + "&client_secret=" + secret
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
		{"GET", "/clients", "", nil, 303, ""},
		{"POST", "/push/anything", "{}", nil, 401, ""},
		{"POST", "/messages", "{}", nil, 401, ""},
		{"POST", "/auth/introspect", "token=x" + proof, []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, 401, "not approved"},
	} {
		if status, body, _ := ask(app, one.method, site+one.path, one.body, one.header...); status != one.status || !strings.Contains(body, one.says) {
			t.Errorf("%s %s: %d %.300s", one.method, one.path, status, body)
		}
	}
	if said := client(0, "approve", id, "--by", "Sam Reed", "--reason", "reviewed"); !strings.Contains(said, "is approved") {
		t.Error(said)
	}
	if status, body, _ := ask(app, "POST", site+"/auth/introspect", "token=x"+proof, "Sec-Fetch-Site", "cross-site"); status != 200 || body != `{"active":false}` {
		t.Errorf("approved beside the server: %d %s", status, body)
	}
	if said := client(0, "list"); !strings.Contains(said, "Sam Reed: reviewed") || strings.Contains(said, secret) {
		t.Error(said)
	}

	// Ada signs in with a code from the desk on her way to the app's request, allows it, and the app sees her laboratory results and nothing else.
	account := accounts(t, 0, "", "add", "--db", db, "--kind", "patient", "--patient", "ada")
	code := regexp.MustCompile(`code +(\S+)`).FindStringSubmatch(account)
	number := regexp.MustCompile(`account +(\S+)`).FindStringSubmatch(account)
	if code == nil || number == nil {
		t.Fatal(account)
	}
	sum := sha256.Sum256([]byte(appstest.Verifier))
	request := "/auth/authorize?" + url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"https://app.example/cb"}, "scope": {"patient/Observation.read openid offline_access"}, "state": {"s"}, "aud": {site + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode()
	if _, body, _ := ask(browser, "GET", site+request, ""); !strings.Contains(body, "Sign in") {
		t.Fatalf("nobody is asked to sign in: %s", body)
	}
	origin := "http://localhost:" + strings.Split(addr, ":")[1]
	ask(browser, "POST", origin+"/signin/code", url.Values{"code": code[1:], "asked": {"born"}, "day": {"3"}, "month": {"2"}, "year": {"1950"}, "to": {request}}.Encode())
	_, screen, _ := ask(browser, "GET", site+request, "")
	form := appstest.Fields(screen)
	if !strings.Contains(screen, "See your test results and measurements") || !strings.Contains(screen, "Only laboratory results") || form.Get("ticket") == "" {
		t.Fatalf("no consent screen: %s", screen)
	}
	form.Set("answer", "allow")
	_, _, header := ask(browser, "POST", origin+"/auth/consent", form.Encode())
	back, err := url.Parse(header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("no code: %v", header)
	}
	exchange := func(what string) (access, refresh string) {
		t.Helper()
		status, body, _ := ask(app, "POST", site+"/auth/token", what+proof)
		a := appstest.Answer{Status: status, Body: body}
		if status != 200 {
			return "", a.JSON("error")
		}
		return a.JSON("access_token"), a.JSON("refresh_token")
	}
	token, again := exchange("grant_type=authorization_code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier=" + appstest.Verifier + "&code=" + back.Query().Get("code"))
	for path, want := range map[string]struct {
		status int
		ids    string
	}{"/Observation": {200, "lab"}, "/Observation/lab": {200, "lab"}, "/Observation/vital": {403, ""}, "/Observation/his": {403, ""}, "/Patient/ada": {403, ""}, "/Observation?subject=Patient/ben": {200, ""}} {
		status, body, header := ask(app, "GET", site+"/fhir"+path, "", "Authorization", "Bearer "+token)
		// What the asker may not see is refused or not there.
		if want.status == 403 && (status == 404 || status == 403 && strings.Contains(header.Get("WWW-Authenticate"), "insufficient_scope")) {
			continue
		}
		var ids []string
		for _, m := range regexp.MustCompile(`"id": ?"(lab|vital|his)"`).FindAllStringSubmatch(body, -1) {
			ids = append(ids, m[1])
		}
		if status != want.status || strings.Join(ids, " ") != want.ids {
			t.Errorf("%s: %d %v %.300s", path, status, ids, body)
		}
	}
	if token, again = exchange("grant_type=refresh_token&refresh_token=" + again); token == "" {
		t.Fatalf("no refresh: %s", again)
	}
	// Her account is ended from afar: at the next refresh the app is at its end too.
	accounts(t, 0, "", "remove", "--db", db, number[1])
	if token, said := exchange("grant_type=refresh_token&refresh_token=" + again); token != "" || said != "invalid_grant" {
		t.Errorf("the account is ended and the app goes on: %s", said)
	}
	client(0, "revoke", id, "--by", "Sam Reed", "--reason", "over")
	if status, _, _ := ask(app, "POST", site+"/auth/introspect", "token=x"+proof); status != 401 {
		t.Errorf("revoked beside the server: %d", status)
	}
}
