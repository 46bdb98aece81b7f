package message

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Inbound is something that came back by e-mail or text message.
type Inbound struct {
	ID     string // the carrier's own, so that what comes twice is one
	Medium string // email or text
	From   string // an address, or a number
	Key    string // of what it answers, where that can be told
	Words  string
}

// answersFor is how long after a text message an answer without a key is taken to be to it.
const answersFor = 14 * 24 * time.Hour

// Came keeps what somebody answered: in its thread where it can be told which and the address is the person's own, else as something that belongs to nobody
// yet, with a Task for the desk. What comes twice is kept once.
func (s *Service) Came(ctx context.Context, in Inbound) error {
	in.Words = strings.TrimSpace(in.Words)
	if in.ID == "" || in.From == "" {
		return fhir.Errorf(fhir.Invalid, "what came has no name or no sender")
	}
	if len(in.Words) > 4*MostWords {
		in.Words = strings.ToValidUTF8(in.Words[:4*MostWords], "") + " […]"
	}
	patient, thread, err := s.threadFor(ctx, &in)
	if err != nil {
		return err
	}
	id := idOf("in-", in.Medium, in.ID)
	now := fhir.DateTimeOf(s.now())
	if thread == nil {
		return s.nobodys(ctx, &in, id)
	}
	person := &r4.Reference{Reference: "Patient/" + patient}
	team := r4.Reference{Reference: thread.TeamRef, Display: thread.Team}
	name := thread.ID
	answered := r4.Reference{Reference: "Communication/" + thread.Entries[len(thread.Entries)-1].ID}
	if thread.Closed {
		name = idOf("thread-", id)
		answered.Identifier = &r4.Identifier{System: threadSystem, Value: thread.ID}
	}
	c := &r4.Communication{ID: id, Identifier: []r4.Identifier{{System: threadSystem, Value: name}}, InResponseTo: []r4.Reference{answered}, Status: "completed", Category: kind(kindMessage), Medium: mediums(in.Medium), Subject: person, Sender: person, About: []r4.Reference{team},
		Recipient: []r4.Reference{team}, Sent: now, Payload: []r4.CommunicationPayload{{ContentString: in.Words}}}
	if thread.Subject != "" {
		c.Topic = &r4.CodeableConcept{Text: thread.Subject}
	}
	o, err := op("Communication", id, c)
	if err != nil {
		return err
	}
	o.IfNone = true
	if _, err = s.Door.Commit(ctx, me, []record.Op{o}); stands(err) {
		return nil
	}
	return err
}

// Whose is the patient from whose own address or number something came; "" where it is nobody's, or several people's.
func (s *Service) Whose(ctx context.Context, in Inbound) (patient string, err error) {
	people, err := s.peopleAt(ctx, &in)
	if err != nil || len(people) != 1 {
		return "", err
	}
	return people[0], nil
}

// nobodys keeps what nobody knows whose it is.
func (s *Service) nobodys(ctx context.Context, in *Inbound, id string) error {
	now := s.now()
	desk := s.desk()
	c := &r4.Communication{ID: id, Status: "completed", Category: kind(kindMessage), Medium: mediums(in.Medium), Sender: &r4.Reference{Display: in.From}, Recipient: []r4.Reference{*desk}, Sent: fhir.DateTimeOf(now), Payload: []r4.CommunicationPayload{{ContentString: in.Words}}}
	first, err := op("Communication", id, c)
	if err != nil {
		return err
	}
	first.IfNone = true
	t := &r4.Task{ID: idOf("unknown-", id), Status: "requested", Intent: "order", Priority: "routine", Code: taskOf(unknownCode, "Find out whose answer this is"), Description: map[string]string{"email": "An e-mail", "text": "A text message"}[in.Medium] + " from " + in.From + ": " + in.Words,
		Focus: &r4.Reference{Reference: "Communication/" + id}, AuthoredOn: fhir.DateTimeOf(now), LastModified: fhir.DateTimeOf(now), Requester: &r4.Reference{Display: me.Name}, Owner: desk, Restriction: &r4.TaskRestriction{Period: &r4.Period{End: fhir.DateTimeOf(now.Add(s.waits().Answer))}}}
	second, err := op("Task", t.ID, t)
	if err != nil {
		return err
	}
	second.IfNone = true
	if _, err = s.Door.Commit(ctx, me, []record.Op{first, second}); stands(err) {
		return nil
	}
	return err
}

// threadFor is the thread that something answers, nil where that cannot be told. An answer counts as somebody's only where it comes from an address that the
// record has of them.
func (s *Service) threadFor(ctx context.Context, in *Inbound) (patient string, t *Thread, err error) {
	if d, _, err := s.ofKey(ctx, in.Key); err != nil {
		return "", nil, err
	} else if d != nil {
		n, err := s.needs().Known(ctx, me, d.Patient)
		if err != nil && fhir.KindOf(err) != fhir.NotFound {
			return "", nil, err
		}
		if !same(in, &n) {
			return "", nil, nil
		}
		c, ok, err := get[r4.Communication](ctx, s, me, "Communication/"+d.Inbox)
		if err != nil || !ok || threadOf(&c) == "" {
			return "", nil, err
		}
		t, err := s.Thread(ctx, me, d.Patient, threadOf(&c))
		if fhir.KindOf(err) == fhir.NotFound {
			return "", nil, nil
		}
		return d.Patient, t, err
	}
	people, err := s.peopleAt(ctx, in)
	if err != nil || len(people) != 1 { // a telephone that two people share says not whose answer it is
		return "", nil, err
	}
	return s.newest(ctx, people[0])
}

