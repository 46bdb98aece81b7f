package fhirpath

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokDelimited // `name`
	tokString
	tokInteger
	tokLong
	tokDecimal
	tokDate
	tokDateTime
	tokTime
	tokVariable // $this
	tokSymbol
)

// token is a word of an expression; text is decoded for strings and delimited names.
type token struct {
	kind tokenKind
	text string
	at   int // byte offset in the expression
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokString:
		return "the string '" + t.text + "'"
	}
	return "\"" + t.text + "\""
}

func syntaxError(at int, format string, args ...any) error {
	args = append([]any{at + 1}, args...)
	return fhir.Errorf(fhir.Invalid, "FHIRPath, character %d: "+format, args...)
}

// lex cuts an expression into tokens. https://hl7.org/fhirpath/#lexical-elements
func lex(src string) ([]token, error) {
	l := lexer{src: src}
	tokens := make([]token, 0, len(src)/3+2)
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == tokEnd {
			return tokens, nil
		}
	}
}

type lexer struct {
	src string
	at  int
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.src) {
		return l.src[l.at+n]
	}
	return 0
}

// space skips white space and both kinds of comment.
func (l *lexer) space() error {
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			l.at++
		case c == '/' && l.peek(1) == '/':
			if end := strings.IndexAny(l.src[l.at:], "\r\n"); end >= 0 {
				l.at += end
			} else {
				l.at = len(l.src)
			}
		case c == '/' && l.peek(1) == '*':
			end := strings.Index(l.src[l.at+2:], "*/")
			if end < 0 {
				return syntaxError(l.at, "the comment does not end")
			}
			l.at += end + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next() (token, error) {
	start := l.at
	if start == len(l.src) {
		return token{kind: tokEnd, at: start}, nil
	}
	switch c := l.src[start]; {
	case letter(c):
		l.word()
		return token{tokName, l.src[start:l.at], start}, nil
	case digit(c):
		return l.number(), nil
	case c == '\'':
		text, err := l.quoted('\'')
		return token{tokString, text, start}, err
	case c == '`':
		text, err := l.quoted('`')
		return token{tokDelimited, text, start}, err
	case c == '@':
		return l.moment()
	case c == '$':
		l.at++
		l.word()
		return token{tokVariable, l.src[start:l.at], start}, nil
	}
	for _, symbol := range [...]string{"<=", ">=", "!=", "!~"} {
		if strings.HasPrefix(l.src[start:], symbol) {
			l.at += 2
			return token{tokSymbol, symbol, start}, nil
		}
	}
	if strings.IndexByte("()[]{}.,+-*/&|<>=~%:", l.src[start]) >= 0 {
		l.at++
		return token{tokSymbol, l.src[start:l.at], start}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	return token{}, syntaxError(start, "%q has no meaning here", r)
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) word() {
	for l.at < len(l.src) && (letter(l.src[l.at]) || digit(l.src[l.at])) {
		l.at++
	}
}

func (l *lexer) digits() int {
	start := l.at
	for digit(l.peek(0)) {
		l.at++
	}
	return l.at - start
}

func (l *lexer) number() token {
	start := l.at
	l.digits()
	if l.peek(0) == '.' && digit(l.peek(1)) {
		l.at++
		l.digits()
		return token{tokDecimal, l.src[start:l.at], start}
	}
	if l.peek(0) == 'L' && !letter(l.peek(1)) && !digit(l.peek(1)) {
		l.at++
		return token{tokLong, l.src[start : l.at-1], start}
	}
	return token{tokInteger, l.src[start:l.at], start}
}

// moment reads @2020-01-31, @2020-01-31T10:00Z or @T10:00. What is not a real day or time is refused by the parser.
func (l *lexer) moment() (token, error) {
	start := l.at
	l.at++
	if l.peek(0) == 'T' {
		l.at++
		from := l.at
		l.clock()
		return token{tokTime, l.src[from:l.at], start}, nil
	}
	from := l.at
	kind := tokDate
	if l.digits() == 0 {
		return token{}, syntaxError(start, "a date follows @, such as @2020-01-31")
	}
	for range 2 {
		if l.peek(0) == '-' && digit(l.peek(1)) && digit(l.peek(2)) {
			l.at += 3
		}
	}
	if l.peek(0) == 'T' {
		kind = tokDateTime
		l.at++
		if l.clock() {
			l.zone()
		}
	}
	return token{kind, l.src[from:l.at], start}, nil
}

func (l *lexer) clock() bool {
	if l.digits() == 0 {
		return false
	}
	for l.peek(0) == ':' && digit(l.peek(1)) {
		l.at++
		l.digits()
	}
	if l.peek(0) == '.' && digit(l.peek(1)) {
		l.at++
		l.digits()
	}
	return true
}

func (l *lexer) zone() {
	if l.peek(0) == 'Z' {
		l.at++
		return
	}
	if c := l.peek(0); (c == '+' || c == '-') && digit(l.peek(1)) && digit(l.peek(2)) && l.peek(3) == ':' {
		l.at += 4
		l.digits()
	}
}

// quoted reads a string or delimited name with its escapes; an unknown escape loses its backslash.
func (l *lexer) quoted(quote byte) (string, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.src); l.at++ {
		c := l.src[l.at]
		if c == quote {
			l.at++
			return b.String(), nil
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		l.at++
		switch c := l.peek(0); c {
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			b.WriteString(l.unicode())
		case 0:
		default:
			b.WriteByte(c)
		}
	}
	return "", syntaxError(start, "the text in %c does not end", quote)
}

// unicode reads the hexadecimal digits after \u, and a second \u where the first is half of a pair; it ends on the
// last character read.
func (l *lexer) unicode() string {
	r, ok := l.hex4(1)
	if !ok {
		return "u"
	}
	l.at += 4
	if utf16.IsSurrogate(r) {
		if low, ok := l.hex4(3); ok && l.peek(1) == '\\' && l.peek(2) == 'u' {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				l.at += 6
				return string(pair)
			}
		}
		return string(utf8.RuneError)
	}
	return string(r)
}

func (l *lexer) hex4(from int) (rune, bool) {
	var r rune
	for i := range 4 {
		c := l.peek(from + i)
		switch {
		case digit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
