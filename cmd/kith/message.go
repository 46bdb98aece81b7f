package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/connect/carrier"
	"github.com/kith-care/kith/record"
	webmessage "github.com/kith-care/kith/web/message"
)

// outgoing is how e-mails, text messages and letters leave the house, as the flags say it. What is not said is not sent, and the next way is taken.
type outgoing struct {
	mailServer, mailFrom, mailUser, mailPassword string
	mailPlain                                    bool
	textGateway, textKey, textTemplate           string
	letters                                      string
	address                                      string
	token                                        string
}

// shown is the carrier that shows what would be sent, and sends nothing.
const shown = "console"

func (o *outgoing) flags(f *flag.FlagSet) {
	f.StringVar(&o.mailServer, "mail-server", "", "`HOST:PORT` of the mail server by which e-mails go, with STARTTLS, or TLS on port 465; "+shown+" shows them and sends none (docs/messages.md)")
	f.StringVar(&o.mailFrom, "mail-from", "", "the `ADDRESS` that e-mails come from; answers and what bounces come back to it with a + and a key in it")
	f.StringVar(&o.mailUser, "mail-user", "", "`NAME` to sign in to the mail server, empty where it asks for none")
	f.StringVar(&o.mailPassword, "mail-password", "", "`FILE` with the password, or env:NAME")
	f.BoolVar(&o.mailPlain, "mail-plain", false, "e-mails go without TLS, to a relay on this machine")
	f.StringVar(&o.textGateway, "text-gateway", "", "`URL` of a gateway for text messages that speaks as GOV.UK Notify does; "+shown+" shows them and sends none")
	f.StringVar(&o.textKey, "text-key", "", "`FILE` with the key of the gateway, or env:NAME")
	f.StringVar(&o.textTemplate, "text-template", "", "`ID` of the gateway's template whose whole text is ((text))")
	f.StringVar(&o.letters, "letters", "", "`DIR` into which letters are put to be printed and posted")
	f.StringVar(&o.address, "letters-from", "", "the place's `ADDRESS` on letters, its lines separated by ;, where an organisation has none of its own")
	f.StringVar(&o.token, "carrier-token", "", "`FILE` with the token by which the gateway and the mail server bring back answers at /carrier, or env:NAME")
}

// messages is what keeps messages and sends what must reach people.
func (s *serving) messages(door *record.Door, people *entrance) (*message.Service, error) {
	m := &message.Service{Door: door, Name: s.name, Link: strings.TrimSuffix(s.base, "/fhir") + "/my/messages", Contact: s.helpLine}
	if s.out.address != "" {
		m.Address = strings.Split(s.out.address, ";")
	}
	if people != nil {
		m.Online = func(ctx context.Context, patient string) (bool, error) {
			a, err := people.service.OfPatient(ctx, patient)
			return a != nil, err
		}
	}
	var err error
	if m.Mail, err = s.out.mail(s.name); err != nil {
		return nil, err
	}
	if m.Text, err = s.out.text(); err != nil {
		return nil, err
	}
	if s.out.letters != "" {
		m.Print = &carrier.Folder{Dir: s.out.letters}
	}
	return m, nil
}

func (o *outgoing) mail(name string) (message.Mailer, error) {
	switch o.mailServer {
	case "":
		return nil, nil
	case shown:
		return carrier.Console{}, nil
	}
	c := &carrier.SMTP{Addr: o.mailServer, From: o.mailFrom, Name: name, User: o.mailUser, Plain: o.mailPlain}
	if o.mailPassword != "" {
		var err error
		if c.Password, err = carrier.Secret(o.mailPassword); err != nil {
			return nil, fmt.Errorf("--mail-password: %w", err)
		}
	}
	return c, c.Check()
}

func (o *outgoing) text() (message.Texter, error) {
	switch o.textGateway {
	case "":
		return nil, nil
	case shown:
		return carrier.Console{}, nil
	}
	c := &carrier.Gateway{Base: o.textGateway, Template: o.textTemplate}
	var err error
	if c.Key, err = carrier.Secret(o.textKey); err != nil {
		return nil, fmt.Errorf("--text-key: %w", err)
	}
	return c, c.Check()
}

// messagePages serves messages and needs at all seats, the list for staff, and the door for what carriers bring back.
func (s *serving) messagePages(mux *http.ServeMux, door *record.Door, messages *message.Service, rules *monitor.Rules, people *entrance) error {
	site := &webmessage.Site{Places: s.places(door, people), Messages: messages, Needs: &need.Service{Door: door}}
	handler := site.Handler()
	s.atSeats(mux, people, handler, "/messages", "/messages/", "/needs", "/needs/")
	if people != nil {
		handler = people.site.Guard(handler)
	}
	mux.Handle("GET /messages", handler)
	mux.Handle("POST /messages/{task}", handler)
	if s.out.token == "" {
		return nil
	}
	token, err := carrier.Secret(s.out.token)
	if err != nil {
		return fmt.Errorf("--carrier-token: %w", err)
	}
	mux.Handle("POST /carrier/", &carrier.Receiver{Token: token, Take: func(ctx context.Context, r carrier.Reply) error {
		switch r.What {
		case carrier.Bounce:
			return messages.Bounced(ctx, r.Key, r.Words)
		case carrier.Arrival:
			return messages.Arrived(ctx, r.Key)
		}
		in := message.Inbound{ID: r.ID, Medium: r.Medium, From: r.From, Key: r.Key, Words: r.Words}
		if took, err := takeReading(ctx, door, rules, messages, in); took || err != nil {
			return err
		}
		return messages.Came(ctx, in)
	}})
	return nil
}

// lettersOf is the folder for letters beside a demonstration's record.
func lettersOf(data string) string { return filepath.Join(data, "letters") }
