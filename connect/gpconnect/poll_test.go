package gpconnect

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
)

// trueFact is a line of the town's truth.
type trueFact struct{ Feed, Patient, Kind, Key, System, Code, Value, Date string }

func truths(t *testing.T, dir string) []trueFact {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "truth", "facts.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []trueFact
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var x trueFact
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		if x.Feed == "gpconnect-zz005" {
			out = append(out, x)
		}
	}
	return out
}

// The practice of a small town is asked, and everything true of its patients is in the record once, with its code, day and value. A
// second round writes nothing.
func TestPollingATown(t *testing.T) {
	merrowby := town.Town{Seed: 1, People: 300}
	dir := t.TempDir()
	if _, err := merrowby.Write(t.Context(), filepath.Join(dir, "town"), town.Writing{Density: town.Tenth, Feeds: []string{"gpconnect-zz005"}}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "town", "gpconnect-zz005", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d records: %v", len(files), err)
	}
	var asked atomic.Int64
	var refuseAll atomic.Bool
	practice := &town.GPConnect{Town: merrowby}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if refuseAll.Load() {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		practice.ServeHTTP(w, r)
	}))
	defer server.Close()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	list := "# registered on 1 November\n"
	for _, f := range files {
		list += strings.TrimSuffix(filepath.Base(f), ".json") + "\n"
	}
	list += "943 476 5919\n" // nobody here
	if err := os.WriteFile(filepath.Join(dir, listFile), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	door := record.Test(t)
	d, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Feed(t.Context(), intake.Feed{Name: "gpconnect-zz005", Kind: "gpconnect", Title: "Windmill Surgery", Organization: "ZZ005", Folder: dir, Address: server.URL + "/fhir", ClientCA: ca})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)
	p := &Poll{Client: Client{From: "200000000359", To: "200000000360", Requester: asking, Tries: 2, Wait: time.Millisecond}, Pause: time.Microsecond, Now: func() time.Time { return now }}
	if err := p.Once(t.Context(), d, f); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n != int64(len(files)+1) {
		t.Errorf("%d questions for %d patients", n, len(files)+1)
	}
	holdAgainstTruth(t, door, truths(t, filepath.Join(dir, "town")))

	// Asked again within the day: nobody. The next day: everybody, and nothing is written.
	seq, _ := door.Seq(t.Context())
	if err := p.Once(t.Context(), d, f); err != nil || asked.Load() != int64(len(files)+1) {
		t.Errorf("asked again within the day: %d, %v", asked.Load(), err)
	}
	now = now.Add(25 * time.Hour)
	if err := p.Once(t.Context(), d, f); err != nil {
		t.Fatal(err)
	}
	if after, _ := door.Seq(t.Context()); after != seq || asked.Load() != 2*int64(len(files)+1) {
		t.Errorf("the next day: %d questions, %d changes", asked.Load(), after-seq)
	}
	// The practice is down: the record stays, everybody is due again after a while.
	refuseAll.Store(true)
	now = now.Add(25 * time.Hour)
	before := asked.Load()
	if err := p.Once(t.Context(), d, f); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load() - before; n != 2*int64(len(files)+1) {
		t.Errorf("a practice that is busy was asked %d times", n)
	}
	refuseAll.Store(false)
	now = now.Add(6 * time.Minute)
	before = asked.Load()
	if err := p.Once(t.Context(), d, f); err != nil || asked.Load()-before != int64(len(files)+1) {
		t.Errorf("after the practice is back: %d, %v", asked.Load()-before, err)
	}
	if after, _ := door.Seq(t.Context()); after != seq {
		t.Errorf("%d changes", after-seq)
	}
	// Nobody answers at all: that is no patient's fault, so nobody is put off. (Two were, and missing for as long.)
	now = now.Add(25 * time.Hour)
	gone := *f
	gone.Address = "http://127.0.0.1:1"
	if err := p.Once(t.Context(), d, &gone); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("a practice that cannot be reached: %v", err)
	}
	before = asked.Load()
	if err := p.Once(t.Context(), d, f); err != nil || asked.Load()-before != int64(len(files)+1) {
		t.Errorf("once it can be reached: %d, %v", asked.Load()-before, err)
	}
}

