package hl7

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Feed takes the messages of one sender: keeps each as it came, files it, and only then acknowledges it. Make it with Open.
//
// Messages about one patient are filed in the order in which they came, those about different patients beside each other;
// a merge waits for both. A message that cannot be understood is quarantined and answered AE or AR with its reason, and
// holds nobody else up. What is kept and not filed, because the process or the database went away, is filed by Resume, and
// by the sender sending it again.
type Feed struct {
	App, Facility string         // who we are in acknowledgements; "" for whom the message was sent to
	Place         *time.Location // where the sender's clocks hang; nil for Europe/London

	desk  *intake.Desk
	name  string
	turns turns
	known known
}

// Open makes the feed of that name, which the desk must know.
func Open(desk *intake.Desk, name string) (*Feed, error) {
	f, err := desk.Named(name)
	if err != nil {
		return nil, err
	}
	if f.Kind != "hl7" {
		return nil, fhir.Errorf(fhir.Conflict, "the feed %s is of kind %s, not hl7", name, f.Kind)
	}
	return &Feed{desk: desk, name: name}, nil
}

// Serve takes messages on a listener until ctx ends, over TLS where conf is given. What was pending is filed first.
func (f *Feed) Serve(ctx context.Context, ln net.Listener, conf *tls.Config, trouble func(from string, err error)) error {
	if err := f.Resume(ctx); err != nil {
		return err
	}
	s := &Server{Handle: f.Take, TLS: conf, Trouble: trouble}
	return s.Serve(ctx, ln)
}

// Take keeps and files one message and gives the acknowledgement, nil where the sender wants none. It is Server.Handle.
func (f *Feed) Take(ctx context.Context, _ string, raw []byte) []byte {
	reply := Reply{App: f.App, Facility: f.Facility, Now: f.desk.Now()}
	t := f.take(ctx, raw)
	switch {
	case t.idle:
		return nil
	case t.unkept != nil: // nothing is kept, so nothing is taken: the sender must send it again
		reply.Verdict, reply.Err = Fault, t.unkept
	case t.again:
		reply.Note = "received before"
		reply.Verdict, reply.Err = f.before(t.item)
	default:
		reply.Verdict, reply.Err = VerdictOf(t.unfiled), t.unfiled
	}
	if t.msg == nil {
		return Nack(raw, reply)
	}
	return Ack(t.msg, reply)
}

// Read keeps and files one message that came in a file, where nobody waits for an answer. What is wrong with the message is in quarantine; the
// error is that it could not be kept, or that the fault is ours: then it stays pending.
func (f *Feed) Read(ctx context.Context, raw []byte) error {
	t := f.take(ctx, raw)
	if t.unkept != nil {
		return t.unkept
	}
	if t.item != nil && t.item.Status == intake.Pending {
		return t.unfiled
	}
	return nil
}

// Miscounted quarantines the envelope of a file whose batches count other messages than they hold: one may be missing.
func (f *Feed) Miscounted(ctx context.Context, name string, file []byte, why error) error {
	var envelope []byte
	for line := range bytes.FieldsFuncSeq(file, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if isEnvelope(line) {
			envelope = append(append(envelope, line...), '\r')
		}
	}
	it, again, err := f.desk.Keep(ctx, f.name, name, envelope)
	if err != nil || again {
		return err
	}
	return f.desk.Quarantine(ctx, it, intake.Bad{Reason: why.Error()})
}

// taken is what became of a message.
type taken struct {
	msg     *Message
	item    *intake.Item
	idle    bool // an acknowledgement, which nothing follows from
	again   bool // it came before, and was dealt with
	unkept  error
	unfiled error
}

func (f *Feed) take(ctx context.Context, raw []byte) (t taken) {
	msg, parseErr := Parse(raw)
	t.msg = msg
	name := "unreadable message"
	if parseErr == nil {
		code, event := kindOf(msg)
		if code == "ACK" || code == "MCF" {
			return taken{idle: true}
		}
		name = code + "^" + event + " " + msg.ControlID()
		defer f.turns.take(Patients(msg, f.name))()
	}
	var again bool
	if t.item, again, t.unkept = f.desk.Keep(ctx, f.name, name, raw); t.unkept != nil {
		return t
	}
	if again && t.item.Status != intake.Pending {
		t.again = true
		return t
	}
	t.unfiled = f.file(ctx, t.item, msg, parseErr)
	return t
}

