package devices

import (
	"errors"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
)

// taken is one measurement of one person at one time, in any format.
type taken struct {
	id        string
	owner     string
	device    string // its key; "" where nobody says
	named     string // the device's or app's name
	start     fhir.DateTime
	end       fhir.DateTime
	measures  []reading.Measure
	notes     []string
	method    string // of a value that sums several up: average, maximum
	irregular bool   // the device found the pulse irregular
	route     reading.Route
	by        string // who wrote it down: a name
	stream    bool   // one of many values of a day (stream.go)
	place     string
}

// put files a reading, or says why not. The Observations are those of package reading, whatever way the numbers came.
func (b *book) put(t *taken) error {
	if t.id == "" {
		return errors.New("the reading has no id: nothing says whether it came before")
	}
	if t.owner == "" {
		t.owner = b.Feed.Map
	}
	if t.owner == "" {
		return errors.New("the reading does not say whose it is, and neither does the feed's setting (map)")
	}
	if t.route == "" {
		t.route = reading.Device
	}
	if t.device == "" {
		t.device = t.named
	}
	r := &reading.Reading{Subject: b.Ref("Patient", t.owner), Start: t.start, End: t.end, Measures: t.measures, Irregular: t.irregular, Notes: t.notes, Method: t.method, Route: t.route,
		Identifier: func(part string) r4.Identifier { return fact.Source(b.Feed.Name, key(t.id, part)) },
		Ref:        func(part string) *r4.Reference { return b.Ref("Observation", key(t.id, part)) }}
	if t.by != "" {
		r.By = &r4.Reference{Display: t.by}
	}
	if t.device != "" {
		r.Device = b.Ref("Device", t.owner+"|"+t.device)
	}
	parts, improbable, err := r.Observations()
	if err != nil {
		return err
	}
	for _, k := range improbable {
		b.Note("an improbable %s", k.Name)
	}
	b.owners = append(b.owners, t.owner)
	if t.device != "" {
		b.device(t)
	}
	if t.stream {
		return b.extend(t)
	}
	for _, p := range parts {
		b.Put("Observation", key(t.id, p.Name), t.place, p.Observation)
	}
	return nil
}

// key names an Observation of a reading: the first by the reading's id.
func key(id, part string) string {
	if part == "" {
		return id
	}
	return id + "#" + part
}

func (b *book) device(t *taken) {
	dev := &r4.Device{Identifier: []r4.Identifier{fact.Source(b.Feed.Name, t.device)}, Status: "active", Patient: b.Ref("Patient", t.owner)}
	if t.named != "" {
		dev.DeviceName = []r4.DeviceDeviceName{{Name: t.named, Type: "user-friendly-name"}}
	}
	b.Put("Device", t.owner+"|"+t.device, t.place, dev)
}
