package monitor

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Point is one reading, in the unit of its kind.
type Point struct {
	ID        string // the Observation's
	At        time.Time
	Value     float64
	Value2    float64 // the lower pressure
	Two       bool    // there is one
	Irregular bool    // the device found the pulse irregular
}

// Series is what is known of one kind of one person, in order of time.
type Series struct {
	Points   []Point
	Keep     time.Duration // how long readings are kept; 0 for as long as a baseline needs
	sittings []sitting
}

// sitting is one or more readings taken together: their mean counts once.
type sitting struct {
	at        time.Time // of the last
	sum       float64
	n         int
	z         float64
	known     bool // there was a baseline to hold it against
	episode   bool // taken in an episode that ended by itself: it does not count to anybody's normal
	irregular bool
}

func (s *sitting) value() float64 { return s.sum / float64(s.n) }

// keepDays is how long readings stay in memory: for the baseline of the oldest reading that CUSUM looks at.
func (b *BaselineRules) keepDays() time.Duration {
	return time.Duration(b.Longest+b.Lag+b.TrendDays) * 24 * time.Hour
}

// add puts a reading in its place, instead of an earlier version of itself. Last is false where it is not the newest.
func (s *Series) add(p Point, b *BaselineRules) (last bool) {
	s.remove(p.ID)
	i, _ := slices.BinarySearchFunc(s.Points, p, func(a, b Point) int { return a.At.Compare(b.At) })
	for i < len(s.Points) && s.Points[i].At.Equal(p.At) {
		i++
	}
	s.Points = slices.Insert(s.Points, i, p)
	keep := b.keepDays()
	if s.Keep > 0 {
		keep = s.Keep
	}
	if cut := s.Points[len(s.Points)-1].At.Add(-keep); s.Points[0].At.Before(cut) {
		s.Points = slices.DeleteFunc(s.Points, func(p Point) bool { return p.At.Before(cut) })
		s.sittings = slices.DeleteFunc(s.sittings, func(t sitting) bool { return t.at.Before(cut) })
	}
	return s.Points[len(s.Points)-1].ID == p.ID
}

// remove takes a reading away, and reports whether it was there.
func (s *Series) remove(id string) bool {
	n := len(s.Points)
	s.Points = slices.DeleteFunc(s.Points, func(p Point) bool { return p.ID == id })
	if len(s.Points) != n {
		s.sittings = nil
	}
	return len(s.Points) != n
}

// Baseline is somebody's own normal.
type Baseline struct {
	Median float64 `json:"median"`
	Scale  float64 `json:"scale"` // a standard deviation, or the floor
	N      int     `json:"n"`
}

// z is how far out a value is in the harmful direction; below 0 on the other side.
func (b *Baseline) z(v float64, harm string) float64 {
	z := (v - b.Median) / b.Scale
	if harm == "down" {
		z = -z
	}
	return z
}

// baselineOf is the median of the sittings of so many days before one, and their median absolute deviation; of more days where those have too few readings. nil
// where even so there are too few.
func baselineOf(before []sitting, at time.Time, k *KindRules, b *BaselineRules) *Baseline {
	const day = 24 * time.Hour
	until := at.Add(-time.Duration(b.Lag) * day)
	from, longest := until.Add(-time.Duration(b.Days)*day), until.Add(-time.Duration(b.Longest)*day)
	for _, kept := range []bool{false, true} { // after a long episode what it has become is all there is
		var values []float64
		n := 0
		for i := len(before) - 1; i >= 0; i-- {
			t := &before[i]
			if t.at.After(until) || t.irregular || t.episode && !kept {
				continue
			}
			if t.at.Before(longest) || t.at.Before(from) && n >= b.Least {
				break
			}
			values, n = append(values, t.value()), n+t.n
		}
		if n < b.Least {
			continue
		}
		m := median(values)
		for i := range values {
			values[i] = math.Abs(values[i] - m)
		}
		return &Baseline{Median: m, Scale: math.Max(b.Scale*median(values), k.Floor), N: n}
	}
	return nil
}

