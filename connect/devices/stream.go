package devices

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
)

// slotOf is how far apart the values of a stream stand: a glucose sensor speaks every five minutes.
func slotOf(k *reading.Kind) time.Duration {
	if k == reading.Glucose {
		return 5 * time.Minute
	}
	return time.Minute
}

// day is a day of a stream: one Observation a person, kind and day, that grows as values come. A slot holds what was said last of its time, so what is
// sent twice changes nothing. A day is London's, so one has 23 hours and one has 25.
type day struct {
	first *taken
	kind  *reading.Kind
	begin time.Time
	slots map[int]string // the value in the kind's unit, by slot
}

// extend adds the value of a stream to its day.
func (b *book) extend(t *taken) error {
	m := t.measures[0]
	v, ok := m.Own()
	if !ok || len(t.measures) != 1 {
		return fmt.Errorf("a stream has one number at a time, of a unit of %s", m.Kind.Display)
	}
	at := t.start.Low().In(london.Zone)
	begin, _ := london.Time(at.Year(), at.Month(), at.Day(), 0, 0, 0)
	key := fmt.Sprintf("%s|%s|%s", t.owner, m.Kind.Name, at.Format("2006-01-02"))
	d := b.days[key]
	if d == nil {
		if b.days == nil {
			b.days = map[string]*day{}
		}
		d = &day{first: t, kind: m.Kind, begin: begin, slots: map[int]string{}}
		b.days[key] = d
	}
	if m.Unit.Code != m.Kind.Unit {
		v = v.Round(1)
	}
	d.slots[int(at.Sub(begin)/slotOf(m.Kind))] = v.String()
	return nil
}

// extendDays writes the days that the item adds to, each together with what the record has of it. Should somebody else write the same day in between, the
// item is read again.
func (b *book) extendDays() error {
	for _, key := range slices.Sorted(maps.Keys(b.days)) {
		d := b.days[key]
		version := int64(0)
		have, err := b.Desk.Door.Get(b.ctx, b.Desk.Who, "Observation", b.ID("Observation", key))
		switch k := fhir.KindOf(err); {
		case err == nil:
			version = have.Version
			var o r4.Observation
			res, err := have.Resource()
			if err == nil {
				err = r4.Decode(res, &o)
			}
			if err != nil {
				return err
			}
			if o.ValueSampledData != nil {
				for i, v := range strings.Fields(o.ValueSampledData.Data) {
					if _, new := d.slots[i]; !new && v != "E" {
						d.slots[i] = v
					}
				}
			}
		case k != fhir.NotFound && k != fhir.Gone:
			return err
		}
		b.Put("Observation", key, d.first.place, b.dayOf(key, d))
		b.Expect("Observation", key, version)
	}
	b.days = nil
	return nil
}

func (b *book) dayOf(key string, d *day) *r4.Observation {
	last := slices.Max(slices.Collect(maps.Keys(d.slots)))
	data := make([]string, last+1)
	for i := range data {
		if data[i] = "E"; d.slots[i] != "" { // E is no value: https://hl7.org/fhir/R4/datatypes.html#SampledData
			data[i] = d.slots[i]
		}
	}
	slot := slotOf(d.kind)
	zero, period, one := fhir.MakeDecimal(0, 0), fhir.MakeDecimal(slot.Milliseconds(), 0), 1
	u := reading.Unit{Shown: shown(d.kind.Unit), Code: d.kind.Unit}
	o := &r4.Observation{Meta: &r4.Meta{Tag: []r4.Coding{{System: reading.RouteSystem, Code: string(d.first.route)}}}, Identifier: []r4.Identifier{fact.Source(b.Feed.Name, key)}, Status: "final", Category: d.kind.InCategory(), Code: d.kind.Code(u),
		Subject: b.Ref("Patient", d.first.owner), EffectivePeriod: &r4.Period{Start: london.DateTime(d.begin), End: london.DateTime(d.begin.Add(time.Duration(last+1) * slot))},
		ValueSampledData: &r4.SampledData{Origin: &r4.Quantity{Value: &zero, Unit: u.Shown, System: fact.UCUM, Code: u.Code}, Period: &period, Dimensions: &one, Data: strings.Join(data, " ")}}
	if d.first.device != "" {
		o.Device = b.Ref("Device", d.first.owner+"|"+d.first.device)
	}
	return o
}
