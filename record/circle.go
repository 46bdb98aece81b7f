package record

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// circles keeps at hand who is close to whom. A circle is gathered from the record when it is first needed and thrown
// away when a resource that it was gathered from changes: at once where this process changed it, within a second where
// another did.
type circles struct {
	d  *Door
	mu sync.RWMutex
	of map[int64]known // by patient; those of one person share one
	by map[string]int64
	// touched says up to which change a patient's circle must reach, so that one gathered from before is not kept.
	touched map[int64]int64
	emptied int64               // all circles gathered before this change are void
	related int                 // how often people were joined or taken apart: what was being gathered then is void
	looked  int64               // changes up to here have been dealt with
	ods     map[string]string   // Organization id to ODS code, "" where it has none
	minutes []int64             // the last change as it was at each of the last minutes
	within  map[string][]string // Patients in whose records somebody who is a patient may see anything
	refused *refusals           // who has refused something; nil until it is asked for
}

// known is a circle that is at hand, and the numbers of the Patients whose it is, in the order of circle.Patients.
type known struct {
	circle *access.Circle
	group  []int64
}

// circlesLimit bounds the memory: a circle takes a few hundred bytes.
const circlesLimit = 300_000

func newCircles(d *Door) *circles {
	c := &circles{d: d}
	c.empty(0)
	return c
}

func (c *circles) empty(seq int64) {
	c.of, c.by, c.touched, c.ods, c.within = map[int64]known{}, map[string]int64{}, map[int64]int64{}, map[string]string{}, map[string][]string{}
	c.refused = nil
	c.emptied = max(c.emptied, seq)
}

// Types of resources that say who is close to a person, and those of them that must be read whole.
var circleTypes, circleBodies = typesOf("Patient Consent Encounter EpisodeOfCare CareTeam ServiceRequest Appointment Task"), typesOf("Patient Consent")

var (
	organizationType = typesOf("Organization")[0]
	consentTypes     = typesOf("Consent")
	consentType      = consentTypes[0]
	touchingTypes    = append(slices.Clone(circleTypes), organizationType)
)

func typesOf(names string) []spec.TypeID {
	var out []spec.TypeID
	for name := range strings.FieldsSeq(names) {
		t, ok := spec.Resource(name)
		if !ok {
			panic("record: no type " + name)
		}
		out = append(out, t)
	}
	return out
}

// get is what is at hand of some patients; those of whom nothing is are in missing.
func (c *circles) get(patients []int64) (have map[int64]known, missing []int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	have = make(map[int64]known, len(patients))
	for _, n := range patients {
		if k, ok := c.of[n]; ok {
			have[n] = k
		} else {
			missing = append(missing, n)
		}
	}
	return have, missing
}

// at is what is at hand of one patient.
func (c *circles) at(patient int64) (known, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.of[patient]
	return k, ok
}

// named is what is at hand of one patient by id.
func (c *circles) named(id []byte) (known, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.of[c.by[string(id)]] // no patient has the number 0
	return k, ok
}

// learn gathers the circles of patients. What is read inside a transaction may never be committed and is not kept.
func (c *circles) learn(ctx context.Context, w *store.Writer, patients []int64) (map[int64]known, error) {
	have, missing := c.get(patients)
	if len(missing) == 0 {
		return have, nil
	}
	moment, err := c.moment(ctx, w)
	if err != nil {
		return nil, err
	}
	around, err := c.d.store.Around(ctx, w, missing, circleTypes, circleBodies)
	if err != nil {
		return nil, err
	}
	g := &gatherer{c: c, ctx: ctx, w: w, around: around, byID: map[string]*access.Circle{}, of: map[int64]*access.Circle{}}
	if err := g.gather(missing); err != nil {
		return nil, err
	}
	for _, n := range missing {
		have[n] = known{g.of[n], around.Person[n]}
	}
	if w == nil {
		c.keep(g, moment)
	}
	return have, nil
}

// asOf is when something was gathered, so that it is not kept where it has become stale meanwhile.
type asOf struct {
	seq     int64
	related int
}

func (c *circles) moment(ctx context.Context, w *store.Writer) (m asOf, err error) {
	if w != nil {
		return m, nil
	}
	c.mu.RLock()
	m.related = c.related
	c.mu.RUnlock()
	m.seq, err = c.d.store.Seq(ctx)
	return m, err
}

