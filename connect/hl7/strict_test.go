package hl7

import (
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// A strict message feed answers AE with the reason where what it makes does not validate, and files nothing of the message; one that warns files it and
// lists the segment, and one that is not asked does not look.
func TestAMessageThatDoesNotValidateIsAnsweredAsTheFeedIsSet(t *testing.T) {
	// A name of half a second less than no time: a period that R4 forbids (per-1) although each of its ends is right.
	const visit = "MSH|^~\\&|PAS|ZZ1|||20260301080000||ADT^A28|CONTROL|P|2.5\nEVN|A28|20260301080000\n" +
		"PID|1||M1^^^ZZ1^MR||Okafor^Ada^^^^^L^^^^^20260301070000.500^20260301070000||19500203|F\nPV1|1|N\n"
	storetest.Each(t, func(t *testing.T, db string) {
		f := openOn(t, record.TestOn(t, db), "zz1")
		set := func(strict, warn bool) {
			t.Helper()
			if _, err := f.desk.Feed(t.Context(), intake.Feed{Name: "zz1", Kind: "hl7", Title: "The hospital", Strict: strict, Warn: warn}); err != nil {
				t.Fatal(err)
			}
		}
		send := func(control string) Answer {
			t.Helper()
			return take(t, f, strings.Replace(visit, "CONTROL", control, 1))
		}
		set(true, false)
		a := send("C1")
		if a.Code != "AE" || !strings.Contains(string(a.Raw), "per-1") {
			t.Errorf("strict: %+v", a)
		}
		if n := len(everything(t, f.desk.Door, "Patient")) + len(everything(t, f.desk.Door, "Encounter")); n != 0 {
			t.Errorf("%d resources of a message that was refused", n)
		}
		list := func(check string) string {
			t.Helper()
			rows, _, err := f.desk.Failing(t.Context(), nobody, nil, "zz1", check, "list", "", 10)
			if err != nil {
				t.Fatal(err)
			}
			out := ""
			for _, r := range rows {
				out += r.File + " " + r.Column + ";"
			}
			return out
		}
		if got := list("understood"); !strings.HasPrefix(got, "ADT^A28 C1") {
			t.Errorf("quarantined: %q", got)
		}
		set(false, true)
		if a := send("C2"); !a.Accepted() || list("valid") != "ADT^A28 C2 PID[1];" {
			t.Errorf("warned: %+v, %q", a, list("valid"))
		}
		set(false, false)
		if a := send("C3"); !a.Accepted() {
			t.Errorf("not asked: %+v", a)
		}
	})
}
