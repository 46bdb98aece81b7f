package store

import (
	"context"

	"github.com/kith-care/kith/fhir"
)

// A person is a group of Patients that different sources keep of one human being. Rows bear the number of their source's
// Patient, which never changes; only this table says who belongs together, so taking a person apart again leaves
// everything else byte for byte as it was.

// Link makes patients one person from now on, with whoever they are one person with already.
func (w *Writer) Link(ctx context.Context, ids []string) error {
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		n, err := w.home(ctx, id)
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	group := map[int64]bool{}
	person := int64(0)
	for _, n := range numbers {
		group[n] = true
		err := w.tx.Query(ctx, "SELECT b.person, b.patient FROM person a JOIN person b ON b.person = a.person AND b.until_seq = a.until_seq WHERE a.patient = ? AND a.until_seq = 9223372036854775807", []any{n}, func(r Row) error {
			var of, member int64
			err := r.Scan(&of, &member)
			group[member] = true
			person = of
			return err
		})
		if err != nil {
			return err
		}
	}
	if person == 0 {
		if _, err := one(ctx, w.tx, "SELECT coalesce(max(person), 0) + 1 FROM person", nil, &person); err != nil {
			return err
		}
	}
	for n := range group {
		if err := w.unlink(ctx, n); err != nil {
			return err
		}
		if _, err := w.tx.Exec(ctx, "INSERT INTO person (person, patient, from_seq, until_seq) VALUES (?, ?, ?, 9223372036854775807)", person, n, w.seq); err != nil {
			return err
		}
	}
	w.linked = true
	return nil
}

// Unlink makes a patient a person of their own again.
func (w *Writer) Unlink(ctx context.Context, id string) error {
	n, err := w.home(ctx, id)
	if err != nil {
		return err
	}
	return w.unlink(ctx, n)
}

// unlink ends a membership. One that began at this very change never was.
func (w *Writer) unlink(ctx context.Context, patient int64) error {
	if _, err := w.tx.Exec(ctx, "DELETE FROM person WHERE patient = ? AND from_seq = ?", patient, w.seq); err != nil {
		return err
	}
	_, err := w.tx.Exec(ctx, "UPDATE person SET until_seq = ? WHERE patient = ? AND until_seq = 9223372036854775807", w.seq, patient)
	return err
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
