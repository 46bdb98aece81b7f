package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/town"
)

// booked is how many of the town's people have booked with their GP when one first looks.
const booked = 12

// appointments has some of the town's people book with their GP, once, so that there are appointments that can be changed and cancelled here.
func (p *passing) appointments(ctx context.Context) error {
	who := p.board.Desk.Who
	page, err := p.door.Find(ctx, who, "Appointment?identifier="+booking.ReferenceSystem+"%7C&_count=1")
	if err != nil || len(page.Matches) > 0 {
		return err
	}
	service := &booking.Service{Door: p.door}
	n := 0
	for m, err := range p.door.All(ctx, who, "EpisodeOfCare?status=active&_count=100") {
		if err != nil {
			return err
		}
		res, err := m.Resource()
		if err != nil {
			return err
		}
		patient := strings.TrimPrefix(res.Root().Get("patient").Get("reference").Text(), "Patient/")
		offers, err := service.Find(ctx, who, patient, booking.Wanted{Need: "gp", Count: 60})
		if err != nil {
			return err
		}
		if len(offers) == 0 {
			continue // no longer registered with a practice of the town
		}
		o := offers[n*4%len(offers)]
		_, err = service.Book(ctx, who, patient, booking.Request{Slot: o.Slot, Mode: o.Modes[n%len(o.Modes)], Reason: []string{"", "Cough for three weeks", "Talk about my tablets"}[n%3]})
		if err != nil && fhir.KindOf(err) != fhir.Conflict && fhir.KindOf(err) != fhir.Invalid { // somebody has it, or has another appointment then
			return err
		}
		if n++; n == booked {
			return nil
		}
	}
	return nil
}

// townSessions are what the town's practices, hospital and community clinics offer: every GP two sessions a day, nurses mornings and an evening, each specialist a
// clinic a week, blood tests and physiotherapy for anyone.
func townSessions(made town.Town) (*booking.Sessions, error) {
	s := &booking.Sessions{Weeks: 4, Closed: []string{"2026-12-25", "2026-12-28", "2027-01-01"}}
	s.Offer = []booking.Offering{
		{ID: "gp", Name: "See a GP", For: booking.Registered, Kind: "gp"},
		{ID: "nurse", Name: "See a practice nurse", For: booking.Registered, Kind: "gp"},
		{ID: "blood-test", Name: "Blood test", For: booking.Anyone, Kind: "community", Bring: "Drink some water before you come. Bring the form if you were given one."},
		{ID: "physio", Name: "Physiotherapy for a joint or muscle problem", For: booking.Anyone, Kind: "community", Bring: "Wear clothes that you can move in."},
	}
	places, offered, clinics := map[string]bool{}, map[string]bool{}, map[string]int{}
	weekdays := []string{"mon", "tue", "wed", "thu", "fri"}
	place := func(id string, p town.Premises, access ...string) {
		if !places[id] {
			places[id] = true
			s.Places = append(s.Places, booking.Place{ID: id, Name: p.Name, ODS: p.ODS, Street: p.Street, Town: town.Name, Postcode: p.Postcode, Telephone: p.Telephone, Access: access})
		}
	}
	add := func(c booking.Clinic) {
		clinics[c.ID]++
		c.ID = fmt.Sprintf("%s-%d", c.ID, clinics[c.ID])
		s.Clinics = append(s.Clinics, c)
	}
	for i, c := range made.Clinicians() {
		where := strings.ToLower(c.Place.ODS)
		place(where, c.Place, "step-free", "hearing-loop")
		switch {
		case c.Role == "General practitioner":
			one := booking.Clinic{ID: where + "-gp", Service: "gp", Place: where, With: c.Name, Sessions: []booking.Session{
				{Days: weekdays, From: "08:30", To: "11:00", Minutes: 10, Modes: []booking.Mode{booking.InPerson, booking.Telephone}},
				{Days: weekdays, From: "15:00", To: "17:30", Minutes: 10, Modes: []booking.Mode{booking.InPerson, booking.Telephone, booking.Video}}}}
			if i%5 == 0 {
				one.Languages = []string{"cy"}
			}
			add(one)
		case c.Role == "Practice nurse":
			add(booking.Clinic{ID: where + "-nurse", Service: "nurse", Place: where, With: c.Name, Sessions: []booking.Session{{Days: weekdays, From: "09:00", To: "12:00", Minutes: 15}, {Days: []string{"tue"}, From: "17:30", To: "19:00", Minutes: 15}}})
		case c.Referral != "":
			id := strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(c.Role))
			if !offered[id] {
				offered[id] = true
				s.Offer = append(s.Offer, booking.Offering{ID: id, Name: c.Role + ": see a specialist", For: booking.Referred, Kind: "hospital", Referral: []string{c.Referral}, Bring: "Bring a list of your medicines."})
			}
			add(booking.Clinic{ID: id, Service: id, Place: where, With: c.Name, Sessions: []booking.Session{{Days: weekdays[i%5 : i%5+1], From: "09:00", To: "12:00", Minutes: 30, Modes: []booking.Mode{booking.InPerson, booking.Video}}}})
		}
	}
	centre := town.Premises{ODS: "ZZCT", Name: town.Name + " Community Clinic", Street: "3 Market Street", Postcode: "ZZ1 5MS", Telephone: "01632 960120"}
	place("zzct", centre, "step-free", "quiet-room")
	for range 3 {
		add(booking.Clinic{ID: "bloods", Service: "blood-test", Place: "zzct", Sessions: []booking.Session{{Days: append(weekdays, "sat"), From: "08:00", To: "12:00", Minutes: 10}}})
	}
	add(booking.Clinic{ID: "physio", Service: "physio", Place: "zzct", With: "A physiotherapist", Languages: []string{"cy"}, Sessions: []booking.Session{{Days: weekdays, From: "09:00", To: "16:00", Minutes: 30, Modes: []booking.Mode{booking.InPerson, booking.Video}}}})
	return s, s.Check()
}