// newest is the thread of which somebody was last told by text message or e-mail, lately.
func (s *Service) newest(ctx context.Context, patient string) (string, *Thread, error) {
	page, err := s.Door.Find(ctx, me, "Communication?patient="+patient+"&category="+kindSystem+"|"+kindDelivery+"&medium=SMSWRIT,EMAILWRIT&status=completed,unknown&_sort=-sent&_count=20")
	if err != nil {
		return "", nil, err
	}
	for i := range page.Matches {
		var c r4.Communication
		if err := page.Matches[i].Decode(&c); err != nil {
			return "", nil, err
		}
		if s.now().Sub(timeOf(c.Sent)) > answersFor {
			break
		}
		for _, of := range c.PartOf {
			m, ok, err := get[r4.Communication](ctx, s, me, of.Reference)
			if err != nil {
				return "", nil, err
			}
			if thread := threadOf(&m); ok && thread != "" {
				t, err := s.Thread(ctx, me, patient, thread)
				return patient, t, err
			}
		}
	}
	return "", nil, nil
}

// peopleAt are those who have a number or an address, one Patient of each.
func (s *Service) peopleAt(ctx context.Context, in *Inbound) ([]string, error) {
	query := "Patient?email=" + escape(in.From)
	if in.Medium == "text" {
		query = "Patient?phone=" + strings.Join(spellings(need.Number(in.From)), ",")
	}
	var people []string
	known := map[string]bool{}
	for m, err := range s.Door.All(ctx, me, query) {
		if err != nil {
			return nil, err
		}
		if known[m.ID] {
			continue
		}
		group, err := s.Door.Person(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		for _, id := range append(group, m.ID) {
			known[id] = true
		}
		n, err := s.needs().Known(ctx, me, m.ID)
		if err != nil {
			return nil, err
		}
		if same(in, &n) {
			people = append(people, m.ID)
		}
	}
	return people, nil
}

// spellings are how systems write a number such as +447700900123.
func spellings(n string) []string {
	out := []string{escape(n)}
	if rest, ok := strings.CutPrefix(n, "+44"); ok && len(rest) == 10 {
		home := "0" + rest
		out = append(out, home, escape(home[:5]+" "+home[5:]), escape(home[:5]+" "+home[5:8]+" "+home[8:]), escape("+44 "+rest), escape("+44 "+rest[:4]+" "+rest[4:]))
	}
	return out
}

// escape makes a value safe in a query: what would end it, or split it into two, is written as itself.
func escape(v string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", " ", "%20", ",", `\,`, "|", `\|`, "$", `\$`).Replace(v)
}

// same reports whether something came from an address of the person's.
func same(in *Inbound, n *need.Need) bool {
	if in.Medium == "text" {
		return n.Mobile != "" && need.Number(in.From) == n.Mobile
	}
	return n.Email != "" && strings.EqualFold(strings.TrimSpace(in.From), n.Email)
}

// ofKey is the delivery and step that a key names; nil where it names none.
func (s *Service) ofKey(ctx context.Context, key string) (*delivery, int, error) {
	name, index, ok := strings.Cut(key, "-")
	i, err := strconv.Atoi(index)
	if !ok || err != nil || name == "" {
		return nil, 0, nil
	}
	d, err := s.delivery(ctx, name)
	if err != nil || d == nil || i < 0 || i >= len(d.Steps) {
		return nil, 0, err
	}
	return d, i, nil
}

// Bounced notes that something did not arrive, and takes the next way at once. What nobody knows, or is past already, is left alone.
func (s *Service) Bounced(ctx context.Context, key, why string) error {
	d, i, err := s.ofKey(ctx, key)
	if err != nil || d == nil {
		return err
	}
	if why = strings.TrimSpace(why); why == "" {
		why = "it came back"
	}
	changed := false
	err = s.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := record.ReadJSON[delivery](read, deliveryKind, d.Key)
		if err != nil || have == nil || i >= len(have.Steps) || !slices.Contains([]state{sent, unknown, sending}, have.Steps[i].State) {
			return record.Noted{}, err
		}
		have.Steps[i].State, have.Steps[i].Why = failed, why
		changed, d = true, have
		n := record.Noted{Items: []record.BoxItem{record.JSONItem(deliveryKind, have.Key, have)}}
		if have.Over == "" {
			n.Jobs = []record.Job{{Name: have.Key, Due: s.now()}}
		}
		return n, nil
	})
	if err != nil || !changed {
		return err
	}
	o, err := d.communication(i)
	if err != nil {
		return err
	}
	_, err = s.Door.Commit(ctx, me, []record.Op{*o})
	return err
}

// Arrived notes that a carrier says something has arrived.
func (s *Service) Arrived(ctx context.Context, key string) error {
	d, i, err := s.ofKey(ctx, key)
	if err != nil || d == nil {
		return err
	}
	id := idOf("sent-", d.stepKey(i))
	if _, ok, err := get[r4.Communication](ctx, s, me, "Communication/"+id); err != nil || !ok {
		return err
	}
	_, err = s.Door.Commit(ctx, me, []record.Op{change("Communication", id, func(c *r4.Communication) {
		if c.Received.Precision() == 0 {
			c.Received = fhir.DateTimeOf(s.now())
		}
	})})
	return err
}
