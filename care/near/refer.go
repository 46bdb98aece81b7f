package near

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// The codes of what is written. Social prescribing is a service that one is referred to.
// https://termbrowser.nhs.uk: 871731000000106 Referral to social prescribing service (procedure); from memory, to be reviewed.
const (
	taskSystem   = "urn:kith:task"
	taskCode     = "social-prescribing"
	snomed       = "http://snomed.info/sct"
	referralCode = "871731000000106"
	wantSystem   = "https://kith.care/fhir/CodeSystem/near-want"
	endSystem    = "https://kith.care/fhir/CodeSystem/near-end"
)

// Want is what somebody would like help with.
type Want struct{ Code, Title string }

// Wants are what can be ticked.
var Wants = []Want{
	{"company", "Meeting people, feeling less alone"}, {"money", "Money, bills or benefits"}, {"housing", "Housing"}, {"move", "Being more active"}, {"carer", "Looking after someone"},
	{"mood", "Stress or low mood"}, {"work", "Work or learning"}, {"food", "Food and cooking"}, {"other", "Something else"},
}

// End is what came of a referral.
type End struct{ Code, Title string }

// Ends are what can have come of one.
var Ends = []End{
	{"joined", "They go to a service or group now"}, {"told", "They were told what there is and go on by themselves"}, {"unwanted", "They do not want it any more"}, {"unreached", "They could not be reached"}, {"elsewhere", "They need something else, and were passed on"},
}

// dueDays is within how many days a link worker gets in touch.
const dueDays = 7

// mostWords is how much can be written, in letters.
const mostWords = 1000

// Referral is somebody who was put in touch with a link worker, and how it stands.
type Referral struct {
	Task     string // id
	Patient  string // id
	Wants    []string
	Words    string // in their own words
	Service  string // the service or group they asked about, "" for none
	By       string // who asked, where it was not the person
	At, Due  time.Time
	Owner    string // who has it
	Taken    bool
	Ended    time.Time // zero while it is open
	End      string    // of Ends
	EndWords string
}

// Refer asks for a link worker for somebody. Whoever asks must be somebody who may make a Task for them: the person, somebody they trust with it, staff. What is
// written is written by this program and names who asked.
func (s *Service) Refer(ctx context.Context, who access.Actor, patient string, wants []string, words, service string) (task string, err error) {
	words = strings.TrimSpace(words)
	known := func(code string) bool { return slices.ContainsFunc(Wants, func(w Want) bool { return w.Code == code }) }
	switch {
	case len(wants) == 0:
		return "", fhir.Errorf(fhir.Invalid, "choose at least one thing that would help")
	case slices.ContainsFunc(wants, func(code string) bool { return !known(code) }):
		return "", fhir.Errorf(fhir.Invalid, "%q is nothing that a link worker helps with", wants)
	case len([]rune(words)) > mostWords:
		return "", fhir.Errorf(fhir.Invalid, "what is written must have at most 1,000 letters")
	}
	d, err := s.Door.Decide(ctx, who, access.Create, "Task", patient)
	if err != nil {
		return "", err
	}
	if !d.Permit {
		return "", fhir.Errorf(fhir.Forbidden, "%s", d.Reason)
	}
	name := ""
	if service != "" {
		e, err := s.One(ctx, service)
		if err != nil {
			return "", err
		}
		name = e.Name
	}
	now := s.now().UTC()
	id := s.Door.NewID()
	subject, by := &r4.Reference{Reference: "Patient/" + patient}, authorOf(who)
	request := &r4.ServiceRequest{ID: id, Status: "active", Intent: "order", Subject: subject, Requester: by, AuthoredOn: fhir.DateTimeOf(now),
		Code:     &r4.CodeableConcept{Coding: []r4.Coding{{System: snomed, Code: referralCode, Display: "Referral to social prescribing service"}}},
		Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: taskSystem, Code: taskCode}}, Text: "Social prescribing"}}}
	if words != "" {
		request.Note = []r4.Annotation{{Text: words, Time: fhir.DateTimeOf(now)}}
	}
	t := &r4.Task{Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), For: subject, Requester: by, BasedOn: []r4.Reference{{Reference: "ServiceRequest/" + id}},
		Code:        &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: taskCode}}, Text: "Get in touch: somebody would like help from a link worker"},
		Owner:       &r4.Reference{Display: cmp.Or(s.Owner, "Link workers")},
		Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.AddDate(0, 0, dueDays))}}}
	var titles []string
	for _, w := range Wants {
		if slices.Contains(wants, w.Code) {
			t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: "Would like help with"}, ValueCoding: &r4.Coding{System: wantSystem, Code: w.Code, Display: w.Title}})
			titles = append(titles, w.Title)
		}
	}
	t.Description = strings.Join(titles, "; ")
	if words != "" {
		t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: "In their own words"}, ValueString: words})
	}
	if name != "" {
		t.Input = append(t.Input, r4.TaskInput{Type: &r4.CodeableConcept{Text: "Asked about"}, ValueReference: &r4.Reference{Reference: "HealthcareService/" + service, Display: name}})
	}
	asked, err := r4.Resource(request)
	if err != nil {
		return "", err
	}
	made, err := r4.Resource(t)
	if err != nil {
		return "", err
	}
	as := me
	as.Helper, as.Purpose = who.ID, "TREAT"
	// One at a time: whoever asks twice, in two windows or through two people, has one link worker.
	results, err := s.Door.Commit(ctx, as, []record.Op{{Method: record.Create, Type: "Task", Resource: made, IfNoneExist: "patient=" + url.QueryEscape(patient) + "&code=" + taskSystem + "|" + taskCode + "&status=" + openStates}})
	switch {
	case err != nil:
		return "", err
	case results[0].Outcome == record.Matched:
		return "", fhir.Errorf(fhir.Conflict, "a link worker has been asked already")
	}
	_, err = s.Door.Commit(ctx, as, []record.Op{{Method: record.Update, Type: "ServiceRequest", ID: id, Resource: asked, IfNone: true}})
	return results[0].Stored.ID, err
}

