package store

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// Found is one page of a search.
type Found struct {
	Seq   int64 // the moment the search answers for
	Rows  []*Version
	Next  *search.Page // where the next page begins, nil after the last
	Total int64        // Unknown where nobody counted
}

// Unknown is a total that was not counted.
const Unknown = -1

// Chunks of candidates grow from what a page needs to this many rows a statement.
const chunkLimit = 4000

// Search answers a plan as of its page's moment, or as of now.
func (s *Store) Search(ctx context.Context, p *search.Plan) (*Found, error) {
	seq := int64(0)
	if p.Query.Page != nil {
		seq = p.Query.Page.Seq
	}
	f, err := s.search(ctx, s.db, p, seq)
	return f, s.db.Faulty(err)
}

func (s *Store) search(ctx context.Context, q Queryer, p *search.Plan, seq int64) (*Found, error) {
	parts, err := s.accesses(ctx, q, p)
	if err != nil {
		return nil, err
	}
	f := &finder{s: s, q: q, p: p, parts: parts, seq: seq, after: p.Query.Page}
	f.out.Total = Unknown
	if len(parts) == 0 {
		f.out.Total, f.out.Seq = 0, seq
		return &f.out, nil
	}
	query := p.Query
	if query.Summary == "count" || query.Count == 0 {
		err = f.count(ctx)
		f.out.Seq = f.seq
		return &f.out, err
	}
	if p.Order == search.ByValue {
		err = f.sorted(ctx)
	} else {
		err = f.streamed(ctx)
	}
	if err != nil {
		return nil, err
	}
	f.out.Seq = f.seq
	switch {
	case f.out.Next == nil && query.Page == nil:
		f.out.Total = int64(len(f.out.Rows))
	case query.Total == "none":
	case query.Total != "" || p.Counted != 0 && query.Page == nil:
		all := finder{s: s, q: q, p: p, parts: parts, seq: f.seq}
		if p.Counted != 0 && query.Page == nil {
			all.seq = 0 // the counter knows, and it knows of now
		}
		if err := all.count(ctx); err != nil {
			return nil, err
		}
		f.out.Total = all.out.Total
	}
	return &f.out, nil
}

// finder answers one plan.
type finder struct {
	s     *Store
	q     Queryer
	p     *search.Plan
	parts []access
	seq   int64 // 0 until the first statement answers it
	after *search.Page
	out   Found
	last  int64 // the candidate before, to pass over one that two parts bring
	blind int   // rows passed over because the asker may not see them
	row   search.Row
	rest  rest
}

// candidate is a row with what the statement brought beside it.
type candidate struct {
	v      Version
	splice int64
	packed []byte
	date   int64
}

// errEnough ends a statement whose rest is not needed.
var errEnough = errors.New("enough")

// blindLimit is how many rows a search may pass over because the asker may not see them.
const blindLimit = 500_000

// fetch runs one statement and answers how many candidates it brought; use is called for each distinct one that the asker may
// see, and may answer errEnough.
func (f *finder) fetch(ctx context.Context, limit int, body bool, use func(*candidate, *search.Row) error) (int, error) {
	st := f.s.candidates(f.p, f.parts, f.seq, f.after, limit, body)
	// What asks the database for more than a row (a condition, or whether the asker may see it) must wait until this
	// statement has ended: a connection answers one statement at a time.
	var later []*candidate
	wait := f.p.Query.NeedsRest()
	show := func(c *candidate) error {
		row := f.look(ctx, c)
		if eyes := f.p.Query.Eyes; eyes != nil {
			seen, known, err := eyes.Sees(row, c.v.Patient)
			if err != nil {
				return err
			}
			wait = wait || !known
			if known && !seen {
				if f.blind++; f.blind > blindLimit {
					return fhir.Errorf(fhir.TooCostly, "the search looks at too many records that you may not see: name the patient")
				}
				return nil
			}
		}
		if wait {
			kept := *c
			later = append(later, &kept)
			return nil
		}
		return use(c, row)
	}
	n := 0
	seq := f.seq
	var lastRid, lastDate int64
	c := &candidate{}
	var typ, op, now int64
	dest := []any{&c.v.Rid, &typ, &c.v.ID, &c.v.Updated, &c.v.Patient, &c.v.Keys}
	if body {
		dest = append(dest, &c.v.Version, &op, &c.v.Until, &c.splice, &c.packed)
	}
	dest = append(dest, &c.date, &now)
	err := f.q.Query(ctx, st.String(), st.args, func(r Row) error {
		c.packed, c.v.Keys = nil, nil // what was scanned before belongs to whoever kept it
		if err := r.Scan(dest...); err != nil {
			return err
		}
		c.v.Type, c.v.Op = spec.TypeID(typ), Op(op)
		n++
		if seq == 0 {
			seq = now
		}
		lastRid, lastDate = c.v.Rid, c.date
		if c.v.Rid == f.last {
			return nil
		}
		f.last = c.v.Rid
		return show(c)
	})
	if n > 0 {
		f.seq = seq
		f.after = &search.Page{Seq: seq, Rid: lastRid, Sort: placeBytes(lastDate)}
	}
	if len(later) > 0 && err == nil && f.p.Query.Eyes != nil {
		err = f.p.Query.Eyes.Learn()
	}
	for _, c := range later {
		if err != nil {
			break
		}
		row := f.look(ctx, c)
		if eyes := f.p.Query.Eyes; eyes != nil {
			var seen bool
			if seen, _, err = eyes.Sees(row, c.v.Patient); !seen || err != nil {
				continue
			}
		}
		err = use(c, row)
	}
	if err == errEnough {
		err = nil
	}
	return n, err
}

