package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
)

// planned is how many of the town's people have a plan and an order when one first looks.
const planned = 8

// wishes are what some of them wrote, made up.
var wishes = []struct{ matters, want, helps, goal, step, programme string }{
	{"Being at home with the cat", "To go to my sister’s in May", "Sit up and call my daughter", "Walk to the shop", "Walk to the gate each morning", ""},
	{"My allotment and my neighbours", "To dig again in spring", "Rest, then a short walk", "Walk with the dog again", "", "walking"},
	{"Seeing the children on Sundays", "Fewer tablets", "A quiet room", "Sleep through the night", "", "sleep"},
	{"Singing in the choir", "To sing at Christmas", "Slow breathing, and my blue inhaler", "Feel steadier on the stairs", "", "strength"},
}

// intentions gives some of the town's people a plan in their own words, a goal with a check-in or without, and an order that waits, once.
func (p *passing) intentions(ctx context.Context) error {
	who := p.board.Desk.Who
	page, err := p.door.Find(ctx, who, "Task?code=urn:kith:task%7Crepeat-order&_count=1")
	if err != nil || len(page.Matches) > 0 {
		return err
	}
	n, seen := 0, map[string]bool{}
	for m, err := range p.door.All(ctx, who, "EpisodeOfCare?status=active&_count=100") {
		if err != nil {
			return err
		}
		res, err := m.Resource()
		if err != nil {
			return err
		}
		patient := strings.TrimPrefix(res.Root().Get("patient").Get("reference").Text(), "Patient/")
		group, err := p.door.Person(ctx, patient)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(group, func(id string) bool { return seen[id] }) {
			continue // registered twice
		}
		for _, id := range group {
			seen[id] = true
		}
		done, err := p.intend(ctx, patient, n)
		if err != nil {
			return err
		}
		if done {
			n++
		}
		if n == planned {
			return nil
		}
	}
	return nil
}

// intend writes what the nth of them did; false where somebody is on no repeat.
func (p *passing) intend(ctx context.Context, patient string, n int) (bool, error) {
	now := time.Now
	at := func(days int) *plan.Service {
		return &plan.Service{Door: p.door, Now: func() time.Time { return now().AddDate(0, 0, -days) }}
	}
	stored, err := p.door.Get(ctx, p.board.Desk.Who, "Patient", patient)
	if err != nil {
		return false, err
	}
	res, err := stored.Resource()
	if err != nil {
		return false, err
	}
	if len(slices.Collect(res.Root().Get("name").Items())) == 0 {
		return false, nil // a system that sends no names
	}
	them := access.Actor{ID: "Patient/" + patient, Name: signin.NameOf(res.Root()), Role: access.Kith, Purpose: "PATRQT"}
	repeats, err := at(0).Repeats(ctx, them, patient)
	if err != nil || len(repeats) == 0 {
		return false, err
	}
	wish := wishes[n%len(wishes)]
	for part, text := range map[plan.Part]string{plan.Matters: wish.matters, plan.Want: wish.want, plan.Helps: wish.helps} {
		p, err := at(9).Plan(ctx, them, patient)
		if err == nil {
			err = at(9).Save(ctx, them, patient, part, text, p.Version)
		}
		if err != nil {
			return false, err
		}
	}
	goal, err := at(9).Begin(ctx, them, patient, plan.NewGoal{Words: wish.goal, Step: wish.step, Programme: wish.programme, Confidence: 6})
	if err != nil {
		return false, err
	}
	if n%2 == 1 { // the others have gone quiet
		g, err := at(2).Goal(ctx, them, patient, goal)
		if err == nil {
			_, err = at(2).CheckIn(ctx, them, patient, goal, g.Version, plan.Check{Outcome: plan.Partly, Confidence: 5 + n%4, Words: "It rained a lot"})
		}
		if err != nil {
			return false, err
		}
	}
	_, err = at(0).Order(ctx, them, patient, plan.Wish{Repeats: []string{repeats[0].ID}, Why: "I am away for two weeks", Note: []string{"", "Big print labels please"}[n%2]})
	if fhir.KindOf(err) == fhir.Conflict {
		err = nil // it is under way
	}
	return err == nil, err
}
