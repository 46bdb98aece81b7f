package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// support is the care somebody gets from the council, or buys at home.
type support struct {
	from  time.Time
	calls int // a day
}

// supported reports whether someone has care at home, and since when.
func (c *chart) supported() (support, bool) {
	p := c.p
	d := roll(p.town.Seed, p.i, "support")
	chance := curve(p.age(p.end), 18, 0.004, 60, 0.01, 75, 0.05, 85, 0.18, 95, 0.35)
	if c.l.h.has("dementia", p.end) || c.l.h.has("stroke", p.end) {
		chance += 0.25
	}
	if c.b.careHome || !d.chance(chance) {
		return support{}, false
	}
	return support{from: workday(after(p.end, -0.2-2.6*d.Float64())), calls: 1 + d.IntN(4)}, true
}

const homeCareHeader = "visit_id,client_ref,nhs_number,forename,surname,date_of_birth,postcode,worker_ref,worker,planned_start,planned_end,arrived,left,tasks_done,medicines_given,note\r\n"

var careWorkers = []string{"Tina Holt", "Joy Mbeki", "Carl Denny", "Anca Pop", "Sue Ridley", "Femi Ade"}

// newHomeCare is the home-care agency's feed: visits as a spreadsheet for half of its rounds and as lines of JSON for the
// others, since it changes its system. Times are by the clock on the wall.
func newHomeCare(t Town, feed int, cuts []time.Time) *stream {
	return &stream{feed: feed, name: "homecare-zzhc", from: cuts[0].Add(-60 * day), cuts: cuts, parts: []streamPart{{"visits.csv", homeCareHeader}, {"visits.ndjson", ""}}, rows: homeCare}
}

func homeCare(s *stream, c *chart, o *outbox) []trueRecord {
	care, ok := c.supported()
	if !ok {
		return nil
	}
	p, d := c.p, roll(c.p.town.Seed, c.p.i, "home care")
	who := c.known("home care", s.from, 0.25)
	ref := fmt.Sprintf("HC%06d", p.i)
	wrote := false
	for on := s.from; on.Before(s.last()) && on.Before(p.end); on = on.Add(day) {
		if on.Before(care.from) {
			continue
		}
		for call := range care.calls {
			planned := on.Add([...]time.Duration{8, 12, 17, 21}[call]*time.Hour + time.Duration(p.i%4)*15*time.Minute)
			worker := d.IntN(len(careWorkers))
			id := fmt.Sprintf("%s-%s-%d", ref, on.Format("20060102"), call+1)
			v := homeVisit{id: id, ref: ref, who: &who, planned: planned, ends: planned.Add(30 * time.Minute), worker: worker}
			late := time.Duration(d.IntN(25)-4) * time.Minute
			missed := d.chance(0.012)
			if !missed {
				v.arrived, v.left = planned.Add(late), planned.Add(late+time.Duration(18+d.IntN(20))*time.Minute)
				v.tasks = []string{"Washed and dressed", "Breakfast", "Tidied kitchen"}[:1+d.IntN(3)]
				v.medicines = c.medicinesAt(on)
				if d.chance(0.2) {
					v.note = pick(d, []string{"In good spirits, ate well", "Ankles look swollen, told the office", "Refused lunch; said \"not hungry\"", "Daughter visiting,\nwill ring GP", "Café lunch with friend, £3 change in tin"})
				}
			}
			if !p.died.IsZero() && v.left.After(p.died) {
				break
			}
			at := v.ends
			if !missed {
				at = v.left
			}
			if !v.write(s, o, at) {
				continue
			}
			wrote = true
			o.say(&trueFact{Feed: s.name, Patient: ref, Person: personName(p.i), Kind: "Encounter", Key: id, Date: ymd(planned)})
			for i := range v.medicines {
				o.say(&trueFact{Feed: s.name, Patient: ref, Person: personName(p.i), Kind: "MedicationAdministration", Key: id + "-m" + strconv.Itoa(i+1), Date: ymd(v.arrived)})
			}
			if v.note == "" && d.chance(0.01) { // the note is written up later: the same visit again
				v.note = "Note added by office"
				v.write(s, o, at.Add(20*time.Hour))
			}
		}
	}
	if !wrote {
		return nil
	}
	return []trueRecord{{Feed: s.name, Key: ref, NHS: who.nhs}}
}

// medicinesAt are the repeat medicines somebody takes on a day.
func (c *chart) medicinesAt(on time.Time) (names []string) {
	for _, x := range c.l.courses {
		if x.repeat && x.unit != "pack" && !x.from.After(on) && (!x.stopped || x.issued.After(on)) && len(names) < 4 {
			names = append(names, x.name)
		}
	}
	return names
}

type homeVisit struct {
	id, ref       string
	who           *identity
	planned, ends time.Time
	arrived, left time.Time
	worker        int
	tasks         []string
	medicines     []string
	note          string
}

func wall(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04")
}

// write puts a visit on its sheet.
func (v *homeVisit) write(s *stream, o *outbox, at time.Time) bool {
	w := v.who
	n, _ := strconv.Atoi(v.ref[2:])
	worker := fmt.Sprintf("W%02d", v.worker+1)
	if n%2 == 0 {
		var row sheet
		row.csv([]string{v.id, v.ref, w.nhs, w.first, w.last, ymd(w.born), w.house.postcode, worker, careWorkers[v.worker], wall(v.planned), wall(v.ends), wall(v.arrived), wall(v.left),
			strings.Join(v.tasks, "; "), strings.Join(v.medicines, "; "), v.note})
		return s.put(o, 0, at, row.data)
	}
	texts := func(all []string) node {
		var items []node
		for _, t := range all {
			items = append(items, quoted(t))
		}
		return list(items...)
	}
	client := object("ref", v.ref, "nhsNumber", w.nhs, "forename", w.first, "surname", w.last, "dateOfBirth", ymd(w.born), "postcode", w.house.postcode)
	pairs := []any{"visitId", v.id, "client", client, "worker", object("ref", worker, "name", careWorkers[v.worker]), "plannedStart", wall(v.planned), "plannedEnd", wall(v.ends), "arrived", wall(v.arrived), "left", wall(v.left)}
	if v.tasks != nil {
		pairs = append(pairs, "tasksDone", texts(v.tasks))
	}
	if v.medicines != nil {
		pairs = append(pairs, "medicinesGiven", texts(v.medicines))
	}
	return s.put(o, 1, at, append(object(append(pairs, "note", v.note)...), '\n'))
}
