package search

import (
	"encoding/binary"

	"github.com/kith-care/kith/fhir/spec"
)

// Kind is what a key holds.
type Kind uint8

// The kinds of key, one per way of comparing. The numbers are stored and must not change.
const (
	TokenKey     Kind = iota + 1 // System, Code
	StringKey                    // Code: the text as it came
	ReferenceKey                 // System: type name, Code: id; or System empty, Code: absolute URL, URN or canonical
	DateKey                      // Lo, Hi: microseconds since 1970, half-open
	NumberKey                    // Code: digits
	QuantityKey                  // Code: digits, System, Unit: its code, or its unit where it has no code
	URIKey                       // Code
	LogicalKey                   // a reference by identifier: System, Code
)

// Key is one value by which a resource can be found under one search parameter. Its slices belong to whoever made it.
type Key struct {
	Param              spec.ParamID
	Kind               Kind
	System, Code, Unit []byte
	Lo, Hi             int64
}

// appendKey writes k after buf: varint of param and kind, then what the kind holds. Systems that many records share
// are written as one number.
func appendKey(buf []byte, k *Key) []byte {
	buf = binary.AppendUvarint(buf, uint64(k.Param)<<4|uint64(k.Kind))
	switch k.Kind {
	case DateKey:
		buf = binary.AppendVarint(buf, k.Lo)
		return binary.AppendUvarint(buf, uint64(k.Hi)-uint64(k.Lo))
	case ReferenceKey:
		t, _ := spec.Resource(string(k.System))
		buf = binary.AppendUvarint(buf, uint64(t))
	case TokenKey, LogicalKey, QuantityKey:
		buf = appendSystem(buf, k.System)
	}
	buf = appendBytes(buf, k.Code)
	if k.Kind == QuantityKey {
		buf = appendBytes(buf, k.Unit)
	}
	return buf
}

func appendBytes(buf, b []byte) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(b))), b...)
}

// appendSystem writes an odd number for a well-known system, an even one for the length of the text that follows.
func appendSystem(buf, system []byte) []byte {
	if i, ok := systemNumber[string(system)]; ok {
		return binary.AppendUvarint(buf, uint64(i)<<1|1)
	}
	return append(binary.AppendUvarint(buf, uint64(len(system))<<1), system...)
}

// keyReader reads the keys of one row in the order they were written, without copying.
type keyReader struct {
	buf []byte
	bad bool
}

// next reads the next key into k; the slices point into the row. False at the end or where the row is damaged.
func (r *keyReader) next(k *Key) bool {
	if len(r.buf) == 0 || r.bad {
		return false
	}
	head := r.uvarint()
	*k = Key{Param: spec.ParamID(head >> 4), Kind: Kind(head & 15)}
	switch k.Kind {
	case DateKey:
		v, n := binary.Varint(r.buf)
		if n <= 0 {
			r.bad = true
			return false
		}
		r.buf = r.buf[n:]
		k.Lo = v
		k.Hi = v + int64(r.uvarint())
		return !r.bad
	case ReferenceKey:
		t := r.uvarint()
		if t >= uint64(len(typeNames)) {
			r.bad = true
			return false
		}
		k.System = typeNames[t]
	case TokenKey, LogicalKey, QuantityKey:
		k.System = r.system()
	}
	k.Code = r.bytes(r.uvarint())
	if k.Kind == QuantityKey {
		k.Unit = r.bytes(r.uvarint())
	}
	return !r.bad
}

func (r *keyReader) uvarint() uint64 {
	if len(r.buf) > 0 && r.buf[0] < 0x80 { // nearly always
		v := r.buf[0]
		r.buf = r.buf[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *keyReader) bytes(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		r.bad = true
		return nil
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

func (r *keyReader) system() []byte {
	n := r.uvarint()
	if n&1 == 0 {
		return r.bytes(n >> 1)
	}
	if n>>1 >= uint64(len(systems)) {
		r.bad = true
		return nil
	}
	return systemBytes[n>>1]
}

// typeNames holds each resource type's name as bytes, by number.
var typeNames = func() [][]byte {
	names := make([][]byte, 1, 160)
	for _, n := range spec.ResourceNames() {
		names = append(names, []byte(n))
	}
	return names
}()

var systemNumber, systemBytes = func() (map[string]int, [][]byte) {
	m, b := map[string]int{}, [][]byte{}
	for i, s := range systems {
		m[s] = i
		b = append(b, []byte(s))
	}
	return m, b
}()

// Hash is the number under which a value of a parameter stands in the store's global keys: FNV-1a over type, parameter
// and value. Different values may share one, so every hit is rechecked against the keys in its row.
func Hash(t spec.TypeID, p spec.ParamID, value string) int64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, b := range [...]byte{byte(t), byte(t >> 8), byte(p), byte(p >> 8)} {
		h = (h ^ uint64(b)) * prime
	}
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	// FNV's high bits are weak for short values; one round of mixing spreads them.
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 32
	return int64(h)
}

// IdentityHash is the number under which the versions of one resource stand together.
func IdentityHash(t spec.TypeID, id string) int64 { return Hash(t, 0, id) }
