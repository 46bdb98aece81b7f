package booking

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/store/storetest"
)

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// A worked example that textbooks share: weeks of remission of 21 patients on 6-MP (Freireich EJ et al. Blood 1963;21:699–716).
// All came into view at the beginning, so that the period is the whole of it.
func TestCurveOfAWorkedExample(t *testing.T) {
	now := noon
	var list []wait
	for _, x := range []struct {
		weeks int
		seen  bool
	}{{6, true}, {6, true}, {6, true}, {6, false}, {7, true}, {9, false}, {10, true}, {10, false}, {11, false}, {13, true}, {16, true}, {17, false}, {19, false}, {20, false}, {22, true}, {23, true}, {25, false}, {32, false}, {32, false}, {34, false}, {35, false}} {
		// Three times over, so that there are twenty who were seen: the curve is the same.
		for range 3 {
			from := now.Add(-days(7 * 40))
			list = append(list, wait{from, from.Add(days(7 * x.weeks)), x.seen})
		}
	}
	// Nobody may be cut off by the period: it begins with the first end, 6 weeks after all began, and all are in view from then on.
	c, ok := curveOf(list, now)
	if !ok || c.Seen != 27 {
		t.Fatalf("%d seen", c.Seen)
	}
	for weeks, want := range map[int]float64{5: 1, 6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 30: 0.448} {
		if got := c.at(7 * weeks); math.Abs(got-want) > 0.0006 {
			t.Errorf("after %d weeks %.4f still wait, not %.3f", weeks, got, want)
		}
	}
	if d, ok := c.By(0.5, -1); !ok || d != 7*23 {
		t.Errorf("half by day %d", d)
	}
	if _, ok := c.By(0.9, -1); ok {
		t.Error("nine in ten are known, though nobody waited so long")
	}
	if d, ok := c.By(0.25, 7*15); !ok || d != 7*23 { // of those still waiting after 15 weeks
		t.Errorf("a quarter of those who have waited 15 weeks by day %d", d)
	}
}

// A year of a list whose law is known: waits that go on, waits that began before the record did, and people who leave. What is said must be the law, not the mean
// of those who happen to have been seen.
func TestCurveIsTheLawOfTheList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	now := noon
	var list []wait
	var law []float64
	for range 6000 {
		from := now.Add(-time.Duration(r.Float64() * float64(days(900))))
		lasts := 20 + r.ExpFloat64()*130 // days
		law = append(law, lasts)
		w := wait{from, from.Add(time.Duration(lasts * float64(24*time.Hour))), true}
		if leaves := 400 * r.Float64(); leaves < lasts && r.Float64() < 0.2 {
			w.to, w.seen = from.Add(time.Duration(leaves*float64(24*time.Hour))), false
		}
		if w.to.Before(now.Add(-days(300))) {
			continue // before the record began
		}
		if w.to.After(now) {
			w.to, w.seen = now, false
		}
		list = append(list, w)
	}
	slices.Sort(law)
	c, ok := curveOf(list, now)
	if !ok {
		t.Fatal("nothing is said")
	}
	for share, want := range map[float64]float64{0.5: law[3000], 0.9: law[5400]} {
		if d, ok := c.By(share, -1); !ok || math.Abs(float64(d)-want) > 0.07*want {
			t.Errorf("%.0f %% by day %d, and it is %.0f", 100*share, d, want)
		}
	}
}

// Of those who have waited longer than nearly everybody, nothing is said: what two people had to wait is chance.
func TestNothingIsSaidOfTheVeryLongest(t *testing.T) {
	var list []wait
	for i := range 60 {
		list = append(list, wait{noon.Add(-days(10 + 5*i)), noon.Add(-days(2 * i % 9)), true})
	}
	c, ok := curveOf(list, noon)
	if !ok {
		t.Fatal("nothing is said")
	}
	if _, ok := c.By(0.5, 30); !ok {
		t.Error("nothing is said of 30 days")
	}
	if d, ok := c.By(0.5, c.Longest()-5); ok {
		t.Errorf("of those who waited nearly as long as anybody it is said: day %d", d)
	}
}

func TestNothingIsSaidOfFewerThanTwenty(t *testing.T) {
	var list []wait
	for i := range LeastPeople - 1 {
		list = append(list, wait{noon.Add(-days(100)), noon.Add(-days(1 + i)), true})
	}
	for range 100 {
		list = append(list, wait{noon.Add(-days(100)), noon, false})
	}
	if c, ok := curveOf(list, noon); ok || c.Seen != LeastPeople-1 {
		t.Errorf("%d are enough", c.Seen)
	}
	list = append(list, wait{noon.Add(-days(50)), noon.Add(-days(1)), true})
	if _, ok := curveOf(list, noon); !ok {
		t.Error("twenty are not")
	}
}

