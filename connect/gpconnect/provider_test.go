package gpconnect

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// leaves are all codings, dates and numbers of a resource, without where it came from.
func leaves(t *testing.T, res *fhir.Resource) map[string]int {
	t.Helper()
	out := map[string]int{}
	var walk func(name string, v fhir.Value)
	walk = func(name string, v fhir.Value) {
		switch v.Kind() {
		case fhir.Object:
			if s := v.Get("system").Text(); v.Get("code").Exists() && name == "coding" {
				out[s+"|"+v.Get("code").Text()+"|"+v.Get("display").Text()]++
			}
			for n, kid := range v.Members() {
				if n != "meta" && n != "identifier" && n != "extension" {
					walk(n, kid)
				}
			}
		case fhir.Array:
			for kid := range v.Items() {
				walk(name, kid)
			}
		case fhir.Number:
			out[name+"="+string(v.Raw())]++
		case fhir.String:
			if d, err := fhir.ParseDateTime(v.Text()); err == nil && d.Precision() >= fhir.Day && name != "value" && name != "text" && name != "display" {
				out[v.Text()]++
			}
		}
	}
	walk("", res.Root())
	return out
}

// What we answer about a record of ours, mapped back, is the record: the same entries with the same codes, days and numbers.
func TestRoundTrip(t *testing.T) {
	all := records(t)
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, bad := refused[baseName(name)]; bad {
			continue
		}
		door := record.Test(t)
		d := desk(t, door)
		it, err := d.Receive(t.Context(), "medicus", name, all[name], Read)
		if err != nil {
			t.Fatal(err)
		}
		before, err := Map(all[name], Config{Feed: "medicus", Item: it.Number})
		if err != nil {
			t.Fatal(err)
		}
		patient, err := door.Get(t.Context(), reader, "Patient", before.Patient)
		if err != nil {
			t.Fatal(err)
		}
		res, err := patient.Resource()
		if err != nil {
			t.Fatal(err)
		}
		a := &answer{ctx: t.Context(), door: door, who: reader, now: noon, nhs: before.NHSNumber, patient: res,
			g: &giving{patient: res.ID(), same: map[string]bool{res.ID(): true}, kinds: map[string]string{}, drugs: map[string]bool{}, refs: map[string]bool{}}}
		body, err := a.bundle(nil)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Map(body, Config{Feed: "kith", Item: 1})
		if err != nil {
			t.Errorf("%s: what we answer is refused: %v", name, err)
			continue
		}
		if len(after.Left) > 0 {
			t.Errorf("%s: of what we answer, this is left out: %v", name, after.Left)
		}
		back := map[string]*fhir.Resource{}
		for _, f := range after.Resources {
			back[f.Resource.Type()+"/"+f.Key] = f.Resource
		}
		for _, f := range before.Resources {
			typ := f.Resource.Type()
			if slices.Contains([]string{"List", "Medication", "EpisodeOfCare"}, typ) {
				continue
			}
			got := back[typ+"/"+f.Resource.ID()]
			if got == nil {
				if slices.Contains(staffTypes, typ) {
					continue // nobody names them
				}
				t.Errorf("%s: %s/%s does not come back", name, f.Kind, f.Key)
				continue
			}
			have, want := leaves(t, got), leaves(t, f.Resource)
			for leaf, n := range want {
				if have[leaf] < n {
					t.Errorf("%s: %s/%s comes back without %s: %.3000s", name, f.Kind, f.Key, leaf, got.Bytes())
				}
			}
			compared++
		}
	}
	t.Logf("%d entries compared", compared)
	if compared < 2500 {
		t.Errorf("only %d entries compared", compared)
	}
}

