package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// Method is what an operation does.
type Method uint8

// The methods of an operation.
const (
	Create Method = iota
	Update        // also creates, under the id given
	Patch
	Delete
)

// Op is one change asked for.
type Op struct {
	Method      Method
	Type, ID    string
	Resource    *fhir.Resource                               // of a create or update
	Patch       func(*fhir.Resource) (*fhir.Resource, error) // of a patch: the resource as it is, to what it becomes
	IfNoneExist string                                       // create: a query; nothing is created where it matches
	Query       string                                       // conditional update, patch or delete: a query instead of ID
	Multiple    bool                                         // conditional delete of all that match, not of one at most
	IfMatch     int64                                        // the version that must be current, 0 for any
	IfNone      bool                                         // If-None-Match: *, nothing may be there yet
	Same        bool                                         // leave a resource alone that is equal to what is there already
	FullURL     string                                       // by which other resources of the commit refer to this one
	Closed      bool                                         // references by urn:uuid must be to resources of this commit
}

// Outcome is what an operation did.
type Outcome uint8

// The outcomes.
const (
	Created Outcome = iota
	Updated
	Deleted
	Unchanged // nothing was there to delete
	Matched   // IfNoneExist found one, or Same found it equal
)

// Result is what became of an operation. Stored.Body is nil for a delete.
type Result struct {
	Outcome Outcome
	Stored
}

// Commit makes all changes or none. Results stand in the order of ops; an error says which op failed (OpError).
func (d *Door) Commit(ctx context.Context, who access.Actor, ops []Op) ([]Result, error) {
	return d.commit(ctx, who, ops, nil, nil)
}

func (d *Door) commit(ctx context.Context, who access.Actor, ops []Op, items []store.BoxItem, parts []store.Part) ([]Result, error) {
	for try := 0; ; try++ {
		c, err := d.prepare(ctx, who, ops)
		if err != nil {
			return nil, err
		}
		c.items, c.parts = items, parts
		results, err := d.commits.submit(ctx, c)
		if errors.Is(err, errMoved) && try < 20 {
			// Somebody changed what this commit had looked up, or how resources are to be found: look again.
			if err := d.catchUp(ctx, d.commits.defined.Load()); err != nil {
				return nil, err
			}
			continue
		}
		if errors.Is(err, errMoved) {
			return nil, fhir.Errorf(fhir.Conflict, "the resources concerned keep being changed by others: try again")
		}
		if err == nil {
			params, terms := touched(c)
			if terms {
				d.newTerms()
			}
			if params {
				// The commit is made, whatever becomes of this; housekeeping tries it again.
				if err := d.loadCatalogue(context.WithoutCancel(ctx)); err != nil {
					slog.Error("the search parameters could not be loaded", "error", err)
				}
			}
		}
		return results, err
	}
}

// OpError says which operation of a commit failed.
type OpError struct {
	Index int
	Err   error
}

func (e *OpError) Error() string { return fmt.Sprintf("entry %d: %v", e.Index, e.Err) }

// Unwrap is the operation's own error.
func (e *OpError) Unwrap() error { return e.Err }

// errMoved tells Commit to begin again: the record changed between preparing and writing.
var errMoved = errors.New("the record moved")

// commit is a request made ready for its transaction.
type commit struct {
	who       access.Actor
	steps     []step
	items     []store.BoxItem
	parts     []store.Part
	catalogue *search.Catalogue // by which keys were made
	lookups   []lookup
	defined   int64               // the search parameters it is indexed by, as Door.defined
	versions  map[store.Ref]int64 // what prepare patched: these versions must still be current
	eyes      *eyes               // of who commits, outside the transaction
}

// step is one operation, made ready.
type step struct {
	op       *Op
	ref      store.Ref
	fresh    bool // the id is new: nobody can have used it
	matched  *store.Version
	same     *store.Version // what Same found there, nil for nothing
	equal    bool           // and it is equal
	prepared *store.Prepared
	several  []store.Ref // conditional delete of many
}

// lookup is a query that prepare asked and the transaction asks again: its answer must not have changed.
type lookup struct {
	query string
	refs  []store.Ref
}

