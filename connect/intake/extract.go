package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// extract is one drop of files being filed.
type extract struct {
	desk    *Desk
	format  *Format
	feed    *Feed
	ctx     context.Context
	tables  map[string]*Table
	numbers map[string]int64 // of tables, as parts name them
	units   map[string]*Unit
	dry     *Difference // nil to file; else what would be filed
	told    *Difference // of a replay: what was changed
	force   bool        // rows that say what they said are made again

	mu         sync.Mutex
	translated map[string]*r4.Coding // what the place's own map says of codes, nil where it has none
	looked     map[int64][]*Row      // rows of looked up units, none where there is no such unit
	live       map[int64]bool        // patients known to be there or not
	touched    []int64               // parts met in full tables
	newest     map[string]int64      // stamps of this drop's full extracts, while it is asked what they leave out
	rows       map[*File]*Rows       // what became of a file's rows
	unread     map[*File]bool        // it has rows of which nothing says what they are about
	notes      map[*File]map[string]int
	types      map[*File]map[string]int
	newly      bool            // something came that parked rows may wait for
	gone       []string        // keys of patients taken back
	changed    []*Row          // looked up rows that changed
	files      map[int64]*File // of earlier drops, by item
	flying     map[int64]bool  // units being filed
	landed     *sync.Cond
	progress   func(rows int64)
	done       int64
}

func (d *Desk) newExtract(ctx context.Context, f *Format, feed *Feed) *extract {
	x := &extract{desk: d, format: f, feed: feed, ctx: ctx, tables: map[string]*Table{}, numbers: map[string]int64{}, units: map[string]*Unit{},
		looked: map[int64][]*Row{}, translated: map[string]*r4.Coding{}, live: map[int64]bool{}, rows: map[*File]*Rows{}, unread: map[*File]bool{}, notes: map[*File]map[string]int{}, types: map[*File]map[string]int{}, files: map[int64]*File{}, flying: map[int64]bool{}}
	x.landed = sync.NewCond(&x.mu)
	for i := range f.Tables {
		t := &f.Tables[i]
		x.tables[t.Name], x.numbers[t.Name] = t, int64(i+1)
	}
	for i := range f.Units {
		x.units[f.Units[i].Kind] = &f.Units[i]
	}
	return x
}

func (x *extract) table(name string) *Table { return x.tables[name] }

// work is a unit with the rows that came for it.
type work struct {
	kind *Unit
	key  string
	of   int64
	rows []*Row
	// refused says why the record did not take what it makes.
	refused string
}

// prepare settles whose row it is. Rows that are none of ours give false.
func (x *extract) prepare(r *Row) (ok bool, err error) {
	t := r.table
	r.Feed = x.feed
	if t.Skip != nil && t.Skip(r) {
		return false, nil
	}
	if t.Hold != nil && !x.feed.Confirmed && x.dry == nil {
		if why := t.Hold(r); why != "" {
			return false, &held{why: why}
		}
	}
	if r.key = t.Key(r); r.key == "" {
		return false, r.Bad("", "the row has no key: nothing says what it is about")
	}
	r.unit = r.key
	r.part = digestOf("row", t.Name, r.key)
	r.deleted = t.Deleted != nil && t.Deleted(r)
	if t.UnitKey != nil {
		r.unit, r.mapped = t.UnitKey(r), digestOf("unit of row", t.Name, r.key)
		if r.unit == "" && !r.deleted {
			return false, r.Bad("", "the row does not say to what it belongs")
		}
	}
	r.of = digestOf(t.Unit, r.unit)
	if t.Content != nil {
		r.content = digestOf(t.Content(r))
	} else {
		r.content = digestOf(x.steady(r)...)
	}
	return true, nil
}

// steady is a row without its volatile columns.
func (x *extract) steady(r *Row) []string {
	from := int32(0)
	var parts []string
	for _, c := range x.format.Volatile {
		if i, ok := r.head.at[c]; ok && i < len(r.spans) && r.spans[i].from >= from {
			parts = append(parts, string(r.raw[from:r.spans[i].from]))
			from = r.spans[i].to
		}
	}
	return append(parts, strings.TrimRight(string(r.raw[from:]), "\r\n"))
}

// held stops a feed.
type held struct {
	why    string
	awaits bool // until something comes, or a person says to go on without
}

func (h *held) Error() string { return h.why }

const batchRows = 1000

