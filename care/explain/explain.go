// Package explain says in plain words what stands in a record: what a term means, what one can do oneself, when to get help.
//
// The words are data: a glossary in YAML, keyed by code, with author, source, version and day of review (glossary/). A term is found by its codes first
// (SNOMED CT, dm+d, LOINC, Read); only one that has no code that is known is found by its words, and then only by exactly these words, or, of a medicine,
// by the name that its words begin with. What is not found is shown as it stands in the record and never guessed at.
//
// cover.go counts how much of a record is explained. docs/record.md says how an entry is written and reviewed.
package explain

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
)

//go:embed glossary/*.yaml
var shipped embed.FS

// Shipped is the folder with the glossary that comes with Kith.
func Shipped() fs.FS {
	folder, err := fs.Sub(shipped, "glossary")
	if err != nil {
		panic(err) // the name is a constant
	}
	return folder
}

// The kinds of entry. Words alone lead from an allergy to an entry of allergies only, and from anything else never to one: "Aspirin" is one thing in a
// list of medicines and another in a list of allergies.
const (
	Condition   = "condition"
	Medicine    = "medicine"
	Allergy     = "allergy"
	Result      = "result"
	Vaccination = "vaccination"
	Care        = "care" // procedures, visits, referrals, letters and the work of an office
)

var kinds = []string{Condition, Medicine, Allergy, Result, Vaccination, Care}

// groups are the categories of results that pages show. https://hl7.org/fhir/R4/valueset-observation-category.html
var groups = []string{"laboratory", "vital-signs", "imaging", "procedure", "exam", "survey", "social-history"}

// Entry is one thing that stands in records, in plain words.
type Entry struct {
	Name   string   `yaml:"name"`   // what it is called in plain words
	Codes  []string `yaml:"codes"`  // sct:59621000, or system|code
	Words  []string `yaml:"words"`  // terms that mean it where there is no code
	Begins string   `yaml:"begins"` // of a medicine: the name that terms begin with
	Group  string   `yaml:"group"`  // of a result: the category of FHIR that it is shown under where its source says none
	Source string   `yaml:"source"` // below the site of its file
	What   string   `yaml:"what"`
	Self   string   `yaml:"self"` // what one can do oneself, "" where there is nothing
	Help   string   `yaml:"help"` // when to get help, "" where there is nothing

	File *File `yaml:"-"`
}

// Passage is all that the entry says.
func (e *Entry) Passage() string { return strings.TrimSpace(e.What + " " + e.Self + " " + e.Help) }

// Link is the address of the page that the entry was written from.
func (e *Entry) Link() string { return e.File.Site + e.Source }

// File is what the entries of a file share.
type File struct {
	Kind     string  `yaml:"kind"`
	Author   string  `yaml:"author"`
	Version  string  `yaml:"version"` // a day
	Review   string  `yaml:"review"`  // the day by which somebody must look at it again
	Reviewer string  `yaml:"reviewer"`
	Site     string  `yaml:"site"`
	Entries  []Entry `yaml:"entries"`
}

// prefixes stand for systems in the codes of the glossary.
var prefixes = map[string]string{"sct": "http://snomed.info/sct", "dmd": "https://dmd.nhs.uk", "loinc": "http://loinc.org", "read2": "http://read.info/readv2", "ctv3": "http://read.info/ctv3"}

// Glossary is all entries. It does not change and may be used by many at once.
type Glossary struct {
	Entries []*Entry
	codes   map[string]*Entry // by system|code
	words   map[string]*Entry // by folded words
	allergy map[string]*Entry // the same of allergies
	begins  map[string]*Entry // by the first words of a medicine, folded
}

// Load reads the files of folders. A code or words of a later folder take the place of the same before, so that a place can have its own entries; two
// entries of one folder may not share any. An error names every fault, with its file and entry.
func Load(folders ...fs.FS) (*Glossary, error) {
	g := &Glossary{codes: map[string]*Entry{}, words: map[string]*Entry{}, allergy: map[string]*Entry{}, begins: map[string]*Entry{}}
	var faults []error
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, err
		}
		taken := map[string]string{}
		for _, name := range names {
			faults = append(faults, g.read(folder, name, taken)...)
		}
	}
	return g, errors.Join(faults...)
}

