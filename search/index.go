package search

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/fhirpath"
)

// Index is everything by which the store finds one version of a resource.
type Index struct {
	Keys     []byte     // all keys under R4's parameters, to recheck a row without its body
	Global   []Entry    // selective tokens, references and URIs
	Clinical []Clinical // hashes of the type's main code, with the clinical date, to be kept by patient
	Ranges   []Range    // the type's main date
	Texts    []Text     // folded strings
	Patients []string   // ids of the patients whose compartment it is in, the home patient first
	Counted  []int64    // hashes of which the store keeps totals
	Extra    []Extra    // keys under custom parameters
}

// Entry is a hash under which a row is found. The entry of an Observation's code carries its value, so that a search by
// code and value need not look at the rows it leaves out.
type Entry struct {
	Hash   int64
	Number float64 // nearest to the value, whatever its unit; only to pass over, never to decide
	Valued bool
}

// Clinical is a key that stands beside its patient, ordered by date.
type Clinical struct {
	Hash int64
	Date int64 // microseconds; math.MinInt64 where unknown
}

// Range is a key of a date parameter of one type.
type Range struct {
	Param  int64 // ParamNumber
	Lo, Hi int64
}

// Text is a key of a string parameter of one type.
type Text struct {
	Param int64 // ParamNumber
	Text  string
}

// Extra is the keys of a resource under one custom parameter.
type Extra struct {
	Param int64
	Keys  []byte
}

// ParamNumber is the number of a parameter of one type in the store's range and text keys.
func ParamNumber(t spec.TypeID, p spec.ParamID) int64 { return int64(t)<<16 | int64(p) }

// textLimit bounds a text key in bytes: the rest is compared against the row.
const textLimit = 60

