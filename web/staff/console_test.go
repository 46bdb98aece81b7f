package staff

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/staff/stafftest"
)

// console serves a place that its feeds have filled.
func console(t *testing.T) (http.Handler, *stafftest.Place) {
	t.Helper()
	p := stafftest.Fill(t)
	site := &Site{Door: p.Door, Feeds: p.Feeds, Linker: p.Linker, Host: kit.Host{Now: func() time.Time { return stafftest.Today }}}
	return site.Handler(), p
}

// steady replaces what is different each time: the numbers of items.
func steady(page string) string {
	numbers := map[string]string{}
	return regexp.MustCompile(`\b\d{19}\b`).ReplaceAllStringFunc(page, func(n string) string {
		if numbers[n] == "" {
			numbers[n] = fmt.Sprint("item-", len(numbers)+1)
		}
		return numbers[n]
	})
}

func TestConsolePages(t *testing.T) {
	h, _ := console(t)
	_, feed, _ := get(t, h, "/feeds/emis-zz001")
	_, matches, _ := get(t, h, "/matches")
	for _, c := range []struct{ golden, path string }{
		{"feeds.golden.html", "/feeds"},
		{"feed.golden.html", "/feeds/emis-zz001"},
		{"feed-held.golden.html", "/feeds/emis-zz002"},
		{"feed-hl7.golden.html", "/feeds/hospital-zz1"},
		{"check.golden.html", "/feeds/emis-zz001/checks/parent"},
		{"check-hl7.golden.html", "/feeds/hospital-zz1/checks/coded"},
		{"check-understood.golden.html", "/feeds/emis-zz001/checks/understood"},
		{"check-none.golden.html", "/feeds/emis-zz001/checks/late"},
		{"release.golden.html", "/feeds/emis-zz002/release"},
		{"replay.golden.html", "/feeds/emis-zz001/replay?from=31-Oct-2026&to=1-Nov-2026"},
		{"item.golden.html", itemOfFile(t, feed, "CareRecord_Observation")},
		{"matches.golden.html", "/matches"},
		{"question.golden.html", regexp.MustCompile(`/matches/[^"]+_[^"]+`).FindString(matches)},
		{"links.golden.html", "/person/" + stafftest.Okafor + "/links"},
		{"arrived.golden.html", "/person/" + stafftest.Okafor + "/arrived"},
		{"lists.golden.html", "/person/" + stafftest.Okafor + "/lists"},
		{"person-joined.golden.html", "/person/" + stafftest.Okafor},
	} {
		status, body, header := get(t, h, c.path)
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %q", c.path, status, header.Get("Cache-Control"))
		}
		golden(t, c.golden, steady(body))
	}
}

func itemOfFile(t *testing.T, page, file string) string {
	t.Helper()
	m := regexp.MustCompile(`href="(/feeds/[^"]+)">[^<]*` + file).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no item of %s", file)
	}
	return m[1]
}

// post sends a form as a browser does.
func post(t *testing.T, h http.Handler, path string, form url.Values) (status int, body, next string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header().Get("Location")
}

// send uploads a file as a browser does; name "" for a form sent without choosing one.
func send(t *testing.T, h http.Handler, path, name, text string) (status int, body, next string) {
	t.Helper()
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, text)
	form.Close()
	r := httptest.NewRequest("POST", path, &out)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header().Get("Location")
}

