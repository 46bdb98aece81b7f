package carrier

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

// server is a small SMTP server (RFC 5321) with STARTTLS (RFC 3207) on a port of this machine.
type server struct {
	t     *testing.T
	addr  string
	tls   *tls.Config // nil for a server that has none
	roots *x509.CertPool

	mu    sync.Mutex
	say   map[string]string // what it answers to a verb, instead of yes; "hang up" to hang up
	mails []received
}

type received struct {
	from, to, text string
	secret, named  bool // over TLS, after AUTH
}

func smtpServer(t *testing.T, secure bool) *server {
	t.Helper()
	s := &server{t: t, say: map[string]string{}}
	if secure {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(cert)
		s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	s.addr = ln.Addr().String()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *server) serve(c net.Conn) {
	defer func() { c.Close() }()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 here\r\n")
	var m received
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		s.mu.Lock()
		answer := s.say[verb]
		s.mu.Unlock()
		switch {
		case answer == "hang up":
			return
		case answer != "":
			fmt.Fprint(c, answer+"\r\n")
			continue
		}
		switch verb {
		case "EHLO":
			fmt.Fprint(c, "250-here\r\n")
			if s.tls != nil && !m.secret {
				fmt.Fprint(c, "250-STARTTLS\r\n")
			}
			fmt.Fprint(c, "250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES\r\n")
		case "STARTTLS":
			fmt.Fprint(c, "220 go\r\n")
			t := tls.Server(c, s.tls)
			if t.Handshake() != nil {
				return
			}
			c, in, m.secret = t, bufio.NewReader(t), true
		case "AUTH":
			m.named = true
			fmt.Fprint(c, "235 2.7.0 yes\r\n")
		case "MAIL":
			m.from = between(line)
			fmt.Fprint(c, "250 2.1.0 yes\r\n")
		case "RCPT":
			m.to = between(line)
			fmt.Fprint(c, "250 2.1.5 yes\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			m.text = text.String()
			s.mu.Lock()
			s.mails = append(s.mails, m)
			after := s.say["."]
			s.mu.Unlock()
			switch after {
			case "hang up":
				return
			case "":
				after = "250 2.0.0 taken"
			}
			fmt.Fprint(c, after+"\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 yes\r\n")
		}
	}
}

func between(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	inner, _, _ := strings.Cut(rest, ">")
	return inner
}

func (s *server) sender() *SMTP {
	return &SMTP{Addr: s.addr, From: "messages@merrowby.example", Name: "Mill Lane Surgery", User: "kith", Password: "secret", Roots: s.roots, Now: func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }}
}

// An e-mail goes over TLS, with a password, from an address that holds its key; what it says is what was to be said.
func TestMailIsSentOverTLS(t *testing.T) {
	s := smtpServer(t, true)
	id, err := s.sender().Mail(t.Context(), "abc-1", "ada@example.org", "You have a new message from Meddygfa Tŷ Gwyn", "Sign in to read it.\n\nŵ")
	if err != nil || id != "abc-1@merrowby.example" {
		t.Fatalf("%q %v", id, err)
	}
	if len(s.mails) != 1 {
		t.Fatalf("%d mails", len(s.mails))
	}
	m := s.mails[0]
	if !m.secret || !m.named || m.from != "messages+abc-1@merrowby.example" || m.to != "ada@example.org" {
		t.Errorf("%+v", m)
	}
	for _, want := range []string{"Message-ID: <abc-1@merrowby.example>", "Auto-Submitted: auto-generated", "Reply-To: <messages+abc-1@merrowby.example>", "Sign in to read it.", `Mill Lane Surgery`, "Date: Thu, 26 Nov 2026 09:00:00"} {
		if !strings.Contains(m.text, want) {
			t.Errorf("it lacks %q:\n%s", want, m.text)
		}
	}
}

// A server that offers no TLS is told nothing, and one whose certificate is another's neither.
func TestMailIsNotSentInTheOpen(t *testing.T) {
	plain := smtpServer(t, false)
	if _, err := plain.sender().Mail(t.Context(), "k-0", "ada@example.org", "s", "t"); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("without TLS: %v", err)
	}
	secure := smtpServer(t, true)
	sender := secure.sender()
	sender.Roots = x509.NewCertPool()
	if _, err := sender.Mail(t.Context(), "k-0", "ada@example.org", "s", "t"); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("by a certificate nobody knows: %v", err)
	}
	if len(plain.mails)+len(secure.mails) > 0 {
		t.Error("something was sent")
	}
	away := SMTP{Addr: "192.0.2.1:25", From: "a@b.example", Plain: true}
	if err := away.Check(); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("without TLS over the network: %v", err)
	}
	here := plain.sender()
	here.Plain, here.User = true, ""
	if _, err := here.Mail(t.Context(), "k-1", "ada@example.org", "s", "t"); err != nil || len(plain.mails) != 1 {
		t.Errorf("to a relay of this machine: %v", err)
	}
}

// What may be done next follows from when the server said no, or nothing.
func TestWhatBecameOfMail(t *testing.T) {
	for _, c := range []struct {
		at, says string
		want     fhir.ErrKind
	}{
		{"RCPT", "550 5.1.1 no such user", fhir.Unprocessable},
		{"RCPT", "451 4.2.1 later", fhir.Busy},
		{"MAIL", "421 4.3.2 closing", fhir.Busy},
		{"RCPT", "hang up", fhir.Busy},
		{".", "554 5.7.1 no", fhir.Unprocessable},
		{".", "451 4.3.0 later", fhir.Busy},
		{".", "hang up", fhir.Broken},
	} {
		s := smtpServer(t, true)
		s.say[c.at] = c.says
		_, err := s.sender().Mail(t.Context(), "k-0", "ada@example.org", "s", "t")
		if err == nil || fhir.KindOf(err) != c.want {
			t.Errorf("%s at %s: %v (%s), want %s", c.says, c.at, err, fhir.KindOf(err), c.want)
		}
	}
	gone := smtpServer(t, true).sender()
	gone.Addr = "127.0.0.1:1"
	if _, err := gone.Mail(t.Context(), "k-0", "ada@example.org", "s", "t"); fhir.KindOf(err) != fhir.Busy {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := gone.Mail(t.Context(), "k-0", "no address", "s", "t"); fhir.KindOf(err) != fhir.Unprocessable {
		t.Errorf("no address: %v", err)
	}
	// Nothing that is put into a header can begin another.
	s := smtpServer(t, true)
	if _, err := s.sender().Mail(t.Context(), "k-0", "ada@example.org", "Hello\r\nBcc: everybody@example.org", "t"); err == nil && strings.Contains(s.mails[0].text, "\r\nBcc:") {
		t.Error("a subject became a header")
	}
}
