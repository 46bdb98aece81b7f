package message

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-care/kith/care/message/letter"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/words"
)

// parcel is what one carrier takes.
type parcel struct {
	to            string
	subject, text string // of e-mails and text messages
	kind, ending  string // of what is printed
	file          []byte
}

// parcel makes what goes out by the current step. E-mails and text messages say that there is something to read and nothing of what it is: they are read by
// whoever holds the telephone. A letter says it all.
func (s *Service) parcel(ctx context.Context, d *delivery, n *need.Need) (*parcel, error) {
	c, ok, err := get[r4.Communication](ctx, s, me, "Communication/"+d.Inbox)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fhir.Errorf(fhir.Broken, "Communication/%s, which is to be sent, is not there", d.Inbox)
	}
	from, err := s.fromWhom(ctx, &c)
	if err != nil {
		return nil, err
	}
	l := words.In(n.Written())
	channel := d.Steps[d.At].Channel
	p := &parcel{to: n.At(channel)}
	switch channel {
	case need.Email:
		p.subject = l.T("You have a new message from %s", from.Name)
		p.text = l.T("You have a new message from %s. Sign in at %s to read it.", from.Name, s.Link) + "\n\n" +
			l.T("We do not write what it says in an e-mail, because others may see it.")
		if phone := s.phone(from); phone != "" {
			p.text += "\n\n" + l.T("If you cannot sign in, telephone %s.", phone)
		}
	case need.Text:
		own, err := s.asText(ctx, &c)
		if err != nil {
			return nil, err
		}
		if p.text = own; own == "" {
			p.text = alert(l, from.Name, s.Link)
		}
	case need.Letter:
		return p, s.print(ctx, p, &c, n, from)
	}
	return p, nil
}

// asText is what a request says is to be sent as a text message as it stands, by naming that medium: whoever wrote it answers for its naming nobody. "" where it
// names none, or would not fit.
func (s *Service) asText(ctx context.Context, c *r4.Communication) (string, error) {
	for _, of := range c.BasedOn {
		r, ok, err := get[r4.CommunicationRequest](ctx, s, me, of.Reference)
		if err != nil {
			return "", err
		}
		if !ok || !slices.ContainsFunc(r.Medium, func(m r4.CodeableConcept) bool {
			return slices.ContainsFunc(m.Coding, func(g r4.Coding) bool { return mediumOf(g.Code) == string(need.Text) })
		}) {
			continue
		}
		for _, p := range r.Payload {
			if text := plain(p.ContentString); text != "" {
				if n, ok := Septets(text); ok && n <= MostSeptets {
					return text, nil
				}
			}
		}
	}
	return "", nil
}

// MostSeptets is how long a text message may be: one part, so that it is never cut or put together wrongly. 3GPP TS 23.038.
const MostSeptets = 160

// alert is a text message: as much as fits.
func alert(l *words.Lang, from, link string) string {
	text := plain(l.T("You have a new message from %s. Sign in at %s to read it.", from, link))
	if n, ok := Septets(text); ok && n <= MostSeptets {
		return text
	}
	return plain(l.T("You have a new message. Sign in at %s to read it.", link))
}

// plainer are letters that the alphabet of text messages lacks, and what stands for them: one of them would leave room for 70 letters only.
var plainer = strings.NewReplacer("ŵ", "w", "ŷ", "y", "Ŵ", "W", "Ŷ", "Y", "â", "a", "ê", "e", "î", "i", "ô", "o", "û", "u", "ï", "i", "á", "a", "í", "i", "ó", "o", "ú", "u", "’", "'", "‘", "'", "“", `"`, "”", `"`, "–", "-", "—", "-", "\u00a0", " ")

func plain(text string) string { return plainer.Replace(text) }

// The alphabet of text messages, and what takes two places in it. 3GPP TS 23.038, section 6.2.1.
const (
	basic    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extended = "^{}\\[~]|€"
)

// Septets is how many of the 160 places of a text message a text takes; ok is false where it has a letter that is not in the alphabet.
func Septets(text string) (n int, ok bool) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			n++
		case strings.ContainsRune(extended, r):
			n += 2
		default:
			return 0, false
		}
	}
	return n, true
}

// fromWhom is the organisation that a message is from. A service of it is not named: what a clinic is called may say what somebody has.
func (s *Service) fromWhom(ctx context.Context, c *r4.Communication) (*r4.Organization, error) {
	for _, a := range c.About {
		if !teamRef(a.Reference) {
			continue
		}
		if o, err := s.organisationOf(ctx, a.Reference); err != nil || o != nil && o.Name != "" {
			return o, err
		}
	}
	return &r4.Organization{Name: s.name()}, nil
}

