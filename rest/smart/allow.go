package smart

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Ticket is what a consent screen carries so that only the person to whom it was shown can answer it, and only for the patient it was shown for:
// a page elsewhere cannot know it.
func (s *Service) Ticket(who access.Actor, a *Ask, patient string) string {
	until := s.Now().Add(ticketLife).Unix()
	return base64.RawURLEncoding.EncodeToString(s.ticket(who, a, patient, until))
}

func (s *Service) ticket(who access.Actor, a *Ask, patient string, until int64) []byte {
	out := binary.BigEndian.AppendUint64(nil, uint64(until))
	mac := hmac.New(sha256.New, s.keys.Load().ticket)
	mac.Write(out)
	for _, part := range []string{who.ID, patient, a.Query()} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(out)
}

func (s *Service) goodTicket(text string, who access.Actor, a *Ask, patient string) bool {
	got, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(got) < 8 {
		return false
	}
	until := int64(binary.BigEndian.Uint64(got))
	return hmac.Equal(got, s.ticket(who, a, patient, until)) && s.Now().Before(time.Unix(until, 0))
}

var errTicket = fhir.Errorf(fhir.Conflict, "this page was shown to somebody else or too long ago: open the app again")

// Staff reports whether somebody finds patients, rather than being one. Who signed in as a patient and is linked to no record yet is no staff.
func Staff(who access.Actor) bool { return who.Patient == "" && who.Role != "patient" }

// Patients are those for whom somebody may connect an app, where that is a list. Staff have none: they find a patient.
func (s *Service) Patients(ctx context.Context, who access.Actor) ([]Person, error) {
	switch {
	case Staff(who):
		return nil, nil
	case who.Patient == "":
		return []Person{}, nil
	}
	if s.People != nil {
		return s.People(ctx, who)
	}
	return []Person{{Patient: who.Patient, Name: who.Name}}, nil
}

// For settles for which patient an app is opened. chosen is what somebody picked, "" for nothing; it must be one whom they may connect it for.
// An empty answer says that they have yet to choose.
func (s *Service) For(ctx context.Context, who access.Actor, a *Ask, chosen string) (patient string, err error) {
	if a.launch != "" {
		var l launch
		raw, err := s.get(ctx, kindLaunch, hashed(a.launch), &l)
		if err != nil {
			return "", err
		}
		if raw.Value == nil || l.Who != who.ID || !s.Now().Before(l.Until) {
			return "", fhir.Errorf(fhir.Forbidden, "somebody else opened this app, or it was opened too long ago: open it again")
		}
	}
	if !a.Choose {
		return a.Patient, nil
	}
	people, err := s.Patients(ctx, who)
	if err != nil {
		return "", err
	}
	if people != nil {
		if chosen == "" && len(people) == 1 {
			chosen = people[0].Patient
		}
		if chosen != "" && !slices.ContainsFunc(people, func(p Person) bool { return p.Patient == chosen }) {
			return "", fhir.Errorf(fhir.Forbidden, "you cannot connect an app for this person")
		}
		return chosen, nil
	}
	if !Staff(who) || chosen == "" {
		return "", nil
	}
	if _, err := s.Door.Get(ctx, who, "Patient", chosen); err != nil {
		return "", err
	}
	return chosen, nil
}

// Allow gives an app a code for what somebody ticked, and answers the address that takes the person back. Scopes that were not asked for cannot
// be ticked; those that are no permission (launch contexts) go along.
func (s *Service) Allow(ctx context.Context, who access.Actor, a *Ask, chosen, ticket string, ticked []string) (string, error) {
	if !s.goodTicket(ticket, who, a, chosen) {
		return "", errTicket
	}
	patient, err := s.For(ctx, who, a, chosen)
	if err != nil {
		return "", err
	}
	if a.Choose && patient == "" {
		return "", fhir.Errorf(fhir.Invalid, "say for whom the app is").At("patient")
	}
	for _, t := range ticked {
		if !slices.Contains(a.Scopes, t) {
			return "", fhir.Errorf(fhir.Forbidden, "the app did not ask for %q", t)
		}
	}
	scopes := slices.DeleteFunc(slices.Clone(a.Scopes), func(t string) bool {
		return t != scopeLaunch && !strings.HasPrefix(t, "launch/") && !slices.Contains(ticked, t)
	})
	if a.Encounter == "" {
		scopes = slices.DeleteFunc(scopes, func(t string) bool { return t == scopeLaunchEncounter })
	}
	if len(ticked) == 0 {
		return "", fhir.Errorf(fhir.Invalid, "tick what the app may do, or do not allow it").At("scope")
	}
	if !slices.Contains(scopes, scopeOpenID) {
		scopes = slices.DeleteFunc(scopes, func(t string) bool { return t == scopeUser || t == scopeProfile })
	}
	who.App, who.Helper = nil, "" // whoever helped at the desk is not there when the app asks
	now := s.Now().UTC()
	g := Grant{ID: grantID(who.ID), Client: a.Client.ID, Who: who, Scopes: scopes, Patient: patient, Encounter: a.Encounter, Nonce: a.nonce, Made: now, Used: now, Until: now.Add(codeLife)}
	text := newToken()
	key := hashed(text)
	was := []record.BoxItem{absent(kindCode, key)}
	items := []record.BoxItem{item(kindCode, key, code{Grant: g, Redirect: a.redirect, Challenge: a.challenge, Until: now.Add(codeLife)})}
	if a.launch != "" {
		raw, err := s.get(ctx, kindLaunch, hashed(a.launch), &launch{})
		if err != nil {
			return "", err
		}
		if raw.Value == nil {
			return "", fhir.Errorf(fhir.Conflict, "this launch was used already: open the app again")
		}
		was, items = append(was, raw), append(items, absent(raw.Kind, raw.Key))
	}
	if err := s.box.Note(ctx, who, access.Create, "allow client "+a.Client.ID+" ("+a.Client.Name+") for Patient/"+patient+": "+strings.Join(scopes, " "), ""); err != nil {
		return "", err
	}
	if err := s.swap(ctx, who, was, items...); err != nil {
		return "", err
	}
	return s.back(a, url.Values{"code": {text}}), nil
}

// Deny answers an app that the person does not want it.
func (s *Service) Deny(ctx context.Context, who access.Actor, a *Ask, chosen, ticket string) (string, error) {
	if !s.goodTicket(ticket, who, a, chosen) {
		return "", errTicket
	}
	if err := s.box.Note(ctx, who, access.Create, "client "+a.Client.ID+" ("+a.Client.Name+")", "the person did not allow it"); err != nil {
		return "", err
	}
	return s.back(a, url.Values{"error": {"access_denied"}, "error_description": {"the person did not allow it"}}), nil
}

// grantID makes the id of a grant. All of one person begin alike, so that they can be listed.
func grantID(who string) string { return grantsOf(who) + newToken()[:16] }

func grantsOf(who string) string { return hashed("grants of " + who)[:16] + "." }
