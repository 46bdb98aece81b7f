package store

import (
	"context"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// Prepared is a resource made ready to be written: what can be done before the transaction has been done.
type Prepared struct {
	Type  spec.TypeID
	ID    string
	Index *search.Index

	body   []byte
	splice int64
	dict   uint32
	packed []byte
}

// Prepare strips, compresses and wraps a resource that will be written under id.
func (s *Store) Prepare(t spec.TypeID, id string, res *fhir.Resource, ix *search.Index) *Prepared {
	p := &Prepared{Type: t, ID: id, Index: ix}
	p.body, p.splice = Strip(res, id)
	p.dict, p.packed = s.codec.pack(t, p.body)
	return p
}

// Body is the resource as it will read under that version and time.
func (p *Prepared) Body(version, updated int64) []byte {
	return restore(p.body, p.splice, version, updated)
}

// Writer writes changes in one transaction. What it reads stays true until it commits, since it holds the feed.
type Writer struct {
	s       *Store
	tx      Tx
	base    int64 // the last change before this transaction
	seq     int64 // the last change so far
	flushed int64 // changes up to here are in the tables
	updated int64
	linked  bool // patients became one person
	dirty   bool // tallies or the clock changed without a change of the feed
	rows    map[*Table][][]any
	heads   map[int64][]*Version // newest versions written here, by identity hash
	tallies map[int64]int64
	homes   map[string]int64 // patients numbered here
	next    int64            // the next free number of a patient, 0 while unknown
}

// Write runs f in a transaction. Where f answers an error nothing is written.
func (s *Store) Write(ctx context.Context, f func(*Writer) error) error {
	var w *Writer
	err := s.db.Write(ctx, func(tx Tx) error {
		w = &Writer{s: s, tx: tx, rows: map[*Table][][]any{}, heads: map[int64][]*Version{}, tallies: map[int64]int64{}, homes: map[string]int64{}}
		var last int64
		if _, err := one(ctx, tx, "SELECT seq, updated FROM feed"+s.d.Lock, nil, &w.base, &last); err != nil {
			return err
		}
		// The clock of the record never runs backwards, so that order of time and order of writing agree.
		w.seq, w.flushed = w.base, w.base
		w.updated = max(s.Now().UnixMicro(), last+1)
		if err := f(w); err != nil {
			return err
		}
		return w.finish(ctx)
	})
	if err == nil && w != nil {
		s.homes.learn(w.homes)
		if w.linked {
			s.linked.Store(true)
		}
	}
	return s.db.Faulty(err)
}

// Seq is the last change, those of this transaction included.
func (w *Writer) Seq() int64 { return w.seq }

// Base is the last change before this transaction.
func (w *Writer) Base() int64 { return w.base }

// Current reports whether a change made the version that is current now.
func (w *Writer) Current(ctx context.Context, rid int64) (bool, error) {
	return one(ctx, w.tx, "SELECT rid FROM res WHERE rid = ? AND until = 9223372036854775807", []any{rid}, &rid)
}

// Updated is the time that changes of this transaction bear, in microseconds since 1970.
func (w *Writer) Updated() int64 { return w.updated }

// Ref names a resource.
type Ref struct {
	Type spec.TypeID
	ID   string
}

func (r Ref) String() string { return r.Type.String() + "/" + r.ID }

const headColumns = "rid, type, id, version, op, updated, patient, until, keys"

// Heads are the newest versions of resources, deleted ones included, without bodies. A resource that never was is
// missing.
func (w *Writer) Heads(ctx context.Context, refs []Ref) (map[Ref]*Version, error) {
	out := make(map[Ref]*Version, len(refs))
	var ask []int64
	for _, ref := range refs {
		h := search.IdentityHash(ref.Type, ref.ID)
		found := false
		for _, v := range w.heads[h] {
			if v.Type == ref.Type && v.ID == ref.ID {
				out[ref], found = v, true
			}
		}
		if !found {
			ask = append(ask, h)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	wanted := make(map[Ref]bool, len(refs))
	for _, ref := range refs {
		wanted[ref] = out[ref] == nil
	}
	read := func(r Row) (*Version, error) {
		v := &Version{}
		var typ, op int64
		err := r.Scan(&v.Rid, &typ, &v.ID, &v.Version, &op, &v.Updated, &v.Patient, &v.Until, &v.Keys)
		v.Type, v.Op = spec.TypeID(typ), Op(op)
		return v, err
	}
	shared, err := newest(ctx, w.tx, w.s.d, headColumns, ask, 0, func(r Row) (Ref, error) {
		v, err := read(r)
		ref := Ref{v.Type, v.ID}
		if err == nil && wanted[ref] {
			out[ref] = v
		}
		return ref, err
	}, func(ref Ref) bool { return wanted[ref] })
	if err != nil || len(shared) == 0 {
		return out, err
	}
	sql := "SELECT " + headColumns + " FROM res WHERE " + w.s.d.Any("idh") + " AND (until = 9223372036854775807 OR until = rid) ORDER BY rid"
	return out, w.tx.Query(ctx, sql, []any{w.s.d.Ints(shared)}, func(r Row) error {
		v, err := read(r)
		if ref := (Ref{v.Type, v.ID}); err == nil && wanted[ref] {
			out[ref] = v
		}
		return err
	})
}

// newest reads for each identity hash the newest row, as of change seq (0 for now), whatever the number of its versions: a resource that was written
// ten thousand times is read as fast as one that was written once. Hashes under which a row stands that is of none of those asked for are
// answered: two resources share one, and all their rows must be looked at.
func newest(ctx context.Context, q Queryer, d Dialect, columns string, hashes []int64, seq int64, row func(Row) (Ref, error), asked func(Ref) bool) (shared []int64, err error) {
	seen := make(map[int64]int, len(hashes))
	for _, h := range hashes {
		seen[h]++
	}
	if len(seen) < len(hashes) { // two that are asked for share a hash
		hashes = hashes[:0:0]
		for h, n := range seen {
			if n == 1 {
				hashes = append(hashes, h)
			} else {
				shared = append(shared, h)
			}
		}
	}
	before, args := "", []any{d.Ints(hashes)}
	if seq > 0 {
		before, args = " AND x.rid <= ?", []any{seq, d.Ints(hashes)}
	}
	sql := "SELECT " + columns + " FROM res WHERE rid IN (SELECT (SELECT x.rid FROM res x WHERE x.idh = value" + before + " ORDER BY x.rid DESC LIMIT 1) FROM " + d.Numbers + ")"
	err = q.Query(ctx, sql, args, func(r Row) error {
		ref, err := row(r)
		if err == nil && !asked(ref) {
			shared = append(shared, search.IdentityHash(ref.Type, ref.ID))
		}
		return err
	})
	return shared, err
}

// LatestOf is the number of the newest change to a type, 0 where there is none.
func (w *Writer) LatestOf(ctx context.Context, t spec.TypeID) (int64, error) {
	var rid int64
	_, err := one(ctx, w.tx, "SELECT rid FROM res WHERE type = ? AND op < 3 ORDER BY rid DESC LIMIT 1", []any{int64(t)}, &rid)
	return rid, err
}

// Search answers a plan as of now, changes of this transaction included.
func (w *Writer) Search(ctx context.Context, p *search.Plan) (*Found, error) {
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.s.search(ctx, w.tx, p, w.seq)
}

// Put writes a new version after prev, nil for the first. The op is Create or Update.
func (w *Writer) Put(ctx context.Context, p *Prepared, prev *Version, op Op) (*Version, error) {
	patients := make([]int64, len(p.Index.Patients))
	for i, id := range p.Index.Patients {
		n, err := w.home(ctx, id)
		if err != nil {
			return nil, err
		}
		patients[i] = n
	}
	v := &Version{Type: p.Type, ID: p.ID, Op: op, Keys: p.Index.Keys}
	if len(patients) > 0 {
		v.Patient = patients[0]
	}
	if err := w.append(ctx, v, prev, open, p); err != nil {
		return nil, err
	}
	rid := v.Rid
	for _, e := range p.Index.Global {
		var num any
		if e.Valued {
			num = e.Number
		}
		w.add(hashTable, e.Hash, rid, num)
	}
	for _, n := range patients {
		for _, c := range p.Index.Clinical {
			w.add(clinTable, n, c.Hash, c.Date, rid)
		}
	}
	for i, n := range patients {
		if i > 0 {
			w.add(alsoTable, n, int64(p.Type), rid)
		}
	}
	for _, t := range p.Index.Texts {
		w.add(wordTable, t.Param, t.Text, rid)
	}
	for _, r := range p.Index.Ranges {
		w.add(spanTable, spanParam(r.Param, r.Lo, r.Hi), r.Lo, r.Hi, rid)
	}
	for _, e := range p.Index.Extra {
		w.add(extraTable, e.Param, rid, e.Keys)
	}
	for _, h := range p.Index.Counted {
		w.tallies[h]++
	}
	return v, nil
}

// Delete writes that a resource is no more.
func (w *Writer) Delete(ctx context.Context, prev *Version) (*Version, error) {
	v := &Version{Type: prev.Type, ID: prev.ID, Op: Delete, Patient: prev.Patient}
	return v, w.append(ctx, v, prev, w.seq+1, nil)
}

// append adds the row of v and closes prev.
func (w *Writer) append(ctx context.Context, v, prev *Version, until int64, p *Prepared) error {
	w.seq++
	v.Rid, v.Updated, v.Version, v.Until = w.seq, w.updated, 1, until
	if prev != nil {
		v.Version = prev.Version + 1
		if prev.Op < Delete {
			if err := w.close(ctx, prev); err != nil {
				return err
			}
		}
	}
	h := search.IdentityHash(v.Type, v.ID)
	row := []any{v.Rid, h, int64(v.Type), v.ID, v.Version, int64(v.Op), v.Patient, until, v.Updated, nil, int64(0), int64(0), nil}
	if p != nil {
		row[9], row[10], row[11], row[12] = p.Index.Keys, int64(p.dict), p.splice, p.packed
	}
	w.rows[resTable] = append(w.rows[resTable], row)
	kept := w.heads[h][:0:0]
	for _, old := range w.heads[h] {
		if old.Type != v.Type || old.ID != v.ID {
			kept = append(kept, old)
		}
	}
	w.heads[h] = append(kept, v)
	return nil
}

// close ends a version that is being replaced. Its keys stay for those who are still reading pages as of before.
func (w *Writer) close(ctx context.Context, prev *Version) error {
	if prev.Rid > w.flushed {
		if err := w.flush(ctx); err != nil {
			return err
		}
		w.flushed = w.seq - 1 // the replacement is numbered, but its row comes with the next flush
	}
	if _, err := w.tx.Exec(ctx, "UPDATE res SET until = ? WHERE rid = ?", w.seq, prev.Rid); err != nil {
		return err
	}
	w.add(closedTable, prev.Rid, w.updated)
	for _, h := range search.Counted(prev.Type, prev.Keys) {
		w.tallies[h]--
	}
	return nil
}

func (w *Writer) add(t *Table, values ...any) { w.rows[t] = append(w.rows[t], values) }

// longest is how long a range may be and still stand among the short ones, in microseconds: what begins earlier than
// that before a searched range cannot reach into it.
const longest = int64(400 * 24 * time.Hour / time.Microsecond)

// longSpan marks the ranges that are longer, open ended ones among them.
const longSpan = 1 << 40

func spanParam(param, lo, hi int64) int64 {
	if hi-lo > longest || hi-lo < 0 {
		return param | longSpan
	}
	return param
}

// home is the number of a patient, given one where the id is new.
func (w *Writer) home(ctx context.Context, id string) (int64, error) {
	if n, ok := w.s.homes.get(id); ok {
		return n, nil
	}
	if n, ok := w.homes[id]; ok {
		return n, nil
	}
	var n int64
	found, err := one(ctx, w.tx, "SELECT patient FROM home WHERE id = ?", []any{id}, &n)
	if err != nil {
		return 0, err
	}
	if !found {
		if w.next == 0 {
			if _, err := one(ctx, w.tx, "SELECT coalesce(max(patient), 0) + 1 FROM home", nil, &w.next); err != nil {
				return 0, err
			}
		}
		n = w.next
		w.next++
		w.add(homeTable, n, id)
	}
	w.homes[id] = n
	return n, nil
}

// flushOrder is fixed so that writers that do wait for each other do so in one order.
var flushOrder = []*Table{homeTable, resTable, hashTable, clinTable, wordTable, spanTable, alsoTable, extraTable, closedTable}

func (w *Writer) flush(ctx context.Context) error {
	for _, t := range flushOrder {
		if rows := w.rows[t]; len(rows) > 0 {
			if err := w.tx.Insert(ctx, t, rows); err != nil {
				return err
			}
			w.rows[t] = rows[:0:0]
		}
	}
	w.flushed = w.seq
	return nil
}

func (w *Writer) finish(ctx context.Context) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	if w.seq == w.base && !w.dirty {
		return nil
	}
	var rows [][]any
	for h, n := range w.tallies {
		if n != 0 && w.seq == w.base {
			// An erasure makes no change of its own: it is counted with the last one.
			if _, err := w.tx.Exec(ctx, "UPDATE tally SET n = n + ? WHERE h = ? AND rid = (SELECT max(rid) FROM tally WHERE h = ?)", n, h, h); err != nil {
				return err
			}
		} else if n != 0 {
			rows = append(rows, []any{h, w.seq, n})
		}
	}
	if len(rows) > 0 {
		if err := w.tx.Insert(ctx, tallyTable, rows); err != nil {
			return err
		}
	}
	_, err := w.tx.Exec(ctx, "UPDATE feed SET seq = ?, updated = ?", w.seq, w.updated)
	return err
}
