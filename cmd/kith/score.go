package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

const scoreUsage = `usage: kith score [--db DATABASE] DIR

Holds a record that was filled from a made-up town (kith town write) against the town's truth in DIR/truth: every coded fact must be there
once, of the right person, on the right date, from the right source; what was taken back must not be there; and the records of one
person must be linked, those of two must not. Prints a score for each feed; the exit code is 1 where anything is wrong.

`

func scoreCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("score", scoreUsage, stderr)
	db := databaseFlag(f, "sqlite:kith.db")
	show := f.Int("show", 5, "how many faults of each kind to show")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() != 1 {
		fmt.Fprintln(stderr, "kith score: name the folder of the town")
		return 2
	}
	ctx := context.Background()
	door, err := record.Open(ctx, record.Options{DB: *db, Policy: access.Everyone{}})
	if err != nil {
		fmt.Fprintf(stderr, "kith score: %v\n", err)
		return 1
	}
	defer door.Close()
	s := &score{door: door, show: *show, feeds: map[string]*feedScore{}, faults: map[string][]string{}}
	if err := s.run(ctx, f.Arg(0)); err != nil {
		fmt.Fprintf(stderr, "kith score: %v\n", err)
		return 1
	}
	s.print(stdout)
	if s.wrong() > 0 {
		return 1
	}
	return 0
}

// score holds a record against a truth.
type score struct {
	door   *record.Door
	show   int
	found  map[found][]entry
	coded  map[found][]*entry // by patient and code, for sources that give their entries no key: key is PATIENT SYSTEM|CODE
	feeds  map[string]*feedScore
	faults map[string][]string
	linked linkScore
}

// found is what a source's key made: a type of resource, a feed, a key.
type found struct{ typ, feed, key string }

// entry is a resource, so far as the truth speaks of it.
type entry struct {
	id, patient string
	codes       []string // system|code
	dates       []string
	value       string
	values      []string // all numbers, in order
	over        bool     // it says of itself that it was taken back, and is kept so that one can see that it was
	taken       bool     // it has answered for a fact that has no key
}

// feedScore counts the facts of a feed.
type feedScore struct {
	facts, right, missing, twice, person, date, code, value, gone, stillThere int
}

type linkScore struct{ people, records, pairs, right, wrong, missed int }

// truthFact and truthPerson are lines of the truth.
type truthFact struct {
	Feed, Patient, Person, Kind, Key, System, Code, Value, Date string
	Deleted                                                     bool
}

type truthPerson struct {
	Person  string
	Records []struct {
		Feed, Key string
		Deleted   bool
	}
}

func (s *score) run(ctx context.Context, dir string) error {
	kinds := map[string]bool{"Patient": true}
	facts := filepath.Join(dir, "truth", "facts.ndjson")
	if err := eachLine(facts, func(f *truthFact) error { kinds[f.Kind] = true; return nil }); err != nil {
		return err
	}
	s.found, s.coded = map[found][]entry{}, map[found][]*entry{}
	for _, typ := range slices.Sorted(maps.Keys(kinds)) {
		if err := s.read(ctx, typ); err != nil {
			return err
		}
	}
	if err := eachLine(facts, s.fact); err != nil {
		return err
	}
	return s.people(ctx, filepath.Join(dir, "truth", "people.ndjson"))
}

func eachLine[T any](path string, do func(*T) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		var x T
		if err := json.Unmarshal(in.Bytes(), &x); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if err := do(&x); err != nil {
			return err
		}
	}
	return in.Err()
}

// read notes every resource of a type by the keys that its source gave it.
func (s *score) read(ctx context.Context, typ string) error {
	who := access.Actor{ID: "kith/score", Role: access.Kith}
	for m, err := range s.door.All(ctx, who, typ) {
		if err != nil {
			return err
		}
		res, err := m.Resource()
		if err != nil {
			return err
		}
		root := res.Root()
		st := root.Get("status").Text()
		e := entry{id: res.ID(), patient: whose(root), over: st == "entered-in-error" || st == "cancelled"}
		note(root, "", 0, &e)
		s.index(typ, root, e)
	}
	return nil
}

