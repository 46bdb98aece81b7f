package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var operator = access.Actor{ID: "kith/account", Name: "Operator", Role: access.Kith}

var receptionist = access.Actor{ID: "Practitioner/rec", Name: "Rita Desk", Role: "receptionist", Organization: "A81001", Purpose: "TREAT", From: "192.0.2.9"}

// open opens sign-in on a record with Mrs Okafor, who has two Patients that are one person, and Mr Reed.
func open(t *testing.T, db string, c *clock) *Service {
	t.Helper()
	door := record.TestOn(t, db)
	var ops []record.Op
	for _, text := range []string{
		`{"resourceType":"Patient","id":"okafor","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1945-07-14"}`,
		`{"resourceType":"Patient","id":"okafor-hospital","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["A"]}],"birthDate":"1945-07-14"}`,
		`{"resourceType":"Patient","id":"reed","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Reed","given":["Tom"]}],"birthDate":"1950-01-02"}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: r.ID(), Resource: r})
	}
	if _, err := door.Commit(t.Context(), operator, ops); err != nil {
		t.Fatal(err)
	}
	if err := door.Link(t.Context(), operator, "okafor", "okafor-hospital"); err != nil {
		t.Fatal(err)
	}
	return another(t, door, c)
}

// another is one more process that serves the same record.
func another(t *testing.T, door *record.Door, c *clock) *Service {
	t.Helper()
	s, err := Open(t.Context(), Options{Door: door, Origin: "https://kith.example", Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// browser keeps cookies as a browser does.
type browser struct {
	cookies map[string]string
	from    string
}

func newBrowser() *browser { return &browser{map[string]string{}, "192.0.2.1:5000"} }

func (b *browser) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "https://kith.example"+path, strings.NewReader(body))
	r.RemoteAddr = b.from
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (b *browser) get() *http.Request { return b.request("GET", "/", "") }

func (b *browser) take(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if !c.HttpOnly || !c.Secure || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(c.Name, "__Host-kith") || c.Domain != "" {
			t.Errorf("the cookie %s is not kept as it must be: %v", c.Name, c)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

func (b *browser) in(t *testing.T, s *Service, in *SignedIn) {
	t.Helper()
	w := httptest.NewRecorder()
	s.SetCookie(w, in)
	b.take(t, w)
}

// patient makes Mrs Okafor's account and signs her in with a code.
func (b *browser) patient(t *testing.T, s *Service) *Account {
	t.Helper()
	p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Redeem(t.Context(), b.get(), p.Text, "1945-07-14")
	if err != nil {
		t.Fatal(err)
	}
	b.in(t, s, in)
	return in.Account
}

func staffAccount(t *testing.T, s *Service, roles ...Role) (*Account, string) {
	t.Helper()
	a, err := s.Add(t.Context(), operator, NewAccount{Kind: Staff, Name: "Nia Nurse", Born: "1980-02-03", Practitioner: "Practitioner/nia", Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Issue(t.Context(), operator, a.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	return a, p.Text
}

// audited counts entries of the audit.
func audited(t *testing.T, s *Service) int64 {
	t.Helper()
	n, err := s.o.Door.VerifyAudit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestVouchedForAtTheDeskAndSignedInWithTheCode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		before := audited(t, s)
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"letter", "questions"}})
		if err != nil {
			t.Fatal(err)
		}
		if n := audited(t, s) - before; n != 2 { // the Patient was read, the code given out
			t.Errorf("vouching has %d entries in the audit", n)
		}
		if len(p.Text) != 14 || p.Account.Name != "Ada Okafor" || p.Account.Level != access.P9 || p.Expires.Sub(c.now()) != 14*24*time.Hour {
			t.Errorf("printed %q for %s at %d until %v", p.Text, p.Account.Name, p.Account.Level, p.Expires)
		}
		b := newBrowser()
		before = audited(t, s)
		in, err := s.Redeem(t.Context(), b.get(), " "+strings.ToLower(strings.ReplaceAll(p.Text, "-", " ")), "1945-07-14")
		if err != nil {
			t.Fatal(err)
		}
		b.in(t, s, in)
		if n := audited(t, s) - before; n != 1 {
			t.Errorf("signing in has %d entries in the audit", n)
		}
		who, err := s.Who(b.get())
		want := access.Actor{ID: "Patient/okafor", Name: "Ada Okafor", Role: "patient", Patient: "okafor", Level: access.P9, Purpose: "PATRQT", From: "192.0.2.1"}
		if err != nil || who.ID != want.ID || who.Name != want.Name || who.Role != want.Role || who.Patient != want.Patient || who.Level != want.Level || who.Purpose != want.Purpose || who.From != want.From {
			t.Errorf("it is %+v (%v)", who, err)
		}
		// Used once is used.
		if _, err := s.Redeem(t.Context(), newBrowser().get(), p.Text, "1945-07-14"); err == nil || err.Error() != errCode.Error() {
			t.Errorf("a used code: %v", err)
		}
	})
}

// Whatever is wrong with a code, whoever guesses hears the same.
func TestWrongCodesGetOneAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		give := func(patient string, here bool) string {
			p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: patient, Seen: []string{"known"}, Here: here})
			if err != nil {
				t.Fatal(err)
			}
			return p.Text
		}
		replaced := give("okafor", false)
		good := give("okafor-hospital", false) // the same person: the same account
		reed := give("reed", true)
		c.pass(11 * time.Minute)
		for i, wrong := range []struct{ name, code, born string }{
			{"no such code", "ACDE-FGHJ-KMNP", "1945-07-14"}, {"no code at all", "hello", "1945-07-14"}, {"nothing", "", ""}, {"another's birth date", good, "1950-01-02"}, {"no birth date", good, ""},
			{"replaced by a newer one", replaced, "1945-07-14"}, {"expired at the desk", reed, "1950-01-02"},
		} {
			b := newBrowser()
			b.from = fmt.Sprintf("192.0.2.%d:1", 100+i)
			before := audited(t, s)
			_, err := s.Redeem(t.Context(), b.get(), wrong.code, wrong.born)
			if !errors.Is(err, error(errCode)) {
				t.Errorf("%s: %v", wrong.name, err)
			}
			if audited(t, s)-before != 1 {
				t.Errorf("%s: not in the audit", wrong.name)
			}
		}
		if _, err := s.Redeem(t.Context(), newBrowser().get(), good, "1945-07-14"); err != nil {
			t.Errorf("after all that the right code is refused: %v", err)
		}
		late := give("okafor", false)
		c.pass(14*24*time.Hour + time.Second)
		if _, err := s.Redeem(t.Context(), newBrowser().get(), late, "1945-07-14"); !errors.Is(err, error(errCode)) {
			t.Errorf("an expired code: %v", err)
		}
	})
}

// One code, entered in two processes by many at once, signs in one of them.
func TestOneCodeSignsInOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		services := []*Service{s, another(t, record.TestOn(t, db), c)}
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 8 {
			all.Go(func() {
				b := newBrowser()
				b.from = fmt.Sprintf("192.0.2.%d:1", i+1)
				if _, err := services[i%2].Redeem(context.Background(), b.get(), p.Text, "1945-07-14"); err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if won != 1 {
			t.Errorf("%d signed in with one code", won)
		}
	})
}

// Guessing is slowed per account and per address, in every process and after a restart.
func TestGuessingIsSlowed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}})
		if err != nil {
			t.Fatal(err)
		}
		at := func(n int) *http.Request {
			b := newBrowser()
			b.from = fmt.Sprintf("198.51.100.%d:1", n)
			return b.get()
		}
		for i := range freeAccount + 1 { // each from an address of its own
			if _, err := s.Redeem(t.Context(), at(i), p.Text, "1945-07-15"); !errors.Is(err, error(errCode)) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		again := another(t, record.TestOn(t, db), c)
		_, err = again.Redeem(t.Context(), at(50), p.Text, "1945-07-14")
		if until, slowed := Slowed(err); !slowed || until.Sub(c.now()) != firstWait {
			t.Errorf("the account is not slowed elsewhere: %v until %v", err, until)
		}
		if fhir.KindOf(err) != fhir.Busy {
			t.Errorf("its kind is %v", fhir.KindOf(err))
		}
		c.pass(firstWait)
		if _, err := again.Redeem(t.Context(), at(51), p.Text, "1945-07-14"); err != nil {
			t.Errorf("after the wait the right answer is refused: %v", err)
		}
		// One address tries codes that nobody has.
		for i := range freeAddress + 1 {
			if _, err := s.Redeem(t.Context(), at(77), "ACDE-FGHJ-KMNP", "1945-07-14"); !errors.Is(err, error(errCode)) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		if _, err := again.Redeem(t.Context(), at(77), "ACDE-FGHJ-KMNP", "1945-07-14"); fhir.KindOf(err) != fhir.Busy {
			t.Errorf("the address is not slowed: %v", err)
		}
		if _, err := again.Redeem(t.Context(), at(78), "ACDE-FGHJ-KMNP", "1945-07-14"); !errors.Is(err, error(errCode)) {
			t.Errorf("another address is slowed too: %v", err)
		}
	})
}

func TestEachFailureDoublesTheWait(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var b slow
	var waits []time.Duration
	for range 14 {
		b = b.failed(now, 3)
		waits = append(waits, max(b.Until.Sub(now), 0))
	}
	want := []time.Duration{0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour, time.Hour, time.Hour}
	for i := range want {
		if waits[i] != want[i] {
			t.Errorf("failure %d: %v, not %v", i+1, waits[i], want[i])
		}
	}
	if b = b.failed(now.Add(forgetAfter+time.Second), 3); b.Fails != 1 {
		t.Errorf("after a day %d failures are remembered", b.Fails)
	}
}

// A whole IPv6 network of one customer counts as one address.
func TestAddressesThatAreOne(t *testing.T) {
	if a, b := addressKey("2001:db8:1:2::1"), addressKey("2001:db8:1:2:ffff::9"); a != b {
		t.Errorf("%s and %s", a, b)
	}
	if a, b := addressKey("2001:db8:1:2::1"), addressKey("2001:db8:1:3::1"); a == b {
		t.Errorf("%s twice", a)
	}
	if a, b := addressKey("192.0.2.1"), addressKey("192.0.2.2"); a == b {
		t.Errorf("%s twice", a)
	}
}

// Many tries at once are all counted before any of them is answered.
func TestBrakeCountsTriesMadeAtOnce(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	brake := Brake{s.box, c.now}
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 20 {
		all.Go(func() {
			if brake.Try(context.Background(), "anna", "192.0.2.5") == nil {
				mu.Lock()
				made++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if made != freeAccount+1 {
		t.Errorf("%d of 20 passwords were tried", made)
	}
	c.pass(firstWait)
	if err := brake.Try(t.Context(), "anna", "192.0.2.5"); err != nil {
		t.Error(err)
	}
	if err := brake.Right(t.Context(), "anna", "192.0.2.5"); err != nil {
		t.Error(err)
	}
	for range freeAccount {
		if err := brake.Try(t.Context(), "anna", "192.0.2.5"); err != nil {
			t.Errorf("after a right one: %v", err)
		}
	}
}

func TestWhoAsksBehindAProxy(t *testing.T) {
	s := &Service{o: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.7:1", "", "203.0.113.7"}, {"203.0.113.7:1", "192.0.2.1", "203.0.113.7"}, {"10.0.0.1:1", "", "10.0.0.1"}, {"10.0.0.1:1", "192.0.2.1", "192.0.2.1"},
		{"10.0.0.1:1", "192.0.2.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"}, {"10.0.0.1:1", "192.0.2.66, nonsense", "10.0.0.1"}, {"10.0.0.1:1", "::ffff:192.0.2.1", "192.0.2.1"}, {"nonsense", "", "0.0.0.0"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := s.From(r); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestOriginsThatAreRefused(t *testing.T) {
	door := record.Test(t)
	for _, origin := range []string{"", "kith.example", "http://kith.example", "https://kith.example/path", "ftp://kith.example", "https://192.0.2.1"} {
		if _, err := Open(t.Context(), Options{Door: door, Origin: origin}); fhir.KindOf(err) != fhir.Invalid || err == nil {
			t.Errorf("%q: %v", origin, err)
		}
	}
	for origin, want := range map[string]string{"http://127.0.0.1:8080": "http://localhost:8080", "http://localhost:8080/": "http://localhost:8080", "http://[::1]:8080": "http://localhost:8080", "https://kith.example": "https://kith.example"} {
		s, err := Open(t.Context(), Options{Door: door, Origin: origin})
		if err != nil || s.Origin() != want {
			t.Errorf("%q: %v %v", origin, s.Origin(), err)
		}
	}
}

// What is in the box lets nobody in: no code, no cookie, in no form.
func TestSecretsAreKeptAsHashes(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	b := newBrowser()
	b.patient(t, s)
	p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "reed", Seen: []string{"photo"}})
	if err != nil {
		t.Fatal(err)
	}
	id, secret, ok := s.cookieOf(b.get())
	if !ok {
		t.Fatal("no cookie")
	}
	for _, kind := range []string{"account", "code", "session", "of", "patient", "slow", "used", "subject", "credential"} {
		items, err := s.box.List(t.Context(), kind, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			text := it.Key + " " + string(it.Value)
			for _, bad := range []string{p.Text, strings.ReplaceAll(p.Text, "-", ""), b.cookies["__Host-kith"], string(secret), writeCookie(id, secret)[22:]} {
				if strings.Contains(text, bad) {
					t.Errorf("%s holds a secret: %s", kind, text)
				}
			}
		}
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	s := open(t, "sqlite::memory:", newClock())
	for name, n := range map[string]NewAccount{
		"no name": {Kind: Staff, Roles: []Role{{Role: "nurse", Organization: "A81001"}}}, "no kind": {Name: "A"}, "staff without role": {Kind: Staff, Name: "A"}, "patient with role": {Kind: Patient, Name: "A", Roles: []Role{{Role: "nurse", Organization: "A81001"}}},
		"role of parts of the program": {Kind: Staff, Name: "A", Roles: []Role{{Role: access.Kith, Organization: "A81001"}}}, "no organisation": {Kind: Staff, Name: "A", Roles: []Role{{Role: "nurse"}}}, "birth date": {Kind: Patient, Name: "A", Born: "14/7/1945"},
		"P9 of nobody": {Kind: Patient, Name: "A", Level: access.P9}, "level": {Kind: Patient, Name: "A", Level: 4}, "staff with Patient": {Kind: Staff, Name: "A", Patient: "okafor", Roles: []Role{{Role: "nurse", Organization: "A81001"}}},
	} {
		if _, err := s.Add(t.Context(), operator, n); fhir.KindOf(err) != fhir.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Add(t.Context(), operator, NewAccount{Kind: Patient, Name: "A", Patient: "nobody", Level: access.P9}); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("no such Patient: %v", err)
	}
	if _, err := s.Add(t.Context(), operator, NewAccount{Kind: Patient, Name: "A", Patient: "reed", Level: access.P9}); err != nil {
		t.Error(err)
	}
	if _, err := s.Add(t.Context(), operator, NewAccount{Kind: Patient, Name: "B", Patient: "reed", Level: access.P9}); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("a second account of one Patient: %v", err)
	}
}

func TestVouchingThatIsRefused(t *testing.T) {
	s := open(t, "sqlite::memory:", newClock())
	for name, c := range map[string]struct {
		by   access.Actor
		v    Vouching
		kind fhir.ErrKind
	}{
		"a patient":            {access.Actor{ID: "Patient/reed", Role: "patient", Patient: "reed"}, Vouching{Patient: "okafor", Seen: []string{"photo"}}, fhir.Forbidden},
		"an analyst":           {access.Actor{ID: "Practitioner/a", Role: "analyst", Organization: "A81001"}, Vouching{Patient: "okafor", Seen: []string{"photo"}}, fhir.Forbidden},
		"without organisation": {access.Actor{ID: "Practitioner/a", Role: "receptionist"}, Vouching{Patient: "okafor", Seen: []string{"photo"}}, fhir.Forbidden},
		"nothing seen":         {receptionist, Vouching{Patient: "okafor"}, fhir.Invalid},
		"one letter":           {receptionist, Vouching{Patient: "okafor", Seen: []string{"letter", "letter"}}, fhir.Invalid},
		"made-up thing":        {receptionist, Vouching{Patient: "okafor", Seen: []string{"letter", "smile"}}, fhir.Invalid},
		"nobody":               {receptionist, Vouching{Patient: "nobody", Seen: []string{"photo"}}, fhir.NotFound},
		"recovery of nothing":  {receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}, Recover: true, Why: "lost telephone"}, fhir.Conflict},
		"recovery without why": {receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}, Recover: true, Why: " "}, fhir.Invalid},
	} {
		if _, err := s.Vouch(t.Context(), c.by, c.v); err == nil || fhir.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if items, _ := s.box.List(t.Context(), "account", "", 10); len(items) != 0 {
		t.Errorf("%d accounts were made", len(items))
	}
}

// Under the policy Kith comes with, a code for somebody's record is given out where that person is registered, and nowhere else.
func TestVouchingIsForPeopleOfOnesOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		door, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default(), Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		defer door.Close()
		var ops []record.Op
		for _, text := range []string{
			`{"resourceType":"Organization","id":"gp","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}]}`,
			`{"resourceType":"Organization","id":"far","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"B82002"}]}`,
			`{"resourceType":"Patient","id":"okafor","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1945-07-14","managingOrganization":{"reference":"Organization/gp"},"generalPractitioner":[{"reference":"Organization/gp"}]}`,
			`{"resourceType":"EpisodeOfCare","id":"reg","status":"active","patient":{"reference":"Patient/okafor"},"managingOrganization":{"reference":"Organization/gp"},"type":[{"coding":[{"code":"24"}]}],"period":{"start":"2001-01-01"}}`,
		} {
			r, err := fhir.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
		}
		if _, err := door.Commit(t.Context(), operator, ops); err != nil {
			t.Fatal(err)
		}
		s := another(t, door, c)
		far := receptionist
		far.Organization = "B82002"
		before := audited(t, s)
		if _, err := s.Vouch(t.Context(), far, Vouching{Patient: "okafor", Seen: []string{"photo"}}); fhir.KindOf(err) != fhir.Forbidden || !strings.Contains(err.Error(), "not known at B82002") {
			t.Errorf("another practice: %v", err)
		}
		if audited(t, s) == before {
			t.Error("the try of another practice is not in the audit")
		}
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor", Seen: []string{"photo"}})
		if err != nil {
			t.Fatalf("their own practice: %v", err)
		}
		b := newBrowser()
		in, err := s.Redeem(t.Context(), b.get(), p.Text, "1945-07-14")
		if err != nil {
			t.Fatal(err)
		}
		b.in(t, s, in)
		who, err := s.Who(b.get())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Get(t.Context(), who, "Patient", "okafor"); err != nil {
			t.Errorf("the patient does not see their own record: %v", err)
		}
	})
}

