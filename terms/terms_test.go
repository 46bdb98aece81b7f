package terms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// record is a Source for tests: resources by canonical.
type record map[string]string

func (r record) Canonical(_ context.Context, _, url string) (*fhir.Resource, error) {
	if r[url] == "broken" {
		return nil, errors.New("the database is gone")
	}
	if r[url] == "" {
		return nil, nil
	}
	return fhir.Parse([]byte(r[url]))
}

const (
	v3 = "http://terminology.hl7.org/CodeSystem/v3-"
	vs = "http://hl7.org/fhir/ValueSet/"
)

func TestLookup(t *testing.T) {
	var terms Terms
	for _, c := range []struct {
		system, code string
		want         Concept
		found        bool
	}{
		{"http://hl7.org/fhir/administrative-gender", "female", Concept{Display: "Female"}, true},
		{"http://hl7.org/fhir/administrative-gender", "Female", Concept{}, false},
		{v3 + "ActCode", "AMB", Concept{Display: "ambulatory"}, true},
		{v3 + "ActCode", "_ActEncounterCode", Concept{Display: "ActEncounterCode", Abstract: true}, true},
		{"http://terminology.hl7.org/CodeSystem/v2-0203", "NH", Concept{Display: "National Health Plan Identifier"}, true},
		{"http://terminology.hl7.org/CodeSystem/v2-0550", "\u00a0", Concept{Display: "External Jugular", Inactive: true}, true},
		{"http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", Concept{Display: "Vital Signs"}, true},
		{"http://snomed.info/sct", "73211009", Concept{}, false},
		{"", "x", Concept{}, false},
	} {
		if c.found {
			c.want.System, c.want.Code = c.system, c.code
		}
		got, found, err := terms.Lookup(t.Context(), c.system, c.code)
		if got != c.want || found != c.found || err != nil {
			t.Errorf("%s %s: %+v %v %v", c.system, c.code, got, found, err)
		}
	}
}

func TestSubsumes(t *testing.T) {
	var terms Terms
	for _, c := range []struct {
		system, a, b string
		want         Relation
	}{
		{v3 + "ActCode", "_ActEncounterCode", "AMB", Subsumes},
		{v3 + "ActCode", "NONAC", "_ActEncounterCode", SubsumedBy}, // two levels
		{v3 + "ActCode", "AMB", "AMB", Same},
		{v3 + "ActCode", "AMB", "EMER", Unrelated},
		{"http://hl7.org/fhir/observation-status", "amended", "corrected", Subsumes},
	} {
		got, err := terms.Subsumes(t.Context(), c.system, c.a, c.b)
		if got != c.want || err != nil {
			t.Errorf("%s: %s to %s is %v %v, want %v", c.system, c.a, c.b, got, err, c.want)
		}
	}
	for _, c := range [][3]string{{"http://snomed.info/sct", "1", "2"}, {v3 + "ActCode", "AMB", "NOTHING"}} {
		if _, err := terms.Subsumes(t.Context(), c[0], c[1], c[2]); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("%v: %v", c, err)
		}
	}
	below, err := terms.Descendants(t.Context(), v3+"ActCode", "IMP")
	if err != nil || codes(below) != "IMP ACUTE NONAC" {
		t.Errorf("below IMP: %s %v", codes(below), err)
	}
	above, err := terms.Ancestors(t.Context(), v3+"ActCode", "NONAC")
	if err != nil || codes(above) != "_ActCareProvisionCode _ActEncounterCode IMP NONAC" {
		t.Errorf("above NONAC: %s %v", codes(above), err)
	}
	// v3 concepts with two parents: one nested, one by the property child
	if r, err := terms.Subsumes(t.Context(), v3+"RoleCode", "_PersonalRelationshipRoleType", "MTH"); r != Subsumes || err != nil {
		t.Errorf("MTH: %v %v", r, err)
	}
}

func codes(all []Concept) string {
	var list []string
	for _, c := range all {
		list = append(list, c.Code)
	}
	return strings.Join(list, " ")
}

