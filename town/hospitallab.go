package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// result is an order and the laboratory's answer: first provisional, then final, now and then corrected.
func (h *ward) result(v *visit, n int, panel string) {
	taken := v.at
	if !v.tests.IsZero() {
		taken = v.tests
	}
	order := fmt.Sprintf("L%07d%02d%s", h.c.p.i, n, strings.ToUpper(panel[:2]))
	orc := func(control, status string) string {
		return "ORC|" + control + "|" + order + "^GP|" + order + "^LAB||" + status + "||||" + hl7Time(taken) + "|||" + v.by.number + "^" + hl7Escapes.Replace(v.by.last) + "^" + v.by.first
	}
	obr := func(status string, at time.Time) string {
		f := make([]string, 26)
		f[0], f[1], f[2], f[3], f[4], f[7], f[22], f[25] = "OBR", "1", order+"^GP", order+"^LAB", strings.ToUpper(panel)+"^"+panel+"^LOCAL", hl7Time(taken), hl7Time(at), status
		return strings.Join(f, "|")
	}
	if !h.within(taken) || !h.send("ORM^O01", taken, h.pid(), h.pv1("O", "Pathology", "V"+order[1:], v.by, taken, time.Time{}), orc("NW", "SC"), obr("O", taken)) {
		return
	}
	h.say("ServiceRequest", order, "", "", "", "", taken)
	d := roll(h.c.p.town.Seed, h.c.p.i, "laboratory "+order)
	type line struct{ key, loinc, display, value, unit, low, high string }
	var lines []line
	for _, key := range panels[panel] {
		m := measureOf(key)
		value, _ := h.c.l.h.value(m, taken, d)
		low, high := m.limits(h.c.p)
		lines = append(lines, line{key, m.loinc, m.display, value, m.ucum, low, high})
	}
	obx := func(status string, most int) []string {
		var out []string
		for i, l := range lines[:most] {
			limits := ""
			if l.low != "" || l.high != "" {
				limits = l.low + "-" + l.high
			}
			out = append(out, fmt.Sprintf("OBX|%d|NM|%s^%s^LN||%s|%s|%s||||%s|||%s", i+1, l.loinc, hl7Escapes.Replace(l.display), l.value, l.unit, limits, status, hl7Time(taken)))
		}
		return out
	}
	reported := taken.Add(time.Duration(5+n%20) * time.Hour)
	send := func(status string, at time.Time, most int) bool {
		segments := append([]string{h.pid(), h.pv1("O", "Pathology", "V"+order[1:], v.by, taken, time.Time{}), orc("RE", "CM"), obr(status, at)}, obx(status, most)...)
		if n%6 == 0 { // a comment in two repetitions of one value
			segments = append(segments, fmt.Sprintf("OBX|%d|TX|8251-1^Comment^LN||Sample slightly haemolysed~Please repeat if high||||||%s", most+1, status), "NTE|1||Authorised by Dr \"X\" \\T\\ team")
		}
		if !h.send("ORU^R01", at, segments...) {
			return false
		}
		for i, l := range lines[:most] {
			h.say("Observation", order+"-"+strconv.Itoa(i+1), loinc, l.loinc, l.value, l.unit, taken)
		}
		h.say("DiagnosticReport", order+"-R", "", "", "", "", taken)
		return true
	}
	if n%4 == 0 && len(lines) > 1 {
		send("P", reported.Add(-2*time.Hour), len(lines)-1)
	}
	if send("F", reported, len(lines)) && n%10 == 5 {
		lines[0].value = mistyped(lines[0].value)
		send("C", reported.Add(3*time.Hour), len(lines))
	}
}

