package devices

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/reading"
)

// packet builds the bytes of a characteristic, independently of how they are read.
type packet struct{ data []byte }

func (p *packet) u8(v int)  { p.data = append(p.data, byte(v)) }
func (p *packet) u16(v int) { p.data = binary.LittleEndian.AppendUint16(p.data, uint16(v)) }

// time is 20 November 2026, 09:30:15.
func (p *packet) time() {
	p.u16(2026)
	for _, v := range []int{11, 20, 9, 30, 15} {
		p.u8(v)
	}
}

// said is what was read, in one line.
func said(v *Values) string {
	var b strings.Builder
	for _, m := range v.measures {
		fmt.Fprintf(&b, "%s=%s %s;", m.Kind.Name, m.Value, m.Unit.Code)
	}
	if v.timed {
		fmt.Fprintf(&b, "at=%s;", v.at.UTC().Format("2006-01-02T15:04:05"))
	}
	if v.user >= 0 {
		fmt.Fprintf(&b, "user=%d;", v.user)
	}
	if v.irregular {
		b.WriteString("irregular;")
	}
	return b.String()
}

const when = "at=2026-11-20T09:30:15;"

// Every combination of flags of the five characteristics of the specification, each built here and read there.
func TestEveryCombinationOfFlags(t *testing.T) {
	check := func(characteristic string, flags int, p *packet, want string) {
		t.Helper()
		v, err := Decode(characteristic, p.data)
		if err != nil {
			t.Errorf("%s flags %02x: %v", characteristic, flags, err)
			return
		}
		if got := said(v); got != want {
			t.Errorf("%s flags %02x % x: %s, want %s", characteristic, flags, p.data, got, want)
		}
		// The same with a byte too few says so, and is no reading.
		if v, err := Decode(characteristic, p.data[:len(p.data)-1]); err == nil {
			t.Errorf("%s flags %02x: cut short it reads %s", characteristic, flags, said(v))
		}
	}
	for flags := range 32 { // blood pressure: kPa, time, pulse, user, status
		p, want := &packet{}, ""
		p.u8(flags)
		if flags&1 == 0 {
			p.u16(182)
			p.u16(104)
			p.u16(130)
			want = "systolic=182 mm[Hg];diastolic=104 mm[Hg];mean-pressure=130 mm[Hg];"
		} else {
			p.u16(0xf000 | 243)
			p.u16(0xf000 | 139)
			p.u16(0xf000 | 173)
			want = "systolic=24.3 kPa;diastolic=13.9 kPa;mean-pressure=17.3 kPa;"
		}
		tail := ""
		if flags&2 != 0 {
			p.time()
			tail += when
		}
		if flags&4 != 0 {
			p.u16(76)
			want += "heart-rate=76 /min;"
		}
		if flags&8 != 0 {
			p.u8(2)
			tail += "user=2;"
		}
		if flags&16 != 0 {
			p.u16(1 << 2)
			tail += "irregular;"
		}
		check("2A35", flags, p, want+tail)
	}
	for flags := range 32 { // pulse oximeter, spot check: time, measurement status, device status, amplitude, clock not set
		p, want := &packet{}, "saturation=94 %;heart-rate=88 /min;"
		p.u8(flags)
		p.u16(94)
		p.u16(88)
		if flags&1 != 0 {
			p.time()
			if flags&16 == 0 {
				want += when
			}
		}
		if flags&2 != 0 {
			p.u16(1 << 5)
		}
		if flags&4 != 0 {
			p.u8(0)
			p.u16(0)
		}
		if flags&8 != 0 {
			p.u16(0xf000 | 25)
		}
		check("2A5E", flags, p, want)
	}
	for flags := range 16 { // weight: pounds, time, user, body mass index and height
		p, want := &packet{}, ""
		p.u8(flags)
		p.u16(16140)
		if want = "weight=80.7 kg;"; flags&1 != 0 {
			want = "weight=161.40 [lb_av];"
		}
		tail := ""
		if flags&2 != 0 {
			p.time()
			tail += when
		}
		if flags&4 != 0 {
			p.u8(3)
			tail += "user=3;"
		}
		if flags&8 != 0 {
			p.u16(251)
			want += "bmi=25.1 kg/m2;"
			if flags&1 == 0 {
				p.u16(1790)
				want += "height=1.790 m;"
			} else {
				p.u16(705)
				want += "height=70.5 [in_i];"
			}
		}
		check("2A9D", flags, p, want+tail)
	}
	for flags := range 8 { // temperature: °F, time, where
		p, want := &packet{}, "temperature=36.7 Cel;"
		p.u8(flags)
		if flags&1 == 0 {
			p.data = append(p.data, 0x6f, 0x01, 0x00, 0xff)
		} else {
			p.data = append(p.data, 0xda, 0x03, 0x00, 0xff)
			want = "temperature=98.6 [degF];"
		}
		if flags&2 != 0 {
			p.time()
			want += when
		}
		if flags&4 != 0 {
			p.u8(6)
		}
		check("2A1C", flags, p, want)
	}
	for flags := range 32 { // heart rate: 16 bits, skin contact (two bits), energy, intervals
		p := &packet{}
		p.u8(flags)
		if flags&1 == 0 {
			p.u8(72)
		} else {
			p.u16(72)
		}
		if flags&8 != 0 {
			p.u16(100)
		}
		if flags&6 == 4 { // contact is told, and there is none
			if v, err := Decode("2A37", p.data); err == nil {
				t.Errorf("2A37 flags %02x: without touching the skin it reads %s", flags, said(v))
			}
			continue
		}
		check("2A37", flags, p, "heart-rate=72 /min;")
	}
}

// Where the device's mean is no number it is left out, and the rest stands.
func TestAMeanThatIsNoNumber(t *testing.T) {
	p := &packet{}
	p.u8(0)
	p.u16(120)
	p.u16(80)
	p.u16(0x07ff)
	if v, err := Decode("00002A35-0000-1000-8000-00805f9b34fb", p.data); err != nil || said(v) != "systolic=120 mm[Hg];diastolic=80 mm[Hg];" {
		t.Errorf("%+v %v", v, err)
	}
}

// FuzzFlags reads any bytes under any flags: a reading has numbers of a living person or it is none, and nothing panics.
func FuzzFlags(f *testing.F) {
	for flags := range 32 {
		f.Add(byte(flags), byte(flags%5), []byte{0x84, 0, 0x56, 0, 0x65, 0, 0xea, 7, 8, 0x1c, 7, 7, 0, 0x58, 0, 1, 4, 0})
	}
	all := []string{"2A35", "2A5E", "2A9D", "2A1C", "2A37"}
	f.Fuzz(func(t *testing.T, flags, which byte, rest []byte) {
		v, err := Decode(all[int(which)%len(all)], append([]byte{flags}, rest...))
		if err != nil {
			return
		}
		if len(v.measures) == 0 {
			t.Fatal("neither a value nor a fault")
		}
		r := reading.Reading{Start: morning(t), Measures: v.measures, Route: reading.Device}
		if parts, _, err := r.Observations(); err == nil && len(parts) == 0 {
			t.Error("a reading without an Observation")
		}
	})
}

func morning(t testing.TB) fhir.DateTime {
	t.Helper()
	d, err := fhir.ParseDateTime("2026-11-20T09:30:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
