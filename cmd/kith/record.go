package main

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/record"
	pages "github.com/kith-care/kith/web/record"
)

// taking is what one's own record needs besides the record: when results are seen, and what is taken away.
type taking struct {
	release *release.Service
	carry   *carry.Service
}

// ownRecord opens both.
func (s *serving) ownRecord(ctx context.Context, door *record.Door) (*taking, error) {
	rules, err := s.releaseRules()
	if err != nil {
		return nil, err
	}
	carrying, err := carry.Open(ctx, carry.Options{Door: door, Base: strings.TrimSuffix(s.base, "/fhir"), Name: s.name, Secrets: s.secrets})
	held := &release.Service{Door: door, Rules: rules}
	held.Marks()
	return &taking{held, carrying}, err
}

// releaseRules are when results are seen: as Kith comes with them, or as the place has them.
func (s *serving) releaseRules() (*release.Rules, error) {
	text := release.Shipped()
	if s.releaseFile != "" {
		var err error
		if text, err = os.ReadFile(s.releaseFile); err != nil {
			return nil, err
		}
	}
	return release.Read(text)
}

// recordPages serves the pages of a record at all places from which they are used, and to anybody what links and certificates lead to.
func (s *serving) recordPages(mux *http.ServeMux, door *record.Door, desk *intake.Desk, own *taking, people *entrance, guard *http.CrossOriginProtection) error {
	glossary, err := glossaryOf(s.glossary)
	if err != nil {
		return err
	}
	site := &pages.Site{Places: s.places(door, people), Glossary: glossary, Release: own.release, Carry: own.carry, Desk: desk}
	s.atSeats(mux, people, site.Handler(), pages.Paths()...)
	public := site.Public()
	for _, path := range pages.PublicPaths() {
		mux.Handle(path, public)
	}
	for _, call := range pages.Calls() {
		guard.AddInsecureBypassPattern(call)
	}
	return nil
}
