// Package need says how somebody is to be reached: in which language, in which format, by which way, and where.
//
// A need is set once and carried through: whoever sends, prints or shows anything asks Of, which is a pure function of the person's Patients (what the
// sources say) and Flags (what the person said). This is what the Accessible Information Standard (DAPB1605) asks for:
// https://www.england.nhs.uk/long-read/accessible-information-standard-requirements-dapb1605
//
// What a person says is kept as Flags of the national category for reasonable adjustments, one for each question (codes.go), so that others who
// read FHIR see it. Who may read or set it is decided as for the Patient itself: it is part of where and how somebody is reached.
package need

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/words"
)

// Channel is a way to reach somebody.
type Channel string

// The channels.
const (
	App       Channel = "app" // the messages of these pages
	Email     Channel = "email"
	Text      Channel = "text" // a text message to a mobile telephone
	Letter    Channel = "letter"
	Telephone Channel = "telephone" // a person calls
)

// Channels are all of them, in the order in which they are tried where somebody prefers none.
var Channels = []Channel{App, Email, Text, Letter, Telephone}

// Format is how something written must be made so that somebody can read it.
type Format string

// The formats.
const (
	Standard   Format = "standard"
	LargePrint Format = "large-print"
	EasyRead   Format = "easy-read"
	Braille    Format = "braille" // a file for a Braille printer or display
	BSL        Format = "bsl"     // British Sign Language by video relay
	Audio      Format = "audio"
)

// Formats are all of them.
var Formats = []Format{Standard, LargePrint, EasyRead, Braille, BSL, Audio}

// Languages are those that can be chosen, by their code of BCP 47, in the order in which they are offered. What is written goes out in those that are complete
// (words.Offered); the others say in which language a person must be spoken to, or be interpreted for.
var Languages = []string{"en", "cy", "pl", "ro", "pa", "ur", "bn", "ar", "so", "uk"}

// Choice is what somebody says themselves. Empty fields are not said.
type Choice struct {
	Language    string
	Interpreter bool
	Format      Format
	Channel     Channel
}

// Need is how somebody is to be reached.
type Need struct {
	Choice
	Chosen  Choice // of Choice, what the person said themselves; the rest is what sources say
	Name    string // as a letter begins: Mrs Ada Okafor
	Email   string
	Mobile  string   // a number that takes text messages
	Phone   string   // a number to call, the mobile where there is no other
	Address []string // lines, the postcode last; nil where none is known
	Died    bool     // nothing is sent to somebody who has died
}

// Written is the language in which something is written to somebody: theirs where it is complete, such as Welsh, else English.
func (n *Need) Written() string { return words.In(n.Language).Code }

// At is where a channel reaches somebody, "" where it does not.
func (n *Need) At(c Channel) string {
	switch c {
	case App:
		return "app"
	case Email:
		return n.Email
	case Text:
		return n.Mobile
	case Letter:
		return strings.Join(n.Address, ", ")
	case Telephone:
		return n.Phone
	}
	return ""
}

// Of is what the Patients who are one person, and their Flags, say together. What the person chose comes before what sources say, and of several sources
// the first that says something counts.
func Of(patients []r4.Patient, flags []r4.Flag) Need {
	var n Need
	for i := range flags {
		n.Chosen.take(&flags[i])
	}
	n.Choice = n.Chosen
	for i := range patients {
		n.from(&patients[i])
	}
	if n.Phone == "" {
		n.Phone = n.Mobile
	}
	if n.Format == "" {
		n.Format = Standard
	}
	return n
}

// take reads a Flag, ours or another's.
func (c *Choice) take(f *r4.Flag) {
	if f.Status != "active" || f.Code == nil {
		return
	}
	for _, g := range f.Code.Coding {
		switch {
		case g.System == System && strings.HasPrefix(g.Code, "language-"):
			c.Language = strings.TrimPrefix(g.Code, "language-")
		case g.System == System && strings.HasPrefix(g.Code, "format-"):
			c.Format = Format(strings.TrimPrefix(g.Code, "format-"))
		case g.System == System && strings.HasPrefix(g.Code, "channel-"):
			c.Channel = Channel(strings.TrimPrefix(g.Code, "channel-"))
		case g.System == System && g.Code == "interpreter", g.System == snomed && g.Code == interpreterNeeded:
			c.Interpreter = true
		case g.System == snomed && g.Code == easyRead && c.Format == "":
			c.Format = EasyRead
		}
	}
}

