package validate

import (
	"bytes"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

// maxString is how many bytes a string may have. https://hl7.org/fhir/R4/datatypes.html#string
const maxString = 1 << 20

// checkPrimitive holds a value against the grammar of its type and says what is wrong, "" if nothing is.
// https://hl7.org/fhir/R4/datatypes.html#primitive
func checkPrimitive(v fhir.Value, typ string) string {
	kind := v.Kind()
	switch typ {
	case "boolean":
		if kind != fhir.True && kind != fhir.False {
			return "true or false must stand here"
		}
		return ""
	case "integer", "positiveInt", "unsignedInt":
		if kind != fhir.Number {
			return "a number must stand here"
		}
		return checkInteger(v.Raw(), typ)
	case "decimal":
		if kind != fhir.Number {
			return "a number must stand here"
		}
		return ""
	}
	if kind != fhir.String {
		return "a string must stand here"
	}
	raw := v.Raw()
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(v.Text())
		if control(text) {
			return "it has a control character"
		}
	}
	if len(text) == 0 {
		return "it may not be empty"
	}
	return checkText(text, typ)
}

func checkText(text []byte, typ string) string {
	switch typ {
	case "string", "markdown":
		if len(text) > maxString {
			return "it is longer than 1 MB"
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return "it has nothing but white space"
		}
	case "xhtml":
		if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("<")) {
			return "it must be a <div>"
		}
	case "code":
		if !wellSpaced(text) {
			return "it may not begin or end with a blank or have two in a row"
		}
	case "id":
		if !validID(text) {
			return "it must be 1 to 64 of A-Z a-z 0-9 - ."
		}
	case "uri", "url", "canonical":
		if bytes.ContainsAny(text, " \t\r\n") {
			return "it may not have blanks"
		}
	case "oid":
		if !validOID(text) {
			return "it must be urn:oid:1.2.3"
		}
	case "uuid":
		if !validUUID(text) {
			return "it must be urn:uuid: and 36 hexadecimal digits in lower case"
		}
	case "base64Binary":
		return checkBase64(text)
	case "date":
		if _, err := fhir.ParseDate(text); err != nil {
			return "it must be YYYY, YYYY-MM or YYYY-MM-DD and exist"
		}
	case "dateTime":
		d, err := fhir.ParseDateTime(text)
		if err != nil || len(text) > 10 && (d.Clock.Known < fhir.Second || !d.Zoned) {
			return "it must be a date, or a date and time with seconds and zone: YYYY-MM-DDThh:mm:ss+zz:zz"
		}
	case "instant":
		d, err := fhir.ParseDateTime(text)
		if err != nil || d.Clock.Known < fhir.Second || !d.Zoned {
			return "it must be a date and time with seconds and zone: YYYY-MM-DDThh:mm:ss.sss+zz:zz"
		}
	case "time":
		c, err := fhir.ParseTime(text)
		if err != nil || c.Known < fhir.Second {
			return "it must be hh:mm:ss"
		}
	}
	return ""
}

// checkInteger accepts 32 bits, without a fraction, an exponent or -0.
func checkInteger(raw []byte, typ string) string {
	digits := bytes.TrimPrefix(raw, []byte("-"))
	negative := len(digits) < len(raw)
	if len(digits) > 10 {
		return "it does not fit in 32 bits"
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return "it must be a whole number without fraction or exponent"
		}
		n = n*10 + int64(c-'0')
	}
	switch {
	case n > 1<<31-1 && !(negative && n == 1<<31):
		return "it does not fit in 32 bits"
	case negative && n == 0:
		return "there is no -0"
	case typ == "positiveInt" && (negative || n == 0):
		return "it must be 1 or more"
	case typ == "unsignedInt" && negative:
		return "it must be 0 or more"
	}
	return ""
}

// control reports whether text has a control character that strings may not have.
func control(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return true
		}
	}
	return false
}

// wellSpaced is the grammar of code: words with single blanks between.
func wellSpaced(text []byte) bool {
	last := byte(' ')
	for _, c := range text {
		space := c == ' ' || c == '\t' || c == '\r' || c == '\n'
		if space && (last == ' ' || c != ' ') {
			return false
		}
		last = c
	}
	return last != ' '
}

func validID(text []byte) bool {
	if len(text) == 0 || len(text) > 64 {
		return false
	}
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// validOID accepts urn:oid:[0-2](.number)+, numbers without leading zeros.
func validOID(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("urn:oid:"))
	if !ok || len(rest) < 3 || rest[0] < '0' || rest[0] > '2' || rest[1] != '.' {
		return false
	}
	for part := range bytes.SplitSeq(rest[2:], []byte(".")) {
		if len(part) == 0 || len(part) > 1 && part[0] == '0' || bytes.ContainsFunc(part, func(r rune) bool { return r < '0' || r > '9' }) {
			return false
		}
	}
	return true
}

func validUUID(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("urn:uuid:"))
	if !ok || len(rest) != 36 {
		return false
	}
	for i, c := range rest {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// checkBase64 accepts groups of four, white space between, padding only at the end.
func checkBase64(text []byte) string {
	n, padding := 0, 0
	for i, c := range text {
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case c == '=':
			padding++
		case padding > 0:
			return "= may stand at the end only"
		case !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/'):
			r, _ := utf8.DecodeRune(text[i:])
			return "the character " + string(r) + " is not of base64"
		}
		n++
	}
	if n == 0 || n%4 != 0 || padding > 2 {
		return "its length must be a multiple of four, filled up with ="
	}
	return ""
}
