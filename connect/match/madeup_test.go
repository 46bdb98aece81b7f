package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A made-up register: families under one roof, twins, sons named after their fathers, people who move, marry and are misspelt. It
// knows who is who.
type register struct {
	dice   *rand.Rand
	people []Person
	who    map[string]string
	surs   []string
}

const firstWomen = "Margaret Jean Susan Linda Christine Sarah Claire Emma Olivia Amelia Isla Ava Fatima Aisha Priya Meera Agnieszka Ewa Siobhan Niamh Ngozi Chioma Grace Ella Chloe Jessica Megan Ruby Millie Daisy Catherine Elizabeth Joanne Patricia Victoria"
const firstMen = "John Peter David Michael Stephen Paul Andrew Robert James Matthew Daniel Thomas Oliver Jack Harry George Mohammed Imran Rajesh Amit Piotr Tomasz Patrick Sean Chidi Emeka William Christopher Anthony Joseph Samuel Benjamin Alexander Nicholas Edward"

func newRegister(seed uint64) *register {
	g := &register{dice: rand.New(rand.NewPCG(seed, 1)), who: map[string]string{}}
	parts := strings.Fields("ash brad bur cal car chester clay cold cot dal den dor east ed fair far gar gold grant hal har hart hill hol hud kel ken lang law lin long mal mar mil mor nor oak pen pres rad red ridge rock sand shel stan sut tal thorn tur wal war well west whit wil wood york")
	ends := strings.Fields("by den er ett field ford ham ing ington land ley low man more ridge shaw son stead stone ton ward well wick worth")
	for _, a := range parts {
		for _, b := range ends {
			g.surs = append(g.surs, strings.ToUpper(a[:1])+a[1:]+b)
		}
	}
	g.dice.Shuffle(len(g.surs), func(i, j int) { g.surs[i], g.surs[j] = g.surs[j], g.surs[i] })
	return g
}

func (g *register) pick(words string) string {
	all := strings.Fields(words)
	return all[g.dice.IntN(len(all))]
}

func (g *register) surname() string { // some are everywhere, most are rare
	f := g.dice.Float64()
	return g.surs[int(f*f*float64(len(g.surs)))]
}

func (g *register) forename(female bool) string {
	if g.dice.Float64() < .3 { // and a third are rare
		return g.surs[g.dice.IntN(len(g.surs))] + "a"
	}
	if female {
		return g.pick(firstWomen)
	}
	return g.pick(firstMen)
}

func (g *register) born(from, to int) string {
	return fmt.Sprintf("%04d-%02d-%02d", from+g.dice.IntN(to-from+1), 1+g.dice.IntN(12), 1+g.dice.IntN(28))
}

func (g *register) nhs() string {
	for {
		d := fmt.Sprintf("4%08d", g.dice.IntN(100_000_000))
		for c := range 10 {
			if n := fmt.Sprintf("%s%d", d, c); cleanNHS(n, false) != "" {
				return n
			}
		}
	}
}

func (g *register) home(p *Person) {
	p.Values[Address] = fmt.Sprintf("%d %s %s", 1+g.dice.IntN(120), g.surs[g.dice.IntN(len(g.surs))], g.pick("Road Street Close Avenue Lane Court"))
	p.Values[Postcode] = fmt.Sprintf("ZZ%d %d%c%c", 1+g.dice.IntN(15), g.dice.IntN(10), 'A'+g.dice.IntN(20), 'A'+g.dice.IntN(20))
	p.Values[Town] = g.pick("Merrowby Ashcombe Thornley Dunmere Castleford")
	p.Values[Phone] = fmt.Sprintf("01632 %06d", g.dice.IntN(1_000_000))
}

func (g *register) fill(n int) *register {
	add := func(p Person) {
		p.Values[NHS] = g.nhs()
		p.ID = fmt.Sprint("a", len(g.people))
		g.who[p.ID] = p.ID
		g.people = append(g.people, p)
	}
	for len(g.people) < n {
		var home Person
		g.home(&home)
		home.Values[Surname] = g.surname()
		father, mother := home, home
		father.Values[Forename], father.Values[Sex], father.Values[DOB] = g.forename(false), "M", g.born(1940, 1985)
		mother.Values[Forename], mother.Values[Sex], mother.Values[DOB] = g.forename(true), "F", g.born(1940, 1985)
		add(father)
		add(mother)
		named := map[string]bool{father.Values[Forename]: true, mother.Values[Forename]: true}
		for range g.dice.IntN(4) {
			child := home
			child.Values[DOB] = g.born(1988, 2024)
			for twin := range 2 {
				female := g.dice.IntN(2) == 0
				child.Values[Sex] = map[bool]string{true: "F", false: "M"}[female]
				for child.Values[Forename] = ""; child.Values[Forename] == "" || named[child.Values[Forename]]; {
					child.Values[Forename] = g.forename(female)
				}
				named[child.Values[Forename]] = true
				if !female && g.dice.Float64() < .02 {
					child.Values[Forename] = father.Values[Forename]
				}
				add(child)
				if twin == 0 && g.dice.Float64() > .015 {
					break
				}
			}
		}
	}
	return g
}

// other is the same people as another system has them: a share of them, a third without NHS number, with errors.
func (g *register) other(share float64) ([]Person, map[string]string) {
	var out []Person
	who := map[string]string{}
	for _, p := range g.people {
		if g.dice.Float64() > share {
			continue
		}
		q := p
		q.ID = fmt.Sprint("b", len(out))
		who[q.ID] = g.who[p.ID]
		g.spoil(&q)
		out = append(out, q)
	}
	g.dice.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, who
}

func (g *register) spoil(q *Person) {
	chance := func(p float64) bool { return g.dice.Float64() < p }
	if chance(.33) {
		q.Values[NHS] = ""
	}
	if chance(.25) {
		g.home(q)
	}
	if q.Values[Sex] == "F" && chance(.04) {
		q.Values[Surname] = g.surname()
	}
	if chance(.01) {
		q.Values[Forename], q.Values[Surname] = q.Values[Surname], q.Values[Forename]
	}
	if d := q.Values[DOB]; chance(.01) && d[8:] <= "12" {
		q.Values[DOB] = d[:5] + d[8:] + "-" + d[5:7]
	} else if chance(.01) {
		q.Values[DOB] = d[:9] + string('0'+(d[9]-'0'+1)%10)
	}
	for _, f := range []Field{Forename, Surname, Postcode, Address} {
		if v := q.Values[f]; chance(.03) && len(v) > 3 {
			at := 1 + g.dice.IntN(len(v)-2)
			q.Values[f] = v[:at] + v[at+1:]
		}
	}
	for _, f := range []Field{Sex, Phone, Address} {
		if chance(.1) {
			q.Values[f] = ""
		}
	}
	if chance(.02) {
		q.Values[Forename] = q.Values[Forename][:1]
	}
}
