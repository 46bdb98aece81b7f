package record

import (
	"context"
	"iter"
	"net/url"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// Page is one page of a search.
type Page struct {
	Matches  []Stored
	Included []Stored
	Total    int64  // Unknown where it was not counted
	Next     string // the query of the next page, "" after the last
	Self     string // the query as it was understood
	Ignored  []string
	Query    *search.Query
}

// Unknown is a total that was not counted.
const Unknown = store.Unknown

// DefaultCount and MaxCount are the entries of a page where the asker does not say, and at most.
const (
	DefaultCount = 50
	MaxCount     = 1000
)

// Limits of one search: ids that a chain may pass through, resources that includes may add.
const (
	chainLimit   = 10_000
	includeLimit = 5_000
)

// Find searches in FHIR's query language: "Observation?patient=1&_sort=-date", or "?_type=…" over the whole record.
// Unknown parameters are refused.
func (d *Door) Find(ctx context.Context, who access.Actor, query string) (*Page, error) {
	return d.find(ctx, who, query, false)
}

// FindLenient leaves out parameters that it does not understand and says so in Page.Ignored.
func (d *Door) FindLenient(ctx context.Context, who access.Actor, query string) (*Page, error) {
	return d.find(ctx, who, query, true)
}

// All is every match of a search, page after page, all as of the first one's moment; after an error it ends. Pages are as large as they may
// be where the query does not say _count. Each page is decided about and audited like any search.
func (d *Door) All(ctx context.Context, who access.Actor, query string) iter.Seq2[*Stored, error] {
	return func(yield func(*Stored, error) bool) {
		for next := query; next != ""; {
			typ, params, _ := strings.Cut(next, "?")
			q, err := d.parser(false).Parse(typ, params)
			if err != nil {
				yield(nil, err)
				return
			}
			if q.Count == search.CountUnset {
				q.Count = MaxCount
			}
			page, err := d.answer(ctx, who, q, typ, next)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Matches {
				if !yield(&page.Matches[i], nil) {
					return
				}
			}
			next = page.Next
		}
	}
}

func (d *Door) find(ctx context.Context, who access.Actor, query string, lenient bool) (*Page, error) {
	typ, params, _ := strings.Cut(query, "?")
	q, err := d.parser(lenient).Parse(typ, params)
	if err != nil {
		return nil, err
	}
	return d.answer(ctx, who, q, typ, query)
}

// answer runs a parsed query, decides about what it found, and writes what was shown.
func (d *Door) answer(ctx context.Context, who access.Actor, q *search.Query, typ, query string) (*Page, error) {
	switch {
	case q.Count == search.CountUnset:
		q.Count = DefaultCount
	case q.Count > MaxCount:
		q.Count = MaxCount
	}
	e := d.eyes(ctx, nil, &who, access.Search)
	if e != nil {
		if err := e.open(q); err != nil {
			return nil, d.audit.refused(ctx, who, access.Search, query, err, e.named...)
		}
	}
	page, versions, err := d.run(ctx, q, e)
	if err != nil {
		return nil, err
	}
	page.Self = typ
	if used := q.Used.Encode(); used != "" {
		page.Self += "?" + used
	}
	if page.Next != "" {
		page.Next = withPage(typ, q.Used, page.Next)
	}
	page.Ignored, page.Query = q.Ignored, q
	return page, d.audit.disclosed(ctx, who, access.Search, query, versions...)
}

func withPage(typ string, used url.Values, page string) string {
	q := used.Encode()
	if q != "" {
		q += "&"
	}
	return typ + "?" + q + "_page=" + page
}

func (d *Door) parser(lenient bool) *search.Parser {
	return &search.Parser{Catalogue: d.catalogue.Load(), Base: d.base, Lenient: lenient, Now: d.now}
}

// run answers a parsed query as somebody sees the record: chains resolved, matches found, includes fetched.
func (d *Door) run(ctx context.Context, q *search.Query, e *eyes) (*Page, []*store.Version, error) {
	seq := int64(0)
	if q.Page != nil {
		seq = q.Page.Seq
		if err := d.fresh(ctx, seq); err != nil {
			return nil, nil, err
		}
	}
	if err := d.resolve(ctx, e, q, seq); err != nil {
		return nil, nil, err
	}
	if n, ok, err := d.counted(ctx, q, e); ok || err != nil {
		return &Page{Total: n}, nil, err
	}
	found, err := d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, nil, err
	}
	if err := e.narrowAll(found.Rows); err != nil {
		return nil, nil, err
	}
	page := &Page{Total: found.Total}
	if found.Next != nil {
		page.Next = found.Next.String()
	}
	page.Matches = make([]Stored, len(found.Rows))
	for i, v := range found.Rows {
		page.Matches[i] = *stored(v)
	}
	all := found.Rows
	if len(q.Includes) > 0 && len(found.Rows) > 0 {
		included, err := d.include(ctx, e, q, found)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range included {
			page.Included = append(page.Included, *stored(v))
		}
		all = append(all[:len(all):len(all)], included...)
	}
	return page, all, nil
}

