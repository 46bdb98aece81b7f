package record

import (
	"encoding/json"
	"flag"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/plain"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write the goldens again")

var (
	noon   = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada    = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}
	joy    = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9, Purpose: "PATRQT"}
	doctor = access.Actor{ID: "Practitioner/dee", Name: "Dr Dee", Role: "clinician", Organization: "A81001", Purpose: "TREAT"}
	rita   = access.Actor{ID: "Practitioner/rita", Name: "Rita", Role: "receptionist", Organization: "A81001", Purpose: "TREAT"}
	self   = access.Actor{ID: "kith/test", Role: access.Kith, Purpose: "HOPERAT"}
)

// place is a record with Ada in it, and the pages as whoever who points to sees them.
type place struct {
	http.Handler
	public http.Handler
	door   *record.Door
	site   *Site
	who    access.Actor
}

func open(t *testing.T, db string) *place {
	t.Helper()
	now := func() time.Time { return noon }
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default(), Now: now, Base: "https://kith.test/fhir"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	desk, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	desk.Now = func() time.Time { return noon.AddDate(0, 0, -3) }
	for name, title := range map[string]string{"mill-lane": "Mill Lane Surgery", "hospital": "Merrow General Hospital"} {
		if _, err := desk.Feed(t.Context(), intake.Feed{Name: name, Kind: "fhir", Title: title, Limit: map[string]time.Duration{"hospital": 7 * 24 * time.Hour}[name]}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := desk.Keep(t.Context(), name, "first", []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	glossary, err := explain.Load(explain.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := release.Read(release.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	carrying, err := carry.Open(t.Context(), carry.Options{Door: door, Base: "https://kith.test", Name: "Merrowby Shared Record", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{door: door, who: ada}
	p.site = &Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return p.who, nil }, Host: kit.Host{Now: now}}, Glossary: glossary, Release: &release.Service{Door: door, Rules: rules, Now: now}, Carry: carrying, Desk: desk}
	p.Handler, p.public = p.site.Handler(), p.site.Public()
	text, err := os.ReadFile("testdata/ada.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var ops []record.Op
	for line := range strings.Lines(string(text)) {
		res, err := fhir.Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
	}
	if _, err := door.Commit(t.Context(), self, ops); err != nil {
		t.Fatal(err)
	}
	return p
}

func fetch(t *testing.T, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q", text)
		}
	}
}

func without(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q", text)
		}
	}
}

// chance is what differs from run to run: tokens, keys, signatures, the drawing of codes, and the stylesheet's name.
var chance = regexp.MustCompile(`/static/kith-[0-9a-f]+\.css|/shared/[\w-]{20,}|shlink:/[\w-]+|<svg class="kith-qr".*?</svg>|/links/[\w-]{43}/end`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".html")
	got = chance.ReplaceAllString(got, "CHANCE")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(was) {
		t.Errorf("%s is not as it was: go test -update, and look at the difference", path)
	}
}

// The pages of a record on both databases, as Ada sees them.
func TestPagesOfOnesOwnRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		for _, path := range []string{"", "/problems", "/medicines", "/allergies", "/results", "/letters", "/letters/out", "/vaccinations", "/plans", "/social-care", "/summary", "/certificate", "/links", "/wrong?about=Condition/diabetes"} {
			w := fetch(t, p, "/my/record"+path, nil)
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d\n%.600s", path, w.Code, w.Body)
				continue
			}
			name := strings.NewReplacer("/", "", "?about=Condition", "").Replace(path)
			if name == "" {
				name = "timeline"
			}
			golden(t, name, w.Body.String())
		}
	})
}

func TestAResultIsTwoActivationsFromTheHubAndExplained(t *testing.T) {
	p := open(t, "sqlite::memory:")
	list := fetch(t, p, "/my/record/results", nil).Body.String()
	want(t, list, "Average blood sugar (HbA1c)", "53 mmol/mol", "This is above the usual range, which is 20 to 41.", "Your blood sugar over the last 2 to 3 months.", "What you can do")
	to := regexp.MustCompile(`href="(/my/record/results/test\?of=[^"]*HbA1c[^"]*)"`).FindStringSubmatch(list)
	if to == nil {
		t.Fatal("no way to the result")
	}
	one := fetch(t, p, html.UnescapeString(to[1]), nil)
	golden(t, "result", one.Body.String())
	want(t, one.Body.String(), "<details class=\"nhsuk-details\" open>", "kith-chart", "From Merrow General Hospital", "49 mmol/mol")
	if w := fetch(t, p, "/my/record/results/test?of=nothing", nil); w.Code != http.StatusNotFound {
		t.Errorf("a test that was never done: %d", w.Code)
	}
}

