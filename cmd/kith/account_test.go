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

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
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
	if body, _ := text(client.Get(origin + "/")); !strings.Contains(body, `<a href="/account">My account</a>`) {
		t.Errorf("staff do not find their account: %s", body)
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
	for gone := time.Now().Add(5 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if _, res := text(client.Get(origin + "/account")); res.Request.URL.Path == "/signin" {
			break
		} else if time.Now().After(gone) {
			t.Errorf("5 seconds later a removed account still sees %s", res.Request.URL)
			break
		}
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

// Those whom anybody may sign in as in a demonstration are people of its town, of every level, and staff of every role.
func TestMadeUpPeople(t *testing.T) {
	people, err := madeUpPeople(town.Town{Seed: 1, People: 200})
	if err != nil {
		t.Fatal(err)
	}
	levels, roles := map[string]int{}, map[string]bool{}
	for _, one := range people {
		if one.Subject == "" || one.Family == "" || one.Given == "" {
			t.Errorf("somebody without a name: %+v", one)
		}
		if !one.Staff {
			levels[one.Proofing]++
			if len(one.Number) != 10 || !strings.HasPrefix(one.Number, "999") || len(one.Born) != 10 {
				t.Errorf("%s has number %q, born %q", one.Name(), one.Number, one.Born)
			}
		}
		for _, r := range one.Roles {
			roles[r.Code] = true
		}
	}
	if levels["P9"] != 4 || levels["P5"] != 1 || levels["P0"] != 1 {
		t.Errorf("levels %v", levels)
	}
	for _, r := range signin.StaffRoles() {
		if !roles[r] || builtInRoles()[r] != r {
			t.Errorf("nobody is %s", r)
		}
	}
}

// In a demonstration with access control on, people of the town sign in as themselves and are who the record says; staff see what their role may.
func TestTheDemonstrationSignsPeopleIn(t *testing.T) {
	address := freeAddress(t)
	d := startDemoAs(t, address, t.TempDir(), 30, "on")
	<-d.filled
	origin := "http://" + strings.Replace(address, "127.0.0.1", "localhost", 1)
	as := func(provider, pattern string) func(path string) (string, int) {
		jar, _ := cookiejar.New(nil)
		client := &http.Client{Jar: jar}
		read := func(res *http.Response, err error) (string, int) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(text), res.StatusCode
		}
		page, _ := read(client.Get(origin + "/signin/with/" + provider))
		form := url.Values{}
		for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			form.Set(m[1], strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2]))
		}
		one := regexp.MustCompile(`name="person" type="radio" value="(` + pattern + `)"`).FindStringSubmatch(page)
		if one == nil {
			t.Fatalf("nobody to choose: %s", page)
		}
		form.Set("person", one[1])
		read(client.PostForm(origin+"/idp/authorize", form))
		return func(path string) (string, int) { return read(client.Get(origin + path)) }
	}
	patient := as("built-in", "[^\"]+")
	if text, _ := patient("/account"); !strings.Contains(text, "We know who you are") {
		t.Errorf("a patient of level P9: %s", text)
	}
	if text, status := patient("/fhir/Patient"); status != 200 || strings.Count(text, `"resourceType":"Patient"`) > 8 {
		t.Errorf("a patient sees %d Patients: %d", strings.Count(text, `"resourceType":"Patient"`), status)
	}
	if _, status := patient("/desk/vouch"); status != http.StatusForbidden {
		t.Errorf("a patient at the desk: %d", status)
	}
	desk := as("built-in-staff", "staff-receptionist")
	if text, status := desk("/"); status != 200 || !strings.Contains(text, "Everybody in Merrowby") || !strings.Contains(text, "My account") {
		t.Errorf("a receptionist: %d", status)
	}
	if _, status := desk("/desk/vouch"); status != 200 {
		t.Errorf("a receptionist at the desk: %d", status)
	}
	analyst := as("built-in-staff", "staff-analyst")
	if text, _ := analyst("/fhir/Patient"); strings.Contains(text, `"resourceType":"Patient"`) {
		t.Error("an analyst sees people")
	}
}

// Behind a proxy a server often cannot reach itself under its own name; the built-in provider is asked without leaving the program.
func TestTheBuiltInProviderNeedsNoWayOut(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "signin.json")
	if err := os.WriteFile(file, []byte(`{"origin":"https://kith.invalid","builtIn":["staff"],"proxies":["127.0.0.1"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan bool), make(chan error, 1)
	go func() {
		s := serving{addr: address, db: "sqlite:" + filepath.Join(dir, "kith.db"), auth: "on", signin: file}
		ended <- s.run(ctx, io.Discard, func(context.Context, *record.Door, *feeds.Service) { close(ready) })
	}()
	<-ready
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get("http://" + address + "/signin/with/built-in-staff")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if to := res.Header.Get("Location"); !strings.HasPrefix(to, "https://kith.invalid/idp/authorize?") {
		t.Errorf("%d, sent to %q", res.StatusCode, to)
	}
	if c := res.Cookies(); len(c) != 1 || c[0].Name != "__Host-kith-step-visit-built-in-staff" || !c[0].Secure || !c[0].HttpOnly {
		t.Errorf("cookies %v", c)
	}
}
