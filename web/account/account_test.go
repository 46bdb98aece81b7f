package account

import (
	"bufio"
	"flag"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

var update = flag.Bool("update", false, "write the goldens again")

var operator = access.Actor{ID: "kith/account", Name: "operator", Role: access.Kith}

// place is the pages on a server of their own, at an hour that does not pass by itself.
type place struct {
	*httptest.Server
	door   *record.Door
	signIn *signin.Service
	origin string
	now    time.Time
}

func open(t *testing.T) *place {
	t.Helper()
	p := &place{door: record.Test(t), now: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)}
	var ops []record.Op
	for _, text := range []string{
		`{"resourceType":"Patient","id":"okafor","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1945-07-14","address":[{"line":["3 Mill Lane"],"city":"Merrowby","postalCode":"ZZ1 1AA"}]}`,
		`{"resourceType":"Patient","id":"reed","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Reed","given":["Tom"]}],"birthDate":"1950-01-02"}`,
		`{"resourceType":"Patient","id":"reed-2","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Reed","given":["Tim"]}],"birthDate":"1950-01-02"}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: r.ID(), Resource: r})
	}
	if _, err := p.door.Commit(t.Context(), operator, ops); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(p.Close)
	p.origin = strings.Replace(p.URL, "127.0.0.1", "localhost", 1)
	now := func() time.Time { return p.now }
	var err error
	p.signIn, err = signin.Open(t.Context(), signin.Options{Door: p.door, Origin: p.origin, Now: now, Providers: []signin.Provider{{Name: "built-in", Title: "the built-in one", For: signin.Patient, Issuer: p.origin + "/idp", ClientID: "kith"}}})
	if err != nil {
		t.Fatal(err)
	}
	site := &Site{SignIn: p.signIn, Door: p.door, Host: kit.Host{Now: now}}
	provider, err := idp.Open(t.Context(), idp.Options{Door: p.door, Issuer: p.origin + "/idp", Show: site.ShowProvider, Clients: []idp.Client{{ID: "kith", Redirects: []string{p.origin + "/signin/back/built-in"}}}, Now: now,
		People: func() []idp.Person {
			return []idp.Person{{Subject: "p0", Given: "Zoe", Family: "Zero", Proofing: "P0"}, {Subject: "p5", Given: "Fay", Family: "Five", Proofing: "P5"}, {Subject: "pj", Given: "Ada", Family: "Okafor", Born: "1945-07-14", Proofing: "P5"}, {Subject: "p9", Given: "Ada", Family: "Okafor", Number: "9990000018", Born: "1945-07-14", Proofing: "P9"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/idp/", http.StripPrefix("/idp", provider.Handler()))
	own := site.Guard(site.Handler())
	for _, path := range []string{"/signin", "/signin/", "/signout", "/account", "/account/", "/desk/"} {
		mux.Handle(path, own)
	}
	mux.Handle("/", site.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "another room’s page") })))
	return p
}

// reader is somebody at a browser.
type reader struct {
	t      *testing.T
	p      *place
	client *http.Client
}

func (p *place) reader(t *testing.T) *reader {
	jar, _ := cookiejar.New(nil)
	return &reader{t, p, &http.Client{Jar: jar}}
}

func (b *reader) read(res *http.Response, err error) (string, *http.Response) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text), res
}

func (b *reader) get(path string) (string, *http.Response) {
	b.t.Helper()
	return b.read(b.client.Get(b.p.origin + path))
}

func (b *reader) post(path string, form url.Values) (string, *http.Response) {
	b.t.Helper()
	return b.read(b.client.PostForm(b.p.origin+path, form))
}

// staff signs in with a code as somebody who has these roles.
func (b *reader) staff(roles ...signin.Role) *reader {
	b.t.Helper()
	a, err := b.p.signIn.Add(b.t.Context(), operator, signin.NewAccount{Kind: signin.Staff, Name: "Rita Desk", Born: "1980-02-03", Practitioner: "Practitioner/rita", Roles: roles})
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := b.p.signIn.Issue(b.t.Context(), operator, a.ID, false)
	if err != nil {
		b.t.Fatal(err)
	}
	b.code(p.Text, "3", "2", "1980")
	return b
}

func (b *reader) code(code, day, month, year string) (string, *http.Response) {
	b.t.Helper()
	return b.post("/signin/code", url.Values{"code": {code}, "asked": {"born"}, "day": {day}, "month": {month}, "year": {year}})
}

var hiddenInput = regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`)

// builtIn signs in as one of the made-up people.
func (b *reader) builtIn(subject string) *reader {
	b.t.Helper()
	text, _ := b.get("/signin/with/built-in")
	form := url.Values{"person": {subject}}
	for _, m := range hiddenInput.FindAllStringSubmatch(text, -1) {
		form.Set(m[1], strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2]))
	}
	if _, res := b.post("/idp/authorize", form); res.StatusCode != 200 {
		b.t.Fatalf("%s: %d", res.Request.URL, res.StatusCode)
	}
	return b
}

