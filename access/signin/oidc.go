package signin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// provider is a Provider that has been asked who it is.
type provider struct {
	Provider
	s *Service

	mu       sync.Mutex
	found    *oidc.Provider
	verifier *oidc.IDTokenVerifier
}

// visit is the step of a sign-in elsewhere.
type visit struct {
	State, Nonce, Verifier, To string
}

// discover asks the provider for its configuration, once; where it does not answer, the next sign-in asks again.
func (p *provider) discover(ctx context.Context) (*oidc.Provider, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		// The provider's keys are fetched with this context later on, so it must not end with the request.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.s.o.HTTP), p.Issuer)
		if err != nil {
			return nil, nil, fhir.Errorf(fhir.Busy, "%s does not answer: try again later, or sign in another way: %w", p.Title, err)
		}
		p.found = found
		p.verifier = found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.s.o.Now, SupportedSigningAlgs: []string{oidc.RS256, oidc.RS512, oidc.ES256, oidc.PS256, oidc.EdDSA}})
	}
	return p.found, p.verifier, nil
}

func (p *provider) config(found *oidc.Provider) (*oauth2.Config, error) {
	c := &oauth2.Config{ClientID: p.ClientID, Endpoint: found.Endpoint(), RedirectURL: p.s.o.Origin + "/signin/back/" + p.Name, Scopes: p.scopes()}
	var err error
	if p.Secret != "" {
		c.ClientSecret, err = secret(p.Secret)
	}
	if p.Key != "" {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return c, err
}

// Visit sends somebody to a provider: its address, with the rest in a cookie.
func (s *Service) Visit(ctx context.Context, w http.ResponseWriter, name, to string) (string, error) {
	p := s.providers[name]
	if p == nil {
		return "", fhir.Errorf(fhir.NotFound, "nobody signs in with %q here", short(name, 40))
	}
	found, _, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	config, err := p.config(found)
	if err != nil {
		return "", err
	}
	v := visit{State: randomID() + randomID(), Nonce: randomID() + randomID(), Verifier: oauth2.GenerateVerifier(), To: to}
	sealed, err := s.sealStep("visit-"+name, v)
	if err != nil {
		return "", err
	}
	s.setStep(w, "visit-"+name, sealed)
	ask := []oauth2.AuthCodeOption{oidc.Nonce(v.Nonce), oauth2.S256ChallengeOption(v.Verifier)}
	for _, k := range slices.Sorted(maps.Keys(p.Ask)) {
		ask = append(ask, oauth2.SetAuthURLParam(k, p.Ask[k]))
	}
	return config.AuthCodeURL(v.State, ask...), nil
}

// Back signs in somebody who comes back from a provider.
func (s *Service) Back(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) (*SignedIn, error) {
	p := s.providers[name]
	if p == nil {
		return nil, fhir.Errorf(fhir.NotFound, "nobody signs in with %q here", short(name, 40))
	}
	in, err := p.back(ctx, w, r)
	if err == nil {
		s.settle(in)
		return in, nil
	}
	var e *fhir.Error
	if !errors.As(err, &e) {
		e = fhir.Errorf(fhir.Broken, "signing in with %s did not work", p.Title)
	}
	if note := s.box.Note(ctx, stranger(s.From(r)), access.Create, "sign-in with "+p.Name, err.Error()); note != nil {
		return nil, note
	}
	return nil, e
}

func (p *provider) back(ctx context.Context, w http.ResponseWriter, r *http.Request) (*SignedIn, error) {
	var v visit
	st, err := p.s.openStep("visit-"+p.Name, p.s.takeStep(w, r, "visit-"+p.Name), &v)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(v.State)) != 1 {
		return nil, fhir.Errorf(fhir.Forbidden, "this answer does not belong to a sign-in that was begun here: begin again")
	}
	if iss := q.Get("iss"); iss != "" && iss != p.Issuer {
		return nil, fhir.Errorf(fhir.Forbidden, "this answer comes from somebody else than %s", p.Title)
	}
	if said := q.Get("error"); said != "" {
		if said == "access_denied" {
			return nil, fhir.Errorf(fhir.Forbidden, "you did not sign in with %s, or did not agree to share who you are", p.Title)
		}
		return nil, fhir.Errorf(fhir.Forbidden, "%s did not sign you in (%s)", p.Title, short(said, 60))
	}
	c, err := p.ask(ctx, q.Get("code"), v)
	if err != nil {
		return nil, err
	}
	if p.For == Staff {
		return p.staff(ctx, r, st, v, c)
	}
	return p.patient(ctx, r, st, v, c)
}

