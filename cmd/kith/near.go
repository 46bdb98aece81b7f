package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"

	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/record"
	webnear "github.com/kith-care/kith/web/near"
)

// merrowby is the directory of the made-up town.
//
//go:embed merrowby.yaml
var merrowby []byte

// nearby keeps the place's own directory in the record and serves what is near somebody.
func (s *serving) nearby(ctx context.Context, mux *http.ServeMux, door *record.Door, book *triage.Book, people *entrance) error {
	text := s.madeUpNear
	if s.directory != "" {
		var err error
		if text, err = os.ReadFile(s.directory); err != nil {
			return err
		}
	}
	if text != nil {
		if _, err := near.Load(ctx, door, bytes.NewReader(text)); err != nil {
			return fmt.Errorf("--directory: %w", err)
		}
	}
	site := &webnear.Site{Places: s.places(door, people), Near: &near.Service{Door: door, Owner: s.name + ", link workers"}, Book: book}
	handler := site.Handler()
	s.atSeats(mux, people, handler, "/near", "/near/")
	if people != nil {
		handler = people.site.Guard(handler)
	}
	mux.Handle("/social", handler)
	mux.Handle("/social/", handler)
	return nil
}
