package gpconnect

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
)

// longestSearch is the time that slots may be looked for at once.
const longestSearch = 14 * 24 * time.Hour

// slots answers the free times between two moments.
// https://developer.nhs.uk/apis/gpconnect-1-2-7/appointments_use_case_search_for_free_slots.html
func (c *call) slots() {
	q := c.r.URL.Query()
	from, okFrom := bound(q["start"], "ge")
	to, okTo := bound(q["end"], "le")
	switch {
	case !okFrom || !okTo:
		refuse(c.w, "INVALID_PARAMETER", "a search for slots needs start=ge… and end=le…, once each")
		return
	case q.Get("status") != "free":
		refuse(c.w, "INVALID_PARAMETER", "only free slots can be looked for: status=free")
		return
	case !slices.Contains(q["_include"], "Slot:schedule"):
		refuse(c.w, "INVALID_PARAMETER", "a search for slots needs _include=Slot:schedule")
		return
	}
	start, end := from.LowIn(london.Zone), to.HighIn(london.Zone)
	if !end.After(start) || end.Sub(start) > longestSearch+24*time.Hour {
		refuse(c.w, "INVALID_PARAMETER", "slots are looked for in up to 14 days, from start to end")
		return
	}
	start = later(start, c.p.now()) // what has begun cannot be booked
	a := &answer{ctx: c.r.Context(), door: c.p.Door, who: c.who.actor, g: &giving{same: map[string]bool{}, kinds: map[string]string{}, drugs: map[string]bool{}, refs: map[string]bool{}}}
	schedules := map[string]bool{}
	free := "Slot?status=free&start=ge" + url.QueryEscape(moment(start)) + "&start=le" + url.QueryEscape(moment(end)) + "&_sort=start"
	for m, err := range c.p.Door.All(c.r.Context(), c.who.actor, free) {
		if err != nil {
			fail(c.w, err)
			return
		}
		res, err := m.Resource()
		if err != nil {
			fail(c.w, err)
			return
		}
		ends, err := fhir.ParseDateTime(res.Root().Get("end").Text())
		if err != nil || ends.Low().After(end) {
			continue
		}
		a.g.entries = append(a.g.entries, lowered(res, "Slot"))
		schedules[res.Root().Get("schedule").Get("reference").Text()] = true
	}
	for _, ref := range sortedKeys(schedules) {
		r := fhir.ParseReference(ref)
		if r.Type != "Schedule" {
			continue
		}
		stored, err := c.p.Door.Get(c.r.Context(), c.who.actor, r.Type, r.ID)
		if err != nil {
			continue // a slot without its schedule can be booked all the same
		}
		res, err := stored.Resource()
		if err != nil {
			fail(c.w, err)
			return
		}
		a.g.give(res, "Schedule")
	}
	if err := a.others(); err != nil {
		fail(c.w, err)
		return
	}
	c.write(http.StatusOK, searchset(a.g.entries, "Slot"))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sortedKeys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// bound is the one value of a parameter with a prefix.
func bound(values []string, prefix string) (fhir.DateTime, bool) {
	var found []string
	for _, v := range values {
		if after, ok := strings.CutPrefix(v, prefix); ok {
			found = append(found, after)
		}
	}
	if len(found) != 1 {
		return fhir.DateTime{}, false
	}
	d, err := fhir.ParseDateTime(found[0])
	return d, err == nil
}

// searchset is a Bundle of what a search found and what comes with it.
func searchset(entries []*node, match string) []byte {
	all, n := &node{isList: true}, 0
	for _, e := range entries {
		mode := "include"
		if e.text("resourceType") == match {
			mode = "match"
			n++
		}
		all.kids = append(all.kids, object(has("resource", e), has("search", object(word("mode", mode)))))
	}
	return object(word("resourceType", "Bundle"), word("type", "searchset"), has("total", &node{raw: []byte(strconv.Itoa(n))}), has("entry", all)).append(nil)
}

// book books slots: they turn busy and the appointment is made in one transaction, and only while nobody has touched them since they
// were read. Of two who book one slot, one is told DUPLICATE_REJECTED.
// https://developer.nhs.uk/apis/gpconnect-1-2-7/appointments_use_case_book_an_appointment.html
func (c *call) book() {
	in, err := fhir.Parse(c.body)
	if err != nil {
		refuse(c.w, "BAD_REQUEST", err.Error())
		return
	}
	if in.Type() != "Appointment" {
		refuse(c.w, "INVALID_RESOURCE", "what is booked is a "+in.Type()+", not an Appointment")
		return
	}
	if in.ID() != "" {
		refuse(c.w, "INVALID_RESOURCE", "an appointment that is not booked yet has no id")
		return
	}
	n := treeOf(in.Root())
	if code, why := c.bookable(n); code != "" {
		refuse(c.w, code, why)
		return
	}
	slots, code, why := c.freeSlots(n)
	if code != "" {
		refuse(c.w, code, why)
		return
	}
	res, err := raised(n)
	if err != nil {
		refuse(c.w, "INVALID_RESOURCE", err.Error())
		return
	}
	ops := []record.Op{{Method: record.Create, Type: "Appointment", Resource: res}}
	for _, s := range slots {
		op, err := turned(s, "busy")
		if err != nil {
			fail(c.w, err)
			return
		}
		ops = append(ops, op)
	}
	results, err := c.p.Door.Commit(c.r.Context(), c.who.actor, ops)
	if k := fhir.KindOf(err); err != nil && (k == fhir.Precondition || k == fhir.Conflict) {
		refuse(c.w, "DUPLICATE_REJECTED", "somebody else has just booked this slot")
		return
	}
	if err != nil {
		fail(c.w, err)
		return
	}
	c.w.Header().Set("Location", strings.TrimRight(c.p.Base, "/")+"/Appointment/"+results[0].ID)
	c.appointment(http.StatusCreated, &results[0].Stored)
}

// bookable checks what an appointment must say.
func (c *call) bookable(n *node) (code, why string) {
	if n.text("status") != "booked" {
		return "INVALID_RESOURCE", "an appointment is booked with status booked, not " + n.text("status")
	}
	patient := ""
	for _, p := range n.get("participant").items() {
		if id, ok := strings.CutPrefix(p.text("actor", "reference"), "Patient/"); ok {
			if patient != "" {
				return "INVALID_RESOURCE", "the appointment is for two patients"
			}
			patient = id
		}
	}
	if patient == "" {
		return "INVALID_RESOURCE", "no participant is a Patient"
	}
	stored, err := c.p.Door.Get(c.r.Context(), c.who.actor, "Patient", patient)
	if err != nil {
		return "REFERENCE_NOT_FOUND", "Patient/" + patient + " is not here"
	}
	res, err := stored.Resource()
	if err != nil || restricted(res.Root()) {
		return "REFERENCE_NOT_FOUND", "Patient/" + patient + " is not here"
	}
	if n.extended(stu3NHS+"StructureDefinition/Extension-GPConnect-BookingOrganisation-1") == nil {
		return "INVALID_RESOURCE", "the appointment does not say which organisation books it"
	}
	return "", ""
}

// freeSlots are the slots of an appointment: free, one after the other in one schedule, and as long as it is.
func (c *call) freeSlots(n *node) (slots []*record.Stored, code, why string) {
	var last *fhir.Resource
	refs := n.get("slot").items()
	if len(refs) == 0 {
		return nil, "INVALID_RESOURCE", "the appointment names no slot"
	}
	for i, ref := range refs {
		id, ok := strings.CutPrefix(ref.text("reference"), "Slot/")
		if !ok {
			return nil, "INVALID_RESOURCE", "slot[" + strconv.Itoa(i) + "] is no reference to a Slot"
		}
		stored, err := c.p.Door.Get(c.r.Context(), c.who.actor, "Slot", id)
		if err != nil {
			return nil, "REFERENCE_NOT_FOUND", "Slot/" + id + " is not here"
		}
		res, err := stored.Resource()
		if err != nil {
			return nil, "INTERNAL_SERVER_ERROR", "Slot/" + id + " cannot be read"
		}
		root := res.Root()
		switch {
		case !root.Get("status").Is("free"):
			return nil, "DUPLICATE_REJECTED", "Slot/" + id + " is no longer free"
		case i == 0 && !sameMoment(root.Get("start").Text(), n.text("start")):
			return nil, "INVALID_RESOURCE", "the appointment does not begin when its slot does"
		case i > 0 && (!sameMoment(last.Root().Get("end").Text(), root.Get("start").Text()) || !last.Root().Get("schedule").Get("reference").Is(root.Get("schedule").Get("reference").Text())):
			return nil, "INVALID_RESOURCE", "the slots do not follow each other in one schedule"
		case i == len(refs)-1 && !sameMoment(root.Get("end").Text(), n.text("end")):
			return nil, "INVALID_RESOURCE", "the appointment does not end when its slot does"
		}
		if start, err := fhir.ParseDateTime(root.Get("start").Text()); err != nil || start.Low().Before(c.p.now()) {
			return nil, "INVALID_RESOURCE", "the slot has begun already"
		}
		slots, last = append(slots, stored), res
	}
	return slots, "", ""
}

func sameMoment(a, b string) bool {
	x, err1 := fhir.ParseDateTime(a)
	y, err2 := fhir.ParseDateTime(b)
	return err1 == nil && err2 == nil && x.Low().Equal(y.Low())
}

// turned is the change of a slot's status, where it is still as it was read.
func turned(s *record.Stored, status string) (record.Op, error) {
	res, err := s.Resource()
	if err != nil {
		return record.Op{}, err
	}
	n := treeOf(res.Root())
	n.put("status", str(status))
	if res, err = n.resource(); err != nil {
		return record.Op{}, err
	}
	return record.Op{Method: record.Update, Type: "Slot", ID: s.ID, Resource: res, IfMatch: s.Version}, nil
}

// change amends or cancels an appointment. Amending changes words only; cancelling frees its slots.
// https://developer.nhs.uk/apis/gpconnect-1-2-7/appointments_use_case_amend_an_appointment.html
func (c *call) change() {
	stored, was, ok := c.current()
	if !ok {
		return
	}
	in, err := fhir.Parse(c.body)
	if err != nil {
		refuse(c.w, "BAD_REQUEST", err.Error())
		return
	}
	if in.Type() != "Appointment" || in.ID() != c.id {
		refuse(c.w, "INVALID_RESOURCE", "the body is not Appointment/"+c.id)
		return
	}
	version, err := versionOf(c.r.Header.Get("If-Match"))
	if err != nil {
		refuse(c.w, "BAD_REQUEST", err.Error())
		return
	}
	if version != 0 && version != stored.Version {
		refuse(c.w, "FHIR_CONSTRAINT_VIOLATION", "the appointment was changed since: it is version "+strconv.FormatInt(stored.Version, 10))
		return
	}
	if start, err := fhir.ParseDateTime(was.Root().Get("start").Text()); err != nil || start.Low().Before(c.p.now()) {
		refuse(c.w, "INVALID_RESOURCE", "an appointment that has begun is not changed any more")
		return
	}
	if !was.Root().Get("status").Is("booked") {
		refuse(c.w, "INVALID_RESOURCE", "the appointment is "+was.Root().Get("status").Text()+", not booked")
		return
	}
	now, err := raised(treeOf(in.Root()))
	if err != nil {
		refuse(c.w, "INVALID_RESOURCE", err.Error())
		return
	}
	c.store(stored, was, now)
}

// store writes a change of an appointment, so far as it may change.
func (c *call) store(stored *record.Stored, was, now *fhir.Resource) {
	cancel := c.interaction == interactionCancel
	n, to := treeOf(was.Root()), treeOf(now.Root())
	for _, fixed := range []string{"start", "end"} {
		if !sameMoment(n.text(fixed), to.text(fixed)) {
			refuse(c.w, "INVALID_RESOURCE", fixed+" of an appointment cannot be changed: cancel it and book another")
			return
		}
	}
	if cancel {
		if to.text("status") != "cancelled" || to.get("cancelationReason") == nil {
			refuse(c.w, "INVALID_RESOURCE", "a cancelled appointment has status cancelled and a reason")
			return
		}
		n.put("status", str("cancelled"))
		n.put("cancelationReason", to.get("cancelationReason"))
	} else {
		if to.text("status") != "booked" {
			refuse(c.w, "INVALID_RESOURCE", "amending does not change the status of an appointment")
			return
		}
		n.put("description", to.get("description"))
		n.put("comment", to.get("comment"))
	}
	res, err := n.resource()
	if err != nil {
		fail(c.w, err)
		return
	}
	ops := []record.Op{{Method: record.Update, Type: "Appointment", ID: c.id, Resource: res, IfMatch: stored.Version}}
	if cancel {
		for _, ref := range n.get("slot").items() {
			id := strings.TrimPrefix(ref.text("reference"), "Slot/")
			slot, err := c.p.Door.Get(c.r.Context(), c.who.actor, "Slot", id)
			if err != nil {
				continue // it was taken away: there is nothing to free
			}
			op, err := turned(slot, "free")
			if err != nil {
				fail(c.w, err)
				return
			}
			ops = append(ops, op)
		}
	}
	results, err := c.p.Door.Commit(c.r.Context(), c.who.actor, ops)
	if err != nil {
		fail(c.w, err)
		return
	}
	c.appointment(http.StatusOK, &results[0].Stored)
}

// current reads the appointment asked for; where there is none it says so.
func (c *call) current() (*record.Stored, *fhir.Resource, bool) {
	stored, err := c.p.Door.Get(c.r.Context(), c.who.actor, "Appointment", c.id)
	if err != nil {
		fail(c.w, err)
		return nil, nil, false
	}
	res, err := stored.Resource()
	if err != nil {
		fail(c.w, err)
		return nil, nil, false
	}
	return stored, res, true
}

func (c *call) read() {
	if stored, _, ok := c.current(); ok {
		c.appointment(http.StatusOK, stored)
	}
}

func (c *call) appointment(status int, stored *record.Stored) {
	res, err := stored.Resource()
	if err != nil {
		fail(c.w, err)
		return
	}
	c.w.Header().Set("ETag", etag(stored.Version))
	c.write(status, lowered(res, "Appointment").append(nil))
}

// appointments answers a patient's appointments between two days, of which none may have passed.
// https://developer.nhs.uk/apis/gpconnect-1-2-7/appointments_use_case_retrieve_patient_appointments.html
func (c *call) appointments() {
	starts := c.r.URL.Query()["start"]
	from, ok1 := bound(starts, "ge")
	to, ok2 := bound(starts, "le")
	today := c.p.now().In(london.Zone).Format(time.DateOnly)
	if !ok1 || !ok2 || from.Precision() != fhir.Day || to.Precision() != fhir.Day || to.String() < from.String() || from.String() < today {
		refuse(c.w, "INVALID_PARAMETER", "appointments are asked for by start=ge… and start=le…, two days from today on")
		return
	}
	stored, err := c.p.Door.Get(c.r.Context(), c.who.actor, "Patient", c.id)
	if err != nil {
		if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
			refuse(c.w, "PATIENT_NOT_FOUND", "Patient/"+c.id+" is not here")
		} else {
			fail(c.w, err)
		}
		return
	}
	if res, err := stored.Resource(); err != nil || restricted(res.Root()) {
		refuse(c.w, "PATIENT_NOT_FOUND", "Patient/"+c.id+" is not here")
		return
	}
	var entries []*node
	query := "Appointment?patient=Patient/" + c.id + "&date=ge" + from.String() + "&date=le" + to.String() + "&_sort=date"
	for m, err := range c.p.Door.All(c.r.Context(), c.who.actor, query) {
		if err != nil {
			fail(c.w, err)
			return
		}
		res, err := m.Resource()
		if err != nil {
			fail(c.w, err)
			return
		}
		entries = append(entries, lowered(res, "Appointment"))
	}
	c.write(http.StatusOK, searchset(entries, "Appointment"))
}
