package monitor

import (
	"fmt"
	"slices"
	"time"
)

// Person is what is known of one person's readings, and what is remembered of them.
type Person struct {
	Series map[string]*Series
	Last   map[string]time.Time // by kind: when the newest reading was taken
	State
}

// Load takes in a reading of before, which is not judged.
func (p *Person) Load(r *Rules, kind string, pt Point) {
	p.came(kind, pt.At)
	s := p.series(kind)
	if k := r.Kinds[kind]; k != nil {
		s.Keep = time.Duration(k.Keep)
	}
	s.add(pt, &r.Baseline)
	s.sittings = nil
}

func (p *Person) came(kind string, at time.Time) {
	if at.After(p.Last[kind]) {
		p.Last = with(p.Last, kind, at)
	}
}

// Remove takes back a reading, and reports whether it was there.
func (p *Person) Remove(id string) (found bool) {
	for _, s := range p.Series {
		found = s.remove(id) || found
	}
	for kind, c := range p.Rechecks {
		if c.Point == id {
			delete(p.Rechecks, kind)
		}
	}
	return found
}

func (p *Person) series(kind string) *Series {
	if p.Series == nil {
		p.Series = map[string]*Series{}
	}
	s := p.Series[kind]
	if s == nil {
		s = &Series{}
		p.Series[kind] = s
	}
	return s
}

// judging is one reading being judged.
type judging struct {
	*Person
	rules *Rules
	plan  *Plan
	kind  string
	k     *KindRules
	s     *Series
	pt    Point
	out   []Event
}

// Judge takes in a reading and says what it raises, confirms or ends. The person's own limits come before the service's; then comes their own normal. A reading
// that is too old to act on counts to what is normal and raises nothing.
func (p *Person) Judge(r *Rules, plan *Plan, kind string, pt Point, now time.Time) []Event {
	k := r.Kinds[kind]
	if k == nil {
		return nil
	}
	j := &judging{Person: p, rules: r, plan: plan, kind: kind, k: k, s: p.series(kind), pt: pt}
	p.came(kind, pt.At)
	j.s.Keep = time.Duration(k.Keep)
	newest := j.s.add(pt, &r.Baseline)
	if !newest {
		j.s.sittings = nil
	}
	p.forget(now.Add(-r.Baseline.keepDays()))
	j.settle()
	if newest {
		j.arrived()
	}
	if now.Sub(pt.At) > time.Duration(r.Late) {
		return j.out
	}
	if pt.Irregular {
		j.irregular()
		return j.out
	}
	j.limits()
	if newest && k.Harm != "" {
		j.personal()
	}
	if k.Average != nil {
		j.average()
	}
	if newest {
		j.clear()
	}
	return j.out
}

func (j *judging) settle() {
	var frozen *Baseline
	var open time.Time
	if e := j.Episode; e != nil {
		frozen, open = e.Baselines[j.kind], e.Opened
	}
	j.s.settle(j.k, &j.rules.Baseline, j.Past, frozen, open)
}

// arrived ends the wait for a reading that was missing.
func (j *judging) arrived() {
	_, asked := j.Asked[j.kind]
	_, told := j.Told[j.kind]
	delete(j.Asked, j.kind)
	delete(j.Told, j.kind)
	if asked || told {
		j.out = append(j.out, Event{At: j.pt.At, Kind: j.kind, Rule: "came", Closes: len(j.Asked)+len(j.Told) == 0, Quiet: true, Words: j.k.Name + " has come", Points: []string{j.pt.ID}})
	}
}

// irregular deals with a pressure whose pulse was irregular: automated values are then not used (NICE NG136); a person takes the pulse and measures by hand.
func (j *judging) irregular() {
	const every = 28 * 24 * time.Hour
	key := "irregular " + j.kind
	if last, said := j.Averaged[key]; said && j.pt.At.Sub(last) < every {
		return
	}
	j.averaged(key)
	e := Event{At: j.pt.At, Kind: j.kind, Rule: "irregular", Priority: "routine", Manual: true, Points: []string{j.pt.ID},
		Words: j.k.words(j.pt) + " with an irregular pulse: such values are not used. Feel the pulse, and measure by hand."}
	for _, l := range j.plan.limits(j.kind, j.rules) {
		if l.breached(j.pt) && ranks[l.Priority] > ranks[e.Priority] {
			e.Priority, e.Limit = "urgent", &l
		}
	}
	j.out = append(j.out, e)
}

