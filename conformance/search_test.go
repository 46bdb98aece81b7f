package conformance

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// world is what the files say, by type and by Type/id.
type world struct {
	t     testing.TB
	types map[string][]object
	byRef map[string]object
}

func (w *world) add(m object) {
	typ := m["resourceType"].(string)
	w.types[typ] = append(w.types[typ], m)
	w.byRef[typ+"/"+m["id"].(string)] = m
}

// to are the resources that references under the path lead to.
func (w *world) to(v any, path string) []object {
	var out []object
	for _, ref := range textsAt(v, path+".reference") {
		if m := w.byRef[ref]; m != nil {
			out = append(out, m)
		}
	}
	return out
}

// extras are resources with what no Synthea patient has: tags, lists, hierarchies, positions, numbers, awkward texts.
var extras = []string{
	`{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"}},{"item":{"reference":"Patient/538a9a4e-8437-47d3-8c01-1a17dca8f0be"}},{"deleted":true,"item":{"reference":"Patient/58c297c4-d684-4677-8024-01131d93835e"}},{"item":{"reference":"Patient/nobody"}}]}`,
	`{"resourceType":"CodeSystem","id":"zoo","url":"http://kith.test/zoo","status":"active","content":"complete","concept":[{"code":"animal","concept":[{"code":"bird","concept":[{"code":"owl"},{"code":"swift"}]},{"code":"cat"}]},{"code":"stone"}]}`,
	`{"resourceType":"ValueSet","id":"birds","url":"http://kith.test/birds","status":"active","compose":{"include":[{"system":"http://kith.test/zoo","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}}`,
	`{"resourceType":"ValueSet","id":"sugars","url":"http://kith.test/sugars","status":"active","compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"2339-0"},{"code":"4548-4"}]}]}}`,
	`{"resourceType":"Observation","id":"x1","status":"final","code":{"coding":[{"system":"http://kith.test/zoo","code":"owl","display":"Snowy Owl"}]},"effectiveDateTime":"2020-05","subject":{"identifier":{"system":"http://kith.test/people","value":"77"}},"valueQuantity":{"value":1.50,"unit":"m","system":"http://unitsofmeasure.org","code":"m"},"meta":{"tag":[{"system":"http://kith.test/tag","code":"t1"}],"security":[{"system":"http://kith.test/sec","code":"R"}],"profile":["http://kith.test/profile|1.0"],"source":"http://kith.test/source"}}`,
	`{"resourceType":"Observation","id":"x2","status":"amended","code":{"coding":[{"system":"http://kith.test/zoo","code":"bird"}],"text":"Bird, any"},"effectivePeriod":{"start":"2020-04-01"},"valueQuantity":{"value":150,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"},"meta":{"tag":[{"system":"http://kith.test/tag","code":"t2"}]}}`,
	`{"resourceType":"Observation","id":"x3","status":"final","code":{"coding":[{"system":"http://kith.test/zoo","code":"cat"},{"code":"katze"}]},"effectivePeriod":{"end":"2020-06"},"valueQuantity":{"value":1.5,"unit":"stones"}}`,
	`{"resourceType":"Observation","id":"x4","status":"final","code":{"text":"stone"},"effectiveDateTime":"2020-05-20T10:00:00.500+02:00","valueQuantity":{"value":1e3,"comparator":"<","unit":"mm","system":"http://unitsofmeasure.org","code":"mm"}}`,
	`{"resourceType":"RiskAssessment","id":"r1","status":"final","subject":{"reference":"Patient/6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"},"prediction":[{"probabilityDecimal":0.30},{"probabilityDecimal":0.855}]}`,
	`{"resourceType":"RiskAssessment","id":"r2","status":"final","subject":{"reference":"Patient/538a9a4e-8437-47d3-8c01-1a17dca8f0be"},"prediction":[{"probabilityDecimal":0.3}]}`,
	`{"resourceType":"RiskAssessment","id":"r3","status":"final","subject":{"reference":"Patient/538a9a4e-8437-47d3-8c01-1a17dca8f0be"}}`,
	`{"resourceType":"Location","id":"near","status":"active","name":"Infirmary, the old","position":{"longitude":-2.9950,"latitude":53.4070}}`,
	`{"resourceType":"Location","id":"far","status":"active","name":"Hospital","position":{"longitude":-0.1180,"latitude":51.4980},"partOf":{"reference":"Location/near"}}`,
	`{"resourceType":"Location","id":"nowhere","status":"suspended","name":"A | B, C $ D \\ E"}`,
	`{"resourceType":"Basic","id":"b1","code":{"coding":[{"system":"http://kith.test/c","code":"a,b|c$d"}]},"identifier":[{"value":"no-system"},{"system":"http://kith.test/i","value":"1"}]}`,
	`{"resourceType":"Basic","id":"b2","code":{"text":"no code"},"identifier":[{"system":"http://kith.test/i"}],"author":{"reference":"http://elsewhere.test/fhir/Practitioner/9"}}`,
	`{"resourceType":"Questionnaire","id":"q1","url":"http://kith.test/forms/a","status":"active"}`,
	`{"resourceType":"Questionnaire","id":"q2","url":"http://kith.test/forms/a/b","status":"draft"}`,
	`{"resourceType":"Questionnaire","id":"q3","url":"http://kith.test/forms/ab","status":"draft"}`,
	`{"resourceType":"QuestionnaireResponse","id":"qr1","status":"completed","questionnaire":"http://kith.test/forms/a|2"}`,
	`{"resourceType":"QuestionnaireResponse","id":"qr2","status":"completed","questionnaire":"http://kith.test/forms/ab"}`,
	`{"resourceType":"Person","id":"long","name":[{"family":"` + strings.Repeat("Ünwahrscheinlichkeit", 5) + `"}]}`,
}

