package town

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// outcomes of a delivery as the hospital codes them.
const (
	codeLiveBirth = "281050002"
	codeSingle    = "169826009"
	codeTwins     = "169828005"
)

// deliver is a mother's stay: in labour or for a planned section, the birth, home with the baby.
func (h *ward) deliver(v *visit, n int) {
	b := v.birth
	in, out := b.at.Add(-b.labour), b.at.Add(b.stay)
	if !h.within(in) {
		return
	}
	number := fmt.Sprintf("V%07d%02d", h.c.p.i, n)
	outcome, wayTo := coded(codeSingle), coded(wayCode(b))
	if len(b.babies) > 1 {
		outcome = coded(codeTwins)
	}
	segments := func(event string, at, left time.Time) []string {
		return []string{h.evn(event, at), h.pid(), h.pd1(), h.pv1("I", "Maternity", number, v.by, in, left), "PV2|||Delivery"}
	}
	if h.send("ADT^A01", in, segments("A01", in, time.Time{})...) {
		h.say("Encounter", number, "", "", "", "", in)
	}
	born := []string{"DG1|1||" + outcome.snomed + "^" + hl7Escapes.Replace(outcome.term) + "^SCT|" + hl7Escapes.Replace(outcome.term) + "|" + hl7Time(b.at) + "|F",
		"PR1|1||" + wayTo.snomed + "^" + hl7Escapes.Replace(wayTo.term) + "^SCT|" + hl7Escapes.Replace(wayTo.term) + "|" + hl7Time(b.at)}
	at := b.at.Add(50 * time.Minute)
	said := h.send("ADT^A08", at, append(segments("A08", at, time.Time{}), born...)...)
	said = h.send("ADT^A03", out, append(segments("A03", out, out), born...)...) || said
	if said {
		h.say("Condition", number+"-DG1", snomed, outcome.snomed, "", "", b.at)
		h.say("Procedure", number+"-PR1", snomed, wayTo.snomed, "", "", b.at)
	}
	h.letter(v, number, out.Add(20*time.Hour))
}

// newborn is the child's stay: registered within the hour as "Baby", with the mother as next of kin, and named some weeks later.
func (h *ward) newborn() {
	p, b := h.c.p, h.c.p.birth
	if b == nil || !h.within(b.at.Add(-b.labour)) {
		return
	}
	in, out := b.at.Add(20*time.Minute), b.at.Add(b.stay)
	number := fmt.Sprintf("V%07dNB", p.i)
	by := h.place.who(midwifeRole, hospital, roll(p.town.Seed, p.i, "newborn"))
	segments := func(event string, at, left time.Time) []string {
		return []string{h.evn(event, at), h.pid(), h.pd1(), h.nk1(), h.pv1("I", "Maternity", number, by, in, left), "PV2|||Newborn",
			"DG1|1||" + codeLiveBirth + "^Livebirth^SCT|Livebirth|" + hl7Time(b.at) + "|F"}
	}
	if h.send("ADT^A01", in, segments("A01", in, time.Time{})...) {
		h.say("Encounter", number, "", "", "", "", in)
		h.say("Condition", number+"-DG1", snomed, codeLiveBirth, "", "", b.at)
	}
	h.send("ADT^A03", out, segments("A03", out, out)...)
	named := workday(p.born.Add(time.Duration(30+p.i%12) * day)).Add(11 * time.Hour)
	if !h.within(named) {
		return
	}
	baby := h.who
	h.who = h.c.known("hospital", p.born.Add(60*day), 0.08)
	h.who.nhs = baby.nhs
	h.send("ADT^A31", named, h.evn("A31", named), h.pid(), h.pd1(), "PV1|1|N")
}

// multiple is PID-24 and PID-25: whether there were several babies, and which this was.
func (p *person) multiple() (several, order string) {
	if p.birth == nil || len(p.birth.babies) < 2 {
		return "", ""
	}
	return "Y", strconv.Itoa(1 + slices.Index(p.birth.babies, p.at))
}

// ofMother is NK1 of a baby.
func (h *ward) ofMother() string {
	p := h.c.p
	mother := p.town.draw(p.mother, h.place)
	return "NK1|1|" + hl7Escapes.Replace(mother.surname(mother.behind(), p.birth.at)) + "^" + mother.first + "|MTH^Mother"
}
