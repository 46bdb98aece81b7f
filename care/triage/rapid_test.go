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

// someInterview is an interview of a pack and a person drawn at random, in which some findings are known.
func someInterview(t *rapid.T, b *Book) *Interview {
	p := rapid.SampledFrom(b.Packs).Draw(t, "pack")
	age := rapid.Float64Range(0, 95).Draw(t, "age")
	sex := rapid.SampledFrom([]string{maleID, femaleID}).Draw(t, "sex")
	v := b.Begin("", Person{Age: &age, Sex: sex, Record: rapid.Bool().Draw(t, "record")}, Settings{Lambda: rapid.Float64Range(1, 50).Draw(t, "lambda"), Questions: 1000})
	v.Choose(p)
	for _, n := range p.complaint {
		if rapid.Bool().Draw(t, "complains") {
			v.state.Set(n, Yes)
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "known") {
		n := rapid.IntRange(0, len(b.Lexicon.Findings)-1).Draw(t, "finding")
		if f := b.Lexicon.Findings[n]; f.Number == nil {
			v.state.Set(n, rapid.SampledFrom([]Tri{Yes, No}).Draw(t, "value"))
		}
	}
	return v
}

// answerSome answers a question at random, "not sure" among the answers where unsure.
func answerSome(t *rapid.T, b *Book, v *Interview, a *Ask, unsure bool) {
	values := []Tri{Yes, No, No, No}
	if unsure {
		values = append(values, Unknown)
	}
	yes := make([]Tri, len(a.Items))
	for i := range yes {
		yes[i] = rapid.SampledFrom(values).Draw(t, "answer")
	}
	number := Open()
	if n := b.Lexicon.Findings[a.Items[0]].Number; n != nil {
		band := rapid.IntRange(0, len(a.Bands)-1).Draw(t, "band")
		low := n.Min
		if band > 0 {
			low = a.Bands[band-1].Below
		}
		number = a.Bands[band].span(low, n.Max, band == len(a.Bands)-1)
	}
	v.Answer(a, yes, number)
}

// A red flag is a finding of a screen.
func TestARedFlagNeverLowersTheLevel(t *testing.T) {
	b := shippedBook(t)
	rapid.Check(t, func(t *rapid.T) {
		v := someInterview(t, b)
		var flags []int
		for _, screens := range [][]Question{b.Shared.Screen, v.Pack.Screen} {
			for i := range screens {
				flags = append(flags, screens[i].items...)
			}
		}
		n := rapid.SampledFrom(flags).Draw(t, "flag")
		if v.state.yes[n] != Unknown {
			return
		}
		without, with := v.state.clone(), v.state.clone()
		without.Set(n, No)
		with.Set(n, Yes)
		before, _, _ := v.level(without)
		after, _, _ := v.level(with)
		if after < before {
			t.Fatalf("%s lowers %s from %s to %s", b.Lexicon.Findings[n].ID, v.Pack.Name, before, after)
		}
	})
}

// Whatever λ, score and benign patterns say, the level is never below a floor that holds.
func TestNothingOverridesAFloor(t *testing.T) {
	b := shippedBook(t)
	rapid.Check(t, func(t *rapid.T) {
		v := someInterview(t, b)
		for a := v.Next(); a != nil; a = v.Next() {
			answerSome(t, b, v, a, true)
		}
		o := v.Outcome()
		w := v.state.world(v.state.unsure)
		floors, sure := b.floors(w, v.Pack)
		for _, f := range floors[:sure] {
			if f.when.Holds(w) == Yes && o.Level < f.Level {
				t.Fatalf("%s/%s sets %s, and the level is %s", f.pack.Name, f.ID, f.Level, o.Level)
			}
		}
	})
}

// With each answer best and worst case come nearer, and the level lies between them.
func TestAnswersNeverWidenTheBounds(t *testing.T) {
	b := shippedBook(t)
	rapid.Check(t, func(t *rapid.T) {
		v := someInterview(t, b)
		low, high := v.bounds(v.open())
		for a := v.Next(); a != nil; a = v.Next() {
			before := v.Pack
			answerSome(t, b, v, a, false)
			l, h := v.bounds(v.open())
			if v.Pack != before { // a ticked complaint led to its pack, whose bounds are others
				low, high = l, h
				continue
			}
			if l < low || h > high || l > h {
				t.Fatalf("%s: from %s–%s to %s–%s after %q", v.Pack.Name, low, high, l, h, a.Text)
			}
			low, high = l, h
		}
		if o := v.Outcome(); o.Level < low || o.Level > high {
			t.Fatalf("%s: %s is not within %s–%s", v.Pack.Name, o.Level, low, high)
		}
	})
}
