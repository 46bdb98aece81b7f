package town

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Monitored are made-up people who measure themselves at home, some of whom get worse: what the rules of monitoring are tried on. Noise, gaps and shapes come from the
// sources in docs/monitoring.md; what has none there is marked as assumed. They were settled before the rules were tuned.
type Monitored struct {
	Seed   int64
	People int
	Days   int       // of measuring
	Until  time.Time // the last day; zero for 1 November 2026
}

// Noise and shapes. Changing one of them makes figures that were reported incomparable.
const (
	weightNoise  = 0.4   // kg, from day to day; assumed
	weightWander = 0.6   // kg, slowly: so that the week's mean of three people in four moves by more than 2 kg in half a year (Ledwidge 2013)
	wanderDays   = 14.0  // assumed
	pulseNoise   = 5.0   // a minute (Hurst 2010)
	oxygenNoise  = 1.0   // per cent (Hurst 2010)
	upperNoise   = 8.6   // mmHg, from day to day (Kato 2010)
	lowerNoise   = 5.8   // mmHg (Kato 2010)
	twiceNoise   = 4.0   // mmHg, between two readings of one sitting; assumed
	otherPerson  = 0.004 // of weights are somebody else's; assumed
	gapBegins    = 0.012 // of days begin a gap of 2 to 6 days; assumed
	worsen       = 0.5   // of people get worse once; assumed, so that there is enough to count
	quietWeeks   = 6     // of measuring before anybody gets worse
)

// reason is why somebody is monitored.
type reason struct {
	name  string
	share float64
}

var reasons = []reason{{"heart failure", 0.4}, {"COPD", 0.35}, {"hypertension", 0.25}}

// monitored is one of them.
type monitored struct {
	d                           dice
	name, why                   string
	weight, pulse, oxygen       float64
	upper, lower                float64
	keeps                       float64 // on how many days they measure; with the gaps about 70 % of what is asked for (JMIR Res Protoc 2017;6(3):e46)
	event                       time.Time
	gain, faster, fall, pushing float64 // at the event: kg, a minute, per cent, mmHg
	wander                      float64
	awayUntil                   time.Time
}

