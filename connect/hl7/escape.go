package hl7

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// unescape undoes escape sequences. https://hl7.org/documentcenter/public/standards/V2.8 chapter 2.7. What is no known
// sequence, such as a lone backslash or a local \Z..\, stays as written: losing text is worse than showing a backslash.
func (p Part) unescape(s string) string {
	esc := p.delims().Escape
	if esc == 0 || strings.IndexByte(s, esc) < 0 {
		return clean(s)
	}
	var b strings.Builder
	for {
		before, rest, found := cut(s, esc)
		b.WriteString(before)
		if !found {
			break
		}
		code, after, closed := cut(rest, esc)
		text, known := p.sequence(code)
		if !closed || !known {
			b.WriteByte(esc)
			s = rest
			continue
		}
		b.WriteString(text)
		s = after
	}
	return clean(b.String())
}

// sequence is what stands for one escape sequence, without its escape characters.
func (p Part) sequence(code string) (string, bool) {
	d := p.delims()
	switch code {
	case "F":
		return string(rune(d.Field)), true
	case "S":
		return string(rune(d.Component)), true
	case "T":
		return string(rune(d.Sub)), true
	case "R":
		return string(rune(d.Repeat)), true
	case "E":
		return string(rune(d.Escape)), true
	case "H", "N": // highlighting on and off
		return "", true
	case "P":
		return "", p.msg != nil && d.Escape == '\\' // truncation, v2.7
	case "":
		return "", false
	}
	switch code[0] {
	case 'X':
		raw, err := hex.DecodeString(code[1:])
		if err != nil || len(raw) == 0 {
			return "", false
		}
		if p.msg == nil || p.msg.decode == nil {
			return string(raw), true
		}
		return p.msg.decode(raw), true
	case 'C', 'M': // a switch to another character set, which only ISO 2022 senders use: kept for a person to see
		return "", false
	case '.':
		return formatting(code[1:])
	}
	return "", false
}

// formatting undoes the commands of formatted text (FT) that move to another line; those about indents say nothing.
func formatting(code string) (string, bool) {
	name := strings.TrimRight(code, "0123456789+- ")
	switch name {
	case "br", "ce":
		return "\n", true
	case "sp":
		n, err := strconv.Atoi(strings.TrimLeft(strings.TrimSpace(code[2:]), "+"))
		if err != nil || n < 1 {
			n = 1
		}
		return strings.Repeat("\n", min(n, 20)), true
	case "sk":
		n, _ := strconv.Atoi(strings.TrimLeft(strings.TrimSpace(code[2:]), "+"))
		return strings.Repeat(" ", max(1, min(n, 80))), true
	case "fi", "nf", "in", "ti":
		return "", true
	}
	return "", false
}

// clean drops control characters, which no FHIR string may hold. https://hl7.org/fhir/R4/datatypes.html#string
func clean(s string) string {
	bad := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return -1
		}
		return r
	}, s)
}

// escape writes text so that no character of it separates anything.
func escape(s string) string {
	if !strings.ContainsAny(s, "|^~\\&\r\n") {
		return clean(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '|':
			b.WriteString(`\F\`)
		case '^':
			b.WriteString(`\S\`)
		case '~':
			b.WriteString(`\R\`)
		case '\\':
			b.WriteString(`\E\`)
		case '&':
			b.WriteString(`\T\`)
		case '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				continue
			}
			b.WriteString(`\.br\`)
		case '\n':
			b.WriteString(`\.br\`)
		default:
			b.WriteByte(s[i])
		}
	}
	return clean(b.String())
}
