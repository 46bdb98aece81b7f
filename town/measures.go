package town

import (
	"math"
	"strconv"
	"time"
)

// measure is something that is measured: in a body, or in its blood at the hospital's laboratory.
type measure struct {
	key, loinc, display, short string
	ucum, unit                 string  // unit as UCUM writes it and as people do
	places                     int     // decimals reported
	low, high                  string  // the reference range, "" where there is none
	lowWomen, highWomen        string  // for women, where it differs
	within                     float64 // how much it changes from one time to the next
	between                    float64 // how much people differ
	mean                       func(h *health, age float64, at time.Time) float64
}

// panels are the measures asked for by one name.
var panels = map[string][]string{
	"weight":   {"weight", "bmi"},
	"ue":       {"sodium", "potassium", "urea", "creatinine", "egfr"},
	"hba1c":    {"hba1c"},
	"lipids":   {"cholesterol", "hdl", "triglyceride"},
	"fbc":      {"haemoglobin", "white", "platelets", "mcv"},
	"lft":      {"alt", "alp", "bilirubin", "albumin"},
	"tft":      {"tsh"},
	"ferritin": {"ferritin"},
	"psa":      {"psa"},
	"crp":      {"crp"},
	"urate":    {"urate"},
	"peakflow": {"peakflow"},
	"spo2":     {"spo2", "pulse"},
	"fever":    {"temperature", "pulse"},
	"growth":   {"weight", "height"},
}

// blood reports whether a panel goes to the laboratory.
func blood(panel string) bool {
	switch panel {
	case "bp", "weight", "peakflow", "spo2", "fever", "growth", "smoking":
		return false
	}
	return true
}

func level(x float64) func(*health, float64, time.Time) float64 {
	return func(*health, float64, time.Time) float64 { return x }
}

