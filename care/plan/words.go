package plan

import (
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Part is one part of a plan, which is changed by itself.
type Part string

// The parts, the person's own words first.
const (
	Matters Part = "matters" // what matters to me
	Want    Part = "want"    // what I want
	Helps   Part = "helps"   // what helps when I am bad
	Agreed  Part = "agreed"  // what was agreed, a line each
	Team    Part = "team"    // who helps, a line each
)

// Parts are all of them in the order in which they are read.
var Parts = []Part{Matters, Want, Helps, Agreed, Team}

// Plan is somebody's plan.
type Plan struct {
	ID      string
	Version int64 // 0 where nothing has been written yet
	Says    map[Part]Said
	Agreed  []Said // the lines of what was agreed, each by who wrote it
}

// Said is a text with who wrote it, and when.
type Said struct {
	Text string
	By   string
	At   time.Time
}

// partURL marks which part of the plan a note is.
const partURL = structure + "plan-part"

// Plan reads somebody's plan, as whoever asks may see it.
func (s *Service) Plan(ctx context.Context, who access.Actor, patient string) (*Plan, error) {
	id, err := s.planID(ctx, patient)
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, who, access.Read, "CarePlan", patient); err != nil {
		return nil, err
	}
	return s.read(ctx, who, id, 0)
}

func (s *Service) planID(ctx context.Context, patient string) (string, error) {
	whole, err := s.whole(ctx, patient)
	return named("about-me", whole), err
}

// read reads a plan, in one version or as it is where that is 0. Who helps is read as it is: it has versions of its own.
func (s *Service) read(ctx context.Context, who access.Actor, id string, version int64) (*Plan, error) {
	p := &Plan{ID: id, Says: map[Part]Said{}}
	var stored *record.Stored
	var err error
	if version == 0 {
		stored, err = s.Door.Get(ctx, who, "CarePlan", id)
	} else {
		stored, err = s.Door.GetVersion(ctx, who, "CarePlan", id, version)
	}
	if absent(err) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	var c r4.CarePlan
	if err := stored.Decode(&c); err != nil {
		return nil, err
	}
	p.Version = stored.Version
	p.take(&c)
	return p, nil
}

// take reads the texts of a CarePlan.
func (p *Plan) take(c *r4.CarePlan) {
	for i := range c.Note {
		if part := Part(partOf(&c.Note[i])); part != "" {
			p.Says[part] = saidOf(&c.Note[i])
		}
	}
	var lines []string
	for i := range c.Activity {
		a := &c.Activity[i]
		if a.Detail == nil || a.Detail.Description == "" {
			continue
		}
		one := Said{Text: a.Detail.Description}
		if len(a.Progress) > 0 {
			said := saidOf(&a.Progress[0])
			one.By, one.At = said.By, said.At
		}
		p.Agreed = append(p.Agreed, one)
		lines = append(lines, one.Text)
	}
	if len(lines) > 0 {
		last := p.Agreed[0]
		for _, l := range p.Agreed {
			if l.At.After(last.At) {
				last = l
			}
		}
		p.Says[Agreed] = Said{strings.Join(lines, "\n"), last.By, last.At}
	}
}

func partOf(a *r4.Annotation) string {
	for _, e := range a.Extension {
		if e.URL == partURL {
			return e.ValueCode
		}
	}
	return ""
}

func saidOf(a *r4.Annotation) Said {
	said := Said{Text: a.Text, By: a.AuthorString, At: a.Time.Low()}
	if a.AuthorReference != nil {
		said.By = a.AuthorReference.Display
	}
	return said
}

// ErrChanged is that a part was changed by somebody else while it was being written. Nothing is lost: what was typed is with whoever typed it.
var ErrChanged = fhir.Errorf(fhir.Conflict, "somebody else has changed this part of the plan in the meantime")

// mostLines is how many lines a list may have.
const mostLines = 30

// Save writes one part of a plan over what was read at a version; changes of other parts in between do no harm. The error is ErrChanged where the part itself was
// changed meanwhile.
func (s *Service) Save(ctx context.Context, who access.Actor, patient string, part Part, text string, version int64) error {
	text, err := tidy(text)
	if err != nil {
		return err
	}
	if strings.Count(text, "\n") >= mostLines && (part == Agreed || part == Team) {
		return fhir.Errorf(fhir.Invalid, "write at most %d lines", mostLines)
	}
	if err := s.may(ctx, who, access.Update, "CarePlan", patient); err != nil {
		return err
	}
	id, err := s.planID(ctx, patient)
	if err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		is, err := s.read(ctx, me, id, 0)
		if err != nil {
			return err
		}
		if is.Version != version {
			was := &Plan{}
			if version != 0 {
				if was, err = s.read(ctx, me, id, version); err != nil {
					return err
				}
			}
			if was.Says[part].Text != is.Says[part].Text {
				return ErrChanged
			}
		}
		if text == is.Says[part].Text {
			return nil
		}
		err = s.write(ctx, who, patient, is, part, text)
		if !lost(err) {
			return err
		}
		if tries == 5 {
			return ErrChanged
		}
	}
}

