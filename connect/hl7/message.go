package hl7

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Delims are the separators a message declares in MSH-1 and MSH-2. One that is not declared is 0 and never matches.
type Delims struct {
	Field, Component, Repeat, Escape, Sub byte
}

// Message is one HL7 v2 message: its text as UTF-8 and an index of where segments and fields begin. It never changes.
type Message struct {
	Charset  string // what MSH-18 named, or what the bytes turned out to be
	Warnings []string
	text     string
	delims   Delims
	decode   func([]byte) string // of \Xdd..\ in the message's character set
	segments []span
	fields   []uint32 // beginnings of all fields, segment after segment, each with one more for its end
}

type span struct {
	start, end int
	first, n   int // its fields in Message.fields, the name being field 0
	nth        int // among segments of its name, from 1
}

// Segment is one line of a message. The zero Segment is absent and has only empty fields.
type Segment struct {
	msg *Message
	at  int
}

// Part is a field, one of its repetitions, a component or a subcomponent. The zero Part is empty.
type Part struct {
	text string
	msg  *Message
}

// MaxSegments bounds what one message may hold: beyond it a message is a mistake or an attack.
const MaxSegments = 20000

// MaxRepeats bounds the repetitions of one field likewise.
const MaxRepeats = 10000

// Parse reads one ER7-encoded message: segments end with CR, and with LF or CRLF where a file was edited. Errors are
// Invalid and name segment and field; a message in XML is Unsupported.
func Parse(data []byte) (*Message, error) {
	m := &Message{}
	text, err := m.read(data)
	if err != nil {
		return nil, err
	}
	m.text = text
	m.segments = make([]span, 0, 16)
	m.fields = make([]uint32, 0, 256)
	counts := make(map[string]int, 16)
	for start, end := range lines(text, m.delims.Field) {
		line := text[start:end]
		if !isSegment(line, m.delims.Field) {
			return nil, fhir.Errorf(fhir.Invalid, "line %d is not a segment: it begins with %q", len(m.segments)+1, head(line, 20)).
				At("line " + strconv.Itoa(len(m.segments)+1))
		}
		if len(m.segments) == MaxSegments {
			return nil, fhir.Errorf(fhir.TooLarge, "the message has more than %d segments", MaxSegments)
		}
		name := line[:3]
		if name == "MSH" && len(m.segments) > 0 {
			return nil, fhir.Errorf(fhir.Invalid, "a second MSH begins inside the message").At("MSH[2]")
		}
		counts[name]++
		s := span{start: start, end: end, first: len(m.fields), nth: counts[name]}
		m.fields = append(m.fields, uint32(start))
		if name == "MSH" {
			m.fields = append(m.fields, uint32(start+4)) // MSH-1 is the separator itself and has no place of its own
		}
		repeats := 0
		for i := start + 3; i < end; i++ {
			switch text[i] {
			case m.delims.Field:
				m.fields = append(m.fields, uint32(i+1))
				repeats = 0
			case m.delims.Repeat:
				if repeats++; repeats == MaxRepeats {
					return nil, fhir.Errorf(fhir.TooLarge, "a field repeats more than %d times", MaxRepeats).At(fmt.Sprintf("%s[%d]-%d", name, s.nth, len(m.fields)-s.first-1))
				}
			}
		}
		s.n = len(m.fields) - s.first
		m.fields = append(m.fields, uint32(end+1))
		m.segments = append(m.segments, s)
	}
	return m, nil
}

// read finds separators and character set and gives the message as UTF-8.
func (m *Message) read(data []byte) (string, error) {
	data = trimMark(data)
	for len(data) > 0 && (data[0] <= ' ') {
		data = data[1:]
	}
	switch {
	case len(data) == 0:
		return "", fhir.Errorf(fhir.Invalid, "the message is empty")
	case data[0] == '<':
		return "", fhir.Errorf(fhir.Unsupported, "the message is XML; only the ER7 form (MSH|^~\\&|…) is read")
	case len(data) < 8 || string(data[:3]) != "MSH":
		return "", fhir.Errorf(fhir.Invalid, "the message begins with %q and not with MSH", head(string(data), 20)).At("MSH")
	}
	d, err := delimsOf(data)
	if err != nil {
		return "", err
	}
	m.delims = d
	return m.charset(data)
}