func TestContains(t *testing.T) {
	var terms Terms
	for _, c := range []struct {
		set, system, code string
		in, known         bool
	}{
		{vs + "administrative-gender", "", "male", true, true},
		{vs + "administrative-gender|4.0.1", "", "man", false, true},
		{vs + "administrative-gender|4.0", "http://hl7.org/fhir/administrative-gender", "male", true, true},
		{vs + "administrative-gender|3.0.1", "", "male", false, false},
		{vs + "administrative-gender", "http://example.org", "male", false, true},
		{vs + "no-such-set", "", "male", false, false},
		{vs + "observation-vitalsignresult", "http://loinc.org", "8867-4", true, true},
		{vs + "observation-vitalsignresult", "http://loinc.org", "1-8", false, true},
		{vs + "observation-codes", "http://loinc.org", "1-8", false, false}, // all of LOINC
		{vs + "mimetypes|4.0.1", "", "application/pdf", true, true},
		{vs + "mimetypes|4.0.1", "", "text/plain; charset=utf-8", true, true},
		{vs + "mimetypes|4.0.1", "", "pdf", false, true},
		{vs + "languages", "", "en-GB", true, true},
		{vs + "languages", "", "cy", false, true},
		{vs + "all-languages", "", "cy-GB", true, true},
		{vs + "all-languages", "", "Welsh language", false, true},
		{vs + "currencies|4.0.1", "", "GBP", true, true},
		{vs + "currencies|4.0.1", "", "GBX", false, true},
		{vs + "ucum-units|4.0.1", "", "mm[Hg]", true, true},
		{vs + "ucum-units|4.0.1", "", "mmHg?", false, true},
		{vs + "all-time-units", "http://unitsofmeasure.org", "wk", true, true},
		{vs + "all-time-units", "http://unitsofmeasure.org", "kg", false, true},
		{vs + "all-types|4.0.1", "", "Patient", true, true},
		{vs + "all-types|4.0.1", "", "HumanName", true, true},
		{vs + "all-types|4.0.1", "", "Any", true, true},
		{vs + "all-types|4.0.1", "", "Thing", false, true},
		{vs + "iso3166-1-3", "urn:iso:std:iso:3166", "gbr", false, true}, // not by the filter
		{vs + "iso3166-1-3", "urn:iso:std:iso:3166", "GBR", false, false},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", v3 + "ActCode", "AMB", true, true},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", v3 + "ActCode", "CCOW", false, true},
	} {
		in, known, err := terms.Contains(t.Context(), c.set, c.system, c.code)
		if in != c.in || known != c.known || err != nil {
			t.Errorf("%s: %s %s: in %v, known %v, %v", c.set, c.system, c.code, in, known, err)
		}
	}
}

// Every required binding of R4 is decidable: the value set is embedded, a code outside is refused.
func TestEveryRequiredBindingIsKnown(t *testing.T) {
	var terms Terms
	checked := map[string]bool{}
	for _, name := range spec.TypeNames() {
		walk(spec.TypeOf(name), map[*spec.Type]bool{}, func(e *spec.Element) {
			if e.Binding == nil || e.Binding.Strength != "required" || checked[e.Binding.ValueSet] {
				return
			}
			checked[e.Binding.ValueSet] = true
			if strings.HasPrefix(e.Binding.ValueSet, "http://loinc.org/vs/LL379-9") {
				return // MolecularSequence.referenceSeq.strand: an answer list of LOINC, not published with R4
			}
			in, known, err := terms.Contains(t.Context(), e.Binding.ValueSet, "", "no such code!")
			if in || !known || err != nil {
				t.Errorf("%s: %s: in %v, known %v, %v", e.Path, e.Binding.ValueSet, in, known, err)
			}
		})
	}
	if len(checked) < 200 {
		t.Errorf("only %d value sets", len(checked))
	}
}

func walk(typ *spec.Type, seen map[*spec.Type]bool, visit func(*spec.Element)) {
	if seen[typ] {
		return
	}
	seen[typ] = true
	for i := range typ.Elements {
		e := &typ.Elements[i]
		visit(e)
		if below := spec.TypeOf(e.Path); below != nil {
			walk(below, seen, visit)
		}
	}
}

