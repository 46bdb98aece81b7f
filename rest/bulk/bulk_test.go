package bulk_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/bulk"
	"github.com/kith-care/kith/store/storetest"
)

var theSystem = access.Actor{ID: "kith/test", Role: access.Kith}

// service is a backend service of practice A.
func service(scopes ...string) access.Actor {
	who := access.Actor{ID: "client/a", Name: "A's warehouse", Role: "system", Organization: "A", Purpose: "TREAT", App: &access.Client{ID: "a"}}
	for _, text := range scopes {
		s, err := access.ParseScope(text)
		if err != nil {
			panic(err)
		}
		who.App.Scopes = append(who.App.Scopes, s)
	}
	return who
}

// place is a server of a small record, where whoever asks is named by the Authorization header.
type place struct {
	t       testing.TB
	door    *record.Door
	url     string
	exports *export.Service
	ahead   atomic.Int64
	handler http.Handler
	mu      sync.Mutex
	who     map[string]access.Actor
}

// open serves a record in which Ada and Cam are registered at practice A, Ben at B.
func open(t testing.TB, db string, policy access.Policy) *place {
	t.Helper()
	p := &place{t: t, who: map[string]access.Actor{
		"service": service("system/*.rs"), "narrow": service("system/Patient.rs", "system/Observation.rs?code=http://loinc.org|1"),
		"elsewhere": {ID: "client/b", Role: "system", Organization: "B", Purpose: "TREAT", App: &access.Client{ID: "b", Scopes: service("system/*.rs").App.Scopes}},
		"planning":  {ID: "client/p", Role: "system", Organization: "ICB", Purpose: "HOPERAT", App: &access.Client{ID: "p", Scopes: service("system/*.rs").App.Scopes}},
		"ada":       {ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"},
		"clinician": {ID: "Practitioner/c", Role: "clinician", Organization: "A", Purpose: "TREAT"},
		"desk":      {ID: "Practitioner/r", Role: "receptionist", Organization: "A", Purpose: "TREAT"},
		"privacy":   {ID: "Practitioner/p", Role: "privacy", Organization: "A", Purpose: "TREAT"},
	}}
	var err error
	if p.door, err = record.Open(context.Background(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: policy, Now: p.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.door.Close() })
	p.serve()
	return p
}

func (p *place) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func (p *place) serve() {
	server := httptest.NewUnstartedServer(nil)
	p.url = "http://" + server.Listener.Addr().String()
	p.exports = &export.Service{Door: p.door, Now: p.now, Poll: 10 * time.Millisecond, AtOnce: 2, Kept: 4, Lines: 2500}
	s := &rest.Server{Door: p.door, Base: p.url, Export: (&bulk.Handler{Exports: p.exports, Base: p.url}).Serve, Who: func(r *http.Request) (access.Actor, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		who, ok := p.who[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !ok {
			return who, fhir.Errorf(fhir.Forbidden, "nobody is signed in")
		}
		return who, nil
	}}
	server.Config.Handler, p.handler = s, s
	server.Start()
	p.t.Cleanup(server.Close)
}

// run has exports prepared until the test ends or stop is called.
func (p *place) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.exports.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	p.t.Cleanup(stop)
	return stop
}

func (p *place) put(text string) {
	p.t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.door.Commit(context.Background(), theSystem, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) fill() {
	for _, org := range []string{"A", "B"} {
		p.put(`{"resourceType":"Organization","id":"` + org + `","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"` + org + `"}]}`)
	}
	for _, one := range [][2]string{{"ada", "A"}, {"cam", "A"}, {"ben", "B"}} {
		p.put(`{"resourceType":"Patient","id":"` + one[0] + `","name":[{"family":"X"}],"birthDate":"1950-01-01","address":[{"city":"Merrowby"}],"managingOrganization":{"reference":"Organization/` + one[1] + `"}}`)
		for i := range 3 {
			p.put(fmt.Sprintf("{\"resourceType\":\"Observation\",\n \"id\":\"%s-%d\",\"status\":\"final\",\r\n\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"%d\"}]},\"subject\":{\"reference\":\"Patient/%s\"}}", one[0], i, i, one[0]))
		}
		p.put(`{"resourceType":"Condition","id":"` + one[0] + `-s","code":{"coding":[{"system":"http://snomed.info/sct","code":"76272004"}]},"subject":{"reference":"Patient/` + one[0] + `"}}`)
	}
}

// ask is one request and its answer.
func (p *place) ask(as, method, path, body string, header ...string) (int, http.Header, string) {
	p.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = p.url + "/" + path
	}
	q, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+as)
	q.Header.Set("Accept-Encoding", "identity")
	if body != "" {
		q.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// manifest is what a client reads of an export.
type manifest struct {
	TransactionTime     string
	Request             string
	RequiresAccessToken bool
	Output, Deleted     []struct {
		Type, URL string
		Count     int
	}
	Error []struct{ URL string }
}

// start begins an export that must be taken, and answers where to ask for it.
func (p *place) start(as, path, body string) string {
	p.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	status, header, text := p.ask(as, method, path, body, "Prefer", "respond-async")
	if status != http.StatusAccepted || header.Get("Content-Location") == "" {
		p.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return header.Get("Content-Location")
}

// wait asks until an export is prepared.
func (p *place) wait(as, at string) manifest {
	p.t.Helper()
	for range 3000 {
		status, header, text := p.ask(as, "GET", at, "")
		switch status {
		case http.StatusAccepted:
			if header.Get("X-Progress") == "" || header.Get("Retry-After") == "" {
				p.t.Fatalf("%v", header)
			}
			time.Sleep(10 * time.Millisecond)
		case http.StatusOK:
			var m manifest
			if err := json.Unmarshal([]byte(text), &m); err != nil || header.Get("Content-Type") != "application/json" || header.Get("Expires") == "" || !m.RequiresAccessToken {
				p.t.Fatalf("%v %s %v", err, text, header)
			}
			return m
		default:
			p.t.Fatalf("%d %s", status, text)
		}
	}
	p.t.Fatal("the export was not prepared within 30 seconds")
	return manifest{}
}

// lines are the resources of a manifest's files, by Type/id.
func (p *place) lines(as string, m manifest) map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for _, f := range m.Output {
		status, header, text := p.ask(as, "GET", f.URL, "", "Accept", "application/fhir+ndjson")
		if status != http.StatusOK || header.Get("Content-Type") != "application/fhir+ndjson" {
			p.t.Fatalf("%s: %d %s", f.URL, status, text)
		}
		n := 0
		for line := range strings.Lines(text) {
			r, err := fhir.Parse([]byte(line))
			if err != nil {
				p.t.Fatalf("%s: %v in %q", f.URL, err, line)
			}
			if r.Type() != f.Type || out[r.Type()+"/"+r.ID()] != "" {
				p.t.Errorf("%s/%s stands in a file of %s, or twice", r.Type(), r.ID(), f.Type)
			}
			out[r.Type()+"/"+r.ID()] = strings.TrimSuffix(line, "\n")
			n++
		}
		if n != f.Count {
			p.t.Errorf("%s has %d lines, the manifest says %d", f.URL, n, f.Count)
		}
	}
	return out
}

func (p *place) export(as, path, body string) map[string]string {
	p.t.Helper()
	return p.lines(as, p.wait(as, p.start(as, path, body)))
}

func names(lines map[string]string) string {
	var out []string
	for name := range lines {
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (p *place) wants(what string, got map[string]string, want string) {
	p.t.Helper()
	if names(got) != want {
		p.t.Errorf("%s:\n got %s\nwant %s", what, names(got), want)
	}
}

// What is exported is what searches find, for everybody who may ask.
func TestAnExportIsWhatSearchesFind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Default())
		p.fill()
		p.put(`{"resourceType":"Patient","id":"fay","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"name":[{"family":"Lane"}],"address":[{"line":["9 Hidden Row"]}],"managingOrganization":{"reference":"Organization/A"}}`)
		p.run()
		for _, as := range []string{"service", "narrow", "elsewhere", "planning", "clinician", "desk", "privacy"} {
			got := p.export(as, "$export", "")
			found := map[string]string{}
			for _, typ := range []string{"Organization", "Patient", "Observation", "Condition", "Consent", "Task"} {
				for s, err := range p.door.All(t.Context(), p.who[as], typ+"?_count=2") {
					if fhir.KindOf(err) == fhir.Forbidden && err != nil {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					found[s.Ref()] = strings.NewReplacer("\n", " ", "\r", " ").Replace(string(s.Body))
				}
			}
			if fay := got["Patient/fay"]; as == "planning" && (fay == "" || strings.Contains(fay, "Hidden Row")) {
				t.Errorf("%s is told where Fay is: %s", as, fay)
			}
			if len(found) == 0 {
				t.Errorf("%s finds nothing: a test of nothing", as)
			}
			p.wants(as, got, names(found))
			for name, line := range found {
				if got[name] != line {
					t.Errorf("%s: %s is exported as\n%s\nand found as\n%s", as, name, got[name], line)
				}
			}
		}
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Default())
		p.exports.Kept = 100
		p.fill()
		p.put(`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/ada"}},{"entity":{"reference":"Patient/ben"}},{"entity":{"reference":"Patient/cam"},"inactive":true}]}`)
		p.put(`{"resourceType":"Appointment","id":"two","status":"booked","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"},{"actor":{"reference":"Patient/cam"},"status":"accepted"}]}`)
		p.run()
		p.wants("patients", p.export("service", "Patient/$export?_type=Patient,Condition", ""), "Patient/ada Patient/cam")
		p.wants("all types of patients", p.export("service", "Patient/$export", ""),
			"Appointment/two Observation/ada-0 Observation/ada-1 Observation/ada-2 Observation/cam-0 Observation/cam-1 Observation/cam-2 Patient/ada Patient/cam")
		p.wants("named", p.export("service", "Patient/$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/cam"}},{"name":"patient","valueReference":{"reference":"Patient/ben"}},{"name":"_type","valueString":"Observation,Appointment"}]}`),
			"Appointment/two Observation/cam-0 Observation/cam-1 Observation/cam-2")
		p.wants("both in one resource", p.export("service", "Patient/$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/cam"}},{"name":"patient","valueReference":{"reference":"Patient/ada"}},{"name":"_type","valueString":"Appointment"}]}`), "Appointment/two")
		p.wants("filtered", p.export("service", "Patient/$export?_type=Observation,Patient&_typeFilter="+url.QueryEscape("Observation?code=http://loinc.org|1,http://loinc.org|9,Observation?_id=ada-0,ada-1"), ""),
			"Observation/ada-0 Observation/ada-1 Observation/cam-1 Patient/ada Patient/cam")
		p.wants("by chain", p.export("service", "$export?_type=Observation&_typeFilter="+url.QueryEscape("Observation?patient.organization=Organization/A&code=2"), ""), "Observation/ada-2 Observation/cam-2")
		p.wants("ada's own", p.export("ada", "Patient/$export?_type=Patient,Condition,Observation", ""), "Condition/ada-s Observation/ada-0 Observation/ada-1 Observation/ada-2 Patient/ada")
		got := p.export("service", "$export?_type=Observation&_elements=code", "")
		if line := got["Observation/ada-0"]; !strings.Contains(line, "SUBSETTED") || strings.Contains(line, "subject") || !strings.Contains(line, "status") {
			t.Error(line)
		}
		// A Group is read by whoever asks for it.
		who := theSystem
		who.Name = "kith"
		p.who["kith"] = who
		p.wants("group", p.export("kith", "Group/g/$export?_type=Patient,Observation,Appointment", ""), "Appointment/two Observation/ada-0 Observation/ada-1 Observation/ada-2 Observation/ben-0 Observation/ben-1 Observation/ben-2 Patient/ada Patient/ben")
		p.wants("of the group", p.export("kith", "Group/g/$export?_type=Patient", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/ben"}},{"name":"patient","valueReference":{"reference":"Patient/cam"}},{"name":"_type","valueString":"Patient"}]}`), "Patient/ben")
		// One person in two records: each brings the other.
		if err := p.door.Link(t.Context(), theSystem, "ada", "cam"); err != nil {
			t.Fatal(err)
		}
		p.wants("linked", p.export("kith", "Patient/$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/cam"}},{"name":"_type","valueString":"Patient"}]}`), "Patient/ada Patient/cam")
	})
}

func TestExportsThatAreRefused(t *testing.T) {
	p := open(t, storetest.SQLite(t), access.Default())
	p.fill()
	p.put(`{"resourceType":"Group","id":"like","type":"person","actual":false,"characteristic":[{"code":{"text":"x"},"valueBoolean":true,"exclude":false}]}`)
	p.who["kith"] = theSystem
	async := []string{"Prefer", "respond-async"}
	for _, c := range []struct {
		as, method, path, body string
		header                 []string
		status                 int
		says                   string
	}{
		{"service", "GET", "$export", "", nil, 400, "respond-async"},
		{"service", "GET", "$export?_outputFormat=text/csv", "", async, 400, "_outputFormat"},
		{"service", "GET", "$export?includeAssociatedData=LatestProvenanceResources", "", async, 400, "includeAssociatedData"},
		{"service", "GET", "$export?colour=red", "", async, 400, "colour"},
		{"service", "GET", "$export?_since=yesterday", "", async, 400, "_since"},
		{"service", "GET", "$export?_type=Patients", "", async, 400, "Patients"},
		{"service", "GET", "$export?_typeFilter=Observation%3Fcolour%3Dred", "", async, 400, "colour"},
		{"service", "GET", "$export?_typeFilter=Observation%3F_include%3DObservation:subject", "", async, 400, "_include"},
		{"service", "GET", "$export?_typeFilter=Observation", "", async, 400, "_typeFilter"},
		{"service", "GET", "$export?_type=Patient&_typeFilter=Observation%3Fcode%3D1", "", async, 400, "_type"},
		{"service", "GET", "Patient/$export?_type=Organization", "", async, 400, "Organization"},
		{"service", "GET", "Patient/$export?patient=Patient/ada", "", async, 400, "POST"},
		{"service", "POST", "$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/ada"}}]}`, async, 400, "patient"},
		{"service", "POST", "Patient/$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Group/ada"}}]}`, async, 400, "patient"},
		{"service", "POST", "Patient/$export", `{"resourceType":"Patient"}`, async, 400, "Parameters"},
		{"service", "POST", "Patient/$export", `_type=Patient`, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, async...), 400, "Parameters"},
		{"service", "GET", "Group/like/$export", "", async, 404, "Group/like"}, // as a read of it says
		{"kith", "GET", "Group/like/$export", "", async, 400, "what its members are like"},
		{"desk", "GET", "$export?_type=Patient,Observation", "", async, 403, "Observation"},
		{"desk", "GET", "$export?_typeFilter=Observation%3Fcode%3D1", "", async, 403, "Observation"},
		{"narrow", "GET", "$export?_type=Condition", "", async, 403, "Condition"},
		{"ada", "GET", "$export", "", async, 400, "Patient/$export"},
		{"nobody", "GET", "$export", "", async, 403, "signed in"},
		{"service", "PUT", "$export", "{}", async, 405, ""},
		{"service", "GET", "$export/nothing", "", nil, 404, "no such export"},
		{"service", "GET", "$export/nothing/0.Patient.ndjson", "", nil, 404, "no such export"},
		{"service", "DELETE", "$export/nothing", "", nil, 404, "no such export"},
	} {
		status, _, text := p.ask(c.as, c.method, c.path, c.body, c.header...)
		if status != c.status || !strings.Contains(text, c.says) || !strings.Contains(text, `"OperationOutcome"`) {
			t.Errorf("%s: %s %s: %d %s, want %d with %q", c.as, c.method, c.path, status, text, c.status, c.says)
		}
	}
	// What is not known is passed over by whoever asks for that.
	if status, _, text := p.ask("service", "GET", "$export?includeAssociatedData=x&_type=Patient", "", "Prefer", "respond-async, handling=lenient"); status != 202 {
		t.Error(status, text)
	}
}

// A file belongs to whoever started it, and is decided about again when it is fetched.
func TestFilesAreDecidedAboutAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Default())
		p.fill()
		p.run()
		at := p.start("planning", "$export?_type=Patient,Observation,Condition", "")
		m := p.wait("planning", at)
		p.wants("at first", p.lines("planning", m), "Observation/ada-0 Observation/ada-1 Observation/ada-2 Observation/ben-0 Observation/ben-1 Observation/ben-2 Observation/cam-0 Observation/cam-1 Observation/cam-2 Patient/ada Patient/ben Patient/cam")
		for _, as := range []string{"service", "elsewhere", "clinician", "ada"} {
			for _, path := range []string{at, m.Output[0].URL} {
				if status, _, text := p.ask(as, "GET", path, ""); status != 404 || strings.Contains(text, "Patient") {
					t.Errorf("%s reads another's export: %d %s", as, status, text)
				}
			}
			if status, _, _ := p.ask(as, "DELETE", at, ""); status != 404 {
				t.Errorf("%s removes another's export: %d", as, status)
			}
		}
		// Ada opts out of uses beyond her care, Ben is erased, Cam's Observation is deleted.
		p.put(`{"resourceType":"Consent","id":"out","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"opt-out"}]}],"patient":{"reference":"Patient/ada"},"provision":{"type":"deny"}}`)
		if err := p.door.Erase(t.Context(), theSystem, "Observation", "ben-0", "asked for"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.door.Commit(t.Context(), theSystem, []record.Op{{Method: record.Delete, Type: "Observation", ID: "cam-0"}}); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, f := range m.Output {
			_, _, text := p.ask("planning", "GET", f.URL, "")
			for line := range strings.Lines(text) {
				r, _ := fhir.Parse([]byte(line))
				got[r.Type()+"/"+r.ID()] = true
			}
		}
		if got["Patient/ada"] || got["Observation/ada-1"] || got["Observation/ben-0"] || !got["Observation/ben-1"] || !got["Observation/cam-0"] || len(got) != 7 {
			t.Errorf("fetched %v", got)
		}
		// With less than at the start, less is fetched; of a type that may not be read at all, nothing.
		less := p.who["planning"]
		less.App = &access.Client{ID: "p", Scopes: service("system/Patient.rs").App.Scopes}
		p.mu.Lock()
		p.who["planning"] = less
		p.mu.Unlock()
		for _, f := range m.Output {
			want := map[bool]int{true: 200, false: 403}[f.Type == "Patient"]
			if status, _, text := p.ask("planning", "GET", f.URL, ""); status != want {
				t.Errorf("%s: %d %s", f.URL, status, text)
			}
		}
		if status, _, _ := p.ask("planning", "DELETE", at, ""); status != 202 {
			t.Error(status)
		}
		for _, path := range []string{at, m.Output[0].URL} {
			if status, _, _ := p.ask("planning", "GET", path, ""); status != 404 {
				t.Errorf("%s after it was removed: %d", path, status)
			}
		}
		eventually(t, func() bool { return p.kept() == 0 })
	})
}

