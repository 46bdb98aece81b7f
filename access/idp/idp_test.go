package idp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var operator = access.Actor{ID: "kith/account", Role: access.Kith}

var ada = idp.Person{Subject: "ada", Given: "Ada", Family: "Okafor", Number: "9990000018", Born: "1945-07-14", Proofing: "P9", Phone: "+447700900000"}
var nia = idp.Person{Subject: "nia", Given: "Nia", Family: "Nurse", Staff: true, User: "555", Roles: []idp.Role{{Organisation: "A81001", Code: "S0030:G0100:R8001", Title: "Nurse"}}}

// place is a provider that listens, and a clock.
type place struct {
	*httptest.Server
	provider *idp.Provider
	door     *record.Door
	now      time.Time
}

const redirect = "http://localhost:1/back"

func open(t *testing.T, db string, people func() []idp.Person, es bool) *place {
	t.Helper()
	p := &place{door: record.TestOn(t, db), now: time.Now()}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	var err error
	p.provider, err = idp.Open(t.Context(), idp.Options{Door: p.door, Issuer: p.URL + "/idp", People: people, Now: func() time.Time { return p.now },
		Clients: []idp.Client{{ID: "public", Redirects: []string{redirect}, ES256: es}, {ID: "secret", Secret: "hush & more", Redirects: []string{redirect}}},
		Show: func(w http.ResponseWriter, r *http.Request, status int, v idp.View) {
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(v)
		}})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/idp/", http.StripPrefix("/idp", p.provider.Handler()))
	return p
}

// client is one we did not write.
func (p *place) client(t *testing.T, id, secret string, scopes ...string) (*oauth2.Config, *oidc.Provider) {
	t.Helper()
	found, err := oidc.NewProvider(t.Context(), p.URL+"/idp")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := found.Endpoint()
	if secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: endpoint, RedirectURL: redirect, Scopes: append([]string{"openid"}, scopes...)}, found
}

// post signs in on the page that an address shows, and returns where it leads, or the page.
func (p *place) post(t *testing.T, address string, fields url.Values) (to url.Values, view idp.View, status int) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	form := u.Query()
	for k, v := range fields {
		form[k] = v
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(p.URL+"/idp/authorize", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if at, err := res.Location(); err == nil {
		if !strings.HasPrefix(at.String(), redirect) {
			t.Errorf("sent to %s", at)
		}
		return at.Query(), view, res.StatusCode
	}
	json.NewDecoder(res.Body).Decode(&view)
	return nil, view, res.StatusCode
}

func TestAClientWeDidNotWriteSignsIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		for _, each := range []struct {
			client, secret string
			es             bool
		}{{"public", "", false}, {"public", "", true}, {"secret", "hush & more", false}} {
			if strings.HasPrefix(db, "sqlite:") {
				db = storetest.SQLite(t)
			}
			p := open(t, db, func() []idp.Person { return []idp.Person{ada, nia} }, each.es)
			config, found := p.client(t, each.client, each.secret, "profile", "profile_extended", "phone")
			verifier := oauth2.GenerateVerifier()
			to, view, _ := p.post(t, config.AuthCodeURL("the-state", oidc.Nonce("the-nonce"), oauth2.S256ChallengeOption(verifier)), url.Values{"person": {"ada"}})
			if to.Get("state") != "the-state" || to.Get("iss") != p.URL+"/idp" || to.Get("code") == "" {
				t.Fatalf("sent back %v; %+v", to, view)
			}
			token, err := config.Exchange(t.Context(), to.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			id, err := found.Verifier(&oidc.Config{ClientID: each.client}).Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			var said map[string]any
			if err := id.Claims(&said); err != nil {
				t.Fatal(err)
			}
			if id.Nonce != "the-nonce" || id.Subject != "ada" || said["identity_proofing_level"] != "P9" || said["vot"] != "P9.Cp.Cd" || said["nhs_number"] != nil {
				t.Errorf("the token says %v", said)
			}
			info, err := found.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			if err != nil {
				t.Fatal(err)
			}
			if err := info.Claims(&said); err != nil {
				t.Fatal(err)
			}
			for k, want := range map[string]string{"nhs_number": "9990000018", "birthdate": "1945-07-14", "family_name": "Okafor", "given_name": "Ada", "phone_number": "+447700900000", "sub": "ada"} {
				if said[k] != want {
					t.Errorf("%s is %v", k, said[k])
				}
			}
			// A code that comes a second time is refused, and the token of the first time is taken back.
			if _, err := config.Exchange(t.Context(), to.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
				t.Error("a code is good twice")
			}
			if _, err := found.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
				t.Error("the token of a code that was used twice still opens")
			}
		}
	})
}

