package validate

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/terms"
)

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

// told writes issues as "expression: message", one a line, with the rule's key where there is one.
func told(issues []Issue) string {
	var lines []string
	for _, i := range issues {
		line := i.Expression + ": "
		if i.Key != "" {
			line += i.Key + " "
		}
		lines = append(lines, line+i.Message)
	}
	return strings.Join(lines, "\n")
}

const reading = `{"resourceType":"Observation","id":"bp","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],` +
	`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}]},"subject":{"reference":"Patient/okafor"},"effectiveDateTime":"2026-11-20T09:30:00Z",` +
	`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":182,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},` +
	`{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":104,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

func TestStructure(t *testing.T) {
	for _, c := range [][2]string{
		{reading, ``},
		{`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://e.org","valueString":"about 1940"}]},"name":[{"given":["A",null,"C"],"_given":[null,{"id":"x"}]}]}`, ``},
		{`{"resourceType":"Patient","nickname":"x"}`, `Patient.nickname: Patient has no element nickname`},
		{`{"resourceType":"Patient","contact":[{"name":{"family":"A"}},{"name":{"famly":"A"}}]}`, `Patient.contact[1].name.famly: HumanName has no element famly`},
		{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"value":"high"}`, `Observation.value: value must say its type in its name, such as valueQuantity`},
		{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a","valueInteger":1}`, `Observation.value: Observation.value may have one type only, and has two`},
		{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a","_valueInteger":{"id":"x"}}`, `Observation.value: Observation.value may have one type only, and has two`},
		{`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a","_valueString":{"id":"x"}}`, ``},
		{`{"resourceType":"Observation","status":"final"}`, `Observation.code: Observation must have code`},
		{`{"resourceType":"Observation","_status":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},"code":{"text":"x"}}`, ``},
		{`{"resourceType":"Patient","name":{"text":"x"}}`, `Patient.name: Patient.name may repeat and must be an array`},
		{`{"resourceType":"Patient","gender":["male"]}`, `Patient.gender: Patient.gender stands once; an array may not stand here`},
		{`{"resourceType":"Patient","gender":"man"}`, `Patient.gender: "man" is not in the value set http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1`},
		{`{"resourceType":"Patient","gender":"\u006dale"}`, ``},
		{`{"resourceType":"Patient","name":[]}`, `Patient.name: an array may not be empty`},
		{`{"resourceType":"Patient","name":[{}]}`, `Patient.name[0]: an object may not be empty`},
		{`{"resourceType":"Patient","name":["x"]}`, `Patient.name[0]: Patient.name must be an object`},
		{`{"resourceType":"Patient","name":[{"given":[null]}]}`, `Patient.name[0].given[0]: null may only keep the place of a value that has extensions instead`},
		{`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[{"id":"x"},null]}]}`, "Patient.name[0].given[1]: null may only keep the place of a value that has extensions instead\nPatient.name[0].given[1]: null may only keep the place of a value that has extensions instead"},
		{`{"resourceType":"Patient","gender":null}`, `Patient.gender: null is no code: a string must stand here`},
		{`{"resourceType":"Patient","active":"true"}`, `Patient.active: "true" is no boolean: true or false must stand here`},
		{`{"resourceType":"Patient","_name":[{"id":"x"}]}`, `Patient._name: Patient has no element _name`},
		{`{"resourceType":"Patient","birthDate":"1970-02-30"}`, `Patient.birthDate: "1970-02-30" is no date: it must be YYYY, YYYY-MM or YYYY-MM-DD and exist`},
		{`{"resourceType":"Patient","id":"a/b"}`, `Patient.id: "a/b" is no id: it must be 1 to 64 of A-Z a-z 0-9 - .`},
		{`{"resourceType":"Patient","extension":[{"url":"colour","valueString":"x"}]}`, `Patient.extension[0]: the url of an extension must be absolute, not "colour"`},
		{`{"resourceType":"Patient","extension":[{"url":"http://e.org","extension":[{"url":"colour","valueString":"x"}]}]}`, ``},
		{`{"resourceType":"Patient","extension":[{"url":"http://e.org"}]}`, `Patient.extension[0]: ext-1 an extension must have either a value or extensions, and not both`},
		{`{"resourceType":"Patient","extension":[{"valueString":"x"}]}`, `Patient.extension[0].url: Extension must have url`},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"Patient/1"}]}`, `Patient.generalPractitioner[0]: Patient.generalPractitioner may point to Organization, Practitioner or PractitionerRole, not to Patient`},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"https://e.org/fhir/Practitioner/1/_history/2"},{"reference":"urn:uuid:5a5b1d5c-8e3f-4a0e-8a55-0c7b6f6b7b6f"},{"reference":"Practitioner?identifier=x|y"},{"type":"Practitioner","identifier":{"value":"1"}},{"display":"Dr A"}]}`, ``},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner/1","type":"Organization"}]}`, `Patient.generalPractitioner[0]: the reference points to Practitioner, but its type says Organization`},
		{`{"resourceType":"Patient","generalPractitioner":[{"type":"Patient"}]}`, `Patient.generalPractitioner[0]: Patient.generalPractitioner may point to Organization, Practitioner or PractitionerRole, not to Patient`},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"Dr A"}]}`, `Patient.generalPractitioner[0]: "Dr A" is no reference: it must be Type/id, an absolute URL, urn:uuid:… or #id`},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"#a"}],"contained":[{"resourceType":"Practitioner","id":"b"}]}`, `Patient.generalPractitioner[0]: ref-1 the reference "#a" means a contained resource, but none has that id`},
		{`{"resourceType":"Patient","generalPractitioner":[{"reference":"#b"}],"contained":[{"resourceType":"Practitioner","id":"b"}]}`, ``},
		{`{"resourceType":"Patient","contained":[{"resourceType":"Practitioner","id":"b","contained":[{"resourceType":"Basic","id":"c","code":{"text":"x"}}]}]}`, "Patient.contained[0]: dom-2 a contained resource may not contain others\nPatient.contained[0].contained[0]: dom-2 a contained resource may not contain others"},
		{`{"resourceType":"Patient","contained":[{"resourceType":"Practitioner","id":"b","meta":{"versionId":"1"}}]}`, `Patient.contained[0]: dom-4 a contained resource has no version of its own: meta.versionId and meta.lastUpdated may not stand in it`},
		{`{"resourceType":"Patient","contained":[{"resourceType":"Practitioner"}]}`, `Patient.contained[0]: a contained resource needs an id to be referred to`},
		{`{"resourceType":"Patient","contained":[{"id":"b"}]}`, `Patient.contained[0]: resourceType is missing`},
		{`{"resourceType":"Patient","contained":["b"]}`, `Patient.contained[0]: a resource must stand here`},
		{`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","gendr":"male"}}]}`, `Bundle.entry[0].resource.gendr: Patient has no element gendr`},
		{`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","generalPractitioner":[{"reference":"#b"}],"contained":[{"resourceType":"Practitioner","id":"b"}]}},{"resource":{"resourceType":"Patient","generalPractitioner":[{"reference":"#b"}]}}]}`,
			`Bundle.entry[1].resource.generalPractitioner[0]: ref-1 the reference "#b" means a contained resource, but none has that id`},
		{`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"text":"better"}}`, `Condition.clinicalStatus: none of the codes is in the value set http://hl7.org/fhir/ValueSet/condition-clinical|4.0.1`},
		{`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://e.org","code":"active"}]}}`, `Condition.clinicalStatus: none of the codes is in the value set http://hl7.org/fhir/ValueSet/condition-clinical|4.0.1`},
		{`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://e.org","code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`, ``},
		{`{"resourceType":"Binary","contentType":"pdf"}`, `Binary.contentType: "pdf" is not in the value set http://hl7.org/fhir/ValueSet/mimetypes|4.0.1`},
		{`{"resourceType":"Binary","contentType":"application/pdf","data":"aGVsbG8="}`, ``},
		{`{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"group","item":[{"linkId":"1.1","typ":"string"}]}]}`, "Questionnaire.item[0].item[0].typ: Questionnaire.item has no element typ\nQuestionnaire.item[0].item[0].type: Questionnaire.item must have type"},
		{`{"resourceType":"SubstanceAmount"}`, `SubstanceAmount: R4 has no resource type "SubstanceAmount"`},
		{`{"resourceType":"DomainResource"}`, `DomainResource: R4 has no resource type "DomainResource"`},
		{`{"resourceType":1}`, `1: resourceType is missing`},
		{`{}`, `: resourceType is missing`},
	} {
		issues := Structure(parse(t, c[0]))
		if got := told(issues); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
		if (c[1] == "") != Valid(issues) || (c[1] == "") != (Err(issues) == nil) {
			t.Errorf("%s: Valid and Err disagree with the issues", c[0])
		}
	}
}

