package triage

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Vignette is a made-up person with the level that somebody who knows says is right.
type Vignette struct {
	ID      string          `json:"id"`
	Text    string          `json:"text"`
	Age     *float64        `json:"age"` // years
	Sex     string          `json:"sex"`
	Record  json.RawMessage `json:"record"`  // a Told, or a FHIR Bundle
	Present []string        `json:"present"` // findings in plain words, ids or SNOMED CT codes
	Absent  []string        `json:"absent"`
	Level   Level           `json:"level"`
}

// Told is a record in plain words or codes.
type Told struct {
	Conditions []string `json:"conditions"`
	Medicines  []string `json:"medicines"`
	Allergies  []string `json:"allergies"`
	Pregnant   bool     `json:"pregnant"`
	Weeks      int      `json:"weeksPregnant"`
	Events     []struct {
		What string `json:"what"`
		Days *int   `json:"daysAgo"`
	} `json:"events"`
}

// ParseVignette reads one line. Members that it does not know are passed over: other people's files have notes of their own.
func ParseVignette(line []byte) (*Vignette, error) {
	var read struct {
		Vignette
		Level *Level `json:"level"` // 0 is a level, so that it is missing must be seen
	}
	if err := json.Unmarshal(line, &read); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if read.Level == nil {
		return nil, fhir.Errorf(fhir.Invalid, "there is no level")
	}
	v := &read.Vignette
	v.Level = *read.Level
	switch v.Sex = strings.ToLower(v.Sex); v.Sex {
	case "m", "man", "boy":
		v.Sex = maleID
	case "f", "woman", "girl":
		v.Sex = femaleID
	}
	switch {
	case v.Level < 0 || v.Level >= Levels:
		return nil, fhir.Errorf(fhir.Invalid, "the level is %d, and levels are 0 to 4", v.Level)
	case v.Text == "" && len(v.Present) == 0:
		return nil, fhir.Errorf(fhir.Invalid, "there is neither text nor present")
	case v.Sex != "" && v.Sex != maleID && v.Sex != femaleID:
		v.Sex = ""
	}
	return v, nil
}

// Person is what the vignette's record says; now is for ages in a Bundle.
func (b *Book) Person(v *Vignette, now time.Time) (Person, []string, error) {
	p, ignored, err := b.ReadRecord(v.Record, now)
	if v.Age != nil {
		p.Age = v.Age
	}
	if v.Sex != "" {
		p.Sex = v.Sex
	}
	return p, ignored, err
}

