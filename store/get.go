package store

import (
	"context"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

const versionColumns = "rid, type, id, version, op, updated, patient, until, keys, dict, splice, body"

// scanVersion reads a row of versionColumns.
func (s *Store) scanVersion(r Row) (*Version, error) {
	var typ, op, dict int64
	c := candidate{}
	v := &c.v
	if err := r.Scan(&v.Rid, &typ, &v.ID, &v.Version, &op, &v.Updated, &v.Patient, &v.Until, &v.Keys, &dict, &c.splice, &c.packed); err != nil {
		return nil, err
	}
	v.Type, v.Op = spec.TypeID(typ), Op(op)
	if v.Op >= Delete {
		return v, nil
	}
	var err error
	v.Body, err = s.body(&c)
	return v, err
}

// Get is the newest version of a resource, which may be its deletion. NotFound where there never was one.
func (s *Store) Get(ctx context.Context, ref Ref) (*Version, error) {
	return s.get(ctx, ref, "SELECT "+versionColumns+" FROM res WHERE idh = ? ORDER BY rid DESC LIMIT 2", search.IdentityHash(ref.Type, ref.ID))
}

// GetVersion is one version of a resource. NotFound where there is none of that number.
func (s *Store) GetVersion(ctx context.Context, ref Ref, version int64) (*Version, error) {
	return s.get(ctx, ref, "SELECT "+versionColumns+" FROM res WHERE idh = ? AND version = ? LIMIT 2", search.IdentityHash(ref.Type, ref.ID), version)
}

// VersionIn is GetVersion, inside a transaction where w is not nil.
func (s *Store) VersionIn(ctx context.Context, w *Writer, ref Ref, version int64) (*Version, error) {
	if w == nil {
		return s.GetVersion(ctx, ref, version)
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return s.getIn(ctx, w.tx, ref, "SELECT "+versionColumns+" FROM res WHERE idh = ? AND version = ? LIMIT 2", search.IdentityHash(ref.Type, ref.ID), version)
}

func (s *Store) get(ctx context.Context, ref Ref, sql string, args ...any) (*Version, error) {
	return s.getIn(ctx, s.db, ref, sql, args...)
}

func (s *Store) getIn(ctx context.Context, q Queryer, ref Ref, sql string, args ...any) (*Version, error) {
	var found *Version
	err := q.Query(ctx, sql, args, func(r Row) error {
		if found != nil {
			return nil
		}
		v, err := s.scanVersion(r)
		if err == nil && v.Type == ref.Type && v.ID == ref.ID {
			found = v
		}
		return err
	})
	if err != nil {
		return nil, s.db.Faulty(err)
	}
	if found == nil {
		return nil, notFound(ref.String())
	}
	return found, nil
}

// Many are the versions of resources that were current as of change seq (0 for now), in the order of refs; those that were not
// there are left out.
func (s *Store) Many(ctx context.Context, refs []Ref, seq int64) ([]*Version, error) {
	return s.many(ctx, s.db, refs, seq)
}

func (s *Store) many(ctx context.Context, q Queryer, refs []Ref, seq int64) ([]*Version, error) {
	out := make([]*Version, len(refs))
	for start := 0; start < len(refs); start += chunkLimit {
		some := refs[start:min(len(refs), start+chunkLimit)]
		hashes, at := make([]int64, len(some)), make(map[Ref]int, len(some))
		for i, ref := range some {
			hashes[i], at[ref] = search.IdentityHash(ref.Type, ref.ID), start+i
		}
		keep := func(r Row) (Ref, error) {
			v, err := s.scanVersion(r)
			if err != nil {
				return Ref{}, err
			}
			ref := Ref{v.Type, v.ID}
			if i, wanted := at[ref]; wanted && v.Op < Delete {
				out[i] = v
			}
			return ref, nil
		}
		shared, err := newest(ctx, q, s.d, versionColumns, hashes, seq, keep, func(ref Ref) bool { _, wanted := at[ref]; return wanted })
		if err == nil && len(shared) > 0 {
			err = s.allOf(ctx, q, shared, seq, func(r Row) error { _, err := keep(r); return err })
		}
		if err != nil {
			return nil, s.db.Faulty(err)
		}
	}
	return slices.DeleteFunc(out, func(v *Version) bool { return v == nil }), nil
}

// allOf reads every row of some identity hashes that was current as of change seq (0 for now).
func (s *Store) allOf(ctx context.Context, q Queryer, hashes []int64, seq int64, row func(Row) error) error {
	sql, args := "SELECT "+versionColumns+" FROM res WHERE "+s.d.Any("idh"), []any{s.d.Ints(hashes)}
	if seq == 0 {
		sql += " AND until = 9223372036854775807"
	} else {
		sql, args = sql+" AND rid <= ? AND until > ?", append(args, seq, seq)
	}
	return q.Query(ctx, sql, args, row)
}

// Log asks for changes: of one resource, of a type, or of everything.
type Log struct {
	Type   spec.TypeID // 0 for all
	ID     string      // with Type; "" for all
	After  int64       // changes after this one, for reading forwards
	Before int64       // changes before this one, for reading backwards; 0 for the newest
	Since  int64       // microseconds: not older than this
	Until  int64       // microseconds: not newer than this; 0 for now
	Back   bool        // newest first
	Limit  int
}

// Changes are versions in the order of the feed, or newest first. Erased ones have no body and no id.
func (s *Store) Changes(ctx context.Context, l Log) ([]*Version, error) {
	st := &statement{}
	st.add("SELECT "+versionColumns+" FROM res WHERE rid > ?", l.After)
	switch {
	case l.ID != "":
		st.add(" AND idh = ? AND type = ? AND id = ?", search.IdentityHash(l.Type, l.ID), int64(l.Type), l.ID)
	case l.Type != 0:
		st.add(" AND type = ?", int64(l.Type))
	}
	if l.Since > 0 {
		rid, err := s.seqAt(ctx, l.Since)
		if err != nil {
			return nil, err
		}
		st.add(" AND rid >= ?", rid)
	}
	if l.Until > 0 {
		rid, err := s.seqAt(ctx, l.Until+1)
		if err != nil {
			return nil, err
		}
		st.add(" AND rid < ?", rid)
	}
	if l.Before > 0 {
		st.add(" AND rid < ?", l.Before)
	}
	st.add(" ORDER BY rid")
	if l.Back {
		st.add(" DESC")
	}
	st.add(" LIMIT ?", int64(l.Limit))
	var out []*Version
	err := s.db.Query(ctx, st.String(), st.args, func(r Row) error {
		v, err := s.scanVersion(r)
		out = append(out, v)
		return err
	})
	return out, s.db.Faulty(err)
}

// seqAt is the first change that is not older than a time. The clock of the record never runs backwards, so it is found
// by halving.
func (s *Store) seqAt(ctx context.Context, micros int64) (int64, error) {
	high, err := s.Seq(ctx)
	if err != nil {
		return 0, s.db.Faulty(err)
	}
	low := int64(1)
	high++
	for low < high {
		mid := (low + high) / 2
		var updated int64
		found, err := one(ctx, s.db, "SELECT updated FROM res WHERE rid >= ? ORDER BY rid LIMIT 1", []any{mid}, &updated)
		if err != nil {
			return 0, s.db.Faulty(err)
		}
		if !found || updated >= micros {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

// Count is the number of current resources of a type.
func (s *Store) Count(ctx context.Context, t spec.TypeID) (int64, error) {
	var n int64
	_, err := one(ctx, s.db, "SELECT coalesce(sum(n), 0) FROM tally WHERE h = ?", []any{search.TypeHash(t)}, &n)
	return n, s.db.Faulty(err)
}

// Patient is the id of a numbered patient.
func (s *Store) Patient(ctx context.Context, number int64) (string, error) {
	var id string
	found, err := one(ctx, s.db, "SELECT id FROM home WHERE patient = ?", []any{number}, &id)
	if err == nil && !found {
		err = fhir.Errorf(fhir.NotFound, "no patient has the number %d", number)
	}
	return id, s.db.Faulty(err)
}

// Compartment are the current resources of a patient's compartment that were written after one, in the order of
// writing, as of change seq (0 for now).
func (s *Store) Compartment(ctx context.Context, patient string, types []spec.TypeID, seq, after int64, limit int) ([]*Version, int64, error) {
	ids, err := s.Person(ctx, []string{patient}, seq)
	if err != nil {
		return nil, seq, err
	}
	numbers, err := s.patients(ctx, s.db, ids)
	if err != nil || len(numbers) == 0 {
		return nil, seq, s.db.Faulty(err)
	}
	st := &statement{}
	st.add("SELECT r.rid, r.type, r.id, r.version, r.op, r.updated, r.patient, r.until, r.keys, r.dict, r.splice, r.body, (SELECT seq FROM feed)")
	st.add(" FROM (SELECT rid FROM res WHERE patient > 0 AND ")
	s.anyInt(st, "patient", numbers)
	st.add(" UNION SELECT rid FROM also WHERE ")
	s.anyInt(st, "patient", numbers)
	st.add(") c JOIN res r ON r.rid = c.rid WHERE c.rid > ?", after)
	if seq == 0 {
		st.add(" AND r.until = 9223372036854775807")
	} else {
		st.add(" AND c.rid <= ? AND r.until > ?", seq, seq)
	}
	if len(types) > 0 {
		list := make([]int64, len(types))
		for i, t := range types {
			list[i] = int64(t)
		}
		st.add(" AND ")
		s.anyInt(st, "r.type", list)
	}
	st.add(" ORDER BY c.rid LIMIT ?", int64(limit))
	var out []*Version
	var now int64
	err = s.db.Query(ctx, st.String(), st.args, func(r Row) error {
		v, err := s.scanVersion(withSeq{r, &now})
		out = append(out, v)
		return err
	})
	if seq == 0 {
		seq = now
	}
	return out, seq, s.db.Faulty(err)
}

// withSeq scans one more column than its caller asks for.
type withSeq struct {
	Row
	seq *int64
}

func (r withSeq) Scan(dest ...any) error { return r.Row.Scan(append(dest, r.seq)...) }

func splitColumns(columns string) []string { return strings.Split(columns, ", ") }

// ManyIn is Many as of now, inside a transaction where w is not nil.
func (s *Store) ManyIn(ctx context.Context, w *Writer, refs []Ref) ([]*Version, error) {
	if w == nil {
		return s.Many(ctx, refs, 0)
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return s.many(ctx, w.tx, refs, 0)
}