func TestPrimitives(t *testing.T) {
	for typ, c := range map[string]struct{ good, bad []string }{
		"boolean":      {[]string{`true`, `false`}, []string{`"true"`, `1`, `null`}},
		"integer":      {[]string{`0`, `-1`, `2147483647`, `-2147483648`}, []string{`1.0`, `1e2`, `2147483648`, `-2147483649`, `-0`, `"1"`, `99999999999`}},
		"positiveInt":  {[]string{`1`, `2147483647`}, []string{`0`, `-1`}},
		"unsignedInt":  {[]string{`0`, `1`}, []string{`-1`}},
		"decimal":      {[]string{`1.50`, `-0.0`, `1e-7`, `12345678901234567890.123456789`}, []string{`"1.5"`, `true`}},
		"string":       {[]string{`"a"`, `" a "`, `"a\nb"`, `"\ud83d\ude00"`}, []string{`""`, `"  "`, `"\u0000"`, `"\u001b"`, `1`}},
		"markdown":     {[]string{`"# a"`}, []string{`""`}},
		"code":         {[]string{`"a"`, `"a b"`, `">="`}, []string{`" a"`, `"a "`, `"a  b"`, `"a\tb"`, `""`}},
		"id":           {[]string{`"a-1.B"`, `"` + strings.Repeat("a", 64) + `"`}, []string{`"a_b"`, `"` + strings.Repeat("a", 65) + `"`, `""`}},
		"uri":          {[]string{`"urn:oid:1.2"`, `"http://a/b?c#d"`, `"../x"`}, []string{`"a b"`, `""`}},
		"url":          {[]string{`"https://a"`}, []string{`"a b"`}},
		"canonical":    {[]string{`"http://a|1"`}, []string{`"a\nb"`}},
		"oid":          {[]string{`"urn:oid:1.2.840.0"`}, []string{`"urn:oid:3.1"`, `"urn:oid:1"`, `"urn:oid:1.02"`, `"1.2.3"`, `"urn:oid:1..2"`}},
		"uuid":         {[]string{`"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`}, []string{`"c757873d-ec9a-4326-a141-556f43239520"`, `"urn:uuid:C757873D-EC9A-4326-A141-556F43239520"`, `"urn:uuid:c757873dec9a4326a141556f43239520"`}},
		"base64Binary": {[]string{`"aGVsbG8="`, `"aGVs bG8="`, `"QQ=="`, `"aGVsbG8h"`}, []string{`"aGVsbG8"`, `"a=Gs"`, `"a-_s"`, `"Q==="`, `"é==="`, `" "`}},
		"date":         {[]string{`"1970"`, `"1970-02"`, `"2024-02-29"`}, []string{`"70"`, `"1970-2"`, `"2023-02-29"`, `"1970-13"`, `"0000"`, `"1970-01-01T00:00:00Z"`}},
		"dateTime":     {[]string{`"1970"`, `"1970-02-01"`, `"2024-02-29T23:59:59+01:00"`, `"2024-02-29T23:59:59.123456Z"`, `"2016-12-31T23:59:60Z"`}, []string{`"2024-02-29T23:59Z"`, `"2024-02-29T23:59:59"`, `"2024-02-29T24:00:00Z"`, `"2024-02-29 10:00:00Z"`, `"2024-02T10:00:00Z"`, `"2024-02-29T"`}},
		"instant":      {[]string{`"2024-02-29T23:59:59.1Z"`, `"2024-02-29T23:59:59-05:00"`}, []string{`"2024-02-29"`, `"2024-02-29T23:59:59"`, `"2024-02-29T23:59Z"`}},
		"time":         {[]string{`"10:00:00"`, `"23:59:59.9"`}, []string{`"10:00"`, `"24:00:00"`, `"10:00:00Z"`, `"T10:00:00"`}},
		"xhtml":        {[]string{`"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"`}, []string{`"a"`, `""`}},
	} {
		for _, text := range c.good {
			if fault := checkPrimitive(parse(t, `{"v":`+text+`}`).Root().Get("v"), typ); fault != "" {
				t.Errorf("%s %s: %s", typ, text, fault)
			}
		}
		for _, text := range c.bad {
			if checkPrimitive(parse(t, `{"v":`+text+`}`).Root().Get("v"), typ) == "" {
				t.Errorf("%s %s is accepted", typ, text)
			}
		}
	}
}

