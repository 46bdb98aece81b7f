package words

import (
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

func use(t *testing.T, files map[string]string) error {
	t.Helper()
	t.Cleanup(func() { used.Store(nil) })
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Use(folder)
}

// A place says something otherwise, translates what its own data says, and signs that somebody has reviewed a language; what Kith comes with stays as it is.
func TestAPlaceAddsWordsOfItsOwn(t *testing.T) {
	before := In("cy")
	if err := use(t, map[string]string{"cy/language.yaml": "reviewer: Mari Huws\nreviewed: 2026-12-01\n", "cy/own.yaml": "Warm room: Ystafell gynnes\nWeight: Eich pwysau\n", "readme.txt": "ours"}); err != nil {
		t.Fatal(err)
	}
	cy := In("cy")
	if cy.T("Warm room") != "Ystafell gynnes" || cy.T("Weight") != "Eich pwysau" || cy.T("Pulse") != before.T("Pulse") || cy.Draft() || cy.Reviewer != "Mari Huws" || cy.Name != "Cymraeg" {
		t.Errorf("%q %q %q draft %v", cy.T("Warm room"), cy.T("Weight"), cy.T("Pulse"), cy.Draft())
	}
	if before.Has("Warm room") || before.T("Weight") == "Eich pwysau" || !before.Draft() {
		t.Error("what Kith comes with was changed")
	}
}

// A language is offered once it has every text that Welsh has, and not before.
func TestAPlaceAddsALanguage(t *testing.T) {
	const about = "name: Gàidhlig\nenglish: Gaelic\ndir: ltr\ndays: [a, b, c, d, e, f, g]\nmonths: [a, b, c, d, e, f, g, h, i, j, k, l]\nclock: {am: am, pm: pm, midday: x, midnight: y, at: '%s %s'}\n"
	all := map[string]string{}
	for _, text := range In("cy").Keys() {
		all[text] = text
	}
	whole, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	delete(all, "Pulse")
	most, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(t, map[string]string{"gd/language.yaml": about, "gd/all.yaml": string(most)}); err != nil {
		t.Fatal(err)
	}
	if In("gd").Code != "en" {
		t.Error("a language that lacks a text is offered")
	}
	for _, l := range All() {
		if missing := l.Missing(); l.Code == "gd" && strings.Join(missing, "|") != "Pulse" {
			t.Errorf("it lacks %v", missing)
		}
	}
	if err := use(t, map[string]string{"gd/language.yaml": about, "gd/all.yaml": string(whole)}); err != nil {
		t.Fatal(err)
	}
	if l := In("gd"); l.Code != "gd" || !l.Draft() || len(Offered()) != 3 {
		t.Errorf("%s, %d are offered", l.Code, len(Offered()))
	}
}

func TestWhatIsWrongWithWordsOfAPlaceIsNamed(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"English is written where it is used": {"en/x.yaml": "a: b"},
		`cy/x.yaml: "nid oes"`:                {"cy/x.yaml": `"there is no %s": nid oes`},
		`the numbers of "Ffoniwch 111"`:       {"cy/x.yaml": "Call 999: Ffoniwch 111"},
		"stands in another file":              {"cy/x.yaml": "a: b", "cy/y.yaml": "a: c"},
		"not named by a language":             {"not a language/x.yaml": "a: b", "not a language/language.yaml": "name: x"},
		"gd/language.yaml":                    {"gd/x.yaml": "a: b"},
		"7 days":                              {"gd/language.yaml": "name: Gàidhlig\ndir: ltr\n"},
	} {
		if err := use(t, files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, which should say %q", err, want)
		}
		if In("cy").Has("a") {
			t.Error("something of it was taken in")
		}
	}
}