func (s *Service) phone(o *r4.Organization) string {
	for _, t := range o.Telecom {
		if t.System == "phone" && t.Value != "" {
			return t.Value
		}
	}
	return s.Contact
}

// print makes a letter of a message, in the format somebody needs.
func (s *Service) print(ctx context.Context, p *parcel, c *r4.Communication, n *need.Need, from *r4.Organization) error {
	l, err := s.letter(ctx, c, n, from)
	if err != nil {
		return err
	}
	if n.Format == need.Braille {
		p.kind, p.ending, p.file = "braille", "brf", l.BRF()
		return nil
	}
	p.kind, p.ending = "letter", "pdf"
	if l.Large {
		p.kind = "large-print"
	}
	p.file, err = l.PDF()
	return err
}

// letter is a message as a letter: date, place and whom to call first.
func (s *Service) letter(ctx context.Context, c *r4.Communication, n *need.Need, from *r4.Organization) (*letter.Letter, error) {
	w := words.In(n.Written())
	if w.Dir != "ltr" || !letter.Writes(w.Name+w.Day(s.now())) {
		w = words.In("en") // a letter has no such letters; the message itself is read in their language
	}
	now := s.now()
	phone := s.phone(from)
	l := &letter.Letter{Language: w.Code, From: append([]string{from.Name}, s.senderLines(from)...), To: fit(append([]string{n.Name}, n.Address...)), Date: now, Day: w.Date(now), Reference: w.T("Our reference: %s", c.ID), Large: n.Format == need.LargePrint, Continued: w.T("Page %d")}
	a, err := s.appointment(ctx, c.About)
	if err != nil {
		return nil, err
	}
	if a != nil {
		place, err := s.place(ctx, a)
		if err != nil {
			return nil, err
		}
		start := timeOf(a.Start)
		l.Box = append(l.Box, letter.Row{Label: w.T("When"), Text: w.When(start) + ", " + fmt.Sprint(start.Year())})
		if place != "" {
			l.Box = append(l.Box, letter.Row{Label: w.T("Where"), Text: place})
		}
	} else {
		l.Box = append(l.Box, letter.Row{Label: w.T("From"), Text: from.Name})
	}
	if phone != "" {
		l.Box = append(l.Box, letter.Row{Label: w.T("Contact"), Text: w.T("Telephone %s", phone)})
	}
	if c.Topic != nil {
		l.Subject = c.Topic.Text
	}
	if l.Subject == "" {
		l.Subject = w.T("A message for you")
	}
	l.Paragraphs = append(l.Paragraphs, w.T("Dear %s,", n.Name))
	for _, p := range c.Payload {
		for line := range strings.SplitSeq(p.ContentString, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				l.Paragraphs = append(l.Paragraphs, line)
			}
		}
	}
	switch {
	case phone != "" && s.Link != "":
		l.Paragraphs = append(l.Paragraphs, w.T("To answer, telephone %s, or sign in at %s.", phone, s.Link), w.T("If you need this letter in another language or format, telephone %s.", phone))
	case phone != "":
		l.Paragraphs = append(l.Paragraphs, w.T("To answer, telephone %s.", phone), w.T("If you need this letter in another language or format, telephone %s.", phone))
	}
	return l, nil
}

// fit puts an address of more lines than the window has together, the first below the name with the second.
func fit(lines []string) []string {
	for len(lines) > letter.MostLines {
		lines = append([]string{lines[0], lines[1] + ", " + lines[2]}, lines[3:]...)
	}
	return lines
}

func (s *Service) senderLines(o *r4.Organization) []string {
	var out []string
	if len(o.Address) > 0 {
		a := o.Address[0]
		for _, line := range append(append([]string{}, a.Line...), a.City, a.PostalCode) {
			if line != "" {
				out = append(out, line)
			}
		}
	}
	if out == nil {
		out = append(out, s.Address...)
	}
	if phone := s.phone(o); phone != "" {
		out = append(out, phone)
	}
	return out
}

// place is where an appointment is, in words.
func (s *Service) place(ctx context.Context, a *r4.Appointment) (string, error) {
	for _, p := range a.Participant {
		if p.Actor == nil {
			continue
		}
		switch fhir.ParseReference(p.Actor.Reference).Type {
		case "Location":
			o, ok, err := get[r4.Location](ctx, s, me, p.Actor.Reference)
			if err != nil {
				return "", err
			}
			if !ok {
				return p.Actor.Display, nil
			}
			parts := []string{o.Name}
			if o.Address != nil {
				parts = append(append(parts, o.Address.Line...), o.Address.City, o.Address.PostalCode)
			}
			return joined(parts), nil
		case "HealthcareService":
			if p.Actor.Display != "" {
				return p.Actor.Display, nil
			}
		}
	}
	return "", nil
}

func joined(parts []string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}
