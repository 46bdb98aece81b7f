package triage

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Fact is something that the record says of somebody.
type Fact struct {
	Finding int
	From    string // the resource that says so, such as Condition/12; "" of a fact told without a record
	Words   string // as the record has it
	Weeks   int    // of a pregnancy, where it can be counted
}

// PersonOf asks the record about a patient, as who may see it: age, sex and every fact of facts.yaml, with the resource each comes from.
func (b *Book) PersonOf(ctx context.Context, door *record.Door, who access.Actor, patient string, now time.Time) (Person, error) {
	var all []*fhir.Resource
	subject, err := door.Get(ctx, who, "Patient", patient)
	if err != nil {
		return Person{}, err
	}
	res, err := fhir.Parse(subject.Body)
	if err != nil {
		return Person{}, err
	}
	all = append(all, res)
	for _, typ := range []string{"Condition", "MedicationRequest", "MedicationStatement", "AllergyIntolerance", "Procedure", "Encounter", "Observation"} {
		query := typ + "?patient=" + patient
		if typ == "Observation" {
			query += "&code=http://loinc.org|82810-3,http://loinc.org|11778-8,http://snomed.info/sct|161714006"
		}
		for stored, err := range door.All(ctx, who, query) {
			if err != nil {
				return Person{}, err
			}
			res, err := fhir.Parse(stored.Body)
			if err != nil {
				return Person{}, err
			}
			all = append(all, res)
		}
	}
	medicines, err := referredMedicines(ctx, door, who, all)
	return b.PersonIn(append(all, medicines...), now), err
}

// referredMedicines are the Medications that prescriptions refer to instead of naming a medicine. One that is not there, or not to be seen, is left out.
func referredMedicines(ctx context.Context, door *record.Door, who access.Actor, all []*fhir.Resource) (out []*fhir.Resource, err error) {
	seen := map[string]bool{}
	for _, res := range all {
		ref := fhir.ParseReference(res.Root().Get("medicationReference").Get("reference").Text())
		if ref.Type != "Medication" || seen[ref.ID] {
			continue
		}
		seen[ref.ID] = true
		stored, err := door.Get(ctx, who, ref.Type, ref.ID)
		switch kind := fhir.KindOf(err); {
		case err == nil:
			medicine, err := stored.Resource()
			if err != nil {
				return nil, err
			}
			out = append(out, medicine)
		case kind != fhir.NotFound && kind != fhir.Gone && kind != fhir.Forbidden:
			return nil, err
		}
	}
	return out, nil
}

// PersonIn is what resources say of the one Patient among them: of a record, or of the entries of a Bundle.
func (b *Book) PersonIn(all []*fhir.Resource, now time.Time) Person {
	p := Person{Record: true}
	medicines := map[string]fhir.Value{}
	for _, res := range all {
		if res.Type() == "Medication" {
			medicines["Medication/"+res.ID()] = res.Root().Get("code")
		}
	}
	for _, res := range all {
		root := res.Root()
		switch typ := res.Type(); typ {
		case "Patient":
			if born, ok := day(root.Get("birthDate").Text()); ok {
				years := now.Sub(born).Hours() / 24 / 365.25
				p.Age = &years
			}
			if sex := root.Get("gender").Text(); sex == maleID || sex == femaleID {
				p.Sex = sex
			}
		case "Condition":
			if !said(root, "verificationStatus", "entered-in-error", "refuted") {
				over := said(root, "clinicalStatus", "resolved", "inactive", "remission")
				p.Facts = append(p.Facts, b.factsOf(res, "conditions", root.Get("code"), when(root, "onsetDateTime", "recordedDate"), over, now)...)
			}
		case "MedicationRequest", "MedicationStatement":
			at := when(root, "authoredOn", "dateAsserted", "effectiveDateTime")
			current := root.Get("status").Is("active") && within(at, now, 550) || root.Get("status").Is("completed") && !at.IsZero() && within(at, now, 90)
			if current {
				code := root.Get("medicationCodeableConcept")
				if referred, ok := medicines[root.Get("medicationReference").Get("reference").Text()]; ok {
					code = referred
				}
				p.Facts = append(p.Facts, b.factsOf(res, "medicines", code, at, false, now)...)
			}
		case "AllergyIntolerance":
			if !said(root, "verificationStatus", "entered-in-error", "refuted") {
				p.Facts = append(p.Facts, b.factsOf(res, "allergies", root.Get("code"), when(root, "recordedDate"), false, now)...)
			}
		case "Procedure":
			if root.Get("status").Is("completed") {
				p.Facts = append(p.Facts, b.factsOf(res, "events", root.Get("code"), when(root, "performedDateTime", "performedPeriod"), false, now)...)
			}
		case "Encounter":
			end, ok := day(root.Get("period").Get("end").Text())
			if n := b.Lexicon.byID["recent-admission"]; root.Get("class").Get("code").Is("IMP") && ok && within(end, now, 42) {
				p.Facts = append(p.Facts, Fact{Finding: n, From: typ + "/" + res.ID(), Words: "a stay in hospital until " + end.Format(time.DateOnly)})
			}
		case "Observation": // 11778-8 and 161714006 are the date on which the baby is expected
			due, ok := day(root.Get("valueDateTime").Text())
			if weeks := 40 - int(due.Sub(now).Hours()/24/7); ok && weeks > 0 && weeks <= 43 {
				p.Facts = append(p.Facts, Fact{Finding: b.Lexicon.byID[pregnantID], From: typ + "/" + res.ID(), Words: "a baby expected on " + due.Format(time.DateOnly), Weeks: weeks})
			}
		}
	}
	return p
}