func TestHowWaitsEnd(t *testing.T) {
	end := fhir.DateTimeOf(noon.Add(-days(3)))
	for _, c := range []struct {
		status, rtt string
		end         bool
		ok, seen    bool
	}{{"active", "20", false, true, false}, {"completed", "30", true, true, true}, {"completed", "32", true, true, true}, {"completed", "34", true, true, false}, {"completed", "35", true, true, false}, {"completed", "36", true, true, false},
		{"revoked", "", true, true, false}, {"completed", "30", false, false, false}, {"draft", "", false, false, false}, {"entered-in-error", "", true, false, false}} {
		r := &r4.ServiceRequest{Status: c.status, AuthoredOn: fhir.DateTimeOf(noon.Add(-days(90)))}
		if c.rtt != "" {
			r.Extension = []r4.Extension{{URL: statusReason, ValueCodeableConcept: &r4.CodeableConcept{Coding: []r4.Coding{{System: rttSystem, Code: c.rtt}}}}}
		}
		if c.end {
			r.OccurrencePeriod = &r4.Period{End: end}
		}
		if w, ok := waitOf(r, noon); ok != c.ok || w.seen != c.seen && ok {
			t.Errorf("%s %s: %v %v", c.status, c.rtt, w, ok)
		}
	}
}

// referral is a wait in the record, from days ago; ended days ago where to is not negative.
func (y *place) referral(id, patient string, from, to int) {
	y.t.Helper()
	status, more := "active", ""
	if to >= 0 {
		status = "completed"
		more = fmt.Sprintf(`"extension":[{"url":%q,"valueCodeableConcept":{"coding":[{"system":%q,"code":"30"}]}}],"occurrencePeriod":{"end":%q},`, statusReason, rttSystem, noon.Add(-days(to)).Format(time.RFC3339))
	}
	y.put(fmt.Sprintf(`{"resourceType":"ServiceRequest","id":%q,%s"meta":{"source":"urn:kith:intake:hospital/1"},"status":%q,"intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"3457005"}]},{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0284","code":"O"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"183542009","display":"Referral to orthopaedic service"}]},"subject":{"reference":"Patient/%s"},"authoredOn":%q,"reasonCode":[{"text":"Hip pain"}],"performer":[{"display":"Miss Joan Reid"}]}`,
		id, more, status, patient, noon.Add(-days(from)).Format(time.RFC3339)))
}

// Her own wait, how long such waits are, and what she says when she is asked: whatever it is, she stays on the list and a person sees to it.
func TestWaitsInWordsAndTheFormForThoseWhoWait(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := open(t, db)
		ctx := t.Context()
		y.referral("ada-hip", "ada", 70, -1)
		for i := range 19 {
			y.referral(fmt.Sprint("seen-", i), "ben", 100+10*i, 8*i)
		}
		// The practice's own copy of a referral is no wait: nobody tells it that it ended.
		y.put(`{"resourceType":"ServiceRequest","id":"copy","meta":{"source":"urn:kith:intake:emis/2"},"status":"active","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"3457005"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"183542009"}]},"subject":{"reference":"Patient/ada"},"authoredOn":"2006-03-27"}`)
		waits, err := y.Waits(ctx, ada, "ada")
		if err != nil || len(waits) != 1 || waits[0].Likely != nil || waits[0].Seen != 19 || waits[0].Days != 70 || waits[0].Why != "Hip pain" {
			t.Fatalf("%+v, %v", waits, err)
		}
		y.referral("seen-19", "ben", 110, 1)
		y.at(noon.Add(waitsFresh))
		if waits, err = y.Waits(ctx, ada, "ada"); err != nil || waits[0].Likely == nil {
			t.Fatalf("twenty were seen: %+v, %v", waits[0], err)
		}
		l := waits[0].Likely
		if l.People != 20 || l.HalfWeeks == 0 || l.MostWeeks < l.HalfWeeks || !l.Half.After(noon) || l.Most.Before(l.Half) {
			t.Errorf("%+v", l)
		}
		for _, c := range []struct {
			choice Choice
			words  string
			tasks  int
		}{{StillNeeded, "", 0}, {NotNeeded, "It is better", 1}, {TalkToMe, "", 2}, {StillNeeded, "It is worse", 3}} {
			y.at(time.Unix(0, y.now.Load()).Add(time.Hour))
			if err := y.Answer(ctx, ada, "ada", "ada-hip", c.choice, c.words, ByWeb); err != nil {
				t.Fatal(err)
			}
			if n := y.count("Task?patient=Patient/ada"); n != c.tasks {
				t.Errorf("after %s %q: %d tasks", c.choice, c.words, n)
			}
			waits, err = y.Waits(ctx, ada, "ada")
			if err != nil || len(waits) != 1 || waits[0].Said != c.choice {
				t.Fatalf("after %s she does not wait any more, or nobody knows what she said: %+v, %v", c.choice, waits, err)
			}
		}
		if err := y.Answer(ctx, ben, "ben", "ada-hip", NotNeeded, "", ByWeb); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("Ben answers for her: %v", err)
		}
		if err := y.Answer(ctx, ada, "ada", "ada-hip", "maybe", "", ByWeb); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("maybe: %v", err)
		}
	})
}

