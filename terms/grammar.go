package terms

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// byGrammar judges a code of a system that is not listed here: yes or no where the system's grammar says it, else not
// known.
func byGrammar(c *component, code string) truth {
	is := unknown
	switch c.system {
	case "urn:ietf:bcp:13":
		is = truthOf(mimeType(code))
	case "urn:ietf:bcp:47":
		is = truthOf(languageTag(code))
	case "urn:iso:std:iso:4217":
		is = truthOf(len(code) == 3 && strings.Contains(currencies, code+" "))
	case "urn:ietf:rfc:3986":
		is = truthOf(absoluteURI(code))
	case "http://unitsofmeasure.org":
		return inUCUM(c, code)
	}
	for _, f := range c.filters {
		if f.property != "code" || f.op != "regex" {
			return unknown
		}
		if matched, err := f.matches(code); err == nil && !matched {
			return no
		}
	}
	return is
}

// inUCUM knows the filter R4 uses: canonical = a means any unit of the dimension of a.
func inUCUM(c *component, code string) truth {
	unit, err := fhir.ParseUnit(code)
	if err != nil {
		return no
	}
	for _, f := range c.filters {
		if f.property != "canonical" || f.op != "=" {
			return unknown
		}
		dimension, err := fhir.ParseUnit(f.value)
		if err != nil {
			return unknown
		}
		if !unit.Commensurable(dimension) {
			return no
		}
	}
	return yes
}

// mimeType reports whether s is type/subtype, parameters allowed, or one of FHIR's short names. https://www.rfc-editor.org/info/bcp13
func mimeType(s string) bool {
	if s == "json" || s == "xml" || s == "ttl" {
		return true
	}
	s, _, _ = strings.Cut(s, ";")
	top, sub, ok := strings.Cut(strings.TrimSpace(s), "/")
	return ok && restricted(top) && restricted(sub)
}

// restricted is RFC 6838's restricted-name. https://www.rfc-editor.org/rfc/rfc6838#section-4.2
func restricted(s string) bool {
	if s == "*" {
		return true // a range, as clients ask for
	}
	if s == "" || len(s) > 127 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// languageTag reports whether s is a well-formed BCP 47 tag. https://www.rfc-editor.org/rfc/rfc5646#section-2.1
func languageTag(s string) bool {
	parts := strings.Split(strings.ToLower(s), "-")
	for _, p := range parts {
		if p == "" || len(p) > 8 || strings.ContainsFunc(p, func(r rune) bool { return r > 'z' || !alphanumeric(byte(r)) }) {
			return false
		}
	}
	first := parts[0]
	if first == "x" || first == "i" {
		return len(parts) > 1
	}
	if len(first) < 2 || strings.ContainsAny(first, "0123456789") {
		return false
	}
	rest := parts[1:]
	next := func(ok func(string) bool) bool {
		if len(rest) == 0 || !ok(rest[0]) {
			return false
		}
		rest = rest[1:]
		return true
	}
	letters := func(n int) func(string) bool {
		return func(p string) bool { return len(p) == n && !strings.ContainsAny(p, "0123456789") }
	}
	for i := 0; i < 3 && len(first) <= 3 && next(letters(3)); i++ { // extended languages
	}
	next(letters(4)) // script
	if !next(letters(2)) {
		next(func(p string) bool { return len(p) == 3 && strings.Trim(p, "0123456789") == "" })
	}
	for next(func(p string) bool { return len(p) >= 5 || len(p) == 4 && p[0] <= '9' }) { // variants
	}
	for len(rest) > 0 { // extensions and private use
		if len(rest[0]) != 1 || len(rest) == 1 {
			return false
		}
		private := rest[0] == "x"
		rest = rest[1:]
		before := len(rest)
		for next(func(p string) bool { return private || len(p) > 1 }) {
		}
		if len(rest) == before {
			return false
		}
	}
	return true
}

// absoluteURI reports whether s has a scheme and no blanks.
func absoluteURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(s, " \t\n\r") || !(scheme[0]|0x20 >= 'a' && scheme[0]|0x20 <= 'z') {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !alphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// currencies are the codes of ISO 4217, funds and metals included.
const currencies = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD " +
	"GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD " +
	"LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN " +
	"PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD " +
	"TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS " +
	"XUA XXX YER ZAR ZMW ZWG ZWL "
