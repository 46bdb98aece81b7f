package gpconnect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
)

const cancellationReason = stu3NHS + "StructureDefinition/Extension-GPConnect-AppointmentCancellationReason-1"

// appointmentUp: reasons are codes and references, the referral what it is based on, why it was cancelled an element.
func appointmentUp(_ *mapping, n *node) {
	n.rename("reason", "reasonCode")
	n.rename("indication", "reasonReference")
	n.rename("incomingReferral", "basedOn")
	n.many("serviceCategory")
	if _, why := valueOf(n.takeExtension(cancellationReason)); why != nil {
		n.put("cancelationReason", object(has("text", why)))
	}
}

func appointmentDown(_ *giving, n *node) {
	n.rename("reasonCode", "reason")
	n.rename("reasonReference", "indication")
	n.rename("basedOn", "incomingReferral")
	n.one("serviceCategory")
	if why := n.take("cancelationReason"); why != nil {
		text := why.get("text")
		if text == nil {
			text = why.get("coding").first().get("display")
		}
		n.add("extension", extension(cancellationReason, "String", text))
	}
	for _, p := range n.get("participant").items() {
		p.put("period", nil)
	}
}

func slotUp(_ *mapping, n *node) { n.many("serviceCategory") }

func slotDown(_ *giving, n *node) { n.one("serviceCategory") }

func scheduleUp(_ *mapping, n *node) { n.many("serviceCategory") }

func scheduleDown(_ *giving, n *node) { n.one("serviceCategory") }

// raised makes a resource of STU3 one of R4 and leaves ids and references as they are: both sides speak of the same things.
func raised(n *node) (*fhir.Resource, error) {
	was := n.text("resourceType")
	k, ok := kinds[was]
	if !ok {
		return nil, fhir.Errorf(fhir.Invalid, "a %q is nothing of GP Connect", was)
	}
	m := &mapping{record: &Record{Notes: map[string]int{}}}
	n.walk(upExtensions)
	n.walk(func(n *node) {
		if c := n.get("coding"); n.isObject() && c != nil {
			n.put("coding", twins(c, r4System))
		}
	})
	if k.up != nil {
		k.up(m, n)
	}
	meta := n.get("meta")
	n.put("meta", nil)
	if v := meta.get("versionId"); v != nil {
		n.put("meta", object(has("versionId", v)))
	}
	if err := m.tidy(was, k.r4, n); err != nil {
		return nil, err
	}
	n.put("resourceType", str(k.r4))
	if err := m.keep("", was, n.text("id"), n); err != nil {
		return nil, err
	}
	return m.record.Resources[0].Resource, nil
}

// lowered makes a resource of R4 one of STU3, ids and references as they are.
func lowered(res *fhir.Resource, kind string) *node {
	g := &giving{same: map[string]bool{}, kinds: map[string]string{}, drugs: map[string]bool{}, refs: map[string]bool{}}
	n := treeOf(res.Root())
	version := n.get("meta", "versionId")
	g.turn(n, kind)
	n.get("meta").put("versionId", version)
	return n
}

// bundled are the resources of a Bundle in STU3, in R4.
func bundled(body []byte) ([]*fhir.Resource, error) {
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	if res.Type() != "Bundle" {
		return nil, fhir.Errorf(fhir.Invalid, "the answer is a %s, not a Bundle", res.Type())
	}
	var out []*fhir.Resource
	n := 0
	for e := range res.Root().Get("entry").Items() {
		tree := treeOf(e.Get("resource"))
		if tree.text("resourceType") != "OperationOutcome" {
			r, err := raised(tree)
			if err != nil {
				return nil, fhir.Errorf(fhir.Invalid, "entry[%d]: %w", n, err)
			}
			out = append(out, r)
		}
		n++
	}
	return out, nil
}

// Slots asks for free times of a practice, with their schedules and whose they are; at most two weeks at once.
// https://developer.nhs.uk/apis/gpconnect-1-2-7/appointments_use_case_search_for_free_slots.html
func (c *Client) Slots(ctx context.Context, from, to time.Time) ([]*fhir.Resource, error) {
	q := url.Values{"start": {"ge" + moment(from)}, "end": {"le" + moment(to)}, "status": {"free"}, "_include": {"Slot:schedule"},
		"_include:recurse": {"Schedule:actor:Practitioner", "Schedule:actor:Location"}, "searchFilter": {odsCode + "|" + c.Requester.ODS}}
	body, err := c.ask(ctx, http.MethodGet, "/Slot?"+q.Encode(), interactionSlots, "organization/*.read", nil, "", c.tries())
	if err != nil {
		return nil, err
	}
	return bundled(body)
}

