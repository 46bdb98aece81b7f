package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// The codes of our Tasks and Flags, and of how a person closed one.
const (
	taskSystem    = "urn:kith:task"
	alertCode     = "monitor-alert"   // somebody is not as they usually are
	missingCode   = "monitor-missing" // readings have not come
	reviewCode    = "monitor-review"  // an average is too high, or a pulse irregular
	measureCode   = "monitor-measure" // the person is asked to measure
	outcomeSystem = "urn:kith:outcome"
	flagSystem    = "urn:kith:flag"
	flagCode      = "monitoring"
	stepSystem    = "urn:kith:escalation"
	ruleSystem    = "urn:kith:monitor-rule"
)

// telling gathers what is written of one batch of changes: each Task and Flag once, and what is remembered of each person.
type telling struct {
	s       *Service
	ctx     context.Context
	drafts  []*draft
	touched map[string]bool
	items   []record.BoxItem
	whys    map[string][]Event // by Task
	marked  bool               // this process says that it writes now
}

// draft is one Task or Flag: made new, or changed.
type draft struct {
	typ, id string
	task    *r4.Task // of one that is new
	flag    *r4.Flag
	changes []func(*r4.Task)
	lower   func(*r4.Flag)
}

func (s *Service) telling(ctx context.Context) *telling {
	s.begin()
	return &telling{s: s, ctx: ctx, touched: map[string]bool{}, whys: map[string][]Event{}}
}

func (t *telling) touch(key string) { t.touched[key] = true }

// idOf is the id of what something gave rise to: the same whenever it is written.
func idOf(what, of string) string {
	sum := sha256.Sum256([]byte(what + "\x00" + of))
	return "mon-" + hex.EncodeToString(sum[:14])
}

func taskID(episode string) string { return idOf("episode", episode) }
func flagID(episode string) string { return idOf("flag", episode) }

// events writes down what the rules said of somebody. Observation is the id of the reading, "" where time alone said it.
func (t *telling) events(w *watched, events []Event, observation string) error {
	for _, e := range events {
		id := ""
		switch {
		case e.Rule == "came":
			if err := t.came(w, e); err != nil {
				return err
			}
			continue
		case e.Rule == "missing":
			id = idOf(fmt.Sprint("missing ", e.Manual), w.key+e.Since.UTC().Format(time.RFC3339))
		case e.Rule == "recheck" && e.Closes:
			t.change(idOf("recheck", e.Points[0]), finish(e.Words, t.s.now()))
			continue
		case e.Rule == "recheck":
			id = idOf("recheck", e.Points[len(e.Points)-1])
		case e.Rule == "average" || e.Rule == "irregular":
			id = idOf(e.Rule, observation)
		case e.Rule == "clear":
			id = taskID(e.Episode)
			t.lower(e.Episode, e.At)
			t.change(id, note(e.Words, t.s.now()))
			t.whys[id] = append(t.whys[id], e)
			continue
		default:
			id = taskID(e.Episode)
		}
		t.whys[id] = append(t.whys[id], e)
		if err := t.tell(w, id, &e, observation); err != nil {
			return err
		}
		if e.Rule == "limit" || e.Rule == "unconfirmed" {
			for _, p := range e.Points {
				t.change(idOf("recheck", p), finish(e.Words, t.s.now()))
			}
		}
	}
	return nil
}

// tell makes the Task of an event, or adds the event to it.
func (t *telling) tell(w *watched, id string, e *Event, observation string) error {
	_, err := t.s.Door.Get(t.ctx, me, "Task", id)
	switch k := fhir.KindOf(err); {
	case err == nil:
	case k != fhir.NotFound && k != fhir.Gone:
		return err
	default:
		if d := t.draft("Task", id); d.task == nil {
			d.task = t.task(w, id, e, observation)
			if e.Opens {
				t.flag(w, e)
			}
			return nil
		}
	}
	words, priority := e.Words, e.Priority
	now := t.s.now()
	t.change(id, func(task *r4.Task) {
		note(words, now)(task)
		if ranks[priority] > ranks[task.Priority] {
			task.Priority = priority
			task.Description = w.plan.Name + ": " + words
		}
		if observation != "" {
			task.Input = append(task.Input, reference("Reading", "Observation/"+observation))
		}
	})
	return nil
}

func (t *telling) draft(typ, id string) *draft {
	i := slices.IndexFunc(t.drafts, func(d *draft) bool { return d.typ == typ && d.id == id })
	if i < 0 {
		i = len(t.drafts)
		t.drafts = append(t.drafts, &draft{typ: typ, id: id})
	}
	return t.drafts[i]
}

// change alters a Task; one that is not there stays away.
func (t *telling) change(id string, how func(*r4.Task)) {
	d := t.draft("Task", id)
	d.changes = append(d.changes, how)
}

// lower ends the Flag of an episode.
func (t *telling) lower(episode string, at time.Time) {
	t.draft("Flag", flagID(episode)).lower = func(f *r4.Flag) {
		f.Status = "inactive"
		if f.Period != nil {
			f.Period.End = fhir.DateTimeOf(at.UTC())
		}
	}
}

// came ends the Tasks about readings that were missing, once none is.
func (t *telling) came(w *watched, e Event) error {
	if !e.Closes {
		return nil
	}
	for m, err := range t.s.Door.All(t.ctx, me, "Task?patient="+w.key+"&status=requested&code="+taskSystem+"|"+missingCode+","+taskSystem+"|"+measureCode) {
		if err != nil {
			return err
		}
		var task r4.Task
		if err := m.Decode(&task); err != nil {
			return err
		}
		if coded(task.ReasonCode, ruleSystem, "missing") {
			t.change(task.ID, finish(e.Words, t.s.now()))
		}
	}
	return nil
}

