package hl7

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// The systems of identifiers in England. https://digital.nhs.uk/services/terminology-and-classifications/identifiers
const (
	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsSystem       = "https://fhir.nhs.uk/Id/ods-organization-code"
	gmpSystem       = "https://fhir.hl7.org.uk/Id/gmp-number"
	gmcSystem       = "https://fhir.hl7.org.uk/Id/gmc-number"
)

func ptr[T any](v T) *T { return &v }

// set fills an element by the rule of HL7 v2: null deletes, empty leaves what is there.
func set[T any](p Part, to **T, read func(Part) *T) {
	switch {
	case p.Null():
		*to = nil
	case !p.Empty():
		if v := read(p); v != nil {
			*to = v
		}
	}
}

// setText is set for a string.
func setText(p Part, to *string) {
	switch {
	case p.Null():
		*to = ""
	case !p.Empty():
		*to = p.Text()
	}
}

// setTime is set for a time.
func (b *builder) setTime(at string, p Part, to *fhir.DateTime) {
	switch {
	case p.Null():
		*to = fhir.DateTime{}
	case !p.Empty():
		if d := b.clock.dateTime(at, p); d.Year != 0 {
			*to = d
		}
	}
}

var oid = regexp.MustCompile(`^[012](\.(0|[1-9][0-9]*))+$`)

// authority reads an HD (as components of a field, or subcomponents of a component) and gives its system.
func (b *builder) authority(namespace, universal, kind string) string {
	switch {
	case universal != "" && (kind == "ISO" || kind == "") && oid.MatchString(universal):
		return "urn:oid:" + universal
	case universal != "" && kind == "UUID":
		return "urn:uuid:" + strings.ToLower(universal)
	case universal != "" && kind == "URI":
		if u, err := url.Parse(universal); err == nil && u.IsAbs() && !strings.ContainsAny(universal, " \t\n") {
			return universal
		}
	}
	name := or(namespace, or(universal, b.facility))
	return b.local("id", name)
}

// local is a system of the sender's own.
func (b *builder) local(kind, name string) string {
	return "urn:kith:" + kind + ":" + url.PathEscape(or(b.cfg.Feed, "hl7")) + ":" + url.PathEscape(strings.ToLower(or(name, "local")))
}

// hd reads an HD that is a component, its parts subcomponents.
func hd(p Part) (namespace, universal, kind string) {
	return p.Sub(1).Text(), p.Sub(2).Text(), p.Sub(3).Text()
}

// entity reads an EI: a number and who gave it. Where p is a component, its parts are subcomponents.
func (b *builder) entity(p Part) r4.Identifier {
	get := p.Comp
	if d := p.delims(); strings.IndexByte(p.text, d.Component) < 0 && d.Sub != 0 && strings.IndexByte(p.text, d.Sub) >= 0 {
		get = p.Sub
	}
	return r4.Identifier{System: b.authority(get(2).Text(), get(3).Text(), get(4).Text()), Value: get(1).Text()}
}

// cx reads a CX: an identifier with its type. NHS numbers get their national system.
func (b *builder) cx(at string, p Part) (id r4.Identifier, key string) {
	value, kind := p.Comp(1).Text(), strings.ToUpper(p.Comp(5).Text())
	namespace, universal, uniKind := hd(p.Comp(4))
	id = r4.Identifier{Value: value, System: b.authority(namespace, universal, uniKind)}
	if kind != "" {
		id.Type = &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: kind}}}
		if !slices.Contains(identifierTypes, kind) {
			id.Type = &r4.CodeableConcept{Text: p.Comp(5).Text()}
		}
	}
	if from, to := b.clock.dateTime(at, p.Comp(7)), b.clock.dateTime(at, p.Comp(8)); from.Year != 0 || to.Year != 0 {
		id.Period = b.span(at, from, to)
	}
	if isNHSNumber(namespace, kind) {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(value)
		if validNHSNumber(digits) {
			return r4.Identifier{Use: "official", System: nhsNumberSystem, Value: digits, Period: id.Period}, nhsNumberSystem + "|" + digits
		}
		b.warn(at, "%q is no valid NHS number; it is kept as a number of the sender's", value)
	}
	return id, or(namespace, or(universal, b.facility)) + "|" + value
}

