package fhirxml

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

// node is one element of a scanned document. Elements inside XHTML have none: a narrative is one node.
type node struct {
	nameStart, nameEnd uint32 // local name
	start, end         uint32 // the whole element
	attrs, attrEnd     uint32 // in scanner.attrs
	next, child        uint32 // 0 for none: the root is nobody's sibling or child
	space              space
	text               bool // holds text besides white space
	rewrite            bool // XHTML that leans on declarations outside it or on prefixes
}

type attr struct {
	nameStart, nameEnd uint32 // local name
	from, to           uint32 // between the quotes
	space              space
}

// space is a namespace.
type space uint8

const (
	noSpace space = iota
	spaceFHIR
	spaceXHTML
	spaceXSI
	spaceXML
	spaceDeclaration // xmlns and xmlns:prefix
	spaceOther
)

// declaration binds a prefix ("" for the default) to a namespace.
type declaration struct {
	prefix string
	space  space
}

// maxAttributes is how many attributes one element may have. FHIR uses two, XHTML a handful.
const maxAttributes = 64

// scanner reads a whole document into nodes. It knows the XML that FHIR permits: UTF-8, names in ASCII, no document
// type. https://www.w3.org/TR/xml/
type scanner struct {
	data   []byte
	pos    int
	nodes  []node
	attrs  []attr
	spaces []declaration
	depth  int
}

// scan reads one document; its root is nodes[0].
func scan(data []byte) (*scanner, error) {
	if len(data) > math.MaxInt32 {
		return nil, fhir.Errorf(fhir.TooLarge, "a document of %d bytes is over the limit of 2 GiB", len(data))
	}
	s := &scanner{data: data, spaces: []declaration{{"", noSpace}, {"xml", spaceXML}}}
	if err := s.characters(); err != nil {
		return nil, err
	}
	s.nodes = make([]node, 0, len(data)/64+4)
	s.attrs = make([]attr, 0, len(data)/64+4)
	if err := s.document(); err != nil {
		return nil, err
	}
	return s, nil
}

