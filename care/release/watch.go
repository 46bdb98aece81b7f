package release

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service holds results and releases them. Door and Rules must be set.
type Service struct {
	Door  *record.Door
	Rules *Rules
	Now   func() time.Time // nil for the clock
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// me is this part of the program.
var me = access.Actor{ID: "kith/release", Name: "The rules of when results are seen", Role: access.Kith, Purpose: "TREAT"}

// Room is the name of the box in which it stands what is held.
const Room = "release"

// In the box: "held" PATIENT/Type/ID is a result that is held; "open" Type/ID one that was released, which is not held again when its source sends it once more.
const (
	kindHeld = "held"
	kindOpen = "open"
)

// heldItem is what is kept of a result that is held.
type heldItem struct {
	Choice
	Other bool // it bears other labels too: that it is there is told to nobody
}

// openItem is who released a result and when.
type openItem struct {
	Who string
	At  time.Time
}

// OrderExtension says on a ServiceRequest when its result is to be seen: now, talk or days.
const OrderExtension = "https://kith.care/fhir/StructureDefinition/release"

// Run holds results as they come and releases them when their time has come, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return s.Door.Box(Room).Follow(ctx, me, record.Following{Name: "release", Types: []string{"DiagnosticReport", "Observation"}, Do: s.came, Regularly: s.due, Every: time.Minute})
}

// Marks has what is to be held labelled in the commit that brings it, so that it is seen at no door before. What else a commit brings is not known there yet, such as an
// order that chose otherwise: that is looked at when the change is followed.
func (s *Service) Marks() { s.Door.Marks(s.mark, "DiagnosticReport", "Observation") }

func (s *Service) mark(ctx context.Context, ref string, res *fhir.Resource) (*fhir.Resource, error) {
	root := res.Root()
	if Labelled(root) || patientOf(root) == "" {
		return res, nil
	}
	_, held, err := s.choice(ctx, root)
	if err != nil || !held {
		return res, err
	}
	if open, err := s.Door.Box(Room).Get(ctx, kindOpen, ref); err != nil || open != nil {
		return res, err
	}
	return withLabel(res)
}

// came holds those of the changes that are to be held.
func (s *Service) came(ctx context.Context, changes []record.Stored) (ops []record.Op, items []record.BoxItem, err error) {
	newest := map[string]bool{}
	for i := len(changes) - 1; i >= 0; i-- {
		c := &changes[i]
		if newest[c.Ref()] || c.Deleted {
			newest[c.Ref()] = true
			continue
		}
		newest[c.Ref()] = true
		res, err := c.Resource()
		if err != nil {
			return nil, nil, err
		}
		choice, held, err := s.choice(ctx, res.Root())
		if err != nil {
			return nil, nil, err
		}
		patient := patientOf(res.Root())
		if !held || patient == "" {
			continue
		}
		if open, err := s.Door.Box(Room).Get(ctx, kindOpen, c.Ref()); err != nil || open != nil {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		items = append(items, record.JSONItem(kindHeld, patient+"/"+c.Ref(), heldItem{choice, otherLabels(res.Root())}))
		if !Labelled(res.Root()) {
			ops = append(ops, record.Op{Method: record.Patch, Type: c.Type, ID: c.ID, Patch: withLabel})
		}
	}
	return ops, items, nil
}

// choice is what is decided about a result. What was issued longer ago than anything is held is not looked at further: history comes by the million.
func (s *Service) choice(ctx context.Context, root fhir.Value) (Choice, bool, error) {
	now, issued := s.now(), IssuedAt(root)
	if issued.IsZero() || now.Sub(issued) > max(s.Rules.most, defaultDays*24*time.Hour)+24*time.Hour {
		return Choice{}, false, nil
	}
	ordered, err := s.ordered(ctx, root)
	if err != nil {
		return Choice{}, false, err
	}
	c, held := Choose(s.Rules.Of(root), ordered, issued, now)
	return c, held, nil
}

// ordered is what was chosen when the test was ordered.
func (s *Service) ordered(ctx context.Context, root fhir.Value) (Rule, error) {
	for b := range root.Get("basedOn").Items() {
		id, ok := strings.CutPrefix(b.Get("reference").Text(), "ServiceRequest/")
		if !ok {
			continue
		}
		stored, err := s.Door.Get(ctx, me, "ServiceRequest", id)
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			continue
		}
		if err != nil {
			return "", err
		}
		res, err := stored.Resource()
		if err != nil {
			return "", err
		}
		if rule := OrderedOf(res.Root()); rule != "" {
			return rule, nil
		}
	}
	return "", nil
}

// OrderedOf is what an order says of when its result is seen, "" where it says nothing.
func OrderedOf(order fhir.Value) Rule {
	for e := range order.Get("extension").Items() {
		if e.Get("url").Is(OrderExtension) {
			switch r := Rule(e.Get("valueCode").Text()); r {
			case Now, Talk, Days:
				return r
			}
		}
	}
	return ""
}