// index notes an entry under the keys that its source gave it: identifiers of rows, the numbers of a hospital's visits and orders, and, where
// there are none, what it says of whom.
func (s *score) index(typ string, root fhir.Value, e entry) {
	feed, _, _ := intake.SourceOf(root.Get("meta").Get("source").Text())
	keyed := false
	note := func(feed, key string) {
		k := found{typ, feed, key}
		if !slices.ContainsFunc(s.found[k], func(have entry) bool { return have.id == e.id }) {
			s.found[k] = append(s.found[k], e)
		}
		keyed = true
	}
	for _, list := range []fhir.Value{root.Get("identifier"), root.Get("masterIdentifier")} {
		for id := range list.Items() {
			system, value := id.Get("system").Text(), id.Get("value").Text()
			if from, ok := strings.CutPrefix(system, "urn:kith:source:"); ok {
				note(from, value)
			} else if strings.HasPrefix(system, "urn:kith:id:"+feed+":") {
				note(feed, value)
				if typ == "DiagnosticReport" {
					note(feed, value+"-R")
				}
			}
		}
	}
	if !keyed && feed != "" {
		for _, c := range e.codes {
			k := found{typ, feed, e.patient + " " + c}
			s.coded[k] = append(s.coded[k], &e)
		}
	}
}

// unkeyed takes the entry that says what a fact says, of the same patient on the same day; nil where there is none left.
func (s *score) unkeyed(f *truthFact) []entry {
	for _, patient := range s.patientsOf(f.Feed, f.Patient) {
		for _, e := range s.coded[found{f.Kind, f.Feed, patient + " " + f.System + "|" + f.Code}] {
			if e.taken || f.Value != "" && !sameNumber(f.Value, e.value) && f.Value != strings.Join(e.values, "/") {
				continue
			}
			if f.Date != "" && !slices.ContainsFunc(e.dates, func(d string) bool { return strings.HasPrefix(d, f.Date) }) {
				continue
			}
			e.taken = true
			return []entry{*e}
		}
	}
	return nil
}

func whose(root fhir.Value) string {
	for _, name := range []string{"subject", "patient"} {
		if r := root.Get(name).Get("reference"); r.Exists() {
			return strings.TrimPrefix(r.Text(), "Patient/")
		}
	}
	for p := range root.Get("participant").Items() {
		if id, ok := strings.CutPrefix(p.Get("actor").Get("reference").Text(), "Patient/"); ok {
			return id
		}
	}
	return ""
}

// note gathers the codes, dates and value of a resource.
func note(v fhir.Value, name string, depth int, e *entry) {
	switch v.Kind() {
	case fhir.Object:
		if v.Get("code").Exists() && v.Get("system").Exists() && name == "coding" {
			e.codes = append(e.codes, v.Get("system").Text()+"|"+v.Get("code").Text())
		}
		for member := v.First(); member.Exists(); member = member.Next() {
			note(member, member.Name(), depth+1, e)
		}
	case fhir.Array:
		for item := v.First(); item.Exists(); item = item.Next() {
			note(item, name, depth, e)
		}
	default:
		switch name {
		case "effectiveDateTime", "onsetDateTime", "authoredOn", "start", "performedDateTime", "occurrenceDateTime", "collectedDateTime", "date", "recordedDate", "issued", "effectiveInstant", "sent":
			e.dates = append(e.dates, v.Text())
		case "value":
			if v.Kind() == fhir.Number && e.value == "" {
				e.value = string(v.Raw())
			}
			if v.Kind() == fhir.Number {
				e.values = append(e.values, string(v.Raw()))
			}
		case "valueString":
			if depth == 1 {
				e.value = v.Text()
			}
		}
	}
}

func sourceKey(key string) string { return strings.ToUpper(strings.Trim(key, "{}")) }