// identifierTypes are the codes of HL7 table 0203 that occur; others are kept as text.
var identifierTypes = strings.Fields("AN ANON BC CZ DL DN DR EI EN FI GI GN HC JHN MA MB MC MR MRT MS NE NH NI NNGBR NPI PEN PI PN PPN PRC PRN PT RI RR RRI SL SR SS U UPIN VN VS WC XX ACSN PLAC FILL SNO BRN MD")

// isNHSNumber knows an NHS number by how British systems mark it.
func isNHSNumber(namespace, kind string) bool {
	switch kind {
	case "NH", "NHS", "NHSNBR", "NHSNMBR", "NHSN", "NNGBR":
		return true
	}
	switch strings.ToUpper(namespace) {
	case "NHS", "NHSNBR", "NHSNMBR", "NHSN", "NHS NUMBER":
		return true
	}
	return false
}

// validNHSNumber checks the tenth digit. https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func validNHSNumber(s string) bool {
	if len(s) != 10 || digitsIn(s) != 10 {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check == int(s[9]-'0')
}

// concept reads a CE, CWE, CNE or IS: both codings and the words.
func (b *builder) concept(p Part) *r4.CodeableConcept {
	var c r4.CodeableConcept
	for _, at := range [][4]int{{1, 2, 3, 7}, {4, 5, 6, 8}} {
		value, display, system := p.Comp(at[0]).Text(), p.Comp(at[1]).Text(), p.Comp(at[2]).Text()
		if value == "" {
			continue
		}
		coding := r4.Coding{System: b.system(system, value), Code: oneSpace(value), Display: display}
		if coding.System != "" {
			coding.Version = p.Comp(at[3]).Text()
		}
		c.Coding = append(c.Coding, coding)
	}
	c.Text = or(p.Comp(9).Text(), or(p.Comp(2).Text(), p.Comp(5).Text()))
	if len(c.Coding) == 0 && c.Text == "" {
		return nil
	}
	return &c
}

// conceptOf reads a code of a table that each sender fills for itself: where no coding system is named, it is the sender's
// own of that table.
func (b *builder) conceptOf(table string) func(Part) *r4.CodeableConcept {
	return func(p Part) *r4.CodeableConcept {
		c := b.concept(p)
		if c != nil && len(c.Coding) > 0 && p.Comp(3).Text() == "" && p.Comp(1).Text() != "" {
			c.Coding[0].System = b.local("code", table)
		}
		return c
	}
}

// system is the URI of a coding system by its name in table 0396; the sender's own where there is no name.
func (b *builder) system(name, value string) string {
	upper := strings.ToUpper(name)
	if c, ok := codes()["system"][upper]; ok {
		if strings.HasPrefix(upper, "SNM") && !isSCTID(value) {
			return b.local("code", name)
		}
		return c.code
	}
	if n, ok := strings.CutPrefix(upper, "HL7"); ok && len(n) >= 4 && len(n) <= 5 && digitsIn(n) == len(n) {
		for len(n) > 4 && n[0] == '0' {
			n = n[1:]
		}
		return "http://terminology.hl7.org/CodeSystem/v2-" + n
	}
	if oid.MatchString(name) {
		return "urn:oid:" + name
	}
	return b.local("code", name)
}

// isSCTID checks an identifier of SNOMED CT by its last digit, which is Verhoeff's.
// https://confluence.ihtsdotools.org/display/DOCRELFMT/5.5+Check-digit
func isSCTID(s string) bool {
	if len(s) < 6 || len(s) > 18 || digitsIn(s) != len(s) || s[0] == '0' {
		return false
	}
	const permute = "1576283094"
	const product = "0123456789" + "1234067895" + "2340178956" + "3401289567" + "4012395678" +
		"5987604321" + "6598710432" + "7659821043" + "8765932104" + "9876543210"
	c := byte(0)
	for i := range len(s) {
		d := s[len(s)-1-i] - '0'
		for range i % 8 {
			d = permute[d] - '0'
		}
		c = product[c*10+d] - '0'
	}
	return c == 0
}

