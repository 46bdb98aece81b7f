package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// liar is a provider that says whatever a test has it say. The real one inside Kith is tried in access/idp.
type liar struct {
	*httptest.Server
	key     *ecdsa.PrivateKey
	other   *ecdsa.PrivateKey
	claims  map[string]any                // in the token
	info    map[string]any                // in the user information
	twist   func(c map[string]any)        // changes the token's claims just before they are signed
	sign    func(c map[string]any) string // signs in another way
	asked   url.Values                    // the last authorization request
	token   url.Values                    // the last token request
	nonce   string
	secret  string
	refused bool
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	l := &liar{}
	for _, k := range []**ecdsa.PrivateKey{&l.key, &l.other} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*k = key
	}
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		say(w, map[string]any{"issuer": l.URL, "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/jwks", "userinfo_endpoint": l.URL + "/userinfo",
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "none"}})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, r *http.Request) {
		say(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: l.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, r *http.Request) { say(w, l.info) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		l.token = r.PostForm
		_, l.secret, _ = r.BasicAuth()
		if l.refused {
			w.WriteHeader(http.StatusBadRequest)
			say(w, map[string]any{"error": "invalid_grant"})
			return
		}
		c := maps.Clone(l.claims)
		c["iss"], c["aud"], c["exp"], c["iat"], c["nonce"] = l.URL, "kith", time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Unix(), time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC).Unix(), l.nonce
		if l.twist != nil {
			l.twist(c)
		}
		sign := func(c map[string]any) string { return signed(t, jose.ES256, l.key, c) }
		if l.sign != nil {
			sign = l.sign
		}
		say(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": sign(c)})
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

func signed(t *testing.T, algorithm jose.SignatureAlgorithm, key any, c map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Error(err)
	}
	return text
}

// says has the provider say who somebody is, in the words of NHS login.
func (l *liar) says(sub, level, number, born string) {
	l.claims = map[string]any{"sub": sub, "identity_proofing_level": level, "vot": level + ".Cp.Cd"}
	l.info = map[string]any{"sub": sub, "nhs_number": number, "birthdate": born, "family_name": "Okafor", "given_name": "Ada", "phone_number": "+447700900000"}
}

// with opens sign-in on a record with the provider.
func with(t *testing.T, db string, c *clock, p Provider) *Service {
	t.Helper()
	door := open(t, db, c).o.Door
	s, err := Open(t.Context(), Options{Door: door, Origin: "https://kith.example", Now: c.now, Providers: []Provider{p}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (l *liar) provider() Provider {
	return Provider{Name: "nhs-login", Title: "NHS login", For: Patient, Issuer: l.URL, ClientID: "kith"}
}

// visit goes to the provider and comes back with an answer.
func (b *browser) visit(t *testing.T, s *Service, l *liar) (*SignedIn, error) {
	t.Helper()
	return b.visitWith(t, s, l, func(url.Values) {})
}

func (b *browser) visitWith(t *testing.T, s *Service, l *liar, change func(url.Values)) (*SignedIn, error) {
	t.Helper()
	name := s.o.Providers[0].Name
	w := httptest.NewRecorder()
	to, err := s.Visit(t.Context(), w, name, "/account")
	if err != nil {
		return nil, err
	}
	b.take(t, w)
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l.asked = u.Query()
	l.nonce = l.asked.Get("nonce")
	q := url.Values{"state": {l.asked.Get("state")}, "code": {"the-code"}, "iss": {l.URL}}
	change(q)
	w = httptest.NewRecorder()
	in, err := s.Back(t.Context(), w, b.request("GET", "/signin/back/"+name+"?"+q.Encode(), ""), name)
	b.take(t, w)
	if err == nil {
		b.in(t, s, in)
	}
	return in, err
}

func TestNHSLoginsLevels(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		l := newLiar(t)
		s := with(t, db, c, l.provider())
		for _, each := range []struct {
			name, sub, said, number, born string
			level                         access.Level
			patient, why                  string
		}{
			{"P0", "a", "P0", "", "", access.P0, "", "not yet checked who you are"},
			{"P5", "b", "P5", "9990000018", "1945-07-14", access.P5, "", "not yet checked who you are with photo ID"},
			{"P9 with nobody's number", "c", "P9", "9990000034", "1945-07-14", access.P5, "", "no record here"},
			{"P9 with another birth date", "d", "P9", "9990000018", "1945-07-15", access.P5, "", "no record here"},
			{"P9 that shares no number", "e", "P9", "", "1945-07-14", access.P5, "", "was not shared"},
			{"P9", "f", "P9", "9990000018", "1945-07-14", access.P9, "okafor", "NHS login has checked"},
			{"a level nobody knows", "g", "P99", "9990000018", "1945-07-14", access.P0, "", "not yet checked"},
		} {
			l.says(each.sub, each.said, each.number, each.born)
			b := newBrowser()
			in, err := b.visit(t, s, l)
			if err != nil {
				t.Errorf("%s: %v", each.name, err)
				continue
			}
			who, err := b.who(t, s)
			if err != nil || who.Level != each.level || in.To != "/account" || in.Session.How != "nhs-login" {
				t.Errorf("%s: level %d (%v), to %q", each.name, who.Level, err, in.To)
			}
			if strings.TrimSuffix(who.Patient, "-hospital") != each.patient || !strings.Contains(in.Account.Why, each.why) {
				t.Errorf("%s: is Patient %q because %q", each.name, who.Patient, in.Account.Why)
			}
		}
		if l.asked.Get("code_challenge_method") != "S256" || l.asked.Get("nonce") == "" || len(l.asked.Get("state")) < 40 || l.asked.Get("redirect_uri") != "https://kith.example/signin/back/nhs-login" {
			t.Errorf("asked %v", l.asked)
		}
		sum := sha256.Sum256([]byte(l.token.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != l.asked.Get("code_challenge") {
			t.Error("the verifier is not the one whose challenge was sent")
		}
	})
}

// Somebody is one account, however they come: again, from P5 to P9, or vouched for at the desk first.
func TestOneAccountForOnePerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		l := newLiar(t)
		s := with(t, db, c, l.provider())
		desk := newBrowser().patient(t, s)
		l.says("sub-1", "P9", "9990000018", "1945-07-14")
		in, err := newBrowser().visit(t, s, l)
		if err != nil || in.Account.ID != desk.ID {
			t.Fatalf("the account that the desk made is not found: %v", err)
		}
		l.says("sub-1", "P5", "", "")
		if in, err = newBrowser().visit(t, s, l); err != nil || in.Account.ID != desk.ID || in.Account.Level != access.P9 {
			t.Errorf("a P5 takes away what the desk has seen: %v, %v", in, err)
		}
		l.says("sub-2", "P5", "9990000026", "1950-01-02")
		first, err := newBrowser().visit(t, s, l)
		if err != nil {
			t.Fatal(err)
		}
		l.says("sub-2", "P9", "9990000026", "1950-01-02")
		if in, err = newBrowser().visit(t, s, l); err != nil || in.Account.ID != first.Account.ID || in.Account.Patient != "reed" || in.Account.Level != access.P9 {
			t.Errorf("from P5 to P9: %+v, %v", in, err)
		}
		// Somebody has a P5, is then vouched for at the desk, and then proves a P9: the desk's account goes on, the other is given up.
		second := with(t, dbOf(t, db), c, l.provider())
		l.says("sub-3", "P5", "", "")
		b := newBrowser()
		lone, err := b.visit(t, second, l)
		if err != nil {
			t.Fatal(err)
		}
		desk = newBrowser().patient(t, second)
		l.says("sub-3", "P9", "9990000018", "1945-07-14")
		if in, err = newBrowser().visit(t, second, l); err != nil || in.Account.ID != desk.ID || len(in.Account.Subjects) != 1 {
			t.Errorf("the two accounts are not one: %+v, %v", in, err)
		}
		if _, err := b.who(t, second); err == nil {
			t.Error("the account that was given up is still signed in")
		}
		if gone, err := second.Account(t.Context(), lone.Account.ID); err != nil || gone.Ended == nil {
			t.Errorf("the other account goes on: %v", err)
		}
		if in, err = newBrowser().visit(t, second, l); err != nil || in.Account.ID != desk.ID {
			t.Errorf("the next time: %v", err)
		}
		// Whoever was taken away is not let in anew by signing in elsewhere; an operator may link them to another account.
		if err := second.End(t.Context(), operator, desk.ID); err != nil {
			t.Fatal(err)
		}
		if _, err = newBrowser().visit(t, second, l); fhir.KindOf(err) != fhir.Gone {
			t.Errorf("an ended account: %v", err)
		}
		fresh, err := second.Add(t.Context(), operator, NewAccount{Kind: Patient, Name: "Ada Okafor", Patient: "okafor", Level: access.P9})
		if err != nil {
			t.Fatal(err)
		}
		if err := second.LinkSubject(t.Context(), operator, fresh.ID, Subject{Issuer: l.URL, Subject: "sub-3"}); err != nil {
			t.Error(err)
		}
		if in, err = newBrowser().visit(t, second, l); err != nil || in.Account.ID != fresh.ID {
			t.Errorf("linked by an operator: %v", err)
		}
		// The provider now says that sub-2 is Mrs Okafor: one of two is wrong, and nobody is let into either.
		l.says("sub-2", "P9", "9990000018", "1945-07-14")
		if _, err = newBrowser().visit(t, s, l); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("another person: %v", err)
		}
	})
}