func TestWhoMaySeeWhichPage(t *testing.T) {
	p := open(t)
	nurse, desk, analyst := signin.Role{Role: "nurse", Organization: "A81001"}, signin.Role{Role: "receptionist", Organization: "A81001"}, signin.Role{Role: "analyst", Organization: "A81001"}
	readers := []*reader{p.reader(t), p.reader(t).builtIn("p0"), p.reader(t).builtIn("p5"), p.reader(t).builtIn("p9"), p.reader(t).staff(nurse, analyst), p.reader(t).staff(nurse), p.reader(t).staff(desk), p.reader(t).staff(analyst)}
	file, err := os.Open("testdata/gates.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seen := map[string]bool{}
	var names []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		cells := strings.Fields(lines.Text())
		if len(cells) > 2 && cells[1] == "page" {
			names = cells[2:]
		}
		if len(cells) == 0 || cells[0] == "#" {
			continue
		}
		for i, want := range cells[1:] {
			text, res := readers[i].get(cells[0])
			got := "ok"
			switch {
			case res.StatusCode == http.StatusForbidden && strings.Contains(text, "This page is locked") && strings.Contains(text, "How to unlock it"):
				got = "locked"
			case res.Request.URL.Path == "/signin" && cells[0] != "/signin":
				got = "in"
			case res.Request.URL.Path == "/my" && cells[0] == "/":
				got = "home"
			case res.Request.URL.Path == "/signin/role" && cells[0] != "/signin/role":
				got = "role"
			case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNotFound:
				got = res.Status
			}
			if got != want {
				t.Errorf("%s for %s: %s, not %s", cells[0], names[i], got, want)
			}
			seen[GateOf(cells[0]).Path] = true
			if got == "in" && cells[0] != "/" && cells[0] != "/signin/role" && local(res.Request.URL.Query().Get("to")) != cells[0] {
				t.Errorf("%s: leads back to %q", cells[0], res.Request.URL.Query().Get("to"))
			}
		}
	}
	for _, g := range Gates() {
		if !seen[g.Path] && g.Path != "/signout" && g.Path != "/account/static" && g.Path != "/idp" {
			t.Errorf("no row of testdata/gates.txt tries %s", g.Path)
		}
	}
	// A locked page says why it is locked for this reader, and where they go.
	text, _ := readers[1].get("/my/record")
	for _, want := range []string{"your health record", "has not yet checked who you are", "the desk of your GP practice", "/signin/with/built-in?to=%2Fmy%2Frecord"} {
		if !strings.Contains(text, want) {
			t.Errorf("the locked page does not say %q:\n%s", want, text)
		}
	}
}

var codeOn = regexp.MustCompile(`<p class="kith-code">([^<]+)</p>`)

