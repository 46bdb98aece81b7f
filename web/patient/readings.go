package patient

import (
	"crypto/rand"
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/web/kit"
)

//go:embed readings.html
var readingsHTML string

var readingsPage = kit.Page(readingsHTML)

// readingsView is a form for a reading, and the readings that came before.
type readingsView struct {
	Frame   kit.Frame
	Errors  []kit.Field
	Fields  []measureField
	Once    string // names what the form sends, so that sending it twice is one reading
	Sent    bool
	Advice  []string // about what was just sent
	Urgent  bool
	Rows    []readingRow
	Average string
}

// measureField is one number that the form asks for.
type measureField struct {
	kit.Field
	Label, Unit string
	kind        *reading.Kind
	unit        reading.Unit
}

type readingRow struct{ At, Name, Value string }

// measureFields are what can be measured at home, in the units used in Britain.
func measureFields() []measureField {
	mmHg, perMinute := reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}, reading.Unit{Shown: "/min", Code: "/min"}
	return []measureField{
		{kit.Field{ID: "systolic"}, "Blood pressure, the upper number", "mmHg", reading.Systolic, mmHg},
		{kit.Field{ID: "diastolic"}, "Blood pressure, the lower number", "mmHg", reading.Diastolic, mmHg},
		{kit.Field{ID: "pulse"}, "Pulse", "beats a minute", reading.HeartRate, perMinute},
		{kit.Field{ID: "saturation"}, "Oxygen level", "%", reading.Saturation, reading.Unit{Shown: "%", Code: "%"}},
		{kit.Field{ID: "weight"}, "Weight", "kg", reading.Weight, reading.Unit{Shown: "kg", Code: "kg"}},
		{kit.Field{ID: "temperature"}, "Temperature", "°C", reading.Temperature, reading.Unit{Shown: "°C", Code: "Cel"}},
		{kit.Field{ID: "glucose"}, "Blood sugar", "mmol/L", reading.Glucose, reading.Unit{Shown: "mmol/L", Code: "mmol/L"}},
	}
}

// shownDays is of how many days readings are listed, and averaged as NICE NG136 has it.
const shownDays = 28

// readings shows the form and what was sent before; by POST it takes a reading.
func (s *Site) readings(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	v := readingsView{Frame: s.Frame("My readings", true, s.Signed), Fields: measureFields(), Once: rand.Text(), Sent: r.URL.Query().Get("did") == "sent"}
	if r.Method == http.MethodPost {
		got, ok := v.read(r)
		if ok {
			got.Subject, got.Route, got.Start = &r4.Reference{Reference: "Patient/" + who.Patient}, reading.Form, fhir.DateTimeOf(s.Time().UTC().Truncate(time.Second))
			_, err := monitor.Send(r.Context(), s.Door, who, v.Once, got)
			switch {
			case err == nil:
				kit.See(w, r, "/my/readings?did=sent")
				return
			case fhir.KindOf(err) != fhir.Invalid:
				s.fail(w, r, err)
				return
			}
			v.Errors = append(v.Errors, kit.Field{ID: v.Fields[0].ID, Error: kit.Sentence(err.Error())})
		}
		v.Frame.Title = "Error: " + v.Frame.Title
	}
	since := s.Time().AddDate(0, 0, -shownDays)
	sent, err := monitor.Sends(r.Context(), s.Door, who, who.Patient, since)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.list(sent, s.Rules, s.Time())
	status := http.StatusOK
	if len(v.Errors) > 0 {
		status = http.StatusBadRequest
	}
	s.Send(w, r, status, readingsPage, v)
}

// read is the reading that a form holds; what is wrong stands in the view.
func (v *readingsView) read(r *http.Request) (got reading.Reading, ok bool) {
	if once := r.PostFormValue("once"); len(once) == len(v.Once) && url.PathEscape(once) == once {
		v.Once = once
	}
	wrong := func(f *measureField, text string) {
		f.Error = text
		v.Errors = append(v.Errors, f.Field)
	}
	for i := range v.Fields {
		f := &v.Fields[i]
		f.Value = strings.TrimSpace(r.PostFormValue(f.ID))
		if f.Value == "" {
			continue
		}
		n, err := fhir.ParseDecimal(strings.Replace(f.Value, ",", ".", 1))
		if err != nil {
			wrong(f, f.Label+" must be a number, such as 72 or 36.8")
			continue
		}
		if _, err := f.kind.Judge(n, f.unit); err != nil {
			wrong(f, f.Label+": "+f.Value+" "+f.Unit+" cannot be right. Check it and enter it again")
			continue
		}
		got.Measures = append(got.Measures, reading.Of(f.kind, n, f.unit))
	}
	up, down := &v.Fields[0], &v.Fields[1]
	switch {
	case len(v.Errors) > 0:
	case len(got.Measures) == 0:
		wrong(up, "Enter at least one number")
	case up.Value == "" && down.Value != "":
		wrong(up, "Enter both numbers of the blood pressure")
	case down.Value == "" && up.Value != "":
		wrong(down, "Enter both numbers of the blood pressure")
	case up.Value != "" && got.Measures[1].Value.Cmp(got.Measures[0].Value) >= 0:
		wrong(down, "The lower number must be less than the upper one")
	}
	return got, len(v.Errors) == 0
}

// list fills in what was sent, newest first, with what is to be said of the newest.
func (v *readingsView) list(sent []monitor.Sent, rules *monitor.Rules, now time.Time) {
	var pressures []monitor.Point
	told := map[string]bool{}
	for _, one := range sent {
		name, words := rules.Words(one)
		if name == "" {
			continue
		}
		v.Rows = append(v.Rows, readingRow{one.At.In(london.Zone).Format("Mon 2 Jan, 15:04"), kit.Capital(name), words})
		if one.Kind == "pressure" {
			pressures = append([]monitor.Point{one.Point}, pressures...)
		}
		if l := rules.Beyond(one); l != nil && v.Sent && !told[one.Kind] && now.Sub(one.At) < 10*time.Minute {
			v.Urgent = v.Urgent || l.Priority == "stat"
			v.Advice = append(v.Advice, words+". "+advise(l))
		}
		told[one.Kind] = true
	}
	if mean, ok := monitor.HomePressure(lately(pressures, now), leastDays); ok {
		v.Average = rules.MeanWords(mean)
	}
}

// leastDays is how many days of home blood pressure an average needs after the first (NICE NG136).
const leastDays = 4

// lately are the points of the last eight days: the first of them does not count.
func lately(points []monitor.Point, now time.Time) []monitor.Point {
	from := now.AddDate(0, 0, -8)
	for len(points) > 0 && points[0].At.Before(from) {
		points = points[1:]
	}
	return points
}

// advise says what to do about a reading that reaches a limit.
func advise(l *monitor.Limit) string {
	if l.Tell != "" {
		return l.Tell
	}
	return "Your team is told. If you feel unwell, call 111, or 999 in an emergency."
}
