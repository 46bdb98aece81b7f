package main

import (
	"context"
	"fmt"

	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
)

// plans makes a plan of monitoring for each of the town's people who measure something at home, so that there is somebody on the virtual ward. The town's time is
// not ours, so nothing is expected at any time; readings of its last day are judged.
func (p *passing) plans(ctx context.Context) error {
	seen := map[string]bool{}
	var ops []record.Op
	for m, err := range p.door.All(ctx, p.board.Desk.Who, "Observation?_tag="+reading.RouteSystem+"|"+string(reading.Device)) {
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
		id := fmt.Sprintf("demo-%.50s", who[len("Patient/"):])
		target := func(code, unit string, low, high int64) r4.GoalTarget {
			bound := func(n int64) *r4.Quantity {
				if n == 0 {
					return nil
				}
				v := fhir.MakeDecimal(n, 0)
				return &r4.Quantity{Value: &v, Unit: unit, System: "http://unitsofmeasure.org", Code: unit}
			}
			return r4.GoalTarget{Measure: &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://loinc.org", Code: code}}}, DetailRange: &r4.Range{Low: bound(low), High: bound(high)}}
		}
		goal := &r4.Goal{ID: id, LifecycleStatus: "active", Description: &r4.CodeableConcept{Text: "Own limits, made up"}, Subject: &r4.Reference{Reference: who},
			Target: []r4.GoalTarget{target("8480-6", "mm[Hg]", 0, 160), target("8462-4", "mm[Hg]", 0, 100), target("2708-6", "%", 90, 0)}}
		plan := &r4.CarePlan{ID: id, Status: "active", Intent: "plan", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: monitor.PlanSystem, Code: monitor.PlanCode}}}}, Title: "Measuring at home", Subject: &r4.Reference{Reference: who}, Goal: []r4.Reference{{Reference: "Goal/" + id}}}
		for _, text := range [][]byte{r4.Encode(goal), r4.Encode(plan)} {
			res, err := fhir.Parse(text)
			if err != nil {
				return err
			}
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: id, Resource: res, Same: true})
		}
	}
	if len(ops) == 0 {
		return nil
	}
	_, err := p.door.Commit(ctx, p.board.Desk.Who, ops)
	return err
}
