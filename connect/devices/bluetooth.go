package devices

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/reading"
)

// envelope is how a phone passes on what a Bluetooth device said: the bytes of one characteristic, in hexadecimal.
type envelope struct {
	ID, User, Device, Name, Characteristic, Value, Received string
}

func (b *book) bluetooth(one []byte) (*taken, error) {
	e := &envelope{}
	if err := json.Unmarshal(one, e); err != nil {
		return nil, fmt.Errorf("the reading is no JSON of a reading: %w", err)
	}
	data, err := hex.DecodeString(e.Value)
	if err != nil {
		return nil, fmt.Errorf("value: %q is not hexadecimal", e.Value)
	}
	received, err := written(e.Received)
	if err != nil {
		return nil, fmt.Errorf("received: %w", err)
	}
	v, err := Decode(e.Characteristic, data)
	if err != nil {
		return nil, err
	}
	r := &taken{id: e.ID, owner: e.User, device: e.Device, named: e.Name, measures: v.measures, notes: v.notes, irregular: v.irregular}
	at, said := trusted(v.at, v.timed, received)
	r.start = at
	if said != "" {
		r.notes = append(r.notes, said)
		b.Note("a device's clock that is missing or wrong")
	}
	if !v.sure {
		b.Note("a time in the hour of a clock change")
	}
	return r, b.sharer(r, v.user)
}

// sharer gives a reading of a shared device to the one of its users whom the list of people names as USER/n.
func (b *book) sharer(r *taken, user int) error {
	if user < 0 || r.owner == "" {
		return nil
	}
	key := fmt.Sprintf("%s/%d", r.owner, user)
	known := b.Has("Patient", key)
	if !known {
		var err error
		if known, err = b.There(b.ctx, "Patient", key); err != nil {
			return err
		}
	}
	if known {
		r.owner = key
		return nil
	}
	r.notes = append(r.notes, fmt.Sprintf("Taken by user %d of the device.", user))
	return nil
}

// Values is what the bytes of one characteristic say.
type Values struct {
	measures []reading.Measure
	notes    []string
	at       time.Time
	timed    bool // the device said when
	sure     bool // and not in the hour of a clock change
	user     int  // of a device that several share, -1 where it does not say

	irregular bool // the device found the pulse irregular
}

// Decode reads the bytes of a characteristic: 2A35 blood pressure, 2A1C temperature, 2A9D weight, 2A37 heart rate, 2A5E and 2A5F pulse oximetry, 2A18
// glucose. It is named by its number or its whole UUID.
func Decode(characteristic string, data []byte) (*Values, error) {
	c := strings.TrimPrefix(strings.ToUpper(characteristic), "0X")
	if rest, ok := strings.CutSuffix(c, "-0000-1000-8000-00805F9B34FB"); ok {
		c = strings.TrimPrefix(rest, "0000")
	}
	in := &gatt{data: data, v: &Values{sure: true, user: -1}}
	switch c {
	case "2A35":
		in.pressure()
	case "2A1C":
		in.temperature()
	case "2A9D":
		in.weight()
	case "2A37":
		in.heartRate()
	case "2A5E":
		in.oximeterOnce()
	case "2A5F":
		in.oximeterStream()
	case "2A18":
		in.glucose()
	default:
		return nil, fmt.Errorf("%q is no characteristic that is read", characteristic)
	}
	if in.err != nil {
		return nil, in.err
	}
	return in.v, nil
}

// gatt reads the bytes of a characteristic from the front; the first fault stays.
type gatt struct {
	data []byte
	at   int
	v    *Values
	err  error
}

func (in *gatt) take(n int) []byte {
	if in.err == nil && in.at+n > len(in.data) {
		in.err = fmt.Errorf("the characteristic ends after %d bytes, where its flags ask for more", len(in.data))
	}
	if in.err != nil {
		return make([]byte, n)
	}
	in.at += n
	return in.data[in.at-n : in.at]
}

func (in *gatt) u8() int  { return int(in.take(1)[0]) }
func (in *gatt) u16() int { return int(binary.LittleEndian.Uint16(in.take(2))) }

