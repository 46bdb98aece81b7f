package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// LinkSubject says that somebody of a provider is the owner of an account.
func (s *Service) LinkSubject(ctx context.Context, by access.Actor, id string, u Subject) error {
	if u.Issuer == "" || u.Subject == "" {
		return fhir.Errorf(fhir.Invalid, "a link needs the issuer and the subject")
	}
	_, err := s.change(ctx, id, func(read reader, a *Account) (record.Noted, error) {
		items, err := s.link(read, a, u, "")
		return record.Noted{Items: items, Who: by, Action: access.Update, What: "account/" + id + " linked to " + u.Subject + " of " + u.Issuer}, err
	})
	return err
}

// link leads a subject to an account, inside a transaction. A subject of another account is refused, unless that account is was (which is being given
// up), or an operator ended it.
func (s *Service) link(read reader, a *Account, u Subject, was string) ([]record.BoxItem, error) {
	if a.Ended != nil {
		return nil, fhir.Errorf(fhir.Gone, "this account was ended: ask whoever gave it to you, or at the desk of your practice")
	}
	key := subjectKey(u.Issuer, u.Subject)
	have, err := read("subject", key)
	if err != nil {
		return nil, err
	}
	if have != nil && string(have) != a.ID && string(have) != was {
		other, err := readAccount(read, string(have))
		if err != nil {
			return nil, err
		}
		if other.Ended == nil {
			return nil, fhir.Errorf(fhir.Conflict, "%s of %s belongs to another account", u.Subject, u.Issuer)
		}
	}
	if !slices.ContainsFunc(a.Subjects, func(h Subject) bool { return h.Issuer == u.Issuer && h.Subject == u.Subject }) {
		u.Since = s.o.Now().UTC()
		a.Subjects = append(a.Subjects, u)
	}
	return []record.BoxItem{{Kind: "subject", Key: key, Value: []byte(a.ID)}}, nil
}

func subjectKey(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\n" + subject))
	return hex.EncodeToString(sum[:])
}