// Recovery closes every old way in, at once, and leaves one code.
func TestRecoveryRemovesOldWaysIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		b := newBrowser()
		a := b.patient(t, s)
		if err := s.LinkSubject(t.Context(), operator, a.ID, Subject{Provider: "x", Issuer: "https://x.example", Subject: "1"}); err != nil {
			t.Fatal(err)
		}
		p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "okafor-hospital", Seen: []string{"known"}, Recover: true, Why: "telephone stolen", Here: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.Account.ID != a.ID || len(p.Account.Subjects) != 0 || len(p.Account.Passkeys) != 0 {
			t.Errorf("left: %+v", p.Account)
		}
		if have, _ := s.box.Get(t.Context(), "subject", subjectKey("https://x.example", "1")); have != nil {
			t.Error("the provider still leads to the account")
		}
		if _, err := s.Who(b.get()); fhir.KindOf(err) != fhir.Forbidden {
			t.Errorf("the thief's session goes on: %v", err)
		}
		if _, err := s.Redeem(t.Context(), newBrowser().get(), p.Text, "1945-07-14"); err != nil {
			t.Errorf("the new code: %v", err)
		}
	})
}

func TestAnEndedAccountSignsNobodyIn(t *testing.T) {
	s := open(t, "sqlite::memory:", newClock())
	a, code := staffAccount(t, s, Role{Role: "nurse", Organization: "A81001"})
	if err := s.End(t.Context(), operator, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Redeem(t.Context(), newBrowser().get(), code, "1980-02-03"); !errors.Is(err, error(errCode)) {
		t.Errorf("with its code: %v", err)
	}
	if _, err := s.Issue(t.Context(), operator, a.ID, false); fhir.KindOf(err) != fhir.Gone {
		t.Errorf("a new code: %v", err)
	}
	if err := s.End(t.Context(), operator, a.ID); fhir.KindOf(err) != fhir.Gone {
		t.Errorf("ended again: %v", err)
	}
	if err := s.End(t.Context(), operator, "nobody"); fhir.KindOf(err) != fhir.NotFound {
		t.Errorf("ended nobody: %v", err)
	}
}

func TestCodesAreDrawnEvenly(t *testing.T) {
	seen := map[rune]int{}
	const n = 4000
	for range n {
		code := newCode()
		if readCode(spaced(code)) != code {
			t.Fatalf("%s is not read as it is printed", code)
		}
		for _, c := range code {
			seen[c]++
		}
	}
	for _, c := range alphabet {
		if f := float64(seen[c]) / n / codeLength * float64(len(alphabet)); f < 0.85 || f > 1.15 {
			t.Errorf("%c comes %.2f times as often as it should", c, f)
		}
	}
	for _, c := range "01258BILOSUZ" {
		if strings.ContainsRune(alphabet, c) {
			t.Errorf("%c looks like another", c)
		}
	}
}

func FuzzReadCode(f *testing.F) {
	f.Add("ACDE-FGHJ-KMNP")
	f.Add("acde fghj kmnp")
	f.Add("ſ–\u00a0")
	f.Fuzz(func(t *testing.T, typed string) {
		code := readCode(typed)
		if code != "" && (len(code) != codeLength || strings.Trim(code, alphabet) != "" || readCode(spaced(code)) != code) {
			t.Errorf("%q is read as %q", typed, code)
		}
	})
}

func FuzzReadCookie(f *testing.F) {
	id, secret := newSecret()
	f.Add(writeCookie(id, secret))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if id, secret, ok := readCookie(text); ok && (len(secret) != 32 || writeCookie(id, secret) != text) {
			t.Errorf("%q is not written as it was read", text)
		}
	})
}

