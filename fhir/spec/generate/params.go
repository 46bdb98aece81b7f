package main

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

type searchParameter struct {
	ID, URL, Code, Type, Expression, XPathUsage string
	Base, Target, Comparator, Modifier, Chain   []string
	MultipleOr, MultipleAnd                     *bool
	Component                                   []struct{ Definition, Expression string }
}

// paramErrata corrects published expressions that could never match: each says what was wrong.
var paramErrata = map[string]string{
	// The extension named does not exist (its URL is the parameter's own), and the value was not taken.
	"device-extensions-Device-din":                    "Device.extension('http://hl7.org/fhir/StructureDefinition/device-din').value",
	"patient-extensions-Patient-mothersMaidenName":    "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').value",
	"observation-genetic-Observation-gene-identifier": "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsGene').value",
	// The extension was named but its value not taken.
	"diagnosticreport-genetic-DiagnosticReport-assessed-condition": "DiagnosticReport.extension('http://hl7.org/fhir/StructureDefinition/DiagnosticReport-geneticsAssessedCondition').value",
	"observation-genetic-Observation-amino-acid-change":            "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsAminoAcidChangeName').value",
	"observation-genetic-Observation-gene-amino-acid-change":       "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsAminoAcidChangeName').value",
	"observation-genetic-Observation-dna-variant":                  "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsDnaVariant').value",
	"observation-genetic-Observation-gene-dnavariant":              "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsDnaVariant').value",
	// hasExtension is no function of FHIRPath, and item answers nest.
	"questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "QuestionnaireResponse.item.where(extension('http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject').exists()).answer.value.ofType(Reference)",
}

// left out, because nothing can be computed from them: parameters that are examples, and those that HL7 published
// without a base or an expression (Patient-age changes with the day; the extension packs were unfinished).
func leftOut(p searchParameter) bool {
	control := strings.HasPrefix(p.Code, "_")
	return strings.HasPrefix(p.ID, "example") || len(p.Base) == 0 || (p.Expression == "" && !control)
}

// as is defined for one item and fails on two; what is meant in search is ofType, as FHIR R5 says.
var (
	asCall  = regexp.MustCompile(`\.as\((\w+)\)`)
	asInfix = regexp.MustCompile(`\(([^()]*(?:\([^()]*\)[^()]*)*) as (\w+)\)`)
)

func writeParams(from definitions) error {
	var all []searchParameter
	err := each(from, "SearchParameter", func(p searchParameter) error {
		if leftOut(p) {
			return nil
		}
		if !strings.HasPrefix(p.URL, "http://hl7.org/fhir/SearchParameter/") {
			return fmt.Errorf("unexpected url %s", p.URL)
		}
		if better, ok := paramErrata[p.ID]; ok {
			p.Expression = better
		}
		if p.ID == "diagnosticreport-genetic-DiagnosticReport-assessed-condition" {
			p.Target = []string{"Condition"} // R4 gives none; its extension says Reference(Condition)
		}
		p.Expression = asOfType(p.Expression)
		all = append(all, p)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b searchParameter) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.URL, b.URL))
	})
	var out table
	codes := map[string]bool{}
	for _, p := range all {
		codes[p.Code] = true
		many := ""
		if p.MultipleOr != nil && !*p.MultipleOr {
			many += "o"
		}
		if p.MultipleAnd != nil && !*p.MultipleAnd {
			many += "a"
		}
		out.row(p.Code, p.URL, p.Type, p.XPathUsage, strings.Join(p.Base, " "), strings.Join(p.Target, " "), p.Expression,
			strings.Join(p.Comparator, " "), strings.Join(p.Modifier, " "), strings.Join(p.Chain, " "), many)
		for _, c := range p.Component {
			out.row("", c.Definition, asOfType(c.Expression))
		}
	}
	if err := out.save("fhir/spec/params.tsv"); err != nil {
		return err
	}
	return writeCodes(codes)
}

func asOfType(expression string) string {
	expression = asCall.ReplaceAllString(expression, ".ofType($1)")
	return asInfix.ReplaceAllString(expression, "$1.ofType($2)")
}

// writeCodes keeps the number (the line) that a search parameter's code already has: numbers are written into stored
// keys, so a new code is only ever added at the end.
func writeCodes(codes map[string]bool) error {
	const path = "fhir/spec/paramcodes.txt"
	had, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	lines := strings.Fields(string(had))
	for _, code := range slices.Sorted(mapKeys(codes)) {
		if !slices.Contains(lines, code) {
			lines = append(lines, code)
		}
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

type compartment struct {
	Code     string
	Resource []struct {
		Code  string
		Param []string
	}
	Experimental bool
	URL          string
}

func writeCompartments(from definitions) error {
	var out table
	err := each(from, "CompartmentDefinition", func(c compartment) error {
		if !strings.HasPrefix(c.URL, "http://hl7.org/fhir/CompartmentDefinition/") || strings.HasSuffix(c.URL, "/example") {
			return nil
		}
		for _, r := range c.Resource {
			params := slices.Clone(r.Param)
			if r.Code == c.Code && !slices.Contains(params, "{def}") {
				params = append([]string{"{def}"}, params...)
			}
			if len(params) > 0 {
				out.row(c.Code, r.Code, strings.Join(params, " "))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.save("fhir/spec/compartments.tsv")
}

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
