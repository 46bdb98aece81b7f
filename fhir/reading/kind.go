package reading

import (
	"fmt"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Code systems.
const (
	loinc    = "http://loinc.org"
	ucum     = "http://unitsofmeasure.org"
	snomed   = "http://snomed.info/sct"
	category = "http://terminology.hl7.org/CodeSystem/observation-category"
)

// Kind is what can be measured, with the values that no living body has (beyond least and most) and those that are rare (within these, outside low and
// high). Limits are in the kind's own Unit. They are wide on purpose: judging a reading is for people.
type Kind struct {
	Name           string // systolic, weight: as our own tables name it
	LOINC, Display string
	Unit           string // UCUM: kPa is turned into mm[Hg], pounds into kg
	Category       string // of observation-category
	least, most    string // possible
	low, high      string // usual
}

// The kinds that are known.
var (
	Systolic    = &Kind{"systolic", "8480-6", "Systolic blood pressure", "mm[Hg]", "vital-signs", "20", "350", "60", "260"}
	Diastolic   = &Kind{"diastolic", "8462-4", "Diastolic blood pressure", "mm[Hg]", "vital-signs", "5", "250", "30", "160"}
	MeanArtery  = &Kind{"mean-pressure", "8478-0", "Mean blood pressure", "mm[Hg]", "vital-signs", "10", "300", "40", "200"}
	HeartRate   = &Kind{"heart-rate", "8867-4", "Heart rate", "/min", "vital-signs", "1", "350", "30", "220"}
	Weight      = &Kind{"weight", "29463-7", "Body weight", "kg", "vital-signs", "0.2", "700", "2", "250"}
	Height      = &Kind{"height", "8302-2", "Body height", "cm", "vital-signs", "20", "280", "40", "220"}
	BMI         = &Kind{"bmi", "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "vital-signs", "4", "200", "10", "80"}
	BodyFat     = &Kind{"body-fat", "41982-0", "Percentage of body fat Measured", "%", "vital-signs", "0.5", "90", "2", "75"}
	Temperature = &Kind{"temperature", "8310-5", "Body temperature", "Cel", "vital-signs", "20", "46", "34", "41.5"}
	Saturation  = &Kind{"saturation", "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "vital-signs", "1", "100", "70", "100"}
	Breathing   = &Kind{"respiratory-rate", "9279-1", "Respiratory rate", "/min", "vital-signs", "1", "150", "6", "60"}
	Glucose     = &Kind{"glucose", "15074-8", "Glucose [Moles/volume] in Blood", "mmol/L", "laboratory", "0.1", "100", "2", "33.3"}
	Steps       = &Kind{"steps", "55423-8", "Number of steps in unspecified time Pedometer", "{steps}", "activity", "0", "250000", "0", "100000"}
	RestingRate = &Kind{"resting-heart-rate", "40443-4", "Heart rate --resting", "/min", "vital-signs", "1", "350", "30", "150"}
)

// kinds are all of them.
var kinds = []*Kind{Systolic, Diastolic, MeanArtery, HeartRate, Weight, Height, BMI, BodyFat, Temperature, Saturation, Breathing, Glucose, Steps, RestingRate}

// pressureLOINC is the panel of two numbers; otherCodes are further LOINC codes of a kind.
const pressureLOINC = "85354-9"

var otherCodes = map[string]*Kind{"2708-6": Saturation, "2339-0": Glucose, "14745-4": Glucose, "3141-9": Weight}

// Named is the kind of that name, nil where there is none.
func Named(name string) *Kind {
	for _, k := range kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// Coded is the kind that a concept codes, nil where it is none of ours.
func Coded(c *r4.CodeableConcept) *Kind {
	if c == nil {
		return nil
	}
	for _, coding := range c.Coding {
		if coding.System != loinc {
			continue
		}
		for _, k := range kinds {
			if k.LOINC == coding.Code {
				return k
			}
		}
		if k := otherCodes[coding.Code]; k != nil {
			return k
		}
	}
	return nil
}

// Unit is a unit as people write it and as UCUM codes it.
type Unit struct{ Shown, Code string }

// factor turns a unit into a kind's own: multiply by times, after taking off less.
var factor = map[[2]string]struct{ less, times string }{
	{"kPa", "mm[Hg]"}: {"", "7.50062"}, {"[lb_av]", "kg"}: {"", "0.45359237"}, {"[oz_av]", "kg"}: {"", "0.028349523"}, {"g", "kg"}: {"", "0.001"}, {"mg", "kg"}: {"", "0.000001"}, {"[stone_av]", "kg"}: {"", "6.35029318"},
	{"t", "kg"}: {"", "1000"}, {"[degF]", "Cel"}: {"32", "0.5555555556"}, {"K", "Cel"}: {"273.15", "1"}, {"mg/dL", "mmol/L"}: {"", "0.05551"}, {"m", "cm"}: {"", "100"}, {"mm", "cm"}: {"", "0.1"}, {"[in_i]", "cm"}: {"", "2.54"},
	{"[ft_i]", "cm"}: {"", "30.48"}, {"{beats}/min", "/min"}: {"", "1"}, {"{breaths}/min", "/min"}: {"", "1"}, {"1/min", "/min"}: {"", "1"},
}

// In is a value in the kind's own unit; false where the unit is none of the kind.
func (k *Kind) In(v fhir.Decimal, u Unit) (fhir.Decimal, bool) {
	if u.Code == k.Unit {
		return v, true
	}
	f, ok := factor[[2]string{u.Code, k.Unit}]
	if !ok {
		return v, false
	}
	if f.less != "" {
		v = v.Sub(Number(f.less))
	}
	return v.Mul(Number(f.times)), true
}

// Number reads a constant; it panics where that is no number.
func Number(s string) fhir.Decimal {
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

// Judge refuses what cannot be, and says what is improbable.
func (k *Kind) Judge(v fhir.Decimal, u Unit) (note string, err error) {
	own, ok := k.In(v, u)
	switch {
	case !ok:
		return "", fmt.Errorf("%q is no unit of %s", u.Shown, k.Display)
	case own.Cmp(Number(k.least)) < 0 || own.Cmp(Number(k.most)) > 0:
		return "", fmt.Errorf("%s %s cannot be a %s of a living person", v, u.Shown, k.Display)
	case own.Cmp(Number(k.low)) < 0 || own.Cmp(Number(k.high)) > 0:
		return fmt.Sprintf("Improbable: %s of %s %s. Check it against how the person is.", k.Display, v, u.Shown), nil
	}
	return "", nil
}

func concept(system, code, display string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code, Display: display}}}
}

// Code is LOINC's: that of glucose depends on whether it is counted or weighed.
func (k *Kind) Code(u Unit) *r4.CodeableConcept {
	if k == Glucose && u.Code == "mg/dL" {
		return concept(loinc, "2339-0", "Glucose [Mass/volume] in Blood")
	}
	c := concept(loinc, k.LOINC, k.Display)
	if k == Saturation { // R4's vital sign is the saturation of arterial blood, however it was measured: https://hl7.org/fhir/R4/oxygensat.html
		c.Coding = append([]r4.Coding{{System: loinc, Code: "2708-6", Display: "Oxygen saturation in Arterial blood"}}, c.Coding...)
	}
	return c
}

// InCategory is the kind's category.
func (k *Kind) InCategory() []r4.CodeableConcept {
	return []r4.CodeableConcept{*concept(category, k.Category, "")}
}
