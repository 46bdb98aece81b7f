package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// textual wraps a function of a single string and string arguments: empty where any of them is.
func textual(f func(c *call, s *scope, in string, args []string) (Collection, error)) func(*call, *scope, Collection) (Collection, error) {
	return func(c *call, s *scope, in Collection) (Collection, error) {
		subject, ok, err := s.subject(c, in)
		if err != nil {
			return nil, err
		}
		args := make([]string, len(c.args))
		for i := range c.args {
			arg, given, err := c.text(i, s)
			if err != nil {
				return nil, err
			}
			args[i], ok = arg, ok && given
		}
		if !ok {
			return nil, nil
		}
		if err := s.spend(len(subject) / 16); err != nil {
			return nil, err
		}
		return f(c, s, subject, args)
	}
}

// subject is the single string a function works on. An element is read as its text whatever primitive it is.
func (s *scope) subject(c *call, in Collection) (string, bool, error) {
	if err := s.atMostOne(c, in); err != nil || len(in) == 0 || !in[0].hasValue() {
		return "", false, err
	}
	v, ok := in[0].system()
	switch {
	case ok && v.kind == String:
		return v.s, true, nil
	case ok && in[0].sys == nil && (v.isMoment() || v.kind == Time):
		return in[0].v.Text(), true, nil
	}
	return "", false, s.fail("%s() takes a string, not %s", c.name, in[0].Type())
}

// runes is the place of a byte offset, counted in characters.
func runes(s string, at int) Collection {
	if at < 0 {
		return Collection{integer(-1)}
	}
	return Collection{integer(int64(utf8.RuneCountInString(s[:at])))}
}

func indexOf(_ *call, _ *scope, in string, args []string) (Collection, error) {
	return runes(in, strings.Index(in, args[0])), nil
}

func lastIndexOf(_ *call, _ *scope, in string, args []string) (Collection, error) {
	return runes(in, strings.LastIndex(in, args[0])), nil
}

func startsWith(_ *call, _ *scope, in string, args []string) (Collection, error) {
	return truth(strings.HasPrefix(in, args[0])), nil
}

func endsWith(_ *call, _ *scope, in string, args []string) (Collection, error) {
	return truth(strings.HasSuffix(in, args[0])), nil
}

func containsText(_ *call, _ *scope, in string, args []string) (Collection, error) {
	return truth(strings.Contains(in, args[0])), nil
}

func upper(_ *call, _ *scope, in string, _ []string) (Collection, error) {
	return Collection{text(strings.ToUpper(in))}, nil
}

func lower(_ *call, _ *scope, in string, _ []string) (Collection, error) {
	return Collection{text(strings.ToLower(in))}, nil
}

func length(_ *call, _ *scope, in string, _ []string) (Collection, error) {
	return Collection{integer(int64(utf8.RuneCountInString(in)))}, nil
}

func trim(_ *call, _ *scope, in string, _ []string) (Collection, error) {
	return Collection{text(strings.Trim(in, " \t\r\n"))}, nil
}

func toChars(_ *call, s *scope, in string, _ []string) (Collection, error) {
	out := make(Collection, 0, len(in))
	for _, r := range in {
		out = append(out, text(string(r)))
	}
	return out, s.spend(len(out))
}

// substring counts in characters. A length that is not given, or empty, means to the end.
func substring(c *call, s *scope, in Collection) (Collection, error) {
	subject, ok, err := s.subject(c, in)
	if err != nil {
		return nil, err
	}
	from, given, err := c.number(0, s)
	if err != nil {
		return nil, err
	}
	count, limited, err := c.number(1, s)
	if err != nil || !ok || !given {
		return nil, err
	}
	rest := []rune(subject)
	if from < 0 || from >= int64(len(rest)) {
		return nil, nil
	}
	if rest = rest[from:]; limited {
		rest = rest[:min(max(count, 0), int64(len(rest)))]
	}
	return Collection{text(string(rest))}, nil
}

func replace(_ *call, s *scope, in string, args []string) (Collection, error) {
	if err := s.spend(strings.Count(in, args[0]) * len(args[1])); err != nil {
		return nil, err
	}
	return Collection{text(strings.ReplaceAll(in, args[0], args[1]))}, nil
}

func split(_ *call, s *scope, in string, args []string) (Collection, error) {
	var out Collection
	for part := range strings.SplitSeq(in, args[0]) {
		out = append(out, text(part))
	}
	return out, s.spend(len(out))
}

func join(c *call, s *scope, in Collection) (Collection, error) {
	separator, _, err := c.text(0, s)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	var parts []string
	for _, it := range in {
		part, ok, err := s.subject(c, Collection{it})
		if err != nil {
			return nil, err
		}
		if ok {
			parts = append(parts, part)
		}
		if err := s.spend(len(part) + len(separator)); err != nil {
			return nil, err
		}
	}
	return one(text(strings.Join(parts, separator)), len(parts) > 0), nil
}

