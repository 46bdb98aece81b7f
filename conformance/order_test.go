package conformance

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/record"
)

// otherQuestions are about more than which resources match: their order, what comes with them, and where they are.
func otherQuestions(t *testing.T, d *record.Door, w *world) {
	orders(t, d, w)
	includes(t, d, w)
	compartments(t, d, w)
	system(t, d, w)
}

// level is one level of an order: the values of a resource, of which the first in the order counts. Those with none come
// last.
type level struct {
	of   func(r object) []string
	desc bool
}

func (l level) key(r object) (string, bool) {
	values := l.of(r)
	if len(values) == 0 {
		return "", false
	}
	if l.desc {
		return slices.Max(values), true
	}
	return slices.Min(values), true
}

func (l level) compare(a, b object) int {
	x, okX := l.key(a)
	y, okY := l.key(b)
	switch {
	case okX != okY:
		return cmp.Compare(b2i(okY), b2i(okX))
	case l.desc:
		return cmp.Compare(y, x)
	}
	return cmp.Compare(x, y)
}

func b2i(b bool) int { return map[bool]int{true: 1}[b] }

func orders(t *testing.T, d *record.Door, w *world) {
	folded := func(path string) func(object) []string {
		return func(r object) []string {
			var out []string
			for _, s := range textsAt(r, path) {
				out = append(out, plain(s))
			}
			return out
		}
	}
	when := func(path string) func(object) []string {
		return func(r object) []string {
			var out []string
			for _, s := range spansAt(t, r, path) {
				if s.from != nil {
					out = append(out, s.from.UTC().Format("2006-01-02T15:04:05.000"))
				}
			}
			return out
		}
	}
	amount := func(r object) []string {
		var out []string
		for _, v := range at(r, "valueQuantity.value") {
			out = append(out, strings.Repeat("0", 20-len(numberOf(t, textOf(v)).value.FloatString(6)))+numberOf(t, textOf(v)).value.FloatString(6))
		}
		return out
	}
	id := func(r object) []string { return []string{r["id"].(string)} }
	for _, c := range []struct {
		query  string
		match  func(*world, object) bool
		levels []level
	}{
		{"Patient?_sort=family,given", nil, []level{{of: folded("name.family")}, {of: folded("name.given")}}},
		{"Patient?_sort=-family,birthdate", nil, []level{{of: folded("name.family"), desc: true}, {of: when("birthDate")}}},
		{"Patient?_sort=gender,-birthdate,_id", nil, []level{{of: folded("gender")}, {of: when("birthDate"), desc: true}, {of: id}}},
		{"Patient?_sort=-_id", nil, []level{{of: id, desc: true}}},
		{"Observation?code=8302-2&_sort=-date,value-quantity", has("code", "*", "8302-2"), []level{{of: when("effectiveDateTime"), desc: true}, {of: amount}}},
		{"Observation?code=8302-2&_sort=value-quantity,-date", has("code", "*", "8302-2"), []level{{of: amount}, {of: when("effectiveDateTime"), desc: true}}},
		{"Observation?patient=" + abram + "&code=8302-2&_sort=-date", both(refersTo("subject", "Patient/"+abram), has("code", "*", "8302-2")), []level{{of: when("effectiveDateTime"), desc: true}}},
		{"Observation?patient=" + abram + "&_sort=date", refersTo("subject", "Patient/"+abram), []level{{of: when("effectiveDateTime")}}},
		{"Condition?patient=" + abram + "&_sort=abatement-date,-onset-date", refersTo("subject", "Patient/"+abram), []level{{of: when("abatementDateTime")}, {of: when("onsetDateTime"), desc: true}}},
		{"Encounter?class=EMER&_sort=-date", has("class", "*", "EMER"), []level{{of: when("period"), desc: true}}},
	} {
		typ, _, _ := strings.Cut(c.query, "?")
		var want []string
		for _, r := range w.types[typ] {
			if c.match == nil || c.match(w, r) {
				want = append(want, typ+"/"+r["id"].(string))
			}
		}
		got, _, _ := found(t, d, escaped(c.query+"&_count=23"))
		if diff := difference(got, want); diff != "" {
			t.Errorf("%s: %s", c.query, diff)
			continue
		}
		for i := 1; i < len(got); i++ {
			order := 0
			for _, l := range c.levels {
				if order = l.compare(w.byRef[got[i-1]], w.byRef[got[i]]); order != 0 {
					break
				}
			}
			if order > 0 {
				t.Errorf("%s: %s stands before %s", c.query, got[i-1], got[i])
				break
			}
		}
	}
}