// fresh reports whether nothing has made void what was gathered at a moment.
func (c *circles) fresh(m asOf) bool { return m.seq >= c.emptied && m.related == c.related }

func (c *circles) keep(g *gatherer, m asOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fresh(m) {
		return
	}
	if len(c.of)+len(g.of) > circlesLimit {
		c.of, c.by = map[int64]known{}, map[string]int64{}
	}
	for _, group := range g.around.Person {
		if slices.ContainsFunc(group, func(n int64) bool { return c.touched[n] > m.seq }) {
			continue
		}
		for _, n := range group {
			c.of[n] = known{g.of[n], group}
			c.by[g.around.IDs[n]] = n
		}
	}
}

// touching are the types whose changes make a circle stale.
var touching = func() map[spec.TypeID]bool {
	m := map[spec.TypeID]bool{}
	for _, t := range touchingTypes {
		m[t] = true
	}
	return m
}()

// drop throws away the circles of those whose records these versions are in.
func (c *circles) drop(versions []*store.Version) {
	locked := false
	for _, v := range versions {
		if !touching[v.Type] {
			continue
		}
		if !locked {
			locked = true
			c.mu.Lock()
			defer c.mu.Unlock()
		}
		if v.Type == organizationType {
			if _, known := c.ods[v.ID]; known {
				c.empty(v.Rid)
			}
			continue
		}
		if v.Patient != 0 {
			c.dropOne(v.Patient, v.Rid)
		}
		if v.Type == consentType {
			clear(c.within)
			c.refused = nil
			c.emptied = max(c.emptied, v.Rid)
		} else if v.Type != patientType {
			search.Refs(v.Type, v.Keys, nil, patientType, func(_ spec.TypeID, id string) {
				if n, ok := c.by[id]; ok {
					c.dropOne(n, v.Rid)
				}
			})
		}
	}
}

func (c *circles) dropOne(patient, rid int64) {
	group := []int64{patient}
	if k, ok := c.of[patient]; ok {
		group = k.group
	}
	for _, n := range group {
		delete(c.of, n)
		c.touched[n] = rid
	}
}

// relate throws away the circles of people who are one person now, or no longer.
func (c *circles) relate(patients []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range patients {
		n, ok := c.by[id]
		if !ok {
			continue
		}
		for _, m := range c.of[n].group {
			delete(c.of, m)
		}
		delete(c.of, n)
	}
	clear(c.within)
	c.refused = nil
	c.related++
}