func (d *Door) prepare(ctx context.Context, who access.Actor, ops []Op) (*commit, error) {
	c := &commit{who: who, steps: make([]step, len(ops)), defined: d.defined.Load(), catalogue: d.catalogue.Load(), versions: map[store.Ref]int64{}}
	c.eyes = d.eyes(ctx, nil, &c.who, access.Search)
	var local map[string]string // full URL -> Type/id; nil where no entry has one
	seen := map[store.Ref]int{}
	for i := range ops {
		s := &c.steps[i]
		s.op = &ops[i]
		if s.op.Closed && local == nil {
			local = map[string]string{}
		}
		if err := d.identify(ctx, c, s); err != nil {
			return nil, &OpError{i, err}
		}
		if s.ref.ID != "" {
			if j, twice := seen[s.ref]; twice && s.matched == nil {
				return nil, &OpError{i, fhir.Errorf(fhir.Invalid, "%s is changed twice in one transaction (entries %d and %d)", s.ref, j, i)}
			}
			seen[s.ref] = i
			if s.op.FullURL != "" {
				if local == nil {
					local = map[string]string{}
				}
				if to, twice := local[s.op.FullURL]; twice && to != s.ref.String() {
					return nil, &OpError{i, fhir.Errorf(fhir.Invalid, "the fullUrl %s stands twice: nothing says which of the two a reference means", s.op.FullURL)}
				}
				local[s.op.FullURL] = s.ref.String()
			}
		}
	}
	if err := d.lookSame(ctx, c); err != nil {
		return nil, err
	}
	for i := range c.steps {
		if err := d.prepareStep(ctx, c, &c.steps[i], local); err != nil {
			return nil, &OpError{i, err}
		}
	}
	return c, nil
}

// identify settles which resource an operation is about.
func (d *Door) identify(ctx context.Context, c *commit, s *step) error {
	op := s.op
	t, ok := spec.Resource(op.Type)
	if !ok {
		return fhir.Errorf(fhir.NotFound, "there is no resource type %q in FHIR R4", op.Type)
	}
	if op.Resource != nil && op.Resource.Type() != op.Type {
		return fhir.Errorf(fhir.Invalid, "the resource is of type %q, but %s was asked for", op.Resource.Type(), op.Type)
	}
	s.ref.Type = t
	query := op.Query
	if op.Method == Create {
		query = op.IfNoneExist
	}
	if query == "" {
		switch {
		case op.Method == Create && op.ID == "":
			s.ref.ID, s.fresh = d.NewID(), true
		case !fhir.ValidID(op.ID):
			return fhir.Errorf(fhir.Invalid, "%q cannot be the id of a resource: it takes 1 to 64 letters, digits, - and .", op.ID)
		default:
			s.ref.ID = op.ID
		}
		return nil
	}
	refs, err := d.lookup(ctx, c, op.Type+"?"+query)
	if err != nil {
		return err
	}
	switch {
	case op.Method == Delete && op.Multiple:
		s.several = refs
	case len(refs) > 1:
		return fhir.Errorf(fhir.Precondition, "%s?%s matches %d resources, and one was meant", op.Type, query, len(refs))
	case len(refs) == 1:
		s.ref = refs[0]
		if op.Method == Create {
			s.matched = &store.Version{Type: s.ref.Type, ID: s.ref.ID}
		}
		if op.Method == Update && op.Resource.ID() != "" && op.Resource.ID() != s.ref.ID {
			return fhir.Errorf(fhir.Invalid, "the resource has the id %s, but %s?%s matches %s", op.Resource.ID(), op.Type, query, s.ref)
		}
	case op.Method == Patch:
		return fhir.Errorf(fhir.NotFound, "%s?%s matches nothing to be patched", op.Type, query)
	case op.Method == Update && op.Resource.ID() != "":
		s.ref.ID = op.Resource.ID()
	case op.Method != Delete:
		s.ref.ID, s.fresh = d.NewID(), true
	}
	return nil
}

// lookup answers a conditional query and remembers to ask again inside the transaction.
func (d *Door) lookup(ctx context.Context, c *commit, query string) ([]store.Ref, error) {
	q, err := d.conditional(ctx, c.eyes, query)
	if err != nil {
		return nil, err
	}
	found, err := d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, err
	}
	refs := refsOf(found.Rows)
	c.lookups = append(c.lookups, lookup{query, refs})
	return refs, nil
}

// conditional parses the query of a conditional interaction: it must say something, and say it exactly. It matches what
// whoever asks may see.
func (d *Door) conditional(ctx context.Context, e *eyes, query string) (*search.Query, error) {
	typ, params, _ := strings.Cut(query, "?")
	q, err := d.parser(false).Parse(typ, params)
	if err != nil {
		return nil, err
	}
	if len(q.Where) == 0 {
		return nil, fhir.Errorf(fhir.Precondition, "the condition %q is empty: it would match every %s", query, typ)
	}
	q.Count, q.KeysOnly, q.Includes, q.Sort, q.Page, q.Summary, q.Total = MaxCount, true, nil, nil, nil, "", ""
	e.into(q)
	return q, d.resolve(ctx, e, q, 0)
}

func refsOf(rows []*store.Version) []store.Ref {
	refs := make([]store.Ref, len(rows))
	for i, v := range rows {
		refs[i] = store.Ref{Type: v.Type, ID: v.ID}
	}
	return refs
}

