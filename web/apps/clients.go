package apps

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

//go:embed clients.html
var clientsHTML string

var clientsPage = page(clientsHTML)

//go:embed client.html
var clientHTML string

var clientPage = page(clientHTML)

//go:embed register.html
var registerHTML string

var registerPage = page(registerHTML)

// clientsView is the register of apps.
type clientsView struct {
	Frame   kit.Frame
	Clients []clientRow
}

type clientRow struct{ ID, Name, Maker, Kind, State, By string }

// kinds are the kinds of client in words.
var kinds = map[smart.Kind]string{smart.Public: "In a browser or on a telephone", smart.Secret: "On a server, with a secret", smart.Key: "On a server, with a key", smart.Backend: "A system, without a person in front of it"}

// states are the states of a client in words.
var states = map[smart.State]string{smart.Registered: "Waits for review", smart.Approved: "Approved", smart.Suspended: "Suspended", smart.Revoked: "Revoked"}

func (s *Site) clients(w http.ResponseWriter, r *http.Request) {
	who, ok := s.clerk(w, r)
	if !ok {
		return
	}
	all, err := s.Smart.Clients(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := clientsView{Frame: s.frame("Apps and systems", who)}
	// Those that wait for somebody come first.
	for _, waiting := range []bool{true, false} {
		for _, c := range all {
			if (c.State == smart.Registered) != waiting {
				continue
			}
			row := clientRow{c.ID, c.Name, c.Maker, kinds[c.Kind], states[c.State], "registered by " + c.MadeBy + " on " + day(c.Made)}
			if n := len(c.History); n > 0 {
				h := c.History[n-1]
				row.By = "by " + h.By + " on " + day(h.When)
			}
			view.Clients = append(view.Clients, row)
		}
	}
	s.Send(w, r, http.StatusOK, clientsPage, view)
}

// clientView is one app in the register.
type clientView struct {
	Frame    kit.Frame
	Client   smart.Client
	Kind     string
	State    string
	Keys     string
	Made     string
	Scopes   []scopeRow
	History  []historyRow // newest first
	Choices  []stateChoice
	To       string
	Reason   string
	Secret   string // shown once
	TokenURL string
	Errors   faults
}

// Wrong is what is wrong with a field.
func (v clientView) Wrong(id string) *fault { return v.Errors.of(id) }

type scopeRow struct{ Scope, Words string }

type historyRow struct{ When, By, State, Reason string }

type stateChoice struct{ ID, Value, Words string }

func (s *Site) client(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.clerk(w, r); ok {
		s.showClient(w, r, clientView{})
	}
}

// showClient shows a client. What view holds already is what was typed, and what was wrong with it.
func (s *Site) showClient(w http.ResponseWriter, r *http.Request, view clientView) {
	who, ok := s.clerk(w, r)
	if !ok {
		return
	}
	id := r.PathValue("id")
	if view.Client.ID != "" {
		id = view.Client.ID
	}
	c, err := s.Smart.Client(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view.Client, view.Kind, view.State, view.TokenURL = c, kinds[c.Kind], states[c.State], s.Smart.Issuer()+"/auth/token"
	view.Made = c.MadeBy + " on " + day(c.Made)
	view.Frame = s.frame(c.Name, who)
	switch {
	case c.JWKSURI != "":
		view.Keys = "read from " + c.JWKSURI
	case c.JWKS != nil:
		view.Keys = string(c.JWKS)
	}
	for _, text := range c.Scopes {
		row := scopeRow{Scope: text, Words: plainWords[text]}
		if sc, ok := smart.OnResources(text); ok {
			words, hint := reader{words: words.In("en"), review: true}.say(sc)
			row.Words = strings.TrimSpace(words + ". " + hint)
		}
		view.Scopes = append(view.Scopes, row)
	}
	for i := len(c.History) - 1; i >= 0; i-- {
		h := c.History[i]
		view.History = append(view.History, historyRow{h.When.In(london.Zone).Format("2 January 2006 at 15:04"), h.By, states[h.State], h.Reason})
	}
	add := func(to smart.State, words string) {
		id := "to"
		if len(view.Choices) > 0 {
			id += "-" + string(to)
		}
		view.Choices = append(view.Choices, stateChoice{id, string(to), words})
	}
	if c.State == smart.Registered || c.State == smart.Suspended {
		add(smart.Approved, "Approve: people may connect it")
	}
	if c.State == smart.Approved {
		add(smart.Suspended, "Suspend: it gets nothing until it is approved again")
	}
	if c.State != smart.Revoked {
		add(smart.Revoked, "Revoke: it gets nothing ever again")
	}
	status := http.StatusOK
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, "Error: "+view.Frame.Title
	}
	s.Send(w, r, status, clientPage, view)
}

// plainWords are the scopes that are not on resources, in words.
var plainWords = map[string]string{"launch": "Be opened from our own pages", "launch/patient": "Ask for which patient it is", "launch/encounter": "Be told which visit it is about", "openid": "Know who the person is", "fhirUser": "Know who the person is, as an entry of the record",
	"profile": "Know the person’s name", "offline_access": "Keep going when the person is not using it", "online_access": "Keep going while the person is using it"}

// decide approves, suspends or revokes.
func (s *Site) decide(w http.ResponseWriter, r *http.Request) {
	who, ok := s.clerk(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	view := clientView{To: r.PostFormValue("to"), Reason: strings.TrimSpace(r.PostFormValue("reason"))}
	if view.To == "" {
		view.Errors = append(view.Errors, fault{"to", "Say what you decide"})
	}
	if view.Reason == "" || len(view.Reason) > 1000 {
		view.Errors = append(view.Errors, fault{"reason", "Write in a sentence why"})
	}
	if view.Errors == nil {
		_, err := s.Smart.Decide(r.Context(), who, r.PathValue("id"), smart.State(view.To), view.Reason)
		switch fhir.KindOf(err) {
		case fhir.Conflict, fhir.Invalid:
			view.Errors = append(view.Errors, fault{"to", strings.TrimSuffix(kit.Sentence(err.Error()), ".")})
		default:
			if err != nil {
				s.fail(w, r, err)
				return
			}
		}
	}
	if view.Errors != nil {
		s.showClient(w, r, view)
		return
	}
	kit.See(w, r, "/clients/"+r.PathValue("id"))
}

// registerView is the form for a new app.
type registerView struct {
	Frame  kit.Frame
	Client smart.Client
	Kinds  []stateChoice
	Lists  struct{ Redirects, Scopes, Keys string }
	Errors faults
}

// Wrong is what is wrong with a field.
func (v registerView) Wrong(id string) *fault { return v.Errors.of(id) }

func (s *Site) registering(w http.ResponseWriter, r *http.Request) {
	s.showRegister(w, r, registerView{})
}

func (s *Site) showRegister(w http.ResponseWriter, r *http.Request, view registerView) {
	who, ok := s.clerk(w, r)
	if !ok {
		return
	}
	view.Frame = s.frame("Register an app", who)
	for i, k := range []smart.Kind{smart.Public, smart.Secret, smart.Key, smart.Backend} {
		id := "kind"
		if i > 0 {
			id += "-" + string(k)
		}
		view.Kinds = append(view.Kinds, stateChoice{id, string(k), kinds[k]})
	}
	status := http.StatusOK
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, "Error: "+view.Frame.Title
	}
	s.Send(w, r, status, registerPage, view)
}

// register keeps a new app, which waits for review from then on. Its secret is shown here and never again.
func (s *Site) register(w http.ResponseWriter, r *http.Request) {
	who, ok := s.clerk(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 128<<10)
	value := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	view := registerView{}
	view.Lists.Redirects, view.Lists.Scopes, view.Lists.Keys = value("redirects"), value("scopes"), value("keys")
	view.Client = smart.Client{Name: value("name"), Maker: value("maker"), Does: value("does"), Kind: smart.Kind(value("kind")), Redirects: strings.Fields(view.Lists.Redirects), Launch: value("launch"),
		Scopes: strings.Fields(view.Lists.Scopes), SignedBy: value("signedBy"), Organization: value("organization"), Purpose: value("purpose"), Introspects: value("introspects") == "yes"}
	if strings.HasPrefix(view.Lists.Keys, "{") {
		view.Client.JWKS = json.RawMessage(view.Lists.Keys)
	} else {
		view.Client.JWKSURI = view.Lists.Keys
	}
	if view.Client.JWKS != nil && !json.Valid(view.Client.JWKS) {
		view.Errors = faults{{"keys", "The keys are no JSON"}}
		s.showRegister(w, r, view)
		return
	}
	c, secret, err := s.Smart.Register(r.Context(), who, view.Client)
	if e, ok := errors.AsType[*fhir.Error](err); ok && (e.Kind == fhir.Invalid || e.Kind == fhir.Conflict) {
		id := e.Path
		if id == "" {
			id = "name"
		}
		view.Errors = faults{{id, strings.TrimSuffix(kit.Sentence(e.Msg), ".")}}
		s.showRegister(w, r, view)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if secret == "" {
		kit.See(w, r, "/clients/"+c.ID)
		return
	}
	s.showClient(w, r, clientView{Client: c, Secret: secret})
}
