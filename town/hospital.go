package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// newHospital is Merrowby General's feed: HL7 v2.4 over MLLP, each message in its frame, in order of time.
func newHospital(t Town, place *place, feed int, cuts []time.Time) *stream {
	return &stream{feed: feed, name: "hospital-zz1", from: cuts[0].Add(-streamBack * day), cuts: cuts, parts: []streamPart{{"messages.hl7", ""}},
		rows: func(s *stream, c *chart, o *outbox) []trueRecord {
			h := &ward{stream: s, c: c, o: o, place: place, d: roll(t.Seed, c.p.i, "hospital")}
			return h.write()
		}}
}

// ward writes one person's messages.
type ward struct {
	*stream
	c     *chart
	o     *outbox
	place *place
	d     dice
	mrn   string
	who   identity
	sent  int
	known bool   // A28 was sent
	dead  bool   // the hospital knows
	twin  string // a second number made by mistake
	truth map[string]trueFact
	order []string
}

// hl7Time writes a moment by the hospital's clock. Where the clock shows it twice, or to be safe, with its offset.
func hl7Time(at time.Time) string { return at.Format("20060102150405") }

func hl7Offset(at time.Time) string {
	if summer(at) {
		return hl7Time(at) + "+0100"
	}
	return hl7Time(at) + "+0000"
}

