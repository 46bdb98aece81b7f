package carrier

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

const key = "kith-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0"

func gateway(base string) *Gateway {
	return &Gateway{Base: base, Key: key, Template: "t-1", Now: func() time.Time { return time.Unix(1_790_000_000, 0) }}
}

// The gateway is asked as GOV.UK Notify documents it, and proves who asks without telling the secret.
func TestTextsAreSentByAGateway(t *testing.T) {
	var path, auth string
	var body map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, auth = r.URL.Path, r.Header.Get("Authorization")
		json.NewDecoder(r.Body).Decode(&body)
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":"g-1"}`)
	}))
	defer s.Close()
	id, err := gateway(s.URL).Text(t.Context(), "k-2", "+447700900123", "You have a new message")
	if err != nil || id != "g-1" || path != "/v2/notifications/sms" {
		t.Fatalf("%s %s %v", id, path, err)
	}
	if body["phone_number"] != "+447700900123" || body["reference"] != "k-2" || body["template_id"] != "t-1" || body["personalisation"].(map[string]any)["text"] != "You have a new message" {
		t.Errorf("it was asked %v", body)
	}
	parts := strings.Split(strings.TrimPrefix(auth, "Bearer "), ".")
	if len(parts) != 3 || strings.Contains(auth, "3d844edf") {
		t.Fatalf("the token is %q", auth)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || string(claims) != `{"iss":"26785a09-ab16-4eb0-8407-a37497a57506","iat":1790000000}` {
		t.Errorf("it says %s %v", claims, err)
	}
}

func TestWhatBecameOfATextMessage(t *testing.T) {
	for status, want := range map[int]fhir.ErrKind{400: fhir.Unprocessable, 429: fhir.Busy, 503: fhir.Busy, 500: fhir.Broken, 403: fhir.Busy} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `{"errors":[{"error":"BadRequestError","message":"Not a UK mobile number"}]}`)
		}))
		_, err := gateway(s.URL).Text(t.Context(), "k", "+44", "x")
		s.Close()
		if err == nil || fhir.KindOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangs.Close()
	if _, err := gateway(hangs.URL).Text(t.Context(), "k", "+44", "x"); err == nil || fhir.KindOf(err) != fhir.Broken {
		t.Errorf("it hung up: %v", err)
	}
	if _, err := gateway("http://127.0.0.1:1").Text(t.Context(), "k", "+44", "x"); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("nobody there: %v", err)
	}
	for _, g := range []*Gateway{gateway("http://gateway.example"), {Base: "https://gateway.example", Key: "short", Template: "t"}, {Base: "https://gateway.example", Key: key}} {
		if g.Check() == nil {
			t.Errorf("%+v is taken", g)
		}
	}
	if err := gateway("https://gateway.example").Check(); err != nil {
		t.Error(err)
	}
}

// A letter is put there once, whole, and the list says so, also after the program was killed between the two or within a line.
func TestLettersArePutThereOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "letters")
	f := &Folder{Dir: dir, Now: func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }}
	for range 2 {
		if name, err := f.Print(t.Context(), "a-1", "letter", "pdf", []byte("%PDF")); err != nil || name != "a-1.pdf" {
			t.Fatal(name, err)
		}
	}
	// The file is taken away to be printed, and the letter is asked for again: it is not printed twice.
	if err := os.Remove(filepath.Join(dir, "a-1.pdf")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Print(t.Context(), "a-1", "letter", "pdf", []byte("%PDF")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a-1.pdf")); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was put there again")
	}
	cut, err := os.OpenFile(filepath.Join(dir, manifest), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cut.WriteString(`{"key":"a-2","file":"a-2.p`)
	cut.Close()
	if _, err := f.Print(t.Context(), "a-2", "braille", "brf", []byte(",,a")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, manifest))
	want := `{"key":"a-1","file":"a-1.pdf","kind":"letter","at":"2026-11-26T09:00:00Z"}` + "\n" + `{"key":"a-2","file":"a-2.p` + "\n" + `{"key":"a-2","file":"a-2.brf","kind":"braille","at":"2026-11-26T09:00:00Z"}` + "\n"
	if err != nil || string(text) != want {
		t.Errorf("the list says %s %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a-2.brf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v %v", info, err)
	}
}

