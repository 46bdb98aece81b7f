package kit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kith-care/kith/words"
)

func TestLanguageAndFormatAreChosenOnAnyPage(t *testing.T) {
	page := Page(`{{define "content"}}<p>{{t "Home"}}</p>{{end}}`)
	site := Chooser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Write(w, r, http.StatusOK, page, struct{ Frame Frame }{Frame{Title: "x", Plain: true}})
	}))
	ask := func(path string, cookies []*http.Cookie, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}
	if text := ask("/my", nil, "").Body.String(); !strings.Contains(text, "<p>Home</p>") || !strings.Contains(text, `lang="en-GB"`) || !strings.Contains(text, `href="?words=cy"`) {
		t.Error(text)
	}
	if text := ask("/my", nil, "fr;q=0.9, cy-GB;q=0.8").Body.String(); !strings.Contains(text, "<p>Hafan</p>") || !strings.Contains(text, "Drafft") {
		t.Error("the browser's language does not count, or a draft is not called one")
	}
	w := ask("/my/record?kind=letters&words=cy&set=large", nil, "")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/my/record?kind=letters" {
		t.Fatalf("%d %s", w.Code, to)
	}
	text := ask("/my/record?kind=letters", w.Result().Cookies(), "").Body.String()
	if !strings.Contains(text, "<p>Hafan</p>") || !strings.Contains(text, `class="kith-large"`) || !strings.Contains(text, `href="?kind=letters&amp;words=en"`) {
		t.Error(text)
	}
	if to := ask("//evil.example/x?words=cy", nil, "").Header().Get("Location"); strings.HasPrefix(to, "//") {
		t.Errorf("sent to %s", to)
	}
	if w := ask("/fhir/Patient?words=cy", nil, ""); w.Code != http.StatusOK {
		t.Errorf("a search was taken for a choice: %d", w.Code)
	}
	for _, bad := range []*http.Cookie{{Name: langCookie, Value: "xx"}, {Name: formatCookie, Value: `"><script>`}} {
		if text := ask("/my", []*http.Cookie{bad}, "").Body.String(); !strings.Contains(text, `class="kith-standard"`) || !strings.Contains(text, `lang="en-GB"`) || strings.Contains(text, "<script") {
			t.Error(text)
		}
	}
}

func TestAPageRunsFromRightToLeft(t *testing.T) {
	var arabic *words.Lang
	for _, l := range words.All() {
		if l.Code == "ar" {
			arabic = l
		}
	}
	page := Page(`{{define "content"}}{{end}}`)
	var out strings.Builder
	if err := page.Execute(&out, arabic, struct{ Frame Frame }{Frame{Title: "x", Plain: true}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `<html lang="ar" dir="rtl"`) || !strings.Contains(out.String(), stylesheet("rtl")) {
		t.Error(out.String())
	}
}

// A sheet for somebody else is in the format they need, whatever its reader has chosen for themselves.
func TestAPageCanBeSetForSomebodyElse(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "kith-format", Value: "easy"})
	if f := FormatOf(r); f != Easy {
		t.Errorf("chosen: %s", f)
	}
	if f := FormatOf(SetIn(r, Large)); f != Large {
		t.Errorf("for somebody who needs large print: %s", f)
	}
	if f := FormatOf(SetIn(r, Standard)); f != Standard {
		t.Errorf("for somebody who needs none: %s", f)
	}
}