// Two people with one number and birth date are not one match.
func TestTwoRecordsOfOneNumberAreNotLinked(t *testing.T) {
	c := newClock()
	l := newLiar(t)
	s := with(t, "sqlite::memory:", c, l.provider())
	if err := s.o.Door.Unlink(t.Context(), operator, "okafor-hospital"); err != nil {
		t.Fatal(err)
	}
	l.says("x", "P9", "9990000018", "1945-07-14")
	in, err := newBrowser().visit(t, s, l)
	if err != nil || in.Account.Patient != "" || in.Account.Level != access.P5 || !strings.Contains(in.Account.Why, "more than one record") {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := newClock()
	for name, each := range map[string]struct {
		change func(q url.Values)
		lie    func(l *liar)
		kind   fhir.ErrKind
	}{
		"wrong state":         {change: func(q url.Values) { q.Set("state", "x") }, kind: fhir.Forbidden},
		"no state":            {change: func(q url.Values) { q.Del("state") }, kind: fhir.Forbidden},
		"another issuer":      {change: func(q url.Values) { q.Set("iss", "https://evil.example") }, kind: fhir.Forbidden},
		"the person said no":  {change: func(q url.Values) { q.Set("error", "access_denied") }, kind: fhir.Forbidden},
		"an error":            {change: func(q url.Values) { q.Set("error", "server_error") }, kind: fhir.Forbidden},
		"code refused":        {lie: func(l *liar) { l.refused = true }, kind: fhir.Forbidden},
		"wrong nonce":         {lie: func(l *liar) { l.twist = func(c map[string]any) { c["nonce"] = "x" } }, kind: fhir.Forbidden},
		"no nonce":            {lie: func(l *liar) { l.twist = func(c map[string]any) { delete(c, "nonce") } }, kind: fhir.Forbidden},
		"wrong audience":      {lie: func(l *liar) { l.twist = func(c map[string]any) { c["aud"] = "other" } }, kind: fhir.Forbidden},
		"wrong issuer":        {lie: func(l *liar) { l.twist = func(c map[string]any) { c["iss"] = "https://evil.example" } }, kind: fhir.Forbidden},
		"expired":             {lie: func(l *liar) { l.twist = func(c map[string]any) { c["exp"] = c["iat"].(int64) - 60 } }, kind: fhir.Forbidden},
		"another's signature": {lie: func(l *liar) { l.sign = func(c map[string]any) string { return signed(t, jose.ES256, l.other, c) } }, kind: fhir.Forbidden},
		"another algorithm":   {lie: func(l *liar) { l.sign = func(c map[string]any) string { return signed(t, jose.RS256, rsaKey, c) } }, kind: fhir.Forbidden},
		"algorithm none": {lie: func(l *liar) {
			l.sign = func(c map[string]any) string {
				text, _ := json.Marshal(c)
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
			}
		}, kind: fhir.Forbidden},
		"key confusion": {lie: func(l *liar) {
			l.sign = func(c map[string]any) string {
				public, _ := x509.MarshalPKIXPublicKey(l.key.Public())
				return signed(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), c)
			}
		}, kind: fhir.Forbidden},
		"no token":                    {lie: func(l *liar) { l.sign = func(map[string]any) string { return "" } }, kind: fhir.Forbidden},
		"user information of another": {lie: func(l *liar) { l.info["sub"] = "other" }, kind: fhir.Forbidden},
		"level only in the user information?": {lie: func(l *liar) {
			l.claims["identity_proofing_level"] = "P0"
			l.claims["vot"] = "P0"
			l.info["identity_proofing_level"] = "P9"
		}, kind: fhir.Broken},
	} {
		l := newLiar(t)
		l.says("sub", "P9", "9990000018", "1945-07-14")
		s := with(t, "sqlite::memory:", c, l.provider())
		if each.lie != nil {
			each.lie(l)
		}
		if each.change == nil {
			each.change = func(url.Values) {}
		}
		b := newBrowser()
		before := audited(t, s)
		in, err := b.visitWith(t, s, l, each.change)
		if each.kind == fhir.Broken {
			if err != nil || in.Account.Level != access.P0 {
				t.Errorf("%s: %+v, %v", name, in, err)
			}
			continue
		}
		if err == nil || fhir.KindOf(err) != each.kind {
			t.Errorf("%s: %v", name, err)
		}
		if audited(t, s)-before != 1 {
			t.Errorf("%s: %d entries in the audit", name, audited(t, s)-before)
		}
		if _, err := b.who(t, s); err == nil {
			t.Errorf("%s: signed in all the same", name)
		}
	}
}

