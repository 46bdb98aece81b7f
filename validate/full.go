package validate

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/fhirpath"
	"github.com/kith-care/kith/terms"
)

// Validator checks resources fully. The zero value works: it knows R4's own value sets and resolves what stands in the
// resource itself. It may be used by many goroutines.
type Validator struct {
	Terms *terms.Terms // value sets of the record; R4's own where nil
	// Resolve finds the resource a reference points to; nil resolves only within the resource.
	Resolve func(ctx context.Context, reference string) (fhir.Value, bool)
}

// Full is Structure and then every invariant of R4 and every binding that can be decided. Where the structure itself is
// wrong the rest is not looked at, since it would only repeat that in other words. The error is a failure to ask.
func (v *Validator) Full(ctx context.Context, res *fhir.Resource) ([]Issue, error) {
	issues := Structure(res)
	if slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == "structure" }) {
		return issues, nil
	}
	f := fuller{Validator: v, ctx: ctx, issues: issues, root: res.Type(), told: map[string]bool{}}
	if f.Terms == nil {
		f.Validator = &Validator{Terms: new(terms.Terms), Resolve: v.Resolve}
	}
	f.resource(res.Root(), false)
	return f.issues, f.err
}

// native are the rules that Structure applies itself. txt-2 is published with the expression of txt-1.
var native = []string{"ele-1", "ext-1", "ref-1", "dom-2", "dom-4", "dom-5", "txt-2"}

// rule is a constraint with its expression compiled.
type rule struct {
	*spec.Constraint
	expr *fhirpath.Expr
}

type ruleBook struct {
	types    map[*spec.Type][]rule
	elements map[*spec.Element][]rule
}

var rules = sync.OnceValue(func() *ruleBook {
	book := &ruleBook{map[*spec.Type][]rule{}, map[*spec.Element][]rule{}}
	compiled := map[string]*fhirpath.Expr{}
	compile := func(all []spec.Constraint) []rule {
		var out []rule
		for i := range all {
			c := &all[i]
			if slices.Contains(native, c.Key) {
				continue
			}
			expr, ok := compiled[c.Expression]
			if !ok {
				var err error
				if expr, err = fhirpath.Compile(c.Expression); err != nil {
					panic("validate: rule " + c.Key + " of R4: " + err.Error())
				}
				compiled[c.Expression] = expr
			}
			out = append(out, rule{c, expr})
		}
		return out
	}
	for t := range spec.AllTypes() {
		if all := compile(t.AllConstraints()); all != nil {
			book.types[t] = all
		}
		for i := range t.Elements {
			if all := compile(t.Elements[i].Constraints); all != nil {
				book.elements[&t.Elements[i]] = all
			}
		}
	}
	return book
})

// fuller walks a resource whose structure is known to be right.
type fuller struct {
	*Validator
	ctx    context.Context
	root   string
	trail  []step
	issues []Issue
	told   map[string]bool // what was said to be unchecked
	env    *fhirpath.Env
	err    error
}

func (f *fuller) resource(v fhir.Value, contained bool) {
	t := resourceType(v.Get("resourceType"))
	before := f.env
	env := &fhirpath.Env{Resource: v, Root: v, MemberOf: f.memberOf, Resolve: f.resolve}
	if contained {
		env.Root = before.Root
	}
	f.env = env
	for profile := range v.Get("meta").Get("profile").Items() {
		f.tell("the profile %s was not checked: resources are held against R4 itself", profile.Text())
	}
	f.object(v, t, nil)
	f.env = before
}

func (f *fuller) resolve(reference string) (fhir.Value, bool) {
	if f.Resolve == nil {
		return fhir.Value{}, false
	}
	return f.Validator.Resolve(f.ctx, reference)
}

func (f *fuller) memberOf(valueSet string, item fhirpath.Item) (bool, error) {
	for system, code := range codesOf(item.Value(), item.ModelType()) {
		in, known, err := f.Terms.Contains(f.ctx, valueSet, system, code)
		if err != nil {
			return false, err
		}
		if !known {
			return false, fhir.Errorf(fhir.NotFound, "the value set %s is not known here", valueSet)
		}
		if in {
			return true, nil
		}
	}
	return false, nil
}

