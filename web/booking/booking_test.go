package booking

import (
	"flag"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

var update = flag.Bool("update", false, "write the goldens again")

const sessions = `
weeks: 3
services:
  - {id: gp, name: See a GP, for: registered, kind: gp}
  - {id: blood-test, name: Blood test, for: anyone, kind: community, bring: Drink some water before you come.}
places:
  - {id: mill-lane, name: Mill Lane Surgery, ods: ZZ001, street: 2 Mill Lane, town: Merrowby, postcode: ZZ1 1AA, telephone: 01632 960101}
clinics:
  - {id: adebayo, service: gp, place: mill-lane, with: Dr Femi Adebayo, sessions: [{days: [mon, wed], from: "09:00", to: "09:40", minutes: 10, modes: [in-person, telephone]}]}
  - {id: bloods, service: blood-test, place: mill-lane, sessions: [{days: [tue], from: "14:00", to: "14:30", minutes: 15}]}
`

var (
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ada  = access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}
	joy  = access.Actor{ID: "Patient/joy", Name: "Joy Okafor", Role: "patient", Patient: "joy", Level: access.P9}
	desk = access.Actor{ID: "Practitioner/desk", Name: "P. Nwosu", Role: "receptionist", Organization: "ZZ001", Purpose: "TREAT"}
	kith = access.Actor{ID: "kith/test", Role: access.Kith}
)

// place is the pages as whoever who points to sees them.
type place struct {
	http.Handler
	t    *testing.T
	who  access.Actor
	door *record.Door
	now  atomic.Int64
	lang string
}

func open(t *testing.T) *place { return openWith(t, sessions) }

func openWith(t *testing.T, sessions string) *place {
	t.Helper()
	y := &place{t: t, who: ada}
	y.now.Store(noon.UnixNano())
	clock := func() time.Time { return time.Unix(0, y.now.Load()).UTC() }
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	y.door = door
	list, err := booking.ParseSessions([]byte(sessions))
	if err != nil {
		t.Fatal(err)
	}
	service := &booking.Service{Door: door, Sessions: list, Now: clock}
	y.put(`{"resourceType":"Organization","id":"mill","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ001"}],"name":"Mill Lane Surgery"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"given":["Ada"],"family":"Okafor"}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/mill"},"communication":[{"language":{"text":"Polish"},"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired","valueBoolean":true}]}]}`,
		`{"resourceType":"Patient","id":"joy","name":[{"given":["Joy"],"family":"Okafor"}],"birthDate":"1980-03-01"}`,
		`{"resourceType":"ServiceRequest","id":"hip","meta":{"source":"urn:kith:intake:hospital/1"},"status":"active","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"3457005"}]},{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0284","code":"O"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"183542009"}],"text":"Referral to orthopaedic service"},"subject":{"reference":"Patient/ada"},"authoredOn":"2026-09-01","reasonCode":[{"text":"Hip pain"}],"performer":[{"display":"Miss Joan Reid"}]}`,
		`{"resourceType":"Appointment","id":"hospital","meta":{"source":"urn:kith:intake:hospital/2"},"status":"booked","serviceType":[{"text":"Orthopaedics"}],"start":"2026-12-08T10:00:00Z","end":"2026-12-08T10:25:00Z","basedOn":[{"reference":"ServiceRequest/hip"}],"participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"},{"actor":{"display":"Miss Joan Reid"},"status":"accepted"}]}`,
		`{"resourceType":"Appointment","id":"old","status":"fulfilled","description":"Blood test","start":"2026-03-02T10:00:00Z","end":"2026-03-02T10:10:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]}`)
	if _, err := service.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &Site{Booking: service, Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return y.who, nil }, Signed: true, Host: kit.Host{Now: clock}}}
	y.Handler = s.Handler()
	return y
}

