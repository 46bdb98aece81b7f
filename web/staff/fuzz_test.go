package staff

import (
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

// Whatever JSON is in the record, the page is made and holds no markup that came from it.
func FuzzPersonPage(f *testing.F) {
	f.Add(`{"resourceType":"Observation","status":"","code":{"coding":[{}]},"valueQuantity":{"value":"x"},"effectiveDateTime":"20"}`)
	f.Add(`{"status":"active","code":[1],"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":1}}],"meta":{"source":"<script>"}}`)
	f.Add(`{"reaction":[{"manifestation":{"text":"<script>"}}],"referenceRange":{"low":{"value":1e999}},"valueQuantity":{"value":1e400,"unit":"10*"}}`)
	f.Add(okafor)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			return
		}
		facts := map[string][]fact{}
		for _, kind := range shown {
			facts[kind] = []fact{{Kind: kind, V: r.Root(), Updated: today}, {Kind: kind, V: r.Root()}}
			facts[kind][0].Mistaken()
		}
		view := personView{Banner: bannerOf(r, facts, today)}
		view.Problems, view.Past = problemRows(facts)
		view.Medicines, view.Stopped = medicineRows(facts, today)
		view.Results = resultGroups(facts, today)
		view.Timeline = linesOf(facts)
		var out strings.Builder
		if err := personPage.Execute(&out, nil, view); err != nil {
			t.Fatal(err)
		}
		if page := out.String(); strings.Contains(page, "<script") || strings.Contains(page, "NaN") && !strings.Contains(body, "NaN") {
			t.Fatalf("%s\nbecomes\n%s", body, page)
		}
	})
}

func FuzzTypedDate(f *testing.F) {
	f.Add("14-Jul-1945")
	f.Add("7/1945")
	f.Fuzz(func(t *testing.T, typed string) {
		if day, err := typedDate(typed); err == nil && kit.Date(day) == day && len(day) != 4 {
			t.Errorf("%q is taken for %q, which is no date", typed, day)
		}
	})
}