// ask turns the code into what the provider says of somebody. Everything is checked: signature, issuer, audience, expiry, nonce, and that the
// user information is of the same person.
func (p *provider) ask(ctx context.Context, code string, v visit) (*claims, error) {
	ctx = oidc.ClientContext(ctx, p.s.o.HTTP)
	found, verifier, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	config, err := p.config(found)
	if err != nil {
		return nil, err
	}
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(v.Verifier)}
	if p.Key != "" {
		assertion, err := p.assertion(found.Endpoint().TokenURL)
		if err != nil {
			return nil, err
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), oauth2.SetAuthURLParam("client_assertion", assertion))
	}
	token, err := config.Exchange(ctx, code, options...)
	if err != nil {
		return nil, fhir.Errorf(fhir.Forbidden, "%s did not confirm that you signed in: begin again: %w", p.Title, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fhir.Errorf(fhir.Forbidden, "what %s says of you is not signed as it must be: %w", p.Title, err)
	}
	if v.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(v.Nonce)) != 1 {
		return nil, fhir.Errorf(fhir.Forbidden, "this answer does not belong to a sign-in that was begun here: begin again")
	}
	var text json.RawMessage
	if err := id.Claims(&text); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "what %s says of you cannot be read: %w", p.Title, err)
	}
	c := &claims{}
	if err := readClaims(text, c); err != nil {
		return nil, err
	}
	if found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return nil, fhir.Errorf(fhir.Busy, "%s did not say who you are: try again: %w", p.Title, err)
		}
		if info.Subject != id.Subject {
			return nil, fhir.Errorf(fhir.Forbidden, "%s says two things of who you are", p.Title)
		}
		if err := info.Claims(&text); err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "what %s says of you cannot be read: %w", p.Title, err)
		}
		proofing, vectors := c.Proofing, c.Vectors
		if err := readClaims(text, c); err != nil {
			return nil, err
		}
		// How well somebody is known is believed from the signed token where that says it.
		if proofing != "" || vectors != "" {
			c.Proofing, c.Vectors = proofing, vectors
		}
	}
	c.Subject = id.Subject
	return c, nil
}

// patient signs in a patient. The account is the one that knows this subject; or that of the Patient whom a P9 proves; or a new one.
func (p *provider) patient(ctx context.Context, r *http.Request, st *step, v visit, c *claims) (*SignedIn, error) {
	s := p.s
	level, why := c.level(p.Provider), ""
	var patients []string // who are this one person
	switch level {
	case access.P9:
		var err error
		if patients, why, err = s.match(ctx, c); err != nil {
			return nil, err
		}
		if len(patients) == 0 {
			level = access.P5
		} else {
			why = p.Title + " has checked who you are"
		}
	case access.P5:
		why = p.Title + " knows how to reach you, and has not yet checked who you are with photo ID"
	default:
		why = p.Title + " has not yet checked who you are"
	}
	return p.enter(ctx, r, st, v, c, func(read reader, a *Account) (*Account, []record.BoxItem, error) {
		if a == nil {
			for _, id := range patients {
				have, err := read("patient", id)
				if err != nil {
					return nil, nil, err
				}
				if have != nil {
					a, err = readAccount(read, string(have))
					if err != nil {
						return nil, nil, err
					}
					break
				}
			}
		}
		var items []record.BoxItem
		if a == nil {
			n := NewAccount{Kind: Patient, Name: c.fullName(), Born: c.born(), Level: level, Why: why}
			if len(patients) > 0 {
				n.Patient = patients[0]
			}
			return s.newAccount(read, n)
		}
		if a.Kind != Patient {
			return nil, nil, fhir.Errorf(fhir.Forbidden, "this sign-in belongs to an account of staff: sign in the way staff do")
		}
		switch {
		case a.Patient == "" && len(patients) > 0:
			have, err := read("patient", patients[0])
			if err != nil {
				return nil, nil, err
			}
			if have != nil {
				// The desk made an account meanwhile: it is the same person, so that one goes on and this one is given up.
				other, err := readAccount(read, string(have))
				if err != nil {
					return nil, nil, err
				}
				items, now := s.strip(a), s.o.Now().UTC()
				a.Ended = &now
				item, err := a.item()
				other.Level, other.Why = level, why
				return other, append(items, item), err
			}
			a.Patient, a.Level, a.Why = patients[0], level, why
			items = append(items, record.BoxItem{Kind: "patient", Key: a.Patient, Value: []byte(a.ID)})
		case a.Patient != "" && len(patients) > 0 && !slices.Contains(patients, a.Patient):
			return nil, nil, fhir.Errorf(fhir.Forbidden, "%s says that you are somebody else than this account belongs to: ask the desk of your practice", p.Title)
		case a.Patient == "" || level >= a.Level:
			// An account that the desk has vouched for keeps its level.
			a.Level, a.Why = level, why
		}
		if a.Born == "" {
			a.Born = c.born()
		}
		return a, items, nil
	})
}