func TestExpand(t *testing.T) {
	var terms Terms
	for _, c := range []struct{ set, codes, missing string }{
		{vs + "administrative-gender", "male female other unknown", ""},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", "AMB EMER FLD HH IMP ACUTE NONAC OBSENC PRENC SS VR", ""},
		{vs + "days-of-week", "mon tue wed thu fri sat sun", ""},
		{vs + "observation-codes", "", "http://loinc.org"},
		{vs + "currencies", "", "urn:iso:std:iso:4217"},
	} {
		e, err := terms.Expand(t.Context(), c.set)
		if err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		if codes(e.Concepts) != c.codes || strings.Join(e.Missing, " ") != c.missing {
			t.Errorf("%s: %s, missing %v", c.set, codes(e.Concepts), e.Missing)
		}
	}
	if _, err := terms.Expand(t.Context(), vs+"no-such-set"); fhir.KindOf(err) != fhir.NotFound {
		t.Error(err)
	}
	// All of them can be read, and what they list they contain.
	sets := 0
	for url := range embeddedSets().text {
		e, err := terms.Expand(t.Context(), url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		sets++
		for i, one := range e.Concepts {
			if i == 20 {
				break
			}
			if in, known, err := terms.Contains(t.Context(), url, one.System, one.Code); !in || !known || err != nil {
				t.Errorf("%s lists %s %s but does not contain it: %v %v", url, one.System, one.Code, known, err)
			}
		}
		if len(e.Concepts) == 0 && len(e.Missing) == 0 && url != "http://terminology.hl7.org/ValueSet/v3-policyHolderRole" && url != vs+"message-events" {
			t.Errorf("%s is empty", url)
		}
	}
	if sets < 1200 {
		t.Errorf("only %d value sets", sets)
	}
}

func TestTranslate(t *testing.T) {
	var terms Terms
	const m = "http://hl7.org/fhir/ConceptMap/cm-address-use-v2"
	got, err := terms.Translate(t.Context(), m, "http://hl7.org/fhir/address-use", "old", "")
	if err != nil || len(got) != 1 || got[0].Concept.Code != "BA" || got[0].Equivalence != "wider" {
		t.Errorf("old: %+v %v", got, err)
	}
	if got, err = terms.Translate(t.Context(), m, "http://example.org", "old", ""); err != nil || got != nil {
		t.Errorf("another system: %+v %v", got, err)
	}
	if _, err = terms.Translate(t.Context(), "http://example.org/map", "", "old", ""); fhir.KindOf(err) != fhir.NotFound {
		t.Error(err)
	}
}

// The record's own resources lie on top of the embedded ones.
func TestSource(t *testing.T) {
	terms := Terms{Source: record{
		"http://kith.test/cs": `{"resourceType":"CodeSystem","url":"http://kith.test/cs","content":"complete","caseSensitive":false,"concept":[
			{"code":"A","display":"Top","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[{"code":"b","property":[{"code":"colour","valueCode":"red"}]},{"code":"c","property":[{"code":"status","valueCode":"retired"},{"code":"parent","valueCode":"d"}]}]},
			{"code":"d","property":[{"code":"colour","valueCoding":{"code":"blue"}},{"code":"child","valueCode":"b"}]}]}`,
		"http://kith.test/circle":    `{"resourceType":"CodeSystem","url":"http://kith.test/circle","content":"complete","concept":[{"code":"x","property":[{"code":"parent","valueCode":"y"}]},{"code":"y","property":[{"code":"parent","valueCode":"x"}]}]}`,
		"http://kith.test/red":       `{"resourceType":"ValueSet","url":"http://kith.test/red","compose":{"include":[{"system":"http://kith.test/cs","filter":[{"property":"colour","op":"=","value":"red"}]}]}}`,
		"http://kith.test/colours":   `{"resourceType":"ValueSet","url":"http://kith.test/colours","compose":{"include":[{"system":"http://kith.test/cs","filter":[{"property":"colour","op":"exists","value":"true"}]}],"exclude":[{"valueSet":["http://kith.test/red"]}]}}`,
		"http://kith.test/both":      `{"resourceType":"ValueSet","url":"http://kith.test/both","compose":{"include":[{"valueSet":["http://kith.test/below","http://kith.test/red"]}]}}`,
		"http://kith.test/rest":      `{"resourceType":"ValueSet","url":"http://kith.test/rest","compose":{"include":[{"valueSet":["http://kith.test/below"]}],"exclude":[{"valueSet":["http://kith.test/red","http://kith.test/below"]}]}}`,
		"http://kith.test/below":     `{"resourceType":"ValueSet","url":"http://kith.test/below","compose":{"include":[{"system":"http://kith.test/cs","filter":[{"property":"concept","op":"is-a","value":"d"}]}]}}`,
		"http://kith.test/regex":     `{"resourceType":"ValueSet","url":"http://kith.test/regex","compose":{"include":[{"system":"http://kith.test/cs","filter":[{"property":"code","op":"regex","value":"[bd]"}]}]}}`,
		"http://kith.test/badregex":  `{"resourceType":"ValueSet","url":"http://kith.test/badregex","compose":{"include":[{"system":"http://kith.test/cs","filter":[{"property":"code","op":"regex","value":"["}]}]}}`,
		"http://kith.test/expanded":  `{"resourceType":"ValueSet","url":"http://kith.test/expanded","expansion":{"contains":[{"abstract":true,"code":"g","contains":[{"system":"http://snomed.info/sct","code":"73211009","display":"Diabetes mellitus"}]}]}}`,
		"http://kith.test/self":      `{"resourceType":"ValueSet","url":"http://kith.test/self","compose":{"include":[{"valueSet":["http://kith.test/self"]}]}}`,
		"http://kith.test/map":       `{"resourceType":"ConceptMap","url":"http://kith.test/map","group":[{"source":"http://kith.test/cs","target":"http://t","element":[{"code":"b","target":[{"code":"B","equivalence":"equal"},{"code":"B2","equivalence":"wider"}]}],"unmapped":{"mode":"fixed","code":"?"}}]}`,
		"http://kith.test/broken":    "broken",
		vs + "administrative-gender": `{"resourceType":"ValueSet","url":"` + vs + `administrative-gender","version":"9","compose":{"include":[{"system":"http://kith.test/cs"}]}}`,
	}}
	ctx := t.Context()
	for _, c := range []struct {
		set, system, code string
		in, known         bool
	}{
		{"http://kith.test/red", "http://kith.test/cs", "b", true, true},
		{"http://kith.test/red", "http://kith.test/cs", "B", true, true}, // case does not matter
		{"http://kith.test/red", "http://kith.test/cs", "d", false, true},
		{"http://kith.test/colours", "http://kith.test/cs", "d", true, true},
		{"http://kith.test/colours", "http://kith.test/cs", "b", false, true},
		{"http://kith.test/both", "http://kith.test/cs", "b", true, true},
		{"http://kith.test/both", "http://kith.test/cs", "c", false, true},
		{"http://kith.test/regex", "http://kith.test/cs", "a", false, true},
		{"http://kith.test/expanded", "http://snomed.info/sct", "73211009", true, true},
		{"http://kith.test/expanded", "http://snomed.info/sct", "1", false, true},
		{vs + "administrative-gender", "", "b", true, true},          // the record's own, no version asked
		{vs + "administrative-gender|4.0.1", "", "male", true, true}, // R4's
	} {
		in, known, err := terms.Contains(ctx, c.set, c.system, c.code)
		if in != c.in || known != c.known || err != nil {
			t.Errorf("%s: %s: in %v, known %v, %v", c.set, c.code, in, known, err)
		}
	}
	for set, want := range map[string]string{
		"http://kith.test/colours": "d", "http://kith.test/both": "b", "http://kith.test/rest": "c d", "http://kith.test/below": "b c d", "http://kith.test/regex": "b d",
	} {
		e, err := terms.Expand(ctx, set)
		if err != nil || codes(e.Concepts) != want || e.Missing != nil {
			t.Errorf("%s: %+v %v", set, e, err)
		}
	}
	for _, set := range []string{"http://kith.test/self", "http://kith.test/badregex", "http://kith.test/broken"} {
		if _, _, err := terms.Contains(ctx, set, "http://kith.test/cs", "b"); err == nil {
			t.Errorf("%s: no error from Contains", set)
		}
		if _, err := terms.Expand(ctx, set); err == nil {
			t.Errorf("%s: no error from Expand", set)
		}
	}
	if r, err := terms.Subsumes(ctx, "http://kith.test/circle", "x", "z"); err == nil {
		t.Errorf("circle: %v", r)
	}
	if _, err := terms.Descendants(ctx, "http://kith.test/circle", "x"); err != nil {
		t.Error(err)
	}
	if c, _, _ := terms.Lookup(ctx, "http://kith.test/cs", "c"); !c.Inactive || c.Abstract {
		t.Errorf("c: %+v", c)
	}
	got, err := terms.Translate(ctx, "http://kith.test/map", "http://kith.test/cs", "b", "http://t")
	if err != nil || len(got) != 2 || got[1].Concept.Code != "B2" {
		t.Errorf("b: %+v %v", got, err)
	}
	got, err = terms.Translate(ctx, "http://kith.test/map", "http://kith.test/cs", "z", "")
	if err != nil || len(got) != 1 || got[0].Concept.Code != "?" {
		t.Errorf("z: %+v %v", got, err)
	}
}

// Value sets that name each other many times over are refused before they cost anything.
func TestSourceCosts(t *testing.T) {
	source := record{}
	for i := range 40 {
		next := fmt.Sprintf(`{"valueSet":["http://kith.test/%d"]}`, i+1)
		url := fmt.Sprintf("http://kith.test/%d", i)
		source[url] = `{"resourceType":"ValueSet","url":"` + url + `","compose":{"include":[` + next + "," + next + `]}}`
	}
	terms := Terms{Source: source}
	if _, _, err := terms.Contains(t.Context(), "http://kith.test/0", "s", "c"); fhir.KindOf(err) != fhir.TooCostly {
		t.Error(err)
	}
	if _, err := terms.Expand(t.Context(), "http://kith.test/0"); fhir.KindOf(err) != fhir.TooCostly {
		t.Error(err)
	}
}

// A resource that has changed is read again.
func TestSourceChanges(t *testing.T) {
	source := record{"http://kith.test/cs": `{"resourceType":"CodeSystem","url":"http://kith.test/cs","content":"complete","concept":[{"code":"a","display":"first"}]}`}
	terms := Terms{Source: source}
	if d, _ := terms.Display(t.Context(), "http://kith.test/cs", "a"); d != "first" {
		t.Error(d)
	}
	source["http://kith.test/cs"] = strings.Replace(source["http://kith.test/cs"], "first", "second", 1)
	if d, _ := terms.Display(t.Context(), "http://kith.test/cs", "a"); d != "second" {
		t.Error(d)
	}
}

func TestEveryTableReads(t *testing.T) {
	systems, concepts := 0, 0
	for url := range embeddedSystems().text {
		s := embeddedSystem(url)
		systems++
		concepts += len(s.concepts)
		if s.url != url || len(s.concepts) == 0 && url == "" {
			t.Errorf("%s: %d concepts", url, len(s.concepts))
		}
		for i := range s.concepts {
			if s.below(&s.concepts[i], &s.concepts[i]) {
				t.Errorf("%s: %s lies below itself", url, s.concepts[i].code)
			}
		}
	}
	for url := range embeddedMaps().text {
		if m := embeddedMap(url); len(m.groups) == 0 {
			t.Logf("%s maps nothing", url)
		}
	}
	if systems < 1000 || concepts < 20000 {
		t.Errorf("%d systems, %d concepts", systems, concepts)
	}
	t.Logf("%d systems, %d concepts", systems, concepts)
}

func TestGrammar(t *testing.T) {
	for _, c := range []struct {
		judge     func(string) bool
		good, bad []string
	}{
		{mimeType, strings.Fields("application/fhir+json text/plain image/* json application/vnd.ms-excel audio/x-wav"), []string{"", "text", "text/", "/plain", "te xt/plain", "text/pl ain", "+x/y"}},
		{languageTag, strings.Fields("en en-GB cy zh-Hans-CN es-419 sl-rozaj-biske de-CH-1901 x-kith en-GB-x-oed i-klingon zh-yue-HK en-u-ca-gregory"), []string{"", "e", "english language", "en_GB", "en-", "-en", "123", "en-x", "en-GB-US", "abcdefghi"}},
		{absoluteURI, strings.Fields("http://x urn:uuid:1 tel:+44 a+b:c"), []string{"", "x", ":x", "1:x", "a b:c", "http://a b"}},
	} {
		for _, s := range c.good {
			if !c.judge(s) {
				t.Errorf("%q is refused", s)
			}
		}
		for _, s := range c.bad {
			if c.judge(s) {
				t.Errorf("%q is accepted", s)
			}
		}
	}
	if !slices.IsSorted(strings.Fields(currencies)) {
		t.Error("currencies are out of order")
	}
}

func FuzzGrammar(f *testing.F) {
	f.Add("en-GB")
	f.Add("text/plain; charset=utf-8")
	f.Fuzz(func(t *testing.T, s string) {
		if languageTag(s) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			t.Errorf("%q is accepted as a language", s)
		}
		if mimeType(s) && s != "json" && s != "xml" && s != "ttl" && strings.Count(strings.Split(s, ";")[0], "/") != 1 {
			t.Errorf("%q is accepted as a MIME type", s)
		}
		if absoluteURI(s) && !strings.Contains(s, ":") {
			t.Errorf("%q is accepted as a URI", s)
		}
	})
}

