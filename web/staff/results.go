package staff

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// resultGroup is results of one category, a row for each test.
type resultGroup struct {
	Heading string
	Rows    []resultRow
}

// resultRow is one test: its latest value, and the others behind it.
type resultRow struct {
	Test, Value, Flag, Range, On, Ago, Source, Trace string
	Chart                                            template.HTML
	Note                                             string // what the chart leaves out
	Earlier                                          []resultValue
}

type resultValue struct{ On, Value, Flag string }

// resultGroups gathers Observations by what was measured, newest value first.
func resultGroups(facts map[string][]fact, now time.Time) []resultGroup {
	type test struct {
		name, category string
		values         []fact
	}
	tests := map[string]*test{}
	for _, f := range entry.NewestFirst(facts["Observation"]) {
		name := kit.Words(f.V.Get("code"))
		key := entry.TestKey(f.V.Get("code"), name)
		if tests[key] == nil {
			tests[key] = &test{name: name, category: entry.Category(f)}
		}
		tests[key].values = append(tests[key].values, f)
	}
	rows := map[string][]resultRow{}
	for _, t := range tests {
		rows[t.category] = append(rows[t.category], rowOfResults(t.name, t.values, now))
	}
	var groups []resultGroup
	for _, c := range entry.Categories {
		if len(rows[c.Code]) == 0 {
			continue
		}
		slices.SortFunc(rows[c.Code], func(a, b resultRow) int {
			return cmp.Or(strings.Compare(strings.ToLower(a.Test), strings.ToLower(b.Test)), strings.Compare(a.Value, b.Value))
		})
		groups = append(groups, resultGroup{c.Heading, rows[c.Code]})
	}
	return groups
}

func rowOfResults(name string, newest []fact, now time.Time) resultRow {
	latest := newest[0]
	r := resultRow{Test: name, Value: entry.ValueOf(words.In("en"), latest.V), Flag: entry.FlagOf(latest), Range: entry.RangeOf(latest.V), On: kit.Date(latest.When()), Ago: kit.Ago(latest.When(), now), Source: latest.Source(), Trace: latest.Trace()}
	if r.Test == "" {
		r.Test = "Test without a name"
	}
	if r.On == "" {
		r.On = "date " + kit.NotKnown
	}
	for _, f := range newest[1:] {
		on := kit.Date(f.When())
		if on == "" {
			on = "date " + kit.NotKnown
		}
		r.Earlier = append(r.Earlier, resultValue{on, entry.ValueOf(words.In("en"), f.V), entry.FlagOf(f)})
	}
	r.Chart, r.Note = entry.ChartOf(words.In("en"), r.Test, newest)
	return r
}