// staff signs in somebody who works here. Roles that this provider gave before are replaced by those it gives now.
func (p *provider) staff(ctx context.Context, r *http.Request, st *step, v visit, c *claims) (*SignedIn, error) {
	roles := c.roles(p.Provider)
	practitioner, err := p.s.practitioner(ctx, c.User)
	if err != nil {
		return nil, err
	}
	return p.enter(ctx, r, st, v, c, func(read reader, a *Account) (*Account, []record.BoxItem, error) {
		if a == nil {
			if len(roles) == 0 {
				return nil, nil, fhir.Errorf(fhir.Forbidden, "%s gives you no role that is known here: ask whoever looks after this system at your organisation", p.Title)
			}
			return p.s.newAccount(read, NewAccount{Kind: Staff, Name: c.fullName(), Practitioner: practitioner, Roles: roles})
		}
		if a.Kind != Staff {
			return nil, nil, fhir.Errorf(fhir.Forbidden, "this sign-in belongs to an account of a patient: sign in the way patients do")
		}
		if a.Practitioner == "" {
			a.Practitioner = practitioner
		}
		before := slices.Clone(a.Roles)
		kept := slices.DeleteFunc(slices.Clone(a.Roles), func(r Role) bool { return r.Issuer == p.Issuer })
		a.Roles = append(kept, roles...)
		if len(a.Roles) == 0 {
			return nil, nil, fhir.Errorf(fhir.Forbidden, "%s gives you no role that is known here any more: ask whoever looks after this system at your organisation", p.Title)
		}
		if !slices.Equal(before, a.Roles) {
			a.Epoch++ // sessions elsewhere carry a role by its place in the old list
		}
		return a, nil, nil
	})
}

// enter finds the account of a subject, has settle say which account it is to be, links the two and begins a session, in one transaction.
func (p *provider) enter(ctx context.Context, r *http.Request, st *step, v visit, c *claims, settle func(reader, *Account) (*Account, []record.BoxItem, error)) (*SignedIn, error) {
	s := p.s
	var in *SignedIn
	var was string // whose account the subject led to before
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		used, err := useUp(read, st)
		if err != nil {
			return record.Noted{}, err
		}
		var a *Account
		have, err := read("subject", subjectKey(p.Issuer, c.Subject))
		if err == nil && have != nil {
			a, err = readAccount(read, string(have))
		}
		if err != nil {
			return record.Noted{}, err
		}
		was = ""
		if a != nil {
			was = a.ID
		}
		a, items, err := settle(read, a)
		if err != nil {
			return record.Noted{}, err
		}
		linked, err := s.link(read, a, Subject{Provider: p.Name, Issuer: p.Issuer, Subject: c.Subject}, was)
		if err != nil {
			return record.Noted{}, err
		}
		begun, more, err := s.begin(read, r, a, p.Name)
		if err != nil {
			return record.Noted{}, err
		}
		in = begun
		items = append(append(append(items, used), linked...), more...)
		return record.Noted{Items: items, Who: in.Actor, Action: access.Create, What: "sign-in with " + p.Name + " to account/" + a.ID}, nil
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget(was)
	in.To = v.To
	return in, nil
}
