package match

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Settings are what a run knows before it sees a pair. They can be written to a file and read again, so that a later run
// decides as this one did. How common each name is comes from the files of the run itself.
type Settings struct {
	Format     string  `json:"format"`
	Link       float64 `json:"link"`       // bits from which a pair is a link: 5 is odds of 32 to 1
	Review     float64 `json:"review"`     // bits from which a person should look
	Gap        float64 `json:"gap"`        // bits by which a link must beat its rival
	Share      float64 `json:"share"`      // true pairs for each person
	Swapped    float64 `json:"swapped"`    // share of true pairs with forename and surname exchanged
	Households bool    `json:"households"` // twins and relatives under one roof are guarded against
	Roof       float64 `json:"roof"`       // what a further agreement about the same household is worth: 1 where it is news, 1/2 where it is not
	Moved      float64 `json:"moved"`      // the same for disagreement: 1/2 where people who move change all of it
	Fields     []Table `json:"fields"`
}

// Table is a field's levels.
type Table struct {
	Field  string  `json:"field"`
	Levels []Level `json:"levels"`
}

// Level says how often true pairs (M) and random pairs (U) agree so far, where neither side is silent.
type Level struct {
	Name string  `json:"name"`
	M    float64 `json:"m"`
	U    float64 `json:"u"`
}

const settingsFormat = "kith match settings 2"

// Thresholds of the error model: a pair linked at 5 bits is wrong once in 33, and most links are far above. A pair at -2 bits is
// right once in five.
const (
	linkBits   = 5
	reviewBits = -2
	gapBits    = 5
)

// priors are m and u of the levels from the second on, as they are in registers of people; the file's own counts soon outweigh them.
var priors = [fieldCount][2][]float64{
	NHS:      {{.01, .02, .97}, {.99999, 5e-6, 1e-6}},
	Forename: {{.025, .015, .02, .04, .05, .85}, {.95, .004, .02, .005, .004, .01}},
	Surname:  {{.05, .01, .02, .04, .88}, {.98, .002, .008, .003, .004}},
	DOB:      {{.01, .005, .02, .01, .03, .01, .915}, {.96, .012, .025, .0005, .002, .0001, .00005}},
	Sex:      {{.02, .98}, {.5, .5}},
	Postcode: {{.2, .1, .05, .05, .05, .55}, {.9, .08, .015, .003, .001, .0005}},
	Address:  {{.2, .05, .1, .15, .5}, {.93, .05, .01, .002, .0002}},
	Town:     {{.2, .03, .07, .7}, {.93, .02, .005, .02}},
	Phone:    {{.4, .05, .55}, {.999, .001, 1e-6}},
	Email:    {{.3, .05, .1, .55}, {.998, .001, .001, 1e-6}},
}

// Default returns the settings before anything is learned.
func Default() *Settings {
	s := &Settings{Format: settingsFormat, Link: linkBits, Review: reviewBits, Gap: gapBits, Share: .1, Swapped: .01, Households: true, Roof: .5, Moved: .5}
	for f := range fieldCount {
		t := Table{Field: f.String()}
		for l, name := range levelNames[f][1:] {
			t.Levels = append(t.Levels, Level{name, priors[f][0][l], priors[f][1][l]})
		}
		s.Fields = append(s.Fields, t)
	}
	return s
}

// ReadSettings reads what WriteTo wrote and refuses what could not be used.
func ReadSettings(from io.Reader) (*Settings, error) {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	var s Settings
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("settings are not readable: %w", err)
	}
	return &s, s.check()
}

func (s *Settings) check() error {
	if s.Format != settingsFormat {
		return fmt.Errorf("settings are of format %q, not %q", s.Format, settingsFormat)
	}
	if s.Share <= 0 || s.Swapped <= 0 || s.Swapped >= 1 || s.Gap < 0 || s.Review > s.Link || s.Roof < 0 || s.Roof > 1 || s.Moved < 0 || s.Moved > 1 {
		return fmt.Errorf("settings: share and swapped must be above 0, gap not below, roof and moved from 0 to 1, and review not above link")
	}
	if len(s.Fields) != int(fieldCount) {
		return fmt.Errorf("settings have %d fields, not %d", len(s.Fields), fieldCount)
	}
	for f, t := range s.Fields {
		if t.Field != fieldNames[f] || len(t.Levels) != len(levelNames[f])-1 {
			return fmt.Errorf("settings: field %d should be %s with %d levels", f+1, fieldNames[f], len(levelNames[f])-1)
		}
		for l, v := range t.Levels {
			if v.Name != levelNames[f][l+1] || !(v.M > 0 && v.M <= 1 && v.U > 0 && v.U <= 1) {
				return fmt.Errorf("settings: level %d of %s should be %q with m and u between 0 and 1", l+1, t.Field, levelNames[f][l+1])
			}
		}
	}
	return nil
}

