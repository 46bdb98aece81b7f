package main

import (
	"net/http"

	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	pages "github.com/kith-care/kith/web/plan"
)

// plan is what keeps care plans, goals and orders of repeat prescriptions, with the programmes Kith comes with.
func (s *serving) plan(door *record.Door) (*plan.Service, error) {
	book, err := plan.Load(plan.Shipped())
	if err != nil {
		return nil, err
	}
	return &plan.Service{Door: door, Book: book, Coach: s.name + ", health coaches"}, nil
}

// planPages serves plans, goals and prescriptions, and the lists of them that staff work through.
func (s *serving) planPages(mux *http.ServeMux, door *record.Door, service *plan.Service, desk *intake.Desk, people *entrance) {
	site := &pages.Site{Places: s.places(door, people), Plan: service, Book: service.Book, Near: &near.Service{Door: door}, From: func(feed string) string {
		f, err := desk.Named(feed)
		if err != nil {
			return ""
		}
		return f.Title
	}}
	handler := site.Handler()
	s.atSeats(mux, people, handler, "/plan", "/plan/", "/prescriptions", "/prescriptions/")
	if people != nil {
		handler = people.site.Guard(handler)
	}
	for _, path := range []string{"/prescriptions", "/prescriptions/", "/coaching", "/coaching/"} {
		mux.Handle(path, handler)
	}
}