// textKey is the beginning of a folded text, of whole letters.
func textKey(s string) string {
	if len(s) <= textLimit {
		return s
	}
	end := textLimit
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// Indexer makes the index of resources.
type Indexer struct {
	Catalogue *Catalogue
	Base      string // our own base URL, without a last slash
}

// Index extracts the keys of res, which will be stored under id, under every parameter of its type.
func (ix *Indexer) Index(res *fhir.Resource, id string) (*Index, error) {
	t, ok := spec.Resource(res.Type())
	if !ok {
		return nil, fhir.Errorf(fhir.Invalid, "there is no resource type %q in FHIR R4", res.Type())
	}
	x := extractor{base: ix.Base, keys: make([]Key, 0, 48), on: fhirpath.At(res.Root(), "")}
	for _, p := range base(t).params {
		if p.expr == nil || p.Type == "composite" || p.Type == "special" || p.Code == "_id" || p.Code == "_lastUpdated" {
			continue
		}
		if err := x.run(p); err != nil {
			return nil, err
		}
	}
	out := &Index{Keys: make([]byte, 0, 256)}
	for i := range x.keys {
		out.Keys = appendKey(out.Keys, &x.keys[i])
	}
	out.Patients = patientsOf(t, id, x.keys)
	out.global(t, x.keys)
	for _, p := range ix.Catalogue.Custom(t) {
		if err := ix.extra(out, p, res); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (x *extractor) run(p *Param) error {
	x.param = p
	err := p.expr.eachOf(x.on, func(it fhirpath.Item) bool { x.item(it); return true })
	if err != nil {
		return fhir.Errorf(fhir.Unprocessable, "the search parameter %s cannot be read from the resource: %w", p, err)
	}
	return nil
}

// ExtraKeys are the keys of res under one custom parameter, nil where it has none.
func (ix *Indexer) ExtraKeys(p *Param, res *fhir.Resource) ([]byte, error) {
	x := extractor{base: ix.Base, on: fhirpath.At(res.Root(), "")}
	if err := x.run(p); err != nil {
		return nil, err
	}
	var buf []byte
	for i := range x.keys {
		buf = appendKey(buf, &x.keys[i])
	}
	return buf, nil
}

func (ix *Indexer) extra(out *Index, p *Param, res *fhir.Resource) error {
	keys, err := ix.ExtraKeys(p, res)
	if err == nil && len(keys) > 0 {
		out.Extra = append(out.Extra, Extra{p.Custom, keys})
	}
	return err
}

// global chooses which keys the store keeps outside the row.
func (out *Index) global(t spec.TypeID, keys []Key) {
	main := mainOf(t)
	date := int64(math.MinInt64)
	for i := range keys {
		if k := &keys[i]; k.Kind == DateKey && k.Param == main.date {
			out.Ranges = append(out.Ranges, Range{ParamNumber(t, k.Param), k.Lo, k.Hi})
			if date == math.MinInt64 || k.Lo < date {
				date = k.Lo
			}
		}
	}
	out.Counted = append(out.Counted, TypeHash(t))
	for i := range keys {
		k := &keys[i]
		switch k.Kind {
		case StringKey:
			text := textKey(Fold(string(k.Code)))
			if e := (Text{ParamNumber(t, k.Param), text}); text != "" && !slices.Contains(out.Texts, e) {
				out.Texts = append(out.Texts, e)
			}
			continue
		case DateKey, NumberKey, QuantityKey:
			continue
		}
		if k.Param == main.code && k.Kind == TokenKey {
			h := Hash(t, k.Param, string(k.Code))
			if len(out.Patients) > 0 && !slices.ContainsFunc(out.Clinical, func(c Clinical) bool { return c.Hash == h }) {
				out.Clinical = append(out.Clinical, Clinical{h, date})
			}
			if counted := Hash(t, k.Param, string(k.System)+"|"+string(k.Code)); !slices.Contains(out.Counted, counted) {
				out.Counted = append(out.Counted, counted)
			}
		}
		if !isGlobal(t, k) {
			continue
		}
		e := Entry{Hash: KeyHash(t, k)}
		if k.Param == main.code && k.Kind == TokenKey {
			e.Number, e.Valued = valueOf(keys, main.value)
		}
		if !slices.ContainsFunc(out.Global, func(have Entry) bool { return have.Hash == e.Hash }) {
			out.Global = append(out.Global, e)
		}
	}
}

// valueOf is the one quantity among keys under p.
func valueOf(keys []Key, p spec.ParamID) (float64, bool) {
	n, found := 0.0, false
	for i := range keys {
		if k := &keys[i]; p != 0 && k.Param == p && k.Kind == QuantityKey {
			d, err := fhir.ParseDecimal(k.Code)
			if err != nil || found {
				return 0, false
			}
			n, found = d.Float64(), true
		}
	}
	return n, found
}

// TypeHash is the hash under which the store counts all resources of a type.
func TypeHash(t spec.TypeID) int64 { return Hash(t, 0, "") }

// KeyHash is the hash of a key's value alone: the system is rechecked in the row, so that a search by code alone and
// one by system and code use the same entry.
func KeyHash(t spec.TypeID, k *Key) int64 {
	if k.Kind == ReferenceKey && len(k.System) > 0 {
		return Hash(t, k.Param, string(k.System)+"/"+string(k.Code))
	}
	return Hash(t, k.Param, string(k.Code))
}

// isGlobal reports whether the store keeps an entry for the key outside its row: where the value selects few resources
// and no other entry already leads there.
func isGlobal(t spec.TypeID, k *Key) bool {
	if len(k.Code) == 0 || unselective[k.Param.String()] {
		return false
	}
	if k.Kind == ReferenceKey && string(k.System) == "Patient" && inPatientCompartment(t, k.Param) {
		return false // found by patient
	}
	return k.Kind == TokenKey || k.Kind == ReferenceKey || k.Kind == URIKey || k.Kind == LogicalKey
}

// unselective parameters have few values shared by many resources, or repeat another parameter: they are compared in
// the row.
var unselective = words(`status category class intent priority gender active severity criticality language _language _profile
	_tag _security _source deceased kind mode use clinical-status verification-status type-of experimental
	combo-code combo-value-concept value-concept code-value-concept address-use publication-status data-absent-reason combo-data-absent-reason
	component-data-absent-reason outcome action subtype sensitive public-or-private lifecycle-status achievement-status
	do-not-perform as-needed actuality exclude characteristic phonetic special-arrangement service-category not-given
	status-reason ingredient-code-value isa abstract jurisdiction context-type date-asserted derivation`)

// firstOf names, for each type, the parameter of its main code and of its clinical date.
var firstOf = map[string][2]string{
	"Observation": {"code", "date"}, "Condition": {"code", "onset-date"}, "Procedure": {"code", "date"},
	"AllergyIntolerance": {"code", "date"}, "MedicationRequest": {"code", "authoredon"}, "MedicationStatement": {"code", "effective"},
	"MedicationAdministration": {"code", "effective-time"}, "MedicationDispense": {"code", "whenhandedover"},
	"Immunization": {"vaccine-code", "date"}, "DiagnosticReport": {"code", "date"}, "Encounter": {"type", "date"},
	"DocumentReference": {"type", "date"}, "Composition": {"type", "date"}, "ServiceRequest": {"code", "authored"},
	"CarePlan": {"category", "date"}, "Goal": {"category", "start-date"}, "Appointment": {"service-type", "date"},
	"Task": {"code", "authored-on"}, "Communication": {"category", "sent"}, "CommunicationRequest": {"category", "authored"},
	"Flag": {"", "date"}, "EpisodeOfCare": {"type", "date"}, "Slot": {"service-type", "start"}, "Schedule": {"service-type", "date"},
	"Claim": {"", "created"}, "ExplanationOfBenefit": {"", "created"}, "RiskAssessment": {"method", "date"},
	"QuestionnaireResponse": {"", "authored"}, "Consent": {"category", "date"}, "AuditEvent": {"type", "date"},
	"Provenance": {"", "recorded"}, "ImagingStudy": {"", "started"}, "Specimen": {"type", "collected"}, "Media": {"", "created"},
	"FamilyMemberHistory": {"code", "date"}, "DeviceUseStatement": {"", ""}, "List": {"code", "date"}, "ClinicalImpression": {"", "date"},
	"AdverseEvent": {"event", "date"}, "DetectedIssue": {"code", "identified"}, "NutritionOrder": {"", "datetime"},
	"Patient": {"", "birthdate"}, "Basic": {"code", "created"}, "Invoice": {"", "date"}, "MeasureReport": {"", "date"},
}

type mains struct{ code, date, value spec.ParamID }

var mainTable = func() []mains {
	out := make([]mains, len(typeNames))
	for name, codes := range firstOf {
		t, _ := spec.Resource(name)
		out[t].code, _ = spec.ParamCode(codes[0])
		out[t].date, _ = spec.ParamCode(codes[1])
		if name == "Observation" {
			out[t].value, _ = spec.ParamCode("value-quantity")
		}
	}
	return out
}()

func mainOf(t spec.TypeID) mains { return mainTable[t] }

// Counted are the hashes of counters that a row with these keys is counted under.
func Counted(t spec.TypeID, keys []byte) []int64 {
	out := []int64{TypeHash(t)}
	main := mainOf(t).code
	r := keyReader{buf: keys}
	var k Key
	for main != 0 && r.next(&k) {
		if k.Param == main && k.Kind == TokenKey {
			if h := Hash(t, k.Param, string(k.System)+"|"+string(k.Code)); !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	return out
}