// prepareStep makes the new body of an operation: references resolved, structure checked, keys extracted, compressed.
func (d *Door) prepareStep(ctx context.Context, c *commit, s *step, local map[string]string) error {
	res := s.op.Resource
	switch {
	case s.op.Method == Delete, s.matched != nil:
		return nil
	case s.op.Method == Patch:
		v, err := d.store.Get(ctx, s.ref)
		if err != nil {
			return err
		}
		if c.eyes != nil {
			if ok, err := c.eyes.may(access.Read, v); err != nil {
				return err
			} else if !ok {
				return fhir.Errorf(fhir.NotFound, "there is no %s", s.ref)
			}
		}
		if v.Op >= store.Delete {
			return fhir.Errorf(fhir.Gone, "%s was deleted", s.ref)
		}
		c.versions[s.ref] = v.Version
		before, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		if res, err = s.op.Patch(before); err != nil {
			return err
		}
		if res.Type() != s.op.Type || res.ID() != s.ref.ID {
			return fhir.Errorf(fhir.Unprocessable, "a patch must not change the type or id of %s", s.ref)
		}
	}
	res, err := d.rewrite(ctx, c, res, local)
	if err == nil {
		res, err = d.marked(ctx, s, res)
	}
	if err != nil {
		return err
	}
	if err := d.check(res); err != nil {
		return err
	}
	p, err := d.index(c, s.ref, res)
	s.prepared = p
	if err == nil && s.same != nil {
		s.equal = bytes.Equal(p.Body(s.same.Version, s.same.Updated), s.same.Body)
	}
	return err
}

// lookSame reads what is there of the resources that are to be left alone where they are equal.
func (d *Door) lookSame(ctx context.Context, c *commit) error {
	at := map[store.Ref]*step{}
	var refs []store.Ref
	for i := range c.steps {
		if s := &c.steps[i]; s.op.Same {
			at[s.ref] = s
			refs = append(refs, s.ref)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	found, err := d.store.Many(ctx, refs, 0)
	for _, v := range found {
		at[store.Ref{Type: v.Type, ID: v.ID}].same = v
	}
	return err
}

func (d *Door) index(c *commit, ref store.Ref, res *fhir.Resource) (*store.Prepared, error) {
	ix := search.Indexer{Catalogue: c.catalogue, Base: d.base}
	keys, err := ix.Index(res, ref.ID)
	if err != nil {
		return nil, err
	}
	return d.store.Prepare(ref.Type, ref.ID, res, keys), nil
}

// rewrite replaces references to other entries of the commit by what they have become, and conditional references
// ("Patient?identifier=…") by what they match. https://hl7.org/fhir/R4/http.html#trules
func (d *Door) rewrite(ctx context.Context, c *commit, res *fhir.Resource, local map[string]string) (*fhir.Resource, error) {
	var edits []fhir.Edit
	var failed error
	start := res.Root().Offset()
	replace := func(v fhir.Value, to string) {
		edits = append(edits, fhir.Edit{Start: v.Offset() - start, End: v.Offset() - start + len(v.Raw()), With: fhir.AppendString(nil, to)})
	}
	var walk func(v fhir.Value, name string)
	walk = func(v fhir.Value, name string) {
		if failed != nil {
			return
		}
		switch v.Kind() {
		case fhir.Object:
			for m := v.First(); m.Exists(); m = m.Next() {
				walk(m, m.Name())
			}
		case fhir.Array:
			for e := v.First(); e.Exists(); e = e.Next() {
				walk(e, name)
			}
		case fhir.String:
			if name == "value" || name == "div" || name == "display" {
				return
			}
			raw := v.Raw()
			if name != "reference" {
				if len(local) > 0 && len(raw) > 6 {
					if to, ok := local[v.Text()]; ok {
						replace(v, to)
					}
				}
				return
			}
			s := v.Text()
			if to, ok := local[s]; ok {
				replace(v, to)
				return
			}
			switch {
			case strings.HasPrefix(s, "urn:uuid:") || strings.HasPrefix(s, "urn:oid:"):
				if local != nil {
					failed = fhir.Errorf(fhir.Unprocessable, "the reference %s is to no entry of this transaction", s).At(v.Path())
				}
			case strings.Contains(s, "?"):
				if to, err := d.conditionalReference(ctx, c, s); err != nil {
					failed = err
				} else if to != "" {
					replace(v, to)
				}
			}
		}
	}
	walk(res.Root(), "")
	if failed != nil || len(edits) == 0 {
		return res, failed
	}
	return fhir.Parse(fhir.Splice(res.Bytes(), edits))
}

func (d *Door) conditionalReference(ctx context.Context, c *commit, s string) (string, error) {
	typ, _, _ := strings.Cut(s, "?")
	if _, ok := spec.Resource(typ); !ok {
		return "", nil // an absolute URL with a query of its own
	}
	refs, err := d.lookup(ctx, c, s)
	if err != nil {
		return "", err
	}
	if len(refs) != 1 {
		return "", fhir.Errorf(fhir.Precondition, "the conditional reference %s matches %d resources, and must match one", s, len(refs))
	}
	return refs[0].String(), nil
}
