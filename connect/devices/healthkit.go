package devices

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
)

// mostExport bounds an export once it is unpacked.
const mostExport = 4 << 30

// healthKitZip reads export.xml out of the zip in which an iPhone sends it.
func (b *book) healthKitZip(raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s is no zip that can be read: %w", b.Item.Name, err)
	}
	for _, f := range z.File {
		if path.Base(f.Name) != "export.xml" {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return fhir.Errorf(fhir.Invalid, "%s: %s: %w", b.Item.Name, f.Name, err)
		}
		defer in.Close()
		return b.healthKit(io.LimitReader(in, mostExport))
	}
	return fhir.Errorf(fhir.Invalid, "%s holds no export.xml", b.Item.Name)
}

// hkType is how HealthKit names what is measured. Of those that stream, a day with many points becomes one Observation.
type hkType struct {
	kind   *reading.Kind
	units  map[string]string
	stream bool
	sum    bool // the points of a minute add up
}

var counts = map[string]string{"count/min": "/min"}

var hkTypes = map[string]hkType{
	"HeartRate":              {reading.HeartRate, counts, true, false},
	"StepCount":              {reading.Steps, map[string]string{"count": "{steps}"}, true, true},
	"OxygenSaturation":       {reading.Saturation, map[string]string{"%": "%"}, true, false},
	"RespiratoryRate":        {reading.Breathing, counts, true, false},
	"RestingHeartRate":       {reading.RestingRate, counts, false, false},
	"BloodPressureSystolic":  {reading.Systolic, pressures, false, false},
	"BloodPressureDiastolic": {reading.Diastolic, pressures, false, false},
	"BodyMass":               {reading.Weight, map[string]string{"kg": "kg", "g": "g", "lb": "[lb_av]", "oz": "[oz_av]", "st": "[stone_av]"}, false, false},
	"BodyTemperature":        {reading.Temperature, map[string]string{"degC": "Cel", "degF": "[degF]", "K": "K"}, false, false},
	"BloodGlucose":           {reading.Glucose, map[string]string{"mg/dL": "mg/dL", "mmol<180.1558800000541>/L": "mmol/L", "mmol/L": "mmol/L"}, false, false},
	"Height":                 {reading.Height, map[string]string{"cm": "cm", "m": "m", "in": "[in_i]", "ft": "[ft_i]"}, false, false},
	"BodyMassIndex":          {reading.BMI, map[string]string{"count": "kg/m2"}, false, false},
	"BodyFatPercentage":      {reading.BodyFat, map[string]string{"%": "%"}, false, false},
}

// hkRecord is one record of an export.
type hkRecord struct {
	Type       string `xml:"type,attr"`
	SourceName string `xml:"sourceName,attr"`
	Device     string `xml:"device,attr"`
	Unit       string `xml:"unit,attr"`
	Created    string `xml:"creationDate,attr"`
	Start      string `xml:"startDate,attr"`
	End        string `xml:"endDate,attr"`
	Value      string `xml:"value,attr"`
	Metadata   []struct {
		Key   string `xml:"key,attr"`
		Value string `xml:"value,attr"`
	} `xml:"MetadataEntry"`
}

// point is a record that has been understood.
type point struct {
	m          reading.Measure
	start, end time.Time
	typed      bool
	hk         hkType
	name       string
	source     string
}

