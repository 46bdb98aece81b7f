package hl7

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// adt writes an ADT message: event, time, control id, patient number and what follows PID-3.
func adt(event, at, id, mrn, rest string) string {
	return `MSH|^~\&|PAS|ZZ1|KITH|PLACE|` + at + `||ADT^` + event + `|` + id + "|P|2.4\nEVN|" + event + `|` + at +
		"\nPID|1||" + mrn + `^^^ZZ1^MR` + rest + "\n"
}

const okafor = `||Okafor^Ada^^^Mrs||19561103|F|||12 Mill Lane^^Merrowby^^ZZ1 1AA||0113 4960000`

func accepted(t *testing.T, f *Feed, message string) {
	t.Helper()
	if a := take(t, f, message); !a.Accepted() {
		t.Fatalf("%s: %s", a.Code, a.Text)
	}
}

func read[T any](t *testing.T, f *Feed, typ, key string) *T {
	t.Helper()
	s, err := f.desk.Door.Get(t.Context(), nobody, typ, ID(f.name, typ, key))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Resource()
	if err != nil {
		t.Fatal(err)
	}
	x := new(T)
	if err := r4.Decode(res, x); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestNullDeletesAndEmptyLeaves(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	accepted(t, f, adt("A28", "20260301080000", "1", "M1", okafor))
	accepted(t, f, adt("A31", "20260301090000", "2", "M1", `||||||||""||`))
	p := read[r4.Patient](t, f, "Patient", "ZZ1|M1")
	if p.Address != nil || len(p.Telecom) != 1 || p.BirthDate.String() != "1956-11-03" || p.Name[0].Family != "Okafor" {
		t.Errorf("%s", r4.Encode(p))
	}
}

// A result repeats, often in part, what its laboratory was told of the patient: where ADT has spoken, it adds numbers only.
func TestAResultDoesNotChangeWhoARegisteredPatientIs(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	result := func(id, pid string) {
		accepted(t, f, "MSH|^~\\&|LAB|ZZ1|||20260401080000||ORU^R01|"+id+"|P|2.4\nPID|1||M1^^^ZZ1^MR"+pid+"\nOBR|1||F"+id+"|X^Test\nOBX|1|NM|X^Test||1||||||F")
	}
	patient := func() *r4.Patient { return read[r4.Patient](t, f, "Patient", "ZZ1|M1") }
	result("1", "||Okafo^A||19561103")
	result("2", "||Okafor^Ada")
	if p := patient(); p.Name[0].Family != "Okafor" {
		t.Errorf("before ADT the newest result counts: %s", r4.Encode(p))
	}
	accepted(t, f, adt("A28", "20260301080000", "3", "M1", okafor)) // older than the results
	accepted(t, f, adt("A28", "20260402080000", "4", "M1", okafor))
	result("5", "~9990000018^^^NHS^NH||^^^^||00010101|U|||^^Merrowby")
	p := patient()
	if p.Name[0].Family != "Okafor" || p.Gender != "female" || p.BirthDate.String() != "1956-11-03" || p.Address[0].PostalCode != "ZZ1 1AA" || len(p.Identifier) != 2 {
		t.Errorf("%s", r4.Encode(p))
	}
}

func TestOlderMessagesDoNotUndoNewerOnes(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	name := func() string { return read[r4.Patient](t, f, "Patient", "ZZ1|M1").Name[0].Family }
	accepted(t, f, adt("A28", "20260301080000", "1", "M1", "||Old^Ada"))
	accepted(t, f, adt("A31", "20260301100000", "2", "M1", "||New^Ada"))
	accepted(t, f, adt("A31", "20260301090000", "3", "M1", "||Old^Ada"))
	if name() != "New" {
		t.Error("an older message undid a newer one")
	}
	before := changes(t, f.desk.Door)
	accepted(t, f, adt("A31", "20260301120000", "4", "M1", "||New^Ada"))
	if n := changes(t, f.desk.Door) - before; n != 0 {
		t.Errorf("saying it again made %d changes", n)
	}
	f.known.forget() // as after a restart
	accepted(t, f, adt("A31", "20260301110000", "5", "M1", "||Old^Ada"))
	if name() != "New" {
		t.Error("a message older than a confirmation undid what was confirmed")
	}
	accepted(t, f, adt("A31", "20260301130000", "6", "M1", "||Newest^Ada"))
	if name() != "Newest" {
		t.Error("a newer message was not filed")
	}
}

// A stay from admission to discharge, with what is cancelled on the way.
func TestAStay(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	n := 0
	stay := func(event, ward, more string) *r4.Encounter {
		n++
		accepted(t, f, adt(event, fmt.Sprintf("202603010%d0000", n), fmt.Sprint(n), "M1", okafor)+
			"PV1|1|I|"+ward+"^^^ZZ1||||C1^Walsh^Joyce|||MED|||||||||V1^^^ZZ1"+more)
		return read[r4.Encounter](t, f, "Encounter", "visit|ZZ1|V1")
	}
	beds := func(e *r4.Encounter) string {
		var list []string
		for _, l := range e.Location {
			list = append(list, l.Location.Display+" "+l.Status)
		}
		return strings.Join(list, ", ")
	}
	for _, step := range []struct{ event, ward, status, beds string }{
		{"A05", "W1", "planned", "W1 planned"},
		{"A01", "W1", "in-progress", "W1 active"},
		{"A02", "W2", "in-progress", "W1 completed, W2 active"},
		{"A12", "W1", "in-progress", "W1 active"},
		{"A21", "W1", "onleave", "W1 active"},
		{"A22", "W1", "in-progress", "W1 active"},
		{"A03", "W1", "finished", "W1 completed"},
		{"A13", "W1", "in-progress", "W1 active"},
		{"A11", "W1", "cancelled", "W1 active"},
	} {
		e := stay(step.event, step.ward, "")
		if e.Status != step.status || beds(e) != step.beds {
			t.Errorf("after %s: %s; %s", step.event, e.Status, beds(e))
		}
		if step.event == "A03" && e.Period.End.String() != "2026-03-01T07:00:00Z" || step.event == "A13" && e.Period.End.Year != 0 {
			t.Errorf("after %s the stay ends %s", step.event, e.Period.End)
		}
	}
	e := read[r4.Encounter](t, f, "Encounter", "visit|ZZ1|V1")
	var history []string
	for _, h := range e.StatusHistory {
		history = append(history, h.Status)
	}
	if got := strings.Join(history, " "); got != "planned in-progress onleave in-progress finished in-progress" {
		t.Errorf("it was %s", got)
	}
}

func TestACorrectedResult(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	first := string(result(1, 1))
	accepted(t, f, first)
	corrected := strings.NewReplacer("|M1|", "|M2|", "20260302080001||ORU", "20260302100000||ORU", "|41.1|", "|44.0|", "||||F|||", "||||C|||", "||LAB|F", "||LAB|C").Replace(first)
	accepted(t, f, corrected)
	o := read[r4.Observation](t, f, "Observation", "F1||us-0003|tt-0|")
	if o.Status != "corrected" || o.ValueQuantity.Value.String() != "44.0" || o.ValueQuantity.Code != "umol/L" || o.ReferenceRange[0].High.Value.String() != "92" {
		t.Errorf("%s", r4.Encode(o))
	}
	if r := read[r4.DiagnosticReport](t, f, "DiagnosticReport", "F1||us-0003"); r.Status != "corrected" || len(r.Result) != 4 {
		t.Errorf("%s", r4.Encode(r))
	}
	log, err := f.desk.Door.Changes(t.Context(), nobody, record.Log{Type: "Observation", ID: o.ID, Limit: 10})
	if err != nil || len(log) != 2 {
		t.Errorf("the first result is not in its history: %d versions, %v", len(log), err)
	}
	trace, err := f.desk.Trace(t.Context(), nobody, "Observation", o.ID)
	if err != nil || len(trace) != 1 || trace[0].Place != "OBX[1]" || trace[0].Text != corrected {
		t.Errorf("traced to %v, %v", trace, err)
	}
}

func TestAMergeAndItsUndoing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		f := open(t, db, "zz1")
		door := f.desk.Door
		accepted(t, f, string(result(1, 1)))
		accepted(t, f, string(result(2, 2)))
		a, b := ID("zz1", "Patient", "ZZ1|MRN000001"), ID("zz1", "Patient", "ZZ1|MRN000002")
		of := func(p string) []string {
			return slices.Sorted(maps.Keys(everything(t, door, "Observation?patient=Patient/"+p)))
		}
		aAlone, bAlone := of(a), of(b)
		before := bodies(t, door)
		accepted(t, f, strings.Replace(adt("A40", "20260303080000", "40", "MRN000001", "||Okafor^Person1"), "20260303", "20260301", 2)+"MRG|MRN000002^^^ZZ1^MR")
		if got := of(a); len(got) != len(aAlone)+len(bAlone) || !slices.Equal(got, of(b)) {
			t.Errorf("merged, one finds %d observations and the other %d, of %d and %d", len(got), len(of(b)), len(aAlone), len(bAlone))
		}
		items, err := f.desk.Items(t.Context(), "zz1", 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Unmerge(t.Context(), nobody, items[0].Number); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(of(a), aAlone) || !slices.Equal(of(b), bAlone) {
			t.Error("unmerged, each does not find their own")
		}
		if after := bodies(t, door); !maps.Equal(before, after) {
			t.Error("unmerged, not everything is as it was")
		}
		if err := f.Unmerge(t.Context(), nobody, items[0].Number); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("undone twice: %v", err)
		}
	})
}