// read goes through a file, handing on batches of rows with their units.
func (x *extract) read(f *File, each func([]*Row) error) error {
	in, err := x.desk.reader(x.ctx, f.Item)
	if err != nil {
		return err
	}
	t := x.tables[f.Table]
	x.mu.Lock()
	count := &Rows{}
	x.rows[f], x.notes[f], x.types[f] = count, map[string]int{}, map[string]int{}
	x.mu.Unlock()
	var batch []*Row
	var bads []record.BoxItem
	full := x.feed.Full[f.Table]
	flush := func() error {
		if len(bads) > 0 && x.dry == nil {
			if _, err := x.desk.box.Commit(x.ctx, x.desk.Who, nil, bads...); err != nil {
				return err
			}
		}
		bads = nil
		if len(batch) == 0 {
			return nil
		}
		rows := batch
		batch = nil
		return each(rows)
	}
	take := func(r *Row) error {
		ok, err := x.prepare(r)
		if err != nil {
			return err
		}
		if ok {
			batch = append(batch, r)
		}
		return nil
	}
	err = f.rows(in, t, x.format.Windows1252, func(r *Row, bad error) error {
		x.mu.Lock()
		count.In++
		older := f.Stamp.UnixMicro() < full
		if older && t.Missing == nil {
			count.Older++
		}
		x.mu.Unlock()
		if older && t.Missing == nil {
			return nil // a newer full extract has said all there is to say
		}
		if bad == nil && older {
			r.left = true
			if t.Missing(r, time.UnixMicro(full).UTC()) == TakenBack {
				x.mu.Lock()
				count.Older++
				x.mu.Unlock()
				return nil
			}
		}
		if bad == nil {
			bad = take(r)
			for i := 0; bad == nil && i < len(t.Also); i++ {
				also := *r
				also.table, also.second = x.tables[t.Also[i]], true
				bad = take(&also)
			}
		}
		if bad != nil {
			b, ok := errors.AsType[*badRow](bad)
			if !ok {
				return bad
			}
			bads = append(bads, x.quarantine(r, b))
			x.mu.Lock()
			x.unread[f] = true
			count.Quarantined++
			x.mu.Unlock()
		}
		if len(batch)+len(bads) >= batchRows {
			return flush()
		}
		return x.ctx.Err()
	})
	if err != nil {
		return err
	}
	return flush()
}

// quarantine notes a row that could not be understood.
func (x *extract) quarantine(r *Row, why *badRow) record.BoxItem {
	b := Bad{Feed: x.feed.Name, Item: r.File.Item.Number, File: r.File.Name, Line: r.Line, Table: r.table.Name, Column: why.column, Reason: why.why, Row: r.Text(), At: x.desk.Now().UTC()}
	return b.box(x.badKey(r))
}

// understood takes a row out of quarantine. A row may be there that was filed before: when its unit could not be made again.
func (x *extract) understood(r *Row) record.BoxItem {
	return record.BoxItem{Kind: "bad/" + x.feed.Name, Key: x.badKey(r)}
}

// badKey names the place of a row among what is quarantined: by its key where it has one, so that a better version of the row
// takes it out.
func (x *extract) badKey(r *Row) string {
	if r.key != "" {
		return fmt.Sprintf("row/%s/%s", r.table.Name, r.key)
	}
	return fmt.Sprintf("line/%s/%09d", oldestFirst(r.File.Item.Number), r.Line)
}

// known is what the record knows of some units.
func (x *extract) known(units []int64) (map[int64][]record.Part, error) {
	parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, units)
	if err != nil {
		return nil, err
	}
	out := make(map[int64][]record.Part, len(parts))
	for _, p := range parts {
		out[p.Unit] = append(out[p.Unit], p)
	}
	return out, nil
}

