// Package browser tries the pages in a real Chromium: the journeys of a reader with a mouse, with the keyboard alone, without
// JavaScript and on a small telephone; what axe knows of barriers; bytes, requests and time. It holds tests only.
package browser

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
	"github.com/kith-care/kith/web/audit"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/web/staff"
	"github.com/kith-care/kith/web/staff/stafftest"
	webtrust "github.com/kith-care/kith/web/trust"
)

var picture = flag.Bool("picture", false, "take the picture in docs/person.png again")

// person is who the journeys look for: someone of Merrowby with problems, medicines, results and a long timeline.
type person struct {
	Name   string `json:"name"`
	Family string `json:"family"`
	Born   string `json:"born"`
	Number string `json:"number"`
	Path   string `json:"path"`
}

// whom is that person's number: seventy, on three medicines, must not have penicillin.
const whom = 746

type journey struct{ Name, Fault, Note string }

func TestPagesInARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	merrowby := town.Town{Seed: 1, People: 1000} // of whom the first 60 and one more are put in
	site, who := open(t, merrowby, &kit.MadeUp{Place: "Merrowby", Done: 60, Total: 60})
	filling, _ := open(t, town.Town{}, &kit.MadeUp{Place: "Merrowby", Done: 0, Total: 2000})
	console, feed := openConsole(t)
	ada := "console:/person/" + stafftest.Okafor
	asked := map[string]any{
		"chromium": chromium, "site": site, "filling": filling, "console": console, "closed": openClosed(t), "person": who, "joined": "/person/" + stafftest.Okafor, "reed": "/person/" + stafftest.Reed,
		"pages": map[string]string{
			"feeds": "console:/feeds", "feed": "console:/feeds/emis-zz001", "feed held": "console:/feeds/emis-zz002", "feed of messages": "console:/feeds/hospital-zz1", "release": "console:/feeds/emis-zz002/release",
			"not held": "console:/feeds/emis-zz001/release", "replay": "console:/feeds/emis-zz001/replay?from=31-Oct-2026&to=1-Nov-2026", "replay wrong": "console:/feeds/emis-zz001/replay?from=never&to=",
			"check": "console:/feeds/emis-zz001/checks/parent", "check of messages": "console:/feeds/hospital-zz1/checks/coded", "nothing fails": "console:/feeds/emis-zz001/checks/late", "no such check": "console:/feeds/emis-zz001/checks/colour",
			"item": "console:" + feed, "no such feed": "console:/feeds/nobody", "matches": "console:/matches", "ward": "console:/ward", "empty ward": "/ward", "requests": "console:/requests", "nobody asks": "/requests", "question": "console:" + questionOf(t, console), "joined person": ada, "lists": ada + "/lists",
			"arrived": ada + "/arrived", "links": ada + "/links", "trace of nothing": "console:/trace/AllergyIntolerance/none", "trace of a row": "console:/trace/Patient/" + stafftest.OkaforAt, "no feeds": "/feeds",
			"who looked": "console:/my/seen", "what looks wrong": "console:" + linkOn(t, console+"/my/seen", `href="(/my/seen/wrong[^"]+)"`), "no such entry": "console:/my/seen/wrong?entry=x.1",
			"audit": "console:/audit", "audit of one": "console:/audit?actor=Practitioner%2F1", "audit wrong": "console:/audit?from=never&patient=a%2Fb",
			"people I trust": "console:/my/trusted", "trust somebody": "console:/my/trusted/new", "a code from somebody": "console:/my/trusted/accept", "who they trust": ada + "/trusted", "closed record": "closed:/person/ada",
			"everybody": "/", "found": "/?name=" + who.Family, "nobody found": "/?name=zzz", "error": "/?born=never&nhs=12", "person": who.Path,
			"timeline": who.Path + "?show=results", "deceased": "/person/" + merrowby.PatientID(36), "child": "/person/" + merrowby.PatientID(41),
			"empty record": "/person/empty", "not found": "/nowhere", "no such person": "/person/nobody", "filling": "filling:/",
		},
	}
	if *picture {
		asked["picture"], _ = filepath.Abs("../../docs/person.png")
	}
	input, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "journeys.mjs", input, 140)
}

// drive runs a script of journeys in the browser, each a test of its own; there must be so many at least.
func drive(t *testing.T, script string, input []byte, least int) {
	t.Helper()
	cmd := exec.Command("node", script, string(input))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("node: %v\n%s", err, stderr.String())
	}
	tried := 0
	for line := range bytes.Lines(out) {
		var j journey
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		tried++
		t.Run(j.Name, func(t *testing.T) {
			t.Log(j.Note)
			if j.Fault != "" {
				t.Error(j.Fault)
			}
		})
	}
	if tried < least {
		t.Errorf("only %d things were tried", tried)
	}
}

