package fhirpath

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

func read(t testing.TB, name string) *fhir.Resource {
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func compile(t testing.TB, source string) *Expr {
	e, err := Compile(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return e
}

// TestResults shows what an expression gives: type, path and value of each result.
func TestResults(t *testing.T) {
	patient, observation := read(t, "patient"), read(t, "observation")
	for _, c := range []struct {
		on         *fhir.Resource
		expression string
		want       []string
	}{
		{patient, "Patient.name.given", []string{
			`FHIR.string Patient.name[0].given[0] "Ngozi"`, `FHIR.string Patient.name[0].given[1] "Adaeze"`, `FHIR.string Patient.name[1].given[0] "Zee"`,
			`FHIR.string Patient.name[2].given[0] null`, `FHIR.string Patient.name[2].given[1] "Adaeze"`}},
		{patient, "Patient.birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').value", []string{
			`FHIR.dateTime Patient.birthDate.extension[0].valueDateTime "1957-03-04T04:10:00Z"`}},
		{patient, "deceased", []string{`FHIR.boolean Patient.deceasedBoolean false`}},
		{patient, "name.where(use = 'maiden').given.first().extension.value", []string{`FHIR.code Patient.name[2].given[0].extension[0].valueCode "masked"`}},
		{patient, "generalPractitioner.where(resolve() is Practitioner).reference", []string{`FHIR.string Patient.generalPractitioner[0].reference "#gp"`}},
		{patient, "generalPractitioner.resolve().name.family", []string{`FHIR.string Patient.contained[0].name[0].family "Shah"`}},
		{patient, "managingOrganization.resolve() is Organization", []string{`System.Boolean  true`}},
		{patient, "contained.ofType(Practitioner).id", []string{`System.String Patient.contained[0].id "gp"`}},
		{patient, "(today() - 69 years) >= birthDate", []string{`System.Boolean  true`}},
		{patient, "birthDate.difference(@2026-11-20, 'year') | birthDate.duration(@2026-03-03, 'year')", []string{`System.Integer  69`, `System.Integer  68`}},
		{patient, "name.where(use = 'usual').exists() or telecom.count() = 3", []string{`System.Boolean  true`}},
		{patient, "name[0].family.pathname()", []string{`System.String  "Patient.name[0].family"`}},
		{patient, "Coding { system: 'urn:x', code: 'a' & 'b' }.code", []string{`FHIR.code code "ab"`}},
		{patient, "Extension { url: 'urn:x', value: @2020-01-01 }.value", []string{`FHIR.date valueDate "2020-01-01"`}},
		{patient, "%`vs-marital-status` | %`ext-patient-birthTime` | %sct", []string{
			`System.String  "http://hl7.org/fhir/ValueSet/marital-status"`, `System.String  "http://hl7.org/fhir/StructureDefinition/patient-birthTime"`, `System.String  "http://snomed.info/sct"`}},
		{observation, "Observation.component.where(code.coding.exists(code = '8480-6')).value", []string{
			`FHIR.Quantity Observation.component[0].valueQuantity {"value": 182, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}`}},
		{observation, "component.value.where($this > 150 'mm[Hg]').value", []string{`FHIR.decimal Observation.component[0].valueQuantity.value 182`}},
		{observation, "component.value.select($this.toQuantity('kPa').value.round(1))", []string{`System.Decimal  24.3`, `System.Decimal  13.9`}},
		{observation, "component.value.value.sum() | component.value.max()", []string{`System.Decimal  286`, `System.Quantity  "182 'mm[Hg]'"`}},
		{observation, "effective as dateTime", []string{`FHIR.dateTime Observation.effectiveDateTime "2026-11-20T09:28:00+00:00"`}},
		{observation, "value.exists() or component.exists()", []string{`System.Boolean  true`}},
		{observation, "status.type() | component.type().first()", []string{`System.TypeInfo  {"namespace":"FHIR","name":"code"}`, `System.TypeInfo  {"namespace":"FHIR","name":"BackboneElement"}`}},
	} {
		env := &Env{Now: func() time.Time { return time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC) }}
		out, err := compile(t, c.expression).Eval(At(c.on.Root(), ""), env)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		var got []string
		for _, it := range out {
			got = append(got, it.Type()+" "+it.Path()+" "+string(it.AppendJSON(nil)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.expression, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

// TestErrors shows that a wrong expression is refused with the place or the reason.
func TestErrors(t *testing.T) {
	patient := At(read(t, "patient").Root(), "")
	for _, c := range []struct{ expression, want string }{
		{"name.", `FHIRPath, character 6: a name is missing before the end`},
		{"name.where(use = 'official'", `FHIRPath, character 28: ")" is missing before the end`},
		{"name given", `FHIRPath, character 6: "given" is not expected here`},
		{"name.frist()", `FHIRPath, character 6: there is no function frist()`},
		{"name.where()", `FHIRPath, character 6: where() takes 1 argument, not 0`},
		{"'abc", `FHIRPath, character 1: the text in ' does not end`},
		{"@2020-13-01 = birthDate", `FHIRPath, character 1: @2020-13-01 is no real date or time`},
		{"name # given", `FHIRPath, character 6: '#' has no meaning here`},
		{strings.Repeat("(", 500) + "1", `FHIRPath, character 201: the expression nests more than 200 levels deep`},
		{"-2147483648 + 2147483648", `FHIRPath, character 15: "2147483648" is out of range for a whole number`},
		{"name.family + 'x'", `FHIRPath: "+" takes a single item, not 2`},
		{"name.single()", `FHIRPath: single() found 3 items`},
		{"%nothing", `FHIRPath: there is no variable %nothing`},
		{"gender + 1", `FHIRPath: "+" cannot work with String and Integer`},
		{"name.given.matches('(')", `FHIRPath: matches() takes a single item, not 5`},
		{"gender.matches('(')", `FHIRPath: matches(): "(" is no regular expression of the RE2 kind: error parsing regexp: missing closing ): ` + "`(?s)(`"},
		{"birthDate is Birthday", `FHIRPath: Birthday is not a type of FHIR R4 or of FHIRPath`},
		{"gender.memberOf('urn:x')", `FHIRPath: memberOf() needs the value sets, which are not at hand here`},
		{"1.repeatAll($this)", `FHIRPath: the expression produces more than 2000000 items`},
		{"@9999-01-01 + 1 year", `FHIRPath: the year is out of range`},
	} {
		e, err := Compile(c.expression)
		if err == nil {
			_, err = e.Eval(patient, nil)
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%.60s: got %v, want %s", c.expression, err, c.want)
		}
	}
}

// TestEachSaysWhatEvalSays compares the streamed results of every search parameter with the collected ones.
func TestEachSaysWhatEvalSays(t *testing.T) {
	for _, name := range []string{"patient", "observation"} {
		r := read(t, name)
		plain := 0
		for _, p := range spec.Params(r.Type()) {
			source := p.For(r.Type())
			if source == "" {
				continue
			}
			e := compile(t, source)
			if e.fast != nil {
				plain++
			}
			want, err := e.Eval(At(r.Root(), ""), nil)
			if err != nil {
				t.Errorf("%s: %v", source, err)
			}
			var got Collection
			if err := e.Each(r.Root(), nil, func(it Item) bool { got = append(got, it); return true }); err != nil {
				t.Errorf("%s: %v", source, err)
			}
			s := newScope(e, At(r.Root(), ""), nil)
			got, err1 := s.distinct(got)
			want, err2 := s.distinct(want)
			if err1 != nil || err2 != nil || len(got) != len(want) {
				t.Errorf("%s: streamed %s, collected %s", source, show(got), show(want))
				continue
			}
			for i := range got {
				if !got[i].v.Same(want[i].v) {
					t.Errorf("%s: streamed %s, collected %s", source, show(got), show(want))
				}
			}
		}
		t.Logf("%s: %d of %d search parameters are plain paths", r.Type(), plain, len(spec.Params(r.Type())))
	}
}

// TestEverySearchParameterAndInvariant compiles all expressions of R4.
func TestEverySearchParameterAndInvariant(t *testing.T) {
	expressions, slow := 0, 0
	for _, typ := range spec.ResourceNames() {
		for _, p := range spec.Params(typ) {
			if source := p.For(typ); source != "" {
				expressions++
				if e, err := Compile(source); err != nil {
					t.Errorf("%s %s: %v", typ, p.Code, err)
				} else if e.fast == nil {
					slow++
					t.Logf("not a plain path: %s %s: %s", typ, p.Code, source)
				}
			}
		}
	}
	for _, name := range spec.TypeNames() {
		typ := spec.TypeOf(name)
		rules := slices.Clone(typ.Constraints)
		for i := range typ.Elements {
			rules = append(rules, typ.Elements[i].Constraints...)
		}
		for _, r := range rules {
			expressions++
			if _, err := Compile(r.Expression); err != nil {
				t.Errorf("%s %s: %v", name, r.Key, err)
			}
		}
	}
	t.Logf("%d expressions, %d of the search parameters no plain paths", expressions, slow)
}

func BenchmarkSearchParameters(b *testing.B) {
	for _, name := range []string{"observation", "patient"} {
		r := read(b, name)
		var exprs []*Expr
		for _, p := range spec.Params(r.Type()) {
			if source := p.For(r.Type()); source != "" {
				exprs = append(exprs, compile(b, source))
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			found := 0
			count := func(Item) bool { found++; return true }
			for b.Loop() {
				on := At(r.Root(), "")
				for _, e := range exprs {
					if err := e.EachOf(on, nil, count); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(exprs)), "ns/parameter")
			b.ReportMetric(float64(found)/float64(b.N), "results")
		})
	}
}

func BenchmarkPaths(b *testing.B) {
	patient, observation := read(b, "patient"), read(b, "observation")
	for _, c := range []struct {
		on     *fhir.Resource
		source string
	}{
		{observation, "Observation.code"}, {patient, "Patient.name.family"}, {observation, "Observation.component.value.ofType(Quantity)"},
		{observation, "Observation.subject.where(resolve() is Patient)"}, {patient, "Patient.telecom.where(system='phone')"},
		{patient, "Patient.birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').value"},
		{observation, "Observation.value as Quantity"}, {observation, "Observation.code | Observation.component.code"},
	} {
		e := compile(b, c.source)
		b.Run(c.source, func(b *testing.B) {
			b.ReportAllocs()
			on := At(c.on.Root(), "")
			for b.Loop() {
				if err := e.EachOf(on, nil, func(Item) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzEval(f *testing.F) {
	for _, source := range []string{"Patient.name.given.first() & 'x'", "name.where(use = 'official').select(given.join(' '))", "1.5 'cm' + 2 'm' ~ @2020-01-31T10:00Z + 1 month",
		"'a'.replace('','b').matches('a+').not()", "(1|2|3).aggregate($this + $total, 0)", "descendants().ofType(Reference).resolve()", "defineVariable('x', 1).select(%x)",
		"@T10:30.lowBoundary(9)", "Coding { code: 'x' }.code", "iif(active, 1L, -2.5.round(1))", "name.sort(-family desc, given.first())", "%`vs-x` | $index", "-3.power(0.5).exp().ln()"} {
		f.Add(source)
	}
	patient := read(f, "patient")
	f.Fuzz(func(t *testing.T, source string) {
		e, err := Compile(source)
		if err != nil {
			if fhir.KindOf(err) != fhir.Invalid {
				t.Fatalf("%q: %v is not Invalid", source, err)
			}
			return
		}
		start := time.Now()
		out, err := e.Eval(At(patient.Root(), ""), nil)
		if took := time.Since(start); took > 3*time.Second {
			t.Fatalf("%q took %s", source, took)
		}
		if err != nil {
			if k := fhir.KindOf(err); k != fhir.Unprocessable && k != fhir.TooCostly {
				t.Fatalf("%q: %v is %s", source, err, k)
			}
			return
		}
		for _, it := range out {
			if _, err := fhir.Parse([]byte(`{"x":` + string(it.AppendJSON(nil)) + `}`)); err != nil {
				t.Fatalf("%q gives %s %q: %v", source, it.Type(), it.AppendJSON(nil), err)
			}
		}
	})
}
