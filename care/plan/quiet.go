package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// heard is when somebody was last heard of about the goals that go on.
type heard struct {
	patient string // whom Tasks are for
	last    time.Time
	goal    string // the words of the goal that was heard of last
	coach   string
}

// listen reads from the record when somebody was last heard of; nil where no goal of theirs goes on, or they have died.
func (s *Service) listen(ctx context.Context, patient string) (*heard, error) {
	goals, err := s.Goals(ctx, me, patient)
	if err != nil {
		return nil, err
	}
	var h *heard
	going := map[string]*Goal{}
	for i := range goals {
		g := &goals[i]
		if !g.Ended.IsZero() {
			continue
		}
		going[g.ID] = g
		if h == nil {
			h = &heard{patient: g.Patient}
		}
		if g.Began.After(h.last) {
			h.last, h.goal = g.Began, g.Words
		}
		h.coach = cmp.Or(h.coach, g.Coach)
	}
	if h == nil {
		return nil, nil
	}
	for id, g := range going {
		checks, err := s.checks(ctx, me, id)
		if err != nil {
			return nil, err
		}
		if len(checks) > 0 && checks[0].At.After(h.last) {
			h.last, h.goal = checks[0].At, g.Words
		}
	}
	stored, err := s.Door.Get(ctx, me, "Patient", h.patient)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	if root := res.Root(); root.Get("deceasedDateTime").Exists() || root.Get("deceasedBoolean").Bool() {
		return nil, nil
	}
	return h, nil
}

// quietTask asks a person to get in touch. Its identifier is the spell: whoever closes it without the person being heard of is not asked again.
func quietTask(h *heard, rules *Rules, coaches string, now time.Time) (record.Op, error) {
	spell := r4.Identifier{System: Source, Value: h.spell()}
	t := &r4.Task{Identifier: []r4.Identifier{spell}, Meta: ours(), Status: "requested", Intent: "order", Priority: "routine", Code: coded(taskSystem, quietCode, "Get in touch: somebody with a goal has gone quiet"),
		Description: "Nothing was heard for " + days(rules.QuietDays) + ", last on " + h.last.In(london.Zone).Format("Monday 2 January, 15:04") + ". Goal: “" + h.goal + "”", For: &r4.Reference{Reference: "Patient/" + h.patient}, AuthoredOn: stamp(now), LastModified: stamp(now),
		Owner: &r4.Reference{Display: cmp.Or(h.coach, coaches, "Health coaches")}, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: stamp(quietAt(now, rules.ContactDays))}}}
	res, err := r4.Resource(t)
	return record.Op{Method: record.Create, Type: "Task", Resource: res, IfNoneExist: "identifier=" + spell.System + "|" + spell.Value}, err
}

// spell names the time since somebody was last heard of.
func (h *heard) spell() string {
	return named("quiet", h.patient, h.last.UTC().Format(time.RFC3339))
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fhir.MakeDecimal(int64(n), 0).String() + " days"
}

// closed are the operations that close Tasks of spells that are over: of all but one that is named.
func (s *Service) closed(ctx context.Context, patient, why, but string) (ops []record.Op, err error) {
	for m, err := range s.Door.All(ctx, me, "Task?patient="+url.QueryEscape(patient)+"&code="+taskSystem+"|"+quietCode+"&status="+openStates) {
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(t.Identifier, func(i r4.Identifier) bool { return i.System == Source && i.Value == but }) {
			continue
		}
		t.Status, t.LastModified = "completed", stamp(s.now())
		t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "What came of it"}, ValueString: why})
		op, err := put("Task", m.ID, m.Version, &t)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// Quiet is somebody who has gone quiet.
type Quiet struct {
	Task, Patient, Words, Owner string
	Since, Due                  time.Time
	Taken                       bool
}

// QuietPeople are those whom somebody should get in touch with, as whoever asks may see them: what is due first.
func (s *Service) QuietPeople(ctx context.Context, who access.Actor) (out []Quiet, err error) {
	for m, err := range s.Door.All(ctx, who, "Task?code="+taskSystem+"|"+quietCode+"&status="+openStates) {
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := m.Decode(&t); err != nil {
			return nil, err
		}
		q := Quiet{Task: t.ID, Patient: patientOf(t.For), Words: t.Description, Since: t.AuthoredOn.Low(), Taken: t.Status != "requested"}
		if t.Owner != nil {
			q.Owner = t.Owner.Display
		}
		if t.Restriction != nil && t.Restriction.Period != nil {
			q.Due = t.Restriction.Period.End.Low()
		}
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b Quiet) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Task, b.Task)) })
	return out, nil
}

// TakeQuiet makes somebody the one who gets in touch.
func (s *Service) TakeQuiet(ctx context.Context, who access.Actor, task string) error {
	return s.changeTask(ctx, who, task, quietCode, func(t *r4.Task) error {
		t.Status, t.Owner = "accepted", &r4.Reference{Display: authorOf(who).Display}
		return nil
	})
}

// EndQuiet says what came of getting in touch.
func (s *Service) EndQuiet(ctx context.Context, who access.Actor, task, words string) error {
	words, err := tidy(words)
	if err != nil {
		return err
	}
	if words == "" {
		return fhir.Errorf(fhir.Invalid, "write what came of it")
	}
	return s.changeTask(ctx, who, task, quietCode, func(t *r4.Task) error {
		t.Status, t.Owner = "completed", &r4.Reference{Display: authorOf(who).Display}
		t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "What came of it"}, ValueString: words})
		return nil
	})
}

// changeTask changes an open Task of a code for somebody who may change Tasks of the person.
func (s *Service) changeTask(ctx context.Context, who access.Actor, id, code string, change func(*r4.Task) error) error {
	m, err := s.Door.Get(ctx, who, "Task", id)
	if err != nil {
		return err
	}
	var t r4.Task
	if err := m.Decode(&t); err != nil {
		return err
	}
	if codeOf(t.Code, taskSystem) != code {
		return fhir.Errorf(fhir.NotFound, "Task/%s is something else", id)
	}
	if !open(t.Status) {
		return fhir.Errorf(fhir.Conflict, "this has come to its end already")
	}
	if err := s.may(ctx, who, access.Update, "Task", patientOf(t.For)); err != nil {
		return err
	}
	if err := change(&t); err != nil {
		return err
	}
	t.LastModified = stamp(s.now())
	op, err := put("Task", id, m.Version, &t)
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, acting(who), []record.Op{op})
	return err
}
