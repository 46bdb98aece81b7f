package town

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Writing says how the town's systems write. The zero value writes a bulk extract of the town's last day.
type Writing struct {
	Density  Density          // empty is full up to 20,000 people, sixty facts each beyond
	Days     int              // daily extracts after the bulk, which is that many days before the town's last day
	Ahead    int              // so many days before the town's last day writing stops: what comes then is Live's
	Feeds    []string         // the folders to write, such as emis-zz001; empty for all
	Gap      bool             // the third daily extract of the TPP practice is missing: it lies in a folder of its own, to be sent later
	Closing  bool             // after the last extract, practice ZZ002 leaves its agreement: a folder of its own holds the drop that deletes everybody
	Progress func(people int) // called now and then with how many people are written, from one goroutine
}

// Written counts what was written.
type Written struct {
	People int   // with at least one record
	Rows   int64 // in extracts, bad ones included
	Facts  int64 // lines of truth/facts.ndjson
	Bad    int   // lines of truth/bad.ndjson
}

// FullPeople is the largest town that is written in full where nothing else is asked for.
const FullPeople = 20_000

// MostDays is how many daily extracts may be written.
const MostDays = 90

// feed is one system's extracts.
type feed interface {
	folders() []string
	begin(*files) error
	shared(*outbox)
	write(*chart, *outbox, []trueRecord) []trueRecord
	end(*files) error
}

// the truth's files stand beside the feeds'.
var (
	peopleKey = sheetKey{-1, 0, 0}
	factsKey  = sheetKey{-1, 0, 1}
	badKey    = sheetKey{-1, 0, 2}
)

// Write writes what the systems of the town send, one folder a feed and one a drop in it, and the truth. The same town and
// Writing give the same bytes. dir must be empty or not be there.
func (t Town) Write(ctx context.Context, dir string, w Writing) (Written, error) {
	var done Written
	if err := t.check(dir, &w); err != nil {
		return done, err
	}
	s := &sending{town: t, w: w, place: t.place(), out: &files{dir: dir, files: map[sheetKey]*file{}, names: map[sheetKey]string{}}}
	for k := w.Days; k >= w.Ahead; k-- {
		s.cuts = append(s.cuts, t.until().Add(-time.Duration(k)*day))
	}
	var err error
	if s.feeds, err = chosen(t.feeds(s.place, s.cuts, &w), w.Feeds); err != nil {
		return done, err
	}
	if err := s.begin(); err != nil {
		return done, err
	}
	if err := s.people(ctx, &done); err != nil {
		return done, err
	}
	for _, f := range s.feeds {
		if err := f.end(s.out); err != nil {
			return done, err
		}
	}
	return done, s.out.close()
}

func (t Town) check(dir string, w *Writing) error {
	if t.People < 1 || t.People > MostPeople {
		return fhir.Errorf(fhir.Invalid, "a town has 1 to %d people, not %d", MostPeople, t.People)
	}
	if w.Days < 0 || w.Days > MostDays {
		return fhir.Errorf(fhir.Invalid, "0 to %d daily extracts can be written, not %d", MostDays, w.Days)
	}
	if w.Ahead < 0 || w.Ahead > w.Days {
		return fhir.Errorf(fhir.Invalid, "writing can stop 0 to %d days before the town's last day, not %d", w.Days, w.Ahead)
	}
	switch w.Density {
	case "":
		w.Density = Full
		if t.People > FullPeople {
			w.Density = Sixty
		}
	case Full, Sixty, Tenth, Lately:
	default:
		return fhir.Errorf(fhir.Invalid, "the density is full, sixty, tenth or lately, not %q", w.Density)
	}
	switch entries, err := os.ReadDir(dir); {
	case err == nil && len(entries) > 0:
		return fhir.Errorf(fhir.Conflict, "%s is not empty: name a folder that is not there yet", dir)
	case err != nil && !os.IsNotExist(err):
		return fhir.Errorf(fhir.Invalid, "%s cannot be written to: %v", dir, err)
	}
	return nil
}

// feeds are the town's systems that write extracts.
func (t Town) feeds(place *place, cuts []time.Time, w *Writing) []feed {
	all := []feed{newEMIS(t, place, millLane, 0, cuts), newEMIS(t, place, stationRoad, 1, cuts), newTPP(t, place, canalSide, 2, cuts, w.Gap), newVision(t, place, holmeRise, 3, cuts),
		newGPConnect(t, place, cuts), newHospital(place, 5, cuts), newHomeCare(t, 6, cuts), newDevices(t, 7, cuts), newOutOfHours(t, place, 8, cuts), newCommunity(t, 9, cuts), newHighStreet(t, place, cuts), newCouncil(t, 11, cuts)}
	if w.Closing {
		all = append(all, newClosing(t, place, stationRoad, 12, cuts))
	}
	for _, f := range all {
		if s, ok := f.(*stream); ok {
			s.few = t.People < 50_000
		}
	}
	w.Density.lately(all, cuts[0])
	return all
}