var allMeasures = []measure{
	{key: "weight", loinc: "29463-7", display: "Body weight", short: "Weight", ucum: "kg", unit: "kg", places: 1, within: 0.012,
		mean: func(h *health, age float64, at time.Time) float64 { return h.weight(age) }},
	{key: "height", loinc: "8302-2", display: "Body height", short: "Height", ucum: "cm", unit: "cm", places: 0,
		mean: func(h *health, age float64, at time.Time) float64 { return h.tall(age) }},
	{key: "bmi", loinc: "39156-5", display: "Body mass index (BMI) [Ratio]", short: "BMI", ucum: "kg/m2", unit: "kg/m²", places: 1, low: "18.5", high: "25", within: 0.012,
		mean: func(h *health, age float64, at time.Time) float64 {
			return h.weight(age) / math.Pow(h.tall(age)/100, 2)
		}},
	{key: "pulse", loinc: "8867-4", display: "Heart rate", short: "Pulse", ucum: "/min", unit: "/min", low: "60", high: "100", within: 6, between: 8,
		mean: func(h *health, age float64, at time.Time) float64 { return curve(age, 1, 120, 5, 98, 12, 82, 20, 74) }},
	{key: "temperature", loinc: "8310-5", display: "Body temperature", short: "Temperature", ucum: "Cel", unit: "°C", places: 1, low: "36.0", high: "37.5", within: 0.6, mean: level(37.4)},
	{key: "spo2", loinc: "2708-6", display: "Oxygen saturation in Arterial blood", short: "Oxygen saturation", ucum: "%", unit: "%", low: "94", high: "98", within: 0.7, between: 1,
		mean: func(h *health, age float64, at time.Time) float64 { return h.if_("copd", at, 93.5, 97) }},
	{key: "peakflow", loinc: "33452-4", display: "Maximum expiratory gas flow Respiratory system airway by Peak flow meter", short: "Peak flow", ucum: "L/min", unit: "L/min", within: 22, between: 45,
		mean: func(h *health, age float64, at time.Time) float64 {
			if age < 18 {
				return 5.1*h.tall(age) - 440
			}
			return h.byFemale(430, 560) - 1.8*math.Max(0, age-35)
		}},
	{key: "sodium", loinc: "2951-2", display: "Sodium [Moles/volume] in Serum or Plasma", short: "Sodium", ucum: "mmol/L", unit: "mmol/L", low: "133", high: "146", within: 1.3, between: 1.4, mean: level(139.6)},
	{key: "potassium", loinc: "2823-3", display: "Potassium [Moles/volume] in Serum or Plasma", short: "Potassium", ucum: "mmol/L", unit: "mmol/L", places: 1, low: "3.5", high: "5.3", within: 0.2, between: 0.2,
		mean: func(h *health, age float64, at time.Time) float64 { return h.if_("ckd", at, 4.7, 4.35) }},
	{key: "urea", loinc: "22664-7", display: "Urea [Moles/volume] in Serum or Plasma", short: "Urea", ucum: "mmol/L", unit: "mmol/L", places: 1, low: "2.5", high: "7.8", within: 0.6, between: 0.8,
		mean: func(h *health, age float64, at time.Time) float64 { return 4.6 + 0.018*age + h.if_("ckd", at, 3.4, 0) }},
	{key: "creatinine", loinc: "14682-9", display: "Creatinine [Moles/volume] in Serum or Plasma", short: "Creatinine", ucum: "umol/L", unit: "µmol/L", low: "64", high: "104", lowWomen: "49", highWomen: "90",
		mean: func(h *health, age float64, at time.Time) float64 { return h.creatinine(age, at) }},
	{key: "egfr", loinc: "62238-1", display: "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI)", short: "eGFR",
		ucum: "mL/min/{1.73_m2}", unit: "mL/min/1.73m²", low: "60",
		mean: func(h *health, age float64, at time.Time) float64 {
			return h.filtration(math.Round(h.creatinine(age, at)), age)
		}},
	{key: "hba1c", loinc: "59261-8", display: "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol", short: "HbA1c", ucum: "mmol/mol", unit: "mmol/mol", low: "20", high: "41", within: 2.5, between: 2,
		mean: func(h *health, age float64, at time.Time) float64 { return h.sugar(age, at) }},
	{key: "cholesterol", loinc: "14647-2", display: "Cholesterol [Moles/volume] in Serum or Plasma", short: "Cholesterol", ucum: "mmol/L", unit: "mmol/L", places: 1, high: "5.0", within: 0.3, between: 0.6,
		mean: func(h *health, age float64, at time.Time) float64 {
			return curve(age, 15, 4.2, 30, 4.9, 50, 5.5, 70, 5.4) - h.ifTakes("statin", at, 1.4, 0) + h.if_("cholesterol", at, 0.7, 0)
		}},
	{key: "hdl", loinc: "14646-4", display: "Cholesterol in HDL [Moles/volume] in Serum or Plasma", short: "HDL cholesterol", ucum: "mmol/L", unit: "mmol/L", places: 1, low: "1.0", lowWomen: "1.2", within: 0.08, between: 0.28,
		mean: func(h *health, age float64, at time.Time) float64 { return h.byFemale(1.6, 1.3) }},
	{key: "triglyceride", loinc: "14927-8", display: "Triglyceride [Moles/volume] in Serum or Plasma", short: "Triglycerides", ucum: "mmol/L", unit: "mmol/L", places: 1, high: "1.7", within: 0.25, between: 0.4,
		mean: func(h *health, age float64, at time.Time) float64 {
			return 1.25 + 0.03*(h.p.bmi-25) + h.if_("diabetes", at, 0.5, 0)
		}},
	{key: "haemoglobin", loinc: "718-7", display: "Hemoglobin [Mass/volume] in Blood", short: "Haemoglobin", ucum: "g/L", unit: "g/L", low: "130", high: "180", lowWomen: "115", highWomen: "165", within: 3, between: 7,
		mean: func(h *health, age float64, at time.Time) float64 {
			return h.byFemale(134, 149) - 0.25*math.Max(0, age-65) - h.if_("anaemia", at, 26, 0) - h.if_("ckd", at, 8, 0) - h.thinner(at)
		}},
	{key: "white", loinc: "6690-2", display: "Leukocytes [#/volume] in Blood by Automated count", short: "White cells", ucum: "10*9/L", unit: "10⁹/L", places: 1, low: "4.0", high: "11.0", within: 0.8, between: 1.2, mean: level(6.8)},
	{key: "platelets", loinc: "777-3", display: "Platelets [#/volume] in Blood by Automated count", short: "Platelets", ucum: "10*9/L", unit: "10⁹/L", low: "150", high: "400", within: 18, between: 45, mean: level(255)},
	{key: "mcv", loinc: "787-2", display: "MCV [Entitic volume] by Automated count", short: "MCV", ucum: "fL", unit: "fL", low: "80", high: "100", within: 0.8, between: 3.4,
		mean: func(h *health, age float64, at time.Time) float64 { return 90.5 - h.if_("anaemia", at, 12, 0) }},
	{key: "alt", loinc: "1742-6", display: "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", short: "ALT", ucum: "U/L", unit: "U/L", high: "41", highWomen: "33", within: 4, between: 7, mean: level(24)},
	{key: "alp", loinc: "6768-6", display: "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", short: "ALP", ucum: "U/L", unit: "U/L", low: "30", high: "130", within: 6, between: 16, mean: level(78)},
	{key: "bilirubin", loinc: "14631-6", display: "Bilirubin.total [Moles/volume] in Serum or Plasma", short: "Bilirubin", ucum: "umol/L", unit: "µmol/L", high: "21", within: 2, between: 2.5, mean: level(10)},
	{key: "albumin", loinc: "1751-7", display: "Albumin [Mass/volume] in Serum or Plasma", short: "Albumin", ucum: "g/L", unit: "g/L", low: "35", high: "50", within: 1.2, between: 2,
		mean: func(h *health, age float64, at time.Time) float64 { return 44 - 0.06*math.Max(0, age-45) }},
	{key: "tsh", loinc: "3016-3", display: "Thyrotropin [Units/volume] in Serum or Plasma", short: "TSH", ucum: "m[IU]/L", unit: "mU/L", places: 1, low: "0.3", high: "4.2", within: 0.6, between: 0.5,
		mean: func(h *health, age float64, at time.Time) float64 { return h.if_("thyroid", at, 2.6, 1.8) }},
	{key: "ferritin", loinc: "2276-4", display: "Ferritin [Mass/volume] in Serum or Plasma", short: "Ferritin", ucum: "ug/L", unit: "µg/L", low: "30", high: "400", lowWomen: "13", highWomen: "150", within: 4, between: 5,
		mean: func(h *health, age float64, at time.Time) float64 {
			return h.if_("anaemia", at, 14, h.byFemale(60, 110))
		}},
	{key: "psa", loinc: "2857-1", display: "Prostate specific Ag [Mass/volume] in Serum or Plasma", short: "PSA", ucum: "ug/L", unit: "µg/L", places: 1, high: "4.5", within: 0.3, between: 0.5,
		mean: func(h *health, age float64, at time.Time) float64 {
			return curve(age, 45, 0.9, 60, 1.8, 80, 3.2) + h.if_("prostatecancer", at, 5, 0)
		}},
	{key: "crp", loinc: "1988-5", display: "C reactive protein [Mass/volume] in Serum or Plasma", short: "CRP", ucum: "mg/L", unit: "mg/L", high: "5", within: 1.5, between: 1.5, mean: func(h *health, age float64, at time.Time) float64 { return h.if_("rheumatoid", at, 8, 3.4) }},
	{key: "urate", loinc: "14933-6", display: "Urate [Moles/volume] in Serum or Plasma", short: "Urate", ucum: "umol/L", unit: "µmol/L", low: "200", high: "430", lowWomen: "140", highWomen: "360", within: 22, between: 35,
		mean: func(h *health, age float64, at time.Time) float64 {
			return h.byFemale(270, 330) + h.if_("gout", at, 70, 0)
		}},
}

