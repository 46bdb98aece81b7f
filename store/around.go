package store

import (
	"context"
	"maps"
	"slices"

	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// Around is what the record holds of some patients that says who is close to them.
type Around struct {
	Person map[int64][]int64 // by patient, who is the same person now, itself among them, in order
	IDs    map[int64]string  // of all these
	Rows   []*Version        // current resources of the types asked for in the records of any of these
}

// Around reads who the patients are and the current resources of some types about them; bodies come with those of the
// types in whole only. References by Task.for count, which is in no compartment. Inside a transaction w is its writer.
func (s *Store) Around(ctx context.Context, w *Writer, patients []int64, types, whole []spec.TypeID) (*Around, error) {
	q := Queryer(s.db)
	if w != nil {
		q = w.tx
		if err := w.flush(ctx); err != nil {
			return nil, err
		}
	}
	a, err := s.people(ctx, q, patients)
	if err != nil {
		return nil, s.db.Faulty(err)
	}
	everybody := slices.Sorted(maps.Keys(a.IDs))
	err = s.around(ctx, q, a, everybody, types, whole)
	return a, s.db.Faulty(err)
}

// people finds who is one person with each of the patients, and the ids of all of them.
func (s *Store) people(ctx context.Context, q Queryer, patients []int64) (*Around, error) {
	a := &Around{Person: map[int64][]int64{}, IDs: map[int64]string{}}
	var all []int64
	for _, n := range patients {
		a.Person[n] = []int64{n}
		all = append(all, n)
	}
	if s.linked.Load() {
		sql := "SELECT a.patient, b.patient FROM person a JOIN person b ON b.person = a.person AND b.until_seq = a.until_seq WHERE " + s.d.Any("a.patient") + " AND a.until_seq = 9223372036854775807"
		err := q.Query(ctx, sql, []any{s.d.Ints(patients)}, func(r Row) error {
			var mine, other int64
			err := r.Scan(&mine, &other)
			if err == nil && mine != other {
				a.Person[mine] = append(a.Person[mine], other)
				all = append(all, other)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, group := range a.Person {
		slices.Sort(group)
	}
	slices.Sort(all)
	return a, q.Query(ctx, "SELECT patient, id FROM home WHERE "+s.d.Any("patient"), []any{s.d.Ints(slices.Compact(all))}, func(r Row) error {
		var n int64
		var id string
		err := r.Scan(&n, &id)
		a.IDs[n] = id
		return err
	})
}

func (s *Store) around(ctx context.Context, q Queryer, a *Around, patients []int64, types, whole []spec.TypeID) error {
	if len(patients) == 0 {
		return nil
	}
	task, _ := spec.Resource("Task")
	patientParam, _ := spec.ParamCode("patient")
	var tasks []int64
	for _, id := range a.IDs {
		tasks = append(tasks, search.Hash(task, patientParam, "Patient/"+id))
	}
	list := func(of []spec.TypeID) any {
		out := make([]int64, len(of))
		for i, t := range of {
			out[i] = int64(t)
		}
		return s.d.Ints(out)
	}
	st := &statement{}
	st.add("SELECT r.rid, r.type, r.id, r.version, r.op, r.updated, r.patient, r.until, r.keys, r.splice, CASE WHEN "+s.d.Any("r.type")+" THEN r.body END FROM (SELECT rid FROM res WHERE patient > 0 AND ", list(whole))
	s.anyInt(st, "patient", patients)
	st.add(" AND "+s.d.Any("type")+" UNION SELECT rid FROM also WHERE ", list(types))
	s.anyInt(st, "patient", patients)
	st.add(" AND "+s.d.Any("type")+" UNION SELECT rid FROM hash WHERE ", list(types))
	s.anyInt(st, "h", tasks)
	st.add(") c JOIN res r ON r.rid = c.rid WHERE r.until = 9223372036854775807 ORDER BY r.rid")
	return q.Query(ctx, st.String(), st.args, func(r Row) error {
		c := candidate{}
		v := &c.v
		var typ, op int64
		if err := r.Scan(&v.Rid, &typ, &v.ID, &v.Version, &op, &v.Updated, &v.Patient, &v.Until, &v.Keys, &c.splice, &c.packed); err != nil {
			return err
		}
		v.Type, v.Op = spec.TypeID(typ), Op(op)
		if c.packed != nil {
			var err error
			if v.Body, err = s.body(&c); err != nil {
				return err
			}
		}
		a.Rows = append(a.Rows, v)
		return nil
	})
}

// Numbers are the numbers of patients by id; ids that are no patient's are left out. Inside a transaction w is its
// writer.
func (s *Store) Numbers(ctx context.Context, w *Writer, ids []string) (map[string]int64, error) {
	out := make(map[string]int64, len(ids))
	var ask []string
	for _, id := range ids {
		if n, ok := s.homes.get(id); ok {
			out[id] = n
		} else {
			ask = append(ask, id)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	q := Queryer(s.db)
	if w != nil {
		q = w.tx
		if err := w.flush(ctx); err != nil {
			return nil, err
		}
	}
	err := q.Query(ctx, "SELECT patient, id FROM home WHERE "+s.d.Any("id"), []any{s.d.Strings(ask)}, func(r Row) error {
		var n int64
		var id string
		err := r.Scan(&n, &id)
		out[id] = n
		return err
	})
	return out, s.db.Faulty(err)
}

// Touched calls f with the type, home patient and keys of every change after one to some types, and answers the number of
// the last change there is.
func (s *Store) Touched(ctx context.Context, after int64, types []spec.TypeID, f func(*Version)) (int64, error) {
	seq, err := s.Seq(ctx)
	if err != nil || seq <= after {
		return seq, s.db.Faulty(err)
	}
	list := make([]int64, len(types))
	for i, t := range types {
		list[i] = int64(t)
	}
	err = s.db.Query(ctx, "SELECT rid, type, id, patient, keys FROM res WHERE rid > ? AND rid <= ? AND "+s.d.Any("type"), []any{after, seq, s.d.Ints(list)}, func(r Row) error {
		v := &Version{}
		var typ int64
		if err := r.Scan(&v.Rid, &typ, &v.ID, &v.Patient, &v.Keys); err != nil {
			return err
		}
		v.Type = spec.TypeID(typ)
		f(v)
		return nil
	})
	return seq, s.db.Faulty(err)
}

// Relinked are the ids of patients who became one person with others, or ceased to be, at a change or after it. They stand in a table of their own for
// some minutes: an index of the memberships by their moments would tempt a database to begin there when it asks who is one person.
func (s *Store) Relinked(ctx context.Context, seq int64) ([]string, error) {
	if !s.linked.Load() {
		return nil, nil
	}
	var out []string
	err := s.db.Query(ctx, "SELECT h.id FROM relinked r JOIN home h ON h.patient = r.patient WHERE r.seq >= ?", []any{seq}, func(r Row) error {
		var id string
		err := r.Scan(&id)
		out = append(out, id)
		return err
	})
	return out, s.db.Faulty(err)
}

// ForgetRelinked removes what Relinked would answer of changes before one.
func (s *Store) ForgetRelinked(ctx context.Context, seq int64) error {
	return s.Write(ctx, func(w *Writer) error {
		_, err := w.tx.Exec(ctx, "DELETE FROM relinked WHERE seq < ?", seq)
		return err
	})
}