// kept is how many things are kept of exports.
func (p *place) kept() int {
	n := 0
	for _, kind := range []string{"job", "owner", "piece", "people"} {
		items, err := p.door.Box("export").List(context.Background(), kind, "", 1000)
		if err != nil {
			p.t.Fatal(err)
		}
		n += len(items)
	}
	return n
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it did not happen within 20 seconds")
}

// All is as of one moment, and an export since that moment is all that came after.
func TestExportsAreOfOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Default())
		p.fill()
		at := p.start("service", "$export?_type=Patient,Observation", "")
		p.put(`{"resourceType":"Observation","id":"late","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ada"}}`)
		p.put(`{"resourceType":"Observation","id":"ada-0","status":"amended","code":{"text":"x"},"subject":{"reference":"Patient/ada"}}`)
		for _, id := range []string{"ada-1", "ben-1"} {
			if _, err := p.door.Commit(t.Context(), theSystem, []record.Op{{Method: record.Delete, Type: "Observation", ID: id}}); err != nil {
				t.Fatal(err)
			}
		}
		p.run()
		m := p.wait("service", at)
		got := p.lines("service", m)
		p.wants("as of then", got, "Observation/ada-0 Observation/ada-1 Observation/ada-2 Observation/cam-0 Observation/cam-1 Observation/cam-2 Patient/ada Patient/cam")
		if !strings.Contains(got["Observation/ada-0"], `"final"`) || len(m.Deleted) != 0 || m.Request != p.url+"/$export?_type=Patient,Observation" {
			t.Errorf("%s %+v", got["Observation/ada-0"], m)
		}
		next := p.wait("service", p.start("service", "$export?_type=Patient,Observation&_since="+url.QueryEscape(m.TransactionTime), ""))
		p.wants("since then", p.lines("service", next), "Observation/ada-0 Observation/late")
		if len(next.Deleted) != 1 || next.Deleted[0].Type != "Bundle" || next.Deleted[0].Count != 1 {
			t.Fatalf("%+v", next.Deleted)
		}
		_, _, text := p.ask("service", "GET", next.Deleted[0].URL, "")
		if text != `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/ada-1"}}]}`+"\n" {
			t.Errorf("deleted: %s", text)
		}
		last := p.wait("service", p.start("service", "$export?_type=Patient,Observation&_since="+url.QueryEscape(next.TransactionTime), ""))
		if len(last.Output)+len(last.Deleted) != 0 {
			t.Errorf("%+v", last)
		}
	})
}

