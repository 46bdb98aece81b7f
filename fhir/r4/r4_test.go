package r4

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/validate"
)

// all are the resources of this package.
var all = []any{
	new(AllergyIntolerance), new(Appointment), new(AppointmentResponse), new(AuditEvent), new(Binary), new(Bundle), new(CapabilityStatement),
	new(CarePlan), new(CareTeam), new(Communication), new(CommunicationRequest), new(Composition), new(Condition), new(Consent), new(Device),
	new(DiagnosticReport), new(DocumentReference), new(Encounter), new(Endpoint), new(EpisodeOfCare), new(Flag), new(Goal), new(Group),
	new(HealthcareService), new(Immunization), new(List), new(Location), new(Medication), new(MedicationDispense), new(MedicationRequest),
	new(MedicationStatement), new(Observation), new(OperationOutcome), new(Organization), new(Parameters), new(Patient), new(Practitioner),
	new(PractitionerRole), new(Procedure), new(Provenance), new(Questionnaire), new(QuestionnaireResponse), new(RelatedPerson),
	new(ActivityDefinition), new(PlanDefinition), new(RequestGroup), new(RiskAssessment), new(Schedule), new(ServiceRequest), new(Slot), new(Subscription), new(Task),
}

// blank makes an empty struct for a resource type, nil if this package has none.
func blank(resourceType string) any {
	for _, x := range all {
		if typ := reflect.TypeOf(x).Elem(); typ.Name() == resourceType {
			return reflect.New(typ).Interface()
		}
	}
	return nil
}

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

// Every field is an element of R4, and every element has a field, apart from the rarer types of open choices.
func TestFieldsAreElements(t *testing.T) {
	for _, x := range all {
		typ := reflect.TypeOf(x).Elem()
		check(t, tableOf(typ), spec.TypeOf(typ.Name()), map[*table]bool{})
	}
}

func check(t *testing.T, tab *table, typ *spec.Type, seen map[*table]bool) {
	if seen[tab] {
		return
	}
	seen[tab] = true
	last := -1
	for i := range tab.fields {
		f := &tab.fields[i]
		el, child, ok := typ.ChildType(f.name)
		if !ok {
			t.Errorf("%s has no %s", typ.Name, f.name)
			continue
		}
		if el.Order < last {
			t.Errorf("%s.%s is out of order", typ.Name, f.name)
		}
		last = el.Order
		if (el.Max != 1) != (f.kind >= stringsKind) {
			t.Errorf("%s.%s repeats or does not", typ.Name, f.name)
		}
		if f.inner != nil {
			check(t, f.inner.get(), child, seen)
		}
	}
	for i := range typ.Elements {
		el := &typ.Elements[i]
		if _, ok := tab.byName[el.Name]; !ok && !el.Choice {
			t.Errorf("%s.%s has no field", typ.Name, el.Name)
		}
	}
}

