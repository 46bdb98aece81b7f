package patient

import (
	"crypto/rand"
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

//go:embed readings.html
var readingsHTML string

var readingsPage = kit.Page(readingsHTML)

// readingsView is a form for a reading, and the readings that came before.
type readingsView struct {
	Frame   kit.Frame
	Base    string // of the addresses
	Name    string // of whose readings they are, where they are somebody else's
	Staff   bool   // staff write down what they were told
	Unseen  bool   // they see no readings but what they write down
	Errors  []kit.Field
	Fields  []measureField
	Way     kit.Field     // of staff: told on the telephone, or from a form on paper
	Day     kit.DateField // of staff: when it was measured, empty for just now
	Clock   kit.Field
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

type readingRow struct {
	At          time.Time
	Name, Value string
}

// measureFields are what can be measured at home, in the units used in Britain.
func measureFields(l *words.Lang) []measureField {
	mmHg, perMinute := reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}, reading.Unit{Shown: "/min", Code: "/min"}
	return []measureField{
		{kit.Field{ID: "systolic"}, l.T("Blood pressure, the upper number"), "mmHg", reading.Systolic, mmHg},
		{kit.Field{ID: "diastolic"}, l.T("Blood pressure, the lower number"), "mmHg", reading.Diastolic, mmHg},
		{kit.Field{ID: "pulse"}, l.T("Pulse"), l.T("beats a minute"), reading.HeartRate, perMinute},
		{kit.Field{ID: "saturation"}, l.T("Oxygen level"), "%", reading.Saturation, reading.Unit{Shown: "%", Code: "%"}},
		{kit.Field{ID: "weight"}, l.T("Weight"), "kg", reading.Weight, reading.Unit{Shown: "kg", Code: "kg"}},
		{kit.Field{ID: "temperature"}, l.T("Temperature"), "°C", reading.Temperature, reading.Unit{Shown: "°C", Code: "Cel"}},
		{kit.Field{ID: "glucose"}, l.T("Blood sugar"), "mmol/L", reading.Glucose, reading.Unit{Shown: "mmol/L", Code: "mmol/L"}},
	}
}

// shownDays is of how many days readings are listed, and averaged as NICE NG136 has it.
const shownDays = 28

// readings shows the form and what was sent before; by POST it takes a reading.
func (s *Site) readings(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	title, back := at.Words.T("My readings"), ""
	if at.Staff {
		back = "/front"
	}
	v := readingsView{Frame: s.Frame(at, title, back), Base: at.Base, Name: at.Name, Staff: at.Staff, Way: kit.Field{ID: "way"}, Day: kit.DateField{ID: "day"}, Clock: kit.Field{ID: "clock"}, Fields: measureFields(at.Words), Once: rand.Text(), Sent: r.URL.Query().Get("did") == "sent"}
	var err error
	if v.Unseen, err = s.unseen(r, at); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if r.Method == http.MethodPost {
		got, ok := v.read(r, at.Words)
		if at.Staff {
			ok = v.told(r, &got, s.Time()) && ok
		}
		if ok {
			got.Subject = &r4.Reference{Reference: "Patient/" + at.Patient}
			if got.Route == "" {
				got.Route, got.Start = reading.Form, fhir.DateTimeOf(s.Time().UTC().Truncate(time.Second))
			} else if strings.HasPrefix(at.Who.ID, "Practitioner") {
				got.By = &r4.Reference{Reference: at.Who.ID}
			}
			sent, err := monitor.Send(r.Context(), s.Door, at.Who, v.Once, got)
			switch {
			case err == nil && v.Unseen:
				// What was just sent is shown at once, since it cannot be read again.
				v.Once, v.Sent, v.Fields, v.Way, v.Day, v.Clock = rand.Text(), true, measureFields(at.Words), kit.Field{ID: "way"}, kit.DateField{ID: "day"}, kit.Field{ID: "clock"}
				v.list(sent, s.Rules, s.Time(), at.Words)
				s.Send(w, r, http.StatusOK, readingsPage, v)
				return
			case err == nil:
				kit.See(w, r, at.Base+"/readings?did=sent")
				return
			case fhir.KindOf(err) != fhir.Invalid:
				s.Fail(w, r, at, err)
				return
			}
			v.Errors = append(v.Errors, kit.Field{ID: v.Fields[0].ID, Error: kit.Sentence(err.Error())})
		}
		v.Frame.Title = at.Words.T("Error:") + " " + v.Frame.Title
	}
	if !v.Unseen {
		sent, err := monitor.Sends(r.Context(), s.Door, at.Who, at.Patient, s.Time().AddDate(0, 0, -shownDays))
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.list(sent, s.Rules, s.Time(), at.Words)
	}
	status := http.StatusOK
	if len(v.Errors) > 0 {
		status = http.StatusBadRequest
	}
	s.Send(w, r, status, readingsPage, v)
}

// unseen reports whether staff who sit there see no readings but may write down what they are told. Forbidden where they may not do that either.
func (s *Site) unseen(r *http.Request, at seat.Seat) (bool, error) {
	d, err := s.Door.Decide(r.Context(), at.Who, access.Read, "Observation", at.Patient)
	if err != nil || d.Permit || !at.Staff {
		return false, err
	}
	if d, err = s.Door.Decide(r.Context(), at.Who, access.Create, "Task", at.Patient); err == nil && !d.Permit {
		err = fhir.Errorf(fhir.Forbidden, "%s", d.Sentence())
	}
	return true, err
}

// read is the reading that a form holds; what is wrong stands in the view.
func (v *readingsView) read(r *http.Request, l *words.Lang) (got reading.Reading, ok bool) {
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
			wrong(f, l.T("%s must be a number, such as 72 or 36.8", f.Label))
			continue
		}
		if _, err := f.kind.Judge(n, f.unit); err != nil {
			wrong(f, l.T("%s: %s %s cannot be right. Check it and enter it again", f.Label, f.Value, f.Unit))
			continue
		}
		got.Measures = append(got.Measures, reading.Of(f.kind, n, f.unit))
	}
	up, down := &v.Fields[0], &v.Fields[1]
	switch {
	case len(v.Errors) > 0:
	case len(got.Measures) == 0:
		wrong(up, l.T("Enter at least one number"))
	case up.Value == "" && down.Value != "":
		wrong(up, l.T("Enter both numbers of the blood pressure"))
	case down.Value == "" && up.Value != "":
		wrong(down, l.T("Enter both numbers of the blood pressure"))
	case up.Value != "" && got.Measures[1].Value.Cmp(got.Measures[0].Value) >= 0:
		wrong(down, l.T("The lower number must be less than the upper one"))
	}
	return got, len(v.Errors) == 0
}