const div = `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}`

func TestFull(t *testing.T) {
	for _, c := range [][2]string{
		{strings.Replace(reading, `"status"`, div+`,"status"`, 1), ``},
		{`{"resourceType":"Patient",` + div + `,"contact":[{"gender":"male"}]}`, `Patient.contact[0]: pat-1 SHALL at least contain a contact's details or a reference to an organization`},
		{`{"resourceType":"Patient","gender":"male"}`, `Patient: dom-6 A resource should have narrative for robust management`},
		{`{"resourceType":"Observation",` + div + `,"status":"final","code":{"text":"x"},"valueString":"a","dataAbsentReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason","code":"unknown"}]}}`, `Observation: obs-6 dataAbsentReason SHALL only be present if Observation.value[x] is not present`},
		{`{"resourceType":"Patient",` + div + `,"identifier":[{"period":{"start":"2020-02","end":"2020-01"}}]}`, `Patient.identifier[0].period: per-1 If present, start SHALL have a lower value than end`},
		{`{"resourceType":"Patient",` + div + `,"contained":[{"resourceType":"Organization","id":"o","name":"x"}]}`, `Patient: dom-3 If the resource is contained in another resource, it SHALL be referred to from elsewhere in the resource or SHALL refer to the containing resource`},
		{`{"resourceType":"Patient",` + div + `,"managingOrganization":{"reference":"#o"},"contained":[{"resourceType":"Organization","id":"o"}]}`, "Patient.contained[0]: org-1 The organization SHALL at least have a name or an identifier, and possibly more than one"},
		{`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"}}`, `Patient.text.div: txt-1 The narrative SHALL contain only the basic html formatting elements and attributes described in chapters 7-11 (except section 4 of chapter 9) and 15 of the HTML 4.0 standard, <a> elements (either name or href), images and internally contained style attributes`},
		{`{"resourceType":"Patient",` + div + `,"language":"en_GB"}`, `Patient.language: "en_GB" is not in the value set http://hl7.org/fhir/ValueSet/all-languages`},
		{`{"resourceType":"Patient",` + div + `,"maritalStatus":{"coding":[{"system":"http://e.org","code":"x"}]}}`, `Patient.maritalStatus: no code is in the value set http://hl7.org/fhir/ValueSet/marital-status, which should be used where it has one that fits`},
		{`{"resourceType":"Patient",` + div + `,"meta":{"profile":["http://e.org/p"]}}`, `Patient: the profile http://e.org/p was not checked: resources are held against R4 itself`},
		{`{"resourceType":"Patient","nick":"x","contact":[{"gender":"male"}]}`, `Patient.nick: Patient has no element nick`}, // no rules on what is no Patient
		{`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Basic",` + div + `,"code":{"text":"x"}}}]}`, `Bundle: bdl-3 entry.request mandatory for batch/transaction/history, otherwise prohibited`},
	} {
		issues, err := new(Validator).Full(t.Context(), parse(t, c[0]))
		if got := told(issues); got != c[1] || err != nil {
			t.Errorf("%s\n got %s %v\nwant %s", c[0], got, err, c[1])
		}
	}
}