// median sorts its argument.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// settle brings the sittings up to the points: the newest point only, or all of them after a change in the past.
func (s *Series) settle(k *KindRules, b *BaselineRules, past []Episode, frozen *Baseline, open time.Time) {
	from := len(s.Points) - 1
	if s.sittings == nil {
		from = 0
	}
	for _, p := range s.Points[max(from, 0):] {
		n := len(s.sittings)
		if n > 0 && p.At.Sub(s.sittings[n-1].at) < time.Duration(b.Sitting) {
			t := &s.sittings[n-1]
			t.at, t.sum, t.n, t.irregular = p.At, t.sum+p.Value, t.n+1, t.irregular || p.Irregular
		} else {
			s.sittings = append(s.sittings, sitting{at: p.At, sum: p.Value, n: 1, irregular: p.Irregular})
			n++
		}
		t := &s.sittings[n-1]
		t.episode = within(past, t.at)
		base := frozen
		if base == nil || t.at.Before(open) {
			base = baselineOf(s.sittings[:n-1], t.at, k, b)
		}
		if t.known = base != nil; t.known {
			t.z = base.z(t.value(), k.Harm)
		}
	}
}

// within reports whether a time is in an episode that ended by itself.
func within(past []Episode, at time.Time) bool {
	return slices.ContainsFunc(past, func(e Episode) bool { return !e.Kept && !at.Before(e.Opened) && !at.After(e.Closed) })
}

// out counts, of the last few sittings after a time, those that are out.
func (s *Series) out(b *BaselineRules, since time.Time) (n int) {
	for _, t := range s.sittings[max(len(s.sittings)-b.Of, 0):] {
		if t.known && !t.irregular && t.at.After(since) && t.z > b.Z {
			n++
		}
	}
	return n
}

// trend is the CUSUM of the sittings since a time: how much, together, they are out. https://www.itl.nist.gov/div898/handbook/pmc/section3/pmc323.htm
func (s *Series) trend(b *BaselineRules, since time.Time) (sum float64) {
	if n := len(s.sittings); n > 0 {
		if from := s.sittings[n-1].at.Add(-time.Duration(b.TrendDays) * 24 * time.Hour); from.After(since) {
			since = from
		}
	}
	for _, t := range s.sittings {
		if t.known && !t.irregular && t.at.After(since) {
			sum = math.Max(0, sum+math.Min(t.z, b.Cap)-b.K)
		}
	}
	return sum
}

// calm reports whether the last few sittings are all calm, against the frozen baseline.
func (s *Series) calm(b *BaselineRules, since time.Time) bool {
	n := len(s.sittings)
	if n < b.Clear {
		return false
	}
	for _, t := range s.sittings[n-b.Clear:] {
		if !t.at.After(since) || t.known && t.z >= b.Calm {
			return false
		}
	}
	return true
}

// set is what was measured at about one time, as one number: the sum of how far each is out, over the root of how many there are, so that it is as large as
// one alone where nothing is wrong (Stouffer's).
type set struct {
	at    time.Time
	kinds []string
	z     float64
}

// apart is how far from each other readings of one set may be.
const apart = time.Hour

// sets are those of the days that CUSUM looks at, after a time, the oldest first.
func (p *Person) sets(r *Rules, at, since time.Time) []set {
	if from := at.Add(-time.Duration(r.Baseline.TrendDays) * 24 * time.Hour); from.After(since) {
		since = from
	}
	type one struct {
		sitting
		kind string
	}
	var all []one
	for kind, s := range p.Series {
		if k := r.Kinds[kind]; k != nil && k.Harm != "" {
			for i := len(s.sittings) - 1; i >= 0 && s.sittings[i].at.After(since); i-- {
				if t := s.sittings[i]; t.known && !t.irregular && !t.at.After(at) {
					all = append(all, one{t, kind})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b one) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.kind, b.kind)
	})
	var sets []set
	for _, t := range all {
		n := len(sets)
		if n == 0 || t.at.Sub(sets[n-1].at) > apart || slices.Contains(sets[n-1].kinds, t.kind) {
			sets = append(sets, set{at: t.at})
			n++
		}
		sets[n-1].kinds = append(sets[n-1].kinds, t.kind)
		sets[n-1].z += t.z
	}
	for i := range sets {
		sets[i].z /= math.Sqrt(float64(len(sets[i].kinds)))
	}
	return sets
}
