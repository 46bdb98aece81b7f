package booking

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

const merrowby = `
weeks: 4
services:
  - {id: gp, name: See a GP, for: registered, kind: gp}
  - {id: blood-test, name: Blood test, for: anyone, kind: community, bring: Drink some water before you come.}
  - {id: hip, name: Hip clinic, for: referred, kind: hospital, referral: ["183542009"]}
places:
  - {id: mill-lane, name: Mill Lane Surgery, ods: ZZ001, street: 2 Mill Lane, town: Merrowby, postcode: ZZ1 1AA, telephone: 01632 960101, access: [step-free]}
  - {id: clinic, name: Holme Clinic, ods: ZZCT, street: 1 Holme Rise, town: Merrowby, postcode: ZZ2 2HR}
  - {id: hospital, name: Merrowby General Hospital, ods: ZZ1, town: Merrowby, postcode: ZZ3 9HH}
clinics:
  - {id: adebayo, service: gp, place: mill-lane, with: Dr Femi Adebayo, languages: [cy], sessions: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "10:00", minutes: 10, modes: [in-person, telephone]}]}
  - {id: bloods, service: blood-test, place: clinic, sessions: [{days: [tue], from: "14:00", to: "15:00", minutes: 15}]}
  - {id: hips, service: hip, place: hospital, with: Miss Joan Reid, sessions: [{days: [wed], from: "13:00", to: "14:00", minutes: 20}]}
`

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) // a Thursday
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}
	ben  = access.Actor{ID: "Patient/ben", Name: "Ben Reed", Role: "patient", Patient: "ben", Level: access.P9}
)

// place is a record with clinics, and its clock.
type place struct {
	*Service
	t   testing.TB
	now atomic.Int64
}

func open(t testing.TB, db string) *place {
	t.Helper()
	y := &place{t: t}
	y.at(noon)
	clock := func() time.Time { return time.Unix(0, y.now.Load()).UTC() }
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: access.Default(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	sessions, err := ParseSessions([]byte(merrowby))
	if err != nil {
		t.Fatal(err)
	}
	y.Service = &Service{Door: door, Sessions: sessions, Now: clock}
	y.put(`{"resourceType":"Organization","id":"mill","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ001"}],"name":"Mill Lane Surgery"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/mill"},"address":[{"city":"Merrowby","postalCode":"ZZ1 4QQ"}]}`,
		`{"resourceType":"Patient","id":"ben","name":[{"given":["Ben"],"family":"Reed"}],"birthDate":"1960-03-01","managingOrganization":{"reference":"Organization/mill"}}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1990-03-01"}`)
	if n, err := y.Open(t.Context()); err != nil || n == 0 {
		t.Fatalf("%d slots are made: %v", n, err)
	}
	return y
}

func (y *place) at(when time.Time) { y.now.Store(when.UnixNano()) }

func (y *place) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.Door.Commit(y.t.Context(), me, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

func (y *place) slot(id string) *r4.Slot {
	y.t.Helper()
	s := new(r4.Slot)
	if _, err := y.get(y.t.Context(), "Slot", id, s); err != nil {
		y.t.Fatal(err)
	}
	return s
}

func (y *place) first(who access.Actor, need string) Offer {
	y.t.Helper()
	offers, err := y.Find(y.t.Context(), who, who.Patient, Wanted{Need: need})
	if err != nil || len(offers) == 0 {
		y.t.Fatalf("%s is offered %d times: %v", need, len(offers), err)
	}
	return offers[0]
}

func (y *place) book(who access.Actor, slot string) *Appointment {
	y.t.Helper()
	a, err := y.Book(y.t.Context(), who, who.Patient, Request{Slot: slot})
	if err != nil {
		y.t.Fatal(err)
	}
	return a
}

func (y *place) key(who access.Actor, id string) string {
	y.t.Helper()
	e, err := y.Effect(y.t.Context(), who, who.Patient, id)
	if err != nil {
		y.t.Fatal(err)
	}
	return e.Key()
}

func (y *place) count(query string) int {
	y.t.Helper()
	n := 0
	for _, err := range y.Door.All(y.t.Context(), me, query) {
		if err != nil {
			y.t.Fatal(err)
		}
		n++
	}
	return n
}

// A thousand people want one time at once: one has it, the others are told so, and the next times are there for them.
func TestOneSlotIsBookedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		const people = 1000
		y := open(t, db)
		var ops []record.Op
		for i := range people {
			res, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","id":"p%d","name":[{"family":"Person"}],"managingOrganization":{"reference":"Organization/mill"}}`, i))
			if err != nil {
				t.Fatal(err)
			}
			ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: res.ID(), Resource: res})
		}
		if _, err := y.Door.Commit(t.Context(), me, ops); err != nil {
			t.Fatal(err)
		}
		want := y.first(ada, "gp")
		var got, taken atomic.Int64
		var winner atomic.Pointer[string]
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range people {
			who := access.Actor{ID: fmt.Sprintf("Patient/p%d", i), Role: "patient", Patient: fmt.Sprintf("p%d", i), Level: access.P5}
			all.Go(func() {
				<-begin
				a, err := y.Book(context.Background(), who, who.Patient, Request{Slot: want.Slot})
				switch {
				case err == nil:
					got.Add(1)
					winner.Store(&a.ID)
				case err == ErrTaken:
					taken.Add(1)
				default:
					t.Errorf("%s: %v", who.ID, err)
				}
			})
		}
		began := time.Now()
		close(begin)
		all.Wait()
		took := time.Since(began)
		if got.Load() != 1 || taken.Load() != people-1 {
			t.Fatalf("%d have it and %d were told that somebody else has", got.Load(), taken.Load())
		}
		if n := y.count("Appointment?slot=Slot/" + want.Slot); n != 1 {
			t.Errorf("%d appointments are in the slot", n)
		}
		if s := y.slot(want.Slot); s.Status != "busy" {
			t.Errorf("the slot is %s", s.Status)
		}
		if next := y.first(ada, "gp"); next.Slot == want.Slot || !next.Start.After(want.Start) {
			t.Errorf("the others are offered %s", next.Slot)
		}
		t.Logf("%d at once in %v: one booking, %d told", people, took.Round(time.Millisecond), taken.Load())
	})
}