func TestAStayMovesToAnotherPatientAndBack(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	door := f.desk.Door
	accepted(t, f, string(result(1, 1)))
	accepted(t, f, string(result(2, 2)))
	accepted(t, f, adt("A28", "20260302100000", "28", "MRN000002", "||Okafor^Person2^^^Mrs"))
	a, b := ID("zz1", "Patient", "ZZ1|MRN000001"), ID("zz1", "Patient", "ZZ1|MRN000002")
	before := bodies(t, door)
	accepted(t, f, adt("A45", "20260303000000", "45", "MRN000002", "||Okafor^Person2^^^Mrs")+"MRG|MRN000001^^^ZZ1^MR||||V1^^^ZZ1\nPV1|1|I|||||||||||||||||V1^^^ZZ1")
	if n := len(everything(t, door, "Observation?patient=Patient/"+a)); n != 0 {
		t.Errorf("%d observations stayed behind", n)
	}
	if n := len(everything(t, door, "Observation?patient=Patient/"+b)); n != 8 {
		t.Errorf("the other has %d observations", n)
	}
	items, err := f.desk.Items(t.Context(), "zz1", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Unmerge(t.Context(), nobody, items[0].Number); err != nil {
		t.Fatal(err)
	}
	after := bodies(t, door)
	for ref, was := range before {
		if after[ref] != was {
			t.Errorf("%s is not as it was:\n%s\n%s", ref, was, after[ref])
		}
	}
	if len(after) != len(before) {
		t.Errorf("there are %d resources, not %d", len(after), len(before))
	}
}

// bodies is what the record says, versions aside.
func bodies(t *testing.T, door *record.Door) map[string]string {
	t.Helper()
	out := map[string]string{}
	for typ := range counts(t, door) {
		for id, s := range everything(t, door, typ+"?_count=1000") {
			res, err := s.Resource()
			if err != nil {
				t.Fatal(err)
			}
			meta := res.Root().Get("meta")
			text := string(res.Bytes())
			for _, name := range []string{"versionId", "lastUpdated"} {
				text = strings.Replace(text, string(meta.Get(name).Raw()), "", 1)
			}
			out[typ+"/"+id] = text
		}
	}
	return out
}

func TestAControlIDUsedTwiceIsRefused(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	accepted(t, f, adt("A28", "20260301080000", "1", "M1", okafor))
	a := take(t, f, adt("A28", "20260301080000", "1", "M2", okafor))
	if a.Code != "AE" || !strings.Contains(a.Text, "control id") {
		t.Errorf("%s: %s", a.Code, a.Text)
	}
	if _, err := f.desk.Door.Get(t.Context(), nobody, "Patient", ID("zz1", "Patient", "ZZ1|M2")); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("it was filed all the same: %v", err)
	}
	if a := take(t, f, adt("A28", "20260301080000", "1", "M1", okafor)); a.Code != "AA" || a.Text != "received before" {
		t.Errorf("the first again: %s %s", a.Code, a.Text)
	}
}

