package town

import (
	"fmt"
	"strings"
	"time"
)

// gpConnect writes structured records of the practice with a small supplier: GP Connect Access Record Structured, FHIR
// STU3. There are no deltas and no deletes: one asks for a person and gets what there is.
// https://digital.nhs.uk/developer/api-catalogue/gp-connect-access-record-structured-fhir
type gpConnect struct {
	town     Town
	place    *place
	practice int
	name     string
	cuts     []time.Time
}

func newGPConnect(t Town, place *place, cuts []time.Time) *gpConnect {
	return &gpConnect{town: t, place: place, practice: windmill, name: "gpconnect-zz005", cuts: cuts}
}

func (g *gpConnect) begin(w *files) error { return nil }
func (g *gpConnect) shared(*outbox)       {}
func (g *gpConnect) end(*files) error     { return nil }

// write writes the record as it is after the last drop, under the person's NHS number.
func (g *gpConnect) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	end := g.cuts[len(g.cuts)-1]
	s := g.record(c, end, everything)
	if s == nil {
		return records
	}
	o.documents = append(o.documents, document{end, g.name + "/" + c.p.number + ".json", s.bundle()})
	o.rows++
	for _, line := range s.truth {
		o.say(&line)
	}
	return append(records, trueRecord{Feed: g.name, Key: s.patient, NHS: c.p.number})
}

const (
	stu3     = "https://fhir.nhs.uk/STU3/"
	stu3HL7  = "https://fhir.hl7.org.uk/STU3/"
	degraded = "196421000000109" // transfer-degraded medication entry
)

// asked says what part of a record is wanted.
type asked struct {
	allergies, medicines, issues, consultations, problems, immunisations, other, investigations, referrals, diary bool
	medicinesFrom                                                                                                 time.Time
}

var everything = asked{allergies: true, medicines: true, issues: true, consultations: true, problems: true, immunisations: true, other: true, investigations: true, referrals: true, diary: true}

// structured is a record being put together.
type structured struct {
	*gpConnect
	c        *chart
	v        view
	at       time.Time
	patient  string
	entries  []node
	lists    map[string][]node
	children map[*fact][]*fact
	inVisit  map[*fact][]node
	drugs    map[int]bool
	staff    map[*practitioner]bool
	truth    []trueFact
}

// record returns what the practice answers about a person at a time; nil where it says PATIENT_NOT_FOUND: for strangers,
// people who left, died, or are marked as sensitive.
func (g *gpConnect) record(c *chart, at time.Time, want asked) *structured {
	stays := c.p.registered(c.b, g.practice)
	if stays == nil || stays[0].from.After(at) || c.b.sensitive || !c.p.died.IsZero() && !c.p.died.After(at) {
		return nil
	}
	s := &structured{gpConnect: g, c: c, v: c.view(g.practice, stays, g.cuts[0]), at: at, lists: map[string][]node{}, children: map[*fact][]*fact{}, inVisit: map[*fact][]node{}, drugs: map[int]bool{},
		staff: map[*practitioner]bool{}}
	if !s.v.to.IsZero() && !s.v.to.After(at) || !s.v.erased.IsZero() && !s.v.erased.After(at) {
		return nil
	}
	s.patient = uuid(guid(g.town.Seed, 'P', c.p.i, 5))
	s.person(stays)
	for _, f := range c.facts {
		if f.of != nil && f.kind == observationFact && s.there(f) && s.there(f.of) {
			s.children[f.of] = append(s.children[f.of], f)
		}
	}
	for _, f := range c.facts {
		if s.there(f) {
			s.fact(f, want)
		}
	}
	s.visits(want)
	s.closing(want)
	return s
}

func uuid(guid string) string { return strings.ToLower(strings.Trim(guid, "{}")) }

func (s *structured) id(f *fact) string { return uuid(guid(s.town.Seed, 'F', s.c.p.i, f.n)) }

func (s *structured) there(f *fact) bool {
	seen, ok := s.v.holds(f)
	deleted := s.v.happened(f.deleted)
	return ok && !seen.After(s.at) && (deleted.IsZero() || deleted.After(s.at))
}

func (s *structured) add(kind, id, profile string, pairs ...any) {
	head := []any{"resourceType", kind, "id", id, "meta", object("profile", list(quoted(stu3+"StructureDefinition/CareConnect-"+profile)))}
	s.entries = append(s.entries, object("resource", object(append(head, pairs...)...)))
}