func (j *judging) averaged(key string) {
	if j.Averaged == nil {
		j.Averaged = map[string]time.Time{}
	}
	j.Averaged[key] = j.pt.At
}

// limits holds the reading against the limits: what is confirmed is raised, what must be confirmed is asked for again.
func (j *judging) limits() {
	limits := j.plan.limits(j.kind, j.rules)
	i := slices.IndexFunc(limits, func(l Limit) bool { return l.breached(j.pt) })
	if i < 0 {
		if c, waits := j.Rechecks[j.kind]; waits && !j.pt.At.Before(c.At) {
			delete(j.Rechecks, j.kind)
			j.out = append(j.out, Event{At: j.pt.At, Kind: j.kind, Rule: "recheck", Closes: true, Quiet: true, Words: j.k.words(j.pt) + " on measuring again", Points: []string{c.Point, j.pt.ID}})
		}
		return
	}
	l := limits[i]
	points := j.breaches(&l)
	words := j.plan.beyond(j.k, j.pt, &l)
	if len(points) >= max(l.Confirm, 1) {
		delete(j.Rechecks, j.kind)
		j.raise(Event{Rule: "limit", Priority: l.Priority, Words: words, Points: points, Limit: &l})
		return
	}
	if c, waits := j.Rechecks[j.kind]; waits && ranks[c.Limit.Priority] >= ranks[l.Priority] {
		return
	}
	if e := j.Episode; e != nil && ranks[e.Priority] >= ranks[l.Priority] {
		j.raise(Event{Rule: "limit", Priority: l.Priority, Words: words, Points: points, Limit: &l})
		return
	}
	if j.Rechecks == nil {
		j.Rechecks = map[string]Recheck{}
	}
	j.Rechecks[j.kind] = Recheck{Point: j.pt.ID, At: j.pt.At, Deadline: j.pt.At.Add(time.Duration(l.Within)), Limit: l, Words: words, N: len(points)}
	j.out = append(j.out, Event{At: j.pt.At, Kind: j.kind, Rule: "recheck", Words: words + ": measure again", Points: points, Limit: &l})
}

// breaches are the readings of the time in which a limit must be confirmed that are beyond it, this one last. Those of one minute are one.
func (j *judging) breaches(l *Limit) (ids []string) {
	var last time.Time
	for _, q := range j.s.Points {
		if q.At.After(j.pt.At) || q.Irregular || q.ID != j.pt.ID && j.pt.At.Sub(q.At) > time.Duration(l.Within) || !l.breached(q) {
			continue
		}
		if len(ids) > 0 && q.At.Sub(last) < time.Minute {
			ids = ids[:len(ids)-1]
		}
		ids, last = append(ids, q.ID), q.At
	}
	return ids
}

// raise opens an episode, or makes the open one more urgent, or is added to it quietly.
func (j *judging) raise(ev Event) {
	ev.At, ev.Kind = j.pt.At, j.kind
	if j.raised(&ev, j.pt.ID, j.rules) {
		j.out = append(j.out, ev)
	}
}

// raised reports whether the event says anything new. ID names an episode that it opens.
func (p *Person) raised(ev *Event, id string, r *Rules) bool {
	e := p.Episode
	if e == nil {
		p.Episode = &Episode{ID: id, Opened: ev.At, Priority: ev.Priority, Kinds: map[string]time.Time{ev.Kind: ev.At}, Baselines: p.baselines(ev.At, r)}
		ev.Opens, ev.Manual, ev.Episode = true, true, id
		return true
	}
	ev.Episode = e.ID
	_, there := e.Kinds[ev.Kind]
	e.Kinds[ev.Kind] = ev.At // an episode ends a while after the last reading that was out
	switch {
	case ranks[ev.Priority] > ranks[e.Priority]:
		e.Priority, ev.Manual = ev.Priority, true
		return true
	case !there:
		ev.Quiet = true
		return true
	}
	return false
}

