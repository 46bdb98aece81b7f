package fhir

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxDepth is how deeply objects and arrays may nest. R4's deepest example nests 24.
const MaxDepth = 128

// node is one JSON value: where it stands, who follows, and where its name is. It holds no pointers, so a million of
// them cost the garbage collector nothing. The first child of a container is the next node, where there is one inside.
type node struct {
	start, end uint32 // the value in the bytes
	next       uint32 // index of the next sibling, 0 for the last
	nameBack   uint16 // how far before start the member's name begins, 0 for an array element
	nameLen    uint8  // longName, also of one with escapes: search for the closing quote
	kind       nodeKind
}

type nodeKind uint8

const (
	kindNone nodeKind = iota
	kindObject
	kindArray
	kindString
	kindEscaped // a string with at least one escape
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

const longName = 255

// Parse reads one JSON object strictly (RFC 8259, UTF-8, no duplicate members, at most MaxDepth levels) and indexes it.
// The resource keeps data, which must not change afterwards. Errors are Invalid and name line and column.
func Parse(data []byte) (*Resource, error) {
	if len(data) > math.MaxInt32 {
		return nil, Errorf(TooLarge, "a resource of %d bytes is over the limit of 2 GiB", len(data))
	}
	if !utf8.Valid(data) {
		return nil, Errorf(Invalid, "not UTF-8 text: %s", where(data, invalidAt(data)))
	}
	scratch := scratches.Get().(*[]node)
	p := parser{data: data, nodes: (*scratch)[:0]}
	err := p.document()
	var nodes []node
	if err == nil {
		nodes = make([]node, len(p.nodes))
		copy(nodes, p.nodes)
	}
	*scratch = p.nodes[:0]
	scratches.Put(scratch)
	if err != nil {
		return nil, err
	}
	return &Resource{data: data, nodes: nodes}, nil
}

var scratches = sync.Pool{New: func() any { s := make([]node, 0, 1024); return &s }}

type parser struct {
	data  []byte
	nodes []node
	pos   int
	depth int
}

func (p *parser) document() error {
	p.space()
	if p.pos >= len(p.data) || p.data[p.pos] != '{' {
		return p.fail("a JSON object must start with {")
	}
	if err := p.value(0, 0); err != nil {
		return err
	}
	p.space()
	if p.pos < len(p.data) {
		return p.fail("there is more after the end of the object")
	}
	return nil
}

func (p *parser) value(nameStart, nameLen int) error {
	if p.pos >= len(p.data) {
		return p.fail("the text ends where a value should stand")
	}
	n := node{start: uint32(p.pos)}
	if nameStart > 0 {
		if p.pos-nameStart > math.MaxUint16 {
			return p.fail("over 64 kB of white space or name before a value")
		}
		n.nameBack = uint16(p.pos - nameStart)
		n.nameLen = uint8(min(nameLen, longName))
	}
	i := len(p.nodes)
	p.nodes = append(p.nodes, n)
	kind, err := kindNone, error(nil)
	switch c := p.data[p.pos]; {
	case c == '{':
		kind, err = kindObject, p.object(i)
	case c == '[':
		kind, err = kindArray, p.array(i)
	case c == '"':
		kind, err = p.str()
	case c == '-' || c >= '0' && c <= '9':
		kind, err = kindNumber, p.number()
	case c == 't':
		kind, err = kindTrue, p.literal("true")
	case c == 'f':
		kind, err = kindFalse, p.literal("false")
	case c == 'n':
		kind, err = kindNull, p.literal("null")
	default:
		return p.fail(fmt.Sprintf("%q cannot start a value", rune(c)))
	}
	if err != nil {
		return err
	}
	p.nodes[i].kind = kind
	p.nodes[i].end = uint32(p.pos)
	return nil
}

func (p *parser) object(self int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(fmt.Sprintf("nested deeper than %d levels", MaxDepth))
	}
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		p.depth--
		return nil
	}
	prev, count := 0, 0
	var seen map[string]struct{} // only for objects with many members
	for {
		if p.peek() != '"' {
			return p.fail("a member must start with its name in quotes")
		}
		nameStart := p.pos + 1
		kind, err := p.str()
		if err != nil {
			return err
		}
		nameEnd := p.pos - 1
		p.space()
		if p.peek() != ':' {
			return p.fail("a colon must follow the name of a member")
		}
		p.pos++
		p.space()
		name := p.data[nameStart:nameEnd]
		if kind == kindEscaped {
			name = []byte(unescape(name))
		}
		if count++; count > 16 || kind == kindEscaped {
			if seen == nil {
				seen = p.names(self + 1)
			}
			if _, dup := seen[string(name)]; dup {
				return p.failAt(nameStart, fmt.Sprintf("the member %q stands twice in one object", name))
			}
			seen[string(name)] = struct{}{}
		} else if prev > 0 && p.has(self+1, name) {
			return p.failAt(nameStart, fmt.Sprintf("the member %q stands twice in one object", name))
		}
		me := len(p.nodes)
		length := nameEnd - nameStart
		if kind == kindEscaped {
			length = longName
		}
		if err := p.value(nameStart, length); err != nil {
			return err
		}
		if prev > 0 {
			p.nodes[prev].next = uint32(me)
		}
		prev = me
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			p.pos++
			p.depth--
			return nil
		default:
			return p.fail("a comma or } must follow a member")
		}
	}
}

