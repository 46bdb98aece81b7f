package search

import (
	"bytes"
	"strings"
	"sync/atomic"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/fhirpath"
)

// Row is a resource that may match: what stands in the store beside its body, and a way to the rest.
type Row struct {
	Type    spec.TypeID
	ID      string
	Updated int64 // microseconds
	Keys    []byte
	Rest    Rest
}

// Rest reads what conditions seldom need of a row.
type Rest interface {
	Extra(param int64) ([]byte, error) // keys under a custom parameter
	Body() (*fhir.Resource, error)
}

// Match reports whether every condition of q holds for the row.
func (q *Query) Match(row *Row) (bool, error) {
	for i := range q.Where {
		ok, err := q.Where[i].match(row)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *Cond) match(row *Row) (bool, error) {
	switch c.Op {
	case And:
		for i := range c.Kids {
			if ok, err := c.Kids[i].match(row); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case Or:
		for i := range c.Kids {
			if ok, err := c.Kids[i].match(row); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case Not:
		ok, err := c.Kids[0].match(row)
		return !ok, err
	}
	return c.leaf(row)
}

func (c *Cond) leaf(row *Row) (bool, error) {
	switch {
	case c.Set != nil && c.Param == nil:
		return c.Set[row.Type.String()+"/"+row.ID], nil
	case c.Chain != nil && c.Set == nil, c.Has != nil && c.Set == nil, c.Modifier == "list" && c.Set == nil, c.Modifier == "in" && c.Set == nil && !c.resolvedIn():
		return false, fhir.Errorf(fhir.Broken, "the condition %s was not resolved before matching", c.Source)
	case c.Param.Code == "_id":
		return c.matchID(row), nil
	case c.Param.Code == "_lastUpdated":
		k := Key{Kind: DateKey, Lo: row.Updated, Hi: row.Updated + 1}
		return c.any(&k), nil
	}
	if c.Param.Of != row.Type { // a search of many types, compiled for the first of them
		of := *c
		if of.Param = base(row.Type).byCode[c.Param.Code]; of.Param == nil {
			return false, nil
		}
		c = &of
	}
	switch {
	case c.Modifier == "missing":
		present, err := c.present(row)
		return present != (c.Values[0].Code == "true"), err
	case c.Param.Type == "composite", c.Param.Type == "special", c.Modifier == "text", c.Modifier == "of-type":
		res, err := row.Rest.Body()
		if err != nil {
			return false, err
		}
		return c.matchBody(res)
	}
	keys := row.Keys
	param := c.Param
	if param.Custom != 0 {
		var err error
		if keys, err = row.Rest.Extra(param.Custom); err != nil {
			return false, err
		}
	}
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		if k.Param == param.ID && c.any(&k) {
			return true, nil
		}
	}
	if r.bad {
		return false, fhir.Errorf(fhir.Broken, "the search keys of %s/%s are damaged", row.Type, row.ID)
	}
	return false, nil
}

func (c *Cond) resolvedIn() bool { return len(c.Values) == 0 || c.Values[0].HasSystem }

func (c *Cond) matchID(row *Row) bool {
	for _, v := range c.Values {
		if v.Code == row.ID {
			return true
		}
	}
	return false
}

// present reports whether the row has any value for the parameter.
func (c *Cond) present(row *Row) (bool, error) {
	switch {
	case c.Param.Type == "composite" || c.Param.Type == "special":
		res, err := row.Rest.Body()
		if err != nil {
			return false, err
		}
		found := false
		err = c.Param.expr.each(res, func(fhirpath.Item) bool { found = true; return false })
		return found, err
	case c.Param.Custom != 0:
		keys, err := row.Rest.Extra(c.Param.Custom)
		return len(keys) > 0, err
	}
	r := keyReader{buf: row.Keys}
	var k Key
	for r.next(&k) {
		if k.Param == c.Param.ID {
			return true, nil
		}
	}
	return false, nil
}

// any reports whether k meets one of the values.
func (c *Cond) any(k *Key) bool {
	if c.Set != nil { // a resolved chain
		return k.Kind == ReferenceKey && len(k.System) > 0 && c.Set[string(k.System)+"/"+string(k.Code)]
	}
	for i := range c.Values {
		if c.Values[i].meets(k, c.Modifier) {
			return true
		}
	}
	return false
}

func (v *Value) meets(k *Key, modifier string) bool {
	switch k.Kind {
	case TokenKey:
		return modifier != "identifier" && v.meetsToken(k)
	case LogicalKey:
		return modifier == "identifier" && v.meetsToken(k)
	case StringKey:
		return v.meetsString(string(k.Code), modifier)
	case ReferenceKey:
		return modifier != "identifier" && v.meetsReference(k, modifier)
	case DateKey:
		return v.meetsDate(k.Lo, k.Hi)
	case NumberKey:
		d, err := fhir.ParseDecimal(k.Code)
		return err == nil && v.meetsNumber(d, d)
	case QuantityKey:
		return v.meetsQuantity(k)
	case URIKey:
		return v.meetsURI(string(k.Code), modifier)
	}
	return false
}

func (v *Value) meetsToken(k *Key) bool {
	if v.HasSystem && string(k.System) != v.System {
		return false
	}
	if v.Code == "" && v.HasSystem {
		return true // system|
	}
	return string(k.Code) == v.Code
}

func (v *Value) meetsString(text, modifier string) bool {
	switch modifier {
	case "exact":
		return text == v.Code
	case "contains":
		return strings.Contains(Fold(text), v.Code)
	}
	switch v.Prefix { // of a _filter
	case "eq", "ne":
		return Fold(text) == v.Code
	case "ew":
		return strings.HasSuffix(Fold(text), v.Code)
	}
	return strings.HasPrefix(Fold(text), v.Code)
}

func (v *Value) meetsReference(k *Key, modifier string) bool {
	if v.HasSystem {
		return len(k.System) == 0 && canonicalEqual(string(k.Code), v.Code)
	}
	if v.Type != "" && string(k.System) != v.Type {
		return false
	}
	return len(k.System) > 0 && string(k.Code) == v.Code || v.Type == "" && string(k.Code) == v.Code
}

// canonicalEqual compares canonical references: a value without a version means any version.
func canonicalEqual(have, want string) bool {
	if have == want {
		return true
	}
	return !strings.Contains(want, "|") && strings.HasPrefix(have, want) && len(have) > len(want) && have[len(want)] == '|'
}

// meetsDate compares half-open ranges. https://hl7.org/fhir/R4/search.html#prefix
func (v *Value) meetsDate(lo, hi int64) bool {
	switch v.Prefix {
	case "ne":
		return !(v.Lo <= lo && hi <= v.Hi)
	case "gt":
		return hi > v.Hi
	case "lt":
		return lo < v.Lo
	case "ge":
		return hi > v.Hi || v.Lo <= lo && hi <= v.Hi
	case "le":
		return lo < v.Lo || v.Lo <= lo && hi <= v.Hi
	case "sa":
		return lo >= v.Hi
	case "eb":
		return hi <= v.Lo
	case "ap", "po":
		return lo < v.Hi && v.Lo < hi
	}
	return v.Lo <= lo && hi <= v.Hi
}

// meetsNumber compares a value that lies from lo to hi (equal for a plain number).
func (v *Value) meetsNumber(lo, hi fhir.Decimal) bool {
	n := &v.Num
	switch v.Prefix {
	case "ne":
		return !(n.Low.Cmp(lo) <= 0 && hi.Cmp(n.High) < 0)
	case "gt", "sa":
		return hi.Cmp(n.Exact) > 0
	case "lt", "eb":
		return lo.Cmp(n.Exact) < 0
	case "ge":
		return hi.Cmp(n.Exact) >= 0
	case "le":
		return lo.Cmp(n.Exact) <= 0
	case "ap":
		tenth, _ := n.Exact.Abs().Div(fhir.MakeDecimal(10, 0), n.Exact.Scale()+1)
		return n.Exact.Sub(tenth).Cmp(hi) <= 0 && lo.Cmp(n.Exact.Add(tenth)) <= 0
	}
	return n.Low.Cmp(lo) <= 0 && hi.Cmp(n.High) < 0
}

func (v *Value) meetsQuantity(k *Key) bool {
	num, err := fhir.ParseDecimal(k.Code)
	if err != nil {
		return false
	}
	if v.Unit == "" && v.System == "" {
		return v.meetsNumber(num, num)
	}
	code, unit, _ := bytes.Cut(k.Unit, []byte{0})
	if v.System == "" {
		return (string(code) == v.Unit || string(unit) == v.Unit) && v.meetsNumber(num, num)
	}
	if string(k.System) != v.System {
		return false
	}
	if string(code) == v.Unit {
		return v.meetsNumber(num, num)
	}
	if v.System != ucum {
		return false
	}
	return v.meetsConverted(num, string(code))
}

const ucum = "http://unitsofmeasure.org"

// meetsConverted compares across units of one dimension by bringing both to base units.
func (v *Value) meetsConverted(num fhir.Decimal, code string) bool {
	have, err1 := unitOf(code)
	want, err2 := unitOf(v.Unit)
	if err1 != nil || err2 != nil || !have.Commensurable(want) {
		return false
	}
	in := func(d fhir.Decimal) fhir.Decimal { return fhir.DecimalOf(want.From(have.Base(d)), 18) }
	n := in(num)
	return v.meetsNumber(n, n)
}

// units remembers the units that were parsed last: those of one search are few and come again and again.
var units [64]atomic.Pointer[knownUnit]

type knownUnit struct {
	code string
	unit fhir.Unit
}

func unitOf(code string) (fhir.Unit, error) {
	slot := &units[uint64(Hash(0, 0, code))%uint64(len(units))]
	if k := slot.Load(); k != nil && k.code == code {
		return k.unit, nil
	}
	u, err := fhir.ParseUnit(code)
	if err == nil {
		slot.Store(&knownUnit{code, u})
	}
	return u, err
}

func (v *Value) meetsURI(uri, modifier string) bool {
	switch modifier {
	case "below":
		return uri == v.Code || strings.HasPrefix(uri, strings.TrimSuffix(v.Code, "/")+"/")
	case "above":
		return uri == v.Code || strings.HasPrefix(v.Code, strings.TrimSuffix(uri, "/")+"/")
	}
	return canonicalEqual(uri, v.Code)
}

// NeedsRest reports whether matching or sorting looks at more of a row than its keys.
func (q *Query) NeedsRest() bool {
	for i := range q.Where {
		if q.Where[i].needsRest() {
			return true
		}
	}
	for _, s := range q.Sort {
		if s.Param.Custom != 0 {
			return true
		}
	}
	return false
}

func (c *Cond) needsRest() bool {
	for i := range c.Kids {
		if c.Kids[i].needsRest() {
			return true
		}
	}
	return c.Param != nil && (c.Param.Custom != 0 || c.Param.Type == "composite" || c.Param.Type == "special" || c.Modifier == "text" || c.Modifier == "of-type")
}
