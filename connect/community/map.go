package community

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
)

//go:embed maps/*.json
var kept embed.FS

// Map says what a supplier's tables and columns mean. It is read from JSON; docs/around.md has the elements of each kind.
type Map struct {
	Title   string
	Comma   string   // between values; "" for a comma
	Charset string   // utf-8 or windows-1252; "" for the first
	Days    []string // how days are written, such as dd/MM/yyyy
	Times   []string // how clock times are written, such as dd/MM/yyyy HH:mm
	Tables  []MapTable
}

// MapTable says what one table means.
type MapTable struct {
	Name string // lower case letters; part of ids, so it stays as it is
	File string // how files that hold it are called, such as contacts*.csv
	Kind string // person, contact, caseload, assessment, plan
	Full bool   // each file holds all rows there are
	// Columns says in which column each element stands; of several, those that are not empty are put together with a space.
	Columns map[string]Columns
	// Values says what the supplier's words for an element mean; * stands for all others.
	Values map[string]map[string]string
	// Answers are columns that are answers to questions, with the question. Of assessments only.
	Answers []Question
	// Deleted is the column and the value by which a row is taken back.
	Deleted map[string]string
}

// Question is a column of an assessment and what was asked.
type Question struct{ Column, Text string }

// Columns are the names of one column or several.
type Columns []string

// UnmarshalJSON reads one name, or a list of them.
func (c *Columns) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*c = Columns{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(c))
}

// personal are the elements of a person, which every table may have.
var personal = []string{"person", "nhs", "forename", "surname", "title", "sex", "born", "died", "line1", "line2", "town", "postcode", "phone", "mobile", "email", "ethnicity", "practice"}

// elements are what a table of each kind may have besides, and which of these it must.
var elements = map[string]struct{ may, must []string }{
	"person":     {},
	"contact":    {[]string{"id", "start", "end", "minutes", "class", "status", "type", "team", "clinician", "reason", "reasonCode", "reasonSystem", "outcome", "note", "caseload"}, []string{"id", "start"}},
	"caseload":   {[]string{"id", "start", "end", "status", "type", "team", "clinician", "reason", "reasonCode", "reasonSystem"}, []string{"id", "start"}},
	"assessment": {[]string{"id", "start", "name", "code", "system", "value", "unit", "text", "clinician", "contact", "note"}, []string{"id", "start"}},
	"plan":       {[]string{"id", "start", "end", "status", "title", "goal", "activity", "clinician", "caseload", "note"}, []string{"id"}},
}

// ParseMap reads a map and checks it: an element nobody knows, or one that is missing, is an error that says where.
func ParseMap(data []byte) (*Map, error) {
	m := &Map{}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(m); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the map is no JSON of a map: %w", err)
	}
	if len(m.Tables) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the map has no tables")
	}
	if len(m.Comma) > 1 {
		return nil, fhir.Errorf(fhir.Invalid, "comma: %q is not one character", m.Comma)
	}
	if m.Charset != "" && m.Charset != "utf-8" && m.Charset != "windows-1252" {
		return nil, fhir.Errorf(fhir.Invalid, "charset: %q is neither utf-8 nor windows-1252", m.Charset)
	}
	seen := map[string]bool{}
	for i := range m.Tables {
		t := &m.Tables[i]
		if err := t.check(i); err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, fhir.Errorf(fhir.Invalid, "tables[%d]: two tables are called %s", i, t.Name)
		}
		seen[t.Name] = true
	}
	return m, nil
}

func (t *MapTable) check(i int) error {
	fault := func(format string, args ...any) error {
		return fhir.Errorf(fhir.Invalid, "tables[%d]: %s", i, fmt.Sprintf(format, args...))
	}
	if t.Name == "" || strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return fault("%q cannot name a table: it takes lower case letters", t.Name)
	}
	kind, ok := elements[t.Kind]
	if !ok {
		return fault("%s: kind is person, contact, caseload, assessment or plan, not %q", t.Name, t.Kind)
	}
	if _, err := path.Match(t.File, "x"); err != nil || t.File == "" {
		return fault("%s: file: %q does not say how files are called", t.Name, t.File)
	}
	for _, element := range slices.Sorted(maps.Keys(t.Columns)) {
		if !slices.Contains(kind.may, element) && !slices.Contains(personal, element) {
			return fault("%s: columns: a %s has no element %q; it has %s and %s", t.Name, t.Kind, element, strings.Join(kind.may, ", "), strings.Join(personal, ", "))
		}
		if len(t.Columns[element]) == 0 {
			return fault("%s: columns: %s names no column", t.Name, element)
		}
	}
	for _, element := range slices.Sorted(maps.Keys(t.Values)) {
		if t.Columns[element] == nil {
			return fault("%s: values: there are words for %q, but no column", t.Name, element)
		}
	}
	for _, must := range append([]string{"person"}, kind.must...) {
		if t.Columns[must] == nil {
			return fault("%s: columns: nothing says which column is %q, without which nothing can be filed", t.Name, must)
		}
	}
	for _, status := range t.Values["status"] {
		if !slices.Contains(statuses[t.Kind], status) {
			return fault("%s: values: status: %q is none of %s", t.Name, status, strings.Join(statuses[t.Kind], ", "))
		}
	}
	for _, class := range t.Values["class"] {
		if classes[class] == "" {
			return fault("%s: values: class: %q is none of %s", t.Name, class, strings.Join(slices.Sorted(maps.Keys(classes)), ", "))
		}
	}
	if t.Answers != nil && t.Kind != "assessment" {
		return fault("%s: answers: only an assessment has answers", t.Name)
	}
	return nil
}

