package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/kith-care/kith/fhir"
)

// A person is a group of Patients that different sources keep of one human being. Rows bear the number of their source's
// Patient, which never changes; only this table says who belongs together, so taking a person apart again leaves
// everything else byte for byte as it was.

// Relate takes patients apart and makes others one person from now on, each with whoever they are one person with already; first all that is
// to be apart, then the groups in order. Memberships that stay as they are are not written.
func (w *Writer) Relate(ctx context.Context, apart []string, groups ...[]string) error {
	all := slices.Concat(append([][]string{apart}, groups...)...)
	number, err := w.numbers(ctx, all)
	if err != nil {
		return err
	}
	before, err := w.members(ctx, slices.Collect(maps.Values(number)))
	if err != nil {
		return err
	}
	now := maps.Clone(before)
	next := int64(0)
	for _, id := range apart {
		delete(now, number[id])
	}
	for _, ids := range groups {
		person := int64(0)
		joined := map[int64]bool{}
		for _, id := range ids {
			if p := now[number[id]]; p != 0 {
				joined[p] = true
				person = p
			}
		}
		if person == 0 {
			if next == 0 {
				if _, err := one(ctx, w.tx, "SELECT coalesce(max(person), 0) FROM person", nil, &next); err != nil {
					return err
				}
			}
			next++
			person = next
		}
		for n, p := range now {
			if joined[p] {
				now[n] = person
			}
		}
		for _, id := range ids {
			now[number[id]] = person
		}
		w.linked = true
		w.s.related.Add(1)
	}
	return w.member(ctx, before, now)
}

// Link makes patients one person.
func (w *Writer) Link(ctx context.Context, ids []string) error { return w.Relate(ctx, nil, ids) }

// Unlink makes a patient a person of their own again.
func (w *Writer) Unlink(ctx context.Context, id string) error {
	return w.Relate(ctx, []string{id})
}

// numbers are the numbers of patients, given to those who have none.
func (w *Writer) numbers(ctx context.Context, ids []string) (map[string]int64, error) {
	out := make(map[string]int64, len(ids))
	var ask []string
	for _, id := range ids {
		if n, ok := w.s.homes.get(id); ok {
			out[id] = n
		} else if n, ok := w.homes[id]; ok {
			out[id] = n
		} else {
			ask = append(ask, id)
		}
	}
	if len(ask) > 0 {
		err := w.tx.Query(ctx, "SELECT patient, id FROM home WHERE "+w.s.d.Any("id"), []any{w.s.d.Strings(ask)}, func(r Row) error {
			var n int64
			var id string
			err := r.Scan(&n, &id)
			out[id], w.homes[id] = n, n
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, id := range ask {
		if out[id] == 0 {
			n, err := w.home(ctx, id)
			if err != nil {
				return nil, err
			}
			out[id] = n
		}
	}
	return out, w.flush(ctx)
}

// members says of which person some patients are, and whoever is one person with them.
func (w *Writer) members(ctx context.Context, patients []int64) (map[int64]int64, error) {
	of := map[int64]int64{}
	sql := "SELECT b.person, b.patient FROM person a JOIN person b ON b.person = a.person AND b.until_seq = a.until_seq WHERE " + w.s.d.Any("a.patient") + " AND a.until_seq = 9223372036854775807"
	return of, w.tx.Query(ctx, sql, []any{w.s.d.Ints(patients)}, func(r Row) error {
		var person, patient int64
		err := r.Scan(&person, &patient)
		of[patient] = person
		return err
	})
}

// member ends the memberships that changed and begins the new ones. One that began at this very change never was.
func (w *Writer) member(ctx context.Context, before, now map[int64]int64) error {
	var ended []int64
	var rows [][]any
	for n, p := range before {
		if now[n] != p {
			ended = append(ended, n)
		}
	}
	for n, p := range now {
		if before[n] != p {
			rows = append(rows, []any{p, n, w.seq, int64(open)})
		}
	}
	changed := slices.Clone(ended)
	for _, row := range rows {
		changed = append(changed, row[1].(int64))
	}
	slices.Sort(changed)
	var moved [][]any
	for _, n := range slices.Compact(changed) {
		moved = append(moved, []any{w.seq, n})
	}
	if len(moved) > 0 {
		if err := w.tx.Insert(ctx, relinkedTable, moved); err != nil {
			return err
		}
	}
	if len(ended) > 0 {
		slices.Sort(ended)
		list := w.s.d.Ints(ended)
		if _, err := w.tx.Exec(ctx, "DELETE FROM person WHERE "+w.s.d.Any("patient")+" AND from_seq = ?", list, w.seq); err != nil {
			return err
		}
		if _, err := w.tx.Exec(ctx, "UPDATE person SET until_seq = ? WHERE "+w.s.d.Any("patient")+" AND until_seq = 9223372036854775807", w.seq, list); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[1].(int64), b[1].(int64)) })
	return w.tx.Insert(ctx, personTable, rows)
}

// Person are the ids of all Patients who are the same person as one of these, as of change seq (0 for now); the ids
// themselves among them.
func (s *Store) Person(ctx context.Context, ids []string, seq int64) ([]string, error) {
	if !s.linked.Load() {
		return ids, nil
	}
	when, args := "a.until_seq = 9223372036854775807 AND b.until_seq = 9223372036854775807", []any{s.d.Strings(ids)}
	if seq > 0 {
		when = "a.from_seq <= ? AND a.until_seq > ? AND b.from_seq <= ? AND b.until_seq > ?"
		args = append(args, seq, seq, seq, seq)
	}
	out := append([]string(nil), ids...)
	seen := map[string]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	sql := "SELECT other.id FROM home mine JOIN person a ON a.patient = mine.patient JOIN person b ON b.person = a.person JOIN home other ON other.patient = b.patient WHERE " + s.d.Any("mine.id") + " AND " + when + " ORDER BY other.patient"
	err := s.db.Query(ctx, sql, args, func(r Row) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
		return nil
	})
	if err == nil && len(out) > chunkLimit {
		err = fhir.Errorf(fhir.TooCostly, "a person of more than %d patients", chunkLimit)
	}
	return out, s.db.Faulty(err)
}

// LoadLinks finds out whether any patients are linked: while none are, no search asks for persons. Another process may
// have linked the first, so it is asked again now and then.
func (s *Store) LoadLinks(ctx context.Context) error {
	var n int64
	found, err := one(ctx, s.db, "SELECT person FROM person LIMIT 1", nil, &n)
	if err == nil {
		s.linked.Store(found)
	}
	return s.db.Faulty(err)
}