const openStates = "requested,received,accepted,in-progress,on-hold"

// Of are somebody's referrals, as whoever looks may see them, the newest first.
func (s *Service) Of(ctx context.Context, who access.Actor, patient string) ([]Referral, error) {
	out, err := s.find(ctx, who, "Task?patient="+url.QueryEscape(patient)+"&code="+taskSystem+"|"+taskCode)
	slices.SortFunc(out, func(a, b Referral) int { return b.At.Compare(a.At) })
	return out, err
}

// Queue is what link workers have before them, as one of them may see it: what is due first.
func (s *Service) Queue(ctx context.Context, who access.Actor) ([]Referral, error) {
	out, err := s.find(ctx, who, "Task?code="+taskSystem+"|"+taskCode+"&status="+openStates)
	slices.SortStableFunc(out, func(a, b Referral) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Task, b.Task)) })
	return out, err
}

func (s *Service) find(ctx context.Context, who access.Actor, query string) (out []Referral, err error) {
	for m, err := range s.Door.All(ctx, who, query) {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		var t r4.Task
		if err := r4.Decode(res, &t); err != nil {
			return nil, err
		}
		out = append(out, referralOf(&t))
	}
	return out, nil
}

func referralOf(t *r4.Task) Referral {
	r := Referral{Task: t.ID, At: t.AuthoredOn.Low(), Taken: t.Status != "requested"}
	if t.For != nil {
		r.Patient = strings.TrimPrefix(t.For.Reference, "Patient/")
	}
	if t.Requester != nil && t.Requester.Reference != "Patient/"+r.Patient {
		r.By = t.Requester.Display
	}
	if t.Owner != nil {
		r.Owner = t.Owner.Display
	}
	if t.Restriction != nil && t.Restriction.Period != nil {
		r.Due = t.Restriction.Period.End.Low()
	}
	for _, in := range t.Input {
		switch {
		case in.ValueCoding != nil && in.ValueCoding.System == wantSystem:
			r.Wants = append(r.Wants, in.ValueCoding.Code)
		case in.ValueReference != nil:
			r.Service = in.ValueReference.Display
		case in.ValueString != "":
			r.Words = in.ValueString
		}
	}
	for _, o := range t.Output {
		switch {
		case o.ValueCoding != nil && o.ValueCoding.System == endSystem:
			r.End, r.Ended = o.ValueCoding.Code, t.LastModified.Low()
		case o.ValueString != "":
			r.EndWords = o.ValueString
		}
	}
	return r
}