func (y *place) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.door.Commit(y.t.Context(), kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

func (y *place) visit(path string, form url.Values, status int) (page string, w *httptest.ResponseRecorder) {
	y.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", y.lang)
	w = httptest.NewRecorder()
	y.ServeHTTP(w, r)
	if w.Code != status {
		y.t.Fatalf("%s answers %d, not %d: %s", path, w.Code, status, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		y.t.Errorf("%s may be kept", path)
	}
	return w.Body.String(), w
}

func (y *place) look(path string) string {
	y.t.Helper()
	page, _ := y.visit(path, nil, http.StatusOK)
	return page
}

// follow sends a form and looks at the page to which it leads.
func (y *place) follow(path string, form url.Values) (at, page string) {
	y.t.Helper()
	_, w := y.visit(path, form, http.StatusSeeOther)
	at = w.Header().Get("Location")
	return at, y.look(at)
}

func (y *place) says(page string, texts ...string) {
	y.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			y.t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

// what differs from run to run.
var (
	ids        = regexp.MustCompile(`\b[a-z2-7]{20}\b`)
	references = regexp.MustCompile(`[2-9CDFGHJKMNPQRTVWXYZ]{4}-[2-9CDFGHJKMNPQRTVWXYZ]{4}`)
	sheets     = regexp.MustCompile(`kith-[0-9a-f]{12}\.css`)
)

func (y *place) golden(name, page string) {
	y.t.Helper()
	page = sheets.ReplaceAllString(references.ReplaceAllString(ids.ReplaceAllString(page, "ID"), "REFE-RENC"), "kith.css")
	file := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			y.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		y.t.Fatal(err)
	}
	if page != string(want) {
		y.t.Errorf("%s is not the golden (go test -update, and read the difference):\n%s", name, page)
	}
}

var (
	slotOnPage = regexp.MustCompile(`name="slot" value="([^"]+)"`)
	keyOnPage  = regexp.MustCompile(`name="key" value="([^"]+)"`)
)

func found(t *testing.T, re *regexp.Regexp, page string) string {
	t.Helper()
	m := re.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not on the page:\n%s", re, page)
	}
	return m[1]
}

// booked books the first time of a service and answers the address and page of the appointment.
func (y *place) booked(base, need string) (at, page string) {
	y.t.Helper()
	page = y.look(base + "/appointments/times?need=" + need)
	slot := found(y.t, slotOnPage, page)
	y.follow(base+"/appointments/times", url.Values{"slot": {slot}, "need": {need}})
	return y.follow(base+"/appointments/check", url.Values{"slot": {slot}, "what": {need}})
}

// Four pages from the list on: what, when, check, done. Then moved, cancelled, and each undone.
func TestBookChangeCancelUndo(t *testing.T) {
	y := open(t)
	page := y.look("/my/appointments")
	y.golden("list", page)
	y.says(page, "Orthopaedics", "/my/appointments/book", "Attended")
	y.golden("need", y.look("/my/appointments/book"))
	page = y.look("/my/appointments/times?need=gp")
	y.golden("times", page)
	slot := found(t, slotOnPage, page)
	at, page := y.follow("/my/appointments/times", url.Values{"slot": {slot}, "need": {"gp"}})
	y.golden("check", page)
	y.says(page, "We keep this time for you until 12:10pm", `value="Polish"`, "Monday 30 November at 9am")
	if !strings.HasPrefix(at, "/my/appointments/check?") {
		t.Errorf("it leads to %s", at)
	}
	at, page = y.follow("/my/appointments/check", url.Values{"slot": {slot}, "what": {"gp"}, "way": {"telephone"}, "reason": {"cough"}, "interpreter": {"Polish"}, "need": {"step-free", "nonsense"}, "telephone": {"07700 900123"}})
	y.golden("booked", page)
	y.says(page, "Booked", "Monday 30 November at 9am", "By telephone", "Interpreter: Polish", "A way in without steps", "You can undo this until 12:10pm")
	at, _, _ = strings.Cut(at, "?")

	_, w := y.visit(at+"/change", nil, http.StatusSeeOther)
	page = y.look(w.Header().Get("Location"))
	y.golden("change", page)
	y.says(page, "You keep your old time until you have booked the new one.")
	other := found(t, slotOnPage, page)
	id := at[strings.LastIndex(at, "/")+1:]
	_, page = y.follow("/my/appointments/times", url.Values{"slot": {other}, "need": {"gp"}, "change": {id}})
	y.golden("check-change", page)
	y.says(page, "Old time", "New time", "cough", `value="Polish"`)
	_, page = y.follow("/my/appointments/check", url.Values{"slot": {other}, "what": {"gp"}, "change": {id}, "key": {found(t, keyOnPage, page)}, "interpreter": {"Polish"}})
	y.says(page, "Your appointment has moved", "Monday 30 November at 9:10am", "Interpreter: Polish")
	_, page = y.follow(at+"/undo", url.Values{})
	y.says(page, "Undone", "Monday 30 November at 9am", "cough")

	page = y.look(at + "/cancel")
	y.golden("cancel", page)
	y.says(page, "Your appointment is cancelled at once.", "You can undo this for 10 minutes.", "Keep it")
	_, page = y.follow(at+"/cancel", url.Values{"key": {found(t, keyOnPage, page)}, "why": {"pat-fb"}})
	y.golden("cancelled", page)
	y.says(page, "Cancelled", "Undo")
	_, page = y.follow(at+"/undo", url.Values{})
	y.says(page, "Undone", "Cancel it")
	y.now.Store(noon.Add(11 * time.Minute).UnixNano())
	page, _ = y.visit(at+"/undo", url.Values{}, http.StatusConflict)
	y.says(page, "This cannot be undone")
	y.golden("print", y.look(at+"/print"))

	cal, w := y.visit(at+"/calendar.ics", nil, http.StatusOK)
	y.says(cal, "DTSTART:20261130T090000Z", "LOCATION:Mill Lane Surgery\\, 2 Mill Lane")
	if strings.Contains(cal, "cough") || strings.Contains(cal, "GP") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/calendar") {
		t.Errorf("a calendar that others see says what for: %s", cal)
	}
}