// open serves a town and returns its address and whom to look for in it.
func open(t *testing.T, made town.Town, say *kit.MadeUp) (address string, who person) {
	t.Helper()
	door := record.Test(t)
	if made.People > 0 {
		commit(t, door)(made.Shared())
		commit(t, door)([]byte(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"empty"}}]}`), nil)
	}
	for i := range min(made.People, 60) {
		commit(t, door)(made.Person(i))
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	site := &staff.Site{Door: door, Host: kit.Host{Now: func() time.Time { return now }, MadeUp: func() *kit.MadeUp { return say }}}
	server := httptest.NewServer(site.Handler())
	t.Cleanup(server.Close)
	if made.People == 0 {
		return server.URL, person{}
	}
	commit(t, door)(made.Person(whom))
	id := made.PatientID(whom)
	stored, err := door.Get(t.Context(), access.Actor{ID: "test"}, "Patient", id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := stored.Resource()
	if err != nil {
		t.Fatal(err)
	}
	p := r.Root()
	return server.URL, person{Name: kit.Name(p.Get("name")), Family: kit.FirstOf(p.Get("name")).Get("family").Text(), Born: kit.Date(p.Get("birthDate").Text()),
		Number: kit.NHSNumberOf(p), Path: "/person/" + id}
}

// openConsole serves a place that its feeds have filled, and returns its address and that of an item.
func openConsole(t *testing.T) (address, item string) {
	t.Helper()
	p := stafftest.Fill(t)
	site := &staff.Site{Door: p.Door, Feeds: p.Feeds, Linker: p.Linker, Host: kit.Host{Now: func() time.Time { return stafftest.Today }}}
	looked := &audit.Site{Places: seat.Places{Door: p.Door, Who: func(r *http.Request) (access.Actor, error) {
		if strings.HasPrefix(r.URL.Path, "/my/") {
			return access.Actor{ID: "Patient/" + stafftest.Okafor, Name: "Ada Okafor", Role: "patient", Patient: stafftest.Okafor, Purpose: "PATRQT"}, nil
		}
		return access.Actor{ID: "Practitioner/9", Name: "R. Vale", Role: "privacy", Purpose: "PATSFTY"}, nil
	}, Host: kit.Host{Now: func() time.Time { return stafftest.Today }}}}
	jessop := access.Actor{ID: "Practitioner/1", Name: "Dr A. Jessop", Role: "clinician", Organization: "M81001", Purpose: "TREAT"}
	if _, err := p.Door.Get(t.Context(), jessop, "Patient", stafftest.Okafor); err != nil {
		t.Fatal(err)
	}
	commit(t, p.Door)([]byte(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Task","id":"alert","status":"requested","intent":"order","priority":"stat","code":{"coding":[{"system":"urn:kith:task","code":"monitor-alert"}]},
		"description":"Mrs Okafor: 182/104, her limit is 160/100","for":{"reference":"Patient/`+stafftest.Okafor+`","display":"Mrs Okafor"},"authoredOn":"2026-11-01T09:30:00Z","restriction":{"period":{"end":"2026-11-01T09:45:00Z"}},"owner":{"display":"the ward"}}},{"resource":{"resourceType":"Task","id":"request","status":"requested","intent":"order","code":{"coding":[{"system":"urn:kith:task","code":"triage"},{"system":"urn:kith:triage:level","code":"same-day"}]},"description":"Cough: Get help today.",
		"for":{"reference":"Patient/`+stafftest.Okafor+`"},"authoredOn":"2026-11-01T08:00:00Z","restriction":{"period":{"end":"2026-11-01T10:00:00Z"}},"owner":{"display":"Triage"},"input":[{"type":{"text":"In their own words"},"valueString":"coughing all night"}]}}]}`), nil)
	mux := http.NewServeMux()
	mux.Handle("/", site.Handler())
	for _, path := range []string{"/my/seen", "/my/seen/", "/audit"} {
		mux.Handle(path, looked.Handler())
	}
	trusts := &webtrust.Site{Trust: &trust.Service{Door: p.Door}, Places: seat.Places{Door: p.Door, Who: func(*http.Request) (access.Actor, error) {
		return access.Actor{ID: "Patient/" + stafftest.Okafor, Name: "Ada Okafor", Role: "patient", Patient: stafftest.Okafor, Level: access.P9}, nil
	}}}
	mux.Handle("/my/trusted", trusts.Handler())
	mux.Handle("/my/trusted/", trusts.Handler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, linkOn(t, server.URL+"/feeds/emis-zz001", `href="(/feeds/emis-zz001/items/\d+)"`)
}

// openClosed serves the pages of a record that is closed to the reader, who may open it in an emergency.
func openClosed(t *testing.T) (address string) {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	res, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1950-03-01","gender":"female"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: "Patient", ID: "ada", Resource: res}}); err != nil {
		t.Fatal(err)
	}
	site := &staff.Site{Door: door, Who: func(*http.Request) access.Actor {
		return access.Actor{ID: "Practitioner/1", Name: "Dr A. Jessop", Role: "clinician", Organization: "H", Purpose: "TREAT"}
	}}
	server := httptest.NewServer(site.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

func questionOf(t *testing.T, address string) string {
	return linkOn(t, address+"/matches", `href="(/matches/[^"]+_[^"]+)"`)
}

// linkOn returns the first link of a page that a pattern finds.
func linkOn(t *testing.T, page, pattern string) string {
	t.Helper()
	res, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(body)
	if m == nil {
		t.Fatalf("%s has no link %s", page, pattern)
	}
	return string(m[1])
}

func commit(t *testing.T, door *record.Door) func([]byte, error) {
	return func(bundle []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		b, err := fhir.Parse(bundle)
		if err != nil {
			t.Fatal(err)
		}
		var ops []record.Op
		for e := range b.Root().Get("entry").Items() {
			r := e.Get("resource").Resource()
			ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "test"}, ops); err != nil {
			t.Fatal(err)
		}
	}
}

// found returns what a script prints, or skips where it finds nothing.
func found(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.Command(script).Output()
	if err != nil {
		need.Skip(t, script+" found nothing (scripts/setup installs it)")
	}
	return strings.TrimSpace(string(out))
}
