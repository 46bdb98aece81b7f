package record

import (
	"context"

	"github.com/kith-care/kith/access"
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
	keep := make([]store.BoxItem, len(items))
	for i, it := range items {
		keep[i] = store.BoxItem{Room: b.room, Kind: it.Kind, Key: it.Key, Value: it.Value}
	}
	return b.d.commit(ctx, who, ops, keep)
}
