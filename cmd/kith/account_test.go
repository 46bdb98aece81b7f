package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/record"
)

func accounts(t *testing.T, want int, stdin string, args ...string) string {
	t.Helper()
	var out, wrong bytes.Buffer
	if code := accountFrom(args, strings.NewReader(stdin), &out, &wrong); code != want {
		t.Fatalf("kith account %v: %d, not %d\n%s%s", args, code, want, &out, &wrong)
	}
	return out.String() + wrong.String()
}

// An operator makes the first account; its owner signs in at a running server with the code that was printed, and nobody else gets in.
func TestTheFirstAccountSignsIn(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "kith.db")
	out := accounts(t, 0, "", "add", "--db", db, "--kind", "staff", "--name", "Nia Nurse", "--born", "1980-02-03", "--role", "nurse@A81001")
	code := regexp.MustCompile(`code +(\S+)`).FindStringSubmatch(out)
	id := regexp.MustCompile(`account +(\S+)`).FindStringSubmatch(out)
	if code == nil || id == nil {
		t.Fatal(out)
	}
	accounts(t, 0, "otter lamp winter\n", "password", "--db", db, "--given", "Nia", "--family", "Nurse", "--role", "manager@A81001", "nia")
	file := filepath.Join(dir, "signin.json")
	if err := os.WriteFile(file, []byte(`{"builtIn":["patient","staff"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	ready, ended := make(chan bool), make(chan error, 1)
	go func() {
		s := serving{addr: addr, db: db, auth: "on", signin: file}
		ended <- s.run(ctx, io.Discard, func(context.Context, *record.Door, *feeds.Service) { close(ready) })
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not start")
	}
	origin := "http://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	text := func(res *http.Response, err error) (string, *http.Response) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), res
	}
	// Without a session every page leads to signing in, and FHIR is refused.
	if body, res := text(client.Get(origin + "/feeds")); !strings.Contains(body, "Sign in with a passkey") || res.Request.URL.Path != "/signin" || res.Request.URL.Query().Get("to") != "/feeds" {
		t.Errorf("%s: %s", res.Request.URL, body)
	}
	if _, res := text(client.Get(origin + "/fhir/Patient")); res.StatusCode != http.StatusForbidden {
		t.Errorf("/fhir answers %d", res.StatusCode)
	}
	if _, res := text(client.PostForm(origin+"/signin/code", url.Values{"code": code[1:], "asked": {"born"}, "day": {"4"}, "month": {"2"}, "year": {"1980"}})); res.StatusCode != http.StatusForbidden {
		t.Errorf("another birth date: %d", res.StatusCode)
	}
	if body, res := text(client.PostForm(origin+"/signin/code", url.Values{"code": code[1:], "asked": {"born"}, "day": {"3"}, "month": {"Feb"}, "year": {"1980"}, "to": {"/feeds"}})); res.Request.URL.Path != "/account/passkey" || !strings.Contains(body, `href="/feeds"`) {
		t.Errorf("after the code: %s %s", res.Request.URL, body)
	}
	if body, res := text(client.Get(origin + "/account")); res.StatusCode != 200 || !strings.Contains(body, "Nurse at A81001") || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the account: %d %s", res.StatusCode, body)
	}
	// A page of another site changes nothing.
	req, _ := http.NewRequest("POST", origin+"/account/everywhere", nil)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if _, res := text(client.Do(req)); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site signs out: %d", res.StatusCode)
	}
	// The operator takes the account away from afar; the server sees it within seconds.
	accounts(t, 0, "", "remove", "--db", db, id[1])
	time.Sleep(5 * time.Second)
	if _, res := text(client.Get(origin + "/account")); res.Request.URL.Path != "/signin" {
		t.Errorf("a removed account still sees %s", res.Request.URL)
	}
	// The built-in provider, by password.
	body, res := text(client.Get(origin + "/signin/with/built-in-staff"))
	if !strings.Contains(body, "built-in sign-in of Kith") {
		t.Fatalf("%s: %s", res.Request.URL, body)
	}
	form := url.Values{"user": {"nia"}, "password": {"otter lamp winter"}}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		form.Set(m[1], strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2]))
	}
	text(client.PostForm(origin+"/idp/authorize", form))
	if body, _ := text(client.Get(origin + "/account")); !strings.Contains(body, "Manager at A81001") {
		t.Errorf("by password: %s", body)
	}
	listed := accounts(t, 0, "", "list", "--db", db)
	if !strings.Contains(listed, "ended") || !strings.Contains(listed, "manager@A81001") {
		t.Error(listed)
	}
}

func TestAccountsOnTheCommandLineThatAreRefused(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "kith.db")
	if out := accounts(t, 0, "", "--help"); !strings.Contains(out, "kith account add") {
		t.Error(out)
	}
	accounts(t, 2, "")
	accounts(t, 2, "", "add", "--db", db, "more")
	accounts(t, 2, "", "sing", "--db", db)
	accounts(t, 2, "", "add", "--db", db, "--role", "nurse")
	accounts(t, 1, "", "add", "--db", db, "--name", "A", "--born", "1980-01-01", "--role", "kith@A81001")
	accounts(t, 1, "", "add", "--db", db, "--name", "A", "--role", "nurse@A81001")
	accounts(t, 1, "", "add", "--db", db, "--kind", "patient", "--patient", "nobody")
	accounts(t, 1, "", "code", "--db", db, "nobody")
	accounts(t, 1, "", "roles", "--db", db, "nobody")
	accounts(t, 1, "", "link", "--db", db, "nobody")
	accounts(t, 1, "short\n", "password", "--db", db, "--family", "A", "a")
}

func TestSignInFilesThatServeRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "signin.json")
	for text, auth := range map[string]string{`{"origin":"http://kith.example"}`: "on", `{"providers":[{}]}`: "on", `{`: "on", `{}`: "off"} {
		if !json.Valid([]byte(text)) && text != "{" {
			t.Fatal(text)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s := serving{addr: "127.0.0.1:0", db: "sqlite:" + filepath.Join(dir, "kith.db"), auth: auth, signin: file}
		if err := s.run(t.Context(), io.Discard, nil); err == nil {
			t.Errorf("%s with --auth %s is taken", text, auth)
		}
	}
}