// What is offered to whom: the GP of one's own practice, the clinic one is referred to, and what is open to anyone.
func TestWhatIsOfferedToWhom(t *testing.T) {
	y := open(t, "sqlite::memory:")
	y.put(`{"resourceType":"ServiceRequest","id":"hip-ada","status":"active","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"3457005"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"183542009"}]},"subject":{"reference":"Patient/ada"},"authoredOn":"2026-09-01"}`)
	for who, want := range map[string]string{"ada": "hip gp blood-test", "ben": "gp blood-test", "joy": "blood-test"} {
		needs, err := y.Needs(t.Context(), access.Actor{ID: "Patient/" + who, Role: "patient", Patient: who, Level: access.P5}, who)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range needs {
			got = append(got, n.ID)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s can book %s, not %s", who, s, want)
		}
	}
	if _, err := y.Find(t.Context(), ben, "ada", Wanted{Need: "gp"}); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("Ben looks for Ada: %v", err)
	}
	hip := y.first(ada, "hip")
	a := y.book(ada, hip.Slot)
	var stored r4.Appointment
	if _, err := y.get(t.Context(), "Appointment", a.ID, &stored); err != nil || len(stored.BasedOn) != 1 || stored.BasedOn[0].Reference != "ServiceRequest/hip-ada" {
		t.Errorf("the booking is based on %v: %v", stored.BasedOn, err)
	}
	if _, err := y.Book(t.Context(), ben, "ben", Request{Slot: y.first(ada, "hip").Slot}); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("Ben books a clinic that he is not referred to: %v", err)
	}
}