// told reads how and when staff were told of a reading; what is wrong stands in the view.
func (v *readingsView) told(r *http.Request, got *reading.Reading, now time.Time) bool {
	v.Way.Value, v.Clock.Value, v.Day = r.PostFormValue("way"), strings.TrimSpace(r.PostFormValue("clock")), kit.DateOf(r, "day")
	got.Route = map[string]reading.Route{"telephone": reading.Call, "paper": reading.Paper}[v.Way.Value]
	if got.Route == "" {
		v.Way.Error = "Choose how you were told"
		v.Errors = append(v.Errors, v.Way)
	}
	got.Start = fhir.DateTimeOf(now.UTC().Truncate(time.Second))
	if v.Day.Day+v.Day.Month+v.Day.Year+v.Clock.Value == "" {
		return got.Route != ""
	}
	iso, wrong := v.Day.Born(now, words.In("en"))
	day, _ := time.Parse(time.DateOnly, iso)
	clock, err := time.Parse("15:04", v.Clock.Value)
	at, _ := london.Time(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0)
	switch {
	case wrong != "":
		v.Day.Error = strings.Replace(wrong, "Enter a date of birth", "Enter the day when it was measured", 1)
	case err != nil:
		v.Clock.Error = "Enter the time when it was measured, such as 08:30"
	case at.After(now) || now.Sub(at) > 90*24*time.Hour:
		v.Day.Error = "It must have been measured in the last 90 days"
	default:
		got.Start = london.DateTime(at)
		return got.Route != ""
	}
	v.Errors = append(v.Errors, kit.Field{ID: v.Day.ID, Error: v.Day.Error + v.Clock.Error})
	return false
}

// list fills in what was sent, newest first, with what is to be said of the newest.
func (v *readingsView) list(sent []monitor.Sent, rules *monitor.Rules, now time.Time, l *words.Lang) {
	var pressures []monitor.Point
	told := map[string]bool{}
	for _, one := range sent {
		name, said := rules.Words(one)
		if name == "" {
			continue
		}
		v.Rows = append(v.Rows, readingRow{one.At, kit.Capital(l.T(name)), said})
		if one.Kind == "pressure" {
			pressures = append([]monitor.Point{one.Point}, pressures...)
		}
		if limit := rules.Beyond(one); limit != nil && v.Sent && !told[one.Kind] && now.Sub(one.At) < 10*time.Minute {
			v.Urgent = v.Urgent || limit.Priority == "stat"
			v.Advice = append(v.Advice, said+". "+advise(limit, l))
		}
		told[one.Kind] = true
	}
	if mean, ok := monitor.HomePressure(lately(pressures, now), leastDays); ok {
		v.Average = l.T("Your average at home is %.0f/%.0f over %d days.", mean.Systolic, mean.Diastolic, mean.Days)
		if rules.High(mean) {
			v.Average = l.T("Your average at home is %.0f/%.0f over %d days, which is high.", mean.Systolic, mean.Diastolic, mean.Days)
		}
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
func advise(limit *monitor.Limit, l *words.Lang) string {
	if limit.Tell != "" {
		return l.T(limit.Tell)
	}
	return l.T("Your team is told. If you feel unwell, call 111, or 999 in an emergency.")
}