// An answer is good once, in the browser that asked, for a while.
func TestAnAnswerCannotBeReplayed(t *testing.T) {
	c := newClock()
	l := newLiar(t)
	l.says("sub", "P0", "", "")
	s := with(t, "sqlite::memory:", c, l.provider())
	w := httptest.NewRecorder()
	to, err := s.Visit(t.Context(), w, "nhs-login", "")
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser()
	b.take(t, w)
	u, _ := url.Parse(to)
	l.nonce = u.Query().Get("nonce")
	back := "/signin/back/nhs-login?code=x&state=" + u.Query().Get("state")
	if _, err := s.Back(t.Context(), httptest.NewRecorder(), newBrowser().request("GET", back, ""), "nhs-login"); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("in another browser: %v", err)
	}
	if _, err := s.Back(t.Context(), httptest.NewRecorder(), b.request("GET", back, ""), "nhs-login"); err != nil {
		t.Errorf("the first time: %v", err)
	}
	if _, err := s.Back(t.Context(), httptest.NewRecorder(), b.request("GET", back, ""), "nhs-login"); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("the second time: %v", err)
	}
	w = httptest.NewRecorder()
	if _, err = s.Visit(t.Context(), w, "nhs-login", ""); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	c.pass(stepLife + time.Second)
	if _, err := s.Back(t.Context(), httptest.NewRecorder(), b.request("GET", back, ""), "nhs-login"); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("too late: %v", err)
	}
	for _, name := range []string{"", "nobody"} {
		if _, err := s.Visit(t.Context(), w, name, ""); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("provider %q: %v", name, err)
		}
		if _, err := s.Back(t.Context(), w, b.get(), name); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("back from %q: %v", name, err)
		}
	}
}