// newWorld imports the Synthea patients and the extras, and reads the same files into maps.
func newWorld(t *testing.T) *world {
	w := &world{t: t, types: map[string][]object{}, byRef: map[string]object{}}
	seen := map[string]bool{}
	for _, o := range originals(t) {
		if ref := o.typ + "/" + o.id; !seen[ref] && o.typ != "Group" && !strings.Contains(o.file, "Information") {
			seen[ref] = true
			w.add(asMap(t, o.raw))
		}
	}
	for _, s := range extras {
		w.add(asMap(t, []byte(s)))
	}
	return w
}

func (w *world) load(t testing.TB, d *record.Door) {
	t.Helper()
	seen := map[string]bool{}
	var ops []record.Op
	add := func(raw []byte) {
		res, err := fhir.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if ref := res.Type() + "/" + res.ID(); !seen[ref] {
			seen[ref] = true
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
		}
	}
	for _, o := range originals(t) {
		if o.typ != "Group" && !strings.Contains(o.file, "Information") {
			add(o.raw)
		}
	}
	for _, s := range extras {
		add([]byte(s))
	}
	for some := range slices.Chunk(ops, 1000) {
		if _, err := d.Commit(t.Context(), tester, some); err != nil {
			t.Fatal(err)
		}
	}
}

// found are the matches of all pages of a search, and what was included.
func found(t *testing.T, d *record.Door, query string) (matches, included []string, total int64) {
	t.Helper()
	total = -2
	for next := query; next != ""; {
		p, err := d.Find(t.Context(), tester, next)
		if err != nil {
			t.Errorf("%s: %v", next, err)
			return nil, nil, 0
		}
		if total == -2 {
			total = p.Total
		}
		for _, m := range p.Matches {
			matches = append(matches, m.Ref())
		}
		for _, m := range p.Included {
			included = append(included, m.Ref())
		}
		next = p.Next
	}
	return matches, included, total
}

// difference says how two lists of references differ as sets, "" where they do not; it also reports repeats.
func difference(got, want []string) string {
	var out []string
	have := map[string]int{}
	for _, ref := range got {
		if have[ref]++; have[ref] == 2 {
			out = append(out, "twice "+ref)
		}
	}
	for _, ref := range want {
		if have[ref] == 0 {
			out = append(out, "missing "+ref)
		}
		delete(have, ref)
	}
	for _, ref := range sortedKeys(have) {
		out = append(out, "wrongly "+ref)
	}
	if len(out) > 6 {
		out = append(out[:6], "…")
	}
	return strings.Join(out, ", ")
}

// search is a query on one type and what the specification says of each resource of it.
type search struct {
	query string // Type?…, as a person would write it, without escapes
	want  func(w *world, r object) bool
}

func TestSearchAnswersWhatTheFilesSay(t *testing.T) {
	w := newWorld(t)
	storetest.Each(t, func(t *testing.T, db string) {
		d := record.TestOn(t, db)
		w.load(t, d)
		cases := slices.Concat(tokenSearches, stringSearches, referenceSearches, quantitySearches(t), dateSearches(t), otherSearches)
		empty := 0
		for _, c := range cases {
			typ, _, _ := strings.Cut(c.query, "?")
			var want []string
			for _, r := range w.types[typ] {
				if c.want(w, r) {
					want = append(want, typ+"/"+r["id"].(string))
				}
			}
			if len(want) == 0 {
				empty++
			}
			for _, count := range []string{"&_count=1000", "&_count=37"} {
				if len(want) > 300 && count == "&_count=37" {
					continue
				}
				got, _, total := found(t, d, escaped(c.query+count))
				if diff := difference(got, want); diff != "" {
					t.Errorf("%s: %d found, %d by a plain reading: %s", c.query+count, len(got), len(want), diff)
				}
				if total >= 0 && total != int64(len(want)) {
					t.Errorf("%s: total %d, want %d", c.query+count, total, len(want))
				}
			}
			p, err := d.Find(context.Background(), tester, escaped(c.query+"&_summary=count"))
			if err != nil || p.Total != int64(len(want)) || len(p.Matches) != 0 {
				t.Errorf("%s&_summary=count: %+v, %v, want %d", c.query, p, err, len(want))
			}
			p, err = d.Find(context.Background(), tester, escaped(c.query+"&_total=accurate&_count=1"))
			if err != nil || p.Total != int64(len(want)) {
				t.Errorf("%s&_total=accurate: %v, want %d", c.query, err, len(want))
			}
		}
		t.Logf("%d searches compared, %d of them have no answer", len(cases), empty)
		otherQuestions(t, d, w)
	})
}