// oneSpace makes a value a FHIR code, which has no more than one space together.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// name reads an XPN.
func (b *builder) name(at string, p Part) *r4.HumanName {
	n := r4.HumanName{Family: p.Comp(1).Text()}
	for _, given := range []string{p.Comp(2).Text(), p.Comp(3).Text()} {
		if given != "" {
			n.Given = append(n.Given, given)
		}
	}
	if v := p.Comp(4).Text(); v != "" {
		n.Suffix = append(n.Suffix, v)
	}
	if v := p.Comp(5).Text(); v != "" {
		n.Prefix = append(n.Prefix, v)
	}
	if v := p.Comp(6).Text(); v != "" && plain("name-use", v, "") == "" {
		n.Suffix = append(n.Suffix, v)
	}
	if n.Family == "" && n.Given == nil && n.Prefix == nil && n.Suffix == nil {
		return nil
	}
	n.Use = plain("name-use", p.Comp(7).Text(), plain("name-use", p.Comp(6).Text(), ""))
	if from, to := b.clock.dateTime(at, p.Comp(12)), b.clock.dateTime(at, p.Comp(13)); from.Year != 0 || to.Year != 0 {
		n.Period = b.span(at, from, to)
	}
	return &n
}

// address reads an XAD.
func (b *builder) address(p Part) *r4.Address {
	a := r4.Address{City: p.Comp(3).Text(), State: p.Comp(4).Text(), PostalCode: p.Comp(5).Text(), Country: p.Comp(6).Text(),
		District: p.Comp(9).Text()}
	street := p.Comp(1).Text()
	if road := p.Comp(1).Sub(2).Text(); road != "" {
		street = strings.TrimSpace(p.Comp(1).Sub(3).Text() + " " + or(street, "") + " " + road)
	}
	for _, line := range []string{street, p.Comp(2).Text(), p.Comp(8).Text()} {
		if line = oneSpace(line); line != "" {
			a.Line = append(a.Line, line)
		}
	}
	if a.City == "" && a.State == "" && a.PostalCode == "" && a.Country == "" && a.District == "" && a.Line == nil {
		return nil
	}
	kind := p.Comp(7).Text()
	a.Use, a.Type = plain("address-use", kind, ""), plain("address-type", kind, "")
	return &a
}

// telecom reads an XTN; use is what its field implies.
func (b *builder) telecom(p Part, use string) *r4.ContactPoint {
	c := r4.ContactPoint{System: plain("telecom-system", p.Comp(3).Text(), "phone"), Use: plain("telecom-use", p.Comp(2).Text(), use)}
	if p.Comp(3).Text() == "CP" {
		c.Use = "mobile"
	}
	if mail := p.Comp(4).Text(); mail != "" && (c.System == "email" || strings.Contains(mail, "@")) {
		c.System, c.Value = "email", mail
		return &c
	}
	c.Value = or(p.Comp(1).Text(), p.Comp(12).Text())
	if c.Value == "" {
		country, area, number := p.Comp(5).Text(), p.Comp(6).Text(), p.Comp(7).Text()
		if country != "" && number != "" {
			country = "+" + strings.TrimPrefix(country, "+")
		}
		c.Value = oneSpace(country + " " + area + " " + number)
		if ext := p.Comp(8).Text(); ext != "" && c.Value != "" {
			c.Value += " ext. " + ext
		}
	}
	if strings.Contains(c.Value, "@") && c.System == "phone" {
		c.System = "email"
	}
	if c.Value == "" {
		return nil
	}
	return &c
}

// addRef adds a reference that is not there yet.
func addRef(list []r4.Reference, to Ref) []r4.Reference {
	if to.ID == "" {
		return list
	}
	said := to.String()
	for i := range list {
		if list[i].Reference == said {
			return list
		}
	}
	return append(list, *to.reference())
}

func addConcept(list []r4.CodeableConcept, c *r4.CodeableConcept) []r4.CodeableConcept {
	if c == nil {
		return list
	}
	for i := range list {
		if sameConcept(&list[i], c) {
			return list
		}
	}
	return append(list, *c)
}

func sameConcept(a, b *r4.CodeableConcept) bool {
	if len(a.Coding) != len(b.Coding) || a.Text != b.Text {
		return false
	}
	for i := range a.Coding {
		if a.Coding[i].System != b.Coding[i].System || a.Coding[i].Code != b.Coding[i].Code {
			return false
		}
	}
	return true
}

// addIdentifier puts an identifier in place of another of its system and type, or beside them.
func addIdentifier(list []r4.Identifier, id r4.Identifier) []r4.Identifier {
	for i := range list {
		if list[i].System == id.System && list[i].Value == id.Value {
			list[i] = id
			return list
		}
	}
	return append(list, id)
}
