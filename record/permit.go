package record

import (
	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// What is decided about a change, inside its transaction: about the record that a step changes, and about the one it puts
// the resource into. What somebody may not see is to them as if it were not there.

// blind takes from heads what whoever commits does not see, and refuses what would show by its answer whether there is
// something under an id.
func (e *eyes) blind(s *step, heads map[store.Ref]*store.Version) error {
	if e == nil {
		return nil
	}
	head := heads[s.ref]
	if head != nil {
		seen, err := e.may(access.Read, head)
		if err != nil {
			return err
		}
		if !seen {
			delete(heads, s.ref)
			head = nil
		}
	}
	if head != nil || s.fresh || s.matched != nil || s.op.Method == Delete || s.op.Method == Create && s.op.ID == "" {
		return nil
	}
	if s.op.IfMatch != 0 {
		return nil // refused for that
	}
	return fhir.Errorf(fhir.NotFound, "there is no %s; a new resource is given its id here: create it by POST", s.ref)
}

// newcomers makes known the people whom a commit itself brings: who is close to them is what their Patient says.
func (e *eyes) newcomers(c *commit, heads map[store.Ref]*store.Version) error {
	if e == nil {
		return nil
	}
	for i := range c.steps {
		s := &c.steps[i]
		if s.ref.Type != patientType || s.prepared == nil || heads[s.ref] != nil {
			continue
		}
		g := &gatherer{c: e.d.circles, ctx: e.ctx, w: e.w, around: &store.Around{}}
		v := &store.Version{Type: patientType, ID: s.ref.ID, Keys: s.prepared.Index.Keys, Body: s.prepared.Body(1, 1)}
		g.around.Rows = []*store.Version{v}
		if err := g.organizations(); err != nil {
			return fatal(err)
		}
		circle := &access.Circle{Patients: []string{s.ref.ID}}
		if err := g.row(circle, v); err != nil {
			return err
		}
		e.byID[s.ref.ID] = &seen{s.ref.ID, e.d.policy.See(e.who, circle, e.today), true}
	}
	return nil
}

// permitStep decides about a step.
func (e *eyes) permitStep(s *step, heads map[store.Ref]*store.Version) error {
	if e == nil || s.matched != nil {
		return nil
	}
	refs := s.several
	if s.ref.ID != "" {
		refs = []store.Ref{s.ref}
	}
	action := access.Update
	if s.op.Method == Delete {
		action = access.Delete
	}
	for _, ref := range refs {
		head := heads[ref]
		if head == nil || head.Op >= store.Delete {
			continue
		}
		if ok, err := e.may(action, head); err != nil {
			return err
		} else if !ok {
			return fhir.Errorf(fhir.Forbidden, "%s", e.why(action, head).Sentence())
		}
	}
	if s.prepared == nil {
		return nil
	}
	if head := heads[s.ref]; head == nil || head.Op >= store.Delete {
		action = access.Create
	}
	return e.permitNew(action, s.ref, s.prepared.Index.Keys, s.prepared.Body(1, 1))
}

// permitNew decides about a resource as it will be. Sensitive labels do not keep anybody from writing something down.
func (e *eyes) permitNew(action access.Action, ref store.Ref, keys, body []byte) error {
	row := &search.Row{Type: ref.Type, ID: ref.ID, Keys: keys}
	var home *seen
	if ref.Type == patientType && action != access.Create {
		var err error
		if home, err = e.person(ref.ID); err != nil {
			return fatal(err)
		}
	}
	for {
		if _, sound := e.look(ref.Type, keys, 0); !sound {
			return fhir.Errorf(fhir.Broken, "the search keys of %s are damaged", ref)
		}
		if !e.lack {
			break
		}
		if err := e.Learn(); err != nil {
			return fatal(err)
		}
	}
	e.home = home
	if !e.judge(action, ref.Type, 0) {
		return fhir.Errorf(fhir.Forbidden, "%s", e.refusal(action, ref.Type).Sentence())
	}
	if ok, err := e.scoped(action, row); err != nil {
		return err
	} else if !ok {
		return fhir.Errorf(fhir.Forbidden, "%s", access.Decision{Reason: "This app was not allowed to write this.", Unlock: access.ByScope}.Sentence())
	}
	if ref.Type == consentType {
		return e.permitConsent(body)
	}
	return nil
}

// refusal is why an action is refused on what was just looked at.
func (e *eyes) refusal(action access.Action, t spec.TypeID) access.Decision {
	for _, s := range append([]*seen{e.home}, e.others...) {
		if s != nil {
			if d := s.sight.Decide(action, t, 0); !d.Permit {
				return d
			}
		}
	}
	return e.nobodys().Decide(action, t, 0)
}

// permitConsent refuses consents by which somebody would give themselves what only the record's own rules give.
func (e *eyes) permitConsent(body []byte) error {
	res, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	if kindOf(res.Root()) == access.Glass {
		return fhir.Errorf(fhir.Forbidden, "A record is opened in an emergency by giving a reason, not by writing a Consent.")
	}
	return nil
}
