// Package fhirpath evaluates FHIRPath 3.0.0, its trial-use functions included, with R4's additions, over resources as
// they are: cursors on the bytes, not trees of objects.
//
// Compile reads an expression once. Eval gives every result as a Collection of Items, each either an element of the
// resource (with its FHIR type and, when asked, its path) or a computed System value. Each streams the results of the
// expressions search parameters are made of, without building collections: an index entry costs well under a
// microsecond. Both may be called by any number of goroutines.
//
// Decimals and quantities are exact, dates keep their precision, units convert by UCUM, logic has three values, and
// regular expressions are RE2, so that no expression of a stranger can stall the program.
//
// https://hl7.org/fhirpath/ and https://hl7.org/fhir/R4/fhirpath.html
package fhirpath

import (
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Expr is a compiled expression.
type Expr struct {
	source string
	root   node
	scoped bool   // it defines variables, so operands need scopes of their own
	fast   []path // the expression as plain paths, nil where it is more than that
}

// Compile reads an expression; the error is Invalid and names the character at fault.
func Compile(source string) (*Expr, error) {
	root, scoped, err := parse(source)
	if err != nil {
		return nil, err
	}
	return &Expr{source: source, root: root, scoped: scoped, fast: plainPaths(root)}, nil
}

// String is the expression as it was written.
func (e *Expr) String() string { return e.source }

// Env is what an expression may ask of its surroundings. The zero Env answers with what the resource itself holds.
type Env struct {
	Resource fhir.Value            // %resource; where absent, the resource the evaluated element stands in
	Root     fhir.Value            // %rootResource; where absent, as %resource
	Vars     map[string]Collection // %name

	// Resolve finds the resource a reference points to. Contained resources and the entries of the Bundle at the root
	// are found without it.
	Resolve func(reference string) (fhir.Value, bool)
	// MemberOf says whether a code, Coding or CodeableConcept is in a value set.
	MemberOf func(valueSet string, item Item) (bool, error)
	// Subsumes says whether code a of a system is b or broader than it.
	Subsumes func(system, a, b string) (bool, error)
	// ConformsTo says whether an item conforms to a profile other than R4's own types.
	ConformsTo func(profile string, item Item) (bool, error)

	Now   func() time.Time                    // time.Now where nil
	Trace func(name string, items Collection) // nowhere where nil

	// NoModel evaluates over any JSON, without FHIR's types: names are JSON's own.
	NoModel bool
	// Zone is where a dateTime without a zone is read when it is compared with one that has a zone. Where nil the
	// answer is empty unless the two are more than any zones apart.
	Zone *time.Location
}

// Eval evaluates the expression on an item: At(resource.Root(), ""), or an element. Run-time errors are Unprocessable.
func (e *Expr) Eval(on Item, env *Env) (Collection, error) {
	s := newScope(e, on, env)
	return e.root.eval(s)
}

// Test evaluates an expression that should be true, such as an invariant: false also where the result is empty.
func (e *Expr) Test(on Item, env *Env) (bool, error) {
	s := scopes.Get().(*evaluation)
	defer scopes.Put(s)
	out, err := e.root.eval(s.begin(e, on, env))
	if err != nil {
		return false, err
	}
	t, err := truthOf(out)
	if err != nil {
		return false, fhir.Errorf(fhir.Unprocessable, "%q gives %d items where true or false is needed", e.source, len(out))
	}
	return t == yes, nil
}

// Each calls f with the results one by one, until it returns false. For plain paths (elements, as, ofType, extension,
// where, exists, |) it builds nothing. It differs from Eval in two ways that suit search parameters: "as" keeps the
// matching items of several instead of refusing them, and | may give an equal item twice.
func (e *Expr) Each(root fhir.Value, env *Env, f func(Item) bool) error {
	on := At(root, "")
	if env != nil && env.NoModel {
		on.typ = nil
	}
	return e.EachOf(on, env, f)
}

// EachOf is Each on an element rather than a resource, as the components of a composite search parameter need.
func (e *Expr) EachOf(on Item, env *Env, f func(Item) bool) error {
	if e.fast == nil {
		out, err := e.Eval(on, env)
		if err != nil {
			return err
		}
		for _, it := range out {
			if !f(it) {
				return nil
			}
		}
		return nil
	}
	w := walk{expr: e, on: on, env: env, f: f}
	for i := range e.fast {
		if !w.path(&e.fast[i]) {
			break
		}
	}
	return w.err
}

// node is one part of a compiled expression. It never changes after Compile.
type node interface {
	eval(s *scope) (Collection, error)
}

// run is one evaluation.
type run struct {
	expr *Expr
	env  *Env
	on   Item
	now  time.Time
	cost int
}

// scope is where a part of an expression is evaluated: what $this is, and which variables are known.
type scope struct {
	*run
	this  Collection
	index int
	total Collection
	vars  *binding
	self  [1]Item // what this is, where it is one item
}

type binding struct {
	name  string
	value Collection
	next  *binding
}

// evaluation is a run and its outermost scope. Where nothing of the result is kept, as in Test, it is used again.
type evaluation struct {
	run   run
	scope scope
}

var scopes = sync.Pool{New: func() any { return new(evaluation) }}

func newScope(e *Expr, on Item, env *Env) *scope { return new(evaluation).begin(e, on, env) }

func (v *evaluation) begin(e *Expr, on Item, env *Env) *scope {
	if env == nil {
		env = noEnv
	}
	if env.NoModel {
		on.typ = nil
	}
	v.run = run{expr: e, env: env, on: on}
	v.scope = scope{run: &v.run}
	v.scope.focus(on, 0)
	return &v.scope
}

var noEnv = &Env{}

// fork is a scope of its own for an operand: what is defined there is not known outside.
func (s *scope) fork() *scope {
	if !s.expr.scoped {
		return s
	}
	return s.copy()
}

func (s *scope) copy() *scope {
	c := *s
	return &c
}

// with is a scope for an expression that is evaluated on one item.
func (s *scope) with(it Item, index int) *scope {
	c := s.copy()
	c.focus(it, index)
	return c
}

// focus makes it the one item that $this is.
func (s *scope) focus(it Item, index int) {
	s.self[0] = it
	s.this, s.index = s.self[:1:1], index
}

// again makes a scope that with gave ready for the next item of outer's input. Only what keeps no collection made in it
// may use one scope for all its items.
func (s *scope) again(outer *scope, it Item, index int) *scope {
	s.focus(it, index)
	s.vars = outer.vars
	return s
}

func (s *scope) fail(format string, args ...any) error {
	return fhir.Errorf(fhir.Unprocessable, "FHIRPath: "+format, args...)
}

// maxCost bounds what one evaluation may produce, so that a few characters cannot fill the memory.
const maxCost = 2_000_000

// spend counts items and characters produced.
func (s *scope) spend(n int) error {
	if s.cost += n; s.cost > maxCost {
		return fhir.Errorf(fhir.TooCostly, "FHIRPath: the expression produces more than %d items", maxCost)
	}
	return nil
}

// clock is the moment of this evaluation: now(), today() and timeOfDay() agree within one expression.
func (s *scope) clock() time.Time {
	if s.now.IsZero() {
		if s.env.Now != nil {
			s.now = s.env.Now()
		} else {
			s.now = time.Now()
		}
	}
	return s.now
}

// resource is %resource; root is %rootResource.
func (s *scope) resource() fhir.Value {
	if s.env.Resource.Exists() {
		return s.env.Resource
	}
	return s.on.v.Root()
}

func (s *scope) root() fhir.Value {
	if s.env.Root.Exists() {
		return s.env.Root
	}
	return s.resource()
}

// item is a resource as an item, with or without its type.
func (s *scope) item(v fhir.Value) Item {
	if s.env.NoModel {
		return Item{v: v}
	}
	return At(v, "")
}
