package kit

import (
	"bytes"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

// What may not be shipped: https://service-manual.nhs.uk/design-system/styles/typography says who may use Frutiger.
func TestStylesheetHasNothingLicensedOrForeign(t *testing.T) {
	for dir, sheet := range sheets() {
		for _, bad := range []string{"Frutiger", "assets.nhs.uk", "http://", "https://", "@font-face", "@import", "nhsuk-logo"} {
			if bytes.Contains(sheet.css, []byte(bad)) {
				t.Errorf("the stylesheet of %s holds %s", dir, bad)
			}
		}
		if !bytes.Contains(sheet.css, []byte("Arial")) {
			t.Errorf("the stylesheet of %s does not set Arial", dir)
		}
		if n := len(sheet.gzip); n > 30_000 {
			t.Errorf("the stylesheet of %s is %d bytes compressed", dir, n)
		}
	}
}

func TestStaticFilesMayBeKept(t *testing.T) {
	for path, want := range map[string]int{stylesheet("ltr"): 200, stylesheet("rtl"): 200, "/static/kith.css": 404, "/static/kith.svg": 200, "/static/kith-000.css": 404, "/static/../kit.go": 404} {
		w := httptest.NewRecorder()
		Static().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
		if want == 200 && !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s may not be kept", path)
		}
	}
}

func TestNHSNumbers(t *testing.T) {
	for typed, want := range map[string]string{"999 000 0018": "9990000018", "9990000018": "9990000018", " 999-000-0018 ": "9990000018"} {
		if got, err := NHSNumberDigits(typed); got != want || err != nil {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for typed, why := range map[string]string{"999 000 0019": "one of its digits is wrong", "99900000": "10 digits", "999000001X": "10 digits", "": "10 digits"} {
		if _, err := NHSNumberDigits(typed); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if got := NHSNumber("9990000018"); got != "999 000 0018" {
		t.Error(got)
	}
}

func FuzzNHSNumberDigits(f *testing.F) {
	f.Add("999 000 0018")
	f.Fuzz(func(t *testing.T, typed string) {
		if digits, err := NHSNumberDigits(typed); err == nil && (len(digits) != 10 || len(NHSNumber(digits)) != 12) {
			t.Errorf("%q is taken for %q", typed, digits)
		}
	})
}

func TestDatesAreWrittenAsPreciselyAsTheyAreKnown(t *testing.T) {
	for text, want := range map[string]string{"1945-07-14": "14-Jul-1945", "1945-07": "Jul-1945", "1945": "1945", "": "", "2024-05-03T23:30:00Z": "04-May-2024",
		"2024-01-03T23:30:00+00:00": "03-Jan-2024", "2024-05-03T09:40:00.123+01:00": "03-May-2024", "soon": "soon"} {
		if got := Date(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Clock("2024-05-03T23:30:00Z"); got != "00:30" {
		t.Errorf("half past midnight of a summer night in England is shown as %s", got)
	}
}

func TestAge(t *testing.T) {
	on := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for born, want := range map[string]string{"1945-07-14": "81y", "1945-11-01": "81y", "1945-11-02": "80y", "2024-11-01": "2y", "2024-11-02": "23m", "2026-08-01": "3m",
		"2026-08-02": "13w", "2026-10-20": "12d", "2026-11-01": "0d", "1945": "about 81y", "1945-07": "81y", "2027-01-01": "", "": ""} {
		if got := Age(born, on); got != want {
			t.Errorf("born %q: %q, want %q", born, got, want)
		}
	}
}

func TestQuantitiesKeepTheirDigits(t *testing.T) {
	for json, want := range map[string]string{
		`{"value":5.10,"unit":"mmol/L"}`:                "5.10 mmol/L",
		`{"value":90,"comparator":">","unit":"mL/min"}`: ">90 mL/min",
		`{"value":27.123456789,"code":"kg/m2"}`:         "27.12 kg/m²",
		`{"value":0.0005,"unit":"g"}`:                   "0.0005 g",
		`{"value":0.000512345,"unit":"g"}`:              "0.000512 g",
		`{"value":-0.123456,"unit":"x"}`:                "-0.123 x",
		`{"value":5.41,"unit":"10*6/uL"}`:               "5.41 10⁶/uL",
		`{"value":2,"unit":"{score}"}`:                  "2 score",
		`{"value":1e3}`:                                 "1e3",
		`{"value":0.125,"unit":"mg"}`:                   "0.125 mg",
		`{"value":120.00000000000001,"unit":"mm[Hg]"}`:  "120.00 mmHg",
	} {
		r, err := fhir.Parse([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		if got := Quantity(r.Root()); got != want {
			t.Errorf("%s: %q, want %q", json, got, want)
		}
	}
}

func TestChart(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC) }
	none := math.NaN()
	c := Chart{Name: "HbA1c <b>", Unit: "mmol/mol", Low: 20, High: 41, Points: []Point{{at(2022), 38, none, "38"}, {at(2024), 48, none, "48"}, {at(2026), 44, none, "44 mmol/mol"}}}
	svg := string(c.SVG())
	for _, want := range []string{`role="img"`, "HbA1c &lt;b&gt;: 3 values from March 2022 to March 2026, between 38 and 48 mmol/mol, the latest 44 mmol/mol", `class="band"`, ">2022<", ">2026<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the chart does not hold %q:\n%s", want, svg)
		}
	}
	if strings.Count(svg, `class="out"`) != 2 || strings.Count(svg, `class="dot"`) != 1 {
		t.Errorf("two values are above the range, one within:\n%s", svg)
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("not a number in:\n%s", svg)
	}
	if one := (Chart{Points: c.Points[:1]}).SVG(); one != "" {
		t.Errorf("a chart of one value: %s", one)
	}
	same := Chart{Low: none, High: none, Points: []Point{{at(2024), 0, none, "0"}, {at(2024), 0, none, "0"}}}
	if svg := string(same.SVG()); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("two equal values on one day: %s", svg)
	}
}
