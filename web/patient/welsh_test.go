package patient

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
	"github.com/kith-care/kith/words/wordstest"
)

// radio is the first answer that a page offers.
var radio = regexp.MustCompile(`name="answer" type="radio" value="([^"]+)"`)

// Every page on the way from words to an outcome is in Welsh where that is chosen, whatever was said.
func TestNoEnglishIsLeftOnWelshPages(t *testing.T) {
	for _, said := range []string{"sore throat for two days, no fever", "chest pain when I walk uphill", "my son has a rash and a temperature", "mae gen i boen yn fy mol"} {
		t.Run(said, func(t *testing.T) {
			who := ada
			english, _ := pages(t, &who)
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { english.ServeHTTP(w, kit.Speak(r, words.In("cy"))) })
			check := func(path, page string) {
				t.Helper()
				for _, line := range wordstest.English(page, said, "Apixaban 5mg tablets") {
					t.Errorf("%s says in English: %s", path, line)
				}
			}
			for _, path := range []string{"/my", "/my/ask", "/my/readings", "/my/profile", "/my/profile/change?what=name", "/my/requests", "/my/nowhere"} {
				check(path, visit(t, h, path, nil).Body.String())
			}
			check("nothing written", visit(t, h, "/my/ask", url.Values{}).Body.String())
			at, page := follow(t, h, "/my/ask", url.Values{"text": {said}})
			check(at, page)
			offered := radio.FindStringSubmatch(page)
			if offered == nil {
				t.Fatalf("nothing is offered: %s", page)
			}
			at, page = follow(t, h, at, url.Values{"answer": {offered[1]}})
			for range 14 {
				check(at, page)
				key := keyOnPage.FindStringSubmatch(page)
				if key == nil {
					break
				}
				check("no answer", visit(t, h, at, url.Values{"key": {key[1]}}).Body.String())
				at, page = follow(t, h, at, url.Values{"key": {key[1]}, "answer": {unsure}})
			}
			want(t, page, "Pam rydym yn dweud hyn")
			check("asked for", visit(t, h, "/my/requests", nil).Body.String())
			who = access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P9}
			check("of somebody else", visit(t, h, at, nil).Body.String())
		})
	}
}
