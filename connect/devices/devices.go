// Package devices turns what people measure at home into Observations: data points of Open mHealth (openmhealth.go), bytes of Bluetooth
// characteristics that a phone passes on (bluetooth.go), the export of Apple HealthKit (healthkit.go), and what people write or say in a form, a text
// message, a telephone call or on paper (plain.go).
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
		s.Before = b.close
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
	days   map[string]*day
}

// close ends a part of the item.
func (b *book) close() error {
	if err := b.extendDays(); err != nil {
		return err
	}
	return b.strangers()
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
	var r *taken
	switch {
	case err != nil:
		err = fmt.Errorf("the reading is no JSON: %w", err)
	case members["characteristic"] != nil:
		r, err = b.bluetooth(one)
	case members["header"] != nil:
		r, err = b.openMHealth(members["header"], members["body"])
	case members["route"] != nil:
		r, err = b.plain(one)
	default:
		err = errors.New("the reading is neither a data point of Open mHealth (header, body), nor of Bluetooth (characteristic, value), nor one that says how it came (route)")
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