func placeBytes(date int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(date)) }

func placeOf(p *search.Page) int64 {
	if len(p.Sort) != 8 {
		return math.MaxInt64
	}
	return int64(binary.BigEndian.Uint64(p.Sort))
}

// streamed fills a page from candidates that come in the order of the results. A database in this process brings them
// one by one and is stopped when the page is full; one across a connection is asked for as many as are likely needed.
func (f *finder) streamed(ctx context.Context) error {
	want := f.p.Query.Count + 1
	inside := f.s.d.Name == "sqlite"
	limit := want
	switch {
	case f.p.Exact:
	case inside && !f.p.Query.NeedsRest():
		limit = chunkLimit
	default:
		limit = want * 3
	}
	body := f.p.Exact && !f.p.Query.KeysOnly
	rows := make([]*candidate, 0, min(want, 64))
	looked := 0
	for {
		n, err := f.fetch(ctx, limit, body, func(c *candidate, row *search.Row) error {
			ok, err := f.p.Query.Match(row)
			if err != nil {
				return err
			}
			if ok {
				kept := *c
				rows = append(rows, &kept)
			}
			if len(rows) >= want {
				return errEnough
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < limit || len(rows) >= want {
			break
		}
		looked += n
		if inside {
			limit = min(limit*2, chunkLimit)
		} else {
			// At the rate of matches so far, with a quarter more.
			limit = min(max(limit, (want-len(rows))*looked*5/4/max(len(rows), 1)), chunkLimit)
		}
	}
	if len(rows) >= want {
		rows = rows[:want-1]
		last := rows[len(rows)-1]
		f.out.Next = &search.Page{Seq: f.seq, Rid: last.v.Rid}
		if f.p.Order == search.ByDate {
			f.out.Next.Sort = placeBytes(last.date)
		}
	}
	return f.bodies(ctx, rows)
}

// look is a candidate as the query looks at it. There is one row for all candidates of a finder.
func (f *finder) look(ctx context.Context, c *candidate) *search.Row {
	f.rest = rest{f, ctx, c}
	f.row = search.Row{Type: c.v.Type, ID: c.v.ID, Updated: c.v.Updated, Keys: c.v.Keys, Rest: &f.rest}
	return &f.row
}

// rest reads more of a candidate.
type rest struct {
	f   *finder
	ctx context.Context
	c   *candidate
}

func (r *rest) Extra(param int64) ([]byte, error) {
	var keys []byte
	_, err := one(r.ctx, r.f.q, "SELECT keys FROM extra WHERE param = ? AND rid = ?", []any{param, r.c.v.Rid}, &keys)
	return keys, err
}

func (r *rest) Body() (*fhir.Resource, error) {
	if err := r.f.bodiesOf(r.ctx, []*candidate{r.c}); err != nil {
		return nil, err
	}
	body, err := r.f.s.body(r.c)
	if err != nil {
		return nil, err
	}
	return fhir.Parse(body)
}

// Extra calls f with the keys of each of the rows under a custom parameter; rows without any are passed over.
func (s *Store) Extra(ctx context.Context, param int64, rids []int64, f func(keys []byte)) error {
	for len(rids) > 0 {
		some := rids[:min(len(rids), chunkLimit)]
		rids = rids[len(some):]
		err := s.db.Query(ctx, "SELECT keys FROM extra WHERE param = ? AND "+s.d.Any("rid"), []any{param, s.d.Ints(some)}, func(r Row) error {
			var keys []byte
			err := r.Scan(&keys)
			f(keys)
			return err
		})
		if err != nil {
			return s.db.Faulty(err)
		}
	}
	return nil
}

// body is the resource of a candidate whose packed body is at hand.
func (s *Store) body(c *candidate) ([]byte, error) {
	plain, err := s.codec.unpack(c.packed, nil)
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "the body of %s is damaged: %w", c.v.Ref(), err)
	}
	return restore(plain, c.splice, c.v.Version, c.v.Updated), nil
}

// bodies turns candidates into the rows of the page.
func (f *finder) bodies(ctx context.Context, rows []*candidate) error {
	if f.p.Query.KeysOnly {
		for _, c := range rows {
			f.out.Rows = append(f.out.Rows, &c.v)
		}
		return nil
	}
	if err := f.bodiesOf(ctx, rows); err != nil {
		return err
	}
	f.out.Rows = make([]*Version, len(rows))
	for i, c := range rows {
		body, err := f.s.body(c)
		if err != nil {
			return err
		}
		c.v.Body = body
		f.out.Rows[i] = &c.v
	}
	return nil
}

// bodiesOf fetches the packed bodies that are not at hand yet.
func (f *finder) bodiesOf(ctx context.Context, rows []*candidate) error {
	need := map[int64]*candidate{}
	var rids []int64
	for _, c := range rows {
		if c.packed == nil {
			need[c.v.Rid] = c
			rids = append(rids, c.v.Rid)
		}
	}
	for len(rids) > 0 {
		some := rids[:min(len(rids), chunkLimit)]
		rids = rids[len(some):]
		err := f.q.Query(ctx, "SELECT rid, version, op, until, splice, body FROM res WHERE "+f.s.d.Any("rid"), []any{f.s.d.Ints(some)}, func(r Row) error {
			var rid, version, op, until, splice int64
			var packed []byte
			if err := r.Scan(&rid, &version, &op, &until, &splice, &packed); err != nil {
				return err
			}
			c := need[rid]
			c.v.Version, c.v.Op, c.v.Until, c.splice, c.packed = version, Op(op), until, splice, packed
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// countLimit is how far matches are counted one by one for whoever may not see everything.
const countLimit = 10_000

// count counts the matches: from a counter where one knows, else by matching every candidate.
func (f *finder) count(ctx context.Context) error {
	if f.p.Counted != 0 && f.seq == 0 {
		var n int64
		_, err := one(ctx, f.q, "SELECT coalesce(sum(n), 0) FROM tally WHERE h = ?", []any{f.p.Counted}, &n)
		f.out.Total = n
		return err
	}
	total := int64(0)
	for {
		n, err := f.fetch(ctx, chunkLimit, false, func(c *candidate, row *search.Row) error {
			ok, err := f.p.Query.Match(row)
			if ok {
				if total++; f.p.Query.Eyes != nil && total > countLimit {
					return errEnough
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		if f.p.Query.Eyes != nil && total > countLimit {
			f.out.Total = Unknown
			return nil
		}
		if n < chunkLimit {
			f.out.Total = total
			return nil
		}
	}
}

// sorted fills a page of results in an order that no access path brings: it looks at every candidate and keeps the
// first of them.
func (f *finder) sorted(ctx context.Context) error {
	page := f.after
	f.after = nil
	query := f.p.Query
	top := &topHeap{desc: query.Sort[0].Desc}
	want := query.Count + 1
	for {
		n, err := f.fetch(ctx, chunkLimit, false, func(c *candidate, row *search.Row) error {
			if ok, err := query.Match(row); !ok || err != nil {
				return err
			}
			key, err := query.SortKey(row)
			if err != nil {
				return err
			}
			kept := *c
			e := ranked{key, &kept}
			if page != nil && !top.before(ranked{page.Sort, &candidate{v: Version{Rid: page.Rid}}}, e) {
				return nil
			}
			if top.Len() == want && top.before(top.all[0], e) {
				return nil
			}
			heap.Push(top, e)
			if top.Len() > want {
				heap.Pop(top)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < chunkLimit {
			break
		}
	}
	more := top.Len() == want
	if more {
		heap.Pop(top)
	}
	rows := make([]*candidate, top.Len())
	var last ranked
	for i := len(rows) - 1; i >= 0; i-- {
		e := heap.Pop(top).(ranked)
		rows[i] = e.c
		if last.c == nil {
			last = e
		}
	}
	if more && len(rows) > 0 {
		f.out.Next = &search.Page{Seq: f.seq, Rid: last.c.v.Rid, Sort: last.key}
	}
	return f.bodies(ctx, rows)
}

type ranked struct {
	key []byte
	c   *candidate
}

// topHeap keeps the first rows of an order, the last of them on top.
type topHeap struct {
	all  []ranked
	desc bool // ties go by number, latest first where the first level is descending
}

func (h *topHeap) before(a, b ranked) bool {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.c.v.Rid < b.c.v.Rid != h.desc && a.c.v.Rid != b.c.v.Rid
}

func (h *topHeap) Len() int           { return len(h.all) }
func (h *topHeap) Less(i, j int) bool { return h.before(h.all[j], h.all[i]) }
func (h *topHeap) Swap(i, j int)      { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *topHeap) Push(x any)         { h.all = append(h.all, x.(ranked)) }
func (h *topHeap) Pop() any {
	last := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return last
}