// Whatever stands in the record, an answer comes and what an expansion lists the value set contains.
func FuzzSource(f *testing.F) {
	f.Add(`{"resourceType":"CodeSystem","url":"s","content":"complete","concept":[{"code":"a","concept":[{"code":"b","property":[{"code":"parent","valueCode":"a"}]}]}]}`,
		`{"resourceType":"ValueSet","url":"v","compose":{"include":[{"system":"s","filter":[{"property":"concept","op":"is-a","value":"a"}]},{"valueSet":["v"]}],"exclude":[{"system":"s","concept":[{"code":"b"}]}]}}`,
		`{"resourceType":"ConceptMap","url":"m","group":[{"source":"s","element":[{"code":"a","target":[{"code":"b"}]}],"unmapped":{"mode":"other-map","url":"m"}}]}`)
	f.Fuzz(func(t *testing.T, system, set, maps string) {
		for _, text := range []string{system, set, maps} {
			if _, err := fhir.Parse([]byte(text)); err != nil {
				return
			}
		}
		terms := Terms{Source: record{"s": system, "v": set, "m": maps}}
		e, err := terms.Expand(t.Context(), "v")
		if err == nil {
			for _, c := range e.Concepts {
				if in, _, err := terms.Contains(t.Context(), "v", c.System, c.Code); !in && c.Code != "" && c.System != "" {
					t.Fatalf("%s: %+v is listed but not contained: %v", set, c, err)
				}
			}
		}
		_, _ = terms.Descendants(t.Context(), "s", "a")
		_, _ = terms.Translate(t.Context(), "m", "s", "x", "")
	})
}

func BenchmarkContains(b *testing.B) {
	var terms Terms
	b.ReportAllocs()
	for b.Loop() {
		if in, _, _ := terms.Contains(b.Context(), vs+"observation-status|4.0.1", "", "final"); !in {
			b.Fatal("final")
		}
	}
}

func BenchmarkShelves(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newShelf(codeSystemsTable, parseCodeSystem)
		newShelf(valueSetsTable, parseValueSet)
	}
}