// statuses are the states of what each kind makes.
var statuses = map[string][]string{
	"contact":  {"planned", "in-progress", "finished", "cancelled"},
	"caseload": {"planned", "waitlist", "active", "onhold", "finished", "cancelled"},
	"plan":     {"draft", "active", "on-hold", "revoked", "completed"},
}

// classes are where contacts take place. http://terminology.hl7.org/CodeSystem/v3-ActCode
var classes = map[string]string{"AMB": "ambulatory", "HH": "home health", "VR": "virtual", "IMP": "inpatient encounter", "EMER": "emergency", "FLD": "field"}

// Maps are the names of the maps that come with Kith.
func Maps() []string {
	files, _ := kept.ReadDir("maps") // it is built in
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), ".json"))
	}
	return out
}

// MapOf is the map of a feed: one that comes with Kith, or a file.
func MapOf(feed *intake.Feed) (*Map, error) {
	if feed.Map == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the feed %s names no map of its columns: it is one of %s, or a file", feed.Name, strings.Join(Maps(), ", "))
	}
	data, err := kept.ReadFile("maps/" + feed.Map + ".json")
	if err != nil {
		if data, err = os.ReadFile(feed.Map); err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "the feed %s is of the map %s, which is neither a file nor one of %s: %w", feed.Name, feed.Map, strings.Join(Maps(), ", "), err)
		}
	}
	m, err := ParseMap(data)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the map %s of the feed %s: %w", feed.Map, feed.Name, err)
	}
	return m, nil
}

// Mapped is the format of services whose columns a map says; which, intake.Feed.Map names.
func Mapped() *intake.Format {
	return &intake.Format{Kind: "community", For: func(feed *intake.Feed) (*intake.Format, error) {
		m, err := MapOf(feed)
		if err != nil {
			return nil, err
		}
		return m.Format(), nil
	}}
}

// Format is the format that a map describes.
func (mp *Map) Format() *intake.Format {
	f := &intake.Format{Kind: "community", Windows1252: mp.Charset == "windows-1252", Recognise: mp.recognise, Columns: map[string][]string{}}
	patients := intake.Unit{Kind: intake.PatientUnit, Makes: []string{"Patient"}, Map: mp.patient}
	f.Units = append(f.Units, patients)
	for i := range mp.Tables {
		t := &mp.Tables[i]
		for check, element := range map[string]string{"parent": "person", "nhs-number": "nhs", "birth-date": "born", "postcode": "postcode", "coded": "code", "dated": "start", "ahead": "start"} {
			f.Columns[check] = append(f.Columns[check], t.Columns[element]...)
		}
		who := intake.Table{Name: t.Name + " person", Unit: intake.PatientUnit, Key: t.read("person"), Content: t.person}
		f.Stages = append(f.Stages, []string{t.Name})
		if t.Kind == "person" {
			who.Name, who.Need, who.Content, who.Deleted = t.Name, t.Columns["person"], nil, t.deleted()
			f.Tables = append(f.Tables, who)
			continue
		}
		var need []string
		for _, element := range append([]string{"person"}, elements[t.Kind].must...) {
			need = append(need, t.Columns[element]...)
		}
		f.Tables = append(f.Tables, intake.Table{Name: t.Name, Need: need, Key: t.read("id"), Unit: t.Name, Deleted: t.deleted(), Also: []string{who.Name}}, who)
		makes := map[string][]string{"contact": {"Encounter"}, "caseload": {"EpisodeOfCare"}, "assessment": {"Observation", "QuestionnaireResponse"}, "plan": {"CarePlan"}}
		f.Units = append(f.Units, intake.Unit{Kind: t.Name, Makes: makes[t.Kind], Patient: func(m *intake.Mapping) string { return t.get(m.Row(t.Name), "person") },
			Map: func(m *intake.Mapping) error { return (&unit{mp, t, m, m.Row(t.Name)}).put() }})
	}
	return f
}

// recognise knows a table by its file's name.
func (mp *Map) recognise(name string, head []byte) (*intake.File, error) {
	base := strings.ToLower(path.Base(name))
	for i := range mp.Tables {
		t := &mp.Tables[i]
		if ok, _ := path.Match(strings.ToLower(t.File), base); ok {
			if err := mp.monthFirst(t, head); err != nil {
				return nil, err
			}
			f := &intake.File{Name: name, Table: t.Name, Stamp: fact.Stamp(base, time.Now()), Full: t.Full}
			if mp.Comma != "" {
				f.Comma = mp.Comma[0]
			}
			return f, nil
		}
	}
	return nil, nil
}

// get is what a row says of an element, in the map's words.
func (t *MapTable) get(r *intake.Row, element string) string {
	if r == nil {
		return ""
	}
	var parts []string
	for _, c := range t.Columns[element] {
		if v := r.Get(c); v != "" {
			parts = append(parts, v)
		}
	}
	v := strings.Join(parts, " ")
	words := t.Values[element]
	if words == nil {
		return v
	}
	if mapped, ok := words[v]; ok {
		return mapped
	}
	if other, ok := words["*"]; ok {
		return other
	}
	return v
}

func (t *MapTable) read(element string) func(*intake.Row) string {
	return func(r *intake.Row) string { return t.get(r, element) }
}

// person is what a row says of the person.
func (t *MapTable) person(r *intake.Row) string {
	var b strings.Builder
	for _, element := range personal {
		b.WriteString(t.get(r, element))
		b.WriteByte(0)
	}
	return b.String()
}

func (t *MapTable) deleted() func(*intake.Row) bool {
	if len(t.Deleted) == 0 {
		return nil
	}
	return func(r *intake.Row) bool {
		for column, value := range t.Deleted {
			if r.Get(column) == value {
				return true
			}
		}
		return false
	}
}