// said reports whether a CodeableConcept member has one of some codes.
func said(root fhir.Value, member string, codes ...string) bool {
	for coding := range root.Get(member).Get("coding").Items() {
		if slices.Contains(codes, coding.Get("code").Text()) {
			return true
		}
	}
	return false
}

// when is the day of the first of some members that there is, zero where there is none.
func when(root fhir.Value, members ...string) time.Time {
	for _, m := range members {
		v := root.Get(m)
		if start := v.Get("start"); start.Exists() {
			v = start
		}
		if t, ok := day(v.Text()); ok {
			return t
		}
	}
	return time.Time{}
}

// day reads the first ten letters of a FHIR date; of a year or month its first day.
func day(s string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if len(s) >= len(layout) {
			if t, err := time.Parse(layout, s[:len(layout)]); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// within reports whether a day is at most so many days ago, or not known.
func within(at, now time.Time, days int) bool {
	return at.IsZero() || now.Sub(at) <= time.Duration(days)*24*time.Hour
}

// factsOf are the facts that one entry of a record is, by its codes and by its words.
func (b *Book) factsOf(res *fhir.Resource, in string, code fhir.Value, at time.Time, over bool, now time.Time) (out []Fact) {
	from := res.Type() + "/" + res.ID()
	words := code.Get("text").Text()
	var found []int
	for coding := range code.Get("coding").Items() {
		if words == "" {
			words = coding.Get("display").Text()
		}
		found = append(found, b.Lexicon.coded(in, coding.Get("code").Text())...)
	}
	found = append(found, b.Lexicon.named(in, words)...)
	slices.Sort(found)
	for _, n := range slices.Compact(found) {
		place := b.Lexicon.Findings[n].Record
		if over && !place.Ever || place.Within > 0 && (at.IsZero() || !within(at, now, place.Within)) || n == b.Lexicon.byID[pregnantID] && !within(at, now, 300) {
			continue
		}
		out = append(out, Fact{Finding: n, From: from, Words: words})
	}
	return out
}

// coded are the facts that a code is.
func (lex *Lexicon) coded(in, code string) (out []int) {
	for n, f := range lex.Findings {
		if f.Record != nil && (f.Record.In == in || f.Record.In == "pregnancy" && in == "conditions") && slices.Contains(f.Record.Codes, code) {
			out = append(out, n)
		}
	}
	return out
}

// named are the facts that the words of an entry are. A record names what was without saying that it was: "heart attack" is one before.
func (lex *Lexicon) named(in, words string) (out []int) {
	if words == "" {
		return nil
	}
	for _, before := range [...]string{"", "previous ", "history of ", "known "} {
		for _, h := range lex.hear(before + strings.ReplaceAll(words, ".", " ")).Findings {
			if f := lex.Findings[h.Finding]; f.fact && h.Value == Yes && f.Record != nil && (in == "" || related(f.Record.In, in)) {
				out = append(out, h.Finding)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// related reports whether a fact that is looked for in one part of a record may be told in another: chemotherapy is a medicine and an event.
func related(fact, in string) bool {
	switch {
	case fact == in, in == "events", fact == "events" && in == "medicines":
		return true
	case in == "conditions":
		return fact == "pregnancy" || fact == "events" || fact == "allergies"
	}
	return in == "medicines" && fact == "conditions"
}