func TestPoisonIsQuarantinedAndStopsNobody(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	for message, want := range map[string]string{
		adt("A28", "20260301080000", "1", "", okafor):                     "AE PID[1]-3",
		"MSH|^~\\&|PAS|ZZ1|||20260301080000||ORU^R01|2|P|2.4\nOBX|1|NM|x": "AE PID[1]",
		"MSH|^~\\&|PAS|ZZ1|||20260301080000||QRY^Q01|3|P|2.4":             "AR MSH[1]-9",
		"MSH|^~\\&|PAS|ZZ1|||20260301080000||ADT^A01|4|P|3.0":             "AR MSH[1]-12",
		"MSH|^~\\&|PAS|ZZ1|||20260301080000||ADT^A01|5|P|2.4\nrubbish":    "AE line 2",
		"MSH|^~\\&|PAS|ZZ1|||20260301080000||SIU^S12|6|P|2.4\nPID|1||M1":  "AE SCH[1]",
	} {
		if a := take(t, f, message); !strings.HasPrefix(a.Code+" "+a.Text, want) {
			t.Errorf("%q is answered %s %s", message, a.Code, a.Text)
		}
	}
	accepted(t, f, adt("A28", "20260301080000", "9", "M1", okafor))
	bads, err := f.desk.Bads(t.Context(), nobody, "zz1", "", 100)
	if err != nil || len(bads) != 4 {
		t.Fatalf("%d quarantined: %v", len(bads), err)
	}
	if i := slices.IndexFunc(bads, func(b intake.Bad) bool { return b.Table == "PID" && b.Line == 3 }); i < 0 || bads[i].Column != "3" || !strings.HasPrefix(bads[i].Row, "PID|1||") {
		t.Errorf("no quarantined row is shown: %+v", bads)
	}
}

