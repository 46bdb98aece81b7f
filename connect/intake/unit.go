package intake

import (
	"errors"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/record"
)

// unit makes one unit from the rows that came and those known already, and adds what is to be written.
func (x *extract) unit(f *filing, w *work, known []record.Part) error {
	latest := x.latest(f, w, known)
	rows, made, err := x.assemble(latest, w, known)
	if err != nil {
		return err
	}
	m := &Mapping{Feed: x.feed, Key: w.key, kind: w.kind, run: x, ctx: x.ctx, with: f}
	waits := int64(0)
	var bad []*Row
	for {
		m.rows, m.puts, m.note = rows, nil, nil
		if len(rows) == 0 {
			break
		}
		err := error(nil)
		if w.refused != "" {
			err = rows[0].Bad("", "%s", w.refused)
		} else {
			err = x.mapped(m)
		}
		if b, ok := errors.AsType[*badRow](err); ok && slices.Contains(rows, b.row) {
			f.boxes = append(f.boxes, x.quarantine(b.row, b))
			x.count(f, b.row.File, Rows{Quarantined: 1})
			bad = append(bad, b.row)
			rows = slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool { return r == b.row })
			if len(rows) == 0 {
				// What was made of it before stays: a bad row says nothing about what is true.
				return x.keepBad(f, w, bad, known, made)
			}
			continue
		}
		if unit, ok := isWaiting(err); ok {
			waits = unit
			m.puts = nil
			break
		}
		if err != nil {
			return err
		}
		break
	}
	return x.settle(f, w, m, known, latest, bad, made, waits)
}

// latest are the rows that came, one for each key.
func (x *extract) latest(f *filing, w *work, known []record.Part) []*Row {
	var latest []*Row
	for _, r := range w.rows {
		i := slices.IndexFunc(latest, func(o *Row) bool { return o.part == r.part })
		switch {
		case i < 0:
			latest = append(latest, r)
		case r.after(latest[i]):
			x.count(f, latest[i].File, Rows{Older: 1})
			latest[i] = r
		default:
			x.count(f, r.File, Rows{Older: 1})
		}
	}
	return latest
}

func (x *extract) count(f *filing, file *File, n Rows) {
	r := f.kept[file]
	r.Add(n)
	f.kept[file] = r
}

func (x *extract) countRow(f *filing, r *Row, n Rows) {
	if !r.second {
		x.count(f, r.File, n)
	}
}

// assemble are the live rows of a unit, and which resources it has made so far.
func (x *extract) assemble(latest []*Row, w *work, known []record.Part) (rows []*Row, made int64, err error) {
	for _, r := range latest {
		if !r.deleted {
			rows = append(rows, r)
		}
	}
	for i := range known {
		p := &known[i]
		newer := slices.ContainsFunc(latest, func(r *Row) bool { return r.part == p.Part })
		if newer {
			made |= p.Made
			continue
		}
		if p.State == record.RowRetracted && p.Made == 0 || p.State == record.RowQuarantined {
			made |= p.Made
			continue
		}
		r, err := x.rowAt(p, x.format.Tables[p.Table-1].Name)
		if err != nil {
			return nil, 0, err
		}
		if r.unit != w.key || r.table.Unit != w.kind.Kind {
			continue // another unit with the same digest
		}
		made |= p.Made
		if p.State != record.RowRetracted {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *Row) int { return int(x.numbers[a.table.Name] - x.numbers[b.table.Name]) })
	return rows, made, nil
}

