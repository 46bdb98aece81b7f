package town

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is sent live must be what a longer Write would have put into files, in order of time.
func TestLiveContinuesWhatWasWritten(t *testing.T) {
	town := Town{Seed: 6, People: 400}
	dir, _ := written(t, town, Writing{Density: Tenth, Days: 10})
	from := town.until().Add(-10 * day)
	last, feeds, nights := time.Time{}, map[string]int{}, 0
	hospital := map[string]int{}
	for e := range town.Live(t.Context(), from, Tenth, 0) {
		if e.When.Before(last) {
			t.Fatalf("%s of %s comes after %s", e.Name, e.When, last)
		}
		last = e.When
		feeds[e.Feed]++
		switch e.Feed {
		case "emis-zz001", "emis-zz002", "tpp-zz003", "vision-zz004":
			nights++
			want, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.Name)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, e.Bytes) && !(strings.HasSuffix(e.Name, ".zip") && maps.Equal(unzipped(t, want), unzipped(t, e.Bytes))) {
				t.Errorf("%s is not what was written", e.Name)
			}
		case "hospital-zz1":
			hospital[string(e.Bytes)]++
		}
	}
	all, err := os.ReadFile(filepath.Join(dir, "hospital-zz1", "messages.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]int{}
	for _, frame := range bytes.SplitAfter(all, []byte("\x1c\r")) {
		if msh := strings.Split(string(frame), "|"); len(msh) > 6 && msh[6] >= from.Format("20060102") {
			written[string(frame)]++
		}
	}
	for message, n := range written {
		if hospital[message] != n {
			t.Errorf("%d times live and %d times written: %q", hospital[message], n, message)
		}
	}
	for message := range hospital {
		if written[message] == 0 {
			t.Errorf("a message was sent live that was not written: %q", message)
		}
	}
	if want := 10 * (2*len(emisTables) + 21 + 3); nights != want {
		t.Errorf("%d files in ten nights, not %d", nights, want)
	}
	for _, feed := range []string{"hospital-zz1", "homecare-zzhc", "devices"} {
		if feeds[feed] == 0 {
			t.Errorf("%s sent nothing: %v", feed, slices.Sorted(maps.Keys(feeds)))
		}
	}
}

// What a hospital has said by a day does not depend on what it will say later: the demonstration writes to a day and goes on live from there.
func TestWritingToADayIsTheBeginningOfWritingOn(t *testing.T) {
	town := Town{Seed: 6, People: 500}
	read := func(ahead int) []byte {
		dir, _ := written(t, town, Writing{Density: Tenth, Days: 10, Ahead: ahead, Feeds: []string{"hospital-zz1"}})
		data, err := os.ReadFile(filepath.Join(dir, "hospital-zz1", "messages.hl7"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	some, all := read(10), read(0)
	if len(some) < 100_000 || len(some) >= len(all) || !bytes.HasPrefix(all, some) {
		t.Errorf("%d bytes to a day are not the beginning of %d", len(some), len(all))
	}
}

func TestClocksThatShowAnHourTwice(t *testing.T) {
	for _, x := range []struct{ shown, want string }{
		{"2026-10-25 00:30", "2026-10-25T00:30:00+01:00"}, {"2026-10-25 02:30", "2026-10-25T02:30:00+00:00"},
		{"2026-03-29 00:30", "2026-03-29T00:30:00+00:00"}, {"2026-03-29 02:30", "2026-03-29T02:30:00+01:00"},
		{"2026-06-01 12:00", "2026-06-01T12:00:00+01:00"}, {"2026-12-25 12:00", "2026-12-25T12:00:00+00:00"},
	} {
		at, err := time.Parse("2006-01-02 15:04", x.shown)
		if err != nil {
			t.Fatal(err)
		}
		if got := clock(at); got != x.want {
			t.Errorf("%s is %s, not %s", x.shown, got, x.want)
		}
	}
}

func TestHospitalSendsEveryKindInOrder(t *testing.T) {
	dir, _ := written(t, Town{Seed: 8, People: 2500}, Writing{Density: Sixty, Days: 3, Feeds: []string{"hospital-zz1"}})
	data, err := os.ReadFile(filepath.Join(dir, "hospital-zz1", "messages.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, controls, twice, autumn := map[string]int{}, map[string]string{}, 0, 0
	for _, frame := range bytes.Split(bytes.TrimSuffix(data, []byte("\x1c\r")), []byte("\x1c\r")) {
		if frame[0] != 0x0B {
			t.Fatalf("a frame begins with %x", frame[0])
		}
		text := string(frame[1:])
		if strings.Contains(text, "\n") {
			t.Fatalf("a line feed in %q", text)
		}
		msh := strings.Split(strings.SplitN(text, "\r", 2)[0], "|")
		kind, _, _ := strings.Cut(msh[8], "^ADT_")
		kinds[kind]++
		if old, ok := controls[msh[9]]; ok {
			if old != text {
				t.Fatalf("two messages are called %s", msh[9])
			}
			twice++
		}
		controls[msh[9]] = text
		if strings.HasPrefix(msh[6], "2026102501") {
			autumn++
		}
	}
	for kind := range strings.FieldsSeq("ADT^A01 ADT^A02 ADT^A03 ADT^A04 ADT^A05 ADT^A08 ADT^A11 ADT^A12 ADT^A13 ADT^A28 ADT^A31 ADT^A40 ADT^A34 ADT^A44 ADT^A17 ADT^A14 ADT^A27 ADT^A38 ORU^R01 " +
		"SIU^S12 SIU^S13 SIU^S14 SIU^S15 SIU^S26 MDM^T02 ORM^O01 REF^I12 REF^I13 REF^I14") {
		if kinds[kind] == 0 {
			t.Errorf("no %s was sent", kind)
		}
	}
	if twice == 0 || autumn == 0 {
		t.Errorf("%d messages twice, %d in the hour that comes twice", twice, autumn)
	}
	if !bytes.Contains(data, []byte("||||C|||")) || !bytes.Contains(data, []byte(`\T\`)) || !bytes.Contains(data, []byte(`|""|`)) {
		t.Error("no correction, no escape or no deleted field was sent")
	}
	results := 0
	for _, f := range lines[trueFact](t, filepath.Join(dir, "truth", "facts.ndjson")) {
		if f.Feed != "hospital-zz1" || f.Kind != "Observation" {
			continue
		}
		results++
		order, n, _ := strings.Cut(f.Key, "-")
		if !bytes.Contains(data, []byte("OBX|"+n+"|NM|"+f.Code+"^")) || !bytes.Contains(data, []byte("||"+f.Value+"|"+f.Unit+"|")) || !bytes.Contains(data, []byte(order+"^")) {
			t.Errorf("the truth says %+v, which was never sent", f)
		}
	}
	if results < 500 {
		t.Errorf("%d results", results)
	}
}