func cis2(l *liar) Provider {
	return Provider{Name: "cis2", Title: "Care Identity", For: Staff, Issuer: l.URL, ClientID: "kith", Roles: map[string]string{"R8000": "clinician", "S8000:G8000:R8010": "receptionist"}, Organisations: []string{"A81001", "RXX01"}}
}

func TestStaffRolesComeFromTheTable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		l := newLiar(t)
		s := with(t, db, c, cis2(l))
		nia, err := fhir.Parse([]byte(`{"resourceType":"Practitioner","id":"nia","identifier":[{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"555"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.o.Door.Commit(t.Context(), operator, []record.Op{{Method: record.Update, Type: "Practitioner", ID: "nia", Resource: nia}}); err != nil {
			t.Fatal(err)
		}
		has := func(roles ...map[string]any) {
			l.claims = map[string]any{"sub": "555"}
			l.info = map[string]any{"sub": "555", "name": "Nia Nurse", "nhsid_useruid": "555", "nhsid_nrbac_roles": roles}
		}
		role := func(org, code string) map[string]any { return map[string]any{"org_code": org, "role_code": code} }
		has(role("A81001", "S1:G2:R9999"), role("ZZZ99", "R8000"), role("a81001", "R8000"))
		if _, err := newBrowser().visit(t, s, l); fhir.KindOf(err) != fhir.Forbidden || !strings.Contains(err.Error(), "no role") {
			t.Errorf("without a known role: %v", err)
		}
		has(role("A81001", "S0030:G0100:R8000"), role("A81001", "R8000"), role("RXX01", "S8000:G8000:R8010"), role("RXX01", "S1:G1:R8010"))
		b := newBrowser()
		in, err := b.visit(t, s, l)
		if err != nil {
			t.Fatal(err)
		}
		want := []Role{{Role: "clinician", Organization: "A81001", Issuer: l.URL}, {Role: "receptionist", Organization: "RXX01", Issuer: l.URL}}
		if !slices.Equal(in.Account.Roles, want) || in.Account.Practitioner != "Practitioner/nia" {
			t.Errorf("roles %+v of %s", in.Account.Roles, in.Account.Practitioner)
		}
		if _, err := b.who(t, s); err != (RoleError{}) {
			t.Errorf("with two roles: %v", err)
		}
		if err := s.SetRoles(t.Context(), operator, in.Account.ID, []Role{{Role: "operator", Organization: "A81001"}}); err != nil {
			t.Fatal(err)
		}
		has(role("RXX01", "S8000:G8000:R8010"))
		if in, err = b.visit(t, s, l); err != nil || len(in.Account.Roles) != 2 || in.Account.Roles[0].Role != "operator" || in.Account.Roles[1].Role != "receptionist" {
			t.Errorf("a role that is gone: %+v, %v", in, err)
		}
		// A patient's sign-in does not open an account of staff.
		a, err := s.Add(t.Context(), operator, NewAccount{Kind: Patient, Name: "P"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.LinkSubject(t.Context(), operator, a.ID, Subject{Issuer: l.URL, Subject: "555"}); fhir.KindOf(err) != fhir.Conflict {
			t.Errorf("linked to two accounts: %v", err)
		}
		if err := s.LinkSubject(t.Context(), operator, a.ID, Subject{Issuer: l.URL, Subject: "556"}); err != nil {
			t.Fatal(err)
		}
		l.claims["sub"], l.info["sub"] = "556", "556"
		if _, err := newBrowser().visit(t, s, l); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("an account of a patient: %v", err)
		}
	})
}

// Our secret, or our signature, goes to the provider and stands in no file of settings.
func TestWeProveWhoWeAre(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KITH_TEST_SECRET", "hush")
	for _, where := range []string{file, "env:KITH_TEST_SECRET"} {
		l := newLiar(t)
		l.says("sub", "P0", "", "")
		p := l.provider()
		p.Secret = where
		if _, err := newBrowser().visit(t, with(t, "sqlite::memory:", c, p), l); err != nil || l.secret != "hush" && l.token.Get("client_secret") != "hush" {
			t.Errorf("%s: %v, sent %q %v", where, err, l.secret, l.token)
		}
	}
	for _, where := range []string{filepath.Join(dir, "none"), "env:KITH_TEST_NOT_THERE"} {
		l := newLiar(t)
		p := l.provider()
		p.Secret = where
		if _, err := newBrowser().visit(t, with(t, "sqlite::memory:", c, p), l); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", where, err)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLiar(t)
	l.says("sub", "P0", "", "")
	p := l.provider()
	p.Key, p.KeyID = file, "k1"
	if _, err := newBrowser().visit(t, with(t, "sqlite::memory:", c, p), l); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(l.token.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS512})
	if err != nil {
		t.Fatal(err)
	}
	var said jwt.Claims
	if err := token.Claims(key.Public(), &said); err != nil || said.Issuer != "kith" || said.Subject != "kith" || !said.Audience.Contains(l.URL+"/token") || said.ID == "" || token.Headers[0].KeyID != "k1" {
		t.Errorf("signed %+v (%v)", said, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	good := `{"name":"a","title":"A","for":"patient","issuer":"https://a.example","clientID":"x"}`
	for _, text := range []string{"", "[]", `{"origin":"https://a"} x`, `{"orgin":"https://a"}`, `{"idleStaff":"5"}`, `{"idleStaff":"1s"}`, `{"proxies":["here"]}`, `{"builtIn":["cat"]}`,
		`{"providers":[` + strings.Replace(good, `"a"`, `"A b"`, 1) + `]}`, `{"providers":[` + strings.Replace(good, "https", "http", 1) + `]}`, `{"providers":[` + strings.Replace(good, `"x"`, `""`, 1) + `]}`,
		`{"providers":[` + strings.Replace(good, `"patient"`, `"staff"`, 1) + `]}`, `{"providers":[` + strings.Replace(good, `"x"`, `"x","secret":"a","key":"b"`, 1) + `]}`, `{"providers":[` + strings.Replace(good, `"x"`, `"x","levels":{"P3":3}`, 1) + `]}`,
		`{"providers":[` + strings.Replace(good, `"patient"`, `"staff","roles":{"R1":"kith"}`, 1) + `]}`, `{"providers":[` + strings.Replace(good, `"A"`, `""`, 1) + `]}`} {
		if _, _, err := ReadFile([]byte(text)); err == nil || fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, o, err := ReadFile([]byte(`{"origin":"https://kith.example","idlePatient":"10m","providers":[` + good + `],"proxies":["10.0.0.0/8","::1"]}`)); err != nil || o.IdlePatient != 10*time.Minute || len(o.Proxies) != 2 {
		t.Errorf("%+v: %v", o, err)
	}
	if _, err := Open(t.Context(), Options{Door: record.Test(t), Origin: "https://kith.example", Providers: []Provider{{Name: "a", Title: "A", For: Patient, Issuer: "https://a.example", ClientID: "x"}, {Name: "a", Title: "B", For: Patient, Issuer: "https://b.example", ClientID: "x"}}}); err == nil {
		t.Error("two providers of one name")
	}
	var e *fhir.Error
	if _, err := secret("/nowhere"); !errors.As(err, &e) {
		t.Error(err)
	}
}

// A provider knows somebody at P5, the desk sees them, and they say that both are them: from then on the provider opens the record. Nobody is joined who
// was born on another day, or by the cookie of another.
func TestAccountsAreJoinedByTheirOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		l := newLiar(t)
		s := with(t, db, c, l.provider())
		offer := func(sub, born string) (*browser, *Account, bool) {
			l.says(sub, "P5", "", born)
			b := newBrowser()
			if _, err := b.visit(t, s, l); err != nil {
				t.Fatal(err)
			}
			_, before, err := s.Session(b.get())
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}})
			if err != nil {
				t.Fatal(err)
			}
			in, err := s.Redeem(t.Context(), b.get(), p.Text, "1945-07-14")
			if err != nil {
				t.Fatal(err)
			}
			b.in(t, s, in)
			w := httptest.NewRecorder()
			offered, err := s.OfferJoin(w, before, in)
			if err != nil {
				t.Fatal(err)
			}
			b.take(t, w)
			return b, before, offered
		}
		if b, _, offered := offer("young", "1990-01-01"); offered {
			t.Error("somebody born on another day is offered")
		} else if err := s.Join(t.Context(), httptest.NewRecorder(), b.get(), true); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("joined without an offer: %v", err)
		}
		b, before, offered := offer("ada", "1945-07-14")
		if !offered {
			t.Fatal("not offered")
		}
		if from, err := s.Offered(b.get()); err != nil || from.ID != before.ID {
			t.Errorf("offered %v: %v", from, err)
		}
		thief := newBrowser()
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "reed", Seen: []string{"photo"}})
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.Redeem(t.Context(), thief.get(), p.Text, "1950-01-02")
		if err != nil {
			t.Fatal(err)
		}
		thief.in(t, s, in)
		thief.cookies["__Host-kith-step-join"] = b.cookies["__Host-kith-step-join"]
		if err := s.Join(t.Context(), httptest.NewRecorder(), thief.get(), true); fhir.KindOf(err) != fhir.Conflict {
			t.Errorf("by the cookie of another: %v", err)
		}
		if err := s.Join(t.Context(), httptest.NewRecorder(), b.get(), false); err != nil {
			t.Error(err)
		}
		if in, err := newBrowser().visit(t, s, l); err != nil || in.Account.ID != before.ID {
			t.Errorf("joined though they said no: %v", err)
		}
		if err := s.Join(t.Context(), httptest.NewRecorder(), b.get(), true); err != nil {
			t.Fatal(err)
		}
		in, err = newBrowser().visit(t, s, l)
		if err != nil || in.Account.Patient != "okafor" || in.Account.Level != access.P9 {
			t.Errorf("after joining: %+v, %v", in, err)
		}
		if err := s.Join(t.Context(), httptest.NewRecorder(), b.get(), true); err == nil {
			t.Error("joined twice")
		}
	})
}