// Order writes on an order when its result is to be seen, as whoever chooses; the record decides whether they may.
func (s *Service) Order(ctx context.Context, who access.Actor, id string, rule Rule) error {
	if rule != Now && rule != Talk && rule != Days {
		return fhir.Errorf(fhir.Invalid, "a result is seen now, after a talk, or after some days")
	}
	_, err := s.Door.Commit(ctx, who, []record.Op{{Method: record.Patch, Type: "ServiceRequest", ID: id, Patch: func(res *fhir.Resource) (*fhir.Resource, error) {
		var order r4.ServiceRequest
		if err := r4.Decode(res, &order); err != nil {
			return nil, err
		}
		kept := order.Extension[:0]
		for _, e := range order.Extension {
			if e.URL != OrderExtension {
				kept = append(kept, e)
			}
		}
		order.Extension = append(kept, r4.Extension{URL: OrderExtension, ValueCode: string(rule)})
		return r4.Resource(&order)
	}}})
	return err
}

// due releases what has been held until its time came.
func (s *Service) due(ctx context.Context) (ops []record.Op, items []record.BoxItem, err error) {
	now := s.now()
	for after := ""; ; {
		page, err := s.Door.Box(Room).List(ctx, kindHeld, after, 500)
		if err != nil {
			return nil, nil, err
		}
		for _, it := range page {
			after = it.Key
			h, err := readHeld(it)
			if err != nil {
				return nil, nil, err
			}
			if now.Before(h.By) {
				continue
			}
			_, ref, _ := strings.Cut(it.Key, "/")
			op, there, err := s.opening(ctx, ref)
			if err != nil {
				return nil, nil, err
			}
			if there {
				ops = append(ops, op)
			}
			items = append(items, record.BoxItem{Kind: kindHeld, Key: it.Key}, record.JSONItem(kindOpen, ref, openItem{me.ID, now}))
			if len(ops) == 200 {
				return ops, items, nil
			}
		}
		if len(page) < 500 {
			return ops, items, nil
		}
	}
}

// opening is the change that takes the label off; there is false where the result is gone.
func (s *Service) opening(ctx context.Context, ref string) (op record.Op, there bool, err error) {
	typ, id, _ := strings.Cut(ref, "/")
	if _, err := s.Door.Get(ctx, me, typ, id); err != nil {
		if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
			return op, false, nil
		}
		return op, false, err
	}
	return record.Op{Method: record.Patch, Type: typ, ID: id, Patch: withoutLabel}, true, nil
}

// Release lets a patient see a result from now on, as whoever says so; the record decides whether they may change it. It may be released before it was held.
func (s *Service) Release(ctx context.Context, who access.Actor, typ, id string) error {
	stored, err := s.Door.Get(ctx, who, typ, id)
	if err != nil {
		return err
	}
	res, err := stored.Resource()
	if err != nil {
		return err
	}
	if typ != "DiagnosticReport" && typ != "Observation" {
		return fhir.Errorf(fhir.Invalid, "only a result can be released")
	}
	_, err = s.Door.Box(Room).Commit(ctx, who, []record.Op{{Method: record.Patch, Type: typ, ID: id, Patch: withoutLabel}},
		record.BoxItem{Kind: kindHeld, Key: patientOf(res.Root()) + "/" + stored.Ref()}, record.JSONItem(kindOpen, stored.Ref(), openItem{who.ID, s.now()}))
	return err
}

// Hidden reports whether a result is to be kept from its patient now, also in the moment before it is labelled.
func (s *Service) Hidden(ctx context.Context, root fhir.Value) (bool, error) {
	if Labelled(root) {
		return true, nil
	}
	_, held, err := s.choice(ctx, root)
	if err != nil || !held {
		return false, err
	}
	open, err := s.Door.Box(Room).Get(ctx, kindOpen, root.Get("resourceType").Text()+"/"+root.Get("id").Text())
	return open == nil, err
}

// Waiting are the days by which results that are there will be talked about or shown, each once, the earliest first: all that may be told of them. Somebody
// other than the person is told nothing.
func (s *Service) Waiting(ctx context.Context, who access.Actor, patient string) ([]time.Time, error) {
	if who.Role != "patient" || who.Patient != patient || who.App != nil {
		return nil, nil
	}
	if d, err := s.Door.Decide(ctx, who, access.Read, "DiagnosticReport", patient); err != nil || !d.Permit {
		return nil, err
	}
	held, err := s.held(ctx, patient)
	if err != nil {
		return nil, err
	}
	return days(held), nil
}

// held are the results of a person that are held, by what they are.
func (s *Service) held(ctx context.Context, patient string) (map[string]heldItem, error) {
	person, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	out := map[string]heldItem{}
	for _, id := range person {
		for after := id + "/"; ; {
			page, err := s.Door.Box(Room).List(ctx, kindHeld, after, 100)
			if err != nil {
				return nil, err
			}
			theirs := 0
			for _, it := range page {
				ref, ok := strings.CutPrefix(it.Key, id+"/")
				if !ok {
					break
				}
				theirs++
				after = it.Key
				h, err := readHeld(it)
				if err != nil {
					return nil, err
				}
				out[ref] = h
			}
			if theirs < 100 {
				break
			}
		}
	}
	return out, nil
}

// Held are the results of a person that are held, for staff: by reference, with what was decided.
func (s *Service) Held(ctx context.Context, patient string) (map[string]Choice, error) {
	held, err := s.held(ctx, patient)
	out := map[string]Choice{}
	for ref, h := range held {
		out[ref] = h.Choice
	}
	return out, err
}
