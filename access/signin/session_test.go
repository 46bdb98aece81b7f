package signin

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func (b *browser) who(t *testing.T, s *Service) (access.Actor, error) {
	t.Helper()
	return s.Who(b.get())
}

// keep serves one request as the pages do and takes the cookies that come back.
func (b *browser) keep(t *testing.T, s *Service) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Keep(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})).ServeHTTP(w, b.get())
	b.take(t, w)
}

func TestSessionsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		for name, each := range map[string]struct {
			staff bool
			step  time.Duration
			lives int // so many steps are survived, one more is not
		}{
			"patient, idle": {false, 20*time.Minute - time.Second, 10}, "staff, idle": {true, 30*time.Minute - time.Second, 10}, "patient, absolute": {false, 15 * time.Minute, 47}, "staff, absolute": {true, 15 * time.Minute, 47},
		} {
			c := newClock()
			s := open(t, dbOf(t, db), c)
			b := newBrowser()
			if each.staff {
				_, code := staffAccount(t, s, Role{Role: "nurse", Organization: "A81001"})
				in, err := s.Redeem(t.Context(), b.get(), code, "1980-02-03")
				if err != nil {
					t.Fatal(err)
				}
				b.in(t, s, in)
			} else {
				b.patient(t, s)
			}
			for i := range each.lives {
				c.pass(each.step)
				b.keep(t, s)
				if _, err := b.who(t, s); err != nil {
					t.Fatalf("%s: after %d steps: %v", name, i+1, err)
				}
			}
			if strings.Contains(name, "idle") {
				c.pass(2 * time.Second)
			}
			c.pass(each.step)
			if _, err := b.who(t, s); fhir.KindOf(err) != fhir.Forbidden || err == nil {
				t.Errorf("%s: it goes on: %v", name, err)
			} else if why, is := IsNoSession(err); !is || why == "" {
				t.Errorf("%s: it does not say why: %v", name, err)
			}
			if _, err := b.who(t, another(t, s.o.Door, c)); err == nil {
				t.Errorf("%s: it goes on after a restart", name)
			}
		}
	})
}

// dbOf is a database of its own for each case of a test.
func dbOf(t *testing.T, db string) string {
	if strings.HasPrefix(db, "sqlite:") {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

// What was used lately in one process has not been idle for another.
func TestUseIsSeenByOtherProcesses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		one := open(t, db, c)
		two := another(t, record.TestOn(t, db), c)
		b := newBrowser()
		b.patient(t, one)
		for range 6 {
			c.pass(9 * time.Minute)
			if _, err := b.who(t, one); err != nil {
				t.Fatal(err)
			}
		}
		c.pass(18 * time.Minute)
		if _, err := b.who(t, two); err != nil {
			t.Errorf("the other process thinks it idle: %v", err)
		}
	})
}

func TestCookiesAreReplaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		two := another(t, record.TestOn(t, db), c)
		b := newBrowser()
		b.patient(t, s)
		first := b.cookies["__Host-kith"]
		c.pass(14 * time.Minute)
		b.keep(t, s)
		if b.cookies["__Host-kith"] != first {
			t.Error("replaced too early")
		}
		c.pass(time.Minute)
		old := newBrowser()
		old.cookies["__Host-kith"] = first
		b.keep(t, s)
		if b.cookies["__Host-kith"] == first {
			t.Fatal("not replaced after 15 minutes")
		}
		for i, service := range []*Service{s, two} {
			if _, err := b.who(t, service); err != nil {
				t.Errorf("process %d refuses the new cookie: %v", i, err)
			}
			if _, err := old.who(t, service); err != nil {
				t.Errorf("process %d refuses a request under way: %v", i, err)
			}
		}
		was := old.cookies["__Host-kith"]
		old.keep(t, two)
		if old.cookies["__Host-kith"] != was {
			t.Error("the replaced cookie was replaced again")
		}
		// A copy of the replaced cookie, used later, ends the session for both who have it.
		c.pass(grace + time.Second)
		if _, err := old.who(t, two); err == nil {
			t.Error("a replaced cookie signs in")
		}
		c.pass(believe)
		if _, err := b.who(t, s); err == nil {
			t.Error("the session goes on though somebody has a copy of its cookie")
		}
	})
}

func TestSignedOutEverywhereAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		two := another(t, record.TestOn(t, db), c)
		a, b := newBrowser(), newBrowser()
		account := a.patient(t, s)
		b.patient(t, s)
		if _, err := b.who(t, two); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Sessions(t.Context(), account); err != nil || len(list) != 2 {
			t.Errorf("%d sessions are listed (%v)", len(list), err)
		}
		if err := s.SignOutEverywhere(t.Context(), a.get()); err != nil {
			t.Fatal(err)
		}
		for i, one := range []*browser{a, b} {
			if _, err := one.who(t, s); err == nil {
				t.Errorf("browser %d is still signed in here", i)
			}
		}
		c.pass(5 * time.Second)
		if _, err := b.who(t, two); err == nil {
			t.Error("5 seconds later another process still believes it")
		}
		now, err := s.Account(t.Context(), account.ID)
		if err != nil {
			t.Fatal(err)
		}
		if list, _ := s.Sessions(t.Context(), now); len(list) != 0 {
			t.Errorf("%d sessions are listed", len(list))
		}
	})
}