func TestExportsAtOnceAreLimited(t *testing.T) {
	p := open(t, storetest.SQLite(t), access.Default())
	p.fill()
	one, two := p.start("service", "$export", ""), p.start("service", "$export", "")
	status, header, text := p.ask("service", "GET", "$export", "", "Prefer", "respond-async")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(text, "throttled") {
		t.Errorf("%d %v %s", status, header, text)
	}
	if status, _, text := p.ask("elsewhere", "GET", "$export", "", "Prefer", "respond-async"); status != 202 {
		t.Error("another asker waits for this one", status, text)
	}
	if status, _, _ := p.ask("service", "DELETE", one, ""); status != 202 {
		t.Error(status)
	}
	p.start("service", "$export", "")
	stop := p.run()
	p.wait("service", two)
	eventually(t, func() bool {
		status, _, _ := p.ask("service", "GET", "$export", "", "Prefer", "respond-async")
		return status == 202
	})
	// After a day all is thrown away.
	eventually(t, func() bool {
		s, err := p.exports.Status(t.Context(), p.who["service"], two[strings.LastIndex(two, "/")+1:])
		return err == nil && s.Done
	})
	time.Sleep(300 * time.Millisecond)
	p.ahead.Store(int64(25 * time.Hour))
	if status, _, _ := p.ask("service", "GET", two, ""); status != 404 {
		t.Errorf("after a day: %d", status)
	}
	eventually(t, func() bool { return p.kept() == 0 })
	stop()
}