// rowAt reads a row again from where it stands.
func (x *extract) rowAt(p *record.Part, table string) (*Row, error) {
	f, err := x.fileOf(p.Item, table)
	if err != nil {
		return nil, err
	}
	raw, err := x.desk.Bytes(x.ctx, p.Item, p.Place, p.Size)
	if err != nil {
		return nil, err
	}
	t := x.tables[table]
	comma := f.Comma
	if comma == 0 {
		comma = ','
	}
	_, spans, _, _ := cut(raw, comma, true)
	if len(spans) != len(f.Item.Header) {
		spans = splitLine(raw, comma)
	}
	r := &Row{File: f, Line: p.Line, place: p.Place, size: p.Size, raw: raw, spans: spans, head: newHeader(f.Item.Header, x.format.Windows1252), table: t}
	r.left = t.Missing != nil && f.Stamp.UnixMicro() < max(x.feed.Full[table], x.newest[table])
	// Its key and unit follow from what it says; a row that no longer says them is told apart by its caller.
	if _, err := x.prepare(r); err != nil {
		r.unit = ""
	}
	return r, nil
}

func (x *extract) fileOf(item int64, table string) (*File, error) {
	x.mu.Lock()
	f := x.files[item]
	x.mu.Unlock()
	if f != nil {
		return f, nil
	}
	it, err := x.desk.Item(x.ctx, item)
	if err != nil {
		return nil, err
	}
	if f, err = it.file(); err != nil {
		return nil, err
	}
	f.Table = table
	x.mu.Lock()
	x.files[item] = f
	x.mu.Unlock()
	return f, nil
}

// mapped makes the resources of a unit, unless its patient is not there.
func (x *extract) mapped(m *Mapping) error {
	if m.kind.Patient != nil {
		if key := m.kind.Patient(m); key != "" {
			there, err := x.patientThere(key)
			if err != nil {
				return err
			}
			if !there && !m.with.live[digestOf(PatientUnit, key)] {
				return m.Wait(PatientUnit, key)
			}
		}
	}
	if m.kind.Map == nil {
		return nil
	}
	if err := m.kind.Map(m); err != nil {
		return err
	}
	return x.valid(m)
}

// patientThere reports whether a patient of this feed is in the record.
func (x *extract) patientThere(key string) (bool, error) {
	return x.there(digestOf(PatientUnit, key))
}

func (x *extract) there(unit int64) (bool, error) {
	x.mu.Lock()
	is, ok := x.live[unit]
	x.mu.Unlock()
	if ok {
		return is, nil
	}
	parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, []int64{unit})
	if err != nil {
		return false, err
	}
	for _, p := range parts {
		is = is || p.State == record.RowFiled
	}
	x.mu.Lock()
	x.live[unit] = is
	x.mu.Unlock()
	return is, nil
}

// look are the live rows of a looked up unit, in order of key.
func (x *extract) look(table, key string) ([]*Row, error) {
	t := x.tables[table]
	unit := digestOf(t.Unit, key)
	x.mu.Lock()
	rows, ok := x.looked[unit]
	x.mu.Unlock()
	if ok {
		return rows, nil
	}
	parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, []int64{unit})
	if err != nil {
		return nil, err
	}
	for i := range parts {
		if p := &parts[i]; (p.State == record.RowFiled || p.State == record.RowParked) && p.Table == x.numbers[table] {
			r, err := x.rowAt(p, table)
			if err != nil {
				return nil, err
			}
			if r.unit == key {
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b *Row) int { return strings.Compare(a.key, b.key) })
	x.mu.Lock()
	if len(x.looked) >= mostLooked {
		clear(x.looked)
	}
	x.looked[unit] = rows
	x.mu.Unlock()
	return rows, nil
}

// mostLooked bounds the looked up units held in memory.
const mostLooked = 200_000