func TestDecode(t *testing.T) {
	res := parse(t, `{"resourceType":"Patient","id":"p","active":false,"name":[{"family":"Okafor","given":["Ada",null],"_given":[null,{"id":"g"}]}],
		"birthDate":"1941-03","_birthDate":{"extension":[{"url":"http://e","valueCode":"x"}]},"multipleBirthInteger":2,
		"extension":[{"url":"http://e","valueTiming":{"code":{"text":"x"}}}],"contained":[{"resourceType":"Organization","id":"o"}],"shoeSize":41}`)
	var p Patient
	if err := Decode(res, &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != "p" || *p.Active || p.Name[0].Family != "Okafor" || p.Name[0].Given[0] != "Ada" || p.BirthDate.String() != "1941-03" ||
		*p.MultipleBirthInteger != 2 || p.Contained[0].ID() != "o" || p.Extension[0].URL != "http://e" || string(p.More["shoeSize"]) != "41" {
		t.Errorf("%+v", p)
	}
	p.Name[0].Given[0], p.Active, p.BirthDate = "Adaeze", new(true), fhir.DateOf(time.Date(1941, 3, 5, 0, 0, 0, 0, time.UTC))
	want := `{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Organization","id":"o"}],"extension":[{"url":"http://e","valueTiming":{"code":{"text":"x"}}}],` +
		`"active":true,"name":[{"family":"Okafor","given":["Adaeze",null],"_given":[null,{"id":"g"}]}],"birthDate":"1941-03-05",` +
		`"_birthDate":{"extension":[{"url":"http://e","valueCode":"x"}]},"multipleBirthInteger":2,"shoeSize":41}`
	if got := string(Encode(&p)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// How a date or a number was written is kept until it is changed.
func TestWrittenUnusually(t *testing.T) {
	const text = `{"resourceType":"Observation","effectiveDateTime":"2020-01-01T10:00:00+00:00","valueQuantity":{"value":1.50E-3},"component":[{"valueQuantity":{"value":1e-2000}},{"valueTime":"10:00:00.1234567891"}]}`
	var o Observation
	if err := Decode(parse(t, text), &o); err != nil {
		t.Fatal(err)
	}
	if got := string(Encode(&o)); got != text {
		t.Errorf("\n got %s\nwant %s", got, text)
	}
	o.EffectiveDateTime.Year = 2021
	o.ValueQuantity.Value = new(fhir.MakeDecimal(20, 1))
	o.Component[0].ValueQuantity.Value = new(fhir.MakeDecimal(3, 0))
	o.Component[1].ValueTime = fhir.Time{}
	want := `{"resourceType":"Observation","effectiveDateTime":"2021-01-01T10:00:00Z","valueQuantity":{"value":2.0},"component":[{"valueQuantity":{"value":3}},{}]}`
	if got := string(Encode(&o)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{`{"resourceType":"Observation"}`, `a Patient was asked for, but this is a Observation`},
		{`{"resourceType":"Patient","name":{"family":"A"}}`, `Patient.name: {"family":"A"} stands where an array must`},
		{`{"resourceType":"Patient","name":[{"family":1}]}`, `Patient.name[0].family: 1 stands where a string must`},
		{`{"resourceType":"Patient","name":[{"given":["a",1]}]}`, `Patient.name[0].given[1]: 1 stands where a string must`},
		{`{"resourceType":"Patient","active":"true"}`, `Patient.active: "true" stands where true or false must`},
		{`{"resourceType":"Patient","birthDate":"long ago"}`, `Patient.birthDate: "long ago" stands where a date must`},
		{`{"resourceType":"Patient","multipleBirthInteger":1.5}`, `Patient.multipleBirthInteger: 1.5 stands where a whole number of 32 bits must`},
		{`{"resourceType":"Patient","maritalStatus":[]}`, `Patient.maritalStatus: [] stands where an object must`},
		{`{"resourceType":"Patient","contained":["x"]}`, `Patient.contained[0]: "x" stands where a resource must`},
	} {
		err := Decode(parse(t, c[0]), new(Patient))
		if err == nil || err.Error() != c[1] || fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v, want %s", c[0], err, c[1])
		}
	}
}

func TestResource(t *testing.T) {
	task := Task{Status: "requested", Intent: "order", For: &Reference{Reference: "Patient/okafor"}, Description: "a\x00\"\\\n\xff é",
		AuthoredOn: fhir.DateTimeOf(time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)), Input: []TaskInput{{Type: &CodeableConcept{Text: "x"}, ValueInteger: new(3)}}}
	res, err := Resource(&task)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Task","status":"requested","intent":"order","description":"a\u0000\"\\\n` + "\uFFFD" + ` é","for":{"reference":"Patient/okafor"},"authoredOn":"2026-11-20T09:30:00.000Z","input":[{"type":{"text":"x"},"valueInteger":3}]}`
	if got := string(res.Bytes()); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	var again Task
	if err := Decode(res, &again); err != nil || again.Input[0].Type.Text != "x" || !again.AuthoredOn.Low().Equal(task.AuthoredOn.Low()) {
		t.Errorf("%+v %v", again, err)
	}
	var name HumanName
	if err := DecodeValue(parse(t, `{"name":{"text":"x"}}`).Root().Get("name"), &name); err != nil || name.Text != "x" {
		t.Errorf("%+v %v", name, err)
	}
	if got := string(Encode(&name)); got != `{"text":"x"}` {
		t.Error(got)
	}
}

// through decodes and encodes a resource and fails unless the JSON is equal.
func through(t *testing.T, res *fhir.Resource) {
	t.Helper()
	x := blank(res.Type())
	if x == nil {
		return
	}
	if err := Decode(res, x); err != nil {
		t.Errorf("%s: %v", res.Bytes(), err)
		return
	}
	got := Encode(x)
	if want, got := canonical(t, res.Bytes()), canonical(t, got); want != got {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func canonical(t *testing.T, body []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v\n%.2000s", err, body)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSynthea(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "patients", "synthea-r4-A-ndjson"), "*.ndjson.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(unzipped)
		scanner.Buffer(nil, 64<<20)
		for n := 0; scanner.Scan() && n < 2000; n++ {
			through(t, parse(t, strings.Clone(scanner.Text())))
		}
		if err := scanner.Err(); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

func TestUKCore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "uk", "ukcore-r4"), "examples", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := fhirxml.ToJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		through(t, parse(t, string(asJSON)))
	}
}

// What R4 allows comes through unchanged.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","birthDate":"1941-03","_birthDate":{"id":"x"},"name":[{"given":["a",null],"_given":[null,{"id":"b"}]}],"extension":[{"url":"http://e","valueDecimal":1.0e3}]}`))
	f.Add([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"\u00e9"},"effectiveInstant":"2020-01-01T00:00:00.123-00:00","valueSampledData":{"origin":{"value":0},"period":1E1,"dimensions":1}}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","code":{"text":"x"}}}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		res, err := fhir.Parse(in)
		if err != nil {
			return
		}
		x := blank(res.Type())
		if x == nil {
			return
		}
		err = Decode(res, x)
		if err == nil {
			if _, err := fhir.Parse(Encode(x)); err != nil {
				t.Fatalf("%q became %q: %v", in, Encode(x), err)
			}
		}
		if validate.Valid(validate.Structure(res)) {
			if err != nil {
				t.Fatalf("%q is valid, yet %v", in, err)
			}
			through(t, res)
		}
	})
}

func benchmark(b *testing.B) *fhir.Resource {
	file, err := os.Open(need.Data(b, "patients", "synthea-r4-A-ndjson", "Observation.ndjson.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	scanner := bufio.NewScanner(unzipped)
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), `"85354-9"`) {
			return parse(b, strings.Clone(scanner.Text()))
		}
	}
	b.Fatal("no blood pressure")
	return nil
}

func BenchmarkDecode(b *testing.B) {
	res := benchmark(b)
	b.SetBytes(int64(len(res.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		var o Observation
		if err := Decode(res, &o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	res := benchmark(b)
	var o Observation
	if err := Decode(res, &o); err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.SetBytes(int64(len(res.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		out = Append(out[:0], &o)
	}
}
