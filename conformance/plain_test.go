package conformance

import (
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// This file is a plain reading of https://hl7.org/fhir/R4/search.html over maps: slow, short and written without looking
// at package search.

type object = map[string]any

// at are the values under a path of member names, through arrays.
func at(v any, path string) []any {
	all := []any{v}
	if path == "" {
		return all
	}
	for name := range strings.SplitSeq(path, ".") {
		var next []any
		for _, v := range all {
			if m, ok := v.(object); ok {
				if child, ok := m[name]; ok {
					next = append(next, flat(child)...)
				}
			}
		}
		all = next
	}
	return all
}

func flat(v any) []any {
	if list, ok := v.([]any); ok {
		var out []any
		for _, e := range list {
			out = append(out, flat(e)...)
		}
		return out
	}
	return []any{v}
}

func textsAt(v any, paths ...string) []string {
	var out []string
	for _, p := range paths {
		for _, e := range at(v, p) {
			switch e := e.(type) {
			case string:
				out = append(out, e)
			case bool:
				out = append(out, map[bool]string{true: "true", false: "false"}[e])
			}
		}
	}
	return out
}

// token reports whether a code, Coding, CodeableConcept, Identifier or ContactPoint under the path has the code, of any
// system where system is "*".
func token(v any, path, system, code string) bool {
	for _, e := range at(v, path) {
		switch e := e.(type) {
		case string:
			if e == code && (system == "*" || system == "") {
				return true
			}
		case bool:
			if code == map[bool]string{true: "true", false: "false"}[e] {
				return true
			}
		case object:
			codings := []any{e}
			if _, ok := e["coding"]; ok {
				codings = at(e, "coding")
			}
			for _, c := range codings {
				c := c.(object)
				have, _ := c["code"].(string)
				if have == "" {
					have, _ = c["value"].(string)
				}
				sys, _ := c["system"].(string)
				if (code == "" || have == code) && (system == "*" || sys == system) && (have != "" || sys != "") {
					return true
				}
			}
		}
	}
	return false
}

// plain is a text without case and accents.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}

func starts(have []string, want string) bool {
	for _, h := range have {
		if strings.HasPrefix(plain(h), plain(want)) {
			return true
		}
	}
	return false
}

func contains(have []string, want string) bool {
	for _, h := range have {
		if strings.Contains(plain(h), plain(want)) {
			return true
		}
	}
	return false
}

func exact(have []string, want string) bool {
	for _, h := range have {
		if h == want {
			return true
		}
	}
	return false
}

// span is a stretch of time, end not included; a nil end is open.
type span struct{ from, to *time.Time }

var layouts = []struct {
	layout              string
	years, months, days int
	more                time.Duration
}{
	{"2006", 1, 0, 0, 0}, {"2006-01", 0, 1, 0, 0}, {"2006-01-02", 0, 0, 1, 0},
	{"2006-01-02T15:04", 0, 0, 0, time.Minute}, {"2006-01-02T15:04Z07:00", 0, 0, 0, time.Minute},
	{"2006-01-02T15:04:05", 0, 0, 0, time.Second}, {"2006-01-02T15:04:05Z07:00", 0, 0, 0, time.Second},
}

func spanOf(t testing.TB, s string) span {
	t.Helper()
	if i := strings.IndexByte(s, '.'); i > 0 { // milliseconds
		whole := spanOf(t, s[:i]+strings.TrimLeft(s[i:], ".0123456789"))
		ms, err := time.ParseDuration("0" + s[i:i+4] + "s")
		if err != nil {
			t.Fatal(err)
		}
		from := whole.from.Add(ms)
		to := from.Add(time.Millisecond)
		return span{&from, &to}
	}
	for _, l := range layouts {
		if from, err := time.Parse(l.layout, s); err == nil {
			to := from.AddDate(l.years, l.months, l.days).Add(l.more)
			return span{&from, &to}
		}
	}
	t.Fatalf("%q is no date", s)
	return span{}
}

// spansAt are the dates and Periods under the paths.
func spansAt(t testing.TB, v any, paths ...string) []span {
	t.Helper()
	var out []span
	for _, p := range paths {
		for _, e := range at(v, p) {
			switch e := e.(type) {
			case string:
				out = append(out, spanOf(t, e))
			case object:
				var s span
				if start, ok := e["start"].(string); ok {
					s.from = spanOf(t, start).from
				}
				if end, ok := e["end"].(string); ok {
					s.to = spanOf(t, end).to
				}
				out = append(out, s)
			}
		}
	}
	return out
}

// dated compares as the specification words it; the value searched for is closed at both ends.
func dated(have []span, prefix string, want span) bool {
	for _, h := range have {
		inside := h.from != nil && h.to != nil && !h.from.Before(*want.from) && !h.to.After(*want.to)
		above := h.to == nil || h.to.After(*want.to)
		below := h.from == nil || h.from.Before(*want.from)
		ok := false
		switch prefix {
		case "", "eq":
			ok = inside
		case "ne":
			ok = !inside
		case "gt":
			ok = above
		case "lt":
			ok = below
		case "ge":
			ok = above || inside
		case "le":
			ok = below || inside
		case "sa":
			ok = h.from != nil && !h.from.Before(*want.to)
		case "eb":
			ok = h.to != nil && !h.to.After(*want.from)
		case "ap":
			ok = (h.from == nil || h.from.Before(*want.to)) && (h.to == nil || h.to.After(*want.from))
		}
		if ok {
			return true
		}
	}
	return false
}

// number is a decimal and half of the place of its last digit.
type number struct{ value, half *big.Rat }

func numberOf(t testing.TB, s string) number {
	t.Helper()
	value, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	_, decimals, _ := strings.Cut(mantissa, ".")
	half := big.NewRat(1, 2)
	for range len(decimals) {
		half.Quo(half, big.NewRat(10, 1))
	}
	if exponent != "" {
		scale, _ := new(big.Rat).SetString("1e" + exponent)
		half.Mul(half, scale)
	}
	return number{value, half}
}

func numeric(have *big.Rat, prefix string, want number) bool {
	low, high := new(big.Rat).Sub(want.value, want.half), new(big.Rat).Add(want.value, want.half)
	switch prefix {
	case "", "eq":
		return have.Cmp(low) >= 0 && have.Cmp(high) < 0
	case "ne":
		return have.Cmp(low) < 0 || have.Cmp(high) >= 0
	case "gt", "sa":
		return have.Cmp(want.value) > 0
	case "lt", "eb":
		return have.Cmp(want.value) < 0
	case "ge":
		return have.Cmp(want.value) >= 0
	case "le":
		return have.Cmp(want.value) <= 0
	case "ap":
		tenth := new(big.Rat).Quo(new(big.Rat).Abs(want.value), big.NewRat(10, 1))
		return have.Cmp(new(big.Rat).Sub(want.value, tenth)) >= 0 && have.Cmp(new(big.Rat).Add(want.value, tenth)) <= 0
	}
	panic("no such prefix: " + prefix)
}

// quantity compares the Quantities under a path; scale is by how much a value in a unit is multiplied to be in the unit
// searched for. Units without a scale never match.
func quantity(t testing.TB, v any, path, prefix, want string, scale map[string]string) bool {
	t.Helper()
	for _, e := range at(v, path) {
		q, ok := e.(object)
		if !ok {
			continue
		}
		have := numberOf(t, textOf(q["value"])).value
		if scale != nil {
			code, _ := q["code"].(string)
			by, ok := scale[code]
			if !ok {
				continue
			}
			factor, _ := new(big.Rat).SetString(by)
			have = new(big.Rat).Mul(have, factor)
		}
		if numeric(have, prefix, numberOf(t, want)) {
			return true
		}
	}
	return false
}

func textOf(v any) string {
	if s, ok := v.(interface{ String() string }); ok {
		return s.String()
	}
	s, _ := v.(string)
	return s
}
