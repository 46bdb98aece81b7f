package rest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store/storetest"
)

// ask sends one request; headers are name and value in turn.
func ask(t testing.TB, method, url, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

const jsonType = "application/fhir+json"

func TestGzipAndHead(t *testing.T) {
	base := serve(t, "sqlite::memory:", 0)
	long := `{"resourceType":"Patient","id":"p","name":[{"family":"` + strings.Repeat("Okafor ", 500) + `."}]}`
	if resp, answer := ask(t, "PUT", base+"/Patient/p", long, "Content-Type", jsonType); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", resp.Status, answer)
	}
	_, plain := ask(t, "GET", base+"/Patient/p", "")
	resp, packed := ask(t, "GET", base+"/Patient/p", "", "Accept-Encoding", "gzip")
	if resp.Header.Get("Content-Encoding") != "gzip" || len(packed) >= len(plain) {
		t.Fatalf("%v and %d bytes of %d", resp.Header, len(packed), len(plain))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain) {
		t.Errorf("unpacked %d bytes of %d, %v", len(unpacked), len(plain), err)
	}
	if resp, packed := ask(t, "GET", base+"/Patient/p", "", "Accept-Encoding", "gzip;q=0"); resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("gzip was refused and sent: %d bytes", len(packed))
	}
	resp, body := ask(t, "HEAD", base+"/Patient/p", "")
	if len(body) != 0 || resp.ContentLength != int64(len(plain)) || resp.Header.Get("ETag") != `W/"1"` {
		t.Errorf("HEAD answers %d bytes, %v", len(body), resp.Header)
	}
	if resp, _ := ask(t, "HEAD", base+"/Patient/q", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of nothing answers %s", resp.Status)
	}
	if resp, body := ask(t, "HEAD", base+"/Patient?name=okafor", ""); resp.StatusCode != http.StatusOK || len(body) != 0 {
		t.Errorf("HEAD of a search answers %s with %d bytes", resp.Status, len(body))
	}
	// A request may be packed as well.
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(`{"resourceType":"Patient"}`))
	w.Close()
	if resp, answer := ask(t, "POST", base+"/Patient", b.String(), "Content-Type", jsonType, "Content-Encoding", "gzip"); resp.StatusCode != http.StatusCreated {
		t.Errorf("a packed request answers %s: %s", resp.Status, answer)
	}
	if resp, answer := ask(t, "POST", base+"/Patient", "not gzip", "Content-Type", jsonType, "Content-Encoding", "gzip"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a badly packed request answers %s: %s", resp.Status, answer)
	}
	if resp, answer := ask(t, "POST", base+"/Patient", "x", "Content-Type", jsonType, "Content-Encoding", "br"); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a request packed otherwise answers %s: %s", resp.Status, answer)
	}
}