// measureOf finds a measure by its key.
func measureOf(key string) *measure {
	for i := range allMeasures {
		if allMeasures[i].key == key {
			return &allMeasures[i]
		}
	}
	panic("town: no measure called " + key)
}

// limits returns the reference range as the laboratory prints it for the person.
func (m *measure) limits(p *person) (low, high string) {
	low, high = m.low, m.high
	if p.female && m.lowWomen != "" {
		low = m.lowWomen
	}
	if p.female && m.highWomen != "" {
		high = m.highWomen
	}
	if p.age(p.end) < 18 && m.key != "temperature" && m.key != "spo2" {
		return "", "" // adults' ranges say nothing of a child
	}
	return low, high
}

// health is a person with their problems: what their measurements follow from.
type health struct {
	p     *person
	since map[string]time.Time // problem or kind of medicine → from when

	pregnancies []*pregnancy // those that were told, oldest first
}

func (h *health) has(key string, at time.Time) bool {
	from, ok := h.since[key]
	return ok && !at.Before(from)
}

// if_ returns yes where the person has the problem by then, else no.
func (h *health) if_(problem string, at time.Time, yes, no float64) float64 {
	if h.has(problem, at) {
		return yes
	}
	return no
}

// ifTakes is if_ for a medicine, which takes some weeks to work.
func (h *health) ifTakes(kind string, at time.Time, yes, no float64) float64 {
	return h.if_("takes "+kind, at.Add(-45*day), yes, no)
}

func (h *health) byFemale(yes, no float64) float64 {
	if h.p.female {
		return yes
	}
	return no
}

// value returns what a measurement shows at a time. The same person keeps their own level: it is drawn once a measure.
func (h *health) value(m *measure, at time.Time, d dice) (number string, x float64) {
	age := h.p.age(at)
	own := roll(h.p.town.Seed, h.p.i, m.key)
	x = m.mean(h, age, at) + own.around(0, m.between)
	switch m.key {
	case "weight", "bmi": // both from one visit's scales
		x *= 1 + m.within*roll(h.p.town.Seed, h.p.i, "scales"+ymd(at)).around(0, 1)
	case "creatinine", "egfr", "height":
	default:
		x += d.around(0, m.within)
	}
	switch m.key {
	case "spo2":
		x = math.Min(x, 100)
	case "egfr":
		x = math.Min(x, 91)
	}
	floor := math.Pow(10, -float64(m.places))
	x = math.Max(x, floor)
	number = strconv.FormatFloat(x, 'f', m.places, 64)
	x, _ = strconv.ParseFloat(number, 64)
	return number, x
}

