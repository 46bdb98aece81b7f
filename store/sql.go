package store

import (
	"context"
	"strings"

	"github.com/kith-care/kith/search"
)

// statement is SQL with its arguments.
type statement struct {
	strings.Builder
	args []any
}

func (st *statement) add(sql string, args ...any) {
	st.WriteString(sql)
	st.args = append(st.args, args...)
}

// access is a part of a plan with its patients' numbers looked up.
type access struct {
	search.Part
	numbers []int64
}

// The columns of a candidate: enough to match it, and all there is of it.
const (
	matchColumns = "r.rid, r.type, r.id, r.updated, r.patient, r.keys"
	wholeColumns = matchColumns + ", r.version, r.op, r.until, r.splice, r.body"
)

// candidates is the statement that brings at most limit candidates after the last one, in the order of the plan, as of
// change seq; seq 0 stands for now and is answered as the last column.
func (s *Store) candidates(p *search.Plan, parts []access, seq int64, after *search.Page, limit int, body bool) *statement {
	st := &statement{}
	if body {
		st.add("SELECT " + wholeColumns)
	} else {
		st.add("SELECT " + matchColumns)
	}
	if p.Order == search.ByDate {
		st.add(", c.date")
	} else {
		st.add(", 0")
	}
	if seq == 0 {
		st.add(", (SELECT seq FROM feed)")
	} else {
		st.add(", 0")
	}
	whole := len(parts) == 1 && parts[0].Kind == search.PartType
	if whole {
		st.add(" FROM res r WHERE r.type = ?", int64(parts[0].Type))
	} else {
		st.add(" FROM (")
		for i := range parts {
			if i > 0 {
				st.add(" UNION ALL ")
			}
			s.part(st, &parts[i], p.Order == search.ByDate)
		}
		st.add(") c JOIN res r ON r.rid = c.rid WHERE 1 = 1")
	}
	s.moment(st, p, seq, after, whole)
	st.add(" LIMIT ?", int64(limit))
	return st
}

// moment adds the conditions of time, place in the pages, and order.
func (s *Store) moment(st *statement, p *search.Plan, seq int64, after *search.Page, whole bool) {
	rid := "c.rid"
	if whole {
		rid = "r.rid"
	}
	if seq == 0 {
		st.add(" AND r.until = 9223372036854775807")
	} else {
		st.add(" AND "+rid+" <= ? AND r.until > ?", seq, seq)
	}
	if p.Order == search.ByDate {
		if after != nil {
			date := placeOf(after)
			st.add(" AND (c.date < ? OR c.date = ? AND c.rid < ?)", date, date, after.Rid)
		}
		st.add(" ORDER BY c.date DESC, c.rid DESC")
		return
	}
	desc := p.Desc && p.Order == search.ByWrite
	if after != nil {
		op := " > ?"
		if desc {
			op = " < ?"
		}
		st.add(" AND "+rid+op, after.Rid)
	}
	st.add(" ORDER BY " + rid)
	if desc {
		st.add(" DESC")
	}
}

// part is the select of one access path: rid, and the clinical date where candidates are ordered by it.
func (s *Store) part(st *statement, a *access, dated bool) {
	switch a.Kind {
	case search.PartID:
		hashes := make([]int64, len(a.IDs))
		for i, id := range a.IDs {
			hashes[i] = search.IdentityHash(a.Type, id)
		}
		st.add("SELECT rid FROM res WHERE ")
		s.anyInt(st, "idh", hashes)
	case search.PartClinical:
		st.add("SELECT rid")
		if dated {
			st.add(", date")
		}
		st.add(" FROM clin WHERE ")
		s.anyInt(st, "patient", a.numbers)
		st.add(" AND ")
		s.anyInt(st, "h", a.Hashes)
	case search.PartKey:
		st.add("SELECT rid FROM hash WHERE ")
		s.anyInt(st, "h", a.Hashes)
		if a.Valued {
			st.add(" AND num >= ? AND num <= ?", a.Low, a.High)
		}
	case search.PartPatient:
		st.add("SELECT rid FROM res WHERE patient > 0 AND ")
		s.anyInt(st, "patient", a.numbers)
		st.add(" AND type = ? UNION ALL SELECT rid FROM also WHERE ", int64(a.Type))
		s.anyInt(st, "patient", a.numbers)
		st.add(" AND type = ?", int64(a.Type))
	case search.PartText:
		st.add("SELECT rid FROM word WHERE param = ? AND text >= ? AND text < ?", a.Param, a.Prefix, a.Prefix+"\U0010FFFF")
	case search.PartRange:
		st.add("SELECT rid FROM span WHERE param = ? AND lo < ? AND lo >= ? AND hi > ?", a.Param, a.Hi, before(a.Lo), a.Lo)
		st.add(" UNION ALL SELECT rid FROM span WHERE param = ? AND lo < ? AND hi > ?", a.Param|longSpan, a.Hi, a.Lo)
	case search.PartExtra:
		st.add("SELECT rid FROM extra WHERE param = ?", a.Param)
	case search.PartType:
		st.add("SELECT rid FROM res WHERE type = ?", int64(a.Type))
	}
}

// before is where the longest of the short ranges that reach lo may begin.
func before(lo int64) int64 {
	if lo < -1<<63+longest {
		return -1 << 63
	}
	return lo - longest
}

func (s *Store) anyInt(st *statement, column string, values []int64) {
	if len(values) == 1 {
		st.add(column+" = ?", values[0])
		return
	}
	st.add(s.d.Any(column), s.d.Ints(values))
}

// accesses looks up the patients that the parts name; a part of patients who are not there is left out.
func (s *Store) accesses(ctx context.Context, q Queryer, p *search.Plan) ([]access, error) {
	var out []access
	for _, part := range p.Parts {
		a := access{Part: part}
		switch part.Kind {
		case search.PartClinical, search.PartPatient:
			var err error
			if a.numbers, err = s.patients(ctx, q, part.Patients); err != nil {
				return nil, err
			}
			if len(a.numbers) == 0 {
				continue
			}
		case search.PartID:
			if len(part.IDs) == 0 {
				continue
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// Explain shows the statement that answers a plan, with the database's own plan for it.
func (s *Store) Explain(ctx context.Context, p *search.Plan) (sql, plan string, err error) {
	parts, err := s.accesses(ctx, s.db, p)
	if err != nil || len(parts) == 0 {
		return "-- no such patient or id: nothing to look for", "", err
	}
	st := s.candidates(p, parts, 0, nil, 51, true)
	prefix := "EXPLAIN QUERY PLAN "
	if s.d.Name == "postgres" {
		prefix = "EXPLAIN "
	}
	var lines []string
	err = s.db.Query(ctx, prefix+st.String(), st.args, func(r Row) error {
		var a, b, c int64
		var line string
		err := error(nil)
		if s.d.Name == "postgres" {
			err = r.Scan(&line)
		} else {
			err = r.Scan(&a, &b, &c, &line)
		}
		lines = append(lines, line)
		return err
	})
	return st.String(), strings.Join(lines, "\n"), s.db.Faulty(err)
}
