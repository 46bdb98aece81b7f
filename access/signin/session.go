package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Session is one browser in which somebody has signed in. Its cookie is an id, by which it is found, and 256 bits of chance, of which only the hash is
// kept.
type Session struct {
	ID       string
	Account  string
	Epoch    int
	Hash     []byte
	Previous []byte    `json:",omitempty"` // the hash before the last rotation
	Rotated  time.Time // when Hash was made
	Began    time.Time
	Used     time.Time // to the minute
	Role     int       // index into the account's roles, -1 where none has been chosen
	How      string    // passkey, code, or the provider's name
	Agent    string    // what the browser says it is
	From     string    // address it was begun from
}

// SignedIn is somebody who has just signed in.
type SignedIn struct {
	Account *Account
	Session *Session
	Actor   access.Actor
	To      string // where they wanted to go
	cookie  string
	was     string // id of the session that the browser had before
}

const (
	grace   = 30 * time.Second // a replaced cookie is good for so long: requests that were under way bear it
	believe = 3 * time.Second  // how long a session is believed without asking the record
	noteUse = time.Minute      // how exactly the record knows when a session was last used
	idSize  = 16
)

// newSecret makes the two halves of a cookie.
func newSecret() (id string, secret []byte) {
	b := make([]byte, idSize)
	rand.Read(b)
	secret = make([]byte, 32)
	rand.Read(secret)
	return hex.EncodeToString(b), secret
}

func writeCookie(id string, secret []byte) string {
	b, _ := hex.DecodeString(id) // made by newSecret
	return base64.RawURLEncoding.EncodeToString(append(b, secret...))
}

// readCookie takes a cookie apart; ok is false where it cannot be one of ours.
func readCookie(text string) (id string, secret []byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(idSize+32) {
		return "", nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != idSize+32 { // line ends are passed over by the decoder
		return "", nil, false
	}
	return hex.EncodeToString(b[:idSize]), b[idSize:], true
}

func hashOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// begin makes a session for an account inside a transaction, always with an id and a secret of its own: what the browser brought along is
// worth nothing afterwards. The account is written too.
func (s *Service) begin(read reader, r *http.Request, a *Account, how string) (*SignedIn, []record.BoxItem, error) {
	if a.Ended != nil {
		return nil, nil, fhir.Errorf(fhir.Forbidden, "this account was ended")
	}
	now := s.o.Now().UTC()
	id, secret := newSecret()
	se := &Session{ID: id, Account: a.ID, Epoch: a.Epoch, Hash: hashOf(secret), Rotated: now, Began: now, Used: now, Role: -1, How: how, Agent: short(r.UserAgent(), 200), From: s.From(r)}
	if a.Kind == Staff && len(a.Roles) == 1 {
		se.Role = 0
	}
	items, err := s.drop(read, r)
	if err != nil {
		return nil, nil, err
	}
	item, err := a.item()
	if err != nil {
		return nil, nil, err
	}
	items = append(items, item, se.item(), record.BoxItem{Kind: "of", Key: a.ID + "/" + id, Value: []byte{1}})
	was, _, _ := s.cookieOf(r)
	return &SignedIn{Account: a, Session: se, Actor: actorOf(a, se, se.From), cookie: writeCookie(id, secret), was: was}, items, nil
}

// drop ends the session that a request came with, if any.
func (s *Service) drop(read reader, r *http.Request) ([]record.BoxItem, error) {
	id, secret, ok := s.cookieOf(r)
	if !ok {
		return nil, nil
	}
	se, err := readSession(read, id)
	if err != nil || se == nil || subtle.ConstantTimeCompare(se.Hash, hashOf(secret)) != 1 {
		return nil, err
	}
	return se.gone(), nil
}

func (se *Session) gone() []record.BoxItem {
	return []record.BoxItem{{Kind: "session", Key: se.ID}, {Kind: "of", Key: se.Account + "/" + se.ID}}
}

func (se *Session) item() record.BoxItem {
	value, _ := json.Marshal(se) // texts, numbers, times
	return record.BoxItem{Kind: "session", Key: se.ID, Value: value}
}

func readSession(read reader, id string) (*Session, error) {
	value, err := read("session", id)
	if err != nil || value == nil {
		return nil, err
	}
	var se Session
	if err := json.Unmarshal(value, &se); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "a session is damaged: %w", err)
	}
	return &se, nil
}

// settle forgets what the cache knew of the account, so that a new session is seen as the record has it.
func (s *Service) settle(in *SignedIn) {
	s.cache.forget(in.Account.ID)
	s.cache.drop(in.was)
}

// SetCookie gives the browser its session.
func (s *Service) SetCookie(w http.ResponseWriter, in *SignedIn) {
	http.SetCookie(w, s.cookie("", in.cookie, 0))
}