func encode(_ *call, s *scope, in string, args []string) (Collection, error) {
	switch args[0] {
	case "hex":
		return Collection{text(hex.EncodeToString([]byte(in)))}, s.spend(len(in))
	case "base64":
		return Collection{text(base64.StdEncoding.EncodeToString([]byte(in)))}, s.spend(len(in))
	case "urlbase64":
		return Collection{text(base64.URLEncoding.EncodeToString([]byte(in)))}, s.spend(len(in))
	case "ascii":
		return Collection{text(strings.Map(func(r rune) rune {
			if r > 127 {
				return '?'
			}
			return r
		}, in))}, nil
	}
	return nil, nil
}

// decode fails on what is not in the format, and gives nothing for what is not UTF-8 text.
func decode(_ *call, s *scope, in string, args []string) (Collection, error) {
	var out []byte
	var err error
	switch args[0] {
	case "hex":
		out, err = hex.DecodeString(in)
	case "base64":
		out, err = base64.StdEncoding.DecodeString(in)
	case "urlbase64":
		out, err = base64.URLEncoding.DecodeString(in)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, s.fail("decode(): the text is not in the format %s", args[0])
	}
	return one(text(string(out)), utf8.Valid(out)), nil
}

func escape(_ *call, s *scope, in string, args []string) (Collection, error) {
	if err := s.spend(len(in)); err != nil {
		return nil, err
	}
	switch args[0] {
	case "html":
		return Collection{text(htmlEscaper.Replace(in))}, nil
	case "json":
		quoted := string(appendQuoted(nil, in))
		return Collection{text(quoted[1 : len(quoted)-1])}, nil
	}
	return nil, nil
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func unescape(_ *call, s *scope, in string, args []string) (Collection, error) {
	switch args[0] {
	case "html":
		return Collection{text(html.UnescapeString(in))}, nil
	case "json":
		return Collection{text(unescapeJSON(in))}, nil
	}
	return nil, nil
}

// unescapeJSON decodes the escapes of JSON and leaves any other backslash as it is.
func unescapeJSON(s string) string {
	var b strings.Builder
	for l := (&lexer{src: s}); l.at < len(s); l.at++ {
		c, decoded := s[l.at], byte(0)
		if c == '\\' {
			i := strings.IndexByte(`"\/bfnrt`, l.peek(1))
			_, hex := l.hex4(2)
			switch {
			case i >= 0:
				decoded = "\"\\/\b\f\n\r\t"[i]
			case hex && l.peek(1) == 'u':
				l.at++
				b.WriteString(l.unicode())
				continue
			}
		}
		if decoded != 0 {
			c = decoded
			l.at++
		}
		b.WriteByte(c)
	}
	return b.String()
}

// pattern is the regular expression a call used last; expressions nearly always use one.
type pattern struct {
	source, flags string
	full          bool
	re            *regexp.Regexp
}

// regex compiles with the point matching line ends ("single line"), as FHIRPath wants it.
func (c *call) regex(s *scope, source, flags string, full bool) (*regexp.Regexp, error) {
	if p := c.last.Load(); p != nil && p.source == source && p.flags == flags && p.full == full {
		return p.re, nil
	}
	if strings.Trim(flags, "im") != "" {
		return nil, s.fail("%s(): the flags %q are not among i and m", c.name, flags)
	}
	text := source
	if full {
		text = "^(?:" + source + ")$"
	}
	re, err := regexp.Compile("(?s" + flags + ")" + text)
	if err != nil {
		return nil, s.fail("%s(): %q is no regular expression of the RE2 kind: %v", c.name, source, err)
	}
	c.last.Store(&pattern{source, flags, full, re})
	return re, nil
}

func flagsOf(args []string, i int) string {
	if len(args) > i {
		return args[i]
	}
	return ""
}

func matches(c *call, s *scope, in string, args []string) (Collection, error) {
	re, err := c.regex(s, args[0], flagsOf(args, 1), false)
	if err != nil {
		return nil, err
	}
	return truth(re.MatchString(in)), nil
}

func matchesFull(c *call, s *scope, in string, args []string) (Collection, error) {
	re, err := c.regex(s, args[0], flagsOf(args, 1), true)
	if err != nil {
		return nil, err
	}
	return truth(re.MatchString(in)), nil
}

// replaceMatches leaves the text alone where the pattern is empty. A substitution names groups as $1, ${1} or ${name}.
func replaceMatches(c *call, s *scope, in string, args []string) (Collection, error) {
	if args[0] == "" {
		return Collection{text(in)}, nil
	}
	re, err := c.regex(s, args[0], flagsOf(args, 2), false)
	if err != nil {
		return nil, err
	}
	if err := s.spend((len(in) + 1) * len(args[1]) / 8); err != nil {
		return nil, err
	}
	out := re.ReplaceAllString(in, groupNumber.ReplaceAllString(args[1], "$${$1}"))
	return Collection{text(out)}, s.spend(len(out))
}

var groupNumber = regexp.MustCompile(`\$(\d+)`)
