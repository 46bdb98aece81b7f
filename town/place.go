package town

import "fmt"

// Name is the town's.
const Name = "Merrowby"

// place is what all people of a town share.
type place struct {
	organizations []organization
	staff         []practitioner
}

type organization struct {
	id, ods, name, kind, kindName, street, postcode, phone string
}

// practitioner works at one organisation.
type practitioner struct {
	id, number, prefix, first, last, role string
	female                                bool
	at                                    *organization
}

func (p *practitioner) name() string { return p.prefix + " " + p.first + " " + p.last }

// The organisations by position, and the specialties of the hospital's staff.
const (
	millLane = iota
	stationRoad
	hospital
	laboratory
	canalSide
	holmeRise
	windmill
)

// practices are the five by position, in the order of their streets.
var practices = []int{millLane, stationRoad, canalSide, holmeRise, windmill}

const gpRole, nurseRole, midwifeRole = "General practitioner", "Practice nurse", "Midwifery"

var specialties = []string{"Emergency medicine", "Cardiology", "Respiratory medicine", "Orthopaedics", "Ophthalmology", "General surgery",
	"Diabetes and endocrinology", "Rheumatology", "Oncology", "Urology", "Neurology", "Gastroenterology", "Care of older people", "Psychiatry"}

// laterSpecialties came to the hospital after everybody else in town.
var laterSpecialties = []string{"Obstetrics", midwifeRole, "Gynaecology", "Ear, nose and throat", "Dermatology"}

// place draws the organisations and the people who work there.
func (t Town) place() *place {
	id := func(kind string, n int) string { return fmt.Sprintf("%s-%s%d", t.name(), kind, n) }
	p := &place{organizations: []organization{
		{id("org", 1), "ZZ001", "Mill Lane Surgery", "prov", "Healthcare Provider", "2 Mill Lane", "ZZ1 1AA", "01632 960101"},
		{id("org", 2), "ZZ002", "Station Road Medical Centre", "prov", "Healthcare Provider", "91 Station Road", "ZZ2 3BD", "01632 960102"},
		{id("org", 3), "ZZ1", Name + " General Hospital", "prov", "Healthcare Provider", "Windmill View", "ZZ3 9HH", "01632 960100"},
		{id("org", 4), "ZZ1PA", Name + " General Hospital, Pathology", "dept", "Hospital Department", "Windmill View", "ZZ3 9HH", "01632 960109"},
		{id("org", 5), "ZZ003", "Canal Side Health Centre", "prov", "Healthcare Provider", "40 Canal Street", "ZZ1 9CS", "01632 960103"},
		{id("org", 6), "ZZ004", "Holme Rise Practice", "prov", "Healthcare Provider", "7 Holme Rise", "ZZ2 2HR", "01632 960104"},
		{id("org", 7), "ZZ005", "The Windmill Surgery", "prov", "Healthcare Provider", "12 Windmill View", "ZZ3 6WV", "01632 960105"},
	}}
	d := roll(t.Seed, -1, "staff")
	hire := func(role string, at int) {
		a := ancestries[d.weighted(shares()...)]
		if role != nurseRole && d.chance(0.3) { // medicine draws from further afield than the town does
			a = ancestries[6+d.IntN(8)]
		}
		female := d.chance(0.55) || role == nurseRole && d.chance(0.8)
		n := len(p.staff) + 1
		w := practitioner{id: id("prac", n), number: fmt.Sprintf("9990000%05d", n), prefix: "Dr", role: role, female: female, at: &p.organizations[at]}
		if role == nurseRole {
			w.prefix = map[bool]string{true: "Ms", false: "Mr"}[female]
		}
		w.first, w.last = first(d, a.names, female, 1958+d.IntN(35)), family(d, a.names)
		p.staff = append(p.staff, w)
	}
	practice := func(at int) {
		for range 6 {
			hire(gpRole, at)
		}
		for range 3 {
			hire(nurseRole, at)
		}
	}
	practice(millLane)
	practice(stationRoad)
	for _, s := range specialties {
		hire(s, hospital)
		hire(s, hospital)
	}
	for _, at := range practices[2:] {
		practice(at)
	}
	for _, s := range laterSpecialties {
		hire(s, hospital)
		hire(s, hospital)
	}
	return p
}

// who returns one of the people in a role at an organisation; the same dice find the same person.
func (p *place) who(role string, at int, d dice) *practitioner {
	var found []*practitioner
	for i := range p.staff {
		if p.staff[i].role == role && p.staff[i].at == &p.organizations[at] {
			found = append(found, &p.staff[i])
		}
	}
	return pick(d, found)
}

// ours returns who stands for a member of staff at a practice: the person themselves, or, of another place, a colleague who
// entered what came with a record from there.
func (p *place) ours(i, practice int) int {
	s := &p.staff[i]
	for k := range p.staff {
		j := (i + k) % len(p.staff)
		other := &p.staff[j]
		if other.at == &p.organizations[practice] && (k == 0 || other.role == s.role || s.role != nurseRole && other.role == gpRole) {
			return j
		}
	}
	panic("town: a practice without staff")
}

func shares() []float64 {
	s := make([]float64, len(ancestries))
	for i := range ancestries {
		s[i] = ancestries[i].share
	}
	return s
}
