// Package words is the languages Kith speaks to people in.
//
// English is written where it is used, in a page or a letter, and is the key under which a language has its own text. A language is a folder:
// language.yaml says what it is called, which way it runs and how it writes days; every other file holds texts, one file a room. A text with a number in it has
// one form for each plural of the language (https://cldr.unicode.org/index/cldr-spec/plural-rules).
//
// A language is offered once no text is missing. A translation is a draft, and every page says so, until a reviewer signs it by name in language.yaml. What
// is missing is shown in English, never as a gap; a test at the root finds every text that a page or a letter uses and fails where Welsh lacks one.
package words

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/kith-care/kith/fhir"
)

//go:embed */*.yaml
var shipped embed.FS

// Lang is a language with its texts. It never changes, so that any number of pages may use one.
type Lang struct {
	Code     string // of BCP 47, such as cy
	Name     string // in the language itself, such as Cymraeg
	English  string // such as Welsh
	Dir      string // ltr or rtl
	Reviewer string // who has signed the translation; "" while it is a draft
	Reviewed string // when they did, such as 2026-11-26
	days     []string
	months   []string
	clock    clockWords
	texts    map[string]text
	tag      language.Tag
}

// Draft reports whether nobody has signed the translation. English is nobody's translation.
func (l *Lang) Draft() bool { return l.Code != "en" && l.Reviewer == "" }

// text is a text in a language: one form, or one for each plural.
type text struct {
	other string
	forms map[plural.Form]string
}

// UnmarshalYAML reads a text, or a map from the names of plurals to texts.
func (t *text) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		t.other = node.Value
		return nil
	}
	var forms map[string]string
	if err := node.Decode(&forms); err != nil {
		return err
	}
	t.forms = map[plural.Form]string{}
	for name, form := range forms {
		f, known := pluralNames[name]
		if !known {
			return fmt.Errorf("line %d: %q is no plural: zero, one, two, few, many or other", node.Line, name)
		}
		t.forms[f] = form
	}
	t.other = forms["other"]
	if t.other == "" {
		return fmt.Errorf("line %d: a text with plurals needs the form other", node.Line)
	}
	return nil
}

var pluralNames = map[string]plural.Form{"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many, "other": plural.Other}

// language is language.yaml.
type languageFile struct {
	Name, English, Dir, Reviewer, Reviewed string
	Days                                   []string // from Sunday
	Months                                 []string // from January
	Clock                                  clockWords
}

// Load reads the languages of a folder: one folder a language, named by its code.
func Load(folder fs.FS) ([]*Lang, error) {
	names, err := fs.Glob(folder, "*/language.yaml")
	if err != nil {
		return nil, err
	}
	var out []*Lang
	for _, name := range names {
		l, err := read(folder, path.Dir(name))
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func read(folder fs.FS, code string) (*Lang, error) {
	var about languageFile
	if err := decode(folder, code+"/language.yaml", &about); err != nil {
		return nil, err
	}
	tag, err := language.Parse(code)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s: the folder is not named by a language: %v", code, err)
	}
	if about.Dir != "ltr" && about.Dir != "rtl" || len(about.Days) != 7 || len(about.Months) != 12 || about.Name == "" {
		return nil, fhir.Errorf(fhir.Invalid, "%s/language.yaml: name, dir (ltr or rtl), 7 days and 12 months are needed", code)
	}
	l := &Lang{Code: code, Name: about.Name, English: about.English, Dir: about.Dir, Reviewer: about.Reviewer, Reviewed: about.Reviewed, days: about.Days, months: about.Months,
		clock: about.Clock, texts: map[string]text{}, tag: tag}
	files, err := fs.Glob(folder, code+"/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if path.Base(name) == "language.yaml" {
			continue
		}
		var texts map[string]text
		if err := decode(folder, name, &texts); err != nil {
			return nil, err
		}
		for english, t := range texts {
			if before, twice := l.texts[english]; twice && before.other != t.other {
				return nil, fhir.Errorf(fhir.Invalid, "%s: %q stands in another file of %s as %q", name, english, code, before.other)
			}
			l.texts[english] = t
		}
	}
	return l, nil
}

func decode(folder fs.FS, name string, to any) error {
	data, err := fs.ReadFile(folder, name)
	if err == nil {
		err = yaml.Unmarshal(data, to)
	}
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s: %v", name, err)
	}
	return nil
}

