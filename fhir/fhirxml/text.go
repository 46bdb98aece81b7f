package fhirxml

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// xmlChar reports whether r may stand in an XML 1.0 document. https://www.w3.org/TR/xml/#charsets
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// reference reads the reference that b begins with (&amp; or &#160;) and returns its length, 0 if it is none.
func reference(b []byte) (int, rune) {
	end := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if end < 2 {
		return 0, 0
	}
	name := b[1:end]
	switch string(name) {
	case "amp":
		return end + 1, '&'
	case "lt":
		return end + 1, '<'
	case "gt":
		return end + 1, '>'
	case "quot":
		return end + 1, '"'
	case "apos":
		return end + 1, '\''
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], 10
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	for _, c := range digits {
		if c == '+' || c == '-' || c == '_' {
			return 0, 0
		}
	}
	r, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || r > utf8.MaxRune || !xmlChar(rune(r)) {
		return 0, 0
	}
	return end + 1, rune(r)
}

// appendText appends text that the scanner has checked, its references resolved and its line ends as XML wants them: a
// written CR LF or CR is a line feed, and inside an attribute every line end and tab is a blank.
// https://www.w3.org/TR/xml/#AVNormalize
func appendText(out, text []byte, attribute bool) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '&':
			n, r := reference(text[i:])
			out = utf8.AppendRune(out, r)
			i += n - 1
			continue
		case c == '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			c = '\n'
		}
		if attribute && (c == '\n' || c == '\t') {
			c = ' '
		}
		out = append(out, c)
	}
	return out
}

// appendJSON appends text, which is valid UTF-8, as a JSON string.
func appendJSON(out, text []byte) []byte {
	out = append(out, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(out, text[from:]...), '"')
}

// appendAttribute appends text as the inside of a quoted attribute. It reports the first character that XML cannot
// carry at all, 0 if there is none.
func appendAttribute(out []byte, text string) ([]byte, rune) {
	from := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		var escape string
		switch {
		case c == '&':
			escape = "&amp;"
		case c == '<':
			escape = "&lt;"
		case c == '>':
			escape = "&gt;"
		case c == '"':
			escape = "&quot;"
		case c == '\n':
			escape = "&#10;"
		case c == '\r':
			escape = "&#13;"
		case c == '\t':
			escape = "&#9;"
		case c < ' ':
			return out, rune(c)
		case c == 0xEF:
			if r, _ := utf8.DecodeRuneInString(text[i:]); !xmlChar(r) {
				return out, r
			}
			continue
		default:
			continue
		}
		out = append(out, text[from:i]...)
		out = append(out, escape...)
		from = i + 1
	}
	return append(out, text[from:]...), 0
}

// unprefixed rewrites well-formed XHTML to stand on its own: names without prefixes, no declarations but the root's.
func unprefixed(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(xhtmlSpace)+16)
	root := true
	for len(raw) > 0 {
		skip := markupLength(raw)
		if skip > 0 { // text, comment, CDATA, instruction
			out = append(out, raw[:skip]...)
			raw = raw[skip:]
			continue
		}
		out = append(out, '<')
		raw = raw[1:]
		if raw[0] == '/' {
			out = append(out, '/')
			raw = raw[1:]
		}
		end := bytes.IndexAny(raw, " \t\r\n/>")
		name := raw[:end]
		raw = raw[end:]
		out = append(out, name[bytes.IndexByte(name, ':')+1:]...)
		if root {
			out = append(out, ` xmlns="`+xhtmlSpace+`"`...)
			root = false
		}
		out, raw = appendAttributes(out, raw)
	}
	return out
}

// markupLength is the length of the text, comment, CDATA section or instruction raw begins with, 0 if it is a tag.
func markupLength(raw []byte) int {
	for _, m := range [...][2]string{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if bytes.HasPrefix(raw, []byte(m[0])) {
			return len(m[0]) + bytes.Index(raw[len(m[0]):], []byte(m[1])) + len(m[1])
		}
	}
	n := bytes.IndexByte(raw, '<')
	if n < 0 {
		return len(raw)
	}
	return n
}

// appendAttributes copies the rest of a tag without its namespace declarations.
func appendAttributes(out, raw []byte) (done, rest []byte) {
	for {
		raw = bytes.TrimLeft(raw, " \t\r\n")
		switch {
		case raw[0] == '>':
			return append(out, '>'), raw[1:]
		case raw[0] == '/':
			return append(out, '/', '>'), raw[2:]
		}
		open := bytes.IndexAny(raw, `"'`)
		end := open + 2 + bytes.IndexByte(raw[open+1:], raw[open])
		if !bytes.HasPrefix(raw, []byte("xmlns")) {
			out = append(append(out, ' '), raw[:end]...)
		}
		raw = raw[end:]
	}
}