// fresh drops the rows that say nothing new, and notes which there were.
func (x *extract) fresh(rows []*Row) ([]*Row, error) {
	rows, forgotten, err := x.remembered(rows)
	if err != nil {
		return nil, err
	}
	if len(forgotten) > 0 && x.dry == nil {
		if _, err := x.desk.box.File(x.ctx, x.desk.Who, nil, forgotten); err != nil {
			return nil, err
		}
	}
	units := make([]int64, len(rows))
	for i, r := range rows {
		units[i] = r.of
	}
	known, err := x.known(units)
	if err != nil {
		return nil, err
	}
	latest := make(map[int64]*Row, len(rows)) // a key may come twice in one file
	var bump []record.Part
	out := rows[:0]
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range rows {
		if r.File.Full {
			x.touched = append(x.touched, r.part)
		}
		p := find(known[r.of], r.part)
		count := x.rows[r.File]
		stamp := r.File.Stamp.UnixMicro()
		switch {
		case p == nil:
		case x.force && p.Content == r.content && p.Item == r.File.Item.Number:
		case p.Content == r.content && !x.back(r, p):
			if !r.second {
				count.Unchanged++
			}
			if stamp > p.Stamp && (!r.File.Full || r.table.Missing != nil) {
				p.Stamp, p.Item, p.Line, p.Place, p.Size = stamp, r.File.Item.Number, r.Line, r.place, r.size
				bump = append(bump, *p)
			}
			continue
		case p.Stamp > stamp, p.Stamp == stamp && !x.later(r, p):
			count.Older++
			continue
		}
		if before := latest[r.part]; before != nil {
			if !r.second {
				count.Older++
			}
			if !r.after(before) {
				continue
			}
			before.part = -1 // superseded
		}
		latest[r.part] = r
		out = append(out, r)
	}
	out = slices.DeleteFunc(out, func(r *Row) bool { return r.part < 0 })
	if len(bump) > 0 && x.dry == nil {
		_, err = x.desk.box.File(x.ctx, x.desk.Who, nil, bump)
	}
	return out, err
}

// back reports whether a row says something new by being there again: a newer full extract had left it out, or it is now known to have
// been there for longer.
func (x *extract) back(r *Row, p *record.Part) bool {
	return r.table.Missing != nil && p.Stamp < x.feed.Full[r.table.Name] && p.Stamp < r.File.Stamp.UnixMicro()
}

// remembered gives rows that were taken back, and do not say from where, the unit they had. One that was never met is remembered
// as taken back, so that an older extract that comes later does not bring it: those are the parts to be written.
func (x *extract) remembered(rows []*Row) (out []*Row, forgotten []record.Part, err error) {
	var ask []int64
	for _, r := range rows {
		if r.mapped != 0 {
			ask = append(ask, r.mapped)
		}
	}
	if len(ask) == 0 {
		return rows, nil, nil
	}
	known, err := x.known(ask)
	if err != nil {
		return nil, nil, err
	}
	out = rows[:0]
	for _, r := range rows {
		if r.mapped == 0 {
			out = append(out, r)
			continue
		}
		p := find(known[r.mapped], r.mapped)
		stamp := r.File.Stamp.UnixMicro()
		switch {
		case r.unit == "" && (p == nil || p.Made == 0):
			forgotten = append(forgotten, record.Part{Feed: x.feed.Number, Unit: r.mapped, Part: r.mapped, Table: x.numbers[r.table.Name], Content: r.content, Stamp: stamp,
				Item: r.File.Item.Number, Line: r.Line, Place: r.place, Size: r.size, State: record.RowRetracted})
			x.mu.Lock()
			x.rows[r.File].Retracted++
			x.mu.Unlock()
			continue
		case p != nil && p.Made == 0 && p.Stamp > stamp:
			x.mu.Lock()
			x.rows[r.File].Older++
			x.mu.Unlock()
			continue
		case r.unit == "":
			r.of = p.Made
			if r.unit, err = x.unitKeyOf(r); err != nil {
				return nil, nil, err
			}
		}
		out = append(out, r)
	}
	return out, forgotten, nil
}

// unitKeyOf reads the key of a row's unit from the row as it was.
func (x *extract) unitKeyOf(r *Row) (string, error) {
	parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, []int64{r.of})
	if err != nil {
		return "", err
	}
	for i := range parts {
		if parts[i].Part != r.part {
			continue
		}
		if parts[i].Content == r.content { // it was taken back before
			return r.key, nil
		}
		was, err := x.rowAt(&parts[i], r.table.Name)
		if err != nil || was.unit != "" {
			return was.unit, err
		}
	}
	return r.key, nil
}

// after reports whether r says more than another row of its key in the same drop.
func (r *Row) after(other *Row) bool {
	if !r.File.Stamp.Equal(other.File.Stamp) {
		return r.File.Stamp.After(other.File.Stamp)
	}
	if r.table.Order != nil {
		if a, b := r.table.Order(r), r.table.Order(other); a != b {
			return a > b
		}
	}
	return r.Line > other.Line
}

