package search

import (
	"encoding/binary"
	"math"

	"github.com/kith-care/kith/fhir"
)

// SortKey is the place of a row in the order that the query asks for, as bytes that compare in that order. Missing
// values come last either way. Of many values the first in the order counts.
func (q *Query) SortKey(row *Row) ([]byte, error) {
	var out []byte
	for _, s := range q.Sort {
		best, err := s.best(row)
		if err != nil {
			return nil, err
		}
		if best == nil {
			out = append(out, 1)
			continue
		}
		out = append(out, 0)
		for _, b := range best {
			if s.Desc {
				b = ^b
			}
			out = append(out, b)
		}
	}
	return out, nil
}

func (s *Sort) best(row *Row) ([]byte, error) {
	switch s.Param.Code {
	case "_id":
		return append([]byte(row.ID), 0), nil
	case "_lastUpdated":
		return orderedInt(row.Updated), nil
	}
	keys, id := row.Keys, s.Param.ID
	if s.Param.Custom != 0 {
		var err error
		if keys, err = row.Rest.Extra(s.Param.Custom); err != nil {
			return nil, err
		}
	}
	var best []byte
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		if k.Param != id || k.Kind == LogicalKey {
			continue
		}
		v := ordered(&k)
		if v != nil && (best == nil || (string(v) < string(best)) != s.Desc) {
			best = v
		}
	}
	return best, nil
}

// ordered is the value of a key as bytes in the order of its type, none a prefix of another.
func ordered(k *Key) []byte {
	switch k.Kind {
	case DateKey:
		return orderedInt(k.Lo)
	case NumberKey:
		d, err := fhir.ParseDecimal(k.Code)
		if err != nil {
			return nil
		}
		return orderedFloat(d.Float64())
	case QuantityKey:
		d, err := fhir.ParseDecimal(k.Code)
		if err != nil {
			return nil
		}
		if string(k.System) == ucum {
			code, _, _ := cutZero(k.Unit)
			if c, _, ok := fhir.Canonical(d, string(code)); ok {
				d = c
			}
		}
		return orderedFloat(d.Float64())
	case StringKey:
		return append([]byte(Fold(string(k.Code))), 0)
	case ReferenceKey:
		return append(append(append(append([]byte(nil), k.System...), 0x2f), k.Code...), 0)
	}
	return append(append([]byte(nil), k.Code...), 0)
}

func cutZero(b []byte) (before, after []byte, found bool) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

func orderedInt(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63)
}

func orderedFloat(f float64) []byte {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(nil, bits)
}
