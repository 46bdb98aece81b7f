package scores

import (
	"math"
	"math/big"

	"github.com/kith-care/kith/fhir"
)

// Creatinine is of serum or plasma.
type Creatinine struct {
	Value fhir.Decimal
	Unit  string // UCUM: umol/L or mg/dL
	From  string
}

// CKDEPI is the estimated glomerular filtration rate by the equation of 2009 without ethnicity, as NICE NG203 has it, in mL/min/1.73 m², rounded to whole
// numbers. It is for adults of female or male sex.
func CKDEPI(c Creatinine, age Age, sex Sex) (*Result, error) {
	t := table.CKDEPI
	scr := c.Value.Float64()
	switch c.Unit {
	case "mg/dL":
	case "umol/L":
		scr /= t.UMol
	default:
		return nil, fhir.Errorf(fhir.Unprocessable, "creatinine is in umol/L or mg/dL, not in %q", c.Unit)
	}
	of := t.Male
	switch {
	case scr <= 0:
		return nil, fhir.Errorf(fhir.Unprocessable, "creatinine cannot be %s %s", c.Value, c.Unit)
	case age.Years < t.Youngest:
		return nil, fhir.Errorf(fhir.Unprocessable, "CKD-EPI is not for people under %d", t.Youngest)
	case sex.Code == "female":
		of = t.Female
	case sex.Code != "male":
		return nil, fhir.Errorf(fhir.Unprocessable, "CKD-EPI needs the sex, female or male, not %q", sex.Code)
	}
	ratio := scr / of.Kappa
	rate := t.Factor * math.Pow(math.Min(ratio, 1), of.Alpha) * math.Pow(math.Max(ratio, 1), t.Fall) * math.Pow(t.Yearly, float64(age.Years)) * of.Factor
	r := result("CKD-EPI 2009", t.Source, Input{"creatinine", c.Value.String(), c.Unit, c.From}, age.input(), sex.input())
	r.Value, r.Unit = fhir.DecimalOf(new(big.Rat).SetFloat64(rate), 0), "mL/min/{1.73_m2}"
	r.Band = bandOf(t.Bands, r.Value.Float64())
	return r, nil
}