// healthKit reads an export as it streams by. Records within a correlation stand outside of it as well, so they are taken once.
func (b *book) healthKit(in io.Reader) error {
	d := xml.NewDecoder(in)
	h := &hkExport{b: b, days: map[string][]point{}, pairs: map[string][2]*point{}}
	began := false
	for {
		token, err := d.Token()
		if err == io.EOF && began {
			break
		}
		if err != nil {
			if began {
				return fhir.Errorf(fhir.Invalid, "%s: the export breaks off or is damaged: %w", b.Item.Name, err)
			}
			return fhir.Errorf(fhir.Invalid, "%s is no export of HealthKit: %w", b.Item.Name, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "HealthData":
			began = true
			if b.Feed.Map == "" {
				return fhir.Errorf(fhir.Invalid, "%s does not say whose it is, as no export does: name the user in the feed's setting (map)", b.Item.Name)
			}
		case "Me":
			if err := h.me(start); err != nil {
				return err
			}
		case "Record":
			line, _ := d.InputPos()
			var r hkRecord
			if err = d.DecodeElement(&r, &start); err == nil {
				h.record(&r, int64(line))
			}
		default:
			if !began {
				return fhir.Errorf(fhir.Invalid, "%s is no export of HealthKit: it begins with %s, not HealthData", b.Item.Name, start.Name.Local)
			}
		}
		if err != nil {
			return fhir.Errorf(fhir.Invalid, "%s: the export breaks off or is damaged: %w", b.Item.Name, err)
		}
	}
	return h.file()
}

// hkExport gathers the points of an export: those that stream by day, pressures in pairs.
type hkExport struct {
	b     *book
	days  map[string][]point
	pairs map[string][2]*point
}

// me is whose export it is. Who that is among the feed's people, only the feed's setting says.
func (h *hkExport) me(start xml.StartElement) error {
	var p fact.Person
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "HKCharacteristicTypeIdentifierDateOfBirth":
			born, err := fact.Day(a.Value, "2006-01-02")
			if err != nil {
				return fhir.Errorf(fhir.Invalid, "%s: Me: date of birth: %w", h.b.Item.Name, err)
			}
			p.Born = born
		case "HKCharacteristicTypeIdentifierBiologicalSex":
			p.Sex = strings.TrimPrefix(a.Value, "HKBiologicalSex")
			if p.Sex == "NotSet" {
				p.Sex = ""
			}
		}
	}
	there, err := h.b.There(h.b.ctx, "Patient", h.b.Feed.Map)
	if err == nil && !there {
		h.b.Put("Patient", h.b.Feed.Map, "Me", p.Patient(h.b.Feed.Name, h.b.Feed.Map))
	}
	return err
}

const hkTime = "2006-01-02 15:04:05 -0700"

func (h *hkExport) record(r *hkRecord, line int64) {
	name := strings.TrimPrefix(r.Type, "HKQuantityTypeIdentifier")
	t, ok := hkTypes[name]
	if !ok {
		h.b.Note("not read: %s", strings.TrimPrefix(strings.TrimPrefix(name, "HKCategoryTypeIdentifier"), "HKDataType"))
		return
	}
	h.b.In++
	p, err := h.point(r, t)
	if err != nil {
		h.b.Bad(line, fmt.Sprintf("%s %s %s %s (%s)", r.Type, r.Value, r.Unit, r.Start, r.SourceName), err)
		return
	}
	p.name = name
	switch {
	case t.kind == reading.Systolic || t.kind == reading.Diastolic:
		key := p.source + "|" + p.start.UTC().Format(time.RFC3339)
		pair := h.pairs[key]
		pair[map[bool]int{true: 1}[t.kind == reading.Diastolic]] = p
		h.pairs[key] = pair
	default:
		key := name + "|" + p.source + "|" + p.start.In(london.Zone).Format("2006-01-02")
		h.days[key] = append(h.days[key], *p)
	}
}

func (h *hkExport) point(r *hkRecord, t hkType) (*point, error) {
	v, err := fhir.ParseDecimal(r.Value)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", r.Value)
	}
	code, ok := t.units[r.Unit]
	if !ok {
		return nil, fmt.Errorf("%q is no unit of %s", r.Unit, t.kind.Display)
	}
	shown := r.Unit
	switch code {
	case "%": // HealthKit writes 97 % as 0.97
		if v.Cmp(fhir.MakeDecimal(1, 0)) <= 0 {
			v = v.Mul(fhir.MakeDecimal(100, 0)).Trim()
		}
	case "mmol/L", "{steps}", "kg/m2", "/min":
		shown = strings.Trim(code, "{}")
	}
	p := &point{m: reading.Of(t.kind, v, reading.Unit{Shown: shown, Code: code}), hk: t, source: r.SourceName}
	if p.start, err = time.Parse(hkTime, r.Start); err != nil {
		return nil, fmt.Errorf("startDate: %q is no time", r.Start)
	}
	if p.end, err = time.Parse(hkTime, r.End); err != nil || p.end.Before(p.start) {
		return nil, fmt.Errorf("endDate: %q is no time after the start", r.End)
	}
	if _, err := t.kind.Judge(v, p.m.Unit); err != nil {
		return nil, err
	}
	for _, m := range r.Metadata {
		p.typed = p.typed || m.Key == "HKWasUserEntered" && m.Value == "1"
	}
	return p, nil
}

// many is how many points of a day become one Observation.
const many = 12

