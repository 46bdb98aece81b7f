// Package reconcile makes one list of what several systems say of one person: medicines, allergies and problems. Each row opens to
// its sources.
//
// The rules are pure functions over resources. Entries are put into one row only where they name the same thing: by a code of one system
// (SNOMED CT, dm+d, Read), or by the same words where one side has no such code. Two products, strengths or substances are never one row. Nothing
// is hidden: an allergy that one system has is in the list whatever the others say, and "no known allergies" is a statement of
// whoever made it, in a row of its own. Where systems disagree whether something lasts, the row says who says so and since when; who is right
// is for a person to say.
//
// Kith's feeds specification, section 9. Hazards H-20 to H-22 in docs/safety.md.
package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
)

// Kind is what a list is of.
type Kind string

// The lists.
const (
	Allergies Kind = "allergies"
	Medicines Kind = "medicines"
	Problems  Kind = "problems"
)

// Row is one thing that one or more systems say of a person.
type Row struct {
	Kind     Kind
	Name     string // as the newest source words it
	Code     string // system|code by which its entries belong together, "" where words do it
	Active   bool   // some source says that it lasts
	Conflict string // who disagrees with whom, a sentence; "" where nobody does
	None     bool   // it says that there is nothing of this kind: no known allergies
	Sources  []Source
}

// Source is one entry that speaks of the row.
type Source struct {
	Ref       string        // Type/id
	From      string        // the feed, or the organisation, that says so
	Words     string        // as it words it
	Status    string        // as it says it
	Active    bool          // what its status comes to
	Date      fhir.DateTime // since when, or when ordered
	Ended     fhir.DateTime // until when, where it says so
	Detail    string        // dose, reaction, severity
	Encounter string        // Encounter/id in which it was recorded
	Problem   string        // Condition/id for which it was given
	Issues    int           // of a medicine: how often it was issued
	Latest    fhir.DateTime // of a medicine: when it was issued last
}

// entry is a source with what it is grouped by.
type entry struct {
	Source
	codes []string // system|code, those that say what it is
	name  string   // folded words
	none  bool
	plan  string // of an issue: the plan it belongs to
	issue bool
}

// List makes the list of a kind from the resources of one person, whoever holds them. Resources of other kinds are passed over.
func List(kind Kind, resources []*fhir.Resource) []Row {
	var entries []*entry
	for _, res := range resources {
		if e := read(kind, res); e != nil {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.Ref, b.Ref) })
	if kind == Medicines {
		entries = issued(entries)
	}
	var rows []Row
	for _, group := range groups(entries) {
		rows = append(rows, row(kind, group))
	}
	slices.SortFunc(rows, order)
	return rows
}

// order puts what lasts first, then what is newest.
func order(a, b Row) int {
	if a.None != b.None {
		return truth(a.None, b.None)
	}
	if a.Active != b.Active {
		return truth(b.Active, a.Active)
	}
	if c := b.newest().Compare(a.newest()); c != 0 {
		return c
	}
	return cmp.Compare(a.Name, b.Name)
}