// Write writes settings as JSON people can read.
func (s *Settings) Write(to io.Writer) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// model is settings as bits, ready for one roster.
type model struct {
	*Settings
	bits    [fieldCount][maxLevels]float64
	same    [fieldCount]float64 // log2 m of the highest level: its u is the value's own rarity
	prior   float64
	swapped float64
	perHead float64
}

// leastU keeps a level that chance never showed from being proof. (Spec of the index: minimum u 0.001.)
const leastU = 0.001

// fewestPeople is how many people a place has at least: an index that is still filling must not take the first namesake for the person.
const fewestPeople = 20_000

// mostAgainst is all that one field can say against a pair, in bits: what never differed in one file may differ in the next row.
const mostAgainst = -10

func (s *Settings) model(r *Roster) *model {
	m := &model{Settings: s, swapped: math.Log2(s.Swapped), perHead: math.Log2(s.Share)}
	m.prior = math.Log2(min(s.Share*r.people()/r.universe(), .5))
	if r.live || r.register {
		m.prior = math.Log2(min(s.Share/float64(max(r.sizes[0], fewestPeople)), .5))
	}
	for f := range fieldCount {
		levels := s.Fields[f].Levels
		for l, v := range levels {
			m.bits[f][l+1] = max(math.Log2(v.M/max(v.U, leastU)), mostAgainst)
		}
		m.same[f] = math.Log2(levels[len(levels)-1].M)
		for l := 2; l <= len(levels); l++ { // more agreement is never worth less
			m.bits[f][l] = max(m.bits[f][l], m.bits[f][l-1])
		}
	}
	return m
}

// of returns the bits of one field of a pair.
func (m *model) of(g *agreement, f Field) float64 {
	l := g.levels[f]
	if l == 0 {
		return 0
	}
	b := m.bits[f][l]
	if l == same(f) && f != Sex {
		b = max(m.same[f]+float64(g.rare[f])/8, m.bits[f][l-1])
	}
	if b > 0 { // of several values one agreed: chance had as many goes
		b = max(b-float64(g.many[f])/8, 0)
	}
	return b
}

// How often there is somebody who is easily mistaken for a person: a twin, and relatives of one name under one roof.
const (
	twins     = 0.015
	relatives = 1.0
	namesake  = 6 // bits of a forename within a family: one son in fifty or so has his father's
)

var roof = [...]Field{Postcode, Address, Town, Phone}

// weight is the log2 odds that a pair with this agreement is one person.
func (m *model) weight(g *agreement) float64 {
	w := m.unguarded(g)
	if m.Households {
		own, first := m.of(g, NHS)+m.of(g, Sex)+m.of(g, Email), m.of(g, Forename)
		w = min(w, m.perHead-math.Log2(twins)+own+first, m.perHead-math.Log2(relatives)+own+min(first, namesake)+m.of(g, DOB))
	}
	return w
}

// unguarded is the weight if there were neither twins nor relatives.
func (m *model) unguarded(g *agreement) float64 {
	w := m.prior + m.of(g, NHS) + m.of(g, Forename) + m.of(g, Surname) + m.of(g, DOB) + m.of(g, Sex) + m.of(g, Email) + m.under(g)
	if g.cross {
		w += m.swapped
	}
	return w
}

// under is what the fields of one household say together: the best whole, the others by as much as they are news, for and against.
func (m *model) under(g *agreement) float64 {
	var best, worst, plus, minus float64
	for _, f := range roof {
		b := m.of(g, f)
		if b > 0 {
			plus += b
			best = max(best, b)
		} else {
			minus += b
			worst = min(worst, b)
		}
	}
	return best + (plus-best)*m.Roof + worst + (minus-worst)*m.Moved
}

