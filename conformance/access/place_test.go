package access

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// people are those whose records hold one of everything.
var people = []string{"ada", "ben", "cam", "dee", "eva", "fay"}

// place is the record of testdata/place.txt in one circumstance, under the policy that Kith comes with.
func place(t *testing.T, db, circumstance string) *record.Door {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	text, err := os.ReadFile("testdata/place.txt")
	if err != nil {
		t.Fatal(err)
	}
	var ops []record.Op
	found := circumstance == "usual"
	when := ""
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "when" {
			when = rest
			found = found || when == circumstance
			continue
		}
		if when != "" && when != circumstance {
			continue
		}
		if word != "each" {
			ops = add(t, i+1, ops, word, rest)
			continue
		}
		name, body, _ := strings.Cut(rest, " ")
		for _, person := range people {
			ops = add(t, i+1, ops, strings.ReplaceAll(name, "PERSON", person), strings.ReplaceAll(body, "PERSON", person))
		}
	}
	if !found {
		t.Fatalf("there is no circumstance %s", circumstance)
	}
	if _, err := door.Commit(t.Context(), theSystem, ops); err != nil {
		t.Fatalf("%s: %v", circumstance, err)
	}
	return door
}

// add adds a resource, in place of one of the same name.
func add(t *testing.T, line int, ops []record.Op, name, body string) []record.Op {
	t.Helper()
	typ, id, _ := strings.Cut(name, "/")
	switch word, rest, _ := strings.Cut(body, " "); word {
	case "TRUST":
		body = trust(strings.Fields(rest))
	case "GLASS":
		f := strings.Fields(rest)
		body = `{"status":"active","scope":{"coding":[{"code":"treatment"}]},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"emergency-access"}]}],"patient":{"reference":"Patient/` + f[0] +
			`"},"provision":{"type":"permit","period":{"end":"` + f[3] + `"},"actor":[{"role":{"text":"x"},"reference":{"reference":"` + f[1] + `"}}]}}`
	}
	res, err := fhir.Parse([]byte(`{"resourceType":"` + typ + `","id":"` + id + `",` + strings.TrimPrefix(body, "{")))
	if err != nil {
		t.Fatalf("place.txt, line %d: %v", line, err)
	}
	ops = slices.DeleteFunc(ops, func(op record.Op) bool { return op.Type == typ && op.ID == id })
	return append(ops, record.Op{Method: record.Update, Type: typ, ID: id, Resource: res})
}

// trust writes a Consent from "PERSON TRUSTED SCOPE… [since DAY] [until DAY] [reviewed DAY] [by PERSON] [inactive]".
func trust(words []string) string {
	status, actions, more := "active", "", ""
	period := ""
	for i := 2; i < len(words); i++ {
		switch words[i] {
		case "since", "until":
			name := map[string]string{"since": "start", "until": "end"}[words[i]]
			period = strings.TrimPrefix(period+`,"`+name+`":"`+words[i+1]+`"`, ",")
			i++
		case "reviewed":
			more += `,"verification":[{"verified":true,"verificationDate":"` + words[i+1] + `"}]`
			i++
		case "by":
			more += `,"performer":[{"reference":"Patient/` + words[i+1] + `"}]`
			i++
		case "inactive":
			status = "inactive"
		default:
			if actions != "" {
				actions += ","
			}
			actions += `{"coding":[{"system":"` + record.TrustSystem + `","code":"` + words[i] + `"}]}`
		}
	}
	if period != "" {
		period = `,"period":{` + period + `}`
	}
	return `{"status":"` + status + `","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + record.ConsentSystem + `","code":"trusted"}]}],"patient":{"reference":"Patient/` + words[0] + `"}` + more +
		`,"provision":{"type":"permit"` + period + `,"actor":[{"role":{"text":"someone I trust"},"reference":{"reference":"Patient/` + words[1] + `"}}],"action":[` + actions + `]}}`
}

// actors reads testdata/actors.txt.
func actors(t *testing.T) map[string]access.Actor {
	t.Helper()
	text, err := os.ReadFile("testdata/actors.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]access.Actor{}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 4 {
			t.Fatalf("actors.txt, line %d: %q", i+1, line)
		}
		a := access.Actor{ID: f[1], Name: f[0], Role: strings.Trim(f[2], "-"), Organization: strings.Trim(f[3], "-"), Purpose: "TREAT"}
		for _, more := range f[4:] {
			name, value, _ := strings.Cut(more, "=")
			switch name {
			case "purpose":
				a.Purpose = value
			case "patient":
				a.Patient = value
			case "level":
				n, _ := strconv.Atoi(value)
				a.Level = access.Level(n)
			case "scopes":
				if a.App == nil {
					a.App = &access.Client{ID: "app"}
				}
				for text := range strings.SplitSeq(value, ",") {
					s, err := access.ParseScope(text)
					if err != nil {
						t.Fatalf("actors.txt, line %d: %v", i+1, err)
					}
					a.App.Scopes = append(a.App.Scopes, s)
				}
			case "app":
				a.App.Patient = value
			default:
				t.Fatalf("actors.txt, line %d: %q", i+1, more)
			}
		}
		out[f[0]] = a
	}
	return out
}
