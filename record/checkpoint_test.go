package record_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/storetest"
)

// tampering is one thing somebody does to the trail behind the program's back, in the words of either database, and what must be said of it.
type tampering struct {
	name string
	do   []string // {a} and {b} are the two chains; x'..' literals are written {hex:..}
	want []string // each must be in one fault
}

var tamperings = []tampering{
	{"nothing", nil, nil},
	{"one byte in the middle", []string{"UPDATE audit SET entry = {flip} WHERE chain = '{a}' AND n = 20"}, []string{"chain {a}: entry 20: changed"}},
	{"one hash in the middle", []string{"UPDATE audit SET hash = (SELECT hash FROM audit WHERE chain = '{a}' AND n = 3) WHERE chain = '{a}' AND n = 20"}, []string{"chain {a}: entry 20: changed (its hash"}},
	{"one entry out of the middle", []string{"DELETE FROM audit WHERE chain = '{a}' AND n = 20"}, []string{"chain {a}: entry 20: missing"}},
	{"several out of the middle", []string{"DELETE FROM audit WHERE chain = '{a}' AND n BETWEEN 20 AND 24"}, []string{"chain {a}: entry 20 to 24: missing"}},
	{"one out of the middle, the rest numbered anew", []string{"DELETE FROM audit WHERE chain = '{a}' AND n = 20", "UPDATE audit SET n = -n WHERE chain = '{a}' AND n > 20", "UPDATE audit SET n = -n - 1 WHERE n < 0"}, []string{"chain {a}: entry 20: missing (1 entries were taken out before entry"}},
	{"the end of a chain", []string{"DELETE FROM audit WHERE chain = '{a}' AND n > 30"}, []string{"chain {a}: entry 31 to 41: missing (the end"}},
	{"a whole chain", []string{"DELETE FROM audit WHERE chain = '{a}'"}, []string{"chain {a}: entry 1 to 41: missing (the whole chain"}},
	{"an entry put in, the rest numbered anew", []string{"UPDATE audit SET n = -n WHERE chain = '{a}' AND n >= 20", "UPDATE audit SET n = -n + 1 WHERE n < 0",
		"INSERT INTO audit SELECT chain, 20, entry, hash FROM audit WHERE chain = '{a}' AND n = 5"}, []string{"chain {a}: entry 20: inserted"}},
	{"an entry before the first", []string{"INSERT INTO audit SELECT chain, 0, entry, hash FROM audit WHERE chain = '{a}' AND n = 5"}, []string{"chain {a}: entry 0: inserted"}},
	{"two entries changed about", []string{"UPDATE audit SET n = -1 WHERE chain = '{a}' AND n = 20", "UPDATE audit SET n = 20 WHERE chain = '{a}' AND n = 21", "UPDATE audit SET n = 21 WHERE n = -1"}, []string{"chain {a}: entry 20 to 21: reordered"}},
	{"entries of two people changed about without their hashes", []string{"UPDATE audit SET entry = (SELECT b.entry FROM audit b WHERE b.chain = '{a}' AND b.n = 21) WHERE chain = '{a}' AND n = 20"}, []string{"chain {a}: entry 20: changed"}},
	{"a checkpoint", []string{"DELETE FROM audit_mark WHERE n = 2"}, []string{"checkpoint 2: checkpoint missing"}},
	{"a checkpoint's text", []string{"UPDATE audit_mark SET body = {flipmark} WHERE n = 2"}, []string{"checkpoint 2: checkpoint not signed by a known key"}},
}

var tester = access.Actor{ID: "Practitioner/tester", Role: "clinician", Purpose: "TREAT"}

