package intake

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/encoding/charmap"

	"github.com/kith-care/kith/fhir"
)

// Format is the language of one supplier's extracts, as data and small functions: which file holds which table, in which order
// tables are filed, what a row's key is, and what each unit (the rows that make one thing together) becomes.
type Format struct {
	Kind string
	// Recognise says what a file is, from its name and first bytes. Nil where it is nothing that is read (a check sum, a
	// list of users); an error where it should be read and cannot.
	Recognise func(name string, head []byte) (*File, error)
	// Check looks at all files of a drop before any is read, such as at a manifest. Hold, unless "", stops the feed until what
	// is missing comes or a person says to go on without.
	Check func(feed *Feed, files []*File, open func(*File) (io.Reader, error)) (hold string, err error)
	// Stages are the tables in the order in which they are filed. Tables of one stage share units: all but the last are read
	// before the last is, so that a unit is made once.
	Stages [][]string
	Tables []Table
	Units  []Unit
	// Volatile are columns that say nothing of what a row is about, such as a running number: a row that differs in
	// them alone has not changed.
	Volatile []string
	// Columns says in which of the supplier's columns a check of the data looks (Check.Name), the first that a row has: lists of rows that do not pass
	// name it.
	Columns map[string][]string
	// Windows1252 says in which character set files come: else it is UTF-8.
	Windows1252 bool
	// For makes the format that one feed is in, such as by its map of columns; nil where all feeds of the kind are alike.
	For func(*Feed) (*Format, error)
}

// of is the format of a feed.
func (f *Format) of(feed *Feed) (*Format, error) {
	if f.For == nil {
		return f, nil
	}
	return f.For(feed)
}

// table is one of its tables, nil for a name that only Check knows.
func (f *Format) table(name string) *Table {
	for i := range f.Tables {
		if f.Tables[i].Name == name {
			return &f.Tables[i]
		}
	}
	return nil
}

// File is a file of an extract.
type File struct {
	Name    string
	Table   string    // "" for one that only Check reads, such as a manifest
	Stamp   time.Time // when the extract was made: a later one wins
	From    time.Time // of a delta, what it begins from; zero where the format does not say
	To      time.Time // what it goes up to; zero for Stamp
	Full    bool      // it holds all rows there are: what is missing has been taken back
	Columns []string  // of a file without a header; nil to read the first line
	Comma   byte      // 0 for ,
	Item    *Item
}

// Table is one table of a format.
type Table struct {
	Name    string
	Need    []string          // columns without which nothing can be said of a row
	Key     func(*Row) string // what names the row within its feed; "" is refused
	Unit    string            // the kind of the units that its rows belong to
	UnitKey func(*Row) string // nil where it is Key
	Deleted func(*Row) bool   // the source takes the row back; nil for never
	Order   func(*Row) int64  // which of two rows of one key in one file is later; nil for the order of lines
	Skip    func(*Row) bool   // the row is none of ours, such as another practice's; nil for never
	Hold    func(*Row) string // a reason to stop before this row is acted on; nil for never
	// Also are tables that stand in no file: each row of this one is a row of theirs too, with their own key and unit.
	Also []string
	// Content is what of a row counts when it is asked whether it has changed; nil for all of it.
	Content func(*Row) string
	// Missing says what becomes of a row that a newer full extract leaves out, newest being the extract's stamp; nil to take it back.
	// A table that has it is of snapshots which each cover a time of their own, so that an older one still says something.
	Missing func(r *Row, newest time.Time) Absence
}

// Absence is what becomes of a row that a newer full extract leaves out.
type Absence uint8

// The absences.
const (
	TakenBack Absence = iota // it was never so: what it made is taken back
	Beyond                   // the extract does not reach so far: the row stays as it is
	Ended                    // it was so and is no longer: its unit is made again, and Row.Left is true
)

// Unit is a kind of thing that rows make.
type Unit struct {
	Kind string
	// Makes are the resources it can make, by name of their type; "Condition#problem" is one beside another. At most 62.
	Makes []string
	// Patient is the key of the patient (a unit of kind PatientUnit) whom it is about, "" for nobody. Until that patient is
	// there, it is parked.
	Patient func(*Mapping) string
	// Map makes its resources; nil for a row that is only looked up, such as a code.
	Map func(*Mapping) error
	// Users are FHIR searches for what other units have made with a row of this one, and must make again when it changes.
	Users func(*Row) []string
	// Looked says that others look its rows up although it makes something of its own.
	Looked bool
}

// PatientUnit is the kind of unit that stands for a patient in every format.
const PatientUnit = "patient"

