package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/words"
)

// medicine has the practice put a medicine on repeat, or issue it.
func (y *story) medicine(f []string) error {
	y.n++
	code := func(name string) string {
		return fmt.Sprintf(`{"coding":[{"system":"http://snomed.info/sct","code":"%d"}],"text":%q}`, 1000+len(name), name)
	}
	day, days := f[2], ""
	name := f[1]
	if f[0] == "repeat" {
		name, day = f[2], f[4]
		allowed := ""
		if n := after(f, "of"); n != "" {
			allowed = `,"dispenseRequest":{"numberOfRepeatsAllowed":` + n + `}`
		}
		y.put(fmt.Sprintf(`{"resourceType":"MedicationRequest","id":%q,"status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy","code":"continuous"}]},"medicationCodeableConcept":%s,"subject":{"reference":"Patient/ada"},"authoredOn":"2026-01-05","dosageInstruction":[{"text":"1 a day"}]%s}`, f[1], code(name), allowed))
		if len(f) > 6 && f[6] == "days" {
			days = `,"dispenseRequest":{"expectedSupplyDuration":{"value":` + f[5] + `,"unit":"days"}}`
		}
	}
	y.put(fmt.Sprintf(`{"resourceType":"MedicationRequest","id":"issue-%d","status":"completed","intent":"order","basedOn":[{"reference":"MedicationRequest/%s"}],"medicationCodeableConcept":%s,"subject":{"reference":"Patient/ada"},"authoredOn":%q%s}`, y.n, f[1], code(name), day, days))
	return nil
}

func (y *story) orders(who access.Actor, f []string) error {
	w := Wish{Why: after(f, "because"), Pharmacy: after(f, "to"), Note: after(f, "note")}
	for _, id := range f[2:] {
		if id == "because" || id == "to" || id == "note" {
			break
		}
		w.Repeats = append(w.Repeats, id)
	}
	task, err := y.s.Order(y.t.Context(), who, "ada", w)
	if err == nil {
		y.task = task
	}
	return err
}

func (y *story) answers(who access.Actor, what string, f []string) error {
	ctx := y.t.Context()
	o, err := y.s.OneOrder(ctx, people["phil"], "ada", y.task)
	if err != nil {
		return err
	}
	if what == "looks" {
		return y.s.Look(ctx, who, y.task)
	}
	refuse := map[string]string{}
	var send []string
	for _, it := range o.Items {
		if what == "refuses" && it.Repeat == f[2] {
			refuse[it.ID] = f[3]
		} else {
			send = append(send, it.ID)
		}
	}
	if len(send) > 0 {
		if err := y.s.Answer(ctx, who, y.task, o.Version, send[1:], refuse); err == nil {
			return fmt.Errorf("what nobody answered was sent")
		}
	}
	return y.s.Answer(ctx, who, y.task, o.Version, send, refuse)
}

func (y *story) dispense(f []string) error {
	o, err := y.s.OneOrder(y.t.Context(), people["phil"], "ada", y.task)
	if err != nil {
		return err
	}
	for _, it := range o.Items {
		if it.Repeat != f[1] {
			continue
		}
		when, status := "whenPrepared", "in-progress"
		if f[2] == "handed" {
			when, status = "whenHandedOver", "completed"
		}
		y.put(fmt.Sprintf(`{"resourceType":"MedicationDispense","id":"give-%s","status":%q,"medicationCodeableConcept":{"text":"as asked"},"subject":{"reference":"Patient/ada"},"authorizingPrescription":[{"reference":"MedicationRequest/%s"}],%q:%q}`, f[1], status, it.ID, when, y.clock().Format(time.RFC3339)))
		return nil
	}
	return fmt.Errorf("%s is not in the order", f[1])
}

func (y *story) repeat(id string, f []string) error {
	all, err := y.s.Repeats(y.t.Context(), people["ada"], "ada")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r *Repeat) bool { return r.ID == id })
	if i < 0 {
		return fmt.Errorf("there is no repeat %s", id)
	}
	r, good := all[i], false
	switch what := strings.Join(f, " "); {
	case what == "can be ordered":
		good = !r.Early() && r.OpenAt.IsZero()
	case strings.HasPrefix(what, "is due "):
		good = r.Early() && r.From.In(london.Zone).Format(time.DateOnly) == f[2]
	case what == "is on its way":
		good = !r.OpenAt.IsZero() && r.Open == y.task
	case what == "needs a person":
		good = r.Person()
	default:
		return fmt.Errorf("nobody expects %q", what)
	}
	if !good {
		return fmt.Errorf("it is %+v", *r)
	}
	return nil
}

