package store

import (
	"context"
	"math"
)

// A part is one row of an extract that some source sends again and again: where it was last read, what it said (by digest) and
// what became of it. Parts that make one thing together share a unit: a problem and the observation it points to. All
// columns are numbers, so that millions of rows can be recognised in a second.
type Part struct {
	Feed, Unit, Part int64
	Table            int64 // which table of the format
	Content          int64 // digest of the row
	Stamp            int64 // microseconds: when the source made the extract that said so
	Item             int64 // the file it stands in
	Line             int64 // its line there, from 1
	Place, Size      int64 // its bytes there
	State            PartState
	Waits            int64 // the unit it waits for, 0 for none
	Made             int64 // which of the resources its unit can make it has made, a bit each
	Fails            int64 // which checks of the data it does not pass, a bit each
}

// PartState is what became of a row.
type PartState int64

// The states of a part.
const (
	Filed      PartState = iota + 1
	Retracted            // the source took it back
	Parked               // it waits for another row
	Quarantine           // it could not be understood
)

const partColumns = "feed, unit, part, tab, content, stamp, item, line, place, size, state, waits, made, fails"

func (s *Store) scanParts(ctx context.Context, sql string, args ...any) ([]Part, error) {
	var out []Part
	err := s.db.Query(ctx, sql, args, func(r Row) error {
		var p Part
		err := r.Scan(&p.Feed, &p.Unit, &p.Part, &p.Table, &p.Content, &p.Stamp, &p.Item, &p.Line, &p.Place, &p.Size, &p.State, &p.Waits, &p.Made, &p.Fails)
		out = append(out, p)
		return err
	})
	return out, s.db.Faulty(err)
}

// Parts are the rows known of these units of a feed.
func (s *Store) Parts(ctx context.Context, feed int64, units []int64) ([]Part, error) {
	return s.scanParts(ctx, s.d.Each(partColumns, "part", "feed", "unit"), feed, s.d.Ints(units))
}

// WaitingParts are rows that wait for a unit, or for any where unit is 0, in order after one, at most limit.
func (s *Store) WaitingParts(ctx context.Context, feed, unit int64, after Part, limit int) ([]Part, error) {
	sql, args := "SELECT "+partColumns+" FROM part WHERE feed = ? AND waits <> 0", []any{feed}
	if unit != 0 {
		sql, args = sql+" AND waits = ?", append(args, unit)
	}
	sql += " AND (unit, part) > (?, ?) ORDER BY unit, part LIMIT ?"
	return s.scanParts(ctx, sql, append(args, after.Unit, after.Part, int64(limit))...)
}

// AllParts are the rows of a feed in order of unit and part, after one, at most limit.
func (s *Store) AllParts(ctx context.Context, feed int64, after Part, limit int) ([]Part, error) {
	sql := "SELECT " + partColumns + " FROM part WHERE feed = ? AND (unit, part) > (?, ?) ORDER BY unit, part LIMIT ?"
	return s.scanParts(ctx, sql, feed, after.Unit, after.Part, int64(limit))
}

// FailCounts is of a feed how many rows have each value of Fails but 0.
func (s *Store) FailCounts(ctx context.Context, feed int64) (map[int64]int, error) {
	out := map[int64]int{}
	err := s.db.Query(ctx, "SELECT fails, count(*) FROM part WHERE feed = ? AND fails <> 0 GROUP BY fails", []any{feed}, func(r Row) error {
		var fails, n int64
		err := r.Scan(&fails, &n)
		out[fails] = int(n)
		return err
	})
	return out, s.db.Faulty(err)
}

// FailValues are the values of Fails but 0 that rows of a feed have: few, however many rows there are, and each is one step into the index.
func (s *Store) FailValues(ctx context.Context, feed int64) (out []int64, err error) {
	for more, last := true, int64(0); more; {
		more = false
		err := s.db.Query(ctx, "SELECT fails FROM part WHERE feed = ? AND fails > ? AND fails <> 0 ORDER BY fails LIMIT 1", []any{feed, last}, func(r Row) error {
			more = true
			err := r.Scan(&last)
			out = append(out, last)
			return err
		})
		if err != nil {
			return nil, s.db.Faulty(err)
		}
	}
	return out, nil
}

// FailingParts are the rows of a feed with one value of Fails after one (the zero Part for the first), the newest file first and each file by line, at
// most limit.
func (s *Store) FailingParts(ctx context.Context, feed, fails int64, after Part, limit int) ([]Part, error) {
	const these, order = "SELECT " + partColumns + " FROM part WHERE feed = ? AND fails = ? AND fails <> 0 AND ", " LIMIT ?"
	var out []Part
	if after.Item != 0 { // two ranges of the index rather than one condition that it cannot serve
		var err error
		if out, err = s.scanParts(ctx, these+"item = ? AND (line, part) > (?, ?) ORDER BY line, part"+order, feed, fails, after.Item, after.Line, after.Part, int64(limit)); err != nil || len(out) == limit {
			return out, err
		}
	} else {
		after.Item = math.MaxInt64
	}
	rest, err := s.scanParts(ctx, these+"item < ? ORDER BY item DESC, line, part"+order, feed, fails, after.Item, int64(limit-len(out)))
	return append(out, rest...), err
}

// PutParts writes rows in the writer's transaction; one that is there already is replaced.
func (w *Writer) PutParts(ctx context.Context, parts []Part) error {
	if len(parts) == 0 {
		return nil
	}
	rows := make([][]any, len(parts))
	for i, p := range parts {
		rows[i] = []any{p.Feed, p.Unit, p.Part, p.Table, p.Content, p.Stamp, p.Item, p.Line, p.Place, p.Size, int64(p.State), p.Waits, p.Made, p.Fails}
	}
	return w.tx.Insert(ctx, partTable, rows)
}