// What several systems say is one row; a source that fell silent is named.
func TestOneTimelineOverAllSources(t *testing.T) {
	p := open(t, "sqlite::memory:")
	page := fetch(t, p, "/my/record", nil).Body.String()
	want(t, page, "Type 2 diabetes", "From Mill Lane Surgery", "From Merrow General Hospital", "Nothing received from Mill Lane Surgery since 23 November 2026.", "Merrow General Hospital: last news on 23 November 2026", "This is wrong", `href="/my/seen"`)
	without(t, page, "Prostate", "Given in error")
	if got := strings.Count(fetch(t, p, "/my/record/problems", nil).Body.String(), `<li class="kith-entry"`); got != 2 {
		t.Errorf("%d problems, want diabetes once and a cold", got)
	}
	narrowed := fetch(t, p, "/my/record?show=letters&from=hospital", nil).Body.String()
	want(t, narrowed, "1 entry, the newest first", `href="/my/record?from=hospital&amp;show=results"`)
	without(t, narrowed, `id="Condition-`)
	for _, path := range []string{"?page=99999999", "?page=-3", "?show=nothing&from=nobody&page=x"} {
		if w := fetch(t, p, "/my/record"+path, nil); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Held results: the patient is told that one is there and not which, whoever they trust nothing; the doctor sees it, sees that the patient does not, and shows it.
func TestAHeldResultIsReleasedByStaff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		if _, err := p.door.Box(release.Room).Commit(t.Context(), self, nil, record.JSONItem("held", "ada/Observation/psa", map[string]any{"class": "tumour marker", "rule": "talk", "by": noon.AddDate(0, 0, 9), "tell": true})); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"", "/results"} {
			page := fetch(t, p, "/my/record"+path, nil).Body.String()
			want(t, page, "A result is there.", "Saturday 5 December")
			without(t, page, "Prostate", "9.1")
		}
		without(t, fetch(t, p, "/my/record/summary", nil).Body.String(), "Prostate")
		without(t, fetch(t, p, "/my/record/summary/document", nil).Body.String(), "2857-1")
		if w := fetch(t, p, "/my/record/wrong?about=Observation/psa", nil); w.Code != http.StatusNotFound {
			t.Errorf("what is held can be asked about: %d", w.Code)
		}
		p.who = joy
		service := &trust.Service{Door: p.door, Now: func() time.Time { return noon }}
		if err := service.Record(t.Context(), self, "ada", "joy", "Joy", []string{"see"}, noon.AddDate(1, 0, 0), true); err != nil {
			t.Fatal(err)
		}
		page := fetch(t, p, "/for/ada/record/results", nil)
		want(t, page.Body.String(), "Average blood sugar")
		without(t, page.Body.String(), "A result is there", "Prostate")
		p.who = doctor
		page = fetch(t, p, "/person/ada/as-patient", nil)
		golden(t, "as-patient", page.Body.String())
		want(t, page.Body.String(), "Prostate test (PSA)", "Not shown to the patient yet, at the latest on 5 December 2026", "I have talked to them: show it", "HbA1c")
		without(t, fetch(t, p, "/person/ada/record/summary", nil).Body.String(), "Prostate")
		if w := fetch(t, p, "/person/ada/as-patient/release", url.Values{"result": {"Observation/psa"}}); w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		want(t, fetch(t, p, "/person/ada/as-patient?did=released", nil).Body.String(), "The patient sees it now.")
		p.who = ada
		page = fetch(t, p, "/my/record/results", nil)
		want(t, page.Body.String(), "Prostate test (PSA)")
		without(t, page.Body.String(), "A result is there")
	})
}