// Free times by day, part of the day, way, language, what the place has, and how near it is.
func TestTimesAreFoundByWhatIsWanted(t *testing.T) {
	y := open(t, "sqlite::memory:")
	find := func(w Wanted) []Offer {
		t.Helper()
		out, err := y.Find(t.Context(), ada, "ada", w)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		name string
		w    Wanted
		n    int
	}{
		{"all", Wanted{Need: "gp", Count: 1000}, 20 * 6},
		{"on Mondays", Wanted{Need: "gp", Days: []time.Weekday{time.Monday}, Count: 1000}, 4 * 6},
		{"in the afternoon", Wanted{Need: "gp", Part: Afternoon}, 0},
		{"in the afternoon, bloods", Wanted{Need: "blood-test", Part: Afternoon, Count: 1000}, 4 * 4},
		{"by telephone", Wanted{Need: "gp", Mode: Telephone, Count: 1000}, 20 * 6},
		{"by video", Wanted{Need: "gp", Mode: Video}, 0},
		{"in Welsh", Wanted{Need: "gp", Language: "cy", Count: 1000}, 20 * 6},
		{"in Polish", Wanted{Need: "gp", Language: "pl"}, 0},
		{"step-free", Wanted{Need: "gp", Access: []string{"step-free"}, Count: 1000}, 20 * 6},
		{"step-free, bloods", Wanted{Need: "blood-test", Access: []string{"step-free"}}, 0},
		{"near, bloods", Wanted{Need: "blood-test", Where: Near}, 0},
		{"in town, bloods", Wanted{Need: "blood-test", Where: Town, Count: 1000}, 4 * 4},
		{"own practice", Wanted{Need: "gp", Where: Own, Count: 7}, 7},
		{"from a day on", Wanted{Need: "gp", From: time.Date(2026, 12, 21, 0, 0, 0, 0, london.Zone), Count: 1000}, 4 * 6},
	} {
		if got := find(c.w); len(got) != c.n {
			t.Errorf("%s: %d times, not %d", c.name, len(got), c.n)
		}
	}
	o := find(Wanted{Need: "gp"})[0]
	if o.With != "Dr Femi Adebayo" || o.Place != "Mill Lane Surgery" || o.Telephone != "01632 960101" || o.Nearness != 0 || !o.Start.Equal(time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("the first is %+v", o)
	}
}

// A hold keeps a time from others, ends by itself, and is no way to collect times.
func TestAHoldEndsByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := open(t, db)
		ctx := t.Context()
		want := y.first(ada, "gp")
		held, err := y.Hold(ctx, ada, "ada", want.Slot)
		if err != nil || !held.Until.Equal(noon.Add(HoldFor)) {
			t.Fatalf("held until %v: %v", held, err)
		}
		if _, err := y.Hold(ctx, ben, "ben", want.Slot); err != ErrTaken {
			t.Errorf("Ben holds it too: %v", err)
		}
		if _, err := y.Book(ctx, ben, "ben", Request{Slot: want.Slot}); err != ErrTaken {
			t.Errorf("Ben books it: %v", err)
		}
		if y.first(ben, "gp").Slot == want.Slot {
			t.Error("it is offered to Ben")
		}
		y.at(noon.Add(5 * time.Minute))
		if again, err := y.Hold(ctx, ada, "ada", want.Slot); err != nil || !again.Until.Equal(held.Until) {
			t.Errorf("looking again keeps it until %v: %v", again, err)
		}
		other := y.first(ada, "gp")
		if _, err := y.Hold(ctx, ada, "ada", other.Slot); err != nil {
			t.Fatal(err)
		}
		if s := y.slot(want.Slot); s.Status != "free" {
			t.Errorf("she holds two: the first is %s", s.Status)
		}
		y.at(noon.Add(5*time.Minute + HoldFor - time.Second))
		if n, err := y.Sweep(ctx); n != 0 || err != nil {
			t.Errorf("%d end before their time: %v", n, err)
		}
		y.at(noon.Add(5*time.Minute + HoldFor))
		if n, err := y.Sweep(ctx); n != 1 || err != nil {
			t.Errorf("%d end: %v", n, err)
		}
		if s := y.slot(other.Slot); s.Status != "free" {
			t.Errorf("afterwards it is %s", s.Status)
		}
		if a := y.book(ada, other.Slot); a.Status != "booked" { // she was slow, and nobody else wanted it
			t.Errorf("it is %s", a.Status)
		}
		// One that has ended and was not tidied up is anybody's.
		third := y.first(ada, "gp")
		if _, err := y.Hold(ctx, ada, "ada", third.Slot); err != nil {
			t.Fatal(err)
		}
		y.at(noon.Add(time.Hour))
		y.book(ben, third.Slot)
		if n, err := y.Sweep(ctx); n != 0 || err != nil || y.slot(third.Slot).Status != "busy" {
			t.Errorf("%d end, and Ben's slot is %s: %v", n, y.slot(third.Slot).Status, err)
		}
	})
}

