package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Wish is what somebody orders.
type Wish struct {
	Repeats  []string // ids
	Why      string   // why something is needed before it is due
	Note     string   // for the pharmacist
	Pharmacy string   // where to; "" for the usual one
}

// ErrEarly is that something is not due yet and it was not said why it is needed.
var ErrEarly = fhir.Errorf(fhir.Invalid, "something is not due yet: say why you need it sooner")

// What a Task of an order says, by the text of its inputs.
const (
	inEarly    = "Needed sooner, because"
	inNote     = "For the pharmacist"
	inPharmacy = "Pharmacy"
	inChanged  = "Pharmacy changed from"
	inAsk      = "Look at this first: " // and why, with a reference to the order
	outRefused = "Refused"
)

// Order asks the practice for medicines on repeat: a draft MedicationRequest each and one Task. Whoever does must see the medicines and be somebody who may make a
// Task for the person. Conflict where one of them is under way already, whoever ordered it.
func (s *Service) Order(ctx context.Context, who access.Actor, patient string, w Wish) (task string, err error) {
	book, err := s.book()
	if err != nil {
		return "", err
	}
	for _, text := range []*string{&w.Why, &w.Note, &w.Pharmacy} {
		if *text, err = tidy(*text); err != nil {
			return "", err
		}
	}
	if err := s.may(ctx, who, access.Create, "Task", patient); err != nil {
		return "", err
	}
	all, err := s.Repeats(ctx, who, patient)
	if err != nil {
		return "", err
	}
	var chosen []*Repeat
	for _, r := range all {
		if slices.Contains(w.Repeats, r.ID) {
			chosen = append(chosen, r)
		}
	}
	early := slices.ContainsFunc(chosen, (*Repeat).Early)
	switch {
	case len(chosen) == 0:
		return "", fhir.Errorf(fhir.Invalid, "choose at least one medicine")
	case len(chosen) < len(w.Repeats):
		return "", fhir.Errorf(fhir.Conflict, "the list of medicines has changed since you looked: choose again")
	case early && w.Why == "":
		return "", ErrEarly
	}
	for _, r := range chosen {
		if !r.OpenAt.IsZero() {
			return "", ordered(r.Name)
		}
	}
	usual, err := s.nominated(ctx, who, patient)
	if err != nil {
		return "", err
	}
	now := s.now()
	id := s.Door.NewID()
	owner, err := s.practice(ctx, chosen[0].Patient)
	if err != nil {
		return "", err
	}
	t := &r4.Task{ID: id, Meta: ours(), Status: "requested", Intent: "order", Priority: "routine", Code: coded(taskSystem, orderCode, "Repeat prescription asked for"), For: &r4.Reference{Reference: "Patient/" + patient}, Requester: authorOf(who), AuthoredOn: stamp(now), LastModified: stamp(now), Owner: owner,
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: stamp(workingDays(now, book.Rules.Repeats.AnswerDays))}}}
	input := func(kind, text string) {
		if text != "" {
			t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: kind}, ValueString: text})
		}
	}
	var ops []record.Op
	var names []string
	t.Description = medicines(len(chosen))
	for _, r := range chosen {
		x, err := s.draft(ctx, who, r, cmp.Or(w.Pharmacy, usual), w.Note)
		if err != nil {
			return "", err
		}
		op, err := put("MedicationRequest", x.ID, 0, x)
		if err != nil {
			return "", err
		}
		ops = append(ops, op)
		names = append(names, r.Name)
		// The Task names no medicine: whoever reads it sees those of its orders that they may see. What is marked for some makes it so too.
		ref := r4.Reference{Reference: "MedicationRequest/" + x.ID}
		t.BasedOn = append(t.BasedOn, ref)
		t.Meta.Security = append(t.Meta.Security, x.Meta.Security...)
		ask := func(why string) {
			t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: inAsk + why}, ValueReference: &ref})
		}
		if r.AskFirst != nil {
			ask(r.AskFirst.Why)
		}
		if r.Review {
			ask("A review is overdue.")
		}
		if r.Early() {
			ask("It is not due before " + r.From.Format("2 January 2006") + ".")
		}
	}
	if early {
		input(inEarly, w.Why)
	}
	input(inNote, w.Note)
	input(inPharmacy, cmp.Or(w.Pharmacy, usual))
	if w.Pharmacy != "" && usual != "" && w.Pharmacy != usual {
		input(inChanged, usual)
	}
	op, err := put("Task", id, 0, t)
	if err != nil {
		return "", err
	}
	_, err = s.Door.Commit(ctx, acting(who), append(ops, op))
	if lost(err) { // somebody else ordered one of them since it was looked at
		return "", ordered(strings.Join(names, ", "))
	}
	return id, err
}

