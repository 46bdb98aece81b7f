package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/account"
	"github.com/kith-care/kith/web/kit"
)

// entrance is how people get in where access control is on.
type entrance struct {
	service  *signin.Service
	site     *account.Site
	provider *idp.Provider // the built-in one, nil where there is none
}

// builtInRoles are the roles of the built-in provider for staff: the policy's own words, so that its people need no national codes.
func builtInRoles() map[string]string {
	roles := map[string]string{}
	for _, r := range signin.StaffRoles() {
		roles[r] = r
	}
	return roles
}

// enter prepares sign-in as the file of --signin says; nil where access control is off.
func (s *serving) enter(ctx context.Context, door *record.Door, madeUp func() *kit.MadeUp) (*entrance, error) {
	if s.auth == "off" {
		if s.signin != "" {
			return nil, fmt.Errorf("--signin says how people sign in, and --auth off that nobody does: leave one of them out")
		}
		return nil, nil
	}
	var file signin.File
	var o signin.Options
	if s.signin != "" {
		text, err := os.ReadFile(s.signin)
		if err != nil {
			return nil, err
		}
		if file, o, err = signin.ReadFile(text); err != nil {
			return nil, fmt.Errorf("%s: %w", s.signin, err)
		}
	}
	o.Door = door
	if o.Origin == "" {
		o.Origin = strings.TrimSuffix(s.base, "/fhir")
	}
	if o.Name == "" {
		o.Name = s.name
	}
	if s.people != nil {
		file.BuiltIn = []signin.Kind{signin.Patient, signin.Staff}
	}
	var clients []idp.Client
	for _, kind := range file.BuiltIn {
		p := signin.Provider{Name: "built-in", Title: "a user name and password", For: kind, ClientID: "kith-" + string(kind)}
		if s.people != nil {
			p.Title = "a made-up person"
		}
		if kind == signin.Staff {
			p.Name, p.Title, p.Roles = "built-in-staff", p.Title+", as staff", builtInRoles()
		}
		o.Providers = append(o.Providers, p)
		clients = append(clients, idp.Client{ID: p.ClientID})
	}
	// The origin is known only once it has been checked, and so are the addresses of the built-in provider.
	probe, err := signin.Open(ctx, signin.Options{Door: door, Origin: o.Origin})
	if err != nil {
		return nil, err
	}
	issuer := probe.Origin() + "/idp"
	for i := range o.Providers {
		if p := &o.Providers[i]; p.Issuer == "" {
			p.Issuer = issuer
			j := slices.IndexFunc(clients, func(c idp.Client) bool { return c.ID == p.ClientID })
			clients[j].Redirects = []string{probe.Origin() + "/signin/back/" + p.Name}
		}
	}
	e := &entrance{}
	if e.service, err = signin.Open(ctx, o); err != nil {
		return nil, err
	}
	e.site = &account.Site{SignIn: e.service, Door: door, MadeUp: madeUp}
	if len(clients) > 0 {
		e.provider, err = idp.Open(ctx, idp.Options{Door: door, Issuer: issuer, Clients: clients, People: s.people, Show: e.site.ShowProvider, From: e.service.From})
	}
	return e, err
}

// pages puts the pages of signing in into mux, and answers what stands before all other pages.
func (e *entrance) pages(mux *http.ServeMux) (guard func(http.Handler) http.Handler) {
	if e == nil {
		return func(next http.Handler) http.Handler { return next }
	}
	own := e.site.Guard(e.site.Handler())
	for _, path := range []string{"/signin", "/signin/", "/signout", "/account", "/account/", "/desk/"} {
		mux.Handle(path, own)
	}
	if e.provider != nil {
		mux.Handle("/idp/", http.StripPrefix("/idp", e.provider.Handler()))
	}
	return e.site.Guard
}

// who names who is asking: the actor of a session, or without access control an address.
func (e *entrance) who(r *http.Request) (access.Actor, error) {
	if e == nil {
		return access.Actor{ID: "anonymous", From: r.RemoteAddr}, nil
	}
	return e.service.Who(r)
}

// run removes what has expired, until ctx ends.
func (e *entrance) run(ctx context.Context) {
	if e == nil {
		return
	}
	var all sync.WaitGroup
	all.Go(func() { ended(ctx, "the sweeping of sessions", e.service.Run(ctx)) })
	if e.provider != nil {
		all.Go(func() { ended(ctx, "the sweeping of the built-in provider", e.provider.Run(ctx)) })
	}
	all.Wait()
}
