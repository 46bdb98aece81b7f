// Package devices turns what people measure at home into Observations: data points of Open mHealth (openmhealth.go), bytes of Bluetooth
// characteristics that a phone passes on (bluetooth.go), and the export of Apple HealthKit (healthkit.go).
//
// Read is one Reader for all of them, and for the list of whose account is whose: it sees from the first bytes what an item is. A reading
// belongs to the user that it names; where it names none, to the one in the feed's Map. It is known by its source's id, so that the same reading
// sent twice is one Observation.
//
// Numbers keep the digits and the unit they came in. A value no living body has, or one the device says is none (NaN, not at this
// resolution), is refused with its reason; one that is possible and unlikely is kept with a note (limits.go), since it may be the one that
// matters. A device's clock that is missing or plainly wrong gives way to when the reading was received, and the Observation says so.
//
// Rules: Kith's feeds specification, section 7, and https://www.bluetooth.com/specifications/specs/ (GATT Specification Supplement).
package devices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Kind is the kind of feeds of devices.
const Kind = "devices"

// Read reads an item of a feed of devices, whatever its format.
func Read(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if len(body) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "%s is empty: it should hold readings", it.Name)
	}
	return fact.Parts(ctx, d, f, it, func(s *fact.Sheet) error {
		b := &book{Sheet: s, ctx: ctx}
		s.Before = b.strangers
		switch {
		case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
			return b.healthKitZip(raw)
		case body[0] == '<':
			return b.healthKit(bytes.NewReader(body))
		case body[0] == '{' || body[0] == '[':
			return b.points(body)
		}
		return b.people(body)
	})
}

// book is an item of readings being read.
type book struct {
	*fact.Sheet
	ctx    context.Context
	owners []string // keys of people who have readings in it
}

// reading is one measurement of one person at one time, in any format.
type reading struct {
	id       string
	owner    string
	device   string // its key; "" where nobody says
	named    string // the device's or app's name
	start    fhir.DateTime
	end      fhir.DateTime
	measures []measure
	notes    []string
	method   string // of a value that sums several up: average, maximum
	typed    bool   // a person entered it
	place    string
}

// measure is one number of a reading.
type measure struct {
	kind  *kind
	value fhir.Decimal
	unit  unit
}

// unit is a unit as people write it and as UCUM codes it.
type unit struct{ shown, code string }

// put files a reading, or says why not.
func (b *book) put(r *reading) error {
	switch {
	case r.id == "":
		return errors.New("the reading has no id: nothing says whether it came before")
	case len(r.measures) == 0:
		return errors.New("the reading has no value")
	case r.start.Year == 0:
		return errors.New("the reading does not say when it was taken")
	}
	if r.owner == "" {
		r.owner = b.Feed.Map
	}
	if r.owner == "" {
		return errors.New("the reading does not say whose it is, and neither does the feed's setting (map)")
	}
	for _, m := range r.measures {
		said, err := m.kind.judge(m.value, m.unit)
		if err != nil {
			return err
		}
		if said != "" {
			r.notes = append(r.notes, said)
			b.Note("an improbable %s", m.kind.name)
		}
	}
	b.owners = append(b.owners, r.owner)
	if r.device == "" {
		r.device = r.named
	}
	if r.device != "" {
		dev := &r4.Device{Identifier: []r4.Identifier{fact.Source(b.Feed.Name, r.device)}, Status: "active", Patient: b.Ref("Patient", r.owner)}
		if r.named != "" {
			dev.DeviceName = []r4.DeviceDeviceName{{Name: r.named, Type: "user-friendly-name"}}
		}
		b.Put("Device", r.owner+"|"+r.device, r.place, dev)
	}
	return b.observe(r)
}

// observe files a reading's numbers: a pressure as one Observation of two components, each other number as one of its own.
func (b *book) observe(r *reading) error {
	rest := r.measures
	first := b.observation(r, r.id)
	if len(rest) > 1 && rest[0].kind == systolic && rest[1].kind == diastolic {
		if rest[1].value.Cmp(rest[0].value) >= 0 {
			return fmt.Errorf("the lower pressure, %s, is not below the upper, %s", rest[1].value, rest[0].value)
		}
		first.Code = pressure
		for _, m := range rest[:2] {
			first.Component = append(first.Component, r4.ObservationComponent{Code: m.kind.code(m.unit), ValueQuantity: m.quantity()})
		}
		b.Put("Observation", r.id, r.place, first)
		rest = rest[2:]
	} else {
		first.Code, first.ValueQuantity = rest[0].kind.code(rest[0].unit), rest[0].quantity()
		first.Category = rest[0].kind.category()
		b.Put("Observation", r.id, r.place, first)
		rest = rest[1:]
	}
	for _, m := range rest {
		key := r.id + "#" + m.kind.name
		o := b.observation(r, key)
		o.Code, o.ValueQuantity, o.Category, o.Note = m.kind.code(m.unit), m.quantity(), m.kind.category(), nil
		o.DerivedFrom = []r4.Reference{*b.Ref("Observation", r.id)}
		b.Put("Observation", key, r.place, o)
	}
	return nil
}

var pressure = fact.Concept(fact.LOINC, "85354-9", "Blood pressure panel with all children optional")

