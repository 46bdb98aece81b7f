package record

import (
	"context"
	"encoding/json"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// Box is what one room keeps that is not FHIR: links, sessions, rule sets. It has the record's transactions and backup,
// and nobody else writes into it.
type Box struct {
	d    *Door
	room string
}

// BoxItem is one thing in a box: Kind and Key name it.
type BoxItem struct {
	Kind, Key string
	Value     []byte // nil removes it
}

// JSONItem is an item whose value is v as JSON. v is a plain struct of the room's: one that cannot be written is a fault of the program.
func JSONItem(kind, key string, v any) BoxItem {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("record: " + err.Error())
	}
	return BoxItem{Kind: kind, Key: key, Value: raw}
}

// ReadJSON reads what JSONItem wrote, nil where there is none. Broken where it is something else.
func ReadJSON[T any](read func(kind, key string) ([]byte, error), kind, key string) (*T, error) {
	raw, err := read(kind, key)
	if err != nil || raw == nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "%s %s of the box cannot be read: %w", kind, key, err)
	}
	return out, nil
}

// Box is the box of a room.
func (d *Door) Box(room string) Box { return Box{d, room} }

// Get reads one item, nil where there is none.
func (b Box) Get(ctx context.Context, kind, key string) ([]byte, error) {
	return b.d.store.BoxGet(ctx, b.room, kind, key)
}

// List reads items of a kind in order of key, after one ("" for the first), at most limit.
func (b Box) List(ctx context.Context, kind, after string, limit int) ([]BoxItem, error) {
	items, err := b.d.store.BoxList(ctx, b.room, kind, after, limit)
	out := make([]BoxItem, len(items))
	for i, it := range items {
		out[i] = BoxItem{it.Kind, it.Key, it.Value}
	}
	return out, err
}

// Commit changes the record and the box in one transaction. Either may be nothing.
func (b Box) Commit(ctx context.Context, who access.Actor, ops []Op, items ...BoxItem) ([]Result, error) {
	return b.File(ctx, who, ops, nil, items...)
}

// File is Commit with the rows of extracts that the changes came from, all in one transaction.
func (b Box) File(ctx context.Context, who access.Actor, ops []Op, parts []Part, items ...BoxItem) ([]Result, error) {
	return b.d.commit(ctx, who, ops, inRoom(b.room, items), parts)
}

// Show is Get for somebody who will see what it says of people: the reading is audited before it is answered.
func (b Box) Show(ctx context.Context, who access.Actor, kind, key string) ([]byte, error) {
	if err := b.Disclose(ctx, who, kind+" "+key); err != nil {
		return nil, err
	}
	return b.Get(ctx, kind, key)
}

// Disclose asks whether somebody may see what a room keeps of people, and writes to the audit that they do. It is for
// what stands in no resource, such as a row that could not be filed.
func (b Box) Disclose(ctx context.Context, who access.Actor, what string) error {
	return b.allow(ctx, who, access.Read, what)
}

// Operate is Disclose for whoever changes what a room does, such as letting a feed go on.
func (b Box) Operate(ctx context.Context, who access.Actor, what string) error {
	return b.allow(ctx, who, access.Update, what)
}

func (b Box) allow(ctx context.Context, who access.Actor, action access.Action, what string) error {
	what = b.room + ": " + what
	decision, err := b.d.Decide(ctx, who, action, "Basic", "")
	if err != nil {
		return err
	}
	if !decision.Permit {
		return b.d.audit.refused(ctx, who, action, what, fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence()))
	}
	return b.d.audit.disclosed(ctx, who, action, what)
}

// Part is one row of an extract as it was last filed: what the store calls a part.
type Part = store.Part

// PartState is what became of a row.
type PartState = store.PartState

// The states of a row.
const (
	RowFiled       = store.Filed
	RowRetracted   = store.Retracted
	RowParked      = store.Parked
	RowQuarantined = store.Quarantine
)

// Parts are the rows known of these units of a feed.
func (b Box) Parts(ctx context.Context, feed int64, units []int64) ([]Part, error) {
	return b.d.store.Parts(ctx, feed, units)
}

// Waiting are rows of a feed that wait for a unit, or for any where unit is 0; at most limit, in order of unit and part
// after the one given.
func (b Box) Waiting(ctx context.Context, feed, unit int64, after Part, limit int) ([]Part, error) {
	return b.d.store.WaitingParts(ctx, feed, unit, after, limit)
}

// AllParts are the rows of a feed in order, after one, at most limit.
func (b Box) AllParts(ctx context.Context, feed int64, after Part, limit int) ([]Part, error) {
	return b.d.store.AllParts(ctx, feed, after, limit)
}

// FailCounts is of a feed how many rows have each value of Part.Fails but 0.
func (b Box) FailCounts(ctx context.Context, feed int64) (map[int64]int, error) {
	return b.d.store.FailCounts(ctx, feed)
}

// FailValues are the values of Part.Fails but 0 that rows of a feed have.
func (b Box) FailValues(ctx context.Context, feed int64) ([]int64, error) {
	return b.d.store.FailValues(ctx, feed)
}

// FailingParts are the rows of a feed with one value of Part.Fails after one (the zero Part for the first), the newest file first and each file by
// line, at most limit.
func (b Box) FailingParts(ctx context.Context, feed, fails int64, after Part, limit int) ([]Part, error) {
	return b.d.store.FailingParts(ctx, feed, fails, after, limit)
}
