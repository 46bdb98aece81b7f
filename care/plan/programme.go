package plan

import (
	"embed"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kith-care/kith/fhir"
)

// Programme is a programme of exercise or reading, as its author wrote it: content, never code.
type Programme struct {
	Name     string // in addresses and Goals, such as walking
	Kind     string // exercise or reading
	Title    string
	What     string // in a sentence or two
	Version  string
	Author   string
	Reviewed string // the day it was last gone through, such as 2026-11-26
	ReviewBy string `yaml:"review_by"`
	Sources  []Link
	Before   []string // what to know before one begins
	Stop     []string // when to stop and get help
	Weeks    []Week
}

// Link is where more stands.
type Link struct{ Title, URL, By string }

// Week is one step of a programme.
type Week struct {
	Title string
	Do    []string
	Read  []Link
	Times int // a week
}

// Rules are the numbers by which goals are followed, with where they come from.
type Rules struct {
	Version, Author, Reviewed string
	ReviewBy                  string `yaml:"review_by"`
	Sources                   []Link
	QuietDays                 int `yaml:"quiet_days"` // after so many days without a check-in a person is asked to get in touch
	ContactDays               int `yaml:"contact_days"`
	WeekDays                  int `yaml:"week_days"` // a step lasts so long
	EasyDays                  int `yaml:"easy_days"` // and at least so long where it is too easy
	Confident                 int // out of 10: below it a smaller step is offered
	Repeats                   RepeatRules
}

// Book is the programmes and the rules.
type Book struct {
	Programmes []*Programme // by title
	Rules      Rules
	AskFirst   []AskFirst
}

// Programme is one by its name, nil where there is none.
func (b *Book) Programme(name string) *Programme {
	for _, p := range b.Programmes {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Texts are what programmes and rules about orders say to people, which is translated (words). What they link to is in English.
func (b *Book) Texts() []string {
	var out []string
	for _, p := range b.Programmes {
		out = slices.Concat(out, []string{p.Title, p.What}, p.Before, p.Stop)
		for _, w := range p.Weeks {
			out = slices.Concat(out, []string{w.Title}, w.Do)
		}
	}
	for _, a := range b.AskFirst {
		out = append(out, a.Why)
	}
	return out
}

//go:embed programmes/*.yaml
var shipped embed.FS

// Shipped are the programmes and rules Kith comes with.
func Shipped() fs.FS {
	folder, _ := fs.Sub(shipped, "programmes")
	return folder
}

var ownBook = sync.OnceValues(func() (*Book, error) { return Load(Shipped()) })

func (s *Service) book() (*Book, error) {
	if s.Book != nil {
		return s.Book, nil
	}
	return ownBook()
}

// Load reads a folder: rules.yaml, ask-first.yaml, and a file a programme. What is wrong is named with its file.
func Load(folder fs.FS) (*Book, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	b := &Book{}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		wrong := func(err error) error { return fhir.Errorf(fhir.Invalid, "%s: %v", name, err) }
		switch name {
		case "rules.yaml":
			err = strict(text, &b.Rules)
		case "ask-first.yaml":
			var file askFirstFile
			if err = strict(text, &file); err == nil {
				b.AskFirst, err = file.check()
			}
		default:
			p := &Programme{Name: strings.TrimSuffix(path.Base(name), ".yaml")}
			if err = strict(text, p); err == nil {
				err = p.check()
			}
			b.Programmes = append(b.Programmes, p)
		}
		if err != nil {
			return nil, wrong(err)
		}
	}
	if err := b.Rules.check(); err != nil {
		return nil, err
	}
	slices.SortFunc(b.Programmes, func(x, y *Programme) int { return strings.Compare(x.Title, y.Title) })
	return b, nil
}

func strict(text []byte, into any) error {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	return d.Decode(into)
}

func (p *Programme) check() error {
	switch {
	case p.Title == "" || p.What == "" || p.Version == "" || p.Author == "" || len(p.Sources) == 0:
		return fhir.Errorf(fhir.Invalid, "a programme needs title, what, version, author and sources")
	case p.Kind != "exercise" && p.Kind != "reading":
		return fhir.Errorf(fhir.Invalid, "kind is exercise or reading, not %q", p.Kind)
	case len(p.Weeks) == 0:
		return fhir.Errorf(fhir.Invalid, "there are no weeks")
	case p.Kind == "exercise" && (len(p.Stop) == 0 || len(p.Before) == 0):
		return fhir.Errorf(fhir.Invalid, "exercise needs before and stop: what to know first, and when to stop and get help")
	}
	if err := dated(p.Reviewed, p.ReviewBy); err != nil {
		return err
	}
	links := slices.Clone(p.Sources)
	for i, w := range p.Weeks {
		if w.Title == "" || len(w.Do) == 0 && len(w.Read) == 0 || w.Times < 1 || w.Times > 7 {
			return fhir.Errorf(fhir.Invalid, "week %d needs a title, something to do or read, and how many times a week (1 to 7)", i+1)
		}
		links = append(links, w.Read...)
	}
	return checkLinks(links)
}

func checkLinks(links []Link) error {
	for _, l := range links {
		if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" || u.Host == "" || l.Title == "" {
			return fhir.Errorf(fhir.Invalid, "%q (%s) is no title with the https address of a page", l.Title, l.URL)
		}
	}
	return nil
}

func dated(reviewed, by string) error {
	from, err := time.Parse(time.DateOnly, reviewed)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "reviewed is a day such as 2026-11-26, not %q", reviewed)
	}
	to, err := time.Parse(time.DateOnly, by)
	if err != nil || !to.After(from) {
		return fhir.Errorf(fhir.Invalid, "review_by is a later day than reviewed, not %q", by)
	}
	return nil
}

func (r *Rules) check() error {
	switch {
	case r.QuietDays < 1 || r.ContactDays < 1 || r.WeekDays < 1 || r.EasyDays < 1 || r.EasyDays > r.WeekDays || r.Confident < 1 || r.Confident > 10:
		return fhir.Errorf(fhir.Invalid, "rules.yaml: quiet_days, contact_days, week_days, easy_days and confident are needed, and easy_days is at most week_days")
	case r.Repeats.UsualDays < 1 || r.Repeats.EarlyDays < 0 || r.Repeats.EarlyDays >= r.Repeats.UsualDays || r.Repeats.AnswerDays < 1:
		return fhir.Errorf(fhir.Invalid, "rules.yaml: repeats needs usual_days, early_days below it, and answer_days")
	case r.Author == "" || r.Version == "" || len(r.Sources) == 0:
		return fhir.Errorf(fhir.Invalid, "rules.yaml: author, version and sources are needed")
	}
	if err := dated(r.Reviewed, r.ReviewBy); err != nil {
		return err
	}
	return checkLinks(r.Sources)
}
