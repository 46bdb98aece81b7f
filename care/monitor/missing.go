package monitor

import (
	"cmp"
	"time"
)

// Due says what has become due by a time without any reading: readings that nobody confirmed, and readings that have not come.
func (p *Person) Due(r *Rules, plan *Plan, now time.Time) (out []Event) {
	for _, kind := range sorted(p.Rechecks) {
		c := p.Rechecks[kind]
		if now.Before(c.Deadline) {
			continue
		}
		delete(p.Rechecks, kind)
		ev := Event{At: c.Deadline, Kind: kind, Rule: "unconfirmed", Priority: c.Limit.Priority, Words: c.Words + ", and no second reading came within " + spoken(time.Duration(c.Limit.Within)), Points: []string{c.Point}, Limit: &c.Limit}
		if p.raised(&ev, c.Point, r) {
			out = append(out, ev)
		}
	}
	if plan != nil {
		out = append(out, p.missing(r, plan, now)...)
	}
	return out
}

// missing says which readings have not come: the person is asked after 1.5 times the expected interval, staff are told after twice that, or at once of
// what an episode is about. Several are said together.
func (p *Person) missing(r *Rules, plan *Plan, now time.Time) (out []Event) {
	ask := Event{Rule: "missing"}
	tell := Event{Rule: "missing", Manual: true, Priority: "routine", Quiet: len(p.Told) > 0}
	for _, kind := range sorted(plan.Kinds) {
		every, k := plan.Kinds[kind].Every, r.Kinds[kind]
		if every <= 0 || k == nil {
			continue
		}
		last, asks, tells := p.expected(r, plan, kind)
		if last.IsZero() {
			continue
		}
		if !now.Before(asks) && p.Asked[kind].IsZero() {
			p.Asked = with(p.Asked, kind, asks)
			ask.add(asks, kind, k.Name)
		}
		if !now.Before(tells) && p.Told[kind].IsZero() {
			if e := p.Episode; e != nil && !e.Kinds[kind].IsZero() {
				tell.Priority = cmp.Or(e.Priority, "routine")
			}
			p.Told = with(p.Told, kind, tells)
			tell.add(tells, kind, k.Name+", last on "+clock(last))
		}
	}
	ask.Since, tell.Since = earliest(p.Asked), earliest(p.Told)
	for _, ev := range []Event{ask, tell} {
		if ev.Kind != "" {
			ev.Words = "No reading of " + ev.Words
			out = append(out, ev)
		}
	}
	return out
}

func earliest(m map[string]time.Time) (at time.Time) {
	for _, t := range m {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// expected is when the last reading of a kind was, or when the plan began, and when the person is asked and staff are told; zero where none is expected.
func (p *Person) expected(r *Rules, plan *Plan, kind string) (last, asks, tells time.Time) {
	k := plan.Kinds[kind]
	if last = k.Since; p.Last[kind].After(last) {
		last = p.Last[kind]
	}
	staff := r.Missing.StaffTimes
	if e := p.Episode; e != nil && !e.Kinds[kind].IsZero() {
		staff = r.Missing.Times
	}
	after := func(times float64) time.Time { return last.Add(time.Duration(times * float64(k.Every))) }
	return last, after(r.Missing.Times), after(staff)
}

// next is when Due has something to say if no reading comes; zero for never.
func (p *Person) next(r *Rules, plan *Plan) (at time.Time) {
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, c := range p.Rechecks {
		sooner(c.Deadline)
	}
	for kind, k := range plan.Kinds {
		if k.Every <= 0 || r.Kinds[kind] == nil {
			continue
		}
		last, asks, tells := p.expected(r, plan, kind)
		if !last.IsZero() && p.Asked[kind].IsZero() {
			sooner(asks)
		}
		if !last.IsZero() && p.Told[kind].IsZero() {
			sooner(tells)
		}
	}
	return at
}

func (ev *Event) add(at time.Time, kind, words string) {
	if ev.Kind == "" {
		ev.At, ev.Kind, ev.Words = at, kind, words
		return
	}
	ev.Words += "; " + words
	if at.Before(ev.At) {
		ev.At = at
	}
}