// Write writes readings as CSV (person,time,kind,value,unit,value2,deterioration), person by person, and what is planned for each, as JSON. The same
// numbers are the same bytes.
func (m Monitored) Write(readings, plans io.Writer) error {
	if m.Until.IsZero() {
		m.Until = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	out := bufio.NewWriter(readings)
	fmt.Fprintln(out, "person,time,kind,value,unit,value2,deterioration")
	all := map[string]homePlan{}
	for i := range m.People {
		p := m.person(i)
		all[p.name] = p.plan()
		p.write(out, m.Until.AddDate(0, 0, -m.Days), m.Until)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	e := json.NewEncoder(plans)
	e.SetIndent("", " ")
	return e.Encode(struct {
		People map[string]homePlan `json:"people"`
	}{all})
}

func (m Monitored) person(i int) *monitored {
	d := roll(m.Seed, i, "monitored")
	var shares []float64
	for _, c := range reasons {
		shares = append(shares, c.share)
	}
	p := &monitored{d: d, name: fmt.Sprintf("m-%05d", i), why: reasons[d.weighted(shares...)].name, weight: d.around(81, 14), pulse: d.around(72, 8), oxygen: d.around(94.5, 1.5), upper: d.around(131, 9), keeps: 0.5 + 0.45*d.Float64()}
	p.lower = 46 + 0.26*p.upper
	if !d.chance(worsen) || m.Days <= quietWeeks*7+1 {
		return p
	}
	p.event = m.Until.AddDate(0, 0, -d.IntN(m.Days-quietWeeks*7)).Add(time.Duration(10+d.IntN(12)) * time.Hour)
	switch p.why {
	case "heart failure": // weight grows from 30 days before, most of it in the last week (Chaudhry 2007); in one of five only the pulse tells (assumed)
		p.gain, p.faster = 1.5+3.5*d.Float64(), 5+10*d.Float64()
		if d.chance(0.2) {
			p.gain, p.faster = 0.3, 12+8*d.Float64()
		}
	case "COPD": // saturation falls and the pulse rises from a week before treatment (Hurst 2010, Al Rajeh 2020)
		p.fall, p.faster = 3+3*d.Float64(), 6+10*d.Float64()
	case "hypertension": // over two weeks (assumed)
		p.pushing = 25 + 20*d.Float64()
	}
	return p
}

// homePlan is what is asked of somebody, as kith monitor replay reads it.
type homePlan struct {
	Kinds map[string]askedKind `json:"kinds"`
}

type askedKind struct {
	Every  string       `json:"every"`
	Limits []askedLimit `json:"limits,omitempty"`
}

type askedLimit struct {
	Priority string  `json:"priority"`
	Under    float64 `json:"under"`
	Confirm  int     `json:"confirm"`
	Within   string  `json:"within"`
	Source   string  `json:"source"`
	Own      bool    `json:"own"`
}

// plan is every person's; in lung disease with limits of their own, three and six below what is usual for them (assumed).
func (p *monitored) plan() homePlan {
	daily := askedKind{Every: "24h"}
	switch p.why {
	case "heart failure":
		return homePlan{map[string]askedKind{"weight": daily, "heart-rate": daily, "pressure": daily}}
	case "COPD":
		usual := math.Round(p.oxygen)
		return homePlan{map[string]askedKind{"heart-rate": daily, "saturation": {"24h", []askedLimit{{"stat", usual - 6, 2, "15m", "the plan", true}, {"urgent", usual - 3, 2, "1h", "the plan", true}}}}}
	}
	return homePlan{map[string]askedKind{"pressure": daily}}
}

func (p *monitored) write(out io.Writer, from, until time.Time) {
	p.wander = p.d.around(0, weightWander)
	told := p.event.IsZero()
	for on := from; on.Before(until); on = on.Add(day) {
		if !told && !on.Before(p.event) {
			fmt.Fprintf(out, "%s,%s,,,,,%s\n", p.name, p.event.Format(time.RFC3339), p.why)
			told, p.awayUntil = true, on.Add(time.Duration(4+p.d.IntN(6))*day) // in hospital
		}
		keep := math.Exp(-1 / wanderDays)
		p.wander = keep*p.wander + math.Sqrt(1-keep*keep)*p.d.around(0, weightWander)
		if p.d.chance(gapBegins) && on.After(p.awayUntil) {
			p.awayUntil = on.Add(time.Duration(2+p.d.IntN(5)) * day)
		}
		morning := on.Add(time.Duration(7*60+p.d.IntN(150)) * time.Minute)
		measures := p.d.chance(p.keeps) && !on.Before(p.awayUntil) && (told || morning.Before(p.event))
		p.day(out, morning, measures)
		if p.why == "COPD" {
			evening := morning.Add(11 * time.Hour)
			p.day(out, evening, measures && p.d.chance(0.8) && (told || evening.Before(p.event)))
		}
	}
	if !told {
		fmt.Fprintf(out, "%s,%s,,,,,%s\n", p.name, p.event.Format(time.RFC3339), p.why)
	}
}

// part is how far a shape has gone that begins so many days before the event: 0 before, 1 at the event, with a part of it by the knee.
func (p *monitored) part(at time.Time, days, knee, share float64) float64 {
	if p.event.IsZero() || at.After(p.event) {
		return 0
	}
	left := p.event.Sub(at).Hours() / 24
	switch {
	case left >= days:
		return 0
	case left >= knee:
		return share * (days - left) / (days - knee)
	}
	return share + (1-share)*(knee-left)/knee
}

// day writes a morning's or an evening's readings; the same luck is spent whether they are taken or not, so that a gap moves nothing else.
func (p *monitored) day(out io.Writer, at time.Time, measures bool) {
	row := func(minutes int, kind, value, unit, value2 string) {
		if measures {
			fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s,\n", p.name, at.Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339), kind, value, unit, value2)
		}
	}
	pulse := p.d.around(p.pulse, pulseNoise)
	switch p.why {
	case "heart failure":
		kg := p.weight + p.wander + p.d.around(0, weightNoise) + p.gain*p.part(at, 30, 7, 0.25)
		if p.d.chance(otherPerson) {
			kg += p.d.around(-12, 4)
		}
		row(0, "weight", strconv.FormatFloat(kg, 'f', 1, 64), "kg", "")
		row(2, "heart-rate", strconv.Itoa(int(math.Round(pulse+p.faster*p.part(at, 10, 4, 0.4)))), "/min", "")
		p.pressure(row, at, 4)
	case "COPD":
		worse := p.part(at, 7, 3, 0.4)
		row(2, "heart-rate", strconv.Itoa(int(math.Round(pulse+p.faster*worse))), "/min", "")
		low := false
		for n, minutes := range []int{0, 8} { // a low reading is taken again by four of five
			spo2 := int(math.Round(math.Min(100, p.d.around(p.oxygen, oxygenNoise)-p.fall*worse)))
			if again := p.d.chance(0.8); n == 0 || low && again {
				row(minutes, "saturation", strconv.Itoa(spo2), "%", "")
			}
			low = spo2 < int(math.Round(p.oxygen))-3
		}
	case "hypertension":
		p.pressure(row, at, 0)
		row(1, "heart-rate", strconv.Itoa(int(math.Round(pulse))), "/min", "")
	}
}

// pressure writes two readings a minute apart and more, which share the day's level.
func (p *monitored) pressure(row func(int, string, string, string, string), at time.Time, minutes int) {
	up, down := p.d.around(p.upper, upperNoise)+p.pushing*p.part(at, 14, 5, 0.4), p.d.around(p.lower, lowerNoise)
	for range 2 {
		a, b := up+p.d.around(0, twiceNoise), down+0.4*p.pushing*p.part(at, 14, 5, 0.4)+p.d.around(0, twiceNoise/2)
		row(minutes, "pressure", strconv.Itoa(int(math.Round(a))), "mm[Hg]", strconv.Itoa(int(math.Round(math.Min(b, a-10)))))
		minutes += 2
	}
}
