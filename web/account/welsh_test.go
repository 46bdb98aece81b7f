package account

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/words"
	"github.com/kith-care/kith/words/wordstest"
)

// welsh is a browser whose reader prefers Welsh.
type welsh struct{ http.RoundTripper }

func (b welsh) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Language", "cy-GB,cy;q=0.9,en;q=0.5")
	return b.RoundTripper.RoundTrip(r)
}

// Signing in by all ways, one's account, what is locked and what can go wrong are in Welsh where that is chosen. What is for staff alone is in English.
func TestNoEnglishIsLeftOnWelshPages(t *testing.T) {
	p := open(t)
	vouched, _ := p.reader(t).staff(signin.Role{Role: "nurse", Organization: "A81001"}).post("/desk/vouch", url.Values{"patient": {"okafor"}, "seen": {"photo"}, "where": {"here"}})
	code := codeOn.FindStringSubmatch(vouched)[1]
	b := p.reader(t)
	b.client.Transport = welsh{http.DefaultTransport}
	check := func(name, page string) {
		t.Helper()
		for _, line := range wordstest.English(page, "the built-in one", "another room’s page") {
			t.Errorf("%s in English: %s", name, line)
		}
	}
	get := func(paths ...string) {
		t.Helper()
		for _, path := range paths {
			page, _ := b.get(path)
			check(path, page)
		}
	}
	post := func(path string, form url.Values) {
		t.Helper()
		page, _ := b.post(path, form)
		check(path, page)
	}
	get("/signin", "/signin?over=yes", "/signin?out=yes", "/signin/code", "/signin/with/nobody", "/signin/back/built-in", "/signin/with/built-in", "/account")
	for _, typed := range []string{"", "x", "AAAA-BBBB-CCCC"} {
		post("/signin/code", url.Values{"code": {typed}})
	}
	post("/signin/code", url.Values{"asked": {"born"}, "code": {"AAAA-BBBB-CCCC"}, "day": {"1"}, "month": {"13"}, "year": {"1950"}})
	post("/signin/code", url.Values{"asked": {"born"}, "code": {"AAAA-BBBB-CCCC"}, "day": {"1"}, "month": {"1"}, "year": {"1950"}})
	for _, subject := range []string{"p0", "p5", "pj"} {
		b.builtIn(subject)
		get("/account", "/my", "/my/record", "/my/appointments", "/my/messages", "/my/trusted", "/my/seen", "/desk/vouch", "/clients", "/audit", "/account/nowhere", "/account/passkey", "/account/passkey/none")
		if subject != "pj" {
			post("/signout", nil)
		}
	}
	page, _ := b.code(code, "14", "Gorffennaf", "1945")
	check("joining", page)
	post("/account/join", nil)
	post("/account/join", url.Values{"join": {"yes"}})
	get("/account?did=added", "/account?did=removed")
}

// Why somebody has their level is said in their language, with its day.
func TestWhyIsSaidInWelsh(t *testing.T) {
	cy := words.In("cy")
	for said, want := range map[string]string{
		"NHS login has checked who you are":                   "Mae NHS login wedi gwirio pwy ydych",
		"Staff at A81001 saw you in person on 2 January 2026": "Gwelodd staff yn A81001 chi yn y cnawd ar 2 Ionawr 2026",
		"Somebody wrote this by hand":                         "Somebody wrote this by hand",
		"NHS login has not yet checked who you are":           "Nid yw NHS login wedi gwirio pwy ydych eto",
	} {
		if got := why(cy, said); got != want {
			t.Errorf("%q: %q, not %q", said, got, want)
		}
	}
}