// Row is one row of a file.
type Row struct {
	Feed        *Feed
	File        *File
	Line        int64 // from 1
	place, size int64
	raw         []byte
	head        *header
	spans       []span
	table       *Table
	key, unit   string
	part, of    int64 // digests of (table, key) and (kind, unit)
	content     int64
	mapped      int64 // digest under which the unit of the row's key is remembered, 0 where the key says it
	deleted     bool
	second      bool // a row of a table that stands in no file: it is counted once only
	left        bool
}

// Left reports whether a newer full extract leaves the row out; always false where its table has no Missing.
func (r *Row) Left() bool { return r.left }

type span struct {
	from, to int32
	quoted   bool // its quotes are inside from and to, doubled quotes among them
}

type header struct {
	columns []string
	at      map[string]int
	latin   bool
}

func newHeader(columns []string, latin bool) *header {
	h := &header{columns, map[string]int{}, latin}
	for i, c := range columns {
		c = strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))
		if _, twice := h.at[c]; !twice {
			h.at[c] = i
		}
	}
	return h
}

// Has reports whether the file has the column at all.
func (r *Row) Has(column string) bool { _, ok := r.head.at[column]; return ok }

// Get is the value of a column without the spaces around it, "" where the row or the file has none.
func (r *Row) Get(column string) string {
	i, ok := r.head.at[column]
	if !ok || i >= len(r.spans) {
		return ""
	}
	return r.field(i)
}

// First is the first of several columns that says something: headers are spelt differently from version to version.
func (r *Row) First(columns ...string) string {
	for _, c := range columns {
		if v := r.Get(c); v != "" {
			return v
		}
	}
	return ""
}

func (r *Row) field(i int) string {
	s := r.spans[i]
	b := r.raw[s.from:s.to]
	if s.quoted {
		b = b[1:]
		if n := len(b); n > 0 && b[n-1] == '"' {
			b = b[:n-1]
		}
		if bytes.Contains(b, []byte(`""`)) {
			b = bytes.ReplaceAll(b, []byte(`""`), []byte(`"`))
		}
	}
	b = bytes.TrimSpace(b)
	if !r.head.latin {
		return string(b)
	}
	for _, c := range b {
		if c >= 0x80 {
			text, err := charmap.Windows1252.NewDecoder().Bytes(b)
			if err != nil {
				return string(b) // it has a character for every byte
			}
			return string(text)
		}
	}
	return string(b)
}

// Bad is an error about one column of the row: the row is quarantined with it.
func (r *Row) Bad(column, format string, args ...any) error {
	return &badRow{row: r, column: column, why: fmt.Sprintf(format, args...)}
}

