package town

import (
	"bytes"
	"context"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Event is something a system of the town sends.
type Event struct {
	When  time.Time // by the clock on the wall in England, written as UTC
	Feed  string    // the folder Write would put it in: emis-zz001, hospital-zz1 …
	Name  string    // the file it would be, or the file it would be a part of
	Bytes []byte    // a whole file, or one message, or one row under its header
}

// liveDays is how many days are drawn at a time.
const liveDays = 7

// Live yields what the town's systems send after a bulk extract of the day from, in order of time, until the town's
// last day: each night's extracts, and messages, visits and readings as they come. It continues what Write writes with
// the same town where from is the day of that bulk. Practices with GP Connect send nothing; one asks them (GPConnect).
//
// At a speed of n, n seconds of the town pass in one; speed 0 waits for nothing. It ends with ctx.
func (t Town) Live(ctx context.Context, from time.Time, density Density, speed float64) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		from = from.UTC().Truncate(day)
		start := time.Now()
		place := t.place()
		if density == "" {
			density = Tenth
		}
		var held []Event
		for begin := from; begin.Before(t.until()); begin = begin.Add(liveDays * day) {
			end := begin.Add(liveDays * day)
			if end.After(t.until()) {
				end = t.until()
			}
			due := append(held, t.between(ctx, place, from, begin, end, density)...)
			slices.SortStableFunc(due, func(a, b Event) int { return a.When.Compare(b.When) })
			held = nil
			for i, e := range due {
				if !e.When.Before(end) && end.Before(t.until()) { // the night's extracts of the last day come after midnight
					held = due[i:]
					break
				}
				if speed > 0 {
					wait := time.Until(start.Add(time.Duration(float64(e.When.Sub(from)) / speed)))
					select {
					case <-time.After(wait):
					case <-ctx.Done():
					}
				}
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// live are the town's feeds as they go on from a day: their first cut only says what was sent before.
func (t Town) live(place *place, bulk, begin, end time.Time) []feed {
	var cuts []time.Time
	for at := begin; !at.After(end); at = at.Add(day) {
		cuts = append(cuts, at)
	}
	base := int(begin.Sub(bulk) / day)
	emis1, emis2 := newEMIS(t, place, millLane, 0, cuts), newEMIS(t, place, stationRoad, 1, cuts)
	tpp, vision := newTPP(t, place, canalSide, 2, cuts, false), newVision(t, place, holmeRise, 3, cuts)
	for _, e := range []*emis{emis1, emis2} {
		e.bulk, e.base = bulk, base
	}
	tpp.bulk, tpp.base, vision.bulk, vision.base = bulk, base, bulk, base
	feeds := []feed{emis1, emis2, tpp, vision}
	until := []time.Time{bulk, end}
	for _, s := range []*stream{newHospital(place, 5, until), newHomeCare(t, 6, until), newDevices(t, 7, until), newOutOfHours(t, place, 8, until), newCommunity(t, 9, until)} {
		s.since, s.few = begin, true
		feeds = append(feeds, s)
	}
	return append(feeds, newHighStreet(t, place, until))
}

// between draws everyone's days from begin to end.
func (t Town) between(ctx context.Context, place *place, bulk, begin, end time.Time, density Density) []Event {
	feeds := t.live(place, bulk, begin, end)
	density.lately(feeds, bulk)
	all := &outbox{sheets: map[sheetKey]*sheet{}}
	for _, f := range feeds {
		f.shared(all)
	}
	workers := runtime.GOMAXPROCS(0)
	parts := make([]*outbox, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			o := &outbox{sheets: map[sheetKey]*sheet{}}
			for i := w * t.People / workers; i < (w+1)*t.People/workers && ctx.Err() == nil; i++ {
				c := t.chart(i, place, density, bulk)
				for _, f := range feeds {
					f.write(c, o, nil)
				}
				o.facts, o.bad = o.facts[:0], nil
				o.forgetBulk()
			}
			parts[w] = o
		})
	}
	wait.Wait()
	for _, o := range parts {
		all.join(o)
	}
	all.forgetBulk()
	var events []Event
	for _, f := range feeds {
		events = append(events, sentBy(f, all)...)
	}
	for _, d := range all.documents {
		if !d.at.Before(begin) && d.at.Before(end) {
			name := d.path[:bytes.IndexByte([]byte(d.path), '/')]
			events = append(events, Event{d.at, name, d.path, d.data})
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.When.Compare(b.When) })
	return events
}

// forgetBulk empties the sheets of the practices' first cut, which was sent before.
func (o *outbox) forgetBulk() {
	for k, s := range o.sheets {
		if k.feed < 4 && k.drop == 0 {
			s.data, s.lines = s.data[:0], 0
		}
	}
}

// join puts another outbox's rows behind.
func (o *outbox) join(other *outbox) {
	for k, s := range other.sheets {
		mine := o.sheet(k)
		mine.data, mine.lines = append(mine.data, s.data...), mine.lines+s.lines
	}
	o.documents = append(o.documents, other.documents...)
}

// sentBy turns what a feed wrote into what arrives, and when.
func sentBy(f feed, o *outbox) (events []Event) {
	rows := func(k sheetKey) []byte {
		if s := o.sheets[k]; s != nil {
			return s.data
		}
		return nil
	}
	switch f := f.(type) {
	case *emis:
		for drop := 1; drop < len(f.cuts); drop++ {
			for table := range emisTables {
				events = append(events, Event{f.sentAt(drop), f.name, f.path(drop, table), append(f.header(drop, table), rows(f.key(drop, table))...)})
			}
		}
	case *tpp:
		for drop := 1; drop < len(f.cuts); drop++ {
			for table := range tppTables {
				if !tppTables[table].reference || table == tppManifest {
					events = append(events, Event{f.sentAt(drop), f.name, f.path(drop, table), append(f.header(drop, table), rows(f.key(drop, table))...)})
				}
			}
		}
	case *vision:
		for drop := 1; drop < len(f.cuts); drop++ {
			for _, subject := range visionSubjects {
				var out bytes.Buffer
				err := f.pack(&out, drop, subject, func(table int, to io.Writer) error {
					_, err := to.Write(rows(f.key(drop, table)))
					return err
				})
				if err != nil {
					panic("town: a zip in memory could not be written: " + err.Error())
				}
				events = append(events, Event{f.cuts[drop].Add(5 * time.Minute), f.name, f.outer(drop, subject), out.Bytes()})
			}
		}
	case *stream:
		for k, s := range o.sheets {
			if k.feed == f.feed {
				for _, r := range unpacked(s.data) {
					events = append(events, Event{r.at, f.name, f.name + "/" + f.parts[k.table].file, append([]byte(f.parts[k.table].header), r.data...)})
				}
			}
		}
		slices.SortStableFunc(events, func(a, b Event) int {
			if c := a.When.Compare(b.When); c != 0 {
				return c
			}
			if c := bytes.Compare([]byte(a.Name), []byte(b.Name)); c != 0 {
				return c
			}
			return bytes.Compare(a.Bytes, b.Bytes)
		})
	}
	return events
}
