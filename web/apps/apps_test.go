package apps_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

var update = flag.Bool("update", false, "write the goldens again")

// golden compares a page, without what differs each time.
func golden(t *testing.T, p *appstest.Place, name, got string) {
	t.Helper()
	for _, r := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(p.URL), "https://kith.example"}, {regexp.QuoteMeta(url.QueryEscape(p.URL)), "https%3A%2F%2Fkith.example"}, {`name="ticket" value="[^"]+"`, `name="ticket" value="TICKET"`}, {`uil[a-z2-7]{17}|[a-z2-7]{20}`, "CLIENT"},
		{`\d+ (January|February|March|April|May|June|July|August|September|October|November|December) \d{4}( at \d\d:\d\d)?`, "DAY"}, {`kith-[0-9a-f]{12}\.css`, "kith.css"}, {`<b><span class="kith-once">[^<]+`, "SECRET"},
	} {
		got = regexp.MustCompile(r.pattern).ReplaceAllString(got, r.with)
	}
	path := filepath.Join("testdata", name+".golden.html")
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s line %d is\n%s\nwant\n%s\n(go test -update writes it again)", path, i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%s: %d lines, want %d (go test -update writes it again)", path, len(a), len(b))
	}
}

func place(t *testing.T) (*appstest.Place, smart.Client) {
	p := appstest.Open(t, storetest.SQLite(t))
	c, _ := p.Add(smart.Client{Name: "Growth Chart", Kind: smart.Public, Redirects: []string{"https://app.example/cb"}, Launch: "https://app.example/launch",
		Scopes: []string{"launch", "launch/patient", "launch/encounter", "patient/*.cruds", "user/*.rs", "openid", "fhirUser", "offline_access", "online_access"}})
	return p, c
}

func TestPages(t *testing.T) {
	p, c := place(t)
	for _, one := range []struct{ name, as, path string }{
		{"consent", "lone", "/auth/authorize?" + p.Ask(c, "launch/patient patient/Patient.r patient/Observation.rs?category=laboratory patient/Observation.c patient/Appointment.cu patient/MedicationRequest.rs patient/CareTeam.rs patient/Basic.rs openid fhirUser offline_access").Encode()},
		{"consent-other", "ada", "/auth/authorize?" + p.Ask(c, "patient/*.rs online_access").Encode() + "&for=una"},
		{"consent-staff", "sam", "/auth/authorize?" + p.Ask(c, "user/Observation.rs user/*.rs").Encode()},
		{"choose", "ada", "/auth/authorize?" + p.Ask(c, "patient/*.rs").Encode()},
		{"choose-staff", "sam", "/auth/authorize?" + p.Ask(c, "patient/*.rs").Encode() + "&nhs=9990000018&born=3-Feb-1950"},
		{"choose-wrong", "sam", "/auth/authorize?" + p.Ask(c, "patient/*.rs").Encode() + "&nhs=9990000019&born=soon"},
		{"open", "sam", "/apps/open/ada"},
		{"clients", "olga", "/clients"},
		{"client", "olga", "/clients/" + c.ID},
		{"register", "olga", "/clients/new"},
	} {
		got := p.Do("GET", one.path, one.as, "")
		if got.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got.Header.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(got.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", one.name, got.Header)
		}
		golden(t, p, one.name, got.Body)
	}
	p.Connect("ada", c, "patient/Patient.rs patient/Observation.rs offline_access", "for", "una")
	p.Connect("ada", c, "patient/Patient.rs offline_access", "for", "ada")
	golden(t, p, "connected", p.Do("GET", "/apps", "ada", "").Body)
	if got := p.Do("GET", "/apps", "lone", ""); strings.Contains(got.Body, "Growth Chart") {
		t.Error("somebody sees the apps of somebody else")
	}
}