// After twelve weeks somebody who waits is asked, once, unless they have said so since.
func TestThoseWhoWaitAreAskedEveryTwelveWeeks(t *testing.T) {
	y := open(t, "sqlite::memory:")
	ctx := t.Context()
	y.referral("ada-hip", "ada", 85, -1)
	y.referral("ben-hip", "ben", 40, -1)
	asked := func() int {
		t.Helper()
		return y.count("CommunicationRequest?category=" + categorySystem + "|still-needed")
	}
	if err := y.AskStillNeeded(ctx); err != nil || asked() != 0 {
		t.Errorf("nobody has said that they are to be asked: %d, %v", asked(), err)
	}
	y.Validate = true
	for range 2 {
		if err := y.AskStillNeeded(ctx); err != nil || asked() != 1 {
			t.Errorf("%d are asked: %v", asked(), err)
		}
	}
	y.at(noon.Add(days(60))) // now Ben has waited 100 days
	if err := y.AskStillNeeded(ctx); err != nil || asked() != 2 {
		t.Errorf("%d are asked: %v", asked(), err)
	}
	if err := y.Answer(ctx, ada, "ada", "ada-hip", StillNeeded, "", ByLetter); err != nil {
		t.Fatal(err)
	}
	y.at(noon.Add(days(90))) // she was asked 90 days ago and said so 30 days ago
	if err := y.AskStillNeeded(ctx); err != nil || asked() != 2 {
		t.Errorf("%d are asked: %v", asked(), err)
	}
	if n := len([]rune(StillText)); n > 160 {
		t.Errorf("the text has %d letters", n)
	}
}