// delimsOf reads MSH-1 and MSH-2.
func delimsOf(data []byte) (d Delims, err error) {
	d.Field = data[3]
	if wordByte(d.Field) || d.Field <= ' ' || d.Field >= 0x7f {
		return d, fhir.Errorf(fhir.Invalid, "%q cannot separate fields", data[3:4]).At("MSH-1")
	}
	end := 4
	for end < len(data) && data[end] != d.Field && data[end] >= ' ' {
		end++
	}
	coding := data[4:end]
	if len(coding) < 1 || len(coding) > 5 {
		return d, fhir.Errorf(fhir.Invalid, "there are %d encoding characters, not four", len(coding)).At("MSH-2")
	}
	for i, c := range coding {
		if wordByte(c) || c <= ' ' || c >= 0x7f {
			return d, fhir.Errorf(fhir.Invalid, "%q cannot be a separator", coding[i:i+1]).At("MSH-2")
		}
		if c == d.Field || strings.IndexByte(string(coding[:i]), c) >= 0 {
			return d, fhir.Errorf(fhir.Invalid, "the encoding characters %s use %q for two things", coding, coding[i:i+1]).At("MSH-2")
		}
		switch i { // a fifth, since v2.7, marks truncation, which nothing here does
		case 0:
			d.Component = c
		case 1:
			d.Repeat = c
		case 2:
			d.Escape = c
		case 3:
			d.Sub = c
		}
	}
	return d, nil
}

// lines yields the beginning and end of each segment. In a message whose segments end with CR, an LF inside a segment is
// a line break in its text, unless a segment follows.
func lines(text string, sep byte) iter.Seq2[int, int] {
	cr := strings.IndexByte(text, '\r') >= 0
	return func(yield func(int, int) bool) {
		start := 0
		for start < len(text) {
			end := start
			for ; end < len(text) && text[end] != '\r'; end++ {
				if text[end] == '\n' && (!cr || isSegment(strings.TrimLeft(text[end:], "\r\n"), sep)) {
					break
				}
			}
			from := start
			for from < end && (text[from] == '\n' || text[from] == ' ') {
				from++
			}
			to := end
			for to > from && text[to-1] == '\n' {
				to--
			}
			if to > from && !yield(from, to) {
				return
			}
			start = end + 1
		}
	}
}

// isSegment reports whether a line begins as a segment does: three letters or digits, then a separator or the end.
func isSegment(line string, sep byte) bool {
	if len(line) < 3 || line[0] < 'A' || line[0] > 'Z' {
		return false
	}
	for i := 1; i < 3; i++ {
		if (line[i] < 'A' || line[i] > 'Z') && (line[i] < '0' || line[i] > '9') {
			return false
		}
	}
	return len(line) == 3 || line[3] == sep || line[3] == '\r' || line[3] == '\n'
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func head(s string, n int) string {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	return s[:min(n, len(s))]
}

// Len is the number of segments.
func (m *Message) Len() int { return len(m.segments) }

// At is segment i, from 0.
func (m *Message) At(i int) Segment {
	if i < 0 || i >= len(m.segments) {
		return Segment{}
	}
	return Segment{m, i}
}

// All yields the segments in order.
func (m *Message) All() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for i := range m.segments {
			if !yield(Segment{m, i}) {
				return
			}
		}
	}
}

// First is the first segment of a name, absent where there is none.
func (m *Message) First(name string) Segment {
	for s := range m.All() {
		if s.Name() == name {
			return s
		}
	}
	return Segment{}
}

// Type is message code and trigger event: "ADT", "A01".
func (m *Message) Type() (code, event string) {
	f := m.At(0).Field(9)
	return f.Comp(1).Text(), f.Comp(2).Text()
}

// ControlID is MSH-10.
func (m *Message) ControlID() string { return m.At(0).Field(10).Text() }

// Exists reports whether the segment is there.
func (s Segment) Exists() bool { return s.msg != nil }

// Name is the segment's three letters, "" where it is absent.
func (s Segment) Name() string {
	if s.msg == nil {
		return ""
	}
	at := s.msg.segments[s.at].start
	return s.msg.text[at : at+3]
}