// ClearCookie takes it away.
func (s *Service) ClearCookie(w http.ResponseWriter) { http.SetCookie(w, s.cookie("", "", -1)) }

// cookieName has the prefix by which browsers see to it that no other host and no page without TLS can set it.
func (s *Service) cookieName(part string) string {
	name := "kith"
	if part != "" {
		name += "-" + part
	}
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Service) cookie(part, value string, age int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(part), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}

func (s *Service) cookieOf(r *http.Request) (id string, secret []byte, ok bool) {
	name := s.cookieName("")
	for _, c := range r.CookiesNamed(name) {
		// Without __Host- another program on this machine may have set one too: the first that is ours counts.
		if id, secret, ok = readCookie(c.Value); ok {
			return id, secret, true
		}
	}
	return "", nil, false
}

// SignOut ends the session of a request.
func (s *Service) SignOut(ctx context.Context, r *http.Request) error {
	e, err := s.find(ctx, r)
	if err != nil {
		return nil // there is none to end
	}
	err = s.box.Decide(ctx, func(reader) (record.Noted, error) {
		return record.Noted{Items: e.session.gone(), Who: e.actor(s.From(r)), Action: access.Delete, What: "sign-out of account/" + e.account.ID}, nil
	})
	s.cache.forget(e.account.ID)
	return err
}

// SignOutEverywhere ends every session of the account that a request belongs to.
func (s *Service) SignOutEverywhere(ctx context.Context, r *http.Request) error {
	e, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	who := e.actor(s.From(r))
	_, err = s.change(ctx, e.account.ID, func(_ reader, a *Account) (record.Noted, error) {
		a.Epoch++
		return record.Noted{Who: who, Action: access.Delete, What: "sign-out of account/" + a.ID + " everywhere"}, nil
	})
	return err
}

// Sessions are the sessions of an account that have not ended, the newest first.
func (s *Service) Sessions(ctx context.Context, a *Account) ([]Session, error) {
	var out []Session
	prefix := a.ID + "/"
	items, err := s.box.List(ctx, "of", prefix, 200)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		id, ours := strings.CutPrefix(it.Key, prefix)
		if !ours {
			break
		}
		se, err := readSession(s.plain(ctx), id)
		if err != nil {
			return nil, err
		}
		if se != nil && s.ended(se, a, se.Used) == "" {
			out = append(out, *se)
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return b.Began.Compare(a.Began) })
	return out, nil
}

// ended says why a session is over, "" where it is not.
func (s *Service) ended(se *Session, a *Account, used time.Time) string {
	now := s.o.Now()
	idle := s.o.IdlePatient
	if a.Kind == Staff {
		idle = s.o.IdleStaff
	}
	switch {
	case a.Ended != nil:
		return "this account was ended"
	case se.Epoch != a.Epoch:
		return "you were signed out everywhere, or the ways into your account were changed"
	case now.Sub(se.Began) >= s.o.Absolute:
		return "you signed in a long time ago"
	case now.Sub(used) >= idle:
		return "you have not done anything here for a while"
	}
	return ""
}

// ChooseRole makes a role of the account that of the session, under a new cookie.
func (s *Service) ChooseRole(ctx context.Context, r *http.Request, role int) (*SignedIn, error) {
	e, err := s.find(ctx, r)
	if err != nil {
		return nil, err
	}
	var in *SignedIn
	err = s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		a, err := readAccount(read, e.account.ID)
		if err != nil {
			return record.Noted{}, err
		}
		old, err := readSession(read, e.session.ID)
		if err != nil {
			return record.Noted{}, err
		}
		if old == nil || old.Epoch != a.Epoch {
			return record.Noted{}, errNoSession("you are not signed in any more")
		}
		if a.Kind != Staff || role < 0 || role >= len(a.Roles) {
			return record.Noted{}, fhir.Errorf(fhir.Invalid, "you do not have such a role")
		}
		now := s.o.Now().UTC()
		id, secret := newSecret()
		se := *old
		se.ID, se.Hash, se.Previous, se.Rotated, se.Used, se.Role = id, hashOf(secret), nil, now, now, role
		in = &SignedIn{Account: a, Session: &se, Actor: actorOf(a, &se, s.From(r)), cookie: writeCookie(id, secret)}
		items := append(old.gone(), se.item(), record.BoxItem{Kind: "of", Key: a.ID + "/" + id, Value: []byte{1}})
		return record.Noted{Items: items, Who: in.Actor, Action: access.Update, What: "account/" + a.ID + " acts as " + rolesText(a.Roles[role:role+1])}, nil
	})
	if err != nil {
		return nil, err
	}
	s.settle(in)
	return in, nil
}

func short(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
