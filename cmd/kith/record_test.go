package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/record"
)

// A town through the real importers: what its people see is explained, and its pages are served; a certificate of one of them is checked by the command.
func TestWhatADemoRecordHoldsIsExplained(t *testing.T) {
	dir := t.TempDir()
	address := freeAddress(t)
	demo := startDemo(t, address, dir, 300)
	<-demo.filled
	if why := demo.failed.Load(); why != nil {
		t.Fatal(*why)
	}
	base := "http://" + address
	var found struct {
		Entry []struct {
			Resource struct {
				Patient struct{ Reference string }
			}
		}
	}
	if err := json.Unmarshal([]byte(fetch(t, base+"/fhir/Immunization?_count=1&status=completed")), &found); err != nil || len(found.Entry) == 0 {
		t.Fatalf("nobody is vaccinated: %v", err)
	}
	person := strings.TrimPrefix(found.Entry[0].Resource.Patient.Reference, "Patient/")
	for _, path := range []string{"", "/problems", "/medicines", "/allergies", "/results", "/letters", "/vaccinations", "/plans", "/social-care", "/summary", "/links", "/certificate"} {
		page := fetch(t, base+"/person/"+person+"/record"+path)
		if !strings.Contains(page, "<h1") {
			t.Errorf("%s: %.300s", path, page)
		}
	}
	if !strings.Contains(fetch(t, base+"/person/"+person+"/as-patient"), "As the patient sees it") {
		t.Error("staff do not see it as the patient does")
	}
	if doc := fetch(t, base+"/person/"+person+"/record/summary/document"); !strings.Contains(doc, `"60591-5"`) {
		t.Errorf("no summary: %.300s", doc)
	}
	write := func(name, path string) string {
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, []byte(fetch(t, base+path)), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	keys, card := write("keys.json", "/.well-known/jwks.json"), write("card.json", "/person/"+person+"/record/certificate/file")
	var out strings.Builder
	if code := run([]string{"card", "verify", card, "--issuer", base, "--keys", keys}, &out, &out); code != 0 || !strings.Contains(out.String(), "valid: signed by "+base) {
		t.Errorf("exit %d: %s", code, out.String())
	}
	if code := run([]string{"card", "verify", card, "--issuer", "https://other.test", "--keys", keys}, &out, &out); code != 1 {
		t.Errorf("of another issuer: exit %d", code)
	}
	// Programs of others read links: their calls are not refused for where they come from.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/shared/none/manifest", strings.NewReader(`{"recipient":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://viewer.test")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a program of another site: %s", res.Status)
	}
	demo.end()

	door, err := record.Open(t.Context(), record.Options{DB: "sqlite:" + filepath.Join(dir, "kith.db"), Policy: access.Everyone{}})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	g, err := explain.Load(explain.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.Cover(t.Context(), door, access.Actor{ID: "kith/test", Role: access.Kith, Purpose: "HOPERAT"})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(c.Kinds, c.All) {
		places, terms := explain.Share(k.Explained, k.Entries), explain.Share(k.ExplainedTerms, k.Terms)
		t.Logf("%s: %.1f %% of %d places, %.1f %% of %d terms", k.Kind, places, k.Entries, terms, k.Terms)
		if places < 95 || terms < 95 && k.Terms >= 20 {
			t.Errorf("%s: %.1f %% of places and %.1f %% of terms are explained", k.Kind, places, terms)
		}
	}
	if c.All.Entries < 10000 {
		t.Errorf("only %d places", c.All.Entries)
	}
	if len(c.Missing) > 0 {
		t.Logf("missing: %v", c.Missing[:min(len(c.Missing), 20)])
	}
}

func TestGlossaryCommand(t *testing.T) {
	var out, bad strings.Builder
	if code := run([]string{"glossary", "check"}, &out, &bad); code != 0 || !regexp.MustCompile(`^\d{3} entries, nothing wrong\n$`).MatchString(out.String()) {
		t.Errorf("exit %d: %s%s", code, out.String(), bad.String())
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte("kind: thing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"glossary", "check", "--glossary", dir}, &out, &bad); code != 1 || !strings.Contains(bad.String(), "own.yaml") {
		t.Errorf("exit %d: %s", code, bad.String())
	}
	out.Reset()
	if code := run([]string{"glossary", "coverage", "--db", "sqlite:" + filepath.Join(dir, "new.db"), "--show", strconv.Itoa(3)}, &out, &bad); code != 0 || !strings.Contains(out.String(), "All") {
		t.Errorf("exit %d: %s%s", code, out.String(), bad.String())
	}
	for _, args := range [][]string{{"glossary"}, {"glossary", "print"}, {"card"}, {"card", "verify"}} {
		if code := run(args, &out, &bad); code != 2 {
			t.Errorf("kith %v: exit %d", args, code)
		}
	}
}
