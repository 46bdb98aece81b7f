package idp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// kept is a person with a password.
type kept struct {
	Person Person
	Salt   []byte
	Hash   []byte
}

// What a password costs to try: the smaller of the settings OWASP recommends for argon2id, since a server must not be filled by tries.
const (
	rounds      = 2
	memoryKB    = 19 << 10
	leastLength = 12
)

func hashPassword(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, rounds, memoryKB, 1, 32)
}

// SetPerson keeps a person under a user name, with a password, in place of whoever had the name.
func (p *Provider) SetPerson(ctx context.Context, by access.Actor, name, password string, one Person) error {
	return SetPerson(ctx, p.box, by, name, password, one)
}

// SetPerson is Provider.SetPerson for whoever has the box "idp" only, such as an operator's command.
func SetPerson(ctx context.Context, box record.Box, by access.Actor, name, password string, one Person) error {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || len(name) > 100 || strings.ContainsAny(name, " \t\n") {
		return fhir.Errorf(fhir.Invalid, "a user name is one word of at most 100 letters")
	}
	if n := len([]rune(password)); n < leastLength || len(password) > 1000 {
		return fhir.Errorf(fhir.Invalid, "a password has at least %d letters: three words that do not belong together are good", leastLength)
	}
	if one.Family == "" {
		return fhir.Errorf(fhir.Invalid, "a person needs a family name")
	}
	switch one.Proofing {
	case "", "P0", "P5", "P9":
	default:
		return fhir.Errorf(fhir.Invalid, "the level is P0, P5 or P9, not %q", one.Proofing)
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	hash := hashPassword(password, salt)
	return box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		have, err := read("person", name)
		if err != nil {
			return record.Noted{}, err
		}
		k := kept{Person: one, Salt: salt, Hash: hash}
		var before kept
		if have != nil && json.Unmarshal(have, &before) == nil {
			k.Person.Subject = before.Person.Subject // whoever has an account here keeps it
		} else if k.Person.Subject == "" {
			k.Person.Subject = random()[:22]
		}
		value, err := json.Marshal(k)
		return record.Noted{Items: []record.BoxItem{{Kind: "person", Key: name, Value: value}}, Who: by, Action: access.Update, What: "password of " + name}, err
	})
}

// check answers whose name and password these are, nil where they are nobody's. It takes as long for a name that nobody has.
func (p *Provider) check(ctx context.Context, name, password string) (*Person, error) {
	value, err := p.box.Get(ctx, "person", name)
	if err != nil {
		return nil, err
	}
	k := kept{Salt: make([]byte, 16), Hash: make([]byte, 32)}
	if value != nil {
		if err := json.Unmarshal(value, &k); err != nil {
			return nil, fhir.Errorf(fhir.Broken, "the password of %s is damaged: %w", name, err)
		}
	}
	if subtle.ConstantTimeCompare(hashPassword(password, k.Salt), k.Hash) != 1 || value == nil {
		return nil, nil
	}
	return &k.Person, nil
}

// Run removes what has expired, until ctx ends.
func (p *Provider) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := p.sweep(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *Provider) sweep(ctx context.Context) error {
	for _, kind := range []string{"code", "token", "slow"} {
		items, err := p.box.List(ctx, kind, "", 10000)
		if err != nil {
			return err
		}
		for _, it := range items {
			var e struct{ Expires, Last time.Time } // Last is of a counter of tries
			// A used code is remembered as long as the token it was used for.
			if json.Unmarshal(it.Value, &e) == nil && (p.o.Now().Before(e.Expires.Add(tokenLife)) || p.o.Now().Before(e.Last.Add(24*time.Hour))) {
				continue
			}
			if err := p.box.Decide(ctx, func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
				return record.Noted{Items: []record.BoxItem{{Kind: kind, Key: it.Key}}}, nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}