func medicines(n int) string {
	if n == 1 {
		return "1 medicine"
	}
	return strconv.Itoa(n) + " medicines"
}

// ordered is that something is under way already.
func ordered(name string) error {
	return fhir.Errorf(fhir.Conflict, "%s has been ordered already and is on its way", name)
}

// draft is the order of one medicine. Its id is made of the repeat and how often it was ordered here, so that of any number of people who order it at once one does.
func (s *Service) draft(ctx context.Context, who access.Actor, r *Repeat, pharmacy, note string) (*r4.MedicationRequest, error) {
	stored, err := s.Door.Get(ctx, me, "MedicationRequest", r.ID)
	if err != nil {
		return nil, err
	}
	var plan r4.MedicationRequest
	if err := stored.Decode(&plan); err != nil {
		return nil, err
	}
	number := strconv.Itoa(r.number + 1)
	x := &r4.MedicationRequest{ID: named("order", r.ID, number), Meta: &r4.Meta{Source: Source}, Identifier: []r4.Identifier{{System: RepeatSystem, Value: r.ID + "." + number}}, Status: "draft", Intent: "reflex-order", MedicationCodeableConcept: plan.MedicationCodeableConcept, MedicationReference: plan.MedicationReference, Subject: plan.Subject,
		AuthoredOn: stamp(s.now()), Requester: authorOf(who), BasedOn: []r4.Reference{{Reference: "MedicationRequest/" + r.ID}}, CourseOfTherapyType: plan.CourseOfTherapyType, DosageInstruction: plan.DosageInstruction}
	if plan.Meta != nil {
		x.Meta.Security = plan.Meta.Security // what is hidden from somebody stays so when it is ordered
	}
	d := &r4.MedicationRequestDispenseRequest{}
	if plan.DispenseRequest != nil {
		d.Quantity, d.ExpectedSupplyDuration = plan.DispenseRequest.Quantity, plan.DispenseRequest.ExpectedSupplyDuration
	}
	if pharmacy != "" {
		d.Performer = &r4.Reference{Type: "Organization", Display: pharmacy}
	}
	if d.Quantity != nil || d.ExpectedSupplyDuration != nil || d.Performer != nil {
		x.DispenseRequest = d
	}
	if note != "" {
		x.Note = []r4.Annotation{{AuthorReference: authorOf(who), Time: stamp(s.now()), Text: note}}
	}
	return x, nil
}

// practice is who looks at orders, by name alone: the organisation of the Patient in whose record the repeat is, or what any of the person's Patients says is their
// practice. Who manages the others is not asked: of a hospital's Patient that is the hospital.
func (s *Service) practice(ctx context.Context, patient string) (*r4.Reference, error) {
	all, err := s.patients(ctx, me, patient)
	if err != nil {
		return nil, err
	}
	for i, p := range all {
		refs := p.GeneralPractitioner
		if i == 0 && p.ManagingOrganization != nil {
			refs = append([]r4.Reference{*p.ManagingOrganization}, refs...)
		}
		for j := range refs {
			name, err := s.called(ctx, &refs[j])
			if err != nil {
				return nil, err
			}
			if name != "" {
				return &r4.Reference{Display: name}, nil
			}
		}
	}
	return &r4.Reference{Display: "The practice"}, nil
}

