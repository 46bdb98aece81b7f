package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/kith-care/kith/connect/pgp"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// sealedName is what a file that is encrypted with OpenPGP is called once it is opened.
func sealedName(name string) (inner string, sealed bool) {
	for _, end := range []string{".gpg", ".pgp"} {
		if len(name) > len(end) && strings.EqualFold(name[len(name)-len(end):], end) {
			return name[:len(name)-len(end)], true
		}
	}
	return name, false
}

// ring is the keys of a feed. Without them nothing that is encrypted is taken: the sender need not send it again, since it is tried again.
func (f *Feed) ring(name string) (*pgp.Ring, error) {
	if f.PGPKey == "" {
		return nil, fhir.Errorf(fhir.Invalid, "%s is encrypted, and the feed %s has no key: the list of feeds says with pgpKey where it stands", name, f.Name)
	}
	return pgp.Load(f.PGPKey, f.PGPPassphrase, f.PGPSigner)
}

// keepSealed keeps an encrypted file as it came, and beside it what is in it as an item of its own, whose rows are filed. What is in it is an item only
// once it has been read to its end, where alone it shows that nothing was altered or cut off: until then there is nothing of it to be
// filed. One that cannot be opened is quarantined whole, and tried again when it comes again, since the key may have been the wrong one.
func (d *Desk) keepSealed(ctx context.Context, format *Format, feed *Feed, drop string, u Upload, inner string) (it *Item, again bool, err error) {
	digest, size, _, err := digestUpload(u)
	if err != nil {
		return nil, false, err
	}
	outer, err := d.seen(ctx, feed.Name, digest, u.Name)
	if err != nil || outer != nil && outer.Status != Quarantined {
		return outer, true, err
	}
	ring, err := feed.ring(u.Name)
	if err != nil {
		return nil, false, err
	}
	if outer == nil {
		outer = &Item{Number: d.number(), Feed: feed.Name, Name: u.Name, Drop: drop, SHA256: digest, Size: size, Received: d.Now().UTC(), Status: Pending}
		in, err := u.Open()
		if err != nil {
			return nil, false, err
		}
		defer in.Close()
		if err := d.keepChunks(ctx, outer.Number, in); err != nil {
			return nil, false, err
		}
	}
	it = &Item{Number: d.number(), Feed: feed.Name, Name: inner, Drop: drop, Received: outer.Received, Status: Pending}
	head, err := d.unseal(ctx, ring, outer, it, mostUnzipped)
	if err != nil {
		if k := fhir.KindOf(err); k != fhir.Invalid {
			return nil, false, err
		}
		return outer, false, d.Quarantine(ctx, outer, Bad{Reason: err.Error()})
	}
	have, err := d.seen(ctx, feed.Name, it.SHA256, inner)
	if err != nil {
		return nil, false, err
	}
	file, bad := format.Recognise(inner, head)
	if bad == nil && file != nil && have == nil {
		bad = it.describe(format, file, head)
	}
	if bad != nil || file == nil || have != nil {
		if err := d.forget(ctx, it); err != nil {
			return nil, false, err
		}
	}
	switch {
	case bad != nil:
		return outer, false, d.Quarantine(ctx, outer, Bad{Reason: bad.Error()})
	case file == nil:
		outer.Notes, again = map[string]int{"it holds nothing that this feed reads": 1}, true
		it = outer
	case have != nil: // the same was encrypted once more
		outer.Notes, again = map[string]int{fmt.Sprintf("it holds what came before as item %d", have.Number): 1}, true
		it = have
	default:
		outer.Notes = map[string]int{fmt.Sprintf("opened: its rows are those of item %d", it.Number): 1}
	}
	outer.Status, outer.Reason, outer.Rows, outer.Finished = Filed, "", Rows{}, d.Now().UTC()
	boxes := append(outer.boxes(), record.BoxItem{Kind: "bad/" + outer.Feed, Key: oldestFirst(outer.Number)}) // it may have been quarantined before
	if !again {
		boxes = append(boxes, it.boxes()...)
	}
	_, err = d.box.Commit(ctx, d.Who, nil, boxes...)
	return it, again, err
}

// unseal reads an encrypted item to its end and keeps what is in it as the pieces of another, of which it gives the beginning. Where it cannot be read
// to its end, nothing of the other stays.
func (d *Desk) unseal(ctx context.Context, ring *pgp.Ring, outer, it *Item, most int64) (head []byte, err error) {
	in, err := ring.Open(func() (io.Reader, error) { return d.reader(ctx, outer) }, most)
	if err != nil {
		return nil, err
	}
	tally := &tallied{in: in, sum: sha256.New()}
	err = d.keepChunks(ctx, it.Number, tally)
	it.Size, it.SHA256 = tally.size, hex.EncodeToString(tally.sum.Sum(nil))
	if err != nil {
		if e := d.forget(ctx, it); e != nil {
			return nil, e
		}
		return nil, err
	}
	return d.Bytes(ctx, it.Number, 0, min(it.Size, headSize))
}

// forget removes the pieces of an item that has come to nothing.
func (d *Desk) forget(ctx context.Context, it *Item) error {
	var gone []record.BoxItem
	for n := int64(0); n == 0 || n*chunkSize < it.Size; n++ {
		gone = append(gone, record.BoxItem{Kind: rawKind(it.Number), Key: chunkKey(n)})
		if len(gone) == 500 {
			if _, err := d.box.Commit(ctx, d.Who, nil, gone...); err != nil {
				return err
			}
			gone = nil
		}
	}
	_, err := d.box.Commit(ctx, d.Who, nil, gone...)
	return err
}

// tallied counts and digests what is read through it.
type tallied struct {
	in  io.Reader
	sum interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

func (t *tallied) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.sum.Write(p[:n])
	t.size += int64(n)
	return n, err
}
