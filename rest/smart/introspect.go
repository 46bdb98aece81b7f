package smart

import (
	"net/http"
	"net/url"

	"github.com/kith-care/kith/access"
)

// introspection is what /auth/introspect answers. https://www.rfc-editor.org/rfc/rfc7662#section-2.2
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
	FHIRUser  string `json:"fhirUser,omitempty"`
}

// introspect says of a token whether it is good, and for what: to the client it was given to, and to those registered to ask about all.
func (s *Service) introspect(w http.ResponseWriter, r *http.Request, form url.Values) error {
	c, err := s.authenticate(r.Context(), r, form)
	if err != nil {
		return s.noted(r, form.Get("client_id"), "introspect", err)
	}
	if c.Kind == Public {
		return s.noted(r, c.ID, "introspect", refuse("invalid_client", "a client that can keep no secret cannot ask about tokens"))
	}
	if err := s.current(r.Context()); err != nil {
		return err
	}
	t, err := s.lookUp(r.Context(), form.Get("token"))
	if err != nil {
		return err
	}
	if t == nil || t.client.ID != c.ID && !c.Introspects {
		s.answer(w, http.StatusOK, introspection{})
		return nil
	}
	answer := introspection{Active: true, Scope: t.scope, ClientID: t.client.ID, TokenType: "Bearer", Expires: t.until.Unix(), Issued: t.made.Unix(), Subject: subject(t.grant.Who),
		Issuer: s.Issuer(), Audience: s.Base, Patient: t.grant.Patient, Encounter: t.grant.Encounter}
	if t.identity {
		answer.FHIRUser = s.Base + "/" + t.grant.Who.ID
	}
	s.answer(w, http.StatusOK, answer)
	return nil
}

// revoke takes back a token. That of a refresh token takes back everything of its grant. https://www.rfc-editor.org/rfc/rfc7009
func (s *Service) revoke(w http.ResponseWriter, r *http.Request, form url.Values) error {
	c, err := s.authenticate(r.Context(), r, form)
	if err != nil {
		return s.noted(r, form.Get("client_id"), "revoke", err)
	}
	key := hashed(form.Get("token"))
	who := access.Actor{ID: "client/" + c.ID, Name: c.Name, Role: "system", From: s.From(r)}
	var held refresh
	raw, err := s.get(r.Context(), kindRefresh, key, &held)
	if err != nil {
		return err
	}
	var b bearer
	rawAccess, err := s.get(r.Context(), kindAccess, key, &b)
	if err != nil {
		return err
	}
	switch {
	case raw.Value != nil && held.Client == c.ID:
		if err := s.end(r.Context(), who, held.Grant, "the app gave it back"); err != nil {
			return err
		}
	case rawAccess.Value != nil && b.Client == c.ID:
		if err := s.box.Note(r.Context(), who, access.Delete, "give back an access token of grant "+b.Grant, ""); err != nil {
			return err
		}
		if err := s.swap(r.Context(), who, nil, absent(kindAccess, key), epoch()); err != nil {
			return err
		}
		s.tokens.forget()
	case raw.Value != nil || rawAccess.Value != nil:
		return s.noted(r, c.ID, "revoke", refuse("invalid_grant", "the token was given to another client"))
	}
	s.answer(w, http.StatusOK, struct{}{})
	return nil
}
