package main

import (
	"context"
	"time"

	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// resultsOf is how many of the town's people have a biopsy today.
const resultsOf = 3

// results gives some people the result of a biopsy, which is held until somebody has talked to them; for one of them it was ordered otherwise. A later start finds
// them there.
func (p *passing) results(ctx context.Context) error {
	now := fhir.DateTimeOf(p.board.Desk.Now().UTC().Truncate(time.Second))
	seen := map[string]bool{}
	var ops []record.Op
	put := func(x any, typ, id string) error {
		res, err := r4.Resource(x)
		ops = append(ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res, IfNone: true})
		return err
	}
	for m, err := range p.door.All(ctx, p.board.Desk.Who, "Observation?code=http://snomed.info/sct|999791000000106&_sort=-date") {
		if err != nil {
			return err
		}
		res, err := m.Resource()
		if err != nil {
			return err
		}
		who := res.Root().Get("subject").Get("reference").Text()
		if who == "" || seen[who] {
			continue
		}
		seen[who] = true
		n := len(seen)
		id := "demo-result-" + string(rune('0'+n))
		if _, err := p.door.Get(ctx, p.board.Desk.Who, "Observation", id); err == nil {
			return nil // an earlier start wrote them
		}
		o := &r4.Observation{ID: id, Status: "final", Subject: &r4.Reference{Reference: who}, Issued: now, EffectiveDateTime: now,
			Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "procedure"}}}},
			Code:     &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://loinc.org", Code: "22637-3"}}, Text: "Skin biopsy"}, ValueString: "A harmless mole, made up for the demonstration"}
		if n == 2 { // whoever ordered it said that it may be seen at once
			order := "demo-order"
			if err := put(&r4.ServiceRequest{ID: order, Status: "completed", Intent: "order", Subject: o.Subject, AuthoredOn: now, Code: &r4.CodeableConcept{Text: "Skin biopsy"},
				Extension: []r4.Extension{{URL: release.OrderExtension, ValueCode: string(release.Now)}}}, "ServiceRequest", order); err != nil {
				return err
			}
			o.BasedOn = []r4.Reference{{Reference: "ServiceRequest/" + order}}
		}
		if err := put(o, "Observation", id); err != nil {
			return err
		}
		if n == resultsOf {
			break
		}
	}
	if ops == nil {
		return nil
	}
	_, err := p.door.Commit(ctx, p.board.Desk.Who, ops)
	return err
}