func includes(t *testing.T, d *record.Door, w *world) {
	follow := func(refs []string, paths ...string) []string {
		out := map[string]bool{}
		for _, ref := range refs {
			for _, p := range paths {
				for _, to := range textsAt(w.byRef[ref], p+".reference") {
					if w.byRef[to] != nil {
						out[to] = true
					}
				}
			}
		}
		return slices.Sorted(maps.Keys(out))
	}
	pointing := func(typ, path string, refs []string) []string {
		var out []string
		for _, r := range w.types[typ] {
			for _, to := range textsAt(r, path+".reference") {
				if slices.Contains(refs, to) {
					out = append(out, typ+"/"+r["id"].(string))
					break
				}
			}
		}
		return out
	}
	var encounters []string
	for _, r := range w.types["Encounter"] {
		if refersTo("subject", "Patient/"+abram)(w, r) {
			encounters = append(encounters, "Encounter/"+r["id"].(string))
		}
	}
	patient := []string{"Patient/" + abram}
	reports := pointing("DiagnosticReport", "subject", patient)
	for query, want := range map[string]func() (matches, included []string){
		"Encounter?patient=" + abram + "&_include=Encounter:service-provider": func() ([]string, []string) { return encounters, follow(encounters, "serviceProvider") },
		"Encounter?patient=" + abram + "&_include=Encounter:service-provider&_include=Encounter:participant:Practitioner&_include=Encounter:patient": func() ([]string, []string) {
			return encounters, follow(encounters, "serviceProvider", "participant.individual", "subject")
		},
		"Encounter?patient=" + abram + "&_include=Encounter:participant:Organization": func() ([]string, []string) { return encounters, nil },
		"Encounter?patient=" + abram + "&_include=*": func() ([]string, []string) {
			return encounters, follow(encounters, "serviceProvider", "participant.individual", "subject")
		},
		"DiagnosticReport?patient=" + abram + "&_include=DiagnosticReport:result&_include:iterate=Observation:encounter&_include:iterate=Encounter:service-provider": func() ([]string, []string) {
			results := follow(reports, "result")
			visits := follow(results, "encounter")
			return reports, slices.Concat(results, visits, follow(visits, "serviceProvider"))
		},
		"Patient?_id=" + abram + "&_revinclude=Condition:patient": func() ([]string, []string) { return patient, pointing("Condition", "subject", patient) },
		"Patient?_id=" + abram + "&_revinclude=Condition:patient&_revinclude=Encounter:subject&_revinclude:iterate=Claim:encounter": func() ([]string, []string) {
			return patient, slices.Concat(pointing("Condition", "subject", patient), encounters, pointing("Claim", "item.encounter", encounters))
		},
	} {
		matches, included := want()
		got, more, _ := found(t, d, escaped(query+"&_count=1000"))
		if diff := difference(got, matches); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		if diff := difference(more, included); diff != "" {
			t.Errorf("%s: %d included, want %d: %s", query, len(more), len(included), diff)
		}
	}
}

