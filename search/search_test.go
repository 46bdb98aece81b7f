package search

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

func parser() *Parser {
	return &Parser{Base: "http://kith.test/fhir", Now: func() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }}
}

// Every expression of R4's search parameters compiles: one that did not would be left out without a word.
func TestEveryExpressionCompiles(t *testing.T) {
	n := 0
	for _, name := range spec.ResourceNames() {
		id, _ := spec.Resource(name)
		for _, p := range (*Catalogue)(nil).All(id) {
			sp := spec.Param(name, p.Code)
			if sp.For(name) != "" && p.expr == nil {
				t.Errorf("%s: %q does not compile", p, sp.For(name))
			}
			for i, c := range p.Components {
				if c.Param == nil || c.expr == nil {
					t.Errorf("%s: part %d has no parameter or no expression", p, i)
				}
			}
			n++
		}
	}
	if n < 2500 {
		t.Errorf("%d parameters are too few", n)
	}
}

// What is refused is refused by name.
func TestWrongQueries(t *testing.T) {
	for query, says := range map[string]string{
		"Patient?fruit=apple":                               "fruit",
		"Patient?name:below=x":                              ":below",
		"Patient?birthdate=yesterday":                       "birthdate=yesterday",
		"Patient?birthdate=2020-13":                         "birthdate=2020-13",
		"Patient?birthdate=xx2020":                          "xx2020",
		"Patient?gender:missing=maybe":                      "maybe",
		"Patient?identifier=a|b|c":                          "a|b|c",
		"Patient?identifier:of-type=a|b":                    "a|b",
		"Patient?organization=Starship/1":                   "Starship",
		"Patient?organization:Starship=1":                   "Starship",
		"Patient?organization:Patient=Organization/1":       "Patient",
		"Patient?organization.fruit=1":                      "fruit",
		"Patient?name.family=1":                             "name",
		"Patient?_has:Observation=1":                        "_has",
		"Patient?_has:Starship:patient:code=1":              "Starship",
		"Patient?_has:Observation:code:code=1":              "code",
		"Patient?_sort=fruit":                               "fruit",
		"Patient?_sort=":                                    "",
		"Patient?_include=Patient":                          "Patient",
		"Patient?_include:sometimes=Patient:organization":   "sometimes",
		"Patient?_include=Patient:name":                     "name",
		"Patient?_revinclude=*":                             "_revinclude",
		"Patient?_contained=true":                           "_contained",
		"Patient?_list=a b":                                 "_list",
		"Patient?_page=x":                                   "page",
		"Patient?_count=-1":                                 "_count",
		"Patient?_total=some":                               "_total",
		"Patient?_filter=name":                              "_filter",
		"Patient?_filter=name eq \"x":                       "quote",
		"Patient?_filter=(name eq x":                        ")",
		"Patient?_filter=name eq x or":                      "parameter",
		"Patient?_filter=name gt x":                         "gt",
		"Patient?_filter=birthdate ew 2020":                 "ew",
		"Patient?_filter=general-practitioner[x eq y] eq 1": "brackets",
		"Observation?value-quantity=1|2":                    "1|2",
		"Observation?value-quantity=x":                      "x",
		"Observation?code-value-quantity=8480-6":            "$",
		"Observation?code-value-quantity=8480-6$":           "$",
		"Observation?code:in=":                              "",
		"RiskAssessment?probability=1,x":                    "x",
		"Location?near=1":                                   "near",
		"Location?near=1|2|3|leagues":                       "km",
		"Starship?x=1":                                      "Starship",
		"Patient?" + strings.Repeat("organization.partof.", 1) + strings.Repeat("partof.", 9) + "name=x": "deeper",
	} {
		typ, rest, _ := strings.Cut(query, "?")
		name, value, _ := strings.Cut(rest, "=")
		q, err := parser().Parse(typ, url.QueryEscape(name)+"="+url.QueryEscape(value))
		if says == "" && err == nil {
			continue // an empty value asks for nothing
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v; want an error that says %q", query, q, err, says)
		}
		if k := fhir.KindOf(err); k != fhir.Invalid && k != fhir.Unsupported && k != fhir.NotFound {
			t.Errorf("%s: the kind of %v is %v", query, err, k)
		}
	}
}

