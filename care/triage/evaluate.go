package triage

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Share is so many of so many.
type Share struct {
	Of, All int
}

// Part is the share as a number from 0 to 1.
func (s Share) Part() float64 { return float64(s.Of) / max(float64(s.All), 1) }

// Interval is Wilson's 95 % interval: where the share would lie in vignettes of the same kind without number. doi:10.1080/01621459.1927.10502953
func (s Share) Interval() (low, high float64) {
	if s.All == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(s.All), s.Part()
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max((middle-half)/(1+z*z/n), 0), min((middle+half)/(1+z*z/n), 1)
}

func (s *Share) count(yes bool) {
	s.All++
	if yes {
		s.Of++
	}
}

// Report is how a set of vignettes came out.
type Report struct {
	Lambda       float64             `json:"lambda"`
	Exact        Share               `json:"exact"`     // the very level
	Group        Share               `json:"group"`     // emergency, non-emergency or self-care, as published comparisons count
	Safe         Share               `json:"safe"`      // at most one level too low
	Over         Share               `json:"over"`      // a group too high
	OverLevel    Share               `json:"overLevel"` // a level too high
	Levels       [Levels]Share       `json:"levels"`    // right level, by level
	Groups       [3]Share            `json:"groups"`    // right group: self-care, non-emergency, emergency
	Table        [Levels][Levels]int `json:"table"`     // by right level and by level found
	Questions    Questions           `json:"questions"`
	Ignored      map[string]int      `json:"ignored"` // words of present, absent and records that no finding is
	Microseconds float64             `json:"microsecondsPerVignette"`
	Ran          []*Ran              `json:"-"`
}

// Questions is how many questions were asked.
type Questions struct {
	Median int `json:"median"`
	P90    int `json:"p90"`
	Most   int `json:"most"`
}

// Evaluate runs vignettes. It is an error where one cannot be read; now is for ages in Bundles.
func (b *Book) Evaluate(vignettes []*Vignette, settings Settings, now time.Time) (*Report, error) {
	r := &Report{Lambda: settings.lambda(), Ignored: map[string]int{}}
	var asked []int
	start := time.Now()
	for _, v := range vignettes {
		ran, err := b.Run(v, settings, now)
		if err != nil {
			return nil, fmt.Errorf("vignette %s: %w", v.ID, err)
		}
		r.Ran = append(r.Ran, ran)
	}
	r.Microseconds = float64(time.Since(start).Microseconds()) / max(float64(len(vignettes)), 1)
	for _, ran := range r.Ran {
		want, got := ran.Vignette.Level, ran.Outcome.Level
		r.Exact.count(want == got)
		r.Group.count(want.Group() == got.Group())
		r.Safe.count(got >= want-1)
		r.Over.count(got.Group() > want.Group())
		r.OverLevel.count(got > want)
		r.Levels[want].count(want == got)
		r.Groups[want.Group()].count(want.Group() == got.Group())
		r.Table[want][got]++
		asked = append(asked, ran.Outcome.Asked)
		for _, w := range ran.Ignored {
			r.Ignored[w]++
		}
	}
	if slices.Sort(asked); len(asked) > 0 {
		r.Questions = Questions{asked[len(asked)/2], asked[(len(asked)*9)/10], asked[len(asked)-1]}
	}
	return r, nil
}

// Curve is the report at each λ of 1 to 50.
func (b *Book) Curve(vignettes []*Vignette, settings Settings, now time.Time) (out []*Report, err error) {
	for _, lambda := range []float64{1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50} {
		settings.Lambda = lambda
		r, err := b.Evaluate(vignettes, settings, now)
		if err != nil {
			return nil, err
		}
		r.Ran = nil
		out = append(out, r)
	}
	return out, nil
}

var groupNames = [3]string{"self-care {0}", "non-emergency {1,2}", "emergency {3,4}"}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	line := func(name string, s Share) {
		low, high := s.Interval()
		fmt.Fprintf(w, "  %-34s %5.1f %%  (%5.1f to %5.1f)  %d of %d\n", name, 100*s.Part(), 100*low, 100*high, s.Of, s.All)
	}
	fmt.Fprintf(w, "%d vignettes at λ = %g; shares with their 95 %% interval (Wilson)\n\n", r.Exact.All, r.Lambda)
	line("right group", r.Group)
	line("right level", r.Exact)
	line("safe (at most one level too low)", r.Safe)
	line("over-triage (a group too high)", r.Over)
	line("over-triage (a level too high)", r.OverLevel)
	fmt.Fprintln(w)
	for g := 2; g >= 0; g-- {
		line(groupNames[g], r.Groups[g])
	}
	for l := Levels - 1; l >= 0; l-- {
		line("level "+itoa(l)+" "+Level(l).String(), r.Levels[l])
	}
	fmt.Fprintf(w, "\nright \\ found")
	for l := range Levels {
		fmt.Fprintf(w, "%11s", Level(l))
	}
	for want := range Levels {
		fmt.Fprintf(w, "\n%13s", Level(want))
		for _, n := range r.Table[want] {
			fmt.Fprintf(w, "%11d", n)
		}
	}
	fmt.Fprintf(w, "\n\nquestions: median %d, 90th percentile %d, most %d; %.0f µs a vignette\n", r.Questions.Median, r.Questions.P90, r.Questions.Most, r.Microseconds)
	if len(r.Ignored) > 0 {
		var names []string
		total := 0
		for name, n := range r.Ignored {
			names, total = append(names, name), total+n
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(r.Ignored[b], r.Ignored[a]), strings.Compare(a, b))
		})
		fmt.Fprintf(w, "ignored, as no finding is called so: %d of %d names\n", total, len(names))
		for _, name := range names {
			fmt.Fprintf(w, "  %3d  %s\n", r.Ignored[name], name)
		}
	}
}