// has reports whether one of the members from node i on is called name.
func (p *parser) has(i int, name []byte) bool {
	for {
		n := &p.nodes[i]
		if (int(n.nameLen) == len(name) || n.nameLen == longName) && bytes.Equal(rawName(p.data, n), name) {
			return true
		}
		if n.next == 0 {
			return false
		}
		i = int(n.next)
	}
}

func (p *parser) names(i int) map[string]struct{} {
	seen := map[string]struct{}{}
	for i < len(p.nodes) {
		seen[nameOf(p.data, &p.nodes[i])] = struct{}{}
		if p.nodes[i].next == 0 {
			break
		}
		i = int(p.nodes[i].next)
	}
	return seen
}

func (p *parser) array(int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(fmt.Sprintf("nested deeper than %d levels", MaxDepth))
	}
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		p.depth--
		return nil
	}
	prev := 0
	for {
		me := len(p.nodes)
		if err := p.value(0, 0); err != nil {
			return err
		}
		if prev > 0 {
			p.nodes[prev].next = uint32(me)
		}
		prev = me
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			p.depth--
			return nil
		default:
			return p.fail("a comma or ] must follow an element")
		}
	}
}

// plain marks the bytes that may stand in a string as themselves.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

func (p *parser) str() (nodeKind, error) {
	kind := kindString
	i := p.pos + 1
	for {
		for i < len(p.data) && plain[p.data[i]] {
			i++
		}
		if i >= len(p.data) {
			p.pos = i
			return 0, p.fail("the text ends inside a string")
		}
		switch p.data[i] {
		case '"':
			p.pos = i + 1
			return kind, nil
		case '\\':
			kind = kindEscaped
			n := escapeLen(p.data[i:])
			if n == 0 {
				return 0, p.failAt(i, "not a valid escape in a string")
			}
			i += n
		default:
			return 0, p.failAt(i, fmt.Sprintf("the control character U+%04X must be escaped in a string", p.data[i]))
		}
	}
}

// escapeLen is the length of the escape sequence at the start of b, 0 where it is not one. A high surrogate must be
// followed by a low one: half a character is no text.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r, ok := hex4(b[2:])
		switch {
		case !ok || r >= 0xDC00 && r <= 0xDFFF:
			return 0
		case r < 0xD800 || r > 0xDFFF:
			return 6
		}
		if len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
			return 0
		}
		if low, ok := hex4(b[8:]); !ok || low < 0xDC00 || low > 0xDFFF {
			return 0
		}
		return 12
	}
	return 0
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func (p *parser) number() error {
	d, i := p.data, p.pos
	if d[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(d) && d[i] >= '0' && d[i] <= '9' {
			i++
		}
		return i > from
	}
	first := i
	if !digits() {
		return p.failAt(i, "a number needs a digit here")
	}
	if d[first] == '0' && i > first+1 {
		return p.failAt(first, "a number must not start with 0")
	}
	if i < len(d) && d[i] == '.' {
		i++
		if !digits() {
			return p.failAt(i, "a number needs a digit after its point")
		}
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		if !digits() {
			return p.failAt(i, "a number needs a digit in its exponent")
		}
	}
	p.pos = i
	return nil
}

func (p *parser) literal(word string) error {
	if !bytes.HasPrefix(p.data[p.pos:], []byte(word)) {
		return p.fail("not a value of JSON")
	}
	p.pos += len(word)
	return nil
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\n', '\r', '\t':
			p.pos++
		default:
			return
		}
	}
}

// peek is the byte at hand, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *parser) fail(msg string) error { return p.failAt(p.pos, msg) }

func (p *parser) failAt(pos int, msg string) error {
	return Errorf(Invalid, "not valid JSON: %s (%s)", msg, where(p.data, pos))
}

// where names a byte offset as a person finds it in an editor.
func where(data []byte, pos int) string {
	pos = min(pos, len(data))
	line := 1 + bytes.Count(data[:pos], []byte{'\n'})
	col := pos - bytes.LastIndexByte(data[:pos], '\n')
	return fmt.Sprintf("line %d, column %d", line, col)
}

func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// unescape decodes the inside of a JSON string that str has accepted.
func unescape(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			s.WriteByte(b[i])
			i++
			continue
		}
		n := escapeLen(b[i:])
		switch b[i+1] {
		case 'b':
			s.WriteByte('\b')
		case 'f':
			s.WriteByte('\f')
		case 'n':
			s.WriteByte('\n')
		case 'r':
			s.WriteByte('\r')
		case 't':
			s.WriteByte('\t')
		case 'u':
			r, _ := hex4(b[i+2:])
			if n == 12 {
				low, _ := hex4(b[i+8:])
				r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
			}
			s.WriteRune(r)
		default:
			s.WriteByte(b[i+1])
		}
		i += n
	}
	return s.String()
}

// rawName is the name of a member as it stands between its quotes, nil for an array element.
func rawName(data []byte, n *node) []byte {
	if n.nameBack == 0 {
		return nil
	}
	from := n.start - uint32(n.nameBack)
	if n.nameLen < longName {
		return data[from : from+uint32(n.nameLen)]
	}
	for i := from; ; i++ {
		switch data[i] {
		case '"':
			return data[from:i]
		case '\\':
			i++
		}
	}
}

func nameOf(data []byte, n *node) string {
	raw := rawName(data, n)
	if bytes.IndexByte(raw, '\\') >= 0 {
		return unescape(raw)
	}
	return string(raw)
}
