package town

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// newDevices is what people measure at home: an app that speaks Open mHealth, and the raw bytes of Bluetooth cuffs, scales
// and oximeters. people.csv says whose account an app's user id is.
func newDevices(t Town, feed int, cuts []time.Time) *stream {
	return &stream{feed: feed, name: "devices", from: cuts[0].Add(-60 * day), cuts: cuts, rows: devices,
		parts: []streamPart{{"openmhealth.ndjson", ""}, {"bluetooth.ndjson", ""}, {"people.csv", "user_id,nhs_number,forename,surname,date_of_birth,postcode,email\r\n"}}}
}

// homeMeasures are the problems for which people measure something, what, and how often.
var homeMeasures = []struct {
	problem, what string
	share         float64
	every         float64 // days
}{{"hypertension", "bp", 0.2, 3}, {"diabetes", "glucose", 0.15, 1.5}, {"heartfailure", "weight", 0.35, 1}, {"copd", "spo2", 0.2, 2}}

func devices(s *stream, c *chart, o *outbox) []trueRecord {
	p, user := c.p, fmt.Sprintf("hm-%06d", c.p.i)
	used := false
	for _, m := range homeMeasures {
		d := roll(p.town.Seed, p.i, "device "+m.what)
		if !c.l.h.has(m.problem, s.from) || !d.chance(m.share) || p.age(p.end) < 18 {
			continue
		}
		bytes, wrongClock := d.chance(0.5) && m.what != "glucose", p.i%8 == 3
		n := 0
		for at := s.from.Add(time.Duration(7*60+d.IntN(180)) * time.Minute); at.Before(s.last()) && at.Before(p.end); at = at.Add(time.Duration((0.5 + d.Float64()) * m.every * float64(day))) {
			n++
			r := reading{s: s, o: o, c: c, user: user, what: m.what, at: at.Truncate(time.Second), id: uuid(guid(p.town.Seed, 'D', p.i, n*8+len(m.what)))}
			r.draw(d)
			if r.write(bytes, wrongClock) {
				used = true
			}
		}
	}
	if !used {
		return nil
	}
	who := c.known("app", s.from, 0.3)
	var row sheet
	row.csv([]string{user, who.nhs, who.first, who.last, ymd(who.born), who.house.postcode, who.email})
	s.put(o, 2, s.from, row.data)
	return []trueRecord{{Feed: s.name, Key: user, NHS: who.nhs}}
}

// reading is one measurement at home.
type reading struct {
	s                        *stream
	o                        *outbox
	c                        *chart
	user, what, id           string
	at                       time.Time
	one, two, pulse          int    // whole numbers: mmHg, per cent, beats a minute
	exact                    string // kg or mmol/L
	system, code, value, uni string
}

func (r *reading) draw(d dice) {
	h := r.c.l.h
	r.system = loinc
	switch r.what {
	case "bp":
		r.one, r.two = h.pressure(r.at, d)
		r.pulse = 60 + d.IntN(35)
		r.code, r.value, r.uni = "85354-9", fmt.Sprintf("%d/%d", r.one, r.two), "mm[Hg]"
	case "weight":
		r.exact, _ = h.value(measureOf("weight"), r.at, d)
		r.code, r.value, r.uni = "29463-7", r.exact, "kg"
	case "spo2":
		number, _ := h.value(measureOf("spo2"), r.at, d)
		r.one, _ = strconv.Atoi(number)
		r.pulse = 60 + d.IntN(40)
		r.code, r.value, r.uni = "2708-6", number, "%"
	case "glucose":
		r.exact = strconv.FormatFloat(5+h.sugar(h.p.age(r.at), r.at)/20+d.around(0, 1.2), 'f', 1, 64)
		r.code, r.value, r.uni = "15074-8", r.exact, "mmol/L"
	}
}

func (r *reading) write(bytes, wrongClock bool) bool {
	part, line := 0, r.openMHealth()
	if bytes {
		part, line = 1, r.bluetooth(wrongClock)
	}
	if !r.s.put(r.o, part, r.at, append(line, '\n')) {
		return false
	}
	if r.at.Minute()%20 == 0 { // the telephone had no signal and sends it again later
		r.s.put(r.o, part, r.at.Add(3*time.Hour), append(line, '\n'))
	}
	r.o.say(&trueFact{Feed: r.s.name, Patient: r.user, Person: personName(r.c.p.i), Kind: "Observation", Key: r.id, System: r.system, Code: r.code, Value: r.value, Unit: r.uni, Date: ymd(r.at)})
	return true
}

// openMHealth is a data point with its header. https://www.openmhealth.org/documentation/
func (r *reading) openMHealth() node {
	quantity := func(value, unit string) node { return object("value", number(value), "unit", unit) }
	frame := object("date_time", clock(r.at))
	name, version := "blood-pressure", "4.0"
	body := object("systolic_blood_pressure", quantity(strconv.Itoa(r.one), "mmHg"), "diastolic_blood_pressure", quantity(strconv.Itoa(r.two), "mmHg"), "effective_time_frame", frame)
	switch r.what {
	case "weight":
		name, version = "body-weight", "3.0"
		body = object("body_weight", quantity(r.exact, "kg"), "effective_time_frame", frame)
	case "glucose":
		name = "blood-glucose"
		body = object("blood_glucose", quantity(r.exact, "mmol/L"), "effective_time_frame", frame)
	case "spo2":
		name, version = "oxygen-saturation", "2.0"
		body = object("oxygen_saturation", quantity(strconv.Itoa(r.one), "%"), "effective_time_frame", frame)
	}
	header := object("id", r.id, "creation_date_time", clock(r.at.Add(2*time.Minute)), "acquisition_provenance", object("source_name", "Home monitoring app", "source_creation_date_time", clock(r.at), "modality", "sensed"),
		"user_id", r.user, "schema_id", object("namespace", "omh", "name", name, "version", version))
	return object("header", header, "body", body)
}

// bluetooth is what a gateway caught: characteristic and bytes, little-endian. One device in eight has lost its clock and
// says 1 January 2000; the gateway's time is right.
func (r *reading) bluetooth(wrongClock bool) node {
	shown := r.at
	if wrongClock {
		shown = time.Date(2000, 1, 1, r.at.Hour(), r.at.Minute(), r.at.Second(), 0, time.UTC)
	}
	u16 := func(n int) []byte { return []byte{byte(n), byte(n >> 8)} }
	stamp := append(u16(shown.Year()), byte(shown.Month()), byte(shown.Day()), byte(shown.Hour()), byte(shown.Minute()), byte(shown.Second()))
	characteristic := "2A35"
	b := append([]byte{0x06}, u16(r.one)...) // time and pulse follow
	b = append(append(append(b, u16(r.two)...), u16((r.one+2*r.two)/3)...), stamp...)
	b = append(b, u16(r.pulse)...)
	switch r.what {
	case "weight":
		characteristic = "2A9D"
		kg, err := strconv.ParseFloat(r.exact, 64)
		if err != nil {
			panic("town: a weight of " + r.exact)
		}
		b = append(append([]byte{0x02}, u16(int(kg*200+0.5))...), stamp...)
	case "spo2":
		characteristic = "2A5E"
		b = append(append(append([]byte{0x01}, u16(r.one)...), u16(r.pulse)...), stamp...)
	}
	return object("id", r.id, "user", r.user, "device", fmt.Sprintf("C0:FF:EE:%02X:%02X:%02X", r.c.p.i>>16&255, r.c.p.i>>8&255, r.c.p.i&255), "characteristic", characteristic, "value", hex.EncodeToString(b), "received", clock(r.at))
}