// Every wrong input is refused with an OperationOutcome that says what is wrong; none is stored.
func TestWrongInput(t *testing.T) {
	base := serve(t, "sqlite::memory:", 1<<20)
	patient := `{"resourceType":"Patient","name":[{"family":"Ok` + "\u00e9" + `"}]}`
	wide := func(order func([]byte, uint16) []byte, mark bool) string {
		var b []byte
		if mark {
			b = order(b, 0xfeff)
		}
		for _, u := range utf16.Encode([]rune(patient)) {
			b = order(b, u)
		}
		return string(b)
	}
	big := func(b []byte, u uint16) []byte { return append(b, byte(u>>8), byte(u)) }
	little := func(b []byte, u uint16) []byte { return append(b, byte(u), byte(u>>8)) }
	deep := func(n int) string {
		return `{"resourceType":"Patient","extension":` + strings.Repeat(`[{"url":"u","extension":`, n) + `[{"url":"u","valueBoolean":true}]` + strings.Repeat(`}]`, n) + `}`
	}
	deepXML := `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat(`<extension url="u">`, 5000) + strings.Repeat(`</extension>`, 5000) + `</Patient>`
	const xmlType = "application/fhir+xml"
	for _, c := range []struct {
		name, media, body string
		status            int
		says              string
	}{
		{"nothing", jsonType, "", 400, "no body"},
		{"white space", jsonType, "  \n ", 400, ""},
		{"truncated", jsonType, patient[:30], 400, "line 1"},
		{"trailing", jsonType, patient + "}", 400, ""},
		{"two resources", jsonType, patient + patient, 400, ""},
		{"too large", jsonType, `{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("x", 1<<20) + `"}]}`, 413, "larger"},
		{"deep", jsonType, deep(70), 400, "128 levels"},
		{"very deep", jsonType, strings.Repeat(`{"a":`, 200_000), 400, "128 levels"},
		{"very deep arrays", jsonType, `{"a":` + strings.Repeat(`[`, 200_000), 400, "128 levels"},
		{"UTF-16 big-endian", jsonType, wide(big, true), 400, ""},
		{"UTF-16 little-endian", jsonType, wide(little, true), 400, ""},
		{"UTF-16 without mark", jsonType, wide(little, false), 400, ""},
		{"Latin-1", jsonType, strings.ReplaceAll(patient, "\u00e9", "\xe9"), 400, "UTF-8"},
		{"overlong", jsonType, strings.ReplaceAll(patient, "\u00e9", "\xc0\xaf"), 400, "UTF-8"},
		{"half a surrogate", jsonType, `{"resourceType":"Patient","name":[{"family":"\ud800"}]}`, 400, ""},
		{"a control character", jsonType, "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\x01\"}]}", 400, ""},
		{"a single quote", jsonType, `{'resourceType':'Patient'}`, 400, ""},
		{"a comment", jsonType, `{"resourceType":"Patient"/* x */}`, 400, ""},
		{"NaN", jsonType, `{"resourceType":"Patient","multipleBirthInteger":NaN}`, 400, ""},
		{"a leading zero", jsonType, `{"resourceType":"Patient","multipleBirthInteger":01}`, 400, ""},
		{"a fraction for an integer", jsonType, `{"resourceType":"Patient","multipleBirthInteger":1.5}`, 422, "multipleBirth.ofType(integer)"},
		{"duplicate members", jsonType, `{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}`, 400, "family"},
		{"duplicate by escape", jsonType, `{"resourceType":"Patient","name":[{"family":"a","\u0066amily":"b"}]}`, 400, "family"},
		{"null", jsonType, `{"resourceType":"Patient","active":null}`, 422, "active"},
		{"an empty array", jsonType, `{"resourceType":"Patient","name":[]}`, 422, "name"},
		{"an empty object", jsonType, `{"resourceType":"Patient","name":[{}]}`, 422, "name"},
		{"an empty text", jsonType, `{"resourceType":"Patient","gender":""}`, 422, "gender"},
		{"an object for a text", jsonType, `{"resourceType":"Patient","gender":{}}`, 422, "gender"},
		{"a bad id", jsonType, `{"resourceType":"Patient","contact":[{"id":"` + strings.Repeat("x ", 9) + `"}],"identifier":[{"system":"a b","value":"1"}]}`, 422, ""},
		{"truncated XML", xmlType, `<Patient xmlns="http://hl7.org/fhir"><active`, 400, ""},
		{"unclosed XML", xmlType, `<Patient xmlns="http://hl7.org/fhir"><active value="true"/>`, 400, ""},
		{"deep XML", xmlType, deepXML, 400, "level"},
		{"UTF-16 XML", xmlType, wide(big, true), 400, ""},
		{"Latin-1 XML", xmlType, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Patient xmlns=\"http://hl7.org/fhir\"><name><family value=\"Ok\xe9\"/></name></Patient>", 400, ""},
		{"XML with twice the same attribute", xmlType, `<Patient xmlns="http://hl7.org/fhir"><active value="true" value="false"/></Patient>`, 400, "value"},
		{"a billion laughs", xmlType, `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Patient xmlns="http://hl7.org/fhir"><name><text value="&b;"/></name></Patient>`, 400, ""},
		{"text in XML", xmlType, `<Patient xmlns="http://hl7.org/fhir">hello</Patient>`, 400, ""},
		{"another namespace", xmlType, `<Patient xmlns="urn:x"/>`, 400, ""},
		{"XML said to be JSON", jsonType, `<Patient xmlns="http://hl7.org/fhir"/>`, 400, ""},
		{"JSON said to be XML", xmlType, patient, 400, ""},
	} {
		resp, answer := ask(t, "POST", base+"/Patient", c.body, "Content-Type", c.media)
		if strings.Contains(c.body, `"Observation"`) {
			resp, answer = ask(t, "POST", base+"/Observation", c.body, "Content-Type", c.media)
		}
		var outcome struct {
			ResourceType string
			Issue        []struct {
				Severity, Code, Diagnostics string
				Expression                  []string
			}
		}
		if err := json.Unmarshal(answer, &outcome); err != nil || outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) == 0 || outcome.Issue[0].Diagnostics == "" {
			t.Errorf("%s: answers %s: %s", c.name, resp.Status, clip(answer))
			continue
		}
		said := outcome.Issue[0].Diagnostics + fmt.Sprint(outcome.Issue[0].Expression)
		if resp.StatusCode != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s: answers %s: %s, want %d and %q", c.name, resp.Status, said, c.status, c.says)
		}
	}
	for _, typ := range []string{"Patient", "Observation"} {
		if _, answer := ask(t, "GET", base+"/"+typ+"?_summary=count", ""); !bytes.Contains(answer, []byte(`"total":0`)) {
			t.Errorf("something wrong was stored: %s", answer)
		}
	}
}

