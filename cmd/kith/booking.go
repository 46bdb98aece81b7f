package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/record"
	pages "github.com/kith-care/kith/web/booking"
)

// booking is what books appointments, with the clinics of the place where there are any.
func (s *serving) booking(door *record.Door) (*booking.Service, error) {
	service := &booking.Service{Door: door, Sessions: s.sessions, Validate: s.validateLists}
	if s.sessionsFile != "" {
		var err error
		if service.Sessions, err = booking.ReadSessions(s.sessionsFile); err != nil {
			return nil, err
		}
	}
	return service, nil
}

// bookingPages serves appointments and waits.
func (s *serving) bookingPages(mux *http.ServeMux, door *record.Door, service *booking.Service, people *entrance) {
	site := &pages.Site{Places: s.places(door, people), Booking: service}
	s.atSeats(mux, people, site.Handler(), "/appointments", "/appointments/", "/waiting", "/waiting/")
}

const slotsUsage = `usage: kith slots [--db DATABASE] FILE

Says what a file of sessions (docs/booking.md) offers, or what is wrong with it. With --db it makes the clinics and their Slots in that record, as kith serve --sessions
does by itself, and answers how many were new. Slots that are booked stay; free ones that are no longer in the file are taken away.

`

func slotsCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("slots", slotsUsage, stderr)
	var db string
	databaseVar(f, &db, "")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() != 1 {
		fmt.Fprint(stderr, slotsUsage)
		return 2
	}
	if err := slots(context.Background(), db, f.Arg(0), stdout); err != nil {
		fmt.Fprintf(stderr, "kith slots: %v\n", err)
		return 1
	}
	return 0
}

func slots(ctx context.Context, db, file string, stdout io.Writer) error {
	sessions, err := booking.ReadSessions(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d services, %d places, %d clinics, Slots %d weeks ahead\n", len(sessions.Offer), len(sessions.Places), len(sessions.Clinics), sessions.Weeks)
	if db == "" {
		return nil
	}
	door, err := record.Open(ctx, record.Options{DB: db, Policy: access.Everyone{}})
	if err != nil {
		return err
	}
	defer door.Close()
	n, err := (&booking.Service{Door: door, Sessions: sessions}).Open(ctx)
	if err == nil {
		fmt.Fprintf(stdout, "%d Slots are new\n", n)
	}
	return err
}