// sfloat is a 16-bit number of IEEE 11073: a signed exponent of ten in four bits, a signed mantissa in twelve.
func (in *gatt) sfloat() (fhir.Decimal, error) { return SFloat(uint16(in.u16())) }

// SFloat is the number of an SFLOAT; an error where it says that it is none.
func SFloat(raw uint16) (fhir.Decimal, error) {
	switch raw & 0xfff {
	case 0x7ff:
		return fhir.Decimal{}, errors.New("the device says NaN: it has no value")
	case 0x800:
		return fhir.Decimal{}, errors.New("the device says NRes: the value is not at this resolution")
	case 0x7fe:
		return fhir.Decimal{}, errors.New("the device says +infinity: the value is beyond its range")
	case 0x802:
		return fhir.Decimal{}, errors.New("the device says -infinity: the value is below its range")
	case 0x801:
		return fhir.Decimal{}, errors.New("the device says a reserved value: it has no value")
	}
	mantissa, exponent := int64(raw&0xfff), int(raw>>12)
	if mantissa >= 0x800 {
		mantissa -= 0x1000
	}
	if exponent >= 8 {
		exponent -= 16
	}
	return tens(mantissa, exponent), nil
}

// Float is the number of a 32-bit FLOAT of IEEE 11073: the exponent in the first byte, the mantissa in three.
func Float(raw uint32) (fhir.Decimal, error) {
	switch raw & 0xffffff {
	case 0x7fffff:
		return fhir.Decimal{}, errors.New("the device says NaN: it has no value")
	case 0x800000:
		return fhir.Decimal{}, errors.New("the device says NRes: the value is not at this resolution")
	case 0x7ffffe:
		return fhir.Decimal{}, errors.New("the device says +infinity: the value is beyond its range")
	case 0x800002:
		return fhir.Decimal{}, errors.New("the device says -infinity: the value is below its range")
	case 0x800001:
		return fhir.Decimal{}, errors.New("the device says a reserved value: it has no value")
	}
	mantissa, exponent := int64(raw&0xffffff), int(int8(raw>>24))
	if mantissa >= 0x800000 {
		mantissa -= 0x1000000
	}
	if exponent < -30 || exponent > 8 {
		return fhir.Decimal{}, fmt.Errorf("the device says %d times ten to the power of %d, which measures nothing of a body", mantissa, exponent)
	}
	return tens(mantissa, exponent), nil
}

// tens is a mantissa with an exponent of ten.
func tens(mantissa int64, exponent int) fhir.Decimal {
	for ; exponent > 0; exponent-- {
		mantissa *= 10
	}
	return fhir.MakeDecimal(mantissa, -exponent)
}

// moment is a date and time of seven bytes, by London's clock. A year of 0 is one that the device does not know.
func (in *gatt) moment() {
	year, month, day, hour, minute, second := in.u16(), in.u8(), in.u8(), in.u8(), in.u8(), in.u8()
	if in.err != nil || year == 0 || month < 1 || month > 12 || day < 1 || day > fhir.DaysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return
	}
	in.v.at, in.v.sure = london.Time(year, time.Month(month), day, hour, minute, second)
	in.v.timed = true
}

// needed is a number without which the reading says nothing.
func (in *gatt) needed(what string, d fhir.Decimal, err error) fhir.Decimal {
	if in.err == nil && err != nil {
		in.err = fmt.Errorf("%s: %w", what, err)
	}
	return d
}

// maybe adds a number that the reading can do without.
func (in *gatt) maybe(k *reading.Kind, d fhir.Decimal, err error, u reading.Unit) {
	if in.err != nil {
		return
	}
	if err == nil {
		if _, err = k.Judge(d, u); err == nil {
			in.v.measures = append(in.v.measures, reading.Of(k, d, u))
			return
		}
	}
	in.v.notes = append(in.v.notes, fmt.Sprintf("No %s: %v.", k.Display, err))
}

