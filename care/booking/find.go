package booking

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Need is one thing that somebody can book.
type Need struct {
	ID, Name, Kind string
	Referral       string // ServiceRequest/ID with which they book it, "" where none is needed
	Since          time.Time
}

// Needs are the things that a patient can book: at the practice where they are registered, with the referrals with which they wait, and what is open to anyone.
func (s *Service) Needs(ctx context.Context, who access.Actor, patient string) ([]Need, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return nil, err
	}
	p, err := s.of(ctx, patient)
	if err != nil {
		return nil, err
	}
	list, err := s.offerings(ctx)
	if err != nil {
		return nil, err
	}
	var out []Need
	for _, c := range list {
		ref, ok := p.canBook(c)
		if !ok || slices.ContainsFunc(out, func(n Need) bool { return n.ID == c.service }) {
			continue
		}
		n := Need{ID: c.service, Name: c.name, Kind: c.kind, Referral: ref}
		for _, code := range c.referrals {
			if p.referrals[code] == ref {
				n.Since = p.referredFrom[code]
			}
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b Need) int {
		kinds := []string{"hospital", "gp", "community"} // what somebody waits for stands first
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

// Part is a part of the day.
type Part string

// The parts, by London's clock: before 12:00, before 17:00, from 17:00 on.
const (
	Morning   Part = "morning"
	Afternoon Part = "afternoon"
	Evening   Part = "evening"
)

// Where is how far somebody would go.
type Where string

// How far: anywhere, the same town, the same postcode district, their own practice.
const (
	Anywhere Where = ""
	Town     Where = "town"
	Near     Where = "near"
	Own      Where = "practice"
)

// Wanted is what somebody looks for. The zero value of each field means that it does not matter.
type Wanted struct {
	Need     string
	Where    Where
	Days     []time.Weekday
	Part     Part
	Mode     Mode
	Language string   // spoken by whoever sees them, such as cy
	Access   []string // what the place must have, such as step-free
	From     time.Time
	Count    int    // how many; 0 for 24
	Not      string // a Slot that is not offered: the one they have
}

// Offer is a free time.
type Offer struct {
	Slot         string // id
	Start, End   time.Time
	Need, Name   string
	Kind         string
	With         string
	Place        string
	Address      []string
	Telephone    string
	Organization string
	Modes        []Mode
	Languages    []string
	Access       []string
	Bring        string
	Nearness     int  // 0 their own practice, 1 the same postcode district, 2 the same town, 3 elsewhere
	Confirm      bool // its own system must say yes

	version  int64
	slot     *r4.Slot
	clinic   *clinic
	referral string
}

// Find answers free times that fit, the soonest first, nearer places first among those that begin together.
func (s *Service) Find(ctx context.Context, who access.Actor, patient string, w Wanted) ([]Offer, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return nil, err
	}
	if !shortID.MatchString(w.Need) {
		return nil, fhir.Errorf(fhir.Invalid, "what is to be booked is not said")
	}
	p, err := s.of(ctx, patient)
	if err != nil {
		return nil, err
	}
	from, count := s.now(), cmp.Or(w.Count, 24)
	if w.From.After(from) {
		from = w.From
	}
	where, err := s.where(ctx, p, w.Need)
	if err != nil || len(where) == 0 {
		return nil, err
	}
	var out []Offer
	// A day first, then twice as many each time: most find what they want soon, and nobody waits for all the days of three months.
	until := s.now().Add(farthest)
	for day, days := startOf(from), 1; day.Before(until) && len(out) < count; days = min(2*days, 32) {
		var found []string
		for range days {
			if !w.day(day) {
				day = day.AddDate(0, 0, 1)
				continue
			}
			for _, ods := range where {
				found = append(found, FoundBy(w.Need, ods, day))
			}
			day = day.AddDate(0, 0, 1)
		}
		if len(found) == 0 {
			continue
		}
		free, err := s.freeOn(ctx, found)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(free, func(a, b freeSlot) int { return a.start.Compare(b.start) })
		for _, slot := range free {
			if !slot.start.After(from) {
				continue
			}
			if len(out) >= count && !slot.start.Equal(out[len(out)-1].Start) {
				break // those that begin together are put in order by how near they are
			}
			o, ok, err := s.offer(ctx, p, slot.Slot, slot.version)
			if err != nil {
				return nil, err
			}
			if ok && w.fits(&o) {
				out = append(out, o)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Offer) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Nearness, b.Nearness), strings.Compare(a.With, b.With))
	})
	return out[:min(len(out), count)], nil
}

