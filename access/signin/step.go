package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// step is what a browser carries from the beginning of signing in to its end, closed by a key of ours: nothing is written for somebody who
// only begins, so nobody fills the record by beginning. What a step is for is part of its seal.
type step struct {
	ID      string
	Expires time.Time
	Data    json.RawMessage
}

const stepLife = 10 * time.Minute

func (s *Service) sealStep(purpose string, data any) (string, error) {
	inner, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(step{randomID(), s.o.Now().Add(stepLife).UTC(), inner})
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.seal.NonceSize())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.seal.Seal(nonce, nonce, text, []byte(purpose))), nil
}

// openStep reads a step into data and answers its id, by which it is used up.
func (s *Service) openStep(purpose, sealed string, data any) (*step, error) {
	over := fhir.Errorf(fhir.Invalid, "signing in took too long or was begun in another window: begin again")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < s.seal.NonceSize() {
		return nil, over
	}
	text, err := s.seal.Open(nil, raw[:s.seal.NonceSize()], raw[s.seal.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, over
	}
	var st step
	if err := json.Unmarshal(text, &st); err != nil || !s.o.Now().Before(st.Expires) {
		return nil, over
	}
	if err := json.Unmarshal(st.Data, data); err != nil {
		return nil, over
	}
	return &st, nil
}

// useUp makes a step one that cannot be used again, inside a transaction.
func useUp(read reader, st *step) (record.BoxItem, error) {
	sum := sha256.Sum256([]byte(st.ID))
	key := hex.EncodeToString(sum[:])
	have, err := read("used", key)
	if err == nil && have != nil {
		err = fhir.Errorf(fhir.Forbidden, "this sign-in has been used already: begin again")
	}
	value, _ := json.Marshal(expiring{st.Expires}) // a time
	return record.BoxItem{Kind: "used", Key: key, Value: value}, err
}

// expiring is what every item that is swept says of itself.
type expiring struct{ Expires time.Time }

// setStep gives the browser a step for one purpose.
func (s *Service) setStep(w http.ResponseWriter, purpose, sealed string) {
	http.SetCookie(w, s.cookie("step-"+purpose, sealed, int(stepLife/time.Second)))
}

// takeStep reads the browser's step for a purpose and takes it away.
func (s *Service) takeStep(w http.ResponseWriter, r *http.Request, purpose string) string {
	c, err := r.Cookie(s.cookieName("step-" + purpose))
	if err != nil {
		return ""
	}
	http.SetCookie(w, s.cookie("step-"+purpose, "", -1))
	return c.Value
}

// sweep removes what has expired: codes, steps, counters, sessions.
func (s *Service) sweep(ctx context.Context) error {
	now := s.o.Now()
	for _, kind := range []string{"code", "used", "slow", "session"} {
		for after := ""; ; {
			items, err := s.box.List(ctx, kind, after, 500)
			if err != nil || len(items) == 0 {
				if err != nil {
					return err
				}
				break
			}
			after = items[len(items)-1].Key
			for _, it := range items {
				if s.over(kind, it.Value, now) {
					if err := s.remove(ctx, kind, it.Key, now); err != nil {
						return err
					}
				}
			}
		}
	}
	s.cache.sweep(now)
	return nil
}

// remove takes an item away, where it is still over inside the transaction.
func (s *Service) remove(ctx context.Context, kind, key string, now time.Time) error {
	return s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		value, err := read(kind, key)
		if err != nil || value == nil || !s.over(kind, value, now) {
			return record.Noted{}, err
		}
		n := record.Noted{Items: []record.BoxItem{{Kind: kind, Key: key}}}
		if kind == "session" {
			var se Session
			if json.Unmarshal(value, &se) == nil {
				n.Items = append(n.Items, record.BoxItem{Kind: "of", Key: se.Account + "/" + se.ID})
			}
		}
		return n, nil
	})
}

func (s *Service) over(kind string, value []byte, now time.Time) bool {
	switch kind {
	case "slow":
		var b slow
		return json.Unmarshal(value, &b) != nil || now.Sub(b.Last) > forgetAfter
	case "session":
		var se Session
		return json.Unmarshal(value, &se) != nil || now.Sub(se.Began) > s.o.Absolute || now.Sub(se.Used) > 24*time.Hour
	}
	var e expiring
	return json.Unmarshal(value, &e) != nil || now.After(e.Expires.Add(24*time.Hour))
}
