package main

import (
	"io/fs"
	"net/http"
	"os"

	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/patient"
)

// triage is what asks people who need help, by the packs Kith comes with and those of the place.
func (s *serving) triage(door *record.Door) (*triage.Service, error) {
	folders := []fs.FS{triage.Shipped()}
	if s.packs != "" {
		folders = append(folders, os.DirFS(s.packs))
	}
	book, err := triage.Load(folders...)
	if err != nil {
		return nil, err
	}
	return &triage.Service{Door: door, Book: book, Owner: s.name + ", triage"}, nil
}

// patientPages serves asking for help and sending readings, to people who have signed in to their record, and asking in somebody's name to staff.
func (s *serving) patientPages(mux *http.ServeMux, door *record.Door, asking *triage.Service, rules *monitor.Rules, people *entrance) {
	site := &patient.Site{Door: door, Triage: asking, Rules: rules, Who: people.who, Signed: people != nil, Host: kit.Host{MadeUp: s.says(door)}}
	handler := site.Handler()
	if people != nil {
		handler = people.site.Guard(handler)
	}
	for _, path := range []string{"/my/ask", "/my/ask/", "/my/readings", "/person/{id}/ask", "/person/{id}/ask/"} {
		mux.Handle(path, handler)
	}
}