func truth(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

type moment string

func (m moment) Compare(o moment) int { return cmp.Compare(m, o) }

func (r Row) newest() moment {
	var newest moment
	for _, s := range r.Sources {
		for _, d := range []fhir.DateTime{s.Date, s.Latest} {
			newest = max(newest, at(d))
		}
	}
	return newest
}

// at orders times of any precision: what is known less exactly comes first.
func at(d fhir.DateTime) moment {
	if d.Year == 0 {
		return ""
	}
	return moment(d.Low().UTC().Format("2006-01-02T15:04:05"))
}

// issued puts issues of a medicine under the plan they were issued by. An issue whose plan is not there stands for itself.
func issued(entries []*entry) []*entry {
	plans := map[string]*entry{}
	for _, e := range entries {
		if !e.issue {
			plans[e.Ref] = e
		}
	}
	var out []*entry
	for _, e := range entries {
		plan := plans[e.plan]
		if !e.issue || plan == nil {
			out = append(out, e)
			continue
		}
		plan.Issues++
		if at(e.Date) > at(plan.Latest) {
			plan.Latest = e.Date
		}
	}
	return out
}

// groups puts entries together that name the same thing: they share a code, or have the same words and no codes that differ within
// one system.
func groups(entries []*entry) [][]*entry {
	var out [][]*entry
	for _, e := range entries {
		home := -1
		for i, g := range out {
			if same(g, e) {
				if home < 0 {
					home = i
					out[i] = append(out[i], e)
					continue
				}
				// It shows that two groups are one, such as a code known to both.
				if joins(out[home], g) {
					out[home] = append(out[home], g...)
					out[i] = nil
				}
			}
		}
		if home < 0 {
			out = append(out, []*entry{e})
		}
		out = slices.DeleteFunc(out, func(g []*entry) bool { return g == nil })
	}
	return out
}

// joins reports whether nothing in two groups is of different things.
func joins(a, b []*entry) bool {
	for _, x := range a {
		for _, y := range b {
			if differ(x, y) {
				return false
			}
		}
	}
	return true
}

// same reports whether an entry is of what a group is of, and of nothing that any of the group says otherwise.
func same(g []*entry, e *entry) bool {
	alike := false
	for _, x := range g {
		if differ(x, e) || x.none != e.none {
			return false
		}
		alike = alike || shares(x, e) || x.name == e.name && e.name != ""
	}
	return alike
}

func shares(a, b *entry) bool {
	return slices.ContainsFunc(a.codes, func(c string) bool { return slices.Contains(b.codes, c) })
}

// differ reports whether two entries have codes of one system and share none: they are of different things then, whatever
// their words.
func differ(a, b *entry) bool {
	if shares(a, b) {
		return false
	}
	for _, x := range a.codes {
		for _, y := range b.codes {
			if system(x) == system(y) {
				return true
			}
		}
	}
	return false
}

func system(code string) string { s, _, _ := strings.Cut(code, "|"); return s }

// row makes a row of the entries that are of one thing.
func row(kind Kind, group []*entry) Row {
	r := Row{Kind: kind}
	counts := map[string]int{}
	for _, e := range group {
		r.Sources = append(r.Sources, e.Source)
		r.Active = r.Active || e.Active
		r.None = e.none
		for _, c := range e.codes {
			counts[c]++
		}
	}
	for _, preferred := range []string{snomed, dmd, readV2, ctv3} {
		for _, c := range sorted(counts) {
			if r.Code == "" && system(c) == preferred {
				r.Code = c
			}
		}
	}
	slices.SortFunc(r.Sources, func(a, b Source) int {
		if c := at(b.Date).Compare(at(a.Date)); c != 0 {
			return c
		}
		return cmp.Compare(a.Ref, b.Ref)
	})
	for _, s := range r.Sources {
		if r.Name == "" {
			r.Name = s.Words
		}
	}
	r.Conflict = conflict(r.Sources)
	return r
}

func sorted(counts map[string]int) []string {
	var out []string
	for c := range counts {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// conflict says which sources disagree whether something lasts: each with its date. Two entries of one source are its history, not
// a conflict; what counts is the newest of each.
func conflict(sources []Source) string {
	newest := map[string]Source{}
	var names []string
	for _, s := range sources {
		have, ok := newest[s.From]
		if !ok {
			names = append(names, s.From)
		}
		if !ok || at(s.spoke()) > at(have.spoke()) {
			newest[s.From] = s
		}
	}
	var yes, no []string
	slices.Sort(names)
	for _, n := range names {
		s := newest[n]
		if s.Active {
			yes = append(yes, n+": "+s.Status+dated(" since ", s.Date))
		} else {
			no = append(no, n+": "+s.Status+dated(" on ", s.spoke()))
		}
	}
	if len(yes) == 0 || len(no) == 0 {
		return ""
	}
	return strings.Join(append(yes, no...), "; ")
}

// spoke is when the source last said something of it.
func (s Source) spoke() fhir.DateTime {
	newest := s.Date
	for _, d := range []fhir.DateTime{s.Ended, s.Latest} {
		if at(d) > at(newest) {
			newest = d
		}
	}
	return newest
}

func dated(before string, d fhir.DateTime) string {
	if d.Year == 0 {
		return ""
	}
	d.Clock, d.Zone, d.Zoned = fhir.Clock{}, 0, false
	return before + d.String()
}

// fold brings words to the form in which they are compared.
func fold(s string) string {
	return strings.Join(strings.FieldsFunc(search.Fold(s), func(r rune) bool {
		return r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && r != '.' && r != '/' && r != '%'
	}), " ")
}