// fresh refuses pages of a search so old that the entries it needs may have been swept.
func (d *Door) fresh(ctx context.Context, seq int64) error {
	now, err := d.store.Seq(ctx)
	if err != nil || seq == now {
		return err
	}
	if seq > now {
		return fhir.Errorf(fhir.Gone, "the page is not one of this record's: begin the search again")
	}
	// What was replaced a day ago is swept: an older page can no longer be answered exactly.
	next, err := d.store.Changes(ctx, store.Log{After: seq, Limit: 1})
	if err != nil || len(next) == 0 {
		return err
	}
	if d.now().Sub(next[0].Time()) > store.KeepClosed {
		return fhir.Errorf(fhir.Gone, "the search began more than %d hours ago and its pages are no longer kept: begin it again", int(store.KeepClosed.Hours()))
	}
	return nil
}

// include follows _include and _revinclude from the matches, and with :iterate from what they brought.
func (d *Door) include(ctx context.Context, e *eyes, q *search.Query, found *store.Found) ([]*store.Version, error) {
	have := map[store.Ref]bool{}
	for _, v := range found.Rows {
		have[store.Ref{Type: v.Type, ID: v.ID}] = true
	}
	var out []*store.Version
	from := found.Rows
	for round := 0; len(from) > 0 && round < 10; round++ {
		var fresh []*store.Version
		for _, inc := range q.Includes {
			if round > 0 && !inc.Iterate {
				continue
			}
			some, err := d.includeOne(ctx, e, &inc, from, have, found.Seq)
			if err != nil {
				return nil, err
			}
			fresh = append(fresh, some...)
			if len(out)+len(fresh) > includeLimit {
				return nil, fhir.Errorf(fhir.TooCostly, "the includes of this page bring more than %d resources: ask for fewer with _count", includeLimit)
			}
		}
		out = append(out, fresh...)
		from = fresh
	}
	return out, nil
}

func (d *Door) includeOne(ctx context.Context, e *eyes, inc *search.Include, from []*store.Version, have map[store.Ref]bool, seq int64) ([]*store.Version, error) {
	if inc.Rev {
		return d.revInclude(ctx, e, inc, from, have, seq)
	}
	var want []store.Ref
	err := d.refs(ctx, inc.Source, from, inc.Param, inc.Target, func(t spec.TypeID, id string) {
		if ref := (store.Ref{Type: t, ID: id}); !have[ref] {
			have[ref] = true
			want = append(want, ref)
		}
	})
	if err != nil || len(want) == 0 {
		return nil, err
	}
	found, err := d.store.Many(ctx, want, seq)
	if err != nil {
		return nil, err
	}
	return e.keep(found)
}