func (b *book) observation(r *reading, key string) *r4.Observation {
	o := &r4.Observation{Identifier: []r4.Identifier{fact.Source(b.Feed.Name, key)}, Status: "final", Category: systolic.category(), Subject: b.Ref("Patient", r.owner), Method: fact.Text(r.method)}
	if r.device != "" {
		o.Device = b.Ref("Device", r.owner+"|"+r.device)
	}
	if r.end.Year != 0 && r.end != r.start {
		o.EffectivePeriod = &r4.Period{Start: r.start, End: r.end}
	} else {
		o.EffectiveDateTime = r.start
	}
	if r.typed {
		o.Note = append(o.Note, r4.Annotation{Text: "Entered by hand."})
	}
	for _, n := range r.notes {
		o.Note = append(o.Note, r4.Annotation{Text: n})
	}
	return o
}

func (m *measure) quantity() *r4.Quantity {
	v := m.value
	return &r4.Quantity{Value: &v, Unit: m.unit.shown, System: fact.UCUM, Code: m.unit.code}
}

// strangers makes a patient of each owner whom no list of people names, so that the readings are not lost to nobody.
func (b *book) strangers() error {
	seen := map[string]bool{}
	for _, owner := range b.owners {
		if seen[owner] || b.Has("Patient", owner) {
			continue
		}
		seen[owner] = true
		there, err := b.There(b.ctx, "Patient", owner)
		if err != nil {
			return err
		}
		if !there {
			b.Note("readings of somebody whom no list of people names")
			b.Put("Patient", owner, "user", fact.Person{}.Patient(b.Feed.Name, owner))
		}
	}
	b.owners = nil
	return nil
}

// people reads the list of whose account is whose.
func (b *book) people(body []byte) error {
	err := b.Table(b.ctx, body, []string{"user_id"}, func(r *intake.Row) error {
		get := r.Get
		born, err := fact.Day(get("date_of_birth"), "2006-01-02", "02/01/2006")
		if get("user_id") == "" {
			err = errors.New("the row names no user")
		}
		if err != nil {
			b.Bad(r.Line, r.Text(), err)
			return nil
		}
		p := fact.Person{NHSNumber: get("nhs_number"), Forename: get("forename"), Surname: get("surname"), Sex: get("sex"), Born: born, Postcode: get("postcode"), Email: get("email"), Mobile: get("mobile")}
		b.Put("Patient", get("user_id"), fmt.Sprintf("line-%d", r.Line), p.Patient(b.Feed.Name, get("user_id")))
		return nil
	})
	if err != nil {
		return fhir.Errorf(fhir.KindOf(err), "neither readings nor a list of people: %w", err)
	}
	return nil
}

// points reads JSON: one data point, an array of them, or one a line; each of Open mHealth or of Bluetooth.
func (b *book) points(body []byte) error {
	if body[0] == '[' {
		var all []json.RawMessage
		if err := json.Unmarshal(body, &all); err != nil {
			return fhir.Errorf(fhir.Invalid, "%s is no list of readings: %w", b.Item.Name, err)
		}
		for i, one := range all {
			if err := b.point(one, int64(i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	if json.Valid(body) {
		return b.point(body, 1)
	}
	n := int64(0)
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := b.point(line, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// point reads one reading. The error is the record's; a fault of the reading quarantines it.
func (b *book) point(one []byte, line int64) error {
	if err := b.Turn(b.ctx); err != nil {
		return err
	}
	b.In++
	var members map[string]json.RawMessage
	err := json.Unmarshal(one, &members)
	var r *reading
	switch {
	case err != nil:
		err = fmt.Errorf("the reading is no JSON: %w", err)
	case members["characteristic"] != nil:
		r, err = b.bluetooth(one)
	case members["header"] != nil:
		r, err = b.openMHealth(members["header"], members["body"])
	default:
		err = errors.New("the reading is neither a data point of Open mHealth (header, body) nor of Bluetooth (characteristic, value)")
	}
	if err == nil {
		r.place = fmt.Sprintf("line-%d", line)
		err = b.put(r)
	}
	switch fhir.KindOf(err) {
	case fhir.Busy, fhir.NoRoom:
		return err
	}
	if err != nil {
		b.Bad(line, string(one), err)
	}
	return nil
}

// written is a time as JSON says it. Without an offset it is London's clock.
func written(s string) (fhir.DateTime, error) {
	at, _, err := fact.Moment(s, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05")
	return at, err
}

// mostLate and mostEarly say when a device's clock is plainly wrong: so long before, or after, the reading was received.
const (
	mostLate  = 31 * 24 * time.Hour
	mostEarly = 5 * time.Minute
)

// trusted is when a reading was taken: by the device's clock where it can be believed, else when it was received.
func trusted(said time.Time, known bool, received fhir.DateTime) (at fhir.DateTime, note string) {
	switch {
	case !known && received.Year == 0:
		return fhir.DateTime{}, ""
	case !known:
		return received, "The device did not say when: this is when the reading was received."
	case received.Year == 0:
		return london.DateTime(said), ""
	}
	if by := received.Low().Sub(said); by > mostLate || by < -mostEarly {
		return received, fmt.Sprintf("The device's clock said %s, which cannot be: this is when the reading was received.", said.In(london.Zone).Format("2006-01-02 15:04:05"))
	}
	return london.DateTime(said), ""
}
