package scores

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

func amount(t testing.TB, s string) fhir.Decimal {
	t.Helper()
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The paper prints the equation a second time, by sex and level of creatinine, with rounded factors (Levey 2009, table 2): both say the same.
func TestCKDEPIAsThePaperPrintsItBySexAndLevel(t *testing.T) {
	for _, sex := range []string{"female", "male"} {
		for _, scr := range []string{"0.4", "0.6", "0.7", "0.8", "0.9", "1.0", "1.4", "2.5", "6.0"} {
			for _, age := range []int{18, 40, 64, 90} {
				c := amount(t, scr)
				r, err := CKDEPI(Creatinine{c, "mg/dL", "Observation/1"}, Age{age, "Patient/1"}, Sex{sex, "Patient/1"})
				if err != nil {
					t.Fatal(err)
				}
				factor, level, low := 141.0, 0.9, -0.411
				if sex == "female" {
					factor, level, low = 144, 0.7, -0.329
				}
				exponent := -1.209
				if c.Float64() <= level {
					exponent = low
				}
				want := factor * math.Pow(c.Float64()/level, exponent) * math.Pow(0.993, float64(age))
				if got := r.Value.Float64(); math.Abs(got-want) > 0.5+0.004*want {
					t.Errorf("%s, %d, %s mg/dL: %v, want %.2f", sex, age, scr, got, want)
				}
			}
		}
	}
}

func TestCKDEPIInBothUnitsWithStagesAndInputs(t *testing.T) {
	for _, c := range []struct{ umol, mg, band string }{{"79.56", "0.9", "G1"}, {"123.76", "1.4", "G3a"}, {"530.4", "6.0", "G5"}} {
		a, err := CKDEPI(Creatinine{amount(t, c.umol), "umol/L", "Observation/1"}, Age{60, "Patient/1"}, Sex{"male", "Patient/1"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := CKDEPI(Creatinine{amount(t, c.mg), "mg/dL", "Observation/2"}, Age{60, "Patient/1"}, Sex{"male", "Patient/1"})
		if err != nil {
			t.Fatal(err)
		}
		if a.Value.Cmp(b.Value) != 0 || a.Band != c.band && c.umol != "79.56" {
			t.Errorf("%s µmol/L: %s %s, %s mg/dL: %s", c.umol, a.Value, a.Band, c.mg, b.Value)
		}
		if a.Inputs[0] != (Input{"creatinine", c.umol, "umol/L", "Observation/1"}) || len(a.Inputs) != 3 || a.Source == "" || a.Version == "" {
			t.Errorf("inputs and sources: %+v", a)
		}
	}
	for _, c := range []struct {
		unit, sex string
		age       int
	}{{"umol/L", "male", 17}, {"umol/L", "unknown", 40}, {"mmol/L", "male", 40}} {
		if _, err := CKDEPI(Creatinine{amount(t, "80"), c.unit, ""}, Age{c.age, ""}, Sex{c.sex, ""}); fhir.KindOf(err) != fhir.Unprocessable {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Points as Lip and others give them (2010, table 2), from the lowest to the highest total.
func TestCHA2DS2VASc(t *testing.T) {
	for _, c := range []struct {
		age  int
		sex  string
		has  string
		want string
	}{
		{50, "male", "", "0"}, {64, "female", "", "1"}, {65, "male", "", "1"}, {74, "female", "", "2"}, {75, "male", "", "2"},
		{75, "female", "hypertension;stroke, TIA or thromboembolism", "6"},
		{60, "male", "heart failure;heart failure", "1"}, // said twice, counted once
		{80, "female", "heart failure;hypertension;diabetes;stroke, TIA or thromboembolism;vascular disease", "9"},
	} {
		var has []Fact
		for name := range strings.SplitSeq(c.has, ";") {
			if name != "" {
				has = append(has, Fact{name, "Condition/" + fmt.Sprint(len(has))})
			}
		}
		r, err := CHA2DS2VASc(Age{c.age, "Patient/1"}, Sex{c.sex, "Patient/1"}, has)
		if err != nil || r.Value.String() != c.want {
			t.Errorf("%+v: %+v %v", c, r, err)
		}
	}
	if _, err := CHA2DS2VASc(Age{70, ""}, Sex{"male", ""}, []Fact{{"asthma", ""}}); fhir.KindOf(err) != fhir.Unprocessable {
		t.Errorf("asthma counts: %v", err)
	}
}

func TestQuestionnairesAtEveryCut(t *testing.T) {
	answers := func(n, total int) []int {
		out := make([]int, n)
		for i := range out {
			out[i] = min(3, total)
			total -= out[i]
		}
		return out
	}
	for want, totals := range map[string][]int{"minimal": {0, 4}, "mild": {5, 9}, "moderate": {10, 14}, "moderately severe": {15, 19}, "severe": {20, 24}} {
		for _, total := range totals {
			r, err := PHQ9(answers(9, total), "QuestionnaireResponse/1")
			if err != nil || r.Band != want || r.Raises() {
				t.Errorf("PHQ-9 of %d: %+v %v", total, r, err)
			}
		}
	}
	for want, totals := range map[string][]int{"minimal": {0, 4}, "mild": {5, 9}, "moderate": {10, 14}, "severe": {15, 21}} {
		for _, total := range totals {
			if r, err := GAD7(answers(7, total), "QuestionnaireResponse/1"); err != nil || r.Band != want {
				t.Errorf("GAD-7 of %d: %+v %v", total, r, err)
			}
		}
	}
	for _, bad := range [][]int{{0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 4}, {0, 0, 0, 0, 0, 0, 0, 0, -1}} {
		if _, err := PHQ9(bad, ""); fhir.KindOf(err) != fhir.Unprocessable {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// However low the total is.
func TestThoughtsOfSelfHarmAlwaysRaiseAPerson(t *testing.T) {
	for n := range 4 {
		r, err := PHQ9([]int{0, 0, 0, 0, 0, 0, 0, 0, n}, "QuestionnaireResponse/1")
		if err != nil || r.Raises() != (n > 0) {
			t.Errorf("item 9 of %d: %+v %v", n, r, err)
		}
	}
}

func TestWhoIsDueAnNHSHealthCheck(t *testing.T) {
	on := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		age  int
		has  []Fact
		last time.Time
		want string
	}{
		{39, nil, time.Time{}, "not eligible: aged 39, and it is for people of 40 to 74"},
		{40, nil, time.Time{}, "may be invited"}, {74, nil, time.Time{}, "may be invited"},
		{75, nil, time.Time{}, "not eligible: aged 75, and it is for people of 40 to 74"},
		{50, []Fact{{"diabetes", "Condition/1"}}, time.Time{}, "not eligible: diabetes"},
		{50, nil, on.AddDate(-5, 0, 1), "not due before 21 November 2026"},
		{50, nil, on.AddDate(-5, 0, 0), "may be invited"},
	} {
		r, err := HealthCheck(Age{c.age, "Patient/1"}, c.has, c.last, "Procedure/1", on)
		if err != nil || r.Band != c.want || (r.Value.Sign() == 1) != (c.want == "may be invited") {
			t.Errorf("%+v: %+v %v", c, r, err)
		}
	}
	for _, name := range table.HealthCheck.Excluded {
		if r, err := HealthCheck(Age{50, ""}, []Fact{{name, "Condition/1"}}, time.Time{}, "", on); err != nil || r.Value.Sign() != 0 {
			t.Errorf("with %s: %+v %v", name, r, err)
		}
	}
}

// The cuts of Clegg and others (2016): a band begins above 0.12, 0.24 and 0.36 of 36 deficits.
func TestFrailtyIndexAtEveryCut(t *testing.T) {
	lists := CodeLists{}
	for i := range 36 {
		lists[fmt.Sprintf("deficit %d", i)] = []string{fmt.Sprintf("s|%d", i), fmt.Sprintf("s|other-%d", i)}
	}
	for n, want := range map[int]string{0: "fit", 4: "fit", 5: "mild frailty", 8: "mild frailty", 9: "moderate frailty", 12: "moderate frailty", 13: "severe frailty", 36: "severe frailty"} {
		entries := []Entry{{"s|unknown", "Condition/x"}}
		for i := range n {
			entries = append(entries, Entry{fmt.Sprintf("s|%d", i), fmt.Sprintf("Condition/%d", i)}, Entry{fmt.Sprintf("s|other-%d", i), "Condition/again"})
		}
		r, err := Frailty(Age{80, "Patient/1"}, lists, entries)
		if err != nil || r.Band != want || len(r.Inputs) != n+1 {
			t.Errorf("%d of 36: %+v %v, want %s", n, r, err, want)
		}
	}
	if r, err := Frailty(Age{80, ""}, lists, []Entry{{"s|1", ""}, {"s|2", ""}, {"s|3", ""}}); err != nil || r.Value.String() != "0.083" {
		t.Errorf("%+v %v", r, err)
	}
	delete(lists, "deficit 1")
	if _, err := Frailty(Age{80, ""}, lists, nil); fhir.KindOf(err) != fhir.Unprocessable {
		t.Errorf("with 35 lists: %v", err)
	}
}

func TestALicensedCalculatorIsAnotherProgram(t *testing.T) {
	program := func(text string) Command {
		path := filepath.Join(t.TempDir(), "calculator")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return Command{Path: path, Limit: 5 * time.Second}
	}
	inputs := []Input{{"age", "64", "a", "Patient/1"}}
	var licensed Calculator = program(`grep -q '"score":"QRISK3".*"value":"64"' && echo '{"value": 12.40, "unit": "%", "band": "10-year risk", "source": "ClinRisk", "version": "2018"}'`).Calculate
	r, err := licensed(t.Context(), "QRISK3", inputs)
	if err != nil || r.Value.String() != "12.40" || r.Unit != "%" || len(r.Inputs) != 1 || r.Source != "ClinRisk" {
		t.Errorf("%+v %v", r, err)
	}
	for text, why := range map[string]string{"echo the age is missing >&2; exit 1": "the age is missing", "echo nothing": "no JSON", `echo '{"value":1}'`: "a source and a version", "sleep 20": "could not be worked out"} {
		c := program(text)
		c.Limit = 300 * time.Millisecond
		if _, err := c.Calculate(t.Context(), "QRISK3", inputs); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