// escaped puts a query as a person would write it into a URL.
func escaped(q string) string {
	typ, rest, _ := strings.Cut(q, "?")
	var out []string
	for part := range strings.SplitSeq(rest, "&") {
		name, value, _ := strings.Cut(part, "=")
		out = append(out, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return typ + "?" + strings.Join(out, "&")
}

const (
	loinc    = "http://loinc.org"
	snomed   = "http://snomed.info/sct"
	ucum     = "http://unitsofmeasure.org"
	abram    = "6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"
	category = "http://terminology.hl7.org/CodeSystem/observation-category"
	zoo      = "http://kith.test/zoo"
)

func has(path, system, code string) func(*world, object) bool {
	return func(_ *world, r object) bool { return token(r, path, system, code) }
}

func not(f func(*world, object) bool) func(*world, object) bool {
	return func(w *world, r object) bool { return !f(w, r) }
}

func both(fs ...func(*world, object) bool) func(*world, object) bool {
	return func(w *world, r object) bool {
		for _, f := range fs {
			if !f(w, r) {
				return false
			}
		}
		return true
	}
}

func either(fs ...func(*world, object) bool) func(*world, object) bool {
	return func(w *world, r object) bool {
		for _, f := range fs {
			if f(w, r) {
				return true
			}
		}
		return false
	}
}

func present(paths ...string) func(*world, object) bool {
	return func(_ *world, r object) bool {
		for _, p := range paths {
			if len(at(r, p)) > 0 {
				return true
			}
		}
		return false
	}
}

// titled is :text of a CodeableConcept.
func titled(path, want string) func(*world, object) bool {
	return func(_ *world, r object) bool {
		return starts(textsAt(r, path+".text", path+".coding.display"), want)
	}
}

var tokenSearches = []search{
	{"Observation?code=8302-2", has("code", "*", "8302-2")},
	{"Observation?code=http://loinc.org|8302-2", has("code", loinc, "8302-2")},
	{"Observation?code=http://snomed.info/sct|8302-2", has("code", snomed, "8302-2")},
	{"Observation?code=|katze", has("code", "", "katze")},
	{"Observation?code=|owl", has("code", "", "owl")},
	{"Observation?code=http://kith.test/zoo|", has("code", zoo, "")},
	{"Observation?code=8302-2,29463-7,owl", either(has("code", "*", "8302-2"), has("code", "*", "29463-7"), has("code", "*", "owl"))},
	{"Observation?category=vital-signs&code=9279-1", both(has("category", "*", "vital-signs"), has("code", "*", "9279-1"))},
	{"Observation?category:not=vital-signs&status=final", both(not(has("category", "*", "vital-signs")), has("status", "*", "final"))},
	{"Observation?category:not=vital-signs,laboratory", not(either(has("category", "*", "vital-signs"), has("category", "*", "laboratory")))},
	{"Observation?category:missing=true", not(present("category"))},
	{"Observation?category:missing=false&status=amended", both(present("category"), has("status", "*", "amended"))},
	{"Observation?status=http://hl7.org/fhir/observation-status|amended", has("status", "*", "amended")},
	{"Observation?code:text=hemoglobin", titled("code", "hemoglobin")},
	{"Observation?code:text=SNOWY", titled("code", "SNOWY")},
	{"Observation?code:in=http://kith.test/sugars", either(has("code", loinc, "2339-0"), has("code", loinc, "4548-4"))},
	{"Observation?code:in=http://kith.test/birds", either(has("code", zoo, "bird"), has("code", zoo, "owl"))},
	{"Observation?code:in=ValueSet/birds", either(has("code", zoo, "bird"), has("code", zoo, "owl"))},
	{"Observation?code:not-in=http://kith.test/sugars&code:below=http://kith.test/zoo|animal", either(has("code", zoo, "bird"), has("code", zoo, "owl"), has("code", zoo, "cat"))},
	{"Observation?code:below=http://kith.test/zoo|bird", either(has("code", zoo, "bird"), has("code", zoo, "owl"))},
	{"Observation?code:above=http://kith.test/zoo|owl", either(has("code", zoo, "bird"), has("code", zoo, "owl"), has("code", zoo, "animal"))},
	{"Observation?combo-code=8480-6", either(has("code", "*", "8480-6"), has("component.code", "*", "8480-6"))},
	{"Observation?component-code=http://loinc.org|8462-4", has("component.code", loinc, "8462-4")},
	{"Observation?value-concept=http://snomed.info/sct|8517006", has("valueCodeableConcept", snomed, "8517006")},
	{"Observation?_tag=http://kith.test/tag|t1", has("meta.tag", "http://kith.test/tag", "t1")},
	{"Observation?_tag=t1,t2", either(has("meta.tag", "*", "t1"), has("meta.tag", "*", "t2"))},
	{"Observation?_tag:missing=false", present("meta.tag")},
	{"Observation?_security=R", has("meta.security", "*", "R")},
	{"Patient?gender=female", has("gender", "*", "female")},
	{"Patient?gender:not=female", not(has("gender", "*", "female"))},
	{"Patient?gender=http://hl7.org/fhir/administrative-gender|male", has("gender", "*", "male")},
	{"Patient?identifier=999-18-8203", has("identifier", "*", "999-18-8203")},
	{"Patient?identifier=http://hl7.org/fhir/sid/us-ssn|999-18-8203", has("identifier", "http://hl7.org/fhir/sid/us-ssn", "999-18-8203")},
	{"Patient?identifier=http://hl7.org/fhir/sid/us-ssn|", has("identifier", "http://hl7.org/fhir/sid/us-ssn", "")},
	{"Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|999-18-8203", func(_ *world, r object) bool {
		for _, id := range at(r, "identifier") {
			if token(id, "type", "http://terminology.hl7.org/CodeSystem/v2-0203", "SS") && exact(textsAt(id, "value"), "999-18-8203") {
				return true
			}
		}
		return false
	}},
	{"Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|999-18-8203", func(*world, object) bool { return false }},
	{"Patient?deceased=false", not(present("deceasedDateTime"))},
	{"Patient?language=en-US", has("communication.language", "*", "en-US")},
	{"Patient?phone=555-532-1156", has("telecom", "*", "555-532-1156")},
	{"Practitioner?active=true", has("active", "*", "true")},
	{"Practitioner?active:not=true", not(has("active", "*", "true"))},
	{"Encounter?class=http://terminology.hl7.org/CodeSystem/v3-ActCode|EMER", has("class", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "EMER")},
	{"Basic?code=a\\,b\\|c\\$d", has("code", "*", "a,b|c$d")},
	{"Basic?identifier=|no-system", has("identifier", "", "no-system")},
	{"Basic?identifier=http://kith.test/i|", has("identifier", "http://kith.test/i", "")},
	{"Condition?clinical-status=active&code=444814009", both(has("clinicalStatus", "*", "active"), has("code", "*", "444814009"))},
}

var stringSearches = []search{
	{"Patient?name=jos", func(_ *world, r object) bool {
		return starts(textsAt(r, "name.family", "name.given", "name.prefix", "name.suffix", "name.text"), "jos")
	}},
	{"Patient?family=SAR", func(_ *world, r object) bool { return starts(textsAt(r, "name.family"), "SAR") }},
	{"Patient?given=ramon", func(_ *world, r object) bool { return starts(textsAt(r, "name.given"), "ramon") }},
	{"Patient?given=maría  TERESA", func(_ *world, r object) bool { return starts(textsAt(r, "name.given"), "maria teresa") }},
	{"Patient?given:exact=Ramon", func(_ *world, r object) bool { return exact(textsAt(r, "name.given"), "Ramon") }},
	{"Patient?given:exact=Ramón", func(_ *world, r object) bool { return exact(textsAt(r, "name.given"), "Ramón") }},
	{"Patient?family:contains=ell", func(_ *world, r object) bool { return contains(textsAt(r, "name.family"), "ell") }},
	{"Patient?family=a,b", func(_ *world, r object) bool {
		return starts(textsAt(r, "name.family"), "a") || starts(textsAt(r, "name.family"), "b")
	}},
	{"Patient?family=s&given=r", func(_ *world, r object) bool {
		return starts(textsAt(r, "name.family"), "s") && starts(textsAt(r, "name.given"), "r")
	}},
	{"Patient?family:not=s", func(_ *world, r object) bool { return !starts(textsAt(r, "name.family"), "s") }},
	{"Patient?address-city=bro", func(_ *world, r object) bool { return starts(textsAt(r, "address.city"), "bro") }},
	{"Patient?address-city:exact=boston", func(_ *world, r object) bool { return exact(textsAt(r, "address.city"), "boston") }},
	{"Patient?address:contains=street", func(_ *world, r object) bool {
		return contains(textsAt(r, "address.line", "address.city", "address.district", "address.state", "address.country", "address.postalCode", "address.text"), "street")
	}},
	{"Patient?address-postalcode:missing=true", not(present("address.postalCode"))},
	{"Organization?name=HOLYOKE", func(_ *world, r object) bool { return starts(textsAt(r, "name"), "holyoke") }},
	{"Location?name=Infirmary\\, the", func(_ *world, r object) bool { return starts(textsAt(r, "name"), "Infirmary, the") }},
	{"Location?name:exact=A \\| B\\, C \\$ D \\\\ E", func(_ *world, r object) bool { return exact(textsAt(r, "name"), `A | B, C $ D \ E`) }},
	{"Person?name=" + strings.Repeat("unwahrscheinlichkeit", 5), func(_ *world, r object) bool { return true }},
	{"Person?name:exact=" + strings.Repeat("Ünwahrscheinlichkeit", 5), func(_ *world, r object) bool { return true }},
	{"Person?name=" + strings.Repeat("unwahrscheinlichkeit", 5) + "x", func(_ *world, r object) bool { return false }},
}

func refersTo(path, ref string) func(*world, object) bool {
	return func(_ *world, r object) bool { return exact(textsAt(r, path+".reference"), ref) }
}

// through holds where a reference leads to a resource of which f holds.
func through(path string, f func(*world, object) bool) func(*world, object) bool {
	return func(w *world, r object) bool {
		return slices.ContainsFunc(w.to(r, path), func(o object) bool { return f(w, o) })
	}
}

// referredBy holds where a resource of a type, of which f holds, refers here.
func referredBy(typ, path string, f func(*world, object) bool) func(*world, object) bool {
	var of *world
	var refs map[string]bool
	return func(w *world, r object) bool {
		if of != w {
			of, refs = w, map[string]bool{}
			for _, o := range w.types[typ] {
				if f(w, o) {
					for _, ref := range textsAt(o, path+".reference") {
						refs[ref] = true
					}
				}
			}
		}
		return refs[r["resourceType"].(string)+"/"+r["id"].(string)]
	}
}

func family(prefix string) func(*world, object) bool {
	return func(_ *world, r object) bool { return starts(textsAt(r, "name.family"), prefix) }
}

var referenceSearches = []search{
	{"Observation?patient=" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?subject=" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?subject=Patient/" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?subject:Patient=" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?subject=http://kith.test/fhir/Patient/" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?subject=Group/" + abram, refersTo("subject", "Group/"+abram)},
	{"Observation?subject:missing=true", not(present("subject.reference", "subject.identifier"))},
	{"Observation?subject:identifier=http://kith.test/people|77", has("subject.identifier", "http://kith.test/people", "77")},
	{"Observation?subject:identifier=77", has("subject.identifier", "*", "77")},
	{"Observation?patient=" + abram + "&code=8302-2", both(refersTo("subject", "Patient/"+abram), has("code", "*", "8302-2"))},
	{"Observation?patient=" + abram + ",538a9a4e-8437-47d3-8c01-1a17dca8f0be&code=8302-2,29463-7", both(either(refersTo("subject", "Patient/"+abram), refersTo("subject", "Patient/538a9a4e-8437-47d3-8c01-1a17dca8f0be")), either(has("code", "*", "8302-2"), has("code", "*", "29463-7")))},
	{"Observation?patient:not=" + abram + "&code=8302-2", both(not(refersTo("subject", "Patient/"+abram)), has("code", "*", "8302-2"))},
	{"Basic?author=http://elsewhere.test/fhir/Practitioner/9", refersTo("author", "http://elsewhere.test/fhir/Practitioner/9")},
	{"Basic?author=Practitioner/9", refersTo("author", "Practitioner/9")},
	{"Location?partof=near", refersTo("partOf", "Location/near")},
	{"QuestionnaireResponse?questionnaire=http://kith.test/forms/a", func(_ *world, r object) bool {
		return strings.HasPrefix(r["questionnaire"].(string)+"|", "http://kith.test/forms/a|")
	}},
	{"QuestionnaireResponse?questionnaire=http://kith.test/forms/a|2", func(_ *world, r object) bool { return r["questionnaire"] == "http://kith.test/forms/a|2" }},
	{"QuestionnaireResponse?questionnaire=http://kith.test/forms/a|3", func(_ *world, r object) bool { return false }},
	{"DiagnosticReport?result.code=http://loinc.org|2339-0", through("result", has("code", loinc, "2339-0"))},
	{"Observation?patient.family=Sarabia&code=8302-2", both(through("subject", family("sarabia")), has("code", "*", "8302-2"))},
	{"Observation?subject:Patient.family=Sarabia", through("subject", family("sarabia"))},
	{"Observation?subject.name=Sarabia", through("subject", func(_ *world, r object) bool {
		return starts(textsAt(r, "name.family", "name.given", "name.prefix", "name.suffix", "name.text"), "sarabia")
	})},
	{"Claim?encounter.service-provider.name=HOLYOKE", through("item.encounter", through("serviceProvider", func(_ *world, r object) bool { return starts(textsAt(r, "name"), "holyoke") }))},
	{"Immunization?patient.gender=male&vaccine-code=140&patient.family=s", both(through("patient", has("gender", "*", "male")), has("vaccineCode", "*", "140"), through("patient", family("s")))},
	{"Condition?encounter.patient.family=sarabia", through("encounter", through("subject", family("sarabia")))},
	{"Condition?patient.gender:not=male&code=444814009", both(through("subject", not(has("gender", "*", "male"))), has("code", "*", "444814009"))},
	{"Patient?_has:Condition:patient:code=444814009", referredBy("Condition", "subject", has("code", "*", "444814009"))},
	{"Patient?_has:Condition:subject:code=http://snomed.info/sct|444814009&gender=male", both(referredBy("Condition", "subject", has("code", snomed, "444814009")), has("gender", "*", "male"))},
	{"Organization?_has:Encounter:service-provider:class=EMER", referredBy("Encounter", "serviceProvider", has("class", "*", "EMER"))},
	{"Encounter?_has:Condition:encounter:code=444814009", referredBy("Condition", "encounter", has("code", "*", "444814009"))},
	{"Patient?_has:Encounter:patient:_has:Condition:encounter:code=444814009", referredBy("Encounter", "subject", referredBy("Condition", "encounter", has("code", "*", "444814009")))},
	{"Organization?_has:Encounter:service-provider:patient.family=sarabia", referredBy("Encounter", "serviceProvider", through("subject", family("sarabia")))},
	{"Observation?patient._has:Condition:patient:code=10509002&code=8302-2", both(through("subject", referredBy("Condition", "subject", has("code", "*", "10509002"))), has("code", "*", "8302-2"))},
}

func quantitySearches(t testing.TB) []search {
	value := func(prefix, n string, scale map[string]string) func(*world, object) bool {
		return func(_ *world, r object) bool { return quantity(t, r, "valueQuantity", prefix, n, scale) }
	}
	length := map[string]string{"m": "1", "cm": "1/100", "mm": "1/1000"}
	metres := "|" + ucum + "|m"
	named := func(unit, prefix, n string) func(*world, object) bool {
		return func(_ *world, r object) bool {
			q, _ := r["valueQuantity"].(object)
			return q != nil && (q["unit"] == unit || q["code"] == unit) && value(prefix, n, nil)(nil, r)
		}
	}
	out := []search{
		{"Observation?value-quantity=1.5", value("", "1.5", nil)},
		{"Observation?value-quantity=1.50", value("", "1.50", nil)},
		{"Observation?value-quantity=1.5" + metres, value("", "1.5", length)},
		{"Observation?value-quantity=1.500" + metres, value("", "1.500", length)},
		{"Observation?value-quantity=150|" + ucum + "|cm", value("", "150", map[string]string{"m": "100", "cm": "1", "mm": "1/10"})},
		{"Observation?value-quantity=1.5||stones", named("stones", "", "1.5")},
		{"Observation?value-quantity=gt190||cm", named("cm", "gt", "190")},
		{"Observation?value-quantity=1e3||mm", named("mm", "", "1e3")},
		{"Observation?code=4548-4&value-quantity=gt6.5|" + ucum + "|%", both(has("code", "*", "4548-4"), value("gt", "6.5", map[string]string{"%": "1"}))},
		{"Observation?code=29463-7&value-quantity=lt9000|" + ucum + "|g", both(has("code", "*", "29463-7"), value("lt", "9000", map[string]string{"kg": "1000"}))},
		{"Observation?code=2339-0&value-quantity=ge0.9|" + ucum + "|g/L", both(has("code", "*", "2339-0"), value("ge", "0.9", map[string]string{"mg/dL": "1/100"}))},
		{"Observation?code=8302-2&value-quantity=gt100&value-quantity=lt120", both(has("code", "*", "8302-2"), value("gt", "100", nil), value("lt", "120", nil))},
		{"Observation?code=8302-2&value-quantity:missing=true", both(has("code", "*", "8302-2"), not(present("valueQuantity")))},
		{"Observation?component-value-quantity=gt17|" + ucum + "|kPa", func(_ *world, r object) bool {
			return quantity(t, r, "component.valueQuantity", "gt", "17", map[string]string{"mm[Hg]": "133322387415/1000000000000"})
		}},
		{"RiskAssessment?probability=0.3", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "", "0.3") }},
		{"RiskAssessment?probability=0.30", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "", "0.30") }},
		{"RiskAssessment?probability=gt0.8", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "gt", "0.8") }},
		{"RiskAssessment?probability=ap0.9", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "ap", "0.9") }},
		{"RiskAssessment?probability=ne0.3", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "ne", "0.3") }},
		{"RiskAssessment?probability=8e-1", func(_ *world, r object) bool { return numbers(t, r, "prediction.probabilityDecimal", "", "8e-1") }},
		{"RiskAssessment?probability:missing=true", not(present("prediction.probabilityDecimal"))},
		{"Observation?code-value-quantity=http://loinc.org|8302-2$gt180", both(has("code", loinc, "8302-2"), value("gt", "180", nil))},
		{"Observation?code-value-quantity=8302-2$lt0.6" + metres, both(has("code", "*", "8302-2"), value("lt", "0.6", length))},
		{"Observation?code-value-quantity=8302-2$gt180,29463-7$gt100", either(both(has("code", "*", "8302-2"), value("gt", "180", nil)), both(has("code", "*", "29463-7"), value("gt", "100", nil)))},
		{"Observation?component-code-value-quantity=http://loinc.org|8480-6$gt130", inOneOf(t, []string{"component"}, "8480-6", "gt", "130")},
		{"Observation?component-code-value-quantity=http://loinc.org|8462-4$gt130", inOneOf(t, []string{"component"}, "8462-4", "gt", "130")},
		{"Observation?combo-code-value-quantity=http://loinc.org|8480-6$gt130,http://loinc.org|8867-4$gt99", either(inOneOf(t, []string{"component", ""}, "8480-6", "gt", "130"), inOneOf(t, []string{"component", ""}, "8867-4", "gt", "99"))},
		{"Observation?code-value-concept=http://loinc.org|72166-2$http://snomed.info/sct|8517006", both(has("code", loinc, "72166-2"), has("valueCodeableConcept", snomed, "8517006"))},
		{"Observation?code-value-date=8302-2$2010", func(*world, object) bool { return false }},
	}
	for _, prefix := range []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"} {
		out = append(out,
			search{"Observation?code=8302-2&value-quantity=" + prefix + "1.55" + metres, both(has("code", "*", "8302-2"), value(prefix, "1.55", length))},
			search{"Observation?code=8302-2&value-quantity=" + prefix + "155", both(has("code", "*", "8302-2"), value(prefix, "155", nil))})
	}
	return out
}

