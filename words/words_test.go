package words

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// A translation has the places of its text, and its numbers: a dose, an age or a telephone number is the same in every language.
func TestEveryTranslationFitsItsText(t *testing.T) {
	for _, l := range All() {
		for english, said := range l.texts {
			if err := said.fits(english); err != nil {
				t.Errorf("%s: %v", l.Code, err)
			}
		}
	}
}

// What a use said when it refused is found by what made it, and said again.
func TestWhatWasMadeIsSaidAgain(t *testing.T) {
	cy, err := load(t, "cy", "ltr", `
"there is no %s": nid oes %s
"%s is %s (again)": "%[2]s yw %[1]s"
`)
	if err != nil {
		t.Fatal(err)
	}
	from := []string{"nothing here", "there is no %s", "%s is %s (again)"}
	for made, want := range map[string]string{"there is no tea": "nid oes tea", "tea is hot (again)": "hot yw tea", "nothing here": "nothing here"} {
		if got, is := cy.Again(made, from...); got != want || !is {
			t.Errorf("%q: %q %v, not %q", made, got, is, want)
		}
	}
	if got, is := cy.Again("there is tea", from...); got != "there is tea" || is {
		t.Errorf("%q %v", got, is)
	}
}

const about = `
name: Cymraeg
dir: %s
days: [Dydd Sul, Dydd Llun, Dydd Mawrth, Dydd Mercher, Dydd Iau, Dydd Gwener, Dydd Sadwrn]
months: [Ionawr, Chwefror, Mawrth, Ebrill, Mai, Mehefin, Gorffennaf, Awst, Medi, Hydref, Tachwedd, Rhagfyr]
clock: {am: yb, pm: yp, midday: canol dydd, midnight: canol nos, at: "%%s am %%s"}
`

func load(t *testing.T, code, dir, texts string) (*Lang, error) {
	t.Helper()
	langs, err := Load(fstest.MapFS{code + "/language.yaml": {Data: []byte(strings.Replace(strings.ReplaceAll(about, "%%", "%"), "%s", dir, 1))}, code + "/x.yaml": {Data: []byte(texts)}})
	if err != nil {
		return nil, err
	}
	return langs[0], nil
}

func TestPluralsAreThoseOfTheLanguage(t *testing.T) {
	cy, err := load(t, "cy", "ltr", `
"%d dogs": {zero: "%d ci", one: "%d ci", two: "%d gi", few: "%d chi", many: "%d chi mawr", other: "%d o gŵn"}
"Sit, %s": "Eistedd, %s"
`)
	if err != nil {
		t.Fatal(err)
	}
	// https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html#cy
	for n, want := range map[int]string{0: "0 ci", 1: "1 ci", 2: "2 gi", 3: "3 chi", 6: "6 chi mawr", 4: "4 o gŵn", 10: "10 o gŵn"} {
		if got := cy.N(n, "%d dog", "%d dogs"); got != want {
			t.Errorf("%d: %q, not %q", n, got, want)
		}
	}
	if got := cy.T("Sit, %s", "Fflos"); got != "Eistedd, Fflos" {
		t.Error(got)
	}
	if got := cy.T("Nobody wrote this"); got != "Nobody wrote this" {
		t.Error(got)
	}
	en := In("en")
	if one, many := en.N(1, "one dog", "%d dogs"), en.N(3, "one dog", "%d dogs"); one != "one dog" || many != "3 dogs" {
		t.Error(one, many)
	}
}

func TestALanguageThatIsWrongSaysWhere(t *testing.T) {
	for texts, want := range map[string]string{
		`"a": {some: b}`: "no plural",
		`"a": {one: b}`:  "needs the form other",
		`"a": [b]`:       "x.yaml",
	} {
		if _, err := load(t, "cy", "ltr", texts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", texts, err)
		}
	}
	if _, err := load(t, "cy", "sideways", ""); err == nil {
		t.Error("a language runs sideways")
	}
	if _, err := load(t, "not a language", "ltr", ""); err == nil {
		t.Error("a folder that is no language was read")
	}
}

func TestTimesAreThoseOfLondon(t *testing.T) {
	en, cy := In("en"), In("cy")
	at := time.Date(2026, 8, 3, 13, 30, 0, 0, time.UTC)
	for got, want := range map[string]string{
		en.When(at): "Monday 3 August at 2:30pm", en.Date(at): "3 August 2026", cy.When(at): "Dydd Llun 3 Awst am 2:30yp",
		en.Clock(time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)): "midday", en.Clock(time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)): "midnight",
		en.Clock(time.Date(2026, 1, 3, 0, 5, 0, 0, time.UTC)): "12:05am", en.Clock(time.Date(2026, 1, 3, 9, 0, 0, 0, time.UTC)): "9am",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestOnlyWholeLanguagesAreOffered(t *testing.T) {
	var codes []string
	for _, l := range Offered() {
		codes = append(codes, l.Code)
	}
	if !slices.Equal(codes, []string{"en", "cy"}) {
		t.Errorf("offered: %v", codes)
	}
	if In("ar").Code != "en" || In("CY-gb").Code != "cy" || In("").Code != "en" {
		t.Error("a language that is not whole was offered, or one that is was not")
	}
	if n := len(All()); n < 10 {
		t.Errorf("the machinery is there for %d languages", n)
	}
}