// A consent that the person has not seen, or that was shown to somebody else or for somebody else, counts for nothing.
func TestForgedConsent(t *testing.T) {
	p, c := place(t)
	other, _ := p.Add(smart.Client{Name: "Other", Kind: smart.Public, Redirects: []string{"https://other.example/cb"}, Scopes: []string{"patient/*.cruds"}})
	shown := func(as string, ask url.Values, also ...string) url.Values {
		t.Helper()
		form := appstest.Fields(p.Screen(as, ask, also...).Body)
		if form.Get("ticket") == "" {
			t.Fatal("no ticket")
		}
		return form
	}
	for name, one := range map[string]struct {
		change func(url.Values)
		header []string
		status int
	}{
		"as it is":       {func(url.Values) {}, nil, 303},
		"no ticket":      {func(f url.Values) { f.Del("ticket") }, nil, 409},
		"made-up ticket": {func(f url.Values) { f.Set("ticket", strings.Repeat("A", 54)) }, nil, 409},
		"another's ticket": {func(f url.Values) {
			f.Set("ticket", shown("sam", p.Ask(c, "patient/Patient.rs"), "for", "ada").Get("ticket"))
		}, nil, 409},
		"for another person": {func(f url.Values) { f.Set("for", "una") }, nil, 409},
		"ticket of another app": {func(f url.Values) {
			f.Set("ticket", shown("ada", p.Ask(other, "patient/Patient.rs"), "for", "ada").Get("ticket"))
		}, nil, 409},
		"more scopes in the request": {func(f url.Values) {
			f.Set("request", strings.Replace(f.Get("request"), "patient%2FPatient.rs", "patient%2F%2A.rs", 1))
		}, nil, 409},
		"another challenge": {func(f url.Values) {
			f.Set("request", strings.Replace(f.Get("request"), appstest.Challenge(appstest.Verifier), appstest.Challenge("x"), 1))
		}, nil, 409},
		"from another site":            {func(url.Values) {}, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"from another site, by origin": {func(url.Values) {}, []string{"Origin", "https://evil.example"}, 403},
		"neither yes nor no":           {func(f url.Values) { f.Del("answer") }, nil, 400},
	} {
		for _, answer := range []string{"allow", "deny"} {
			form := shown("ada", p.Ask(c, "patient/Patient.rs"), "for", "ada")
			form.Set("answer", answer)
			one.change(form)
			got := p.Do("POST", "/auth/consent", "ada", form.Encode(), one.header...)
			_, params := got.Location()
			if got.Status != one.status || (params.Get("code") != "") != (one.status == 303 && answer == "allow") || one.status == 303 && (params.Get("iss") != p.URL || params.Get("state") != "st-1") {
				t.Errorf("%s, %s: %d to %q", name, answer, got.Status, got.Header.Get("Location"))
			}
		}
	}
	form := shown("ada", p.Ask(c, "patient/Patient.rs"), "for", "ada")
	form.Set("answer", "allow")
	if got := p.Do("POST", "/auth/consent", "", form.Encode()); got.Status != 303 || !strings.HasPrefix(got.Header.Get("Location"), "/signin?") {
		t.Errorf("nobody: %d %s", got.Status, got.Header.Get("Location"))
	}
	p.Pass(31 * time.Minute)
	if got := p.Do("POST", "/auth/consent", "ada", form.Encode()); got.Status != 409 {
		t.Errorf("after half an hour: %d", got.Status)
	}
	for _, path := range []string{"/apps/disconnect/" + c.ID, "/clients/" + c.ID, "/clients/new", "/apps/open/ada"} {
		if got := p.Do("POST", path, "olga", "to=revoked&reason=x", "Sec-Fetch-Site", "cross-site"); got.Status != 403 {
			t.Errorf("%s from another site: %d", path, got.Status)
		}
	}
}

// An app may begin with a POST from its own site: it becomes the same GET, which changes nothing.
func TestAnAppBeginsWithAPost(t *testing.T) {
	p, c := place(t)
	ask := p.Ask(c, "patient/Patient.rs")
	got := p.Do("POST", "/auth/authorize", "", ask.Encode(), "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example")
	if got.Status != 303 || got.Header.Get("Location") != "/auth/authorize?"+ask.Encode() {
		t.Fatalf("%d %s", got.Status, got.Header.Get("Location"))
	}
	if got = p.Do("GET", got.Header.Get("Location"), "", ""); got.Header.Get("Location") != "/signin?to="+url.QueryEscape("/auth/authorize?"+ask.Encode()) {
		t.Errorf("to sign in: %s", got.Header.Get("Location"))
	}
}

func TestNobodyConnectsAnAppForSomebodyElse(t *testing.T) {
	p, c := place(t)
	for _, one := range []struct {
		as, patient string
		status      int
	}{{"new", "ada", 403}, {"ada", "ada", 200}, {"ada", "una", 200}, {"ada", "lone", 403}, {"lone", "ada", 403}, {"sam", "lone", 200}, {"sam", "nobody", 404}} {
		if got := p.Screen(one.as, p.Ask(c, "patient/Patient.rs"), "for", one.patient); got.Status != one.status || one.status != 200 && strings.Contains(got.Body, "ticket") {
			t.Errorf("%s for %s: %d", one.as, one.patient, got.Status)
		}
	}
}

// An account that is linked to no record finds nobody, and is no staff.
func TestAnAccountWithoutARecord(t *testing.T) {
	p, c := place(t)
	got := p.Screen("new", p.Ask(c, "patient/Patient.rs"), "nhs", "9990000018", "born", "3-Feb-1950")
	if got.Status != 200 || strings.Contains(got.Body, "OKAFOR") || strings.Contains(got.Body, "NHS number") || !strings.Contains(got.Body, "not linked to a record") || strings.Contains(got.Body, "Find a person") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// Our own page opens an app for a patient: once, for whom it was opened, and by whom.
func TestOpenedFromOurPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		c, _ := p.Add(smart.Client{Kind: smart.Public, Redirects: []string{"https://app.example/cb"}, Launch: "https://app.example/launch?x=1", Scopes: []string{"launch", "launch/encounter", "patient/Patient.rs", "openid", "fhirUser"}})
		other, _ := p.Add(smart.Client{Name: "Other", Kind: smart.Public, Redirects: []string{"https://other.example/cb"}, Launch: "https://other.example/launch", Scopes: []string{"launch", "patient/Patient.rs"}})
		open := func(form string) url.Values {
			t.Helper()
			got := p.Do("POST", "/apps/open/ada", "sam", form)
			at, params := got.Location()
			if got.Status != 303 || at != "https://app.example/launch" || params.Get("iss") != p.Base || params.Get("x") != "1" || params.Get("launch") == "" {
				t.Fatalf("%d to %s %v", got.Status, at, params)
			}
			ask := p.Ask(c, "launch launch/encounter patient/Patient.rs openid fhirUser")
			ask.Set("launch", params.Get("launch"))
			return ask
		}
		ask := open("client=" + c.ID + "&encounter=visit")
		screen := p.Screen("sam", ask)
		if !strings.Contains(screen.Body, "OKAFOR, Ada") || strings.Contains(screen.Body, "Choose somebody else") {
			t.Error(screen.Body)
		}
		got := p.Post("/auth/token", appstest.Exchange(c, p.Allow("sam", ask)))
		if got.JSON("patient") != "ada" || got.JSON("encounter") != "visit" || got.JSON("scope") != "launch launch/encounter patient/Patient.rs openid fhirUser" {
			t.Error(got.Body)
		}
		if got := p.Screen("sam", ask); got.Status != 303 || !strings.Contains(got.Header.Get("Location"), "error=invalid_request") {
			t.Errorf("a launch was used twice: %d %s", got.Status, got.Header.Get("Location"))
		}
		ask = open("client=" + c.ID)
		if got := p.Screen("lone", ask); got.Status != 403 {
			t.Errorf("somebody else's launch: %d", got.Status)
		}
		if got := p.Post("/auth/token", appstest.Exchange(c, p.Allow("sam", ask))); got.JSON("encounter") != "" || strings.Contains(got.JSON("scope"), "encounter") {
			t.Error(got.Body)
		}
		theirs := p.Ask(other, "launch patient/Patient.rs")
		theirs.Set("launch", open("client="+c.ID).Get("launch"))
		if got := p.Screen("sam", theirs); !strings.Contains(got.Header.Get("Location"), "error=invalid_request") {
			t.Errorf("another app's launch: %d %s", got.Status, got.Header.Get("Location"))
		}
		ask = open("client=" + c.ID)
		p.Pass(6 * time.Minute)
		if got := p.Screen("sam", ask); !strings.Contains(got.Header.Get("Location"), "error=invalid_request") {
			t.Errorf("a launch of six minutes ago: %d", got.Status)
		}
		for path, form := range map[string]string{"/apps/open/lone": "client=" + c.ID + "&encounter=visit", "/apps/open/nobody": "client=" + c.ID, "/apps/open/ada": "client=nobody"} {
			if got := p.Do("POST", path, "sam", form); got.Status != 404 && got.Status != 409 {
				t.Errorf("%s %s: %d", path, form, got.Status)
			}
		}
	})
}

