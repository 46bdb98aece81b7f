package feeds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Status is how a feed stands.
type Status struct {
	Feed        *intake.Feed
	Doing       string        // what it does at this moment, "" for nothing
	Last        *intake.Item  // the newest that arrived, nil where nothing has
	Silent      bool          // it has said nothing for longer than its limit
	Waiting     int           // items kept and not yet filed
	Parked      int           // rows that wait for another
	Quarantined int           // rows and items that could not be filed
	Rows        intake.Rows   // of the newest items together
	Lag         time.Duration // from an item's arrival until it could be found, the longest of the newest
	Quality     []Measure
}

// Measure is one data-quality check of a feed: of so many, so many pass.
type Measure struct {
	intake.Check
	Of, Pass int
}

// Share is the part that passes, 1 where there is nothing to check.
func (m Measure) Share() float64 {
	if m.Of == 0 {
		return 1
	}
	return float64(m.Pass) / float64(m.Of)
}

// many bounds what is counted by reading: more is "1000 or more".
const many = 1000

// Overview is the status of every feed, in order of name.
func (s *Service) Overview(ctx context.Context, who access.Actor) ([]Status, error) {
	box := s.Desk.Door.Box("intake")
	if err := box.Disclose(ctx, who, "overview of the feeds"); err != nil {
		return nil, err
	}
	var out []Status
	for _, f := range s.Desk.Feeds() {
		st := Status{Feed: f}
		s.mu.Lock()
		st.Doing = s.going[f.Name]
		s.mu.Unlock()
		items, err := s.Desk.Items(ctx, f.Name, 0, 200)
		if err != nil {
			return nil, err
		}
		notes := map[string]int{}
		for i, it := range items {
			if i == 0 {
				st.Last = it
			}
			st.Rows.Add(it.Rows)
			if !it.Finished.IsZero() {
				st.Lag = max(st.Lag, it.Finished.Sub(it.Received))
			}
			for name, n := range it.Notes {
				notes[name] += n
			}
		}
		st.Quality = measures(notes, st.Rows)
		st.Silent = s.silent(f, st.Last)
		pending, err := box.List(ctx, "pending/"+f.Name, "", many)
		if err != nil {
			return nil, err
		}
		st.Waiting = len(pending)
		bad, err := box.List(ctx, "bad/"+f.Name, "", many)
		if err != nil {
			return nil, err
		}
		st.Quarantined = len(bad)
		parked, err := box.Waiting(ctx, f.Number, 0, record.Part{Unit: -1}, many)
		if err != nil {
			return nil, err
		}
		st.Parked = len(parked)
		out = append(out, st)
	}
	return out, nil
}

// measures are the data-quality checks of a feed's newest items: its notes count what was checked and what did not pass.
func measures(notes map[string]int, rows intake.Rows) []Measure {
	var out []Measure
	for _, c := range intake.Checks() {
		m := Measure{Check: c, Of: notes[intake.Checked+c.Title]}
		m.Pass = m.Of - notes[intake.Failed+c.Title]
		switch c.Name {
		case "understood":
			m.Of, m.Pass = rows.In, rows.In-rows.Quarantined
		case "parent":
			m.Of, m.Pass = rows.In, rows.In-rows.Parked
		}
		if m.Of > 0 {
			out = append(out, m)
		}
	}
	return out
}

// Failing lists what of a feed does not pass a check, as intake.Desk.Failing does.
func (s *Service) Failing(ctx context.Context, who access.Actor, feed, check, as, after string, limit int) ([]intake.Failing, string, error) {
	f, err := s.Desk.Named(feed)
	if err != nil {
		return nil, "", err
	}
	return s.Desk.Failing(ctx, who, s.Formats[f.Kind], feed, check, as, after, limit)
}

func (s *Service) silent(f *intake.Feed, last *intake.Item) bool {
	return last != nil && s.now().Sub(last.Received) > f.Silence()
}

// Fault is a reason for which rows of a feed were quarantined, with the rows.
type Fault struct {
	Reason string
	Count  int
	Rows   []intake.Bad // the first few
}

// Faults are the reasons for which a feed's rows are in quarantine, the commonest first, each with its first rows. Reading them is audited.
func (s *Service) Faults(ctx context.Context, who access.Actor, feed string) ([]Fault, error) {
	bad, err := s.Desk.Bads(ctx, who, feed, "", many)
	if err != nil {
		return nil, err
	}
	by := map[string]*Fault{}
	for _, b := range bad {
		reason := general(b)
		f := by[reason]
		if f == nil {
			f = &Fault{Reason: reason}
			by[reason] = f
		}
		f.Count++
		if len(f.Rows) < 10 {
			f.Rows = append(f.Rows, b)
		}
	}
	var out []Fault
	for _, f := range by {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Fault) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return cmp.Compare(a.Reason, b.Reason)
	})
	return out, nil
}

