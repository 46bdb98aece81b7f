package gpconnect

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var reader = access.Actor{ID: "Practitioner/test", Role: "test"}

func desk(t testing.TB, door *record.Door) *intake.Desk {
	t.Helper()
	d, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Feed(t.Context(), intake.Feed{Name: "medicus", Kind: "gpconnect", Title: "Windmill Surgery", Organization: "ZZ005"}); err != nil {
		t.Fatal(err)
	}
	return d
}

// mainCodes are the elements by which a person would look for an entry, with R4's parameter for each.
var mainCodes = map[string]string{
	"AllergyIntolerance.code": "code", "AllergyIntolerance.reaction.manifestation": "manifestation", "Condition.code": "code", "Encounter.type": "type",
	"Immunization.vaccineCode": "vaccine-code", "Medication.code": "code", "Observation.code": "combo-code", "Observation.component.code": "combo-code",
	"Observation.valueCodeableConcept": "combo-value-concept", "Observation.category": "category", "DiagnosticReport.code": "code", "DiagnosticReport.category": "category",
	"ProcedureRequest.code": "code", "ReferralRequest.reasonCode": "code", "DocumentReference.type": "type", "List.code": "code", "Specimen.type": "type", "Condition.category": "category",
	"PractitionerRole.code": "role", "Organization.type": "type",
}

// every code of every real record is found again in what was filed: by search where R4 has a parameter for its element, and in the
// resource itself.
func everyCodeIsReachable(t *testing.T, door *record.Door) {
	d := desk(t, door)
	all := records(t)
	searched, looked := 0, 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, bad := refused[baseName(name)]; bad {
			continue
		}
		it, err := d.Receive(t.Context(), "medicus", name, all[name], Read)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := Map(all[name], Config{Feed: "medicus", Item: it.Number})
		if err != nil {
			t.Fatal(err)
		}
		ids, bodies := map[string][]string{}, map[string]string{}
		for _, f := range r.Resources {
			stored, err := door.Get(t.Context(), reader, f.Resource.Type(), f.Resource.ID())
			if err != nil {
				t.Errorf("%s: %s/%s is not there: %v", name, f.Kind, f.Key, err)
				continue
			}
			key := f.Kind + "/" + strings.Split(f.Key, "#")[0]
			ids[key] = append(ids[key], f.Resource.ID())
			bodies[key] += string(stored.Body)
		}
		left := map[string]bool{}
		for _, l := range r.Left {
			left[l.Type+"/"+l.ID] = true
		}
		hits := map[string]map[string]bool{}
		for _, c := range codings(t, all[name]) {
			if c.kind == "List" && c.key == "" && len(r.Left) > 0 || left[r4Kind(c.kind)+"/"+intake.ID("medicus", c.kind, c.key)] {
				continue
			}
			key := c.kind + "/" + c.key
			body, ok := bodies[key]
			if c.key == "" || !ok {
				// lists of sections have no id; medicines stand in what prescribes them; some contained allergies have their identifier's name
				body = strings.Join(slices.Collect(maps.Values(bodies)), "")
			}
			code := strings.TrimSpace(c.code)
			looked++
			if !holds(body, c.system, code, c.display) {
				t.Errorf("%s: %s of %s/%s: %s|%s %q is not in the record", name, c.path, c.kind, c.key, c.system, code, c.display)
			}
			param := mainCodes[c.path]
			if param == "" || !ok || c.key == "" {
				continue
			}
			typ := r4Kind(c.kind)
			query := typ + "?" + param + "=" + url.QueryEscape(c.system+"|"+code) + "&_elements=id"
			if hits[query] == nil {
				hits[query] = map[string]bool{}
				for m, err := range door.All(t.Context(), reader, query) {
					if err != nil {
						t.Fatalf("%s: %v", query, err)
					}
					hits[query][m.ID] = true
				}
			}
			searched++
			if !slices.ContainsFunc(ids[key], func(id string) bool { return hits[query][id] }) {
				t.Errorf("%s: %s/%s is not found by %s", name, c.kind, c.key, query)
			}
		}
		medicines(t, door, name, all[name])
	}
	t.Logf("%d codes found by search, %d in what was filed", searched, looked)
	if searched < 3000 {
		t.Errorf("only %d codes were looked for", searched)
	}
}

