package rest

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// onlyTrail reports whether a search of AuditEvents is one of the record's own trail: it names a patient, an agent or a time and
// nothing that only a stored AuditEvent can answer.
func (q *request) onlyTrail() (url.Values, bool) {
	values, err := url.ParseQuery(q.query)
	if err != nil {
		return nil, false
	}
	asks := false
	for name := range values {
		switch name {
		case "patient", "agent", "date":
			asks = true
		case "_count", "_page", "_format", "_pretty", "_total":
		default:
			return nil, false
		}
	}
	return values, asks
}

// trail answers a search of the record's own audit trail.
func (q *request) trail(values url.Values) error {
	ask, err := trailQuery(values)
	if err != nil {
		return err
	}
	page, err := q.Door.Trail(q.r.Context(), q.who, ask)
	if err != nil {
		return err
	}
	w := newBundle(q.Base, "searchset", 1500*len(page.Entries))
	self := url.Values{}
	for _, name := range []string{"patient", "agent", "date", "_count"} {
		if v := values[name]; v != nil {
			self[name] = v
		}
	}
	next := ""
	if page.Next != "" {
		next = "AuditEvent?" + self.Encode() + "&_page=" + page.Next
	}
	w.links("self", "AuditEvent?"+self.Encode(), "next", next)
	for i := range page.Entries {
		w.entry("AuditEvent", page.Entries[i].ID, r4.Encode(auditEvent(&page.Entries[i])))
		w.mode("match")
	}
	q.write(http.StatusOK, w.close())
	return nil
}

// trailQuery reads the parameters of a search of the trail.
func trailQuery(values url.Values) (ask record.TrailQuery, err error) {
	one := func(name string) string {
		if err == nil && (len(values[name]) > 1 || strings.Contains(values.Get(name), ",")) {
			err = fhir.Errorf(fhir.Unsupported, "the audit trail is searched by one %s at a time", name)
		}
		return values.Get(name)
	}
	ask.Patient, ask.Actor, ask.Page = strings.TrimPrefix(one("patient"), "Patient/"), one("agent"), one("_page")
	if err == nil && ask.Patient != "" && !fhir.ValidID(ask.Patient) {
		err = fhir.Errorf(fhir.Invalid, "%q is not the id of a Patient", ask.Patient)
	}
	if c := one("_count"); err == nil && c != "" {
		ask.Count, err = count(c)
	}
	for _, text := range values["date"] {
		if err != nil {
			break
		}
		err = bound(&ask, text)
	}
	return ask, err
}

// bound narrows the time by one date parameter. https://hl7.org/fhir/R4/search.html#date
func bound(ask *record.TrailQuery, text string) error {
	prefix, rest := "eq", text
	if len(text) > 2 && text[0] >= 'a' {
		prefix, rest = text[:2], text[2:]
	}
	at, err := fhir.ParseDateTime(rest)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "date=%s is not valid: %w", text, err)
	}
	low, high := at.Low(), at.High().Add(-time.Microsecond)
	from := func(t time.Time) {
		if t.After(ask.From) {
			ask.From = t
		}
	}
	to := func(t time.Time) {
		if ask.To.IsZero() || t.Before(ask.To) {
			ask.To = t
		}
	}
	switch prefix {
	case "eq":
		from(low)
		to(high)
	case "ge":
		from(low)
	case "gt", "sa":
		from(high.Add(time.Microsecond))
	case "le":
		to(high)
	case "lt", "eb":
		to(low.Add(-time.Microsecond))
	default:
		return fhir.Errorf(fhir.Unsupported, "the audit trail is not searched by date=%s: eq, ge, gt, le and lt are", text)
	}
	return nil
}

const (
	eventTypes  = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interaction = "http://hl7.org/fhir/restful-interaction"
	dicom       = "http://dicom.nema.org/resources/ontology/DCM"
	purposes    = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	objectTypes = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRoles = "http://terminology.hl7.org/CodeSystem/object-role"
)

var interactions = map[access.Action]string{access.Create: "create", access.Read: "read", access.Update: "update", access.Delete: "delete", access.Search: "search-type"}

