package devices

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/reading"
)

// omhHeader says who measured what, when and how. https://www.openmhealth.org/schemas/
type omhHeader struct {
	ID          string `json:"id"`
	Created     string `json:"creation_date_time"`
	UserID      string `json:"user_id"`
	SchemaID    omhID  `json:"schema_id"`
	Acquisition source `json:"acquisition_provenance"`
}

type omhID struct{ Namespace, Name, Version string }

type source struct {
	Name     string `json:"source_name"`
	Created  string `json:"source_creation_date_time"`
	Modality string `json:"modality"`
}

func (b *book) openMHealth(head, body json.RawMessage) (*taken, error) {
	h := &omhHeader{}
	if err := json.Unmarshal(head, h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	switch {
	case h.ID == "":
		return nil, errors.New("header: there is no id")
	case h.Created == "":
		return nil, errors.New("header: there is no creation_date_time")
	case h.SchemaID.Name == "" || h.SchemaID.Version == "":
		return nil, errors.New("header: schema_id does not name a schema and its version")
	case h.SchemaID.Namespace != "omh":
		return nil, fmt.Errorf("header: schema_id: schemas of namespace %q are not known, those of omh are", h.SchemaID.Namespace)
	case h.Acquisition.Modality != "" && h.Acquisition.Modality != "sensed" && h.Acquisition.Modality != "self-reported":
		return nil, fmt.Errorf("header: modality is sensed or self-reported, not %q", h.Acquisition.Modality)
	}
	created, err := written(h.Created)
	if err != nil {
		return nil, fmt.Errorf("header: creation_date_time: %w", err)
	}
	r, err := CheckOpenMHealth(h.SchemaID.Name, h.SchemaID.Version, body)
	if err != nil {
		return nil, err
	}
	out := &taken{id: h.ID, owner: h.UserID, named: h.Acquisition.Name, measures: r.measures, notes: r.notes, method: r.method, start: r.start, end: r.end, route: by(h.Acquisition.Modality == "self-reported")}
	if out.start.Year == 0 {
		out.start = created
		out.notes = append(out.notes, "The data point did not say when: this is when it was made.")
	}
	if out.start.Low().Sub(created.High()) > mostEarly {
		return nil, fmt.Errorf("effective_time_frame: the measurement is of %s, after the data point was made, at %s", out.start, created)
	}
	return out, nil
}

// omhSchema is what a schema's versions ask of a body.
type omhSchema struct {
	numbers []omhNumber
	timed   string              // from this version on a time frame must be there
	ieee    string              // from this version on it is IEEE 1752's, which has no parts of a day
	words   map[string][]string // elements with a fixed list of words
	since   string              // the first version
	until   string              // the last
}

// omhNumber is one number of a body.
type omhNumber struct {
	element string
	kind    *reading.Kind
	units   map[string]string // UCUM's code by the schema's word
	bare    string            // until this version a number without a unit is allowed; "" for never
}

var (
	statistics = []string{"average", "maximum", "minimum", "standard deviation", "variance", "sum", "median", "count", "quartile deviation", "20th percentile", "80th percentile", "lower quartile", "upper quartile", "1st quintile", "2nd quintile",
		"3rd quintile", "4th quintile"}
	meals     = []string{"fasting", "not fasting", "before meal", "after meal", "before breakfast", "after breakfast", "before lunch", "after lunch", "before dinner", "after dinner", "2 hours postprandial", "not related to meals", "with meal", "with food"}
	exertion  = []string{"at rest", "active", "before exercise", "after exercise", "during exercise"}
	sleeping  = []string{"before sleeping", "during sleep", "on waking"}
	postures  = []string{"sitting", "lying down", "standing", "semi-recumbent"}
	locations = []string{"left ankle", "right ankle", "left hip", "right hip", "left thigh", "right thigh", "left thorax", "middle left thorax", "left upper arm", "right upper arm", "left wrist", "right wrist"}
	specimens = []string{"interstitial fluid", "capillary blood", "plasma", "serum", "tears", "whole blood", "breath", "lacrimal fluid", "saliva", "sweat", "urine"}
	bloods    = []string{"whole blood", "plasma", "serum"}
	places    = []string{"axillary", "finger", "forehead", "oral", "rectal", "temporal artery", "toe", "tympanic", "wrist", "vagina", "vaginal", "otic", "chest", "temporal"}

	masses    = map[string]string{"fg": "fg", "pg": "pg", "ng": "ng", "ug": "ug", "mg": "mg", "g": "g", "kg": "kg", "Metric Ton": "t", "gr": "[gr]", "oz": "[oz_av]", "lb": "[lb_av]", "Ton": "[ston_av]"}
	lengths   = map[string]string{"fm": "fm", "pm": "pm", "nm": "nm", "um": "um", "mm": "mm", "cm": "cm", "m": "m", "km": "km", "in": "[in_i]", "ft": "[ft_i]", "yd": "[yd_i]", "mi": "[mi_i]"}
	degrees   = map[string]string{"K": "K", "F": "[degF]", "C": "Cel"}
	pressures = map[string]string{"mmHg": "mm[Hg]"}
)

// omhSchemas are the schemas that are read, after the schemas themselves (Open mHealth, Apache-2.0, 2024-08).
var omhSchemas = map[string]omhSchema{
	"blood-pressure": {[]omhNumber{{"systolic_blood_pressure", reading.Systolic, pressures, ""}, {"diastolic_blood_pressure", reading.Diastolic, pressures, ""}}, "3.0", "4.0",
		map[string][]string{"descriptive_statistic": statistics, "body_posture": postures, "position_during_measurement": postures[:3], "measurement_location": locations, "temporal_relationship_to_physical_activity": exertion}, "1.0", "4.0"},
	"blood-glucose": {[]omhNumber{{"blood_glucose", reading.Glucose, map[string]string{"mg/dL": "mg/dL", "mmol/L": "mmol/L"}, ""}}, "3.0", "4.0",
		map[string][]string{"descriptive_statistic": statistics, "specimen_source": specimens, "blood_specimen_type": bloods, "temporal_relationship_to_meal": meals, "temporal_relationship_to_sleep": sleeping}, "1.0", "4.0"},
	"body-weight":       {[]omhNumber{{"body_weight", reading.Weight, masses, ""}}, "2.0", "3.0", map[string][]string{"descriptive_statistic": statistics}, "1.0", "3.0"},
	"body-height":       {[]omhNumber{{"body_height", reading.Height, lengths, ""}}, "2.0", "", map[string][]string{"descriptive_statistic": statistics}, "1.0", "2.0"},
	"body-mass-index":   {[]omhNumber{{"body_mass_index", reading.BMI, map[string]string{"kg/m2": "kg/m2", "kg/m^2": "kg/m2"}, ""}}, "2.0", "3.0", map[string][]string{"descriptive_statistic": statistics}, "1.0", "3.0"},
	"body-temperature":  {[]omhNumber{{"body_temperature", reading.Temperature, degrees, ""}}, "3.0", "4.0", map[string][]string{"descriptive_statistic": statistics, "measurement_location": places, "temporal_relationship_to_sleep": sleeping}, "1.0", "4.0"},
	"heart-rate":        {[]omhNumber{{"heart_rate", reading.HeartRate, map[string]string{"beats/min": "/min"}, ""}}, "2.0", "", map[string][]string{"descriptive_statistic": statistics, "temporal_relationship_to_physical_activity": exertion, "temporal_relationship_to_sleep": sleeping}, "1.0", "2.0"},
	"oxygen-saturation": {[]omhNumber{{"oxygen_saturation", reading.Saturation, map[string]string{"%": "%"}, ""}}, "2.0", "", map[string][]string{"descriptive_statistic": statistics, "system": {"peripheral capillary"}, "oxygen_therapy_mode_of_administration": {"nasal cannula"}, "measurement_method": {"pulse oximetry"}}, "1.0", "2.0"},
	"respiratory-rate":  {[]omhNumber{{"respiratory_rate", reading.Breathing, map[string]string{"breaths/min": "/min"}, ""}}, "2.0", "", map[string][]string{"descriptive_statistic": statistics, "temporal_relationship_to_physical_activity": exertion}, "1.0", "2.0"},
	"step-count":        {[]omhNumber{{"step_count", reading.Steps, map[string]string{"steps": "{steps}"}, "2.0"}}, "1.0", "3.0", map[string][]string{"descriptive_statistic": statistics, "descriptive_statistic_denominator": {"d", "wk", "Mo", "episode", "meal", "session"}}, "1.0", "3.0"},
}

// CheckOpenMHealth holds the body of a data point against its schema and reads it. The error says which element is at fault. What has no rule in a schema is
// allowed, as JSON Schema has it.
func CheckOpenMHealth(name, version string, body json.RawMessage) (*Body, error) {
	s, ok := omhSchemas[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema %s among those that are read", name)
	}
	if len(version) != 3 || version[1] != '.' || version < s.since || version > s.until {
		return nil, fmt.Errorf("the schema %s has no version %q: it has %s to %s", name, version, s.since, s.until)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, errors.New("body: it is no object")
	}
	out := &Body{}
	for _, n := range s.numbers {
		m, err := n.read(members[n.element], version)
		if err != nil {
			return nil, fmt.Errorf("body: %s: %w", n.element, err)
		}
		out.measures = append(out.measures, m)
	}
	if err := out.words(s, members); err != nil {
		return nil, err
	}
	frame, there := members["effective_time_frame"]
	if !there {
		if version >= s.timed {
			return nil, errors.New("body: effective_time_frame: it is missing")
		}
		return out, nil
	}
	if err := out.frame(frame, s.ieee != "" && version >= s.ieee); err != nil {
		return nil, fmt.Errorf("body: effective_time_frame: %w", err)
	}
	return out, nil
}

// Body is what the body of a data point says.
type Body struct {
	measures   []reading.Measure
	notes      []string
	method     string
	start, end fhir.DateTime
}

func (n *omhNumber) read(raw json.RawMessage, version string) (reading.Measure, error) {
	if raw == nil {
		return reading.Measure{}, errors.New("it is missing")
	}
	if n.bare != "" && version <= n.bare {
		if d, err := fhir.ParseDecimal([]byte(raw)); err == nil {
			return reading.Of(n.kind, d, reading.Unit{Shown: "steps", Code: "{steps}"}), nil
		}
	}
	var v struct {
		Value json.RawMessage
		Unit  *string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return reading.Measure{}, errors.New("it is no value with a unit")
	}
	if v.Value == nil {
		return reading.Measure{}, errors.New("it has no value")
	}
	d, err := fhir.ParseDecimal([]byte(v.Value))
	if err != nil {
		return reading.Measure{}, fmt.Errorf("the value %s is no number", v.Value)
	}
	if v.Unit == nil {
		return reading.Measure{}, errors.New("it has no unit")
	}
	code, ok := n.units[*v.Unit]
	if !ok {
		return reading.Measure{}, fmt.Errorf("%q is no unit of it", *v.Unit)
	}
	return reading.Of(n.kind, d, reading.Unit{Shown: *v.Unit, Code: code}), nil
}

// words checks the elements that have a fixed list of words, and keeps what they say.
func (o *Body) words(s omhSchema, members map[string]json.RawMessage) error {
	for _, element := range slices.Sorted(maps.Keys(s.words)) {
		raw, there := members[element]
		if !there {
			continue
		}
		var w string
		if err := json.Unmarshal(raw, &w); err != nil || !slices.Contains(s.words[element], w) {
			return fmt.Errorf("body: %s: %s is none of %s", element, raw, strings.Join(s.words[element], ", "))
		}
		if element == "descriptive_statistic" {
			o.method = w
			continue
		}
		plain := strings.ReplaceAll(element, "_", " ")
		o.notes = append(o.notes, strings.ToUpper(plain[:1])+plain[1:]+": "+w+".")
	}
	var said string
	if json.Unmarshal(members["user_notes"], &said) == nil && said != "" {
		o.notes = append(o.notes, said)
	}
	return nil
}

// frame reads a point in time or an interval; exactly one of the ways to say an interval must be there.
func (o *Body) frame(raw json.RawMessage, ieee bool) error {
	var f struct {
		At       *string          `json:"date_time"`
		Interval *json.RawMessage `json:"time_interval"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return errors.New("it is no time frame")
	}
	if (f.At == nil) == (f.Interval == nil) {
		return errors.New("it has one of date_time and time_interval")
	}
	var err error
	if f.At != nil {
		o.start, err = instant("date_time", *f.At)
		return err
	}
	var i struct {
		Start    *string `json:"start_date_time"`
		End      *string `json:"end_date_time"`
		Date     *string `json:"date"`
		Part     *string `json:"part_of_day"`
		Duration *struct {
			Value json.RawMessage
			Unit  string
		} `json:"duration"`
	}
	if err := json.Unmarshal(*f.Interval, &i); err != nil {
		return errors.New("time_interval: it is no interval")
	}
	ways := 0
	for _, there := range []bool{i.Start != nil && i.Duration != nil, i.End != nil && i.Duration != nil, i.Start != nil && i.End != nil, i.Date != nil && i.Part != nil && !ieee} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		return errors.New("time_interval: it has two of start_date_time, end_date_time and duration" + map[bool]string{false: ", or date and part_of_day", true: ""}[ieee])
	}
	if i.Date != nil && i.Part != nil && !ieee {
		if !slices.Contains([]string{"morning", "afternoon", "evening", "night"}, *i.Part) {
			return fmt.Errorf("time_interval: part_of_day: %q is none of morning, afternoon, evening, night", *i.Part)
		}
		if o.start, err = fhir.ParseDate(*i.Date); err != nil || o.start.Day == 0 {
			return fmt.Errorf("time_interval: date: %q is no day", *i.Date)
		}
		o.notes = append(o.notes, "In the "+*i.Part+".")
		return nil
	}
	if i.Start != nil {
		if o.start, err = instant("start_date_time", *i.Start); err != nil {
			return err
		}
	}
	if i.End != nil {
		if o.end, err = instant("end_date_time", *i.End); err != nil {
			return err
		}
	}
	if i.Duration != nil {
		long, err := duration(i.Duration.Value, i.Duration.Unit)
		if err != nil {
			return fmt.Errorf("time_interval: duration: %w", err)
		}
		if i.Start != nil {
			o.end = fhir.DateTimeOf(o.start.Low().Add(long))
		} else {
			o.start = fhir.DateTimeOf(o.end.Low().Add(-long))
		}
	}
	if o.end.Low().Before(o.start.Low()) {
		return fmt.Errorf("time_interval: it ends at %s, before it begins at %s", o.end, o.start)
	}
	return nil
}

// instant is a time of RFC 3339; without an offset it is UTC, as the schema says.
func instant(element, s string) (fhir.DateTime, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.Parse("2006-01-02T15:04:05", s); err != nil {
			return fhir.DateTime{}, fmt.Errorf("%s: %q is no time of RFC 3339", element, s)
		}
		s += "Z"
	}
	if t.Year() < 1850 || t.Year() > 2150 {
		return fhir.DateTime{}, fmt.Errorf("%s: %q cannot be a time in a life", element, s)
	}
	return fhir.ParseDateTime(s)
}

// spans are durations in seconds; a month and a year are UCUM's.
var spans = map[string]string{"ps": "0", "ns": "0", "us": "0", "ms": "0.001", "sec": "1", "min": "60", "h": "3600", "d": "86400", "wk": "604800", "Mo": "2629800", "yr": "31557600"}

func duration(raw json.RawMessage, u string) (time.Duration, error) {
	n, err := fhir.ParseDecimal([]byte(raw))
	if err != nil {
		return 0, errors.New("it has no value")
	}
	seconds, ok := spans[u]
	if !ok {
		return 0, fmt.Errorf("%q is no unit of time", u)
	}
	s, ok := n.Mul(reading.Number(seconds)).Mul(fhir.MakeDecimal(1000, 0)).Round(0).Int64()
	if !ok || s < 0 || s > 1<<42 {
		return 0, fmt.Errorf("%s %s is no length of time", n, u)
	}
	return time.Duration(s) * time.Millisecond, nil
}