func (g *Glossary) read(folder fs.FS, name string, taken map[string]string) (faults []error) {
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return []error{err}
	}
	f := &File{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil {
		return []error{fhir.Errorf(fhir.Invalid, "%s: %w", name, err)}
	}
	fault := func(entry, format string, args ...any) {
		at := append([]any{path.Base(name), entry}, args...)
		faults = append(faults, fhir.Errorf(fhir.Invalid, "%s: %s: "+format, at...))
	}
	if !slices.Contains(kinds, f.Kind) || f.Author == "" || f.Reviewer == "" {
		fault("the file", "it must say its kind (one of %s), author and reviewer", strings.Join(kinds, ", "))
	}
	for _, day := range []string{f.Version, f.Review} {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			fault("the file", "version and review are days such as 2026-11-26, not %q", day)
		}
	}
	if u, err := url.Parse(f.Site); err != nil || u.Scheme != "https" || !strings.HasSuffix(f.Site, "/") {
		fault("the file", "site is an https address with a last slash, not %q", f.Site)
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		e.File = f
		if e.Group != "" && !slices.Contains(groups, e.Group) {
			fault(e.Name, "the group is one of %s, not %q", strings.Join(groups, ", "), e.Group)
		}
		if e.Name == "" || e.What == "" || e.Source == "" {
			fault(e.Name, "name, source and what must not be empty")
		}
		g.Entries = append(g.Entries, e)
		put := func(in map[string]*Entry, key string) {
			if other, is := taken[key]; is {
				fault(e.Name, "%q leads to %q already", key, other)
			}
			taken[key], in[key] = e.Name, e
		}
		for _, code := range e.Codes {
			full, ok := expand(code)
			if !ok {
				fault(e.Name, "%q is no code: sct:, dmd:, loinc:, read2: or ctv3: with a code, or system|code", code)
				continue
			}
			put(g.codes, full)
		}
		for _, w := range e.Words {
			if f.Kind == Allergy {
				g.allergy[fold(w)] = e
			} else {
				put(g.words, fold(w))
			}
		}
		if e.Begins != "" {
			put(g.begins, fold(e.Begins))
		}
	}
	return faults
}

// Texts are what the entries say to people, which is translated (words). Each stands once.
func (g *Glossary) Texts() []string {
	var out []string
	for _, e := range g.Entries {
		for _, said := range []string{e.Name, e.What, e.Self, e.Help} {
			if said != "" && !slices.Contains(out, said) {
				out = append(out, said)
			}
		}
	}
	return out
}

func expand(code string) (string, bool) {
	if system, value, ok := strings.Cut(code, "|"); ok {
		return code, system != "" && value != ""
	}
	prefix, value, ok := strings.Cut(code, ":")
	system := prefixes[prefix]
	return system + "|" + value, ok && system != "" && value != ""
}

// fold brings words to the form in which they are compared.
func fold(s string) string { return strings.Join(strings.Fields(search.Fold(s)), " ") }

// OfCode returns what explains a code, nil where nothing does.
func (g *Glossary) OfCode(system, code string) *Entry { return g.codes[system+"|"+code] }

// Of returns what explains a term of a resource of a type, nil where nothing does. The concept is a CodeableConcept.
func (g *Glossary) Of(resourceType string, concept fhir.Value) *Entry {
	for c := range concept.Get("coding").Items() {
		system, code := c.Get("system").Text(), c.Get("code").Text()
		if e := g.codes[system+"|"+code]; e != nil {
			return e
		}
		// dm+d is part of SNOMED CT's United Kingdom edition, and some write its codes under that name.
		if e := g.codes[prefixes["dmd"]+"|"+code]; e != nil && system == prefixes["sct"] {
			return e
		}
	}
	if e := g.named(resourceType, concept.Get("text").Text()); e != nil {
		return e
	}
	for c := range concept.Get("coding").Items() {
		if e := g.named(resourceType, c.Get("display").Text()); e != nil {
			return e
		}
		// A local code of a hospital is often the words themselves, without a display.
		if strings.HasPrefix(c.Get("system").Text(), "urn:") {
			if e := g.named(resourceType, c.Get("code").Text()); e != nil {
				return e
			}
		}
	}
	return nil
}

// named finds an entry by words alone.
func (g *Glossary) named(resourceType, text string) *Entry {
	term := fold(text)
	if term == "" {
		return nil
	}
	if resourceType == "AllergyIntolerance" {
		return g.allergy[term]
	}
	if strings.HasPrefix(resourceType, "Medication") {
		// The longest name that the term begins with: "folic acid 5mg tablets".
		for name := term; name != ""; name = name[:max(strings.LastIndexByte(name, ' '), 0)] {
			if e := g.begins[name]; e != nil {
				return e
			}
		}
		return nil
	}
	if e := g.words[term]; e != nil {
		return e
	}
	// "Recall Asthma annual review" and "Cardiology clinic: Angina" are about what they name.
	if rest, ok := strings.CutPrefix(term, "recall "); ok {
		return g.words[rest]
	}
	if clinic, _, ok := strings.Cut(term, " clinic:"); ok {
		return g.words[clinic]
	}
	return nil
}
