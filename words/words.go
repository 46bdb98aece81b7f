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
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
		l, err := read(folder, path.Dir(name), nil, false)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// read reads one language, upon what is there of it where before is not nil: then language.yaml may be missing, or say only what is otherwise. Where told it holds each text
// against the English; what comes with Kith is held against it by tests.
func read(folder fs.FS, code string, before *Lang, check bool) (*Lang, error) {
	l := &Lang{Code: code, texts: map[string]text{}}
	if before != nil {
		*l = *before
		l.texts = maps.Clone(before.texts)
	}
	var about languageFile
	if _, err := fs.Stat(folder, code+"/language.yaml"); err == nil || before == nil {
		if err := decode(folder, code+"/language.yaml", &about); err != nil {
			return nil, err
		}
	}
	var err error
	if l.tag, err = language.Parse(code); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s: the folder is not named by a language: %v", code, err)
	}
	l.Name, l.English, l.Dir = cmp.Or(about.Name, l.Name), cmp.Or(about.English, l.English), cmp.Or(about.Dir, l.Dir)
	l.Reviewer, l.Reviewed = cmp.Or(about.Reviewer, l.Reviewer), cmp.Or(about.Reviewed, l.Reviewed)
	if about.Days != nil {
		l.days = about.Days
	}
	if about.Months != nil {
		l.months = about.Months
	}
	if about.Clock != (clockWords{}) {
		l.clock = about.Clock
	}
	if l.Dir != "ltr" && l.Dir != "rtl" || len(l.days) != 7 || len(l.months) != 12 || l.Name == "" {
		return nil, fhir.Errorf(fhir.Invalid, "%s/language.yaml: name, dir (ltr or rtl), 7 days and 12 months are needed", code)
	}
	files, err := fs.Glob(folder, code+"/*.yaml")
	if err != nil {
		return nil, err
	}
	from := map[string]bool{} // what stands in this folder
	for _, name := range files {
		if path.Base(name) == "language.yaml" {
			continue
		}
		var texts map[string]text
		if err := decode(folder, name, &texts); err != nil {
			return nil, err
		}
		for english, t := range texts {
			if had := l.texts[english]; from[english] && had.other != t.other {
				return nil, fhir.Errorf(fhir.Invalid, "%s: %q stands in another file of %s as %q", name, english, code, had.other)
			}
			if check {
				if err := t.fits(english); err != nil {
					return nil, fhir.Errorf(fhir.Invalid, "%s: %w", name, err)
				}
			}
			l.texts[english], from[english] = t, true
		}
	}
	return l, nil
}

var (
	numbers = regexp.MustCompile(`[0-9]+`)
	verbs   = regexp.MustCompile(`%(\[[0-9]\])?[a-z]`)
)