func (y *story) steps(want []string) error {
	o, err := y.s.OneOrder(y.t.Context(), people["ada"], "ada", y.task)
	if err != nil {
		return err
	}
	var got []string
	for _, s := range o.Steps {
		if s.Reached {
			got = append(got, string(s.At))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("it has come to %v: %+v", got, o.Items)
	}
	return nil
}

// Twenty people who look after somebody order the same medicine at the same moment: it is ordered once.
func TestOneRepeatIsOrderedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := begin(t, db)
		if err := y.do(`repeat ramipril "Ramipril 5mg capsules" issued 2026-10-01`); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for i := range 20 {
			who := people[[]string{"ada", "joy", "nina"}[i%3]]
			all.Go(func() {
				_, err := y.s.Order(context.WithoutCancel(t.Context()), who, "ada", Wish{Repeats: []string{"ramipril"}})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if fhir.KindOf(err) != fhir.Conflict {
					t.Error(err)
				}
			})
		}
		all.Wait()
		page, err := y.door.Find(t.Context(), me, "Task?patient=ada&code="+taskSystem+"|"+orderCode)
		if err != nil || made != 1 || len(page.Matches) != 1 {
			t.Errorf("%d orders were made and %d Tasks: %v", made, len(page.Matches), err)
		}
	})
}

// Two write different parts at once and neither loses; of two who write the same part one is told.
func TestNobodysWordsAreLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := begin(t, db)
		var all sync.WaitGroup
		var mu sync.Mutex
		saved, told := 0, 0
		for i := range 12 {
			part := Parts[i%3]
			all.Go(func() {
				err := y.s.Save(context.WithoutCancel(t.Context()), people["ada"], "ada", part, fmt.Sprint("words ", i), 0)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					saved++
				case err == ErrChanged:
					told++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		p, err := y.s.Plan(t.Context(), people["ada"], "ada")
		if err != nil || saved != 3 || told != 9 || len(p.Says) != 3 {
			t.Errorf("%d saved, %d told, %+v: %v", saved, told, p, err)
		}
	})
}

// Whoever is named as helping is not let into the record by that.
func TestWhoHelpsOpensNothing(t *testing.T) {
	y := begin(t, storetest.SQLite(t))
	if err := y.do(`ada writes team "Practitioner/xavier\nXavier, nurse"`); err != nil {
		t.Fatal(err)
	}
	stored, err := y.door.Find(t.Context(), me, "CareTeam?patient=ada")
	if err != nil || len(stored.Matches) != 1 || strings.Contains(string(stored.Matches[0].Body), `"reference":"Practitioner`) {
		t.Fatalf("%v %v", stored, err)
	}
	if _, err := y.s.Plan(t.Context(), people["xavier"], "ada"); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("Xavier reads it: %v", err)
	}
}

// What is hidden from somebody stays hidden when it is ordered, and what somebody else may not see they cannot answer for.
func TestAnOrderIsAsHiddenAsItsRepeat(t *testing.T) {
	y := begin(t, storetest.SQLite(t))
	y.put(`{"resourceType":"MedicationRequest","id":"secret","meta":{"security":[{"system":"https://kith.care/fhir/CodeSystem/label","code":"not-for-trusted"}]},"status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"code":"continuous"}]},"medicationCodeableConcept":{"text":"Something private"},"subject":{"reference":"Patient/ada"}}`)
	task, err := y.s.Order(t.Context(), people["ada"], "ada", Wish{Repeats: []string{"secret"}})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := y.s.Repeats(t.Context(), people["joy"], "ada"); err != nil || len(all) != 0 {
		t.Errorf("Joy sees it on the list: %v %v", all, err)
	}
	o, err := y.s.OneOrder(t.Context(), people["joy"], "ada", task)
	if err == nil && (len(o.Items) != 0 || strings.Contains(fmt.Sprintf("%+v", o), "private")) {
		t.Errorf("Joy sees what was ordered: %+v", o)
	}
	if _, err := y.door.Get(t.Context(), people["joy"], "MedicationRequest", named("order", "secret", "1")); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("Joy reads the order: %v", err)
	}
}

