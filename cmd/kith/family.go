package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/kith-care/kith/care/behalf"
	"github.com/kith-care/kith/care/carer"
	"github.com/kith-care/kith/care/growing"
	"github.com/kith-care/kith/care/home"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/record"
	webfamily "github.com/kith-care/kith/web/family"
)

// homeCare is what follows visits at home, by the rules Kith comes with or those of the place.
func (s *serving) homeCare(door *record.Door) (*home.Service, error) {
	visits := &home.Service{Door: door}
	if s.homeRules != "" {
		var err error
		if visits.Rules, err = home.ReadRules(s.homeRules); err != nil {
			return nil, err
		}
	}
	return visits, nil
}

// family serves the pages for families and helpers, and answers what goes on beside them.
func (s *serving) family(mux *http.ServeMux, door *record.Door, people *entrance) (run func(context.Context), err error) {
	visits, err := s.homeCare(door)
	if err != nil {
		return nil, err
	}
	birthdays := &growing.Service{Door: door}
	site := &webfamily.Site{Places: s.places(door, people), Visits: visits, Carers: &carer.Service{Door: door}, Growing: birthdays, Behalf: &behalf.Service{Door: door}, Needs: &need.Service{Door: door}}
	handler := site.Handler()
	s.atSeats(mux, people, handler, "/visits", "/tasks", "/tasks/new", "/carer", "/growing", "/front/print")
	if people != nil {
		handler = people.site.Guard(handler)
	}
	mux.Handle("GET /visits", handler)
	mux.Handle("POST /visits/{task}", handler)
	return func(ctx context.Context) {
		var all sync.WaitGroup
		all.Go(func() { birthdays.Run(ctx) })
		ended(ctx, "the watch over visits at home", visits.Run(ctx))
		all.Wait()
	}, nil
}