// catchUp deals with what other processes have changed.
func (c *circles) catchUp(ctx context.Context) error {
	c.mu.RLock()
	looked := c.looked
	c.mu.RUnlock()
	var versions []*store.Version
	seq, err := c.d.store.Touched(ctx, looked, touchingTypes, func(v *store.Version) { versions = append(versions, v) })
	if err != nil {
		return err
	}
	linked, err := c.d.store.Relinked(ctx, looked)
	if err != nil {
		return err
	}
	c.drop(versions)
	if len(linked) > 0 {
		c.relate(linked)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = seq
	if len(c.touched) > circlesLimit {
		c.empty(seq)
	}
	return nil
}

// forget removes the note of who was joined or taken apart more than ten minutes ago, which every process has dealt with. It is called once a minute.
func (c *circles) forget(ctx context.Context) error {
	c.mu.Lock()
	c.minutes = append(c.minutes, c.looked)
	var before int64
	if len(c.minutes) > 10 {
		before, c.minutes = c.minutes[0], c.minutes[1:]
	}
	c.mu.Unlock()
	if before == 0 {
		return nil
	}
	return c.d.store.ForgetRelinked(ctx, before)
}

// gatherer makes circles from rows.
type gatherer struct {
	c      *circles
	ctx    context.Context
	w      *store.Writer
	around *store.Around
	byID   map[string]*access.Circle
	of     map[int64]*access.Circle
}

func (g *gatherer) gather(patients []int64) error {
	for _, n := range patients {
		if g.of[n] != nil {
			continue
		}
		circle := &access.Circle{}
		for _, m := range g.around.Person[n] {
			id := g.around.IDs[m]
			circle.Patients = append(circle.Patients, id)
			g.byID[id], g.of[m] = circle, circle
		}
	}
	if err := g.organizations(); err != nil {
		return err
	}
	for _, v := range g.around.Rows {
		for _, circle := range g.circlesOf(v) {
			if err := g.row(circle, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// circlesOf are the circles that a row bears on.
func (g *gatherer) circlesOf(v *store.Version) []*access.Circle {
	var out []*access.Circle
	add := func(c *access.Circle) {
		if c != nil && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	add(g.of[v.Patient])
	switch v.Type {
	case consentType, patientType: // others that these name are not whose record they are in
	default:
		search.Refs(v.Type, v.Keys, nil, patientType, func(_ spec.TypeID, id string) { add(g.byID[id]) })
	}
	return out
}

// organizations learns the ODS codes of all organisations that the rows name.
func (g *gatherer) organizations() error {
	var ask []store.Ref
	asked := map[string]bool{}
	g.c.mu.RLock()
	for _, v := range g.around.Rows {
		search.Refs(v.Type, v.Keys, nil, organizationType, func(t spec.TypeID, id string) {
			if _, known := g.c.ods[id]; !known && !asked[id] {
				asked[id] = true
				ask = append(ask, store.Ref{Type: t, ID: id})
			}
		})
	}
	g.c.mu.RUnlock()
	if len(ask) == 0 {
		return nil
	}
	found, err := g.c.d.store.ManyIn(g.ctx, g.w, ask)
	if err != nil {
		return err
	}
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	for id := range asked {
		g.c.ods[id] = ""
	}
	identifier, _ := spec.ParamCode("identifier")
	for _, v := range found {
		search.Tokens(v.Keys, identifier, func(system, code []byte) bool {
			if string(system) == odsSystem {
				g.c.ods[v.ID] = string(code)
			}
			return true
		})
	}
	return nil
}

const odsSystem = "https://fhir.nhs.uk/Id/ods-organization-code"

func (g *gatherer) organization(id string) string {
	g.c.mu.RLock()
	defer g.c.mu.RUnlock()
	return g.c.ods[id]
}

// row adds what one resource says.
func (g *gatherer) row(circle *access.Circle, v *store.Version) error {
	switch v.Type {
	case patientType, consentType:
		res, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		if v.Type == consentType {
			circle.Consents = append(circle.Consents, consentsOf(res, circle.Patients, g.organization, g.c.d.labelOf)...)
			return nil
		}
		patientOf(circle, res)
		if active := res.Root().Get("active"); !active.Exists() || active.Bool() {
			g.tie(circle, v, access.Tie{Kind: access.Registration}, []string{"general-practitioner", "organization"})
		}
		return nil
	}
	f := factsOf(v)
	tie := access.Tie{Since: f.from, Until: f.until}
	var since, until time.Time // of a visit: its days, with those before and after
	visit, due, waiting, _ := g.c.d.spans()
	if !f.from.IsZero() {
		since, until = f.from.Add(-due), f.from.Add(visit)
		if !f.until.IsZero() && f.until.After(f.from) {
			until = f.until.Add(visit)
		}
	}
	params := []string{}
	switch v.Type.String() {
	case "Encounter":
		params = []string{"service-provider", "participant"}
		switch {
		case f.status == "in-progress" || f.status == "arrived" || f.status == "triaged" || f.status == "onleave":
			tie.Kind = access.Visit
			if slices.Contains([]string{"IMP", "ACUTE", "NONAC", "VR", "OBSENC", "EMER", "HH"}, f.class) {
				tie.Kind, tie.Until = access.Admission, time.Time{}
				break
			}
			tie.Since, tie.Until = since, until
		case f.status == "cancelled" || f.status == "entered-in-error":
			return nil
		default:
			tie.Kind, tie.Since, tie.Until = access.Visit, since, until
		}
	case "EpisodeOfCare":
		params = []string{"organization", "care-manager"}
		switch f.status {
		case "active", "onhold":
			tie.Kind = access.Registration
		case "planned", "waitlist":
			tie.Kind = access.Referral
		default:
			return nil
		}
	case "CareTeam":
		params = []string{"participant"}
		if f.status != "active" && f.status != "" {
			return nil
		}
		tie.Kind = access.Team
	case "ServiceRequest":
		params = []string{"performer"}
		tie.Kind, tie.Until = access.Referral, f.from.Add(visit)
		switch f.status {
		case "active", "on-hold":
			tie.Until = f.from.Add(waiting)
		case "draft", "revoked", "entered-in-error":
			return nil
		}
	case "Appointment":
		params = []string{"practitioner", "actor"}
		if f.status == "cancelled" || f.status == "entered-in-error" || f.from.IsZero() {
			return nil
		}
		tie.Kind, tie.Since, tie.Until = access.Visit, since, until
	case "Task":
		params = []string{"owner"}
		switch f.status {
		case "requested", "received", "accepted", "ready", "in-progress", "on-hold":
			tie.Kind, tie.Until = access.Duty, f.from.Add(waiting)
		default:
			return nil
		}
	}
	g.tie(circle, v, tie, params)
	return nil
}

// tie adds a tie for each organisation and practitioner that a row names under the parameters.
func (g *gatherer) tie(circle *access.Circle, v *store.Version, tie access.Tie, params []string) {
	for _, code := range params {
		id, _ := spec.ParamCode(code)
		search.Refs(v.Type, v.Keys, &search.Param{ID: id}, 0, func(t spec.TypeID, ref string) {
			one := tie
			switch t.String() {
			case "Organization":
				if one.Organization = g.organization(ref); one.Organization == "" {
					return
				}
			case "Practitioner", "PractitionerRole":
				one.Practitioner = t.String() + "/" + ref
			default:
				return
			}
			addTie(circle, one)
		})
		search.Each(v.Keys, func(k *search.Key) { // an organisation named by its code alone
			if k.Param == id && k.Kind == search.LogicalKey && string(k.System) == odsSystem {
				one := tie
				one.Organization = string(k.Code)
				addTie(circle, one)
			}
		})
	}
}

func addTie(circle *access.Circle, tie access.Tie) {
	if !slices.Contains(circle.Ties, tie) {
		circle.Ties = append(circle.Ties, tie)
	}
}

// facts are what the keys of a row say of it.
type facts struct {
	status, class string
	from, until   time.Time
}

// factsOf reads status, class and the main date of a row.
func factsOf(v *store.Version) facts {
	var f facts
	status, _ := spec.ParamCode("status")
	class, _ := spec.ParamCode("class")
	search.Tokens(v.Keys, status, func(_, code []byte) bool { f.status = string(code); return false })
	search.Tokens(v.Keys, class, func(_, code []byte) bool { f.class = string(code); return false })
	if lo, hi, ok := search.When(v.Type, v.Keys); ok {
		const far = 1 << 60
		if lo > -far {
			f.from = time.UnixMicro(lo).UTC()
		}
		if hi < far {
			f.until = time.UnixMicro(hi).UTC()
		}
	}
	return f
}

// trusting are the Patients who are the same person as one, and those who have named that person in a Consent.
func (c *circles) trusting(ctx context.Context, patient string) ([]string, error) {
	c.mu.RLock()
	have, ok := c.within[patient]
	c.mu.RUnlock()
	if ok {
		return have, nil
	}
	moment, err := c.moment(ctx, nil)
	if err != nil {
		return nil, err
	}
	group, err := c.d.store.Person(ctx, []string{patient}, 0)
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, id := range group {
		set["Patient/"+id] = true
	}
	actor := c.d.catalogue.Load().Param(consentType, "actor")
	q := &search.Query{Types: []spec.TypeID{consentType}, Where: []search.Cond{search.NewSet(actor, set, "who trusts")}, Count: MaxCount, KeysOnly: true}
	found, err := c.d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, err
	}
	out := slices.Clone(group)
	named, _ := spec.ParamCode("patient")
	for _, v := range found.Rows {
		search.Refs(v.Type, v.Keys, &search.Param{ID: named}, patientType, func(_ spec.TypeID, id string) {
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		})
	}
	if out, err = c.d.store.Person(ctx, out, 0); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh(moment) && len(c.within) < circlesLimit {
		c.within[patient] = out
	}
	return out, nil
}
