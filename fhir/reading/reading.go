// Package reading makes Observations of what is measured of a body at home: by a device, in an app, in a form on a page, in a text message, on the telephone, or
// on paper that somebody typed in. Whatever the way, the same reading makes the same Observation; the way it came stands in meta.tag.
//
// A Reading is one measurement of one person at one time. Observations says no, with the reason, to what cannot be a reading of a living person, and notes
// what is improbable (kind.go). Words reads numbers as people write them in a message (words.go). Measures reads them back.
package reading

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Route is how a reading came.
type Route string

// The routes. Those from Form on were written down by a person.
const (
	Device Route = "device"    // bytes or data points of a device
	App    Route = "app"       // typed into an app
	Form   Route = "form"      // a page of ours
	Text   Route = "text"      // a text message
	Call   Route = "telephone" // typed by staff during a call
	Paper  Route = "paper"     // a form on paper, typed in
)

// Routes are all of them.
var Routes = []Route{Device, App, Form, Text, Call, Paper}

// RouteSystem is the system of the tag that says how an Observation came.
const RouteSystem = "urn:kith:route"

// words is how staff say a route.
func (r Route) words() string {
	return map[Route]string{Device: "By a device.", App: "Entered by hand.", Form: "Entered in a form.", Text: "By text message.", Call: "Told on the telephone.", Paper: "From a form on paper."}[r]
}

// Measure is one number of a reading, in the unit it came in.
type Measure struct {
	Kind  *Kind
	Value fhir.Decimal
	Unit  Unit
}

// Of is a measure.
func Of(k *Kind, v fhir.Decimal, u Unit) Measure { return Measure{Kind: k, Value: v, Unit: u} }

// Own is the value in the kind's own unit, false where the unit is none of it.
func (m Measure) Own() (fhir.Decimal, bool) { return m.Kind.In(m.Value, m.Unit) }

// Quantity is the number as FHIR writes it, with its digits.
func (m Measure) Quantity() *r4.Quantity {
	v := m.Value
	return &r4.Quantity{Value: &v, Unit: m.Unit.Shown, System: ucum, Code: m.Unit.Code}
}

// Reading is one measurement of one person at one time.
type Reading struct {
	Subject   *r4.Reference // whose
	Device    *r4.Reference // with what; nil where nobody says
	By        *r4.Reference // who wrote it down, of Call and Paper
	Start     fhir.DateTime
	End       fhir.DateTime // of what took a while; zero for a moment
	Measures  []Measure
	Irregular bool     // the device found the pulse irregular: an automated blood pressure is then not to be relied on
	Notes     []string // for people
	Method    string   // of a value that sums several up: average, maximum
	Route     Route
	// Identifier and Ref name the nth Observation of the reading: part is "" for the first, else the kind's name.
	Identifier func(part string) r4.Identifier
	Ref        func(part string) *r4.Reference
}

// Part is one Observation of a reading.
type Part struct {
	Name        string // "" of the first, else the kind's
	Observation *r4.Observation
}

// Irregular is the interpretation of a reading whose pulse was irregular.
const Irregular = "361137007"

