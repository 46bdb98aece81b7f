package fact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Sheet gathers what one item that is no table says: a file of visits, of readings.
type Sheet struct {
	Desk *intake.Desk
	Feed *intake.Feed
	Item *intake.Item
	Bads []intake.Bad
	In   int // entries met

	// Before is called before what is on the sheet is handed on, nil for nothing.
	Before func() error

	notes map[string]int
	order []entryKey
	puts  map[entryKey]any
	gone  map[entryKey]bool
	must  map[entryKey]int64                // the version that must be current of what is put, 0 for none
	yield func(*intake.Reading, error) bool // of an item that is handed on in parts
}

// full is how many entries a sheet holds before it is handed on: about as many as go well into one transaction.
const full = 5000

// errFull ends the reading of an item that is longer than a sheet, and errEnough one whose parts nobody wants any more.
var errFull, errEnough = errors.New("the item is longer than a sheet"), errors.New("enough")

// Parts is what an item says that read puts on a sheet. A long item is handed on in parts, so that memory does not grow with it; then read
// is called several times, each with a sheet of its own. It calls Turn between entries.
func Parts(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, read func(*Sheet) error) (*intake.Reading, error) {
	s := &Sheet{Desk: d, Feed: f, Item: it}
	switch err := read(s); {
	case err == nil:
		return s.Reading(ctx)
	case !errors.Is(err, errFull):
		return nil, err
	}
	return &intake.Reading{Parts: func(yield func(*intake.Reading, error) bool) {
		s := &Sheet{Desk: d, Feed: f, Item: it, yield: yield}
		err := read(s)
		if errors.Is(err, errEnough) {
			return
		}
		var last *intake.Reading
		if err == nil {
			last, err = s.Reading(ctx)
		}
		yield(last, err)
	}}, nil
}

// Turn hands on what is on the sheet where it is full. It is called between two entries.
func (s *Sheet) Turn(ctx context.Context) error {
	if len(s.order)+len(s.Bads) < full {
		return nil
	}
	if s.yield == nil {
		return errFull
	}
	r, err := s.Reading(ctx)
	if err != nil {
		return err
	}
	if !s.yield(r, nil) {
		return errEnough
	}
	*s = Sheet{Desk: s.Desk, Feed: s.Feed, Item: s.Item, Before: s.Before, yield: s.yield}
	return nil
}

type entryKey struct{ typ, id string }

// Note counts something noticed, for the console.
func (s *Sheet) Note(format string, args ...any) {
	if s.notes == nil {
		s.notes = map[string]int{}
	}
	s.notes[fmt.Sprintf(format, args...)]++
}

// Bad quarantines one entry of the item: line counts from 1.
func (s *Sheet) Bad(line int64, row string, why error) {
	const most = 4000
	if len(row) > most {
		row = row[:most]
	}
	s.Bads = append(s.Bads, intake.Bad{Line: line, Reason: why.Error(), Row: strings.ToValidUTF8(row, "\uFFFD")})
}

// ID is the id of what a key of the feed names.
func (s *Sheet) ID(typ, key string) string { return intake.ID(s.Feed.Name, typ, key) }

// Ref refers to it, nil where key is "".
func (s *Sheet) Ref(typ, key string) *r4.Reference {
	if key == "" {
		return nil
	}
	return &r4.Reference{Reference: typ + "/" + s.ID(typ, key)}
}

// Put files a pointer to a struct of fhir/r4 under what a key names; place is where in the item it stands. Said twice, the later counts.
func (s *Sheet) Put(typ, key, place string, resource any) {
	if s.puts == nil {
		s.puts = map[entryKey]any{}
	}
	id := s.ID(typ, key)
	v := reflect.ValueOf(resource).Elem()
	v.FieldByName("ID").SetString(id)
	meta := v.FieldByName("Meta")
	if meta.IsNil() {
		meta.Set(reflect.ValueOf(&r4.Meta{}))
	}
	meta.Interface().(*r4.Meta).Source = intake.Source(s.Feed.Name, s.Item.Number, place)
	k := entryKey{typ, id}
	delete(s.gone, k)
	if _, again := s.puts[k]; !again {
		s.order = append(s.order, k)
	}
	s.puts[k] = resource
}

// Expect says which version of what a key names must still be the current one when it is written, 0 for that there is none. Where it is not, nothing of the
// item is filed, and it is read again.
func (s *Sheet) Expect(typ, key string, version int64) {
	if s.must == nil {
		s.must = map[entryKey]int64{}
	}
	s.must[entryKey{typ, s.ID(typ, key)}] = version
}

// Has reports whether the item put what a key names.
func (s *Sheet) Has(typ, key string) bool {
	_, ok := s.puts[entryKey{typ, s.ID(typ, key)}]
	return ok
}

