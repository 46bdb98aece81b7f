package optout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func TestWrongLists(t *testing.T) {
	for text, says := range map[string]string{
		"9990000018\n9990000019\n": "line 2",
		"nhs\n9990000018\n":        "line 1",
		"999000001\n":              "line 1",
		"":                         "empty",
		"\n \n":                    "empty",
	} {
		if _, err := Read(strings.NewReader(text)); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	got, err := Read(strings.NewReader("\ufeff9990000018\r\n\"999 000 0026\",\n9990000018\n\n"))
	if err != nil || fmt.Sprint(got) != "[9990000018 9990000026]" {
		t.Errorf("%v %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("9990000018\n999 000 0026,\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Read(strings.NewReader(text))
		for _, n := range list {
			if !valid(n) {
				t.Errorf("%q is taken (%v)", n, err)
			}
		}
	})
}

// Who stands in the list is kept from planning and not from care, in all the systems that know them; who stands in it no more, is not.
func TestAListHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { door.Close() })
		kith := access.Actor{ID: "kith/optout", Role: access.Kith}
		var ops []record.Op
		for id, nhs := range map[string]string{"a": "9990000018", "a2": "9990000018", "b": "9990000026"} {
			for _, text := range []string{`{"resourceType":"Patient","id":"` + id + `","identifier":[{"system":"` + numbers + `","value":"` + nhs + `"}]}`, `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + id + `"}}`} {
				res, err := fhir.Parse([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: id, Resource: res})
			}
		}
		if _, err := door.Commit(t.Context(), kith, ops); err != nil {
			t.Fatal(err)
		}
		planning := access.Actor{ID: "Device/p", Role: "system", Organization: "X", Purpose: "HOPERAT"}
		count := func() int {
			page, err := door.Find(t.Context(), planning, "Observation")
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Matches)
		}
		apply := func(want Result, list ...string) {
			t.Helper()
			got, err := Apply(t.Context(), door, kith, list, time.Now(), nil)
			if err != nil || got != want {
				t.Errorf("%+v, not %+v (%v)", got, want, err)
			}
		}
		if count() != 3 {
			t.Fatal("planning does not see what nobody has refused")
		}
		apply(Result{Listed: 2, Unknown: 1, Out: 2}, "9990000018", "9990000034")
		if n := count(); n != 1 {
			t.Errorf("planning sees %d", n)
		}
		apply(Result{Listed: 2, Unknown: 1}, "9990000018", "9990000034")
		apply(Result{Listed: 1, Out: 1, In: 2}, "9990000026")
		if n := count(); n != 2 {
			t.Errorf("planning sees %d", n)
		}
		apply(Result{Listed: 1, Out: 2, In: 1}, "9990000018")
	})
}