// write puts a plan with one part changed over the version that was read.
func (s *Service) write(ctx context.Context, who access.Actor, patient string, is *Plan, part Part, text string) error {
	c := &r4.CarePlan{ID: is.ID, Status: "active", Intent: "plan", Title: "What matters to me", Category: []r4.CodeableConcept{*coded(PlanSystem, AboutMe, "About me")}, Subject: &r4.Reference{Reference: "Patient/" + patient}, Created: stamp(s.now()), Author: authorOf(who)}
	if is.Version != 0 {
		stored, err := s.Door.GetVersion(ctx, me, "CarePlan", is.ID, is.Version)
		if err != nil {
			return err
		}
		if err := stored.Decode(c); err != nil {
			return err
		}
	}
	c.Meta, c.Contributor = ours(), contributors(c.Contributor, authorOf(who))
	by := r4.Annotation{AuthorReference: authorOf(who), Time: stamp(s.now())}
	if part == Agreed {
		c.Activity = agreed(c.Activity, lines(text), by)
	} else {
		note := by
		note.Text = text
		note.Extension = []r4.Extension{{URL: partURL, ValueCode: string(part)}}
		c.Note = withNote(c.Note, part, note)
	}
	var ops []record.Op
	if part == Team {
		op, err := s.team(patient, is.ID, lines(text))
		if err != nil {
			return err
		}
		ops = append(ops, op)
		c.CareTeam = []r4.Reference{{Reference: "CareTeam/" + is.ID}}
	}
	op, err := put("CarePlan", is.ID, is.Version, c)
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, acting(who), append([]record.Op{op}, ops...))
	return err
}

// team is the CareTeam of who helps. Its members are names and never references: somebody in a CareTeam is close to the person and may see the record, which is not
// for a line of text to say.
func (s *Service) team(patient, id string, names []string) (record.Op, error) {
	t := &r4.CareTeam{ID: id, Meta: ours(), Status: "active", Category: []r4.CodeableConcept{*coded(PlanSystem, AboutMe, "About me")}, Name: "Who helps me", Subject: &r4.Reference{Reference: "Patient/" + patient}}
	if len(names) == 0 {
		t.Status = "inactive"
	}
	for _, n := range names {
		t.Participant = append(t.Participant, r4.CareTeamParticipant{Member: &r4.Reference{Display: n}})
	}
	res, err := r4.Resource(t)
	return record.Op{Method: record.Update, Type: "CareTeam", ID: id, Resource: res}, err
}

// withNote is the notes with one part's put in place of what it said; nothing of an empty one stays.
func withNote(notes []r4.Annotation, part Part, note r4.Annotation) (out []r4.Annotation) {
	for i := range notes {
		if partOf(&notes[i]) != string(part) {
			out = append(out, notes[i])
		}
	}
	if note.Text != "" {
		out = append(out, note)
	}
	return out
}

// agreed is what was agreed as activities: a line that was there keeps who wrote it, and whatever else is known of it.
func agreed(was []r4.CarePlanActivity, lines []string, by r4.Annotation) (out []r4.CarePlanActivity) {
	by.Text = "Written down"
	for _, line := range lines {
		one := r4.CarePlanActivity{Detail: &r4.CarePlanActivityDetail{Status: "in-progress", Description: line}, Progress: []r4.Annotation{by}}
		for i, a := range was {
			if a.Detail != nil && a.Detail.Description == line {
				one, was = a, append(append([]r4.CarePlanActivity{}, was[:i]...), was[i+1:]...)
				break
			}
		}
		out = append(out, one)
	}
	return out
}

// contributors are all who have written, whoever wrote last at the end.
func contributors(was []r4.Reference, who *r4.Reference) (out []r4.Reference) {
	for _, r := range was {
		if r.Reference != who.Reference || r.Display != who.Display {
			out = append(out, r)
		}
	}
	return append(out, *who)
}

func lines(text string) (out []string) {
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}
