package triage

import (
	"math"
	"strings"
)

// numbers reads what is measured: temperature, how long, how bad, how many weeks pregnant.
func (s *speech) numbers() {
	for i := range s.tokens {
		s.temperatureAt(i)
		s.severityAt(i)
		s.weeksAt(i)
	}
	s.durations()
}

func (s *speech) word(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.tokens[i].raw
}

func (s *speech) note(id string, v float64) {
	f := s.lex.byID[id]
	if n := s.lex.Findings[f].Number; v < n.Min || v > n.Max {
		return
	}
	if have, ok := s.heard.Numbers[f]; !ok || v > have.Lo { // said twice: the greater
		s.heard.Numbers[f] = Span{v, v}
	}
}

// temperatureAt reads 38.9, 39 degrees, 102F. Without a unit the number must stand near a word for temperature or have a decimal.
func (s *speech) temperatureAt(i int) {
	v, ok := numberOf(s.word(i))
	if !ok || s.denied[i] {
		return
	}
	next := strings.Trim(s.word(i+1), ".")
	degrees := next == "degrees" || next == "degree" || next == "deg" || next == "c" || next == "celsius" || next == "centigrade" || next == "f" || next == "fahrenheit"
	near := false
	for j := max(0, i-6); j < min(len(s.tokens), i+4); j++ {
		near = near || s.tokens[j].stem == s.l.english.temperature || s.tokens[j].stem == "fever" || s.tokens[j].raw == "thermometer"
	}
	decimal := strings.Contains(s.word(i), ".")
	if unitDays(next) > 0 || strings.Contains(s.word(i), "/") {
		return
	}
	switch {
	case v >= 93 && v <= 110 && (near || degrees) && next != "c":
		s.note(temperatureID, math.Round((v-32)/1.8*10)/10)
	case v >= 32 && v <= 43 && (degrees || near || decimal && v >= 35):
		s.note(temperatureID, v)
	}
}

// severityAt reads 8/10 and "8 out of 10".
func (s *speech) severityAt(i int) {
	w := s.word(i)
	if a, ok := strings.CutSuffix(w, "/10"); ok {
		if v, ok := numberOf(a + "0"); ok && a != "" {
			s.note(severityID, v/10)
		}
	}
	if v, ok := numberOf(w); ok && s.word(i+1) == "out" && s.word(i+2) == "of" && (s.word(i+3) == "10" || s.word(i+3) == "ten") {
		s.note(severityID, v)
	}
}

// weeksAt reads "20 weeks pregnant", "pregnant, 20 weeks", "at 34 weeks", "34/40".
func (s *speech) weeksAt(i int) {
	if a, ok := strings.CutSuffix(s.word(i), "/40"); ok {
		if v, ok := numberOf(a); ok {
			s.note(weeksID, v)
		}
	}
	v, ok := numberOf(s.word(i))
	if !ok {
		return
	}
	unit := unitDays(s.word(i + 1))
	if unit != 7 && !(unit > 30 && unit < 31) {
		return
	}
	for j := max(0, i-3); j < min(len(s.tokens), i+5); j++ {
		if s.tokens[j].stem == "pregnant" && !s.denied[j] || j == i+2 && s.tokens[j].raw == "gone" {
			s.note(weeksID, math.Round(v*unit/7))
			return
		}
	}
}

// spans of words that say how long without a number, in days.
var howLong = map[string]float64{"yesterday": 1, "today": 0.3, "morning": 0.3, "tonight": 0.2, "overnight": 0.5, "afternoon": 0.2, "evening": 0.2, "lunchtime": 0.2, "ages": 60, "monday": 3, "tuesday": 3, "wednesday": 3, "thursday": 3, "friday": 3, "saturday": 3, "sunday": 3, "weekend": 3, "christmas": 60}