var auditStart = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// trailOf writes two chains of 40 entries and more with checkpoints between, and answers their names.
func trailOf(t *testing.T, db string, key ed25519.PrivateKey) (a, b string) {
	t.Helper()
	now := auditStart
	for range 2 {
		d, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Everyone{}, Now: func() time.Time { now = now.Add(time.Second); return now }})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SealAudit(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		res, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p1"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: "Patient", ID: "p1", Resource: res}}); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if i%16 == 15 {
				if err := d.MarkAudit(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			who := tester
			who.ID = fmt.Sprintf("Practitioner/%d", i)
			if _, err := d.Get(t.Context(), who, "Patient", "p1"); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	marks := check(t, db, store.Checking{}).Report
	if len(marks.Faults) > 0 || marks.Marks < 6 || marks.Chains != 2 || marks.Entries != 82 || marks.Uncovered != 0 {
		t.Fatalf("the trail as it was written: %+v", marks)
	}
	for _, m := range check(t, db, store.Checking{}).marks {
		if a == "" {
			a = m.By
		}
		b = m.By
	}
	return a, b
}

type checked struct {
	*store.Report
	marks []store.Mark
}

func check(t *testing.T, db string, c store.Checking) checked {
	t.Helper()
	l := ledgerOf(t, db)
	defer l.Close()
	report, err := l.Check(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	marks, err := l.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return checked{report, marks}
}

func ledgerOf(t *testing.T, db string) *store.Ledger {
	t.Helper()
	l, err := storetest.Ledger(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whatever is done to one of two chains is found, and its place named; nothing else is complained of.
func TestTamperingIsFoundAndLocated(t *testing.T) { storetest.Each(t, tamperingIsFound) }

func tamperingIsFound(t *testing.T, db string) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := trailOf(t, db, key)
	keep := auditRows(t, db)
	public := []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	for _, w := range tamperings {
		t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
			defer keep(t)
			for _, s := range w.do {
				tamper(t, db, strings.NewReplacer("{a}", a, "{b}", b).Replace(s))
			}
			report := check(t, db, store.Checking{Keys: public})
			if len(report.Faults) != len(w.want) && w.name != "a checkpoint's text" && w.name != "an entry before the first" {
				t.Errorf("%d faults, want %d: %v", len(report.Faults), len(w.want), report.Faults)
			}
			for _, want := range w.want {
				want = strings.NewReplacer("{a}", a, "{b}", b).Replace(want)
				found := false
				for _, f := range report.Faults {
					found = found || strings.HasPrefix(f.String(), want)
					if f.Chain != "" && f.Before.IsZero() {
						t.Errorf("no checkpoint is named that covers it: %v", f)
					}
				}
				if !found {
					t.Errorf("no fault says %q: %v", want, report.Faults)
				}
			}
		})
	}
}

// Whoever makes all hashes anew is given away by the checkpoint, and by nothing else.
func TestRewritingIsFoundByCheckpoints(t *testing.T) { storetest.Each(t, rewritingIsFound) }

func rewritingIsFound(t *testing.T, db string) {
	_, key, _ := ed25519.GenerateKey(nil)
	_, other, _ := ed25519.GenerateKey(nil)
	a, _ := trailOf(t, db, key)
	log := ""
	for _, m := range check(t, db, store.Checking{}).marks {
		log += "time=… msg=\"audit checkpoint\" checkpoint=" + m.String() + "\n"
	}
	kept, err := store.ParseMarks([]byte(log))
	if err != nil {
		t.Fatal(err)
	}
	public := []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	keep := auditRows(t, db)

	storetest.Rehash(t, db, a, 20, []byte(`{"at":1,"who":"nobody"}`))
	report := check(t, db, store.Checking{Keys: public})
	if len(report.Faults) == 0 || report.Faults[0].Kind != store.Rewritten || report.Faults[0].Chain != a || report.Faults[0].From > 20 || report.Faults[0].To < 20 || report.Faults[0].After.IsZero() {
		t.Errorf("entry 20 and all hashes behind it were made anew: %v", report.Faults)
	}
	// With the checkpoints made anew as well, by another key, only the known key tells.
	tamper(t, db, "DELETE FROM audit_mark")
	l := ledgerOf(t, db)
	if _, _, err := l.Mark(t.Context(), auditStart.Add(24*time.Hour), other, true); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if report = check(t, db, store.Checking{}); len(report.Faults) != 0 {
		t.Errorf("with any key's signature: %v", report.Faults)
	}
	if report = check(t, db, store.Checking{Keys: public}); len(report.Faults) == 0 || report.Faults[0].Kind != store.Forged {
		t.Errorf("a checkpoint of another key: %v", report.Faults)
	}
	// And so does the log.
	if report = check(t, db, store.Checking{Marks: kept}); len(report.Faults) == 0 {
		t.Error("the log's checkpoints were not held against the trail")
	}
	keep(t)
	// The end of everything cut off together with its checkpoints: the log knows.
	tamper(t, db, "DELETE FROM audit WHERE chain = '"+a+"' AND n > 16")
	tamper(t, db, "DELETE FROM audit_mark WHERE n > 2")
	kept, _ = store.ParseMarks([]byte(log))
	report = check(t, db, store.Checking{Keys: public, Marks: kept})
	if !strings.Contains(fmt.Sprint(report.Faults), "chain "+a+": entry 17 to 41: missing") || !strings.Contains(fmt.Sprint(report.Faults), "checkpoint missing") {
		t.Errorf("the end was cut off with its checkpoints: %v", report.Faults)
	}
}

// A server that goes on behind an end that was cut off keeps saying so.
func TestCheckpointsDoNotForgetWhatWasCutOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		_, key, _ := ed25519.GenerateKey(nil)
		a, _ := trailOf(t, db, key)
		tamper(t, db, "DELETE FROM audit WHERE chain = '"+a+"'")
		d := record.TestOn(t, db)
		if err := d.SealAudit(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		report, err := d.CheckAudit(t.Context(), record.AuditChecking{})
		if err != nil || len(report.Faults) != 1 || report.Faults[0].Chain != a {
			t.Errorf("%v %v", report.Faults, err)
		}
	})
}

