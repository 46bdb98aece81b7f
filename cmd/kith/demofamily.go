package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
)

// cared is for how many people with home care visits stand around the time of the start.
const cared = 3

// families has something to see for families and helpers: visits around the time of the start, somebody trusted with a list, and young people whose parents act
// for them. A later start does the visits of its own day.
func (p *passing) families(ctx context.Context) error {
	people, err := p.visited(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	for i, who := range people {
		if err := p.day(ctx, i, who, now); err != nil {
			return err
		}
	}
	if len(people) > 1 {
		if err := p.carers(ctx, people[0], people[1]); err != nil {
			return err
		}
	}
	return p.young(ctx, now)
}

// visited are people who have home care.
func (p *passing) visited(ctx context.Context) (out []string, err error) {
	seen := map[string]bool{}
	for m, err := range p.door.All(ctx, p.board.Desk.Who, "Encounter?class=HH&status=finished&_sort=-date&_count=200") {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		who, ok := strings.CutPrefix(res.Root().Get("subject").Get("reference").Text(), "Patient/")
		if ok && !seen[who] {
			seen[who] = true
			out = append(out, who)
		}
		if len(out) == cared {
			break
		}
	}
	return out, nil
}

// day is somebody's visits around now: those that were made, and those to come. The first person was lately not given a medicine that cannot wait, nobody came to the
// second, and the third's visits are later than they should be.
func (p *passing) day(ctx context.Context, n int, who string, now time.Time) error {
	const extension = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.planned"
	worker := []string{"Tina Holt", "Joy Mbeki", "Carl Denny"}[n%3]
	at := func(hours int) time.Time { return now.UTC().Truncate(time.Hour).Add(time.Duration(hours) * time.Hour) }
	var ops []record.Op
	put := func(x any) error {
		res, err := r4.Resource(x)
		if err == nil {
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res, Same: true})
		}
		return err
	}
	subject := &r4.Reference{Reference: "Patient/" + who}
	for _, v := range []struct {
		hours  int
		status string
	}{{-26, "finished"}, {-4, "finished"}, {-2, "planned"}, {2, "planned"}, {20, "planned"}, {44, "planned"}} {
		planned := at(v.hours)
		if v.hours == -2 {
			v.status = []string{"finished", "cancelled", "finished"}[n%3]
		}
		id := fmt.Sprintf("demo-visit-%.40s-%s", who, planned.Format("0102t15"))
		e := &r4.Encounter{ID: id, Meta: &r4.Meta{Source: "urn:kith:intake:homecare-zzhc/demonstration"}, Status: v.status, Class: &r4.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: "HH", Display: "home health"}, Subject: subject,
			Type:            []r4.CodeableConcept{{Text: "Home care visit"}},
			ServiceProvider: &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: "https://fhir.nhs.uk/Id/ods-organization-code", Value: "ZZHC"}, Display: town.Name + " Home Care"},
			Participant:     []r4.EncounterParticipant{{Individual: &r4.Reference{Display: worker}}},
			Extension:       []r4.Extension{{URL: extension + "StartDate", ValueDateTime: fhir.DateTimeOf(planned)}, {URL: extension + "EndDate", ValueDateTime: fhir.DateTimeOf(planned.Add(30 * time.Minute))}},
			Period:          &r4.Period{Start: fhir.DateTimeOf(planned), End: fhir.DateTimeOf(planned.Add(30 * time.Minute))}}
		if v.status == "finished" {
			came := planned.Add(time.Duration(5+20*n) * time.Minute)
			e.Period = &r4.Period{Start: fhir.DateTimeOf(came), End: fhir.DateTimeOf(came.Add(25 * time.Minute))}
			yes := true
			if err := put(&r4.Observation{ID: id, Status: "final", Code: &r4.CodeableConcept{Text: "What was done at a home care visit"}, Subject: subject, Encounter: &r4.Reference{Reference: "Encounter/" + id}, EffectiveDateTime: fhir.DateTimeOf(came),
				Component: []r4.ObservationComponent{{Code: &r4.CodeableConcept{Text: "Washed and dressed"}, ValueBoolean: &yes}, {Code: &r4.CodeableConcept{Text: "Breakfast"}, ValueBoolean: &yes}}}); err != nil {
				return err
			}
			m := &r4.MedicationAdministration{ID: id, Status: "completed", MedicationCodeableConcept: &r4.CodeableConcept{Text: "Insulin glargine 100units/ml"}, Subject: subject, Context: &r4.Reference{Reference: "Encounter/" + id}, EffectivePeriod: e.Period}
			if n == 0 && v.hours == -2 {
				m.Status, m.StatusReason = "not-done", []r4.CodeableConcept{{Text: "None left in the fridge"}}
			}
			if err := put(m); err != nil {
				return err
			}
		}
		if err := put(e); err != nil {
			return err
		}
	}
	_, err := p.door.Commit(ctx, p.board.Desk.Who, ops)
	return err
}

