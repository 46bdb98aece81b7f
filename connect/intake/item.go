package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Status is what became of an item.
type Status string

// The states of an item.
const (
	Pending     Status = "pending"     // kept, not yet filed
	Filed       Status = "filed"       // everything in it is in the record, quarantined or parked
	Quarantined Status = "quarantined" // it could not be understood as a whole
	Refused     Status = "refused"     // the sender was told no
)

// Item is one thing that arrived: a file, a message, a bundle.
type Item struct {
	Number   int64             `json:"number"`
	Feed     string            `json:"feed"`
	Name     string            `json:"name"`           // the file's, or the message's type and control id
	Drop     string            `json:"drop,omitempty"` // what it arrived together with, such as a night's files
	SHA256   string            `json:"sha256"`
	Size     int64             `json:"size"`
	Received time.Time         `json:"received"`
	Finished time.Time         `json:"finished,omitzero"` // when it was filed or given up
	Status   Status            `json:"status"`
	Reason   string            `json:"reason,omitempty"` // of quarantine and refusal, for a person
	Rows     Rows              `json:"rows"`
	Types    map[string]int    `json:"types,omitempty"`    // resources written, by type
	Patients []string          `json:"patients,omitempty"` // ids of Patients it is about, where they are few
	Header   []string          `json:"header,omitempty"`   // the columns of a table
	Notes    map[string]int    `json:"notes,omitempty"`    // what was noticed, with how often
	Faults   []Fault           `json:"faults,omitempty"`   // what of an item that is no table does not pass the checks, the first few
	Meta     map[string]string `json:"meta,omitempty"`     // what its format needs to read it again
	Valid    map[string]bool   `json:"-"`                  // of what it makes, whether it validates: nil where nobody asked
}

// Rows counts what became of the rows or segments of an item.
type Rows struct {
	In          int `json:"in"`
	Filed       int `json:"filed"`
	Unchanged   int `json:"unchanged"`
	Retracted   int `json:"retracted"`
	Parked      int `json:"parked"`
	Quarantined int `json:"quarantined"`
	Older       int `json:"older"` // superseded by what is known already
}

// Add sums counts up.
func (r *Rows) Add(o Rows) {
	r.In += o.In
	r.Filed += o.Filed
	r.Unchanged += o.Unchanged
	r.Retracted += o.Retracted
	r.Parked += o.Parked
	r.Quarantined += o.Quarantined
	r.Older += o.Older
}

// Bad is a row or a message that could not be filed.
type Bad struct {
	Feed   string    `json:"feed"`
	Item   int64     `json:"item"`
	File   string    `json:"file"`
	Line   int64     `json:"line,omitempty"` // from 1, the header included; 0 for the whole item
	Table  string    `json:"table,omitempty"`
	Column string    `json:"column,omitempty"`
	Reason string    `json:"reason"`
	Row    string    `json:"row,omitempty"` // as it came
	At     time.Time `json:"at"`
	Key    string    `json:"-"` // by which it is found again
}

// Keep stores what arrived, as it came, and answers the item. Again is true where the feed had the very same bytes before
// under the same name; the item is then the first one, and its status says whether it was filed.
func (d *Desk) Keep(ctx context.Context, feed, name string, data []byte) (item *Item, again bool, err error) {
	f, err := d.Named(feed)
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	if have, err := d.seen(ctx, feed, digest, name); err != nil || have != nil {
		return have, have != nil, err
	}
	it := &Item{Number: d.number(), Feed: f.Name, Name: name, SHA256: digest, Size: int64(len(data)), Received: d.Now().UTC(), Status: Pending}
	raw, err := rawItems(it.Number, data)
	if err != nil {
		return nil, false, err
	}
	_, err = d.box.Commit(ctx, d.Who, nil, append(raw, it.boxes()...)...)
	return it, false, err
}

// seen is the item of these bytes and this name, nil where there is none.
func (d *Desk) seen(ctx context.Context, feed, digest, name string) (*Item, error) {
	key, err := d.box.Get(ctx, "digest/"+feed, digest+"/"+name)
	if err != nil || key == nil {
		return nil, err
	}
	return d.item(ctx, feed, string(key))
}

// boxes are what is kept of an item: itself, its digest, and that it is pending while it is.
func (it *Item) boxes() []record.BoxItem {
	pending := []byte("")
	if it.Status != Pending {
		pending = nil
	}
	return []record.BoxItem{
		{Kind: "item/" + it.Feed, Key: newestFirst(it.Number), Value: encode(it)},
		{Kind: "digest/" + it.Feed, Key: it.SHA256 + "/" + it.Name, Value: []byte(newestFirst(it.Number))},
		{Kind: "pending/" + it.Feed, Key: oldestFirst(it.Number), Value: pending},
		{Kind: "number", Key: oldestFirst(it.Number), Value: []byte(it.Feed)},
	}
}

// update are the boxes that change when an item's status does.
func (it *Item) update() []record.BoxItem {
	b := it.boxes()
	return []record.BoxItem{b[0], b[2]}
}