// provider serves a door over HTTP and answers a client of it.
func provider(t *testing.T, p *Provider) (*Client, string) {
	t.Helper()
	if p.Now == nil {
		p.Now = func() time.Time { return noon }
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.Base = server.URL
	return &Client{Base: server.URL, From: "200000000001", To: "200000000002", Requester: asking, Tries: 1, Now: p.Now}, server.URL
}

// A whole town's practice is read from its files, answered by us over HTTP, and read again: the truth still holds.
func TestTheTownAnsweredByUs(t *testing.T) {
	dir := t.TempDir() + "/town"
	if _, err := (town.Town{Seed: 2, People: 120}).Write(t.Context(), dir, town.Writing{Density: town.Tenth, Feeds: []string{"gpconnect-zz005"}}); err != nil {
		t.Fatal(err)
	}
	ours := record.Test(t)
	d := desk(t, ours)
	numbers := townFiles(t, dir, func(number string, data []byte) {
		if _, err := d.Receive(t.Context(), "medicus", number+".json", data, Read); err != nil {
			t.Fatal(err)
		}
	})
	client, _ := provider(t, &Provider{Door: ours})
	theirs := desk(t, record.Test(t))
	for _, n := range numbers {
		body, err := client.Structured(t.Context(), n, Scope{})
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		it, err := theirs.Receive(t.Context(), "medicus", ItemName(n, Scope{}, noon), body, Read)
		if err != nil {
			t.Fatal(err)
		}
		if it.Rows.Quarantined > 0 {
			t.Errorf("%s: %+v", n, it.Rows)
		}
	}
	for _, typ := range []string{"Observation", "Condition", "MedicationRequest", "MedicationStatement", "Immunization", "AllergyIntolerance", "DiagnosticReport", "ServiceRequest", "Encounter", "Patient"} {
		a, _ := ours.Count(t.Context(), typ)
		b, _ := theirs.Door.Count(t.Context(), typ)
		if a != b || a == 0 {
			t.Errorf("%s: we have %d, who asked us has %d", typ, a, b)
		}
	}
}

// Only what was asked for is answered, with a list for each section of it.
func TestOnlyTheScopeAskedFor(t *testing.T) {
	door := record.Test(t)
	d := desk(t, door)
	const number = "9690937286"
	if _, err := d.Receive(t.Context(), "medicus", "x", records(t)["stubs/correctPatientStructuredRecordResponseNormal.json"], Read); err != nil {
		t.Fatal(err)
	}
	client, _ := provider(t, &Provider{Door: door})
	types := func(scope string) map[string]int {
		t.Helper()
		s, err := ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		body, err := client.Structured(t.Context(), number, s)
		if err != nil {
			t.Fatal(err)
		}
		var b struct {
			Entry []struct {
				Resource struct {
					ResourceType, Intent string
					Contained            []any
				}
			}
		}
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, e := range b.Entry {
			out[e.Resource.ResourceType]++
			out["contained"] += len(e.Resource.Contained)
			if e.Resource.Intent != "" {
				out[e.Resource.Intent]++
			}
		}
		return out
	}
	if got := types("allergies"); got["AllergyIntolerance"] == 0 || got["contained"] != 1 || got["List"] != 2 || got["Condition"]+got["Observation"]+got["MedicationRequest"] != 0 {
		t.Errorf("allergies: %v", got)
	}
	if got := types("allergies,no-resolved"); got["contained"] != 0 || got["List"] != 1 {
		t.Errorf("active allergies: %v", got)
	}
	whole, plans := types("medication"), types("medication,no-issues")
	if whole["order"] == 0 || plans["order"] != 0 || plans["plan"] != whole["plan"] || plans["Medication"] == 0 {
		t.Errorf("medication: %v, without issues %v", whole, plans)
	}
	if got := types("medication,from=2026-01-01"); got["plan"] >= whole["plan"] {
		t.Errorf("medication since this year: %v", got)
	}
	if got := types("problems,immunisations"); got["Condition"] == 0 || got["Immunization"] == 0 || got["List"] != 2 || got["AllergyIntolerance"] != 0 {
		t.Errorf("problems and immunisations: %v", got)
	}
}

// What is wrong is refused in GP Connect's own words.
func TestRefusals(t *testing.T) {
	door := record.Test(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	client, base := provider(t, &Provider{Door: door, ASID: "200000000002", Keys: map[string]*rsa.PublicKey{"https://kith.test": &key.PublicKey}})
	whole := Scope{}.parameters("9434765919")
	send := func(c claimsEdit, header map[string]string, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, base+"/Patient/$gpc.getstructuredrecord", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		who, scope, sign, at := asking, "patient/*.read", key, noon
		if c.scope != "" {
			scope = c.scope
		}
		if c.unsigned {
			sign = nil
		}
		if c.old {
			at = noon.Add(-time.Hour)
		}
		if c.noODS {
			who.ODS = ""
		}
		audience := base
		if c.audience != "" {
			audience = c.audience
		}
		token, err := who.token(audience, scope, at, sign)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Ssp-TraceID", "1")
		r.Header.Set("Ssp-From", "1")
		r.Header.Set("Ssp-To", "200000000002")
		r.Header.Set("Ssp-InteractionID", interactionStructured)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		o := OutcomeOf(res.StatusCode, answer)
		return res.StatusCode, o.Code
	}
	for _, c := range []struct {
		name   string
		claims claimsEdit
		header map[string]string
		body   string
		status int
		code   string
	}{
		{"nobody has the number", claimsEdit{}, nil, string(whole), 404, "PATIENT_NOT_FOUND"},
		{"a wrong number", claimsEdit{}, nil, strings.Replace(string(whole), "9434765919", "9434765918", 1), 400, "INVALID_NHS_NUMBER"},
		{"another system of numbers", claimsEdit{}, nil, strings.Replace(string(whole), nhsNumberSystem, "urn:x", 1), 400, "INVALID_IDENTIFIER_SYSTEM"},
		{"no number", claimsEdit{}, nil, `{"resourceType":"Parameters","parameter":[{"name":"includeProblems"}]}`, 422, "INVALID_PARAMETER"},
		{"not Parameters", claimsEdit{}, nil, `{"resourceType":"Patient"}`, 422, "INVALID_RESOURCE"},
		{"no JSON", claimsEdit{}, nil, `{`, 400, "BAD_REQUEST"},
		{"a parameter twice", claimsEdit{}, nil, strings.Replace(string(whole), `{"name":"includeProblems"}`, `{"name":"includeProblems"},{"name":"includeProblems"}`, 1), 422, "INVALID_PARAMETER"},
		{"a month for a day", claimsEdit{}, nil, strings.Replace(string(whole), `{"name":"includePrescriptionIssues"`, `{"name":"medicationSearchFromDate","valueDate":"2026-10"},{"name":"includePrescriptionIssues"`, 1), 422, "INVALID_PARAMETER"},
		{"no trace", claimsEdit{}, map[string]string{"Ssp-TraceID": ""}, string(whole), 400, "BAD_REQUEST"},
		{"another interaction", claimsEdit{}, map[string]string{"Ssp-InteractionID": interactionBook}, string(whole), 400, "BAD_REQUEST"},
		{"another system", claimsEdit{}, map[string]string{"Ssp-To": "3"}, string(whole), 400, "BAD_REQUEST"},
		{"no token", claimsEdit{}, map[string]string{"Authorization": "Basic eA=="}, string(whole), 400, "BAD_REQUEST"},
		{"no signature", claimsEdit{unsigned: true}, nil, string(whole), 403, "ACCESS_DENIED"},
		{"an old token", claimsEdit{old: true}, nil, string(whole), 400, "BAD_REQUEST"},
		{"a token for somebody else", claimsEdit{audience: "https://other.test"}, nil, string(whole), 400, "BAD_REQUEST"},
		{"another scope", claimsEdit{scope: "organization/*.read"}, nil, string(whole), 400, "BAD_REQUEST"},
		{"no organisation", claimsEdit{noODS: true}, nil, string(whole), 400, "BAD_REQUEST"},
	} {
		if status, code := send(c.claims, c.header, c.body); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, not %d %s", c.name, status, code, c.status, c.code)
		}
	}
	_ = client
}

// A token from the beginning of time to its end once lasted less than nothing; one in which two people asked was put down to either.
func TestTokensThatSayTwoThings(t *testing.T) {
	good, err := asking.token("https://us.test", "patient/*.read", noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit func(*claims)
		why  string
	}{
		"as it should be": {func(*claims) {}, ""},
		"for ever":        {func(c *claims) { c.Issued, c.Expires = -1<<62, 1<<62 }, "300 seconds at most"},
		"never":           {func(c *claims) { c.Issued, c.Expires = 1<<62, -1<<62 }, "300 seconds at most"},
		"too long":        {func(c *claims) { c.Expires++ }, "300 seconds at most"},
		"two people":      {func(c *claims) { c.Subject = "another" }, `sub of the JWT is "another"`},
	} {
		parts := strings.Split(good, ".")
		var said claims
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			err = json.Unmarshal(raw, &said)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.edit(&said)
		if raw, err = json.Marshal(said); err != nil {
			t.Fatal(err)
		}
		_, err = readToken(parts[0]+"."+base64.RawURLEncoding.EncodeToString(raw)+".", "https://us.test", noon, nil)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

type claimsEdit struct {
	scope, audience      string
	unsigned, old, noODS bool
}

// A patient who is restricted, inactive or dead is not found.
func TestWhoIsNotFound(t *testing.T) {
	for name, member := range map[string]string{"inactive": `"active":false`, "dead": `"deceasedDateTime":"2026-01-01"`, "restricted": `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`, "there": `"active":true`} {
		door := record.Test(t)
		put(t, door, `{"resourceType":"Patient","id":"p1","identifier":[{"system":"`+nhsNumberSystem+`","value":"9434765919"}],"birthDate":"1950-01-01",`+member+`}`)
		client, _ := provider(t, &Provider{Door: door})
		_, err := client.Structured(t.Context(), "9434765919", Scope{})
		o, refused := errors.AsType[*Outcome](err)
		if name == "there" && err != nil || name != "there" && (!refused || !o.Unknown()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func put(t *testing.T, door *record.Door, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		res, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
}

// Slots are found, booked once though two want them, amended, read and cancelled, and are then free again.
func TestAppointments(t *testing.T) {
	door := record.Test(t)
	put(t, door,
		`{"resourceType":"Patient","id":"p1","identifier":[{"system":"`+nhsNumberSystem+`","value":"9434765919"}],"birthDate":"1950-01-01"}`,
		`{"resourceType":"Practitioner","id":"dr","name":[{"family":"Walsh"}]}`,
		`{"resourceType":"Schedule","id":"s1","actor":[{"reference":"Practitioner/dr"}],"serviceCategory":[{"text":"General practice"}]}`,
		`{"resourceType":"Slot","id":"a","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-26T09:00:00Z","end":"2026-11-26T09:10:00Z"}`,
		`{"resourceType":"Slot","id":"b","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-26T09:10:00Z","end":"2026-11-26T09:20:00Z"}`,
		`{"resourceType":"Slot","id":"past","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-25T09:10:00Z","end":"2026-11-25T09:20:00Z"}`)
	client, _ := provider(t, &Provider{Door: door})
	free := func() []string {
		t.Helper()
		found, err := client.Slots(t.Context(), noon.Add(-6*time.Hour), noon.Add(7*24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		types := map[string]bool{}
		for _, r := range found {
			types[r.Type()] = true
			if r.Type() == "Slot" {
				ids = append(ids, r.ID())
			}
		}
		if len(ids) > 0 && (!types["Schedule"] || !types["Practitioner"]) {
			t.Errorf("slots without whose they are: %v", types)
		}
		return ids
	}
	if got := free(); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("free: %v", got)
	}
	nine := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	want := Booking{Patient: "p1", Slots: []string{"a", "b"}, Start: nine, End: nine.Add(20 * time.Minute), Description: "cough", Comment: "ring the bell"}
	var booked []*fhir.Resource
	var rejected int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			res, err := client.Book(t.Context(), want)
			mu.Lock()
			defer mu.Unlock()
			if o, ok := errors.AsType[*Outcome](err); ok && o.Code == "DUPLICATE_REJECTED" {
				rejected++
			} else if err != nil {
				t.Error(err)
			} else {
				booked = append(booked, res)
			}
		})
	}
	all.Wait()
	if len(booked) != 1 || rejected != 7 {
		t.Fatalf("%d booked the same slot, %d were told", len(booked), rejected)
	}
	if n, _ := door.Count(t.Context(), "Appointment"); n != 1 {
		t.Fatalf("%d appointments", n)
	}
	if got := free(); len(got) != 0 {
		t.Errorf("still free: %v", got)
	}
	found, err := client.Appointments(t.Context(), "p1", noon, noon.Add(48*time.Hour))
	if err != nil || len(found) != 1 || found[0].ID() != booked[0].ID() {
		t.Fatalf("%v %v", found, err)
	}
	edited, err := fhir.Parse(bytes.Replace(found[0].Bytes(), []byte("cough"), []byte("cough and fever"), 1))
	if err != nil {
		t.Fatal(err)
	}
	amended, err := client.Amend(t.Context(), edited)
	if err != nil || !amended.Root().Get("description").Is("cough and fever") || !amended.Root().Get("comment").Is("ring the bell") {
		t.Fatalf("%v", err)
	}
	if _, err := client.Amend(t.Context(), edited); err == nil {
		t.Error("an older version of an appointment is amended")
	}
	moved, _ := fhir.Parse(bytes.Replace(amended.Bytes(), []byte("09:00:00"), []byte("10:00:00"), 1))
	if _, err := client.Amend(t.Context(), moved); err == nil {
		t.Error("an appointment is moved by amending")
	}
	cancelled, err := client.Cancel(t.Context(), amended, "better")
	if err != nil || !cancelled.Root().Get("status").Is("cancelled") || !cancelled.Root().Get("cancelationReason").Get("text").Is("better") {
		t.Fatalf("%v", err)
	}
	if got := free(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("after cancelling, free: %v", got)
	}
	// A gap between slots, a slot that has begun, somebody who is not here.
	for name, b := range map[string]Booking{
		"order": {Patient: "p1", Slots: []string{"b", "a"}, Start: nine.Add(10 * time.Minute), End: nine.Add(10 * time.Minute)},
		"past":  {Patient: "p1", Slots: []string{"past"}, Start: nine.Add(-24*time.Hour + 10*time.Minute), End: nine.Add(-24*time.Hour + 20*time.Minute)},
		"who":   {Patient: "p2", Slots: []string{"a"}, Start: nine, End: nine.Add(10 * time.Minute)},
		"where": {Patient: "p1", Slots: []string{"zz"}, Start: nine, End: nine.Add(10 * time.Minute)},
		"short": {Patient: "p1", Slots: []string{"a"}, Start: nine, End: nine.Add(15 * time.Minute)},
	} {
		if _, err := client.Book(t.Context(), b); err == nil {
			t.Errorf("%s: booked", name)
		} else if o, ok := errors.AsType[*Outcome](err); !ok || o.Code == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, _ := door.Count(t.Context(), "Appointment"); n != 1 {
		t.Errorf("%d appointments", n)
	}
}

// The record decides about the person in the JWT, and an unsigned JWT from another machine is not believed.
func TestTheAskerIsDecidedAbout(t *testing.T) {
	door, err := record.Open(t.Context(), record.Options{DB: "sqlite::memory:", Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	put(t, door, `{"resourceType":"Patient","id":"p1","identifier":[{"system":"`+nhsNumberSystem+`","value":"9434765919"}],"birthDate":"1950-01-01"}`)
	p := &Provider{Door: door}
	client, base := provider(t, p)
	_, err = client.Structured(t.Context(), "9434765919", Scope{})
	if o, ok := errors.AsType[*Outcome](err); !ok || o.Code != "PATIENT_NOT_FOUND" {
		t.Errorf("a person who may not read: %v", err)
	}
	r := httptest.NewRequest(http.MethodPost, "/Patient/$gpc.getstructuredrecord", bytes.NewReader(Scope{}.parameters("9434765919")))
	token, err := asking.token(base, "patient/*.read", noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Authorization": "Bearer " + token, "Ssp-TraceID": "1", "Ssp-From": "1", "Ssp-To": "2", "Ssp-InteractionID": interactionStructured} {
		r.Header.Set(k, v)
	}
	r.RemoteAddr = "192.0.2.7:4000"
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if o := OutcomeOf(w.Code, w.Body.Bytes()); o.Code != "ACCESS_DENIED" || !strings.Contains(o.Text, "mutual TLS") {
		t.Errorf("an unsigned token from elsewhere: %d %s", w.Code, w.Body)
	}
}