// from adds what a source says of somebody.
func (n *Need) from(p *r4.Patient) {
	if p.DeceasedBoolean != nil && *p.DeceasedBoolean || p.DeceasedDateTime.Precision() != 0 {
		n.Died = true
	}
	if n.Name == "" {
		n.Name = nameOf(p.Name)
	}
	for _, c := range p.Communication {
		if n.Language == "" && c.Language != nil && (c.Preferred != nil && *c.Preferred || len(p.Communication) == 1) {
			n.Language = languageOf(c.Language)
		}
	}
	for _, t := range p.Telecom {
		if t.Use == "old" || t.Value == "" || t.Period != nil && t.Period.End.Precision() != 0 {
			continue
		}
		number := Number(t.Value)
		switch {
		case t.System == "email" && n.Email == "" && strings.Contains(t.Value, "@"):
			n.Email = strings.TrimSpace(t.Value)
		case t.System != "phone" && t.System != "sms" || number == "":
		case n.Mobile == "" && (t.Use == "mobile" || t.System == "sms" || mobile(number)):
			n.Mobile = number
		case n.Phone == "" && !mobile(number):
			n.Phone = number
		}
	}
	if n.Address == nil {
		n.Address = addressOf(p.Address)
	}
}

// Number is a telephone number as it is dialled from abroad, +447700900123; "" where a text can be none. Numbers without a country are British.
func Number(text string) string {
	var digits strings.Builder
	for i, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9', r == '+' && i == 0:
			digits.WriteRune(r)
		case !strings.ContainsRune(" -()./\u00a0", r):
			return ""
		}
	}
	n := digits.String()
	switch {
	case strings.HasPrefix(n, "00"):
		n = "+" + n[2:]
	case strings.HasPrefix(n, "0"):
		n = "+44" + n[1:]
	case !strings.HasPrefix(n, "+"):
		return ""
	}
	if n = strings.Replace(n, "+440", "+44", 1); len(n) < 9 || len(n) > 16 {
		return ""
	}
	return n
}

// mobile reports whether a number begins as British mobile numbers do (07, without 070, which are personal numbers, and 076, pagers but for 07624).
func mobile(number string) bool {
	rest, ok := strings.CutPrefix(number, "+447")
	return ok && len(rest) == 9 && rest[0] != '0' && (rest[0] != '6' || strings.HasPrefix(rest, "624"))
}

// nameOf is a name as a letter writes it.
func nameOf(names []r4.HumanName) string {
	best := slices.IndexFunc(names, func(n r4.HumanName) bool { return n.Use == "official" || n.Use == "usual" })
	if best < 0 && len(names) > 0 {
		best = 0
	}
	if best < 0 {
		return ""
	}
	h := names[best]
	parts := slices.Concat(h.Prefix, h.Given, []string{h.Family})
	if text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " "); text != "" {
		return text
	}
	return h.Text
}

// addressOf are the lines to which a letter goes: a postal or home address that is in use.
func addressOf(all []r4.Address) []string {
	for _, wanted := range []bool{true, false} {
		for _, a := range all {
			if a.Use == "old" || a.Use == "billing" || a.Period != nil && a.Period.End.Precision() != 0 || wanted && a.Use == "temp" {
				continue
			}
			var lines []string
			for _, l := range append(slices.Clone(a.Line), a.City, a.District, a.PostalCode) {
				if l = strings.TrimSpace(l); l != "" && !slices.Contains(lines, l) {
					lines = append(lines, l)
				}
			}
			lines = numbered(lines)
			if lines == nil && a.Text != "" {
				lines = strings.Split(a.Text, ", ")
			}
			if len(lines) > 1 {
				return lines
			}
		}
	}
	return nil
}

// numbered puts the number of a house that stands on a line by itself before its street, as post is addressed.
func numbered(lines []string) []string {
	for i := 0; i+1 < len(lines); i++ {
		if bare := strings.TrimRight(strings.ToLower(lines[i]), "abcdef"); bare != "" && strings.Trim(bare, "0123456789-/") == "" {
			return slices.Concat(lines[:i], []string{lines[i] + " " + lines[i+1]}, lines[i+2:])
		}
	}
	return lines
}

// languageOf is the code of BCP 47 that a concept says, without its country; "" where it says none.
func languageOf(c *r4.CodeableConcept) string {
	for _, g := range c.Coding {
		code, _, _ := strings.Cut(strings.ToLower(g.Code), "-")
		if len(code) == 2 {
			return code
		}
	}
	return ""
}