// all are the languages Kith comes with, English first.
var all = sync.OnceValue(func() []*Lang {
	langs, err := Load(shipped)
	if err != nil {
		panic("words: " + err.Error()) // they are built in, and a test reads them
	}
	return append([]*Lang{english()}, langs...)
})

// All are the languages that Kith knows of, whether their texts are there or not, English first.
func All() []*Lang { return slices.Clone(all()) }

// Offered are the languages somebody can choose: English and those of which no text is missing.
var Offered = sync.OnceValue(func() []*Lang {
	var most int
	for _, l := range all() {
		most = max(most, len(l.texts))
	}
	return slices.DeleteFunc(All(), func(l *Lang) bool { return l.Code != "en" && len(l.texts) < most })
})

// In is the language of a code, such as cy; English where it is not offered.
func In(code string) *Lang {
	base, _, _ := strings.Cut(strings.ToLower(code), "-")
	for _, l := range Offered() {
		if l.Code == base {
			return l
		}
	}
	return all()[0]
}

// T is a text in the language. The English text is its key; what follows goes where it has verbs of package fmt.
func (l *Lang) T(english string, args ...any) string {
	said := english
	if t, ok := l.texts[english]; ok {
		said = t.other
	}
	if len(args) == 0 {
		return said
	}
	return fmt.Sprintf(said, args...)
}

// N is a text about n things, such as N(3, "%d letter", "%d letters"). The form for many is the key. n goes first where the text has verbs of package
// fmt, then what follows.
func (l *Lang) N(n int, one, many string, args ...any) string {
	said := many
	t, known := l.texts[many]
	switch {
	case known && t.forms != nil:
		said = t.other
		if form, ok := t.forms[plural.Cardinal.MatchPlural(l.tag, abs(n), 0, 0, 0, 0)]; ok {
			said = form
		}
	case known:
		said = t.other
	case n == 1:
		said = one
	}
	if !strings.Contains(said, "%") {
		return said
	}
	if !strings.Contains(said, "%d") && !strings.Contains(said, "%[1]") { // "one letter" has no place for the number
		return fmt.Sprintf(said, args...)
	}
	return fmt.Sprintf(said, append([]any{n}, args...)...)
}

// Again is a text that one of some English texts has made, such as "there is no pack x" of "there is no pack %s", in the language. It is the text as it stands,
// and false, where none of them has made it.
func (l *Lang) Again(made string, from ...string) (string, bool) {
	for _, english := range from {
		parts := strings.Split(english, "%s")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		found := regexp.MustCompile("^" + strings.Join(parts, "(.+?)") + "$").FindStringSubmatch(made)
		if found == nil {
			continue
		}
		args := make([]any, len(found)-1)
		for i := range args {
			args[i] = found[i+1]
		}
		return l.T(english, args...), true
	}
	return made, false
}

// Text is an English text that is translated elsewhere than where it stands, such as one in a table: it is found here.
func Text(english string) string { return english }

// Has reports whether the language has a text of its own for an English one.
func (l *Lang) Has(english string) bool {
	_, ok := l.texts[english]
	return ok || l.Code == "en"
}

// Keys are the English texts for which the language has its own, in order.
func (l *Lang) Keys() []string {
	out := make([]string, 0, len(l.texts))
	for k := range l.texts {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Verbs are the verbs of package fmt that a text has, in order; a translation has the same ones.
func Verbs(said string) []string {
	var out []string
	for i := 0; i < len(said); i++ {
		if said[i] != '%' {
			continue
		}
		end := i + 1
		for end < len(said) && strings.IndexByte("[]0123456789.+-#", said[end]) >= 0 {
			end++
		}
		if end < len(said) && said[end] != '%' && said[end] != ' ' { // "95 % or more" has none
			out = append(out, "%"+said[end:end+1])
		}
		i = end
	}
	slices.Sort(out)
	return out
}

func abs(n int) int { return max(n, -n) }