func TestStaffSayTheirRoles(t *testing.T) {
	p := open(t, "sqlite::memory:", func() []idp.Person { return []idp.Person{ada, nia} }, false)
	config, found := p.client(t, "public", "", "profile", "nationalrbacaccess")
	verifier := oauth2.GenerateVerifier()
	address := config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier))
	if to, view, status := p.post(t, address, url.Values{"person": {"ada"}}); to != nil || status != http.StatusForbidden || len(view.People) != 1 || view.People[0].Subject != "nia" {
		t.Errorf("a patient as staff: %v %v", to, view)
	}
	to, _, _ := p.post(t, address, url.Values{"person": {"nia"}})
	token, err := config.Exchange(t.Context(), to.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	info, err := found.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		User  string `json:"nhsid_useruid"`
		Name  string `json:"name"`
		Roles []struct {
			Org  string `json:"org_code"`
			Code string `json:"role_code"`
		} `json:"nhsid_nrbac_roles"`
	}
	if err := info.Claims(&said); err != nil || said.User != "555" || said.Name != "Nia Nurse" || len(said.Roles) != 1 || said.Roles[0].Org != "A81001" || said.Roles[0].Code != "S0030:G0100:R8001" {
		t.Errorf("%+v (%v)", said, err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	p := open(t, "sqlite::memory:", func() []idp.Person { return []idp.Person{ada} }, false)
	config, _ := p.client(t, "public", "")
	good := config.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	for name, each := range map[string]struct {
		change url.Values
		shown  bool // to the person, and sent nowhere
		code   string
	}{
		"unknown client":     {url.Values{"client_id": {"evil"}}, true, ""},
		"another address":    {url.Values{"redirect_uri": {"https://evil.example"}}, true, ""},
		"a longer address":   {url.Values{"redirect_uri": {redirect + "/more"}}, true, ""},
		"no address":         {url.Values{"redirect_uri": {""}}, true, ""},
		"twice":              {url.Values{"client_id": {"public", "evil"}}, true, ""},
		"a token at once":    {url.Values{"response_type": {"token"}}, false, "unsupported_response_type"},
		"without PKCE":       {url.Values{"code_challenge": {""}}, false, "invalid_request"},
		"with plain PKCE":    {url.Values{"code_challenge_method": {"plain"}}, false, "invalid_request"},
		"without openid":     {url.Values{"scope": {"profile"}}, false, "invalid_scope"},
		"without anybody":    {url.Values{"prompt": {"none"}}, false, "login_required"},
		"the person says no": {url.Values{"cancel": {"yes"}}, false, "access_denied"},
	} {
		to, view, status := p.post(t, good, each.change)
		if each.shown && (to != nil || view.Broken == "" || status != http.StatusBadRequest) {
			t.Errorf("%s: sent to %v; %+v", name, to, view)
		}
		if !each.shown && (to.Get("error") != each.code || to.Get("code") != "" || to.Get("state") != "s") {
			t.Errorf("%s: sent %v; %+v", name, to, view)
		}
	}
	if to, view, status := p.post(t, good, url.Values{"person": {"nobody"}}); to != nil || view.Error == "" || status != http.StatusForbidden {
		t.Errorf("nobody: %v %+v", to, view)
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	p := open(t, "sqlite::memory:", func() []idp.Person { return []idp.Person{ada} }, false)
	config, _ := p.client(t, "public", "")
	verifier := oauth2.GenerateVerifier()
	code := func() string {
		to, _, _ := p.post(t, config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), url.Values{"person": {"ada"}})
		return to.Get("code")
	}
	for name, each := range map[string]struct {
		change url.Values
		wait   time.Duration
		want   string
	}{
		"no such code":      {url.Values{"code": {"x"}}, 0, "invalid_grant"},
		"no verifier":       {url.Values{"code_verifier": {""}}, 0, "invalid_grant"},
		"another verifier":  {url.Values{"code_verifier": {oauth2.GenerateVerifier()}}, 0, "invalid_grant"},
		"another address":   {url.Values{"redirect_uri": {"https://evil.example"}}, 0, "invalid_grant"},
		"too late":          {nil, time.Minute, "invalid_grant"},
		"another client":    {url.Values{"client_id": {"secret"}, "client_secret": {"hush & more"}}, 0, "invalid_grant"},
		"wrong secret":      {url.Values{"client_id": {"secret"}, "client_secret": {"hush"}}, 0, "invalid_client"},
		"a secret too many": {url.Values{"client_secret": {"x"}}, 0, "invalid_client"},
		"unknown client":    {url.Values{"client_id": {"evil"}}, 0, "invalid_client"},
		"another grant":     {url.Values{"grant_type": {"password"}}, 0, "unsupported_grant_type"},
	} {
		form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"public"}, "code": {code()}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
		for k, v := range each.change {
			form[k] = v
		}
		p.now = p.now.Add(each.wait)
		res, err := http.PostForm(p.URL+"/idp/token", form)
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Error string `json:"error"`
			Token string `json:"access_token"`
		}
		json.NewDecoder(res.Body).Decode(&said)
		res.Body.Close()
		if said.Error != each.want || said.Token != "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %+v", name, said)
		}
	}
	for _, token := range []string{"", "x"} {
		req, _ := http.NewRequest("GET", p.URL+"/idp/userinfo", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %q: %d", token, res.StatusCode)
		}
	}
}