// best compares two rows and keeps the better reading of their names.
func (r *Roster) best(m *model, a, b uint32) (agreement, float64) {
	return r.bestOf(m, &r.rows[a], &r.rows[b], nil)
}

func (r *Roster) bestOf(m *model, a, b *row, own []word) (agreement, float64) {
	straight, crossed, canCross := r.compare(a, b, own)
	w := m.weight(&straight)
	if canCross {
		if v := m.weight(&crossed); v > w {
			return crossed, v
		}
	}
	return straight, w
}

// hopeful is false where a pair cannot weigh enough to be kept, which a few equal numbers and the birth date often settle before
// letters are compared. It never errs the other way.
func (r *Roster) hopeful(m *model, a, b *row, own []word) bool {
	if len(a.also)+len(b.also) > 0 {
		return true
	}
	x, y := &a.values, &b.values
	if x[NHS] != 0 && x[NHS] == y[NHS] {
		return true // one number is never passed over in silence: it is a link or a question
	}
	most := func(f Field) float64 { // of a field as it stands
		switch {
		case x[f] == 0 || y[f] == 0:
			return 0
		case x[f] == y[f] && f != Sex:
			return max(m.same[f]+float64(r.rare(f, x[f]))/8, m.bits[f][same(f)-1])
		case x[f] == y[f]:
			return m.bits[f][same(f)]
		}
		return m.bits[f][same(f)-1]
	}
	w := m.prior + most(NHS) + most(DOB) + most(Sex) + most(Email)
	for _, f := range roof {
		w += max(most(f), 0)
	}
	straight, crossed := most(Forename)+most(Surname), math.Inf(-1)
	if x[Forename] != 0 && x[Surname] != 0 && y[Forename] != 0 && y[Surname] != 0 {
		crossed = m.swapped
		for _, pair := range [2][2]uint32{{x[Forename], y[Surname]}, {x[Surname], y[Forename]}} {
			if pair[0] == pair[1] {
				crossed += max(m.same[Forename], m.same[Surname]) + float64(r.crossRarity(pair))/8
			}
			crossed += max(m.bits[Forename][same(Forename)-1], m.bits[Surname][same(Surname)-1], 0)
		}
	}
	if w+max(straight, crossed) <= worthKeeping {
		return false
	}
	for _, f := range [...]Field{DOB, NHS} {
		if x[f] != 0 && y[f] != 0 && x[f] != y[f] {
			w += m.bits[f][differing(f, r.word(f, x[f], own), r.word(f, y[f], own), r.dicts[f])] - m.bits[f][same(f)-1]
		}
	}
	if w+max(straight, crossed) <= worthKeeping {
		return false
	}
	if x[Forename] != 0 && y[Forename] != 0 && x[Forename] != y[Forename] && w+crossed <= worthKeeping {
		w += m.bits[Forename][r.forename(x[Forename], y[Forename], own)] - m.bits[Forename][same(Forename)-1]
	}
	return w+max(straight, crossed) > worthKeeping
}

// A Part is one line of an explanation.
type Part struct {
	Field, Level string
	Bits         float64
}

// Explain takes a pair's weight apart; the parts add up to the weight.
func (r *Roster) explain(m *model, a, b uint32) ([]Part, float64) {
	g, w := r.best(m, a, b)
	return m.parts(&g, w), w
}

// parts are the lines that add up to the weight w of an agreement.
func (m *model) parts(g *agreement, w float64) []Part {
	parts := []Part{{"prior", "how rare a true pair is", m.prior}}
	sum := m.prior
	for f := range fieldCount {
		if g.levels[f] == 0 {
			continue
		}
		bits := m.of(g, f)
		if slices.Contains(roof[:], f) {
			alone := *g
			alone.levels[f] = 0
			bits = m.under(g) - m.under(&alone)
		}
		parts = append(parts, Part{f.String(), levelNames[f][g.levels[f]], bits})
		sum += bits
	}
	if g.cross {
		parts = append(parts, Part{"names", "forename and surname swapped", m.swapped})
		sum += m.swapped
	}
	if rest := m.unguarded(g) - sum; math.Abs(rest) > 1e-9 {
		parts = append(parts, Part{"household", "one roof, counted once", rest})
		sum += rest
	}
	if math.Abs(w-sum) > 1e-9 {
		parts = append(parts, Part{"family", "could be a twin or a relative", w - sum})
	}
	return parts
}
