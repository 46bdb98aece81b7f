package devices

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the goldens again")

var feed = intake.Feed{Name: "home", Kind: Kind, Title: "Home monitoring"}
var phone = intake.Feed{Name: "phone", Kind: Kind, Title: "A phone", Map: "hm-1"}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every pass file of Open mHealth is accepted and every fail file refused with a reason that names the element.
func TestOpenMHealthsOwnCorpus(t *testing.T) {
	root := need.Data(t, "devices", "openmhealth", "test-data", "omh")
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "should*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	passed, failed := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		part := strings.Split(strings.TrimPrefix(file, root+string(filepath.Separator)), string(filepath.Separator))
		_, err = CheckOpenMHealth(part[0], part[1], data)
		switch {
		case part[2] == "shouldPass" && err != nil:
			t.Errorf("%s: %v", strings.Join(part, "/"), err)
		case part[2] == "shouldFail" && err == nil:
			t.Errorf("%s: accepted", strings.Join(part, "/"))
		case err == nil:
			passed++
		default:
			failed++
			t.Logf("%s: %v", strings.Join(part, "/"), err)
		}
	}
	t.Logf("%d accepted, %d refused, of %d", passed, failed, len(files))
}

func TestReadings(t *testing.T) {
	d := facttest.Desk(t, "", feed)
	var out []byte
	for _, name := range []string{"people.csv", "openmhealth.ndjson", "bluetooth.ndjson"} {
		facttest.Receive(t, d, "home", name, read(t, name), Read)
	}
	out = facttest.Text(t, d)
	bads, err := d.Bads(t.Context(), d.Who, "home", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bads {
		out = append(out, fmt.Sprintf("refused %s line %d: %s\n", b.File, b.Line, b.Reason)...)
	}
	facttest.Golden(t, "readings.golden", out, *update)
}

func TestTheSameReadingsAgainChangeNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := facttest.Desk(t, db, feed, phone)
		// The list of people comes first: readings sent again after it are of whom it says, which need not be whom they were of before.
		all := []struct{ name, to string }{{"people.csv", "home"}, {"openmhealth.ndjson", "home"}, {"bluetooth.ndjson", "home"}, {"export.xml", "phone"}}
		for _, f := range all {
			facttest.Receive(t, d, f.to, f.name, read(t, f.name), Read)
		}
		facttest.Receive(t, d, "home", "people-2.csv", append(read(t, "people.csv"), '\n'), Read)
		before := facttest.Changes(t, d)
		for _, f := range all {
			facttest.Receive(t, d, f.to, "again-"+f.name, read(t, f.name), Read)
		}
		if n := facttest.Changes(t, d) - before; n != 0 {
			t.Errorf("the same readings change %d resources", n)
		}
	})
}

