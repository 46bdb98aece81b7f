package main

import (
	"context"
	"net/http"
	"strings"

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
		for _, path := range appCalls {
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

// appCalls are the addresses that apps call by themselves, from wherever they are.
var appCalls = []string{"/auth/token", "/auth/introspect", "/auth/revoke", "/auth/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/fhir/.well-known/smart-configuration"}

// exceptTokens guards against pages of other sites that would act in their reader's name, and lets through what cannot: calls that look at no
// cookie. A request to /fhir with an Authorization header is answered by its token alone.
func exceptTokens(guard *http.CrossOriginProtection, mux http.Handler, apart *smart.Service) http.Handler {
	guarded := guard.Handler(mux)
	if apart == nil {
		return guarded
	}
	for _, path := range append([]string{"POST /auth/authorize"}, appCalls...) {
		guard.AddInsecureBypassPattern(path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" && (r.URL.Path == "/fhir" || strings.HasPrefix(r.URL.Path, "/fhir/")) {
			mux.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}