// pressure returns a blood pressure. Treatment brings it down, not all the way for everyone.
func (h *health) pressure(at time.Time, d dice) (systolic, diastolic int) {
	age := h.p.age(at)
	own := roll(h.p.town.Seed, h.p.i, "pressure").around(0, 7)
	s := curve(age, 18, 114, 40, 122, 60, 131, 80, 138) + own + 0.5*(h.p.bmi-26)
	if h.has("hypertension", at) {
		s = 153 + own - h.ifTakes("pressure", at, 17, 0)
	}
	if weeks, ok := h.carries(at); ok {
		s -= curve(float64(weeks), 6, 0, 20, 6, 28, 5, 40, 0)
	}
	s += d.around(0, 6)
	dia := 46 + 0.26*s - 0.12*math.Max(0, age-55) + d.around(0, 4)
	return int(math.Round(s)), int(math.Round(dia))
}

// thinner is by how much haemoglobin falls in pregnancy, as the blood grows more than its cells.
func (h *health) thinner(at time.Time) float64 {
	if weeks, ok := h.carries(at); ok {
		return curve(float64(weeks), 6, 0, 14, 8, 28, 18, 40, 15)
	}
	return 0
}

// sugar is the mean HbA1c: creeping up in diabetes, down when a medicine is added.
func (h *health) sugar(age float64, at time.Time) float64 {
	switch {
	case h.has("type1", at):
		return 66
	case h.has("diabetes", at):
		had := years(h.since["diabetes"], at)
		return 51 + 1.1*math.Min(had, 14) + 4*math.Sin(had*1.7+float64(h.p.i%7)) - h.ifTakes("sugar", at, 3, -6)
	}
	return curve(age, 20, 33, 50, 36, 80, 39) + 0.15*(h.p.bmi-26)
}

// creatinine follows from how well the kidneys filter, which declines with age.
func (h *health) creatinine(age float64, at time.Time) float64 {
	d := roll(h.p.town.Seed, h.p.i, "kidneys")
	target := math.Min(118, 128-0.75*age) + d.around(0, 9)
	if h.has("ckd", at) {
		target = d.around(47, 6) + 1.1*years(at, h.p.end)
	} else {
		target = math.Max(target, 62)
	}
	target *= 1 + roll(h.p.town.Seed, h.p.i, "bloods"+ymd(at)).around(0, 0.035)
	k, a, f := 0.9*88.42, 0.411, 1.0
	if h.p.female {
		k, a, f = 0.7*88.42, 0.329, 1.018
	}
	full := 141 * math.Pow(0.993, age) * f
	if target < full {
		return k * math.Pow(full/target, 1/1.209)
	}
	return k * math.Pow(full/target, 1/a)
}

// filtration is the CKD-EPI equation of 2009 without its term for race, as English laboratories report it.
func (h *health) filtration(creatinine, age float64) float64 {
	k, a, f := 0.9*88.42, 0.411, 1.0
	if h.p.female {
		k, a, f = 0.7*88.42, 0.329, 1.018
	}
	s := creatinine / k
	return 141 * math.Pow(math.Min(s, 1), -a) * math.Pow(math.Max(s, 1), -1.209) * math.Pow(0.993, age) * f
}

// tall is height in cm; children's follow the middle of the growth charts, nearer to their own height as they grow.
func (h *health) tall(age float64) float64 {
	if age >= 18 {
		return math.Round(h.p.height)
	}
	middle := curve(age, 0, 50, 0.5, 67, 1, 75.5, 2, 87, 3, 96, 5, 110, 8, 128, 11, 144, 13, 156, 15, 168, 18, 175.5)
	if h.p.female {
		middle = curve(age, 0, 49.5, 0.5, 65.5, 1, 74, 2, 85.5, 3, 95, 5, 109, 8, 127, 11, 145, 13, 156, 15, 161, 18, 162)
	}
	return math.Round(middle * h.p.height / h.byFemale(162, 175.5))
}

// weight is in kg; children's from the same charts, nudged by their build.
func (h *health) weight(age float64) float64 {
	if age >= 18 {
		bmi := h.p.bmi * curve(age, 18, 0.86, 30, 0.94, 50, 1, 70, 1, 90, 0.92)
		return bmi * math.Pow(math.Round(h.p.height)/100, 2)
	}
	middle := curve(age, 0, 3.4, 0.25, 6, 0.5, 7.8, 1, 9.7, 2, 12.3, 3, 14.5, 5, 18.5, 8, 26, 11, 36, 13, 46, 15, 56, 18, 67)
	return middle * (1 + 0.5*(h.p.bmi/27.4-1))
}
