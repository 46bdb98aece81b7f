package devices

import (
	"fmt"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// kind is what can be measured, with the values that no living body has (beyond) and those that are rare (within possible, outside usual). Limits are in
// the kind's own unit. They are wide on purpose: judging a reading is for people.
type kind struct {
	name           string
	loinc, display string
	base           string // UCUM
	least, most    string // possible
	low, high      string // usual
	cat            string
}

var (
	systolic    = &kind{"systolic", "8480-6", "Systolic blood pressure", "mm[Hg]", "20", "350", "60", "260", "vital-signs"}
	diastolic   = &kind{"diastolic", "8462-4", "Diastolic blood pressure", "mm[Hg]", "5", "250", "30", "160", "vital-signs"}
	meanArtery  = &kind{"mean-pressure", "8478-0", "Mean blood pressure", "mm[Hg]", "10", "300", "40", "200", "vital-signs"}
	heartRate   = &kind{"heart-rate", "8867-4", "Heart rate", "/min", "1", "350", "30", "220", "vital-signs"}
	weight      = &kind{"weight", "29463-7", "Body weight", "kg", "0.2", "700", "2", "250", "vital-signs"}
	height      = &kind{"height", "8302-2", "Body height", "cm", "20", "280", "40", "220", "vital-signs"}
	bmi         = &kind{"bmi", "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "4", "200", "10", "80", "vital-signs"}
	bodyFat     = &kind{"body-fat", "41982-0", "Percentage of body fat Measured", "%", "0.5", "90", "2", "75", "vital-signs"}
	temperature = &kind{"temperature", "8310-5", "Body temperature", "Cel", "20", "46", "34", "41.5", "vital-signs"}
	saturation  = &kind{"saturation", "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "1", "100", "70", "100", "vital-signs"}
	breathing   = &kind{"respiratory-rate", "9279-1", "Respiratory rate", "/min", "1", "150", "6", "60", "vital-signs"}
	glucose     = &kind{"glucose", "15074-8", "Glucose [Moles/volume] in Blood", "mmol/L", "0.1", "100", "2", "33.3", "laboratory"}
	steps       = &kind{"steps", "55423-8", "Number of steps in unspecified time Pedometer", "{steps}", "0", "250000", "0", "100000", "activity"}
	restingRate = &kind{"resting-heart-rate", "40443-4", "Heart rate --resting", "/min", "1", "350", "30", "150", "vital-signs"}
)

// factor turns a unit into a kind's own: multiply by times, after taking off less.
var factor = map[[2]string]struct{ less, times string }{
	{"kPa", "mm[Hg]"}: {"", "7.50062"}, {"[lb_av]", "kg"}: {"", "0.45359237"}, {"[oz_av]", "kg"}: {"", "0.028349523"}, {"g", "kg"}: {"", "0.001"}, {"mg", "kg"}: {"", "0.000001"}, {"[stone_av]", "kg"}: {"", "6.35029318"},
	{"t", "kg"}: {"", "1000"}, {"[degF]", "Cel"}: {"32", "0.5555555556"}, {"K", "Cel"}: {"273.15", "1"}, {"mg/dL", "mmol/L"}: {"", "0.05551"}, {"m", "cm"}: {"", "100"}, {"mm", "cm"}: {"", "0.1"}, {"[in_i]", "cm"}: {"", "2.54"},
	{"[ft_i]", "cm"}: {"", "30.48"},
}

// own is a value in the kind's own unit, for judging it only.
func (k *kind) own(v fhir.Decimal, u unit) (fhir.Decimal, bool) {
	if u.code == k.base {
		return v, true
	}
	f, ok := factor[[2]string{u.code, k.base}]
	if !ok {
		return v, false
	}
	if f.less != "" {
		v = v.Sub(number(f.less))
	}
	return v.Mul(number(f.times)), true
}

// number reads a constant.
func number(s string) fhir.Decimal {
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		panic(err) // it is written above
	}
	return d
}

// judge refuses what cannot be, and says what is improbable.
func (k *kind) judge(v fhir.Decimal, u unit) (note string, err error) {
	own, ok := k.own(v, u)
	switch {
	case !ok:
		return "", fmt.Errorf("%q is no unit of %s", u.shown, k.display)
	case own.Cmp(number(k.least)) < 0 || own.Cmp(number(k.most)) > 0:
		return "", fmt.Errorf("%s %s cannot be a %s of a living person", v, u.shown, k.display)
	case own.Cmp(number(k.low)) < 0 || own.Cmp(number(k.high)) > 0:
		return fmt.Sprintf("Improbable: %s of %s %s. Check it against how the person is.", k.display, v, u.shown), nil
	}
	return "", nil
}

// code is LOINC's: that of glucose depends on whether it is counted or weighed.
func (k *kind) code(u unit) *r4.CodeableConcept {
	if k == glucose && u.code == "mg/dL" {
		return fact.Concept(fact.LOINC, "2339-0", "Glucose [Mass/volume] in Blood")
	}
	c := fact.Concept(fact.LOINC, k.loinc, k.display)
	if k == saturation { // R4's vital sign is the saturation of arterial blood, however it was measured: https://hl7.org/fhir/R4/oxygensat.html
		c.Coding = append([]r4.Coding{{System: fact.LOINC, Code: "2708-6", Display: "Oxygen saturation in Arterial blood"}}, c.Coding...)
	}
	return c
}

func (k *kind) category() []r4.CodeableConcept {
	return fact.List(fact.Concept(fact.HL7+"observation-category", k.cat, ""))
}
