package record

import (
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// A value set and the code system it is of may share one URL; each is found as what is asked for.
func TestValueSetAndCodeSystemOfOneURL(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := TestOn(t, db)
		put(t, d, `{"resourceType":"CodeSystem","id":"c","url":"http://kith.test/zoo","status":"active","content":"complete","concept":[{"code":"bird","concept":[{"code":"owl"}]},{"code":"cat"}]}`)
		put(t, d, `{"resourceType":"ValueSet","id":"v","url":"http://kith.test/zoo","status":"active","compose":{"include":[{"system":"http://kith.test/zoo","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}}`)
		for i, code := range []string{"bird", "owl", "cat"} {
			put(t, d, `{"resourceType":"Basic","id":"`+string(rune('1'+i))+`","code":{"coding":[{"system":"http://kith.test/zoo","code":"`+code+`"}]}}`)
		}
		for query, want := range map[string]string{
			"Basic?code:in=http://kith.test/zoo":         "1 2",
			"Basic?code:in=ValueSet/v":                   "1 2",
			"Basic?code:not-in=http://kith.test/zoo":     "3",
			"Basic?code:below=http://kith.test/zoo|bird": "1 2",
			"Basic?code:above=http://kith.test/zoo|owl":  "1 2",
		} {
			if got := ids(t, d, query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		// The value set is read as it is now.
		put(t, d, `{"resourceType":"ValueSet","id":"v","url":"http://kith.test/zoo","status":"active","compose":{"include":[{"system":"http://kith.test/zoo","concept":[{"code":"cat"}]}]}}`)
		if got := ids(t, d, "Basic?code:in=http://kith.test/zoo"); got != "3" {
			t.Errorf("after the value set has changed: %q", got)
		}
	})
}
