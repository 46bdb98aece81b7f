package store

import (
	"context"

	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// Closed are versions that were replaced before a time (microseconds) and whose keys are still kept, oldest first.
func (s *Store) Closed(ctx context.Context, before int64, limit int) ([]*Version, error) {
	var out []*Version
	err := s.db.Query(ctx, "SELECT "+qualified("r", versionColumns)+" FROM closed c JOIN res r ON r.rid = c.rid WHERE c.at < ? ORDER BY c.rid LIMIT ?", []any{before, int64(limit)}, func(r Row) error {
		v, err := s.scanVersion(r)
		out = append(out, v)
		return err
	})
	return out, s.db.Faulty(err)
}

func qualified(table, columns string) string {
	out := ""
	for i, c := range splitColumns(columns) {
		if i > 0 {
			out += ", "
		}
		out += table + "." + c
	}
	return out
}

// Unindex removes every entry that leads to a version. ix is the version's index, made again from its body.
func (w *Writer) Unindex(ctx context.Context, v *Version, ix *search.Index) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	drop := func(sql string, args ...any) error {
		_, err := w.tx.Exec(ctx, sql, args...)
		return err
	}
	for _, e := range ix.Global {
		if err := drop("DELETE FROM hash WHERE h = ? AND rid = ?", e.Hash, v.Rid); err != nil {
			return err
		}
	}
	for i, id := range ix.Patients {
		n, err := w.home(ctx, id)
		if err != nil {
			return err
		}
		for _, c := range ix.Clinical {
			if err := drop("DELETE FROM clin WHERE patient = ? AND h = ? AND date = ? AND rid = ?", n, c.Hash, c.Date, v.Rid); err != nil {
				return err
			}
		}
		if i > 0 {
			if err := drop("DELETE FROM also WHERE patient = ? AND type = ? AND rid = ?", n, int64(v.Type), v.Rid); err != nil {
				return err
			}
		}
	}
	for _, t := range ix.Texts {
		if err := drop("DELETE FROM word WHERE param = ? AND text = ? AND rid = ?", t.Param, t.Text, v.Rid); err != nil {
			return err
		}
	}
	for _, r := range ix.Ranges {
		if err := drop("DELETE FROM span WHERE param = ? AND lo = ? AND hi = ? AND rid = ?", spanParam(r.Param, r.Lo, r.Hi), r.Lo, r.Hi, v.Rid); err != nil {
			return err
		}
	}
	for _, e := range ix.Extra {
		if err := drop("DELETE FROM extra WHERE param = ? AND rid = ?", e.Param, v.Rid); err != nil {
			return err
		}
	}
	return drop("DELETE FROM closed WHERE rid = ?", v.Rid)
}

// Erase empties a version: its row stays as a tombstone in the feed, without id, keys or body. Its entries must have
// been removed by Unindex.
func (w *Writer) Erase(ctx context.Context, v *Version, why string) error {
	if v.Until == open {
		for _, h := range search.Counted(v.Type, v.Keys) {
			w.tallies[h]--
		}
		w.dirty = true
	}
	if _, err := w.tx.Exec(ctx, "UPDATE res SET op = ?, id = '', idh = 0, keys = NULL, body = NULL, patient = 0, until = rid WHERE rid = ?", int64(Erased), v.Rid); err != nil {
		return err
	}
	_, err := w.tx.Exec(ctx, "INSERT INTO erased (rid, ref, at, why) VALUES (?, ?, ?, ?)", v.Rid, v.Ref(), w.updated, why)
	return err
}

// Versions are all versions of a resource, oldest first.
func (w *Writer) Versions(ctx context.Context, ref Ref) ([]*Version, error) {
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	var out []*Version
	err := w.tx.Query(ctx, "SELECT "+versionColumns+" FROM res WHERE idh = ? ORDER BY rid", []any{search.IdentityHash(ref.Type, ref.ID)}, func(r Row) error {
		v, err := w.s.scanVersion(r)
		if err == nil && v.Type == ref.Type && v.ID == ref.ID {
			out = append(out, v)
		}
		return err
	})
	return out, err
}

// FoldTallies adds up the counters' changes, so that a total is read from few rows.
func (s *Store) FoldTallies(ctx context.Context) error {
	var crowded []int64
	err := s.db.Query(ctx, "SELECT h FROM tally GROUP BY h HAVING count(*) > 16 LIMIT 500", nil, func(r Row) error {
		var h int64
		err := r.Scan(&h)
		crowded = append(crowded, h)
		return err
	})
	if err != nil || len(crowded) == 0 {
		return s.db.Faulty(err)
	}
	return s.Write(ctx, func(w *Writer) error {
		for _, h := range crowded {
			var n, last int64
			if _, err := one(ctx, w.tx, "SELECT coalesce(sum(n), 0), max(rid) FROM tally WHERE h = ?", []any{h}, &n, &last); err != nil {
				return err
			}
			if _, err := w.tx.Exec(ctx, "DELETE FROM tally WHERE h = ?", h); err != nil {
				return err
			}
			if _, err := w.tx.Exec(ctx, "INSERT INTO tally (h, rid, n) VALUES (?, ?, ?)", h, last, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddExtra stores the keys of rows under a custom parameter, for filling it in.
func (w *Writer) AddExtra(param, rid int64, keys []byte) { w.add(extraTable, param, rid, keys) }

// DropExtra removes all keys under a custom parameter.
func (w *Writer) DropExtra(ctx context.Context, param int64) error {
	_, err := w.tx.Exec(ctx, "DELETE FROM extra WHERE param = ?", param)
	return err
}

// Current are the current resources of a type written after one, in the order of writing.
func (s *Store) Current(ctx context.Context, t spec.TypeID, after int64, limit int) ([]*Version, error) {
	var out []*Version
	err := s.db.Query(ctx, "SELECT "+versionColumns+" FROM res WHERE type = ? AND rid > ? AND op < 3 ORDER BY rid LIMIT ?", []any{int64(t), after, int64(limit)}, func(r Row) error {
		v, err := s.scanVersion(r)
		out = append(out, v)
		return err
	})
	return out, s.db.Faulty(err)
}

// Latest is the number of the newest change to a type, 0 where there is none.
func (s *Store) Latest(ctx context.Context, t spec.TypeID) (int64, error) {
	var rid int64
	_, err := one(ctx, s.db, "SELECT rid FROM res WHERE type = ? ORDER BY rid DESC LIMIT 1", []any{int64(t)}, &rid)
	return rid, s.db.Faulty(err)
}