// Take makes somebody the owner of a referral.
func (s *Service) Take(ctx context.Context, who access.Actor, task string) error {
	return s.change(ctx, who, task, func(t *r4.Task) []record.Op {
		t.Status, t.Owner = "accepted", authorOf(who)
		return nil
	})
}

// Finish says what came of a referral: one of Ends, and in words what the person may read.
func (s *Service) Finish(ctx context.Context, who access.Actor, task, end, words string) error {
	at := slices.IndexFunc(Ends, func(e End) bool { return e.Code == end })
	words = strings.TrimSpace(words)
	switch {
	case at < 0:
		return fhir.Errorf(fhir.Invalid, "choose what came of it")
	case len([]rune(words)) > mostWords:
		return fhir.Errorf(fhir.Invalid, "what is written must have at most 1,000 letters")
	}
	return s.change(ctx, who, task, func(t *r4.Task) []record.Op {
		t.Status, t.Owner = "completed", authorOf(who)
		t.Output = []r4.TaskOutput{{Type: &r4.CodeableConcept{Text: "What came of it"}, ValueCoding: &r4.Coding{System: endSystem, Code: end, Display: Ends[at].Title}}}
		if words != "" {
			t.Output = append(t.Output, r4.TaskOutput{Type: &r4.CodeableConcept{Text: "In words"}, ValueString: words})
		}
		var ops []record.Op
		for _, b := range t.BasedOn {
			ref := fhir.ParseReference(b.Reference)
			if ref.Type != "ServiceRequest" {
				continue
			}
			ops = append(ops, record.Op{Method: record.Patch, Type: ref.Type, ID: ref.ID, Patch: func(res *fhir.Resource) (*fhir.Resource, error) {
				var request r4.ServiceRequest
				if err := r4.Decode(res, &request); err != nil {
					return nil, err
				}
				request.Status = "completed"
				return r4.Resource(&request)
			}})
		}
		return ops
	})
}

// change changes an open referral. Whoever does must be somebody who may change Tasks of the person; that is decided by asking before and, of the record's own, again
// where the Task is written.
func (s *Service) change(ctx context.Context, who access.Actor, task string, do func(*r4.Task) []record.Op) error {
	stored, err := s.Door.Get(ctx, who, "Task", task)
	if err != nil {
		return err
	}
	res, err := stored.Resource()
	if err != nil {
		return err
	}
	var t r4.Task
	if err := r4.Decode(res, &t); err != nil {
		return err
	}
	if t.Code == nil || len(t.Code.Coding) == 0 || t.Code.Coding[0].Code != taskCode || t.For == nil {
		return fhir.Errorf(fhir.NotFound, "Task/%s is no referral to a link worker", task)
	}
	if !slices.Contains(strings.Split(openStates, ","), t.Status) {
		return fhir.Errorf(fhir.Conflict, "this referral has come to its end already")
	}
	d, err := s.Door.Decide(ctx, who, access.Update, "Task", t.For.Reference)
	if err != nil {
		return err
	}
	if !d.Permit {
		return fhir.Errorf(fhir.Forbidden, "%s", d.Reason)
	}
	more := do(&t)
	t.LastModified = fhir.DateTimeOf(s.now().UTC())
	after, err := r4.Resource(&t)
	if err != nil {
		return err
	}
	as := me
	as.Helper, as.Purpose = who.ID, "TREAT"
	_, err = s.Door.Commit(ctx, as, append(more, record.Op{Method: record.Update, Type: "Task", ID: task, Resource: after, IfMatch: stored.Version}))
	return err
}

// authorOf refers to whoever does something.
func authorOf(who access.Actor) *r4.Reference {
	ref := &r4.Reference{Display: cmp.Or(who.Name, "somebody at this machine")}
	if r := fhir.ParseReference(who.ID); r.Type == "Patient" || r.Type == "Practitioner" || r.Type == "RelatedPerson" {
		ref.Reference = who.ID
	}
	return ref
}
