package letter

import (
	"fmt"
	"strings"
	"unicode"
)

// Size of a page of Braille: cells in a line and lines on a page, as printers for A4 have it.
const (
	cells = 32
	rows  = 27
)

// braille is what a character becomes in Braille ASCII, the code of .brf files: uncontracted (Grade 1) Unified English Braille. Letters are
// themselves and digits are a to j after a number sign. http://www.brailleauthority.org/ueb/symbols_list.pdf
var braille = map[rune]string{
	'.': "4", ',': "1", ';': "2", ':': "3", '?': "8", '!': "6", '\'': "'", '’': "'", '‘': "'", '-': "-", '–': ",-", '—': ",-", '(': `"<`, ')': `">`, '/': "_/", '@': "@a", '&': "@&",
	'“': "8", '”': "0", '"': ",7", '£': "@l", '%': ".0", '+': `"6`, '=': `"7`, '°': "^j", '•': "_4", '·': "_4", '#': "_?", '*': `"9`,
}

// accents are the signs that go before a letter that has one. Go's unicode tables do not take letters apart, and Welsh needs few.
var accents = map[rune]string{
	'â': "^%a", 'ê': "^%e", 'î': "^%i", 'ô': "^%o", 'û': "^%u", 'ŵ': "^%w", 'ŷ': "^%y", 'á': "^/a", 'é': "^/e", 'í': "^/i", 'ó': "^/o", 'ú': "^/u", 'ẃ': "^/w", 'ý': "^/y",
	'à': "^*a", 'è': "^*e", 'ì': "^*i", 'ò': "^*o", 'ù': "^*u", 'ẁ': "^*w", 'ỳ': "^*y", 'ä': "^3a", 'ë': "^3e", 'ï': "^3i", 'ö': "^3o", 'ü': "^3u", 'ẅ': "^3w", 'ÿ': "^3y", 'ç': "^&c", 'ñ': "^]n",
}

// BRF is the letter as a file that a Braille printer or display takes: lines of 32 cells, pages of 27 lines, what is needed first standing first.
func (l *Letter) BRF() []byte {
	var lines []string
	add := func(text string) {
		lines = append(lines, wrap(Braille(text))...)
	}
	for _, r := range l.Box {
		add(r.Label + ": " + r.Text)
	}
	if len(l.Box) > 0 {
		lines = append(lines, "")
	}
	for _, line := range l.From {
		add(line)
	}
	add(l.Day)
	lines = append(lines, "")
	for _, text := range append([]string{l.Subject}, l.Paragraphs...) {
		if text != "" {
			add(text)
			lines = append(lines, "")
		}
	}
	if l.Reference != "" {
		add(l.Reference)
	}
	var out strings.Builder
	for i, line := range lines {
		if i > 0 && i%rows == 0 {
			out.WriteByte('\f')
		}
		out.WriteString(line + "\r\n")
	}
	return []byte(out.String())
}

// Braille is a text in Braille ASCII. A character that has no sign here is named by its number, never left out.
func Braille(text string) string {
	var out strings.Builder
	number := false // digits go on after the number sign
	for _, r := range text {
		lower := unicode.ToLower(r)
		sign, known := braille[r]
		accent, accented := accents[lower]
		switch {
		case r >= '0' && r <= '9':
			if !number {
				out.WriteByte('#')
			}
			out.WriteByte("jabcdefghi"[r-'0'])
			number = true
			continue
		case number && (r == '.' || r == ','): // they go on with the number
			out.WriteString(sign)
			continue
		case r == ' ', r == '\n':
			out.WriteByte(' ')
		case lower >= 'a' && lower <= 'z', accented:
			if r != lower {
				out.WriteByte(',')
			} else if number && lower <= 'j' {
				out.WriteByte(';') // else it would be read as a digit
			}
			if accented {
				out.WriteString(accent)
			} else {
				out.WriteRune(lower)
			}
		case known:
			out.WriteString(sign)
		default:
			out.WriteString(Braille(fmt.Sprintf("(character %d)", r)))
		}
		number = false
	}
	return out.String()
}

// wrap breaks a line between words.
func wrap(text string) (out []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		for len(word) > cells {
			if line != "" {
				out, line = append(out, line), ""
			}
			out, word = append(out, word[:cells]), word[cells:]
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= cells:
			line += " " + word
		default:
			out, line = append(out, line), word
		}
	}
	return append(out, line)
}

func sprint(text string, number int) string { return fmt.Sprintf(text, number) }
