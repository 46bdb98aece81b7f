package record

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/spec"
)

// ShortReason is how many letters the reason for opening a record in an emergency must have at least.
const ShortReason = 10

// BreakGlass opens a person's record to somebody for some hours, in an emergency and with a reason. That is a Consent of
// the category emergency-access, so that it stands in the person's record, ends by itself and can be ended; together with it a Task for
// the privacy officer and a Communication to the person are written. The error is Forbidden where the role may not.
func (d *Door) BreakGlass(ctx context.Context, who access.Actor, patient, reason string) (until time.Time, err error) {
	reason = strings.TrimSpace(reason)
	table := d.table()
	ref, err := refOf("Patient", patient)
	switch {
	case err != nil:
		return until, err
	case !table.MayBreak(who.Role):
		return until, d.audit.refused(ctx, who, access.Read, "break glass Patient/"+patient, fhir.Errorf(fhir.Forbidden, "people in your role may not open a record in an emergency"))
	case who.App != nil:
		return until, fhir.Errorf(fhir.Forbidden, "a record is opened in an emergency on our own page, not through an app")
	case len([]rune(reason)) < ShortReason:
		return until, fhir.Errorf(fhir.Invalid, "say why in at least %d letters: the person and the privacy officer will read it", ShortReason)
	case !strings.Contains(who.ID, "/"):
		return until, fhir.Errorf(fhir.Forbidden, "whoever opens a record in an emergency must be known by name")
	}
	v, err := d.store.Get(ctx, ref)
	if err != nil {
		return until, err
	}
	now := d.now().UTC()
	_, _, _, glass := d.spans()
	until = now.Add(glass).Truncate(time.Second)
	if err := d.audit.disclosed(ctx, who, access.Read, "break glass "+v.Ref()+": "+reason, v); err != nil {
		return until, err
	}
	ops := make([]Op, 0, 3)
	for _, what := range glassResources(who, patient, reason, now, until) {
		res, err := fhir.Parse(r4.Encode(what))
		if err != nil {
			return until, err
		}
		ops = append(ops, Op{Method: Create, Type: res.Type(), Resource: res})
	}
	_, err = d.Commit(ctx, access.Actor{ID: "kith/access", Name: "Access", Role: access.Kith, Purpose: who.Purpose}, ops)
	return until, err
}

// glassResources are what an opening in an emergency leaves in the record.
func glassResources(who access.Actor, patient, reason string, now, until time.Time) []any {
	subject := &r4.Reference{Reference: "Patient/" + patient}
	by := who.Name
	if by == "" {
		by = who.ID
	}
	if who.Organization != "" {
		by += " (" + who.Organization + ")"
	}
	text := func(s string) *r4.CodeableConcept { return &r4.CodeableConcept{Text: s} }
	emergency := r4.CodeableConcept{Coding: []r4.Coding{{System: ConsentSystem, Code: "emergency-access", Display: "Emergency access"}}}
	consent := &r4.Consent{Status: "active", Patient: subject, DateTime: fhir.DateTimeOf(now), Category: []r4.CodeableConcept{emergency},
		Scope:      &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/consentscope", Code: "treatment"}}},
		PolicyRule: text("Opened in an emergency: " + reason),
		Provision: &r4.ConsentProvision{Type: "permit", Period: &r4.Period{Start: fhir.DateTimeOf(now), End: fhir.DateTimeOf(until)},
			Purpose: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ActReason", Code: "BTG", Display: "break the glass"}},
			Actor: []r4.ConsentProvisionActor{{Role: &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-RoleClass", Code: "PROV"}}},
				Reference: named(who.ID, by)}}}}
	// The owner is no organisation: a task about somebody lets its owner see their record.
	task := &r4.Task{Status: "requested", Intent: "order", Priority: "urgent", Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "break-glass"}}, Text: "Look at an opening in an emergency"}, For: subject, AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now),
		Description: by + " opened this record in an emergency: " + reason, Requester: &r4.Reference{Display: "Kith, access"}, Owner: &r4.Reference{Type: "PractitionerRole", Display: "Privacy officer"},
		PerformerType: []r4.CodeableConcept{*text("Privacy officer")}, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.AddDate(0, 0, 3))}}}
	notice := &r4.Communication{Status: "completed", Subject: subject, Recipient: []r4.Reference{*subject}, Sent: fhir.DateTimeOf(now), Category: []r4.CodeableConcept{*text("Your record was opened in an emergency")},
		Payload: []r4.CommunicationPayload{{ContentString: by + " opened your record in an emergency on " + now.Format("2 January 2006 at 15:04 MST") + ". The reason they gave: " + reason + ". If you think this was wrong, tell us."}}}
	return []any{consent, task, notice}
}

// named refers to somebody by their resource, or by their account where there is none of them.
func named(id, name string) *r4.Reference {
	if _, ok := spec.Resource(fhir.ParseReference(id).Type); ok {
		return &r4.Reference{Reference: id, Display: name}
	}
	return &r4.Reference{Identifier: &r4.Identifier{System: accountSystem, Value: id}, Display: name}
}
