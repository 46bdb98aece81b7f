package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/record"
)

// A newcomer's first minutes: the town fills while it is served, is found again by the next start, and is never mixed
// with another.
func TestDemoFillsOnceAndIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	address := freeAddress(t)
	first := startDemo(t, address, dir, 40)
	<-first.filled
	page := fetch(t, "http://"+address+"/")
	if !strings.Contains(page, "Nobody in Merrowby is real.") || !strings.Contains(page, "Everybody in Merrowby") || !strings.Contains(page, "/person/") {
		t.Errorf("the first page does not show people who are not real:\n%.2000s", page)
	}
	id := strings.SplitN(strings.SplitN(page, `href="/person/`, 2)[1], `"`, 2)[0]
	if record := fetch(t, "http://"+address+"/person/"+id); !strings.Contains(record, "NHS No.</span> <b class=\"kith-number\">999 ") {
		t.Error("the person's page has no banner with an NHS number of the test range")
	}
	first.end()

	began := time.Now()
	second := startDemo(t, address, dir, 40)
	fetch(t, "http://"+address+"/person/"+id)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the second start takes %v", took)
	}
	<-second.filled
	if patient := fetch(t, "http://"+address+"/fhir/Patient/"+id); !strings.Contains(patient, `"versionId":"1"`) {
		t.Errorf("the second start wrote the people again: %.300s", patient)
	}
	second.end()

	// Served by hand, without the demonstration around it, it still says so.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ready := make(chan struct{})
	plain := serving{addr: address, db: "sqlite:" + filepath.Join(dir, "kith.db"), auth: "off"}
	go func() {
		ended <- plain.run(ctx, io.Discard, func(context.Context, *record.Door, *feeds.Service) { close(ready) })
	}()
	<-ready
	if page := fetch(t, "http://"+address+"/person/"+id); !strings.Contains(page, "Nobody in this record is real.") {
		t.Error("the town, served as any record, does not say that nobody is real")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	other := demo{addr: address, data: dir, want: townOf{Seed: 2, People: 40}, stdout: io.Discard, stderr: io.Discard}
	if err := other.run(t.Context()); err == nil || !strings.Contains(err.Error(), "holds town 1 with 40 people, tenth, 28 days, not town 2") {
		t.Errorf("another town in the same folder: %v", err)
	}
}

func TestDemoBrokenOffIsFinishedByTheNextStart(t *testing.T) {
	dir := t.TempDir()
	address := freeAddress(t)
	first := startDemo(t, address, dir, 400)
	for range 1000 {
		if first.done.Load() > 20 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	first.end()
	if first.done.Load() == 400 {
		t.Fatal("the first start was not broken off")
	}
	second := startDemo(t, address, dir, 400)
	<-second.filled
	if why := second.failed.Load(); why != nil {
		t.Fatal(*why)
	}
	// What a start that was not broken off comes to, it comes to as well.
	whole := t.TempDir()
	other := freeAddress(t)
	third := startDemo(t, other, whole, 400)
	<-third.filled
	for _, query := range []string{"Patient?", "Observation?category=laboratory&", "Observation?_tag=urn:kith:route%7Cdevice&", "Encounter?class:not=HH&", "MedicationRequest?intent:not=reflex-order&", "Condition?"} { // what is measured now comes after the town
		got, want := fetch(t, "http://"+address+"/fhir/"+query+"_summary=count"), fetch(t, "http://"+other+"/fhir/"+query+"_summary=count")
		if total(got) != total(want) || total(got) == "" {
			t.Errorf("%s: %s, want %s", query, total(got), total(want))
		}
	}
	third.end()
	second.end()
}

// total is how many a counted search says there are.
func total(bundle string) string {
	_, after, _ := strings.Cut(bundle, `"total":`)
	n, _, _ := strings.Cut(after, ",")
	return n
}

func TestDemoRefusesWhatItCannotDo(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--people", "0"}, 2, "--people is 1 to 1500000"},
		{[]string{"--addr", "0.0.0.0:0", "--data", t.TempDir()}, 1, "loopback addresses only"},
		{[]string{"extra"}, 2, "too much"},
		{[]string{"--help"}, 0, "Merrowby, a made-up English town"},
	} {
		var out strings.Builder
		if code := demoCommand(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("kith demo %v: exit %d: %s", c.args, code, out.String())
		}
	}
}

// started is a demo that is being served.
type started struct {
	*demo
	end func()
}

func startDemo(t *testing.T, address, dir string, people int) started {
	t.Helper()
	return startDemoAs(t, address, dir, people, "off")
}

func startDemoAs(t *testing.T, address, dir string, people int, auth string) started {
	t.Helper()
	d := &demo{addr: address, data: dir, auth: auth, want: townOf{Seed: 1, People: people, Until: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		stdout: io.Discard, stderr: io.Discard, filled: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	var once bool
	end := func() {
		if once {
			return
		}
		once = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	for range 400 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return started{d, end}
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("the demo is not served")
	return started{}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%s: %d %v", url, r.StatusCode, err)
	}
	return string(body)
}
