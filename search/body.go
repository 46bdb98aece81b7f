package search

import (
	"math"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhirpath"
)

// matchBody compares what no key holds: composites, :text, :of-type and Location?near.
func (c *Cond) matchBody(res *fhir.Resource) (bool, error) {
	found := false
	var failed error
	err := c.Param.expr.each(res, func(it fhirpath.Item) bool {
		switch {
		case c.Param.Type == "composite":
			found, failed = c.composite(res, it)
		case c.Modifier == "text":
			found = c.text(it.Value())
		case c.Modifier == "of-type":
			found = c.ofType(it.Value())
		default:
			found = c.near(it.Value())
		}
		return !found && failed == nil
	})
	if err == nil {
		err = failed
	}
	return found, err
}

// composite holds where all parts of one value hold within one root element.
func (c *Cond) composite(res *fhir.Resource, root fhirpath.Item) (bool, error) {
	for i := range c.Values {
		ok, err := c.compositeValue(root, &c.Values[i])
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (c *Cond) compositeValue(root fhirpath.Item, v *Value) (bool, error) {
	for i, part := range c.Param.Components {
		x := extractor{param: part.Param}
		items, err := part.expr.path.Eval(root, nil)
		if err != nil {
			return false, err
		}
		for _, it := range items {
			x.item(it)
		}
		met := false
		for k := range x.keys {
			if v.Parts[i].meets(&x.keys[k], "") {
				met = true
				break
			}
		}
		if !met {
			return false, nil
		}
	}
	return true, nil
}

// text compares with the words that go with a code or reference: text, display, or the type of an identifier.
func (c *Cond) text(v fhir.Value) bool {
	for _, want := range c.Values {
		for _, name := range [...]string{"text", "display"} {
			if t := v.Get(name); t.Exists() && strings.HasPrefix(Fold(t.Text()), want.Code) {
				return true
			}
		}
		for coding := range v.Get("coding").Items() {
			if strings.HasPrefix(Fold(coding.Get("display").Text()), want.Code) && coding.Get("display").Exists() {
				return true
			}
		}
		if t := v.Get("type").Get("text"); t.Exists() && strings.HasPrefix(Fold(t.Text()), want.Code) {
			return true
		}
		if v.Kind() == fhir.String && strings.HasPrefix(Fold(v.Text()), want.Code) {
			return true
		}
	}
	return false
}

func (c *Cond) ofType(identifier fhir.Value) bool {
	for _, want := range c.Values {
		if !identifier.Get("value").Is(want.Code) {
			continue
		}
		for coding := range identifier.Get("type").Get("coding").Items() {
			if coding.Get("system").Is(want.System) && coding.Get("code").Is(want.Type) {
				return true
			}
		}
	}
	return false
}

// earth is the mean radius in kilometres.
const earth = 6371.0088

// near holds where a position lies within the distance, measured along a great circle. Distances are physical
// measurements, so they are reckoned in floating point.
func (c *Cond) near(position fhir.Value) bool {
	lat, err1 := fhir.ParseDecimal(position.Get("latitude").Text())
	lon, err2 := fhir.ParseDecimal(position.Get("longitude").Text())
	if err1 != nil || err2 != nil {
		return false
	}
	for _, v := range c.Values {
		limit := 10.0 // km, where the asker leaves it to us
		if len(v.Parts) > 2 {
			limit = v.Parts[2].Num.Exact.Float64()
			switch v.Unit {
			case "m":
				limit /= 1000
			case "[mi_us]", "mi":
				limit *= 1.609347
			}
		}
		if distance(lat.Float64(), lon.Float64(), v.Parts[0].Num.Exact.Float64(), v.Parts[1].Num.Exact.Float64()) <= limit {
			return true
		}
	}
	return false
}

func distance(lat1, lon1, lat2, lon2 float64) float64 {
	rad := math.Pi / 180
	a, b := math.Sin((lat2-lat1)*rad/2), math.Sin((lon2-lon1)*rad/2)
	return 2 * earth * math.Asin(math.Sqrt(a*a+math.Cos(lat1*rad)*math.Cos(lat2*rad)*b*b))
}
