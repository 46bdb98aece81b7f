package record

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// Large extracts are found in two steps. Extract goes through a type, a slice at a time, and answers the numbers of the versions that
// somebody may see. Again reads versions by their numbers when they are fetched, and decides anew. So an extract that waits to be fetched is a
// list of numbers: it is no copy of anybody's record, and what was erased, refused or closed meanwhile is not in what is fetched.

// Extract asks for a slice of one type, as of one moment.
type Extract struct {
	Type     string
	Filters  []string                           // search parameters, of which sets a resource must meet one; none for every resource
	Seq      int64                              // as of this change
	After    int64                              // the slice begins after this change
	Personal bool                               // only what is in somebody's record
	Patients []string                           // ids: only what is in the records of these; nil for no such bound
	Earlier  func(patient string) (bool, error) // with Patients: reports whether somebody comes in another slice before; nil for nobody
	Deleted  bool                               // what was deleted, instead of what is there; Filters do not count
	Why      string                             // for the audit: of which extract this is a part
}

// Slice is what a slice of an extract holds.
type Slice struct {
	Numbers []int64 // of versions, growing
	After   int64   // where the next slice begins
	Last    bool    // there is nothing more
}

// sliceRows is how many rows one slice looks at. An entry of the audit names no more people than that.
const sliceRows = 1000

// Extract finds one slice, as a search would: what the asker may not see is not in it. Forbidden where they may see no resource of the type at all.
func (d *Door) Extract(ctx context.Context, who access.Actor, x Extract) (Slice, error) {
	t, q, err := d.extracted(&x)
	if err != nil {
		return Slice{}, err
	}
	if err := d.MayExtract(who, x.Type); err != nil {
		return Slice{}, d.audit.refused(ctx, who, access.Search, x.Why+": "+x.Type, err)
	}
	if err := d.fresh(ctx, x.Seq); err != nil {
		return Slice{}, err
	}
	e := d.eyes(ctx, nil, &who, access.Search)
	if err := d.resolve(ctx, e, q, x.Seq); err != nil {
		return Slice{}, err
	}
	scan := store.Scan{Type: t, Seq: x.Seq, After: x.After, Deleted: x.Deleted, Limit: sliceRows}
	if len(spec.Compartment("Patient").Params(x.Type)) > 0 && !x.Deleted {
		scan.Patients = x.Patients // what was deleted is in no compartment any more
	}
	rows, err := d.store.Scan(ctx, scan)
	if err != nil {
		return Slice{}, err
	}
	s := Slice{After: x.After, Last: len(rows) < sliceRows}
	if len(rows) > 0 {
		s.After = rows[len(rows)-1].Rid
	}
	in := &extracting{d: d, ctx: ctx, x: &x, e: e, q: q}
	kept, err := in.keep(rows)
	if err != nil || len(kept) == 0 {
		return s, err
	}
	for _, v := range kept {
		s.Numbers = append(s.Numbers, v.Rid)
	}
	return s, d.audit.disclosed(ctx, who, access.Search, x.Why+": "+x.Type, kept...)
}

// MayExtract refuses a type of which somebody may see no resource in anybody's record.
func (d *Door) MayExtract(who access.Actor, typ string) error {
	t, ok := spec.Resource(typ)
	if !ok {
		return fhir.Errorf(fhir.Invalid, "there is no resource type %q in FHIR R4", typ)
	}
	for _, action := range []access.Action{access.Search, access.Read} {
		if err := d.ever(who, action, t); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) ever(who access.Actor, action access.Action, t spec.TypeID) error {
	if d := d.policy.Ever(&who, action, t); !d.Permit {
		return fhir.Errorf(fhir.Forbidden, "%s: %s", t, d.Sentence())
	}
	return nil
}

// CheckExtract says whether filters of a type can be answered: they are searches without anything that says how the answer looks.
func (d *Door) CheckExtract(typ string, filters []string) error {
	_, _, err := d.extracted(&Extract{Type: typ, Filters: filters})
	return err
}

// extracted is an extract as a query.
func (d *Door) extracted(x *Extract) (spec.TypeID, *search.Query, error) {
	t, ok := spec.Resource(x.Type)
	if !ok {
		return 0, nil, fhir.Errorf(fhir.Invalid, "there is no resource type %q in FHIR R4", x.Type)
	}
	all := &search.Query{Types: []spec.TypeID{t}}
	any := search.Cond{Op: search.Or, Source: "the filters of " + x.Type}
	for _, filter := range x.Filters {
		if err := onlyConditions(x.Type, filter); err != nil {
			return 0, nil, err
		}
		q, err := d.parser(false).Parse(x.Type, filter)
		if err != nil {
			return 0, nil, err
		}
		any.Kids = append(any.Kids, search.Cond{Op: search.And, Kids: q.Where, Source: filter})
	}
	switch {
	case x.Deleted || len(any.Kids) == 0:
	case len(any.Kids) == 1:
		all.Where = any.Kids[0].Kids
	default:
		all.Where = []search.Cond{any}
	}
	return t, all, nil
}

// resultParams say how the answer to a search looks, and not what is in it.
var resultParams = strings.Fields("_sort _count _include _revinclude _summary _elements _total _contained _containedType _page _format _pretty _type")

func onlyConditions(typ, query string) error {
	params, err := url.ParseQuery(query)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s?%s cannot be read", typ, query)
	}
	for name := range params {
		if bare, _, _ := strings.Cut(name, ":"); slices.Contains(resultParams, bare) {
			return fhir.Errorf(fhir.Unsupported, "%s?%s: %s says how an answer looks; here it takes conditions alone", typ, query, name)
		}
	}
	return nil
}