// What was kept when the process ended is filed when it begins again, once.
func TestResumingFilesWhatWasKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		f := open(t, db, "zz1")
		for i := range 3 { // kept, and then the process was killed
			raw := result(i, 1)
			if _, _, err := f.desk.Keep(t.Context(), "zz1", fmt.Sprintf("ORU^R01 M%d", i), raw); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Open(f.desk, "zz1")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := again.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(everything(t, f.desk.Door, "Observation?_count=100")); n != 12 {
			t.Errorf("%d observations of 3 messages", n)
		}
		before := changes(t, f.desk.Door)
		if a := take(t, again, string(result(1, 1))); !a.Accepted() || a.Text != "received before" {
			t.Errorf("sent again: %s %s", a.Code, a.Text)
		}
		if changes(t, f.desk.Door) != before {
			t.Error("sending it again changed something")
		}
	})
}

func TestAHeldFeedKeepsAndDoesNotFile(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	if err := f.desk.Hold(t.Context(), "zz1", "a person must look"); err != nil {
		t.Fatal(err)
	}
	accepted(t, f, string(result(1, 1)))
	if n := len(everything(t, f.desk.Door, "Observation?_count=100")); n != 0 {
		t.Errorf("%d filed while held", n)
	}
	if err := f.desk.Release(t.Context(), nobody, "zz1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(everything(t, f.desk.Door, "Observation?_count=100")); n != 4 {
		t.Errorf("%d filed after release", n)
	}
}

// Messages of one patient on many connections leave what the newest says; nothing is lost.
func TestManyConnectionsAboutFewPatients(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		f := open(t, db, "zz1")
		var all sync.WaitGroup
		const each = 40
		for c := range 8 {
			all.Go(func() {
				for i := range each {
					n := i*8 + c
					raw := f.Take(context.Background(), "test", []byte(strings.ReplaceAll(adt("A31", fmt.Sprintf("202603%02d%02d%02d00", 1+n/60/24, n/60%24, n%60),
						fmt.Sprint("N", n), fmt.Sprint("M", n%3), fmt.Sprintf("||Name%d^Ada", n)), "\n", "\r")))
					if a, _, err := ReadAck(raw); err != nil || !a.Accepted() {
						t.Errorf("message %d: %v %v", n, a, err)
					}
				}
			})
		}
		all.Wait()
		for m := range 3 {
			last := 0
			for n := range 8 * each {
				if n%3 == m {
					last = n
				}
			}
			if got := read[r4.Patient](t, f, "Patient", fmt.Sprint("ZZ1|M", m)).Name[0].Family; got != fmt.Sprint("Name", last) {
				t.Errorf("patient %d is called %s, not Name%d", m, got, last)
			}
		}
	})
}

func TestADeletedPersonTakesAllAlong(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	accepted(t, f, string(result(1, 1)))
	accepted(t, f, string(result(2, 2)))
	accepted(t, f, adt("A29", "20260303080000", "29", "MRN000001", ""))
	if got := counts(t, f.desk.Door); got["Patient"] != 1 || got["Observation"] != 4 || got["DiagnosticReport"] != 1 || got["Organization"] != 1 {
		t.Error(list(got))
	}
	accepted(t, f, strings.NewReplacer("|M1|", "|M3|", "20260302", "20260304").Replace(string(result(1, 1))))
	if got := counts(t, f.desk.Door); got["Patient"] != 2 || got["Observation"] != 8 {
		t.Error("sent again after the deletion:", list(got))
	}
}

