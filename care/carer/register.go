package carer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// The codes of being a carer. 224484003 is the code by which practices record it (PRIMIS, COVID-19 vaccination uptake, carer):
// https://www.opencodelists.org/codelist/primis-covid19-vacc-uptake/carer/
const (
	snomed      = "http://snomed.info/sct"
	carerCode   = "224484003"
	relationURL = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	offerCode   = "carer-registered"
	offerDays   = 28 // within how many days their practice is in touch
)

// Carer is how somebody is registered as a carer.
type Carer struct {
	Registered bool
	Since      time.Time
}

// Known says whether whoever asks is registered as a carer in their own record.
func (s *Service) Known(ctx context.Context, who access.Actor) (c Carer, err error) {
	if who.Patient == "" {
		return c, nil
	}
	m, err := s.Door.Get(ctx, acting(who), "Flag", flagID(who.Patient))
	if err != nil {
		return c, ignore(err)
	}
	var f r4.Flag
	if err := m.Decode(&f); err != nil {
		return c, err
	}
	c.Registered = f.Status == "active"
	if f.Period != nil {
		c.Since = f.Period.Start.Low()
	}
	return c, nil
}

func flagID(patient string) string {
	sum := sha256.Sum256([]byte("carer\x00" + patient))
	return "carer-" + hex.EncodeToString(sum[:12])
}

// Register notes in somebody's own record that they care for another, and asks their practice to offer them support; where cares names somebody who trusts
// them, also in that person's record that they have a carer. Registering again changes nothing.
func (s *Service) Register(ctx context.Context, who access.Actor, cares string) error {
	if who.Patient == "" {
		return fhir.Errorf(fhir.Forbidden, "sign in to your own record to register as a carer")
	}
	if d, err := s.Door.Decide(ctx, who, access.Create, "Flag", who.Patient); err != nil || !d.Permit {
		if err == nil {
			err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
		return err
	}
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	self := &r4.Reference{Reference: "Patient/" + who.Patient}
	var made []record.Op
	put := func(typ, id string, x any) error {
		res, err := r4.Resource(x)
		made = append(made, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res})
		return err
	}
	known, err := s.Known(ctx, who)
	if err != nil {
		return err
	}
	if !known.Registered {
		id := flagID(who.Patient)
		err := put("Flag", id, &r4.Flag{ID: id, Status: "active", Subject: self, Author: authorOf(who), Period: &r4.Period{Start: now}, Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: carerCode, Display: "Patient themselves providing care"}}, Text: "Is a carer"}})
		if err != nil {
			return err
		}
		err = put("Task", id+"-offer", &r4.Task{ID: id + "-offer", Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: now, LastModified: now, For: self, Requester: authorOf(who), Owner: &r4.Reference{Display: "Reception"},
			Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: offerCode}}, Text: "A carer has registered: offer them support"}, Description: "They look after somebody. Offer a carer's assessment by the council, a flu vaccination and a health check.",
			Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(s.now().UTC().Truncate(time.Second).AddDate(0, 0, offerDays))}}})
		if err != nil {
			return err
		}
	}
	if cares != "" {
		d, err := s.Door.Decide(ctx, who, access.Read, "Patient", cares)
		if err != nil {
			return err
		}
		if !d.Permit || cares == who.Patient {
			return fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
		sum := sha256.Sum256([]byte("cares\x00" + cares + "\x00" + who.Patient))
		id := "carer-" + hex.EncodeToString(sum[:12])
		yes := true
		err = put("RelatedPerson", id, &r4.RelatedPerson{ID: id, Active: &yes, Patient: &r4.Reference{Reference: "Patient/" + cares}, Name: []r4.HumanName{{Text: who.Name}}, Period: &r4.Period{Start: now},
			Relationship: []r4.CodeableConcept{{Coding: []r4.Coding{{System: relationURL, Code: "CAREGIVER", Display: "caregiver"}}, Text: "Carer"}}})
		if err != nil {
			return err
		}
		made[len(made)-1].IfNone = true
		if _, err := s.Door.Get(ctx, acting(who), "RelatedPerson", id); err == nil {
			made = made[:len(made)-1]
		} else if ignore(err) != nil {
			return err
		}
	}
	if len(made) == 0 {
		return nil
	}
	_, err = s.Door.Commit(ctx, acting(who), made)
	return err
}