func (s *score) fact(f *truthFact) error {
	fs := s.feeds[f.Feed]
	if fs == nil {
		fs = &feedScore{}
		s.feeds[f.Feed] = fs
	}
	have := s.found[found{f.Kind, f.Feed, sourceKey(f.Key)}]
	if have == nil {
		have = s.found[found{f.Kind, f.Feed, f.Key}]
	}
	if have == nil && f.Code != "" && !f.Deleted {
		have = s.unkeyed(f)
	}
	what := fmt.Sprintf("%s %s %s|%s %s", f.Kind, f.Key, f.System, f.Code, f.Date)
	if f.Deleted {
		fs.gone++
		if slices.ContainsFunc(have, func(e entry) bool { return !e.over }) {
			fs.stillThere++
			s.fault(f.Feed, "still there", what)
		}
		return nil
	}
	fs.facts++
	switch {
	case len(have) == 0:
		fs.missing++
		s.fault(f.Feed, "missing", what)
		return nil
	case len(have) > 1:
		fs.twice++
		s.fault(f.Feed, "twice", what)
		return nil
	}
	e, ok := have[0], true
	patients := s.patientsOf(f.Feed, f.Patient)
	fault := func(kind string, count *int, got any) {
		*count++
		ok = false
		s.fault(f.Feed, kind, fmt.Sprintf("%s: %v", what, got))
	}
	if !slices.Contains(patients, e.patient) {
		fault("wrong person", &fs.person, e.patient)
	}
	if f.Code != "" && !slices.Contains(e.codes, f.System+"|"+f.Code) {
		fault("wrong code", &fs.code, e.codes)
	}
	if f.Date != "" && !slices.ContainsFunc(e.dates, func(d string) bool { return strings.HasPrefix(d, f.Date) }) {
		fault("wrong date", &fs.date, e.dates)
	}
	if f.Value != "" && !sameNumber(f.Value, e.value) && f.Value != strings.Join(e.values, "/") {
		fault("wrong value", &fs.value, e.value)
	}
	if ok {
		fs.right++
	}
	return nil
}

func sameNumber(a, b string) bool {
	x, err := fhir.ParseDecimal(a)
	y, err2 := fhir.ParseDecimal(b)
	if err != nil || err2 != nil {
		return a == b
	}
	return x.Cmp(y) == 0
}

func (s *score) patientsOf(feed, key string) []string {
	have := s.found[found{"Patient", feed, sourceKey(key)}]
	if have == nil {
		have = s.found[found{"Patient", feed, key}]
	}
	var ids []string
	for _, e := range have {
		ids = append(ids, e.id)
	}
	return ids
}

func (s *score) fault(feed, kind, what string) {
	k := feed + ", " + kind
	if len(s.faults[k]) < s.show {
		s.faults[k] = append(s.faults[k], what)
	}
}

// people holds who is linked against who is one person.
func (s *score) people(ctx context.Context, path string) error {
	of := map[string]string{} // Patient -> person
	var ids []string
	err := eachLine(path, func(p *truthPerson) error {
		s.linked.people++
		for _, r := range p.Records {
			for _, id := range s.patientsOf(r.Feed, r.Key) {
				of[id] = p.Person
				ids = append(ids, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.linked.records = len(ids)
	pairs := map[string]int{}
	for _, id := range ids {
		pairs[of[id]]++
	}
	for _, n := range pairs {
		s.linked.pairs += n * (n - 1) / 2
	}
	slices.Sort(ids)
	for i, id := range ids {
		if i > 0 && ids[i-1] == id {
			continue
		}
		group, err := s.door.Person(ctx, id)
		if err != nil {
			return err
		}
		for _, other := range group {
			if other <= id || of[other] == "" {
				continue
			}
			if of[other] == of[id] {
				s.linked.right++
			} else {
				s.linked.wrong++
				s.fault("people", "wrongly linked", id+" ("+of[id]+") and "+other+" ("+of[other]+")")
			}
		}
	}
	s.linked.missed = s.linked.pairs - s.linked.right
	return nil
}

func (s *score) wrong() int {
	n := 0
	for _, f := range s.feeds {
		n += f.facts - f.right + f.stillThere
	}
	return n
}

func (s *score) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "feed\tfacts\tright\t%\tmissing\ttwice\twrong person\twrong code\twrong date\twrong value\ttaken back\tstill there\t")
	for _, name := range slices.Sorted(maps.Keys(s.feeds)) {
		f := s.feeds[name]
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, f.facts, f.right, 100*float64(f.right)/max(float64(f.facts), 1), f.missing, f.twice, f.person, f.code, f.date, f.value, f.gone, f.stillThere)
	}
	t.Flush()
	l := s.linked
	fmt.Fprintf(w, "%d people, %d records of them: of %d true pairs %d are linked, %d missed (%.3f %%); %d pairs are linked wrongly (%.4f %%)\n", l.people, l.records, l.pairs, l.right, l.missed,
		100*float64(l.missed)/max(float64(l.pairs), 1), l.wrong, 100*float64(l.wrong)/max(float64(l.right+l.wrong), 1))
	for _, k := range slices.SortedFunc(maps.Keys(s.faults), cmp.Compare[string]) {
		fmt.Fprintf(w, "%s, such as:\n  %s\n", k, strings.Join(s.faults[k], "\n  "))
	}
}