func TestAnExportOfHealthKit(t *testing.T) {
	d := facttest.Desk(t, "", phone)
	it := facttest.Receive(t, d, "phone", "export.xml", read(t, "export.xml"), Read)
	if it.Rows.Quarantined != 2 {
		t.Errorf("%+v", it.Rows)
	}
	facttest.Golden(t, "export.golden", facttest.Text(t, d), *update)

	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("apple_health_export/export.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(read(t, "export.xml")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	before := facttest.Changes(t, d)
	facttest.Receive(t, d, "phone", "export.zip", packed.Bytes(), Read)
	if n := facttest.Changes(t, d) - before; n != 0 {
		t.Errorf("the same export in its zip changes %d resources", n)
	}
}

// A day of which an earlier export had a few points becomes one Observation when it has many, and the few go.
func TestADayThatGrowsBecomesAStream(t *testing.T) {
	export := func(points int) []byte {
		var b strings.Builder
		b.WriteString(`<HealthData><Me HKCharacteristicTypeIdentifierDateOfBirth="1990-02-02"/>`)
		for i := range points {
			fmt.Fprintf(&b, `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" startDate="2026-03-29 00:%02d:10 +0000" endDate="2026-03-29 00:%02d:10 +0000" value="%d"/>`, i, i, 60+i)
		}
		b.WriteString(`</HealthData>`)
		return []byte(b.String())
	}
	d := facttest.Desk(t, "", phone)
	facttest.Receive(t, d, "phone", "1.xml", export(3), Read)
	if n := facttest.Count(t, d, "Observation?code=8867-4"); n != 3 {
		t.Fatalf("%d Observations", n)
	}
	facttest.Receive(t, d, "phone", "2.xml", export(20), Read)
	o := facttest.One(t, d, "Observation?code=8867-4")
	if got, want := o.Root().Get("valueSampledData").Get("data").Text(), "60 61 62 63"; !strings.HasPrefix(got, want) {
		t.Errorf("data %q", got)
	}
}

func TestRealExports(t *testing.T) {
	for _, name := range []string{"tests/export.xml", "tests/zip_contents/apple_health_export/export.xml"} {
		data, err := os.ReadFile(need.Data(t, "devices", "apple-health", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		d := facttest.Desk(t, "", phone)
		it := facttest.Receive(t, d, "phone", name, data, Read)
		facttest.Text(t, d)
		if it.Rows.In == 0 || it.Rows.Quarantined > 0 {
			t.Errorf("%s: %+v %v", name, it.Rows, it.Notes)
		}
	}
}

func TestNumbersOfIEEE11073(t *testing.T) {
	for raw, want := range map[uint16]string{0x0078: "120", 0xf4b0: "120.0", 0xe4d2: "12.34", 0xffff: "-0.1", 0x1005: "50", 0x07ff: "NaN", 0x0800: "NRes", 0x07fe: "+infinity", 0x0802: "-infinity", 0x0801: "reserved", 0xb064: "0.00100"} {
		d, err := SFloat(raw)
		if got := d.String(); err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("SFLOAT %04x: %s, %v, want %s", raw, got, err, want)
		}
	}
	for raw, want := range map[uint32]string{0xff00016f: "36.7", 0xfe000e56: "36.70", 0x00000025: "37", 0x007fffff: "NaN", 0x00800000: "NRes", 0x007ffffe: "+infinity", 0x00800002: "-infinity", 0x7f000001: "measures nothing"} {
		d, err := Float(raw)
		if got := d.String(); err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("FLOAT %08x: %s, %v, want %s", raw, got, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range []string{"2A35", "2A1C", "2A9D", "2A37", "2A5E", "2A5F", "2A18"} {
		f.Add(c, []byte{0x06, 0x84, 0, 0x56, 0, 0x65, 0, 0xea, 7, 8, 0x1c, 7, 7, 0, 0x58, 0})
	}
	f.Fuzz(func(t *testing.T, c string, data []byte) {
		v, err := Decode(c, data)
		if err == nil && len(v.measures) == 0 {
			t.Errorf("%s %s: neither a value nor a fault", c, hex.EncodeToString(data))
		}
	})
}

func FuzzCheckOpenMHealth(f *testing.F) {
	for line := range bytes.Lines(read(f, "openmhealth.ndjson")) {
		var p struct{ Body json.RawMessage }
		if json.Unmarshal(line, &p) == nil {
			f.Add("blood-pressure", "4.0", []byte(p.Body))
		}
	}
	f.Add("step-count", "1.0", []byte(`{"step_count":5,"effective_time_frame":{"time_interval":{"date":"2013-02-05","part_of_day":"morning"}}}`))
	f.Fuzz(func(t *testing.T, name, version string, body []byte) {
		if b, err := CheckOpenMHealth(name, version, body); err == nil && len(b.measures) == 0 {
			t.Error("neither a value nor a fault")
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"people.csv", "openmhealth.ndjson", "bluetooth.ndjson", "export.xml"} {
		f.Add(read(f, name))
	}
	d := facttest.Desk(f, "", phone)
	feed, err := d.Named("phone")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := Read(t.Context(), d, feed, &intake.Item{Number: 1, Name: "x"}, raw); err == nil && r.Rows.In < len(r.Bad) {
			t.Errorf("%d entries, %d of them bad", r.Rows.In, len(r.Bad))
		}
	})
}

// An export that does not say whose it is, or one reading that cannot be filed, is in quarantine, with the reason: the first was told as damaged and, without
// what it says of its owner, tried for ever; the second was answered as filed.
func TestWhatCannotBeFiledIsToldAsItIs(t *testing.T) {
	d := facttest.Desk(t, "", feed)
	const record = `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" startDate="2026-08-30 10:00:00 +0100" endDate="2026-08-30 10:00:00 +0100" value="70"/>`
	for text, why := range map[string]string{
		`<HealthData><Me/>` + record + `</HealthData>`: "name the user in the feed's setting",
		`<HealthData>` + record + `</HealthData>`:      "name the user in the feed's setting",
		`{"header":{"id":"1"},"body":{}}`:              "line 1: ",
		"a;b\n":                                        "neither readings nor a list of people",
	} {
		if _, err := d.Receive(t.Context(), feed.Name, "x", []byte(text), Read); fhir.KindOf(err) != fhir.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}
