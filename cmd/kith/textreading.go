package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// texter is who files readings that came by text message.
var texter = access.Actor{ID: "kith/text", Name: "Kith, text messages", Role: access.Kith, Purpose: "TREAT"}

// thanks answers a reading that needs nothing more. Like every text message of ours it says nothing of anybody.
var thanks = words.Text("Thank you. Your reading has come. If you feel unwell, call 111, or 999 in an emergency.")

// takeReading files a text message that is a reading of the one person whose number it came from, and answers it. What is no reading, is nobody's, or says something
// else, too, is left for people to read. What comes twice is filed once.
func takeReading(ctx context.Context, door *record.Door, rules *monitor.Rules, messages *message.Service, in message.Inbound) (took bool, err error) {
	if in.Medium != "text" {
		return false, nil
	}
	measures, err := reading.Words(in.Words)
	if err != nil {
		return false, nil // a person reads it
	}
	patient, err := messages.Whose(ctx, in)
	if err != nil || patient == "" {
		return false, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	subject := &r4.Reference{Reference: "Patient/" + patient}
	got := reading.Reading{Subject: subject, Route: reading.Text, Start: fhir.DateTimeOf(now), Measures: measures}
	sent, err := monitor.Send(ctx, door, texter, "text/"+in.ID, got)
	if err != nil {
		if fhir.KindOf(err) == fhir.Invalid {
			return false, nil
		}
		return false, err
	}
	l, err := (&need.Service{Door: door}).Speaks(ctx, texter, patient)
	if err != nil {
		return true, err
	}
	said := l.T(thanks)
	for _, one := range sent {
		if limit := rules.Beyond(one); limit != nil && limit.Tell != "" {
			said = l.T(limit.Tell)
		}
	}
	sum := sha256.Sum256([]byte(in.ID))
	answer := &r4.CommunicationRequest{ID: "text-" + hex.EncodeToString(sum[:12]), Status: "active", Priority: "urgent", Subject: subject, Recipient: []r4.Reference{*subject}, AuthoredOn: fhir.DateTimeOf(now), OccurrenceDateTime: fhir.DateTimeOf(now),
		Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "https://kith.care/fhir/CodeSystem/message-category", Code: "reading"}}, Text: l.T("Your reading")}},
		Medium:   []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", Code: "SMSWRIT"}}}},
		Payload:  []r4.CommunicationRequestPayload{{ContentString: said}}}
	res, err := r4.Resource(answer)
	if err != nil {
		return true, err
	}
	_, err = door.Commit(ctx, texter, []record.Op{{Method: record.Update, Type: "CommunicationRequest", ID: answer.ID, Resource: res, IfNone: true}})
	if fhir.KindOf(err) == fhir.Precondition {
		err = nil // it was answered before
	}
	return reading.Only(in.Words), err
}