func numbers(t testing.TB, r object, path, prefix, want string) bool {
	for _, v := range at(r, path) {
		if numeric(numberOf(t, textOf(v)).value, prefix, numberOf(t, want)) {
			return true
		}
	}
	return false
}

// inOneOf holds where one element under one of the roots has both the code and the value.
func inOneOf(t testing.TB, roots []string, code, prefix, want string) func(*world, object) bool {
	return func(_ *world, r object) bool {
		for _, root := range roots {
			for _, e := range at(r, root) {
				if token(e, "code", loinc, code) && quantity(t, e, "valueQuantity", prefix, want, nil) {
					return true
				}
			}
		}
		return false
	}
}

func dateSearches(t testing.TB) []search {
	type param struct {
		typ, code string
		paths     []string
		values    []string
	}
	var out []search
	for _, p := range []param{
		{"Encounter", "date", []string{"period"}, []string{"2011", "2011-02", "2011-02-02", "2011-02-02T21:30:49Z", "1985-06-18T17:30:49-04:00"}},
		{"Condition", "onset-date", []string{"onsetDateTime", "onsetPeriod"}, []string{"2011", "2010-03", "1985-06-18", "1985-06-18T21:30Z"}},
		{"Patient", "birthdate", []string{"birthDate"}, []string{"1960", "1975-01", "1950-06-01"}},
		{"Observation", "date", []string{"effectiveDateTime", "effectivePeriod", "effectiveInstant"}, []string{"2020-05", "2020", "2020-05-20", "2020-05-20T08:00:00.500Z"}},
		{"CarePlan", "date", []string{"period"}, []string{"2013-02"}},
		{"Claim", "created", []string{"created"}, []string{"2015-08"}},
		{"Procedure", "date", []string{"performedDateTime", "performedPeriod"}, []string{"2013-02-06T16:45:49-05:00", "2013-02"}},
	} {
		for _, value := range p.values {
			for _, prefix := range []string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"} {
				out = append(out, search{p.typ + "?" + p.code + "=" + prefix + value, func(_ *world, r object) bool {
					return dated(spansAt(t, r, p.paths...), prefix, spanOf(t, value))
				}})
			}
		}
	}
	between := func(typ, code, path, from, to string) search {
		return search{typ + "?" + code + "=ge" + from + "&" + code + "=lt" + to, func(_ *world, r object) bool {
			have := spansAt(t, r, path)
			return dated(have, "ge", spanOf(t, from)) && dated(have, "lt", spanOf(t, to))
		}}
	}
	return append(out,
		between("Encounter", "date", "period", "2010", "2012-06"),
		between("Patient", "birthdate", "birthDate", "1950", "1960"),
		search{"Patient?birthdate=1950,1960", func(_ *world, r object) bool {
			return dated(spansAt(t, r, "birthDate"), "", spanOf(t, "1950")) || dated(spansAt(t, r, "birthDate"), "", spanOf(t, "1960"))
		}},
		search{"Observation?date:missing=true", not(present("effectiveDateTime", "effectivePeriod"))},
		search{"Patient?death-date:missing=false", present("deceasedDateTime")},
		search{"Patient?_lastUpdated=ge2020-01-01", func(*world, object) bool { return true }},
		search{"Patient?_lastUpdated=lt2020-01-01", func(*world, object) bool { return false }},
		// Of the period that is approximately 2020, a tenth of the time since then may be added at both ends; only what
		// overlaps 2020 itself and what is long before is certain.
		search{"Patient?birthdate=ap1900", func(_ *world, r object) bool {
			born := spanOf(t, r["birthDate"].(string))
			return born.from.Year() < 1912
		}},
	)
}