func TestSignOut(t *testing.T) {
	s := open(t, "sqlite::memory:", newClock())
	a, b := newBrowser(), newBrowser()
	a.patient(t, s)
	b.patient(t, s)
	before := audited(t, s)
	if err := s.SignOut(t.Context(), a.get()); err != nil {
		t.Fatal(err)
	}
	if audited(t, s)-before != 1 {
		t.Error("signing out is not in the audit")
	}
	if _, err := a.who(t, s); err == nil {
		t.Error("still signed in")
	}
	if _, err := b.who(t, s); err != nil {
		t.Errorf("the other browser was signed out too: %v", err)
	}
	if err := s.SignOut(t.Context(), newBrowser().get()); err != nil {
		t.Errorf("signing out of nothing: %v", err)
	}
}

// A cookie that somebody planted before sign-in is worth nothing after it.
func TestNoSessionIsFixed(t *testing.T) {
	s := open(t, "sqlite::memory:", newClock())
	thief := newBrowser()
	thief.patient(t, s) // the thief's own session
	victim := newBrowser()
	victim.cookies["__Host-kith"] = thief.cookies["__Host-kith"]
	p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "reed", Seen: []string{"photo"}})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Redeem(t.Context(), victim.get(), p.Text, "1950-01-02")
	if err != nil {
		t.Fatal(err)
	}
	victim.in(t, s, in)
	if victim.cookies["__Host-kith"] == thief.cookies["__Host-kith"] {
		t.Fatal("the cookie is the one that was planted")
	}
	if who, err := victim.who(t, s); err != nil || who.Patient != "reed" {
		t.Errorf("the victim is %v (%v)", who, err)
	}
	if who, err := thief.who(t, s); err == nil {
		t.Errorf("the planted cookie is %v", who)
	}
	id, _, _ := s.cookieOf(victim.get())
	made := newBrowser()
	made.cookies["__Host-kith"] = writeCookie(id, make([]byte, 32))
	if _, err := made.who(t, s); err == nil {
		t.Error("the id of a session is enough")
	}
	if _, err := victim.who(t, s); err != nil {
		t.Errorf("a guess ended the session: %v", err)
	}
}

func TestStaffChooseARole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := open(t, db, newClock())
		a, code := staffAccount(t, s, Role{Role: "nurse", Organization: "A81001"}, Role{Role: "manager", Organization: "RXX01"})
		b := newBrowser()
		in, err := s.Redeem(t.Context(), b.get(), code, "1980-02-03")
		if err != nil {
			t.Fatal(err)
		}
		b.in(t, s, in)
		if who, err := b.who(t, s); err != (RoleError{}) || who.Role != "" {
			t.Errorf("without a role it is %v (%v)", who, err)
		}
		for _, wrong := range []int{-1, 2} {
			if _, err := s.ChooseRole(t.Context(), b.get(), wrong); fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("role %d: %v", wrong, err)
			}
		}
		old := newBrowser()
		old.cookies["__Host-kith"] = b.cookies["__Host-kith"]
		for i, want := range a.Roles {
			in, err := s.ChooseRole(t.Context(), b.get(), i)
			if err != nil {
				t.Fatal(err)
			}
			b.in(t, s, in)
			who, err := b.who(t, s)
			if err != nil || who.Role != want.Role || who.Organization != want.Organization || who.ID != "Practitioner/nia" || who.Purpose != "TREAT" {
				t.Errorf("it is %v (%v)", who, err)
			}
		}
		if _, err := old.who(t, s); err == nil {
			t.Error("the cookie from before the role was chosen still works")
		}
		if err := s.SetRoles(t.Context(), operator, a.ID, []Role{{Role: "nurse", Organization: "A81001"}}); err != nil {
			t.Fatal(err)
		}
		if who, err := b.who(t, s); err == nil {
			t.Errorf("a role that was taken away is still %v", who)
		}
	})
}

func TestWhatHasExpiredIsSwept(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	b := newBrowser()
	b.patient(t, s)
	if _, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "reed", Seen: []string{"photo"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Redeem(t.Context(), b.get(), "x", ""); err == nil {
		t.Fatal("signed in with nothing")
	}
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.who(t, s); err != nil {
		t.Errorf("what has not expired was swept: %v", err)
	}
	c.pass(20 * 24 * time.Hour)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"code", "used", "slow", "session", "of"} {
		if items, _ := s.box.List(t.Context(), kind, "", 10); len(items) != 0 {
			t.Errorf("%d of %s are left", len(items), kind)
		}
	}
	if !slices.Equal(StaffRoles(), staffRoles) {
		t.Error("the roles differ")
	}
}

// A request must not cost a reading of the database each time.
func BenchmarkWho(b *testing.B) {
	door := record.Test(b)
	s, err := Open(b.Context(), Options{Door: door, Origin: "https://kith.example"})
	if err != nil {
		b.Fatal(err)
	}
	a, err := s.Add(b.Context(), operator, NewAccount{Kind: Staff, Name: "Nia", Born: "1980-02-03", Roles: []Role{{Role: "nurse", Organization: "A81001"}}})
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.Issue(b.Context(), operator, a.ID, false)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://kith.example/", nil)
	in, err := s.Redeem(b.Context(), r, p.Text, "1980-02-03")
	if err != nil {
		b.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.SetCookie(w, in)
	r.AddCookie(w.Result().Cookies()[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Who(r); err != nil {
			b.Fatal(err)
		}
	}
}
