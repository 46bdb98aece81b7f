// Package stafftest fills a record as its feeds would, for tests of the pages: a practice with EMIS Web, one with SystmOne and a hospital
// that sends HL7 v2 know some of the same people, what they send has its faults, and one feed is held.
package stafftest

import (
	"bytes"
	"context"
	"embed"
	"io"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

//go:embed testdata
var files embed.FS

// Today is the day on which the pages are looked at.
var Today = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Place is a record that its feeds have filled.
type Place struct {
	Door   *record.Door
	Feeds  *feeds.Service
	Linker *match.Linker
}

// Okafor and Reed are Patients as Mill Lane Surgery has them: one whom three sources know, and one about whom there is a question. OkaforAt is
// Mrs Okafor as Harbour Health Centre has her.
var (
	Okafor   = patient("emis-zz001", 1)
	Reed     = patient("emis-zz001", 2)
	OkaforAt = intake.IDOf("tpp-zz003", "Patient", intake.PatientUnit, "5001")
)

func patient(feed string, n int) string {
	return intake.IDOf(feed, "Patient", intake.PatientUnit, "10000000-0000-4000-8000-000000000001/20000000-0000-4000-8000-00000000000"+string(rune('0'+n)))
}

// Fill makes the place.
func Fill(t testing.TB) *Place {
	t.Helper()
	ctx := context.Background()
	clock := Today
	now := func() time.Time { return clock }
	door, err := record.Open(ctx, record.Options{DB: "sqlite::memory:", Policy: access.Everyone{}, Now: now, TestNumbers: true})
	ok(t, err)
	t.Cleanup(func() { door.Close() })
	desk, err := intake.Open(ctx, door)
	ok(t, err)
	desk.Now = now
	p := &Place{Door: door, Feeds: &feeds.Service{Desk: desk, Formats: map[string]*intake.Format{"emis": gp.EMIS(), "tpp": gp.TPP()}, Now: func() time.Time { return Today }}}
	for _, f := range []intake.Feed{
		{Name: "emis-zz001", Kind: "emis", Title: "Mill Lane Surgery (EMIS Web)", Organization: "ZZ001"},
		{Name: "tpp-zz003", Kind: "tpp", Title: "Harbour Health Centre (SystmOne)", Organization: "ZZ003", Folder: "/var/kith/tpp"},
		{Name: "hospital-zz1", Kind: "hl7", Title: "Merrowby Hospital", Organization: "ZZ1", Limit: 2 * time.Hour, Address: "127.0.0.1:2575"},
		{Name: "emis-zz002", Kind: "emis", Title: "Station Road Practice (EMIS Web)", Organization: "ZZ002"},
		{Name: "council-zzc", Kind: "cld", Title: "Merrowby Council", Organization: "ZZC"},
	} {
		_, err := desk.Feed(ctx, f)
		ok(t, err)
	}
	who := access.Actor{ID: "test"}
	clock = Today.Add(-93 * time.Hour)
	_, err = p.Feeds.Accept(ctx, who, "hospital-zz1", "hospital.hl7", open("testdata/hospital.hl7", "\n", "\r"))
	ok(t, err)
	clock = Today.Add(-10 * time.Hour)
	p.extract(t, "emis-zz001", "emis", "testdata/bulk-20261030")
	p.extract(t, "tpp-zz003", "tpp", "testdata/20261030_0200")
	clock = Today
	none, err := fhir.Parse([]byte(`{"resourceType":"AllergyIntolerance","id":"none","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003","display":"No known allergy"}]},"patient":{"reference":"Patient/` + OkaforAt + `"},"recordedDate":"2024-01-20"}`))
	ok(t, err)
	_, err = door.Commit(ctx, who, []record.Op{{Method: record.Update, Type: "AllergyIntolerance", ID: "none", Resource: none}})
	ok(t, err)
	ok(t, desk.Hold(ctx, "emis-zz002", "EMIS says that organisation ZZ002 has stopped sharing. What follows would delete its patients"))
	p.Linker, err = match.NewLinker(door, match.Options{Now: now})
	ok(t, err)
	p.link(t)
	return p
}

// link matches everybody, and waits until it has.
func (p *Place) link(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Linker.Run(ctx) }()
	defer func() { stop(); <-ended }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		joined, err := p.Door.Person(ctx, Okafor)
		ok(t, err)
		queue, err := p.Linker.Queue(ctx, access.Actor{ID: "test"}, "", 10)
		ok(t, err)
		if len(joined) == 3 && len(queue) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records are joined and %d questions asked: want 3 and at least 1", len(joined), len(queue))
		}
	}
}

func (p *Place) extract(t testing.TB, feed, kind, folder string) {
	t.Helper()
	var uploads []intake.Upload
	ok(t, fs.WalkDir(files, folder, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			uploads = append(uploads, intake.Upload{Name: path.Join(path.Base(folder), e.Name()), Open: open(name, "", "")})
		}
		return err
	}))
	report, err := p.Feeds.Desk.Extract(context.Background(), p.Feeds.Formats[kind], feed, path.Base(folder), uploads, nil)
	ok(t, err)
	if report.Held != "" || len(report.Ignored) > 0 {
		t.Fatalf("%s is held (%q) or passes over %v", feed, report.Held, report.Ignored)
	}
}

func open(name, old, now string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		text, err := fs.ReadFile(files, name)
		if old != "" {
			text = bytes.ReplaceAll(text, []byte(old), []byte(now))
		}
		return io.NopCloser(bytes.NewReader(text)), err
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
