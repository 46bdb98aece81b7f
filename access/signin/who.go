package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// entry is a session in memory. What it holds is never changed, save when it was last used: whoever learns more makes a new one.
type entry struct {
	session *Session
	account *Account
	asked   time.Time     // when the record was last asked
	used    *atomic.Int64 // microseconds
}

// NoSession says that a request comes from nobody who has signed in, and why where there was a session.
type NoSession struct{ Why string }

// Error is the sentence for a person.
func (e *NoSession) Error() string { return e.Why }

// Unwrap makes it an error of kind Forbidden.
func (e *NoSession) Unwrap() error { return fhir.Errorf(fhir.Forbidden, "%s", e.Why) }

func errNoSession(why string) error { return &NoSession{why} }

// RoleError says that somebody has signed in and must choose a role first.
type RoleError struct{}

// Error is the sentence for a person.
func (RoleError) Error() string { return "choose the role in which you are working" }

// Unwrap makes it an error of kind Forbidden.
func (RoleError) Unwrap() error {
	return fhir.Errorf(fhir.Forbidden, "choose the role in which you are working")
}

// Who is who is asking. Without a session the error is a NoSession, for staff who have several roles and chose none a RoleError; both are of kind
// Forbidden. It reads the record every few seconds only: a session that ended in another process is seen to have ended within 5 seconds, one that ended in this
// process at once.
func (s *Service) Who(r *http.Request) (access.Actor, error) {
	e, err := s.find(r.Context(), r)
	if err != nil {
		return access.Actor{From: s.From(r)}, err
	}
	who := e.actor(s.From(r))
	if e.account.Kind == Staff && who.Role == "" {
		return who, RoleError{}
	}
	return who, nil
}

// Session is the session of a request with its account, whether or not a role was chosen.
func (s *Service) Session(r *http.Request) (*Session, *Account, error) {
	e, err := s.find(r.Context(), r)
	if err != nil {
		return nil, nil, err
	}
	return e.session, e.account, nil
}

func (e *entry) actor(from string) access.Actor { return actorOf(e.account, e.session, from) }

func actorOf(a *Account, se *Session, from string) access.Actor {
	who := access.Actor{ID: "account/" + a.ID, Name: a.Name, From: from}
	if a.Kind == Patient {
		who.Role, who.Purpose, who.Patient, who.Level = "patient", "PATRQT", a.Patient, a.Level
		if a.Patient != "" {
			who.ID = "Patient/" + a.Patient
		}
		return who
	}
	if a.Practitioner != "" {
		who.ID = a.Practitioner
	}
	if se.Role >= 0 && se.Role < len(a.Roles) {
		who.Role, who.Organization, who.Purpose = a.Roles[se.Role].Role, a.Roles[se.Role].Organization, "TREAT"
	}
	return who
}

// find is the session of a request, checked.
func (s *Service) find(ctx context.Context, r *http.Request) (*entry, error) {
	id, secret, ok := s.cookieOf(r)
	if !ok {
		return nil, errNoSession("you are not signed in")
	}
	now := s.o.Now()
	e := s.cache.get(id)
	if e == nil || now.Sub(e.asked) >= believe || now.Before(e.asked) {
		var err error
		if e, err = s.load(ctx, id, e, now); err != nil {
			return nil, err
		}
	}
	hash := hashOf(secret)
	switch {
	case subtle.ConstantTimeCompare(hash, e.session.Hash) == 1:
	case subtle.ConstantTimeCompare(hash, e.session.Previous) == 1:
		if now.Sub(e.session.Rotated) > grace {
			// Somebody uses a cookie that was replaced long ago: one of two has a copy, and we cannot know which.
			return nil, s.finish(ctx, e, r, "a cookie was used that had been replaced, so the session was ended")
		}
	case e.asked.Before(now):
		// Another process may have rotated it since: ask once.
		fresh, err := s.load(ctx, id, e, now)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(hash, fresh.session.Hash) != 1 {
			return nil, errNoSession("you are not signed in")
		}
		e = fresh
	default:
		return nil, errNoSession("you are not signed in")
	}
	if why := s.ended(e.session, e.account, time.UnixMicro(e.used.Load())); why != "" {
		return nil, s.finish(ctx, e, r, why)
	}
	e.used.Store(now.UnixMicro())
	if now.Sub(e.session.Used) >= noteUse {
		s.noteUse(ctx, e, now)
	}
	return e, nil
}