// says fails unless the page says all of it.
func says(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, text := range all {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

const observationFile = "291_CareRecord_Observation_20261031010000_5F0E6A10-0000-4000-8000-0000000000A1.csv"

func TestAFileIsUploaded(t *testing.T) {
	h, _ := console(t)
	const row = "{20000000-0000-4000-8000-000000000112},{20000000-0000-4000-8000-000000000002},{10000000-0000-4000-8000-000000000001},3,2026-10-30,YMD,2026-10-30,09:30:00,,Observation,127,mmHg,,false,112\r\n"
	const header = "ObservationGuid,PatientGuid,OrganisationGuid,CodeId,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,ObservationType,Value,NumericUnit,AssociatedText,Deleted,ProcessingId\r\n"
	status, _, next := send(t, h, "/feeds/emis-zz001/upload", observationFile, header+row)
	if status != http.StatusSeeOther || !strings.HasPrefix(next, "/feeds/emis-zz001?sent=upload") {
		t.Fatalf("status %d, sent to %q", status, next)
	}
	_, body, _ := get(t, h, next)
	says(t, between(body, "What became of the file you sent", "</section>"), observationFile, "Filed", `data-label="Rows in" class="kith-right">1<`)
	if _, body, _ := get(t, h, "/person/"+stafftest.Reed); !strings.Contains(body, "127 mmHg") {
		t.Error("what was uploaded is not in the record")
	}
	if _, _, next := send(t, h, "/feeds/emis-zz001/upload", observationFile, header+row); next != "/feeds/emis-zz001?did=again" {
		t.Errorf("the same file again leads to %q", next)
	}
	for _, c := range []struct{ feed, name, text, say string }{
		{"emis-zz001", "", "", "Choose a file to upload"},
		{"emis-zz001", "notes.txt", "hello", "notes.txt holds nothing that this feed reads"},
		{"emis-zz001", "x.zip", "this is no zip", "x.zip"},
		{"emis-zz001", observationFile + ".gpg", "x", "is encrypted, and the feed emis-zz001 has no key"},
		{"council-zzc", "x.csv", "a,b\n", "takes no files"},
	} {
		status, body, _ := send(t, h, "/feeds/"+c.feed+"/upload", c.name, c.text)
		if status != http.StatusBadRequest || !strings.Contains(body, "<title>Error: ") || !strings.Contains(body, c.say) || !strings.Contains(body, `href="#file"`) {
			t.Errorf("%s to %s: %d, or the page does not say %q", c.name, c.feed, status, c.say)
		}
	}
	if status, body, _ := post(t, h, "/feeds/emis-zz001/upload", url.Values{"file": {"x"}}); status != http.StatusBadRequest || !strings.Contains(body, "Choose a file") {
		t.Errorf("a form that is no upload: %d", status)
	}
	// A file that should be read and cannot: kept, and said so.
	_, _, next = send(t, h, "/feeds/emis-zz001/upload", "291_CareRecord_Observation_yesterday_A.csv", header)
	_, body, _ = get(t, h, next)
	says(t, between(body, "What became of the file you sent", "</section>"), "Quarantined", "yesterday")
	if _, _, next := send(t, h, "/feeds/hospital-zz1/upload", "m.hl7", "MSH|^~\\&|PAS|ZZ1|KITH|PLACE|20261101090000||ADT^A28|C9|P|2.4\rEVN|A28|20261101090000\rPID|1||H9^^^ZZ1^MR||Moss^Ben||19900101|M\r"); next != "/feeds/hospital-zz1?did=messages" {
		t.Errorf("messages lead to %q", next)
	}
}

// Hazard: a mass deletion is let through unseen. A held feed goes on only for who was shown why it is held, as it is held now.
func TestAFeedIsReleasedByWhoReadWhy(t *testing.T) {
	h, p := console(t)
	_, body, _ := get(t, h, "/feeds/emis-zz002/release")
	says(t, body, "has stopped sharing", "Release it only when the source has said that this is meant")
	if status, _, _ := post(t, h, "/feeds/emis-zz002/release", url.Values{"held": {"something else"}}); status != http.StatusConflict {
		t.Errorf("released for another reason: %d", status)
	}
	f, err := p.Feeds.Desk.Named("emis-zz002")
	if err != nil || f.Held == "" {
		t.Fatalf("%+v, %v", f, err)
	}
	if status, _, next := post(t, h, "/feeds/emis-zz002/release", url.Values{"held": {f.Held}}); status != http.StatusSeeOther || next != "/feeds/emis-zz002?did=released" {
		t.Errorf("%d, %q", status, next)
	}
	if f, _ := p.Feeds.Desk.Named("emis-zz002"); f.Held != "" || !f.Confirmed {
		t.Error("it is still held")
	}
	if status, body, _ := post(t, h, "/feeds/emis-zz002/release", url.Values{"held": {"x"}}); status != http.StatusConflict || !strings.Contains(body, "is not held") {
		t.Errorf("released twice: %d", status)
	}
	if status, body, _ := post(t, h, "/feeds/emis-zz002/hold", url.Values{"why": {"  "}}); status != http.StatusBadRequest || !strings.Contains(body, "Write in a sentence why") {
		t.Errorf("held without a reason: %d", status)
	}
	if _, _, next := post(t, h, "/feeds/emis-zz002/hold", url.Values{"why": {"the practice <moves> house"}}); next != "/feeds/emis-zz002?did=held" {
		t.Errorf("held leads to %q", next)
	}
	_, body, _ = get(t, h, "/feeds")
	says(t, body, "the practice &lt;moves&gt; house")
}

func TestReplayShowsTheDifferenceFirst(t *testing.T) {
	h, p := console(t)
	const path = "/feeds/emis-zz001/replay"
	// As if the mapping had been another when it was filed.
	id := intakeID("Observation", "observation", "102")
	stored, err := p.Door.Get(t.Context(), someone, "Observation", id)
	if err != nil {
		t.Fatal(err)
	}
	other, err := fhir.Parse(bytes.Replace(stored.Body, []byte(`"value":152`), []byte(`"value":251`), 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Door.Commit(t.Context(), someone, []record.Op{{Method: record.Update, Type: "Observation", ID: id, Resource: other}}); err != nil {
		t.Fatal(err)
	}
	span := url.Values{"from": {"31-Oct-2026"}, "to": {"1/11/2026"}}
	_, body, _ := get(t, h, path+"?"+span.Encode())
	says(t, body, "<b>1</b> changed", "Changed: Observation/"+id, "<del>− &#34;value&#34;: 251</del>", "<ins>+ &#34;value&#34;: 152</ins>", "Replay and change the record")
	if now, _ := p.Door.Get(t.Context(), someone, "Observation", id); !strings.Contains(string(now.Body), "251") {
		t.Fatal("showing the difference changed the record")
	}
	status, _, next := post(t, h, path, span)
	if status != http.StatusSeeOther {
		t.Fatalf("status %d", status)
	}
	_, body, _ = get(t, h, next)
	says(t, body, "The replay is done", "<b>0</b> changed")
	if now, _ := p.Door.Get(t.Context(), someone, "Observation", id); !strings.Contains(string(now.Body), "152") {
		t.Error("the replay did not change the record back")
	}
	for _, c := range []struct{ from, to, say string }{{"never", "1/11/2026", "Write the day like"}, {"1/11/2026", "", "Write the day like"}, {"2026", "2026", "Write the day like"}, {"2/11/2026", "1/11/2026", "The last day comes before the first"}} {
		bad := url.Values{"from": {c.from}, "to": {c.to}}
		if status, body, _ := get(t, h, path+"?"+bad.Encode()); status != http.StatusBadRequest || !strings.Contains(body, c.say) {
			t.Errorf("from %q to %q: %d", c.from, c.to, status)
		}
		if status, body, _ := post(t, h, path, bad); status != http.StatusBadRequest || !strings.Contains(body, c.say) {
			t.Errorf("doing it from %q to %q: %d", c.from, c.to, status)
		}
	}
	if status, _, _ := get(t, h, "/feeds/hospital-zz1/replay?"+span.Encode()); status != http.StatusOK {
		t.Errorf("messages are not replayed: %d", status)
	}
}

func intakeID(typ, kind, last string) string {
	return intake.IDOf("emis-zz001", typ, kind, "10000000-0000-4000-8000-000000000001/20000000-0000-4000-8000-000000000"+last)
}

// What arrived is handed out byte for byte, and never as something that a browser would run.
func TestRawIsWhatArrived(t *testing.T) {
	h, _ := console(t)
	_, feed, _ := get(t, h, "/feeds/emis-zz001")
	path := itemOfFile(t, feed, "bulk-20261030/291_Admin_Patient")
	status, body, header := get(t, h, path+"/raw")
	want, err := os.ReadFile("stafftest/testdata/bulk-20261030/291_Admin_Patient_20261030010000_5F0E6A10-0000-4000-8000-0000000000A1.csv")
	if err != nil || status != http.StatusOK || body != string(want) {
		t.Fatalf("%d, %d bytes, want %d (%v)", status, len(body), len(want), err)
	}
	if d := header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename=291_Admin_Patient_") || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%q, %v", d, header)
	}
	for _, bad := range []string{"/feeds/emis-zz001/items/1", "/feeds/emis-zz001/items/x", strings.Replace(path, "emis-zz001", "tpp-zz003", 1), path[:len(path)-1], "/feeds/nobody/items/1"} {
		for _, tail := range []string{"", "/raw"} {
			if status, _, _ := get(t, h, bad+tail); status != http.StatusNotFound {
				t.Errorf("%s: %d", bad+tail, status)
			}
		}
	}
}

// Every shown entry leads to the row or the segment that said so in one step.
func TestTraceLeadsToTheRowOrTheSegment(t *testing.T) {
	h, _ := console(t)
	_, body, _ := get(t, h, "/trace/Observation/"+intakeID("Observation", "observation", "102"))
	says(t, body, "OKAFOR, Ada Ruth (Mrs)", "Mill Lane Surgery (EMIS Web)", "<b>line 3</b>", "CareRecord_Observation", ">NumericUnit</th><td class=\"kith-break\">mmHg<", ">Value</th><td class=\"kith-break\">152<", "columns are empty")
	_, person, _ := get(t, h, "/person/"+stafftest.Okafor)
	potassium := between(person, "Potassium", "</tr>")
	link := regexp.MustCompile(`/trace/Observation/[^"]+`).FindString(potassium)
	_, body, _ = get(t, h, link)
	says(t, body, "Merrowby Hospital", "OBX[2]", "<mark>OBX|2|NM|K^Potassium||4.4|mmol/L", "PID|1||H7781")
	_, body, _ = get(t, h, "/trace/AllergyIntolerance/none")
	says(t, body, "This came by no feed", "OKAFOR")
	_, body, _ = get(t, h, "/trace/Patient/"+stafftest.OkaforAt)
	says(t, body, "20261030_0200/SRPatient.csv", "20261030_0200/SRPatientAddressHistory.csv", ">5001<")
	for _, bad := range []string{"/trace/Observation/nothing", "/trace/Nonsense/x", "/trace/Observation/a%20b"} {
		if status, _, _ := get(t, h, bad); status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

// Hazard: an allergy is hidden by a source that knows of none.
func TestListsHideNothing(t *testing.T) {
	h, _ := console(t)
	_, body, _ := get(t, h, "/person/"+stafftest.OkaforAt+"/lists")
	allergies := between(body, `id="allergies"`, "</section>")
	says(t, allergies, "Penicillin allergy", "No known allergy", "says this record, 20-Jan-2024", `Allergies <span class="kith-count">1</span>`)
	if strings.Index(allergies, "Penicillin") > strings.Index(allergies, "No known") {
		t.Error("that there are none stands before an allergy")
	}
	says(t, between(body, `id="problems"`, "</section>"), "Sources disagree", "Mill Lane Surgery (EMIS Web): active since 09-Mar-2015; Harbour Health Centre (SystmOne): resolved on 03-Jun-2022")
}

// Hazard: two people are made one by accident. Nothing is chosen beforehand, and an answer without a choice or a reason is refused.
func TestAQuestionIsAnswered(t *testing.T) {
	h, p := console(t)
	_, queue, _ := get(t, h, "/matches")
	path := regexp.MustCompile(`/matches/[^"]+_[^"]+`).FindString(queue)
	_, body, _ := get(t, h, path)
	if strings.Contains(body, "checked") {
		t.Error("an answer is chosen beforehand")
	}
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(body)[1]
	for _, c := range []struct {
		form url.Values
		say  string
	}{
		{url.Values{"version": {version}}, "Say whether they are one person"},
		{url.Values{"version": {version}, "same": {"maybe"}, "reason": {"x"}}, "Say whether they are one person"},
		{url.Values{"version": {version}, "same": {"yes"}, "reason": {" "}}, "Write in a sentence how you know"},
		{url.Values{"version": {"99"}, "same": {"yes"}, "reason": {"rang them"}}, "Something has changed since you read this"},
	} {
		status, body, _ := post(t, h, path, c.form)
		if status != http.StatusBadRequest || !strings.Contains(body, c.say) || !strings.Contains(body, "<title>Error: ") {
			t.Errorf("%v: %d", c.form, status)
		}
	}
	if joined, _ := p.Door.Person(t.Context(), stafftest.Reed); len(joined) != 1 {
		t.Fatalf("a refused answer joined %v", joined)
	}
	if status, _, next := post(t, h, path, url.Values{"version": {version}, "same": {"yes"}, "reason": {"one <man>, two birth dates"}}); status != http.StatusSeeOther || next != "/matches?did=same" {
		t.Fatalf("%d, %q", status, next)
	}
	if joined, _ := p.Door.Person(t.Context(), stafftest.Reed); len(joined) != 2 {
		t.Errorf("after the answer one person is %v", joined)
	}
	_, body, _ = get(t, h, "/matches?did=same")
	says(t, body, "Your answer was saved", "There are no open questions")
	_, body, _ = get(t, h, path)
	says(t, body, "This is not open", "one &lt;man&gt;, two birth dates")

	// And taken back: from the person's page, with a reason.
	links := "/person/" + stafftest.Reed + "/links"
	_, body, _ = get(t, h, links)
	says(t, body, "one &lt;man&gt;, two birth dates", "Take it out")
	for _, bad := range []url.Values{{"reason": {"x"}}, {"which": {stafftest.Okafor}, "reason": {"x"}}, {"which": {stafftest.Reed}}} {
		if status, body, _ := post(t, h, links, bad); status != http.StatusBadRequest || !strings.Contains(body, "There is a problem") {
			t.Errorf("%v: %d", bad, status)
		}
	}
	if _, _, next := post(t, h, links, url.Values{"which": {stafftest.Reed}, "reason": {"his cousin"}}); next != links+"?did=apart" {
		t.Errorf("taking out leads to %q", next)
	}
	if joined, _ := p.Door.Person(t.Context(), stafftest.Reed); len(joined) != 1 {
		t.Errorf("after it was taken back one person is %v", joined)
	}
	_, body, _ = get(t, h, links+"?did=apart")
	says(t, body, "The record was taken out", "his cousin", "taken back on")
	for _, bad := range []string{"/matches/x", "/matches/a_b", "/matches/b_a"} {
		if status, _, _ := get(t, h, bad); status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, status)
		}
		if status, _, _ := post(t, h, bad, url.Values{"version": {"1"}, "same": {"no"}, "reason": {"x"}}); status != http.StatusNotFound {
			t.Errorf("answering %s: %d", bad, status)
		}
	}
}

// A record without feeds, or without linking, says so.
func TestWithoutFeedsThePagesSaySo(t *testing.T) {
	h := place(t, 0, okafor)
	for _, path := range []string{"/feeds", "/feeds/x", "/feeds/x/release", "/feeds/x/replay", "/feeds/x/items/1", "/matches", "/matches/a_b", "/person/ok/links", "/person/nobody/lists", "/person/a%20b/arrived"} {
		if status, body, _ := get(t, h, path); status != http.StatusNotFound || !strings.Contains(body, "Not found") {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/feeds/x/upload", "/feeds/x/release", "/feeds/x/hold", "/feeds/x/replay", "/matches/a_b", "/person/ok/links"} {
		if status, _, _ := post(t, h, path, nil); status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	_, body, _ := get(t, h, "/person/ok/arrived")
	says(t, body, "written directly", "Nothing is recorded of this person")
	_, body, _ = get(t, h, "/person/ok/lists")
	says(t, body, "No source says anything of allergies: Not Known", "No source names a medicine")
}

// Whoever may see nothing sees nothing of the feeds either.
func TestFeedsAreShownToWhoMaySeeThem(t *testing.T) {
	_, p := console(t)
	closed, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	desk, err := intake.Open(t.Context(), closed)
	if err != nil {
		t.Fatal(err)
	}
	linker, err := match.NewLinker(closed, match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := (&Site{Door: closed, Feeds: &feeds.Service{Desk: desk, Formats: p.Feeds.Formats}, Linker: linker}).Handler()
	for _, path := range []string{"/feeds", "/feeds/x", "/matches"} {
		if status, body, _ := get(t, h, path); status != http.StatusForbidden || !strings.Contains(body, "You do not have access") {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestColumnsAreMarkedWhereTheyStand(t *testing.T) {
	table := &intake.Item{Header: []string{"a", "b", "c"}, Meta: map[string]string{"comma": ","}}
	for _, c := range []struct {
		it                *intake.Item
		row, column, want string
	}{
		{table, `1,2,3`, "b", "2"}, {table, `1,"x, ""y""",3`, "b", `"x, ""y"""`}, {table, `1,2,3`, "C", "3"}, {table, `1,2`, "c", ""}, {table, `1,2,3`, "d", ""}, {table, "", "a", ""},
		{&intake.Item{Header: []string{"a", "b"}, Meta: map[string]string{"comma": "|"}}, "1|2", "b", "2"},
		{&intake.Item{}, "OBX|1|NM|K", "2", "NM"}, {&intake.Item{}, `MSH|^~\&|PAS`, "3", "PAS"}, {&intake.Item{}, "OBX|1", "9", ""}, {&intake.Item{}, "x", "1", ""},
	} {
		if from, to := columnIn(c.row, c.column, c.it); c.row[from:to] != c.want {
			t.Errorf("column %s of %s is %q, want %q", c.column, c.row, c.row[from:to], c.want)
		}
	}
}

func TestFiguresAreWrittenAsPeopleReadThem(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{percent(999, 1000), "99.9 %"}, {percent(99999, 100000), "99.9 %"}, {percent(0, 3), "0.0 %"}, {percent(3, 3), "100 %"}, {odds(5), "About 32 to 1 for"}, {odds(-3), "About 8 to 1 against"},
		{odds(13.87), "About 14,000 to 1 for"}, {odds(40), "Over a million to 1 for"}, {weight(0.4), "Says little"}, {weight(-8), "Speaks very strongly against it"}, {bits(-1.25), "−1.2"}, {bits(0.01), "0.0"},
		{spell(400 * time.Millisecond), "under 1 s"}, {spell(90 * time.Second), "90 s"}, {spell(36 * time.Hour), "36 hours"}, {spell(100 * time.Hour), "4 days"}, {size(999), "999 bytes"}, {size(2_500_000_000), "2,500 MB"},
		{readable([]byte{'A', 0x80, 0xe9, '\r', 0x01}, &intake.Item{Meta: map[string]string{"charset": "windows-1252"}}), "A€é\n·"}, {readable([]byte("MSH\rPID\xff"), &intake.Item{}), "MSH\nPID\uFFFD"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Whatever arrived, its pages are made and hold no markup that came from it.
func FuzzTracePage(f *testing.F) {
	f.Add("OBX|1|NM|<script>", "OBX[1]", "Value")
	f.Add("1,\"2,3", "OBX[99999999999]", "a")
	f.Add("", "[", "")
	f.Fuzz(func(t *testing.T, text, place, column string) {
		feed := &intake.Feed{Name: "x", Title: text}
		it := &intake.Item{Feed: "x", Name: text, Header: []string{"a", column}}
		o := originOf(&intake.Origin{Feed: feed, Item: &intake.Item{Name: text}, Place: place, Text: text})
		b := badOf(intake.Bad{Row: text, Column: column, Reason: place}, it)
		if row := b.Before + b.Marked + b.After; row != cut(text, 2000) {
			t.Fatalf("%q becomes %q", text, row)
		}
		var out strings.Builder
		if err := tracePage.Execute(&out, nil, traceView{What: text, Origins: []originRow{o, {Columns: []pair{{column, text}}}}}); err != nil {
			t.Fatal(err)
		}
		if err := feedPage.Execute(&out, nil, feedView{Faults: []faultRow{{Reason: text, Rows: []badRow{b}}}}); err != nil {
			t.Fatal(err)
		}
		if err := replayPage.Execute(&out, nil, replayView{Tried: true, Changes: []changeRow{{Lines: differences([]byte(text), []byte(column))}}}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "<script") {
			t.Fatal(out.String())
		}
	})
}

// Hazard: a medicine that is issued every month looks as if nobody had prescribed it for years, or stands there twice.
func TestAMedicineStandsOnceWithItsLastIssue(t *testing.T) {
	h, _ := console(t)
	_, body, _ := get(t, h, "/person/"+stafftest.Okafor)
	medicines := between(body, `id="medicines"`, "</section>")
	now, past, _ := strings.Cut(medicines, "<details")
	if n := strings.Count(now, "Amlodipine 5mg tablets"); n != 2 { // one of each practice
		t.Errorf("amlodipine stands there %d times, want once for each of two practices", n)
	}
	says(t, now, "27-Sep-2026")
	if strings.Contains(now, "10 years ago") || strings.Contains(past, "Amlodipine") || strings.Count(past, "Ramipril") != 1 {
		t.Errorf("now: %s\npast: %s", now, past)
	}
}