func (in *gatt) add(k *reading.Kind, d fhir.Decimal, u reading.Unit) {
	in.v.measures = append(in.v.measures, reading.Of(k, d, u))
}

func (in *gatt) userID() {
	if n := in.u8(); n != 255 && in.err == nil {
		in.v.user = n
	}
}

func (in *gatt) flagged(bits int, words ...string) {
	for i, w := range words {
		if w != "" && bits&(1<<i) != 0 && in.err == nil {
			in.v.notes = append(in.v.notes, w)
		}
	}
}

var (
	mmHg   = reading.Unit{Shown: "mmHg", Code: "mm[Hg]"}
	kPa    = reading.Unit{Shown: "kPa", Code: "kPa"}
	perMin = reading.Unit{Shown: "/min", Code: "/min"}
	pct    = reading.Unit{Shown: "%", Code: "%"}
)

func (in *gatt) pressure() {
	flags := in.u8()
	u := mmHg
	if flags&1 != 0 {
		u = kPa
	}
	up, err := in.sfloat()
	up = in.needed("systolic pressure", up, err)
	down, err := in.sfloat()
	down = in.needed("diastolic pressure", down, err)
	mean, meanErr := in.sfloat()
	in.add(reading.Systolic, up, u)
	in.add(reading.Diastolic, down, u)
	if meanErr == nil && mean.Sign() > 0 {
		in.maybe(reading.MeanArtery, mean, nil, u)
	}
	if flags&2 != 0 {
		in.moment()
	}
	if flags&4 != 0 {
		pulse, err := in.sfloat()
		in.maybe(reading.HeartRate, pulse, err, perMin)
	}
	if flags&8 != 0 {
		in.userID()
	}
	if flags&16 != 0 {
		status := in.u16()
		in.v.irregular = status&4 != 0
		in.flagged(status, "The body moved during the measurement.", "The cuff was too loose.", "The pulse was irregular.", "The pulse was too fast to be measured well.", "The pulse was too slow to be measured well.", "The arm was not at the right height.")
	}
}

func (in *gatt) temperature() {
	flags := in.u8()
	t, err := Float(binary.LittleEndian.Uint32(in.take(4)))
	u := reading.Unit{Shown: "°C", Code: "Cel"}
	if flags&1 != 0 {
		u = reading.Unit{Shown: "°F", Code: "[degF]"}
	}
	in.add(reading.Temperature, in.needed("temperature", t, err), u)
	if flags&2 != 0 {
		in.moment()
	}
	if flags&4 != 0 {
		where := []string{"", "armpit", "body", "ear", "finger", "gastrointestinal tract", "mouth", "rectum", "toe", "eardrum"}
		if n := in.u8(); n > 0 && n < len(where) && in.err == nil {
			in.v.notes = append(in.v.notes, "Measured at: "+where[n]+".")
		}
	}
}

func (in *gatt) weight() {
	flags := in.u8()
	raw := in.u16()
	if raw == 0xffff && in.err == nil {
		in.err = errors.New("weight: the device says that the measurement was not successful")
	}
	if flags&1 == 0 {
		in.add(reading.Weight, fhir.MakeDecimal(int64(raw)*5, 3).Trim(), reading.Unit{Shown: "kg", Code: "kg"})
	} else {
		in.add(reading.Weight, fhir.MakeDecimal(int64(raw), 2), reading.Unit{Shown: "lb", Code: "[lb_av]"})
	}
	if flags&2 != 0 {
		in.moment()
	}
	if flags&4 != 0 {
		in.userID()
	}
	if flags&8 != 0 {
		in.maybe(reading.BMI, fhir.MakeDecimal(int64(in.u16()), 1), nil, reading.Unit{Shown: "kg/m2", Code: "kg/m2"})
		if tall := int64(in.u16()); flags&1 == 0 {
			in.maybe(reading.Height, fhir.MakeDecimal(tall, 3), nil, reading.Unit{Shown: "m", Code: "m"})
		} else {
			in.maybe(reading.Height, fhir.MakeDecimal(tall, 1), nil, reading.Unit{Shown: "in", Code: "[in_i]"})
		}
	}
}

