package monitor

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func rules(t testing.TB) *Rules {
	t.Helper()
	r, err := ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHistoriesInEveryFormAndUnit(t *testing.T) {
	var h Histories
	for name, text := range map[string]string{
		"a.csv": "time,person,kind,value,unit,value2,deterioration\n2026-11-20T09:00:00Z,a,pressure,24.26,kPa,13.87,\n2026-11-20T09:01:00Z,a,weight,176,[lb_av],,\n2026-11-20T09:02:00Z,a,weight,12.5,[stone_av],,\n" +
			"2026-11-20T09:03:00Z,a,glucose,100,mg/dL,,\n2026-11-21T09:00:00Z,a,,,,,heart failure\n",
		"b.ndjson": strings.Replace(pressureText, "Patient/p", "b", 1) + "\n" + strings.Replace(pressureText, "Patient/p", "b", 1),
		"c.json":   `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + strings.Replace(pressureText, "Patient/p", "c", 1) + `}]}`,
	} {
		if err := h.Read(name, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	all := h.All()
	if len(all) != 3 || len(all[0].Readings) != 4 || len(all[0].Events) != 1 || len(all[1].Readings) != 2 || len(all[2].Readings) != 1 {
		t.Fatalf("%+v", all)
	}
	for i, want := range []float64{182, 79.83, 79.38, 5.55} {
		if got := all[0].Readings[i].Value; got < want-0.05 || got > want+0.05 {
			t.Errorf("%s: %v, want %v", all[0].Readings[i].Kind, got, want)
		}
	}
	if got := all[2].Readings[0]; got.Value < 99 || got.Value > 100 || got.Value2 != 60 {
		t.Errorf("kPa of FHIR: %+v", got)
	}
	for text, why := range map[string]string{"person,time\n": "no column kind", "person,time,kind,value,unit\na,now,weight,80,kg\n": "line 2: time", "person,time,kind,value,unit\na,2026-11-20T09:00:00Z,weight,80,mmHg\n": "no unit of Body weight",
		"person,time,kind,value,unit\na,2026-11-20T09:00:00Z,mood,80,kg\n": "nothing that is measured", "": "empty"} {
		if err := new(Histories).Read("x", bytes.NewReader([]byte(text))); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}
