package triage

import (
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhirpath"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
	"pgregory.net/rapid"
)

func TestExportsAreValidFHIR(t *testing.T) {
	b := shippedBook(t)
	door := record.Test(t)
	for _, p := range b.Packs {
		all, err := b.Export(p, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range all.Entry {
			res := entry.Resource
			issues, err := door.Validate(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, res)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Err(issues); err != nil {
				t.Errorf("%s %s: %v", p.Name, res.Type(), err)
			}
		}
	}
}

func TestFactsAreFilledByFHIRPath(t *testing.T) {
	b := shippedBook(t)
	for n, f := range b.Lexicon.Findings {
		if x := b.Lexicon.populate(n); x != "" {
			if _, err := fhirpath.Compile(x); err != nil {
				t.Errorf("%s: %v", f.ID, err)
			}
		}
	}
}

// A rule and its FHIRPath hold on the same answers.
func TestExportedConditionsMeanTheSame(t *testing.T) {
	b := shippedBook(t)
	lex := b.Lexicon
	var rules []*Rule
	compiled := map[*Rule]*fhirpath.Expr{}
	for _, p := range append([]*Pack{b.Shared}, b.Packs...) {
		for _, f := range p.Floors {
			rules = append(rules, f.when)
		}
		for _, w := range p.Score.Weights {
			rules = append(rules, w.when)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(rules).Draw(t, "rule")
		x := compiled[r]
		if x == nil {
			var err error
			if x, err = fhirpath.Compile(r.fhirPath(lex)); err != nil {
				t.Fatal(err)
			}
			compiled[r] = x
		}
		s := lex.NewState()
		answers := &r4.QuestionnaireResponse{Status: "completed"}
		for _, n := range r.uses {
			item := r4.QuestionnaireResponseItem{LinkId: lex.Findings[n].ID}
			if lex.Findings[n].Number != nil {
				v := rapid.IntRange(0, 100).Draw(t, "number")
				s.num[n] = Span{float64(v), float64(v)}
				d := fhir.MakeDecimal(int64(v), 0)
				item.Answer = []r4.QuestionnaireResponseItemAnswer{{ValueDecimal: &d}}
			} else {
				yes := rapid.Bool().Draw(t, "yes")
				s.yes[n] = map[bool]Tri{true: Yes, false: No}[yes]
				item.Answer = []r4.QuestionnaireResponseItemAnswer{{ValueBoolean: &yes}}
			}
			answers.Item = append(answers.Item, item)
		}
		res, err := r4.Resource(answers)
		if err != nil {
			t.Fatal(err)
		}
		at := fhirpath.At(res.Root(), "")
		holds, err := x.Test(at, &fhirpath.Env{Vars: map[string]fhirpath.Collection{"answers": {at}}})
		if err != nil {
			t.Fatal(err)
		}
		if want := r.Holds(s) == Yes; holds != want {
			t.Fatalf("%s: the rule is %t and its FHIRPath %t", r, want, holds)
		}
	})
}