func (s *structured) person(stays []stay) {
	p, b := s.c.p, s.c.b
	h := p.lives(b, s.at.Add(-10*day))
	verified := object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
		"valueCodeableConcept", conceptOf(stu3+"CodeSystem/CareConnect-NHSNumberVerificationStatus-1", "01", "Number present and verified"))
	registered := object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-RegistrationDetails-1",
		"extension", list(object("url", "registrationPeriod", "valuePeriod", object("start", clock(stays[len(stays)-1].from)))))
	speaks := object("url", stu3+"StructureDefinition/Extension-CareConnect-GPC-NHSCommunication-1", "extension", list(
		object("url", "language", "valueCodeableConcept", conceptOf(stu3+"CodeSystem/CareConnect-HumanLanguage-1", b.language, "")),
		object("url", "interpreterRequired", "valueBoolean", b.interpreter)))
	surname := p.surname(b, s.at.Add(-20*day))
	var phone node
	if h.phone != "" {
		phone = object("system", "phone", "value", h.phone, "use", "home")
	}
	gp := s.ref(p.gp)
	s.add("Patient", s.patient, "GPC-Patient-1", "extension", list(registered, speaks),
		"identifier", list(object("extension", list(verified), "system", nhsID+"nhs-number", "value", p.number)), "active", true,
		"name", list(object("use", "official", "text", p.first+" "+strings.ToUpper(surname), "family", surname, "given", list(quoted(p.first)), "prefix", list(quoted(p.prefix)))),
		"telecom", list(phone), "gender", gender(p.female), "birthDate", ymd(p.born),
		"address", list(object("use", "home", "type", "physical", "line", list(quoted(h.line)), "city", Name, "postalCode", h.postcode)),
		"generalPractitioner", list(gp), "managingOrganization", refTo("Organization", s.place.organizations[s.practice].id))
}

// ref refers to a member of staff, who then stands in the bundle too.
func (s *structured) ref(by *practitioner) node {
	if by == nil {
		return nil
	}
	for i := range s.place.staff {
		if &s.place.staff[i] == by {
			by = &s.place.staff[s.place.ours(i, s.practice)]
			break
		}
	}
	s.staff[by] = true
	return refTo("Practitioner", by.id)
}

func (s *structured) subject() node { return refTo("Patient", s.patient) }

func crossID(id string) node {
	return list(object("system", nhsID+"cross-care-setting-identifier", "value", id))
}

// say notes what a right reader ends with.
func (s *structured) say(f *fact, kind string) *trueFact {
	line := trueFact{Feed: s.name, Patient: s.patient, Person: personName(s.c.p.i), Kind: kind, Key: s.id(f), Date: ymd(f.when)}
	line.System, line.Code = f.coding(readTwo)
	if f.drug != nil {
		line.System = snomed
		if s.degraded(f) {
			line.Code = degraded
		}
	}
	s.truth = append(s.truth, line)
	return &s.truth[len(s.truth)-1]
}

// file puts a resource into the list of its kind and into its consultation.
func (s *structured) file(f *fact, kind, in string) {
	ref := object("item", refTo(kind, s.id(f)))
	s.lists[in] = append(s.lists[in], ref)
	if f.in != nil && s.there(f.in) {
		s.inVisit[f.in] = append(s.inVisit[f.in], ref)
	}
}

// meaning is the code of a fact: SNOMED with its description, or the supplier's own.
func meaning(f *fact) node {
	if f.code.snomed == "" {
		return object("coding", list(object("system", readTwo, "code", f.code.read2, "display", f.code.term, "userSelected", true)), "text", f.code.term)
	}
	described := object("url", stu3HL7+"StructureDefinition/Extension-coding-sctdescid", "extension", list(object("url", "descriptionId", "valueId", f.code.description())))
	return object("coding", list(object("extension", list(described), "system", snomed, "code", f.code.snomed, "display", f.code.term)))
}

func (s *structured) visit(f *fact) node {
	if f.in == nil || !s.there(f.in) {
		return nil
	}
	return refTo("Encounter", s.id(f.in))
}

// fact writes the resource of a fact where it was asked for.
func (s *structured) fact(f *fact, want asked) {
	id := s.id(f)
	switch {
	case f.kind == slotFact:
	case f.kind == consultationFact:
		if want.consultations {
			s.consultation(f, id)
		}
	case f.isProblem:
		if want.problems {
			s.problem(f, id)
		}
	case f.kind == allergyFact:
		if want.allergies {
			s.add("AllergyIntolerance", id, "GPC-AllergyIntolerance-1", "identifier", crossID(id), "clinicalStatus", "active", "verificationStatus", "unconfirmed",
				"category", list(quoted(map[bool]string{true: "medication", false: "environment"}[tppAllergens[f.code.snomed][0] != ""])), "code", meaning(f), "patient", s.subject(),
				"onsetDateTime", clock(f.when), "assertedDate", clock(f.when), "recorder", s.ref(f.by), "note", notes(f.text))
			s.file(f, "AllergyIntolerance", "Allergies and adverse reactions")
			s.say(f, "AllergyIntolerance")
		}
	case f.kind == immunisationFact:
		if want.immunisations {
			s.immunisation(f, id)
		}
	case f.kind == planFact || f.kind == issueFact:
		if want.medicines && !f.when.Before(want.medicinesFrom) && (want.issues || f.kind == planFact) {
			s.medicine(f, id)
		}
	case f.kind == referralFact:
		if want.referrals {
			s.add("ReferralRequest", id, "GPC-ReferralRequest-1", "identifier", crossID(id), "status", "unknown", "intent", "order", "priority", map[bool]string{true: "urgent", false: "routine"}[f.urgent],
				"subject", s.subject(), "context", s.visit(f), "authoredOn", clock(f.when), "requester", object("agent", s.ref(f.by)), "reasonCode", list(meaning(f)), "description", f.text)
			s.file(f, "ReferralRequest", "Outbound referral")
			s.say(f, "ServiceRequest")
		}
	case f.kind == requestFact || f.kind == diaryFact:
		if want.diary {
			s.request(f, id)
		}
	case f.kind == reportFact && f.code.category != management:
		if want.investigations {
			s.report(f, id)
		}
	default:
		s.observation(f, id, want)
	}
}

