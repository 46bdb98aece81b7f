package match

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// known fills a record with people whom three sources know by their NHS numbers, so that the linker learns that they know the same ones.
func (t *town) known(n int) {
	t.Helper()
	g := newRegister(77).fill(n)
	var bodies []string
	for _, source := range []string{"ZZ001", "ZZC", "ZZHC"} {
		for _, p := range g.people {
			f := []string{}
			for i, v := range p.Values {
				f = append(f, Field(i).String(), v)
			}
			bodies = append(bodies, patientJSON(source, source+"-"+p.ID, f...))
		}
	}
	t.put(bodies...)
	t.settle()
}

// Nobody's record of one service says enough to be sure of that of another; what all of them say together does. The council has no
// name, the agency neither sex nor street, the optician an old address, and none of them a number. In every order she is one person.
func TestAPatientIsHeldAgainstThePerson(t *testing.T) {
	says := map[string][]string{
		"gp":       {"ZZ001", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB", "town", "Merrowby", "old-postcode", "ZZ9 7TT"},
		"council":  {"ZZC", "dob", "1950-02-03", "sex", "F", "postcode", "ZZ1 4AB"},
		"agency":   {"ZZHC", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "postcode", "ZZ1 4AB"},
		"optician": {"ZZOP1", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "91 Canal Street", "postcode", "ZZ9 7TT"},
	}
	orders := [][]string{{"gp", "council", "agency", "optician"}, {"council", "agency", "gp", "optician"}, {"agency", "council", "optician", "gp"}, {"optician", "gp", "council", "agency"}, {"council", "optician", "gp", "agency"}}
	for _, order := range orders {
		town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
		town.known(160)
		asked := len(town.queue())
		for _, id := range order {
			town.says(says[id][0], id, says[id][1:]...)
		}
		ada := "agency council gp optician"
		town.people(map[string]string{"gp": ada, "council": ada, "agency": ada, "optician": ada})
		if q := town.queue(); len(q) > asked {
			t.Errorf("%v: a question is left: %+v", order, q[len(q)-1])
		}
		links, err := town.l.Links(t.Context(), clerk, "council")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			s := l.standing()
			if s == nil {
				continue
			}
			sum := 0.0
			for _, p := range s.Parts {
				sum += p.Bits
			}
			if math.Abs(sum-s.Weight) > 1e-6 {
				t.Errorf("%v: the parts of %s add up to %.3f, not %.3f", order, l.ID(), sum, s.Weight)
			}
		}
	}
}

