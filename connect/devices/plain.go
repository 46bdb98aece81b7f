package devices

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/reading"
)

// plain is a reading that a person wrote or said, or that a system sends without a format of its own:
//
//	{"id": "t1", "user": "hm-1", "route": "text", "time": "2026-11-20T09:30", "text": "182/104 pulse 76"}
//	{"id": "t2", "user": "hm-1", "route": "telephone", "by": "Nurse Bell", "time": "2026-11-20T09:30:00Z", "kind": "pressure", "value": 182, "value2": 104, "unit": "mm[Hg]"}
//
// A time without an offset is London's clock. Value keeps its digits. Stream marks one of many values of a day (stream.go).
type plain struct {
	ID, User, Device, Name, Route, By, Time, Text, Kind, Unit string
	Value, Value2                                             json.RawMessage
	Irregular, Stream                                         bool
}

func (b *book) plain(one []byte) (*taken, error) {
	p := &plain{}
	if err := json.Unmarshal(one, p); err != nil {
		return nil, fmt.Errorf("the reading is no JSON of a reading: %w", err)
	}
	at, err := written(p.Time)
	if err != nil {
		return nil, fmt.Errorf("time: %w", err)
	}
	t := &taken{id: p.ID, owner: p.User, device: p.Device, named: p.Name, start: at, route: reading.Route(p.Route), by: p.By, irregular: p.Irregular, stream: p.Stream}
	if !slices.Contains(reading.Routes, t.route) {
		return nil, fmt.Errorf("route: %q is none of %v", p.Route, reading.Routes)
	}
	if p.Text != "" {
		t.measures, err = reading.Words(p.Text)
		return t, err
	}
	t.measures, err = p.measures()
	return t, err
}

func (p *plain) measures() ([]reading.Measure, error) {
	kinds := []*reading.Kind{reading.Named(p.Kind)}
	values := []json.RawMessage{p.Value}
	if p.Kind == "pressure" {
		kinds, values = []*reading.Kind{reading.Systolic, reading.Diastolic}, append(values, p.Value2)
	}
	if kinds[0] == nil {
		return nil, fmt.Errorf("kind: %q is nothing that is measured here", p.Kind)
	}
	if p.Unit == "" {
		return nil, errors.New("unit: a number without a unit says nothing")
	}
	var out []reading.Measure
	for i, raw := range values {
		v, err := fhir.ParseDecimal([]byte(raw))
		if err != nil {
			return nil, fmt.Errorf("value: %q is no number", raw)
		}
		out = append(out, reading.Of(kinds[i], v, reading.Unit{Shown: shown(p.Unit), Code: p.Unit}))
	}
	return out, nil
}

// shown is a unit of UCUM as people write it.
func shown(code string) string {
	switch code {
	case "mm[Hg]":
		return "mmHg"
	case "Cel":
		return "°C"
	case "[degF]":
		return "°F"
	case "[lb_av]":
		return "lb"
	case "[stone_av]":
		return "stone"
	}
	return code
}

// by is the route of what a telephone sends: typed into an app, or measured.
func by(hand bool) reading.Route {
	if hand {
		return reading.App
	}
	return reading.Device
}
