package monitor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
)

// PlanSystem and PlanCode mark the CarePlans that are about measuring at home.
const (
	PlanSystem = "urn:kith:plan"
	PlanCode   = "monitoring"
)

// mostLooked is of how many people it is looked up, each time, which Patients they are.
const mostLooked = 1000

// refresh reads all plans the first time. Later it looks up again who belongs together, of some people each time: that may change at any moment and stands in no
// feed.
func (s *Service) refresh(ctx context.Context) error {
	if !s.plans {
		for m, err := range s.Door.All(ctx, me, "CarePlan?status=active&category="+PlanSystem+"|"+PlanCode) {
			if err != nil {
				return err
			}
			if err := s.planned(ctx, m); err != nil {
				return err
			}
		}
		s.plans, s.since = true, s.now()
		return nil
	}
	if s.now().Sub(s.since) < s.every() {
		return nil
	}
	s.since = s.now()
	n := 0
	for key, w := range s.people { // in another order each time
		if n++; n > mostLooked {
			break
		}
		group, err := s.Door.Person(ctx, key)
		if err != nil {
			return err
		}
		if !slices.Equal(group, w.group) {
			s.drop(key)
			if err := s.replan(ctx, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets what is in memory of a person.
func (s *Service) drop(key string) {
	for patient, of := range s.whose {
		if of == key {
			delete(s.whose, patient)
		}
	}
	delete(s.people, key)
}

// known is the person, if a plan is about them, whom a Patient is. A Patient nobody has met is looked up where the reading is one from home.
func (s *Service) known(ctx context.Context, patient string, home bool) (*watched, error) {
	if key, ok := s.whose[patient]; ok || !home {
		return s.people[key], nil
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil || len(group) < 2 {
		return nil, err
	}
	for _, id := range group {
		if key, ok := s.whose[id]; ok { // they were linked since it was looked up
			s.drop(key)
			if err := s.replan(ctx, group); err != nil {
				return nil, err
			}
			return s.people[slices.Min(group)], nil
		}
	}
	return nil, nil
}

// planned takes in a plan as it is now.
func (s *Service) planned(ctx context.Context, m *record.Stored) error {
	var c r4.CarePlan
	if err := m.Decode(&c); err != nil {
		return err
	}
	patient := patientOf(c.Subject)
	if patient == "" {
		return nil
	}
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return err
	}
	return s.replan(ctx, group)
}

// replan reads the plans of the Patients who are one person again.
func (s *Service) replan(ctx context.Context, group []string) error {
	if len(group) == 0 {
		return nil
	}
	key := slices.Min(group)
	plan, err := s.planOf(ctx, key)
	if err != nil {
		return err
	}
	if plan == nil {
		s.drop(key)
		return nil
	}
	w := s.people[key]
	if w == nil {
		w = &watched{key: key}
		s.people[key] = w
	}
	w.plan, w.group, w.due = plan, group, time.Time{}
	for _, id := range group {
		s.whose[id] = key
	}
	return nil
}

// planOf reads what is planned for a person; nil where nothing is.
func (s *Service) planOf(ctx context.Context, patient string) (*Plan, error) {
	page, err := s.Door.Find(ctx, me, "CarePlan?status=active&category="+PlanSystem+"|"+PlanCode+"&patient="+patient+"&_count=20")
	if err != nil || len(page.Matches) == 0 {
		return nil, err
	}
	plan := &Plan{Kinds: map[string]*PlanKind{}}
	now := s.now()
	for i := range page.Matches {
		var c r4.CarePlan
		if err := page.Matches[i].Decode(&c); err != nil {
			return nil, err
		}
		if c.Period != nil && (c.Period.Start.Year != 0 && c.Period.Start.Low().After(now) || c.Period.End.Year != 0 && c.Period.End.High().Before(now)) {
			continue
		}
		plan.ID, plan.Patient = "CarePlan/"+c.ID, patientOf(c.Subject)
		since := page.Matches[i].Updated
		if c.Period != nil && c.Period.Start.Year != 0 {
			since = c.Period.Start.Low()
		}
		if err := s.activities(ctx, plan, &c, since); err != nil {
			return nil, err
		}
		if err := s.goals(ctx, plan, &c); err != nil {
			return nil, err
		}
	}
	if plan.ID == "" {
		return nil, nil
	}
	return plan, s.who(ctx, plan)
}

// activities are what is measured, and how often: ServiceRequests that the plan refers to, or its own words.
func (s *Service) activities(ctx context.Context, plan *Plan, c *r4.CarePlan, since time.Time) error {
	for _, a := range c.Activity {
		code, timing := (*r4.CodeableConcept)(nil), (*r4.Timing)(nil)
		switch {
		case a.Detail != nil:
			code, timing = a.Detail.Code, a.Detail.ScheduledTiming
		case a.Reference != nil && strings.HasPrefix(a.Reference.Reference, "ServiceRequest/"):
			var r r4.ServiceRequest
			there, err := s.get(ctx, a.Reference.Reference, &r)
			if err != nil {
				return err
			}
			if !there || r.Status != "active" {
				continue
			}
			code, timing = r.Code, r.OccurrenceTiming
		}
		if kind := kindOf(code); kind != "" {
			k := plan.kind(kind)
			k.Every, k.Since = interval(timing), since
		}
	}
	return nil
}

// kindOf is the kind of series that a code asks for.
func kindOf(c *r4.CodeableConcept) string {
	if coded(c, loinc, "85354-9") {
		return "pressure"
	}
	switch k := reading.Coded(c); k {
	case nil:
		return ""
	case reading.Systolic, reading.Diastolic:
		return "pressure"
	default:
		return k.Name
	}
}

func (p *Plan) kind(name string) *PlanKind {
	k := p.Kinds[name]
	if k == nil {
		k = &PlanKind{}
		p.Kinds[name] = k
	}
	return k
}

// interval is how far apart the times are that a timing asks for; 0 where it does not say. Several times a day are counted evenly.
func interval(t *r4.Timing) time.Duration {
	units := map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "wk": 7 * 24 * time.Hour, "mo": 30 * 24 * time.Hour, "a": 365 * 24 * time.Hour}
	if t == nil || t.Repeat == nil || t.Repeat.Period == nil || units[t.Repeat.PeriodUnit] == 0 {
		return 0
	}
	times := 1
	if t.Repeat.Frequency != nil && *t.Repeat.Frequency > 0 {
		times = *t.Repeat.Frequency
	}
	return time.Duration(t.Repeat.Period.Float64() * float64(units[t.Repeat.PeriodUnit]) / float64(times))
}

// goals are the person's own limits: what a target allows is allowed, what is beyond it is told.
func (s *Service) goals(ctx context.Context, plan *Plan, c *r4.CarePlan) error {
	for _, ref := range c.Goal {
		var g r4.Goal
		there, err := s.get(ctx, ref.Reference, &g)
		if err != nil {
			return err
		}
		if !there || g.LifecycleStatus != "active" {
			continue
		}
		s.own(plan, &g)
	}
	return nil
}

func (s *Service) own(plan *Plan, g *r4.Goal) {
	byKind := map[string]*Limit{}
	for _, t := range g.Target {
		kind := kindOf(t.Measure)
		rules := s.Rules.Kinds[kind]
		if rules == nil {
			continue
		}
		l := byKind[kind]
		if l == nil {
			l = &Limit{Priority: "urgent", Confirm: rules.OwnConfirm, Within: rules.OwnWithin, Source: "Goal/" + g.ID, Own: true}
			if coded(g.Priority, "http://terminology.hl7.org/CodeSystem/goal-priority", "high-priority") {
				l.Priority = "stat"
			}
		}
		low, high := bounds(&t)
		if reading.Coded(t.Measure) == reading.Diastolic {
			l.Over2, l.Under2 = high, low
		} else {
			l.Over, l.Under = high, low
		}
		if low != nil || high != nil {
			byKind[kind] = l
		}
	}
	for kind, l := range byKind {
		plan.kind(kind).Limits = append(plan.kind(kind).Limits, *l)
		slices.SortStableFunc(plan.kind(kind).Limits, func(a, b Limit) int { return ranks[b.Priority] - ranks[a.Priority] })
	}
}

// bounds are what a target allows, in our own unit; a bound in a unit that we cannot read is none, and the service's limits stay.
func bounds(t *r4.GoalTarget) (low, high *float64) {
	k := reading.Coded(t.Measure)
	own := func(q *r4.Quantity) *float64 {
		if k == nil || q == nil || q.Value == nil {
			return nil
		}
		v, ok := k.In(*q.Value, reading.Unit{Shown: q.Unit, Code: q.Code})
		if !ok {
			return nil
		}
		f := v.Float64()
		return &f
	}
	if t.DetailRange != nil {
		return own(t.DetailRange.Low), own(t.DetailRange.High)
	}
	if q := t.DetailQuantity; q != nil {
		switch q.Comparator {
		case "<", "<=":
			return nil, own(q)
		case ">", ">=":
			return own(q), nil
		}
	}
	return nil, nil
}

// who notes the person's name and gender, for words, as the record knows them that the plan is in.
func (s *Service) who(ctx context.Context, plan *Plan) error {
	var p r4.Patient
	there, err := s.get(ctx, "Patient/"+plan.Patient, &p)
	if err != nil || !there {
		return err
	}
	plan.Gender, plan.Name = p.Gender, nameOf(&p)
	return nil
}

// nameOf is what staff call somebody: Mrs Okafor, or Ada Okafor.
func nameOf(p *r4.Patient) string {
	for _, n := range p.Name {
		if n.Use == "old" || n.Family == "" {
			continue
		}
		switch {
		case len(n.Prefix) > 0:
			return n.Prefix[0] + " " + n.Family
		case len(n.Given) > 0:
			return n.Given[0] + " " + n.Family
		}
		return n.Family
	}
	return "Somebody without a name"
}

// get reads a resource by reference; false where there is none.
func (s *Service) get(ctx context.Context, ref string, into any) (bool, error) {
	typ, id, ok := strings.Cut(ref, "/")
	if !ok {
		return false, nil
	}
	m, err := s.Door.Get(ctx, me, typ, id)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone || k == fhir.Invalid) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, m.Decode(into)
}

func patientOf(r *r4.Reference) string {
	if r == nil {
		return ""
	}
	id, ok := strings.CutPrefix(r.Reference, "Patient/")
	if !ok || strings.Contains(id, "/") {
		return ""
	}
	return id
}
