package monitor

// personal holds the newest reading against what is usual for the person.
func (j *judging) personal() {
	n := len(j.s.sittings)
	last := j.s.sittings[n-1]
	if e := j.Episode; !last.known || e != nil && !e.Kinds[j.kind].IsZero() {
		return
	}
	b := &j.rules.Baseline
	base := j.baseline()
	if base == nil {
		return
	}
	ev := Event{Priority: "urgent", Points: []string{j.pt.ID}, Baseline: base}
	for _, t := range j.s.sittings[max(n-b.Of, 0):] {
		ev.Z = append(ev.Z, round(t.z, 2))
	}
	if out := j.s.out(b, j.lastClosed()); out >= b.Raise && last.z > b.Z {
		ev.Rule, ev.Words = "personal", j.plan.unlike(j.k, last.value(), base, out, min(b.Of, n))
		j.raise(ev)
	} else if sum := j.s.trend(b, j.lastClosed()); sum > b.H && last.z > b.K {
		ev.Rule, ev.Trend, ev.Words = "trend", round(sum, 2), j.plan.creeping(j.k, last.value(), base)
		j.raise(ev)
	} else if j.Episode == nil {
		j.together(ev)
	}
}

// together holds what was measured at about one time against what is usual, all of it as one number: a little of each may say what none says alone, as saturation
// and pulse do before an exacerbation (Hurst and others 2010, https://doi.org/10.1186/1471-2466-10-52).
func (j *judging) together(ev Event) {
	b := &j.rules.Baseline
	sets := j.sets(j.rules, j.pt.At, j.lastClosed())
	if len(sets) == 0 || len(sets[len(sets)-1].kinds) < 2 {
		return
	}
	last := sets[len(sets)-1]
	ev.Z = nil
	out, sum := 0, 0.0
	for i, s := range sets {
		sum = max(0, sum+min(s.z, b.Cap)-b.K)
		if i >= len(sets)-b.Of {
			ev.Z = append(ev.Z, round(s.z, 2))
			if s.z > b.Z {
				out++
			}
		}
	}
	if (out < b.Raise || last.z <= b.Z) && (sum <= b.H || last.z <= b.K) {
		return
	}
	ev.Rule, ev.Trend, ev.Words = "together", round(sum, 2), j.plan.both(j.Person, j.rules, last.kinds)
	j.raise(ev)
}

// baseline is the one the newest sitting was held against.
func (j *judging) baseline() *Baseline {
	n := len(j.s.sittings)
	if e := j.Episode; e != nil && e.Baselines[j.kind] != nil {
		return e.Baselines[j.kind]
	}
	return baselineOf(j.s.sittings[:n-1], j.s.sittings[n-1].at, j.k, &j.rules.Baseline)
}
