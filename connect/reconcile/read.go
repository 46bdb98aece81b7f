package reconcile

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// The systems whose codes say what something is. Codes of one supplier alone do not.
const (
	snomed = "http://snomed.info/sct"
	dmd    = "https://dmd.nhs.uk"
	readV2 = "http://read.info/readv2"
	ctv3   = "http://read.info/ctv3"
)

var systems = map[string]bool{snomed: true, dmd: true, readV2: true, ctv3: true, "http://www.nlm.nih.gov/research/umls/rxnorm": true}

// nothing are codes that say that there is nothing of a kind: no known allergy (SNOMED CT 716186003 and below), and its Read codes.
var nothing = map[string]bool{snomed + "|716186003": true, snomed + "|409137002": true, snomed + "|428607008": true, snomed + "|428197003": true, snomed + "|160244002": true,
	readV2 + "|1151.": true, ctv3 + "|1151.": true}

// read makes an entry of a resource, nil where it is of another kind or was entered in error.
func read(kind Kind, res *fhir.Resource) *entry {
	root := res.Root()
	switch typ := res.Type(); {
	case kind == Allergies && typ == "AllergyIntolerance":
		return allergy(root)
	case kind == Problems && typ == "Condition":
		return problem(root)
	case kind == Medicines && typ == "MedicationRequest":
		return medicine(root)
	}
	return nil
}

// begin reads what all have in common.
func begin(root, code fhir.Value) *entry {
	e := &entry{}
	e.Ref = root.Get("resourceType").Text() + "/" + root.Get("id").Text()
	e.From = from(root)
	for c := range code.Get("coding").Items() {
		system, value := c.Get("system").Text(), c.Get("code").Text()
		if systems[system] && value != "" {
			e.codes = append(e.codes, system+"|"+value)
			e.none = e.none || nothing[system+"|"+value]
		}
		if e.Words == "" {
			e.Words = c.Get("display").Text()
		}
	}
	if t := code.Get("text").Text(); t != "" {
		e.Words = t
	}
	e.name = fold(e.Words)
	e.none = e.none || e.name == "no known allergies" || e.name == "no known drug allergies" || e.name == "nkda" || e.name == "nka"
	e.Encounter = root.Get("encounter").Get("reference").Text()
	return e
}

// from is who says so: the feed it came by, or what the resource itself says.
func from(root fhir.Value) string {
	if rest, ok := strings.CutPrefix(root.Get("meta").Get("source").Text(), "urn:kith:intake:"); ok {
		feed, _, _ := strings.Cut(rest, "/")
		return feed
	}
	if s := root.Get("meta").Get("source").Text(); s != "" {
		return s
	}
	return "this record"
}

func status(root fhir.Value, element string) string {
	for c := range root.Get(element).Get("coding").Items() {
		return c.Get("code").Text()
	}
	return ""
}

func date(root fhir.Value, elements ...string) fhir.DateTime {
	for _, e := range elements {
		v := root
		for part := range strings.SplitSeq(e, ".") {
			v = v.Get(part)
		}
		if d, err := fhir.ParseDateTime(v.Text()); err == nil && v.Exists() {
			return d
		}
	}
	return fhir.DateTime{}
}

func allergy(root fhir.Value) *entry {
	if status(root, "verificationStatus") == "entered-in-error" {
		return nil
	}
	e := begin(root, root.Get("code"))
	e.Status = status(root, "clinicalStatus")
	if v := status(root, "verificationStatus"); v == "refuted" {
		e.Status = v
	}
	if e.Status == "" {
		e.Status = "active" // one that does not say is believed
	}
	e.Active = e.Status == "active"
	e.Date = date(root, "onsetDateTime", "recordedDate")
	var said []string
	if c := root.Get("criticality").Text(); c != "" {
		said = append(said, "criticality "+c)
	}
	for reaction := range root.Get("reaction").Items() {
		for m := range reaction.Get("manifestation").Items() {
			if words := wordsOf(m); words != "" {
				said = append(said, words)
			}
		}
	}
	e.Detail = strings.Join(said, ", ")
	return e
}

func wordsOf(concept fhir.Value) string {
	if t := concept.Get("text").Text(); t != "" {
		return t
	}
	for c := range concept.Get("coding").Items() {
		if d := c.Get("display").Text(); d != "" {
			return d
		}
	}
	return ""
}

func problem(root fhir.Value) *entry {
	if status(root, "verificationStatus") == "entered-in-error" {
		return nil
	}
	e := begin(root, root.Get("code"))
	e.Status = status(root, "clinicalStatus")
	e.Ended = date(root, "abatementDateTime", "abatementPeriod.end")
	switch e.Status {
	case "":
		e.Status, e.Active = "not said", e.Ended.Year == 0
	case "active", "recurrence", "relapse":
		e.Active = true
	}
	e.Date = date(root, "onsetDateTime", "onsetPeriod.start", "recordedDate")
	e.Detail = wordsOf(root.Get("severity"))
	return e
}

func medicine(root fhir.Value) *entry {
	s := root.Get("status").Text()
	if s == "entered-in-error" || s == "draft" {
		return nil
	}
	code := root.Get("medicationCodeableConcept")
	e := begin(root, code)
	if !code.Exists() {
		e.Words = root.Get("medicationReference").Get("display").Text()
		e.name = fold(e.Words)
	}
	e.Status = s
	e.Date = date(root, "authoredOn")
	e.issue = root.Get("intent").Text() == "order" || root.Get("intent").Text() == "instance-order"
	// A plan lasts while it is active; an order that was carried out is history.
	e.Active = s == "active" || s == "on-hold"
	for b := range root.Get("basedOn").Items() {
		e.plan = b.Get("reference").Text()
	}
	for d := range root.Get("dosageInstruction").Items() {
		if t := d.Get("text").Text(); t != "" {
			e.Detail = t
		}
	}
	for r := range root.Get("reasonReference").Items() {
		e.Problem = r.Get("reference").Text()
	}
	return e
}