// Moved, cancelled, booked: each can be taken back for ten minutes, and then no longer.
func TestWhatIsDoneCanBeUndoneForTenMinutes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := open(t, db)
		ctx := t.Context()
		first := y.first(ada, "gp")
		a := y.book(ada, first.Slot)
		if a.Did != "book" || !a.Until.Equal(noon.Add(UndoFor)) || a.Reference == "" {
			t.Errorf("booked: %+v", a)
		}
		second := y.first(ada, "gp")
		moved, err := y.Change(ctx, ada, "ada", a.ID, y.key(ada, a.ID), Request{Slot: second.Slot, Mode: Telephone, Reason: "cough"})
		if err != nil || !moved.Start.Equal(second.Start) || moved.Mode != Telephone {
			t.Fatalf("moved: %+v, %v", moved, err)
		}
		if _, err := y.Book(ctx, ben, "ben", Request{Slot: first.Slot}); err != ErrTaken {
			t.Errorf("what she left is not kept: %v", err)
		}
		back, err := y.Undo(ctx, ada, "ada", a.ID)
		if err != nil || !back.Start.Equal(first.Start) || back.Mode != InPerson || y.slot(first.Slot).Status != "busy" || y.slot(second.Slot).Status != "free" {
			t.Fatalf("taken back: %+v, %v", back, err)
		}
		if _, err := y.Undo(ctx, ada, "ada", a.ID); fhir.KindOf(err) != fhir.Conflict {
			t.Errorf("it is taken back twice: %v", err)
		}
		gone, err := y.Cancel(ctx, ada, "ada", a.ID, y.key(ada, a.ID), "pat-fb")
		if err != nil || gone.Status != "cancelled" || y.slot(first.Slot).Status != "busy-tentative" {
			t.Fatalf("cancelled: %+v, %v", gone, err)
		}
		if back, err = y.Undo(ctx, ada, "ada", a.ID); err != nil || back.Status != "booked" || y.slot(first.Slot).Status != "busy" {
			t.Fatalf("it stands again: %+v, %v", back, err)
		}
		if _, err := y.Cancel(ctx, ada, "ada", a.ID, y.key(ada, a.ID), ""); err != nil {
			t.Fatal(err)
		}
		y.at(noon.Add(UndoFor))
		if _, err := y.Undo(ctx, ada, "ada", a.ID); fhir.KindOf(err) != fhir.Conflict {
			t.Errorf("it is taken back after ten minutes: %v", err)
		}
		if n, err := y.Sweep(ctx); n != 1 || err != nil || y.slot(first.Slot).Status != "free" {
			t.Errorf("its time is not free: %d, %v", n, err)
		}
		b := y.book(ada, first.Slot)
		if undone, err := y.Undo(ctx, ada, "ada", b.ID); err != nil || undone.Status != "cancelled" || y.slot(first.Slot).Status != "free" {
			t.Errorf("a booking is taken back: %+v, %v", undone, err)
		}
		if _, err := y.Undo(ctx, ben, "ada", a.ID); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("Ben takes it back: %v", err)
		}
	})
}