// tamper runs a statement on the trail's database, as somebody with the password could.
func tamper(t testing.TB, db, statement string) {
	t.Helper()
	if strings.HasPrefix(db, "sqlite:") {
		statement = strings.NewReplacer("{flip}", "CAST(replace(CAST(entry AS TEXT), 'Practitioner', 'Practitiones') AS BLOB)", "{flipmark}", "CAST(replace(CAST(body AS TEXT), 'whole', 'whale') AS BLOB)").Replace(statement)
	} else {
		statement = strings.NewReplacer("{flip}", "set_byte(entry, 40, (get_byte(entry, 40) + 1) % 128)", "{flipmark}", "set_byte(body, 40, (get_byte(body, 40) + 1) % 128)").Replace(statement)
	}
	storetest.Tamper(t, db, statement)
}

// auditRows keeps a copy of the trail; what it answers puts it back.
func auditRows(t *testing.T, db string) func(*testing.T) {
	tamper(t, db, "CREATE TABLE kept AS SELECT * FROM audit")
	tamper(t, db, "CREATE TABLE keptmark AS SELECT * FROM audit_mark")
	return func(t *testing.T) {
		for _, s := range []string{"DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept", "DELETE FROM audit_mark", "INSERT INTO audit_mark SELECT * FROM keptmark"} {
			tamper(t, db, s)
		}
	}
}

// Several processes on one database make checkpoints of each other's chains, in one row of numbers, while all of them write.
func TestSeveralProcessesMakeCheckpoints(t *testing.T) { storetest.Each(t, severalMakeCheckpoints) }

func severalMakeCheckpoints(t *testing.T, db string) {
	_, key, _ := ed25519.GenerateKey(nil)
	var doors []*record.Door
	for range 3 {
		d, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}})
		if err != nil {
			t.Fatal(err)
		}
		doors = append(doors, d)
	}
	res, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doors[0].Commit(t.Context(), tester, []record.Op{{Method: record.Update, Type: "Patient", ID: "p1", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for _, d := range doors {
		work.Go(func() {
			if err := d.SealAudit(t.Context(), key); err != nil {
				t.Error(err)
			}
			for range 10 {
				for range 5 {
					if _, err := d.Get(t.Context(), tester, "Patient", "p1"); err != nil {
						t.Error(err)
					}
				}
				if err := d.MarkAudit(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	for _, d := range doors {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	report := check(t, db, store.Checking{Keys: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}})
	// Where another's mark has covered what a process wrote, it makes none; each makes its first.
	if len(report.Faults) > 0 || report.Marks < 3 || report.Entries != 151 || report.Uncovered != 0 {
		t.Errorf("%+v", report.Report)
	}
}