// Table reads an item that is CSV, whose header must have some columns, in capitals or not. Rows that cannot be read are quarantined, each with what is
// on its own line.
func (s *Sheet) Table(ctx context.Context, body []byte, need []string, each func(*intake.Row) error) error {
	if err := intake.IsUTF8(body); err != nil {
		return fhir.Errorf(fhir.Invalid, "%s: %w", s.Item.Name, err)
	}
	head, rest, _ := bytes.Cut(body, []byte("\n"))
	header := intake.SplitRow(strings.ToLower(string(head)), ',')
	for _, n := range need {
		if !slices.Contains(header, n) {
			return fhir.Errorf(fhir.Invalid, "%s: line 1: there is no column %s; the columns are %.500q", s.Item.Name, n, strings.Join(header, ", "))
		}
	}
	text := append(append(bytes.ToLower(head), '\n'), rest...)
	return intake.ReadRows(text, func(r *intake.Row, bad error) error {
		if err := s.Turn(ctx); err != nil {
			return err
		}
		s.In++
		if bad != nil {
			s.Bad(r.Line, r.Text(), bad)
			return nil
		}
		return each(r)
	})
}

// There reports whether the record has what a key of the feed names.
func (s *Sheet) There(ctx context.Context, typ, key string) (bool, error) {
	_, err := s.Desk.Door.Get(ctx, s.Desk.Who, typ, s.ID(typ, key))
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return false, nil
	}
	return err == nil, err
}

// Drop takes back what a key names, where this item or the record has it, and reports whether one of them did.
func (s *Sheet) Drop(ctx context.Context, typ, key string) (bool, error) {
	k := entryKey{typ, s.ID(typ, key)}
	_, put := s.puts[k]
	if put {
		delete(s.puts, k)
		s.order = slices.DeleteFunc(s.order, func(o entryKey) bool { return o == k })
	}
	there, err := s.There(ctx, typ, key)
	if there {
		if s.gone == nil {
			s.gone = map[entryKey]bool{}
		}
		s.gone[k] = true
	}
	return put || there, err
}

// asked is how many resources are asked for at once.
const asked = 100

// Reading is what the item changes in the record: what the record has already is left out, and the item it first came in stays its source.
// An item of one entry that cannot be filed is in quarantine itself, so that whoever sent it is told.
func (s *Sheet) Reading(ctx context.Context) (*intake.Reading, error) {
	if s.Before != nil {
		if err := s.Before(); err != nil {
			return nil, err
		}
	}
	if s.yield == nil && s.In == 1 && len(s.Bads) == 1 {
		return nil, fhir.Errorf(fhir.Invalid, "line %d: %s", s.Bads[0].Line, s.Bads[0].Reason)
	}
	r := &intake.Reading{Bad: s.Bads, Notes: s.notes}
	have := map[entryKey]*fhir.Resource{}
	byType := map[string][]string{}
	for _, k := range s.order {
		byType[k.typ] = append(byType[k.typ], k.id)
	}
	for typ, ids := range byType {
		for len(ids) > 0 {
			n := min(asked, len(ids))
			page, err := s.Desk.Door.Find(ctx, s.Desk.Who, fmt.Sprintf("%s?_id=%s&_count=%d", typ, strings.Join(ids[:n], ","), n))
			if err != nil {
				return nil, err
			}
			for i := range page.Matches {
				res, err := page.Matches[i].Resource()
				if err != nil {
					return nil, err
				}
				have[entryKey{typ, res.ID()}] = res
			}
			ids = ids[n:]
		}
	}
	unchanged := 0
	for _, k := range s.order {
		x := s.puts[k]
		if was := have[k]; was != nil && same(was, x) {
			unchanged++
			continue
		}
		res, err := fhir.Parse(r4.Encode(x))
		if err != nil {
			return nil, fhir.Errorf(fhir.Broken, "%s of %s cannot be written: %w", k.typ, s.Item.Name, err)
		}
		op := record.Op{Method: record.Update, Type: k.typ, ID: k.id, Resource: res}
		if version, must := s.must[k]; must {
			op.IfMatch, op.IfNone = version, version == 0
		}
		r.Ops = append(r.Ops, op)
		if k.typ == "Patient" && len(r.Patients) < 20 {
			r.Patients = append(r.Patients, k.id)
		}
	}
	gone := slices.SortedFunc(maps.Keys(s.gone), func(a, b entryKey) int { return strings.Compare(a.typ+a.id, b.typ+b.id) })
	for _, k := range gone {
		r.Ops = append(r.Ops, record.Op{Method: record.Delete, Type: k.typ, ID: k.id})
	}
	r.Rows = intake.Rows{In: max(s.In, len(s.Bads)), Filed: max(s.In-len(s.Bads), 0), Quarantined: len(s.Bads), Retracted: len(s.gone)}
	if len(r.Ops) == 0 {
		r.Rows.Unchanged, r.Rows.Filed = r.Rows.Filed, 0
	}
	return r, nil
}

// same reports whether a resource says what the record has, wherever it came from.
func same(was *fhir.Resource, x any) bool {
	old := reflect.New(reflect.TypeOf(x).Elem())
	if r4.Decode(was, old.Interface()) != nil {
		return false
	}
	meta, ok := old.Elem().FieldByName("Meta").Interface().(*r4.Meta)
	mine := reflect.ValueOf(x).Elem().FieldByName("Meta").Interface().(*r4.Meta)
	if !ok || meta == nil {
		return false
	}
	meta.VersionId, meta.LastUpdated = "", fhir.DateTime{}
	source := meta.Source
	meta.Source = mine.Source
	equal := string(r4.Encode(old.Interface())) == string(r4.Encode(x))
	meta.Source = source
	return equal
}