// called is the name of an organisation that something refers to, "" where it is none or has none.
func (s *Service) called(ctx context.Context, ref *r4.Reference) (string, error) {
	if r := fhir.ParseReference(ref.Reference); r.Type == "Organization" {
		stored, err := s.Door.Get(ctx, me, r.Type, r.ID)
		var o r4.Organization
		if err == nil {
			err = stored.Decode(&o)
		}
		if err != nil && !absent(err) {
			return "", err
		}
		return cmp.Or(o.Name, ref.Display), nil
	}
	if i := ref.Identifier; i != nil && i.System == "https://fhir.nhs.uk/Id/ods-organization-code" {
		if ref.Display != "" {
			return ref.Display, nil
		}
		return s.organisation(ctx, i.Value)
	}
	return "", nil
}

// Order is how an order stands.
type Order struct {
	Task     string
	Version  int64 // of the Task
	Patient  string
	At, Due  time.Time
	By       string // who asked, "" where it was the person
	Owner    string
	Count    string // how many medicines, for those who may not see them
	State    string // of the Task
	Early    string // why it is needed sooner
	Note     string
	Pharmacy string
	Changed  string // the pharmacy it was before, where it was changed
	Items    []Item
	Steps    []Step // what has happened and what comes, in order
}

// Orders are somebody's orders, as whoever asks may see them, the newest first and at most a hundred.
func (s *Service) Orders(ctx context.Context, who access.Actor, patient string) ([]Order, error) {
	out, _, err := s.orders(ctx, who, "Task?patient="+url.QueryEscape(patient)+"&code="+taskSystem+"|"+orderCode+"&_sort=-authored-on", mostOrders)
	return out, err
}

// OneOrder is one of somebody's orders.
func (s *Service) OneOrder(ctx context.Context, who access.Actor, patient, task string) (*Order, error) {
	all, err := s.Orders(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Task == task {
			return &all[i], nil
		}
	}
	return nil, fhir.Errorf(fhir.NotFound, "Task/%s is no order of theirs", task)
}

// mostOrders is how many orders are read at once.
const mostOrders = 100

// orders are those that a search finds first, the newest first; more where there are others.
func (s *Service) orders(ctx context.Context, who access.Actor, query string, most int) (out []Order, more bool, err error) {
	page, err := s.Door.Find(ctx, who, query+"&_count="+strconv.Itoa(most))
	if err != nil {
		return nil, false, err
	}
	tasks := make([]r4.Task, len(page.Matches))
	for i := range page.Matches {
		m, t := &page.Matches[i], &tasks[i]
		if err := m.Decode(t); err != nil {
			return nil, false, err
		}
		out = append(out, *orderOf(t))
		out[i].Version = m.Version
	}
	if err := s.items(ctx, who, tasks, out); err != nil {
		return nil, false, err
	}
	slices.SortFunc(out, func(a, b Order) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Task, b.Task)) })
	return out, page.Next != "", nil
}

func orderOf(t *r4.Task) *Order {
	o := &Order{Task: t.ID, Patient: patientOf(t.For), At: t.AuthoredOn.Low(), State: t.Status, Count: t.Description}
	if t.Requester != nil && t.Requester.Reference != "Patient/"+o.Patient {
		o.By = t.Requester.Display
	}
	if t.Owner != nil {
		o.Owner = t.Owner.Display
	}
	if t.Restriction != nil && t.Restriction.Period != nil {
		o.Due = t.Restriction.Period.End.Low()
	}
	for _, in := range t.Input {
		switch textOf(in.Type) {
		case inEarly:
			o.Early = in.ValueString
		case inNote:
			o.Note = in.ValueString
		case inPharmacy:
			o.Pharmacy = in.ValueString
		case inChanged:
			o.Changed = in.ValueString
		}
	}
	return o
}
