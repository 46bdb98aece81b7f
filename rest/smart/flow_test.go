package smart_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

const labs = "patient/Observation.rs?category=laboratory"

func public(p *appstest.Place) smart.Client {
	c, _ := p.Add(smart.Client{Kind: smart.Public, Redirects: []string{"https://app.example/callback"}, Launch: "https://app.example/launch",
		Scopes: []string{"launch", "launch/patient", "patient/Patient.rs", "patient/Observation.rs", "user/Patient.rs", "openid", "fhirUser", "offline_access", "online_access"}})
	return c
}

func confidential(p *appstest.Place) (smart.Client, string) {
	return p.Add(smart.Client{Name: "Server app", Kind: smart.Secret, Redirects: []string{"https://server.example/cb"}, Scopes: []string{"launch/patient", "patient/Patient.rs", "offline_access"}})
}

func wants(t *testing.T, what string, got appstest.Answer, status int, code string) {
	t.Helper()
	if got.Status != status || got.JSON("error") != code {
		t.Errorf("%s: %d %s, want %d %s", what, got.Status, got.Body, status, code)
	}
}

func TestAnAppIsConnectedAndReads(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		c := public(p)
		got := p.Connect("lone", c, "launch/patient patient/Patient.rs patient/Observation.read openid fhirUser email")
		if scope := got.JSON("scope"); scope != "launch/patient patient/Patient.rs patient/Observation.read openid fhirUser" {
			t.Errorf("granted %s", scope)
		}
		if got.JSON("patient") != "lone" || got.JSON("token_type") != "Bearer" || got.JSON("expires_in") != "600" || got.JSON("refresh_token") != "" || got.JSON("id_token") == "" || got.JSON("need_patient_banner") != "true" {
			t.Errorf("got %s", got.Body)
		}
		if got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", got.Header)
		}
		who, ok, err := p.Smart.Who(request(t, "/fhir/Patient", got.JSON("access_token")))
		if err != nil || !ok || who.ID != "Patient/lone" || who.Patient != "lone" || who.App == nil || who.App.ID != c.ID || who.App.Patient != "lone" || len(who.App.Scopes) != 2 || who.App.Scopes[1].String() != "patient/Observation.rs" || who.From == "" {
			t.Errorf("who %+v %+v %v %v", who, who.App, ok, err)
		}
		if p.Read(got.JSON("access_token")) != http.StatusOK {
			t.Error("the token does not open the record")
		}
	})
}

// A redirect that is not registered is never followed, whatever is wrong besides: nobody is sent to an address of somebody else's choice.
func TestNobodyIsSentElsewhere(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c := public(p)
	suspended, _ := p.Add(smart.Client{Name: "Old", Kind: smart.Public, Redirects: []string{"https://old.example/cb"}, Scopes: []string{"patient/Patient.rs"}})
	if _, err := p.Smart.Decide(t.Context(), appstest.Accounts["olga"], suspended.ID, smart.Suspended, "a fault was found"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]url.Values{
		"other host": {"redirect_uri": {"https://evil.example/callback"}}, "longer path": {"redirect_uri": {"https://app.example/callback/../evil"}}, "query added": {"redirect_uri": {"https://app.example/callback?x=1"}},
		"other case": {"redirect_uri": {"https://app.example/Callback"}}, "user in it": {"redirect_uri": {"https://app.example@evil.example/callback"}}, "http": {"redirect_uri": {"http://app.example/callback"}},
		"backslash": {"redirect_uri": {`https://app.example\@evil.example/callback`}}, "none": {"redirect_uri": {""}}, "twice": {"redirect_uri": {"https://app.example/callback", "https://evil.example/"}}, "script": {"redirect_uri": {"javascript:alert(1)"}},
		"loopback of an app that has none": {"redirect_uri": {"http://127.0.0.1:9/callback"}}, "unknown client": {"client_id": {"nobody"}}, "no client": {"client_id": {""}}, "suspended client": {"client_id": {suspended.ID}, "redirect_uri": {"https://old.example/cb"}},
		"another's address": {"client_id": {c.ID}, "redirect_uri": {"https://old.example/cb"}}, "client with a path": {"client_id": {"../x"}},
	} {
		ask := p.Ask(c, "patient/Patient.rs")
		for k, v := range change {
			ask[k] = v
		}
		for _, as := range []string{"", "lone"} {
			if got := p.Do("GET", "/auth/authorize?"+ask.Encode(), as, ""); got.Status != http.StatusBadRequest || got.Header.Get("Location") != "" || !strings.Contains(got.Body, "cannot be connected") {
				t.Errorf("%s (as %q): %d, to %q", name, as, got.Status, got.Header.Get("Location"))
			}
		}
		form := appstest.Fields(p.Screen("lone", p.Ask(c, "patient/Patient.rs")).Body)
		form.Set("request", ask.Encode())
		form.Set("answer", "deny")
		if got := p.Do("POST", "/auth/consent", "lone", form.Encode()); got.Status != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s, denied: %d, to %q", name, got.Status, got.Header.Get("Location"))
		}
	}
}

