package town

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// newHospital is Merrowby General's feed: HL7 v2.4 over MLLP, each message in its frame, in order of time.
func newHospital(place *place, feed int, cuts []time.Time) *stream {
	return &stream{feed: feed, name: "hospital-zz1", from: cuts[0].Add(-streamBack * day), cuts: cuts, parts: []streamPart{{"messages.hl7", ""}},
		rows: func(s *stream, c *chart, o *outbox) []trueRecord {
			return (&ward{stream: s, c: c, o: o, place: place}).write()
		}}
}

// ward writes one person's messages.
type ward struct {
	*stream
	c        *chart
	o        *outbox
	place    *place
	d        dice
	mrn      string
	who      identity
	dead     bool      // the hospital knows
	twin     string    // a second number made by mistake
	dry      bool      // nothing is sent: when would the hospital first have heard of the person?
	earliest time.Time // of a dry run
	truth    map[string]trueFact
	order    []string
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

// write writes all messages of a person. What one says must not depend on how far writing goes, since Live goes a few days at a
// time: so everything is played to the town's last day, and what lies beyond the stream's is not sent.
func (h *ward) write() []trueRecord {
	dry := *h
	dry.begin(true)
	dry.everything()
	first := dry.earliest
	if first.IsZero() || !first.Before(h.last()) {
		return nil
	}
	h.begin(false)
	h.who = h.c.known("hospital", first, 0.08)
	h.send("ADT^A28", first.Add(-2*time.Second), h.evn("A28", first), h.pid(), h.pd1(), h.nk1(), "PV1|1|N")
	h.allergies(first)
	h.everything()
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

func (h *ward) begin(dry bool) {
	p := h.c.p
	h.dry, h.mrn, h.truth, h.d = dry, fmt.Sprintf("M%07d", 1_000_000+p.i), map[string]trueFact{}, roll(p.town.Seed, p.i, "hospital")
}

func (h *ward) everything() {
	h.newborn()
	for n, v := range h.c.l.visits {
		switch {
		case v.by.at.ods != "ZZ1", v.pathway != nil:
		case v.birth != nil:
			h.deliver(v, n)
		case v.kind == outpatient:
			h.clinic(v, n)
		default:
			h.stay(v, n)
		}
		for _, panel := range v.panels {
			if blood(panel) {
				h.result(v, n, panel)
			}
		}
	}
	for _, w := range h.c.l.pathways {
		h.waited(w)
	}
	h.clocks()
	if h.dry && h.earliest.IsZero() {
		return // a stranger
	}
	h.moves()
	h.merged()
}

// within reports whether the stream, were it never to end, would carry what happens at a time.
func (h *ward) within(at time.Time) bool { return !at.Before(h.from) && at.Before(h.c.p.town.until()) }

// say notes a fact, or what it is after a correction; at is zero where it has no day yet.
func (h *ward) say(kind, key, system, code, value, unit string, at time.Time) {
	if _, ok := h.truth[key]; !ok {
		h.order = append(h.order, key)
	}
	line := trueFact{Feed: h.name, Patient: h.mrn, Person: personName(h.c.p.i), Kind: kind, Key: key, System: system, Code: code, Value: value, Unit: unit}
	if !at.IsZero() {
		line.Date = ymd(at)
	}
	h.truth[key] = line
}

// forget notes that something was never so.
func (h *ward) forget(key string) {
	line := h.truth[key]
	line.Deleted, line.Date = true, ""
	h.truth[key] = line
}

// send frames a message and reports whether it was sent. One in eighty is sent twice, as interfaces do when an acknowledgement is
// lost.
func (h *ward) send(kind string, at time.Time, segments ...string) bool {
	return h.sendAs(kind, at, hl7Offset(at), segments...)
}

func (h *ward) sendAs(kind string, at time.Time, stamp string, segments ...string) bool {
	if !h.within(at) {
		return false
	}
	if h.dry {
		if h.earliest.IsZero() || at.Before(h.earliest) {
			h.earliest = at
		}
		return true
	}
	if !at.Before(h.last()) {
		return false
	}
	text := ""
	for _, s := range segments {
		if s != "" {
			text += s + "\r"
		}
	}
	sum := fnv.New32a() // the control id follows from what is said, not from what else was
	sum.Write([]byte(kind + stamp + text))
	control := fmt.Sprintf("ZZ1%07d%08X", h.c.p.i, sum.Sum32())
	text = "MSH|^~\\&|PAS|ZZ1|KITH|ICB|" + stamp + "||" + kind + "|" + control + "|P|2.4|||AL|NE||UNICODE UTF-8\r" + text
	frame := append(append([]byte{0x0B}, text...), 0x1C, 0x0D)
	h.put(h.o, 0, at, frame)
	if sum.Sum32()%80 == 17 {
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
	several, order := h.c.p.multiple()
	language := map[bool]string{true: h.c.b.language, false: ""}[h.c.b.interpreter]
	return strings.TrimRight(strings.Join([]string{"PID", "1", "", ids, "", name, "", w.born.Format("20060102"), sex, "", "", address, "", phone, w.mobile, language, "", "", "", "", "", "", h.c.b.ethnicity,
		"", several, order, "", "", "", died, dead}, "|"), "|")
}

func (h *ward) pd1() string {
	g := &h.place.organizations[h.c.p.practice]
	gp := h.c.p.gp
	return "PD1||||" + gp.number + "^" + hl7Escapes.Replace(gp.last) + "^" + gp.first + "^^^" + gp.prefix + "^^^GMC^^^^" + g.ods
}

func (h *ward) nk1() string {
	if p := h.c.p; p.birth != nil && !p.born.Before(h.from) {
		return h.ofMother()
	}
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
	came, left := "", ""
	if !in.IsZero() {
		came = hl7Time(in)
	}
	if !out.IsZero() {
		left = hl7Time(out)
	}
	f := make([]string, 46)
	f[0], f[1], f[2], f[3], f[7], f[10], f[19], f[44], f[45] = "PV1", "1", class, ward+"^^^ZZ1", doctor, hl7Escapes.Replace(by.role), number+"^^^ZZ1", came, left
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
					h.say("Condition", number+"-DG1", snomed, x.code, "", "", in.Add(2*time.Hour))
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
	came := false
	if class == "E" {
		came = h.send("ADT^A04", in, segments("A04", in, place, time.Time{})...)
	} else {
		if n%3 == 0 {
			came = h.send("ADT^A05", in.Add(-50*time.Hour), segments("A05", in.Add(-50*time.Hour), place, time.Time{})...)
		}
		came = h.send("ADT^A01", in, segments("A01", in, place, time.Time{})...) || came
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
	if came {
		h.say("Encounter", number, "", "", "", "", in)
	}
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
		return h.schedule(number, "", v.reason, "FOLLOWUP^Follow-up", "", v.by, at, status)
	}
	first := v.at
	if n%5 == 0 {
		first = v.at.Add(-7 * day)
	}
	if !h.within(booked) || !h.send("SIU^S12", booked, schedule(first, "Booked")...) {
		return
	}
	h.say("Appointment", number, "", "", "", "", first)
	if n%5 == 0 && h.send("SIU^S13", booked.Add(3*day), schedule(v.at, "Booked")...) {
		h.say("Appointment", number, "", "", "", "", v.at)
	} else if n%5 == 1 {
		h.send("SIU^S14", booked.Add(2*day), schedule(v.at, "Booked")...)
	}
	switch {
	case n%11 == 3:
		h.send("SIU^S15", v.at.Add(-2*day), schedule(v.at, "Cancelled")...)
		return
	case n%11 == 7:
		h.send("SIU^S26", v.at.Add(time.Hour), schedule(v.at, "Noshow")...)
		return
	}
	h.attended(v, "V"+number[1:])
}

// schedule are the segments of an appointment; one that waits for a day has none. For a referral SCH-26 is its number.
func (h *ward) schedule(number, referral, reason, kind, why string, by *practitioner, at time.Time, status string) []string {
	on, when, order, visit := "", "", "", ""
	if !at.IsZero() {
		on, when = "^^25^"+hl7Time(at)+"^"+hl7Time(at.Add(25*time.Minute)), hl7Time(at)
	}
	if referral != "" {
		order = "|" + referral + "^ZZ1"
	} else {
		visit = h.pv1("O", "Outpatients", "V"+number[1:], by, at, time.Time{})
	}
	return []string{"SCH|" + number + "|" + number + "^ZZ1||||" + why + "|" + hl7Escapes.Replace(reason) + "|" + kind + "|25|min|" + on + "||||||||||||||" + status + order,
		h.pid(), visit, "RGS|1|A", "AIS|1|A|" + "OUTP^" + hl7Escapes.Replace(by.role) + "|" + when, "AIP|1|A|" + by.number + "^" + hl7Escapes.Replace(by.last) + "^" + by.first, "AIL|1|A|Outpatients^^^ZZ1"}
}