// auditEvent writes an entry of the trail as FHIR does. https://hl7.org/fhir/R4/auditevent.html
func auditEvent(e *record.TrailEntry) *r4.AuditEvent {
	yes, no := true, false
	a := &r4.AuditEvent{ID: e.ID, Type: &r4.Coding{System: eventTypes, Code: "rest", Display: "RESTful Operation"}, Action: string(e.Action), Recorded: fhir.DateTimeOf(e.At), Outcome: "0"}
	if code := interactions[e.Action]; code != "" {
		a.Subtype = []r4.Coding{{System: interaction, Code: code}}
	}
	if e.Refused != "" {
		a.Outcome, a.OutcomeDesc = "4", e.Refused
	}
	var why []r4.CodeableConcept
	if e.Purpose != "" {
		why = []r4.CodeableConcept{{Coding: []r4.Coding{{System: purposes, Code: e.Purpose}}}}
		a.PurposeOfEvent = why
	}
	agent := r4.AuditEventAgent{Who: agentReference(e.Who, e.Name), AltId: e.Who, Name: e.Name, Requestor: &yes, PurposeOfUse: why}
	if e.Role != "" {
		agent.Role = []r4.CodeableConcept{{Text: e.Role}}
	}
	if host, _, err := net.SplitHostPort(e.From); err == nil {
		agent.Network = &r4.AuditEventAgentNetwork{Address: host, Type: "2"}
	} else if e.From != "" {
		agent.Network = &r4.AuditEventAgentNetwork{Address: e.From, Type: "2"}
	}
	a.Agent = []r4.AuditEventAgent{agent}
	if e.Helper != "" {
		a.Agent = append(a.Agent, r4.AuditEventAgent{Who: agentReference(e.Helper, ""), AltId: e.Helper, Requestor: &no})
	}
	if e.App != "" {
		a.Agent = append(a.Agent, r4.AuditEventAgent{Type: &r4.CodeableConcept{Coding: []r4.Coding{{System: dicom, Code: "110150", Display: "Application"}}}, AltId: e.App, Requestor: &no})
	}
	if e.Organization != "" {
		a.Agent = append(a.Agent, r4.AuditEventAgent{Who: &r4.Reference{Identifier: &r4.Identifier{System: "https://fhir.nhs.uk/Id/ods-organization-code", Value: e.Organization}}, Requestor: &no})
	}
	a.Source = &r4.AuditEventSource{Observer: &r4.Reference{Display: "Kith"}}
	for _, id := range slices.Sorted(slices.Values(e.Patients)) {
		a.Entity = append(a.Entity, r4.AuditEventEntity{What: &r4.Reference{Reference: "Patient/" + id}, Type: &r4.Coding{System: objectTypes, Code: "1"}, Role: &r4.Coding{System: objectRoles, Code: "1"}})
	}
	if e.What != "" {
		entity := r4.AuditEventEntity{Type: &r4.Coding{System: objectTypes, Code: "2"}, Role: &r4.Coding{System: objectRoles, Code: "4"}, Name: e.What}
		if e.Action == access.Search {
			entity.Name, entity.Query, entity.Role.Code = "", base64.StdEncoding.EncodeToString([]byte(e.What)), "24"
		}
		a.Entity = append(a.Entity, entity)
	}
	return a
}

// agentReference names an actor by a reference where its id is one, and in words.
func agentReference(id, name string) *r4.Reference {
	ref := &r4.Reference{Display: name}
	if typ, local, ok := strings.Cut(id, "/"); ok && fhir.ValidID(local) {
		switch typ {
		case "Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Organization", "Device":
			ref.Reference = id
		}
	}
	if ref.Reference == "" && ref.Display == "" {
		ref.Display = id
	}
	return ref
}

// auditEventID reports whether an id is a place in the trail: a chain and a number.
func auditEventID(id string) bool {
	chain, n, ok := strings.Cut(id, ".")
	_, err := strconv.ParseInt(n, 10, 64)
	return ok && err == nil && chain != ""
}
