package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/apps"
	"github.com/kith-care/kith/web/kit"
)

// openApps makes the authorisation server for apps; nil where access control is off, because there nobody needs a token.
func (s *serving) openApps(ctx context.Context, door *record.Door, people *entrance) (*smart.Service, error) {
	if people == nil {
		return nil, nil
	}
	trusted := &trust.Service{Door: door}
	return smart.Open(ctx, smart.Options{Door: door, Base: s.base, Session: people.service.Who, Still: people.still, From: people.service.From, Secrets: s.secrets, CheckScope: door.CheckScope,
		People: func(ctx context.Context, who access.Actor) ([]smart.Person, error) {
			list := []smart.Person{{Patient: who.Patient, Name: who.Name}}
			given, err := trusted.To(ctx, who)
			for _, g := range given {
				if !slices.ContainsFunc(list, func(p smart.Person) bool { return p.Patient == g.Patient }) {
					list = append(list, smart.Person{Patient: g.Patient, Name: g.Giver, Relation: "trusts you"})
				}
			}
			return list, err
		}})
}

// still is somebody as they are now, by their account: an app goes on only while the account stands, and staff have the role in which they
// allowed it.
func (e *entrance) still(ctx context.Context, who access.Actor) (access.Actor, error) {
	closed := fhir.Errorf(fhir.Gone, "the account is closed, or no longer what it was")
	if who.Role == "patient" {
		if who.Patient == "" {
			return who, closed
		}
		a, err := e.service.OfPatient(ctx, who.Patient)
		if err != nil || a == nil || a.Ended != nil {
			return who, errors.Join(err, closed)
		}
		who.Name, who.Level = a.Name, a.Level
		return who, nil
	}
	for after := ""; ; {
		all, err := e.service.Accounts(ctx, after, 500)
		if err != nil {
			return who, err
		}
		for _, a := range all {
			after = a.ID
			if a.Ended == nil && a.Kind == signin.Staff && (a.Practitioner == who.ID || "account/"+a.ID == who.ID) && slices.ContainsFunc(a.Roles, func(r signin.Role) bool { return r.Role == who.Role && r.Organization == who.Organization }) {
				who.Name = a.Name
				return who, nil
			}
		}
		if len(all) < 500 {
			return who, closed
		}
	}
}

// serveFHIR mounts the FHIR interface, and with an authorisation server what apps and their pages need.
func (s *serving) serveFHIR(mux *http.ServeMux, server *rest.Server, apart *smart.Service, people *entrance) {
	var fhirServer http.Handler = http.StripPrefix("/fhir", server)
	if apart != nil {
		server.Security = apart.Security()
		server.Who = asking(apart)
		fhirServer = apart.Protect(fhirServer)
		calls := apart.Handler()
		for _, path := range smart.Calls() {
			mux.Handle(path, calls)
		}
		pages := (&apps.Site{Door: server.Door, Smart: apart, Host: kit.Host{MadeUp: s.says(server.Door)}}).Handler()
		pages = people.site.Guard(people.roleFirst(pages))
		for _, path := range []string{"/auth/authorize", "/auth/consent", "/apps", "/apps/", "/clients", "/clients/"} {
			mux.Handle(path, pages)
		}
	}
	mux.Handle("/fhir/", fhirServer)
	mux.Handle("/fhir", fhirServer)
}

// stands says of what goes on after a request who asked for it, as of now; nil where access control is off.
func stands(apart *smart.Service) func(context.Context, access.Actor) (access.Actor, error) {
	if apart == nil {
		return nil
	}
	return apart.Stands
}

// asking names who is asking, by a token or else by a session.
func asking(apart *smart.Service) func(*http.Request) (access.Actor, error) {
	return func(r *http.Request) (access.Actor, error) {
		if who, ok, err := apart.Who(r); ok || err != nil {
			return who, err
		}
		return apart.Session(r)
	}
}

// roleFirst has staff who have several roles choose one before they answer an app.
func (e *entrance) roleFirst(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.site.AtOrigin(w, r) {
			return // where the session is
		}
		if _, err := e.service.Who(r); errors.Is(err, signin.RoleError{}) {
			to := "/apps"
			if r.Method == http.MethodGet {
				to = r.URL.RequestURI()
			}
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, "/signin/role?to="+url.QueryEscape(to), http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}
