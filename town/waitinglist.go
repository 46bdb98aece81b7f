package town

import (
	"fmt"
	"strings"
	"time"
)

// waited writes a pathway as a hospital's system tells it: the referral (REF), with each change its status and list; the appointments (SIU),
// the first of which waits for a day; and the bed (ADT): on the list for one (A05), promised (A14), not any more (A27, A38), taken (A01).
func (h *ward) waited(w *pathway) {
	id := fmt.Sprintf("R%07d%02d", h.c.p.i, w.n)
	from := "PRD|RP|" + hl7Escapes.Replace(h.c.p.gp.last) + "^" + h.c.p.gp.first
	to := "PRD|RT|" + hl7Escapes.Replace(w.by.last) + "^" + w.by.first + "^^^" + w.by.prefix
	refer := func(event string, at time.Time, status rtt, ended time.Time) {
		if h.send("REF^"+event, at, h.rf1(w, id, status, at, ended), from, to, h.pid()) {
			h.say("ServiceRequest", id, "", "", "", "", w.referred)
		}
	}
	refer("I12", w.referred.Add(20*time.Minute), "", time.Time{})
	if w.accepted.Before(w.stopped) {
		refer("I13", w.accepted, rttFirst, time.Time{})
		h.waitlisted(w, id)
	}
	for at := w.accepted.Truncate(day).Add(validateEach + 6*time.Hour); at.Before(w.stopped); at = at.Add(validateEach) { // the list is looked through
		refer("I13", at, w.status(at), time.Time{})
	}
	for k := range w.bookings {
		h.appointment(w, id, k)
	}
	if seen := w.seen(); !seen.IsZero() && seen.Add(time.Hour).Before(w.stopped) {
		refer("I13", seen.Add(time.Hour), rttNext, time.Time{})
	}
	h.bed(w)
	event := "I13"
	if w.dropped() {
		event = "I14"
	}
	refer(event, w.stopped.Add(75*time.Minute), w.why, w.stopped)
}

// seen is when the patient first came to the clinic, zero for never.
func (w *pathway) seen() time.Time {
	for _, b := range w.bookings {
		if b.kept() {
			return b.at
		}
	}
	return time.Time{}
}

func (w *pathway) status(at time.Time) rtt {
	if seen := w.seen(); !seen.IsZero() && !at.Before(seen) {
		return rttNext
	}
	return rttFirst
}

// rf1 is the referral's segment. The RTT status stands beside that of table 0283; RF1-5 is the list.
func (h *ward) rf1(w *pathway, id string, status rtt, at, ended time.Time) string {
	said, list := "P^Pending^HL70283", "O^Outpatient"
	if status != "" {
		said = "A^Accepted^HL70283^" + string(status) + "^" + rttName[status] + "^RTT"
	}
	if !w.decided.IsZero() && !at.Before(w.decided) {
		list = "I^Inpatient"
	}
	over, reason := "", "^"+hl7Escapes.Replace(w.text)
	if !ended.IsZero() {
		over = hl7Time(ended)
	}
	if w.code != "" {
		reason = w.code + "^" + hl7Escapes.Replace(w.display) + "^SCT"
	}
	to := coded(w.referral)
	urgency := map[bool]string{true: "U", false: "R"}[w.urgent]
	return strings.Join([]string{"RF1", said, urgency, to.snomed + "^" + hl7Escapes.Replace(to.term) + "^SCT", "", list, id + "^ZZ1", hl7Time(w.referred), over, "", reason, w.ubrn + "^UBRN"}, "|")
}

// number is that of a pathway's appointment.
func (h *ward) number(w *pathway, k int) string { return fmt.Sprintf("S%07dW%02d%d", h.c.p.i, w.n, k) }

// waitlisted is the first appointment before it has a day.
func (h *ward) waitlisted(w *pathway, id string) {
	number := h.number(w, 0)
	if h.send("SIU^S12", w.accepted.Add(time.Minute), h.schedule(number, id, w.specialty, "NEW^New patient", "", w.by, time.Time{}, "Waitlist")...) {
		h.say("Appointment", number, "", "", "", "", time.Time{})
	}
	if len(w.bookings) == 0 {
		h.send("SIU^S15", w.stopped.Add(time.Minute), h.schedule(number, id, w.specialty, "NEW^New patient", rttName[w.why], w.by, time.Time{}, "Cancelled")...)
	}
}