// Two appointments of one person do not overlap, and nobody changes what is over.
func TestAppointmentsDoNotOverlapAndEnd(t *testing.T) {
	y := open(t, "sqlite::memory:")
	first := y.first(ada, "gp")
	a := y.book(ada, first.Slot)
	y.put(fmt.Sprintf(`{"resourceType":"Slot","id":"other","identifier":[{"system":"https://kith.care/fhir/slots-free","value":"gp.ZZ001.2026-11-27"}],"schedule":{"reference":"Schedule/kb-adebayo"},"status":"free","start":%q,"end":%q,"serviceType":[{"coding":[{"system":%q,"code":"gp"}]}]}`, first.Start.Add(5*time.Minute).Format(time.RFC3339), first.End.Add(5*time.Minute).Format(time.RFC3339), ServiceSystem))
	if _, err := y.Book(t.Context(), ada, "ada", Request{Slot: "other"}); err != ErrClash {
		t.Errorf("she is in two places: %v", err)
	}
	y.book(ben, "other")
	key := y.key(ada, a.ID)
	y.at(first.Start)
	if _, err := y.Cancel(t.Context(), ada, "ada", a.ID, key, ""); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("it has begun and is cancelled: %v", err)
	}
	if _, err := y.Book(t.Context(), joyAt(), "joy", Request{Slot: first.Slot}); err != ErrTaken {
		t.Errorf("what has begun: %v", err)
	}
}

func joyAt() access.Actor {
	return access.Actor{ID: "Patient/joy", Role: "patient", Patient: "joy", Level: access.P5}
}

