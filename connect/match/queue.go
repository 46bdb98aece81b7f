package match

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Asked is a question in the queue: are these two Patients one person? Its ID is the link's.
type Asked struct {
	ID    string
	Place string // where it stands in the queue, to go on after
	Since time.Time
	Why   string
	Link  Link
}

// Question is a question with what a person needs to answer it.
type Question struct {
	Asked
	Patients [2]*record.Stored // as they are now: A, then B
}

// Queue lists open questions, the oldest first, after a Place ("" for the first). That somebody read them is audited.
func (l *Linker) Queue(ctx context.Context, who access.Actor, after string, limit int) ([]Asked, error) {
	if limit < 1 || limit > 1000 {
		return nil, fhir.Errorf(fhir.Invalid, "a page of the queue has 1 to 1000 questions, not %d", limit)
	}
	if err := l.box.Disclose(ctx, who, "the queue of questions"); err != nil {
		return nil, err
	}
	items, err := l.box.List(ctx, queueKind, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Asked, 0, len(items))
	for _, it := range items {
		_, id, _ := strings.Cut(it.Key, "_")
		e, err := l.read(ctx, id)
		if err != nil {
			return nil, err
		}
		if e.Doubt != nil { // answered between the two reads
			out = append(out, Asked{ID: id, Place: it.Key, Since: e.Doubt.Since, Why: e.Doubt.Why, Link: *e.Link})
		}
	}
	return out, nil
}

func (l *Linker) read(ctx context.Context, id string) (*edit, error) {
	value, err := l.box.Get(ctx, linkKind, id)
	if err != nil {
		return nil, err
	}
	return editOf(id, value)
}

