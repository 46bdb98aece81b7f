package trust

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
	"github.com/kith-care/kith/words/wordstest"
)

// Giving, accepting and what can go wrong are in Welsh where that is chosen.
func TestNoEnglishIsLeftOnWelshPages(t *testing.T) {
	who := ada
	english := site(t, &who)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { english.ServeHTTP(w, kit.Speak(r, words.In("cy"))) })
	check := func(page *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		t.Helper()
		for _, line := range wordstest.English(page.Body.String()) {
			t.Errorf("in English: %s", line)
		}
		return page
	}
	const asking = "/my/trusted/new"
	check(visit(t, h, "/my/trusted?did=ended", nil))
	page := check(visit(t, h, asking, nil))
	check(goOn(t, h, asking, page, url.Values{"name": {" "}}))
	page = check(goOn(t, h, asking, page, url.Values{"name": {"Joy"}}))
	check(goOn(t, h, asking, page, url.Values{"may": {"everything"}}))
	page = check(goOn(t, h, asking, page, url.Values{"may": {"book", "see", "message", "manage"}}))
	check(goOn(t, h, asking, page, nil))
	page = check(goOn(t, h, asking, page, url.Values{"long": {"year"}}))
	page = check(goOn(t, h, asking, page, nil))
	code := codeOnPage.FindString(page.Body.String())
	const accepting = "/my/trusted/accept"
	accept := func(code string, month string) *httptest.ResponseRecorder {
		page := check(visit(t, h, accepting, nil))
		check(goOn(t, h, accepting, page, url.Values{"code": {""}}))
		page = check(goOn(t, h, accepting, page, url.Values{"code": {code}}))
		return check(goOn(t, h, accepting, page, url.Values{"day": {"1"}, "month": {month}, "year": {"1950"}}))
	}
	if own := accept(code, "3"); own.Code != http.StatusUnprocessableEntity {
		t.Errorf("she accepts her own: %d", own.Code)
	}
	who = joy
	accept(code, "nonsense")
	accept("AAAA-BBBB-CCCC", "3")
	if done := accept(code, "mawrth"); done.Code != http.StatusSeeOther {
		t.Errorf("not accepted: %d %s", done.Code, done.Body)
	}
	check(visit(t, h, "/my/trusted?did=accepted", nil))
	check(visit(t, h, "/my/trusted/x/end", url.Values{}))
	who = ada
	check(visit(t, h, "/my/trusted", nil))
	who = access.Actor{ID: "Practitioner/x", Role: "clinician", Organization: "A"}
	check(visit(t, h, "/my/trusted", nil))
}
