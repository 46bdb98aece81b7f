package reconcile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
)

var said = regexp.MustCompile(`^(\w+) (\w+) (\S+) (\S+) (\S+) (\S+) "([^"]*)"(?: (\w+))?$`)

// entryOf makes the resource that a line of the gold set stands for.
func entryOf(t *testing.T, line string) (Kind, *fhir.Resource) {
	t.Helper()
	f := said.FindStringSubmatch(line)
	if f == nil {
		t.Fatalf("the line %q cannot be read", line)
	}
	var codings []string
	for c := range strings.SplitSeq(f[6], ",") {
		if system, code, ok := strings.Cut(c, ":"); ok {
			url := map[string]string{"s": snomed, "d": dmd, "r": readV2, "c": ctv3, "x": "urn:supplier"}[system]
			codings = append(codings, fmt.Sprintf(`{"system":%q,"code":%q}`, url, code))
		}
	}
	code := fmt.Sprintf(`{"coding":[%s],"text":%q}`, strings.Join(codings, ","), f[7])
	if codings == nil {
		code = fmt.Sprintf(`{"text":%q}`, f[7])
	}
	head := fmt.Sprintf(`"id":%q,"meta":{"source":"urn:kith:intake:%s/x/1"}`, f[2], f[3])
	var kind Kind
	var body string
	switch f[1] {
	case "allergy":
		kind = Allergies
		state, verified := f[4], "confirmed"
		if state == "entered-in-error" {
			state, verified = "active", state
		}
		body = fmt.Sprintf(`{"resourceType":"AllergyIntolerance",%s,"clinicalStatus":{"coding":[{"code":%q}]},"verificationStatus":{"coding":[{"code":%q}]},"code":%s,"recordedDate":%q}`, head, state, verified, code, f[5])
	case "problem":
		kind = Problems
		body = fmt.Sprintf(`{"resourceType":"Condition",%s,"clinicalStatus":{"coding":[{"code":%q}]},"code":%s,"onsetDateTime":%q}`, head, f[4], code, f[5])
	case "medicine", "issue":
		kind = Medicines
		intent, based := "plan", ""
		if f[1] == "issue" {
			intent, based = "order", fmt.Sprintf(`,"basedOn":[{"reference":"MedicationRequest/%s"}]`, f[8])
		}
		body = fmt.Sprintf(`{"resourceType":"MedicationRequest",%s,"status":%q,"intent":%q,"medicationCodeableConcept":%s,"authoredOn":%q%s}`, head, f[4], intent, code, f[5], based)
	}
	res, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return kind, res
}

// shown writes a row as the gold set does.
func shown(r Row) string {
	state := "ended"
	if r.Active {
		state = "active"
	}
	if r.None {
		state = "none"
	}
	var refs []string
	for _, s := range r.Sources {
		_, id, _ := strings.Cut(s.Ref, "/")
		refs = append(refs, id)
	}
	out := fmt.Sprintf("= %q %s %s", r.Name, state, strings.Join(refs, ","))
	if r.Conflict != "" {
		out += " ! " + r.Conflict
	}
	return out
}

func TestGoldSet(t *testing.T) {
	text, err := os.ReadFile("testdata/gold.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(text), "\ncase ")[1:]
	if len(cases) < 16 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		name, body, _ := strings.Cut(c, "\n")
		var resources []*fhir.Resource
		var kind Kind
		var want []string
		for line := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
			if strings.HasPrefix(line, "=") {
				want = append(want, line)
				continue
			}
			k, res := entryOf(t, line)
			kind, resources = k, append(resources, res)
		}
		// The order in which systems are heard must not matter.
		for seed := range uint64(6) {
			mixed := slices.Clone(resources)
			rand.New(rand.NewPCG(seed, 7)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			var got []string
			for _, r := range List(kind, mixed) {
				got = append(got, shown(r))
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
				break
			}
		}
	}
}

// Every allergy that goes in comes out: in some row, active if it was.
func TestNoAllergyIsHidden(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	words := []string{"Penicillin", "Latex", "Nuts", "No known allergies", "Aspirin"}
	codes := []string{"-", "s:91936005", "s:300916003", "s:716186003", "x:1", "s:91934008,r:SN5A."}
	for range 300 {
		var resources []*fhir.Resource
		active := map[string]bool{}
		for i := range 1 + dice.IntN(8) {
			state := []string{"active", "resolved", "inactive"}[dice.IntN(3)]
			_, res := entryOf(t, fmt.Sprintf(`allergy a%d gp-%d %s 20%02d %s "%s"`, i, dice.IntN(3), state, dice.IntN(26), codes[dice.IntN(len(codes))], words[dice.IntN(len(words))]))
			resources = append(resources, res)
			active["AllergyIntolerance/"+res.ID()] = state == "active"
		}
		seen := map[string]int{}
		for _, r := range List(Allergies, resources) {
			for _, s := range r.Sources {
				seen[s.Ref]++
				if active[s.Ref] && !r.Active {
					t.Fatalf("%s is active, but its row is not", s.Ref)
				}
			}
		}
		for ref := range active {
			if seen[ref] != 1 {
				t.Fatalf("%s stands in %d rows", ref, seen[ref])
			}
		}
	}
}
