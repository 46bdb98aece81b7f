package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// authenticator is a passkey in software: enough of CTAP2 to be believed, and to lie in each way that must be found out.
type authenticator struct {
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	counter uint32
	origin  string
	rpID    string
	flags   byte // 1 present, 4 verified
}

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &authenticator{key: key, id: id, counter: 1, origin: "https://kith.example", rpID: "kith.example", flags: 5}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func cborBytes(b []byte) []byte {
	if len(b) < 24 {
		return append([]byte{0x40 | byte(len(b))}, b...)
	}
	if len(b) < 256 {
		return append([]byte{0x58, byte(len(b))}, b...)
	}
	return append([]byte{0x59, byte(len(b) >> 8), byte(len(b))}, b...)
}

func cborText(s string) []byte { return append([]byte{0x60 | byte(len(s))}, s...) }

func (a *authenticator) data(flags byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	out := append(sum[:], flags)
	return binary.BigEndian.AppendUint32(out, a.counter)
}

func (a *authenticator) client(typ, challenge string) []byte {
	text, _ := json.Marshal(map[string]any{"type": typ, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	return text
}

// create answers navigator.credentials.create.
func (a *authenticator) create(t *testing.T, options []byte) string {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
			User      struct {
				ID string `json:"id"`
			} `json:"user"`
			Selection struct {
				ResidentKey      string `json:"residentKey"`
				UserVerification string `json:"userVerification"`
			} `json:"authenticatorSelection"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	if o.PublicKey.Selection.ResidentKey != "required" || o.PublicKey.Selection.UserVerification != "required" {
		t.Errorf("asked for %+v", o.PublicKey.Selection)
	}
	a.handle, _ = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}
	cose = append(append(append(cose, cborBytes(point[1:33])...), 0x22), cborBytes(point[33:])...)
	data := a.data(a.flags | 0x40)
	data = append(data, make([]byte, 16)...)
	data = append(append(append(data, 0, byte(len(a.id))), a.id...), cose...)
	object := append([]byte{0xa3}, cborText("fmt")...)
	object = append(append(append(object, cborText("none")...), cborText("attStmt")...), 0xa0)
	object = append(append(object, cborText("authData")...), cborBytes(data)...)
	text, _ := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": map[string]any{"clientDataJSON": b64(a.client("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object)}})
	return string(text)
}

// get answers navigator.credentials.get.
func (a *authenticator) get(t *testing.T, options []byte) string {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	data := a.data(a.flags)
	client := a.client("webauthn.get", o.PublicKey.Challenge)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle)}})
	return string(text)
}

// register makes a passkey for whoever is signed in.
func (b *browser) register(t *testing.T, s *Service, a *authenticator, name string) error {
	t.Helper()
	w := httptest.NewRecorder()
	options, err := s.BeginRegistration(w, b.get())
	if err != nil {
		return err
	}
	b.take(t, w)
	w = httptest.NewRecorder()
	err = s.FinishRegistration(t.Context(), w, b.request("POST", "/account/passkeys", a.create(t, options)), name)
	b.take(t, w)
	return err
}

// passkey signs in with one.
func (b *browser) passkey(t *testing.T, s *Service, a *authenticator) (*SignedIn, error) {
	t.Helper()
	w := httptest.NewRecorder()
	options, err := s.BeginPasskey(w, "/account")
	if err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	w = httptest.NewRecorder()
	in, err := s.FinishPasskey(t.Context(), w, b.request("POST", "/signin/passkey", a.get(t, options)))
	b.take(t, w)
	if err == nil {
		b.in(t, s, in)
	}
	return in, err
}

func TestPasskey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		c := newClock()
		s := open(t, db, c)
		b := newBrowser()
		account := b.patient(t, s)
		a := newAuthenticator(t)
		if err := b.register(t, s, a, "  Ada’s telephone "); err != nil {
			t.Fatal(err)
		}
		if string(a.handle) != account.ID {
			t.Errorf("the user handle is %q", a.handle)
		}
		if err := b.register(t, s, a, "again"); fhir.KindOf(err) != fhir.Conflict && fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("the same passkey twice: %v", err)
		}
		other := newBrowser()
		a.counter++
		in, err := other.passkey(t, s, a)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := other.who(t, s); err != nil || who.Patient != "okafor" || in.To != "/account" || in.Session.How != "passkey" {
			t.Errorf("it is %v (%v), sent to %q", who, err, in.To)
		}
		now, err := s.Account(t.Context(), account.ID)
		if err != nil || len(now.Passkeys) != 1 || now.Passkeys[0].Name != "Ada’s telephone" || now.Passkeys[0].Used == nil || now.Passkeys[0].Credential.Authenticator.SignCount != 2 {
			t.Errorf("kept: %+v (%v)", now.Passkeys, err)
		}
		// It signs in at another process that has never seen it.
		a.counter++
		if _, err := newBrowser().passkey(t, another(t, record.TestOn(t, db), c), a); err != nil {
			t.Errorf("in another process: %v", err)
		}
		if err := other.remove(t, s, now.Passkeys[0].ID()); err != nil {
			t.Fatal(err)
		}
		a.counter++
		if _, err := newBrowser().passkey(t, s, a); err == nil {
			t.Error("a removed passkey signs in")
		}
	})
}

func (b *browser) remove(t *testing.T, s *Service, id string) error {
	t.Helper()
	return s.RemovePasskey(t.Context(), b.get(), id)
}

func TestPasskeysThatAreRefused(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	b := newBrowser()
	b.patient(t, s)
	good := newAuthenticator(t)
	if err := b.register(t, s, good, ""); err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]func(a *authenticator){
		"another's key":       func(a *authenticator) { a.key = newAuthenticator(t).key },
		"a page that lies":    func(a *authenticator) { a.origin = "https://kith.example.evil.test" },
		"another place":       func(a *authenticator) { a.rpID = "evil.test" },
		"user not verified":   func(a *authenticator) { a.flags = 1 },
		"user not present":    func(a *authenticator) { a.flags = 4 },
		"counter goes back":   func(a *authenticator) { a.counter = 1 },
		"another's account":   func(a *authenticator) { a.handle = []byte("aaaaaaaaaaaaaaaaaaaaaaaaaa") },
		"no account":          func(a *authenticator) { a.handle = nil },
		"handle out of range": func(a *authenticator) { a.handle = []byte("../../../../etc/passwd") },
		"unknown credential":  func(a *authenticator) { a.id = make([]byte, 16) },
	} {
		a := *good
		a.counter = 9
		lie(&a)
		if name == "counter goes back" { // what the record knows goes forward first
			seen := *good
			seen.counter = 5
			if _, err := newBrowser().passkey(t, s, &seen); err != nil {
				t.Fatal(err)
			}
		}
		before := audited(t, s)
		if _, err := newBrowser().passkey(t, s, &a); fhir.KindOf(err) != fhir.Forbidden || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if audited(t, s)-before != 1 {
			t.Errorf("%s: not in the audit", name)
		}
	}
}

// An answer is good once, for ten minutes, in the browser that asked.
func TestAPasskeysAnswerCannotBeReplayed(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	b := newBrowser()
	b.patient(t, s)
	a := newAuthenticator(t)
	a.counter = 0 // many passkeys do not count at all
	if err := b.register(t, s, a, ""); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	options, err := s.BeginPasskey(w, "")
	if err != nil {
		t.Fatal(err)
	}
	one := newBrowser()
	one.take(t, w)
	answer := a.get(t, options)
	if _, err := s.FinishPasskey(t.Context(), httptest.NewRecorder(), newBrowser().request("POST", "/", answer)); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("in another browser: %v", err)
	}
	if _, err := s.FinishPasskey(t.Context(), httptest.NewRecorder(), one.request("POST", "/", answer)); err != nil {
		t.Errorf("the first time: %v", err)
	}
	if _, err := s.FinishPasskey(t.Context(), httptest.NewRecorder(), one.request("POST", "/", answer)); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("the second time: %v", err)
	}
	w = httptest.NewRecorder()
	if options, err = s.BeginPasskey(w, ""); err != nil {
		t.Fatal(err)
	}
	one.take(t, w)
	c.pass(stepLife + time.Second)
	if _, err := s.FinishPasskey(t.Context(), httptest.NewRecorder(), one.request("POST", "/", a.get(t, options))); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("too late: %v", err)
	}
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	c := newClock()
	s := open(t, "sqlite::memory:", c)
	if err := newBrowser().register(t, s, newAuthenticator(t), ""); fhir.KindOf(err) != fhir.Forbidden {
		t.Errorf("nobody signed in: %v", err)
	}
	b := newBrowser()
	b.patient(t, s)
	for name, lie := range map[string]func(a *authenticator){
		"a page that lies": func(a *authenticator) { a.origin = "https://evil.test" }, "another place": func(a *authenticator) { a.rpID = "evil.test" }, "user not verified": func(a *authenticator) { a.flags = 1 },
	} {
		a := newAuthenticator(t)
		lie(a)
		if err := b.register(t, s, a, ""); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.FinishRegistration(t.Context(), httptest.NewRecorder(), b.request("POST", "/", "{"), ""); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("without a beginning: %v", err)
	}
	// What one account began another cannot finish.
	w := httptest.NewRecorder()
	options, err := s.BeginRegistration(w, b.get())
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Vouch(t.Context(), receptionist, Vouching{Patient: "reed", Seen: []string{"photo"}})
	if err != nil {
		t.Fatal(err)
	}
	other := newBrowser()
	in, err := s.Redeem(t.Context(), other.get(), p.Text, "1950-01-02")
	if err != nil {
		t.Fatal(err)
	}
	other.in(t, s, in)
	other.take(t, w)
	if err := s.FinishRegistration(t.Context(), httptest.NewRecorder(), other.request("POST", "/", newAuthenticator(t).create(t, options)), ""); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("another account: %v", err)
	}
	// A passkey of one account cannot become that of another.
	a := newAuthenticator(t)
	if err := b.register(t, s, a, ""); err != nil {
		t.Fatal(err)
	}
	if err := other.register(t, s, a, ""); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("a passkey of another account: %v", err)
	}
	// Changing how one signs in asks for having signed in lately.
	c.pass(15 * time.Minute)
	b.keep(t, s)
	c.pass(16 * time.Minute)
	if err := b.register(t, s, newAuthenticator(t), ""); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("long after signing in: %v", err)
	}
	if err := b.remove(t, s, "x"); fhir.KindOf(err) != fhir.Conflict {
		t.Errorf("removing long after signing in: %v", err)
	}
}

// Whatever a browser sends as the answer of an authenticator, nobody signs in by it and nothing breaks.
func FuzzPasskeyAnswer(f *testing.F) {
	s, err := Open(f.Context(), Options{Door: record.Test(f), Origin: "https://kith.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("{}")
	f.Add(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AAAA","userHandle":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		b := newBrowser()
		w := httptest.NewRecorder()
		if _, err := s.BeginPasskey(w, ""); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		if _, err := s.FinishPasskey(t.Context(), httptest.NewRecorder(), b.request("POST", "/", body)); err == nil || fhir.KindOf(err) == fhir.Broken {
			t.Errorf("%q: %v", body, err)
		}
	})
}