func notes(text string) node {
	if text == "" {
		return nil
	}
	return list(object("text", text))
}

// listCodes are the codes of the lists a record is made of.
var listCodes = []struct{ title, code string }{
	{"Allergies and adverse reactions", "886921000000105"}, {"Medications and medical devices", "933361000000108"}, {"Problems", "717711000000103"}, {"Immunisations", "1102181000000102"},
	{"Uncategorised data", "826501000000100"}, {"Investigations and results", "887191000000108"}, {"Outbound referral", "792931000000107"}, {"Patient recall administration", "714311000000109"},
	{"List of consultations", "1149501000000101"},
}

// visits writes each consultation as lists: the consultation, its topic, what was entered under it.
func (s *structured) visits(want asked) {
	if !want.consultations {
		return
	}
	for _, f := range s.c.facts {
		if f.kind != consultationFact || !s.there(f) {
			continue
		}
		id := s.id(f)
		s.list("visit-"+id, f.place, "325851000000107", f.when, refTo("Encounter", id), object("item", refTo("List", "topic-"+id)))
		s.list("topic-"+id, f.text, "25851000000105", f.when, refTo("Encounter", id), s.inVisit[f]...)
		s.lists["List of consultations"] = append(s.lists["List of consultations"], object("item", refTo("Encounter", id)))
	}
}

func (s *structured) list(id, title, code string, at time.Time, visit node, items ...node) {
	pairs := []any{"status", "current", "mode", "snapshot", "title", title, "code", conceptOf(snomed, code, title),
		"subject", object("reference", "Patient/"+s.patient, "identifier", object("system", nhsID+"nhs-number", "value", s.c.p.number)), "encounter", visit, "date", clock(at),
		"orderedBy", conceptOf("http://hl7.org/fhir/list-order", "event-date", "")}
	if len(items) == 0 {
		pairs = append(pairs, "note", list(object("text", "Information not available")), "emptyReason", conceptOf("http://hl7.org/fhir/list-empty-reason", "nil-known", ""))
	} else {
		pairs = append(pairs, "entry", list(items...))
	}
	s.add("List", id, "GPC-List-1", pairs...)
}

// closing adds the lists that were asked for, and who is referred to.
func (s *structured) closing(want asked) {
	wanted := map[string]bool{"Allergies and adverse reactions": want.allergies, "Medications and medical devices": want.medicines, "Problems": want.problems, "Immunisations": want.immunisations,
		"Uncategorised data": want.other, "Investigations and results": want.investigations, "Outbound referral": want.referrals, "Patient recall administration": want.diary, "List of consultations": want.consultations}
	for i, l := range listCodes {
		if wanted[l.title] {
			s.list(fmt.Sprintf("list-%d", i+1), l.title, l.code, s.at, nil, s.lists[l.title]...)
		}
	}
	for i := range s.place.staff {
		if p := &s.place.staff[i]; s.staff[p] {
			s.add("Practitioner", p.id, "GPC-Practitioner-1", "identifier", list(object("system", nhsID+"sds-user-id", "value", p.number)),
				"name", list(object("use", "usual", "family", p.last, "given", list(quoted(p.first)), "prefix", list(quoted(p.prefix)))), "gender", gender(p.female))
		}
	}
	o := &s.place.organizations[s.practice]
	s.add("Organization", o.id, "GPC-Organization-1", "identifier", list(object("system", nhsID+"ods-organization-code", "value", o.ods)), "name", o.name,
		"telecom", list(object("system", "phone", "value", o.phone, "use", "work")), "address", list(object("use", "work", "line", list(quoted(o.street)), "city", Name, "postalCode", o.postcode)))
}

// bundle is the answer.
func (s *structured) bundle() []byte {
	return object("resourceType", "Bundle", "id", uuid(guid(s.town.Seed, 'B', s.c.p.i, int(s.at.Unix()/86400))), "meta", object("profile", list(quoted(stu3+"StructureDefinition/GPConnect-StructuredRecord-Bundle-1"))),
		"type", "collection", "entry", list(s.entries...))
}

func (g *gpConnect) folders() []string { return []string{g.name} }
