package fhirpath

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
)

// part and operationJSON write a patch as short as its meaning.
func part(name, value string) string { return `{"name":"` + name + `",` + value + `}` }

func operationJSON(parts ...string) string {
	return `{"name":"operation","part":[` + strings.Join(parts, ",") + `]}`
}

func kind(s string) string         { return part("type", `"valueCode":"`+s+`"`) }
func place(s string) string        { return part("path", `"valueString":`+quote(s)) }
func called(s string) string       { return part("name", `"valueString":"`+s+`"`) }
func value1(s string) string       { return part("value", s) }
func at(name string, n int) string { return part(name, fmt.Sprintf(`"valueInteger":%d`, n)) }

// TestPatch follows the cases of the specification's own suite and adds the corners of primitives.
func TestPatch(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		ops       []string
		want      string
	}{
		{"replace a primitive", `{"resourceType":"Patient", "birthDate":"1920-01-01" ,"gender":"male"}`,
			[]string{operationJSON(kind("replace"), place("Patient.birthDate"), value1(`"valueDate":"1930-01-01"`))},
			`{"resourceType":"Patient", "birthDate":"1930-01-01" ,"gender":"male"}`},
		{"add a primitive", `{"resourceType":"Patient"}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("birthDate"), value1(`"valueDate":"1930-01-01"`))},
			`{"resourceType":"Patient","birthDate":"1930-01-01"}`},
		{"delete a primitive", `{"resourceType":"Patient","birthDate":"1920-01-01","_birthDate":{"id":"x"}}`,
			[]string{operationJSON(kind("delete"), place("Patient.birthDate"))}, `{"resourceType":"Patient"}`},
		{"delete what is not there", `{"resourceType":"Patient"}`, []string{operationJSON(kind("delete"), place("Patient.birthDate"))}, `{"resourceType":"Patient"}`},
		{"replace a nested primitive", `{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"gender":"male"}]}`,
			[]string{operationJSON(kind("replace"), place("Patient.contact[0].gender"), value1(`"valueCode":"female"`))},
			`{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"gender":"female"}]}`},
		{"add a complex element", `{"resourceType":"Patient"}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("maritalStatus"), value1(`"valueCodeableConcept":{"text":"married"}`))},
			`{"resourceType":"Patient","maritalStatus":{"text":"married"}}`},
		{"add a structure without a name", `{"resourceType":"Patient"}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("contact"),
				value1(`"part":[`+part("name", `"valueHumanName":{"text":"a name"}`)+","+part("telecom", `"valueContactPoint":{"value":"1"}`)+","+part("telecom", `"valueContactPoint":{"value":"2"}`)+`]`))},
			`{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"telecom":[{"value":"1"},{"value":"2"}]}]}`},
		{"a choice among parts", `{"resourceType":"Observation"}`,
			[]string{operationJSON(kind("add"), place("Observation"), called("component"),
				value1(`"part":[`+part("code", `"valueCodeableConcept":{"text":"x"}`)+","+part("value", `"valueQuantity":{"value":1.50}`)+`]`))},
			`{"resourceType":"Observation","component":[{"code":{"text":"x"},"valueQuantity":{"value":1.50}}]}`},
		{"add to a list", `{"resourceType":"Patient","name":[{"text":"a"}]}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("name"), value1(`"valueHumanName":{"text":"b"}`))},
			`{"resourceType":"Patient","name":[{"text":"a"},{"text":"b"}]}`},
		{"insert into a list", `{"resourceType":"Patient","identifier":[{"value":"a"},{"value":"b"}]}`,
			[]string{operationJSON(kind("insert"), place("Patient.identifier"), value1(`"valueIdentifier":{"value":"c"}`), at("index", 1)),
				operationJSON(kind("insert"), place("Patient.identifier"), value1(`"valueIdentifier":{"value":"d"}`), at("index", 3)),
				operationJSON(kind("insert"), place("Patient.name"), value1(`"valueHumanName":{"text":"n"}`), at("index", 0))},
			`{"resourceType":"Patient","identifier":[{"value":"a"},{"value":"c"},{"value":"b"},{"value":"d"}],"name":[{"text":"n"}]}`},
		{"delete from a list", `{"resourceType":"Patient","identifier":[{"value":"a"}, {"value":"b"}]}`,
			[]string{operationJSON(kind("delete"), place("Patient.identifier.where(value = 'a')"))}, `{"resourceType":"Patient","identifier":[{"value":"b"}]}`},
		{"the last of a list takes the list with it", `{"resourceType":"Patient","identifier":[{"value":"a"}],"active":true}`,
			[]string{operationJSON(kind("delete"), place("Patient.identifier[0]"))}, `{"resourceType":"Patient","active":true}`},
		{"move within a list", `{"resourceType":"Patient","identifier":[{"value":"a"},{"value":"b"},{"value":"c"},{"value":"d"}]}`,
			[]string{operationJSON(kind("move"), place("Patient.identifier"), at("source", 3), at("destination", 1))},
			`{"resourceType":"Patient","identifier":[{"value":"a"},{"value":"d"},{"value":"b"},{"value":"c"}]}`},
		{"a choice changes its type", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedBoolean":{"id":"x"}}`,
			[]string{operationJSON(kind("replace"), place("Patient.deceased"), value1(`"valueDateTime":"2020-01-01"`))},
			`{"resourceType":"Patient","deceasedDateTime":"2020-01-01"}`},
		{"add a choice", `{"resourceType":"Patient"}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("deceased"), value1(`"valueBoolean":true`))}, `{"resourceType":"Patient","deceasedBoolean":true}`},
		{"an extension on a primitive", `{"resourceType":"Patient","birthDate":"1957"}`,
			[]string{operationJSON(kind("add"), place("Patient.birthDate"), called("extension"), value1(`"valueExtension":{"url":"u","valueCode":"c"}`)),
				operationJSON(kind("add"), place("Patient.birthDate"), called("extension"), value1(`"valueExtension":{"url":"v"}`)),
				operationJSON(kind("replace"), place("Patient.birthDate.extension('u').value"), value1(`"valueString":"s"`))},
			`{"resourceType":"Patient","birthDate":"1957","_birthDate":{"extension":[{"url":"u","valueString":"s"},{"url":"v"}]}}`},
		{"two lists of a primitive stay in step", `{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[null,{"id":"x"}]}]}`,
			[]string{operationJSON(kind("insert"), place("Patient.name[0].given"), value1(`"valueString":"c"`), at("index", 1)),
				operationJSON(kind("move"), place("Patient.name[0].given"), at("source", 2), at("destination", 0)),
				operationJSON(kind("delete"), place("Patient.name[0].given[1]"))},
			`{"resourceType":"Patient","name":[{"given":["b","c"],"_given":[{"id":"x"},null]}]}`},
		{"an extension on one of a list", `{"resourceType":"Patient","name":[{"given":["a","b"]}]}`,
			[]string{operationJSON(kind("add"), place("Patient.name.given[1]"), called("extension"), value1(`"valueExtension":{"url":"u"}`))},
			`{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[null,{"extension":[{"url":"u"}]}]}]}`},
		{"a contained resource", `{"resourceType":"Patient"}`,
			[]string{operationJSON(kind("add"), place("Patient"), called("contained"), value1(`"resource":{"resourceType":"Organization","id":"o"}`)),
				operationJSON(kind("add"), place("Patient.contained[0]"), called("name"), value1(`"valueString":"O"`))},
			`{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"O"}]}`},
		{"a value with an extension", `{"resourceType":"Patient","gender":"male"}`,
			[]string{operationJSON(kind("replace"), place("gender"), value1(`"valueCode":"other","_valueCode":{"id":"y"}`))},
			`{"resourceType":"Patient","gender":"other","_gender":{"id":"y"}}`},
	} {
		r, err := fhir.Parse([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Patch(r, parameters(t, c.ops...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(got.Bytes()) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got.Bytes(), c.want)
		}
	}
}

func parameters(t testing.TB, ops ...string) *fhir.Resource {
	r, err := fhir.Parse([]byte(`{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPatchRefuses(t *testing.T) {
	doc, err := fhir.Parse([]byte(`{"resourceType":"Patient","active":true,"name":[{"family":"a"},{"family":"b"}],"identifier":[{"value":"x"}],"deceasedBoolean":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op   string
		kind fhir.ErrKind
		want string
	}{
		{operationJSON(kind("spin"), place("Patient")), fhir.Invalid, "operation 1 (spin Patient): the type is one of"},
		{operationJSON(kind("add"), place("Patient"), called("gender")), fhir.Invalid, "operation 1 (add Patient): the part value is missing"},
		{operationJSON(kind("add"), place("Patient..x"), called("gender"), value1(`"valueCode":"x"`)), fhir.Invalid, "operation 1 (add Patient..x): FHIRPath, character 9"},
		{operationJSON(kind("add"), place("Patient"), called("gender"), part("extra", `"valueCode":"x"`)), fhir.Invalid, `operation 1 (add Patient): there is no part "extra"`},
		{operationJSON(kind("add"), place("Patient"), called("colour"), value1(`"valueCode":"x"`)), fhir.Unprocessable, `operation 1 (add Patient): Patient has no element "colour"`},
		{operationJSON(kind("add"), place("Patient"), called("active"), value1(`"valueBoolean":true`)), fhir.Unprocessable, `operation 1 (add Patient): active is already there: replace it`},
		{operationJSON(kind("add"), place("Patient"), called("deceased"), value1(`"valueDateTime":"2020"`)), fhir.Unprocessable, `operation 1 (add Patient): deceasedBoolean is already there: replace it`},
		{operationJSON(kind("add"), place("Patient.name"), called("family"), value1(`"valueString":"x"`)), fhir.Unprocessable, `operation 1 (add Patient.name): the path must lead to one element, not 2`},
		{operationJSON(kind("replace"), place("Patient.gender"), value1(`"valueCode":"x"`)), fhir.Unprocessable, `operation 1 (replace Patient.gender): the path must lead to one element, not 0`},
		{operationJSON(kind("replace"), place("Patient.active"), value1(`"valueCode":"x"`)), fhir.Unprocessable, `operation 1 (replace Patient.active): Patient.active cannot be a code`},
		{operationJSON(kind("replace"), place("Patient.deceased"), value1(`"valueCode":"x"`)), fhir.Unprocessable, `operation 1 (replace Patient.deceased): Patient.deceased cannot be a code`},
		{operationJSON(kind("replace"), place("Patient.name[0]"), value1(`"valueAddress":{"text":"x"}`)), fhir.Unprocessable, `operation 1 (replace Patient.name[0]): Patient.name cannot be a Address`},
		{operationJSON(kind("delete"), place("Patient.name")), fhir.Unprocessable, `operation 1 (delete Patient.name): the path must lead to one element, not 2`},
		{operationJSON(kind("delete"), place("Patient")), fhir.Unprocessable, `operation 1 (delete Patient): the whole resource cannot be deleted by a patch`},
		{operationJSON(kind("delete"), place("'x'")), fhir.Unprocessable, `operation 1 (delete 'x'): the path must lead to elements of the resource`},
		{operationJSON(kind("insert"), place("Patient.identifier"), value1(`"valueIdentifier":{"value":"c"}`), at("index", 2)), fhir.Unprocessable, `operation 1 (insert Patient.identifier): the index 2 is beyond`},
		{operationJSON(kind("insert"), place("Patient.gender"), value1(`"valueCode":"c"`), at("index", 0)), fhir.Unprocessable, `operation 1 (insert Patient.gender): Patient.gender does not repeat`},
		{operationJSON(kind("insert"), place("Patient.name.given"), value1(`"valueString":"c"`), at("index", 0)), fhir.Unprocessable, `operation 1 (insert Patient.name.given): the list must belong to one element, not 2`},
		{operationJSON(kind("move"), place("Patient.name"), at("source", 0), at("destination", 2)), fhir.Unprocessable, `operation 1 (move Patient.name): source 0 and destination 2 must be within the list of 2`},
		{operationJSON(kind("move"), place("Patient.name"), at("source", 0)), fhir.Invalid, `operation 1 (move Patient.name): the part destination is missing`},
		{`{"name":"x"}`, fhir.Invalid, `operation 1 ( ): the parameter is called "x", not operation`},
	} {
		_, err := Patch(doc, parameters(t, c.op))
		if err == nil || fhir.KindOf(err) != c.kind || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s: %s", c.op, err, c.kind, c.want)
		}
	}
	if _, err := Patch(doc, doc); err == nil || err.Error() != `a FHIRPath Patch is a Parameters resource, not "Patient"` {
		t.Error(err)
	}
	if _, err := Patch(doc, parameters(t)); err == nil || err.Error() != "the FHIRPath Patch has no operations" {
		t.Error(err)
	}
}

func FuzzPatch(f *testing.F) {
	for _, op := range []string{
		operationJSON(kind("add"), place("Patient"), called("contact"), value1(`"part":[`+part("name", `"valueHumanName":{"text":"n"}`)+`]`)),
		operationJSON(kind("replace"), place("Patient.name[2].given[0]"), value1(`"valueString":"x","_valueString":{"id":"y"}`)),
		operationJSON(kind("delete"), place("Patient.name[2].given[0]")), operationJSON(kind("move"), place("name[2].given"), at("source", 1), at("destination", 0)),
		operationJSON(kind("insert"), place("name[2].given"), value1(`"_valueString":{"id":"y"}`), at("index", 2)),
		operationJSON(kind("add"), place("Patient.name[2].given[1]"), called("id"), value1(`"valueString":"y"`)),
	} {
		f.Add(`{"resourceType":"Parameters","parameter":[` + op + `]}`)
	}
	patient := read(f, "patient")
	before := string(patient.Bytes())
	f.Fuzz(func(t *testing.T, patch string) {
		p, err := fhir.Parse([]byte(patch))
		if err != nil {
			return
		}
		got, err := Patch(patient, p)
		if string(patient.Bytes()) != before {
			t.Fatal("the resource itself was changed")
		}
		if err != nil {
			if k := fhir.KindOf(err); k != fhir.Invalid && k != fhir.Unprocessable && k != fhir.TooCostly && k != fhir.TooLarge {
				t.Fatalf("%v is %s", err, k)
			}
			return
		}
		if _, err := fhir.Parse(got.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}