// A first appointment at the hospital: what cancelling leads to, the wish, and taking it back; another time in one's own words.
func TestAnAppointmentOfTheHospital(t *testing.T) {
	y := open(t)
	page := y.look("/my/appointments/hospital/cancel")
	y.golden("cancel-hospital", page)
	y.says(page, "You stay on the waiting list. Your wait still counts from 1 September 2026.", "This is your first appointment for this referral.", "It stands until they say that it is cancelled.")
	_, page = y.follow("/my/appointments/hospital/cancel", url.Values{"key": {found(t, keyOnPage, page)}})
	y.golden("asked-hospital", page)
	y.says(page, "We have asked for you", "You have asked to cancel this")
	_, page = y.follow("/my/appointments/hospital/undo", url.Values{})
	y.says(page, "Undone", "Change it")
	page = y.look("/my/appointments/hospital/change")
	y.golden("ask-hospital", page)
	key := found(t, keyOnPage, page)
	page, _ = y.visit("/my/appointments/hospital/change", url.Values{"key": {key}}, http.StatusBadRequest)
	y.says(page, "Write which days and times suit you", "There is a problem")
	_, page = y.follow("/my/appointments/hospital/change", url.Values{"key": {key}, "words": {"Mondays"}})
	y.says(page, "You have asked for another time")
	y.now.Store(time.Date(2026, 12, 7, 12, 0, 0, 0, time.UTC).UnixNano()) // the day before
	page, _ = y.visit("/my/appointments/hospital/cancel", url.Values{"key": {key}}, http.StatusConflict)
	y.says(page, "What this leads to has changed", "It is less than 24 hours before your appointment.")
}

// What goes wrong is said where it is, with the next times.
func TestWhatGoesWrongWhenBooking(t *testing.T) {
	y := open(t)
	page, _ := y.visit("/my/appointments/times", nil, http.StatusBadRequest)
	y.golden("need-wrong", page)
	page, _ = y.visit("/my/appointments/times", url.Values{"need": {"gp"}}, http.StatusBadRequest)
	y.says(page, "There is a problem", "Choose a time")
	page = y.look("/my/appointments/times?need=blood-test")
	slot := found(t, slotOnPage, page)
	y.who = joy
	at, _ := y.booked("/my", "blood-test")
	y.who = ada
	page, _ = y.visit("/my/appointments/times", url.Values{"need": {"blood-test"}, "slot": {slot}}, http.StatusConflict)
	y.golden("taken", page)
	y.says(page, "Somebody else has just taken that time. Here are the next times.", "2:15pm")
	page, _ = y.visit("/my/appointments/check", url.Values{"what": {"blood-test"}, "slot": {slot}}, http.StatusConflict)
	y.says(page, "Somebody else has just taken that time.")
	second := found(t, slotOnPage, page)
	page, _ = y.visit("/my/appointments/check", url.Values{"what": {"blood-test"}, "slot": {second}, "reason": {strings.Repeat("a", 501)}, "interpreter": {strings.Repeat("b", 61)}, "telephone": {"ring me"}}, http.StatusBadRequest)
	y.says(page, "Write no more than 500 letters", "Write the name of the language", strings.Repeat("a", 501))
	if len(slotOnPage.FindAllString(y.look("/my/appointments/times?need=gp&access=step-free"), -1)) != 0 {
		t.Error("a place without a way in is offered to somebody who needs one")
	}
	slot = found(t, slotOnPage, y.look("/my/appointments/times?need=gp"))
	y.says(y.look("/my/appointments/check?slot="+slot), "We no longer keep this time for you. It is still free: book it now.") // looking keeps nothing
	y.follow("/my/appointments/times", url.Values{"need": {"gp"}, "slot": {slot}})
	y.now.Store(noon.Add(booking.HoldFor).UnixNano())
	y.says(y.look("/my/appointments/check?slot="+slot), "We no longer keep this time for you.")
	page = y.look("/my/appointments/times?need=gp&part=evening")
	y.golden("none", page)
	y.says(page, "There are no times like this.")
	at, _, _ = strings.Cut(at, "?")
	if page, _ := y.visit(at, nil, http.StatusNotFound); strings.Contains(page, "Blood") { // Joy's
		t.Errorf("Ada reads Joy's: %s", page)
	}
	y.visit("/my/appointments/times?need=gp%7Cx", nil, http.StatusBadRequest)
}

