package town

type serviceRequestResource struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Meta         meta         `json:"meta"`
	Identifier   []identifier `json:"identifier"`
	Status       string       `json:"status"`
	Intent       string       `json:"intent"`
	Category     []*concept   `json:"category"`
	Priority     string       `json:"priority"`
	Code         *concept     `json:"code"`
	Subject      reference    `json:"subject"`
	Occurrence   *period      `json:"occurrencePeriod,omitempty"`
	Authored     string       `json:"authoredOn"`
	Requester    reference    `json:"requester"`
	Performer    []reference  `json:"performer"`
	Reason       []*concept   `json:"reasonCode"`
}

// referral writes a wait as the referral it began with: active while the clock runs, and when it stopped.
func (b *bundle) referral(w *pathway, l *life) {
	p := l.h.p
	to := coded(w.referral)
	r := serviceRequestResource{ResourceType: "ServiceRequest", ID: b.next("r"), Meta: profile("ServiceRequest"), Identifier: []identifier{{System: nhsID + "UBRN", Value: w.ubrn}},
		Status: "active", Intent: "order", Category: []*concept{code(snomed, "3457005", "Patient referral")}, Priority: map[bool]string{true: "urgent", false: "routine"}[w.urgent],
		Code: code(snomed, to.snomed, to.term), Subject: b.subject(),
		Authored: clock(w.referred), Requester: p.gp.ref(), Performer: []reference{w.by.ref()}, Reason: []*concept{{Text: w.text}}}
	if w.code != "" {
		r.Reason = []*concept{{Coding: []coding{{snomed, w.code, w.display}}, Text: w.text}}
	}
	if w.stopped.Before(p.town.until()) {
		r.Status = "completed"
		if w.dropped() {
			r.Status = "revoked"
		}
		r.Occurrence = &period{clock(w.referred), clock(w.stopped)}
	}
	b.add("ServiceRequest", r.ID, r)
}

// expecting writes when a child is due.
func (b *bundle) expecting(q *pregnancy) {
	if q.confirmed == nil {
		return
	}
	at := clock(q.confirmed.at)
	id := b.next("o")
	b.add("Observation", id, observationResource{ResourceType: "Observation", ID: id, Meta: profile("Observation"), Status: "final",
		Category: []*concept{code(hl7+"observation-category", "exam", "Exam")}, Code: code(loinc, "11778-8", "Delivery date Estimated"), Subject: b.subject(),
		Encounter: &reference{Reference: "Encounter/" + q.confirmed.id}, Effective: at, Performer: []reference{q.confirmed.by.ref()}, DateTime: ymd(q.due())})
}