// fits says what is wrong with a translation whose places for values, or numbers, are not those of the English text: a dose, an age or a telephone number is the same
// in every language.
func (t text) fits(english string) error {
	want := Verbs(english)
	for _, said := range append([]string{t.other}, slices.Collect(maps.Values(t.forms))...) {
		got := Verbs(said)
		if said != t.other && slices.Contains(want, "%d") && !slices.Contains(got, "%d") {
			continue // "one letter" may do without its number
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%q has the places %v for values, but %q has %v", said, got, english, want)
		}
	}
	digits := func(text string) []string {
		found := numbers.FindAllString(verbs.ReplaceAllString(text, ""), -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	if t.forms == nil && !slices.Equal(digits(english), digits(t.other)) {
		return fmt.Errorf("the numbers of %q are not those of %q", t.other, english)
	}
	return nil
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

// catalogue is the languages there are, English first, and those that somebody can choose.
type catalogue struct {
	all, offered []*Lang
	needed       []string // the texts of which a language may lack none to be offered: those of Welsh as it comes with Kith; a test at the root makes sure that these are all
}

// comesWith are the languages Kith comes with.
var comesWith = sync.OnceValue(func() *catalogue {
	langs, err := Load(shipped)
	if err != nil {
		panic("words: " + err.Error()) // they are built in, and a test reads them
	}
	all := append([]*Lang{inEnglish()}, langs...)
	welsh := slices.IndexFunc(all, func(l *Lang) bool { return l.Code == "cy" })
	return offer(all, all[welsh].Keys())
})

func offer(all []*Lang, needed []string) *catalogue {
	c := &catalogue{all: all, needed: needed}
	for _, l := range all {
		if len(l.lacks(needed)) == 0 {
			c.offered = append(c.offered, l)
		}
	}
	return c
}

// used is the catalogue with what a place has added; nil for none.
var used atomic.Pointer[catalogue]

func there() *catalogue {
	if c := used.Load(); c != nil {
		return c
	}
	return comesWith()
}

// Use takes in folders of a place beside what comes with Kith: other words for a text, texts of data of its own, another language, and who has reviewed one. It is for the
// start of a program, before any page is made; without folders it goes back to what comes with Kith. An error names the file and what is wrong; nothing is taken in then.
func Use(folders ...fs.FS) error {
	all := slices.Clone(comesWith().all)
	for _, folder := range folders {
		entries, err := fs.ReadDir(folder, ".")
		if err != nil {
			return fhir.Errorf(fhir.Invalid, "the folder of words cannot be read: %v", err)
		}
		for _, e := range entries {
			code := e.Name()
			if !e.IsDir() || strings.HasPrefix(code, ".") {
				continue
			}
			if code == "en" {
				return fhir.Errorf(fhir.Invalid, "en: English is written where it is used, and has no folder")
			}
			i := slices.IndexFunc(all, func(l *Lang) bool { return l.Code == code })
			var before *Lang
			if i >= 0 {
				before = all[i]
			}
			l, err := read(folder, code, before, true)
			if err != nil {
				return err
			}
			if i >= 0 {
				all[i] = l
			} else {
				all = append(all, l)
			}
		}
	}
	used.Store(offer(all, comesWith().needed))
	return nil
}

// All are the languages that Kith knows of, whether their texts are there or not, English first.
func All() []*Lang { return slices.Clone(there().all) }

// Offered are the languages somebody can choose: English and those of which no text is missing.
func Offered() []*Lang { return there().offered }

// Missing are the English texts that the language does not have, in order.
func (l *Lang) Missing() []string { return l.lacks(there().needed) }

func (l *Lang) lacks(needed []string) (out []string) {
	for _, english := range needed {
		if !l.Has(english) {
			out = append(out, english)
		}
	}
	return out
}

// inEnglish is the one English.
var inEnglish = sync.OnceValue(english)

// In is the language of a code, such as cy; English where it is not offered.
func In(code string) *Lang {
	base, _, _ := strings.Cut(strings.ToLower(code), "-")
	if base == "en" || base == "" {
		return inEnglish() // and no other language needs to be read for it
	}
	for _, l := range there().offered {
		if l.Code == base {
			return l
		}
	}
	return inEnglish()
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

// WriteMissing writes what the language lacks as a file to be filled in: by the English text the Welsh, with its plurals where it has some.
func (l *Lang) WriteMissing(out io.Writer) error {
	welsh := In("cy")
	texts := &yaml.Node{Kind: yaml.MappingNode}
	for _, english := range l.Missing() {
		t := welsh.texts[english]
		var said any = t.other
		if t.forms != nil {
			forms := map[string]string{}
			for name, f := range pluralNames {
				if form, has := t.forms[f]; has {
					forms[name] = form
				}
			}
			said = forms
		}
		value := &yaml.Node{}
		if err := value.Encode(said); err != nil {
			return err
		}
		texts.Content = append(texts.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: english, Style: yaml.DoubleQuotedStyle}, value)
	}
	if len(texts.Content) == 0 {
		_, err := fmt.Fprintln(out, "# nothing is missing")
		return err
	}
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(texts); err != nil {
		return err
	}
	return e.Close()
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