// Whoever is as like a twin as the twin is a question, in whatever order they come; so is a baby who has no name yet.
func TestATwinIsNotTakenForTheOther(t *testing.T) {
	twin := func(nhs, forename string) []string {
		return []string{"nhs", nhs, "forename", forename, "surname", "Penwick", "dob", "2019-05-06", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB"}
	}
	for name, stray := range map[string][]string{
		"nameless": {"ZZC", "dob", "2019-05-06", "sex", "F", "postcode", "ZZ1 4AB"},
		"baby":     {"ZZ1", "forename", "Baby", "surname", "Penwick", "dob", "2019-05-06", "sex", "F", "postcode", "ZZ1 4AB"},
	} {
		for _, at := range []int{0, 2} {
			town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
			town.known(160)
			for i := range 3 {
				switch {
				case i == at:
					town.says(stray[0], "stray", stray[1:]...)
				case slices.Contains([]int{0, 1}, i) && at != 0 || i == 1 && at == 0:
					town.says("ZZ001", fmt.Sprint("twin", i), twin([]string{"9434765919", "4000745212"}[i], []string{"Ella", "Maud"}[i])...)
				default:
					town.says("ZZ001", "twin0", twin("9434765919", "Ella")...)
				}
			}
			if got := town.person("stray"); got != "stray" && at == 2 {
				t.Errorf("%s, coming last, is one person with %q", name, got)
			}
			asked := slices.ContainsFunc(town.queue(), func(q Asked) bool { return q.Link.A == "stray" || q.Link.B == "stray" })
			if !asked {
				t.Errorf("%s, at %d: nobody is asked", name, at)
			}
		}
	}
}

// Without names, a birth date and a sex are not a person: a household must agree as well.
func TestWithoutANameAHouseholdMustAgree(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
	town.known(160)
	town.says("ZZ001", "gp", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1911-02-03", "sex", "F", "postcode", "ZZ1 4AB")
	town.says("ZZC", "moved", "dob", "1911-02-03", "sex", "F", "postcode", "ZZ1 5AB")
	town.people(map[string]string{"gp": "gp", "moved": "moved"})
	town.says("ZZC", "here", "dob", "1911-02-03", "sex", "F", "postcode", "ZZ1 4AB")
	town.people(map[string]string{"gp": "gp here", "moved": "moved"})
	// Of one name, born in one year, living elsewhere: two boys of one town, until the right one is known.
	town.says("ZZ001", "boy", "nhs", "4000745212", "forename", "Tristram", "surname", "Quennell", "dob", "2024-04-11", "sex", "M", "address", "8 Quarry Hill", "postcode", "ZZ2 5FJ")
	town.says("ZZHC", "stray", "forename", "Tristram", "surname", "Quennell", "dob", "2024-09-14", "sex", "M", "postcode", "ZZ2 5EL")
	town.people(map[string]string{"boy": "boy", "stray": "stray"})
	town.says("ZZ001", "other", "forename", "Tristram", "surname", "Quennell", "dob", "2024-09-14", "sex", "M", "address", "49 Quarry Hill", "postcode", "ZZ2 5EL")
	town.people(map[string]string{"boy": "boy", "stray": "other stray"})
}

// A source that has somebody twice is believed only where nobody else could be meant: a slip of the keyboard in a common name is no twin,
// another name is.
func TestOneSourceHasSomebodyTwice(t *testing.T) {
	for _, c := range []struct {
		name, forename string
		fields         []string
		one            bool
	}{
		{"the same", "Oscar", nil, true},
		{"a slip", "Osacr", nil, true},
		{"another name one letter off", "Oskar", nil, false}, // others are called so
		{"a twin", "Edgar", nil, false},
		{"another birth date", "Oscar", []string{"dob", "2000-07-20"}, false},
		{"another number", "Oscar", []string{"nhs", "4000745212"}, false},
	} {
		town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
		town.known(160)
		for i := range 30 {
			town.put(patientJSON("ZZ001", fmt.Sprint("o", i), "forename", "Oscar", "surname", fmt.Sprint("Grey", string(rune('a'+i))), "dob", fmt.Sprintf("1960-01-%02d", i+1), "sex", "M"))
			if i%5 == 0 {
				town.put(patientJSON("ZZ001", fmt.Sprint("k", i), "forename", "Oskar", "surname", fmt.Sprint("Blum", string(rune('a'+i))), "dob", fmt.Sprintf("1961-01-%02d", i+1), "sex", "M"))
			}
		}
		home := []string{"surname", "Varley", "dob", "2000-07-19", "sex", "M", "address", "116 Windmill View", "postcode", "ZZ3 6QU", "phone", "01632 960575"}
		town.says("ZZC", "first", append([]string{"nhs", "9434765919", "forename", "Oscar"}, home...)...)
		town.says("ZZC", "second", append(append([]string{"forename", c.forename}, home...), c.fields...)...)
		want := "second"
		if c.one {
			want = "first second"
		}
		town.person("first")
		if got := town.person("second"); got != want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// How likely a source's people are to be known elsewhere is learned from those with a number.
func TestSharesAreLearned(t *testing.T) {
	x, err := NewIndex(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	g := newRegister(5).fill(400)
	source := map[string]string{}
	for i, p := range g.people[:400] {
		for _, s := range []string{"gp", "hospital", "council", "few"} {
			if s == "hospital" && i%2 == 1 || s == "few" && i > 2 {
				continue
			}
			q := Person{ID: s + p.ID}
			q.Values[NHS] = p.Values[NHS]
			if s == "council" {
				q.Values[NHS] = g.nhs() // whom nobody else knows
			}
			source[q.ID] = s
			if err := x.Add(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := x.shares(source)
	for s, want := range map[string]float64{"gp": 205. / 440, "hospital": 204. / 240, "council": .1, "few": 7. / 43} {
		if math.Abs(got[s]-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", s, got[s], want)
		}
	}
}