// carers has one person trust another, who has a list to tick off.
func (p *passing) carers(ctx context.Context, who, by string) error {
	as := p.board.Desk.Who
	service := &trust.Service{Door: p.door}
	given, err := service.By(ctx, as, who)
	if err != nil || len(given) > 0 {
		return err
	}
	if err := service.Record(ctx, as, who, by, "My neighbour", []string{"see", "book", "message", "manage"}, time.Now().AddDate(1, 0, 0), true); err != nil {
		return err
	}
	list := &carer.Service{Door: p.door}
	nurse := access.Actor{ID: as.ID, Name: "Nurse Bell", Role: as.Role, Purpose: as.Purpose}
	for _, n := range []carer.New{{Kind: "medicine", Text: "Eye drops at night, one in each eye", Daily: true}, {Kind: "other", Text: "Look in the fridge for insulin", Due: time.Now().AddDate(0, 0, 1)}} {
		if _, err := list.Add(ctx, nurse, who, n); err != nil {
			return err
		}
	}
	return nil
}

// young has a parent act for a child of nearly 11, of 12 and of 16 each, where the town has them at one address.
func (p *passing) young(ctx context.Context, now time.Time) error {
	as := p.board.Desk.Who
	service := &trust.Service{Door: p.door}
	for _, born := range [][2]time.Time{{now.AddDate(-11, 0, 1), now.AddDate(-11, 0, 40)}, {now.AddDate(-13, 0, 1), now.AddDate(-12, 0, -1)}, {now.AddDate(-17, 0, 1), now.AddDate(-16, 0, -1)}} {
		for m, err := range p.door.All(ctx, as, "Patient?birthdate=ge"+born[0].Format(time.DateOnly)+"&birthdate=le"+born[1].Format(time.DateOnly)+"&_count=50") {
			if err != nil {
				return err
			}
			parent, err := p.parent(ctx, m, now)
			if err != nil {
				return err
			}
			if parent == "" {
				continue
			}
			given, err := service.By(ctx, as, m.ID)
			if err != nil {
				return err
			}
			if len(given) == 0 {
				if err := service.Record(ctx, as, m.ID, parent, "A parent", []string{"see", "book", "manage"}, now.AddDate(5, 0, 0), false); err != nil {
					return err
				}
			}
			break
		}
	}
	return nil
}

// parent is an adult of a child's family name at the child's postcode, "" where there is none.
func (p *passing) parent(ctx context.Context, m *record.Stored, now time.Time) (string, error) {
	res, err := m.Resource()
	if err != nil {
		return "", err
	}
	var child r4.Patient
	if err := r4.Decode(res, &child); err != nil || len(child.Name) == 0 || len(child.Address) == 0 || child.Name[0].Family == "" || child.Address[0].PostalCode == "" {
		return "", err
	}
	page, err := p.door.Find(ctx, p.board.Desk.Who, "Patient?family:exact="+strings.ReplaceAll(child.Name[0].Family, " ", "%20")+"&address-postalcode="+strings.ReplaceAll(child.Address[0].PostalCode, " ", "%20")+"&birthdate=le"+now.AddDate(-25, 0, 0).Format(time.DateOnly)+"&_count=1")
	if err != nil || len(page.Matches) == 0 {
		return "", err
	}
	return page.Matches[0].ID, nil
}