func TestAnswersByText(t *testing.T) {
	for text, want := range map[string]Choice{"YES": StillNeeded, " yes. ": StillNeeded, "1": StillNeeded, "Ydw": StillNeeded, "no": NotNeeded, "Nac ydw": NotNeeded, "2": NotNeeded, "TALK": TalkToMe, "not sure": TalkToMe, "Siarad": TalkToMe,
		"yes but my knee is worse": "", "STOP": "", "": "", "no idea": ""} {
		if got, ok := ReadChoice(text); got != want || ok != (want != "") {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// What leaving an appointment leads to, by how soon it is, whose it is, and whether one waits.
func TestEffects(t *testing.T) {
	referral := &r4.ServiceRequest{ID: "hip", AuthoredOn: fhir.DateTimeOf(noon.Add(-days(70)))}
	cancelled := &r4.Appointment{Status: "cancelled", CancelationReason: &r4.CodeableConcept{Coding: []r4.Coding{{System: cancelSystem, Code: "pat"}}}}
	byHospital := &r4.Appointment{Status: "cancelled", CancelationReason: &r4.CodeableConcept{Text: "Cancelled by the hospital"}}
	for _, c := range []struct {
		name string
		f    facts
		want string
	}{
		{"in three days", facts{start: noon.Add(days(3))}, "late=false,wish=false,waiting=false,first=false,before=0"},
		{"in 24 hours", facts{start: noon.Add(24 * time.Hour)}, "late=false,wish=false,waiting=false,first=false,before=0"},
		{"a second less", facts{start: noon.Add(24*time.Hour - time.Second)}, "late=true,wish=false,waiting=false,first=false,before=0"},
		{"the first at the hospital", facts{start: noon.Add(days(3)), elsewhere: true, referral: referral, others: []*r4.Appointment{byHospital}}, "late=false,wish=true,waiting=true,first=true,before=0"},
		{"cancelled once before", facts{start: noon.Add(days(3)), elsewhere: true, referral: referral, others: []*r4.Appointment{cancelled, byHospital}}, "late=false,wish=true,waiting=true,first=true,before=1"},
		{"seen before", facts{start: noon.Add(days(3)), referral: referral, others: []*r4.Appointment{{Status: "fulfilled"}}}, "late=false,wish=false,waiting=true,first=false,before=0"},
	} {
		if got := effectOf(c.f, noon); got.Key() != c.want {
			t.Errorf("%s: %s", c.name, got.Key())
		}
	}
}

// Nobody agrees to one thing and gets another: between reading and pressing it became less than a day.
func TestAnEffectThatHasChangedIsSaidAgain(t *testing.T) {
	y := open(t, "sqlite::memory:")
	offers, err := y.Find(t.Context(), ada, "ada", Wanted{Need: "gp", From: noon.Add(days(4))})
	if err != nil {
		t.Fatal(err)
	}
	a := y.book(ada, offers[0].Slot)
	key := y.key(ada, a.ID)
	y.at(a.Start.Add(-23 * time.Hour))
	if _, err := y.Cancel(t.Context(), ada, "ada", a.ID, key, ""); err != ErrEffect {
		t.Errorf("it is cancelled: %v", err)
	}
	if _, err := y.Cancel(t.Context(), ada, "ada", a.ID, y.key(ada, a.ID), ""); err != nil {
		t.Error(err)
	}
}

// The hospital's own appointment: the wish goes to a person, she stays on the list, and it can be taken back.
func TestAnAppointmentOfAnotherSystemIsAskedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := open(t, db)
		ctx := t.Context()
		y.referral("ada-hip", "ada", 70, -1)
		y.put(fmt.Sprintf(`{"resourceType":"Appointment","id":"h1","meta":{"source":"urn:kith:intake:hospital/2"},"status":"booked","serviceType":[{"text":"Orthopaedics"}],"start":%q,"end":%q,"basedOn":[{"reference":"ServiceRequest/ada-hip"}],"participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`,
			noon.Add(days(5)).Format(time.RFC3339), noon.Add(days(5)+time.Hour).Format(time.RFC3339)))
		e, err := y.Effect(ctx, ada, "ada", "h1")
		if err != nil || !e.Wish || !e.Waiting || !e.First || e.Late || !e.Since.Equal(noon.Add(-days(70))) {
			t.Fatalf("%+v, %v", e, err)
		}
		if _, err := y.Change(ctx, ada, "ada", "h1", e.Key(), Request{Slot: y.first(ada, "gp").Slot}); fhir.KindOf(err) != fhir.Unsupported {
			t.Errorf("it is moved to the GP: %v", err)
		}
		a, err := y.Cancel(ctx, ada, "ada", "h1", e.Key(), "pat-mt")
		if err != nil || a.Status != "booked" || a.Did != "ask" {
			t.Fatalf("%+v, %v", a, err)
		}
		var task r4.Task
		if _, err := y.get(ctx, "Task", "ask-h1", &task); err != nil || task.Status != "requested" || !strings.Contains(task.Description, "asks to cancel: Orthopaedics") {
			t.Errorf("%+v, %v", task, err)
		}
		if a, err = y.Appointment(ctx, ada, "ada", "h1"); err != nil || a.Asked != "declined" {
			t.Errorf("%+v, %v", a, err)
		}
		if waits, err := y.Waits(ctx, ada, "ada"); err != nil || len(waits) != 1 {
			t.Errorf("she does not wait any more: %v", err)
		}
		if _, err := y.Undo(ctx, ada, "ada", "h1"); err != nil {
			t.Fatal(err)
		}
		if a, err = y.Appointment(ctx, ada, "ada", "h1"); err != nil || a.Asked != "" {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := y.Ask(ctx, ada, "ada", "h1", e.Key(), "Any Monday"); err != nil {
			t.Fatal(err)
		}
		if a, err = y.Appointment(ctx, ada, "ada", "h1"); err != nil || a.Asked != "tentative" {
			t.Errorf("%+v, %v", a, err)
		}
		coming, _, err := y.Appointments(ctx, ada, "ada")
		if err != nil || len(coming) != 1 || !coming[0].Elsewhere || coming[0].Asked != "tentative" {
			t.Errorf("%+v, %v", coming, err)
		}
		if _, _, err := y.Appointments(ctx, access.Actor{ID: "Patient/ben", Role: "patient", Patient: "ben", Level: access.P9}, "ada"); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("Ben reads them: %v", err)
		}
	})
}