// durations finds how long what is wrong has lasted: the longest that is said with "for", "since", "last", or else the longest that is said. Times of
// facts (an operation ten days ago, diabetes for years, a medicine), ages, doses and weeks of pregnancy are none.
func (s *speech) durations() {
	said, loose := -1.0, -1.0
	for i := range s.tokens {
		days := -1.0
		at := i
		if v, ok := numberOf(s.word(i)); ok || (s.word(i) == "a" || s.word(i) == "an") && unitDays(s.word(i+1)) > 0 {
			if !ok {
				v = 1
			}
			j := i + 1
			for _, skip := range []string{"of", "more", "full", "or"} {
				if s.word(j) == skip {
					j++
				}
			}
			if w, ok := numberOf(s.word(j)); ok { // "two or three days", "3-4 days"
				v, j = w, j+1
			}
			if unit := unitDays(s.word(j)); unit > 0 && !strings.Contains(s.word(i), "/") && !s.otherTime(i, j) {
				days, at = v*unit, j
			}
		} else if d, ok := howLong[s.word(i)]; ok {
			days = d
			if s.word(i) == "night" {
				days = 0.5
			}
		} else if unit := unitDays(s.word(i)); unit >= 1 && s.word(i) != "day" && s.word(i) != "year" && (s.word(i-1) == "for" || s.word(i-1) == "in" || s.word(i-1) == "last" || s.word(i-1) == "many") {
			days = unit * map[bool]float64{true: 3, false: 1}[strings.HasSuffix(s.word(i), "s")]
			if s.word(i) == "night" {
				days = 0.5
			}
		} else if v, ok := numberOf(s.word(i + 1)); ok && s.word(i) == "day" && v <= 60 && unitDays(s.word(i+2)) == 0 && s.word(i+2) != "after" { // "day six of a fever"
			days = v
		} else if (s.word(i) == "day" || s.word(i) == "night") && s.word(i-1) == "all" {
			days = 0.5
		}
		if days < 0 {
			continue
		}
		if s.factBefore(i, at, days) {
			continue
		}
		if s.sinceBefore(i) || s.word(at+1) == "now" || s.word(at+1) == "history" {
			said = max(said, days)
		} else {
			loose = max(loose, days)
		}
	}
	if said < 0 || said < 1 && loose > 1 { // "for over an hour every morning, going on six months"
		said = loose
	}
	if said >= 0 {
		s.note(durationID, said)
	}
}

func (s *speech) sinceBefore(i int) bool {
	for j := i - 1; j >= max(0, i-4); j-- {
		switch s.word(j) {
		case "for", "since", "last", "past", "over", "about", "nearly", "almost":
			return true
		}
	}
	return false
}

// otherTime reports whether a time is an age, a dose, how often, or weeks of pregnancy.
func (s *speech) otherTime(i, unit int) bool {
	if s.l.english.person(s.word(i-1)) != "" && unitDays(s.word(unit)) > 30 {
		return true // "my daughter, 18 months"
	}
	if s.word(i-1) == "is" && s.l.english.person(s.word(i-2)) != "" && (unit+1 >= len(s.tokens) || s.tokens[unit+1].stop || s.word(unit+1) == "and") {
		return true // "baby is 7 weeks"
	}
	for j := max(0, i-6); j < min(len(s.tokens), unit+3); j++ { // "same as the thrush I had a year ago", "last time"
		if w := s.tokens[j].raw; s.clause[j] == s.clause[i] && unitDays(s.word(unit)) > 360 && (w == "previous" || w == "previously" || w == "same") {
			return true
		}
	}
	switch after := s.word(unit + 1); {
	case after == "old" || after == "apart" || after == "gone" || after == "postpartum" || after == "flight" || after == "drive" || after == "later" || s.l.english.people[after] != "":
		return true
	}
	for j := max(0, i-2); j < min(len(s.tokens), unit+4); j++ {
		if s.tokens[j].stem == "pregnant" || s.tokens[j].raw == "every" || s.tokens[j].raw == "aged" || s.tokens[j].raw == "lasts" || s.tokens[j].raw == "lasting" || s.tokens[j].raw == "within" {
			return true
		}
	}
	if unitDays(s.word(unit)) > 360 && !s.sinceBefore(i) && s.word(unit+1) != "ago" && s.word(unit+1) != "now" {
		return true // "her 1 year jabs"
	}
	return s.word(i-1) == "every" || s.word(i-1) == "per" || s.word(i-1) == "i'm"
}

// factBefore reports whether a time belongs to a fact that stands just before or after it in the sentence, and notes it for facts that happened.
func (s *speech) factBefore(i, at int, days float64) bool {
	belongs, nearest := false, -1
	for _, h := range s.heard.Findings {
		if h.At < i && !s.lex.Findings[h.Finding].fact {
			nearest = max(nearest, h.At)
		}
	}
	for _, h := range s.heard.Findings {
		f := s.lex.Findings[h.Finding]
		if !f.fact || s.clause[h.At] != s.clause[i] || i-h.At > 9 || h.At-at > 4 || h.At < nearest {
			continue // what stands between the two is what has lasted so long
		}
		comma := false
		for j := min(h.At, i) + 1; j <= max(h.At, i); j++ {
			comma = comma || s.tokens[j].comma
		}
		if comma {
			continue
		}
		belongs = true
		if f.Record != nil && f.Record.In == "events" {
			s.heard.Days[h.Finding] = int(days)
		}
	}
	return belongs
}
