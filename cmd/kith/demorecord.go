package main

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
)

// resultsOf is how many of those as whom one may sign in have the result of a biopsy today.
const resultsOf = 3

// results gives some of those as whom one may sign in the result of a biopsy, which is held until somebody has talked to them; for the second it was ordered
// that it is seen at once. A later start finds them there.
func (p *passing) results(ctx context.Context) error {
	people, err := madeUpPeople(town.Town{Seed: p.want.Seed, People: p.want.People, Until: p.want.Until})
	if err != nil {
		return err
	}
	now := fhir.DateTimeOf(time.Now().UTC().Truncate(time.Second))
	var ops []record.Op
	put := func(x any, typ, id string) error {
		res, err := r4.Resource(x)
		ops = append(ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res, IfNone: true})
		return err
	}
	for i, one := range people {
		if one.Staff || i == resultsOf {
			break
		}
		id := "demo-result-" + strconv.Itoa(i+1)
		if _, err := p.door.Get(ctx, p.board.Desk.Who, "Observation", id); err == nil {
			continue // an earlier start wrote it
		}
		page, err := p.door.Find(ctx, p.board.Desk.Who, "Patient?identifier="+url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+one.Number)+"&_count=1")
		if err != nil {
			return err
		}
		if len(page.Matches) == 0 {
			continue
		}
		o := &r4.Observation{ID: id, Status: "final", Subject: &r4.Reference{Reference: page.Matches[0].Ref()}, Issued: now, EffectiveDateTime: now,
			Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "procedure"}}}},
			Code:     &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://loinc.org", Code: "22637-3"}}, Text: "Skin biopsy"}, ValueString: "A harmless mole, made up for the demonstration"}
		if i == 1 {
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
	}
	if ops == nil {
		return nil
	}
	_, err = p.door.Commit(ctx, p.board.Desk.Who, ops)
	return err
}
