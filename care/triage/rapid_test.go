package triage

import (
	"testing"

	"pgregory.net/rapid"
)

// More certain numbers never make a comparison less certain.
func TestNarrowerSpansKeepWhatIsKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64Range(-10, 10)
		lo, hi := f.Draw(t, "lo"), f.Draw(t, "hi")
		if lo > hi {
			lo, hi = hi, lo
		}
		inner := rapid.Float64Range(lo, hi).Draw(t, "inner")
		with := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "="}).Draw(t, "with")
		v := f.Draw(t, "v")
		wide, narrow := Span{lo, hi}.compare(with, v), Span{inner, inner}.compare(with, v)
		if narrow == Unknown || wide != Unknown && wide != narrow {
			t.Fatalf("%v %s %v is %d, and %v is %d", Span{lo, hi}, with, v, wide, inner, narrow)
		}
	})
}