func TestNobodySeesMoreThroughThePreview(t *testing.T) {
	p := open(t, "sqlite::memory:")
	for _, text := range []string{`{"resourceType":"Condition","id":"secret","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"86406008","display":"Human immunodeficiency virus infection"}]},"subject":{"reference":"Patient/ada"}}`} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.door.Commit(t.Context(), self, []record.Op{{Method: record.Update, Type: "Condition", ID: "secret", Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	want(t, fetch(t, p, "/my/record/problems", nil).Body.String(), "Human immunodeficiency")
	p.who = access.Actor{ID: "Practitioner/other", Role: "clinician", Organization: "Z99999", Purpose: "TREAT"}
	if w := fetch(t, p, "/person/ada/as-patient", nil); strings.Contains(w.Body.String(), "immunodeficiency") || w.Code == http.StatusOK {
		t.Errorf("somebody who has nothing to do with her looks through her eyes: %d", w.Code)
	}
	p.who = rita
	if w := fetch(t, p, "/person/ada/as-patient", nil); strings.Contains(w.Body.String(), "immunodeficiency") || strings.Contains(w.Body.String(), "Type 2 diabetes") {
		t.Errorf("the desk sees by the preview what it does not see: %d", w.Code)
	}
	p.who = ada
	if w := fetch(t, p, "/person/ada/as-patient", nil); w.Code != http.StatusNotFound {
		t.Errorf("a patient at a page for staff: %d", w.Code)
	}
	p.who = joy
	for _, path := range []string{"/for/ada/record", "/for/ada/record/summary", "/for/ada/record/letters/out", "/for/ada/record/certificate", "/for/ada/record/links"} {
		if w := fetch(t, p, path, nil); w.Code == http.StatusOK {
			t.Errorf("%s is shown to somebody whom nobody trusts", path)
		}
	}
}

func TestSayingThatAnEntryIsWrong(t *testing.T) {
	p := open(t, "sqlite::memory:")
	empty := fetch(t, p, "/my/record/wrong", url.Values{"about": {"Condition/diabetes"}, "why": {" "}})
	want(t, empty.Body.String(), "There is a problem", "Write what is wrong", `id="why-error"`)
	golden(t, "wrong-empty", empty.Body.String())
	long := fetch(t, p, "/my/record/wrong", url.Values{"about": {"Condition/diabetes"}, "why": {strings.Repeat("a", 2001)}})
	want(t, long.Body.String(), "2,000 letters or fewer")
	for range 2 { // sent twice, it is one
		if w := fetch(t, p, "/my/record/wrong", url.Values{"about": {"Condition/diabetes"}, "why": {"I never had this."}}); w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	page, err := p.door.Find(t.Context(), self, "Task?code=urn:kith:task|entry-questioned")
	if err != nil || len(page.Matches) != 1 {
		t.Fatalf("%v %v", page, err)
	}
	want(t, string(page.Matches[0].Body), "I never had this.", `"Condition/diabetes"`, "2026-12-06", "Mill Lane Surgery")
	want(t, fetch(t, p, "/my/record/wrong?about=Condition/diabetes&did=told", nil).Body.String(), "Sunday 6 December")
	p.who = doctor
	want(t, fetch(t, p, "/person/ada/as-patient", nil).Body.String(), "Said to be wrong", "They say: I never had this.", "to be looked at by 6 December 2026")
	for _, path := range []string{"/person/joy/record/letters/out", "/person/joy/record/wrong?about=Condition/diabetes"} {
		if w := fetch(t, p, path, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s shows what is somebody else's: %d", path, w.Code)
		}
	}
	p.who = ada
	for _, about := range []string{"", "Condition/none", "Binary/letter", "Condition/../x", "Task/x"} {
		if w := fetch(t, p, "/my/record/wrong?about="+url.QueryEscape(about), nil); w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", about, w.Code)
		}
	}
}

func TestALinkIsMadeOpenedAndEnded(t *testing.T) {
	p := open(t, "sqlite::memory:")
	bad := fetch(t, p, "/my/record/links", url.Values{"code": {"123"}, "life": {"week"}})
	want(t, bad.Body.String(), "6 letters or numbers, or more", `id="code-error"`)
	made := fetch(t, p, "/my/record/links", url.Values{"label": {"Holiday"}, "code": {"482913"}, "life": {"day"}})
	golden(t, "made", made.Body.String())
	address := regexp.MustCompile(`https://kith\.test(/shared/[\w-]+)"`).FindStringSubmatch(made.Body.String())
	smart := regexp.MustCompile(`shlink:/[\w-]+`).FindString(made.Body.String())
	if address == nil || smart == "" {
		t.Fatalf("%.3000s", made.Body)
	}
	look := fetch(t, p.public, address[1], nil)
	golden(t, "shared", look.Body.String())
	without(t, look.Body.String(), "Okafor", "Metformin")
	wrong := fetch(t, p.public, address[1], url.Values{"code": {"000000"}})
	want(t, wrong.Body.String(), "You can try 4 more times.")
	opened := fetch(t, p.public, address[1], url.Values{"code": {"482913"}})
	want(t, opened.Body.String(), "OKAFOR, Ada", "Metformin 500mg tablets", "Type 2 diabetes", "Merrowby Shared Record")
	golden(t, "shared-open", opened.Body.String())
	want(t, fetch(t, p, "/my/record/links", nil).Body.String(), "Holiday", "Opened 1 time.", "With a passcode")

	// A program reads it as a SMART Health Link.
	id := regexp.MustCompile(`/links/([\w-]+)/end`).FindStringSubmatch(fetch(t, p, "/my/record/links", nil).Body.String())[1]
	ask := func(body string) (int, map[string]any) {
		r := httptest.NewRequest(http.MethodPost, "/shared/"+id+"/manifest", strings.NewReader(body))
		w := httptest.NewRecorder()
		p.public.ServeHTTP(w, r)
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return w.Code, out
	}
	if code, out := ask(`{"recipient":"A hospital","passcode":"111111"}`); code != http.StatusUnauthorized || out["remainingAttempts"] != 4.0 {
		t.Errorf("%d %v", code, out)
	}
	if code, out := ask(`{"recipient":"A hospital","passcode":"482913"}`); code != http.StatusOK || len(out["files"].([]any)) != 1 {
		t.Errorf("%d %v", code, out)
	}
	if code, _ := ask(`{`); code != http.StatusBadRequest {
		t.Error(code)
	}
	p.who = joy
	if w := fetch(t, p, "/my/record/links/"+id+"/end", url.Values{}); w.Code == http.StatusSeeOther {
		t.Error("somebody else ends her link")
	}
	p.who = ada
	if w := fetch(t, p, "/my/record/links/"+id+"/end", url.Values{}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := fetch(t, p.public, address[1], url.Values{"code": {"482913"}}); w.Code != http.StatusNotFound {
		t.Errorf("ended, it opens: %d", w.Code)
	}
	if code, _ := ask(`{"recipient":"A hospital","passcode":"482913"}`); code != http.StatusNotFound {
		t.Errorf("ended, programs read it: %d", code)
	}
	want(t, fetch(t, p, "/my/record/links?did=ended", nil).Body.String(), "Nobody can open it any more", "Ended")
}

func TestACertificateIsCheckedAtItsPage(t *testing.T) {
	p := open(t, "sqlite::memory:")
	file := fetch(t, p, "/my/record/certificate/file", nil)
	if file.Header().Get("Content-Type") != "application/smart-health-card" {
		t.Error(file.Header())
	}
	good := fetch(t, p.public, "/verify", url.Values{"text": {file.Body.String()}})
	golden(t, "verify", good.Body.String())
	want(t, good.Body.String(), "This certificate is valid.", "Ada Okafor", "Flu vaccine")
	bad := fetch(t, p.public, "/verify", url.Values{"text": {"shc:/5676"}})
	want(t, bad.Body.String(), "not a certificate that was signed here", `id="text-error"`)
	keys := fetch(t, p.public, "/.well-known/jwks.json", nil).Body.String()
	want(t, keys, `"kty":"EC"`, `"use":"sig"`, `"alg":"ES256"`)
	without(t, keys, `"d":`)
	if w := fetch(t, p, "/my/record/certificate", nil); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
	p.who = joy
	if w := fetch(t, p, "/my/record/certificate", nil); w.Code != http.StatusNotFound {
		t.Errorf("of nothing: %d", w.Code)
	}
}

// Pages are in Welsh as well, and what they say themselves is plain. Names of illnesses and medicines, and what sources wrote, are not theirs.
func TestPagesSpeakPlainlyAndWelsh(t *testing.T) {
	p := open(t, "sqlite::memory:")
	r := httptest.NewRequest(http.MethodGet, "/my/record/results", nil)
	r.Header.Set("Accept-Language", "cy")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	want(t, w.Body.String(), "Canlyniadau profion", `lang="cy"`, "Beth mae hyn yn ei olygu", "Siwgr gwaed cyfartalog (HbA1c)")
	tags, blocks := regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`</(p|li|h1|h2|h3|label|div|legend|button|summary|th|td|dt|dd|b)>`)
	theirs := regexp.MustCompile(`(?s)<svg.*?</svg>|<p class="kith-entry__(what|from)">.*?</p>`)
	for _, path := range []string{"", "/problems", "/medicines", "/allergies", "/results", "/vaccinations", "/plans", "/social-care", "/links", "/wrong?about=Condition/diabetes", "/certificate"} {
		page := fetch(t, p, "/my/record"+path, nil).Body.String()
		_, main, _ := strings.Cut(page, "<main")
		main, _, _ = strings.Cut(main, "</main>")
		_, main, _ = strings.Cut(main, ">")
		text := html.UnescapeString(tags.ReplaceAllString(blocks.ReplaceAllString(theirs.ReplaceAllString(main, ""), "\n"), ""))
		if hard := plain.Hard(text); hard != nil {
			t.Errorf("%s: %v", path, hard)
		}
		n, g := plain.Count(text), plain.Grade(text)
		t.Logf("%s: %d words, grade %.1f", path, n.Words, g)
		if n.Words >= 50 && g > 6 {
			t.Errorf("%s has grade %.1f", path, g)
		}
	}
}
