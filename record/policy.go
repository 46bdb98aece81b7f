package record

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// table is the policy as data; where the policy is no table (everyone, nobody), the one Kith comes with says what codes
// are sensitive and how long a visit counts.
func (d *Door) table() *access.Table {
	if t, ok := d.policy.(*access.Table); ok {
		return t
	}
	return access.Default()
}

func (d *Door) spans() (visit, due, waiting, glass time.Duration) { return d.table().Spans() }

// readLabels makes ready to find the policy's sensitive codes in the keys of rows.
func (d *Door) readLabels() {
	d.table().Codes(func(c access.Code, l access.Labels) { d.labels.Add(c.System, c.Code, uint64(l)) })
}

// labelOf is the label that a code gives.
func (d *Door) labelOf(system, code string) access.Labels {
	return access.Labels(d.labels.Bits(system, code))
}

// scopes remembers the queries of apps' scopes, parsed.
type scopes struct {
	mu        sync.Mutex
	catalogue *search.Catalogue // by which they were parsed
	parsed    map[string]*search.Query
}

// scopeQuery parses the query of a scope. It is held against the keys of rows alone.
func (d *Door) scopeQuery(typ, query string) (*search.Query, error) {
	text := typ + "?" + query
	d.scopes.mu.Lock()
	defer d.scopes.mu.Unlock()
	if c := d.catalogue.Load(); d.scopes.catalogue != c || len(d.scopes.parsed) > 1000 {
		d.scopes.catalogue, d.scopes.parsed = c, map[string]*search.Query{}
	}
	if q := d.scopes.parsed[text]; q != nil {
		return q, nil
	}
	q, err := d.parser(false).Parse(typ, query)
	if err != nil {
		return nil, err
	}
	if q.NeedsRest() || asksOthers(q.Where) {
		return nil, fhir.Errorf(fhir.Unsupported, "the scope query %q looks at more than the resource itself: name codes, categories, dates or references", text)
	}
	if len(q.Sort) > 0 || len(q.Includes) > 0 || len(q.Where) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the scope query %q must say what a resource is like, and nothing else", text)
	}
	d.scopes.parsed[text] = q
	return q, nil
}

// asksOthers reports whether conditions are about other resources or value sets.
func asksOthers(conds []search.Cond) bool {
	for i := range conds {
		c := &conds[i]
		if c.Chain != nil || c.Has != nil || c.Modifier == "list" || c.Modifier == "in" || c.Modifier == "not-in" || c.Modifier == "below" || c.Modifier == "above" || asksOthers(c.Kids) {
			return true
		}
	}
	return false
}

// CheckScope reports what is wrong with a scope: a type that is not there, or a query that cannot be held against a
// resource.
func (d *Door) CheckScope(s access.Scope) error {
	if s.Type == "*" {
		if s.Query != "" {
			return fhir.Errorf(fhir.Invalid, "the scope %s narrows all types at once: name one", s)
		}
		return nil
	}
	if _, ok := spec.Resource(s.Type); !ok {
		return fhir.Errorf(fhir.Invalid, "the scope %s is on %s, and there is no such resource type in FHIR R4", s, s.Type)
	}
	if s.Query == "" {
		return nil
	}
	_, err := d.scopeQuery(s.Type, s.Query)
	return err
}

// Decide says whether somebody may do something with resources of a type in one person's record, or with those in
// nobody's where patient is "", and if not, why and what would unlock it. It is for pages, which say so before somebody tries;
// whatever is done is decided again where it is done.
func (d *Door) Decide(ctx context.Context, who access.Actor, action access.Action, typ, patient string) (access.Decision, error) {
	t, ok := spec.Resource(typ)
	if !ok {
		return access.Decision{}, fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", typ)
	}
	e := d.eyes(ctx, nil, &who, action)
	if e == nil {
		return access.Decision{Permit: true}, nil
	}
	patient = strings.TrimPrefix(patient, "Patient/")
	if patient == "" {
		return e.nobodys().Decide(action, t, 0), nil
	}
	s, err := e.person(patient)
	if err != nil {
		return access.Decision{}, err
	}
	return s.sight.Decide(action, t, 0), nil
}

// SeesAll reports whether nothing at all is hidden from somebody: access control is off, or they are a part of this program.
func (d *Door) SeesAll(who access.Actor) bool { return d.policy.Open(&who) }

// person is what is seen of somebody known by id.
func (e *eyes) person(patient string) (*seen, error) {
	if s := e.byID[patient]; s != nil {
		return s, nil
	}
	if k, ok := e.d.circles.named([]byte(patient)); ok {
		e.know(k)
		return e.byID[patient], nil
	}
	if e.askIDs == nil {
		e.askIDs = map[string]bool{}
	}
	e.askIDs[patient] = true
	err := e.Learn()
	return e.byID[patient], err
}
