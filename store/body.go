package store

import (
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// codec compresses bodies. It may be used by many goroutines.
type codec struct {
	enc map[uint32]*zstd.Encoder
	dec *zstd.Decoder
	of  map[spec.TypeID]uint32 // the dictionary of a type, 0 for none
}

func newCodec() (*codec, error) {
	c := &codec{enc: map[uint32]*zstd.Encoder{}, of: map[spec.TypeID]uint32{}}
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	c.enc[0] = enc
	c.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(1<<31))
	return c, err
}

func newEncoder(more ...zstd.EOption) (*zstd.Encoder, error) {
	opts := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1 << 18), zstd.WithLowerEncoderMem(true)}
	return zstd.NewWriter(nil, append(opts, more...)...)
}

func (c *codec) pack(t spec.TypeID, body []byte) (dict uint32, packed []byte) {
	dict = c.of[t]
	return dict, c.enc[dict].EncodeAll(body, make([]byte, 0, len(body)/3+32))
}

func (c *codec) unpack(packed, into []byte) ([]byte, error) {
	return c.dec.DecodeAll(packed, into)
}

// Strip takes meta.versionId and meta.lastUpdated out of a resource and sets its id, changing no other byte. The splice
// it answers tells restore where the two go back in: offset<<2, plus 1 where there is a meta object to put them into,
// plus 2 where other members follow them there.
func Strip(res *fhir.Resource, id string) (body []byte, splice int64) {
	root := res.Root()
	start := root.Offset()
	typ := root.Get("resourceType")
	meta := root.Get("meta")
	var edits []fhir.Edit
	setID := func() {
		if have := root.Get("id"); !have.Exists() {
			end := typ.Offset() + len(typ.Raw())
			edits = append(edits, fhir.Edit{Start: end, End: end, With: []byte(`,"id":"` + id + `"`)})
		} else if !have.Is(id) {
			edits = append(edits, fhir.Edit{Start: have.Offset(), End: have.Offset() + len(have.Raw()), With: []byte(`"` + id + `"`)})
		}
	}
	idAt := typ.Offset()
	if have := root.Get("id"); have.Exists() {
		idAt = have.Offset()
	}
	raw := res.Bytes()
	if meta.Kind() != fhir.Object {
		setID()
		relative(edits, start)
		body = fhir.Splice(raw, edits)
		// After the value of id, wherever it stands.
		at := idAt - start + len(id) + 2
		if !root.Get("id").Exists() {
			at = typ.Offset() - start + len(typ.Raw()) + len(`,"id":"`) + len(id) + 1
		}
		return body, int64(at) << 2
	}
	cut, left := stripMeta(meta)
	if idAt < meta.Offset() {
		setID()
		edits = append(edits, cut...)
	} else {
		edits = append(edits, cut...)
		setID()
	}
	relative(edits, start)
	body = fhir.Splice(raw, edits)
	at := meta.Offset() - start + 1
	for _, e := range edits {
		if e.End <= meta.Offset()-start {
			at += len(e.With) - (e.End - e.Start)
		}
	}
	splice = int64(at)<<2 | 1
	if left > 0 {
		splice |= 2
	}
	return body, splice
}

func relative(edits []fhir.Edit, start int) {
	for i := range edits {
		edits[i].Start -= start
		edits[i].End -= start
	}
}

// stripMeta cuts versionId and lastUpdated out of a meta object, each with one comma, and counts what is left.
func stripMeta(meta fhir.Value) (edits []fhir.Edit, left int) {
	type span struct {
		from, to int
		cut      bool
	}
	var members []span
	pos := meta.Offset() + 1
	for name, v := range meta.Members() {
		end := v.Offset() + len(v.Raw())
		cut := name == "versionId" || name == "lastUpdated"
		members = append(members, span{pos, end, cut})
		if !cut {
			left++
		}
		pos = end
	}
	// Each span reaches from the end of the member before, so it holds the comma in front. Where everything in front of
	// a kept member goes, its own comma must go as well.
	kept := false
	for i, m := range members {
		switch {
		case m.cut:
			edits = append(edits, fhir.Edit{Start: m.from, End: m.to})
		case !kept && i > 0:
			kept = true
			comma := m.from
			edits = append(edits, fhir.Edit{Start: comma, End: comma + 1 + leadingSpace(meta, comma)})
		default:
			kept = true
		}
	}
	return edits, left
}

// leadingSpace is how much white space stands between the end of a value at pos and its comma.
func leadingSpace(meta fhir.Value, pos int) int {
	raw := meta.Raw()
	n := 0
	for raw[pos-meta.Offset()+n] != ',' {
		n++
	}
	return n
}

// restore puts version and time back where Strip took them out.
func restore(body []byte, splice, version, updated int64) []byte {
	at := int(splice >> 2)
	out := make([]byte, 0, len(body)+96)
	out = append(out, body[:at]...)
	if splice&1 == 0 {
		out = append(out, `,"meta":{`...)
	}
	out = append(out, `"versionId":"`...)
	out = strconv.AppendInt(out, version, 10)
	out = append(out, `","lastUpdated":"`...)
	out = AppendInstant(out, updated)
	out = append(out, '"')
	switch {
	case splice&1 == 0:
		out = append(out, '}')
	case splice&2 != 0:
		out = append(out, ',')
	}
	return append(out, body[at:]...)
}

// AppendInstant writes microseconds since 1970 as a FHIR instant in UTC.
func AppendInstant(b []byte, micros int64) []byte {
	return time.UnixMicro(micros).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}