var otherSearches = []search{
	{"Patient?_id=" + abram + ",nobody", func(_ *world, r object) bool { return r["id"] == abram }},
	{"Patient?_list=l1", func(_ *world, r object) bool {
		return r["id"] == abram || r["id"] == "538a9a4e-8437-47d3-8c01-1a17dca8f0be"
	}},
	{"Observation?_profile=http://kith.test/profile", present("meta.profile")},
	{"Observation?_profile=http://kith.test/profile|1.0", present("meta.profile")},
	{"Observation?_profile=http://kith.test/profile|2.0", func(*world, object) bool { return false }},
	{"Observation?_source=http://kith.test/source", present("meta.source")},
	{"Questionnaire?url=http://kith.test/forms/a", func(_ *world, r object) bool { return r["url"] == "http://kith.test/forms/a" }},
	{"Questionnaire?url:below=http://kith.test/forms/a", func(_ *world, r object) bool {
		return strings.HasPrefix(r["url"].(string)+"/", "http://kith.test/forms/a/")
	}},
	{"Questionnaire?url:above=http://kith.test/forms/a/b", func(_ *world, r object) bool {
		return strings.HasPrefix("http://kith.test/forms/a/b/", r["url"].(string)+"/")
	}},
	{"Questionnaire?url:not=http://kith.test/forms/a", func(_ *world, r object) bool { return r["url"] != "http://kith.test/forms/a" }},
	{"Location?near=53.40|-2.99|5|km", func(_ *world, r object) bool { return r["id"] == "near" }},
	{"Location?near=53.40|-2.99|500|km", func(_ *world, r object) bool { return r["id"] != "nowhere" }},
	{"Location?near=53.40|-2.99|700|m", func(*world, object) bool { return false }},
	{`Patient?_filter=family sw "s" and (gender eq male or birthdate ge 1980-01-01)`, func(w *world, r object) bool {
		return family("s")(w, r) && (token(r, "gender", "*", "male") || r["birthDate"].(string) >= "1980-01-01")
	}},
	{`Patient?_filter=not (gender eq male) and family co "an"`, func(w *world, r object) bool {
		return !token(r, "gender", "*", "male") && contains(textsAt(r, "name.family"), "an")
	}},
	{`Patient?_filter=given eq "RAMÓN"`, func(_ *world, r object) bool {
		return slices.ContainsFunc(textsAt(r, "name.given"), func(s string) bool { return plain(s) == "ramon" })
	}},
	{`Patient?_filter=given ew "ón"`, func(_ *world, r object) bool {
		return slices.ContainsFunc(textsAt(r, "name.given"), func(s string) bool { return strings.HasSuffix(plain(s), "on") })
	}},
	{`Patient?_filter=family eq "sarabia" or family eq "carrasq"`, func(_ *world, r object) bool {
		return slices.ContainsFunc(textsAt(r, "name.family"), func(s string) bool { return plain(s) == "sarabia" })
	}},
	{"Observation?_filter=code eq http://loinc.org|8302-2 and value-quantity gt 180", func(w *world, r object) bool {
		return token(r, "code", loinc, "8302-2") && quantity(w.t, r, "valueQuantity", "gt", "180", nil)
	}},
	{`Observation?_filter=subject.family eq "sarab"`, func(*world, object) bool { return false }},
	{`Observation?_filter=subject.family eq "SARABIA" and code eq 8302-2`, both(through("subject", family("sarabia")), has("code", "*", "8302-2"))},
	{"Observation?_filter=subject.birthdate lt 1940 and code eq 8302-2", both(through("subject", func(_ *world, r object) bool { return r["birthDate"].(string) < "1940" }), has("code", "*", "8302-2"))},
	{"Observation?_filter=subject re Patient/" + abram, refersTo("subject", "Patient/"+abram)},
	{"Observation?_filter=value-quantity pr false and code eq 72166-2", both(not(present("valueQuantity")), has("code", "*", "72166-2"))},
	{"Observation?_filter=code in http://kith.test/birds", either(has("code", zoo, "bird"), has("code", zoo, "owl"))},
	{"Observation?_filter=code sb http://kith.test/zoo|bird", either(has("code", zoo, "bird"), has("code", zoo, "owl"))},
}