// extracting holds rows against an extract.
type extracting struct {
	d   *Door
	ctx context.Context
	x   *Extract
	e   *eyes
	q   *search.Query
}

// keep are those of the rows that the extract asks for and that are seen.
func (in *extracting) keep(rows []*store.Version) ([]*store.Version, error) {
	if in.x.Deleted {
		return in.deleted(rows)
	}
	seen := make([]bool, len(rows))
	looked := make([]search.Row, len(rows))
	waiting := make([]int, 0, len(rows))
	for i, v := range rows {
		looked[i] = search.Row{Type: v.Type, ID: v.ID, Updated: v.Updated, Keys: v.Keys, Rest: &restOf{in, v}}
		waiting = append(waiting, i)
	}
	for round := 0; in.e != nil && len(waiting) > 0; round++ {
		still := waiting[:0]
		for _, i := range waiting {
			ok, known, err := in.e.Sees(&looked[i], rows[i].Patient)
			if err != nil {
				return nil, err
			}
			if seen[i] = ok && known; !known {
				still = append(still, i)
			}
		}
		waiting = still
		if err := in.e.Learn(); err != nil {
			return nil, err
		}
	}
	kept := rows[:0:0]
	for i, v := range rows {
		if in.e != nil && !seen[i] {
			continue
		}
		ok, err := in.about(v.Type, v.ID, v.Keys)
		if err == nil && ok {
			ok, err = in.q.Match(&looked[i])
		}
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

// deleted are those of the deletions that the asker may know of: of what they could see.
func (in *extracting) deleted(rows []*store.Version) ([]*store.Version, error) {
	rows, err := in.e.keep(rows)
	if err != nil {
		return nil, err
	}
	kept := rows[:0:0]
	for _, v := range rows {
		before, err := in.d.store.GetVersion(in.ctx, store.Ref{Type: v.Type, ID: v.ID}, v.Version-1)
		if fhir.KindOf(err) == fhir.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		ok, err := in.about(v.Type, v.ID, before.Keys)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

// about reports whether a row is in the record of somebody whom the extract is about, and of none who comes in another slice before.
func (in *extracting) about(t spec.TypeID, id string, keys []byte) (bool, error) {
	if !in.x.Personal && in.x.Patients == nil {
		return true, nil
	}
	var whose []string
	if t == patientType {
		whose = []string{id}
	}
	in.d.labels.Of(t, keys, func(id []byte) { whose = append(whose, string(id)) })
	if in.x.Patients == nil {
		return len(whose) > 0, nil
	}
	mine := false
	for _, id := range whose {
		if _, ok := slices.BinarySearch(in.x.Patients, id); ok {
			mine = true
		} else if in.x.Earlier != nil {
			if before, err := in.x.Earlier(id); err != nil || before {
				return false, err
			}
		}
	}
	return mine, nil
}

// restOf reads more of a row of an extract.
type restOf struct {
	in *extracting
	v  *store.Version
}

// Extra reads the keys under a custom parameter.
func (r *restOf) Extra(param int64) (out []byte, err error) {
	err = r.in.d.store.Extra(r.in.ctx, param, []int64{r.v.Rid}, func(keys []byte) { out = keys })
	return out, err
}

// Body reads the resource.
func (r *restOf) Body() (*fhir.Resource, error) {
	found, err := r.in.d.store.Numbered(r.in.ctx, []int64{r.v.Rid})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Body == nil {
		return nil, fhir.Errorf(fhir.NotFound, "%s was erased meanwhile", r.v.Ref())
	}
	return fhir.Parse(found[0].Body)
}

// Again are versions whose numbers an extract holds, as somebody may see them now; what they may not see any more is left out. The people shown
// stand in one entry of the audit.
func (d *Door) Again(ctx context.Context, who access.Actor, why string, numbers []int64) ([]Stored, error) {
	versions, err := d.store.Numbered(ctx, numbers)
	if err != nil {
		return nil, err
	}
	versions = slices.DeleteFunc(versions, func(v *store.Version) bool { return v.Op == store.Erased })
	if versions, err = d.eyes(ctx, nil, &who, access.Read).keep(versions); err != nil {
		return nil, err
	}
	out := make([]Stored, len(versions))
	for i, v := range versions {
		out[i] = *stored(v)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, d.audit.disclosed(ctx, who, access.Read, why, versions...)
}

// Moment is the last change, and a time that no change up to it is newer than and every later one is. It depends on the clock and not on what
// was changed when.
func (d *Door) Moment(ctx context.Context) (seq int64, at time.Time, err error) {
	seq, micros, err := d.store.Moment(ctx)
	return seq, time.UnixMicro(micros).UTC(), err
}

// SeqBy is the last change that is not newer than a time, 0 where all are.
func (d *Door) SeqBy(ctx context.Context, at time.Time) (int64, error) {
	return d.store.SeqBy(ctx, at.UnixMicro())
}

// Within are the Patients in whose records alone somebody may see anything of people; false where there is no such bound.
func (d *Door) Within(ctx context.Context, who access.Actor) ([]string, bool, error) {
	e := d.eyes(ctx, nil, &who, access.Search)
	if e == nil {
		return nil, false, nil
	}
	within, err := e.within()
	return within, within != nil, err
}

// Personal reports whether resources of a type are in people's records.
func Personal(typ string) bool {
	t, ok := spec.Resource(typ)
	return ok && search.Personal(t)
}