// appointment is one in a clinic: booked, perhaps moved, kept, missed or cancelled.
func (h *ward) appointment(w *pathway, id string, k int) {
	b, number, kind := w.bookings[k], h.number(w, k), "NEW^New patient"
	if seen := w.seen(); !seen.IsZero() && seen.Before(b.at) {
		kind = "FOLLOWUP^Follow-up"
	}
	say := func(event string, at, on time.Time, why, status string) {
		if h.send("SIU^"+event, at, h.schedule(number, id, w.specialty, kind, why, w.by, on, status)...) {
			h.say("Appointment", number, "", "", "", "", on)
		}
	}
	event := "S12"
	if k == 0 {
		event = "S14" // it waited for a day
	}
	say(event, b.made, b.first, "", "Booked")
	if !b.moved.IsZero() {
		say("S13", b.moved, b.at, "PATIENT^Moved by the patient", "Booked")
	}
	switch {
	case !b.cancelled.IsZero():
		why := "HOSPITAL^Cancelled by the hospital"
		if b.cancelled.Equal(w.stopped) {
			why = string(w.why) + "^" + rttName[w.why]
		}
		say("S15", b.cancelled, b.at, why, "Cancelled")
	case b.missed:
		say("S26", b.at.Add(time.Hour), b.at, "", "Noshow")
	default:
		h.attended(&visit{by: w.by, at: b.at, reason: w.specialty + " clinic: " + w.text}, "V"+number[1:])
	}
}

// attended is a patient who came to the clinic, and the letter about it.
func (h *ward) attended(v *visit, number string) {
	if h.send("ADT^A04", v.at, h.evn("A04", v.at), h.pid(), h.pd1(), h.pv1("O", "Outpatients", number, v.by, v.at, time.Time{})) {
		h.say("Encounter", number, "", "", "", "", v.at)
		h.letter(v, number, v.at.Add(50*time.Hour))
	}
}

// bed is the wait for admission and what came of it.
func (h *ward) bed(w *pathway) {
	if w.decided.IsZero() {
		return
	}
	number := fmt.Sprintf("V%07dW%02dA", h.c.p.i, w.n)
	ward := wards[w.n%len(wards)]
	said := false
	say := func(event string, at, in, out time.Time, expected string, more ...string) bool {
		segments := []string{h.evn(event, at), h.pid(), h.pd1(), h.pv1("I", ward, number, w.by, in, out), "PV2|||" + hl7Escapes.Replace(w.text) + "|||||" + expected}
		sent := h.send("ADT^"+event, at, append(segments, more...)...)
		if sent && !in.IsZero() || sent && !said {
			h.say("Encounter", number, "", "", "", "", in)
		}
		said = said || sent
		return sent
	}
	say("A05", w.decided.Add(15*time.Minute), time.Time{}, time.Time{}, "")
	for _, o := range w.offers {
		say("A14", o.made, time.Time{}, time.Time{}, hl7Time(o.day))
		if !o.withdrawn.IsZero() {
			say("A27", o.withdrawn, time.Time{}, time.Time{}, `""`)
		}
	}
	if w.admitted.IsZero() {
		if w.removed() && h.send("ADT^A38", w.stopped.Add(2*time.Minute), h.evn("A38", w.stopped), h.pid(), h.pd1(), h.pv1("I", ward, number, w.by, time.Time{}, time.Time{})) {
			if !said {
				h.say("Encounter", number, "", "", "", "", time.Time{})
			}
			h.forget(number)
		}
		return
	}
	in, out := w.admitted, w.admitted.Add(w.length)
	done := w.operation
	procedure := "PR1|1||" + done.code + "^" + hl7Escapes.Replace(done.display) + "^SCT|" + hl7Escapes.Replace(done.text) + "|" + hl7Time(in.Add(4*time.Hour))
	say("A01", in, in, time.Time{}, hl7Time(in))
	if say("A03", out, in, out, "", procedure) {
		h.say("Procedure", number+"-PR1", snomed, done.code, "", "", in.Add(4*time.Hour))
		h.letter(&visit{by: w.by, at: in, reason: done.text}, number, out.Add(26*time.Hour))
	}
}