func (f *fuller) object(v fhir.Value, t *spec.Type, el *spec.Element) {
	book := rules()
	f.apply(book.types[t], v, t)
	if el != nil {
		f.apply(book.elements[el], v, t)
		f.binding(v, el, t)
	}
	for m := v.First(); m.Exists(); m = m.Next() {
		name := m.RawName()
		extra := len(name) > 0 && name[0] == '_'
		if extra {
			name = name[1:]
		}
		el, child, ok := t.ChildType(string(name))
		if !ok {
			continue // resourceType
		}
		s := step{el: el, index: -1}
		if el.Choice {
			s.typ = child.Name
		}
		f.trail = append(f.trail, s)
		if m.Kind() != fhir.Array {
			f.value(m, el, child, extra)
		} else {
			i := 0
			for item := m.First(); item.Exists(); item = item.Next() {
				f.trail[len(f.trail)-1].index = i
				f.value(item, el, child, extra)
				i++
			}
		}
		f.trail = f.trail[:len(f.trail)-1]
	}
}

func (f *fuller) value(v fhir.Value, el *spec.Element, t *spec.Type, extra bool) {
	switch {
	case v.Kind() == fhir.Null || f.err != nil:
	case t == nil:
		f.resource(v, el.Name == "contained")
	case extra:
		f.object(v, t, nil) // the extensions of a primitive
	case t.Kind != spec.Primitive:
		f.object(v, t, el)
	default:
		f.apply(rules().types[t], v, t)
		f.apply(rules().elements[el], v, t)
		f.binding(v, el, t)
	}
}

func (f *fuller) apply(all []rule, v fhir.Value, t *spec.Type) {
	for _, r := range all {
		if len(f.issues) >= maxIssues {
			return
		}
		if r.Key == "dom-6" && f.contained() {
			continue // the narrative of its container speaks for it
		}
		ok, err := r.expr.Test(fhirpath.At(v, t.Name), f.env)
		switch {
		case err != nil:
			f.add(Issue{Severity: Warning, Code: "exception", Key: r.Key, Message: "this rule could not be checked: " + err.Error()})
		case !ok:
			f.add(Issue{Severity: Severity(r.Severity), Code: "invariant", Key: r.Key, Message: r.Human})
		}
	}
}

// contained reports whether the element at hand is a contained resource.
func (f *fuller) contained() bool {
	return len(f.trail) > 0 && f.trail[len(f.trail)-1].el.Name == "contained"
}

// binding checks what Structure does not: required value sets that are not embedded, and those that only advise.
func (f *fuller) binding(v fhir.Value, el *spec.Element, t *spec.Type) {
	b := el.Binding
	if b == nil || b.Strength == "required" && requiredSets()[b] != nil || b.Strength == "preferred" && b.Max == "" || b.Strength == "example" {
		return
	}
	if b.Max != "" && f.outside(b.Max, v, t) {
		f.add(Issue{Severity: Error, Code: "code-invalid", Message: fmt.Sprintf("%s is not in the value set %s", abridged(v), b.Max)})
		return
	}
	if b.Strength == "preferred" || !f.outside(b.ValueSet, v, t) {
		return
	}
	severity, message := Error, "no code is in the value set %s"
	if b.Strength == "extensible" {
		severity, message = Warning, "no code is in the value set %s, which should be used where it has one that fits"
	}
	f.add(Issue{Severity: severity, Code: "code-invalid", Message: fmt.Sprintf(message, b.ValueSet)})
}

// outside reports whether v has codes and all are known not to be in a value set.
func (f *fuller) outside(valueSet string, v fhir.Value, t *spec.Type) bool {
	some := false
	for system, code := range codesOf(v, t.Name) {
		some = true
		in, known, err := f.Terms.Contains(f.ctx, valueSet, system, code)
		if err != nil {
			f.err = err
			return false
		}
		if !known {
			f.tell("codes were not checked against the value set %s: it, or a code system it takes from, is not known here", valueSet)
		}
		if in || !known {
			return false
		}
	}
	return some
}

// codesOf ranges over the system and code of a coded value; the system of a code or string is "".
func codesOf(v fhir.Value, typ string) func(func(system, code string) bool) {
	return func(yield func(string, string) bool) {
		switch typ {
		case "CodeableConcept":
			for c := range v.Get("coding").Items() {
				if code := c.Get("code"); code.Exists() && !yield(c.Get("system").Text(), code.Text()) {
					return
				}
			}
		case "Coding", "Quantity", "Age", "Duration", "Count", "Distance":
			if code := v.Get("code"); code.Exists() {
				yield(v.Get("system").Text(), code.Text())
			}
		default:
			if v.Kind() == fhir.String {
				yield("", v.Text())
			}
		}
	}
}

func (f *fuller) add(i Issue) {
	i.Expression = expression(f.root, f.trail)
	if len(f.issues) < maxIssues {
		f.issues = append(f.issues, i)
	}
}

// tell says once what was not checked.
func (f *fuller) tell(format, what string) {
	if !f.told[what] {
		f.told[what] = true
		f.add(Issue{Severity: Information, Code: "not-supported", Message: fmt.Sprintf(format, what)})
	}
}