func TestPasswords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, nil, false)
		if err := p.provider.SetPerson(t.Context(), operator, "Ada", "short", ada); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("a short password: %v", err)
		}
		if err := p.provider.SetPerson(t.Context(), operator, "Ada", "otter lamp winter", ada); err != nil {
			t.Fatal(err)
		}
		items, err := p.door.Box("idp").List(t.Context(), "person", "", 10)
		if err != nil || len(items) != 1 || strings.Contains(string(items[0].Value), "otter") {
			t.Errorf("kept %d, %s (%v)", len(items), items[0].Value, err)
		}
		config, _ := p.client(t, "public", "")
		address := config.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
		if to, view, _ := p.post(t, address, url.Values{"user": {" ADA "}, "password": {"otter lamp winter"}}); to.Get("code") == "" || view.People != nil {
			t.Errorf("%v %+v", to, view)
		}
		// A name that nobody has and a wrong password are one answer.
		var answers []string
		for _, f := range []url.Values{{"user": {"ada"}, "password": {"otter lamp summer"}}, {"user": {"eve"}, "password": {"otter lamp winter"}}} {
			to, view, status := p.post(t, address, f)
			if to != nil || status != http.StatusForbidden {
				t.Errorf("%v: %v", f, to)
			}
			answers = append(answers, view.Error)
		}
		if answers[0] != answers[1] || answers[0] == "" {
			t.Errorf("answers %q", answers)
		}
		for range 3 {
			p.post(t, address, url.Values{"user": {"ada"}, "password": {"otter lamp summer"}})
		}
		if to, view, _ := p.post(t, address, url.Values{"user": {"ada"}, "password": {"otter lamp winter"}}); to != nil || !strings.Contains(view.Error, "Try again at") {
			t.Errorf("guessing is not slowed: %v %+v", to, view)
		}
		p.now = p.now.Add(time.Minute)
		if to, view, _ := p.post(t, address, url.Values{"user": {"ada"}, "password": {"otter lamp winter"}}); to.Get("code") == "" {
			t.Errorf("after the wait: %+v", view)
		}
		if err := p.provider.SetPerson(t.Context(), operator, "ada", "badger roof spring", idp.Person{Given: "Ada", Family: "Okafor"}); err != nil {
			t.Fatal(err)
		}
		if to, _, _ := p.post(t, address, url.Values{"user": {"ada"}, "password": {"otter lamp winter"}}); to != nil {
			t.Error("the old password still works")
		}
	})
}