// before is what was said of an item the first time.
func (f *Feed) before(item *intake.Item) (Verdict, error) {
	switch item.Status {
	case intake.Refused:
		return Reject, fhir.Errorf(fhir.Unsupported, "%s", item.Reason)
	case intake.Quarantined:
		return Fault, fhir.Errorf(fhir.Invalid, "%s", item.Reason)
	}
	return Accept, nil
}

// Resume files what was kept and not filed, the oldest first.
func (f *Feed) Resume(ctx context.Context) error {
	for after := int64(0); ; {
		items, err := f.desk.PendingItems(ctx, f.name, after, 100)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, it := range items {
			after = it.Number
			raw, err := f.desk.Raw(ctx, it)
			if err != nil {
				return err
			}
			msg, parseErr := Parse(raw)
			if err := f.resume(ctx, it, msg, parseErr); err != nil && fhir.KindOf(err) == fhir.Broken {
				return err
			}
		}
	}
}

func (f *Feed) resume(ctx context.Context, it *intake.Item, msg *Message, parseErr error) error {
	if msg != nil {
		defer f.turns.take(Patients(msg, f.name))()
	}
	return f.file(ctx, it, msg, parseErr)
}

// file files a kept message. The error is what the sender is told; the item says the same, unless the fault is ours: then
// it stays pending.
func (f *Feed) file(ctx context.Context, it *intake.Item, msg *Message, parseErr error) error {
	feed, err := f.desk.Named(f.name)
	if err != nil {
		return err
	}
	if feed.Held != "" {
		return nil // it is kept, and filed when a person lets the feed go on
	}
	if parseErr != nil {
		return f.refuse(ctx, it, nil, parseErr)
	}
	mine := idKey(msg)
	if msg.ControlID() != "" {
		defer f.turns.take([]string{"\x00" + mine})()
		if err := f.sameID(ctx, it, mine); err != nil {
			return f.refuse(ctx, it, msg, err)
		}
	}
	for try := 0; ; try++ {
		err = f.once(ctx, it, msg, mine, try == 0)
		switch fhir.KindOf(err) {
		case fhir.Conflict, fhir.Precondition:
			if err != nil && try < 10 { // somebody else wrote: look again
				f.known.forget()
				continue
			}
		}
		break
	}
	if err == nil {
		return nil
	}
	switch fhir.KindOf(err) {
	case fhir.Broken, fhir.Busy, fhir.NoRoom:
		return err
	}
	if ctx.Err() != nil {
		return err
	}
	return f.refuse(ctx, it, msg, err)
}

// once maps a message against the record as it is and files what it comes to in one transaction.
// With hope, the results of a report nobody has are taken to be new without looking for each: where one is not, the write
// is refused and the message mapped again.
func (f *Feed) once(ctx context.Context, it *intake.Item, msg *Message, mine string, hope bool) error {
	look := &look{f: f, ctx: ctx, have: map[Ref]held{}, hope: hope}
	filing, err := Map(msg, Config{Feed: f.name, Item: it.Number, Received: it.Received, Place: f.Place, Seen: look.seenAt}, look.current)
	if look.err != nil {
		return look.err
	}
	if err != nil {
		return err
	}
	extra := []record.BoxItem{{Kind: "hl7-id/" + f.name, Key: mine, Value: []byte(it.SHA256)}}
	code, _ := kindOf(msg)
	said, again := look.confirm(filing.Confirmed, filing.Stamp, code == "ADT")
	extra = append(extra, said...)
	ops := look.ops(filing.Resources)
	set, err := f.desk.Named(f.name)
	if err != nil {
		return err
	}
	valid, err := f.desk.Validate(ctx, set, ops)
	if err != nil {
		return err
	}
	if len(filing.Merges) > 0 {
		// Links are made of Patients that are in the record, so those go first; the item stays pending until all is done,
		// and doing it twice comes to the same.
		if _, err := f.desk.Door.Commit(ctx, f.desk.Who, ops); err != nil {
			return err
		}
		f.known.forget()
		ops = nil
		moved, keep, err := f.merge(ctx, it, filing.Merges)
		if err != nil {
			return err
		}
		ops, extra = moved, append(extra, keep...)
	}
	for _, d := range filing.Deletes {
		gone, err := f.takeBack(ctx, d)
		if err != nil {
			return err
		}
		ops = append(ops, gone...)
	}
	done := *it
	done.Patients = filing.PatientKeys
	done.Rows = intake.Rows{In: msg.Len(), Filed: len(ops), Unchanged: len(filing.Confirmed), Retracted: len(filing.Deletes)}
	done.Notes, done.Valid = notes(filing.Warnings), valid
	results, err := f.desk.File(ctx, &done, ops, extra...)
	if err != nil {
		return err
	}
	*it = done
	f.known.learn(ops, results)
	for _, ref := range again {
		h := look.have[ref]
		h.seen = filing.Stamp
		f.known.add(ref, h)
	}
	return nil
}

