package intake

import (
	"context"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// What arrived is kept in pieces, each compressed by itself, so that a row in the middle of a large file can be read again
// without the rest of it.
const chunkSize = 256 << 10

func rawKind(item int64) string { return "raw/" + oldestFirst(item) }

func chunkKey(n int64) string { return fmt.Sprintf("%08d", n) }

// rawItems are the pieces of what arrived.
func rawItems(item int64, data []byte) ([]record.BoxItem, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(chunkSize))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	var out []record.BoxItem
	for n := int64(0); n == 0 || len(data) > 0; n++ {
		piece := data[:min(len(data), chunkSize)]
		data = data[len(piece):]
		out = append(out, record.BoxItem{Kind: rawKind(item), Key: chunkKey(n), Value: enc.EncodeAll(piece, nil)})
	}
	return out, nil
}

// chunkCache keeps the pieces read last: rows that are looked up often stand close together.
type chunkCache struct {
	mu    sync.Mutex
	held  map[chunkName][]byte
	order []chunkName
	dec   *zstd.Decoder
}

type chunkName struct{ item, n int64 }

const chunksHeld = 128

func (d *Desk) chunk(ctx context.Context, item, n int64) ([]byte, error) {
	c := &d.chunks
	c.mu.Lock()
	defer c.mu.Unlock()
	name := chunkName{item, n}
	if data, ok := c.held[name]; ok {
		return data, nil
	}
	packed, err := d.box.Get(ctx, rawKind(item), chunkKey(n))
	if err != nil {
		return nil, err
	}
	if packed == nil {
		return nil, fhir.Errorf(fhir.NotFound, "what arrived as item %d is no longer kept", item)
	}
	if c.dec == nil {
		if c.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
			return nil, err
		}
		c.held = map[chunkName][]byte{}
	}
	data, err := c.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "what arrived as item %d is damaged: %w", item, err)
	}
	if len(c.order) >= chunksHeld {
		delete(c.held, c.order[0])
		c.order = c.order[1:]
	}
	c.held[name] = data
	c.order = append(c.order, name)
	return data, nil
}

// Bytes are size bytes of an item from place on.
func (d *Desk) Bytes(ctx context.Context, item, place, size int64) ([]byte, error) {
	out := make([]byte, 0, size)
	for n := place / chunkSize; int64(len(out)) < size; n++ {
		data, err := d.chunk(ctx, item, n)
		if err != nil {
			return nil, err
		}
		from := int64(0)
		if n == place/chunkSize {
			from = place % chunkSize
		}
		if from >= int64(len(data)) {
			return nil, fhir.Errorf(fhir.Broken, "item %d ends before byte %d", item, place+size)
		}
		out = append(out, data[from:min(int64(len(data)), from+size-int64(len(out)))]...)
	}
	return out, nil
}

// Raw is all of an item, as it arrived.
func (d *Desk) Raw(ctx context.Context, it *Item) ([]byte, error) {
	return d.Bytes(ctx, it.Number, 0, it.Size)
}