func TestOnlyClerksSeeTheRegister(t *testing.T) {
	p, c := place(t)
	for _, path := range []string{"/clients", "/clients/new", "/clients/" + c.ID} {
		for as, want := range map[string]int{"olga": 200, "sam": 403, "ada": 403, "": 303} {
			if got := p.Do("GET", path, as, ""); got.Status != want {
				t.Errorf("%s as %q: %d", path, as, got.Status)
			}
		}
	}
	if got := p.Do("POST", "/clients/"+c.ID, "sam", "to=revoked&reason=x"); got.Status != 403 {
		t.Errorf("a clinician revokes: %d", got.Status)
	}
	if got := p.Do("POST", "/clients/"+c.ID, "olga", "to=suspended&reason="); got.Status != 400 {
		t.Errorf("without a reason: %d", got.Status)
	}
	if got := p.Do("POST", "/clients/"+c.ID, "olga", "to=suspended&reason=a+fault+was+found"); got.Status != 303 {
		t.Errorf("suspended: %d %s", got.Status, got.Body)
	}
	if got := p.Do("GET", "/clients/"+c.ID, "olga", ""); !strings.Contains(got.Body, "Suspended</b> by Olga Wynn: a fault was found") {
		t.Error(got.Body)
	}
}

// Whatever an app calls itself stays text.
func TestWhatAnAppSaysIsNeverMarkup(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	c, _ := p.Add(smart.Client{Name: `<script>x</script>`, Maker: `"><img src=x>`, Does: `{{.}}&`, Kind: smart.Public, Redirects: []string{"https://app.example/cb"}, Launch: "https://app.example/launch", Scopes: []string{"patient/Patient.rs", "patient/Observation.rs"}})
	ask := p.Ask(c, "patient/Observation.rs?code=<b>%22")
	ask.Set("state", `"><script>`)
	for as, path := range map[string]string{"lone": "/auth/authorize?" + ask.Encode(), "olga": "/clients/" + c.ID, "sam": "/apps/open/ada"} {
		got := p.Do("GET", path, as, "")
		if got.Status != 200 || strings.Contains(got.Body, "<script>") || strings.Contains(got.Body, "<img src=x") || strings.Contains(got.Body, "<b>%22") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}