// Text is the row as it came.
func (r *Row) Text() string {
	b := bytes.TrimRight(r.raw, "\r\n")
	if r.head != nil && r.head.latin {
		if text, err := charmap.Windows1252.NewDecoder().Bytes(b); err == nil {
			b = text
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

type badRow struct {
	row    *Row
	column string
	why    string
}

func (b *badRow) Error() string {
	if b.column == "" {
		return b.why
	}
	return b.column + ": " + b.why
}

// digestOf is 63 bits of a digest: database columns are signed, and order must be the same in both.
func digestOf(parts ...string) int64 {
	var d xxhash.Digest
	d.Reset()
	for _, p := range parts {
		d.WriteString(p)
		d.Write([]byte{0})
	}
	return int64(d.Sum64() & math.MaxInt64)
}

// scanner cuts a file into rows. Blocks are never used again, so that rows may be kept.
type scanner struct {
	in    io.Reader
	comma byte
	block []byte
	at    int
	done  bool
	line  int64
	place int64
}

const scanBlock = 512 << 10

// maxRow bounds one row, in bytes: a quote that nobody closes must not swallow the file, nor a line without an end the memory.
const maxRow = 1 << 20

// errLong is of a line that is longer than a row can be.
var errLong = fmt.Errorf("the line is longer than %d MB", maxRow>>20)

// fill reads on; what is left of the block is moved to a new one.
func (s *scanner) fill() error {
	rest := s.block[s.at:]
	next := make([]byte, len(rest), len(rest)+scanBlock)
	copy(next, rest)
	n, err := io.ReadFull(s.in, next[len(rest):len(rest)+scanBlock])
	s.block, s.at = next[:len(rest)+n], 0
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		s.done, err = true, nil
	}
	return err
}

// next cuts off the next row; want is how many values it should have, 0 for any. Where a row in quotes over several lines does not
// come out right, only its first line is taken, so that one stray quote costs one line. Of a line longer than maxRow its beginning is
// returned, with errLong.
func (s *scanner) next(want int) (raw []byte, spans []span, line, place int64, err error) {
	for {
		for ; s.at < len(s.block) && (s.block[s.at] == '\n' || s.block[s.at] == '\r'); s.at++ { // empty lines say nothing, and there may be a great many
			if s.place++; s.block[s.at] == '\n' {
				s.line++
			}
		}
		if s.at < len(s.block) || s.done {
			raw, spans, lines, whole := cut(s.block[s.at:], s.comma, s.done)
			broken := whole && lines > 1 && (want > 0 && len(spans) != want || len(raw) > maxRow || !closed(raw, spans))
			if !whole && len(s.block)-s.at > maxRow {
				broken = true // more than a row can be, and no end in sight
			}
			if broken {
				nl := bytes.IndexByte(s.block[s.at:], '\n')
				if nl < 0 {
					return s.long()
				}
				raw, lines, whole = s.block[s.at:s.at+nl+1], 1, true
				spans = splitLine(raw, s.comma)
			}
			if whole && len(raw) > maxRow {
				return s.long()
			}
			if whole {
				if len(raw) == 0 {
					return nil, nil, 0, 0, io.EOF
				}
				line, place = s.line+1, s.place
				s.at += len(raw)
				s.place += int64(len(raw))
				s.line += int64(lines)
				if len(bytes.TrimSpace(raw)) == 0 {
					continue // a line of spaces says nothing
				}
				return raw, spans, line, place, nil
			}
		}
		if s.done {
			return nil, nil, 0, 0, io.EOF
		}
		if err := s.fill(); err != nil {
			return nil, nil, 0, 0, err
		}
	}
}

// longShown is how much of a line that is too long is kept to show what it is, in bytes.
const longShown = 1000

// long passes over a line that is too long, wherever it ends.
func (s *scanner) long() (raw []byte, spans []span, line, place int64, err error) {
	raw = bytes.Clone(s.block[s.at:min(s.at+longShown, len(s.block))])
	s.line++
	line, place = s.line, s.place
	for {
		rest := s.block[s.at:]
		nl := bytes.IndexByte(rest, '\n')
		if nl >= 0 {
			s.at, s.place = s.at+nl+1, s.place+int64(nl+1)
			return raw, nil, line, place, errLong
		}
		s.at, s.place = len(s.block), s.place+int64(len(rest))
		if s.done {
			return raw, nil, line, place, errLong
		}
		if err := s.fill(); err != nil {
			return nil, nil, 0, 0, err
		}
	}
}

// cut finds the end of the first row and its values. Whole is false where the row may go on beyond data.
func cut(data []byte, comma byte, last bool) (raw []byte, spans []span, lines int, whole bool) {
	spans = make([]span, 0, 48)
	i, from := 0, 0
	lines = 1
	for i < len(data) {
		if data[i] == '"' && i == from {
			for i++; i < len(data); i++ {
				if data[i] == '\n' {
					lines++
				}
				if data[i] == '"' {
					if i+1 < len(data) && data[i+1] == '"' {
						i++
						continue
					}
					i++
					break
				}
			}
			for i < len(data) && data[i] != comma && data[i] != '\n' {
				i++
			}
			if i < len(data) {
				end := i
				if data[i] == '\n' && end > from && data[end-1] == '\r' {
					end--
				}
				spans = append(spans, span{int32(from), int32(end), true})
				if data[i] == '\n' {
					return data[:i+1], spans, lines, true
				}
				i++
				from = i
			}
			continue
		}
		n := indexEnd(data[i:], comma)
		if n < 0 {
			break
		}
		i += n
		end := i
		if data[i] == '\n' && end > from && data[end-1] == '\r' {
			end--
		}
		spans = append(spans, span{int32(from), int32(end), false})
		if data[i] == '\n' {
			return data[:i+1], spans, lines, true
		}
		i++
		from = i
	}
	if !last {
		return nil, nil, lines, false
	}
	if len(data) > 0 {
		end := len(data)
		if end > from && data[end-1] == '\r' {
			end--
		}
		spans = append(spans, span{int32(from), int32(end), from < len(data) && data[from] == '"'})
	}
	return data, spans, lines, true
}

// closed reports whether the quote of the last value is closed.
func closed(raw []byte, spans []span) bool {
	if len(spans) == 0 {
		return true
	}
	last := spans[len(spans)-1]
	value := raw[last.from:last.to]
	return !last.quoted || bytes.Count(value, []byte{'"'})%2 == 0
}

// indexEnd is the place of the next comma or end of line.
func indexEnd(data []byte, comma byte) int {
	for i, c := range data {
		if c == comma || c == '\n' {
			return i
		}
	}
	return -1
}

// splitLine splits one line, whatever its quotes say.
func splitLine(line []byte, comma byte) []span {
	var spans []span
	from := 0
	for i, c := range line {
		if c == comma || c == '\n' {
			spans = append(spans, span{int32(from), int32(i), false})
			from = i + 1
		}
	}
	return spans
}

// columns are the columns of a file and what its table needs of them is checked: without those nothing can be said of any row.
func (s *scanner) columns(table *Table, latin bool) ([]string, error) {
	raw, spans, _, _, err := s.next(0)
	switch {
	case err == io.EOF:
		return nil, fhir.Errorf(fhir.Invalid, "the file is empty: it should begin with a header")
	case err == errLong:
		return nil, fhir.Errorf(fhir.Invalid, "line 1: %w, so it is no header", err)
	case err != nil:
		return nil, err
	}
	if err := IsUTF8(raw); err != nil {
		return nil, err
	}
	first := &Row{raw: bytes.TrimPrefix(raw, []byte("\ufeff")), spans: spans, head: &header{latin: latin}}
	if d := len(raw) - len(first.raw); d > 0 {
		for i := range spans {
			spans[i].from, spans[i].to = max(spans[i].from-int32(d), 0), spans[i].to-int32(d)
		}
		spans[0].quoted = len(first.raw) > 0 && first.raw[0] == '"'
	}
	var columns []string
	for i := range spans {
		columns = append(columns, first.field(i))
	}
	return columns, table.lacks(columns)
}

// IsUTF8 is an error where a file begins as UTF-16 does.
func IsUTF8(head []byte) error {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return fhir.Errorf(fhir.Invalid, "line 1: the file is in UTF-16, which is not read; it should be in UTF-8")
	}
	return nil
}

// lacks is an error where a column is missing without which nothing can be said of a row.
func (t *Table) lacks(columns []string) error {
	if t == nil {
		return nil // it is not read row by row, as a manifest
	}
	h := newHeader(columns, false)
	for _, c := range t.Need {
		if _, ok := h.at[c]; !ok {
			return fhir.Errorf(fhir.Invalid, "line 1: there is no column %s; the columns are %s", c, shown(strings.Join(columns, ", ")))
		}
	}
	return nil
}

// shown is text from outside as a message may show it: what cannot be printed is escaped, and no more than a screen of it.
func shown(text string) string {
	const most = 1000
	end := ""
	if len(text) > most {
		text, end = text[:most], " …"
	}
	quoted := strconv.Quote(strings.ToValidUTF8(text, "\uFFFD"))
	return quoted[1:len(quoted)-1] + end
}

// rows reads the rows of a file; each is told with what is wrong with it, if anything is.
func (f *File) rows(in io.Reader, table *Table, latin bool, each func(*Row, error) error) error {
	s := &scanner{in: in, comma: f.Comma}
	if s.comma == 0 {
		s.comma = ','
	}
	columns := f.Columns
	if columns == nil {
		var err error
		if columns, err = s.columns(table, latin); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	h := newHeader(columns, latin)
	for {
		raw, spans, line, place, err := s.next(len(columns))
		if err == io.EOF {
			return nil
		}
		if err != nil && err != errLong {
			return err
		}
		row := &Row{File: f, Line: line, place: place, size: int64(len(raw)), raw: raw, spans: spans, head: h, table: table}
		var bad error
		switch {
		case err == errLong:
			bad = row.Bad("", "%v", err)
		case len(spans) != len(columns):
			bad = row.Bad("", "the row has %d values, the header %d", len(spans), len(columns))
		case !latin && !utf8.Valid(raw):
			bad = row.Bad("", "the row is not UTF-8")
		case bytes.IndexByte(raw, 0) >= 0:
			bad = row.Bad("", "the row holds a byte of zero, which no text has: is the file in UTF-16?")
		}
		if err := each(row, bad); err != nil {
			return err
		}
	}
}

// ReadRows reads a text that is no extract as extracts are read: by its header, each row with what is wrong with it, so that a stray quote costs one line.
func ReadRows(text []byte, each func(*Row, error) error) error {
	return (&File{Name: "the text"}).rows(bytes.NewReader(text), nil, false, each)
}

// SplitRow splits one line into its values, as files are read: for a format that must look at a first row.
func SplitRow(line string, comma byte) []string {
	raw, spans, _, _ := cut([]byte(line), comma, true)
	r := &Row{raw: raw, spans: spans, head: &header{}}
	var out []string
	for i := range spans {
		out = append(out, r.field(i))
	}
	return out
}