func (in *gatt) heartRate() {
	flags := in.u8()
	rate := 0
	if flags&1 == 0 {
		rate = in.u8()
	} else {
		rate = in.u16()
	}
	if flags&6 == 4 && in.err == nil {
		in.err = errors.New("heart rate: the sensor does not touch the skin")
	}
	in.add(reading.HeartRate, fhir.MakeDecimal(int64(rate), 0), perMin)
	if flags&8 != 0 {
		in.u16() // energy expended
	}
}

// oximetry adds saturation and pulse.
func (in *gatt) oximetry() {
	o, err := in.sfloat()
	in.add(reading.Saturation, in.needed("oxygen saturation", o, err), pct)
	pulse, err := in.sfloat()
	in.maybe(reading.HeartRate, pulse, err, perMin)
}

// oximeterStatus are the bits of a measurement's status that people should know of. https://www.bluetooth.com/specifications/specs/plxs-1-0-1/
func (in *gatt) oximeterStatus() {
	bits := in.u16()
	for bit, why := range map[int]string{10: "it is a demonstration", 11: "it is a test", 13: "the device says it is unavailable", 15: "the device says it is invalid"} {
		if bits&(1<<bit) != 0 && in.err == nil {
			in.err = fmt.Errorf("pulse oximetry: no measurement: %s", why)
		}
	}
	in.flagged(bits, "", "", "", "", "", "The measurement was still going on.", "An early estimate.", "", "", "From the device's memory.", "", "", "Calibration was going on.", "", "The device says the measurement is questionable.")
}

func (in *gatt) oximeterOnce() {
	flags := in.u8()
	in.oximetry()
	if flags&1 != 0 {
		in.moment()
	}
	if flags&2 != 0 {
		in.oximeterStatus()
	}
	if flags&4 != 0 {
		in.take(3)
	}
	if flags&8 != 0 {
		in.take(2)
	}
	if flags&16 != 0 {
		in.v.timed = false
	}
}

func (in *gatt) oximeterStream() {
	flags := in.u8()
	in.oximetry()
	for _, bit := range []int{1, 2} { // fast and slow values of the same
		if flags&bit != 0 {
			in.take(4)
		}
	}
	if flags&4 != 0 {
		in.oximeterStatus()
	}
	if flags&8 != 0 {
		in.take(3)
	}
	if flags&16 != 0 {
		in.take(2)
	}
}

func (in *gatt) glucose() {
	flags := in.u8()
	in.u16() // sequence number
	in.moment()
	if flags&1 != 0 {
		minutes := int16(in.u16())
		in.v.at = in.v.at.Add(time.Duration(minutes) * time.Minute)
	}
	if flags&2 == 0 {
		if in.err == nil {
			in.err = errors.New("glucose: the reading has no concentration")
		}
		return
	}
	c, err := in.sfloat()
	c = in.needed("glucose", c, err)
	if flags&4 == 0 {
		in.add(reading.Glucose, c.Mul(fhir.MakeDecimal(100000, 0)).Trim(), reading.Unit{Shown: "mg/dL", Code: "mg/dL"})
	} else {
		in.add(reading.Glucose, c.Mul(fhir.MakeDecimal(1000, 0)).Trim(), reading.Unit{Shown: "mmol/L", Code: "mmol/L"})
	}
	sample := in.u8()
	if in.err != nil {
		return
	}
	if sample&0xf == 10 {
		in.err = errors.New("glucose: it was measured in a control solution, not in a person")
		return
	}
	if flags&8 != 0 {
		in.flagged(in.u16(), "The device's battery was low.", "The sensor did not work properly.", "The sample was too small.", "The strip was not put in rightly.", "The strip was of the wrong kind.", "The result was above the device's range.",
			"The result was below the device's range.", "The sensor was too hot.", "The sensor was too cold.", "The strip was pulled out too early.", "The sensor did not work.", "The sensor's time was wrong.")
	}
}
