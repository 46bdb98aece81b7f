package record

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// Log asks for changes of one resource (Type and ID), of a type, or of everything.
type Log struct {
	Type, ID string
	After    int64     // reading forwards: changes after this one
	Before   int64     // reading backwards: changes before this one, 0 for the newest
	Since    time.Time // not older
	At       time.Time // what was current then, and what was written since then up to Since
	Back     bool      // newest first
	Limit    int
}

// Changes are versions in the order in which they were committed, or newest first. There are no gaps: a change that was
// erased stands there without id and body.
func (d *Door) Changes(ctx context.Context, who access.Actor, l Log) ([]Stored, error) {
	log := store.Log{After: l.After, Before: l.Before, Back: l.Back, Limit: l.Limit}
	what := "_history"
	if l.Type != "" {
		t, ok := spec.Resource(l.Type)
		if !ok {
			return nil, fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", l.Type)
		}
		log.Type, log.ID = t, l.ID
		what = strings.Trim(l.Type+"/"+l.ID, "/") + "/_history"
	}
	if !l.Since.IsZero() {
		log.Since = l.Since.UnixMicro()
	}
	e := d.eyes(ctx, nil, &who, access.Read)
	versions, err := d.changes(ctx, e, log)
	if err != nil {
		return nil, err
	}
	if l.ID != "" && len(versions) == 0 && l.Before == 0 && l.After == 0 {
		head, err := d.store.Get(ctx, store.Ref{Type: log.Type, ID: l.ID})
		if err != nil {
			return nil, err
		}
		if e != nil {
			if seen, err := e.may(access.Read, head); err != nil {
				return nil, err
			} else if !seen {
				return nil, d.audit.refusedAs(ctx, who, access.Read, what, e.why(access.Read, head), fhir.Errorf(fhir.NotFound, "there is no %s", head.Ref()), head)
			}
		}
	}
	out := make([]Stored, len(versions))
	for i, v := range versions {
		out[i] = *stored(v)
	}
	return out, d.audit.disclosed(ctx, who, access.Read, what, versions...)
}

// changes reads as many changes as were asked for, as somebody sees the record.
func (d *Door) changes(ctx context.Context, e *eyes, log store.Log) ([]*store.Version, error) {
	if e == nil {
		return d.store.Changes(ctx, log)
	}
	var out []*store.Version
	want := log.Limit
	for blind := 0; ; {
		log.Limit = max(want-len(out), 100)
		some, err := d.store.Changes(ctx, log)
		if err != nil {
			return nil, err
		}
		kept, err := e.keep(some)
		if err != nil {
			return nil, err
		}
		if out = append(out, kept...); len(out) >= want {
			return out[:want], nil
		}
		if len(some) < log.Limit {
			return out, nil
		}
		if blind += len(some) - len(kept); blind > blindLimit {
			return nil, fhir.Errorf(fhir.TooCostly, "this history is mostly of records that you may not see: ask for the history of one resource")
		}
		if last := some[len(some)-1].Rid; log.Back {
			log.Before = last
		} else {
			log.After = last
		}
	}
}

// blindLimit is how many changes a history may pass over because the asker may not see them.
const blindLimit = 50_000

// Seq is the number of the last change.
func (d *Door) Seq(ctx context.Context) (int64, error) { return d.store.Seq(ctx) }

// Count is the number of current resources of a type, from the counters: no person's data is read.
func (d *Door) Count(ctx context.Context, typ string) (int64, error) {
	t, ok := spec.Resource(typ)
	if !ok {
		return 0, fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", typ)
	}
	return d.store.Count(ctx, t)
}

// Everything are the resources of a patient's compartment in pages, and with the last page the organisations,
// practitioners and other shared resources that they refer to. https://hl7.org/fhir/R4/patient-operation-everything.html
type Everything struct {
	Types []string  // "" for all
	Since time.Time // only what was written since
	Start time.Time // only care at or after this; what bears no date is always there
	End   time.Time // only care before this; zero for no end
	Count int
	Page  string
}

// shows reports whether a row is among those asked for.
func (e *Everything) shows(v *store.Version) bool {
	if !e.Since.IsZero() && v.Updated < e.Since.UnixMicro() {
		return false
	}
	if e.Start.IsZero() && e.End.IsZero() || v.Type == patientType {
		return true
	}
	lo, hi, dated := search.When(v.Type, v.Keys)
	return !dated || (e.Start.IsZero() || hi > e.Start.UnixMicro()) && (e.End.IsZero() || lo < e.End.UnixMicro())
}