// A body that is announced longer than it is, or than it may be, does not take the memory it announces.
func TestBodyShorterThanAnnounced(t *testing.T) {
	base := serve(t, "sqlite::memory:", 0)
	r, err := http.NewRequest("POST", base+"/Patient", io.LimitReader(strings.NewReader(`{"resourceType":"Patient"}`), 10))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 1 << 40
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answers %s", resp.Status)
		}
	}
}

func TestOneHundredCreatesAtOnceMakeOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		base := serve(t, db, 0)
		var wg sync.WaitGroup
		statuses, ids := make(chan int, 100), make(chan string, 100)
		for range 100 {
			wg.Go(func() {
				resp, answer := ask(t, "POST", base+"/Patient", `{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}`, "Content-Type", jsonType, "If-None-Exist", "identifier=s|1")
				var p struct{ ID string }
				if err := json.Unmarshal(answer, &p); err != nil {
					t.Error(err)
				}
				statuses <- resp.StatusCode
				ids <- p.ID
			})
		}
		wg.Wait()
		close(statuses)
		close(ids)
		count, which := map[int]int{}, map[string]int{}
		for s := range statuses {
			count[s]++
		}
		for id := range ids {
			which[id]++
		}
		if count[201] != 1 || count[200] != 99 || len(which) != 1 {
			t.Errorf("the statuses are %v, the ids %v; want one 201 and ninety-nine 200", count, which)
		}
	})
}

// One of many writers of the same version wins, and the others are told.
func TestOneOfManyUpdatesWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		base := serve(t, db, 0)
		ask(t, "PUT", base+"/Patient/p", `{"resourceType":"Patient","id":"p"}`, "Content-Type", jsonType)
		var wg sync.WaitGroup
		statuses := make(chan int, 20)
		for range 20 {
			wg.Go(func() {
				resp, _ := ask(t, "PUT", base+"/Patient/p", `{"resourceType":"Patient","id":"p","active":true}`, "Content-Type", jsonType, "If-Match", `W/"1"`)
				statuses <- resp.StatusCode
			})
		}
		wg.Wait()
		close(statuses)
		count := map[int]int{}
		for s := range statuses {
			count[s]++
		}
		if count[200] != 1 || count[412] != 19 {
			t.Errorf("the statuses are %v, want one 200 and nineteen 412", count)
		}
	})
}

// statement is what the test reads of the CapabilityStatement.
type statement struct {
	Rest []struct {
		Resource []struct {
			Type          string
			SearchParam   []struct{ Name, Type, Definition string }
			SearchInclude []string
		}
	}
}

// samples are values that a parameter of each type takes.
var samples = map[string]string{"number": "1", "date": "2020-01-01", "string": "x", "token": "x", "reference": "Patient/1", "quantity": "1", "uri": "http://x.test", "special": "1|1"}

