package record

import (
	"context"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// Note writes to the audit what somebody did in a room that stands in no resource, such as signing in. It asks no policy: whoever notes has
// decided already. With refusal the entry says that it was refused, and why.
func (b Box) Note(ctx context.Context, who access.Actor, action access.Action, what, refusal string) error {
	return b.d.audit.write(ctx, b.d.audit.entry(who, action, b.room+": "+what, refusal, nil))
}

// Noted is a change to a box with its entry in the audit.
type Noted struct {
	Items   []BoxItem
	Jobs    []Job // put into the room's queue
	Who     access.Actor
	Action  access.Action
	What    string // "" writes no entry: for what says nothing of anybody, such as when a session was last used
	Refusal string // why what was asked was not done, "" where it was
}

// Decide reads items of a box, decides by them and writes others, in one transaction: nobody else, in any process, changes the box in
// between. So a thing that may be used once is used once. The audit's entry is written before the change commits.
//
// f may be called again where the database asks for it, so it must do nothing but read and answer.
func (b Box) Decide(ctx context.Context, f Settle) error {
	return b.d.store.Write(ctx, func(w *store.Writer) error { return b.settle(ctx, w, f) })
}

// Settle reads items of a box as a transaction sees them and answers what is written in it.
type Settle = func(read func(kind, key string) ([]byte, error)) (Noted, error)

// settle does inside a transaction what f answers.
func (b Box) settle(ctx context.Context, w *store.Writer, f Settle) error {
	n, err := f(func(kind, key string) ([]byte, error) { return w.BoxGet(ctx, b.room, kind, key) })
	if err != nil {
		return err
	}
	for _, it := range n.Items {
		if it.Kind == "" || it.Key == "" {
			return fhir.Errorf(fhir.Broken, "an item of box %s has no kind or no key", b.room)
		}
		if err := w.Box(ctx, store.BoxItem{Room: b.room, Kind: it.Kind, Key: it.Key, Value: it.Value}); err != nil {
			return err
		}
	}
	for _, j := range n.Jobs {
		if err := b.add(ctx, w, j); err != nil {
			return err
		}
	}
	if n.What == "" {
		return nil
	}
	return b.Note(ctx, n.Who, n.Action, n.What, n.Refusal)
}
