package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Failing is a row, or a place in a message, that does not pass a check: no more of it than finds it again, since it goes to the supplier.
type Failing struct {
	File   string
	Item   int64
	Line   int64  // from 1; 0 where the item is no table
	Key    string // the source's own for the row, "" where it has none, or one that names a person by NHS number
	Column string // the supplier's, or the segment or entry of a message
	Why    string
}

// Fault is of an item that is no table what of it does not pass: a resource it made, where in it that stands, and which checks.
type Fault struct {
	Ref   string `json:"ref"`
	Place string `json:"place,omitempty"`
	Fails int64  `json:"fails"`
}

// mostFaults bounds the faults that one item which is no table lists; all are counted.
const mostFaults = 200

// Fails says of each check by name how many rows of a feed do not pass it now. It is of extracts, and leaves out those that pass all.
func (d *Desk) Fails(ctx context.Context, feed *Feed) (map[string]int, error) {
	counts, err := d.box.FailCounts(ctx, feed.Number)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for fails, n := range counts {
		for i := range checks {
			if fails&(1<<i) != 0 {
				out[checks[i].Name] += n
			}
		}
	}
	return out, nil
}

// Failing lists what of a feed does not pass a check as things stand now: a row that has been put right or taken back is not in it. Format is nil for
// feeds that are no extracts. The list begins after a place (next of the one before, "" for the first), the newest file first, and has at most
// limit rows; next is "" at its end. Whoever sees it is in the audit; as says in which form.
func (d *Desk) Failing(ctx context.Context, who access.Actor, format *Format, feed, check, as, after string, limit int) (rows []Failing, next string, err error) {
	f, err := d.Named(feed)
	if err != nil {
		return nil, "", err
	}
	c, ok := CheckNamed(check)
	if !ok {
		return nil, "", fhir.Errorf(fhir.NotFound, "there is no check %s", check)
	}
	if err := d.box.Disclose(ctx, who, as+" of what of "+feed+" does not pass: "+c.Title); err != nil {
		return nil, "", err
	}
	bit := slices.Index(checks[:], c)
	switch {
	case bit < 0:
		return d.notUnderstood(ctx, f, after, limit)
	case format == nil:
		return d.failingItems(ctx, f, bit, after, limit)
	}
	if format, err = format.of(f); err != nil {
		return nil, "", err
	}
	return d.failingRows(ctx, format, f, bit, after, limit)
}

// failingRows lists rows of extracts. Rows that fail the same checks stand together in the index, so the lists of each are merged.
func (d *Desk) failingRows(ctx context.Context, format *Format, f *Feed, bit int, after string, limit int) ([]Failing, string, error) {
	var from record.Part
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d.%d.%d", &from.Item, &from.Line, &from.Part); err != nil || from.Item <= 0 {
			return nil, "", fhir.Errorf(fhir.Invalid, "%q is no place in the list", after)
		}
	}
	values, err := d.box.FailValues(ctx, f.Number)
	if err != nil {
		return nil, "", err
	}
	var parts []record.Part
	for _, fails := range values {
		if fails&(1<<bit) == 0 {
			continue
		}
		some, err := d.box.FailingParts(ctx, f.Number, fails, from, limit+1)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, some...)
	}
	slices.SortFunc(parts, func(a, b record.Part) int {
		return cmp.Or(cmp.Compare(b.Item, a.Item), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Part, b.Part))
	})
	next := ""
	if len(parts) > limit {
		parts = parts[:limit]
		last := parts[limit-1]
		next = fmt.Sprintf("%d.%d.%d", last.Item, last.Line, last.Part)
	}
	x := d.newExtract(ctx, format, f)
	x.dry = &Difference{} // it only reads
	out := make([]Failing, len(parts))
	for i := range parts {
		if out[i], err = x.failing(bit, &parts[i]); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

func (x *extract) failing(bit int, p *record.Part) (Failing, error) {
	if p.Table < 1 || int(p.Table) > len(x.format.Tables) {
		return Failing{}, fhir.Errorf(fhir.Broken, "the format %s has no table %d", x.format.Kind, p.Table)
	}
	r, err := x.rowAt(p, x.format.Tables[p.Table-1].Name)
	if err != nil {
		return Failing{}, err
	}
	key := r.key
	if t := x.tables[r.File.Item.Meta["table"]]; t != nil {
		key = t.Key(r) // of a row that is also one of a table in no file, the supplier knows the key of its file
	}
	return Failing{File: r.File.Name, Item: p.Item, Line: p.Line, Key: unnamed(key), Column: x.format.column(bit, r), Why: checks[bit].Wrong}, nil
}

// failingItems lists places in messages, newest first. What a later message has said again is held against the checks there.
func (d *Desk) failingItems(ctx context.Context, f *Feed, bit int, after string, limit int) (out []Failing, next string, err error) {
	var before, skip int64
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d.%d", &before, &skip); err != nil || before <= 0 {
			return nil, "", fhir.Errorf(fhir.Invalid, "%q is no place in the list", after)
		}
		before++ // the item itself comes again, without what was shown of it
	}
	const looked = 500 // items at a time, so that a page is answered although few of them have a fault
	items, err := d.Items(ctx, f.Name, before, looked)
	if err != nil {
		return nil, "", err
	}
	for i, it := range items {
		for n, fault := range it.Faults {
			if fault.Fails&(1<<bit) == 0 || i == 0 && before != 0 && int64(n) < skip {
				continue
			}
			if len(out) == limit {
				return out, fmt.Sprintf("%d.%d", it.Number, n), nil
			}
			if stands, err := d.stands(ctx, it, fault); err != nil || !stands {
				if err != nil {
					return nil, "", err
				}
				continue
			}
			if last := len(out) - 1; last >= 0 && out[last].Item == it.Number && out[last].Column == fault.Place {
				continue // one segment may make several resources
			}
			out = append(out, Failing{File: it.Name, Item: it.Number, Column: fault.Place, Why: checks[bit].Wrong})
		}
	}
	if len(items) == looked {
		next = fmt.Sprintf("%d.%d", items[looked-1].Number, len(items[looked-1].Faults))
	}
	return out, next, nil
}

