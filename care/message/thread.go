package message

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Thread is what was written about one thing.
type Thread struct {
	ID        string // of the thread; that of its one Communication where it is a notice that nobody can answer
	Patient   string
	Subject   string
	Team      string // what the organisation or team is called
	TeamRef   string // its reference, "" for a notice
	Entries   []Entry
	Closed    bool
	Continues string // the thread that was closed before, "" for none
}

// Entry is one message of a thread.
type Entry struct {
	ID         string
	FromPerson bool
	From       string // a name; "" where the person wrote it themselves
	By         string // who wrote it down for them, "" nearly always
	Words      string
	At         time.Time
	Read       time.Time // zero until the other side has
	Medium     string    // email, text or "" for these pages
	Close      bool      // it closed the thread; Words are the reason
	Notice     bool      // nobody wrote it: a reminder
	Photos     []string  // ids of its photographs

	thread, subject, team, teamRef, continues string
}

// Last is when something was last written.
func (t *Thread) Last() time.Time {
	if len(t.Entries) == 0 {
		return time.Time{}
	}
	return t.Entries[len(t.Entries)-1].At
}

// Unread is how many entries one side has not read: the person's, or the team's.
func (t *Thread) Unread(person bool) int {
	n := 0
	for _, e := range t.Entries {
		if e.FromPerson != person && e.Read.IsZero() {
			n++
		}
	}
	return n
}

// Waits reports whether the team must answer: the person wrote last, and nobody closed the thread.
func (t *Thread) Waits() bool {
	return !t.Closed && len(t.Entries) > 0 && t.Entries[len(t.Entries)-1].FromPerson
}

// Answerable reports whether somebody reads what is written in answer.
func (t *Thread) Answerable() bool { return t.TeamRef != "" }

// noDelivery and noPhotograph leave out what is part of others: a photograph may have a megabyte.
const (
	noDelivery   = "&category:not=" + kindSystem + "|" + kindDelivery
	noPhotograph = "&category:not=" + kindSystem + "|" + kindPhotograph
)

// mostEntries is how many Communications of somebody are looked at; older ones are left out.
const mostEntries = 2000

// Threads are the threads of a person, those with something new first.
func (s *Service) Threads(ctx context.Context, who access.Actor, patient string) ([]Thread, error) {
	entries, err := s.entries(ctx, who, "Communication?patient="+patient+noDelivery+noPhotograph+"&_sort=-sent")
	if err != nil {
		return nil, err
	}
	threads := gather(patient, entries)
	slices.SortStableFunc(threads, func(a, b Thread) int { return b.Last().Compare(a.Last()) })
	return threads, nil
}

// Unread is how many threads have something in them that the person has not read, for the page that all others hang from.
func (s *Service) Unread(ctx context.Context, who access.Actor, patient string) (int, error) {
	threads, err := s.Threads(ctx, who, patient)
	n := 0
	for i := range threads {
		if threads[i].Unread(true) > 0 {
			n++
		}
	}
	return n, err
}

// Thread is one thread. NotFound where the person has none of that name.
func (s *Service) Thread(ctx context.Context, who access.Actor, patient, id string) (*Thread, error) {
	if !fhir.ValidID(id) {
		return nil, noThread()
	}
	entries, err := s.entries(ctx, who, "Communication?patient="+patient+"&identifier="+threadSystem+"|"+id+noPhotograph)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 { // a notice has no thread's name
		if entries, err = s.entries(ctx, who, "Communication?patient="+patient+"&_id="+id+noPhotograph); err != nil {
			return nil, err
		}
	}
	for _, t := range gather(patient, entries) {
		if t.ID == id {
			return &t, nil
		}
	}
	return nil, noThread()
}

func noThread() error { return fhir.Errorf(fhir.NotFound, "there is no such message") }

// entries are the messages that a search finds.
func (s *Service) entries(ctx context.Context, who access.Actor, query string) ([]Entry, error) {
	var out []Entry
	for m, err := range s.Door.All(ctx, who, query) {
		if err != nil {
			return nil, err
		}
		var c r4.Communication
		if err := m.Decode(&c); err != nil {
			return nil, err
		}
		if e, ok := entryOf(&c); ok {
			out = append(out, e)
		}
		if len(out) == mostEntries {
			break
		}
	}
	return out, nil
}