// characters refuses what no XML document may hold anywhere.
func (s *scanner) characters() error {
	if bytes.HasPrefix(s.data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(s.data, []byte{0xFF, 0xFE}) {
		return fhir.Errorf(fhir.Invalid, "the document is in UTF-16; send UTF-8")
	}
	if !utf8.Valid(s.data) {
		return fhir.Errorf(fhir.Invalid, "the document is not UTF-8 text")
	}
	for i, c := range s.data {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0xEF && !xmlChar(firstRune(s.data[i:])) {
			return s.failAt(i, "the character %U may not stand in XML", firstRune(s.data[i:]))
		}
	}
	return nil
}

func firstRune(b []byte) rune {
	r, _ := utf8.DecodeRune(b)
	return r
}

func (s *scanner) document() error {
	s.pos = len(s.data) - len(bytes.TrimPrefix(s.data, []byte("\xEF\xBB\xBF")))
	if s.has("<?xml") && s.pos+5 < len(s.data) && blank(s.data[s.pos+5]) {
		if err := s.declaration(); err != nil {
			return err
		}
	}
	if err := s.misc(); err != nil {
		return err
	}
	if s.peek() != '<' {
		return s.fail("a document must start with an element")
	}
	if _, err := s.element(false, noSpace); err != nil {
		return err
	}
	if err := s.misc(); err != nil {
		return err
	}
	if s.pos < len(s.data) {
		return s.fail("there is more after the end of the document")
	}
	return nil
}

// declaration reads <?xml version="1.0" encoding="UTF-8"?>.
func (s *scanner) declaration() error {
	end := bytes.Index(s.data[s.pos:], []byte("?>"))
	if end < 0 {
		return s.fail("the XML declaration does not end")
	}
	text := s.data[s.pos+5 : s.pos+end]
	version, hasVersion := pseudoAttribute(text, "version")
	if !hasVersion || version != "1.0" {
		return s.fail("the XML declaration must say version 1.0")
	}
	encoding, ok := pseudoAttribute(text, "encoding")
	if ok && !equalFold(encoding, "utf-8") && !equalFold(encoding, "us-ascii") {
		return s.fail("the document says it is in %q; send UTF-8", encoding)
	}
	s.pos += end + 2
	return nil
}

func pseudoAttribute(text []byte, name string) (string, bool) {
	_, after, ok := bytes.Cut(text, []byte(name))
	if !ok {
		return "", false
	}
	after = bytes.TrimLeft(after, " \t\r\n")
	after, ok = bytes.CutPrefix(after, []byte("="))
	after = bytes.TrimLeft(after, " \t\r\n")
	if !ok || len(after) == 0 || after[0] != '"' && after[0] != '\'' {
		return "", false
	}
	value, _, ok := bytes.Cut(after[1:], after[:1])
	return string(value), ok
}

func equalFold(a, b string) bool { return bytes.EqualFold([]byte(a), []byte(b)) }

// misc skips white space, comments and processing instructions outside the root.
func (s *scanner) misc() error {
	for {
		s.blanks()
		var err error
		switch {
		case s.has("<!--"):
			err = s.comment()
		case s.has("<?"):
			err = s.instruction()
		case s.has("<!"):
			return s.fail("a document type is not accepted")
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// element reads one element; quiet ones are inside XHTML and leave no node. It returns the node's index.
func (s *scanner) element(quiet bool, above space) (uint32, error) {
	if s.depth++; s.depth > fhir.MaxDepth {
		return 0, s.fail("nested deeper than %d levels", fhir.MaxDepth)
	}
	start := s.pos
	s.pos++ // <
	prefixStart, colon, nameEnd, err := s.name()
	if err != nil {
		return 0, err
	}
	declared, firstAttr := len(s.spaces), len(s.attrs)
	closed, err := s.attributes()
	if err != nil {
		return 0, err
	}
	foreign := slices.ContainsFunc(s.attrs[firstAttr:], func(a attr) bool { return a.space == spaceOther })
	n := node{nameStart: uint32(colon), nameEnd: uint32(nameEnd), start: uint32(start), attrs: uint32(firstAttr), attrEnd: uint32(len(s.attrs))}
	if n.space, err = s.lookup(prefixStart, colon, false); err != nil {
		return 0, err
	}
	if foreign && (quiet || n.space == spaceXHTML) {
		return 0, s.failAt(start, "nothing but XHTML may stand in a narrative")
	}
	prefixed := colon > prefixStart
	self := uint32(len(s.nodes))
	if quiet {
		self = 0
		s.attrs = s.attrs[:firstAttr]
		if n.space != above {
			return 0, s.failAt(start, "nothing but XHTML may stand in a narrative")
		}
		if prefixed {
			s.nodes[len(s.nodes)-1].rewrite = true
		}
	} else {
		n.rewrite = n.space == spaceXHTML && (prefixed || !s.declaresDefault(declared))
		s.nodes = append(s.nodes, n)
	}
	if !closed {
		err = s.content(self, quiet || n.space == spaceXHTML, n.space, s.data[prefixStart:nameEnd])
		if err != nil {
			return 0, err
		}
	}
	if !quiet {
		s.nodes[self].end = uint32(s.pos)
	}
	s.spaces = s.spaces[:declared]
	s.depth--
	return self, nil
}

func (s *scanner) declaresDefault(from int) bool {
	for _, d := range s.spaces[from:] {
		if d.prefix == "" {
			return true
		}
	}
	return false
}

// content reads what stands between the tags, and the end tag.
func (s *scanner) content(self uint32, quiet bool, at space, name []byte) error {
	last := uint32(0)
	for {
		text, err := s.text()
		if err != nil {
			return err
		}
		if cdata := s.has("<![CDATA["); (text || cdata) && !quiet {
			s.nodes[self].text = true
		}
		switch {
		case s.has("</"):
			return s.endTag(name)
		case s.has("<!--"):
			err = s.comment()
		case s.has("<![CDATA["):
			end := bytes.Index(s.data[s.pos:], []byte("]]>"))
			if end < 0 {
				return s.fail("a CDATA section does not end")
			}
			s.pos += end + 3
		case s.has("<!"):
			return s.fail("a declaration may not stand inside an element")
		case s.has("<?"):
			err = s.instruction()
		case s.peek() == '<':
			var child uint32
			child, err = s.element(quiet, at)
			if err == nil && !quiet {
				if last == 0 {
					s.nodes[self].child = child
				} else {
					s.nodes[last].next = child
				}
				last = child
			}
		default:
			return s.fail("the document ends inside <%s>", name)
		}
		if err != nil {
			return err
		}
	}
}

func (s *scanner) endTag(name []byte) error {
	at := s.pos
	s.pos += 2
	if !bytes.HasPrefix(s.data[s.pos:], name) {
		return s.failAt(at, "</%s> must stand here", name)
	}
	s.pos += len(name)
	s.blanks()
	if s.peek() != '>' {
		return s.failAt(at, "</%s> must stand here", name)
	}
	s.pos++
	return nil
}

// text skips character data up to the next < or the end and reports whether there was any besides white space.
func (s *scanner) text() (bool, error) {
	end := bytes.IndexByte(s.data[s.pos:], '<')
	if end < 0 {
		end = len(s.data) - s.pos
	}
	run := s.data[s.pos : s.pos+end]
	some := false
	for i := 0; i < len(run); i++ {
		switch c := run[i]; {
		case blank(c):
			continue
		case c == '&':
			n, _ := reference(run[i:])
			if n == 0 {
				return false, s.failAt(s.pos+i, "& must begin one of &amp; &lt; &gt; &quot; &apos; &#…;")
			}
			i += n - 1
		case c == ']' && bytes.HasPrefix(run[i:], []byte("]]>")):
			return false, s.failAt(s.pos+i, "]]> may not stand in text")
		}
		some = true
	}
	s.pos += end
	return some, nil
}

func (s *scanner) comment() error {
	from := s.pos + 4
	end := bytes.Index(s.data[from:], []byte("--"))
	if end < 0 || from+end+2 >= len(s.data) || s.data[from+end+2] != '>' {
		return s.fail("a comment must end with --> and hold no other --")
	}
	s.pos = from + end + 3
	return nil
}

func (s *scanner) instruction() error {
	start := s.pos
	s.pos += 2
	from, colon, end, err := s.name()
	if err != nil {
		return err
	}
	if colon > from || equalFold(string(s.data[from:end]), "xml") {
		return s.failAt(start, "the processing instruction %q may not stand here", s.data[from:end])
	}
	length := bytes.Index(s.data[s.pos:], []byte("?>"))
	if length < 0 || length > 0 && !blank(s.data[s.pos]) {
		return s.failAt(start, "a processing instruction does not end")
	}
	s.pos += length + 2
	return nil
}

func (s *scanner) blanks() {
	for s.pos < len(s.data) && blank(s.data[s.pos]) {
		s.pos++
	}
}

func (s *scanner) has(text string) bool {
	return len(s.data)-s.pos >= len(text) && string(s.data[s.pos:s.pos+len(text)]) == text
}

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) fail(format string, args ...any) error { return s.failAt(s.pos, format, args...) }

func (s *scanner) failAt(pos int, format string, args ...any) error {
	pos = min(pos, len(s.data))
	line := 1 + bytes.Count(s.data[:pos], []byte{'\n'})
	column := pos - bytes.LastIndexByte(s.data[:pos], '\n')
	return fhir.Errorf(fhir.Invalid, "not valid XML: %s (line %d, column %d)", fmt.Sprintf(format, args...), line, column)
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
