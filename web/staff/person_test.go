package staff

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

const okafor = `{"resourceType":"Patient","id":"ok","name":[{"use":"nickname","given":["Addie"]},{"use":"official","family":"Okafor","given":["Ada","Ruth"],"prefix":["Mrs"]}],
"gender":"female","birthDate":"1945-07-14","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],
"address":[{"use":"old","line":["1 Gone Lane"]},{"use":"home","line":["2 Here Street"],"city":"Merrowby","postalCode":"ZZ1 1AA"}]}`

func TestPersonPage(t *testing.T) {
	h := place(t, 60)
	for _, c := range []struct{ golden, path string }{
		{"person.golden.html", "/person/t1-48"},
		{"person-deceased.golden.html", "/person/t1-36?show=medicines"},
		{"person-child.golden.html", "/person/t1-41"},
	} {
		status, body, header := get(t, h, c.path)
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %q", c.path, status, header.Get("Cache-Control"))
		}
		golden(t, c.golden, body)
	}
}

// Hazard: the wrong person's record is read. Every page about a person says whose it is, in the order staff learn it.
func TestBannerSaysWhoseRecordItIs(t *testing.T) {
	_, body, _ := get(t, place(t, 0, okafor), "/person/ok")
	want := []string{"OKAFOR, Ada Ruth (Mrs)", "14-Jul-1945 (81y)", "Female", "999 000 0018", "Allergies: Not Known", "2 Here Street, Merrowby, ZZ1 1AA"}
	from := strings.Index(body, `class="kith-banner"`)
	for _, text := range want {
		at := strings.Index(body[from:], text)
		if at < 0 {
			t.Fatalf("the banner does not say %q after what came before:\n%s", text, body[from:from+1500])
		}
		from += at
	}
	if strings.Contains(body, "Gone Lane") {
		t.Error("an old address is shown as where she lives")
	}
	if !strings.Contains(body, "<title>OKAFOR, Ada Ruth (Mrs)") {
		t.Error("the window does not say whose record it is")
	}
}

