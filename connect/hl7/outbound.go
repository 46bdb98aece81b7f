package hl7

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// The messages we send: a document (MDM^T02), a booking (SIU^S12, S13, S15) and a referral (REF^I12). Each is made of
// resources of the record and says all that its receiver needs, times with their offset.

// Document is MDM^T02: a document with its bytes.
func Document(h Header, patient *r4.Patient, doc *r4.DocumentReference, contentType string, data []byte) ([]byte, error) {
	h.Code, h.Event, h.Structure = "MDM", "T02", "MDM_T02"
	if err := whole(h, patient); err != nil {
		return nil, err
	}
	number := doc.ID
	if doc.MasterIdentifier != nil {
		number = doc.MasterIdentifier.Value
	}
	if number == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the document has neither an identifier nor an id").At("DocumentReference.masterIdentifier")
	}
	kind := codeOf(doc.Type, "CN")
	status := map[string]string{"preliminary": "PA", "final": "AU", "amended": "AU"}[doc.DocStatus]
	txa := Row{"TXA", "1", kind, Text(mediaGroup(contentType)), "", "", stampOrEmpty(doc.Date), "", "", authors(doc.Author), "", "",
		Text(number), "", "", "", Text(doc.Description), Text(or(status, "DO")), "", "AV"}
	title := or(doc.Description, "Document")
	obx := Row{"OBX", "1"}
	if strings.HasPrefix(contentType, "text/plain") {
		obx = append(obx, "TX", Comps("", Text(title)), "", Text(string(data)))
	} else {
		obx = append(obx, "ED", Comps("", Text(title)), "", Comps("", Text(mediaGroup(contentType)), Text(subtype(contentType)), "Base64",
			Value(base64.StdEncoding.EncodeToString(data))))
	}
	obx = append(obx, "", "", "", "", "", "F")
	return Encode(h.Row(), Row{"EVN", "T02", Stamp(h.Time)}, pid(patient), Row{"PV1", "1", "N"}, txa, obx), nil
}

// Booking is SIU: S12 for a new appointment, S13 for another time, S15 for one that is cancelled; h.Event says which.
func Booking(h Header, patient *r4.Patient, a *r4.Appointment) ([]byte, error) {
	h.Code, h.Structure = "SIU", "SIU_S12"
	if err := whole(h, patient); err != nil {
		return nil, err
	}
	if h.Event != "S12" && h.Event != "S13" && h.Event != "S15" {
		return nil, fhir.Errorf(fhir.Invalid, "a booking is S12, S13 or S15, not %q", h.Event)
	}
	if a.ID == "" || a.Start.Clock.Known == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the appointment has no id or no start").At("Appointment.start")
	}
	minutes := a.End.Low().Sub(a.Start.Low()) / time.Minute
	length, unit := Value(""), Value("")
	if a.End.Clock.Known != 0 && minutes > 0 {
		length, unit = Text(fhir.MakeDecimal(int64(minutes), 0).String()), "min"
	}
	status := Value("Booked")
	if h.Event == "S15" {
		status = "Cancelled"
	}
	reason := Value("")
	if len(a.ReasonCode) > 0 {
		reason = coded(&a.ReasonCode[0])
	}
	sch := Row{"SCH", Text(a.ID), "", "", "", "", "", reason, "", length, unit,
		Comps("", "", "", stampOrEmpty(a.Start), stampOrEmpty(a.End)), "", "", "", "", "", "", "", "", "", "", "", "", "", status}
	rows := []Row{h.Row(), sch}
	if a.Comment != "" {
		rows = append(rows, Row{"NTE", "1", "", Text(a.Comment)})
	}
	rows = append(rows, pid(patient), Row{"RGS", "1", "A"})
	if len(a.ServiceType) > 0 {
		rows = append(rows, Row{"AIS", "1", "A", coded(&a.ServiceType[0]), stampOrEmpty(a.Start), "", "", length, unit})
	}
	for _, p := range a.Participant {
		if p.Actor == nil {
			continue
		}
		switch ref := fhir.ParseReference(p.Actor.Reference); ref.Type {
		case "Practitioner", "PractitionerRole":
			rows = append(rows, Row{"AIP", "1", "A", Comps(Text(ref.ID), Text(p.Actor.Display)), "", "", stampOrEmpty(a.Start)})
		case "Location":
			rows = append(rows, Row{"AIL", "1", "A", Comps(Text(or(p.Actor.Display, ref.ID))), "", "", stampOrEmpty(a.Start)})
		}
	}
	return Encode(rows...), nil
}

// Referral is REF^I12: who refers whom to whom and why.
func Referral(h Header, patient *r4.Patient, r *r4.ServiceRequest) ([]byte, error) {
	h.Code, h.Event, h.Structure = "REF", "I12", "REF_I12"
	if err := whole(h, patient); err != nil {
		return nil, err
	}
	if r.ID == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the referral has no id").At("ServiceRequest.id")
	}
	priority := map[string]Value{"stat": "S", "asap": "A", "urgent": "A", "routine": "R"}[r.Priority]
	reason := Value("")
	if len(r.ReasonCode) > 0 {
		reason = coded(&r.ReasonCode[0])
	}
	rows := []Row{h.Row(), {"RF1", "P", priority, coded(r.Code), "", "", Text(r.ID), stampOrEmpty(r.AuthoredOn), "", "", reason}}
	if r.Requester != nil {
		rows = append(rows, provider("RP", "Referring Provider", r.Requester))
	}
	for i := range r.Performer {
		rows = append(rows, provider("RT", "Referred to Provider", &r.Performer[i]))
	}
	rows = append(rows, pid(patient))
	for i, note := range r.Note {
		rows = append(rows, Row{"NTE", Text(fhir.MakeDecimal(int64(i+1), 0).String()), "", Text(note.Text)})
	}
	return Encode(rows...), nil
}

