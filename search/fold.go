package search

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold is the form in which strings are compared: lower case, without accents, with single spaces.
// https://hl7.org/fhir/R4/search.html#string
func Fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 0 {
			ascii = false
			break
		}
	}
	if !ascii {
		s = strings.Map(func(r rune) rune {
			if r == 0 || unicode.Is(unicode.Mn, r) {
				return -1
			}
			return unicode.ToLower(r)
		}, norm.NFKD.String(s))
	}
	if !needsFold(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	space := true
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if !space {
				b = append(b, ' ')
			}
			space = true
			continue
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		b = append(b, c)
		space = false
	}
	return strings.TrimRight(string(b), " ")
}

func needsFold(s string) bool {
	space := true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c == '\t', c == '\n', c == '\r':
			return true
		case c == ' ':
			if space {
				return true
			}
			space = true
			continue
		}
		space = false
	}
	return space && s != ""
}