var hl7Escapes = strings.NewReplacer(`\`, `\E\`, "|", `\F\`, "^", `\S\`, "&", `\T\`, "~", `\R\`, "\n", `\.br\`)

func (h *ward) write() []trueRecord {
	p := h.c.p
	h.mrn = fmt.Sprintf("M%07d", 1_000_000+p.i)
	h.truth = map[string]trueFact{}
	for n, v := range h.c.l.visits {
		switch {
		case v.by.at.ods == "ZZ1" && v.kind == outpatient:
			h.clinic(v, n)
		case v.by.at.ods == "ZZ1":
			h.stay(v, n)
		}
		for _, panel := range v.panels {
			if blood(panel) {
				h.result(v, n, panel)
			}
		}
	}
	for _, f := range h.c.facts {
		if f.kind == referralFact && f.n%2 == 0 && h.within(f.recorded) {
			h.referral(f)
		}
	}
	h.clocks()
	if !h.known {
		return nil
	}
	h.moves()
	h.merged()
	for _, key := range h.order {
		line := h.truth[key]
		h.o.say(&line)
	}
	records := []trueRecord{{Feed: h.name, Key: h.mrn, NHS: h.who.nhs}}
	if h.twin != "" {
		records = append(records, trueRecord{Feed: h.name, Key: h.twin})
	}
	return records
}

// say notes a fact, or what it is after a correction.
func (h *ward) say(kind, key, system, code, value, unit string, at time.Time) {
	if _, ok := h.truth[key]; !ok {
		h.order = append(h.order, key)
	}
	h.truth[key] = trueFact{Feed: h.name, Patient: h.mrn, Person: personName(h.c.p.i), Kind: kind, Key: key, System: system, Code: code, Value: value, Unit: unit, Date: ymd(at)}
}

// forget notes that something was never so.
func (h *ward) forget(key string) {
	line := h.truth[key]
	line.Deleted, line.Date = true, ""
	h.truth[key] = line
}

// send frames a message. One in eighty is sent twice, as interfaces do when an acknowledgement is lost.
func (h *ward) send(kind string, at time.Time, segments ...string) bool {
	return h.sendAs(kind, at, hl7Offset(at), segments...)
}

func (h *ward) sendAs(kind string, at time.Time, stamp string, segments ...string) bool {
	if !h.within(at) {
		return false
	}
	if !h.known && !strings.HasPrefix(kind, "ADT^A28") {
		h.known = true
		h.who = h.c.known("hospital", at, 0.08)
		h.send("ADT^A28", at.Add(-2*time.Second), h.evn("A28", at), h.pid(), h.pd1(), h.nk1(), "PV1|1|N")
		h.allergies(at)
	}
	h.sent++
	control := fmt.Sprintf("ZZ1%07d%04d", h.c.p.i, h.sent)
	text := "MSH|^~\\&|PAS|ZZ1|KITH|ICB|" + stamp + "||" + kind + "|" + control + "|P|2.4|||AL|NE||UNICODE UTF-8\r"
	for _, s := range segments {
		if s != "" {
			text += s + "\r"
		}
	}
	frame := append(append([]byte{0x0B}, text...), 0x1C, 0x0D)
	h.put(h.o, 0, at, frame)
	if h.sent%80 == 17 {
		h.put(h.o, 0, at.Add(time.Minute), frame)
	}
	return true
}

func (h *ward) evn(event string, at time.Time) string { return "EVN|" + event + "|" + hl7Time(at) }

func (h *ward) pid() string { return h.pidOf(h.mrn, h.who.house.phone) }

func (h *ward) pidOf(mrn, phone string) string {
	w := &h.who
	sex := "M"
	if h.c.p.female {
		sex = "F"
	}
	ids := mrn + "^^^ZZ1^MR"
	if w.nhs != "" {
		ids += "~" + w.nhs + "^^^NHS^NH"
	}
	died, dead := "", ""
	if p := h.c.p; !p.died.IsZero() && h.dead {
		died, dead = hl7Time(p.died), "Y"
	}
	name := hl7Escapes.Replace(w.last) + "^" + hl7Escapes.Replace(w.first) + "^" + w.middle + "^^" + w.title
	address := hl7Escapes.Replace(w.house.line) + "^^" + Name + "^^" + w.house.postcode + "^GBR^H"
	language := map[bool]string{true: h.c.b.language, false: ""}[h.c.b.interpreter]
	return strings.TrimRight(strings.Join([]string{"PID", "1", "", ids, "", name, "", w.born.Format("20060102"), sex, "", "", address, "", phone, w.mobile, language, "", "", "", "", "", "", h.c.b.ethnicity,
		"", "", "", "", "", "", died, dead}, "|"), "|")
}

func (h *ward) pd1() string {
	g := &h.place.organizations[h.c.p.practice]
	gp := h.c.p.gp
	return "PD1||||" + gp.number + "^" + hl7Escapes.Replace(gp.last) + "^" + gp.first + "^^^" + gp.prefix + "^^^GMC^^^^" + g.ods
}

func (h *ward) nk1() string {
	if h.c.b.carer == "" {
		return ""
	}
	first, last, _ := strings.Cut(h.c.b.carer, " ")
	return "NK1|1|" + hl7Escapes.Replace(last) + "^" + first + "|" + map[string]string{"Daughter": "CHD", "Son": "CHD", "Spouse": "SPO", "Friend": "FND", "Neighbour": "NBR"}[h.c.b.carerIs] + "^" + h.c.b.carerIs
}

// allergies go with a registration.
func (h *ward) allergies(at time.Time) {
	var segments []string
	var truths []func()
	for i, r := range h.c.l.allergies {
		if !r.since.Before(at) {
			continue
		}
		kind := map[string]string{"medication": "DA", "food": "FA"}[r.category]
		if kind == "" {
			kind = "EA"
		}
		severity := map[bool]string{true: "SV", false: "MI"}[r.severe]
		segments = append(segments, fmt.Sprintf("AL1|%d|%s|%s^%s^SCT|%s|%s|%s", i+1, kind, r.code, hl7Escapes.Replace(r.display), severity, r.allergy.reaction, r.since.Format("20060102")))
		truths = append(truths, func() {
			h.say("AllergyIntolerance", h.mrn+"-AL"+strconv.Itoa(i+1), snomed, r.code, "", "", r.since)
		})
	}
	if segments != nil && h.send("ADT^A31", at.Add(-time.Second), append([]string{h.evn("A31", at), h.pid(), h.pd1(), "PV1|1|N"}, segments...)...) {
		for _, say := range truths {
			say()
		}
	}
}

var wards = []string{"Ash Ward", "Beech Ward", "Cedar Ward", "Elm Ward"}

// pv1 is a visit's segment.
func (h *ward) pv1(class, ward, number string, by *practitioner, in, out time.Time) string {
	doctor := by.number + "^" + hl7Escapes.Replace(by.last) + "^" + by.first + "^^^" + by.prefix
	left := ""
	if !out.IsZero() {
		left = hl7Time(out)
	}
	f := make([]string, 46)
	f[0], f[1], f[2], f[3], f[7], f[10], f[19], f[44], f[45] = "PV1", "1", class, ward+"^^^ZZ1", doctor, hl7Escapes.Replace(by.role), number+"^^^ZZ1", hl7Time(in), left
	return strings.TrimRight(strings.Join(f, "|"), "|")
}

// stay writes an attendance in A&E or a stay, with the mistakes that desks make and take back.
func (h *ward) stay(v *visit, n int) {
	in, out := v.at, v.at.Add(v.length)
	if !h.within(in) {
		return
	}
	number := fmt.Sprintf("V%07d%02d", h.c.p.i, n)
	class, place := "E", "A\\T\\E"
	if v.kind == admission {
		class, place = "I", wards[n%len(wards)]
	}
	diagnosis, diagnosed := "", func(sent bool) bool { return sent }
	for _, x := range h.c.l.problems {
		if x.at == v {
			diagnosis = "DG1|1||" + x.code + "^" + hl7Escapes.Replace(x.display) + "^SCT|" + hl7Escapes.Replace(x.text) + "|" + hl7Time(in.Add(2*time.Hour)) + "|F"
			diagnosed = func(sent bool) bool {
				if sent {
					h.say("Condition", number+"-DG1", snomed, x.code, "", "", in)
				}
				return sent
			}
		}
	}
	segments := func(event string, at time.Time, ward string, left time.Time) []string {
		return []string{h.evn(event, at), h.pid(), h.pd1(), h.pv1(class, ward, number, v.by, in, left), "PV2|||" + hl7Escapes.Replace(v.reason), "ZPV|" + number + "|TRIAGE-" + strconv.Itoa(1+n%5)}
	}
	if n%14 == 9 { // registered under the wrong name and taken back: it never was
		if h.send("ADT^A01", in, segments("A01", in, place, time.Time{})...) {
			h.say("Encounter", number, "", "", "", "", in)
		}
		if h.send("ADT^A11", in.Add(11*time.Minute), segments("A11", in.Add(11*time.Minute), place, time.Time{})...) {
			h.forget(number)
		}
		return
	}
	if class == "E" {
		h.send("ADT^A04", in, segments("A04", in, place, time.Time{})...)
	} else {
		if n%3 == 0 {
			h.send("ADT^A05", in.Add(-50*time.Hour), segments("A05", in.Add(-50*time.Hour), place, time.Time{})...)
		}
		h.send("ADT^A01", in, segments("A01", in, place, time.Time{})...)
		if n%7 == 2 { // admitted to the wrong person's bed, taken back and done again
			h.send("ADT^A11", in.Add(6*time.Minute), segments("A11", in.Add(6*time.Minute), place, time.Time{})...)
			h.send("ADT^A01", in.Add(9*time.Minute), segments("A01", in.Add(9*time.Minute), place, time.Time{})...)
		}
		if n%2 == 0 {
			moved := in.Add(v.length / 3)
			next := wards[(n+1)%len(wards)]
			h.send("ADT^A02", moved, segments("A02", moved, next, time.Time{})...)
			if n%6 == 0 {
				h.send("ADT^A12", moved.Add(5*time.Minute), segments("A12", moved.Add(5*time.Minute), place, time.Time{})...)
				h.send("ADT^A02", moved.Add(12*time.Minute), segments("A02", moved.Add(12*time.Minute), next, time.Time{})...)
			}
			place = next
		}
		if n%5 == 1 {
			h.swap(v, number, place)
		}
	}
	h.say("Encounter", number, "", "", "", "", in)
	if n%4 == 1 {
		diagnosed(h.send("ADT^A08", in.Add(v.length/2), append(segments("A08", in.Add(v.length/2), place, time.Time{}), diagnosis)...))
	}
	if diagnosed(h.send("ADT^A03", out, append(segments("A03", out, place, out), diagnosis)...)) && n%9 == 4 {
		h.send("ADT^A13", out.Add(4*time.Minute), segments("A13", out.Add(4*time.Minute), place, time.Time{})...)
		h.send("ADT^A03", out.Add(40*time.Minute), append(segments("A03", out.Add(40*time.Minute), place, out.Add(40*time.Minute)), diagnosis)...)
	}
	h.letter(v, number, out.Add(26*time.Hour))
}

// swap exchanges the beds of two patients: two PID and PV1 in one message. The other is somebody nobody else names.
func (h *ward) swap(v *visit, number, ward string) {
	at := v.at.Add(v.length / 2)
	other := "PID|1||M0" + number[1:7] + "^^^ZZ1^MR||Swapped^Patient||19500101|U"
	h.send("ADT^A17", at, h.evn("A17", at), h.pid(), h.pv1("I", ward, number, v.by, v.at, time.Time{}), other, h.pv1("I", wards[0], "V9"+number[2:], v.by, v.at, time.Time{}))
}

// letter is the discharge or clinic letter (MDM T02).
func (h *ward) letter(v *visit, number string, at time.Time) {
	id := "D" + number[1:]
	text := hl7Escapes.Replace(fmt.Sprintf("Dear colleague,\nThank you for involving us: %s.\nSeen by %s & team. Please review in 2 weeks.", v.reason, v.by.name()))
	if h.send("MDM^T02", at, h.evn("T02", at), h.pid(), h.pv1("O", "Outpatients", number, v.by, v.at, time.Time{}),
		"TXA|1|DS^Discharge summary|TX|"+hl7Time(at)+"|"+v.by.number+"^"+hl7Escapes.Replace(v.by.last)+"^"+v.by.first+"|"+hl7Time(at)+"||||||"+id+"^ZZ1||||||AU||AV", "OBX|1|TX|11488-4^Consultation note^LN||"+text+"||||||F") {
		h.say("DocumentReference", id, "", "", "", "", at)
	}
}

// clinic writes an outpatient's appointment: booked, perhaps moved, kept, missed or cancelled.
func (h *ward) clinic(v *visit, n int) {
	booked := workday(v.at.Truncate(day).Add(-time.Duration(21+n%40) * day)).Add(11 * time.Hour)
	number := fmt.Sprintf("S%07d%02d", h.c.p.i, n)
	schedule := func(at time.Time, status string) []string {
		return []string{
			"SCH|" + number + "|" + number + "^ZZ1|||||" + hl7Escapes.Replace(v.reason) + "|FOLLOWUP^Follow-up|25|min|^^25^" + hl7Time(at) + "^" + hl7Time(at.Add(25*time.Minute)) + "||||||||||||||" + status,
			h.pid(), h.pv1("O", "Outpatients", "V"+number[1:], v.by, at, time.Time{}), "RGS|1|A", "AIS|1|A|" + "OUTP^" + hl7Escapes.Replace(v.by.role) + "|" + hl7Time(at),
			"AIP|1|A|" + v.by.number + "^" + hl7Escapes.Replace(v.by.last) + "^" + v.by.first, "AIL|1|A|Outpatients^^^ZZ1"}
	}
	first := v.at
	if n%5 == 0 {
		first = v.at.Add(-7 * day)
	}
	if !h.within(booked) || !h.send("SIU^S12", booked, schedule(first, "Booked")...) {
		return
	}
	if n%5 == 0 {
		h.send("SIU^S13", booked.Add(3*day), schedule(v.at, "Booked")...)
	} else if n%5 == 1 {
		h.send("SIU^S14", booked.Add(2*day), schedule(v.at, "Booked")...)
	}
	h.say("Appointment", number, "", "", "", "", v.at)
	switch {
	case n%11 == 3:
		h.send("SIU^S15", v.at.Add(-2*day), schedule(v.at, "Cancelled")...)
		return
	case n%11 == 7:
		h.send("SIU^S26", v.at.Add(time.Hour), schedule(v.at, "Noshow")...)
		return
	}
	visit := "V" + number[1:]
	if h.send("ADT^A04", v.at, h.evn("A04", v.at), h.pid(), h.pd1(), h.pv1("O", "Outpatients", visit, v.by, v.at, time.Time{})) {
		h.say("Encounter", visit, "", "", "", "", v.at)
		h.letter(v, visit, v.at.Add(50*time.Hour))
	}
}

// referral is the practice's, as the hospital's book took it (REF I12).
func (h *ward) referral(f *fact) {
	id := fmt.Sprintf("R%07d%04d", h.c.p.i, f.n)
	urgency := map[bool]string{true: "U", false: "R"}[f.urgent]
	if h.send("REF^I12", f.recorded.Add(20*time.Minute), "RF1|P|"+urgency+"|MED|||"+id+"^ZZ1|"+hl7Time(f.recorded)+"||||"+hl7Escapes.Replace(f.text), "PRD|RP|"+hl7Escapes.Replace(h.c.p.gp.last)+"^"+h.c.p.gp.first, h.pid(),
		"DG1|1||"+f.code.snomed+"^"+hl7Escapes.Replace(f.code.term)+"^SCT") {
		h.say("ServiceRequest", id, "", "", "", "", f.recorded)
	}
}

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
		h.sendAs("ADT^A04", night.in, hl7Time(night.in)+night.inZ, "EVN|A04|"+hl7Time(night.in)+night.inZ, h.pid(), h.pd1(), visit)
		h.say("Encounter", number, "", "", "", "", night.in)
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
	twin.mrn, twin.who, twin.known, twin.truth = second, h.who, true, map[string]trueFact{}
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
			h.send("ADT^A44", later, h.evn("A44", later), h.pid(), mrg)
		}
	default:
		h.send("ADT^A40^ADT_A39", later, h.evn("A40", later), h.pid(), h.pd1(), mrg)
	}
	h.twin = second
}
