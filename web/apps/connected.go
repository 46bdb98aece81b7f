package apps

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
)

//go:embed connected.html
var connectedHTML string

var connectedPage = page(connectedHTML)

//go:embed open.html
var openHTML string

var openPage = page(openHTML)

// connectedView is the apps somebody has connected.
type connectedView struct {
	Frame kit.Frame
	Apps  []connection
	Clerk bool   // the reader looks after the register of apps
	Done  string // name of the app that was just disconnected
}

// connection is one app, however often it was connected.
type connection struct {
	App   app
	May   []string
	For   []string // names of patients, "you" for the reader
	Since string
	Used  string
	Until string
	first time.Time
}

// connected is /apps.
func (s *Site) connected(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	list, err := s.connections(r, who)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := connectedView{Frame: s.frame(kit.Lang(r).T("Apps you have connected"), who), Apps: list, Clerk: clerk(who)}
	if id := r.URL.Query().Get("done"); id != "" {
		if c, err := s.Smart.Client(r.Context(), id); err == nil && !slices.ContainsFunc(list, func(a connection) bool { return a.App.ID == id }) {
			view.Done = c.Name
		}
	}
	s.Send(w, r, http.StatusOK, connectedPage, view)
}

func (s *Site) connections(r *http.Request, who access.Actor) (out []connection, err error) {
	l := kit.Lang(r)
	grants, err := s.Smart.Grants(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(grants, func(a, b smart.Grant) int { return b.Used.Compare(a.Used) })
	for _, g := range grants {
		i := slices.IndexFunc(out, func(c connection) bool { return c.App.ID == g.Client })
		if i < 0 {
			c, err := s.Smart.Client(r.Context(), g.Client)
			if err != nil {
				return nil, err
			}
			if c.State != smart.Approved {
				continue // it gets nothing
			}
			out = append(out, connection{App: appOf(&c, l), Used: l.Date(g.Used), Until: l.Date(g.Until), first: g.Made})
			i = len(out) - 1
		}
		c := &out[i]
		if g.Made.Before(c.first) {
			c.first = g.Made
		}
		c.Since = l.Date(c.first)
		read := reader{words: l, staff: smart.Staff(who), self: g.Patient == who.Patient && g.Patient != ""}
		if g.Patient != "" && !read.self {
			if name, _, err := s.named(r, who, g.Patient); err == nil {
				read.name = name
			} else {
				read.name = l.T("somebody you can no longer see")
			}
		}
		if of := read.name; g.Patient != "" {
			if read.self {
				of = l.T("you")
			}
			if !slices.Contains(c.For, of) {
				c.For = append(c.For, of)
			}
		}
		for _, p := range permissions(&smart.Ask{Scopes: g.Scopes}, read, nil, "", "") {
			text := p.Words
			if p.Hint != "" && p.Scopes != "openid" {
				text += ". " + p.Hint
			}
			if !slices.Contains(c.May, text) {
				c.May = append(c.May, text)
			}
		}
	}
	return out, nil
}

// disconnect ends all that somebody allowed an app.
func (s *Site) disconnect(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	id := r.PathValue("client")
	if _, err := s.Smart.Disconnect(r.Context(), who, who.ID, id, "the person disconnected it"); err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/apps?done="+url.QueryEscape(id))
}

// openView is the apps that can be opened for a patient.
type openView struct {
	Frame   kit.Frame
	Patient string
	Name    string
	Born    string
	Apps    []app
}

// openable lists the apps that can be opened for a patient (EHR launch).
func (s *Site) openable(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	view := openView{Patient: r.PathValue("patient")}
	var err error
	if view.Name, view.Born, err = s.named(r, who, view.Patient); err != nil {
		s.fail(w, r, err)
		return
	}
	all, err := s.Smart.Clients(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var origins []string
	for i := range all {
		if c := &all[i]; c.State == smart.Approved && c.Launch != "" {
			view.Apps = append(view.Apps, appOf(c, kit.Lang(r)))
			if u, err := url.Parse(c.Launch); err == nil {
				origins = append(origins, u.Scheme+"://"+u.Host)
			}
		}
	}
	view.Frame = s.frame(kit.Lang(r).T("Open an app for %s", view.Name), who)
	if origins != nil {
		leadsTo(w, origins...)
	}
	s.Send(w, r, http.StatusOK, openPage, view)
}

func (s *Site) open(w http.ResponseWriter, r *http.Request) {
	who, ok := s.who(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	to, err := s.Smart.Launch(r.Context(), who, r.PostFormValue("client"), r.PathValue("patient"), r.PostFormValue("encounter"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if u, err := url.Parse(to); err == nil {
		leadsTo(w, u.Scheme+"://"+u.Host)
	}
	s.leave(w, r, to)
}