// Everything reads all there is about a patient.
func (d *Door) Everything(ctx context.Context, who access.Actor, patient string, e Everything) (*Page, error) {
	what := "Patient/" + patient + "/$everything"
	self, err := d.store.Get(ctx, store.Ref{Type: patientType, ID: patient})
	if err != nil {
		return nil, err
	}
	eyes := d.eyes(ctx, nil, &who, access.Read)
	if eyes != nil {
		if err := eyes.everything(self); err != nil {
			return nil, d.audit.refused(ctx, who, access.Read, what, err, self)
		}
	}
	if self.Op >= store.Delete {
		return nil, fhir.Errorf(fhir.Gone, "Patient/%s was deleted", patient)
	}
	var types []spec.TypeID
	for _, name := range e.Types {
		t, ok := spec.Resource(name)
		if !ok {
			return nil, fhir.Errorf(fhir.Invalid, "_type: there is no resource type %q in FHIR R4", name)
		}
		types = append(types, t)
	}
	seq, after := int64(0), int64(0)
	if e.Page != "" {
		p, err := search.ParsePage(e.Page)
		if err != nil {
			return nil, err
		}
		if err := d.fresh(ctx, p.Seq); err != nil {
			return nil, err
		}
		seq, after = p.Seq, p.Rid
	}
	count := e.Count
	if count <= 0 || count > MaxCount {
		count = MaxCount
	}
	rows, seq, err := d.compartment(ctx, eyes, patient, types, seq, after, count+1)
	if err != nil {
		return nil, err
	}
	page := &Page{Total: Unknown}
	if len(rows) > count {
		rows = rows[:count]
		page.Next = (&search.Page{Seq: seq, Rid: rows[count-1].Rid}).String()
	} else {
		shared, err := d.shared(ctx, eyes, patient, rows, seq, after > 0, types)
		if err == nil {
			shared, err = eyes.keep(shared)
		}
		if err != nil {
			return nil, err
		}
		if after == 0 {
			page.Total = int64(len(rows) + len(shared))
		}
		rows = append(rows, shared...)
	}
	shown := rows[:0:0]
	for _, v := range rows {
		if !e.shows(v) {
			continue
		}
		shown = append(shown, v)
		page.Matches = append(page.Matches, *stored(v))
	}
	if len(shown) < len(rows) {
		page.Total = Unknown
	}
	return page, d.audit.disclosed(ctx, who, access.Read, what, shown...)
}

// everything refuses all there is about a patient to whoever may see nothing of it.
func (e *eyes) everything(self *store.Version) error {
	seen, err := e.may(access.Read, self)
	if err != nil {
		return err
	}
	if !seen {
		return fhir.Errorf(fhir.NotFound, "there is no %s", self.Ref())
	}
	condition := typesOf("Condition")[0]
	if d := e.home.sight.Decide(access.Read, condition, 0); !d.Permit && e.who.App == nil {
		return fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	return nil
}

// compartment reads as many resources of a patient's compartment as were asked for, as somebody sees the record.
func (d *Door) compartment(ctx context.Context, e *eyes, patient string, types []spec.TypeID, seq, after int64, want int) ([]*store.Version, int64, error) {
	var out []*store.Version
	for {
		limit := want - len(out)
		rows, at, err := d.store.Compartment(ctx, patient, types, seq, after, limit)
		if err != nil {
			return nil, at, err
		}
		kept, err := e.keep(rows)
		if out = append(out, kept...); err != nil || len(rows) < limit || len(out) >= want {
			return out, at, err
		}
		seq, after = at, rows[len(rows)-1].Rid
	}
}

var patientType, _ = spec.Resource("Patient")

// sharedTypes are what a record refers to without its being about one person.
var sharedTypes = map[string]bool{"Organization": true, "Practitioner": true, "PractitionerRole": true, "Location": true, "HealthcareService": true, "Medication": true, "Device": true, "Endpoint": true, "Substance": true, "Questionnaire": true, "PlanDefinition": true, "ActivityDefinition": true}

// shared are the shared resources that the rows refer to; where there were earlier pages, also what those referred to.
func (d *Door) shared(ctx context.Context, e *eyes, patient string, rows []*store.Version, seq int64, earlier bool, types []spec.TypeID) ([]*store.Version, error) {
	if earlier {
		var err error
		if rows, _, err = d.compartment(ctx, e, patient, types, seq, 0, 1<<30); err != nil {
			return nil, err
		}
	}
	seen := map[store.Ref]bool{}
	var want []store.Ref
	for _, v := range rows {
		search.Refs(v.Type, v.Keys, nil, 0, func(t spec.TypeID, id string) {
			if ref := (store.Ref{Type: t, ID: id}); sharedTypes[t.String()] && !seen[ref] {
				seen[ref] = true
				if len(types) == 0 || contains(types, t) {
					want = append(want, ref)
				}
			}
		})
	}
	if len(want) == 0 {
		return nil, nil
	}
	return d.store.Many(ctx, want, seq)
}

func contains(types []spec.TypeID, t spec.TypeID) bool {
	for _, have := range types {
		if have == t {
			return true
		}
	}
	return false
}

// FindIn searches one compartment: the resources of a type that are in the compartment of, say, Patient/1.
func (d *Door) FindIn(ctx context.Context, who access.Actor, compartment, query string, lenient bool) (*Page, error) {
	name, id, _ := strings.Cut(compartment, "/")
	def := spec.Compartment(name)
	if def == nil || !fhir.ValidID(id) {
		return nil, fhir.Errorf(fhir.NotFound, "there is no compartment %s", compartment)
	}
	typ, params, _ := strings.Cut(query, "?")
	codes := def.Params(typ)
	if len(codes) == 0 {
		return nil, fhir.Errorf(fhir.NotFound, "%s is not in the compartment of a %s", typ, name)
	}
	q, err := d.parser(lenient).Parse(typ, params)
	if err != nil {
		return nil, err
	}
	in := search.Cond{Op: search.Or, Source: compartment}
	for _, code := range codes {
		if p := d.catalogue.Load().Param(q.Types[0], code); p != nil {
			in.Kids = append(in.Kids, search.NewSet(p, map[string]bool{compartment: true}, compartment))
		}
	}
	if typ == name {
		in.Kids = append(in.Kids, search.NewSet(nil, map[string]bool{compartment: true}, compartment))
	}
	q.Where = append(q.Where, in)
	page, err := d.answer(ctx, who, q, typ, compartment+"/"+query)
	if err != nil {
		return nil, err
	}
	page.Self = compartment + "/" + page.Self
	if page.Next != "" {
		page.Next = compartment + "/" + page.Next
	}
	return page, nil
}
