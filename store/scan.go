package store

import (
	"context"
	"slices"

	"github.com/kith-care/kith/fhir/spec"
)

// Scan asks for rows of one type as they were at a change, in the order of writing: for whoever goes through all of them, a little at a time.
type Scan struct {
	Type     spec.TypeID
	Seq      int64    // as of this change
	After    int64    // rows written after this one
	Patients []string // ids: only rows in the compartments of these Patients; nil for all rows
	Deleted  bool     // the deletions that stood then, instead of what was there
	Limit    int
}

// Scan answers rows without their bodies. It reads no more rows than it answers, save that rows replaced by then are passed over.
func (s *Store) Scan(ctx context.Context, sc Scan) ([]*Version, error) {
	st := &statement{}
	st.add("SELECT r.rid, r.id, r.version, r.op, r.updated, r.patient, r.until, r.keys FROM ")
	if sc.Patients == nil {
		st.add("res r WHERE r.type = ? AND r.rid > ? AND r.rid <= ?", int64(sc.Type), sc.After, sc.Seq)
	} else {
		numbers, err := s.patients(ctx, s.db, sc.Patients)
		if err != nil || len(numbers) == 0 {
			return nil, s.db.Faulty(err)
		}
		st.add("(SELECT rid FROM res WHERE patient > 0 AND ")
		s.anyInt(st, "patient", numbers)
		st.add(" AND type = ? UNION SELECT rid FROM also WHERE ", int64(sc.Type))
		s.anyInt(st, "patient", numbers)
		st.add(" AND type = ?) c JOIN res r ON r.rid = c.rid WHERE c.rid > ? AND c.rid <= ?", int64(sc.Type), sc.After, sc.Seq)
	}
	if sc.Deleted { // a deletion stands until the resource is made again
		st.add(" AND r.op = ? AND NOT EXISTS (SELECT 1 FROM res n WHERE n.idh = r.idh AND n.rid > r.rid AND n.rid <= ? AND n.type = r.type AND n.id = r.id)", int64(Delete), sc.Seq)
	} else {
		st.add(" AND r.until > ? AND r.op < ?", sc.Seq, int64(Delete))
	}
	st.add(" ORDER BY r.rid LIMIT ?", int64(sc.Limit))
	var out []*Version
	err := s.db.Query(ctx, st.String(), st.args, func(r Row) error {
		v := &Version{Type: sc.Type}
		var op int64
		err := r.Scan(&v.Rid, &v.ID, &v.Version, &op, &v.Updated, &v.Patient, &v.Until, &v.Keys)
		v.Op = Op(op)
		out = append(out, v)
		return err
	})
	return out, s.db.Faulty(err)
}

// Numbered are versions by their numbers in the feed, in that order. Those that were erased are among them, without id, keys and body.
func (s *Store) Numbered(ctx context.Context, rids []int64) ([]*Version, error) {
	out := make([]*Version, 0, len(rids))
	for some := range slices.Chunk(rids, chunkLimit) {
		err := s.db.Query(ctx, "SELECT "+versionColumns+" FROM res WHERE "+s.d.Any("rid")+" ORDER BY rid", []any{s.d.Ints(some)}, func(r Row) error {
			v, err := s.scanVersion(r)
			out = append(out, v)
			return err
		})
		if err != nil {
			return nil, s.db.Faulty(err)
		}
	}
	return out, nil
}

// Moment is the last change, and a time that no change before it is newer than and every change after it is. The clock of the record is put
// forward to that time, which therefore says nothing of when the last change was made.
func (s *Store) Moment(ctx context.Context) (seq, micros int64, err error) {
	err = s.Write(ctx, func(w *Writer) error {
		w.dirty = true // so that the clock is written
		seq, micros = w.base, w.updated
		return nil
	})
	return seq, micros, err
}

// SeqBy is the last change that is not newer than a time in microseconds, 0 where all are.
func (s *Store) SeqBy(ctx context.Context, micros int64) (int64, error) {
	next, err := s.seqAt(ctx, micros+1)
	return max(next-1, 0), err
}

// ChangedTypes are the changes after one with their number, type and what was done: all that who only wants to know that something happened needs.
func (s *Store) ChangedTypes(ctx context.Context, after int64, limit int) ([]*Version, error) {
	var out []*Version
	err := s.db.Query(ctx, "SELECT rid, type, op FROM res WHERE rid > ? ORDER BY rid LIMIT ?", []any{after, int64(limit)}, func(r Row) error {
		var typ, op int64
		v := &Version{}
		err := r.Scan(&v.Rid, &typ, &op)
		v.Type, v.Op = spec.TypeID(typ), Op(op)
		out = append(out, v)
		return err
	})
	return out, s.db.Faulty(err)
}