// later reports whether r says more than the row of the same extract that is known already.
func (x *extract) later(r *Row, p *record.Part) bool {
	if r.File.Item.Number != p.Item {
		return true // the same table came twice in one extract, such as a file that was mended
	}
	if r.table.Order != nil {
		if have, err := x.rowAt(p, r.table.Name); err == nil {
			return r.after(have)
		}
	}
	return r.Line > p.Line
}

func find(parts []record.Part, part int64) *record.Part {
	for i := range parts {
		if parts[i].Part == part {
			return &parts[i]
		}
	}
	return nil
}

// group gathers rows by unit, in the order in which units are first met.
func (x *extract) group(rows []*Row, into map[int64]*work, order []*work) []*work {
	for _, r := range rows {
		w := into[r.of]
		if w == nil {
			w = &work{kind: x.units[r.table.Unit], key: r.unit, of: r.of}
			into[r.of] = w
			order = append(order, w)
		}
		w.rows = append(w.rows, r)
	}
	return order
}

// filing is a batch of units on its way into the record.
type filing struct {
	ops     []record.Op
	owner   []int // of each op, which of the batch's units
	parts   []record.Part
	boxes   []record.BoxItem
	kept    map[*File]Rows
	types   map[*File]map[string]int
	notes   map[*File]map[string]int
	newly   bool
	live    map[int64]bool
	stale   []int64 // looked up units to be read again
	gone    []string
	changed []*Row
}

// file makes units and writes them, with the rows they came from, in one transaction.
func (x *extract) file(works []*work) error {
	if len(works) == 0 {
		return nil
	}
	slices.SortStableFunc(works, func(a, b *work) int { return first(a) - first(b) })
	x.take(works)
	defer x.land(works)
	units := make([]int64, len(works))
	for i, w := range works {
		units[i] = w.of
	}
	known, err := x.known(units)
	if err != nil {
		return err
	}
	f, err := x.build(works, known)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for file, n := range f.kept {
		if x.rows[file] != nil {
			x.rows[file].Add(n)
		}
	}
	sum(x.types, f.types)
	sum(x.notes, f.notes)
	maps.Copy(x.live, f.live)
	for _, unit := range f.stale {
		delete(x.looked, unit)
	}
	x.newly = x.newly || f.newly
	x.gone = append(x.gone, f.gone...)
	x.changed = append(x.changed, f.changed...)
	return nil
}

// first puts patients before what is about them: a file that says both in one row need not park the other.
func first(w *work) int {
	if w.kind.Kind == PatientUnit {
		return 0
	}
	return 1
}

func sum(into, from map[*File]map[string]int) {
	for file, counts := range from {
		if into[file] == nil {
			into[file] = map[string]int{}
		}
		for k, n := range counts {
			into[file][k] += n
		}
	}
}

// build makes a batch and writes it. A unit that the record refuses must not take the others with it: its rows are quarantined
// and the rest is tried again.
func (x *extract) build(works []*work, known map[int64][]record.Part) (*filing, error) {
	for {
		f := &filing{kept: map[*File]Rows{}, types: map[*File]map[string]int{}, notes: map[*File]map[string]int{}, live: map[int64]bool{}}
		for i, w := range works {
			if err := x.unit(f, w, known[w.of]); err != nil {
				return nil, fmt.Errorf("%s %s: %w", w.kind.Kind, w.key, err)
			}
			for len(f.owner) < len(f.ops) {
				f.owner = append(f.owner, i)
			}
		}
		if x.dry != nil {
			return f, x.compare(f)
		}
		results, err := x.desk.box.File(x.ctx, x.desk.Who, f.ops, f.parts, f.boxes...)
		x.tellOf(results)
		at, ok := errors.AsType[*record.OpError](err)
		if !ok {
			return f, err
		}
		switch fhir.KindOf(at.Err) {
		case fhir.Busy, fhir.Broken, fhir.NoRoom:
			return nil, err
		}
		w := works[f.owner[at.Index]]
		if w.refused != "" {
			return nil, err
		}
		w.refused = fmt.Sprintf("the %s it makes is not valid: %v", f.ops[at.Index].Type, at.Err)
	}
}

// take waits until none of the units is being filed, so that changes of one unit stay in order.
func (x *extract) take(works []*work) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for slices.ContainsFunc(works, func(w *work) bool { return x.flying[w.of] }) {
		x.landed.Wait()
	}
	for _, w := range works {
		x.flying[w.of] = true
	}
}

func (x *extract) land(works []*work) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range works {
		delete(x.flying, w.of)
	}
	x.landed.Broadcast()
}