// Staff book for somebody at the desk, and hand them a sheet; somebody who is trusted books too; anybody else does not.
func TestOnBehalfOfSomebody(t *testing.T) {
	y := open(t)
	y.who = desk
	at, page := y.booked("/person/ada", "gp")
	y.golden("booked-desk", page)
	y.says(page, "For Ada Okafor", "Booked", "A sheet to print")
	at, _, _ = strings.Cut(at, "?")
	y.says(y.look(at+"/print"), "Ada Okafor", "Mill Lane Surgery", "Monday 30 November at 9am")
	y.who = joy
	y.visit("/for/ada/appointments", nil, http.StatusNotFound)
	trusting := &trust.Service{Door: y.door, Now: func() time.Time { return noon }}
	if err := trusting.Record(t.Context(), access.Actor{ID: "Practitioner/1", Role: "clinician", Organization: "ZZ001", Purpose: "TREAT"}, "ada", "joy", "Joy Okafor", []string{"book"}, noon.AddDate(0, 1, 0), true); err != nil {
		t.Fatal(err)
	}
	_, page = y.booked("/for/ada", "blood-test")
	y.says(page, "For Ada Okafor", "Booked", "/for/ada/appointments/")
	y.visit("/for/ada/waiting", nil, http.StatusForbidden) // that she may not see
	y.who = access.Actor{ID: "Practitioner/far", Role: "receptionist", Organization: "ZZ9", Purpose: "TREAT"}
	y.visit("/person/ada/appointments/times?need=gp", nil, http.StatusForbidden)
	y.who = ada
	y.says(y.look("/my/appointments"), "Dr Femi Adebayo")
	trail := ""
	list, err := y.door.Trail(t.Context(), kith, record.TrailQuery{Patient: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Entries {
		trail += e.Who + " " + e.What + "\n"
	}
	if !strings.Contains(trail, "Practitioner/desk") || !strings.Contains(trail, "Appointment/"+at[strings.LastIndex(at, "/")+1:]) {
		t.Errorf("the audit does not name who booked for whom:\n%s", trail)
	}
}

// From the first times one comes to later ones, as often as there are any.
func TestLaterTimes(t *testing.T) {
	y := openWith(t, strings.Replace(sessions, `to: "09:40"`, `to: "12:00"`, 1))
	later := regexp.MustCompile(`href="([^"]+)">Later times`)
	at, pages := "/my/appointments/times?need=gp", 0
	for {
		page, _ := y.visit(at, nil, http.StatusOK)
		next := later.FindStringSubmatch(page)
		if next == nil {
			break
		}
		if pages++; html.UnescapeString(next[1]) == at || pages > 50 {
			t.Fatalf("%s leads to %s", at, next[1])
		}
		at = html.UnescapeString(next[1])
	}
	if pages == 0 {
		t.Error("there are no later times")
	}
}

// What one waits for, in words, and the form: on the web, and for staff who have the letter.
func TestWaitingAndTheForm(t *testing.T) {
	y := open(t)
	page := y.look("/my/waiting")
	y.golden("waiting", page)
	y.says(page, "Referral to orthopaedic service", "You have waited 12 weeks, since 1 September 2026.", "We say nothing from fewer than 20.", "Tuesday 8 December at 10am")
	y.golden("still", y.look("/my/waiting/hip"))
	page, _ = y.visit("/my/waiting/hip", url.Values{}, http.StatusBadRequest)
	y.golden("still-wrong", page)
	_, page = y.follow("/my/waiting/hip", url.Values{"answer": {"no"}, "words": {"It is better"}})
	y.says(page, "Your answer was sent", "You are still on the list.", "Somebody will talk to you.")
	y.visit("/my/waiting/nothing", nil, http.StatusNotFound)
	y.who = access.Actor{ID: "Practitioner/1", Role: "clinician", Organization: "ZZ001", Purpose: "TREAT"}
	page = y.look("/person/ada/waiting/hip")
	y.says(page, "How did they answer?", "The same form as a letter")
	y.golden("letter", y.look("/person/ada/waiting/hip/letter"))
	_, page = y.follow("/person/ada/waiting/hip", url.Values{"answer": {"yes"}, "by": {"letter"}})
	y.says(page, "you said that you still need this")
	y.who = desk // who may not read what somebody answered, and takes answers all the same
	y.says(y.look("/person/ada/waiting"), "Referral to orthopaedic service")
	y.follow("/person/ada/waiting/hip", url.Values{"answer": {"talk"}})
}

// In Welsh: no English is left but names and what a place wrote itself.
func TestPagesInWelsh(t *testing.T) {
	y := open(t)
	y.lang = "cy"
	_, page := y.booked("/my", "gp")
	y.golden("booked-cy", page)
	y.golden("times-cy", y.look("/my/appointments/times?need=gp"))
	y.golden("cancel-hospital-cy", y.look("/my/appointments/hospital/cancel"))
	y.golden("waiting-cy", y.look("/my/waiting"))
}