func moment(t time.Time) string { return london.DateTime(t).String() }

// Booking is what a slot is booked with.
type Booking struct {
	Patient     string   // id of the Patient at the practice
	Location    string   // id, "" for none
	Slots       []string // ids, one after the other
	Start, End  time.Time
	Description string
	Comment     string
}

// Book books slots. It is asked once: where no answer comes, look by Appointments whether it was done. Where somebody was first, the error is
// an *Outcome with DUPLICATE_REJECTED.
func (c *Client) Book(ctx context.Context, b Booking) (*fhir.Resource, error) {
	org := object(word("resourceType", "Organization"), word("id", "1"), has("identifier", list(object(word("system", odsCode), word("value", c.Requester.ODS)))), word("name", c.Requester.Organization))
	a := object(word("resourceType", "Appointment"), has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/GPConnect-Appointment-1"))))), has("contained", list(org)),
		has("extension", list(extension(stu3NHS+"StructureDefinition/Extension-GPConnect-BookingOrganisation-1", "Reference", object(word("reference", "#1"))))),
		word("status", "booked"), word("description", b.Description), word("start", moment(b.Start)), word("end", moment(b.End)), word("created", moment(c.now())), word("comment", b.Comment))
	for _, id := range b.Slots {
		a.add("slot", object(word("reference", "Slot/"+id)))
	}
	a.add("participant", object(has("actor", object(word("reference", "Patient/"+b.Patient))), word("status", "accepted")))
	if b.Location != "" {
		a.add("participant", object(has("actor", object(word("reference", "Location/"+b.Location))), word("status", "accepted")))
	}
	body, err := c.ask(ctx, http.MethodPost, "/Appointment", interactionBook, "patient/*.write", a.append(nil), "", 1)
	return one(body, err)
}

// Amend changes the words of an appointment: its description and comment, and nothing else.
func (c *Client) Amend(ctx context.Context, appointment *fhir.Resource) (*fhir.Resource, error) {
	return c.change(ctx, appointment, interactionAmend)
}

// Cancel cancels an appointment that has not begun.
func (c *Client) Cancel(ctx context.Context, appointment *fhir.Resource, why string) (*fhir.Resource, error) {
	n := treeOf(appointment.Root())
	n.put("status", str("cancelled"))
	n.put("cancelationReason", object(word("text", why)))
	res, err := n.resource()
	if err != nil {
		return nil, err
	}
	return c.change(ctx, res, interactionCancel)
}

func (c *Client) change(ctx context.Context, appointment *fhir.Resource, interaction string) (*fhir.Resource, error) {
	match := ""
	if v := appointment.Root().Get("meta").Get("versionId").Text(); v != "" {
		match = `W/"` + v + `"`
	}
	body, err := c.ask(ctx, http.MethodPut, "/Appointment/"+appointment.ID(), interaction, "patient/*.write", lowered(appointment, "Appointment").append(nil), match, 1)
	return one(body, err)
}

// Appointments are a patient's, from one day to another.
func (c *Client) Appointments(ctx context.Context, patient string, from, to time.Time) ([]*fhir.Resource, error) {
	q := "?start=ge" + from.In(london.Zone).Format(time.DateOnly) + "&start=le" + to.In(london.Zone).Format(time.DateOnly)
	body, err := c.ask(ctx, http.MethodGet, "/Patient/"+patient+"/Appointment"+q, interactionOf, "patient/*.read", nil, "", c.tries())
	if err != nil {
		return nil, err
	}
	return bundled(body)
}

func one(body []byte, err error) (*fhir.Resource, error) {
	if err != nil {
		return nil, err
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	return raised(treeOf(res.Root()))
}

// versionOf reads If-Match: W/"3" or "3", 0 where there is none.
func versionOf(match string) (int64, error) {
	if match == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(strings.TrimSpace(match), "W/"), `"`), 10, 64)
	if err != nil || n <= 0 {
		return 0, fhir.Errorf(fhir.Invalid, "If-Match is %s, not a version such as W/\"1\"", match)
	}
	return n, nil
}

func etag(version int64) string { return fmt.Sprintf(`W/"%d"`, version) }