// stands reports whether the record still says what an item said.
func (d *Desk) stands(ctx context.Context, it *Item, f Fault) (bool, error) {
	typ, id, _ := strings.Cut(f.Ref, "/")
	have, err := d.Door.Get(ctx, d.Who, typ, id)
	if err != nil {
		if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
			return false, nil
		}
		return false, err
	}
	res, err := have.Resource()
	if err != nil {
		return false, err
	}
	source := res.Root().Get("meta").Get("source").Text()
	return source == Source(it.Feed, it.Number, f.Place), nil
}

// notUnderstood lists what is in quarantine.
func (d *Desk) notUnderstood(ctx context.Context, f *Feed, after string, limit int) ([]Failing, string, error) {
	items, err := d.box.List(ctx, "bad/"+f.Name, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(items) > limit {
		items = items[:limit]
		next = items[limit-1].Key
	}
	out := make([]Failing, len(items))
	for i, it := range items {
		var b Bad
		if err := json.Unmarshal(it.Value, &b); err != nil {
			return nil, "", fhir.Errorf(fhir.Broken, "a quarantined row of %s cannot be read: %w", f.Name, err)
		}
		out[i] = Failing{File: b.File, Item: b.Item, Line: b.Line, Column: b.Column, Why: b.General()}
		if key, ok := strings.CutPrefix(it.Key, "row/"+b.Table+"/"); ok {
			out[i].Key = unnamed(key)
		}
	}
	return out, next, nil
}

// General is the reason without what it quotes of the row.
func (b Bad) General() string {
	if i := strings.IndexByte(b.Reason, '"'); i >= 0 {
		if j := strings.LastIndexByte(b.Reason, '"'); j > i {
			return b.Reason[:i] + "…" + b.Reason[j+1:]
		}
	}
	return b.Reason
}

// unnamed is as much of a key as a supplier needs: the first value of one that is put together of several, since the others may say what a person
// has, and nothing where an NHS number stands in it. File and line find the row in any case.
func unnamed(key string) string {
	key, _, _ = strings.Cut(key, "|")
	digits := 0
	for i := 0; i <= len(key); i++ {
		if i < len(key) && key[i] >= '0' && key[i] <= '9' {
			digits++
			continue
		}
		if digits == 10 && modulus11(key[i-10:i]) {
			return ""
		}
		digits = 0
	}
	return key
}

// modulus11 reports whether ten digits have the check digit of an NHS number.
// https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func modulus11(n string) bool {
	sum := 0
	for i := range 9 {
		sum += int(n[i]-'0') * (10 - i)
	}
	check := 11 - sum%11
	return check%11 == int(n[9]-'0') && check != 10
}

// appraise holds what an item made against the checks, and keeps in it what did not pass.
func (it *Item) appraise(ops []record.Op) {
	for _, op := range ops {
		if op.Resource == nil || op.Method == record.Delete {
			continue
		}
		if it.Notes == nil {
			it.Notes = map[string]int{}
		}
		v := judged(op.Resource, it.Received, true)
		if valid, asked := it.Valid[op.Type+"/"+op.ID]; asked {
			v.say(isValid, valid)
		}
		v.count(it.Notes)
		if v.failed != 0 && len(it.Faults) < mostFaults {
			_, place, _ := strings.Cut(op.Resource.Root().Get("meta").Get("source").Text(), "#")
			it.Faults = append(it.Faults, Fault{op.Type + "/" + op.ID, place, v.failed})
		}
	}
}