// What the CapabilityStatement lists is served: every search parameter and include of every type answers 200.
func TestMetadataIsTrue(t *testing.T) {
	base := serve(t, "sqlite::memory:", 0)
	resp, answer := ask(t, "GET", base+"/metadata", "")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, clip(answer))
	}
	if _, outcome := ask(t, "POST", base+"/CapabilityStatement/$validate", string(answer), "Content-Type", jsonType); bytes.Contains(outcome, []byte(`"error"`)) {
		t.Errorf("the CapabilityStatement is not valid: %s", clip(outcome))
	}
	var s statement
	if err := json.Unmarshal(answer, &s); err != nil {
		t.Fatal(err)
	}
	params, includes := 0, 0
	for _, r := range s.Rest[0].Resource {
		for _, p := range r.SearchParam {
			value := samples[p.Type]
			if p.Type == "composite" {
				value = composite(r.Type, p.Name)
			}
			for _, query := range []string{p.Name + "=" + url.QueryEscape(value), p.Name + ":missing=true"} {
				if resp, answer := ask(t, "GET", base+"/"+r.Type+"?"+query, ""); resp.StatusCode != http.StatusOK {
					t.Errorf("%s?%s: %s: %s", r.Type, query, resp.Status, clip(answer))
				}
			}
			params++
		}
		for _, inc := range r.SearchInclude {
			if resp, answer := ask(t, "GET", base+"/"+r.Type+"?_include="+inc+"&_revinclude="+inc, ""); resp.StatusCode != http.StatusOK {
				t.Errorf("%s?_include=%s: %s: %s", r.Type, inc, resp.Status, clip(answer))
			}
			includes++
		}
	}
	t.Logf("%d resource types, %d search parameters, %d includes", len(s.Rest[0].Resource), params, includes)
	if len(s.Rest[0].Resource) < 140 || params < 2500 {
		t.Error("that is too few to be R4")
	}
}

// composite is a value of a composite parameter, made from the types of its parts.
func composite(typ, name string) string {
	for _, p := range (*search.Catalogue)(nil).All(typeID(typ)) {
		if p.Code != name {
			continue
		}
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, samples[c.Param.Type])
		}
		return strings.Join(parts, "$")
	}
	return ""
}

func typeID(name string) spec.TypeID {
	t, _ := spec.Resource(name)
	return t
}

// A page is gone once what it shows may have been swept, and a page of another record never was here.
func TestGonePages(t *testing.T) {
	now := time.Now()
	door, err := record.Open(t.Context(), record.Options{DB: storetest.SQLite(t), Policy: access.Everyone{}, Base: "http://kith.test/fhir", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	server := httptest.NewServer(&Server{Door: door, Base: "http://kith.test/fhir", Who: func(*http.Request) (access.Actor, error) { return access.Actor{}, nil }})
	t.Cleanup(server.Close)
	store := func(id string) {
		t.Helper()
		if resp, answer := ask(t, "PUT", server.URL+"/Basic/"+id, `{"resourceType":"Basic","id":"`+id+`","code":{"text":"x"}}`, "Content-Type", jsonType); resp.StatusCode >= 300 {
			t.Fatalf("%s: %s", resp.Status, answer)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		store(id)
	}
	var page struct {
		Link []struct{ Relation, URL string }
	}
	_, answer := ask(t, "GET", server.URL+"/Basic?_count=1", "")
	if err := json.Unmarshal(answer, &page); err != nil || len(page.Link) != 2 {
		t.Fatalf("%s: %v", answer, err)
	}
	next := server.URL + strings.TrimPrefix(page.Link[1].URL, "http://kith.test/fhir")
	for _, step := range []struct {
		after  time.Duration
		change string
		want   int
	}{{0, "", 200}, {100 * time.Hour, "", 200}, {0, "b", 200}, {23 * time.Hour, "c", 200}, {2 * time.Hour, "", 410}} {
		now = now.Add(step.after)
		if step.change != "" {
			store(step.change)
		}
		resp, answer := ask(t, "GET", next, "")
		if resp.StatusCode != step.want || step.want == 200 && !bytes.Contains(answer, []byte(`"id":"b"`)) {
			t.Errorf("after %v and a change of %q: %s, want %d: %s", step.after, step.change, resp.Status, step.want, answer)
		}
	}
	if resp, _ := ask(t, "GET", server.URL+"/Basic?_page="+(&search.Page{Seq: 1 << 40, Rid: 1}).String(), ""); resp.StatusCode != http.StatusGone {
		t.Errorf("a page of another record answers %s", resp.Status)
	}
}