// Place names the segment within its message: "OBX[3]".
func (s Segment) Place() string {
	if s.msg == nil {
		return ""
	}
	return s.Name() + "[" + strconv.Itoa(s.msg.segments[s.at].nth) + "]"
}

// Raw is the segment as it stands in the message, as UTF-8.
func (s Segment) Raw() string {
	if s.msg == nil {
		return ""
	}
	at := s.msg.segments[s.at]
	return s.msg.text[at.start:at.end]
}

// Index is the segment's position in the message, from 0, and -1 where it is absent.
func (s Segment) Index() int {
	if s.msg == nil {
		return -1
	}
	return s.at
}

// Next is the segment after this one.
func (s Segment) Next() Segment {
	if s.msg == nil {
		return s
	}
	return s.msg.At(s.at + 1)
}

// Fields is the number of fields, the name not counted.
func (s Segment) Fields() int {
	if s.msg == nil {
		return 0
	}
	return s.msg.segments[s.at].n - 1
}

// Field is field n as HL7 counts them, from 1.
func (s Segment) Field(n int) Part {
	if s.msg == nil || n < 1 || n >= s.msg.segments[s.at].n {
		return Part{}
	}
	at := s.msg.segments[s.at].first + n
	if n == 1 && s.Name() == "MSH" {
		start := s.msg.segments[s.at].start
		return Part{s.msg.text[start+3 : start+4], s.msg}
	}
	return Part{s.msg.text[s.msg.fields[at] : s.msg.fields[at+1]-1], s.msg}
}

// Reps yields the repetitions of a field that are not empty.
func (p Part) Reps() iter.Seq[Part] {
	return func(yield func(Part) bool) {
		for rest, more := p.text, p.text != ""; more; {
			var one string
			one, rest, more = cut(rest, p.delims().Repeat)
			if rep := (Part{one, p.msg}); !rep.Empty() && !yield(rep) {
				return
			}
		}
	}
}

// Rep is the first repetition of a field.
func (p Part) Rep() Part {
	one, _, _ := cut(p.text, p.delims().Repeat)
	return Part{one, p.msg}
}

// Comp is component n, from 1, of a field's first repetition.
func (p Part) Comp(n int) Part { return p.Rep().nth(p.delims().Component, n) }

// Sub is subcomponent n, from 1, of a component.
func (p Part) Sub(n int) Part { return p.nth(p.delims().Sub, n) }

func (p Part) nth(sep byte, n int) Part {
	rest, more := p.text, true
	var one string
	for range n {
		if !more {
			return Part{}
		}
		one, rest, more = cut(rest, sep)
	}
	return Part{one, p.msg}
}

func (p Part) delims() Delims {
	if p.msg == nil {
		return Delims{}
	}
	return p.msg.delims
}

func cut(s string, sep byte) (before, after string, found bool) {
	if sep != 0 {
		if i := strings.IndexByte(s, sep); i >= 0 {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// Raw is the part as it stands in the message.
func (p Part) Raw() string { return p.text }

// Null reports whether the part is "", by which a sender deletes what we have.
func (p Part) Null() bool { return p.text == `""` }

// Empty reports whether the part says nothing: what we have stays. Separators without anything between them are empty.
func (p Part) Empty() bool {
	d := p.delims()
	for i := range len(p.text) {
		switch c := p.text[i]; {
		case c == ' ' || c == d.Component || c == d.Repeat || c == d.Sub:
		default:
			return false
		}
	}
	return true
}

// Text is the first value in the part, its escape sequences undone and outer spaces off; "" where it is empty or null.
func (p Part) Text() string {
	if p.text == "" {
		return ""
	}
	d := p.delims()
	one, _, _ := cut(p.text, d.Repeat)
	one, _, _ = cut(one, d.Component)
	one, _, _ = cut(one, d.Sub)
	if one == `""` {
		return ""
	}
	return strings.TrimSpace(p.unescape(one))
}

// Whole is all of the part as text for people, separators included: a value that nothing else understood.
func (p Part) Whole() string {
	if p.text == `""` {
		return ""
	}
	return strings.TrimSpace(p.unescape(p.text))
}