// From the desk to the patient's own screen: found by number and birth date, seen, printed, signed in; the whole way without script.
func TestTheDesk(t *testing.T) {
	p := open(t)
	desk := p.reader(t).staff(signin.Role{Role: "receptionist", Organization: "A81001"})
	text, res := desk.post("/desk/vouch", url.Values{"number": {"999 000 0018"}, "day": {"14"}, "month": {"July"}, "year": {"1945"}})
	if res.StatusCode != 200 || !strings.Contains(text, "OKAFOR, Ada") && !strings.Contains(text, "Okafor") || !strings.Contains(text, "3 Mill Lane, Merrowby, ZZ1 1AA") || !strings.Contains(text, "None yet") {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	golden(t, "desk-found", text)
	text, res = desk.post("/desk/vouch", url.Values{"patient": {"okafor"}, "seen": {"letter"}})
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(text, "Tick what you saw") || !strings.Contains(text, "Say where the code") || codeOn.MatchString(text) {
		t.Errorf("one letter: %d %s", res.StatusCode, text)
	}
	text, res = desk.post("/desk/vouch", url.Values{"patient": {"okafor"}, "seen": {"letter", "questions"}, "where": {"paper"}})
	code := codeOn.FindStringSubmatch(text)
	if res.StatusCode != 200 || code == nil || !strings.Contains(text, "4 December 2026, 09:30") || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	golden(t, "paper", strings.Replace(strings.Replace(text, code[1], "CODE-CODE-CODE", 1), p.origin[7:], "kith.example", 1))
	ada := p.reader(t)
	text, _ = ada.post("/signin/code", url.Values{"code": {strings.ToLower(code[1])}})
	if !strings.Contains(text, "What is your date of birth?") {
		t.Errorf("the second question: %s", text)
	}
	text, res = ada.code(code[1], "15", "7", "1945")
	if res.StatusCode != http.StatusForbidden || !strings.Contains(text, "do not go together") {
		t.Errorf("another birth date: %d", res.StatusCode)
	}
	if text, res = ada.code(code[1], "14", "7", "1945"); res.Request.URL.Path != "/account/passkey" || !strings.Contains(text, "Not now") {
		t.Errorf("signed in: %s", res.Request.URL)
	}
	text, _ = ada.get("/account")
	if !strings.Contains(text, "We know who you are") || !strings.Contains(text, "Staff at A81001 saw you in person on 20 November 2026") {
		t.Error(text)
	}
	golden(t, "account", text)
	if _, res = p.reader(t).code(code[1], "14", "7", "1945"); res.StatusCode != http.StatusForbidden {
		t.Errorf("the code again: %d", res.StatusCode)
	}
	// She loses her telephone. The desk helps her back in, and the telephone is out.
	form := url.Values{"patient": {"okafor"}, "seen": {"known"}, "where": {"here"}}
	if text, res = desk.post("/desk/recover", form); res.StatusCode != http.StatusBadRequest || !strings.Contains(text, "what happened") {
		t.Errorf("recovery without a reason: %d", res.StatusCode)
	}
	form.Set("why", "phone stolen on Monday")
	text, _ = desk.post("/desk/recover", form)
	again := codeOn.FindStringSubmatch(text)
	if again == nil || !strings.Contains(text, "09:40") {
		t.Fatal(text)
	}
	if _, res = ada.get("/account"); res.Request.URL.Path != "/signin" {
		t.Error("the stolen telephone is still signed in")
	}
	p.now = p.now.Add(10 * time.Minute)
	if _, res = ada.code(again[1], "14", "7", "1945"); res.StatusCode != http.StatusForbidden {
		t.Errorf("a code for the desk after ten minutes: %d", res.StatusCode)
	}
}

func TestTheDeskFindsNobodyElse(t *testing.T) {
	p := open(t)
	desk := p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"})
	for want, form := range map[string]url.Values{
		"Nobody in the record":              {"number": {"9990000018"}, "day": {"15"}, "month": {"7"}, "year": {"1945"}},
		"Several people in the record":      {"number": {"9990000026"}, "day": {"2"}, "month": {"1"}, "year": {"1950"}},
		"Enter the NHS number":              {"day": {"2"}, "month": {"1"}, "year": {"1950"}},
		"Enter a date of birth":             {"number": {"9990000018"}},
		"The day must be a number":          {"number": {"9990000018"}, "day": {"x"}, "month": {"1"}, "year": {"1950"}},
		"There is no such day":              {"number": {"9990000018"}, "day": {"30"}, "month": {"2"}, "year": {"1950"}},
		"The month must be a number":        {"number": {"9990000018"}, "day": {"3"}, "month": {"13"}, "year": {"1950"}},
		"The year must have 4 numbers":      {"number": {"9990000018"}, "day": {"3"}, "month": {"12"}, "year": {"50"}},
		"The year of birth cannot be right": {"number": {"9990000018"}, "day": {"3"}, "month": {"12"}, "year": {"2027"}},
		"There is a problem":                {"number": {"9990000019"}, "day": {"3"}, "month": {"12"}, "year": {"1950"}},
	} {
		text, res := desk.post("/desk/vouch", form)
		if res.StatusCode < 400 || res.StatusCode > 404 || !strings.Contains(text, want) || !strings.Contains(text, `role="alert"`) || !strings.Contains(text, "<title>Error: ") {
			t.Errorf("%s: %d %s", want, res.StatusCode, text)
		}
	}
	if text, res := desk.post("/desk/recover", url.Values{"patient": {"okafor"}, "seen": {"known"}, "where": {"here"}, "why": {"lost"}}); res.StatusCode != http.StatusConflict || !strings.Contains(text, "no account yet") {
		t.Errorf("recovery of nothing: %d %s", res.StatusCode, text)
	}
	if _, res := desk.post("/desk/vouch", url.Values{"patient": {"nobody"}, "seen": {"known"}, "where": {"here"}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("nobody: %d", res.StatusCode)
	}
	if _, res := p.reader(t).builtIn("p9").post("/desk/vouch", url.Values{"patient": {"okafor"}, "seen": {"known"}, "where": {"here"}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("a patient: %d", res.StatusCode)
	}
}

func TestCodesAreSlowedInWords(t *testing.T) {
	p := open(t)
	b := p.reader(t)
	for range 11 {
		b.code("ACDE-FGHJ-KMNP", "1", "1", "1950")
	}
	text, res := b.code("ACDE-FGHJ-KMNP", "1", "1", "1950")
	if res.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, "You can try again at 09:31") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	for _, typed := range []string{"", "ABC", "0000-0000-0000"} {
		if text, res := p.reader(t).post("/signin/code", url.Values{"code": {typed}}); res.StatusCode != http.StatusBadRequest || !strings.Contains(text, "Error:") {
			t.Errorf("%q: %d", typed, res.StatusCode)
		}
	}
}

func TestStaffChooseAndChangeTheirRole(t *testing.T) {
	p := open(t)
	b := p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"}, signin.Role{Role: "analyst", Organization: "RXX01", Name: "Population health"})
	text, res := b.get("/person/okafor?show=results")
	if res.Request.URL.Path != "/signin/role" || !strings.Contains(text, "Analyst at RXX01") {
		t.Fatalf("%s %s", res.Request.URL, text)
	}
	golden(t, "role", text)
	to := res.Request.URL.Query().Get("to")
	if _, res = b.post("/signin/role", url.Values{"to": {to}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("nothing chosen: %d", res.StatusCode)
	}
	if _, res = b.post("/signin/role", url.Values{"to": {to}, "role": {"0"}}); res.Request.URL.RequestURI() != "/person/okafor?show=results" {
		t.Errorf("sent to %s", res.Request.URL)
	}
	if _, res = b.get("/desk/vouch"); res.StatusCode != 200 {
		t.Errorf("a nurse at the desk: %d", res.StatusCode)
	}
	b.post("/signin/role", url.Values{"role": {"1"}})
	if text, res = b.get("/desk/vouch"); res.StatusCode != http.StatusForbidden || !strings.Contains(text, "You are working as Analyst at RXX01") {
		t.Errorf("an analyst at the desk: %d", res.StatusCode)
	}
}

// Nobody is sent to another site, whatever the address says.
func TestOpenRedirects(t *testing.T) {
	p := open(t)
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%0d%0aSet-Cookie:x=y\r\n", "javascript:alert(1)", "/\t/evil.example", "http:evil.example", "///evil.example", "/signin?to=/signin", "/signout", " /x"} {
		if got := local(to); got != "" {
			t.Errorf("%q is taken for one of ours: %q", to, got)
		}
		b := p.reader(t)
		b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
			if r.URL.Host != p.origin[7:] {
				t.Errorf("%q leads to %s", to, r.URL)
			}
			return nil
		}
		text, _ := b.get("/signin?" + url.Values{"to": {to}}.Encode())
		// The links that choose a language keep the address of the page itself, and no other.
		if strings.Contains(regexp.MustCompile(`href="\?[^"]*"`).ReplaceAllString(text, ""), "evil") {
			t.Errorf("the page carries %q on", to)
		}
		b.get("/signin/with/built-in?" + url.Values{"to": {to}}.Encode())
	}
	for _, to := range []string{"/", "/person/x?show=results&page=2", "/my/record#top", "/account"} {
		if local(to) != to {
			t.Errorf("%q is refused", to)
		}
	}
	// The number of this machine leads to its name, since a passkey is bound to the name.
	b := p.reader(t)
	if _, res := b.read(b.client.Get(p.URL + "/signin?to=/my/record")); res.Request.URL.String() != p.origin+"/signin?to=/my/record" {
		t.Errorf("sent to %s", res.Request.URL)
	}
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a?b#c", "/a//b", "/%2f/x", "/a:b@c"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://kith.example/signin")
	f.Fuzz(func(t *testing.T, to string) {
		got := local(to)
		if got == "" {
			return
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != "kith.example" || u.Scheme != "https" {
			t.Errorf("%q leads to %v", to, u)
		}
	})
}

// Every page is closed: not kept, not framed, without script from anywhere but the two that need one.
func TestHeaders(t *testing.T) {
	p := open(t)
	b := p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"})
	for path, scripted := range map[string]bool{"/signin": true, "/signin/code": false, "/account": false, "/account/passkey": true, "/desk/vouch": false, "/my/record": false, "/account/nowhere": false, "/signin/role": false} {
		text, res := b.get(path)
		csp := res.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "script-src 'self'") != scripted || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s; %s", path, csp, res.Header.Get("Cache-Control"))
		}
		if strings.Contains(text, "<script") != scripted || strings.Contains(text, "onclick") || strings.Contains(text, "style=") {
			t.Errorf("%s has a script: %v", path, !scripted)
		}
	}
	if len(passkeyJS) > 6<<10 {
		t.Errorf("the script has %d bytes", len(passkeyJS))
	}
	if _, res := b.get(script()); res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the script: %v", res.Header)
	}
	if _, res := b.get("/account/static/../account.go"); res.StatusCode == 200 {
		t.Error("other files are served")
	}
}

