package staff

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// tasksOfWard are two Tasks of monitoring about one person, a late one about another, and a score that went up.
const tasksOfWard = `{"resourceType":"Bundle","entry":[
{"resource":{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}]}},
{"resource":{"resourceType":"Patient","id":"tom","name":[{"family":"Reed","given":["Tom"]}]}},
{"resource":{"resourceType":"Task","id":"a","status":"requested","intent":"order","priority":"stat","code":{"coding":[{"system":"urn:kith:task","code":"monitor-alert"}]},"description":"Mrs Okafor: 182/104, her limit is 160/100","for":{"reference":"Patient/ada","display":"Mrs Okafor"},"authoredOn":"2026-11-20T09:30:00Z","restriction":{"period":{"end":"2026-11-20T09:45:00Z"}},"owner":{"display":"the ward"}}},
{"resource":{"resourceType":"Task","id":"m","status":"requested","intent":"order","priority":"routine","code":{"coding":[{"system":"urn:kith:task","code":"monitor-missing"}]},"description":"Mrs Okafor: no weight since Tuesday","for":{"reference":"Patient/ada","display":"Mrs Okafor"},"authoredOn":"2026-11-20T08:00:00Z","owner":{"display":"the ward"}}},
{"resource":{"resourceType":"Task","id":"t","status":"accepted","intent":"order","priority":"urgent","code":{"coding":[{"system":"urn:kith:task","code":"monitor-alert"}]},"description":"Mr Reed: <b>91 %</b>","for":{"reference":"Patient/tom","display":"Mr Reed"},"authoredOn":"2026-11-19T22:00:00Z","owner":{"display":"the duty doctor"}}},
{"resource":{"resourceType":"Observation","id":"n1","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"1104051000000101"}]},"subject":{"reference":"Patient/ada"},"effectiveDateTime":"2026-11-20T08:00:00Z","valueQuantity":{"value":3,"system":"http://unitsofmeasure.org","code":"{score}"}}},
{"resource":{"resourceType":"Observation","id":"n2","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"1104051000000101"}]},"subject":{"reference":"Patient/ada"},"effectiveDateTime":"2026-11-20T09:30:00Z","valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"{score}"}}}]}`

// The most urgent stands first, once a patient, with what is overdue beside it; what somebody wrote is never markup.
func TestWard(t *testing.T) {
	door := record.Test(t)
	site := (&Site{Door: door, Who: func(*http.Request) access.Actor { return access.Actor{ID: "kith/test", Role: access.Kith} }, Host: kit.Host{Now: func() time.Time { return wardDay }}}).Handler()
	if page := visit(t, site, "/ward", nil).Body.String(); !strings.Contains(page, "Nobody on the ward needs anything now.") {
		t.Errorf("an empty ward: %s", page)
	}
	putAs(t, door, access.Actor{ID: "kith/test", Role: access.Kith}, []byte(tasksOfWard))
	w := visit(t, site, "/ward", nil)
	golden(t, "ward.golden.html", w.Body.String())
	if page := w.Body.String(); strings.Index(page, "Mrs Okafor") > strings.Index(page, "Mr Reed") || strings.Count(page, ">Mrs Okafor</a>") != 1 || strings.Contains(page, "<b>91") {
		t.Error("the board is not as it should be")
	}
}

var wardDay = time.Date(2026, 11, 20, 9, 50, 0, 0, time.UTC)

// A request is taken, then done, and then gone; what somebody has done already is not done again.
func TestRequests(t *testing.T) {
	door := record.Test(t)
	who := access.Actor{ID: "Practitioner/1", Name: "Nia Reed", Role: access.Kith}
	site := (&Site{Door: door, Who: func(*http.Request) access.Actor { return who }, Host: kit.Host{Now: func() time.Time { return wardDay }}}).Handler()
	if page := visit(t, site, "/requests", nil).Body.String(); !strings.Contains(page, "Nobody is waiting.") {
		t.Errorf("an empty queue: %s", page)
	}
	putAs(t, door, access.Actor{ID: "kith/test", Role: access.Kith}, []byte(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}]}},`+
		`{"resource":{"resourceType":"Task","id":"r","status":"requested","intent":"order","code":{"coding":[{"system":"urn:kith:task","code":"triage"},{"system":"urn:kith:triage:level","code":"same-day"}]},"description":"Cough: Get help today. Why.","for":{"reference":"Patient/ada"},"authoredOn":"2026-11-20T08:00:00Z","restriction":{"period":{"end":"2026-11-20T09:00:00Z"}},"owner":{"display":"Triage"},"input":[{"type":{"text":"x"},"valueString":"coughing <i>all</i> night"}]}},`+
		`{"resource":{"resourceType":"Task","id":"s","status":"requested","intent":"order","code":{"coding":[{"system":"urn:kith:task","code":"triage"},{"system":"urn:kith:triage:level","code":"call-999"}]},"description":"Chest pain: Call 999.","for":{"reference":"Patient/gone"},"authoredOn":"2026-11-20T09:40:00Z"}}]}`))
	golden(t, "requests.golden.html", visit(t, site, "/requests", nil).Body.String())
	for _, did := range []string{"take", "done"} {
		if w := visit(t, site, "/requests/r", url.Values{"did": {did}}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/requests?did="+did {
			t.Fatalf("%s: %d %s", did, w.Code, w.Body)
		}
		page := visit(t, site, "/requests", nil).Body.String()
		if taken := strings.Contains(page, "Nia Reed"); taken != (did == "take") {
			t.Errorf("after %s the list says %s", did, page)
		}
	}
	if w := visit(t, site, "/requests/r", url.Values{"did": {"take"}}); w.Code != http.StatusConflict {
		t.Errorf("done twice: %d", w.Code)
	}
	if w := visit(t, site, "/requests/s", url.Values{"did": {"eat"}}); w.Code != http.StatusNotFound {
		t.Errorf("nonsense: %d", w.Code)
	}
}
