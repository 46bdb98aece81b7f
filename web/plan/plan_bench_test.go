package plan

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// The list of a practice in which a hundred orders wait, of three medicines each, as the pharmacist opens it: the whole page.
func BenchmarkAHundredOrders(b *testing.B) {
	y := open(b)
	for n := range 100 {
		id := fmt.Sprintf("p%d", n)
		lines := []string{`{"resourceType":"Patient","id":"` + id + `","name":[{"family":"Person","given":["` + id + `"]}],"birthDate":"1950-03-01","managingOrganization":{"reference":"Organization/surgery"}}`}
		var items []string
		for m := range 3 {
			repeat := fmt.Sprintf("%s-m%d", id, m)
			items = append(items, repeat)
			lines = append(lines, `{"resourceType":"MedicationRequest","id":"`+repeat+`","status":"active","intent":"plan","courseOfTherapyType":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy","code":"continuous"}]},"medicationCodeableConcept":{"text":"Medicine `+fmt.Sprint(m)+`"},"subject":{"reference":"Patient/`+id+`"},"authoredOn":"2026-01-05","dosageInstruction":[{"text":"One to be taken each day"}],"dispenseRequest":{"quantity":{"value":28,"unit":"capsule"}}}`)
			for month := 1; month <= 10; month++ {
				lines = append(lines, fmt.Sprintf(`{"resourceType":"MedicationRequest","id":"%s-%d","status":"completed","intent":"order","basedOn":[{"reference":"MedicationRequest/%s"}],"medicationCodeableConcept":{"text":"Medicine %d"},"subject":{"reference":"Patient/%s"},"authoredOn":"2026-%02d-05"}`, repeat, month, repeat, m, id, month))
			}
		}
		var ops []record.Op
		for _, text := range lines {
			res, err := fhir.Parse([]byte(text))
			if err != nil {
				b.Fatal(err)
			}
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
		}
		if _, err := y.door.Commit(b.Context(), kith, ops); err != nil {
			b.Fatal(err)
		}
		who := access.Actor{ID: "Patient/" + id, Name: id, Role: "patient", Patient: id, Level: access.P9, Purpose: "PATRQT"}
		if _, err := y.plan.Order(b.Context(), who, id, plan.Wish{Repeats: items}); err != nil {
			b.Fatal(err)
		}
	}
	y.who = nina
	b.ResetTimer()
	for b.Loop() {
		w := httptest.NewRecorder()
		y.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/prescriptions", nil))
		if n := strings.Count(w.Body.String(), "All issued and sent"); w.Code != http.StatusOK || n != 100 {
			b.Fatalf("%d: %d orders", w.Code, n)
		}
	}
}
