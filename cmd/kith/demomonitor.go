package main

import (
	"context"
	"fmt"
	"time"

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
	var people []string
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
		people = append(people, who)
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
	if _, err := p.door.Commit(ctx, p.board.Desk.Who, ops); err != nil {
		return err
	}
	return p.measure(ctx, people)
}

// measure has three of them measure something now that somebody should look at. A reading is named, so that a later start does not send it again.
func (p *passing) measure(ctx context.Context, people []string) error {
	mmHg, percent, perMinute := reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}, reading.Unit{Shown: "%", Code: "%"}, reading.Unit{Shown: "/min", Code: "/min"}
	now := time.Now().UTC().Truncate(time.Second)
	for i, one := range []struct {
		route    reading.Route
		before   time.Duration
		measures []reading.Measure
	}{
		{reading.Form, 0, []reading.Measure{reading.Of(reading.Systolic, fhir.MakeDecimal(172, 0), mmHg), reading.Of(reading.Diastolic, fhir.MakeDecimal(98, 0), mmHg), reading.Of(reading.HeartRate, fhir.MakeDecimal(84, 0), perMinute)}},
		{reading.Text, 5 * time.Minute, []reading.Measure{reading.Of(reading.Saturation, fhir.MakeDecimal(89, 0), percent)}},
		{reading.Text, 0, []reading.Measure{reading.Of(reading.Saturation, fhir.MakeDecimal(88, 0), percent), reading.Of(reading.HeartRate, fhir.MakeDecimal(112, 0), perMinute)}},
		{reading.Call, 0, []reading.Measure{reading.Of(reading.Temperature, fhir.MakeDecimal(396, 1), reading.Unit{Shown: "°C", Code: "Cel"})}},
	} {
		whose := min(i, 1) // the second measures twice
		if i == 3 {
			whose = 2
		}
		if whose >= len(people) {
			return nil
		}
		r := reading.Reading{Subject: &r4.Reference{Reference: people[whose]}, Start: fhir.DateTimeOf(now.Add(-one.before)), Measures: one.measures, Route: one.route}
		if _, err := monitor.Send(ctx, p.door, p.board.Desk.Who, fmt.Sprint("demonstration-", i), r); err != nil {
			return err
		}
	}
	return nil
}