const answer = "From: Ada Okafor <Ada@Example.org>\r\nTo: messages+abc-1@merrowby.example\r\nMessage-ID: <m1@example.org>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nBetter, th=\r\nank you =C5=B5\r\n\r\nOn Thu, 26 Nov 2026, Mill Lane wrote:\r\n> You have a new message\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>no</b>\r\n--b--\r\n"

const bounced = "From: MAILER-DAEMON@example.org\r\nTo: messages+abc-1@merrowby.example\r\nAuto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nSorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"

func TestWhatCarriersBring(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		want       Reply
		status     int
	}{
		"an answer by e-mail":   {"/mail", answer, Reply{"m1@example.org", "email", "Ada@Example.org", "abc-1", "Better, thank you ŵ", Answer}, 204},
		"a bounce":              {"/mail", bounced, Reply{"", "email", "MAILER-DAEMON@example.org", "abc-1", "", Bounce}, 204},
		"delayed, not failed":   {"/mail", strings.Replace(bounced, "failed", "delayed", 1), Reply{}, 204},
		"away on holiday":       {"/mail", "From: a@b.example\r\nAuto-Submitted: auto-replied\r\n\r\nI am away", Reply{}, 204},
		"no e-mail":             {"/mail", "nothing", Reply{}, 400},
		"an answer by text":     {"/texts", `{"id":"n1","source_number":"447700900123","destination_number":"07","message":"Yes","date_received":"2026-11-26T09:00:00Z"}`, Reply{"n1", "text", "+447700900123", "", "Yes", Answer}, 204},
		"a number that is gone": {"/texts", `{"id":"n2","reference":"abc-2","to":"07700900123","status":"permanent-failure"}`, Reply{"n2", "text", "", "abc-2", "the text gateway says: permanent failure", Bounce}, 204},
		"it arrived":            {"/texts", `{"id":"n3","reference":"abc-2","status":"delivered"}`, Reply{"n3", "text", "", "abc-2", "", Arrival}, 204},
		"neither":               {"/texts", `{"id":"n4"}`, Reply{}, 400},
		"no JSON":               {"/texts", `id=5`, Reply{}, 400},
		"an unknown door":       {"/fax", ``, Reply{}, 404},
	} {
		var got Reply
		h := &Receiver{Token: "secret", Take: func(_ context.Context, r Reply) error { got = r; return nil }}
		r := httptest.NewRequest(http.MethodPost, "/gateway"+c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if c.want.What == Bounce && c.want.Medium == "email" {
			c.want.ID, c.want.Words = got.ID, got.Words
		}
		if w.Code != c.status || got != c.want {
			t.Errorf("%s: %d %+v", name, w.Code, got)
		}
		r = httptest.NewRequest(http.MethodPost, "/gateway"+c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer wrong")
		w = httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: without the token it answers %d", name, w.Code)
		}
	}
	h := &Receiver{Token: "secret", Take: func(context.Context, Reply) error { return fhir.Errorf(fhir.Busy, "the database is away") }}
	r := httptest.NewRequest(http.MethodPost, "/gateway/mail", strings.NewReader(answer))
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("what was not kept is answered %d", w.Code)
	}
}

func FuzzReadMail(f *testing.F) {
	f.Add([]byte(answer))
	f.Add([]byte(bounced))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := ReadMail(raw); err == nil && (r.ID == "" || r.What == Answer && r.From == "") {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzReadText(f *testing.F) {
	f.Add([]byte(`{"id":"n1","source_number":"447700900123","message":"Yes"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := ReadText(raw); err == nil && (r.ID == "" || r.What == "") {
			t.Errorf("%+v", r)
		}
	})
}

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(" s3cret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Secret(file); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a file that others can read: %v", err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Secret(file); err != nil || s != "s3cret" {
		t.Errorf("%q %v", s, err)
	}
	t.Setenv("KITH_TEST_SECRET", "x")
	if s, err := Secret("env:KITH_TEST_SECRET"); err != nil || s != "x" {
		t.Errorf("%q %v", s, err)
	}
	if _, err := Secret("env:KITH_TEST_NONE"); err == nil {
		t.Error("nothing is a secret")
	}
}