// where are the ODS codes of the organisations at which somebody can book something.
func (s *Service) where(ctx context.Context, p *person, need string) (out []string, err error) {
	list, err := s.offerings(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if _, ok := p.canBook(c); ok && c.service == need && !slices.Contains(out, c.ods) {
			out = append(out, c.ods)
		}
	}
	return out, nil
}

// startOf is the midnight before a moment, by London's clock.
func startOf(t time.Time) time.Time {
	t = t.In(london.Zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, london.Zone)
}

// day reports whether any time of a day could fit.
func (w *Wanted) day(day time.Time) bool {
	return len(w.Days) == 0 || slices.Contains(w.Days, day.Weekday())
}

// offer is a Slot as somebody can book it; ok is false where they cannot.
func (s *Service) offer(ctx context.Context, p *person, slot *r4.Slot, version int64) (o Offer, ok bool, err error) {
	if fromElsewhere(slot.Meta) && !tagged(slot.Meta, TagConfirm) {
		return o, false, nil // a copy of what another system has: nothing could be booked there
	}
	c, err := s.clinicOf(ctx, idOf(slot.Schedule, "Schedule"))
	if err != nil {
		return o, false, err
	}
	o = Offer{Slot: slot.ID, Start: slot.Start.Low(), End: slot.End.Low(), With: c.who, Kind: c.kind, Place: c.place, Address: c.address, Telephone: c.telephone, Organization: c.organization.Display,
		Modes: modesOf(slot.Extension), Languages: c.languages, Access: c.access, Bring: c.bring, Nearness: p.nearness(c), Confirm: tagged(slot.Meta, TagConfirm), version: version, slot: slot, clinic: c}
	if o.Need, o.Name = codeIn(slot.ServiceType, ServiceSystem); o.Need == "" {
		o.Need, o.Name = c.service, c.name
	}
	o.referral, ok = p.canBook(c)
	return o, ok, nil
}

// fits reports whether a free time is what is looked for.
func (w *Wanted) fits(o *Offer) bool {
	start := o.Start.In(london.Zone)
	part := Evening
	switch {
	case start.Hour() < 12:
		part = Morning
	case start.Hour() < 17:
		part = Afternoon
	}
	far := map[Where]int{Own: 0, Near: 1, Town: 2, Anywhere: 3}
	most, known := far[w.Where]
	switch {
	case o.Slot == w.Not,
		known && o.Nearness > most,
		len(w.Days) > 0 && !slices.Contains(w.Days, start.Weekday()),
		w.Part != "" && w.Part != part,
		w.Mode != "" && !slices.Contains(o.Modes, w.Mode),
		w.Language != "" && w.Language != "en" && !slices.Contains(o.Languages, w.Language):
		return false
	}
	for _, a := range w.Access {
		if !slices.Contains(o.Access, a) {
			return false
		}
	}
	return true
}

// needSystem is of the codes in which a Flag says what somebody said of how they are to be reached: interpreter, language-pl, …
const needSystem = "https://kith.care/fhir/CodeSystem/need"

// languages are the languages of those codes, as whoever books an interpreter reads them.
var languages = map[string]string{"cy": "Welsh", "pl": "Polish", "ro": "Romanian", "pa": "Punjabi", "ur": "Urdu", "bn": "Bengali", "ar": "Arabic", "so": "Somali", "uk": "Ukrainian"}

// InterpreterOf is the language of the interpreter that a patient needs, "" for none: as they said themselves in a Flag, else as a source says.
func (s *Service) InterpreterOf(ctx context.Context, who access.Actor, patient string) (string, error) {
	if err := s.may(ctx, who, access.Create, patient); err != nil {
		return "", err
	}
	p, err := s.of(ctx, patient)
	if err != nil {
		return "", err
	}
	needed, language := false, ""
	for m, err := range s.Door.All(ctx, me, "Flag?patient=Patient/"+patient) {
		if err != nil {
			return "", err
		}
		var f r4.Flag
		if err := m.Decode(&f); err != nil {
			return "", err
		}
		code, _ := codeIn(concepts(f.Code), needSystem)
		if f.Status != "active" || code == "" {
			continue
		}
		needed = needed || code == "interpreter"
		if l, ok := strings.CutPrefix(code, "language-"); ok {
			language = languages[l]
		}
	}
	if needed && language != "" {
		return language, nil
	}
	return p.interpreter, nil
}
