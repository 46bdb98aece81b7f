package intake

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// retryParked makes the units whose parents have come, again and again until no more can be made.
func (x *extract) retryParked() error {
	for progress := true; progress; {
		progress = false
		for after := (record.Part{Unit: -1}); ; {
			parts, err := x.desk.box.Waiting(x.ctx, x.feed.Number, 0, after, batchRows)
			if err != nil {
				return err
			}
			if len(parts) == 0 {
				break
			}
			after = parts[len(parts)-1]
			some, err := x.released(parts)
			if err != nil {
				return err
			}
			progress = progress || len(some) > 0
			if err := x.again(some); err != nil {
				return err
			}
		}
	}
	return nil
}

// released are those of some parked rows whose parent is there.
func (x *extract) released(parts []record.Part) ([]record.Part, error) {
	var out []record.Part
	for _, p := range parts {
		there, err := x.there(p.Waits)
		if err != nil {
			return nil, err
		}
		if there {
			out = append(out, p)
		}
	}
	return out, nil
}

// again makes units of rows that are known already.
func (x *extract) again(parts []record.Part) error {
	var works []*work
	seen := map[int64]bool{}
	for i := range parts {
		p := &parts[i]
		if seen[p.Unit] {
			continue
		}
		seen[p.Unit] = true
		r, err := x.rowAt(p, x.format.Tables[p.Table-1].Name)
		if err != nil {
			return err
		}
		works = append(works, &work{kind: x.units[r.table.Unit], key: r.unit, of: p.Unit})
	}
	for some := range slices.Chunk(works, batchRows) {
		if err := x.file(some); err != nil {
			return err
		}
	}
	return nil
}