// settle adds what became of a unit: what to write and to delete, and the state of its rows.
func (x *extract) settle(f *filing, w *work, m *Mapping, known []record.Part, latest, bad []*Row, before, waits int64) error {
	var made int64
	fails := x.appraise(m, known, waits)
	for _, p := range m.puts {
		made |= 1 << p.make
		op := x.made(w.kind, p.make, w.key)
		op.Resource, op.Same = p.res, before&(1<<p.make) != 0
		f.ops = append(f.ops, op)
	}
	for gone := before &^ made; gone != 0; gone &= gone - 1 {
		op := x.made(w.kind, bits.TrailingZeros64(uint64(gone)), w.key)
		op.Method = record.Delete
		f.ops = append(f.ops, op)
	}
	state := record.RowFiled
	if waits != 0 {
		state = record.RowParked
	}
	wasThere := slices.ContainsFunc(known, func(p record.Part) bool { return p.State == record.RowFiled })
	isThere := false
	for _, r := range latest {
		p := x.part(r, w)
		p.Made = made
		switch {
		case slices.Contains(bad, r):
			p.State = record.RowQuarantined
		case r.deleted:
			p.State = record.RowRetracted
			x.countRow(f, r, Rows{Retracted: 1})
			f.boxes = append(f.boxes, x.understood(r))
		default:
			p.State, p.Waits, p.Fails = state, waits, fails[r]
			isThere = isThere || state == record.RowFiled
			if waits != 0 {
				x.countRow(f, r, Rows{Parked: 1})
			} else {
				x.countRow(f, r, Rows{Filed: 1})
			}
			if find(known, r.part) != nil {
				f.boxes = append(f.boxes, x.understood(r))
			}
		}
		f.parts = append(f.parts, p)
		if r.mapped != 0 {
			p.Unit, p.Part, p.Made, p.Waits, p.Fails, p.State = r.mapped, r.mapped, w.of, 0, 0, record.RowFiled
			f.parts = append(f.parts, p)
		}
	}
	for _, p := range known {
		if slices.ContainsFunc(latest, func(r *Row) bool { return r.part == p.Part }) {
			continue
		}
		i := slices.IndexFunc(m.rows, func(r *Row) bool { return r.part == p.Part })
		if i < 0 {
			continue // taken back or bad before, or not of this unit
		}
		was := p
		p.Made, p.State, p.Waits, p.Fails = made, state, waits, fails[m.rows[i]]
		isThere = isThere || state == record.RowFiled
		if p != was {
			f.parts = append(f.parts, p)
		}
		f.boxes = append(f.boxes, x.understood(m.rows[i]))
	}
	x.noteUnit(f, w, m, latest, wasThere, isThere)
	return nil
}

// noteUnit notes what others wait for or made use of.
func (x *extract) noteUnit(f *filing, w *work, m *Mapping, latest []*Row, wasThere, isThere bool) {
	if isThere && !wasThere && !f.newly {
		f.newly = true
		x.owe(f, owedNewly, "")
	}
	if w.kind.Kind == PatientUnit {
		f.live[w.of] = isThere
		if wasThere && !isThere {
			f.gone = append(f.gone, w.key)
			x.owe(f, owedGone, w.key)
		}
	}
	if w.kind.Looked || w.kind.Map == nil {
		f.stale = append(f.stale, w.of)
	}
	if isThere && wasThere && w.kind.Users != nil && len(latest) > 0 {
		f.changed = append(f.changed, m.rows[0])
		x.owe(f, owedChanged, strconv.FormatInt(w.of, 10))
	}
	if len(latest) == 0 {
		return
	}
	file := latest[0].File
	if f.types[file] == nil {
		f.types[file], f.notes[file] = map[string]int{}, map[string]int{}
	}
	for _, p := range m.puts {
		f.types[file][p.res.Type()]++
		p.said.count(f.notes[file])
	}
	for _, n := range m.note {
		f.notes[file][n]++
	}
}

func (x *extract) part(r *Row, w *work) record.Part {
	return record.Part{Feed: x.feed.Number, Unit: w.of, Part: r.part, Table: x.numbers[r.table.Name], Content: r.content, Stamp: r.File.Stamp.UnixMicro(),
		Item: r.File.Item.Number, Line: r.Line, Place: r.place, Size: r.size}
}

// keepBad notes rows that could not be understood and leaves everything else as it is.
func (x *extract) keepBad(f *filing, w *work, bad []*Row, known []record.Part, made int64) error {
	for _, r := range bad {
		p := x.part(r, w)
		p.State, p.Made = record.RowQuarantined, made
		if old := find(known, r.part); old != nil && *old == p {
			continue
		}
		f.parts = append(f.parts, p)
	}
	return nil
}