func TestPagesReadWhatTheyWrote(t *testing.T) {
	for _, p := range []Page{{Seq: 1, Rid: 1}, {Seq: 1 << 60, Rid: 7, Sort: []byte{0, 255, 1}}, {}} {
		got, err := ParsePage(p.String())
		if err != nil || got.Seq != p.Seq || got.Rid != p.Rid || string(got.Sort) != string(p.Sort) {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "x", "nonsense", "AAAA", "____wEA"} {
		if p, err := ParsePage(s); err == nil {
			t.Errorf("%q was read as %+v", s, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"name=x", "_has:Observation:patient:code=http://loinc.org|1", "birthdate=ge2020&_sort=-birthdate,name", "organization.name:exact=a\\,b,c", "_filter=name eq \"x\" and not (gender eq male)", "identifier:of-type=a|b|c", "_include:iterate=Patient:organization&_count=3", "near=1|2|3|km", "_page=AQEAAA"} {
		f.Add("Patient", s)
		f.Add("Observation", s)
	}
	f.Add("", "_type=Patient,Observation&_lastUpdated=ap2020")
	f.Add("Observation", "code-value-quantity=8480-6$gt5|http://unitsofmeasure.org|kPa&date=sa2020-01-01T00:00:00+01:00")
	f.Fuzz(func(t *testing.T, typ, query string) {
		for _, lenient := range []bool{false, true} {
			p := parser()
			p.Lenient = lenient
			q, err := p.Parse(typ, query)
			if err != nil {
				if k := fhir.KindOf(err); k == fhir.Broken {
					t.Errorf("%q is answered by %v", query, err)
				}
				continue
			}
			// What was understood is understood again as it is shown in links.
			again, err := p.Parse(typ, q.Used.Encode())
			if err != nil {
				t.Fatalf("%q was read, and its own link %q was not: %v", query, q.Used.Encode(), err)
			}
			if again.Used.Encode() != q.Used.Encode() {
				t.Errorf("%q became %q", q.Used.Encode(), again.Used.Encode())
			}
			if resolved(q.Where) {
				q.Plan()
				row := &Row{Type: q.Types[0], ID: "x", Keys: nil, Rest: emptyRow{}}
				q.Match(row) // must not panic
				q.SortKey(row)
			}
		}
	})
}

// resolved reports whether no condition asks about other resources.
func resolved(conds []Cond) bool {
	for i := range conds {
		c := &conds[i]
		if c.Chain != nil || c.Has != nil || c.Modifier == "list" || c.Modifier == "in" || c.Modifier == "not-in" || c.Modifier == "below" || c.Modifier == "above" || !resolved(c.Kids) {
			return false
		}
	}
	return true
}

type emptyRow struct{}

func (emptyRow) Extra(int64) ([]byte, error) { return nil, nil }
func (emptyRow) Body() (*fhir.Resource, error) {
	return fhir.Parse([]byte(`{"resourceType":"Patient"}`))
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`name eq "x"`, `not (name co "a\"b") or birthdate ge 2020 and gender eq male`, `((name sw x))`, `organization.name ew "x"`, `identifier eq a|b`, `name pr true`, `birthdate po 2020`, `x[y eq z] eq 1`} {
		f.Add(s)
	}
	patient, _ := spec.Resource("Patient")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parser().filter([]spec.TypeID{patient}, text); err != nil && fhir.KindOf(err) == fhir.Broken {
			t.Errorf("%q is answered by %v", text, err)
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add((&Page{Seq: 5, Rid: 7, Sort: []byte("x")}).String())
	f.Add("nonsense")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePage(s)
		if err != nil {
			return
		}
		if p.Seq < 0 || p.Rid < 0 {
			t.Errorf("%q is %+v", s, p)
		}
		if again, err := ParsePage(p.String()); err != nil || again.Seq != p.Seq || again.Rid != p.Rid || string(again.Sort) != string(p.Sort) {
			t.Errorf("%q is %+v, and written again %+v, %v", s, p, again, err)
		}
	})
}

// FuzzKeys reads rows that are damaged: a search of them may answer an error, and must end.
func FuzzKeys(f *testing.F) {
	res, err := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"},{"system":"s","code":"x"}]},"subject":{"reference":"Patient/p","identifier":{"value":"7"}},"effectiveDateTime":"2020-01-01","valueQuantity":{"value":1.5,"unit":"u","system":"http://unitsofmeasure.org","code":"m"},"meta":{"profile":["http://x.test"]}}`))
	if err != nil {
		f.Fatal(err)
	}
	ix := Indexer{}
	index, err := ix.Index(res, "o")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(index.Keys)
	f.Add(index.Keys[:len(index.Keys)/2])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	observation, _ := spec.Resource("Observation")
	var queries []*Query
	for _, s := range []string{"code=8480-6", "status:not=final", "date=ge2020", "value-quantity=gt1|http://unitsofmeasure.org|cm", "patient=p", "subject:identifier=7", "_profile=http://x.test", "value-string=x"} {
		q, err := parser().Parse("Observation", s+"&_sort=date,value-quantity,code,patient")
		if err != nil {
			f.Fatal(err)
		}
		queries = append(queries, q)
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		row := &Row{Type: observation, ID: "o", Keys: keys, Rest: emptyRow{}}
		for _, q := range queries {
			q.Match(row)
			q.SortKey(row)
		}
		Counted(observation, keys)
		Refs(observation, keys, nil, 0, func(spec.TypeID, string) {})
		When(observation, keys)
	})
}

// TestDocumentedModifiers holds the table of docs/fhir.md against the modifiers that are taken.
func TestDocumentedModifiers(t *testing.T) {
	text, err := os.ReadFile("../docs/fhir.md")
	if err != nil {
		t.Fatal(err)
	}
	for typ, list := range modifiers {
		want := "| " + typ + " | `" + strings.ReplaceAll(list, " ", "` `") + "`"
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/fhir.md does not say %s", want)
		}
	}
}