func TestReplay(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	for i := range 3 {
		accepted(t, f, string(result(i, 1)))
	}
	before := changes(t, f.desk.Door)
	id := ID("zz1", "Observation", "F1||us-0003|tt-0|")
	if _, err := f.desk.Door.Commit(t.Context(), nobody, []record.Op{{Method: record.Delete, Type: "Observation", ID: id}}); err != nil {
		t.Fatal(err)
	}
	f.known.forget()
	diff, err := f.Replay(t.Context(), noon.AddDate(-20, 0, 0), noon.AddDate(20, 0, 0), true)
	if err != nil || diff.Rows != 3 || diff.New != 1 || diff.Changed != 0 {
		t.Fatalf("%+v, %v", diff, err)
	}
	if changes(t, f.desk.Door) != before+1 {
		t.Error("a dry replay wrote")
	}
	if _, err := f.Replay(t.Context(), noon.AddDate(-20, 0, 0), noon.AddDate(20, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	if n := len(everything(t, f.desk.Door, "Observation?_count=100")); n != 12 {
		t.Errorf("%d observations after the replay", n)
	}
}

func TestStaysAreMergedAndPeopleLinked(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	door := f.desk.Door
	accepted(t, f, string(result(1, 1)))
	accepted(t, f, strings.NewReplacer("V1^^^ZZ1", "V9^^^ZZ1").Replace(string(result(11, 1))))
	accepted(t, f, adt("A42", "20260303000000", "42", "MRN000001", "")+"MRG|MRN000001^^^ZZ1^MR||||V1^^^ZZ1\nPV1|1|I|||||||||||||||||V9^^^ZZ1")
	into := ID("zz1", "Encounter", "visit|ZZ1|V9")
	if n := len(everything(t, door, "Observation?encounter=Encounter/"+into)); n != 8 {
		t.Errorf("the stay that is left has %d observations", n)
	}
	if e := read[r4.Encounter](t, f, "Encounter", "visit|ZZ1|V1"); e.PartOf == nil || e.PartOf.Reference != "Encounter/"+into {
		t.Errorf("%s", r4.Encode(e))
	}
	accepted(t, f, string(result(2, 2)))
	both := func(event, id string) string {
		return adt(event, "20260304000000", id, "MRN000001", "") + "PID|2||MRN000002^^^ZZ1^MR"
	}
	find := func() int {
		return len(everything(t, door, "Observation?patient=Patient/"+ID("zz1", "Patient", "ZZ1|MRN000002")))
	}
	accepted(t, f, both("A24", "24"))
	if n := find(); n != 12 {
		t.Errorf("linked, %d observations are found", n)
	}
	accepted(t, f, both("A37", "37"))
	if n := find(); n != 4 {
		t.Errorf("unlinked, %d observations are found", n)
	}
}

// A merge may name somebody nobody has heard of: what still comes under the old number belongs to the person at once.
func TestAMergeOfSomebodyUnknown(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	accepted(t, f, adt("A34", "20260301000000", "34", "MRN000001", okafor)+"MRG|MRN000002^^^ZZ1^MR")
	accepted(t, f, string(result(2, 2)))
	if n := len(everything(t, f.desk.Door, "Observation?patient=Patient/"+ID("zz1", "Patient", "ZZ1|MRN000001"))); n != 4 {
		t.Errorf("%d observations are found", n)
	}
}

func TestBedsAreSwapped(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	stay := func(mrn, visit, ward string) string {
		return "PV1|1|I|" + ward + "^^^ZZ1||||||||||||||||" + visit + "^^^ZZ1"
	}
	accepted(t, f, adt("A01", "20260301080000", "1", "M1", okafor)+stay("M1", "VA", "W1"))
	accepted(t, f, adt("A01", "20260301080100", "2", "M2", "||Bello^Tom")+stay("M2", "VB", "W2"))
	accepted(t, f, adt("A17", "20260301090000", "3", "M1", "")+stay("M1", "VA", "W2")+"\nPID|2||M2^^^ZZ1^MR\n"+stay("M2", "VB", "W1"))
	for visit, want := range map[string]string{"VA": "W2", "VB": "W1"} {
		e := read[r4.Encounter](t, f, "Encounter", "visit|ZZ1|"+visit)
		if n := len(e.Location); n != 2 || e.Location[1].Location.Display != want || e.Location[1].Status != "active" || e.Location[0].Status != "completed" {
			t.Errorf("%s: %s", visit, r4.Encode(e))
		}
	}
}