// What was ordered is no prescription until somebody who may prescribe has said so.
func TestAnOrderIsADraftUntilItIsAnswered(t *testing.T) {
	y := begin(t, storetest.SQLite(t))
	status := func() string {
		stored, err := y.door.Get(t.Context(), me, "MedicationRequest", named("order", "ramipril", "1"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := stored.Resource()
		if err != nil {
			t.Fatal(err)
		}
		return res.Root().Get("intent").Text() + " " + res.Root().Get("status").Text()
	}
	for _, step := range []struct{ line, want string }{{`repeat ramipril "Ramipril 5mg capsules" issued 2026-10-01`, ""}, {"ada orders ramipril", "reflex-order draft"}, {"rita looks", "reflex-order draft"}, {"phil approves", "reflex-order active"}} {
		if err := y.do(step.line); err != nil {
			t.Fatal(err)
		}
		if step.want != "" && status() != step.want {
			t.Errorf("after %s it is %s", step.line, status())
		}
	}
}

// A repeat whose medicine stands in a resource of its own, and one that another system has too.
func TestRepeatsOfSeveralSystems(t *testing.T) {
	y := begin(t, storetest.SQLite(t))
	const course = `"courseOfTherapyType":{"coding":[{"code":"continuous-repeat-dispensing"}]},"dosageInstruction":[{"text":"1 a day"}]`
	y.put(`{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"http://snomed.info/sct","code":"7"}],"text":"Ramipril 5mg capsules"}}`,
		`{"resourceType":"MedicationRequest","id":"one","status":"active","intent":"plan",`+course+`,"medicationReference":{"reference":"Medication/m"},"subject":{"reference":"Patient/ada"}}`,
		`{"resourceType":"MedicationRequest","id":"two","status":"active","intent":"plan",`+course+`,"medicationCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"8"}],"text":"Ramipril 5mg capsules"},"subject":{"reference":"Patient/ada-hospital"}}`,
		`{"resourceType":"MedicationRequest","id":"issue","status":"completed","intent":"order","medicationReference":{"reference":"Medication/m"},"subject":{"reference":"Patient/ada"},"authoredOn":"2026-10-20"}`,
		`{"resourceType":"MedicationRequest","id":"acute","status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"code":"acute"}]},"medicationCodeableConcept":{"text":"Amoxicillin"},"subject":{"reference":"Patient/ada"}}`,
		`{"resourceType":"MedicationRequest","id":"over","status":"stopped","intent":"plan",`+course+`,"medicationCodeableConcept":{"text":"Atenolol"},"subject":{"reference":"Patient/ada"}}`)
	if err := y.do("same"); err != nil {
		t.Fatal(err)
	}
	all, err := y.s.Repeats(t.Context(), me, "ada-hospital")
	if err != nil || len(all) != 1 || all[0].ID != "one" || all[0].Name != "Ramipril 5mg capsules" || all[0].Last.In(london.Zone).Format(time.DateOnly) != "2026-10-20" {
		t.Fatalf("%+v %v", all, err)
	}
	// From wherever it is ordered, it goes to the practice whose repeat it is.
	task, err := y.s.Order(t.Context(), me, "ada-hospital", Wish{Repeats: []string{"one"}, Why: "away"})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := y.s.OneOrder(t.Context(), people["ada"], "ada", task); err != nil || o.Owner != "Merrow Surgery" {
		t.Errorf("%+v %v", o, err)
	}
	if all, err = y.s.Repeats(t.Context(), me, "ada"); err != nil || all[0].OpenAt.IsZero() {
		t.Errorf("%+v %v", all, err)
	}
}

// Whoever waits for a medicine that does not come is told, in words that name none.
func TestWhoeverIsRefusedIsTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := begin(t, db)
		told := func() int {
			page, err := y.door.Find(t.Context(), me, "CommunicationRequest?patient=ada&status=active")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Matches {
				if body := string(m.Body); strings.Contains(body, "Ramipril") || !strings.Contains(body, RefusedText) {
					t.Error(body)
				}
			}
			return len(page.Matches)
		}
		for _, step := range []struct {
			line string
			told int
		}{{`repeat ramipril "Ramipril 5mg capsules" issued 2026-09-01`, 0}, {"ada orders ramipril", 0}, {`phil refuses ramipril "Please come for a blood test"`, 1}, {"ada orders ramipril", 1}, {"phil approves", 1}} {
			if err := y.do(step.line); err != nil {
				t.Fatal(err)
			}
			if n := told(); n != step.told {
				t.Errorf("after %s: told %d times, not %d", step.line, n, step.told)
			}
		}
	})
	if n := len([]rune(words.In("cy").T(RefusedText))); n > 160 || len(RefusedText) > 160 {
		t.Errorf("a text message of %d letters", n)
	}
}