// ReadRecord reads a record in plain words or a FHIR Bundle, and says which words of it mean nothing to any pack.
func (b *Book) ReadRecord(data []byte, now time.Time) (p Person, ignored []string, err error) {
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return p, nil, nil
	}
	p.Record = true
	var kind struct {
		ResourceType string `json:"resourceType"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return p, nil, fhir.Errorf(fhir.Invalid, "the record is no JSON object: %s", err)
	}
	if kind.ResourceType != "" {
		res, err := fhir.Parse(data)
		if err != nil {
			return p, nil, err
		}
		all := []*fhir.Resource{res}
		if res.Type() == "Bundle" {
			all = nil
			for entry := range res.Root().Get("entry").Items() {
				if r := entry.Get("resource"); r.Exists() {
					all = append(all, r.Resource())
				}
			}
		}
		return b.PersonIn(all, now), nil, nil
	}
	var told Told
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&told); err != nil {
		return p, nil, fhir.Errorf(fhir.Invalid, "the record: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	p, ignored = b.told(&told)
	p.Record = true
	return p, ignored, nil
}

func (b *Book) told(r *Told) (p Person, ignored []string) {
	lex := b.Lexicon
	add := func(in, words string, days *int) {
		found := lex.coded(in, words)
		if found == nil {
			found = lex.named(in, words)
		}
		if found == nil && !lex.isKnown(words) {
			ignored = append(ignored, words)
		}
		for _, n := range found {
			if within := lex.Findings[n].Record.Within; days == nil || within == 0 || *days <= within {
				p.Facts = append(p.Facts, Fact{Finding: n, Words: words})
			}
		}
	}
	for _, c := range r.Conditions {
		add("conditions", c, nil)
	}
	for _, m := range r.Medicines {
		add("medicines", m, nil)
	}
	for _, a := range r.Allergies {
		add("allergies", a, nil)
	}
	for _, e := range r.Events {
		add("events", e.What, e.Days)
	}
	if r.Pregnant || r.Weeks > 0 {
		p.Facts = append(p.Facts, Fact{Finding: lex.byID[pregnantID], Words: "pregnant", Weeks: r.Weeks})
	}
	return p, ignored
}

// Truth is what the person of a vignette would answer: what is present, what is absent, numbers, and no to everything else.
type Truth struct {
	state   *State
	Ignored []string // words that no finding is
}

// truth maps plain words to findings. What the text says counts as well: an honest person does not answer against their own words.
func (b *Book) truth(v *Vignette, start *State) *Truth {
	lex := b.Lexicon
	t := &Truth{state: start.clone()}
	for _, value := range []Tri{Yes, No} {
		list := v.Present
		if value == No {
			list = v.Absent
		}
		for _, words := range list {
			found, denied, numbers := lex.meant(words)
			if len(found)+len(denied)+len(numbers) == 0 && !lex.isKnown(words) {
				t.Ignored = append(t.Ignored, words)
			}
			for _, n := range found {
				t.state.Set(n, value)
			}
			if value == Yes {
				for _, n := range denied { // "no pus" among what is present
					t.state.Set(n, No)
				}
			}
			if value == Yes {
				for n, span := range numbers {
					t.state.SetNumber(n, span)
				}
			}
		}
	}
	return t
}

// meant are the findings that a few plain words, an id or a SNOMED CT code stand for, and those that the words deny.
func (lex *Lexicon) meant(words string) (out, denied []int, numbers map[int]Span) {
	words = strings.TrimSpace(words)
	if n, ok := lex.byID[strings.ReplaceAll(strings.ToLower(words), " ", "-")]; ok && lex.Findings[n].Number == nil {
		return []int{n}, nil, nil
	}
	if conceptID.MatchString(words) {
		for n, f := range lex.Findings {
			if f.Snomed == words || f.Record != nil && slices.Contains(f.Record.Codes, words) {
				out = append(out, n)
			}
		}
		return out, nil, nil
	}
	h := lex.hear(words)
	for _, f := range h.Findings {
		if f.Value == Yes {
			out = append(out, f.Finding)
		} else {
			denied = append(denied, f.Finding)
		}
	}
	return out, denied, h.Numbers
}

// answer answers one question truthfully: no to what is neither present nor said.
func (t *Truth) answer(a *Ask) (yes []Tri, number Span) {
	number = Open()
	for _, n := range a.Items {
		if t.state.lex.Findings[n].Number != nil {
			number = t.state.num[n]
			if len(a.Bands) > 0 && !number.open() {
				number = bandOf(a.Bands, t.state.lex.Findings[n].Number, number)
			}
		}
		v := t.state.yes[n]
		if v == Unknown {
			v = No
		}
		yes = append(yes, v)
	}
	return yes, number
}

// bandOf is the band that a person whose number is known ticks.
func bandOf(bands []Band, number *Number, exact Span) Span {
	low := number.Min
	for i, b := range bands {
		if i == len(bands)-1 || exact.Hi < b.Below {
			return b.span(low, number.Max, i == len(bands)-1)
		}
		low = b.Below
	}
	return exact
}

// Ran is a vignette that was run.
type Ran struct {
	Vignette *Vignette
	Outcome  *Outcome
	Ignored  []string
	Heard    []string // findings of the text, with a minus before those denied
}

// Run takes a vignette from its text to the outcome: the first candidate is confirmed, questions are answered from present and absent.
func (b *Book) Run(v *Vignette, settings Settings, now time.Time) (*Ran, error) {
	who, ignored, err := b.Person(v, now)
	if err != nil {
		return nil, err
	}
	text := v.Text
	if text == "" {
		text = strings.Join(v.Present, ". ")
	}
	for _, words := range v.Present { // what the record would say, told among the symptoms
		found, _, _ := b.Lexicon.meant(words)
		for _, n := range found {
			if f := b.Lexicon.Findings[n]; f.Record != nil {
				who.Facts = append(who.Facts, Fact{Finding: n, Words: words})
			}
		}
	}
	i := b.Begin(text, who, settings)
	truth := b.truth(v, i.state)
	for ask := i.Next(); ask != nil; ask = i.Next() {
		yes, number := truth.answer(ask)
		i.Answer(ask, yes, number)
	}
	r := &Ran{Vignette: v, Outcome: i.Outcome(), Ignored: append(ignored, truth.Ignored...)}
	for _, h := range i.Heard.Findings {
		sign := ""
		if h.Value == No {
			sign = "-"
		}
		r.Heard = append(r.Heard, sign+b.Lexicon.Findings[h.Finding].ID)
	}
	return r, nil
}
