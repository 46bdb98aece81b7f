package search

import (
	"github.com/kith-care/kith/fhir/spec"
)

// Refs calls f for each resource of this record that a row refers to under p (every reference parameter where p is
// nil), if it is of the target type (0 for any).
func Refs(t spec.TypeID, keys []byte, p *Param, target spec.TypeID, f func(spec.TypeID, string)) {
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		if k.Kind != ReferenceKey || len(k.System) == 0 || p != nil && k.Param != p.ID {
			continue
		}
		to, ok := spec.Resource(string(k.System))
		if ok && (target == 0 || to == target) {
			f(to, string(k.Code))
		}
	}
}

// When is the time that a row is about, by its type's main date: half-open, in microseconds. False where it has none.
func When(t spec.TypeID, keys []byte) (lo, hi int64, ok bool) {
	main := mainOf(t).date
	Each(keys, func(k *Key) {
		if main != 0 && k.Param == main && k.Kind == DateKey {
			if !ok {
				lo, hi = k.Lo, k.Hi
			}
			lo, hi, ok = min(lo, k.Lo), max(hi, k.Hi), true
		}
	})
	return lo, hi, ok
}

// Each calls f for each key of a row. The slices of a key are good until f returns.
func Each(keys []byte, f func(*Key)) {
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		f(&k)
	}
}

// NewSet is a leaf that holds for rows that refer under p to one of the references ("Type/id"), or, where p is nil,
// are one of them.
func NewSet(p *Param, set map[string]bool, source string) Cond {
	return Cond{Param: p, Set: set, Source: source}
}