// record is a terms.Source for tests.
type record map[string]string

func (r record) Canonical(_ context.Context, _, url string) (*fhir.Resource, error) {
	switch r[url] {
	case "":
		return nil, nil
	case "broken":
		return nil, errors.New("the database is gone")
	}
	return fhir.Parse([]byte(r[url]))
}

// An extensible value set of R4 that leans on LOINC is decided once the record has one of that name.
func TestFullAsksTheRecord(t *testing.T) {
	const set = "http://hl7.org/fhir/ValueSet/marital-status"
	text := parse(t, `{"resourceType":"Patient",`+div+`,"maritalStatus":{"coding":[{"system":"http://kith.test/cs","code":"m"}]}}`)
	own := `{"resourceType":"ValueSet","url":"` + set + `","compose":{"include":[{"system":"http://kith.test/cs","concept":[{"code":"m"}]}]}}`
	v := Validator{Terms: &terms.Terms{Source: record{set: own}}}
	if issues, err := v.Full(t.Context(), text); err != nil || len(issues) != 0 {
		t.Errorf("%s %v", told(issues), err)
	}
	v = Validator{Terms: &terms.Terms{Source: record{set: "broken"}}}
	if _, err := v.Full(t.Context(), text); err == nil || !strings.Contains(err.Error(), "the database is gone") {
		t.Error(err)
	}
}