// Question shows one question, open or answered, and both Patients, whose reading is audited.
func (l *Linker) Question(ctx context.Context, who access.Actor, id string) (*Question, error) {
	e, err := l.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if e.was == nil {
		return nil, fhir.Errorf(fhir.NotFound, "there is no question %s", id)
	}
	q := &Question{Asked: Asked{ID: id, Link: *e.Link}}
	if e.Doubt != nil {
		q.Since, q.Why, q.Place = e.Doubt.Since, e.Doubt.Why, queueKey(e.Link)
	}
	for i, patient := range [2]string{e.A, e.B} {
		if q.Patients[i], err = l.door.Get(ctx, who, "Patient", patient); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// Answer takes down what a person says of a question: whether the two are one person, and why. It counts from now on; the machine
// neither asks again nor decides otherwise. A later answer takes the place of an earlier one, which stays in the history.
func (l *Linker) Answer(ctx context.Context, who access.Actor, id string, same bool, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fhir.Errorf(fhir.Invalid, "an answer needs its reason, for whoever asks later")
	}
	if _, err := l.Question(ctx, who, id); err != nil { // whoever answers has seen both
		return err
	}
	return l.atOnce(ctx, func() error {
		e, err := l.read(ctx, id)
		if err != nil {
			return err
		}
		links, err := l.around(ctx, e.A, e.B)
		if err != nil {
			return err
		}
		before := links.person(e.A)
		if same {
			if err := contradiction(links, e); err != nil {
				return err
			}
		}
		l.decide(e, who, same, reason)
		links.set(e.A, e.B, flagsOf(e.Link))
		var relations []record.Relation
		switch {
		case same:
			relations = []record.Relation{{One: []string{e.A, e.B}}}
		case slices.Contains(before, e.B):
			if slices.Contains(links.person(e.A), e.B) {
				return fhir.Errorf(fhir.Conflict, "Patient/%s and Patient/%s are also one person through %s: unlink one of them", e.A, e.B, others(links.person(e.A), e.A, e.B))
			}
			relations = apart(before, links)
		}
		return l.keep(ctx, who, relations, e)
	})
}

// contradiction says no where somebody said that two of the Patients who would be one person are two.
func contradiction(links graph, e *edit) error {
	for _, a := range links.person(e.A) {
		for _, b := range links.person(e.B) {
			if pairID(a, b) != e.ID() && links.between(a, b)&different != 0 {
				return fhir.Errorf(fhir.Conflict, "somebody said that Patient/%s and Patient/%s are two people: that must be answered first", a, b)
			}
		}
	}
	return nil
}

func others(group []string, but ...string) string {
	var out []string
	for _, id := range group {
		if !slices.Contains(but, id) {
			out = append(out, "Patient/"+id)
		}
	}
	return strings.Join(out, ", ")
}

// decide writes a person's word into a link.
func (l *Linker) decide(e *edit, who access.Actor, same bool, reason string) {
	now := l.o.Now().UTC()
	a := Assertion{Same: same, Rule: ByPerson, By: who.ID, When: now, Reason: reason, Settings: l.version}
	if d := e.Doubt; d != nil {
		a.Weight, a.Parts, a.Settings = d.Weight, d.Parts, d.Settings
	} else if s := e.standing(); s != nil {
		a.Weight, a.Parts, a.Settings = s.Weight, s.Parts, s.Settings
	}
	for i := range e.Said {
		if said := &e.Said[i]; said.Retracted == nil && (said.Same != same || said.Rule == ByPerson) {
			said.Retracted = &Retraction{who.ID, now, reason}
		}
	}
	e.Said = append(e.Said, a)
	e.Doubt, e.Linked = nil, same
}

// keep writes edits that a person made, and a note for the process that matches.
func (l *Linker) keep(ctx context.Context, who access.Actor, relations []record.Relation, edits ...*edit) error {
	var was, items []record.BoxItem
	var ids []string
	for _, e := range edits {
		before, now, err := e.items()
		if err != nil {
			return err
		}
		was, items, ids = append(was, before), append(items, now...), append(ids, e.ID())
	}
	var chance [4]byte
	rand.Read(chance[:])
	key := fmt.Sprintf("%019d_%s", l.o.Now().UnixMicro(), hex.EncodeToString(chance[:]))
	items = append(items, record.BoxItem{Kind: saidKind, Key: key, Value: []byte(strings.Join(ids, " "))})
	return l.box.Relate(ctx, who, relations, was, items...)
}

// atOnce does again what somebody else's change came between.
func (l *Linker) atOnce(ctx context.Context, do func() error) error {
	var err error
	for range 5 {
		if err = do(); fhir.KindOf(err) != fhir.Conflict || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// around reads the links of the people that some Patients are.
func (l *Linker) around(ctx context.Context, patients ...string) (graph, error) {
	links := graph{}
	for i := 0; i < len(patients); i++ {
		of, err := l.linksOf(ctx, patients[i])
		if err != nil {
			return nil, err
		}
		for _, e := range of {
			links.set(e.A, e.B, flagsOf(e.Link))
			for _, id := range [2]string{e.A, e.B} {
				if e.Linked && !slices.Contains(patients, id) {
					patients = append(patients, id)
				}
			}
		}
	}
	return links, nil
}

func (l *Linker) linksOf(ctx context.Context, patient string) ([]*edit, error) {
	var out []*edit
	take := func(id string) error {
		e, err := l.read(ctx, id)
		out = append(out, e)
		return err
	}
	if err := l.each(ctx, linkKind, patient+"_", func(it record.BoxItem) error { return take(it.Key) }); err != nil {
		return nil, err
	}
	err := l.each(ctx, ofKind, patient+"_", func(it record.BoxItem) error {
		_, other, _ := strings.Cut(it.Key, "_")
		return take(pairID(patient, other))
	})
	return out, err
}

// Links are all links that a Patient has or had, with their history. The reading is audited as one of the Patient.
func (l *Linker) Links(ctx context.Context, who access.Actor, patient string) ([]Link, error) {
	if _, err := l.door.Get(ctx, who, "Patient", patient); err != nil && fhir.KindOf(err) != fhir.Gone {
		return nil, err
	}
	edits, err := l.linksOf(ctx, patient)
	if err != nil {
		return nil, err
	}
	out := make([]Link, len(edits))
	for i, e := range edits {
		out[i] = *e.Link
	}
	return out, nil
}

// Unlink makes a Patient a person of their own: somebody says that it is nobody else's of those it is linked with. All of them are then
// as they were before they were linked.
func (l *Linker) Unlink(ctx context.Context, who access.Actor, patient, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fhir.Errorf(fhir.Invalid, "taking a link back needs its reason, for whoever asks later")
	}
	if _, err := l.door.Get(ctx, who, "Patient", patient); err != nil {
		return err
	}
	return l.atOnce(ctx, func() error {
		links, err := l.around(ctx, patient)
		if err != nil {
			return err
		}
		before := links.person(patient)
		if len(before) < 2 {
			return fhir.Errorf(fhir.NotFound, "Patient/%s is linked with nobody", patient)
		}
		var edits []*edit
		for _, other := range before[1:] {
			e, err := l.read(ctx, pairID(patient, other))
			if err != nil {
				return err
			}
			l.decide(e, who, false, reason)
			links.set(e.A, e.B, flagsOf(e.Link))
			edits = append(edits, e)
		}
		return l.keep(ctx, who, apart(before, links), edits...)
	})
}