// chosen are the feeds that were asked for.
func chosen(all []feed, names []string) ([]feed, error) {
	if len(names) == 0 {
		return all, nil
	}
	var some []feed
	var known []string
	for _, f := range all {
		known = append(known, f.folders()...)
		if slices.ContainsFunc(f.folders(), func(name string) bool { return slices.Contains(names, name) }) {
			some = append(some, f)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fhir.Errorf(fhir.Invalid, "there is no feed %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	return some, nil
}

// concerns reports whether any feed may know person i; a practice that was never theirs need not draw their chart.
func (s *sending) concerns(i int) bool {
	if len(s.w.Feeds) == 0 {
		return true
	}
	p := s.town.draw(i, s.place)
	b := p.behind()
	for _, f := range s.feeds {
		at, isPractice := map[string]int{"emis-zz001": millLane, "emis-zz002": stationRoad, "emis-zz002-closing": stationRoad, "tpp-zz003": canalSide, "vision-zz004": holmeRise, "gpconnect-zz005": windmill}[f.folders()[0]]
		if !isPractice || p.registered(b, at) != nil {
			return true
		}
	}
	return false
}

type sending struct {
	town  Town
	w     Writing
	place *place
	cuts  []time.Time
	feeds []feed
	out   *files
}

// begin makes every file, and writes what does not depend on people.
func (s *sending) begin() error {
	if err := os.MkdirAll(filepath.Join(s.out.dir, "truth"), 0o755); err != nil {
		return fhir.Errorf(fhir.Invalid, "%s cannot be written to: %v", s.out.dir, err)
	}
	for k, name := range map[sheetKey]string{peopleKey: "truth/people.ndjson", factsKey: "truth/facts.ndjson", badKey: "truth/bad.ndjson"} {
		if err := s.out.begin(k, name, nil); err != nil {
			return err
		}
	}
	for _, f := range s.feeds {
		if err := f.begin(s.out); err != nil {
			return err
		}
	}
	return nil
}

// together is how many people one worker writes before it hands over.
const together = 16

// people writes everyone: workers draw blocks of people, and the blocks are put behind each other in order.
func (s *sending) people(ctx context.Context, done *Written) error {
	first := &outbox{sheets: map[sheetKey]*sheet{}}
	for _, f := range s.feeds {
		f.shared(first)
	}
	if err := s.keep(first, done); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	queue := make(chan chan *outbox, 2*workers)
	type job struct {
		from int
		to   chan *outbox
	}
	jobs := make(chan job)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for j := range jobs {
				j.to <- s.block(j.from)
			}
		})
	}
	all.Go(func() {
		defer close(queue)
		defer close(jobs)
		for from := 0; from < s.town.People; from += together {
			to := make(chan *outbox, 1)
			select {
			case queue <- to:
			case <-ctx.Done():
				return
			}
			jobs <- job{from, to}
		}
	})
	defer all.Wait()
	defer stop()
	n := 0
	for to := range queue {
		if err := s.keep(<-to, done); err != nil {
			return err
		}
		n = min(n+together, s.town.People)
		if s.w.Progress != nil {
			s.w.Progress(n)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return nil
}

// block writes some people into an outbox of their own.
func (s *sending) block(from int) *outbox {
	o := &outbox{sheets: map[sheetKey]*sheet{}}
	for i := from; i < min(from+together, s.town.People); i++ {
		if !s.concerns(i) {
			continue
		}
		c := s.town.chart(i, s.place, s.w.Density, s.cuts[0])
		var records []trueRecord
		for _, f := range s.feeds {
			records = f.write(c, o, records)
		}
		if len(records) > 0 {
			o.person(c, records)
		}
	}
	return o
}

// keep puts an outbox behind the files, and says on which line the bad rows ended up.
func (s *sending) keep(o *outbox, done *Written) error {
	first := make(map[sheetKey]int, len(o.sheets))
	for k, sheet := range o.sheets {
		line, err := s.out.append(k, sheet.data, sheet.lines)
		if err != nil {
			return err
		}
		first[k] = line
	}
	var bad []byte
	for _, b := range o.bad {
		path := s.out.names[b.key]
		bad = jsonLine(bad, trueBad{Feed: filepath.Dir(filepath.Dir(path)), File: path, Line: first[b.key] + b.line, Outcome: b.outcome, Why: b.why})
	}
	for _, d := range o.documents {
		if err := s.out.whole(d); err != nil {
			return err
		}
	}
	done.Rows += o.rows
	done.Bad += len(o.bad)
	for _, t := range []struct {
		key  sheetKey
		data []byte
	}{{peopleKey, o.people}, {factsKey, o.facts}, {badKey, bad}} {
		if _, err := s.out.append(t.key, t.data, 0); err != nil {
			return err
		}
	}
	done.People += o.known
	done.Facts += o.told
	return nil
}

// person adds someone to the truth.
func (o *outbox) person(c *chart, records []trueRecord) {
	p := c.p
	t := truePerson{Person: personName(p.i), Records: records, Born: ymd(p.born), Sex: gender(p.female), Ethnicity: c.b.ethnicity, Language: c.b.language, Area: c.b.area,
		Deprivation: c.b.decile, Household: p.home}
	if !p.died.IsZero() {
		t.Died = ymd(p.died)
	}
	o.people = jsonLine(o.people, t)
	o.known++
}
