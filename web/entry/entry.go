// Package entry is one entry of a record as pages show it: when it was, who says so, what was found, and whether it was taken back. Pages for staff and for patients
// say it in their own words; what it is, they read here.
package entry

import (
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// Entry is one resource of the record, read for showing.
type Entry struct {
	Kind    string
	ID      string
	V       fhir.Value
	Updated time.Time
	Feed    string // name of the feed it came by, "" where it came by none
	From    string // what people call that feed
}

// Of reads a resource; what people call its feed is for the caller to add.
func Of(s *record.Stored) (Entry, error) {
	r, err := s.Resource()
	if err != nil {
		return Entry{}, err
	}
	f := Entry{Kind: s.Type, ID: s.ID, V: r.Root(), Updated: s.Updated}
	f.Feed, _, _ = intake.SourceOf(f.V.Get("meta").Get("source").Text())
	f.From = f.Feed
	return f, nil
}

// Trace is the address of the page that says where the entry came from, "" where it came by no feed.
func (f Entry) Trace() string {
	if f.Feed == "" {
		return ""
	}
	return "/trace/" + f.Kind + "/" + f.ID
}

// Mistaken reports whether the entry was withdrawn by whoever made it. Such entries stay in the record; a page that
// showed them would be believed.
func (f Entry) Mistaken() bool {
	return f.V.Get("status").Is("entered-in-error") || f.V.Get("status").Is("cancelled") && f.Kind == "Observation" || f.Has("verificationStatus", "entered-in-error")
}

// Has reports whether a CodeableConcept of the Entry has a code.
func (f Entry) Has(member, code string) bool {
	for concept := range f.V.Get(member).Items() {
		for c := range concept.Get("coding").Items() {
			if c.Get("code").Is(code) {
				return true
			}
		}
	}
	return false
}

// When returns the date that matters clinically, as it was written; "" where none was recorded.
func (f Entry) When() string {
	for _, path := range []string{"effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "onsetDateTime", "onsetPeriod.start", "performedDateTime",
		"performedPeriod.start", "occurrenceDateTime", "period.start", "authoredOn", "date", "dateAsserted", "recordedDate", "issued"} {
		if text := f.At(path); text != "" {
			return text
		}
	}
	return ""
}

// Recorded returns when the entry was made, else when this record received it.
func (f Entry) Recorded() string {
	for _, path := range []string{"recordedDate", "issued", "recorded", "authoredOn", "date", "dateAsserted"} {
		if text := f.At(path); text != "" {
			return "recorded " + kit.Date(text)
		}
	}
	if !f.Updated.IsZero() {
		return "received " + kit.Date(f.Updated.Format(time.RFC3339))
	}
	return ""
}

// Source returns who said so, or which system it came from.
func (f Entry) Source() string {
	for _, member := range []string{"performer", "requester", "recorder", "asserter", "informationSource", "author"} {
		var names []string
		for p := range f.V.Get(member).Items() {
			if actor := p.Get("actor"); actor.Exists() {
				p = actor
			}
			if name := f.said(p); name != "" {
				names = append(names, name)
			}
		}
		if names != nil {
			if f.From != "" {
				return strings.Join(names, "; ") + ", " + f.From
			}
			return strings.Join(names, "; ")
		}
	}
	if f.From != "" {
		return f.From
	}
	provider := said(f.V.Get("serviceProvider"))
	for p := range f.V.Get("participant").Items() {
		name := said(p.Get("individual"))
		if name == "" {
			continue
		}
		if provider == "" || strings.HasSuffix(name, provider) {
			return name
		}
		return name + ", " + provider
	}
	if provider != "" {
		return provider
	}
	if s := f.V.Get("meta").Get("source").Text(); s != "" {
		return s
	}
	return NoSource
}

// NoSource is what is said where nobody is known who said so.
const NoSource = "source " + kit.NotKnown

// said is who a reference names; of what came by a feed only what it calls them, since ids say nothing to a reader.
func (f Entry) said(ref fhir.Value) string {
	if f.Feed != "" {
		return ref.Get("display").Text()
	}
	return said(ref)
}

// At is the text at a path of members, such as period.start.
func (f Entry) At(path string) string {
	v := f.V
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v.Text()
}

// Current reports whether a medicine is being taken, or may be.
func (f Entry) Current() bool {
	status := f.V.Get("status")
	return status.Is("active") || status.Is("on-hold") || status.Is("intended") || status.Is("unknown")
}

// BasedOn is the prescription by which a medicine was issued or is taken, "" where none is named.
func (f Entry) BasedOn() string { return kit.FirstOf(f.V.Get("basedOn")).Get("reference").Text() }

// Medicine is what a MedicationRequest, -Statement or -Administration calls the medicine.
func Medicine(v fhir.Value) string {
	if text := kit.Words(v.Get("medicationCodeableConcept")); text != "" {
		return text
	}
	if text := said(v.Get("medicationReference")); text != "" {
		return text
	}
	return "Medicine without a name"
}

// Dose is how much of it is taken, and when.
func Dose(v fhir.Value) string {
	var doses []string
	for _, member := range []string{"dosageInstruction", "dosage"} {
		for d := range v.Get(member).Items() {
			if text := d.Get("text").Text(); text != "" {
				doses = append(doses, text)
			} else if d.Get("asNeededBoolean").Bool() {
				doses = append(doses, "When required")
			}
		}
	}
	if doses == nil {
		return "Dose " + kit.NotKnown
	}
	return strings.Join(doses, "; ")
}

// NewestFirst sorts a copy by the date that matters clinically; what has none comes last.
func NewestFirst(facts []Entry) []Entry {
	sorted := slices.Clone(facts)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		x, _ := kit.Moment(a.When())
		y, _ := kit.Moment(b.When())
		return y.Compare(x)
	})
	return sorted
}

func said(ref fhir.Value) string {
	if d := ref.Get("display").Text(); d != "" {
		return d
	}
	return ref.Get("reference").Text()
}
