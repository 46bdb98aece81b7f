package fhir

import (
	"encoding/json"
	"math/big"
	"testing"
)

func TestParseDecimalKeepsDigits(t *testing.T) {
	for _, c := range []struct{ in, out, low, high string }{
		{"0", "0", "-0.5", "0.5"},
		{"-0.0", "0.0", "-0.05", "0.05"},
		{"1.50", "1.50", "1.495", "1.505"},
		{"100", "100", "99.5", "100.5"},
		{"1e2", "100", "50", "150"},
		{"1.0E2", "100", "95", "105"},
		{"5.40e-3", "0.00540", "0.005395", "0.005405"},
		{"-12.5", "-12.5", "-12.55", "-12.45"},
		{"999999999999999999", "999999999999999999", "999999999999999998.5", "999999999999999999.5"},
		{"12345678901234567890.123", "12345678901234567890.123", "12345678901234567890.1225", "12345678901234567890.1235"},
	} {
		d, err := ParseDecimal(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		low, high := d.Range()
		if d.String() != c.out || low.String() != c.low || high.String() != c.high {
			t.Errorf("%s: got %s in [%s, %s), want %s in [%s, %s)", c.in, d, low, high, c.out, c.low, c.high)
		}
	}
	for _, bad := range []string{"", "-", ".5", "5.", "1.2.3", "1e", "1e+", "0x10", "1 ", "NaN", "1e999999999999", "1,5", "--1", "1e5.0"} {
		if d, err := ParseDecimal(bad); err == nil {
			t.Errorf("%q was read as %s", bad, d)
		}
	}
}

func TestDecimalArithmetic(t *testing.T) {
	d := func(s string) Decimal {
		d, err := ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		got  Decimal
		want string
	}{
		{d("0.1").Add(d("0.2")), "0.3"},
		{d("9223372036854775807").Add(d("1")), "9223372036854775808"},
		{d("1.25").Mul(d("-4")), "-5.00"},
		{d("123456789012").Mul(d("123456789012")), "15241578753153483936144"},
		{d("2.345").Round(2), "2.35"},
		{d("-2.345").Round(2), "-2.35"},
		{d("-2.7").Trunc(0), "-2"},
		{d("-2.7").Floor(), "-3"},
		{d("-2.7").Ceil(), "-2"},
		{d("2.1").Ceil(), "3"},
		{d("1.5").Pad(4), "1.5000"},
		{d("1.5000").Trim(), "1.5"},
		{d("1200").Trim(), "1200"},
		{d("1e3").Sub(d("0.001")), "999.999"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	if q, ok := d("10").Div(d("3"), 5); !ok || q.String() != "3.33333" {
		t.Errorf("10/3 = %s", q)
	}
	if q, r, _ := d("-5.5").QuoRem(d("0.7")); q.String() != "-7" || r.String() != "-0.6" {
		t.Errorf("-5.5 / 0.7 = %s rest %s", q, r)
	}
	if d("1.50").Cmp(d("1.5")) != 0 || d("1e-20").Cmp(d("0")) <= 0 || d("-1").Cmp(d("1e20")) >= 0 {
		t.Error("order is wrong")
	}
	if n, ok := d("12.00").Int64(); !ok || n != 12 {
		t.Error("12.00 is the whole number 12")
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	number, moment := []byte("123456789.012345678"), []byte("2026-11-21T01:45:00.123+01:00")
	if n := testing.AllocsPerRun(100, func() {
		d, _ := ParseDecimal(number)
		low, high := d.Range()
		m, _ := ParseDateTime(moment)
		if low.Cmp(high) >= 0 || !m.Low().Before(m.High()) {
			t.Error("an empty range")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "1e10", "123456789012345678901234567890.5", "1E-7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok || d.Rat().Cmp(want) != 0 {
			t.Fatalf("%q was read as %s", s, d)
		}
		back, err := ParseDecimal(d.String())
		if err != nil || back.Cmp(d) != 0 || !json.Valid([]byte(d.String())) {
			t.Fatalf("%q is written %s, which is not the same", s, d)
		}
		if low, high := d.Range(); low.Cmp(d) >= 0 || high.Cmp(d) <= 0 {
			t.Fatalf("%s is not within [%s, %s)", d, low, high)
		}
		if d.Sub(d).Sign() != 0 || d.Trim().Cmp(d) != 0 || d.Floor().Cmp(d) > 0 || d.Ceil().Cmp(d) < 0 {
			t.Fatalf("%s breaks a law of arithmetic", d)
		}
	})
}