func note(words string, at time.Time) func(*r4.Task) {
	return func(task *r4.Task) {
		task.Note = append(task.Note, r4.Annotation{Text: words, Time: fhir.DateTimeOf(at.UTC())})
		task.LastModified = fhir.DateTimeOf(at.UTC())
	}
}

// finish ends a Task by itself, unless somebody has.
func finish(words string, at time.Time) func(*r4.Task) {
	return func(task *r4.Task) {
		if task.Status == "requested" {
			task.Status = "completed"
			note(words, at)(task)
		}
	}
}

func reference(words, ref string) r4.TaskInput {
	return r4.TaskInput{Type: &r4.CodeableConcept{Text: words}, ValueReference: &r4.Reference{Reference: ref}}
}

// task is a new Task of an event: for the person where they are asked to measure, else for the first on the rota.
func (t *telling) task(w *watched, id string, e *Event, observation string) *r4.Task {
	now := t.s.now().UTC()
	code := map[string]string{"missing": missingCode, "average": reviewCode, "irregular": reviewCode, "recheck": measureCode}[e.Rule]
	if code == "" {
		code = alertCode
	}
	if !e.Manual {
		code = measureCode
	}
	task := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: e.Priority, AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: code}}},
		Description: w.plan.Name + ": " + e.Words, For: &r4.Reference{Reference: "Patient/" + w.plan.Patient, Display: w.plan.Name}, Requester: &r4.Reference{Display: me.Name}, BasedOn: []r4.Reference{{Reference: w.plan.ID}},
		ReasonCode: &r4.CodeableConcept{Coding: []r4.Coding{{System: ruleSystem, Code: e.Rule}}, Text: t.s.because(e)}}
	if task.Priority == "" {
		task.Priority = "routine"
	}
	if e.Episode != "" {
		task.ReasonReference = &r4.Reference{Reference: "Flag/" + flagID(e.Episode)}
	}
	if observation != "" {
		task.Focus = &r4.Reference{Reference: "Observation/" + observation}
	}
	for _, p := range e.Points {
		if p != observation && fhir.ValidID(p) {
			task.Input = append(task.Input, reference("Reading", "Observation/"+p))
		}
	}
	if !e.Manual {
		task.Owner = task.For
		return task
	}
	t.s.Rota.give(task, now)
	return task
}

func (t *telling) flag(w *watched, e *Event) {
	t.draft("Flag", flagID(e.Episode)).flag = &r4.Flag{ID: flagID(e.Episode), Status: "active", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/flag-category", Code: "clinical"}}}},
		Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: flagSystem, Code: flagCode}}, Text: e.Words}, Subject: &r4.Reference{Reference: "Patient/" + w.plan.Patient}, Period: &r4.Period{Start: fhir.DateTimeOf(e.At.UTC())}}
}

// done is what is written: Tasks, Flags, what is remembered, and why.
func (t *telling) done() (ops []record.Op, items []record.BoxItem, err error) {
	for _, d := range t.drafts {
		op, err := t.op(d)
		if err != nil {
			return nil, nil, err
		}
		if op != nil {
			ops = append(ops, *op)
		}
	}
	items = t.items
	for _, key := range sorted(t.touched) {
		w := t.s.people[key]
		if w == nil || w.person == nil {
			continue
		}
		value, err := json.Marshal(w.person.State)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, record.BoxItem{Kind: "person", Key: key, Value: value})
		t.s.kept[key] = value
	}
	for _, id := range sorted(t.whys) {
		it, err := t.why(id)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, it)
	}
	if t.marked || len(items) > 0 {
		t.s.marks++
		t.s.mark = fmt.Sprintf("%s %d", t.s.holder, t.s.marks)
		items = append(items, record.BoxItem{Kind: "process", Key: "last", Value: []byte(t.s.mark)})
	}
	return ops, items, nil
}

// op is the change of one Task or Flag; nil where there is none.
func (t *telling) op(d *draft) (*record.Op, error) {
	if d.task != nil {
		for _, how := range d.changes {
			how(d.task)
		}
		res, err := fhir.Parse(r4.Encode(d.task))
		return &record.Op{Method: record.Update, Type: "Task", ID: d.id, Resource: res}, err
	}
	if d.flag != nil {
		if d.lower != nil {
			d.lower(d.flag)
		}
		res, err := fhir.Parse(r4.Encode(d.flag))
		return &record.Op{Method: record.Update, Type: "Flag", ID: d.id, Resource: res}, err
	}
	_, err := t.s.Door.Get(t.ctx, me, d.typ, d.id)
	if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &record.Op{Method: record.Patch, Type: d.typ, ID: d.id, Patch: d.patch}, nil
}

func (d *draft) patch(res *fhir.Resource) (*fhir.Resource, error) {
	if d.typ == "Flag" {
		var f r4.Flag
		if err := r4.Decode(res, &f); err != nil {
			return nil, err
		}
		d.lower(&f)
		f.Meta = nil
		return fhir.Parse(r4.Encode(&f))
	}
	var task r4.Task
	if err := r4.Decode(res, &task); err != nil {
		return nil, err
	}
	for _, how := range d.changes {
		how(&task)
	}
	task.Meta = nil
	return fhir.Parse(r4.Encode(&task))
}
