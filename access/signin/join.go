package signin

import (
	"context"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// joining is the step of making two accounts of one person one: From is given up, and its providers sign in to Into.
type joining struct{ From, Into string }

// OfferJoin offers, in a cookie, to join the account that a browser was signed in to before a code was used with the account of that code: a
// provider had not proved who somebody is, and then the desk did. It is offered only where the provider gave the same date of birth, and done only when the
// person says that both are them (Join), since others may have used the same computer.
func (s *Service) OfferJoin(w http.ResponseWriter, before *Account, in *SignedIn) (offered bool, err error) {
	if before == nil || joinable(before, in.Account) != nil {
		return false, nil
	}
	sealed, err := s.sealStep("join", joining{before.ID, in.Account.ID})
	if err == nil {
		s.setStep(w, "join", sealed)
	}
	return err == nil, err
}

// joinable reports, by its error, whether one account may become part of another.
func joinable(from, into *Account) error {
	if from.ID == into.ID || from.Kind != Patient || into.Kind != Patient || from.Patient != "" || into.Patient == "" || len(from.Subjects) == 0 || from.Ended != nil || into.Ended != nil ||
		from.Born == "" || from.Born != into.Born {
		return fhir.Errorf(fhir.Conflict, "these two accounts cannot be joined: ask at the desk of your practice")
	}
	return nil
}

// Offered is the account that the browser was offered to join; NotFound where it was offered none.
func (s *Service) Offered(r *http.Request) (*Account, error) {
	e, err := s.find(r.Context(), r)
	if err != nil {
		return nil, err
	}
	none := fhir.Errorf(fhir.NotFound, "there is nothing to join")
	c, err := r.Cookie(s.cookieName("step-join"))
	if err != nil {
		return nil, none
	}
	var j joining
	if _, err := s.openStep("join", c.Value, &j); err != nil || j.Into != e.account.ID {
		return nil, none
	}
	return s.Account(r.Context(), j.From)
}

// Join makes the account that was offered part of the one that the request belongs to. With yes false the offer is taken away and nothing else.
func (s *Service) Join(ctx context.Context, w http.ResponseWriter, r *http.Request, yes bool) error {
	e, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	var j joining
	st, err := s.openStep("join", s.takeStep(w, r, "join"), &j)
	if err != nil || !yes {
		return err
	}
	if j.Into != e.account.ID || !s.Fresh(e.session) {
		return errNotFresh
	}
	who := e.actor(s.From(r))
	_, err = s.change(ctx, e.account.ID, func(read reader, into *Account) (record.Noted, error) {
		used, err := useUp(read, st)
		if err != nil {
			return record.Noted{}, err
		}
		from, err := readAccount(read, j.From)
		if err != nil {
			return record.Noted{}, err
		}
		if err := joinable(from, into); err != nil {
			return record.Noted{}, err
		}
		subjects := from.Subjects
		items := append([]record.BoxItem{used}, s.strip(from)...)
		for _, u := range subjects {
			linked, err := s.link(read, into, u, from.ID)
			if err != nil {
				return record.Noted{}, err
			}
			items = append(items, linked...)
		}
		now := s.o.Now().UTC()
		from.Ended = &now
		item, err := from.item()
		return record.Noted{Items: append(items, item), Who: who, Action: access.Update, What: "account/" + from.ID + " joined to account/" + into.ID}, err
	})
	s.cache.forget(j.From)
	return err
}
