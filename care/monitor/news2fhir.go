package monitor

import (
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
)

// Code systems.
const (
	snomed = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	ucum   = "http://unitsofmeasure.org"
)

// Codes of what a score needs beside numbers: the ACVPU scale and its answers (SNOMED CT), and the flow of inhaled oxygen (LOINC).
const (
	acvpuCode  = "1104441000000107"
	oxygenFlow = "3151-8"
)

var acvpu = map[string]Consciousness{"248234008": Alert, "130987000": Confusion, "300202002": Voice, "450847001": Pain, "422768004": Unresponsive}

// Take fills in what an Observation says, where it says something that a score is made of, and reports whether it did. The later of two counts if it is
// taken later.
func (v *Vitals) Take(o *r4.Observation) bool {
	took := false
	for _, m := range reading.Measures(o) {
		value, ok := m.Own()
		if !ok {
			continue
		}
		for kind, into := range map[*reading.Kind]**fhir.Decimal{reading.Breathing: &v.Respiration, reading.Saturation: &v.Saturation, reading.Systolic: &v.Systolic, reading.HeartRate: &v.Pulse, reading.Temperature: &v.Temperature} {
			if m.Kind == kind {
				*into, took = &value, true
			}
		}
	}
	if o.Status == "entered-in-error" || o.Status == "cancelled" {
		return took
	}
	if coded(o.Code, snomed, acvpuCode) && o.ValueCodeableConcept != nil {
		for _, c := range o.ValueCodeableConcept.Coding {
			if level, ok := acvpu[c.Code]; ok {
				v.Consciousness, took = level, true
			}
		}
	}
	if coded(o.Code, loinc, oxygenFlow) && o.ValueQuantity != nil && o.ValueQuantity.Value != nil {
		on := o.ValueQuantity.Value.Sign() > 0
		v.Oxygen, took = &on, true
	}
	return took
}

// Decision is the reference of the Goal that records the clinical decision for scale 2: a target of oxygen saturation of 88–92 %, in force. "" where there is none.
func Decision(goals []r4.Goal) string {
	for _, g := range goals {
		if g.LifecycleStatus != "active" {
			continue
		}
		for _, t := range g.Target {
			if reading.Coded(t.Measure) == reading.Saturation && t.DetailRange != nil && is(t.DetailRange.Low, "88") && is(t.DetailRange.High, "92") {
				return "Goal/" + g.ID
			}
		}
	}
	return ""
}

func is(q *r4.Quantity, n string) bool {
	return q != nil && q.Value != nil && q.Value.Cmp(reading.Number(n)) == 0
}

func coded(c *r4.CodeableConcept, system, code string) bool {
	if c == nil {
		return false
	}
	for _, one := range c.Coding {
		if one.System == system && one.Code == code {
			return true
		}
	}
	return false
}

// Observation is the score as FHIR: the total, each part under its own code, what it was made of, and what it asks for.
func (n *NEWS2) Observation(patient string, at time.Time, madeOf ...string) *r4.Observation {
	o := &r4.Observation{Status: "final", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "survey"}}}},
		Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: news2.Total, Display: "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score"}}}, Subject: &r4.Reference{Reference: patient},
		EffectiveDateTime: london.DateTime(at), ValueQuantity: points(n.Total), Note: []r4.Annotation{{Text: strings.ToUpper(n.Response.Words[:1]) + n.Response.Words[1:] + ". Measure " + n.Response.Frequency + "."}}}
	for _, p := range n.Parts {
		part := news2.Parts[p.Part]
		o.Component = append(o.Component, r4.ObservationComponent{Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: part.Code, Display: "Royal College of Physicians NEWS2 (National Early Warning Score 2) " + part.Display}}}, ValueQuantity: points(p.Points)})
	}
	for _, ref := range madeOf {
		o.DerivedFrom = append(o.DerivedFrom, r4.Reference{Reference: ref})
	}
	if n.Decision != "" {
		o.Note = append(o.Note, r4.Annotation{Text: "Oxygen saturation on scale 2, by the decision recorded in " + n.Decision + "."})
	}
	return o
}

func points(n int) *r4.Quantity {
	v := fhir.MakeDecimal(int64(n), 0)
	return &r4.Quantity{Value: &v, Unit: "points", System: ucum, Code: "{score}"}
}

// NEWS2Total is the total that an Observation says, false where it is none.
func NEWS2Total(o *r4.Observation) (int, bool) {
	if !coded(o.Code, snomed, news2.Total) || o.Status == "entered-in-error" || o.Status == "cancelled" {
		return 0, false
	}
	switch {
	case o.ValueInteger != nil:
		return *o.ValueInteger, true
	case o.ValueQuantity != nil && o.ValueQuantity.Value != nil:
		n, ok := o.ValueQuantity.Value.Int64()
		return int(n), ok
	}
	return 0, false
}

// mostPoints are those of the part of a score that has most: a single 3 asks for an urgent review whatever the total is.
func mostPoints(o *r4.Observation) (most int) {
	for _, c := range o.Component {
		if c.ValueQuantity != nil && c.ValueQuantity.Value != nil {
			if n, ok := c.ValueQuantity.Value.Int64(); ok {
				most = max(most, int(n))
			}
		}
		if c.ValueInteger != nil {
			most = max(most, *c.ValueInteger)
		}
	}
	return most
}