func TestSignOutPages(t *testing.T) {
	p := open(t)
	b := p.reader(t).builtIn("p9")
	if _, res := b.get("/account"); res.Request.URL.Path != "/account" {
		t.Fatal("not signed in")
	}
	if _, res := b.get("/signout"); res.StatusCode != http.StatusMethodNotAllowed && res.StatusCode != http.StatusNotFound {
		t.Errorf("a link signs out: %d", res.StatusCode)
	}
	text, res := b.post("/signout", nil)
	if res.Request.URL.Path != "/signin" || !strings.Contains(text, "You have signed out") {
		t.Errorf("%s", res.Request.URL)
	}
	if _, res := b.get("/account"); res.Request.URL.Path != "/signin" {
		t.Error("still signed in")
	}
	b.builtIn("p9")
	p.now = p.now.Add(21 * time.Minute)
	if text, res := b.get("/account"); res.Request.URL.Path != "/signin" || !strings.Contains(text, "You have been signed out") {
		t.Errorf("idle: %s", res.Request.URL)
	}
	for path, want := range map[string]int{"/signin/with/nobody": 404, "/signin/back/built-in": 400, "/signin/back/nobody": 404, "/idp/authorize": 400} {
		if _, res := b.get(path); res.StatusCode != want {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if text, res := b.read(b.client.Post(p.origin+"/signin/passkey", "application/json", strings.NewReader("{}"))); res.StatusCode != 400 || !strings.Contains(text, `"error"`) {
		t.Errorf("an answer without a question: %d %s", res.StatusCode, text)
	}
	if text, res := b.read(b.client.Post(p.origin+"/account/passkey/begin", "application/json", nil)); res.Request.URL.Path != "/signin" && res.StatusCode != 403 {
		t.Errorf("a passkey for nobody: %d %s", res.StatusCode, text)
	}
}

func TestPagesThatAreGolden(t *testing.T) {
	p := open(t)
	b := p.reader(t)
	for name, path := range map[string]string{"signin": "/signin", "code": "/signin/code", "locked-in": "/my/record"} {
		text, _ := b.get(path)
		golden(t, name, text)
	}
	text, _ := b.get("/signin/with/built-in")
	golden(t, "provider", regexp.MustCompile(`value="[A-Za-z0-9_-]{43,}"|href="\?[^"]*"`).ReplaceAllString(strings.ReplaceAll(text, p.origin, "https://kith.example"), `value="…"`))
	b.builtIn("p5")
	text, _ = b.get("/my/record")
	golden(t, "locked", text)
	text, _ = b.get("/account/passkey")
	golden(t, "passkey", text)
	text, _ = p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"}).get("/desk/recover")
	golden(t, "recover", text)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`kith-[0-9a-f]{12}\.css|passkey-[0-9a-f]{12}\.js`).ReplaceAllString(got, "file")
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s line %d is\n%s\nwant\n%s\n(go test -update writes it again)", path, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s: %d lines, want %d (go test -update writes it again)", path, len(a), len(b))
	}
}