// general is a reason without what is in it of the row, with the column it is about.
func general(b intake.Bad) string {
	where := b.Table
	if b.Column != "" {
		where += "." + b.Column
	}
	if where != "" {
		return where + ": " + b.General()
	}
	return b.General()
}

// Replays reports whether what a feed of a kind has sent can be read again.
func (s *Service) Replays(kind string) bool {
	return kind == "hl7" || s.Formats[kind] != nil || s.Readers[kind] != nil
}

// Replay makes again what a feed's items of a time hold, or says what would differ. Who asks is in the audit.
func (s *Service) Replay(ctx context.Context, who access.Actor, feed string, from, to time.Time, dry bool) (*intake.Difference, error) {
	f, err := s.Desk.Named(feed)
	if err != nil {
		return nil, err
	}
	box := s.Desk.Door.Box("intake")
	allowed := box.Operate
	if dry {
		allowed = box.Disclose
	}
	if err := allowed(ctx, who, "replay of "+feed); err != nil {
		return nil, err
	}
	if format := s.Formats[f.Kind]; format != nil {
		return s.Desk.Replay(ctx, format, feed, from, to, dry)
	}
	if read := s.Readers[f.Kind]; read != nil {
		return s.Desk.ReplayItems(ctx, read, feed, from, to, dry)
	}
	if f.Kind == "hl7" {
		messages, err := hl7.Open(s.Desk, feed)
		if err != nil {
			return nil, err
		}
		return messages.Replay(ctx, from, to, dry)
	}
	return nil, fhir.Errorf(fhir.Unsupported, "nothing here understands feeds of kind %s", f.Kind)
}

// alarms raises a Task for each feed that is silent or held, and ends it when that is over.
func (s *Service) alarms(ctx context.Context) error {
	for _, f := range s.Desk.Feeds() {
		items, err := s.Desk.Items(ctx, f.Name, 0, 1)
		if err != nil {
			return err
		}
		var last *intake.Item
		if len(items) > 0 {
			last = items[0]
		}
		said := ""
		if s.silent(f, last) {
			said = fmt.Sprintf("%s has sent nothing since %s: longer than %s. Ask the supplier whether their extract failed", f.Title, last.Received.Format("Monday 2 January, 15:04"), f.Silence())
		}
		if err := s.task(ctx, f, "silence", said); err != nil {
			return err
		}
		if err := s.task(ctx, f, "held", f.Held); err != nil {
			return err
		}
		if err := s.task(ctx, f, "moved", f.Moved); err != nil {
			return err
		}
	}
	return nil
}

// task raises an alarm, changes what it says, or ends it where why is "". A feed that was always well has none.
func (s *Service) task(ctx context.Context, f *intake.Feed, kind, why string) error {
	id := intake.ID(f.Name, "Task", "alarm\x00"+kind)
	have, err := s.Desk.Door.Get(ctx, s.Desk.Who, "Task", id)
	if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
		return err
	}
	if err != nil && why == "" {
		return nil
	}
	t := &r4.Task{ID: id, Status: "requested", Intent: "order", Priority: "urgent", Code: &r4.CodeableConcept{Coding: []r4.Coding{{System: "urn:kith:task", Code: "feed-" + kind}}, Text: "Feed " + f.Title},
		Description: why, Requester: &r4.Reference{Display: "Kith, feeds"}}
	if have != nil {
		res, err := have.Resource()
		if err != nil {
			return err
		}
		if err := r4.Decode(res, t); err != nil {
			return err
		}
		done := t.Status == "completed"
		if why == "" && done || why != "" && !done && t.Description == why {
			return nil
		}
	}
	t.Meta = nil
	now := fhir.DateTimeOf(s.now().UTC())
	if why == "" {
		t.Status = "completed"
	} else {
		if t.Status == "completed" || have == nil {
			t.AuthoredOn = now
		}
		t.Status, t.Description = "requested", why
	}
	t.LastModified = now
	res, err := fhir.Parse(r4.Encode(t))
	if err != nil {
		return err
	}
	_, err = s.Desk.Door.Commit(ctx, s.Desk.Who, []record.Op{{Method: record.Update, Type: "Task", ID: id, Resource: res}})
	return err
}