func holdAgainstTruth(t *testing.T, door *record.Door, facts []trueFact) {
	t.Helper()
	if len(facts) < 1000 {
		t.Fatalf("only %d facts", len(facts))
	}
	right := 0
	for _, f := range facts {
		query := f.Kind + "?identifier=" + url.QueryEscape("urn:kith:source:"+f.Feed+"|"+f.Key)
		if f.Code != "" {
			param := "code"
			if f.Kind == "Immunization" {
				param = "vaccine-code"
			}
			query += "&" + param + "=" + url.QueryEscape(f.System+"|"+f.Code)
		}
		page, err := door.Find(t.Context(), reader, query)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Matches) != 1 {
			t.Errorf("%s: %d resources", query, len(page.Matches))
			continue
		}
		body := string(page.Matches[0].Body)
		if !strings.Contains(body, `"Patient/`+intake.ID(f.Feed, "Patient", f.Patient)+`"`) {
			t.Errorf("%s is of another person: %s", query, body)
			continue
		}
		if f.Date != "" && !strings.Contains(body, `"`+f.Date) {
			t.Errorf("%s is not of %s: %s", query, f.Date, body)
			continue
		}
		if !slices.ContainsFunc(strings.Split(f.Value, "/"), func(v string) bool { return v == "" || strings.Contains(body, `"value":`+v) }) {
			t.Errorf("%s does not say %s: %s", query, f.Value, body)
			continue
		}
		right++
	}
	t.Logf("%d of %d facts are right", right, len(facts))
}

var asking = Requester{Issuer: "https://kith.test", Device: "kith-1", Version: "1", Model: "Kith", Organization: "The Place", ODS: "ZZ9", UserID: "1", SDSUserID: "111222333444", JobRole: "R8000",
	Family: "Okafor", Given: "Ada", Prefix: "Dr"}

// The connection is by certificates of both sides, and the answer has its limit.
func TestMutualTLSAndLimits(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"resourceType":"Bundle","x":"` + strings.Repeat("x", 2000) + `"}`))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	ask := func(c *Client) error {
		c.Base, c.Requester, c.Tries = server.URL, asking, 1
		_, err := c.Structured(t.Context(), "9434765919", Scope{})
		return err
	}
	if err := ask(&Client{TLS: &tls.Config{RootCAs: roots}}); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("without a certificate: %v", err)
	}
	with := &tls.Config{RootCAs: roots, Certificates: server.TLS.Certificates}
	if err := ask(&Client{TLS: with}); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if err := ask(&Client{TLS: with, Limit: 1000}); fhir.KindOf(err) != fhir.TooLarge {
		t.Errorf("an answer over the limit: %v", err)
	}
	if err := ask(&Client{TLS: &tls.Config{Certificates: server.TLS.Certificates}}); err == nil {
		t.Error("a server whose certificate nobody vouches for is believed")
	}
}

// Answers that lie in a folder are filed once, without anybody being asked, and what was filed can be traced to its entry.
func TestAnswersInAFolder(t *testing.T) {
	door := record.Test(t)
	d, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data, err := os.ReadFile("testdata/structured.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"a.json": data, "b.json": []byte(`{"resourceType":"Bundle"}`)} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := d.Feed(t.Context(), intake.Feed{Name: "windmill", Kind: "gpconnect", Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	var seq int64
	for range 2 {
		if err := (&Poll{}).Once(t.Context(), d, f); err != nil {
			t.Fatal(err)
		}
		now, err := door.Seq(t.Context())
		if err != nil || seq != 0 && now != seq {
			t.Fatalf("%d changes by reading the folder again, %v", now-seq, err)
		}
		seq = now
	}
	bad, err := d.Bads(t.Context(), reader, "windmill", "", 10)
	if err != nil || len(bad) != 2 || !strings.Contains(bad[0].Reason+bad[1].Reason, "another patient") || !strings.Contains(bad[0].Reason+bad[1].Reason, "no entry is a Patient") {
		t.Errorf("quarantined: %v %v", bad, err)
	}
	origins, err := d.Trace(t.Context(), reader, "Condition", intake.ID("windmill", "Condition", "c-1"))
	if err != nil || len(origins) != 1 || origins[0].Place != "entry[7]" || origins[0].Text != string(data) {
		t.Errorf("traced to %v, %v", origins, err)
	}
}

// townFiles calls do with each record that the town's practice wrote, by NHS number.
func townFiles(t *testing.T, dir string, do func(number string, data []byte)) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "gpconnect-zz005", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		number := strings.TrimSuffix(filepath.Base(f), ".json")
		do(number, data)
		out = append(out, number)
	}
	return out
}