func TestFilesAreCompressedWhereAsked(t *testing.T) {
	p := open(t, storetest.SQLite(t), access.Default())
	p.fill()
	p.run()
	m := p.wait("service", p.start("service", "$export?_type=Observation", ""))
	_, _, plain := p.ask("service", "GET", m.Output[0].URL, "")
	_, header, packed := p.ask("service", "GET", m.Output[0].URL, "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != plain || header.Get("Content-Encoding") != "gzip" || header.Get("Content-Type") != "application/fhir+ndjson" || len(plain) == 0 {
		t.Errorf("%v %v: %q, want %q", err, header, text, plain)
	}
}

// Whose records an export found, and whose each download showed, stands in the trail: they see it among who looked at theirs.
func TestExportsAreInTheTrail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Default())
		p.fill()
		p.run()
		m := p.wait("service", p.start("service", "Patient/$export?_type=Observation", ""))
		p.lines("service", m)
		for patient, want := range map[string]int{"ada": 2, "cam": 2, "ben": 0} {
			page, err := p.door.Trail(t.Context(), p.who["privacy"], record.TrailQuery{Patient: patient, Actor: "client/a"})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Entries) != want {
				t.Errorf("%s: %d entries, want %d: %+v", patient, len(page.Entries), want, page.Entries)
			}
			for _, e := range page.Entries { // several people stand in each, of whom one is asked about
				if e.What != "export: Observation" || !slices.Equal(e.Patients, []string{patient}) {
					t.Errorf("%s: %+v", patient, e)
				}
			}
		}
	})
}