// Somebody whom a provider knows only at P5 goes to the desk, uses the code where they are signed in, and says that both are them.
func TestTheDeskUnlocksAProvidersSignIn(t *testing.T) {
	p := open(t)
	vouch := func() string {
		text, _ := p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"}).post("/desk/vouch", url.Values{"patient": {"okafor"}, "seen": {"photo"}, "where": {"here"}})
		return codeOn.FindStringSubmatch(text)[1]
	}
	b := p.reader(t).builtIn("pj")
	text, res := b.code(vouch(), "14", "7", "1945")
	if res.Request.URL.Path != "/account/join" || !strings.Contains(text, "signed in as Ada Okafor with the built-in one") {
		t.Fatalf("%s %s", res.Request.URL, text)
	}
	golden(t, "join", text)
	if _, res = b.post("/account/join", nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("nothing said: %d", res.StatusCode)
	}
	if _, res = b.post("/account/join", url.Values{"join": {"yes"}}); res.Request.URL.Path != "/account/passkey" {
		t.Errorf("sent to %s", res.Request.URL)
	}
	if text, _ = p.reader(t).builtIn("pj").get("/account"); !strings.Contains(text, "We know who you are") {
		t.Errorf("still locked: %s", text)
	}
	if _, res = b.get("/account/join"); res.Request.URL.Path != "/account/passkey" {
		t.Errorf("offered again: %s", res.Request.URL)
	}
}
