package intake

import (
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Family is what a data-quality check is about.
type Family string

// The families of checks.
const (
	Integrity    Family = "integrity"
	Completeness Family = "completeness"
	Freshness    Family = "freshness"
	CodeMapping  Family = "code mapping"
)

// Check is one thing that is asked of the data a feed sends.
type Check struct {
	Name   string // in addresses and in Format.Columns
	Title  string // what passes, as it is counted
	Family Family
	Wrong  string // what is wrong with a row that does not pass; it says nothing of what stands in the row
}

// The checks that have a bit in record.Part.Fails, which is stored: the order never changes.
const (
	parentThere = iota
	hasNumber
	hasBirthDate
	hasPostcode
	isCoded
	hasDate
	notAhead
	inTime
	isValid
	soMany
)

var checks = [soMany]Check{
	parentThere:  {"parent", "parent there", Integrity, "what the row belongs to has not come"},
	hasNumber:    {"nhs-number", "NHS number", Completeness, "there is no NHS number, or none that is right"},
	hasBirthDate: {"birth-date", "birth date", Completeness, "there is no date of birth, or none that can be read"},
	hasPostcode:  {"postcode", "postcode", Completeness, "there is no postcode"},
	isCoded:      {"coded", "coded in SNOMED CT or dm+d", CodeMapping, "the code leads to none of SNOMED CT or dm+d"},
	hasDate:      {"dated", "date there", Completeness, "there is no date at which it was so or was recorded"},
	notAhead:     {"ahead", "not dated ahead", Integrity, "it is dated after the extract or message that says so"},
	inTime:       {"late", "came within a week", Freshness, "it came more than a week after it was recorded"},
	isValid:      {"valid", "valid as FHIR R4", Integrity, "what is made of it does not validate"},
}

// understood is the check that every row takes first. Those that fail it are in quarantine.
var understood = Check{"understood", "understood", Integrity, "it could not be understood"}

// Checks are all checks, in the order in which they are shown.
func Checks() []Check { return append([]Check{understood}, checks[:]...) }

// CheckNamed is the check of a name.
func CheckNamed(name string) (Check, bool) {
	for _, c := range Checks() {
		if c.Name == name {
			return c, true
		}
	}
	return Check{}, false
}

// Checked and Failed begin the notes that count a check: how often it was made, and how often it failed.
const (
	Checked = "quality: "
	Failed  = "quality fault: "
)

// notesOf are the notes of each check: made once, since every resource counts some.
var notesOf = func() (n [soMany][2]string) {
	for i, c := range checks {
		n[i] = [2]string{Checked + c.Title, Failed + c.Title}
	}
	return n
}()

// verdict is which checks a resource was held against and which it failed, a bit each.
type verdict struct{ asked, failed int64 }

func (v *verdict) say(check int, pass bool) {
	v.asked |= 1 << check
	if !pass {
		v.failed |= 1 << check
	}
}

func (v verdict) count(notes map[string]int) {
	for i := range notesOf {
		if v.asked&(1<<i) != 0 {
			notes[notesOf[i][0]]++
		}
		if v.failed&(1<<i) != 0 {
			notes[notesOf[i][1]]++
		}
	}
}

// judged holds a resource against the checks: is a patient's identity complete, is an entry coded in the terminology of the NHS, is its date
// one that can be. Made is when the extract or message was; news says that the source had not told of it before and could have at once.
func judged(res *fhir.Resource, made time.Time, news bool) (v verdict) {
	root := res.Root()
	if res.Type() == "Patient" {
		number, postcode := false, false
		for id := range root.Get("identifier").Items() {
			number = number || id.Get("system").Is("https://fhir.nhs.uk/Id/nhs-number")
		}
		for a := range root.Get("address").Items() {
			postcode = postcode || a.Get("postalCode").Exists()
		}
		v.say(hasNumber, number)
		v.say(hasBirthDate, root.Get("birthDate").Exists())
		v.say(hasPostcode, postcode)
		return v
	}
	if element := clinical[res.Type()]; element != "" {
		if c := root.Get(element); c.Exists() {
			v.say(isCoded, standard(c))
		}
	}
	when, ok := dated[res.Type()]
	if !ok {
		return v
	}
	var at fhir.Value
	for _, element := range when.elements {
		if at = root.Get(element); at.Exists() {
			break
		}
	}
	v.say(hasDate, at.Exists())
	if at.Kind() == fhir.Object {
		at = at.Get("start")
	}
	if d, err := fhir.ParseDateTime(at.Text()); err == nil && !when.planned {
		v.say(notAhead, !d.Low().After(made.Add(aDay)))
	}
	if !news || when.recorded == "" {
		return v
	}
	if d, err := fhir.ParseDateTime(root.Get(when.recorded).Text()); err == nil {
		v.say(inTime, !d.High().Before(made.Add(-7*aDay)))
	}
	return v
}

// aDay is also how far a date may lie ahead, so that zones and days without a time are no faults.
const aDay = 24 * time.Hour

// dated says for the types that have happened when they did: in which elements that stands, the first that is there, and in which stands when it
// was recorded. What may be planned, such as an issue of a repeat prescription, may lie ahead.
var dated = map[string]struct {
	elements []string
	recorded string
	planned  bool
}{
	"Observation":        {[]string{"effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"}, "issued", false},
	"Condition":          {[]string{"onsetDateTime", "onsetPeriod", "recordedDate"}, "recordedDate", false},
	"AllergyIntolerance": {[]string{"onsetDateTime", "recordedDate"}, "recordedDate", false},
	"Immunization":       {[]string{"occurrenceDateTime"}, "recorded", false},
	"Procedure":          {[]string{"performedDateTime", "performedPeriod"}, "", false},
	"DiagnosticReport":   {[]string{"effectiveDateTime", "effectivePeriod", "issued"}, "issued", false},
	"MedicationRequest":  {[]string{"authoredOn"}, "", true},
}

// clinical says for the types that say something clinical in which element: of these alone a code of the NHS is expected, not of somebody's job.
var clinical = map[string]string{"Observation": "code", "Condition": "code", "AllergyIntolerance": "code", "Procedure": "code", "DiagnosticReport": "code", "ServiceRequest": "code", "Flag": "code",
	"Medication": "code", "MedicationRequest": "medicationCodeableConcept", "MedicationStatement": "medicationCodeableConcept", "MedicationAdministration": "medicationCodeableConcept",
	"MedicationDispense": "medicationCodeableConcept", "Immunization": "vaccineCode"}

func standard(concept fhir.Value) bool {
	for c := range concept.Get("coding").Items() {
		if s := c.Get("system"); s.Is("http://snomed.info/sct") || s.Is("https://dmd.nhs.uk") {
			return true
		}
	}
	return false
}

// column is in which of the supplier's columns of a row a check looks, "" where the row has none of them.
func (f *Format) column(check int, r *Row) string {
	for _, name := range f.Columns[checks[check].Name] {
		if r.Has(name) {
			return name
		}
	}
	return ""
}

// blame is the row of a unit that a failed check is about: the first that has its column.
func (x *extract) blame(check int, rows []*Row) *Row {
	for _, r := range rows {
		if x.format.column(check, r) != "" {
			return r
		}
	}
	return rows[0]
}

// appraise holds what a unit makes against the checks. Fails says for each of its rows which it does not pass.
func (x *extract) appraise(m *Mapping, known []record.Part, waits int64) (fails map[*Row]int64) {
	if len(m.rows) == 0 {
		return nil
	}
	mark := func(r *Row, bit int64) {
		if fails == nil {
			fails = map[*Row]int64{}
		}
		fails[r] |= bit
	}
	if waits != 0 {
		for _, r := range m.rows {
			mark(r, 1<<parentThere)
		}
		return fails
	}
	var made time.Time
	news := true
	for _, r := range m.rows {
		if r.File.Stamp.After(made) {
			made = r.File.Stamp
		}
		news = news && !r.File.Full && find(known, r.part) == nil
	}
	for i := range m.puts {
		p := &m.puts[i]
		v := judged(p.res, made, news)
		p.said.asked, p.said.failed = p.said.asked|v.asked, p.said.failed|v.failed
		for check := 0; p.said.failed>>check != 0; check++ {
			if p.said.failed&(1<<check) != 0 {
				mark(x.blame(check, m.rows), 1<<check)
			}
		}
	}
	for _, r := range m.rows { // that it came late stays so until its source says it again
		if p := find(known, r.part); p != nil && p.Content == r.content && p.Fails&(1<<inTime) != 0 {
			mark(r, 1<<inTime)
		}
	}
	return fails
}
