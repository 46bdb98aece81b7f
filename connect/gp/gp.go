// Package gp turns what the clinical systems of general practice send into FHIR R4 (UK Core): bulk extracts of EMIS Web, TPP
// SystmOne and Vision, and GP Connect structured records of any system.
//
// Each extract is an intake.Format: tables, keys and units as data (emis.go, tpp.go, vision.go), and one small function for each kind of
// thing that rows make. What a row becomes follows Kith's feeds specification, sections 1 to 4. A row's own code is always kept
// beside the standard one; the row's key is an identifier of the resource, under urn:kith:source:FEED.
//
// The formats are not published. Columns are those of Endeavour Health's Transforms (Apache-2.0), which reads them; where a table is not there, its columns are
// assumed, and the comment says so.
package gp

import (
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Code systems and identifier systems.
const (
	snomed    = "http://snomed.info/sct"
	dmd       = "https://dmd.nhs.uk"
	readV2    = "http://read.info/readv2"
	ctv3      = "http://read.info/ctv3"
	nhsNumber = "https://fhir.nhs.uk/Id/nhs-number"
	odsCode   = "https://fhir.nhs.uk/Id/ods-organization-code"
	ubrn      = "https://fhir.nhs.uk/Id/UBRN"
	sdsUser   = "https://fhir.nhs.uk/Id/sds-user-id"
	gmpCode   = "https://fhir.hl7.org.uk/Id/gmp-number"
	ucum      = "http://unitsofmeasure.org"
	ukCore    = "https://fhir.hl7.org.uk/StructureDefinition/"
	ukCode    = "https://fhir.hl7.org.uk/CodeSystem/"
	hl7       = "http://terminology.hl7.org/CodeSystem/"
)

// source is the identifier by which a row's resource is found again.
func source(m *intake.Mapping, key string) []r4.Identifier {
	return []r4.Identifier{{System: "urn:kith:source:" + m.Feed.Name, Value: key}}
}

func concept(system, code, display string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code, Display: display}}}
}

func text(s string) *r4.CodeableConcept {
	if s == "" {
		return nil
	}
	return &r4.CodeableConcept{Text: s}
}

func concepts(c *r4.CodeableConcept) []r4.CodeableConcept {
	if c == nil {
		return nil
	}
	return []r4.CodeableConcept{*c}
}

func references(r *r4.Reference) []r4.Reference {
	if r == nil {
		return nil
	}
	return []r4.Reference{*r}
}

func note(s string) []r4.Annotation {
	if s == "" {
		return nil
	}
	return []r4.Annotation{{Text: s}}
}

func truth(b bool) *bool { return &b }

// yes reads the ways in which suppliers say true.
func yes(s string) bool {
	switch strings.ToLower(s) {
	case "true", "1", "y", "yes", "t":
		return true
	}
	return false
}

// restricted marks what a patient asked to be kept from others.
func restricted(is bool) *r4.Meta {
	if !is {
		return nil
	}
	return &r4.Meta{Security: []r4.Coding{{System: hl7 + "v3-Confidentiality", Code: "R"}}}
}

// calendar reads a day by a layout of package time, to the precision that the row states: Y, YM, YMD or YMDT. Days before 1850 and
// after tomorrow's century are typing errors.
func calendar(r *intake.Row, column, layout, precision string) (fhir.DateTime, error) {
	value := r.Get(column)
	if value == "" {
		return fhir.DateTime{}, nil
	}
	t, err := time.Parse(layout, value)
	if err != nil {
		return fhir.DateTime{}, r.Bad(column, "%q is not a date as this supplier writes it (%s)", value, layout)
	}
	if t.Year() < 1850 || t.Year() > 2150 {
		return fhir.DateTime{}, r.Bad(column, "%q cannot be a date in a life", value)
	}
	d := fhir.DateOf(t)
	switch precision {
	case "Y":
		d.Month, d.Day = 0, 0
	case "YM":
		d.Day = 0
	}
	return d, nil
}