// entryOf is a Communication as a reader sees it; ok is false for what is no message: a step of a delivery, what one service told another.
func entryOf(c *r4.Communication) (e Entry, ok bool) {
	if c.Subject == nil || c.Status == "entered-in-error" || coded(c.Category, kindSystem, kindDelivery) || coded(c.Category, kindSystem, kindPhotograph) {
		return e, false
	}
	e = Entry{ID: c.ID, FromPerson: fromPerson(c), At: timeOf(c.Sent), Read: timeOf(c.Received), thread: threadOf(c), Close: coded(c.Category, kindSystem, kindClose), Notice: coded(c.Category, kindSystem, kindReminder)}
	if e.thread == "" {
		if !toPerson(c) {
			return e, false
		}
		e.thread, e.Notice = c.ID, true
	}
	if c.Sender != nil && !(e.FromPerson && c.Sender.Reference != "") {
		e.From = c.Sender.Display
	}
	for _, n := range c.Note {
		e.By = n.Text
	}
	for _, m := range c.Medium {
		for _, g := range m.Coding {
			e.Medium = mediumOf(g.Code)
		}
	}
	var words []string
	for _, p := range c.Payload {
		if p.ContentString != "" {
			words = append(words, p.ContentString)
		}
		if p.ContentReference != nil {
			if id, ok := strings.CutPrefix(p.ContentReference.Reference, "Communication/"); ok {
				e.Photos = append(e.Photos, id)
			}
		}
	}
	e.Words = strings.Join(words, "\n")
	if c.Topic != nil {
		e.subject = c.Topic.Text
	} else if len(c.Category) > 0 {
		e.subject = c.Category[0].Text
	}
	for _, a := range c.About {
		if teamRef(a.Reference) {
			e.team, e.teamRef = a.Display, a.Reference
		}
	}
	for _, before := range c.InResponseTo {
		if before.Identifier != nil && before.Identifier.System == threadSystem && before.Identifier.Value != e.thread {
			e.continues = before.Identifier.Value
		}
	}
	return e, true
}

// gather makes threads of entries, each in the order in which it was written.
func gather(patient string, entries []Entry) []Thread {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		// What closes a thread comes after what was written in the same moment.
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a), rank(b)), strings.Compare(a.ID, b.ID))
	})
	var order []string
	by := map[string]*Thread{}
	for _, e := range entries {
		t := by[e.thread]
		if t == nil {
			t = &Thread{ID: e.thread, Patient: patient}
			by[e.thread] = t
			order = append(order, e.thread)
		}
		if t.Subject == "" {
			t.Subject = e.subject
		}
		if e.teamRef != "" {
			t.Team, t.TeamRef = e.team, e.teamRef
		}
		if e.continues != "" {
			t.Continues = e.continues
		}
		t.Closed = e.Close
		t.Entries = append(t.Entries, e)
	}
	out := make([]Thread, 0, len(order))
	for _, id := range order {
		t := by[id]
		if t.Team == "" && len(t.Entries) > 0 {
			t.Team = t.Entries[0].From
		}
		out = append(out, *t)
	}
	return out
}

func rank(e Entry) int {
	if e.Close {
		return 1
	}
	return 0
}

// threadOf is the thread's name that a Communication bears, "" for none.
func threadOf(c *r4.Communication) string {
	for _, id := range c.Identifier {
		if id.System == threadSystem {
			return id.Value
		}
	}
	return ""
}

// fromPerson reports whether the person wrote it, or somebody for them.
func fromPerson(c *r4.Communication) bool {
	return c.Sender != nil && (strings.HasPrefix(c.Sender.Reference, "Patient/") || c.Sender.Type == "Patient" || c.Sender.Type == "RelatedPerson")
}

// patientOf is the id of the Patient whom a reference names, "" for anybody and anything else: others may write what they like.
func patientOf(r *r4.Reference) string {
	if r == nil {
		return ""
	}
	if ref := fhir.ParseReference(r.Reference); ref.Type == "Patient" && fhir.ValidID(ref.ID) {
		return ref.ID
	}
	return ""
}

// toPerson reports whether it is for whom it is about.
func toPerson(c *r4.Communication) bool {
	if patientOf(c.Subject) == "" {
		return false
	}
	return slices.ContainsFunc(c.Recipient, func(r r4.Reference) bool { return r.Reference != "" && r.Reference == c.Subject.Reference })
}

func teamRef(ref string) bool {
	return strings.HasPrefix(ref, "HealthcareService/") || strings.HasPrefix(ref, "Organization/")
}

func timeOf(d fhir.DateTime) time.Time {
	if d.Precision() == 0 {
		return time.Time{}
	}
	return d.Low()
}
