package store

import (
	"context"
)

// BoxItem is a piece of state that is not FHIR, owned by one room.
type BoxItem struct {
	Room, Kind, Key string
	Value           []byte // nil deletes
}

// BoxGet reads one item, nil where there is none.
func (s *Store) BoxGet(ctx context.Context, room, kind, key string) ([]byte, error) {
	var value []byte
	_, err := one(ctx, s.db, "SELECT value FROM box WHERE room = ? AND kind = ? AND key = ?", []any{room, kind, key}, &value)
	return value, s.db.Faulty(err)
}

// BoxList reads the items of a kind in order of key, after one, at most limit.
func (s *Store) BoxList(ctx context.Context, room, kind, after string, limit int) ([]BoxItem, error) {
	var out []BoxItem
	err := s.db.Query(ctx, "SELECT key, value FROM box WHERE room = ? AND kind = ? AND key > ? ORDER BY key LIMIT ?", []any{room, kind, after, int64(limit)}, func(r Row) error {
		it := BoxItem{Room: room, Kind: kind}
		err := r.Scan(&it.Key, &it.Value)
		out = append(out, it)
		return err
	})
	return out, s.db.Faulty(err)
}

// Box writes an item in the writer's transaction.
func (w *Writer) Box(ctx context.Context, it BoxItem) error {
	if it.Value == nil {
		_, err := w.tx.Exec(ctx, "DELETE FROM box WHERE room = ? AND kind = ? AND key = ?", it.Room, it.Kind, it.Key)
		return err
	}
	return w.tx.Insert(ctx, boxTable, [][]any{{it.Room, it.Kind, it.Key, it.Value}})
}

// BoxMany reads items of a kind as the transaction sees them; what is not there is left out.
func (w *Writer) BoxMany(ctx context.Context, room, kind string, keys []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(keys))
	return out, w.tx.Query(ctx, "SELECT key, value FROM box WHERE room = ? AND kind = ? AND "+w.s.d.Any("key"), []any{room, kind, w.s.d.Strings(keys)}, func(r Row) error {
		var key string
		var value []byte
		err := r.Scan(&key, &value)
		out[key] = value
		return err
	})
}

// BoxGet reads one item as the transaction sees it.
func (w *Writer) BoxGet(ctx context.Context, room, kind, key string) ([]byte, error) {
	var value []byte
	_, err := one(ctx, w.tx, "SELECT value FROM box WHERE room = ? AND kind = ? AND key = ?", []any{room, kind, key}, &value)
	return value, err
}
