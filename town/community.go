package town

import (
	"fmt"
	"strconv"
	"time"
)

const communityHeader = "contact_id,client_id,nhs_number,surname,forename,dob,sex,postcode,team,contact_date,contact_time,duration_mins,contact_type,reason_snomed,reason,outcome,clinician\r\n"

// newCommunity is the community trust's feed: a spreadsheet of contacts, with dates as people there write them
// (31/12/2026).
func newCommunity(t Town, feed int, cuts []time.Time) *stream {
	return &stream{feed: feed, name: "community-zzct", from: cuts[0].Add(-120 * day), cuts: cuts, parts: []streamPart{{"contacts.csv", communityHeader}}, rows: community}
}

// team returns who in the community sees somebody, for what, and every how many days.
func (c *chart) team(d dice) (team, snomedCode, reason string, every float64) {
	age := c.p.age(c.p.end)
	switch {
	case age < 2.5:
		return "Health visiting", "185349003", "Encounter for check up", 45
	case age > 75 && d.chance(0.2):
		return "District nursing", "225358003", "Wound care", 6
	case c.l.h.has("depression", c.p.end) && d.chance(0.15):
		return "Talking therapies", "35489007", "Depressive disorder", 8
	case c.l.h.has("schizophrenia", c.p.end):
		return "Community mental health", "58214004", "Schizophrenia", 21
	case c.l.h.has("coloncancer", c.p.end) && d.chance(0.3):
		return "Hospice at home", "363406005", "Malignant neoplasm of colon", 10
	case age > 60 && d.chance(0.03):
		return "Physiotherapy", "396275006", "Osteoarthritis", 14
	}
	return "", "", "", 0
}

func community(s *stream, c *chart, o *outbox) []trueRecord {
	p, d := c.p, roll(c.p.town.Seed, c.p.i, "community")
	team, code, reason, every := c.team(d)
	if team == "" {
		return nil
	}
	client, who := "CT"+strconv.Itoa(500_000+p.i), c.known("community", s.from, 0.1)
	n := 0
	for at := s.from.Add(time.Duration(d.ExpFloat64() * every * float64(day))); ; at = at.Add(time.Duration((0.5 + d.Float64()) * every * float64(day))) {
		on := workday(at.Truncate(day)).Add(9*time.Hour + time.Duration(d.IntN(84))*5*time.Minute)
		if !s.within(on) || !on.Before(p.end) {
			break
		}
		if on.Before(p.born) {
			continue
		}
		n++
		id := fmt.Sprintf("%s/%04d", client, n)
		var row sheet
		row.csv([]string{id, client, who.nhs, who.last, who.first, who.born.Format("02/01/2006"), map[bool]string{true: "F", false: "M"}[p.female], who.house.postcode, team, on.Format("02/01/2006"), on.Format("15:04"),
			strconv.Itoa(15 + 5*d.IntN(8)), pick(d, []string{"Face to face", "Face to face", "Telephone", "Did not attend"}), code, reason, pick(d, []string{"Seen, continue", "Seen, discharged", "Rebooked"}), careWorkers[d.IntN(len(careWorkers))]})
		if s.put(o, 0, on, row.data) {
			o.say(&trueFact{Feed: s.name, Patient: client, Person: personName(p.i), Kind: "Encounter", Key: id, Date: ymd(on)})
		}
	}
	if n == 0 {
		return nil
	}
	return []trueRecord{{Feed: s.name, Key: client, NHS: who.nhs}}
}