func (h *hkExport) file() error {
	for _, key := range sortedKeys(h.days) {
		points := h.days[key]
		slices.SortStableFunc(points, func(a, b point) int { return a.start.Compare(b.start) })
		if points[0].hk.stream && len(points) >= many {
			if err := h.day(key, points); err != nil {
				return err
			}
			continue
		}
		for i := range points {
			if err := h.single(&points[i], points[i].m); err != nil {
				return err
			}
		}
	}
	for _, key := range sortedKeys(h.pairs) {
		pair := h.pairs[key]
		up, down := pair[0], pair[1]
		if up == nil || down == nil {
			h.b.Bad(0, key, errors.New("a pressure without its other half"))
			continue
		}
		if err := h.single(up, up.m, down.m); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// key names a record: HealthKit gives none, and a later export says the same of the same time.
func (p *point) key() string {
	return fmt.Sprintf("%s|%s|%s|%s", p.name, p.source, p.start.UTC().Format(time.RFC3339), p.end.UTC().Format(time.RFC3339))
}

func moment(t time.Time) fhir.DateTime {
	d := fhir.DateTimeOf(t)
	d.Clock.Known, d.Clock.Places, d.Clock.Nanos = fhir.Second, 0, 0
	return d
}

func (h *hkExport) single(p *point, measures ...reading.Measure) error {
	r := &taken{id: p.key(), named: p.source, start: moment(p.start), end: moment(p.end), measures: measures, route: by(p.typed), place: "Record"}
	if err := h.b.put(r); err != nil {
		h.b.Bad(0, r.id, err)
	}
	return nil
}

// day is a day of a stream as SampledData, one value a minute: points within one minute are averaged, or added up where they are counts. What the export said to
// the second is kept as it came.
func (h *hkExport) day(key string, points []point) error {
	b := h.b
	first := &points[0]
	there, err := b.There(b.ctx, "Observation", first.key())
	if err != nil {
		return err
	}
	if there { // an earlier export had too few points of the day
		for i := range points {
			if _, err := b.Drop(b.ctx, "Observation", points[i].key()); err != nil {
				return err
			}
		}
	}
	begin := first.start.Truncate(time.Minute)
	minutes := map[int][]fhir.Decimal{}
	last, places := 0, 0
	for i := range points {
		n := int(points[i].start.Sub(begin) / time.Minute)
		minutes[n] = append(minutes[n], points[i].m.Value)
		last, places = max(last, n), max(places, points[i].m.Value.Scale())
	}
	var data strings.Builder
	for n := range last + 1 {
		if n > 0 {
			data.WriteByte(' ')
		}
		values := minutes[n]
		if values == nil {
			data.WriteByte('E')
			continue
		}
		sum := values[0]
		for _, v := range values[1:] {
			sum = sum.Add(v)
		}
		if !first.hk.sum && len(values) > 1 {
			sum, _ = sum.Div(fhir.MakeDecimal(int64(len(values)), 0), max(places, 1))
			sum = sum.Trim()
		}
		data.WriteString(sum.String())
	}
	zero, period, one := fhir.MakeDecimal(0, 0), fhir.MakeDecimal(60000, 0), 1
	device := b.Feed.Map + "|" + first.source
	b.owners = append(b.owners, b.Feed.Map)
	b.Put("Device", device, "Record", &r4.Device{Identifier: []r4.Identifier{fact.Source(b.Feed.Name, first.source)}, Status: "active", Patient: b.Ref("Patient", b.Feed.Map), DeviceName: []r4.DeviceDeviceName{{Name: first.source, Type: "user-friendly-name"}}})
	how := "averaged"
	if first.hk.sum {
		how = "added up"
	}
	b.Put("Observation", key, "Record", &r4.Observation{Identifier: []r4.Identifier{fact.Source(b.Feed.Name, key)}, Status: "final", Category: first.m.Kind.InCategory(), Code: first.m.Kind.Code(first.m.Unit), Subject: b.Ref("Patient", b.Feed.Map),
		EffectivePeriod: &r4.Period{Start: moment(begin), End: moment(begin.Add(time.Duration(last+1) * time.Minute))}, Device: b.Ref("Device", device),
		Note:             []r4.Annotation{{Text: fmt.Sprintf("%d points of the day, one value a minute; points within a minute are %s.", len(points), how)}},
		ValueSampledData: &r4.SampledData{Origin: &r4.Quantity{Value: &zero, Unit: first.m.Unit.Shown, System: fact.UCUM, Code: first.m.Unit.Code}, Period: &period, Dimensions: &one, Data: data.String()}})
	return nil
}