func FuzzOpenStep(f *testing.F) {
	s, err := Open(context.Background(), Options{Door: record.Test(f), Origin: "https://kith.example"})
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.sealStep("visit-x", visit{State: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		var v visit
		if _, err := s.openStep("visit-x", text, &v); err == nil && text != good {
			t.Errorf("%q opens", text)
		}
		if _, err := s.openStep("visit-y", text, &v); err == nil {
			t.Errorf("%q opens for another purpose", text)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"1","identity_proofing_level":"P9","vot":"P9.Cp.Cd","nhs_number":"9990000018","birthdate":"1945-07-14","nhsid_nrbac_roles":[{"org_code":"A81001","role_code":"S8000:G8000:R8000"}]}`))
	f.Add([]byte(`{"nhsid_nrbac_roles":[{"role_code":":"}]}`))
	p := Provider{Roles: map[string]string{"R8000": "clinician"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c claims
		if readClaims(text, &c) != nil {
			return
		}
		if l := c.level(p); l != 0 && l != 5 && l != 9 {
			t.Errorf("level %d", l)
		}
		for _, r := range c.roles(p) {
			if r.Role != "clinician" || !validODS(r.Organization) {
				t.Errorf("role %+v", r)
			}
		}
		if n := c.number(); n != "" && len(n) != 10 {
			t.Errorf("number %q", n)
		}
		if c.fullName() == "" {
			t.Error("no name")
		}
	})
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte(`{"origin":"https://kith.example","providers":[{"name":"a","title":"A","for":"patient","issuer":"https://a.example","clientID":"x"}],"idleStaff":"15m","proxies":["10.0.0.0/8","::1"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, o, err := ReadFile(text)
		if err != nil {
			if fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if _, err := json.Marshal(o.Providers); err != nil {
			t.Error(err)
		}
	})
}