// moment reads a clock time in London.
func moment(m *intake.Mapping, r *intake.Row, column, layout, value string) (fhir.DateTime, error) {
	if value == "" {
		return fhir.DateTime{}, nil
	}
	t, err := time.Parse(layout, value)
	if err != nil {
		return fhir.DateTime{}, r.Bad(column, "%q is not a time as this supplier writes it (%s)", value, layout)
	}
	if t.Year() < 1850 || t.Year() > 2150 {
		return fhir.DateTime{}, r.Bad(column, "%q cannot be a time in a life", value)
	}
	at, sure := london.Time(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second())
	if !sure {
		m.Note("a time in the hour of a clock change")
	}
	return london.DateTime(at), nil
}

// quantity reads a number with its unit; a unit that UCUM knows is coded. A value that is no number gives nil.
func quantity(value, unit string) *r4.Quantity {
	n, err := fhir.ParseDecimal(strings.TrimPrefix(value, "+"))
	if err != nil {
		return nil
	}
	q := &r4.Quantity{Value: &n, Unit: unit}
	if code, ok := units[strings.ToLower(strings.ReplaceAll(unit, " ", ""))]; ok {
		q.System, q.Code = ucum, code
	} else if _, err := fhir.ParseUnit(unit); err == nil && unit != "" {
		q.System, q.Code = ucum, unit
	}
	return q
}

// units are UCUM's codes of units as general practice writes them, in lower case without spaces.
var units = map[string]string{
	"mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "mmol/l": "mmol/L", "mmol/mol": "mmol/mol", "umol/l": "umol/L", "µmol/l": "umol/L", "nmol/l": "nmol/L", "pmol/l": "pmol/L", "g/l": "g/L", "g/dl": "g/dL",
	"mg/l": "mg/L", "ug/l": "ug/L", "ng/ml": "ng/mL", "iu/l": "[iU]/L", "u/l": "U/L", "miu/l": "m[iU]/L", "mu/l": "mU/L", "mg/mmol": "mg/mmol", "10*9/l": "10*9/L", "10^9/l": "10*9/L",
	"10*12/l": "10*12/L", "10^12/l": "10*12/L", "fl": "fL", "pg": "pg", "%": "%", "kg": "kg", "g": "g", "cm": "cm", "m": "m", "kg/m2": "kg/m2", "kg/m²": "kg/m2", "bpm": "/min", "beats/min": "/min", "/min": "/min",
	"breaths/min": "/min", "degc": "Cel", "°c": "Cel", "c": "Cel", "cel": "Cel", "ml/min": "mL/min", "ml/min/1.73m2": "mL/min/{1.73_m2}", "ml/min/1.73m^2": "mL/min/{1.73_m2}", "l/min": "L/min", "mm/hr": "mm/h", "mm/h": "mm/h",
	"units/week": "{units}/wk", "u/week": "{units}/wk", "/day": "/d", "kpa": "kPa", "l": "L", "ml": "mL", "mm": "mm", "s": "s", "sec": "s", "ratio": "{ratio}", "years": "a", "days": "d", "weeks": "wk",
}

// readSort says what a Read code is about, by its chapter. Read v2 and CTV3 share the chapters of their five-byte codes: 7 and 8 are
// operations and other therapeutic procedures, letters are disorders. https://digital.nhs.uk/services/terminology-and-classifications/read-codes
func readSort(code string) string {
	code = strings.TrimLeft(code, ".")
	switch {
	case code == "":
		return ""
	case strings.HasPrefix(code, "12"):
		return "family history"
	case strings.HasPrefix(code, "8B"), strings.HasPrefix(code, "8H"), strings.HasPrefix(code, "8I"):
		return "" // medicines reviewed, follow-up arranged, things not done: nothing was done to anybody
	case code[0] == '7' || code[0] == '8':
		return "procedure"
	case code[0] >= 'A' && code[0] <= 'Z':
		return "condition"
	}
	return ""
}

// clinical is Condition.clinicalStatus.
func clinical(code string) *r4.CodeableConcept { return concept(hl7+"condition-clinical", code, "") }

func category(system, code string) []r4.CodeableConcept {
	return concepts(concept(hl7+system, code, ""))
}
