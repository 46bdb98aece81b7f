package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// dirty makes files in the manner of the FEBRL generator (Christen 2005): people whose fields are drawn independently, without
// families, and duplicates spoilt by slips of the keyboard, misread and misheard letters, lost and exchanged fields, new addresses.
type dirty struct {
	dice                                    *rand.Rand
	firsts, lasts, streets, places, suburbs []string
	rate                                    float64 // share of fields spoilt
	perField                                int     // at most so many errors in one of them
	lost                                    float64 // share of spoilt fields that are empty or another person's
}

func newDirty(seed uint64, rate float64, perField int, lost float64) *dirty {
	d := &dirty{dice: rand.New(rand.NewPCG(seed, 77)), rate: rate, perField: perField, lost: lost}
	starts := strings.Fields("al an ar ash be bel ber br ca car ch cla co da de do el em er fa fi ga ge gr ha he hol is ja je jo ka ke ky la le li lu ma me mi mo na ni no ol pa pe ra re ri ro sa se sh so ta te ti to va vi wa we wi za")
	ends := strings.Fields("ba by da den dley don ella en er eth ett ey field ford ham ia ian iel in ina ington is la lan ley lin lle lyn man mer mond na nah ner ney nie on ra ren rick ris sha son ssa sten tany ter tha ton tt vin way well win wood worth")
	names := func(n int) (out []string) {
		seen := map[string]bool{}
		for len(out) < n {
			w := starts[d.dice.IntN(len(starts))]
			if d.dice.Float64() < .3 {
				w += starts[d.dice.IntN(len(starts))]
			}
			w += ends[d.dice.IntN(len(ends))]
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
		return out
	}
	d.firsts = append(strings.Fields(strings.ToLower(firstWomen+" "+firstMen)), names(500)...)
	d.lasts = append(strings.Fields("smith jones white campbell webb brown clarke taylor nguyen wilson ryan green reid matthews"), names(1500)...)
	d.streets, d.places, d.suburbs = names(2000), names(1500), names(1100)
	return d
}

// skewed draws early words far more often than late ones.
func (d *dirty) skewed(words []string) string {
	f := d.dice.Float64()
	return words[int(f*f*f*float64(len(words)))]
}

const dirtyColumns = 9

// original is given_name, surname, street_number, address_1, address_2, suburb, postcode, state, date_of_birth.
func (d *dirty) original() [dirtyColumns]string {
	street := strings.Fields("street place crescent avenue circuit close court drive road way")
	p := [dirtyColumns]string{
		d.skewed(d.firsts), d.skewed(d.lasts), fmt.Sprint(1 + int(d.dice.ExpFloat64()*45)), d.skewed(d.streets) + " " + street[d.dice.IntN(len(street))],
		d.skewed(d.places), d.skewed(d.suburbs), fmt.Sprint(2000 + int(d.dice.Float64()*d.dice.Float64()*4900)), d.skewed(strings.Fields("nsw vic qld wa sa tas act nt")),
		fmt.Sprintf("19%02d%02d%02d", d.dice.IntN(100), 1+d.dice.IntN(12), 1+d.dice.IntN(28)),
	}
	if d.dice.Float64() < .4 {
		p[4] = strings.Fields("rosetta rowethorpe villa flat unit")[d.dice.IntN(5)] + " " + fmt.Sprint(1+d.dice.IntN(80))
	}
	for i, empty := range [dirtyColumns]float64{.025, .012, .03, .014, .075, .012, 0, .012, .026} {
		if d.dice.Float64() < empty {
			p[i] = ""
		}
	}
	return p
}

func (d *dirty) duplicate(p [dirtyColumns]string) [dirtyColumns]string {
	chance := func(f float64) bool { return d.dice.Float64() < f }
	weight := [dirtyColumns]float64{1.4, 1.5, .9, 1.6, 2.2, 1.3, .75, .2, .5}
	done := 0
	for done == 0 {
		for i := range p {
			if !chance(d.rate * weight[i]) {
				continue
			}
			done++
			if chance(d.lost) {
				if p[i] = ""; chance(.5) {
					p[i] = d.original()[i]
				}
				continue
			}
			for range 1 + d.dice.IntN(d.perField) {
				p[i] = d.slip(p[i], i)
			}
		}
		if chance(d.rate * .25) {
			p[0], p[1] = p[1], p[0]
		}
		if chance(d.rate * .4) {
			p[3], p[4] = p[4], p[3]
		}
		if chance(d.rate * .1) {
			p[5], p[3] = p[3], p[5]
		}
		if b := p[8]; len(b) == 8 && chance(d.rate*.1) {
			p[8] = b[:4] + b[6:] + b[4:6]
		}
	}
	return p
}

// slip is one error of typing, reading or hearing.
func (d *dirty) slip(v string, column int) string {
	if v == "" {
		return v
	}
	letters := "abcdefghijklmnopqrstuvwxyz"
	if column == 2 || column == 6 || column == 8 {
		letters = "0123456789"
	}
	at, c := d.dice.IntN(len(v)), string(letters[d.dice.IntN(len(letters))])
	switch d.dice.IntN(8) {
	case 0:
		return v[:at] + c + v[at:]
	case 1:
		return v[:at] + v[at+1:]
	case 2, 3:
		return v[:at] + c + v[at+1:]
	case 4:
		if at+1 < len(v) {
			return v[:at] + v[at+1:at+2] + v[at:at+1] + v[at+2:]
		}
	case 5: // misread
		for _, p := range strings.Fields("m:rn o:0 l:1 s:5 b:6 g:9 cl:d w:vv i:j e:c") {
			if one, other, _ := strings.Cut(p, ":"); strings.Contains(v, one) {
				return strings.Replace(v, one, other, 1)
			}
		}
	case 6: // misheard
		for _, p := range strings.Fields("ph:f ck:k ie:y ey:y th:t ll:l c:k ai:ay er:a z:s oo:u ee:ea") {
			if one, other, _ := strings.Cut(p, ":"); strings.Contains(v, one) {
				return strings.Replace(v, one, other, 1)
			}
		}
	case 7:
		if w := strings.Fields(v); len(w) > 1 {
			if d.dice.IntN(2) == 0 {
				return strings.Join(w, "")
			}
			w[0], w[1] = w[1], w[0]
			return strings.Join(w, " ")
		}
		if len(v) > 4 && column != 8 && column != 6 {
			return v[:at] + " " + v[at:]
		}
	}
	return v[:at] + c + v[at+1:]
}

func (d *dirty) person(id string, p [dirtyColumns]string) Person {
	q := Person{ID: id}
	q.Values[Forename], q.Values[Surname], q.Values[DOB], q.Values[Postcode], q.Values[Town] = p[0], p[1], p[8], p[6], p[5]
	q.Values[Address] = strings.TrimSpace(p[2] + " " + p[3] + " " + p[4])
	return q
}

// two is n people in two files, each once in each.
func (d *dirty) two(n int) (a, b []Person, who map[string]string) {
	who = map[string]string{}
	for i := range n {
		p := d.original()
		one, other := fmt.Sprintf("rec-%d-org", i), fmt.Sprintf("rec-%d-dup-0", i)
		a, b = append(a, d.person(one, p)), append(b, d.person(other, d.duplicate(p)))
		who[one], who[other] = fmt.Sprint(i), fmt.Sprint(i)
	}
	return a, b, who
}

// one is 2,000 people in 5,000 rows, as many of each number as in FEBRL 3.
func (d *dirty) one() (rows []Person, who map[string]string) {
	who = map[string]string{}
	i := 0
	for copies, people := range []int{835, 368, 256, 212, 161, 168} {
		for range people {
			p := d.original()
			for c := range copies + 1 {
				id, q := fmt.Sprintf("rec-%d-dup-%d", i, c), p
				if c > 0 {
					q = d.duplicate(p)
				}
				rows = append(rows, d.person(id, q))
				who[id] = fmt.Sprint(i)
			}
			i++
		}
	}
	return rows, who
}

// Files of people nobody knows, dirtier than registers are. What is asked for is what FEBRL 3 and 4 ask; seeds from 100 on were
// never looked at while the rules were made.
func TestDirtyFilesAreMatched(t *testing.T) {
	for _, c := range []struct {
		rate     float64
		perField int
		lost     float64
		seeds    []uint64
		wrong    int
		recall4  float64
		recall3  float64
	}{
		{.22, 1, .08, []uint64{1, 2}, 1, .995, .98},
		{.28, 2, .12, []uint64{3, 4}, 2, .995, .98},
		{.22, 1, .08, []uint64{101, 102}, 1, .995, .98},
		{.25, 2, .10, []uint64{103, 104}, 2, .995, .98},
		{.32, 3, .15, []uint64{105}, 2, .98, .95}, // worse than anything FEBRL has
	} {
		for _, seed := range c.seeds {
			d := newDirty(seed, c.rate, c.perField, c.lost)
			a, b, who := d.two(5000)
			r, err := New(a, b, false)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Check(r.Run(r.Learn(quiet), false, quiet), who, who)
			t.Logf("two files, seed %d, %.0f %% spoilt: %d right, %d wrong, %d missed: precision %.4f, recall %.4f", seed, c.rate*100, got.Right, got.Wrong, got.Missed, got.Precision(), got.Recall())
			if got.Wrong > c.wrong || got.Recall() < c.recall4 {
				t.Errorf("at most %d wrong and recall %.3f are asked for", c.wrong, c.recall4)
			}
			rows, who := d.one()
			if r, err = New(rows, nil, false); err != nil {
				t.Fatal(err)
			}
			got = r.Check(r.Run(r.Learn(quiet), false, quiet), who, nil)
			t.Logf("one file, seed %d, %.0f %% spoilt: %d right, %d wrong, %d missed: precision %.4f, recall %.4f", seed, c.rate*100, got.Right, got.Wrong, got.Missed, got.Precision(), got.Recall())
			if got.Wrong > c.wrong+1 || got.Recall() < c.recall3 {
				t.Errorf("at most %d wrong and recall %.3f are asked for", c.wrong+1, c.recall3)
			}
		}
	}
}