// An interpreter and what helps go with the appointment, and somebody books the interpreter.
func TestAnInterpreterIsBookedWithTheSlot(t *testing.T) {
	y := open(t, "sqlite::memory:")
	ctx := t.Context()
	a, err := y.Book(ctx, ada, "ada", Request{Slot: y.first(ada, "gp").Slot, Interpreter: "Polish", Needs: []string{"hearing-loop"}, Reason: "cough", Telephone: "07700 900123"})
	if err != nil || a.Language != "Polish" || len(a.Needs) != 1 || a.Reason != "cough" {
		t.Fatalf("%+v, %v", a, err)
	}
	var task r4.Task
	if _, err := y.get(ctx, "Task", "interpreter-"+a.ID, &task); err != nil || task.Status != "requested" || task.Owner.Identifier.Value != "ZZ001" || !strings.Contains(task.Description, "Polish") || task.Priority != "urgent" {
		t.Fatalf("%+v, %v", task, err)
	}
	for _, code := range []string{"interpreter", "language-ur"} { // what she said herself is offered when she books
		y.put(fmt.Sprintf(`{"resourceType":"Flag","id":"need-%s","status":"active","code":{"coding":[{"system":"https://kith.care/fhir/CodeSystem/need","code":%q}]},"subject":{"reference":"Patient/ada"}}`, code, code))
	}
	if l, err := y.InterpreterOf(ctx, ada, "ada"); l != "Urdu" || err != nil {
		t.Errorf("her interpreter speaks %q: %v", l, err)
	}
	if l, err := y.InterpreterOf(ctx, ben, "ben"); l != "" || err != nil {
		t.Errorf("his interpreter speaks %q: %v", l, err)
	}
	if _, err := y.Cancel(ctx, ada, "ada", a.ID, y.key(ada, a.ID), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := y.get(ctx, "Task", "interpreter-"+a.ID, &task); err != nil || task.Status != "cancelled" {
		t.Errorf("the interpreter of a cancelled appointment is %s: %v", task.Status, err)
	}
	if _, err := y.Undo(ctx, ada, "ada", a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := y.get(ctx, "Task", "interpreter-"+a.ID, &task); err != nil || task.Status != "requested" {
		t.Errorf("the interpreter of one that stands again is %s: %v", task.Status, err)
	}
}

// Slots follow London's clock across its changes, and are made once.
func TestSlotsFollowTheClock(t *testing.T) {
	s, err := ParseSessions([]byte(`
services: [{id: night, name: Out of hours, for: anyone, kind: community}]
places: [{id: a, name: A}]
clinics: [{id: n, service: night, place: a, sessions: [{days: [sun], from: "00:30", to: "03:00", minutes: 30}, {days: [mon], from: "09:00", to: "09:30", minutes: 30}]}]
closed: [2026-10-26]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, from string
		want       string
	}{
		{"an ordinary night", "2026-10-17", "00:30+01:00 01:00+01:00 01:30+01:00 02:00+01:00 02:30+01:00 09:00+01:00"},
		{"the clocks go back", "2026-10-24", "00:30+01:00 01:00+01:00 01:30+01:00 01:00Z 01:30Z 02:00Z 02:30Z"}, // and Monday is closed
		{"the clocks go forward", "2027-03-27", "00:30Z 02:00+01:00 02:30+01:00 09:00+01:00"},
	} {
		from, err := time.ParseInLocation(time.DateOnly, c.from, london.Zone)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		seen := map[string]bool{}
		for _, slot := range s.Slots(&s.Clinics[0], from, from.AddDate(0, 0, 3)) {
			got = append(got, slot.Start.Low().In(london.Zone).Format("15:04Z07:00"))
			if seen[slot.ID] {
				t.Errorf("%s: %s stands twice", c.name, slot.ID)
			}
			seen[slot.ID] = true
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s", c.name, text)
		}
	}
	y := open(t, "sqlite::memory:")
	before := y.count("Slot")
	taken := y.first(ada, "gp")
	y.book(ada, taken.Slot)
	if n, err := y.Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d are made again: %v", n, err)
	}
	y.Sessions.closedOn["2026-12-01"], y.Sessions.closedOn[taken.Start.Format(time.DateOnly)] = true, true
	if _, err := y.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := y.count("Slot"); n != before-6-4-5 || y.slot(taken.Slot).Status != "busy" { // what is booked stays
		t.Errorf("%d of %d slots are left, and the one that is booked is %s", n, before, y.slot(taken.Slot).Status)
	}
	y.at(noon.AddDate(0, 0, 7))
	if n, err := y.Open(t.Context()); err != nil || n == 0 {
		t.Errorf("a week later %d more are made: %v", n, err)
	}
}

func TestSessionsThatCannotBeKept(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`services: [{id: gp, name: GP, for: everyone, kind: gp}]`, "registered, referred or anyone"},
		{`services: [{id: gp, name: GP, for: referred, kind: gp}]`, "which codes"},
		{`services: [{id: GP, name: GP, for: anyone, kind: gp}]`, "small letters"},
		{`clinics: [{id: a, service: gp, place: b}]`, `no service "gp"`},
		{"services: [{id: gp, name: GP, for: anyone, kind: gp}]\nplaces: [{id: p, name: P}]\nclinics: [{id: a, service: gp, place: p, sessions: [{days: [mon], from: \"12:00\", to: \"09:00\", minutes: 10}]}]", "clock time"},
		{"services: [{id: gp, name: GP, for: anyone, kind: gp}]\nplaces: [{id: p, name: P}]\nclinics: [{id: a, service: gp, place: p, sessions: [{days: [monday], from: \"09:00\", to: \"12:00\", minutes: 10}]}]", "mon to sun"},
		{`closed: [christmas]`, "2026-12-25"},
		{`weeks: 99`, "1 to 12"},
		{`clinic: []`, "no YAML"},
	} {
		if _, err := ParseSessions([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// BenchmarkBook is one booking after another, each of a person of their own: looked for, held, booked.
func BenchmarkBook(b *testing.B) {
	y := open(b, "sqlite::memory:")
	list := *y.Sessions
	list.Clinics = nil
	for i := range 20 {
		list.Clinics = append(list.Clinics, Clinic{ID: fmt.Sprint("gp-", i), Service: "gp", Place: "mill-lane", Sessions: []Session{{Days: weekdays, From: "08:00", To: "20:00", Minutes: 5}}})
	}
	if err := list.Check(); err != nil {
		b.Fatal(err)
	}
	y.Sessions = &list
	if _, err := y.Open(context.Background()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		id := fmt.Sprint("bench-", n)
		b.StopTimer()
		y.put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"managingOrganization":{"reference":"Organization/mill"}}`, id))
		b.StartTimer()
		who := access.Actor{ID: "Patient/" + id, Role: "patient", Patient: id, Level: access.P9}
		offers, err := y.Find(context.Background(), who, id, Wanted{Need: "gp"})
		if err != nil || len(offers) == 0 {
			b.Fatalf("%d are offered: %v", len(offers), err)
		}
		if _, err := y.Hold(context.Background(), who, id, offers[0].Slot); err != nil {
			b.Fatal(err)
		}
		if _, err := y.Book(context.Background(), who, id, Request{Slot: offers[0].Slot}); err != nil {
			b.Fatal(err)
		}
	}
}
