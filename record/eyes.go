package record

import (
	"context"
	"maps"
	"slices"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// eyes are what one request of one actor may see and do. They decide once for each person whose record they meet, and
// hold each resource against that. They serve one goroutine.
type eyes struct {
	ctx    context.Context
	d      *Door
	w      *store.Writer // of the transaction they look in; nil outside
	who    *access.Actor
	action access.Action
	today  access.Day

	nobody  *access.Sight // of what is in nobody's record, once it was asked for
	of      map[int64]*seen
	byID    map[string]*seen
	queries map[spec.TypeID][]*search.Query // of an app's scopes

	ask    map[int64]bool  // patients to be learned about
	askIDs map[string]bool // and those known by id only

	named []*store.Version // whose records a search named that was refused: only their numbers

	// While a row is looked at:
	home   *seen
	typ    spec.TypeID
	others []*seen
	lack   bool
	member func(id []byte)
}

// seen is what is seen of one person.
type seen struct {
	id    string
	sight *access.Sight
	there bool // such a Patient is here
}

// eyes opens somebody's eyes; nil for whoever sees everything.
func (d *Door) eyes(ctx context.Context, w *store.Writer, who *access.Actor, action access.Action) *eyes {
	if d.policy.Open(who) {
		return nil
	}
	e := &eyes{ctx: ctx, d: d, w: w, who: who, action: action, today: d.now(), of: map[int64]*seen{}, byID: map[string]*seen{}}
	e.member = func(id []byte) {
		if e.home != nil && string(id) == e.home.id {
			return
		}
		s := e.byID[string(id)]
		if s == nil {
			if k, ok := d.circles.named(id); ok {
				e.know(k)
				s = e.byID[string(id)]
			}
		}
		if s == nil {
			if e.askIDs == nil {
				e.askIDs = map[string]bool{}
			}
			e.askIDs[string(id)] = true
			e.lack = true
			return
		}
		e.others = append(e.others, s)
	}
	return e
}

// nobodys is what is seen of what is in nobody's record.
func (e *eyes) nobodys() *access.Sight {
	if e.nobody == nil {
		e.nobody = e.d.policy.See(e.who, nil, e.today)
	}
	return e.nobody
}

// Sees reports whether a row is seen, and narrows one of a person whose whereabouts are withheld.
func (e *eyes) Sees(row *search.Row, patient int64) (ok, known bool, err error) {
	ok, known, err = e.mayNarrow(e.action, row, patient)
	if !ok || !known || err != nil {
		return ok, known, err
	}
	return true, true, nil
}

func (e *eyes) mayNarrow(action access.Action, row *search.Row, patient int64) (ok, known bool, err error) {
	bits, sound := e.look(row.Type, row.Keys, patient)
	if !sound {
		return false, true, fhir.Errorf(fhir.Broken, "the search keys of %s/%s are damaged", row.Type, row.ID)
	}
	if e.lack {
		return false, false, nil
	}
	if !e.judge(action, row.Type, bits) {
		return false, true, nil
	}
	if hasPlace(row.Type) && e.withheld() {
		row.Keys, row.Rest = narrowKeys(row.Keys), narrowed{row.Rest}
	}
	ok, err = e.scoped(action, row)
	return ok, true, err
}

// look finds out of a row whose record it is in and how it is labelled. Afterwards lack says that somebody must be
// learned about first.
func (e *eyes) look(t spec.TypeID, keys []byte, patient int64) (access.Labels, bool) {
	e.typ, e.home, e.others, e.lack = t, nil, e.others[:0], false
	if patient != 0 {
		if e.home = e.of[patient]; e.home == nil {
			// At hand without asking the database: the row need not wait for the others.
			if k, ok := e.d.circles.at(patient); ok {
				e.know(k)
				e.home = e.of[patient]
			}
		}
		if e.home == nil {
			if e.ask == nil {
				e.ask = map[int64]bool{}
			}
			e.ask[patient] = true
			e.lack = true
		}
	}
	bits, sound := e.d.labels.Of(t, keys, e.member)
	return access.Labels(bits), sound
}

// judge holds what look found against what is allowed: everybody whose record it is must permit it.
func (e *eyes) judge(action access.Action, t spec.TypeID, bits access.Labels) bool {
	if e.home == nil && len(e.others) == 0 {
		return e.nobodys().May(action, t, bits)
	}
	if e.home != nil && !e.home.sight.May(action, t, bits) {
		return false
	}
	for _, s := range e.others {
		if !s.sight.May(action, t, bits) {
			return false
		}
	}
	return true
}

func (e *eyes) withheld() bool {
	return e.home != nil && e.home.sight.Withheld() || slices.ContainsFunc(e.others, func(s *seen) bool { return s.sight.Withheld() })
}

// scoped holds a row against the queries of an app's scopes.
func (e *eyes) scoped(action access.Action, row *search.Row) (bool, error) {
	if e.who.App == nil {
		return true, nil
	}
	var sight *access.Sight
	switch {
	case e.home != nil:
		sight = e.home.sight
	case len(e.others) > 0:
		sight = e.others[0].sight
	default:
		sight = e.nobodys()
	}
	texts := sight.Queries(action, row.Type)
	if texts == nil {
		return true, nil
	}
	queries, known := e.queries[row.Type]
	if !known {
		for _, text := range texts {
			q, err := e.d.scopeQuery(row.Type.String(), text)
			if err != nil {
				return false, err
			}
			queries = append(queries, q)
		}
		if e.queries == nil {
			e.queries = map[spec.TypeID][]*search.Query{}
		}
		e.queries[row.Type] = queries
	}
	for _, q := range queries {
		if ok, err := q.Match(row); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Learn decides about the people of the rows that were not known.
func (e *eyes) Learn() error {
	if len(e.askIDs) > 0 {
		ids := make([]string, 0, len(e.askIDs))
		for id := range e.askIDs {
			ids = append(ids, id)
		}
		e.askIDs = nil
		numbers, err := e.d.store.Numbers(e.ctx, e.w, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if n, ok := numbers[id]; ok {
				if e.ask == nil {
					e.ask = map[int64]bool{}
				}
				e.ask[n] = true
			} else {
				// A reference to a Patient who is not here: as with somebody of whom nothing is known.
				e.byID[id] = &seen{id, e.d.policy.See(e.who, &access.Circle{Patients: []string{id}}, e.today), false}
			}
		}
	}
	if len(e.ask) == 0 {
		return nil
	}
	patients := make([]int64, 0, len(e.ask))
	for n := range e.ask {
		patients = append(patients, n)
	}
	e.ask = nil
	return e.meet(patients)
}

// meet decides about patients.
func (e *eyes) meet(patients []int64) error {
	circles, err := e.d.circles.learn(e.ctx, e.w, patients)
	if err != nil {
		return err
	}
	for _, k := range circles {
		if e.of[k.group[0]] == nil { // else the same person under another number
			e.know(k)
		}
	}
	return nil
}

// know decides about a person whose circle is at hand.
func (e *eyes) know(k known) {
	sight := e.d.policy.See(e.who, k.circle, e.today)
	all := make([]seen, len(k.group))
	for i, n := range k.group {
		s := &all[i]
		*s = seen{k.circle.Patients[i], sight, true}
		e.of[n], e.byID[s.id] = s, s
	}
}

// may reports whether an action on a version is allowed. A deletion is as the version before it was; what was erased is
// nobody's to see.
func (e *eyes) may(action access.Action, v *store.Version) (bool, error) {
	row := &search.Row{Type: v.Type, ID: v.ID, Updated: v.Updated, Keys: v.Keys}
	patient := v.Patient
	switch v.Op {
	case store.Erased:
		return false, nil
	case store.Delete:
		before, err := e.d.store.VersionIn(e.ctx, e.w, store.Ref{Type: v.Type, ID: v.ID}, v.Version-1)
		if err != nil || before.Op >= store.Delete {
			return false, ignoreAbsent(err)
		}
		row.Keys, patient = before.Keys, before.Patient
	}
	for {
		ok, known, err := e.mayNarrow(action, row, patient)
		if known || err != nil {
			return ok, err
		}
		if err := e.Learn(); err != nil {
			return false, err
		}
	}
}

func ignoreAbsent(err error) error {
	if fhir.KindOf(err) == fhir.NotFound {
		return nil
	}
	return err
}

// keep are those of the versions that are seen, narrowed where whereabouts are withheld.
func (e *eyes) keep(versions []*store.Version) ([]*store.Version, error) {
	if e == nil {
		return versions, nil
	}
	out := make([]*store.Version, 0, len(versions))
	for _, v := range versions {
		ok, err := e.may(e.action, v)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if v, err = e.narrow(v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// narrow takes from a version that was just looked at what is withheld.
func (e *eyes) narrow(v *store.Version) (*store.Version, error) {
	if !hasPlace(v.Type) || !e.withheld() || v.Body == nil {
		return v, nil
	}
	res, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	if res, err = withhold(res); err != nil {
		return nil, err
	}
	less := *v
	less.Body, less.Keys = res.Bytes(), narrowKeys(v.Keys)
	return &less, nil
}

// why says of one version why an action is refused, and what would unlock it.
func (e *eyes) why(action access.Action, v *store.Version) access.Decision {
	bits, _ := e.look(v.Type, v.Keys, v.Patient)
	for _, s := range append([]*seen{e.home}, e.others...) {
		if s != nil {
			if d := s.sight.Decide(action, v.Type, bits); !d.Permit {
				return d
			}
		}
	}
	return e.nobodys().Decide(action, v.Type, bits)
}

// into has a query look at the record with these eyes.
func (e *eyes) into(q *search.Query) {
	if e != nil {
		q.Eyes = e
	}
}

// narrowAll narrows in their places rows that a search has found.
func (e *eyes) narrowAll(rows []*store.Version) error {
	if e == nil {
		return nil
	}
	for i, v := range rows {
		if !hasPlace(v.Type) {
			continue
		}
		kept, err := e.keep(rows[i : i+1])
		if err != nil {
			return err
		}
		if len(kept) == 1 {
			rows[i] = kept[0]
		}
	}
	return nil
}

// open prepares a query and refuses it where its answer could not but be empty: where the asker may see no resource of the
// type at all, or nothing in the record of the very people it names, whom they do see. The refusal depends on who asks
// and whose record it is, never on what is in it.
func (e *eyes) open(q *search.Query) error {
	for _, t := range q.Types {
		if d := e.d.policy.Ever(e.who, access.Search, t); !d.Permit && len(q.Types) == 1 {
			return fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
		}
	}
	e.into(q)
	within, err := e.within()
	if err != nil {
		return err
	}
	q.Within = within
	named := map[string]bool{}
	for i := range q.Where {
		c := &q.Where[i]
		if c.Op != search.Leaf || c.Param == nil || c.Param.Type != "reference" || c.Modifier != "" && c.Modifier != "Patient" || c.Chain != nil {
			continue
		}
		for _, v := range c.Values {
			if !v.HasSystem && (v.Type == "Patient" || v.Type == "" && c.Param.Code == "patient") {
				named[v.Code] = true
			}
		}
	}
	if len(named) == 0 || len(q.Types) != 1 {
		return nil
	}
	var refusal access.Decision
	for id := range named {
		s, err := e.person(id)
		if err != nil {
			return err
		}
		refusal = s.sight.Decide(access.Search, q.Types[0], 0)
		// Of somebody whom the asker does not see, nothing is said.
		if refusal.Permit || !s.sight.May(access.Search, patientType, 0) || !s.there {
			return nil
		}
	}
	ids := slices.Collect(maps.Keys(named))
	numbers, err := e.d.store.Numbers(e.ctx, nil, ids)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		e.named = append(e.named, &store.Version{Patient: n})
	}
	return fhir.Errorf(fhir.Forbidden, "%s", refusal.Sentence())
}

// within are the Patients in whose records all is that the asker may see of people: their own, and of people who trust
// them; of an app, the one it was opened for. Nil where there is no such bound.
func (e *eyes) within() ([]string, error) {
	who := e.who
	if who.App != nil && who.App.Patient != "" && !slices.ContainsFunc(who.App.Scopes, func(s access.Scope) bool { return s.Context != "patient" }) {
		return e.d.Person(e.ctx, who.App.Patient)
	}
	if who.Role != "patient" {
		return nil, nil
	}
	if who.Patient == "" {
		return []string{}, nil
	}
	return e.d.circles.trusting(e.ctx, who.Patient)
}