func TestNothingRecordedIsNotKnown(t *testing.T) {
	_, body, _ := get(t, place(t, 0, `{"resourceType":"Patient","id":"no"}`), "/person/no")
	for _, want := range []string{"Name Not Known", `Born</span> <b>Not Known`, `Gender</span> <b>Not Known`, `<b class="kith-number">Not Known</b>`, "Allergies: Not Known",
		"Address</span> Not Known", "Telephone</span> Not Known", "No active problems are recorded", "No current medicines are recorded", "No results are recorded", "Nothing is recorded."} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestDeceasedBanner(t *testing.T) {
	h := place(t, 0, `{"resourceType":"Patient","id":"d1","birthDate":"1945-07-14","deceasedDateTime":"2025-02-03"}`, `{"resourceType":"Patient","id":"d2","birthDate":"1945-07-14","deceasedBoolean":true}`,
		`{"resourceType":"Patient","id":"d3","birthDate":"1945-07-14","deceasedBoolean":false}`)
	for id, want := range map[string]string{"d1": `Died</span> <b>03-Feb-2025 (79y)</b>`, "d2": `Died</span> <b>date Not Known</b>`} {
		if _, body, _ := get(t, h, "/person/"+id); !strings.Contains(body, want) || !strings.Contains(body, "kith-banner--deceased") || strings.Contains(body, "(81y)") {
			t.Errorf("%s is not shown as dead, or as of an age they never reached", id)
		}
	}
	if _, body, _ := get(t, h, "/person/d3"); strings.Contains(body, "Died") || !strings.Contains(body, "(81y)") {
		t.Error("someone alive is shown as dead")
	}
}

// Hazard: an allergy is overlooked.
func TestAllergyLine(t *testing.T) {
	allergy := func(id, rest string) string {
		return `{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/ok"},` + rest + `}`
	}
	penicillin := allergy("a1", `"code":{"text":"Penicillin"},"criticality":"high","reaction":[{"manifestation":[{"text":"Anaphylaxis"}]}]`)
	none := allergy("a2", `"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003","display":"No known allergy"}]},"recordedDate":"2020-01-02"`)
	withdrawn := allergy("a3", `"code":{"text":"Latex"},"verificationStatus":{"coding":[{"code":"entered-in-error"}]}`)
	refuted := allergy("a4", `"code":{"text":"Eggs"},"verificationStatus":{"coding":[{"code":"refuted"}]}`)
	for _, c := range []struct {
		what    string
		more    []string
		say     string
		notsaid string
	}{
		{"nothing recorded", nil, "Allergies: Not Known", "No known"},
		{"asked, none", []string{none}, "No known allergy (recorded 02-Jan-2020", "Not Known.</b> Nothing"},
		{"one, severe", []string{penicillin}, `<b>Penicillin</b> <span class="kith-flag kith-flag--severe">Severe</span> (anaphylaxis)`, "Not Known.</b> Nothing"},
		{"an old none beside one", []string{none, penicillin}, "<b>Penicillin</b>", "kith-allergies--none"},
		{"withdrawn", []string{withdrawn}, "Allergies: Not Known", "Latex"},
		{"refuted", []string{refuted}, "Allergies: Not Known", "<b>Eggs</b>"},
	} {
		_, body, _ := get(t, place(t, 0, append([]string{okafor}, c.more...)...), "/person/ok")
		if !strings.Contains(body, c.say) || strings.Contains(body, c.notsaid) {
			t.Errorf("%s: the page does not say %q, or says %q", c.what, c.say, c.notsaid)
		}
	}
}

func observation(id, on, rest string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":"Patient/ok"},"effectiveDateTime":%q,%s}`, id, on, rest)
}

const glucose = `"code":{"coding":[{"system":"http://loinc.org","code":"15074-8"}],"text":"Glucose"},`

// Hazard: an old result is taken for today's.
func TestOldResultsAreMarkedOld(t *testing.T) {
	_, body, _ := get(t, place(t, 0, okafor,
		observation("new", "2026-10-01", glucose+`"valueQuantity":{"value":5.10,"unit":"mmol/L"}`),
		observation("old", "2021-03-01", `"code":{"text":"Ferritin"},"valueQuantity":{"value":80,"unit":"ug/L"}`)), "/person/ok")
	fresh, stale := between(body, ">Glucose", "</tr>"), between(body, ">Ferritin", "</tr>")
	if !strings.Contains(stale, "5 years ago") || strings.Contains(fresh, "ago") {
		t.Errorf("old: %s\nnew: %s", stale, fresh)
	}
	if !strings.Contains(fresh, "5.10 mmol/L") {
		t.Errorf("5.10 is not shown with the digits it was reported with: %s", fresh)
	}
}

// Hazard: a value in one unit is read as another. What cannot be compared is not drawn, and that is said.
func TestValuesOfAnotherUnitAreNotDrawn(t *testing.T) {
	_, body, _ := get(t, place(t, 0, okafor,
		observation("g1", "2024-01-01", glucose+`"valueQuantity":{"value":95,"unit":"mg/dL","code":"mg/dL"}`),
		observation("g2", "2025-01-01", glucose+`"valueQuantity":{"value":5.4,"unit":"mmol/L","code":"mmol/L"}`),
		observation("g3", "2026-01-01", glucose+`"valueQuantity":{"value":5.6,"unit":"mmol/L","code":"mmol/L"},"referenceRange":[{"low":{"value":72,"unit":"mg/dL","code":"mg/dL"}}]`)), "/person/ok")
	row := between(body, "Glucose</summary>", "</tr>")
	for _, want := range []string{"95 mg/dL", "2 values", "between 5.4 and 5.6 mmol/L", "1 not drawn: another unit", "72 mg/dL or more"} {
		if !strings.Contains(row, want) {
			t.Errorf("the row does not say %q:\n%s", want, row)
		}
	}
	if strings.Contains(row, `class="band"`) {
		t.Error("a reference range in mg/dL is drawn under values in mmol/L")
	}
}

// Hazard: a result is missing from the page, or one that was withdrawn is on it.
func TestEveryKindOfResultIsShownAndWithdrawnOnesAreNot(t *testing.T) {
	text := func(name string) string { return `"code":{"text":"` + name + `"},` }
	_, body, _ := get(t, place(t, 0, okafor,
		observation("k1", "2026-01-01", text("Swab")+`"valueCodeableConcept":{"coding":[{"display":"MRSA not detected"}]}`),
		observation("k2", "2026-01-02", text("Report")+`"valueString":"Normal study"`),
		observation("k3", "2026-01-03", text("Troponin")+`"valueQuantity":{"value":3,"comparator":"<","unit":"ng/L"}`),
		observation("k4", "2026-01-04", text("Potassium")+`"dataAbsentReason":{"text":"sample haemolysed"}`),
		observation("k5", "2026-01-05", `"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":182,"unit":"mmHg"}},{"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":104,"unit":"mmHg"}}]`),
		observation("k6", "2026-01-06", text("Hidden")+`"valueString":"somebody else's"`+``),
		strings.Replace(observation("k6", "2026-01-06", text("Hidden")+`"valueString":"somebody else's"`), `"final"`, `"entered-in-error"`, 1),
		strings.Replace(observation("k7", "2026-01-07", text("Culture")+`"valueString":"no growth so far"`), `"final"`, `"preliminary"`, 1),
		strings.Replace(observation("k8", "2026-01-07", text("Undated")+`"valueInteger":7`), `"effectiveDateTime":"2026-01-07",`, "", 1),
	), "/person/ok")
	for _, want := range []string{"MRSA not detected", "Normal study", "&lt;3 ng/L", "no value: sample haemolysed", "182/104 mmHg", "no growth so far", "Not final", "date Not Known"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(body, "somebody else") {
		t.Error("a result that was entered in error is shown")
	}
}

// Hazard: a long record is cut off and looks complete.
func TestARecordTooLongToShowSaysSo(t *testing.T) {
	door := record.Test(t)
	put(t, door, []byte(`{"resourceType":"Bundle","entry":[{"resource":`+okafor+`}]}`))
	for n := 0; n < entry.Most+1; {
		var entries []string
		for ; len(entries) < 1000 && n < entry.Most+1; n++ {
			entries = append(entries, `{"resource":`+observation(fmt.Sprint("n", n), "2026-01-01", `"code":{"text":"Pulse"},"valueInteger":70`)+`}`)
		}
		put(t, door, []byte(`{"resourceType":"Bundle","entry":[`+strings.Join(entries, ",")+`]}`))
	}
	site := &Site{Door: door, Host: kit.Host{Now: func() time.Time { return today }}}
	if _, body, _ := get(t, site.Handler(), "/person/ok"); !strings.Contains(body, "This page does not show everything") || !strings.Contains(body, "Observation") {
		t.Error("a record longer than the page reads does not say that it was cut")
	}
}

// Hazard: made-up people are taken for real ones, or real ones for made-up.
func TestEveryPageOfTheDemonstrationSaysSo(t *testing.T) {
	h := place(t, 1)
	for _, path := range []string{"/", "/?nhs=1", "/person/t1-0", "/person/nobody", "/nowhere"} {
		if _, body, _ := get(t, h, path); !strings.Contains(body, "Nobody in Merrowby is real") {
			t.Errorf("%s does not say that nobody is real", path)
		}
	}
	real := &Site{Door: record.Test(t)}
	if _, body, _ := get(t, real.Handler(), "/"); strings.Contains(body, "Demonstration") || strings.Contains(body, "/person/") {
		t.Error("a page about real people says demonstration, or lists people nobody asked for")
	}
}

func TestFillingShowsHowFar(t *testing.T) {
	m := &kit.MadeUp{Place: "Merrowby", Done: 340, Total: 2000}
	site := &Site{Door: record.Test(t), Host: kit.Host{MadeUp: func() *kit.MadeUp { return m }}}
	if _, body, _ := get(t, site.Handler(), "/"); !strings.Contains(body, `value="340" max="2000"`) || !strings.Contains(body, "340 of 2000") {
		t.Error("the page does not show how far the town has been filled")
	}
	m.Failed = "the disk is full"
	if _, body, _ := get(t, site.Handler(), "/"); !strings.Contains(body, "stopped at 340 of 2000: the disk is full") {
		t.Error("the page does not say that filling stopped")
	}
}

func TestRecordsThatCannotBeShown(t *testing.T) {
	door := record.Test(t)
	put(t, door, []byte(`{"resourceType":"Bundle","entry":[{"resource":`+okafor+`}]}`))
	open := (&Site{Door: door}).Handler()
	if status, body, _ := get(t, open, "/person/nobody"); status != 404 || !strings.Contains(body, "Nobody with this address") {
		t.Errorf("somebody who is not there: %d", status)
	}
	if status, _, _ := get(t, open, "/person/a%20b"); status != 404 {
		t.Errorf("an address that cannot be: %d", status)
	}
	if _, err := door.Commit(t.Context(), access.Actor{ID: "x"}, []record.Op{{Method: record.Delete, Type: "Patient", ID: "ok"}}); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := get(t, open, "/person/ok"); status != 410 || strings.Contains(body, "OKAFOR") {
		t.Errorf("somebody who was removed: %d", status)
	}
}

// Pages are not kept, framed, scripted or fetched from anywhere else.
func TestPagesAskNobodyElse(t *testing.T) {
	h := place(t, 3)
	for _, path := range []string{"/", "/person/t1-0", "/nowhere", "/?nhs=1"} {
		_, body, header := get(t, h, path)
		csp := header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
		for _, bad := range []string{"<script", " style=", "<style", "javascript:", "src=\"http", "href=\"http", "url("} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
	}
}

func TestTimelineIsNewestFirstAndPaged(t *testing.T) {
	more := []string{okafor}
	for i := range 95 {
		more = append(more, fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/ok"},"period":{"start":"20%02d-05-01T10:00:00+01:00"},"reasonCode":[{"text":"reason %d."}]}`, i, i%25, i))
	}
	h := place(t, 0, more...)
	seen, last := 0, "9999"
	for page := 1; page <= 3; page++ {
		_, body, _ := get(t, h, fmt.Sprintf("/person/ok?page=%d", page))
		for _, part := range strings.Split(between(body, `kith-timeline`, "</table>"), `<td class="kith-nowrap">`)[1:] {
			year := part[len("01-May-") : len("01-May-")+4]
			if year > last {
				t.Fatalf("%s stands after %s", year, last)
			}
			last = year
			seen++
		}
	}
	if seen != 95 {
		t.Errorf("%d of 95 visits are on the three pages", seen)
	}
	if _, body, _ := get(t, h, "/person/ok?show=visits&page=2"); !strings.Contains(body, `href="/person/ok?page=3&amp;show=visits#timeline"`) || !strings.Contains(body, "41 to 80 of 95") {
		t.Error("the filter is lost when the page is turned")
	}
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	part, _, _ := strings.Cut(rest, to)
	return part
}

// Hazard: a medicine that was stopped, or a problem that was ruled out, is taken for a current one.
func TestWhatIsOverIsNotShownAsCurrent(t *testing.T) {
	medicine := func(id, status, name string) string {
		return fmt.Sprintf(`{"resourceType":"MedicationRequest","id":%q,"status":%q,"intent":"order","subject":{"reference":"Patient/ok"},"authoredOn":"2026-03-04","medicationCodeableConcept":{"text":%q}}`, id, status, name)
	}
	problem := func(id, clinical, verification, name string) string {
		return fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/ok"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":%q}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":%q}]},"code":{"text":%q}}`, id, clinical, verification, name)
	}
	_, body, _ := get(t, place(t, 0, okafor,
		medicine("m1", "active", "Bisoprolol"), strings.Replace(medicine("m5", "active", "Ramipril"), "2026-03-04", "2023-10-01", 1), medicine("m2", "stopped", "Digoxin"), medicine("m3", "on-hold", "Warfarin"), medicine("m4", "entered-in-error", "Insulin"),
		problem("c1", "active", "confirmed", "Gout"), problem("c2", "resolved", "confirmed", "Shingles"), problem("c3", "active", "refuted", "Stroke"), problem("c4", "active", "provisional", "Angina"),
	), "/person/ok")
	current := between(body, `id="medicines"`, "<details")
	problems := between(body, `id="problems"`, "<details")
	for _, want := range []string{"Bisoprolol", "Warfarin", "On hold", "04-Mar-2026", "Dose Not Known", "3 years ago"} {
		if !strings.Contains(current, want) {
			t.Errorf("current medicines do not say %q", want)
		}
	}
	for _, want := range []string{"Gout", "Angina", "Not confirmed"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems do not say %q", want)
		}
	}
	if strings.Contains(current, "Digoxin") || strings.Contains(problems, "Shingles") || strings.Contains(problems, "Stroke") || strings.Contains(body, "Insulin") {
		t.Error("what was stopped, is over, was ruled out or was entered in error stands among what is current")
	}
	if !strings.Contains(body, "Digoxin") || !strings.Contains(body, "Ruled out") {
		t.Error("what is over is not on the page at all")
	}
}

// Hazard: two people of one name are taken for each other. The list says enough to tell them apart.
func TestTwoPeopleOfOneNameCanBeToldApart(t *testing.T) {
	person := func(id, born, number, street string) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":"Smith","given":["Ann"]}],"birthDate":%q,"gender":"female","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":%q}],"address":[{"line":[%q]}]}`, id, born, number, street)
	}
	_, body, _ := get(t, place(t, 0, person("s1", "1945-07-14", "9990000018", "1 Mill Lane"), person("s2", "1954-07-14", "9990000026", "2 Mill Lane")), "/?name=ann+smith")
	for _, row := range [][]string{{"/person/s1", "14-Jul-1945 (81y)", "999 000 0018", "1 Mill Lane"}, {"/person/s2", "14-Jul-1954 (72y)", "999 000 0026", "2 Mill Lane"}} {
		line := row[0] + between(body, row[0], "</tr>")
		for _, want := range row {
			if !strings.Contains(line, want) {
				t.Errorf("the row of %s does not say %q: %s", row[0], want, line)
			}
		}
	}
}

func BenchmarkPersonPage(b *testing.B) {
	h := place(b, 60)
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/person/t1-48", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkFindPeople(b *testing.B) {
	h := place(b, 60)
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/?name=brindley", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// An app is opened from the record of the person it is for, where people sign in.
func TestAnAppIsOpenedFromTheRecord(t *testing.T) {
	for _, signed := range []bool{true, false} {
		door := record.Test(t)
		put(t, door, []byte(`{"resourceType":"Bundle","entry":[{"resource":`+okafor+`}]}`))
		_, body, _ := get(t, (&Site{Door: door, Signed: signed}).Handler(), "/person/ok")
		if strings.Contains(body, `href="/apps/open/ok"`) != signed {
			t.Errorf("signed in: %v, and the way to an app is there: %v", signed, !signed)
		}
	}
}
