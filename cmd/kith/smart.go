package main

import (
	"context"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/apps"
)

// openApps makes the authorisation server for apps; nil where access control is off, because there nobody needs a token.
func (s *serving) openApps(ctx context.Context, door *record.Door) (*smart.Service, error) {
	if s.auth == "off" {
		return nil, nil
	}
	return smart.Open(ctx, smart.Options{Door: door, Base: s.base, Session: s.session, CheckScope: scopeChecker(ctx, door)})
}

// scopeChecker refuses scopes whose query the record would not understand.
func scopeChecker(ctx context.Context, door *record.Door) func(access.Scope) error {
	return func(sc access.Scope) error {
		if sc.Query == "" {
			return nil
		}
		_, err := door.Explain(ctx, sc.Type+"?"+sc.Query)
		return err
	}
}

// serveFHIR mounts the FHIR interface, and with an authorisation server what apps and their pages need.
func (s *serving) serveFHIR(mux *http.ServeMux, server *rest.Server, apart *smart.Service) {
	var fhirServer http.Handler = http.StripPrefix("/fhir", server)
	if apart != nil {
		server.Security = apart.Security()
		server.Who = func(r *http.Request) (access.Actor, error) {
			if who, ok, err := apart.Who(r); ok || err != nil {
				return who, err
			}
			return apart.Session(r)
		}
		fhirServer = apart.Protect(fhirServer)
		calls := apart.Handler()
		for _, path := range smart.Calls() {
			mux.Handle(path, calls)
		}
		pages := (&apps.Site{Door: server.Door, Smart: apart, MadeUp: s.madeUp}).Handler()
		for _, path := range []string{"/auth/authorize", "/auth/consent", "/apps", "/apps/", "/clients", "/clients/"} {
			mux.Handle(path, pages)
		}
	}
	mux.Handle("/fhir/", fhirServer)
	mux.Handle("/fhir", fhirServer)
}