func compartments(t *testing.T, d *record.Door, w *world) {
	for _, c := range []struct {
		compartment, query string
		want               func(*world, object) bool
	}{
		{"Patient/" + abram, "Observation?code=8302-2", both(refersTo("subject", "Patient/"+abram), has("code", "*", "8302-2"))},
		{"Patient/" + abram, "Condition?", refersTo("subject", "Patient/"+abram)},
		{"Patient/" + abram, "Patient?", func(_ *world, r object) bool { return r["id"] == abram }},
		{"Practitioner/87a5ab63-4cbe-3f5c-9287-5388c7187ef1", "Encounter?", refersTo("participant.individual", "Practitioner/87a5ab63-4cbe-3f5c-9287-5388c7187ef1")},
		{"Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086", "Condition?", refersTo("encounter", "Encounter/17b801ac-58e3-4f6b-8b48-8e33f3a36086")},
	} {
		typ, _, _ := strings.Cut(c.query, "?")
		var want, got []string
		for _, r := range w.types[typ] {
			if c.want(w, r) {
				want = append(want, typ+"/"+r["id"].(string))
			}
		}
		for next := c.query + "&_count=10"; next != ""; {
			p, err := d.FindIn(t.Context(), tester, c.compartment, next, false)
			if err != nil {
				t.Errorf("%s/%s: %v", c.compartment, next, err)
				break
			}
			for _, m := range p.Matches {
				got = append(got, m.Ref())
			}
			next = strings.TrimPrefix(p.Next, c.compartment+"/")
		}
		if diff := difference(got, want); diff != "" || len(want) == 0 {
			t.Errorf("%s/%s: %d found, want %d: %s", c.compartment, c.query, len(got), len(want), diff)
		}
	}
}

func system(t *testing.T, d *record.Door, w *world) {
	var want []string
	for _, typ := range []string{"Patient", "Practitioner", "Basic"} {
		for _, r := range w.types[typ] {
			want = append(want, typ+"/"+r["id"].(string))
		}
	}
	got, _, _ := found(t, d, "?_type=Patient,Practitioner,Basic&_count=40")
	if diff := difference(got, want); diff != "" {
		t.Errorf("?_type=Patient,Practitioner,Basic: %s", diff)
	}
	for _, query := range []string{"?_type=Practitioner,Patient&family=sa&_count=2", "?_type=Practitioner,Patient&family:text=sa", "?_type=Patient,Practitioner&family=sa&_sort=-family,_id"} {
		want = nil
		for _, typ := range []string{"Patient", "Practitioner"} {
			for _, r := range w.types[typ] {
				if family("sa")(w, r) {
					want = append(want, typ+"/"+r["id"].(string))
				}
			}
		}
		got, _, _ = found(t, d, escaped(query))
		if diff := difference(got, want); diff != "" || len(want) < 2 {
			t.Errorf("%s: %d found, want %d: %s", query, len(got), len(want), diff)
		}
	}
	got, _, _ = found(t, d, escaped("?_tag=http://kith.test/tag|"))
	if diff := difference(got, []string{"Observation/x1", "Observation/x2"}); diff != "" {
		t.Errorf("?_tag=http://kith.test/tag|: %s", diff)
	}
	got, _, _ = found(t, d, "?_id="+abram+",x1")
	if diff := difference(got, []string{"Patient/" + abram, "Observation/x1"}); diff != "" {
		t.Errorf("?_id=…: %s", diff)
	}
	everything(t, d, w)
}

// everything of a patient is the patient, what refers to the patient by the parameters of the compartment, and the
// shared resources that these refer to.
func everything(t *testing.T, d *record.Door, w *world) {
	want := map[string]bool{"Patient/" + abram: true}
	for ref, r := range w.byRef {
		for _, path := range []string{"subject", "patient", "participant.member", "participant.individual"} {
			if refersTo(path, "Patient/"+abram)(w, r) {
				want[ref] = true
			}
		}
	}
	for _, ref := range slices.Collect(maps.Keys(want)) {
		for _, path := range []string{"serviceProvider", "participant.individual", "participant.member", "provider", "requester", "performer.actor", "managingOrganization", "careTeam.provider", "insurer"} {
			for _, o := range w.to(w.byRef[ref], path) {
				want[o["resourceType"].(string)+"/"+o["id"].(string)] = true
			}
		}
	}
	for _, count := range []int{0, 50} {
		var got []string
		e := record.Everything{Count: count}
		for {
			p, err := d.Everything(t.Context(), tester, abram, e)
			if err != nil {
				t.Error(err)
				return
			}
			for _, m := range p.Matches {
				got = append(got, m.Ref())
			}
			if e.Page = p.Next; e.Page == "" {
				break
			}
		}
		if diff := difference(got, slices.Sorted(maps.Keys(want))); diff != "" {
			t.Errorf("$everything by %d: %d found, want %d: %s", count, len(got), len(want), diff)
		}
	}
}
