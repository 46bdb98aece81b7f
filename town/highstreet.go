package town

import (
	"fmt"
	"time"
)

// highStreet is what the pharmacy (ZZPH1) and the optician (ZZOP1) send: FHIR R4 messages in the manner of the Booking and
// Referral Standard, one file a message: a vaccination, a minor illness seen, an eye examination with a referral.
type highStreet struct {
	town  Town
	place *place
	from  time.Time
	cuts  []time.Time
}

func newHighStreet(t Town, place *place, cuts []time.Time) *highStreet {
	return &highStreet{t, place, cuts[0].Add(-streamBack * day), cuts}
}

func (h *highStreet) begin(*files) error { return nil }
func (h *highStreet) shared(*outbox)     {}
func (h *highStreet) end(*files) error   { return nil }

func (h *highStreet) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	p, d := c.p, roll(h.town.Seed, c.p.i, "high street")
	last := h.cuts[len(h.cuts)-1]
	sent := map[string]identity{}
	send := func(feed, ods string, n int, at time.Time, say func(m *message)) {
		if !at.After(h.from) || !at.Before(last) || !at.Before(p.end) || at.Before(p.born.Add(365*day)) {
			return
		}
		who, ok := sent[feed]
		if !ok {
			who = c.known(feed, at, 0.05)
			sent[feed] = who
		}
		m := &message{h: h, c: c, o: o, feed: feed, ods: ods, n: n, at: at, who: who}
		m.open()
		say(m)
		m.close()
	}
	any := func() time.Time {
		return h.from.Add(time.Duration(d.IntN(400))*day + time.Duration(9*60+d.IntN(480))*time.Minute)
	}
	for year := h.from.Year(); year <= last.Year(); year++ {
		d := roll(h.town.Seed, p.i, fmt.Sprint("pharmacy ", year))
		if !d.chance(curve(p.age(date(year, 9, 20)), 17, 0, 18, 0.03, 64, 0.08, 65, 0.25)) {
			continue
		}
		send("pharmacy-zzph1", "ZZPH1", year, date(year, 9, 20).Add(time.Duration(d.IntN(40)*24*60+600+d.IntN(400))*time.Minute), (*message).vaccination)
	}
	if d.chance(0.06) {
		send("pharmacy-zzph1", "ZZPH1", 2, any(), (*message).minorIllness)
	}
	if d.chance(curve(p.age(p.end), 5, 0.05, 40, 0.1, 70, 0.3)) {
		send("optician-zzop1", "ZZOP1", 3, any(), (*message).eyes)
	}
	for _, feed := range []string{"pharmacy-zzph1", "optician-zzop1"} {
		if who, ok := sent[feed]; ok {
			records = append(records, trueRecord{Feed: feed, Key: uuid(guid(h.town.Seed, 'H', p.i, len(feed))), NHS: who.nhs})
		}
	}
	return records
}

// message is one Bundle being put together.
type message struct {
	h         *highStreet
	c         *chart
	o         *outbox
	feed, ods string
	n         int
	at        time.Time
	who       identity
	entries   []node
	focus     string
}

// id of a part; the patient's is the same in every message of one sender.
func (m *message) id(part int) string {
	if part == 0 {
		return uuid(guid(m.h.town.Seed, 'H', m.c.p.i, len(m.feed)))
	}
	return uuid(guid(m.h.town.Seed, 'H', m.c.p.i, 100*m.n+part))
}

func urn(id string) node { return object("reference", "urn:uuid:"+id) }

func (m *message) add(kind, id string, pairs ...any) {
	resource := object(append([]any{"resourceType", kind, "id", id}, pairs...)...)
	m.entries = append(m.entries, object("fullUrl", "urn:uuid:"+id, "resource", resource))
}

func (m *message) open() {
	w, p := m.who, m.c.p
	var ids node
	if w.nhs != "" {
		ids = list(object("system", nhsID+"nhs-number", "value", w.nhs))
	}
	pairs := []any{}
	if ids != nil {
		pairs = append(pairs, "identifier", ids)
	}
	m.add("Patient", m.id(0), append(pairs, "name", list(object("use", "official", "family", w.last, "given", list(quoted(w.first)))), "gender", gender(p.female), "birthDate", ymd(w.born),
		"address", list(object("line", list(quoted(w.house.line)), "city", Name, "postalCode", w.house.postcode)))...)
	name := map[string]string{"ZZPH1": "Mill Lane Pharmacy", "ZZOP1": "Station Road Opticians"}[m.ods]
	m.add("Organization", m.id(1), "identifier", list(object("system", nhsID+"ods-organization-code", "value", m.ods)), "name", name)
	m.add("Encounter", m.id(2), "identifier", list(object("system", "https://"+m.ods+".example.org/case", "value", fmt.Sprintf("%s-%d-%d", m.ods, m.c.p.i, m.n))), "status", "finished",
		"class", coded1(hl7+"v3-ActCode", "AMB", "ambulatory"), "subject", urn(m.id(0)), "period", object("start", clock(m.at), "end", clock(m.at.Add(15*time.Minute))), "serviceProvider", urn(m.id(1)))
	m.say("Encounter", m.id(2), "", "", "")
	m.focus = m.id(2)
}

