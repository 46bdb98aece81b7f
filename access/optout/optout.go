// Package optout takes in the national data opt-out: who does not want what is recorded of them used for anything but
// their own care. It comes as a list of NHS numbers, one a line, of all who have opted out; whoever stands in it no more
// has opted in again. https://digital.nhs.uk/services/national-data-opt-out
//
// Each is a Consent of the category opt-out, so that it stands in the person's record, and the policy keeps their record from planning and
// research (docs/access.md). It never keeps it from care.
package optout

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Result counts what a list changed.
type Result struct {
	Listed  int // NHS numbers in the list
	Unknown int // of them in no record here
	Out     int // people who have opted out since the list before
	In      int // people who have opted in again
}

const numbers = "https://fhir.nhs.uk/Id/nhs-number"

// Read reads a list. The error is Invalid and names the first line that is no NHS number; nothing of such a list counts. An empty
// list is refused too: it would opt everybody in again.
func Read(r io.Reader) ([]string, error) {
	lines := bufio.NewScanner(r)
	var out []string
	seen := map[string]bool{}
	for n := 1; lines.Scan(); n++ {
		text := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(lines.Text(), "\ufeff"), " \t\r\","), " ", "")
		if text == "" {
			continue
		}
		if !valid(text) {
			return nil, fhir.Errorf(fhir.Invalid, "line %d of the list is no NHS number: %q", n, text)
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the list cannot be read: %w", err)
	}
	if len(out) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the list is empty, and would opt everybody in again")
	}
	return out, nil
}

// valid reports whether ten digits have the right last one.
// https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func valid(s string) bool {
	if len(s) != 10 {
		return false
	}
	sum := 0
	for i := range 10 {
		d := int(s[i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if i < 9 {
			sum += d * (10 - i)
		} else {
			return (11-sum%11)%11 == d
		}
	}
	return false
}

// Apply makes the list hold, in the name of who. Lists may be applied again and again.
func Apply(ctx context.Context, door *record.Door, who access.Actor, list []string, now time.Time, progress func(done, of int)) (Result, error) {
	res := Result{Listed: len(list)}
	out := map[string]bool{} // Patients who have opted out
	for at := 0; at < len(list); at += chunk {
		some := list[at:min(at+chunk, len(list))]
		found := map[string]bool{}
		var ops []record.Op
		for m, err := range door.All(ctx, who, "Patient?identifier="+url.QueryEscape(numbers+"|"+strings.Join(some, ","+numbers+"|"))) {
			if err != nil {
				return res, err
			}
			p, err := m.Resource()
			if err != nil {
				return res, err
			}
			for id := range p.Root().Get("identifier").Items() {
				if id.Get("system").Is(numbers) {
					found[id.Get("value").Text()] = true
				}
			}
			out[m.ID] = true
			c, err := fhir.Parse(r4.Encode(consentOf(m.ID, "active", now)))
			if err != nil {
				return res, err
			}
			if have, err := door.Get(ctx, who, "Consent", c.ID()); err == nil {
				if old, err := have.Resource(); err == nil && old.Root().Get("status").Is("active") {
					continue
				}
			} else if k := fhir.KindOf(err); k != fhir.NotFound && k != fhir.Gone {
				return res, err
			}
			ops = append(ops, record.Op{Method: record.Update, Type: "Consent", ID: c.ID(), Resource: c})
		}
		for _, n := range some {
			if !found[n] {
				res.Unknown++
			}
		}
		if len(ops) > 0 {
			if _, err := door.Commit(ctx, who, ops); err != nil {
				return res, err
			}
			res.Out += len(ops)
		}
		if progress != nil {
			progress(at+len(some), len(list))
		}
	}
	return res, optIn(ctx, door, who, out, now, &res)
}

const chunk = 200

// optIn ends the opt-outs, of earlier lists, of people who are in this one no more.
func optIn(ctx context.Context, door *record.Door, who access.Actor, out map[string]bool, now time.Time, res *Result) error {
	var ops []record.Op
	for m, err := range door.All(ctx, who, "Consent?status=active&category="+url.QueryEscape(record.ConsentSystem+"|opt-out")) {
		if err != nil {
			return err
		}
		patient, ours := strings.CutPrefix(m.ID, prefix)
		if !ours || out[patient] {
			continue
		}
		c, err := fhir.Parse(r4.Encode(consentOf(patient, "inactive", now)))
		if err != nil {
			return err
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Consent", ID: m.ID, Resource: c})
	}
	for len(ops) > 0 {
		some := ops[:min(len(ops), chunk)]
		if _, err := door.Commit(ctx, who, some); err != nil {
			return err
		}
		res.In += len(some)
		ops = ops[len(some):]
	}
	return nil
}

// prefix begins the ids of the Consents that come of a list; that of the Patient follows.
const prefix = "opt-out."

func consentOf(patient, status string, now time.Time) *r4.Consent {
	coded := func(system, code string) r4.CodeableConcept {
		return r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code}}}
	}
	scope := coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
	return &r4.Consent{ID: prefix + patient, Status: status, Scope: &scope, Category: []r4.CodeableConcept{coded(record.ConsentSystem, "opt-out")}, Patient: &r4.Reference{Reference: "Patient/" + patient},
		DateTime: fhir.DateTimeOf(now), PolicyRule: &r4.CodeableConcept{Text: "National data opt-out"}, Provision: &r4.ConsentProvision{Type: "deny"}}
}