// cascade parks everything that came with patients who were taken back: it leaves the record, and comes again if they do.
func (x *extract) cascade() error {
	gone := slices.Clone(x.gone)
	slices.Sort(gone)
	for _, key := range slices.Compact(gone) {
		unit := digestOf(PatientUnit, key)
		if there, err := x.there(unit); err != nil || there {
			if err != nil {
				return err
			}
			continue
		}
		kinds, err := x.cameWith(key)
		if err != nil {
			return err
		}
		var units []int64
		for _, k := range kinds {
			units = append(units, digestOf(k[0], k[1]))
		}
		for some := range slices.Chunk(units, batchRows) {
			parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, some)
			if err != nil {
				return err
			}
			if err := x.again(parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// cameWith are the kinds and keys of units that are in the record about a patient of this feed.
func (x *extract) cameWith(key string) ([][2]string, error) {
	id := x.id("Patient", "", PatientUnit, key)
	mine := []byte(`"Patient/` + id + `"`)
	prefix := sourcePrefix + x.feed.Name + "/"
	var out [][2]string
	seen := map[string]bool{}
	for _, typ := range x.aboutPatients() {
		next := typ + "?patient=Patient/" + id + "&_count=500"
		for next != "" {
			page, err := x.desk.Door.Find(x.ctx, x.desk.Who, next)
			if err != nil {
				return nil, err
			}
			for _, m := range page.Matches {
				if !bytes.Contains(m.Body, mine) {
					continue // of another Patient who is the same person
				}
				res, err := fhir.Parse(m.Body)
				if err != nil {
					return nil, err
				}
				source := res.Root().Get("meta").Get("source").Text()
				rest, ours := strings.CutPrefix(source, prefix)
				if !ours || seen[rest] {
					continue
				}
				seen[rest] = true
				kind, escaped, _ := strings.Cut(rest, "/")
				plain, err := url.PathUnescape(escaped)
				if err != nil {
					return nil, fhir.Errorf(fhir.Broken, "%s came from %q, which cannot be read", m.Ref(), source)
				}
				out = append(out, [2]string{kind, plain})
			}
			next = page.Next
		}
	}
	return out, nil
}

// aboutPatients are the types that this format's units make and that a search by patient finds.
func (x *extract) aboutPatients() []string {
	var out []string
	for _, u := range x.format.Units {
		if u.Kind == PatientUnit || u.Patient == nil {
			continue
		}
		for _, made := range u.Makes {
			typ, _, _ := strings.Cut(made, "#")
			if !slices.Contains(out, typ) && spec.Param(typ, "patient") != nil {
				out = append(out, typ)
			}
		}
	}
	return out
}

// remake makes again what used a looked up row that has changed, such as a code whose mapping was corrected.
func (x *extract) remake() error {
	changed := x.changed
	x.changed = nil
	prefix := sourcePrefix + x.feed.Name + "/"
	for _, r := range changed {
		units := map[int64]bool{}
		for _, next := range x.units[r.table.Unit].Users(r) {
			for next += "&_count=500"; next != ""; {
				page, err := x.desk.Door.Find(x.ctx, x.desk.Who, next)
				if err != nil {
					return err
				}
				for _, m := range page.Matches {
					res, err := fhir.Parse(m.Body)
					if err != nil {
						return err
					}
					rest, ours := strings.CutPrefix(res.Root().Get("meta").Get("source").Text(), prefix)
					kind, escaped, _ := strings.Cut(rest, "/")
					if plain, err := url.PathUnescape(escaped); ours && err == nil {
						units[digestOf(kind, plain)] = true
					}
				}
				next = page.Next
			}
		}
		var list []int64
		for u := range units {
			list = append(list, u)
		}
		slices.Sort(list)
		for some := range slices.Chunk(list, batchRows) {
			parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, some)
			if err != nil {
				return err
			}
			if err := x.again(parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostMissing is the share of rows that a full extract may leave out before a person is asked: more looks like an extract that
// broke off, or a practice that stopped sharing.
const mostMissing = 0.1

// sweep takes back the rows that full extracts no longer have, or does what their table's Missing says.
func (x *extract) sweep(files []*File) error {
	full := map[int64]int64{}
	x.newest = map[string]int64{}
	for _, f := range files {
		if f.Stamp.UnixMicro() < x.feed.Full[f.Table] {
			continue // its rows were passed over, since a newer one came before: it cannot say what is missing
		}
		if x.unread[f] {
			continue // what seems missing may be what could not be read
		}
		if f.Full && x.tables[f.Table] != nil && x.units[x.tables[f.Table].Unit].Map != nil {
			n := x.numbers[f.Table]
			full[n] = max(full[n], f.Stamp.UnixMicro())
			x.newest[f.Table] = full[n]
		}
	}
	if len(full) == 0 {
		return nil
	}
	slices.Sort(x.touched)
	var missing, ended []record.Part
	live := 0
	for after := (record.Part{Unit: -1}); ; {
		parts, err := x.desk.box.AllParts(x.ctx, x.feed.Number, after, 20*batchRows)
		if err != nil {
			return err
		}
		if len(parts) == 0 {
			break
		}
		after = parts[len(parts)-1]
		for _, p := range parts {
			stamp, ok := full[p.Table]
			if !ok || p.State == record.RowRetracted || p.Unit == p.Part {
				continue
			}
			live++
			if _, met := slices.BinarySearch(x.touched, p.Part); met || p.Stamp >= stamp {
				continue
			}
			absence, err := x.absence(&p, stamp)
			if err != nil {
				return err
			}
			switch {
			case absence == TakenBack:
				missing = append(missing, p)
			case absence == Ended && p.Stamp >= x.feed.Full[x.format.Tables[p.Table-1].Name]:
				ended = append(ended, p)
			}
		}
	}
	if share := float64(len(missing)) / math.Max(float64(live), 1); share > mostMissing && (len(missing) > 100 || len(missing) == live) && !x.feed.Confirmed {
		return &held{why: fmt.Sprintf("the full extract of %s leaves out %d of %d rows (%.0f %%): they would be taken back. Release the feed to take them back, or ask the supplier for a whole extract",
			files[len(files)-1].Stamp.Format("2 January 2006 15:04"), len(missing), live, share*100)}
	}
	if err := x.again(ended); err != nil {
		return err
	}
	return x.retract(missing, full)
}

// absence is what becomes of a row that the full extract of a stamp leaves out.
func (x *extract) absence(p *record.Part, stamp int64) (Absence, error) {
	t := &x.format.Tables[p.Table-1]
	if t.Missing == nil {
		return TakenBack, nil
	}
	r, err := x.rowAt(p, t.Name)
	if err != nil {
		return TakenBack, err
	}
	return t.Missing(r, time.UnixMicro(stamp).UTC()), nil
}

// retract takes rows back that stand in no file any more.
func (x *extract) retract(missing []record.Part, stamps map[int64]int64) error {
	for some := range slices.Chunk(missing, batchRows) {
		var works []*work
		at := map[int64]*work{}
		for i := range some {
			p := &some[i]
			r, err := x.rowAt(p, x.format.Tables[p.Table-1].Name)
			if err != nil {
				return err
			}
			r.deleted = true
			f := *r.File
			f.Stamp = time.UnixMicro(stamps[p.Table]).UTC()
			r.File = &f
			w := at[p.Unit]
			if w == nil {
				w = &work{kind: x.units[r.table.Unit], key: r.unit, of: p.Unit}
				at[p.Unit] = w
				works = append(works, w)
			}
			w.rows = append(w.rows, r)
		}
		if err := x.file(works); err != nil {
			return err
		}
	}
	return nil
}