// Item is the item of that number.
func (d *Desk) Item(ctx context.Context, number int64) (*Item, error) {
	feed, err := d.box.Get(ctx, "number", oldestFirst(number))
	if err != nil {
		return nil, err
	}
	if feed == nil {
		return nil, fhir.Errorf(fhir.NotFound, "nothing that arrived has the number %d", number)
	}
	return d.item(ctx, string(feed), newestFirst(number))
}

func (d *Desk) item(ctx context.Context, feed, key string) (*Item, error) {
	value, err := d.box.Get(ctx, "item/"+feed, key)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fhir.Errorf(fhir.NotFound, "the feed %s has no item %s", feed, key)
	}
	it := &Item{}
	if err := json.Unmarshal(value, it); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "item %s of %s cannot be read: %w", key, feed, err)
	}
	return it, nil
}

// Items are a feed's items, the newest first, those older than before (0 for the newest), at most limit.
func (d *Desk) Items(ctx context.Context, feed string, before int64, limit int) ([]*Item, error) {
	after := ""
	if before != 0 {
		after = newestFirst(before)
	}
	items, err := d.box.List(ctx, "item/"+feed, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]*Item, len(items))
	for i, b := range items {
		out[i] = &Item{}
		if err := json.Unmarshal(b.Value, out[i]); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "an item of %s cannot be read: %w", feed, err)
		}
	}
	return out, nil
}

// PendingItems are a feed's items that were kept and not filed, the oldest first, after one (0 for the oldest), at most limit.
func (d *Desk) PendingItems(ctx context.Context, feed string, after int64, limit int) ([]*Item, error) {
	from := ""
	if after != 0 {
		from = oldestFirst(after)
	}
	keys, err := d.box.List(ctx, "pending/"+feed, from, limit)
	if err != nil {
		return nil, err
	}
	var out []*Item
	for _, k := range keys {
		var n int64
		for _, c := range k.Key {
			n = n*10 + int64(c-'0')
		}
		it, err := d.item(ctx, feed, newestFirst(n))
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	return out, nil
}

// File writes the resources of an item and that it is filed, in one transaction. What it says of the item is its status,
// reason, rows and patients; a count of types is made here.
func (d *Desk) File(ctx context.Context, it *Item, ops []record.Op, more ...record.BoxItem) ([]record.Result, error) {
	done := *it
	done.begin()
	done.tally(ops)
	results, err := d.box.Commit(ctx, d.Who, ops, append(done.end(d.Now()), more...)...)
	if err == nil {
		*it = done
	}
	return results, err
}

// begin forgets what was counted of an item when it was filed before.
func (it *Item) begin() {
	it.Types, it.Faults = map[string]int{}, nil
	if it.Notes != nil {
		it.Notes = maps.Clone(it.Notes)
		maps.DeleteFunc(it.Notes, func(note string, _ int) bool {
			return strings.HasPrefix(note, Checked) || strings.HasPrefix(note, Failed)
		})
	}
}

// tally counts the types of what an item, or a part of it, writes, and holds it against the checks.
func (it *Item) tally(ops []record.Op) {
	for _, op := range ops {
		if op.Method != record.Delete {
			it.Types[op.Type]++
		}
	}
	it.appraise(ops)
}

// end marks an item as filed; what it answers is to be written.
func (it *Item) end(at time.Time) []record.BoxItem {
	if it.Status == "" || it.Status == Pending {
		it.Status = Filed
	}
	it.Finished = at.UTC()
	return it.update()
}

// Quarantine files an item, or a part of it, as not understood: nothing of it goes into the record.
func (d *Desk) Quarantine(ctx context.Context, it *Item, bad Bad) error {
	it.Status, it.Reason, it.Finished = Quarantined, bad.Reason, d.Now().UTC()
	it.Rows.Quarantined = max(it.Rows.Quarantined, 1)
	bad.Feed, bad.Item, bad.File, bad.At = it.Feed, it.Number, it.Name, it.Finished
	_, err := d.box.Commit(ctx, d.Who, nil, append(it.boxes(), bad.box(oldestFirst(it.Number)))...)
	return err
}

func (b Bad) box(key string) record.BoxItem {
	return record.BoxItem{Kind: "bad/" + b.Feed, Key: key, Value: encode(b)}
}

// Bads lists what a feed sent that could not be filed, in order of key after one, at most limit. It shows what stands in
// the rows, so the reading is audited.
func (d *Desk) Bads(ctx context.Context, who access.Actor, feed, after string, limit int) ([]Bad, error) {
	if err := d.box.Disclose(ctx, who, "quarantine of "+feed); err != nil {
		return nil, err
	}
	items, err := d.box.List(ctx, "bad/"+feed, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Bad, len(items))
	for i, it := range items {
		if err := json.Unmarshal(it.Value, &out[i]); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "a quarantined row of %s cannot be read: %w", feed, err)
		}
		out[i].Key = it.Key
	}
	return out, nil
}

func sortFeeds(feeds []*Feed) {
	slices.SortFunc(feeds, func(a, b *Feed) int { return cmp.Compare(a.Name, b.Name) })
}

// SourceOf splits meta.source into the feed and what follows it.
func SourceOf(source string) (feed, rest string, ok bool) {
	rest, ok = strings.CutPrefix(source, sourcePrefix)
	if !ok {
		return "", "", false
	}
	feed, rest, ok = strings.Cut(rest, "/")
	return feed, rest, ok
}