// without is a bundle less the entries that drop says.
func without(t testing.TB, data []byte, drop func(kind, id string, text string) bool) []byte {
	var bundle struct {
		ResourceType string            `json:"resourceType"`
		Type         string            `json:"type"`
		Entry        []json.RawMessage `json:"entry"`
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		t.Fatal(err)
	}
	bundle.Entry = slices.DeleteFunc(bundle.Entry, func(raw json.RawMessage) bool {
		var e struct {
			Resource struct{ ResourceType, ID string }
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		return drop(e.Resource.ResourceType, e.Resource.ID, string(raw))
	})
	out, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a later answer no longer has is retracted in the sections that were asked for and answered, and nowhere else; what says the
// same is not written; that a patient is not found deletes nothing.
func TestFetchAndDiff(t *testing.T) {
	door := record.Test(t)
	d := desk(t, door)
	whole := records(t)["uat/input/TC4/9465701262_Meyers_full_20210119.json"]
	// While a record is on its way from another practice, as this one says of itself, nothing of it is taken back.
	inTransit := whole
	whole = bytes.ReplaceAll(whole, []byte("data-in-transit"), []byte("confidential-items"))
	const nhs = "1234567890" // as it stands in the file
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	receive := func(scope string, data []byte) *intake.Item {
		t.Helper()
		s, err := ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		it, err := d.Receive(t.Context(), "medicus", ItemName(nhs, s, at), data, Read)
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	count := func(typ string) int64 {
		t.Helper()
		n, err := door.Count(t.Context(), typ)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := receive("all", whole)
	if first.Rows.Filed < 200 || first.Rows.Unchanged+first.Rows.Retracted+first.Rows.Quarantined != 0 {
		t.Fatalf("the first answer: %+v", first.Rows)
	}
	seq, err := door.Seq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := receive("all", whole)
	if now, _ := door.Seq(t.Context()); again.Rows.Filed != 0 || again.Rows.Retracted != 0 || again.Rows.Unchanged != first.Rows.Filed || now != seq {
		t.Fatalf("the same answer again: %+v, %d changes", again.Rows, now-seq)
	}
	if outcome := receive("all", []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","details":{"coding":[{"system":"x","code":"PATIENT_NOT_FOUND"}]}}]}`)); outcome.Types["Observation"] != 0 {
		t.Fatalf("PATIENT_NOT_FOUND: %+v", outcome)
	}
	if now, _ := door.Seq(t.Context()); now != seq {
		t.Fatal("PATIENT_NOT_FOUND changed the record")
	}
	conditions, observations, orders, plans := count("Condition"), count("Observation"), count("MedicationRequest"), int64(0)
	if conditions < 2 || observations < 2 {
		t.Fatal("too little to take away")
	}
	// Problems were not asked for: none is retracted, though the answer has none.
	noProblems := without(t, whole, func(kind, _, text string) bool { return kind == "Condition" })
	if it := receive("medication,immunisations", noProblems); it.Rows.Retracted != 0 || count("Condition") != conditions {
		t.Fatalf("problems that nobody asked for: %+v", it.Rows)
	}
	// They were asked for, but the practice did not answer that section.
	if it := receive("problems", without(t, noProblems, func(kind, _, text string) bool { return kind == "List" && strings.Contains(text, `"717711000000103"`) })); it.Rows.Retracted != 0 {
		t.Fatalf("a section that was not answered: %+v", it.Rows)
	}
	if it := receive("problems", without(t, inTransit, func(kind, _, text string) bool { return kind == "Condition" })); it.Rows.Retracted != 0 {
		t.Fatalf("a record in transit: %+v", it.Rows)
	}
	if it := receive("problems", noProblems); int64(it.Rows.Retracted) != conditions || count("Condition") != 0 {
		t.Fatalf("problems that are gone: %+v, %d left", it.Rows, count("Condition"))
	}
	// An older answer, read again, does not undo a newer one.
	if it := receive("all", whole); int64(it.Rows.Filed) < conditions || count("Condition") != conditions {
		t.Fatalf("problems that are back: %+v", it.Rows)
	}
	noOrders := without(t, whole, func(kind, _, text string) bool {
		return kind == "MedicationRequest" && strings.Contains(text, `"order"`)
	})
	if it := receive("medication,no-issues", noOrders); it.Rows.Retracted != 0 {
		t.Fatalf("issues that nobody asked for: %+v", it.Rows)
	}
	if it := receive("medication", noOrders); it.Rows.Retracted == 0 {
		t.Fatalf("issues that are gone: %+v", it.Rows)
	}
	if plans = count("MedicationRequest"); plans == 0 || plans >= orders {
		t.Fatalf("%d plans of %d requests are left", plans, orders)
	}
	if count("Observation") != observations {
		t.Fatal("observations went")
	}
	if _, err := d.Receive(t.Context(), "medicus", ItemName("9465700088", Scope{}, at), whole, Read); err == nil {
		t.Error("the record of another patient than the one asked for is taken")
	}
}

// medicines are found by the code of their Medication on each request and statement.
func medicines(t *testing.T, door *record.Door, name string, data []byte) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				ResourceType, ID    string
				MedicationReference struct{ Reference string }
				Code                json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		t.Fatal(err)
	}
	codes := map[string][]struct{ System, Code string }{}
	for _, e := range bundle.Entry {
		if e.Resource.ResourceType == "Medication" {
			var concept struct {
				Coding []struct{ System, Code string }
			}
			if err := json.Unmarshal(e.Resource.Code, &concept); err != nil {
				t.Fatal(err)
			}
			codes["Medication/"+e.Resource.ID] = concept.Coding
		}
	}
	hits := map[string]map[string]bool{}
	for _, e := range bundle.Entry {
		for _, c := range codes[e.Resource.MedicationReference.Reference] {
			query := e.Resource.ResourceType + "?code=" + url.QueryEscape(c.System+"|"+c.Code) + "&_count=1000"
			if hits[query] == nil {
				hits[query] = map[string]bool{}
				page, err := door.Find(t.Context(), reader, query)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Matches {
					hits[query][m.ID] = true
				}
			}
			if !hits[query][intake.ID("medicus", e.Resource.ResourceType, e.Resource.ID)] {
				t.Errorf("%s: %s/%s is not found by %s", name, e.Resource.ResourceType, e.Resource.ID, query)
			}
		}
	}
}

func holds(body, system, code, display string) bool {
	for _, s := range []string{system, code, display} {
		if s == "" {
			continue
		}
		quoted, _ := json.Marshal(s)
		plain := `"` + s + `"`
		if !strings.Contains(body, string(quoted)) && !strings.Contains(body, plain) {
			return false
		}
	}
	return true
}

func TestEveryCodeIsReachableOnSQLite(t *testing.T) { everyCodeIsReachable(t, record.Test(t)) }

func TestEveryCodeIsReachableOnPostgreSQL(t *testing.T) {
	everyCodeIsReachable(t, record.TestOn(t, storetest.Postgres(t)))
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