// clocks is a night in A&E when the clocks change: an attendance and a result an hour apart that show the same time in
// autumn, and ten minutes apart that show an hour and ten in spring.
func (h *ward) clocks() {
	if h.c.p.i%300 != 3 {
		return
	}
	for _, night := range []struct {
		in, out  time.Time // by the wall
		inZ      string
		outZ     string
		real     time.Duration
		name     string
		measured string
	}{
		{time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), "+0100", "+0000", time.Hour, "A", "98"},
		{time.Date(2026, 3, 29, 0, 55, 0, 0, time.UTC), time.Date(2026, 3, 29, 2, 5, 0, 0, time.UTC), "+0000", "+0100", 10 * time.Minute, "B", "97"},
	} {
		if !h.within(night.in) || night.out.After(h.c.p.end) || night.in.Before(h.c.p.born) {
			continue
		}
		doctor := h.place.who("Emergency medicine", hospital, h.d)
		number := fmt.Sprintf("V%07dC%s", h.c.p.i, night.name)
		visit := strings.Replace(h.pv1("E", "A\\T\\E", number, doctor, night.in, time.Time{}), hl7Time(night.in), hl7Time(night.in)+night.inZ, 1)
		if h.sendAs("ADT^A04", night.in, hl7Time(night.in)+night.inZ, "EVN|A04|"+hl7Time(night.in)+night.inZ, h.pid(), h.pd1(), visit) {
			h.say("Encounter", number, "", "", "", "", night.in)
		}
		order := "L" + number[1:]
		if h.sendAs("ORU^R01", night.in.Add(night.real), hl7Time(night.out)+night.outZ, h.pid(), visit, "ORC|RE|"+order+"^ED|"+order+"^ED", "OBR|1|"+order+"^ED|"+order+"^ED|SPO2^Oxygen saturation^LOCAL|||"+hl7Time(night.out)+night.outZ,
			"OBX|1|NM|2708-6^Oxygen saturation^LN||"+night.measured+"|%|94-98||||F|||"+hl7Time(night.out)+night.outZ) {
			h.say("Observation", order+"-1", loinc, "2708-6", night.measured, "%", night.out)
		}
	}
}

// moves are changes of who someone is: a new address, a number that is no longer theirs, death.
func (h *ward) moves() {
	b, p := h.c.b, h.c.p
	if at := b.moved.Add(12 * day).Add(10 * time.Hour); !b.moved.IsZero() && h.within(at) && p.i%2 == 0 {
		h.who.house = p.lives(b, at)
		h.send("ADT^A31", at, h.evn("A31", at), h.pidOf(h.mrn, `""`), h.pd1(), "PV1|1|N")
	}
	if at := p.died.Add(day + 9*time.Hour); !p.died.IsZero() && h.within(at) {
		h.dead = true
		h.send("ADT^A31", at, h.evn("A31", at), h.pid(), h.pd1(), "PV1|1|N")
	}
}

// merged are the duplicates that a busy desk made, found and put together again: by A40, by the older A34, or by moving
// an episode (A44).
func (h *ward) merged() {
	if h.d.IntN(8) != 0 {
		return
	}
	at := h.from.Add(time.Duration(h.d.IntN(400)) * day).Add(15 * time.Hour)
	if at.After(h.c.p.end) || at.Before(h.c.p.born) {
		return
	}
	second := fmt.Sprintf("M%07d", 8_000_000+h.c.p.i)
	twin := *h
	twin.mrn, twin.who, twin.truth = second, h.who, map[string]trueFact{}
	twin.who.nhs = ""
	twin.who.first = misspell(h.d, h.who.first)
	if !h.send("ADT^A28", at, twin.evn("A28", at), twin.pid(), twin.pd1(), "PV1|1|N") {
		return
	}
	later := at.Add(time.Duration(1+h.d.IntN(9))*day + 20*time.Minute)
	mrg := "MRG|" + second + "^^^ZZ1^MR"
	switch h.d.IntN(4) {
	case 0:
		h.send("ADT^A34", later, h.evn("A34", later), h.pid(), mrg)
	case 1:
		number := fmt.Sprintf("V%07d99", h.c.p.i)
		doctor := h.place.who("Emergency medicine", hospital, h.d)
		if h.send("ADT^A04", at.Add(time.Hour), twin.evn("A04", at.Add(time.Hour)), twin.pid(), twin.pd1(), twin.pv1("E", "A\\T\\E", number, doctor, at.Add(time.Hour), time.Time{})) {
			h.say("Encounter", number, "", "", "", "", at)
			if !h.send("ADT^A44", later, h.evn("A44", later), h.pid(), mrg+"||||"+number+"^^^ZZ1") { // not found yet
				line := h.truth[number]
				line.Patient = second
				h.truth[number] = line
			}
		}
	default:
		h.send("ADT^A40^ADT_A39", later, h.evn("A40", later), h.pid(), h.pd1(), mrg)
	}
	h.twin = second
}