func provider(role, words string, who *r4.Reference) Row {
	return Row{"PRD", Comps(Value(role), Text(words), "HL70286"), Comps(Text(or(who.Display, who.Reference)))}
}

func whole(h Header, patient *r4.Patient) error {
	if h.ControlID == "" || h.Time.IsZero() {
		return fhir.Errorf(fhir.Broken, "a message needs a control id and a time")
	}
	if patient == nil || len(patient.Identifier) == 0 {
		return fhir.Errorf(fhir.Invalid, "a message needs a patient with an identifier").At("Patient.identifier")
	}
	return nil
}

// pid writes the patient: NHS number, names, birth date, sex, address, telephone.
func pid(p *r4.Patient) Row {
	var ids, names, addresses, phones []Value
	for _, id := range p.Identifier {
		switch id.System {
		case nhsNumberSystem:
			ids = append(ids, Comps(Text(id.Value), "", "", "NHS", "NH"))
		default:
			ids = append(ids, Comps(Text(id.Value), "", "", Subs("", Text(strings.TrimPrefix(id.System, "urn:oid:")), Value(map[bool]string{true: "ISO", false: "URI"}[strings.HasPrefix(id.System, "urn:oid:")])), "PI"))
		}
	}
	for _, n := range p.Name {
		given := append(append([]string{}, n.Given...), "", "")
		use := map[string]Value{"official": "L", "usual": "D", "nickname": "N", "maiden": "M"}[n.Use]
		names = append(names, Comps(Text(n.Family), Text(given[0]), Text(given[1]), Text(strings.Join(n.Suffix, " ")), Text(strings.Join(n.Prefix, " ")), "", use))
	}
	for _, a := range p.Address {
		line := append(append([]string{}, a.Line...), "", "")
		use := map[string]Value{"home": "H", "work": "B", "temp": "C", "old": "BA"}[a.Use]
		addresses = append(addresses, Comps(Text(line[0]), Text(strings.TrimSpace(strings.Join(line[1:], " "))), Text(a.City), Text(a.State), Text(a.PostalCode), Text(a.Country), use))
	}
	for _, c := range p.Telecom {
		if c.System == "email" {
			phones = append(phones, Comps("", "NET", "Internet", Text(c.Value)))
		} else {
			phones = append(phones, Comps(Text(c.Value), map[string]Value{"home": "PRN", "work": "WPN"}[c.Use], map[bool]Value{true: "CP", false: "PH"}[c.Use == "mobile"]))
		}
	}
	sex := map[string]Value{"male": "M", "female": "F", "other": "O", "unknown": "U"}[p.Gender]
	born := Value(strings.ReplaceAll(p.BirthDate.String(), "-", ""))
	if p.BirthDate.Year == 0 {
		born = ""
	}
	return Row{"PID", "1", "", Reps(ids...), "", Reps(names...), "", born, sex, "", "", Reps(addresses...), "", Reps(phones...)}
}

// coded writes the first coding of a concept as a CWE.
func coded(c *r4.CodeableConcept) Value {
	if c == nil {
		return ""
	}
	if len(c.Coding) == 0 {
		return Comps("", Text(c.Text))
	}
	first := c.Coding[0]
	return Comps(Text(first.Code), Text(or(first.Display, c.Text)), Text(systemName(first.System)))
}

func codeOf(c *r4.CodeableConcept, otherwise Value) Value {
	if v := coded(c); v != "" {
		return v
	}
	return otherwise
}

// systemName is the name of a coding system in table 0396, "L" where it has none.
func systemName(uri string) string {
	switch uri {
	case "http://snomed.info/sct":
		return "SCT"
	case "http://loinc.org":
		return "LN"
	case "http://hl7.org/fhir/sid/icd-10":
		return "I10"
	}
	if n, ok := strings.CutPrefix(uri, "http://terminology.hl7.org/CodeSystem/v2-"); ok {
		return "HL7" + n
	}
	return "L"
}

func authors(list []r4.Reference) Value {
	var out []Value
	for _, a := range list {
		out = append(out, Comps(Text(fhir.ParseReference(a.Reference).ID), Text(a.Display)))
	}
	return Reps(out...)
}

// stampOrEmpty writes a FHIR time as far as it is known.
func stampOrEmpty(d fhir.DateTime) Value {
	switch {
	case d.Year == 0:
		return ""
	case d.Clock.Known == 0:
		return Value(strings.ReplaceAll(d.String(), "-", ""))
	}
	return Stamp(d.LowIn(london.Zone).In(london.Zone))
}

func mediaGroup(contentType string) string {
	group, _, _ := strings.Cut(contentType, "/")
	switch group {
	case "image":
		return "IM"
	case "text":
		return "TEXT"
	}
	return "AP"
}

func subtype(contentType string) string {
	_, sub, _ := strings.Cut(contentType, "/")
	sub, _, _ = strings.Cut(sub, ";")
	return strings.ToUpper(strings.TrimSpace(sub))
}
