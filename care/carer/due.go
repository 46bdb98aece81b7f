package carer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/r4"
)

// ahead is for how many days appointments are on the list.
const ahead = 14

// due is what follows from the record, as whoever looks may see it.
func (s *Service) due(ctx context.Context, who access.Actor, patient string) ([]Item, error) {
	measures, err := s.measures(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	appointments, err := s.appointments(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	visits, err := s.visits(ctx, who, patient)
	return slices.Concat(measures, appointments, visits), err
}

// Visit is the kind of what follows from a home care visit that went wrong; nobody adds one.
const Visit = "visit"

// visits are home care visits that were missed and medicines that were not given, which somebody should look after until the office has (care/home makes the Tasks).
func (s *Service) visits(ctx context.Context, who access.Actor, patient string) (out []Item, err error) {
	for m, err := range s.Door.All(ctx, who, "Task?patient="+patient+"&code="+taskSystem+"|visit-missed,"+taskSystem+"|medicine-missed&status=requested,accepted") {
		if forbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		text, _, _ := strings.Cut(t.Description, ". ")
		out = append(out, Item{Key: keyOf("Task", t.ID), Kind: Visit, Text: text, Due: t.AuthoredOn.Low()})
	}
	return out, nil
}

// keyOf is a short key of what follows from the record.
func keyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "due-" + hex.EncodeToString(sum[:8])
}

// measures are what plans ask somebody to do at home: of the plan of monitoring all that is measured at least once a week, of others what they name a carer for.
func (s *Service) measures(ctx context.Context, who access.Actor, patient string) (out []Item, err error) {
	for m, err := range s.Door.All(ctx, who, "CarePlan?status=active&patient="+patient) {
		if forbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var c r4.CarePlan
		if err := m.Decode(&c); err != nil {
			return nil, err
		}
		watched := slices.ContainsFunc(c.Category, func(k r4.CodeableConcept) bool {
			return slices.ContainsFunc(k.Coding, func(g r4.Coding) bool { return g.System == "urn:kith:plan" && g.Code == "monitoring" })
		})
		for _, a := range c.Activity {
			d := a.Detail
			if a.Reference != nil && strings.HasPrefix(a.Reference.Reference, "ServiceRequest/") {
				if d, err = s.request(ctx, who, a.Reference.Reference); err != nil {
					return nil, err
				}
			}
			if d == nil || d.Status == "completed" || d.Status == "cancelled" || d.Status == "stopped" {
				continue
			}
			text := textOf(d.Code)
			if text == "" {
				text = d.Description
			}
			if text == "" || !watched && !forCarer(d) {
				continue
			}
			it := Item{Key: keyOf(c.ID, text), Kind: "other", Text: text, Daily: daily(d.ScheduledTiming), Due: s.now()}
			if watched {
				it.Kind = "measure"
			}
			if watched && !it.Daily && !weekly(d.ScheduledTiming) {
				continue
			}
			out = append(out, it)
		}
	}
	return out, nil
}

// request is what a plan asks for by a ServiceRequest, nil where it is not seen or over.
func (s *Service) request(ctx context.Context, who access.Actor, ref string) (*r4.CarePlanActivityDetail, error) {
	m, err := s.Door.Get(ctx, who, "ServiceRequest", strings.TrimPrefix(ref, "ServiceRequest/"))
	if err != nil {
		return nil, ignore(err)
	}
	var r r4.ServiceRequest
	if err := m.Decode(&r); err != nil || r.Status != "active" {
		return nil, err
	}
	return &r4.CarePlanActivityDetail{Code: r.Code, ScheduledTiming: r.OccurrenceTiming}, nil
}

// forCarer reports whether a plan names somebody close to the person for it.
func forCarer(d *r4.CarePlanActivityDetail) bool {
	return slices.ContainsFunc(d.Performer, func(r r4.Reference) bool { return strings.HasPrefix(r.Reference, "RelatedPerson/") })
}

func daily(t *r4.Timing) bool {
	return t != nil && t.Repeat != nil && (t.Repeat.PeriodUnit == "d" && number(t) <= 1 || t.Repeat.PeriodUnit == "h")
}

func weekly(t *r4.Timing) bool {
	return t != nil && t.Repeat != nil && (t.Repeat.PeriodUnit == "d" && number(t) <= 7 || t.Repeat.PeriodUnit == "wk" && number(t) <= 1)
}

func number(t *r4.Timing) float64 {
	if t.Repeat.Period == nil {
		return 1
	}
	return t.Repeat.Period.Float64()
}

// appointments are those to come to which somebody can be brought.
func (s *Service) appointments(ctx context.Context, who access.Actor, patient string) (out []Item, err error) {
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	for m, err := range s.Door.All(ctx, who, "Appointment?status=booked&patient="+patient+"&date=ge"+day(s.now())+"&date=le"+day(s.now().AddDate(0, 0, ahead))) {
		if forbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var a r4.Appointment
		if err := m.Decode(&a); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(a.Extension, func(x r4.Extension) bool { return atHome(&x) }) {
			continue
		}
		text := ""
		for i := range a.ServiceType {
			text = textOf(&a.ServiceType[i])
		}
		if text == "" {
			text = a.Description
		}
		out = append(out, Item{Key: keyOf("Appointment", a.ID), Kind: "bring", Text: text, Due: a.Start.Low()})
	}
	return out, nil
}

// atHome reports whether an appointment is by telephone or video, so that nobody need go anywhere.
// https://simplifier.net/hl7fhirukcorer4/extension-ukcore-deliverychannel
func atHome(x *r4.Extension) bool {
	if x.URL != "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeliveryChannel" || x.ValueCodeableConcept == nil {
		return false
	}
	return slices.ContainsFunc(x.ValueCodeableConcept.Coding, func(c r4.Coding) bool {
		return strings.EqualFold(c.Code, "telephone") || strings.EqualFold(c.Code, "video")
	})
}