// The whole way: our own sign-in against the provider, over HTTP, in a browser with cookies.
func TestSignInWithTheBuiltInProvider(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		door := record.TestOn(t, db)
		r, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"okafor","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"birthDate":"1945-07-14"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), operator, []record.Op{{Method: record.Update, Type: "Patient", ID: "okafor", Resource: r}}); err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		server := httptest.NewServer(mux)
		defer server.Close()
		origin := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		provider, err := idp.Open(t.Context(), idp.Options{Door: door, Issuer: origin + "/idp", People: func() []idp.Person { return []idp.Person{ada, nia} },
			Clients: []idp.Client{{ID: "kith", Redirects: []string{origin + "/signin/back/built-in", origin + "/signin/back/built-in-staff"}}},
			Show: func(w http.ResponseWriter, r *http.Request, status int, v idp.View) {
				fmt.Fprint(w, v.Request.Encode())
			}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := signin.Open(t.Context(), signin.Options{Door: door, Origin: origin, Providers: []signin.Provider{
			{Name: "built-in", Title: "Built-in", For: signin.Patient, Issuer: origin + "/idp", ClientID: "kith"},
			{Name: "built-in-staff", Title: "Built-in", For: signin.Staff, Issuer: origin + "/idp", ClientID: "kith", Roles: map[string]string{"R8001": "nurse"}}}})
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle("/idp/", http.StripPrefix("/idp", provider.Handler()))
		mux.HandleFunc("/go/{name}", func(w http.ResponseWriter, r *http.Request) {
			to, err := s.Visit(r.Context(), w, r.PathValue("name"), "/")
			if err != nil {
				t.Error(err)
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
		})
		mux.HandleFunc("/signin/back/{name}", func(w http.ResponseWriter, r *http.Request) {
			in, err := s.Back(r.Context(), w, r, r.PathValue("name"))
			if err != nil {
				t.Errorf("%s: %v", r.PathValue("name"), err)
				return
			}
			s.SetCookie(w, in)
			http.Redirect(w, r, "/who", http.StatusSeeOther)
		})
		mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
			who, err := s.Who(r)
			fmt.Fprintf(w, "%s %s %s %d %s %v", who.ID, who.Role, who.Organization, who.Level, who.Name, err)
		})
		for name, each := range map[string][2]string{"built-in": {"ada", "Patient/okafor patient  9 Ada Okafor <nil>"}, "built-in-staff": {"nia", "nurse A81001 0 Nia Nurse <nil>"}} {
			jar, _ := cookiejar.New(nil)
			client := &http.Client{Jar: jar}
			res, err := client.Get(origin + "/go/" + name)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			form, err := url.ParseQuery(string(text))
			if err != nil {
				t.Fatal(err)
			}
			form.Set("person", each[0])
			if res, err = client.PostForm(origin+"/idp/authorize", form); err != nil {
				t.Fatal(err)
			}
			text, _ = io.ReadAll(res.Body)
			res.Body.Close()
			if !strings.HasSuffix(string(text), each[1]) {
				t.Errorf("%s: it is %s", name, text)
			}
		}
	})
}

func FuzzAuthorize(f *testing.F) {
	door := record.Test(f)
	p, err := idp.Open(f.Context(), idp.Options{Door: door, Issuer: "https://kith.example/idp", People: func() []idp.Person { return []idp.Person{ada} }, Clients: []idp.Client{{ID: "a", Redirects: []string{redirect}}},
		Show: func(w http.ResponseWriter, r *http.Request, status int, v idp.View) { w.WriteHeader(status) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("client_id=a&redirect_uri=" + url.QueryEscape(redirect) + "&response_type=code&scope=openid&code_challenge_method=S256&code_challenge=0123456789012345678901234567890123456789012&person=ada&state=x")
	f.Add("client_id=a&redirect_uri=//evil")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "https://kith.example/authorize", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, redirect+"?") {
			t.Errorf("%q leads to %q", body, to)
		}
	})
}