func (m *message) say(kind, key, system, code, value string) {
	m.o.say(&trueFact{Feed: m.feed, Patient: m.id(0), Person: personName(m.c.p.i), Kind: kind, Key: key, System: system, Code: code, Value: value, Date: ymd(m.at)})
}

// vaccination is against influenza.
func (m *message) vaccination() {
	m.add("Immunization", m.id(3), "extension", list(object("url", ukCore+"Extension-UKCore-VaccinationProcedure", "valueCodeableConcept", conceptOf(snomed, "86198006", "Influenza vaccination"))), "status", "completed",
		"vaccineCode", object("text", "Influenza vaccine"), "patient", urn(m.id(0)), "encounter", urn(m.id(2)), "occurrenceDateTime", clock(m.at), "recorded", clock(m.at), "primarySource", true,
		"lotNumber", fmt.Sprintf("FL%04d", m.c.p.i%10000), "performer", list(object("actor", urn(m.id(1)))))
	m.say("Immunization", m.id(3), snomed, "86198006", "")
	m.focus = m.id(3)
}

// minorIllness is one the pharmacist saw under Pharmacy First.
func (m *message) minorIllness() {
	x := &illnesses[[...]int{0, 2, 6, 9}[m.c.p.i%4]]
	if x.text == "Urine infection" && !m.c.p.female {
		x = &illnesses[0]
	}
	m.add("Condition", m.id(4), "clinicalStatus", conceptOf(hl7+"condition-clinical", "active", ""), "verificationStatus", conceptOf(hl7+"condition-ver-status", "confirmed", ""),
		"category", list(conceptOf(hl7+"condition-category", "encounter-diagnosis", "")), "code", conceptOf(snomed, x.code, x.display), "subject", urn(m.id(0)), "encounter", urn(m.id(2)), "recordedDate", clock(m.at))
	m.say("Condition", m.id(4), snomed, x.code, "")
	m.add("Communication", m.id(5), "status", "completed", "subject", urn(m.id(0)), "encounter", urn(m.id(2)), "sent", clock(m.at), "payload", list(object("contentString", "Advice given; see GP if no better in three days")))
	m.say("Communication", m.id(5), "", "", "")
}

// eyes is an examination by the optician: pressures, and for some a referral.
func (m *message) eyes() {
	d := roll(m.h.town.Seed, m.c.p.i, "eyes")
	pressure := 11 + d.IntN(9)
	ill := m.c.l.h.has("glaucoma", m.at)
	if ill {
		pressure += 8
	}
	m.add("Observation", m.id(6), "status", "final", "code", conceptOf(snomed, "41633001", "Intraocular pressure"), "subject", urn(m.id(0)), "encounter", urn(m.id(2)), "effectiveDateTime", clock(m.at),
		"valueQuantity", object("value", pressure, "unit", "mmHg", "system", ucum, "code", "mm[Hg]"))
	m.say("Observation", m.id(6), snomed, "41633001", fmt.Sprint(pressure))
	if ill || m.c.l.h.has("cataract", m.at) {
		m.add("ServiceRequest", m.id(7), "status", "active", "intent", "order", "priority", "routine", "code", conceptOf(snomed, "183548008", "Referral to ophthalmology service"), "subject", urn(m.id(0)), "encounter", urn(m.id(2)),
			"authoredOn", clock(m.at), "requester", urn(m.id(1)))
		m.say("ServiceRequest", m.id(7), snomed, "183548008", "")
		m.focus = m.id(7)
	}
}

// close writes the message: its header stands first.
func (m *message) close() {
	id := m.id(9)
	header := object("resourceType", "MessageHeader", "id", id, "eventCoding", coded1("https://fhir.nhs.uk/CodeSystem/message-events-bars", "servicerequest-request", "Service Request - Request"),
		"destination", list(object("endpoint", "https://kith.example.org/$process-message")), "sender", urn(m.id(1)), "source", object("name", m.ods, "endpoint", "https://"+m.ods+".example.org/fhir"),
		"reason", conceptOf("https://fhir.nhs.uk/CodeSystem/message-reason-bars", "new", "New"), "focus", list(urn(m.focus)))
	entries := append([]node{object("fullUrl", "urn:uuid:"+id, "resource", header)}, m.entries...)
	bundle := object("resourceType", "Bundle", "id", m.id(10), "identifier", object("system", "https://"+m.ods+".example.org/message", "value", id), "type", "message", "timestamp", clock(m.at), "entry", list(entries...))
	m.o.documents = append(m.o.documents, document{m.at, fmt.Sprintf("%s/%s-%d-%d.json", m.feed, m.at.Format("20060102-1504"), m.c.p.i, m.n), bundle})
	m.o.rows++
}

func (h *highStreet) folders() []string { return []string{"pharmacy-zzph1", "optician-zzop1"} }