func TestOutcome(t *testing.T) {
	issues := Structure(parse(t, `{"resourceType":"Patient","ni\"ck":"x","gender":"man","extension":[{"url":"http://e.org"}]}`))
	outcome := parse(t, string(Outcome(issues)))
	if left := Structure(outcome); len(left) != 0 {
		t.Errorf("the outcome is no OperationOutcome: %s", told(left))
	}
	first := outcome.Root().Get("issue").First()
	if got := first.Get("expression").First().Text(); got != `Patient.ni"ck` {
		t.Errorf("expression %s", got)
	}
	if left := Structure(parse(t, string(Outcome(nil)))); len(left) != 0 {
		t.Errorf("the empty outcome: %s", told(left))
	}
}

func TestManyIssues(t *testing.T) {
	text := `{"resourceType":"Patient","name":[` + strings.Repeat(`{},`, 5000) + `{}]}`
	if n := len(Structure(parse(t, text))); n != maxIssues {
		t.Errorf("%d issues", n)
	}
}

// Synthea writes correct R4, so nothing may be found wrong in it.
func TestSynthea(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "patients", "synthea-r4-A-ndjson"), "*.ndjson.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	var v Validator
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
		seen := map[string]int{}
		for n := 0; scanner.Scan(); n++ {
			res := parse(t, strings.Clone(scanner.Text()))
			issues := Structure(res)
			if n < 20 {
				if issues, err = v.Full(t.Context(), res); err != nil {
					t.Fatal(err)
				}
			}
			for _, i := range issues {
				if i.Severity == Error || i.Code == "exception" {
					seen[fmt.Sprintf("%s %s: %s", i.Key, i.Expression, i.Message)]++
				}
			}
		}
		if err := scanner.Err(); err != nil {
			t.Fatal(err)
		}
		for issue, n := range seen {
			t.Errorf("%s: %d × %s", filepath.Base(name), n, issue)
		}
		file.Close()
	}
}

// The examples of UK Core are good R4, except where they are not.
func TestUKCore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "uk", "ukcore-r4"), "examples", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	known := map[string]string{
		// the type in front of the id was forgotten
		"UKCore-MedicationDispense-CiprofloxacinOral-Example.xml": `MedicationDispense.authorizingPrescription[0]: "UKCore-MedicationRequest-CiprofloxacinOral-Example" is no reference: it must be Type/id, an absolute URL, urn:uuid:… or #id`,
	}
	var v Validator
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := fhirxml.ToJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		issues, err := v.Full(t.Context(), parse(t, string(asJSON)))
		if err != nil {
			t.Fatal(err)
		}
		var wrong []Issue
		for _, i := range issues {
			if i.Severity == Error || i.Code == "exception" {
				wrong = append(wrong, i)
			}
		}
		if got := told(wrong); got != known[filepath.Base(name)] {
			t.Errorf("%s: %s", filepath.Base(name), got)
		}
	}
}

// No input makes the validator fail, and what Structure accepts can be written as XML.
func FuzzStructure(f *testing.F) {
	f.Add([]byte(reading))
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Basic","id":"a","code":{"text":"x"}}],"name":[{"given":[null],"_given":[{"id":"x"}]}]}}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		res, err := fhir.Parse(in)
		if err != nil {
			return
		}
		issues := Structure(res)
		if _, err := fhir.Parse(Outcome(issues)); err != nil {
			t.Fatalf("%q gives the outcome %q: %v", in, Outcome(issues), err)
		}
		if _, err := new(Validator).Full(t.Context(), res); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !Valid(issues) {
			return
		}
		if _, err := fhirxml.FromJSON(res); err != nil && fhir.KindOf(err) != fhir.Unsupported && !strings.Contains(err.Error(), "narrative") {
			t.Fatalf("%q is valid but cannot be XML: %v", in, err)
		}
	})
}

func BenchmarkStructure(b *testing.B) {
	res := parse(b, reading)
	b.ReportAllocs()
	b.SetBytes(int64(len(reading)))
	for b.Loop() {
		if len(Structure(res)) > 0 {
			b.Fatal("the reading has issues")
		}
	}
}

func BenchmarkFull(b *testing.B) {
	res := parse(b, reading)
	var v Validator
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Full(b.Context(), res); err != nil {
			b.Fatal(err)
		}
	}
}