// What is wrong with a request of a known app is told to the app, with its state and with who answers.
func TestAuthorisationRequestsThatAreRefused(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c := public(p)
	for name, one := range map[string]struct {
		change url.Values
		code   string
	}{
		"no PKCE":               {url.Values{"code_challenge": {""}}, "invalid_request"},
		"no method":             {url.Values{"code_challenge_method": {""}}, "invalid_request"},
		"plain PKCE":            {url.Values{"code_challenge_method": {"plain"}, "code_challenge": {appstest.Verifier}}, "invalid_request"},
		"challenge too short":   {url.Values{"code_challenge": {"abc"}}, "invalid_request"},
		"no aud":                {url.Values{"aud": {""}}, "invalid_request"},
		"another's aud":         {url.Values{"aud": {"https://other.example/fhir"}}, "invalid_request"},
		"no state":              {url.Values{"state": {""}}, "invalid_request"},
		"implicit":              {url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		"fragment":              {url.Values{"response_mode": {"fragment"}}, "invalid_request"},
		"request object":        {url.Values{"request": {"e30.e30."}}, "request_not_supported"},
		"request by address":    {url.Values{"request_uri": {"https://evil.example/"}}, "request_uri_not_supported"},
		"nobody asked":          {url.Values{"prompt": {"none"}}, "interaction_required"},
		"no scope":              {url.Values{"scope": {""}}, "invalid_scope"},
		"not registered":        {url.Values{"scope": {"patient/Condition.rs"}}, "invalid_scope"},
		"writing":               {url.Values{"scope": {"patient/Patient.cud"}}, "invalid_scope"},
		"system scope":          {url.Values{"scope": {"system/Patient.rs"}}, "invalid_scope"},
		"no such type":          {url.Values{"scope": {"patient/Nonsense.rs"}}, "invalid_scope"},
		"no such letters":       {url.Values{"scope": {"patient/Patient.sr"}}, "invalid_scope"},
		"no such query":         {url.Values{"scope": {"patient/Observation.rs?colour=red"}}, "invalid_scope"},
		"including others":      {url.Values{"scope": {"patient/Observation.rs?_include=Observation:subject"}}, "invalid_scope"},
		"narrowed by nothing":   {url.Values{"scope": {"patient/Observation.rs?category="}}, "invalid_scope"},
		"all types by a query":  {url.Values{"scope": {"patient/*.rs?category=laboratory"}}, "invalid_scope"},
		"launch of nobody":      {url.Values{"scope": {"launch patient/Patient.rs"}, "launch": {"guessed"}}, "invalid_request"},
		"launch without launch": {url.Values{"scope": {"launch patient/Patient.rs"}}, "invalid_request"},
	} {
		ask := p.Ask(c, "patient/Patient.rs")
		for k, v := range one.change {
			ask[k] = v
		}
		got := p.Do("GET", "/auth/authorize?"+ask.Encode(), "lone", "")
		at, params := got.Location()
		if got.Status != http.StatusSeeOther || at != "https://app.example/callback" || params.Get("error") != one.code || params.Get("iss") != p.URL || params.Get("state") != ask.Get("state") || params.Has("code") {
			t.Errorf("%s: %d to %s?%s, want %s", name, got.Status, at, params.Encode(), one.code)
		}
	}
}

func TestAnAppNeverGetsMoreThanItIsRegisteredFor(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c, _ := p.Add(smart.Client{Kind: smart.Public, Redirects: []string{"https://app.example/callback"}, Scopes: []string{"patient/Patient.r", labs, "openid"}})
	got := p.Connect("lone", c, "patient/*.cruds patient/Observation.r user/*.rs openid fhirUser offline_access launch/patient")
	if scope := got.JSON("scope"); scope != "patient/Patient.r patient/Observation.rs?category=laboratory openid" || got.JSON("refresh_token") != "" {
		t.Errorf("granted %s", got.Body)
	}
	// What the person did not tick is not given, and what was not asked for cannot be ticked.
	wide := public(p)
	code := p.Allow("lone", p.Ask(wide, "patient/Patient.rs patient/Observation.rs offline_access"), "patient/Patient.rs", "offline_access")
	if got := p.Post("/auth/token", appstest.Exchange(wide, code)); got.JSON("scope") != "patient/Observation.rs" || got.JSON("refresh_token") != "" {
		t.Errorf("granted %s", got.Body)
	}
	form := appstest.Fields(p.Screen("lone", p.Ask(wide, "patient/Patient.rs")).Body)
	form["scope"] = append(form["scope"], "patient/Observation.rs")
	form.Set("answer", "allow")
	if got := p.Do("POST", "/auth/consent", "lone", form.Encode()); got.Status != http.StatusForbidden {
		t.Errorf("more was ticked than asked for: %d %s", got.Status, got.Header.Get("Location"))
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		c := public(p)
		other, _ := p.Add(smart.Client{Name: "Other", Kind: smart.Public, Redirects: []string{"https://app.example/callback"}, Scopes: []string{"patient/Patient.rs"}})
		server, secret := confidential(p)
		native, _ := p.Add(smart.Client{Name: "Native", Kind: smart.Public, Redirects: []string{"http://127.0.0.1/cb", "org.example.app:/cb"}, Scopes: []string{"patient/Patient.rs"}})
		for name, one := range map[string]struct {
			change func(url.Values)
			code   string
		}{
			"wrong verifier":       {func(f url.Values) { f.Set("code_verifier", strings.Repeat("x", 43)) }, "invalid_grant"},
			"no verifier":          {func(f url.Values) { f.Del("code_verifier") }, "invalid_request"},
			"challenge as its own": {func(f url.Values) { f.Set("code_verifier", appstest.Challenge(appstest.Verifier)) }, "invalid_grant"},
			"another client":       {func(f url.Values) { f.Set("client_id", other.ID) }, "invalid_grant"},
			"another address":      {func(f url.Values) { f.Set("redirect_uri", "https://app.example/other") }, "invalid_grant"},
			"no address":           {func(f url.Values) { f.Del("redirect_uri") }, "invalid_grant"},
			"made-up code":         {func(f url.Values) { f.Set("code", "guessed") }, "invalid_grant"},
			"unknown client":       {func(f url.Values) { f.Set("client_id", "nobody") }, "invalid_client"},
			"secret of its own":    {func(f url.Values) { f.Set("client_secret", "guessed") }, "invalid_client"},
			"server, no secret":    {func(f url.Values) { f.Set("client_id", server.ID) }, "invalid_client"},
			"server, wrong secret": {func(f url.Values) { f.Set("client_id", server.ID); f.Set("client_secret", secret+"x") }, "invalid_client"},
			"no grant type":        {func(f url.Values) { f.Del("grant_type") }, "unsupported_grant_type"},
			"password":             {func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
			"client credentials":   {func(f url.Values) { f.Set("grant_type", "client_credentials") }, "unauthorized_client"},
			"twice":                {func(f url.Values) { f.Add("code", "other") }, "invalid_request"},
		} {
			form := appstest.Exchange(c, p.Allow("lone", p.Ask(c, "patient/Patient.rs")))
			one.change(form)
			status := http.StatusBadRequest
			if one.code == "invalid_client" {
				status = http.StatusUnauthorized
			}
			wants(t, name, p.Post("/auth/token", form), status, one.code)
		}

		// A code is good for a minute.
		form := appstest.Exchange(c, p.Allow("lone", p.Ask(c, "patient/Patient.rs")))
		p.Pass(61 * time.Second)
		wants(t, "expired code", p.Post("/auth/token", form), 400, "invalid_grant")

		// A code that is used again takes back what it gave.
		form = appstest.Exchange(c, p.Allow("lone", p.Ask(c, "patient/Patient.rs offline_access")))
		first := p.Post("/auth/token", form)
		if p.Read(first.JSON("access_token")) != 200 {
			t.Fatal("the first use gave nothing: " + first.Body)
		}
		wants(t, "reused code", p.Post("/auth/token", form), 400, "invalid_grant")
		if status := p.Read(first.JSON("access_token")); status != 401 {
			t.Errorf("after the code was used again the token still works: %d", status)
		}
		wants(t, "refresh after reuse", p.Post("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.JSON("refresh_token")}, "client_id": {c.ID}}), 400, "invalid_grant")

		// Many at once, in two processes: one gets tokens at most.
		form = appstest.Exchange(c, p.Allow("lone", p.Ask(c, "patient/Patient.rs")))
		var wg sync.WaitGroup
		var mu sync.Mutex
		gave := 0
		for range 8 {
			wg.Go(func() {
				if p.Post("/auth/token", form).Status == 200 {
					mu.Lock()
					gave++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if gave > 1 {
			t.Errorf("one code gave tokens %d times", gave)
		}

		// The secret of a server goes by the header or the body, not both.
		ask := p.Ask(server, "patient/Patient.rs")
		form = appstest.Exchange(server, p.Allow("lone", ask))
		form.Del("client_id")
		q := func(f url.Values, id, secret string) appstest.Answer {
			return p.Post("/auth/token", f, "Authorization", basic(id, secret))
		}
		both := url.Values{"client_secret": {secret}}
		for k, v := range form {
			both[k] = v
		}
		wants(t, "both ways", q(both, server.ID, secret), 400, "invalid_request")
		wants(t, "wrong secret", q(form, server.ID, "x"), 401, "invalid_client")
		wants(t, "right secret", q(form, server.ID, secret), 200, "")

		// An app on the person's own machine may listen on any port, and nothing else may differ.
		for address, ok := range map[string]bool{"http://127.0.0.1:51234/cb": true, "http://127.0.0.1/cb": true, "org.example.app:/cb": true, "http://127.0.0.1:51234/other": false, "http://127.0.0.2:51234/cb": false, "http://localhost:51234/cb": false, "https://127.0.0.1/cb": false} {
			ask := p.Ask(native, "patient/Patient.rs")
			ask.Set("redirect_uri", address)
			if got := p.Screen("lone", ask); (got.Status == 200) != ok {
				t.Errorf("%s: %d", address, got.Status)
			}
		}
	})
}

func TestRefreshTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		c := public(p)
		other, _ := p.Add(smart.Client{Name: "Other", Kind: smart.Public, Redirects: []string{"https://app.example/callback"}, Scopes: []string{"patient/Patient.rs", "offline_access"}})
		again := func(token string, also ...string) appstest.Answer {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {c.ID}}
			for i := 0; i+1 < len(also); i += 2 {
				form.Set(also[i], also[i+1])
			}
			return p.Post("/auth/token", form)
		}
		connect := func(scope string) appstest.Answer { return p.Connect("lone", c, scope) }

		first := connect("patient/Patient.rs patient/Observation.rs offline_access")
		wants(t, "another client", again(first.JSON("refresh_token"), "client_id", other.ID), 400, "invalid_grant")
		wants(t, "made up", again("guessed"), 400, "invalid_grant")
		wants(t, "the access token", again(first.JSON("access_token")), 400, "invalid_grant")
		wants(t, "more than granted", again(first.JSON("refresh_token"), "scope", "patient/Patient.rs user/Patient.rs"), 400, "invalid_scope")
		wants(t, "more letters", again(first.JSON("refresh_token"), "scope", "patient/Patient.cruds"), 400, "invalid_scope")
		wants(t, "all types", again(first.JSON("refresh_token"), "scope", "patient/*.rs"), 400, "invalid_scope")
		wants(t, "unknown words", again(first.JSON("refresh_token"), "scope", "everything"), 400, "invalid_scope")
		fewer := again(first.JSON("refresh_token"), "scope", "patient/Observation.r?category=laboratory")
		if fewer.JSON("scope") != "patient/Observation.r?category=laboratory" || fewer.JSON("refresh_token") == "" || fewer.JSON("refresh_token") == first.JSON("refresh_token") {
			t.Errorf("fewer: %s", fewer.Body)
		}
		// Fewer once is not fewer for ever: the grant is what the person allowed.
		third := again(fewer.JSON("refresh_token"))
		if third.JSON("scope") != "patient/Patient.rs patient/Observation.rs offline_access" {
			t.Errorf("third: %s", third.Body)
		}
		// The first one again: somebody has stolen it, so all ends.
		wants(t, "reuse", again(first.JSON("refresh_token")), 400, "invalid_grant")
		wants(t, "after reuse", again(third.JSON("refresh_token")), 400, "invalid_grant")
		for _, a := range []appstest.Answer{first, fewer, third} {
			if p.Read(a.JSON("access_token")) != 401 {
				t.Error("after a refresh token was used twice an access token still works")
			}
		}

		// A public app need not name itself; one with a secret must prove itself as ever.
		nameless := func(token string) appstest.Answer {
			return p.Post("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		if got := nameless(connect("patient/Patient.rs offline_access").JSON("refresh_token")); got.Status != 200 || got.JSON("refresh_token") == "" {
			t.Errorf("nameless: %s", got.Body)
		}
		wants(t, "nameless, made up", nameless("guessed"), 400, "invalid_grant")
		server, secret := confidential(p)
		form := appstest.Exchange(server, p.Allow("lone", p.Ask(server, "patient/Patient.rs offline_access")))
		form.Set("client_secret", secret)
		wants(t, "nameless server", nameless(p.Post("/auth/token", form).JSON("refresh_token")), 401, "invalid_client")

		// An account that is closed ends its apps.
		gone := p.Connect("ada", c, "launch/patient patient/Patient.rs offline_access", "for", "ada")
		p.CloseAccount("ada")
		wants(t, "closed account", again(gone.JSON("refresh_token")), 400, "invalid_grant")
		if p.Read(gone.JSON("access_token")) != 401 {
			t.Error("the account is closed and its app still reads")
		}

		// Somebody who is no longer trusted loses the apps for whom they were.
		p.Trust("lone", "trusting")
		trusted := p.Connect("lone", c, "patient/Patient.rs offline_access", "for", "trusting")
		p.Trust("lone", "")
		wants(t, "no longer trusted", again(trusted.JSON("refresh_token")), 400, "invalid_grant")
		if p.Read(trusted.JSON("access_token")) != 401 {
			t.Error("the person is no longer trusted and their app still reads")
		}

		// Time.
		online, offline := connect("patient/Patient.rs online_access"), connect("patient/Patient.rs offline_access")
		p.Pass(11 * time.Minute)
		if p.Read(online.JSON("access_token")) != 401 {
			t.Error("an access token works after eleven minutes")
		}
		online = again(online.JSON("refresh_token"))
		if online.Status != 200 {
			t.Error(online.Body)
		}
		p.Pass(12 * time.Hour)
		wants(t, "online for longer than twelve hours", again(online.JSON("refresh_token")), 400, "invalid_grant")
		p.Pass(80 * 24 * time.Hour)
		if offline = again(offline.JSON("refresh_token")); offline.Status != 200 {
			t.Error(offline.Body)
		}
		p.Pass(91 * 24 * time.Hour)
		wants(t, "unused for 91 days", again(offline.JSON("refresh_token")), 400, "invalid_grant")
		if err := p.Smart.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"code", "refresh", "access", "launch", "grant"} {
			if left, err := p.Door.Box("smart").List(t.Context(), kind, "", 10); err != nil || len(left) > 0 {
				t.Errorf("%d of kind %s are left after all is over (%v)", len(left), kind, err)
			}
		}
	})
}

func TestTokensAreTakenBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		c := public(p)
		server, secret := confidential(p)
		form := appstest.Exchange(server, p.Allow("lone", p.Ask(server, "patient/Patient.rs offline_access")))
		form.Set("client_secret", secret)
		theirs := p.Post("/auth/token", form)
		ask := func(path, token, as, secret string) appstest.Answer {
			f := url.Values{"token": {token}, "client_id": {as}}
			if secret != "" {
				f.Set("client_secret", secret)
			}
			return p.Post(path, f)
		}
		if got := ask("/auth/introspect", theirs.JSON("access_token"), server.ID, secret); got.JSON("active") != "true" || got.JSON("scope") != "patient/Patient.rs offline_access" || got.JSON("client_id") != server.ID || got.JSON("patient") != "lone" || got.JSON("exp") == "" {
			t.Errorf("introspect: %s", got.Body)
		}
		mine := p.Connect("lone", c, "patient/Patient.rs offline_access")
		if got := ask("/auth/introspect", mine.JSON("access_token"), server.ID, secret); got.Status != 200 || strings.TrimSpace(got.Body) != `{"active":false}` {
			t.Errorf("another client's token: %s", got.Body)
		}
		wants(t, "introspect without proof", ask("/auth/introspect", mine.JSON("access_token"), c.ID, ""), 401, "invalid_client")
		wants(t, "revoke another's", ask("/auth/revoke", mine.JSON("access_token"), server.ID, secret), 400, "invalid_grant")
		wants(t, "revoke nothing", ask("/auth/revoke", "guessed", server.ID, secret), 200, "")
		if p.Read(mine.JSON("access_token")) != 200 {
			t.Error("somebody else took back a token")
		}
		// An access token alone, then all.
		ask("/auth/revoke", mine.JSON("access_token"), c.ID, "")
		if p.Read(mine.JSON("access_token")) != 401 {
			t.Error("a token that was given back works")
		}
		mine = p.Post("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {mine.JSON("refresh_token")}, "client_id": {c.ID}})
		if p.Read(mine.JSON("access_token")) != 200 {
			t.Error(mine.Body)
		}
		ask("/auth/revoke", mine.JSON("refresh_token"), c.ID, "")
		if p.Read(mine.JSON("access_token")) != 401 {
			t.Error("a grant that was given back works")
		}

		// A client that is suspended gets nothing at once, and comes back; one that is revoked does not.
		if p.Read(theirs.JSON("access_token")) != 200 {
			t.Fatal("not yet")
		}
		decide := func(to smart.State) error {
			_, err := p.Smart.Decide(t.Context(), appstest.Accounts["olga"], server.ID, to, "a reason")
			return err
		}
		for _, step := range []struct {
			to   smart.State
			want int
		}{{smart.Suspended, 401}, {smart.Approved, 200}, {smart.Revoked, 401}} {
			if err := decide(step.to); err != nil {
				t.Fatal(err)
			}
			if got := p.Read(theirs.JSON("access_token")); got != step.want {
				t.Errorf("%s: %d", step.to, got)
			}
		}
		wants(t, "refresh of a revoked client", p.Post("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {theirs.JSON("refresh_token")}, "client_id": {server.ID}, "client_secret": {secret}}), 401, "invalid_client")
		if decide(smart.Approved) == nil {
			t.Error("a revoked client was approved again")
		}
	})
}
