package hl7

import (
	"regexp"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

const (
	ucumSystem   = "http://unitsofmeasure.org"
	absentSystem = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
)

var comparators = []string{"<=", ">=", "<", ">"}

// comparator takes a comparator off the front of a value.
func comparator(s string) (comp, rest string) {
	for _, c := range comparators {
		if r, ok := strings.CutPrefix(s, c); ok {
			return c, strings.TrimSpace(r)
		}
	}
	return "", s
}

// number reads NM as HL7 writes it: a leading plus, a trailing point and a bare point are allowed there.
func number(s string) (fhir.Decimal, bool) {
	s = strings.TrimSpace(s)
	s = strings.TrimSuffix(strings.TrimPrefix(s, "+"), ".")
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	if s == "" || strings.ContainsAny(s, "eE+-") || len(s) > 30 {
		return fhir.Decimal{}, false
	}
	if neg {
		s = "-" + s
	}
	d, err := fhir.ParseDecimal(s)
	return d, err == nil
}

// quantity reads a number with its unit, nil where it is no number.
func (b *builder) quantity(at, value string, unit Part) *r4.Quantity {
	comp, rest := comparator(strings.TrimSpace(value))
	d, ok := number(rest)
	if !ok {
		return nil
	}
	q := &r4.Quantity{Value: &d, Comparator: comp}
	b.unit(at, q, unit)
	return q
}

var looksLikeUnit = regexp.MustCompile(`[A-Za-z%]`)

// unit sets the unit of a quantity: as it is written, and in UCUM where it is UCUM or we know what it is.
func (b *builder) unit(_ string, q *r4.Quantity, p Part) {
	written := or(p.Text(), p.Sub(1).Text())
	if written == "" {
		return
	}
	get := p.Comp
	if strings.IndexByte(p.text, p.delims().Component) < 0 {
		get = p.Sub
	}
	q.Unit = or(get(2).Text(), written)
	if c, ok := codes()["unit"][written]; ok {
		q.System, q.Code = ucumSystem, c.code
		return
	}
	declared := strings.EqualFold(get(3).Text(), "UCUM")
	if strings.ContainsAny(written, " \t") || !declared && !looksLikeUnit.MatchString(written) {
		return
	}
	if _, err := fhir.ParseUnit(written); err == nil {
		q.System, q.Code = ucumSystem, written
	}
}

// value is one OBX-5 as one of the types an Observation may have.
type value struct {
	quantity *r4.Quantity
	concept  *r4.CodeableConcept
	text     string
	rng      *r4.Range
	ratio    *r4.Ratio
	when     fhir.DateTime
	clock    fhir.Time
	period   *r4.Period
}

func (v value) absent() bool {
	return v.quantity == nil && v.concept == nil && v.text == "" && v.rng == nil && v.ratio == nil && v.when.Year == 0 &&
		v.clock.Known == 0 && v.period == nil
}

// read reads one repetition of OBX-5 by the type OBX-2 names. What cannot be read as its type is kept as text.
func (b *builder) read(at, kind string, p, unit Part) value {
	if p.Empty() || p.Null() {
		return value{}
	}
	var v value
	switch kind {
	case "NM", "SI":
		if v.quantity = b.quantity(at, p.Text(), unit); v.quantity == nil {
			b.warn(at, "%q is no number and was kept as text", p.Whole())
		}
	case "SN":
		v = b.structured(at, p, unit)
	case "CQ":
		v.quantity = b.quantity(at, p.Comp(1).Text(), p.Comp(2))
	case "CE", "CWE", "CNE", "CF", "IS", "ID":
		v.concept = b.concept(p)
	case "TS", "DTM", "DT":
		if kind == "DT" {
			v.when = b.clock.day(at, p)
		} else {
			v.when = b.clock.dateTime(at, p)
		}
	case "TM":
		v.clock, _ = fhir.ParseTime(timeOfDay(p.Text()))
	case "DR":
		v.period = b.span(at, b.clock.dateTime(at, p.Comp(1)), b.clock.dateTime(at, p.Comp(2)))
	case "NR":
		low, high := b.quantity(at, p.Comp(1).Text(), unit), b.quantity(at, p.Comp(2).Text(), unit)
		v.rng = between(low, high)
	case "CX", "EI":
		v.text = p.Comp(1).Text()
	case "XCN", "CN", "XPN", "PN":
		n := p
		if kind == "XCN" || kind == "CN" {
			if who := b.practitioner(at, n); who != nil {
				v.text = who.Display
			}
		} else if name := b.name(at, n); name != nil {
			v.text = oneSpace(strings.Join(name.Prefix, " ") + " " + strings.Join(name.Given, " ") + " " + name.Family)
		}
	case "ST", "TX", "FT", "":
		v.text = p.Whole()
	default:
		v.text = strings.TrimSpace(strings.NewReplacer("^", " ", "&", " ").Replace(p.Whole()))
	}
	if v.absent() {
		v.text = p.Whole()
	}
	return v
}

// timeOfDay makes HHMM[SS[.S…]] what FHIR calls a time.
func timeOfDay(s string) string {
	n := digitsIn(s)
	switch {
	case n == 4:
		return s[:2] + ":" + s[2:4] + ":00"
	case n == 6:
		rest := s[6:]
		if i := strings.IndexAny(rest, "+-"); i >= 0 {
			rest = rest[:i]
		}
		return s[:2] + ":" + s[2:4] + ":" + s[4:6] + rest
	}
	return s
}

// structured reads SN: comparator, number, separator, number. Chapter 2A.3.66.
func (b *builder) structured(at string, p, unit Part) (v value) {
	comp, first, sep, second := p.Comp(1).Text(), p.Comp(2).Text(), p.Comp(3).Text(), p.Comp(4).Text()
	if comp == "=" || comp == "<>" {
		comp = ""
	}
	one := b.quantity(at, comp+first, unit)
	two := b.quantity(at, second, unit)
	switch {
	case one == nil:
	case sep == "-" && two != nil && comp == "":
		v.rng = between(one, two)
	case (sep == ":" || sep == "/") && two != nil:
		v.ratio = &r4.Ratio{Numerator: one, Denominator: two}
	case sep == "+" && second == "": // 2+, as in a dipstick
		v.text = first + "+"
	case second == "":
		v.quantity = one
	}
	return v
}

// between makes a range; nil where low is above high.
func between(low, high *r4.Quantity) *r4.Range {
	if low == nil && high == nil || low != nil && high != nil && low.Value.Cmp(*high.Value) > 0 {
		return nil
	}
	for _, q := range []*r4.Quantity{low, high} {
		if q != nil {
			q.Comparator = "" // the quantities of a range are simple
		}
	}
	return &r4.Range{Low: low, High: high}
}

var rangeText = regexp.MustCompile(`^\s*\[?\s*([-+]?[0-9.]+)\s*(?:-|–|to)\s*([-+]?[0-9.]+)\s*\]?\s*$`)

// referenceRange reads OBX-7.
func (b *builder) referenceRange(at string, p, unit Part) []r4.ObservationReferenceRange {
	text := p.Whole()
	if strings.Trim(text, "[] -") == "" {
		return nil
	}
	r := r4.ObservationReferenceRange{Text: text}
	if m := rangeText.FindStringSubmatch(text); m != nil {
		if both := between(b.quantity(at, m[1], unit), b.quantity(at, m[2], unit)); both != nil {
			r.Low, r.High = both.Low, both.High
		}
		return []r4.ObservationReferenceRange{r}
	}
	switch comp, rest := comparator(text); comp {
	case "<", "<=":
		r.High = b.quantity(at, rest, unit)
	case ">", ">=":
		r.Low = b.quantity(at, rest, unit)
	}
	return []r4.ObservationReferenceRange{r}
}

// interpretation reads OBX-8.
func (b *builder) interpretation(p Part) []r4.CodeableConcept {
	var list []r4.CodeableConcept
	for rep := range p.Reps() {
		v := rep.Comp(1).Text()
		if v == "" || strings.EqualFold(v, "none") {
			continue
		}
		if c, ok := codes()["interpretation"][v]; ok {
			list = addConcept(list, &r4.CodeableConcept{Coding: []r4.Coding{c.coding()}})
		} else {
			list = addConcept(list, b.concept(rep))
		}
	}
	return list
}