// news2Kind is what an episode calls a score.
const news2Kind = "news2"

// Scored takes in a NEWS2 that somebody worked out: what asks for an urgent or an emergency review is told, and one that asks for neither ends that.
func (p *Person) Scored(r *Rules, total, most int, at time.Time, id string, now time.Time) (out []Event) {
	if now.Sub(at) > time.Duration(r.Late) {
		return nil
	}
	response := news2.response(total, most)
	ev := Event{At: at, Kind: news2Kind, Rule: news2Kind, Priority: map[string]string{"urgent": "urgent", "emergency": "stat"}[response.Urgency], Words: fmt.Sprintf("NEWS2 of %d: %s", total, response.Words), Points: []string{id}}
	if ev.Priority != "" {
		if p.raised(&ev, id, r) {
			out = append(out, ev)
		}
		return out
	}
	e := p.Episode
	if e == nil || e.Kinds[news2Kind].IsZero() {
		return nil
	}
	if delete(e.Kinds, news2Kind); len(e.Kinds) == 0 {
		p.close(at, false)
		out = append(out, Event{At: at, Kind: news2Kind, Rule: "clear", Closes: true, Quiet: true, Episode: e.ID, Points: []string{id}, Words: fmt.Sprintf("NEWS2 of %d", total)})
	}
	return out
}

// baselines are those of every kind, as they stand.
func (p *Person) baselines(at time.Time, r *Rules) map[string]*Baseline {
	out := map[string]*Baseline{}
	for kind, s := range p.Series {
		before := s.sittings
		if n := len(before); n > 0 && !before[n-1].at.Before(at) {
			before = before[:n-1]
		}
		if b := baselineOf(before, at, r.Kinds[kind], &r.Baseline); b != nil {
			out[kind] = b
		}
	}
	return out
}

// average tells when a blood pressure is too high over days.
func (j *judging) average() {
	a := j.k.Average
	if last, said := j.Averaged[j.kind]; said && j.pt.At.Sub(last) < time.Duration(a.Every)*24*time.Hour {
		return
	}
	if e := j.Episode; e != nil && !e.Kinds[j.kind].IsZero() {
		return
	}
	mean, ok := HomePressure(since(j.s.Points, j.pt.At.AddDate(0, 0, -a.Days)), a.Least)
	if !ok || mean.Systolic < a.High && mean.Diastolic < a.High2 {
		return
	}
	j.averaged(j.kind)
	j.out = append(j.out, Event{At: j.pt.At, Kind: j.kind, Rule: "average", Priority: "routine", Manual: true, Points: mean.Points, Limit: &Limit{High: &a.High, High2: &a.High2, Source: a.Source}, Words: mean.words()})
}

// clear ends what is calm again, and with the last of it the episode.
func (j *judging) clear() {
	e := j.Episode
	if e == nil {
		return
	}
	from, is := e.Kinds[j.kind]
	if !is || !j.s.calm(&j.rules.Baseline, from) {
		return
	}
	limits := j.plan.limits(j.kind, j.rules)
	for _, q := range j.s.Points[max(len(j.s.Points)-j.rules.Baseline.Clear, 0):] {
		if slices.ContainsFunc(limits, func(l Limit) bool { return l.breached(q) }) {
			return
		}
	}
	delete(e.Kinds, j.kind)
	if len(e.Kinds) > 0 {
		return
	}
	j.close(j.pt.At, false)
	j.out = append(j.out, Event{At: j.pt.At, Kind: j.kind, Rule: "clear", Closes: true, Quiet: true, Episode: e.ID, Points: []string{j.pt.ID}, Words: j.k.words(j.pt) + ": as usual again in three readings"})
}

func with(m map[string]time.Time, key string, at time.Time) map[string]time.Time {
	if m == nil {
		m = map[string]time.Time{}
	}
	m[key] = at
	return m
}

func sorted[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// since are the points from a time on.
func since(points []Point, at time.Time) []Point {
	i, _ := slices.BinarySearchFunc(points, at, func(p Point, at time.Time) int { return p.At.Compare(at) })
	return points[i:]
}
