package kit

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/words"
)

// Chart is a small picture of one measurement over time: a line with a dot for each value over the band of the
// reference range, or bars from Low to High where each point is a pair, as blood pressure is. It is drawn as SVG on
// the server; its text says what it shows, for those who do not see it.
type Chart struct {
	Name   string // "HbA1c"
	Unit   string
	Points []Point // oldest first, all in Unit
	Low    float64 // reference range; NaN where there is none
	High   float64
	Words  *words.Lang // nil is English
}

// Point is one value, or a pair.
type Point struct {
	At    time.Time
	Value float64
	Pair  float64 // the lower of a pair, NaN for a single value
	Text  string  // as it was recorded
}

const (
	chartWidth, chartHeight         = 230, 46
	chartLeft, chartRight           = 6, 30
	chartTop, chartBottom   float64 = 6, 15
)

// SVG draws the chart; nothing is drawn of fewer than two values.
func (c Chart) SVG() template.HTML {
	if len(c.Points) < 2 {
		return ""
	}
	least, most := c.span()
	first, last := c.Points[0].At, c.Points[len(c.Points)-1].At
	x := func(t time.Time) float64 {
		if !last.After(first) {
			return chartLeft
		}
		return chartLeft + (chartWidth-chartLeft-chartRight)*t.Sub(first).Hours()/last.Sub(first).Hours()
	}
	y := func(v float64) float64 {
		return chartTop + (chartHeight-chartTop-chartBottom)*(most-v)/(most-least)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="kith-chart" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		chartWidth, chartHeight, chartWidth, chartHeight, template.HTMLEscapeString(c.Describe()))
	c.band(&b, y, least, most)
	if math.IsNaN(c.Points[0].Pair) {
		c.line(&b, x, y)
	} else {
		c.bars(&b, x, y)
	}
	end := c.Points[len(c.Points)-1]
	fmt.Fprintf(&b, `<text class="axis" x="%s" y="%d">%d</text>`, coordinate(x(first)), chartHeight-1, first.Year())
	if last.Year() != first.Year() {
		fmt.Fprintf(&b, `<text class="axis" x="%s" y="%d" text-anchor="end">%d</text>`, coordinate(x(last)), chartHeight-1, last.Year())
	}
	fmt.Fprintf(&b, `<text class="axis" x="%s" y="%s">%s</text>`, coordinate(x(last)+5), coordinate(y(end.Value)+3.5), template.HTMLEscapeString(number(end.Value)))
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// Describe says what the chart shows.
func (c Chart) Describe() string {
	l := c.Words
	if l == nil {
		l = words.In("en")
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, p := range c.Points {
		least, most = min(least, p.Value), max(most, p.Value)
	}
	month := func(p Point) string { return l.Month(p.At.Month()) + " " + strconv.Itoa(p.At.Year()) }
	first, last := c.Points[0], c.Points[len(c.Points)-1]
	return l.T("%s: %d values from %s to %s, between %s and %s %s, the latest %s", c.Name, len(c.Points), month(first), month(last), number(least), number(most), c.Unit, last.Text)
}

// span is what the height stands for: all values, and as much of the reference range as does not flatten them.
func (c Chart) span() (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, p := range c.Points {
		least, most = min(least, p.Value), max(most, p.Value)
		if !math.IsNaN(p.Pair) {
			least = min(least, p.Pair)
		}
	}
	room := max(most-least, math.Abs(most)*0.06, 1e-9)
	for _, limit := range []float64{c.Low, c.High} {
		if !math.IsNaN(limit) && limit > least-1.5*room && limit < most+1.5*room {
			least, most = min(least, limit), max(most, limit)
		}
	}
	if most-least < room {
		least, most = least-room/2, most+room/2
	}
	return least, most
}

func (c Chart) band(b *strings.Builder, y func(float64) float64, least, most float64) {
	low, high := c.Low, c.High
	if math.IsNaN(low) && math.IsNaN(high) {
		return
	}
	if math.IsNaN(low) || low < least {
		low = least
	}
	if math.IsNaN(high) || high > most {
		high = most
	}
	if high <= low {
		return
	}
	fmt.Fprintf(b, `<rect class="band" x="%d" y="%s" width="%d" height="%s"/>`, chartLeft-4, coordinate(y(high)), chartWidth-chartLeft-chartRight+8, coordinate(y(low)-y(high)))
}

func (c Chart) line(b *strings.Builder, x func(time.Time) float64, y func(float64) float64) {
	b.WriteString(`<path class="line" d="`)
	for i, p := range c.Points {
		fmt.Fprintf(b, "%s%s %s", map[bool]string{true: "M", false: "L"}[i == 0], coordinate(x(p.At)), coordinate(y(p.Value)))
	}
	b.WriteString(`"/>`)
	for i, p := range c.Points {
		radius := "1.7"
		if i == len(c.Points)-1 {
			radius = "2.8"
		}
		fmt.Fprintf(b, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, c.dot(p), coordinate(x(p.At)), coordinate(y(p.Value)), radius)
	}
}

// dot is red for a value outside the reference range.
func (c Chart) dot(p Point) string {
	if p.Value < c.Low || p.Value > c.High { // false for NaN
		return "out"
	}
	return "dot"
}

func (c Chart) bars(b *strings.Builder, x func(time.Time) float64, y func(float64) float64) {
	for _, p := range c.Points {
		at := coordinate(x(p.At))
		fmt.Fprintf(b, `<line class="bar" x1="%s" y1="%s" x2="%s" y2="%s"/>`, at, coordinate(y(p.Value)), at, coordinate(y(p.Pair)))
		fmt.Fprintf(b, `<circle class="dot" cx="%s" cy="%s" r="2"/><circle class="dot" cx="%s" cy="%s" r="1.6"/>`, at, coordinate(y(p.Value)), at, coordinate(y(p.Pair)))
	}
}

func coordinate(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func number(v float64) string {
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