// notes counts warnings, at most twenty of them.
func notes(warnings []string) map[string]int {
	out := map[string]int{}
	for _, w := range warnings {
		if len(out) < 20 || out[w] > 0 {
			out[w]++
		}
	}
	return out
}

// idKey is what a sender must not use twice.
func idKey(msg *Message) string {
	msh := msg.At(0)
	return msh.Field(3).Whole() + "|" + msh.Field(4).Whole() + "|" + msg.ControlID()
}

// sameID refuses a message whose control id another message of the sender had.
func (f *Feed) sameID(ctx context.Context, it *intake.Item, mine string) error {
	had, err := f.box().Get(ctx, "hl7-id/"+f.name, mine)
	if err != nil {
		return err
	}
	if had != nil && string(had) != it.SHA256 {
		return &codedError{"205", "Duplicate key identifier", fhir.Errorf(fhir.Invalid,
			"the sender used this control id before, for another message: this one was not filed").At("MSH[1]-10")}
	}
	return nil
}

func (f *Feed) box() record.Box { return f.desk.Door.Box("intake") }

// refuse notes why a message was not filed, where staff look for it, and gives the reason back.
func (f *Feed) refuse(ctx context.Context, it *intake.Item, msg *Message, why error) error {
	if fhir.KindOf(why) == fhir.Broken {
		return why
	}
	if VerdictOf(why) == Reject {
		it.Status, it.Reason = intake.Refused, why.Error()
		if _, err := f.desk.File(ctx, it, nil); err != nil {
			return err
		}
		return why
	}
	bad := intake.Bad{Reason: why.Error()}
	if segment, sequence, field := place(why); segment != "" && msg != nil {
		bad.Table, bad.Column = segment, field
		for s := range msg.All() {
			if s.Place() == segment+"["+sequence+"]" {
				bad.Line, bad.Row = int64(s.Index()+1), s.Raw()
			}
		}
	}
	if err := f.desk.Quarantine(ctx, it, bad); err != nil {
		return err
	}
	return why
}

// takeBack deletes what the sender takes back; of a patient, all that this feed said of them.
func (f *Feed) takeBack(ctx context.Context, d Delete) ([]record.Op, error) {
	ops := []record.Op{{Method: record.Delete, Type: d.Type, ID: d.ID}}
	if !d.Cascade {
		return ops, nil
	}
	for page := ""; ; {
		got, err := f.desk.Door.Everything(ctx, f.desk.Who, d.ID, record.Everything{Count: record.MaxCount, Page: page})
		if gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range got.Matches {
			m := &got.Matches[i]
			res, err := m.Resource()
			if err != nil {
				return nil, err
			}
			feed, _, _ := intake.SourceOf(res.Root().Get("meta").Get("source").Text())
			if feed == f.name && !shared[m.Type] && (m.Type != d.Type || m.ID != d.ID) {
				ops = append(ops, record.Op{Method: record.Delete, Type: m.Type, ID: m.ID})
			}
		}
		if got.Next == "" {
			return ops, nil
		}
		page = got.Next
	}
}

// shared are types that belong to no patient.
var shared = map[string]bool{"Practitioner": true, "Organization": true, "Location": true}

func gone(err error) bool {
	return err != nil && (fhir.KindOf(err) == fhir.NotFound || fhir.KindOf(err) == fhir.Gone)
}

// Unmerge undoes a merge that a message made: everything is as it was. Who asks is in the audit.
func (f *Feed) Unmerge(ctx context.Context, who access.Actor, item int64) error {
	if err := f.box().Disclose(ctx, who, "undoing the merge of item "+strconv.FormatInt(item, 10)); err != nil {
		return err
	}
	return f.unmerge(ctx, item)
}
