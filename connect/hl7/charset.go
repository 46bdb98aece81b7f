package hl7

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/kith-care/kith/fhir"
)

// charsets are the names of HL7 table 0211 that are read, and what British senders write instead.
// https://terminology.hl7.org/CodeSystem-v2-0211.html
var charsets = map[string]encoding.Encoding{
	"8859/1": charmap.ISO8859_1, "8859/2": charmap.ISO8859_2, "8859/3": charmap.ISO8859_3, "8859/4": charmap.ISO8859_4,
	"8859/5": charmap.ISO8859_5, "8859/6": charmap.ISO8859_6, "8859/7": charmap.ISO8859_7, "8859/8": charmap.ISO8859_8,
	"8859/9": charmap.ISO8859_9, "8859/15": charmap.ISO8859_15,
	"WINDOWS-1252": charmap.Windows1252, "CP1252": charmap.Windows1252, "WINDOWS 1252": charmap.Windows1252,
	"ISO8859-1": charmap.ISO8859_1, "ISO-8859-1": charmap.ISO8859_1, "ISO-8859-15": charmap.ISO8859_15,
}

// charset gives the message as UTF-8, by MSH-18. A message that declares nothing, or ASCII, and holds other bytes is
// taken as UTF-8 where it is UTF-8 and as Windows-1252 where it is not, with a warning.
func (m *Message) charset(data []byte) (string, error) {
	named := m.headerField(data, 18)
	name := strings.ToUpper(strings.TrimSpace(named))
	m.Charset = name
	switch name {
	case "UNICODE UTF-8", "UTF-8", "UTF8":
		if i := invalidAt(data); i >= 0 {
			return "", fhir.Errorf(fhir.Invalid, "it says %s, but byte %d of the message is not UTF-8", named, i+1).At("MSH-18")
		}
		return string(data), nil
	case "UNICODE UTF-16", "UNICODE":
		// Such a message would not begin with the bytes of MSH, so what arrived has been turned into something else.
		if i := invalidAt(data); i >= 0 {
			return "", fhir.Errorf(fhir.Invalid, "it says %s, but the message came as single bytes that are not UTF-8", named).At("MSH-18")
		}
		return string(data), nil
	case "", "ASCII", "ISO IR6":
		m.decode = func(b []byte) string {
			if utf8.Valid(b) {
				return string(b)
			}
			return decoded(charmap.Windows1252, b)
		}
		if invalidAt(data) < 0 {
			return string(data), nil
		}
		m.Charset = "WINDOWS-1252"
		m.Warnings = append(m.Warnings, "MSH-18 declares no character set that the message's bytes fit: read as Windows-1252")
		return decoded(charmap.Windows1252, data), nil
	}
	set, known := charsets[name]
	if !known {
		return "", fhir.Errorf(fhir.Unsupported, "the character set %q is not read here", named).At("MSH-18")
	}
	m.decode = func(b []byte) string { return decoded(set, b) }
	return decoded(set, data), nil
}

// headerField is a field of MSH before anything is parsed, its first repetition only: all character sets that are read
// agree with ASCII there.
func (m *Message) headerField(data []byte, n int) string {
	line := data
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	fields := bytes.SplitN(line, []byte{m.delims.Field}, n+1)
	if len(fields) < n {
		return ""
	}
	first, _, _ := cut(string(fields[n-1]), m.delims.Repeat)
	return first
}

func decoded(set encoding.Encoding, data []byte) string {
	out, err := set.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(out)
}

// trimMark takes a byte order mark off, and turns UTF-16 with one into UTF-8.
func trimMark(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		if out, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data); err == nil {
			return out
		}
	}
	return data
}

// invalidAt is the first byte that is not UTF-8, -1 where all are.
func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}
