package growing

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// noticeBefore is how long before a birthday that changes something people are told.
const noticeBefore = 42 * 24 * time.Hour

// The texts that are sent, of at most 160 letters, naming nobody: they may stand on the screen of a locked telephone.
var (
	toParent = map[int]string{
		Review: words.Text("A child you act for is soon 11. From then you see their record only once their practice has talked with you both. Telephone the practice."),
		Own:    words.Text("A young person you act for is soon 16. From then you see their record only if they let you themselves. Talk with them about it."),
	}
	toChild = map[int]string{
		Review: words.Text("You are soon 11. Your practice will talk with you about who may see your health record. You can have a say."),
		Own:    words.Text("You are soon 16. From then you alone decide who may see your health record. Sign in to choose."),
	}
)

// Run tells of birthdays until ctx ends. Of any number of processes one does.
func (s *Service) Run(ctx context.Context) {
	s.Door.Recur(ctx, "growing", 6*time.Hour, func(ctx context.Context) error {
		_, err := s.Sweep(ctx)
		return err
	})
}

// Sweep tells of each birthday that comes within six weeks, once: the young person, whoever acts for them, and their practice. It says of how many.
func (s *Service) Sweep(ctx context.Context) (told int, err error) {
	now := s.now()
	done := map[string]bool{}
	for m, err := range s.Door.All(ctx, me, "Consent?status=active&category="+record.ConsentSystem+"|trusted") {
		if err != nil {
			return told, err
		}
		var c r4.Consent
		if err := m.Decode(&c); err != nil {
			return told, err
		}
		child := ""
		if c.Patient != nil {
			child = strings.TrimPrefix(c.Patient.Reference, "Patient/")
		}
		if child == "" || byPerson(&c, child) || c.Provision == nil || c.Provision.Period != nil && c.Provision.Period.End.Year != 0 && c.Provision.Period.End.High().Before(now) {
			continue
		}
		p, err := s.patient(ctx, me, child)
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			continue
		}
		if err != nil {
			return told, err
		}
		age, day, soon := birthday(p.BirthDate, now)
		if !soon {
			continue
		}
		ops, err := s.notices(ctx, &c, child, age, day, done)
		if err != nil {
			return told, err
		}
		for _, op := range ops {
			switch _, err := s.Door.Commit(ctx, me, []record.Op{op}); {
			case fhir.KindOf(err) == fhir.Precondition && err != nil: // told before
			case err != nil:
				return told, err
			case op.Type == "Task":
				told++
			}
		}
	}
	return told, nil
}

// byPerson reports whether the person gave it themselves.
func byPerson(c *r4.Consent, patient string) bool {
	for _, p := range c.Performer {
		if p.Reference == "Patient/"+patient {
			return true
		}
	}
	return false
}

// birthday is which birthday that changes something comes soon, and when.
func birthday(born fhir.DateTime, now time.Time) (age int, day time.Time, soon bool) {
	if born.Precision() < fhir.Day {
		return 0, day, false
	}
	for _, age := range []int{Review, Own} {
		day := born.Low().AddDate(age, 0, 0)
		if now.Before(day) && day.Sub(now) <= noticeBefore {
			return age, day, true
		}
	}
	return 0, day, false
}

// notices are what is sent and asked because of one Consent. Each has an id of its own, so that it is written once.
func (s *Service) notices(ctx context.Context, c *r4.Consent, child string, age int, day time.Time, done map[string]bool) (ops []record.Op, err error) {
	put := func(typ, id string, x any) error {
		if done[id] {
			return nil
		}
		done[id] = true
		res, err := r4.Resource(x)
		ops = append(ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res, IfNone: true})
		return err
	}
	year := day.Format(time.DateOnly)
	for _, a := range c.Provision.Actor {
		if a.Reference == nil || !strings.HasPrefix(a.Reference.Reference, "Patient/") {
			continue
		}
		id := idFrom("parent", child, a.Reference.Reference, year)
		l, err := s.speaks(ctx, a.Reference.Reference)
		if err != nil {
			return nil, err
		}
		if err := put("CommunicationRequest", id, s.notice(id, a.Reference.Reference, l, toParent[age], day)); err != nil {
			return nil, err
		}
	}
	id := idFrom("child", child, year)
	l, err := s.speaks(ctx, child)
	if err != nil {
		return nil, err
	}
	if err := put("CommunicationRequest", id, s.notice(id, "Patient/"+child, l, toChild[age], day)); err != nil {
		return nil, err
	}
	id = idFrom("review", child, year)
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	say := "They are 11 on " + day.Format("2 January 2006") + ". Talk with the young person, alone and with whoever acts for them, and note at “Who they trust” what still holds. What is not looked at stops on that day, but booking."
	if age == Own {
		say = "They are 16 on " + day.Format("2 January 2006") + ". From then only what they give themselves holds. Tell them how, and end what others hold."
	}
	err = put("Task", id, &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: "routine", AuthoredOn: now, LastModified: now, For: &r4.Reference{Reference: "Patient/" + child}, Owner: &r4.Reference{Display: cmp.Or(s.Owner, "Practice nurse")},
		Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: taskSystem, Code: reviewCode}}, Text: "Look again at who acts for a young person"}, Description: say, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(day.UTC())}}})
	return ops, err
}

// speaks is the language in which somebody is written to.
func (s *Service) speaks(ctx context.Context, patient string) (*words.Lang, error) {
	return (&need.Service{Door: s.Door, Now: s.Now}).Speaks(ctx, me, patient)
}

// notice is a text to one person, in their language.
func (s *Service) notice(id, to string, l *words.Lang, text string, day time.Time) *r4.CommunicationRequest {
	now := fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	ref := r4.Reference{Reference: to}
	return &r4.CommunicationRequest{ID: id, Status: "active", Priority: "routine", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: "https://kith.care/fhir/CodeSystem/message-category", Code: "growing-up"}}, Text: l.T("About who may see a health record")}},
		Subject: &ref, Recipient: []r4.Reference{ref}, Payload: []r4.CommunicationRequestPayload{{ContentString: l.T(text)}}, AuthoredOn: now, OccurrencePeriod: &r4.Period{Start: now, End: fhir.DateTimeOf(day.UTC())}}
}