// refs calls f for each resource that the rows of type t refer to under p, or under any parameter where p is nil. The
// keys of custom parameters stand beside the rows and are fetched.
func (d *Door) refs(ctx context.Context, t spec.TypeID, rows []*store.Version, p *search.Param, target spec.TypeID, f func(spec.TypeID, string)) error {
	var rids []int64
	for _, v := range rows {
		if v.Type == t {
			rids = append(rids, v.Rid)
			search.Refs(v.Type, v.Keys, p, target, f)
		}
	}
	custom := []*search.Param{p}
	if p == nil {
		custom = d.catalogue.Load().Custom(t)
	}
	for _, c := range custom {
		if c.Custom == 0 || c.Type != "reference" || len(rids) == 0 {
			continue
		}
		if err := d.store.Extra(ctx, c.Custom, rids, func(keys []byte) { search.Refs(t, keys, c, target, f) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) revInclude(ctx context.Context, e *eyes, inc *search.Include, from []*store.Version, have map[store.Ref]bool, seq int64) ([]*store.Version, error) {
	set := map[string]bool{}
	for _, v := range from {
		if inc.Target == 0 || v.Type == inc.Target {
			set[v.Ref()] = true
		}
	}
	if len(set) == 0 {
		return nil, nil
	}
	params := []*search.Param{inc.Param}
	if inc.Param == nil {
		params = nil
		for _, p := range d.catalogue.Load().All(inc.Source) {
			if p.Type == "reference" {
				params = append(params, p)
			}
		}
	}
	var out []*store.Version
	for _, p := range params {
		q := &search.Query{Types: []spec.TypeID{inc.Source}, Where: []search.Cond{search.NewSet(p, set, "_revinclude")}, Count: includeLimit + 1, Page: moment(seq)}
		e.into(q)
		found, err := d.store.Search(ctx, q.Plan())
		if err != nil {
			return nil, err
		}
		if err := e.narrowAll(found.Rows); err != nil {
			return nil, err
		}
		for _, v := range found.Rows {
			if ref := (store.Ref{Type: v.Type, ID: v.ID}); !have[ref] {
				have[ref] = true
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// moment is the beginning of a search as of change seq, nil for now.
func moment(seq int64) *search.Page {
	if seq == 0 {
		return nil
	}
	return &search.Page{Seq: seq}
}

// resolve turns chains, _has, _list and value sets into sets that rows can be compared with.
func (d *Door) resolve(ctx context.Context, e *eyes, q *search.Query, seq int64) error {
	for i := range q.Where {
		if err := d.resolveCond(ctx, e, q.Types, &q.Where[i], seq); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) resolveCond(ctx context.Context, e *eyes, types []spec.TypeID, c *search.Cond, seq int64) error {
	for i := range c.Kids {
		if err := d.resolveCond(ctx, e, types, &c.Kids[i], seq); err != nil {
			return err
		}
	}
	switch {
	case c.Set != nil:
	case c.Chain != nil:
		rows, err := d.ids(ctx, e, c.Chain.Types, c.Chain.Cond, seq, c.Source)
		if err != nil {
			return err
		}
		c.Set = make(map[string]bool, len(rows))
		for _, v := range rows {
			c.Set[v.Ref()] = true
		}
	case c.Has != nil:
		rows, err := d.ids(ctx, e, []spec.TypeID{c.Has.Type}, c.Has.Cond, seq, c.Source)
		if err != nil {
			return err
		}
		c.Set = map[string]bool{}
		if err := d.refs(ctx, c.Has.Type, rows, c.Has.Ref, 0, func(t spec.TypeID, id string) { c.Set[t.String()+"/"+id] = true }); err != nil {
			return err
		}
	case c.Modifier == "list":
		return d.resolveList(ctx, e, c, seq)
	case c.Param != nil && c.Param.Type == "token" && (c.Modifier == "in" || c.Modifier == "not-in" || c.Modifier == "below" || c.Modifier == "above"):
		return d.resolveCodes(ctx, c)
	}
	if c.Param != nil && c.Param.Type == "reference" && (c.Modifier == "below" || c.Modifier == "above") {
		return d.resolveParts(ctx, e, c, seq)
	}
	return d.people(ctx, c, seq)
}

// resolveParts turns :below and :above on a reference into the set of what is part of it, or of what it is part of.
// https://hl7.org/fhir/R4/search.html#recursive
func (d *Door) resolveParts(ctx context.Context, e *eyes, c *search.Cond, seq int64) error {
	set := map[string]bool{}
	for _, v := range c.Values {
		t, ok := spec.Resource(v.Type)
		var part *search.Param
		if ok {
			part = d.catalogue.Load().Param(t, "partof")
		}
		if part == nil {
			return fhir.Errorf(fhir.Unsupported, "%s: the modifier :%s needs a reference to a type that has parts, such as Location/1 or Organization/1", c.Source, c.Modifier)
		}
		level := map[string]bool{v.Type + "/" + v.Code: true}
		for len(level) > 0 {
			for ref := range level {
				set[ref] = true
			}
			if len(set) > chainLimit {
				return fhir.Errorf(fhir.TooCostly, "%s passes through more than %d resources of type %s: narrow it down", c.Source, chainLimit, t)
			}
			cond := search.NewSet(part, level, c.Source)
			if c.Modifier == "above" {
				cond = search.NewSet(nil, level, c.Source)
			}
			rows, err := d.ids(ctx, e, []spec.TypeID{t}, cond, seq, c.Source)
			if err != nil {
				return err
			}
			level = map[string]bool{}
			for _, row := range rows {
				next := []string{row.Ref()}
				if c.Modifier == "above" {
					next = nil
					search.Refs(row.Type, row.Keys, part, t, func(t spec.TypeID, id string) { next = append(next, t.String()+"/"+id) })
				}
				for _, ref := range next {
					if !set[ref] {
						level[ref] = true
					}
				}
			}
		}
	}
	c.Set, c.Modifier = set, ""
	return nil
}

// ids are the rows of one level of a chain. Beyond chainLimit the answer would be too dear, and part of it would be
// wrong, so it is refused.
func (d *Door) ids(ctx context.Context, e *eyes, types []spec.TypeID, c search.Cond, seq int64, source string) ([]*store.Version, error) {
	q := &search.Query{Types: types, Where: []search.Cond{c}, Count: chainLimit, KeysOnly: true, Page: moment(seq)}
	if err := d.resolve(ctx, e, q, seq); err != nil {
		return nil, err
	}
	e.into(q)
	found, err := d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, err
	}
	if found.Next != nil {
		return nil, fhir.Errorf(fhir.TooCostly, "%s passes through more than %d resources of type %s: narrow it down", source, chainLimit, types[0])
	}
	return found.Rows, nil
}

func (d *Door) resolveList(ctx context.Context, e *eyes, c *search.Cond, seq int64) error {
	listType, _ := spec.Resource("List")
	c.Set = map[string]bool{}
	lists, err := d.store.Many(ctx, []store.Ref{{Type: listType, ID: c.Values[0].Code}}, seq)
	if err == nil {
		lists, err = e.keep(lists)
	}
	if err != nil || len(lists) == 0 {
		return err
	}
	res, err := fhir.Parse(lists[0].Body)
	if err != nil {
		return err
	}
	for e := range res.Root().Get("entry").Items() {
		if e.Get("deleted").Bool() {
			continue
		}
		if ref := fhir.ParseReference(e.Get("item").Get("reference").Text()); ref.Type != "" {
			c.Set[ref.Type+"/"+ref.ID] = true
		}
	}
	return nil
}
