package fhir

import (
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ value, unit, want, base string }{
		{"1.2", "g", "1.2", "g"},
		{"1200", "mg", "1.200", "g"},
		{"120", "mm[Hg]", "15998640", "m-1.s-2.g"},
		{"16", "kPa", "16000000", "m-1.s-2.g"},
		{"37.0", "Cel", "310.15", "K"},
		{"98.6", "[degF]", "310.15", "K"},
		{"5", "10*3/uL", "5000000000000", "m-3"},
		{"5", "10^9/L", "5000000000000", "m-3"},
		{"72", "/min", "1.2", "s-1"},
		{"72", "{beats}/min", "1.2", "s-1"},
		{"70", "/min", "1.16666666666666666667", "s-1"},
		{"6.1", "mmol/L", "6.1", "m-3.mol"},
		{"6.1", "meq/L", "6.1", "m-3.mol"},
		{"42", "%", "0.42", "1"},
		{"3", "{score}", "3", "1"},
		{"3", "1", "3", "1"},
		{"5.5", "m[iU]/mL", "5500", "m-3.[iU]"},
		{"5.5", "[IU]/L", "5500", "m-3.[iU]"},
		{"154", "[lb_av]", "69853.22498", "g"},
		{"70", "[in_i]", "1.7780", "m"},
		{"5", "[ft_i]", "1.5240", "m"},
		{"25", "kg/m2", "25000", "m-2.g"},
		{"1", "mL/min/{1.73_m2}", "0.000000016666666666666666667", "m3.s-1"},
		{"2", "g/(24.h)", "0.000023148148148148148148", "s-1.g"},
		{"1", "a", "31557600", "s"},
		{"1", "mo", "2629800", "s"},
		{"1", "U/L", "0.000016666666666666666667", "m-3.s-1.mol"},
		{"1", "J/(kg.K)", "1", "m2.s-2.K-1"},
		{"1", "KiBy", "8192", "1"},
		{"7.4", "[pH]", "7.4", "[pH]"},
		{"1", "[iU]/[arb'U]", "1", "[iU].[arb'U]-1"},
		{"1", "[iU]/[iU]", "1", "1"},
		{"30", "[psi]", "206842718.795050840102", "m-1.s-2.g"},
	} {
		v, err := ParseDecimal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		got, base, ok := Canonical(v, c.unit)
		if want, _ := ParseDecimal(c.want); !ok || base != c.base || got.Cmp(want) != 0 {
			t.Errorf("%s %s: got %s %s (%v), want %s %s", c.value, c.unit, got, base, ok, c.want, c.base)
		}
	}
}

// TestReadsUnits reads what laboratories and devices write.
func TestReadsUnits(t *testing.T) {
	for _, unit := range strings.Fields(`m /m 10*3/ul 10*-3/ul 10*+3/ul m[H2O] 10*23 rad2 m3.kg-1.s-2 4.[pi].10*-7.N/A2 rad2{a} {a}.rad2{b} 1{c} {e} %
		dB[10.nV] [foz_br] 1/d meq mU mmol/l /[HPF] [GPL'U] [IU]/mL fmol/L g/g kU/L m[IU]/L umol/2.h nmol/h/mL dyn.s/(cm5.m2) K/W kg{body_wt}
		cm[H2O].s/L mmol/(8.h.kg) dB[SPL] [ka'U] REM ms/s Ms osm g.m/m2{hb} pH pA [ppb] [in_i'Hg] mL/{hb}.m2 /{tot} 10*3{rbc} 10.L/(min.m2)
		mL/cm[H2O] ueq Gy kat J/L lm eV Ohm.m mosm/L mbar.s/L Sv pt a/m Wb`) {
		if _, err := ParseUnit(unit); err != nil {
			t.Error(err)
		}
	}
}

func TestNotAUnit(t *testing.T) {
	for _, bad := range []string{"", "mmHg", "m/", "/", "m//s", "kg..m", "(m", "m)", "{a", "xyz", "Cel2", "Cel/h", "m999", "kmin", "0", "[in_i", "mm[Hg", "10+3/ul", "rad2{錠}", "{a}rad2", "{|}1", "iU", "g/12h", "cm[H20]", "ug(8.h)", "{a b}", strings.Repeat("(", 100), "Gg30.Gg30.Gg30.Gg30.Gg30"} {
		if v, base, ok := Canonical(MakeDecimal(1, 0), bad); ok {
			t.Errorf("%q was read as %s %s", bad, v, base)
		}
	}
}

// TestEveryUnit reads every unit of the table through its name, so that none is hidden behind a prefix or an exponent.
func TestEveryUnit(t *testing.T) {
	for name, def := range unitTable() {
		u, err := ParseUnit(name)
		if err != nil || u != def.unit {
			t.Errorf("%s: %v %v, want %v", name, u, err, def.unit)
		}
		if again, err := ParseUnit(u.Canonical()); err != nil || !again.Commensurable(u) {
			t.Errorf("%s: canonical %s: %v", name, u.Canonical(), err)
		}
	}
}

func FuzzUnit(f *testing.F) {
	for name := range unitTable() {
		f.Add(name + "2/k" + name)
	}
	f.Add("10*-3.(m/s)2{x}")
	f.Fuzz(func(t *testing.T, code string) {
		u, err := ParseUnit(code)
		if err != nil {
			return
		}
		base, err := ParseUnit(u.Canonical())
		if err != nil || !base.Commensurable(u) {
			t.Fatalf("%q has the base %s: %v", code, u.Canonical(), err)
		}
		v := MakeDecimal(150, 2)
		if back := u.From(u.Base(v)); back.Cmp(v.Rat()) != 0 {
			t.Fatalf("1.50 %s comes back as %s", code, back.FloatString(10))
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	b.ReportAllocs()
	v := MakeDecimal(1200, 1)
	for b.Loop() {
		if _, _, ok := Canonical(v, "mm[Hg]"); !ok {
			b.Fatal("not a unit")
		}
	}
}
