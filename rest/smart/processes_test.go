package smart_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

// Two processes on one database: what one takes back the other refuses within five seconds, and a code, a refresh token or an assertion is
// good in one of them only.
func TestTwoProcesses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		other, err := smart.Open(t.Context(), smart.Options{Door: record.TestOn(t, db), Base: p.Base, Now: p.Now})
		if err != nil {
			t.Fatal(err)
		}
		c := public(p)
		got := p.Connect("lone", c, "patient/Patient.rs offline_access")
		q := request(t, "/fhir/Patient", got.JSON("access_token"))
		if _, ok, err := other.Who(q); !ok || err != nil {
			t.Fatal("the other process does not know the token", err)
		}
		if _, err := p.Smart.Disconnect(t.Context(), appstest.Accounts["lone"], "Patient/lone", c.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		if p.Read(got.JSON("access_token")) != 401 {
			t.Error("not refused at once where it was taken back")
		}
		start := time.Now()
		for {
			if _, ok, _ := other.Who(q); !ok {
				break
			}
			if time.Since(start) > 5*time.Second {
				t.Fatal("after five seconds the other process still takes the token")
			}
			time.Sleep(50 * time.Millisecond)
		}

		// post asks both processes, many times at once, and counts who got something.
		post := func(form url.Values) (gave int64) {
			var n atomic.Int64
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					w := httptest.NewRecorder()
					q := httptest.NewRequest(http.MethodPost, "/auth/token", strings.NewReader(form.Encode()))
					q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					[]*smart.Service{p.Smart, other}[i%2].Handler().ServeHTTP(w, q)
					if w.Code == http.StatusOK {
						n.Add(1)
					} else if w.Code >= 500 {
						t.Error(w.Code, w.Body)
					}
				})
			}
			wg.Wait()
			return n.Load()
		}
		code := p.Allow("lone", p.Ask(c, "patient/Patient.rs offline_access"))
		if n := post(appstest.Exchange(c, code)); n > 1 {
			t.Errorf("a code gave tokens %d times", n)
		}
		token := p.Connect("lone", c, "patient/Patient.rs offline_access").JSON("refresh_token")
		if n := post(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}); n > 1 {
			t.Errorf("a refresh token gave tokens %d times", n)
		}
		rs := newSigner(t, "RS384", "r")
		system := backend(p, jwks(rs), "")
		if n := post(asks(rs.sign(t, claimsOf(p, system)), "system/Patient.rs")); n != 1 {
			t.Errorf("an assertion gave tokens %d times", n)
		}
	})
}

// A new signing key is published before it signs, and an old one for as long as it may be asked for.
func TestSigningKeysAreRenewed(t *testing.T) {
	p := appstest.Open(t, storetest.SQLite(t))
	keys := func() int { return strings.Count(p.Do("GET", "/auth/jwks", "", "").Body, `"kid"`) }
	c := public(p)
	signer := func() string {
		token := p.Connect("lone", c, "patient/Patient.rs openid").JSON("id_token")
		return strings.SplitN(token, ".", 2)[0]
	}
	first := signer()
	if strings.Contains(p.Do("GET", "/auth/jwks", "", "").Body, `"d"`) {
		t.Fatal("a private key is published")
	}
	for _, step := range []struct {
		after time.Duration
		keys  int
		same  bool
	}{{0, 2, true}, {91 * 24 * time.Hour, 4, true}, {3 * time.Hour, 4, false}, {90 * 24 * time.Hour, 4, false}} {
		p.Pass(step.after)
		if err := p.Smart.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := keys(); n != step.keys || (signer() == first) != step.same {
			t.Errorf("after %s more there are %d keys, and the first signs: %v", step.after, n, signer() == first)
		}
	}
}
