package subscribe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/subscribe"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/validate"
)

var theSystem = access.Actor{ID: "kith/test", Role: access.Kith}

// place is a server of a small record in which Ada is registered at practice A and Ben at B; whoever asks is named by the Authorization header.
type place struct {
	t       testing.TB
	door    *record.Door
	url     string
	service *notify.Service
	ahead   atomic.Int64
	handler http.Handler
	mu      sync.Mutex
	who     map[string]access.Actor
	ended   map[string]bool // whose access was taken back
}

func scoped(id, org string, scopes ...string) access.Actor {
	who := access.Actor{ID: "client/" + id, Role: "system", Organization: org, Purpose: "TREAT", App: &access.Client{ID: id}}
	for _, text := range scopes {
		s, err := access.ParseScope(text)
		if err != nil {
			panic(err)
		}
		who.App.Scopes = append(who.App.Scopes, s)
	}
	return who
}

func open(t testing.TB, db string) *place {
	t.Helper()
	p := &place{t: t, ended: map[string]bool{}, who: map[string]access.Actor{
		"a": scoped("a", "A", "system/*.cruds"), "b": scoped("b", "B", "system/*.cruds"),
		"reader":    scoped("reader", "A", "system/*.rs"),
		"narrow":    scoped("narrow", "A", "system/Subscription.cruds", "system/Observation.rs?code=http://loinc.org|1"),
		"desk":      {ID: "Practitioner/r", Role: "receptionist", Organization: "A", Purpose: "TREAT"},
		"clinician": {ID: "Practitioner/c", Role: "clinician", Organization: "A", Purpose: "TREAT"},
		"privacy":   {ID: "Practitioner/p", Role: "privacy", Organization: "A", Purpose: "TREAT"},
		"ada":       {ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"},
	}}
	var err error
	if p.door, err = record.Open(context.Background(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: p.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.door.Close() })
	secrets, err := secret.Open(filepath.Join(t.TempDir(), "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	networks, err := notify.ParseNetworks("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	p.url = "http://" + server.Listener.Addr().String()
	p.service = &notify.Service{Door: p.door, Base: p.url, Now: p.now, Still: p.still, Secrets: secrets, Allowed: networks, Poll: 10 * time.Millisecond, Tries: 3, Wait: time.Second, Kept: 5}
	p.handler = &rest.Server{Door: p.door, Base: p.url, Subscriptions: (&subscribe.Handler{Subscriptions: p.service, Base: p.url}).Serve, Who: func(r *http.Request) (access.Actor, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		who, ok := p.who[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !ok {
			return who, fhir.Errorf(fhir.Forbidden, "nobody is signed in")
		}
		return who, nil
	}}
	server.Config.Handler = p.handler
	server.Start()
	t.Cleanup(server.Close)
	for _, one := range [][2]string{{"ada", "A"}, {"ben", "B"}} {
		p.put(`{"resourceType":"Organization","id":"` + one[1] + `","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"` + one[1] + `"}]}`)
		p.put(`{"resourceType":"Patient","id":"` + one[0] + `","birthDate":"1950-01-01","address":[{"city":"Merrowby"}],"managingOrganization":{"reference":"Organization/` + one[1] + `"}}`)
	}
	return p
}

func (p *place) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func (p *place) still(_ context.Context, who access.Actor) (access.Actor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended[who.ID] {
		return who, fhir.Errorf(fhir.Gone, "it was taken back")
	}
	return who, nil
}

func (p *place) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.service.Run(ctx)
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

// observe writes an Observation about somebody.
func (p *place) observe(id, patient, code, more string) {
	p.t.Helper()
	p.put(`{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"subject":{"reference":"Patient/` + patient + `"}` + more + `}`)
}

func (p *place) ask(as, method, path, body string, header ...string) (int, http.Header, string) {
	p.t.Helper()
	q, err := http.NewRequest(method, p.url+"/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+as)
	q.Header.Set("Content-Type", "application/fhir+json")
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

// hook is an endpoint that remembers what came, and answers with a status.
type hook struct {
	mu     sync.Mutex
	got    []string // METHOD PATH
	bodies []string
	header []http.Header
	status int
	wait   time.Duration
	url    string
}

func newHook(t testing.TB) *hook {
	h := &hook{status: 200}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		wait, status := h.wait, h.status
		h.got = append(h.got, r.Method+" "+r.URL.String())
		h.bodies = append(h.bodies, string(body))
		h.header = append(h.header, r.Header)
		h.mu.Unlock()
		time.Sleep(wait)
		if status >= 300 && status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hook) set(status int, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.wait = status, wait
}

func (h *hook) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
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

// wants waits until an endpoint has got these requests, and then a little for others.
func (h *hook) wants(t testing.TB, want ...string) {
	t.Helper()
	for range 500 {
		if len(h.requests()) >= len(want) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if got := h.requests(); !slices.Equal(got, want) {
		t.Errorf("the endpoint got %q, want %q", got, want)
	}
}

// text is a Subscription as somebody sends it.
func text(criteria, endpoint, payload string, more ...string) string {
	if payload != "" {
		payload = "," + payload
	}
	return `{"resourceType":"Subscription","status":"requested","reason":"to know","criteria":"` + criteria + `"` + strings.Join(more, "") + `,"channel":{"type":"rest-hook","endpoint":"` + endpoint + `"` + payload + `,"header":["Authorization: Bearer secret-of-hook"]}}`
}

const (
	withResource = `"payload":"application/fhir+json"`
	idOnly       = `"payload":"application/fhir+json","_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"id-only"}]}`
)

// subscribe makes a Subscription and answers its id.
func (p *place) subscribe(as, body string) string {
	p.t.Helper()
	status, header, answer := p.ask(as, "POST", "Subscription", body)
	if status != http.StatusCreated {
		p.t.Fatalf("%d %s", status, answer)
	}
	return header.Get("Location")[strings.LastIndex(header.Get("Location"), "/")+1:]
}

// status is the status of a Subscription and its error.
func (p *place) status(as, id string) (status, why string) {
	p.t.Helper()
	_, _, body := p.ask(as, "GET", "Subscription/"+id, "")
	var s struct{ Status, Error string }
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		p.t.Fatal(err, body)
	}
	return s.Status, s.Error
}

func (p *place) becomes(as, id, want string) {
	p.t.Helper()
	got := ""
	for range 500 {
		if got, _ = p.status(as, id); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("Subscription/%s is %s, not %s", id, got, want)
}

// What is new is told to whoever may see it, in order, each once; what they may not see, and what does not match or no longer does, is not.
func TestSubscribersAreToldWhatTheyMaySee(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.observe("before", "ada", "1", "")
		p.run()
		plain, whole, narrow, elsewhere, own := newHook(t), newHook(t), newHook(t), newHook(t), newHook(t)
		id := p.subscribe("a", text("Observation?code=http://loinc.org|1", plain.url+"/hook", ""))
		ids := map[string]string{"a": p.subscribe("a", text("Observation?code=http://loinc.org|1,http://loinc.org|2", whole.url+"/on", withResource)), "narrow": p.subscribe("narrow", text("Observation", narrow.url, withResource)),
			"b": p.subscribe("b", text("Observation?code=http://loinc.org|1", elsewhere.url, "")), "ada": p.subscribe("ada", text("Observation", own.url, withResource))}
		p.becomes("a", id, "active")
		for as, id := range ids {
			p.becomes(as, id, "active")
		}
		for i := range 3 {
			p.observe(fmt.Sprintf("ben-%d", i), "ben", "1", "")
			p.observe(fmt.Sprintf("ada-%d", i), "ada", fmt.Sprint(i), "")
			time.Sleep(100 * time.Millisecond)
		}
		plain.wants(t, "POST /hook")
		whole.wants(t, "PUT /on/Observation/ada-1", "PUT /on/Observation/ada-2")
		narrow.wants(t, "PUT /Observation/ada-1")
		elsewhere.wants(t, "POST /", "POST /", "POST /")
		own.wants(t, "PUT /Observation/ada-0", "PUT /Observation/ada-1", "PUT /Observation/ada-2")
		if plain.bodies[0] != "" || plain.header[0].Get("Authorization") != "Bearer secret-of-hook" || !strings.Contains(whole.bodies[0], `"id":"ada-1"`) || whole.header[0].Get("Content-Type") != "application/fhir+json" {
			t.Errorf("%q %v %q", plain.bodies, plain.header, whole.bodies)
		}
		// It stops matching; it is marked as not for that organisation's eyes; it is deleted: nothing is sent.
		p.observe("ada-1", "ada", "9", "")
		p.observe("ada-2", "ada", "2", `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}`)
		if _, err := p.door.Commit(t.Context(), theSystem, []record.Op{{Method: record.Delete, Type: "Observation", ID: "ada-0"}}); err != nil {
			t.Fatal(err)
		}
		p.observe("ada-3", "ada", "1", "")
		whole.wants(t, "PUT /on/Observation/ada-1", "PUT /on/Observation/ada-2", "PUT /on/Observation/ada-3")
		plain.wants(t, "POST /hook", "POST /hook")
		// Ada does not want her record shared any more.
		p.put(`{"resourceType":"Consent","id":"no","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"sharing"}]}],"patient":{"reference":"Patient/ada"},"provision":{"type":"deny","actor":[{"role":{"text":"x"},"reference":{"reference":"Organization/A"}}]}}`)
		p.observe("ada-4", "ada", "1", "")
		p.observe("ada-5", "ada", "2", "")
		eventually(t, func() bool { return slices.Contains(own.requests(), "PUT /Observation/ada-5") })
		whole.wants(t, "PUT /on/Observation/ada-1", "PUT /on/Observation/ada-2", "PUT /on/Observation/ada-3")
		plain.wants(t, "POST /hook", "POST /hook")
		// What was told is in the trail.
		page, err := p.door.Trail(t.Context(), p.who["privacy"], record.TrailQuery{Patient: "ada", Actor: "client/a"})
		if err != nil || len(page.Entries) != 5 {
			t.Errorf("%v: %d entries in the trail, want 5: %+v", err, len(page.Entries), page)
		}
	})
}

// As Bundles of the R5 backport, with a handshake first; each event has a number, which says if one is missing.
func TestNotificationsAsBundles(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.run()
	ids, full := newHook(t), newHook(t)
	id := p.subscribe("a", text("Observation?code=1", ids.url, idOnly))
	p.becomes("a", id, "active")
	p.becomes("a", p.subscribe("a", text("Observation?code=1", full.url, strings.Replace(idOnly, "id-only", "full-resource", 1))), "active")
	p.observe("one", "ada", "1", "")
	p.observe("two", "ada", "1", "")
	ids.wants(t, "POST /", "POST /", "POST /")
	full.wants(t, "POST /", "POST /", "POST /")
	for i, want := range []string{`"type","valueCode":"handshake"`, `"event-number","valueString":"1"`, `"event-number","valueString":"2"`} {
		for _, h := range []*hook{ids, full} {
			res, err := fhir.Parse([]byte(h.bodies[i]))
			if err != nil || res.Type() != "Bundle" || !strings.Contains(h.bodies[i], want) || !strings.Contains(h.bodies[i], p.url+"/Subscription/") {
				t.Errorf("%v: %s", err, h.bodies[i])
			}
			if issues := validate.Structure(res); !validate.Valid(issues) {
				t.Errorf("%+v: %s", issues, h.bodies[i])
			}
		}
	}
	if !strings.Contains(ids.bodies[1], "/Observation/one") || strings.Contains(ids.bodies[1], `"subject"`) || !strings.Contains(full.bodies[1], `"subject"`) {
		t.Errorf("%s\n%s", ids.bodies[1], full.bodies[1])
	}
	if status, _, answer := p.ask("a", "GET", "Subscription/"+id+"/$status", ""); status != 200 || !strings.Contains(answer, `"events-since-subscription-start","valueString":"2"`) || !strings.Contains(answer, `"query-status"`) {
		t.Error(status, answer)
	}
	if status, _, answer := p.ask("b", "GET", "Subscription/"+id+"/$status", ""); status != 404 {
		t.Error(status, answer)
	}
	// An endpoint that does not take the handshake is not told anything.
	deaf := newHook(t)
	deaf.set(500, 0)
	id = p.subscribe("a", text("Observation?code=1", deaf.url, idOnly))
	for range 3 {
		time.Sleep(200 * time.Millisecond)
		p.ahead.Add(int64(time.Minute))
	}
	p.becomes("a", id, "error")
	if _, why := p.status("a", id); !strings.Contains(why, "500") {
		t.Error(why)
	}
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	at := "https://hook.example/x"
	for _, c := range []struct {
		as, body string
		status   int
		says     string
	}{
		{"a", text("Observation?colour=red", at, ""), 400, "colour"},
		{"a", text("Observation?_sort=date", at, ""), 400, "_sort"},
		{"a", text("Observations?code=1", at, ""), 400, "criteria"},
		{"a", strings.Replace(text("Observation", at, ""), "rest-hook", "websocket", 1), 400, "websocket"},
		{"a", strings.Replace(text("Observation", at, ""), "rest-hook", "email", 1), 400, "email"},
		{"a", text("Observation", at, `"payload":"application/fhir+xml"`), 400, "xml"},
		{"a", text("Observation", at, strings.Replace(idOnly, "id-only", "some", 1)), 400, "some"},
		{"a", `{"resourceType":"Subscription","status":"requested"}`, 422, "reason"},
		{"a", `{"resourceType":"Patient"}`, 400, "Patient"},
		{"a", strings.Replace(text("Observation", at, ""), "Authorization: Bearer secret-of-hook", "Host: elsewhere", 1), 400, "header"},
		{"a", strings.Replace(text("Observation", at, ""), "Authorization: Bearer secret-of-hook", `X: a\r\nY: b`, 1), 400, "header"},
		{"reader", text("Observation", at, ""), 403, "app was not allowed"},
		{"narrow", text("Condition", at, ""), 403, "Condition"},
		{"desk", text("Patient", at, ""), 403, "role"},
		{"ada", text("Observation?patient=Patient/ben", "http://hook.example/x", ""), 400, "https"},
		{"nobody", text("Observation", at, ""), 403, "signed in"},
	} {
		if status, _, answer := p.ask(c.as, "POST", "Subscription", c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %s, want %d with %q", c.as, c.body, status, answer, c.status, c.says)
		}
	}
	for _, bundle := range []string{"transaction", "batch"} {
		_, _, answer := p.ask("a", "POST", "", `{"resourceType":"Bundle","type":"`+bundle+`","entry":[{"resource":`+text("Observation", at, "")+`,"request":{"method":"POST","url":"Subscription"}}]}`)
		if !strings.Contains(answer, "not within a Bundle") {
			t.Errorf("%s: %s", bundle, answer)
		}
	}
	for range 5 {
		p.subscribe("a", text("Observation", at, ""))
	}
	if status, _, _ := p.ask("a", "POST", "Subscription", text("Observation", at, "")); status != 429 {
		t.Error(status)
	}
}

// Requests go to no address inside a network, whatever it is called, and no further than the endpoint says.
func TestEndpointsInsideAreRefused(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.service.Kept = 100
	for _, at := range []string{"http://hook.example/", "ftp://hook.example/", "https://10.0.0.1/", "https://192.168.1.1/x", "https://172.16.0.9/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/", "https://[fe80::1%25eth0]/", "https://[::ffff:10.0.0.1]/",
		"https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://0.0.0.0/", "https://100.64.0.1/", "http://[::1]/", "https://[::1]/", "https://224.0.0.1/", "https://255.255.255.255/", "https://user:pass@hook.example/", "https://hook.example/#x", "hook.example", "https:///x", "http://10.0.0.1/", "file:///etc/passwd"} {
		if status, _, answer := p.ask("a", "POST", "Subscription", text("Observation", at, "")); status != 400 {
			t.Errorf("%s: %d %s", at, status, answer)
		}
	}
	// A name that leads inside is found out when it is looked up; --notify-networks of this test allows 127.0.0.0/8, so it is taken away.
	p.service.Allowed = nil
	p.run()
	id := p.subscribe("a", text("Observation", "https://localhost:9/", ""))
	p.becomes("a", id, "error")
	if _, why := p.status("a", id); !strings.Contains(why, "inside a network") {
		t.Error(why)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.run()
	h := newHook(t)
	id := p.subscribe("a", text("Observation", h.url+"/x", ""))
	p.becomes("a", id, "active")
	h.set(307, 0)
	p.observe("one", "ada", "1", "")
	eventually(t, func() bool { return len(h.requests()) > 0 })
	time.Sleep(100 * time.Millisecond)
	if got := h.requests(); slices.Contains(got, "POST /elsewhere") {
		t.Error(got)
	}
	if _, why := p.status("a", id); !strings.Contains(why, "307") {
		t.Error(why)
	}
}

// Headers are secrets: they are not shown again, stand nowhere as they are, and go nowhere else than where they were given for.
func TestHeadersAreSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.run()
		h, other := newHook(t), newHook(t)
		body := text("Observation", h.url+"/x", "")
		status, _, answer := p.ask("a", "POST", "Subscription", body)
		if status != 201 || strings.Contains(answer, "secret-of-hook") || strings.Contains(answer, `"header"`) {
			t.Fatal(status, answer)
		}
		var kept struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &kept); err != nil {
			t.Fatal(err)
		}
		p.becomes("a", kept.ID, "active")
		_, header, read := p.ask("a", "GET", "Subscription/"+kept.ID, "")
		_, _, listed := p.ask("a", "GET", "Subscription?status=active", "")
		if strings.Contains(read+listed, "secret-of-hook") || !strings.Contains(listed, `"total":1`) || header.Get("ETag") != `W/"2"` {
			t.Error(read, listed, header)
		}
		items, err := p.door.Box("notify").List(t.Context(), "sub", "", 10)
		if err != nil || len(items) != 1 || strings.Contains(string(items[0].Value), "secret-of-hook") {
			t.Errorf("%v %s", err, items)
		}
		// Others do not see it.
		for _, as := range []string{"b", "reader", "clinician", "privacy"} {
			if status, _, answer := p.ask(as, "GET", "Subscription/"+kept.ID, ""); status != 404 {
				t.Errorf("%s: %d %s", as, status, answer)
			}
			if status, _, _ := p.ask(as, "DELETE", "Subscription/"+kept.ID, ""); status != 404 {
				t.Errorf("%s deletes it: %d", as, status)
			}
			if _, _, answer := p.ask(as, "GET", "?_type=Subscription", ""); strings.Contains(answer, kept.ID) {
				t.Errorf("%s: %s", as, answer)
			}
		}
		// It is read, changed and sent back: the headers stay. With another endpoint they do not.
		if status, _, answer := p.ask("a", "PUT", "Subscription/"+kept.ID, read, "If-Match", `W/"1"`); status != 412 {
			t.Error(status, answer)
		}
		if status, _, answer := p.ask("a", "PUT", "Subscription/"+kept.ID, read, "If-Match", `W/"2"`); status != 200 {
			t.Fatal(status, answer)
		}
		p.becomes("a", kept.ID, "active")
		p.observe("one", "ada", "1", "")
		h.wants(t, "POST /x")
		if h.header[0].Get("Authorization") != "Bearer secret-of-hook" {
			t.Error(h.header[0])
		}
		if status, _, answer := p.ask("a", "PUT", "Subscription/"+kept.ID, strings.ReplaceAll(read, h.url, other.url)); status != 200 {
			t.Fatal(status, answer)
		}
		p.becomes("a", kept.ID, "active")
		p.observe("two", "ada", "1", "")
		other.wants(t, "POST /x")
		if other.header[0].Get("Authorization") != "" {
			t.Error("the secret went elsewhere:", other.header[0])
		}
		if status, _, _ := p.ask("a", "DELETE", "Subscription/"+kept.ID, ""); status != 204 {
			t.Error(status)
		}
		if status, _, _ := p.ask("a", "GET", "Subscription/"+kept.ID, ""); status != 404 {
			t.Error(status)
		}
		p.observe("three", "ada", "1", "")
		other.wants(t, "POST /x")
	})
}

// A Subscription ends with what it rests on, and at its own end.
func TestSubscriptionsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.run()
		h, brief := newHook(t), newHook(t)
		id := p.subscribe("a", text("Observation", h.url+"/x", ""))
		until := p.subscribe("a", text("Observation", brief.url+"/x", "", `,"end":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"`))
		p.becomes("a", id, "active")
		p.becomes("a", until, "active")
		p.observe("one", "ada", "1", "")
		brief.wants(t, "POST /x")
		p.ahead.Add(int64(2 * time.Hour))
		if status, _ := p.status("a", until); status != "off" {
			t.Error(status)
		}
		p.observe("two", "ada", "1", "")
		h.wants(t, "POST /x", "POST /x")
		brief.wants(t, "POST /x")
		p.mu.Lock()
		p.ended["client/a"] = true
		p.mu.Unlock()
		p.observe("three", "ada", "1", "")
		p.becomes("a", id, "off")
		h.wants(t, "POST /x", "POST /x")
		if _, why := p.status("a", id); !strings.Contains(why, "taken back") {
			t.Error(why)
		}
		// Nobody may be left who could delete it: after a month it is gone.
		time.Sleep(300 * time.Millisecond)
		p.ahead.Add(int64(31 * 24 * time.Hour))
		eventually(t, func() bool {
			status, _, _ := p.ask("a", "GET", "Subscription/"+id, "")
			return status == 404
		})
	})
}