// WriteCurve prints what each λ gives.
func WriteCurve(w io.Writer, curve []*Report) {
	fmt.Fprintln(w, "    λ  right group  right level   safe  emergencies found  self-care right  over-triage  questions")
	for _, r := range curve {
		fmt.Fprintf(w, "%5g  %9.1f %%  %9.1f %%  %5.1f %%  %15.1f %%  %13.1f %%  %9.1f %%  %9d\n", r.Lambda, 100*r.Group.Part(), 100*r.Exact.Part(), 100*r.Safe.Part(), 100*r.Groups[2].Part(), 100*r.Groups[0].Part(), 100*r.Over.Part(), r.Questions.Median)
	}
}

// WriteWrong prints each vignette whose level was not found, and why.
func (r *Report) WriteWrong(w io.Writer) {
	for _, ran := range r.Ran {
		v, o := ran.Vignette, ran.Outcome
		if v.Level == o.Level {
			continue
		}
		mark := "over "
		if o.Level < v.Level {
			mark = "UNDER"
		}
		fmt.Fprintf(w, "%s %s: right is %s, found %s (%s, %g points, %d questions)\n  %s\n  heard: %s\n", mark, v.ID, v.Level, o.Level, o.Pack, o.Points, o.Asked, v.Text, strings.Join(ran.Heard, " "))
		for _, f := range o.Floors {
			fmt.Fprintf(w, "  floor %s/%s: at least %s\n", f.Pack, f.ID, f.Level)
		}
		for _, c := range o.Contributions {
			fmt.Fprintf(w, "  %+d %s\n", c.Points, c.Rule)
		}
		if len(ran.Ignored) > 0 {
			fmt.Fprintf(w, "  ignored: %s\n", strings.Join(ran.Ignored, "; "))
		}
	}
}

// WriteSVG draws the curve: emergencies found against over-triage, one point for each λ.
func WriteSVG(w io.Writer, curve []*Report) error {
	const left, top, width, height = 60, 20, 480, 320
	x := func(part float64) float64 { return left + width*part }
	y := func(part float64) float64 { return top + height*(1-part) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 400" role="img" font-family="sans-serif" font-size="12"><title>Emergencies found against over-triage, by λ</title><rect width="600" height="400" fill="#fff"/>`)
	for i := 0; i <= 10; i += 2 {
		p := float64(i) / 10
		fmt.Fprintf(&b, `<path d="M%g %dV%d M%d %gH%d" stroke="#d8dde0"/><text x="%g" y="%d" text-anchor="middle">%d %%</text><text x="%d" y="%g" text-anchor="end">%d %%</text>`,
			x(p), top, top+height, left, y(p), left+width, x(p), top+height+18, i*10, left-6, y(p)+4, i*10)
	}
	var path []string
	for _, r := range curve {
		path = append(path, fmt.Sprintf("%.1f %.1f", x(r.Over.Part()), y(r.Groups[2].Part())))
	}
	fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="#005eb8" stroke-width="2"/>`, strings.Join(path, " L"))
	for _, r := range curve {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="#005eb8"><title>λ = %g: %.1f %% of emergencies found, over-triage %.1f %%</title></circle>`, x(r.Over.Part()), y(r.Groups[2].Part()), r.Lambda, 100*r.Groups[2].Part(), 100*r.Over.Part())
	}
	for _, i := range []int{0, len(curve) - 1} {
		r := curve[i]
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">λ = %g</text>`, x(r.Over.Part())+8, y(r.Groups[2].Part())+16, r.Lambda)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">over-triage</text><text transform="translate(14 %d) rotate(-90)" text-anchor="middle">emergencies found</text></svg>`, left+width/2, top+height+38, top+height/2)
	_, err := io.WriteString(w, b.String())
	return err
}
