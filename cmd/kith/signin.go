package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/town"
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
	var err error
	if s.secrets, err = secret.Open(or(s.secretKey, secretKeyFile(s.db))); err != nil {
		return nil, err
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
		p := signin.Provider{Name: "built-in", Title: "a Kith password", BuiltIn: true, For: kind, ClientID: "kith-" + string(kind)}
		if s.people != nil {
			p.Title = "Kith try-out"
		}
		if kind == signin.Staff {
			p.Name, p.Title, p.Roles = "built-in-staff", p.Title+" (staff)", builtInRoles()
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
	own := &inside{at: issuer, others: http.DefaultTransport}
	o.HTTP = &http.Client{Timeout: 15 * time.Second, Transport: own}
	if e.service, err = signin.Open(ctx, o); err != nil {
		return nil, err
	}
	e.site = &account.Site{SignIn: e.service, Door: door, Host: kit.Host{MadeUp: madeUp}}
	if len(clients) > 0 {
		e.provider, err = idp.Open(ctx, idp.Options{Door: door, Issuer: issuer, Clients: clients, People: s.people, Show: e.site.ShowProvider, From: e.service.From, Secrets: s.secrets})
		if err != nil {
			return nil, err
		}
		own.provider = http.StripPrefix("/idp", e.provider.Handler())
	}
	return e, nil
}

// inside answers what sign-in asks of the built-in provider without leaving the program: a server need not reach itself under its own name.
type inside struct {
	at       string       // the provider's address
	provider http.Handler // nil where there is none
	others   http.RoundTripper
}

// RoundTrip answers one request.
func (i *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.provider == nil || !strings.HasPrefix(r.URL.String(), i.at+"/") {
		return i.others.RoundTrip(r)
	}
	asked := r.Clone(r.Context())
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	w := &answerInside{header: http.Header{}, status: http.StatusOK}
	i.provider.ServeHTTP(w, asked)
	return &http.Response{Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r}, nil
}

// answerInside is an answer in memory.
type answerInside struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is that of the answer.
func (w *answerInside) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *answerInside) WriteHeader(status int) { w.status = status }

// Write keeps the body.
func (w *answerInside) Write(b []byte) (int, error) { return w.body.Write(b) }

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

// madeUpPeople are some of a made-up town whom anybody may sign in as: patients of each level, and staff of each role.
func madeUpPeople(made town.Town) ([]idp.Person, error) {
	var out []idp.Person
	until := made.Until
	if until.IsZero() {
		until = time.Now()
	}
	grown := until.AddDate(-18, 0, 0).Format(time.DateOnly)
	for i := 0; len(out) < 6 && i < made.People; i++ {
		bundle, err := made.Person(i)
		if err != nil {
			return nil, err
		}
		b, err := fhir.Parse(bundle)
		if err != nil {
			return nil, err
		}
		for e := range b.Root().Get("entry").Items() {
			p := e.Get("resource")
			if p.Get("resourceType").Text() != "Patient" {
				continue
			}
			number, err := kit.NHSNumberDigits(kit.NHSNumberOf(p))
			adult := p.Get("birthDate").Text() < grown
			if err != nil || !adult || p.Get("deceasedDateTime").Text() != "" || p.Get("deceasedBoolean").Text() == "true" {
				continue
			}
			name := kit.FirstOf(p.Get("name"))
			level := [...]string{"P9", "P9", "P9", "P9", "P5", "P0"}[len(out)]
			out = append(out, idp.Person{Subject: p.Get("id").Text(), Given: kit.FirstOf(name.Get("given")).Text(), Family: name.Get("family").Text(), Number: number, Born: p.Get("birthDate").Text(), Proofing: level})
			break
		}
	}
	for i, role := range signin.StaffRoles() {
		given := [...]string{"Grace", "Sam", "Priya", "Owen", "Leah", "Rita", "Ben", "Mina", "Paul", "Olga", "Ana", "Rhys"}[i%12]
		one := idp.Person{Subject: "staff-" + role, Given: given, Family: "Made-Up", Staff: true, User: "staff-" + role, Roles: []idp.Role{{Organisation: "ZZ001", Code: role, Title: role}}}
		if role == "clinician" {
			one.Roles = append(one.Roles, idp.Role{Organisation: "ZZC", Code: "privacy", Title: "privacy"})
		}
		out = append(out, one)
	}
	return out, nil
}