// A dead endpoint is tried again, later each time, and then given up; it holds up nobody. What it missed is told once it is back, in order.
func TestADeadEndpointHoldsUpNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.service.Kept = 100
		p.run()
		dead, slow, well := newHook(t), newHook(t), newHook(t)
		var ids []string
		for i := range 10 {
			ids = append(ids, p.subscribe("a", text("Observation", fmt.Sprintf("%s/%d", dead.url, i), withResource)))
		}
		lame := p.subscribe("a", text("Observation", slow.url, withResource))
		good := p.subscribe("a", text("Observation", well.url, withResource))
		for _, id := range append(slices.Clone(ids), lame, good) {
			p.becomes("a", id, "active")
		}
		dead.set(503, 0)
		slow.set(200, 5*time.Second)
		p.observe("one", "ada", "1", "")
		p.observe("two", "ada", "1", "")
		began := time.Now()
		eventually(t, func() bool { return len(well.requests()) == 2 })
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a good endpoint waited %s for dead ones", took)
		}
		if behind, err := p.door.Behind(t.Context(), "wake/notify"); err != nil || behind > 0 {
			t.Errorf("the feed is held up: %d %v", behind, err)
		}
		tries := func() int { return len(dead.requests()) }
		eventually(t, func() bool { return tries() == 10 })
		eventually(t, func() bool {
			status, why := p.status("a", ids[0])
			return status == "active" && strings.Contains(why, "503")
		})
		time.Sleep(200 * time.Millisecond)
		p.ahead.Add(int64(15 * time.Second)) // the second try
		eventually(t, func() bool { return tries() == 20 })
		time.Sleep(200 * time.Millisecond)
		p.ahead.Add(int64(15 * time.Second)) // not yet: it doubles
		time.Sleep(300 * time.Millisecond)
		if n := tries(); n != 20 {
			t.Errorf("%d tries", n)
		}
		p.ahead.Add(int64(15 * time.Second))
		eventually(t, func() bool { return tries() == 30 })
		p.becomes("a", ids[0], "error")
		if _, why := p.status("a", ids[0]); !strings.Contains(why, "503") {
			t.Error(why)
		}
		p.observe("three", "ada", "1", "")
		dead.set(200, 0)
		_, _, body := p.ask("a", "GET", "Subscription/"+ids[0], "")
		if status, _, answer := p.ask("a", "PUT", "Subscription/"+ids[0], strings.Replace(body, `"status":"error"`, `"status":"requested"`, 1)); status != 200 {
			t.Fatal(answer)
		}
		eventually(t, func() bool { return tries() >= 33 })
		if got := dead.requests()[30:]; !slices.Equal(got, []string{"PUT /0/Observation/one", "PUT /0/Observation/two", "PUT /0/Observation/three"}) {
			t.Error(got)
		}
		if status, why := p.status("a", ids[0]); status != "active" || why != "" {
			t.Error(status, why)
		}
		eventually(t, func() bool { return len(well.requests()) == 3 })
	})
}

// A restart repeats nothing that was taken, and loses nothing.
func TestARestartRepeatsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		h := newHook(t)
		h.set(200, 20*time.Millisecond)
		stop := p.run()
		id := p.subscribe("a", text("Observation", h.url, withResource))
		p.becomes("a", id, "active")
		var want []string
		for i := range 40 {
			p.observe(fmt.Sprintf("o%d", i), "ada", "1", "")
			want = append(want, fmt.Sprintf("PUT /Observation/o%d", i))
			if i%10 == 9 {
				eventually(t, func() bool { return len(h.requests()) > i-5 })
				stop()
				stop = p.run()
			}
		}
		h.wants(t, want...)
	})
}