// load reads a session and its account from the record into the cache.
func (s *Service) load(ctx context.Context, id string, have *entry, now time.Time) (*entry, error) {
	moment := s.cache.moment()
	read := s.plain(ctx)
	se, err := readSession(read, id)
	if err != nil {
		return nil, err
	}
	if se == nil {
		s.cache.drop(id)
		return nil, errNoSession("you are not signed in any more")
	}
	a, err := readAccount(read, se.Account)
	if err != nil {
		return nil, err
	}
	used := &atomic.Int64{}
	if have != nil {
		used = have.used
	}
	if u := se.Used.UnixMicro(); u > used.Load() {
		used.Store(u)
	}
	e := &entry{session: se, account: a, asked: now, used: used}
	s.cache.put(id, e, moment)
	return e, nil
}

// finish ends a session that is over, with an entry in the audit, and answers why.
func (s *Service) finish(ctx context.Context, e *entry, r *http.Request, why string) error {
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		se, err := readSession(read, e.session.ID)
		if err != nil || se == nil {
			return record.Noted{}, err
		}
		return record.Noted{Items: se.gone(), Who: e.actor(s.From(r)), Action: access.Delete, What: "session of account/" + e.account.ID + " ended: " + why}, nil
	})
	s.cache.drop(e.session.ID)
	if err != nil {
		return err
	}
	return errNoSession(why)
}

// noteUse tells the record when a session was last used, for other processes and for after a restart.
func (s *Service) noteUse(ctx context.Context, e *entry, now time.Time) {
	moment := s.cache.moment()
	var kept *Session
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		kept = nil
		se, err := readSession(read, e.session.ID)
		if err != nil || se == nil || !se.Used.Before(now.Add(-noteUse)) {
			return record.Noted{}, err
		}
		se.Used = now.UTC()
		kept = se
		return record.Noted{Items: []record.BoxItem{se.item()}}, nil
	})
	if err != nil {
		// The session is good; the record will be told at the next request.
		slog.WarnContext(ctx, "when a session was last used could not be written", "error", err)
		return
	}
	if kept != nil {
		s.cache.put(kept.ID, &entry{session: kept, account: e.account, asked: e.asked, used: e.used}, moment)
	}
}

// Keep replaces the cookie of a session that has had it for long, and then serves the request.
func (s *Service) Keep(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e, err := s.find(r.Context(), r); err == nil && s.o.Now().Sub(e.session.Rotated) >= s.o.Rotate {
			if err := s.rotate(r.Context(), w, r, e); err != nil {
				slog.WarnContext(r.Context(), "a session's cookie could not be replaced", "error", err)
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) rotate(ctx context.Context, w http.ResponseWriter, r *http.Request, e *entry) error {
	_, secret, _ := s.cookieOf(r)
	_, next := newSecret()
	moment := s.cache.moment()
	var kept *Session
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		kept = nil
		se, err := readSession(read, e.session.ID)
		// Where another request was first, the browser gets its new cookie from there.
		if err != nil || se == nil || subtle.ConstantTimeCompare(se.Hash, hashOf(secret)) != 1 {
			return record.Noted{}, err
		}
		now := s.o.Now().UTC()
		se.Previous, se.Hash, se.Rotated, se.Used = se.Hash, hashOf(next), now, now
		kept = se
		return record.Noted{Items: []record.BoxItem{se.item()}}, nil
	})
	if err != nil || kept == nil {
		return err
	}
	s.cache.put(kept.ID, &entry{session: kept, account: e.account, asked: e.asked, used: e.used}, moment)
	http.SetCookie(w, s.cookie("", writeCookie(kept.ID, next), 0))
	return nil
}

// IsNoSession reports whether an error says that nobody has signed in, and why.
func IsNoSession(err error) (why string, is bool) {
	var e *NoSession
	if errors.As(err, &e) {
		return e.Why, true
	}
	return "", false
}

func (c *cache) get(id string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[id]
}

// moment is when reading of the record begins, counted in things that were dropped.
func (c *cache) moment() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// put keeps an entry, unless something was dropped since its reading began: what was read then may be what was dropped.
func (c *cache) put(id string, e *entry, moment int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == moment {
		c.entries[id] = e
	}
}

func (c *cache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	delete(c.entries, id)
}

// forget drops what is known of an account's sessions.
func (c *cache) forget(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for id, e := range c.entries {
		if e.session.Account == account {
			delete(c.entries, id)
		}
	}
}

// sweep drops what nobody has asked for lately.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, e := range c.entries {
		if now.Sub(e.asked) > time.Minute {
			delete(c.entries, id)
		}
	}
}
