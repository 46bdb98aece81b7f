package carrier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/kith-care/kith/fhir"
)

// SMTP sends e-mail by a server of the place's. Addr and From must be set.
type SMTP struct {
	Addr     string // HOST:PORT; port 465 is TLS from the first byte, all others begin with STARTTLS
	From     string // the address that mail comes from, such as messages@merrowby.example
	Name     string // what that is called
	User     string // "" where the server asks for no password
	Password string
	// Plain lets mail go without TLS: on a loopback address only, where a relay of the machine's own takes it.
	Plain bool
	Roots *x509.CertPool   // nil for the system's
	Now   func() time.Time // nil for the clock
}

// Check says what is wrong with how the server is named.
func (s *SMTP) Check() error {
	host, _, err := s.split()
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); s.Plain && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fhir.Errorf(fhir.Invalid, "mail without TLS goes to this machine alone, not to %s", host)
	}
	if _, _, ok := strings.Cut(s.From, "@"); !ok {
		return fhir.Errorf(fhir.Invalid, "%q is no address that mail can come from", s.From)
	}
	return nil
}

func (s *SMTP) split() (host string, port int, err error) {
	host, text, err := net.SplitHostPort(s.Addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		return "", 0, fhir.Errorf(fhir.Invalid, "the mail server %q is not HOST:PORT", s.Addr)
	}
	return host, port, nil
}

// Mail sends a plain text and answers by which Message-ID. What bounces comes back to an address that holds the key, and so does what the person answers.
func (s *SMTP) Mail(ctx context.Context, key, to, subject, text string) (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	m, id, err := s.letter(key, to, subject, text)
	if err != nil {
		return "", err
	}
	client, err := s.client()
	if err != nil {
		return "", err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return "", fhir.Errorf(fhir.Busy, "the mail server %s does not answer: %w", s.Addr, err)
	}
	err = client.Send(m)
	client.Close() // that it hangs up badly changes nothing of what it took
	return id, sent(err)
}

func (s *SMTP) letter(key, to, subject, text string) (m *mail.Msg, id string, err error) {
	m = mail.NewMsg(mail.WithCharset(mail.CharsetUTF8))
	id = key + "@" + domainOf(s.From)
	from := m.FromFormat(s.Name, s.From)
	if err := errors.Join(from, m.EnvelopeFrom(plus(s.From, key)), m.ReplyTo(plus(s.From, key))); err != nil {
		return nil, "", fhir.Errorf(fhir.Invalid, "mail cannot come from %s: %w", s.From, err)
	}
	if err := m.To(to); err != nil {
		return nil, "", fhir.Errorf(fhir.Unprocessable, "the address is not one that mail can be sent to: %w", err)
	}
	m.SetMessageIDWithValue(id)
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	m.SetDateWithValue(now())
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, text)
	return m, id, nil
}

func (s *SMTP) client() (*mail.Client, error) {
	host, port, err := s.split()
	if err != nil {
		return nil, err
	}
	with := []mail.Option{mail.WithPort(port), mail.WithTimeout(20 * time.Second), mail.WithHELO(domainOf(s.From)), mail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12})}
	switch {
	case s.Plain:
		with = append(with, mail.WithTLSPolicy(mail.NoTLS))
	case port == 465:
		with = append(with, mail.WithSSL())
	default:
		with = append(with, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.User != "" {
		with = append(with, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	c, err := mail.NewClient(host, with...)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "mail cannot be sent by %s: %w", s.Addr, err)
	}
	return c, nil
}

// sent is what became of a message, by what the server said and when.
func sent(err error) error {
	var e *mail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fhir.Errorf(fhir.Broken, "it is not known whether the mail server took it: %w", err)
	case e.Reason == mail.ErrWriteContent || e.Reason == mail.ErrSMTPDataClose && e.ErrorCode() == 0:
		// The text was on its way, and no answer came.
		return fhir.Errorf(fhir.Broken, "it is not known whether the mail server took it: %w", err)
	case e.Reason == mail.ErrSMTPReset:
		return nil // it had been taken
	case e.IsTemp() || e.ErrorCode() == 0:
		return fhir.Errorf(fhir.Busy, "the mail server does not take it now (%d %s)", e.ErrorCode(), e.EnhancedStatusCode())
	}
	return fhir.Errorf(fhir.Unprocessable, "the mail server refuses the address (%d %s)", e.ErrorCode(), e.EnhancedStatusCode())
}

// plus is an address with a key in it: messages+KEY@merrowby.example.
func plus(address, key string) string {
	name, domain, _ := strings.Cut(address, "@")
	return name + "+" + key + "@" + domain
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return domain
}
