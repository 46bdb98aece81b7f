package gp_test

import (
	"io"
	"strings"
	"testing"

	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
)

// A drop whose manifest is not there, is cut off or speaks of other files holds the feed, since a delta may be missing and nobody would know:
// a manifest of random bytes was once passed over.
func TestADropWithoutItsManifestIsHeld(t *testing.T) {
	const head = `"FileName","IsDelta","IsReference","DateExtractFrom","DateExtractTo"` + "\r\n"
	const patient = `"SRPatient","N","N","01 Jan 1900 00:00:00","30 Oct 2026 02:00:00"` + "\r\n"
	for name, c := range map[string]struct{ manifest, why string }{
		"whole":       {head + patient, ""},
		"with .csv":   {head + strings.Replace(patient, `SRPatient`, `SRPatient.csv`, 1), ""},
		"absent":      {"", "has no SRManifest.csv"},
		"nothing":     {head, "has no SRManifest.csv that lists its files"},
		"random":      {"\x05y[/y\x1b[31m,\xfe", "has no column FileName"},
		"cut":         {head + patient[:40], "line 2 has 4 values, the header 5"},
		"lists more":  {head + patient + strings.Replace(patient, "SRPatient", "SRCode", 1), "lists srcode.csv, which is not there"},
		"lists other": {head + strings.Replace(patient, "SRPatient", "SRCode", 1), "does not list 20261030_0200/SRPatient.csv"},
	} {
		desk, err := intake.Open(t.Context(), record.Test(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Feed(t.Context(), intake.Feed{Name: "tpp", Kind: "tpp", Organization: "ZZ003"}); err != nil {
			t.Fatal(err)
		}
		upload := func(name, text string) intake.Upload {
			return intake.Upload{Name: "20261030_0200/" + name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
		}
		files := []intake.Upload{upload("SRPatient.csv", `"RowIdentifier","FirstName","Surname"`+"\r\n"+`"1","Ada","Okafor"`+"\r\n")}
		if c.manifest != "" {
			files = append(files, upload("SRManifest.csv", c.manifest))
		}
		report, err := desk.Extract(t.Context(), gp.TPP(), "tpp", "20261030_0200", files, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(report.Held, c.why) || c.why == "" && (report.Held != "" || report.Rows.Filed != 1) {
			t.Errorf("%s: held %q, %+v; want %q", name, report.Held, report.Rows, c.why)
		}
	}
}

// What was held for want of a file or of a delta goes on when it comes, without a person: the parts of a drop may arrive one by one.
func TestAFeedThatAwaitsGoesOnByItself(t *testing.T) {
	desk, err := intake.Open(t.Context(), record.Test(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Feed(t.Context(), intake.Feed{Name: "tpp", Kind: "tpp", Organization: "ZZ003"}); err != nil {
		t.Fatal(err)
	}
	arrive := func(drop, file, text string) *intake.Report {
		t.Helper()
		report, err := desk.Extract(t.Context(), gp.TPP(), "tpp", drop, []intake.Upload{{Name: drop + "/" + file, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	manifest := func(delta, from, to string) string {
		return `"FileName","IsDelta","IsReference","DateExtractFrom","DateExtractTo"` + "\r\n" + `"SRPatient","` + delta + `","N","` + from + ` 02:00:00","` + to + ` 02:00:00"` + "\r\n"
	}
	patient := func(id, name string) string {
		return `"RowIdentifier","FirstName","Surname"` + "\r\n" + `"` + id + `","` + name + `","Okafor"` + "\r\n"
	}
	count := func() int {
		page, err := desk.Door.Find(t.Context(), desk.Who, "Patient?_count=50")
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Matches)
	}
	for i, step := range []struct {
		drop, file, text, held string
		patients               int
	}{
		{"20261030_0200", "SRManifest.csv", manifest("N", "01 Jan 1900", "30 Oct 2026"), "lists srpatient.csv, which is not there", 0},
		{"20261030_0200", "SRPatient.csv", patient("1", "Ada"), "", 1},
		{"20261101_0200", "SRManifest.csv", manifest("Y", "31 Oct 2026", "01 Nov 2026"), "which is not there", 1},
		{"20261101_0200", "SRPatient.csv", patient("3", "Cy"), "delta", 1},
		{"20261031_0200", "SRPatient.csv", patient("2", "Bo"), "no SRManifest", 1},
		{"20261031_0200", "SRManifest.csv", manifest("Y", "30 Oct 2026", "31 Oct 2026"), "", 3},
	} {
		report := arrive(step.drop, step.file, step.text)
		if step.held == "" && report.Held != "" || !strings.Contains(report.Held, step.held) || count() != step.patients {
			t.Errorf("step %d: held %q, want %q; %d patients, want %d", i, report.Held, step.held, count(), step.patients)
		}
	}
	if f, err := desk.Named("tpp"); err != nil || f.Held != "" || f.Awaits {
		t.Errorf("the feed is still held: %+v %v", f, err)
	}
}