// Observations are what the reading says: a pressure as one Observation of two components, each other number as one of its own, derived from the
// first. Improbable are the kinds of numbers that were noted as improbable.
func (r *Reading) Observations() (parts []Part, improbable []*Kind, err error) {
	switch {
	case len(r.Measures) == 0:
		return nil, nil, errors.New("the reading has no value")
	case r.Start.Year == 0:
		return nil, nil, errors.New("the reading does not say when it was taken")
	case !slices.Contains(Routes, r.Route):
		return nil, nil, fmt.Errorf("the reading came by %q, which is none of the ways that are known", r.Route)
	}
	notes := slices.Clone(r.Notes)
	for _, m := range r.Measures {
		said, err := m.Kind.Judge(m.Value, m.Unit)
		if err != nil {
			return nil, nil, err
		}
		if said != "" {
			notes, improbable = append(notes, said), append(improbable, m.Kind)
		}
	}
	rest := r.Measures
	first := r.observation("")
	if r.Route != Device {
		notes = append([]string{r.Route.words()}, notes...)
	}
	for _, n := range notes {
		first.Note = append(first.Note, r4.Annotation{Text: n})
	}
	if r.Irregular {
		first.Interpretation = []r4.CodeableConcept{*concept(snomed, Irregular, "Irregular heart beat")}
	}
	if len(rest) > 1 && rest[0].Kind == Systolic && rest[1].Kind == Diastolic {
		up, _ := rest[0].Own() // both were judged above, so their units are right
		if down, _ := rest[1].Own(); down.Cmp(up) >= 0 {
			return nil, nil, fmt.Errorf("the lower pressure, %s, is not below the upper, %s", rest[1].Value, rest[0].Value)
		}
		first.Category = Systolic.InCategory()
		first.Code = concept(loinc, pressureLOINC, "Blood pressure panel with all children optional")
		for _, m := range rest[:2] {
			first.Component = append(first.Component, r4.ObservationComponent{Code: m.Kind.Code(m.Unit), ValueQuantity: m.Quantity()})
		}
		rest = rest[2:]
	} else {
		first.Category, first.Code, first.ValueQuantity = rest[0].Kind.InCategory(), rest[0].Kind.Code(rest[0].Unit), rest[0].Quantity()
		rest = rest[1:]
	}
	parts = append(parts, Part{"", first})
	for _, m := range rest {
		o := r.observation(m.Kind.Name)
		o.Category, o.Code, o.ValueQuantity = m.Kind.InCategory(), m.Kind.Code(m.Unit), m.Quantity()
		if r.Ref != nil {
			o.DerivedFrom = []r4.Reference{*r.Ref("")}
		}
		parts = append(parts, Part{m.Kind.Name, o})
	}
	return parts, improbable, nil
}

func (r *Reading) observation(part string) *r4.Observation {
	o := &r4.Observation{Meta: &r4.Meta{Tag: []r4.Coding{{System: RouteSystem, Code: string(r.Route)}}}, Status: "final", Subject: r.Subject, Device: r.Device}
	if r.Identifier != nil {
		o.Identifier = []r4.Identifier{r.Identifier(part)}
	}
	if r.Method != "" {
		o.Method = &r4.CodeableConcept{Text: r.Method}
	}
	if r.By != nil {
		o.Performer = []r4.Reference{*r.By}
	}
	if r.End.Year != 0 && r.End != r.Start {
		o.EffectivePeriod = &r4.Period{Start: r.Start, End: r.End}
	} else {
		o.EffectiveDateTime = r.Start
	}
	return o
}

// Measures are the numbers of an Observation that are of kinds we know; none of one that was taken back.
func Measures(o *r4.Observation) (out []Measure) {
	switch o.Status {
	case "entered-in-error", "cancelled":
		return nil
	}
	add := func(c *r4.CodeableConcept, q *r4.Quantity) {
		if k := Coded(c); k != nil && q != nil && q.Value != nil {
			if m := Of(k, *q.Value, Unit{q.Unit, q.Code}); q.System == ucum && q.Comparator == "" {
				out = append(out, m)
			}
		}
	}
	add(o.Code, o.ValueQuantity)
	for i := range o.Component {
		add(o.Component[i].Code, o.Component[i].ValueQuantity)
	}
	return out
}

// WasIrregular reports whether the device found the pulse irregular.
func WasIrregular(o *r4.Observation) bool {
	for _, i := range o.Interpretation {
		for _, c := range i.Coding {
			if c.Code == Irregular {
				return true
			}
		}
	}
	return false
}

// Came is the route by which an Observation came, "" where it does not say.
func Came(o *r4.Observation) Route {
	if o.Meta != nil {
		for _, t := range o.Meta.Tag {
			if t.System == RouteSystem {
				return Route(t.Code)
			}
		}
	}
	return ""
}
