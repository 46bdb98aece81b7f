package record

import (
	"fmt"
	"testing"
)

// A number whose exponent is beyond all measure is kept as it came, and never written out to be compared: it is found
// by no value.
func TestHugeExponents(t *testing.T) {
	d := Test(t)
	for i, v := range []string{"1e999999999", "1e-999999999", "-1e999999999", "5", "1e400"} {
		put(t, d, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s,"unit":"m","system":"http://unitsofmeasure.org","code":"m"}}`, i, v))
	}
	for query, want := range map[string]string{
		"Observation?value-quantity=gt4":                                "o3 o4",
		"Observation?value-quantity=lt600|http://unitsofmeasure.org|cm": "o3",
		"Observation?_sort=value-quantity":                              "o3 o4 o0 o1 o2",
	} {
		if got := ids(t, d, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if _, err := d.Find(t.Context(), tester, "Observation?value-quantity=1e999999999"); err == nil {
		t.Error("a search for such a number is answered")
	}
}
