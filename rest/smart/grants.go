package smart

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// end ends a grant: all its tokens stop working, here at once and in other processes within seconds. One that is not there or has ended
// is left as it is.
func (s *Service) end(ctx context.Context, who access.Actor, id, why string) error {
	for range 10 {
		var g Grant
		raw, err := s.get(ctx, kindGrant, id, &g)
		if err != nil || raw.Value == nil || !g.Ended.IsZero() {
			return err
		}
		g.Ended, g.Why = s.Now().UTC(), why
		if err := s.box.Note(ctx, who, access.Delete, "end grant "+id+" of client "+g.Client+" for "+g.Who.ID+": "+why, ""); err != nil {
			return err
		}
		err = s.swap(ctx, who, []record.BoxItem{raw}, item(kindGrant, id, g), epoch())
		if err == nil {
			s.tokens.forget()
			return nil
		}
		if fhir.KindOf(err) != fhir.Conflict {
			return err
		}
	}
	return fhir.Errorf(fhir.Busy, "the grant keeps being changed by others")
}

// Grants are what somebody allowed apps that still goes on, oldest last used first.
func (s *Service) Grants(ctx context.Context, who string) (all []Grant, err error) {
	now := s.Now()
	err = s.each(ctx, kindGrant, grantsOf(who), func(it record.BoxItem) (bool, error) {
		var g Grant
		if err := json.Unmarshal(it.Value, &g); err != nil {
			return false, fhir.Errorf(fhir.Broken, "grant %s cannot be read: %w", it.Key, err)
		}
		if g.Ended.IsZero() && now.Before(g.Until) && g.Who.ID == who {
			all = append(all, g)
		}
		return true, nil
	})
	return all, err
}

// Disconnect ends everything that somebody allowed a client, or every client where it is "". by is who asks for it: the person themselves, or
// the part of this program that closes their account.
func (s *Service) Disconnect(ctx context.Context, by access.Actor, who, client, why string) (ended int, err error) {
	grants, err := s.Grants(ctx, who)
	if err != nil {
		return 0, err
	}
	for _, g := range grants {
		if client != "" && g.Client != client {
			continue
		}
		if err := s.end(ctx, by, g.ID, why); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

// Run clears away what is over, and renews signing keys, every hour until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil {
			slog.Error("tokens that are over could not be cleared away", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tidy clears away what is over and renews signing keys once.
func (s *Service) Tidy(ctx context.Context) error {
	now := s.Now()
	for _, kind := range []string{kindCode, kindRefresh, kindAccess, kindLaunch, kindJTI, kindGrant} {
		var over []record.BoxItem
		err := s.each(ctx, kind, "", func(it record.BoxItem) (bool, error) {
			var e expiring
			if err := json.Unmarshal(it.Value, &e); err != nil {
				return false, fhir.Errorf(fhir.Broken, "%s %s cannot be read: %w", kind, it.Key, err)
			}
			if now.After(e.Until.Add(time.Minute)) {
				over = append(over, it)
			}
			return len(over) < 5000, nil
		})
		if err != nil {
			return err
		}
		for len(over) > 0 {
			n := min(len(over), 200)
			var gone []record.BoxItem
			for _, it := range over[:n] {
				gone = append(gone, absent(it.Kind, it.Key))
			}
			// What somebody is using this moment has changed, and stays until the next time.
			if err := s.swap(ctx, self, over[:n], gone...); err != nil && fhir.KindOf(err) != fhir.Conflict {
				return err
			}
			over = over[n:]
		}
	}
	return s.loadKeys(ctx)
}

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
	who := access.Actor{ID: "client/" + c.ID, Name: c.Name, Role: "system", From: r.RemoteAddr}
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
