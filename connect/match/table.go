package match

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Map says which columns of a file hold a field. Several columns are joined by a space, such as the lines of an address. Also are
// columns with further values of a field, such as an earlier postcode.
type Map struct {
	ID     []string
	Fields [fieldCount][]string
	Also   []Further
}

// Further are columns with one more value of a field.
type Further struct {
	Field   Field
	Columns []string
}

// ParseMap reads id=COLUMN,forename=COLUMN,…; columns joined by + belong together, and after | come those of a further value.
func ParseMap(text string) (Map, error) {
	var m Map
	for part := range strings.SplitSeq(text, ",") {
		name, columns, ok := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || strings.TrimSpace(columns) == "" {
			return m, fmt.Errorf("%q should be FIELD=COLUMN", part)
		}
		into := &m.ID
		columns, further, more := strings.Cut(columns, "|")
		if name != "id" {
			f, known := FieldNamed(name)
			if !known {
				return m, fmt.Errorf("there is no field %q; the fields are id, %s", name, strings.Join(FieldNames(), ", "))
			}
			into = &m.Fields[f]
		}
		if *into != nil {
			return m, fmt.Errorf("field %s is given twice", name)
		}
		if *into = joined(columns); slices.Contains(*into, "") {
			return m, fmt.Errorf("%q has a | or + with no column beside it", part)
		}
		if more && name == "id" {
			return m, fmt.Errorf("an id has no further values, so %q cannot hold |", part)
		}
		f, _ := FieldNamed(name)
		for more {
			columns, further, more = strings.Cut(further, "|")
			m.Also = append(m.Also, Further{f, joined(columns)})
		}
		for _, also := range m.Also {
			if slices.Contains(also.Columns, "") {
				return m, fmt.Errorf("%q has a | or + with no column beside it", part)
			}
		}
	}
	if slices.IndexFunc(m.Fields[:], func(c []string) bool { return c != nil }) < 0 {
		return m, fmt.Errorf("no field but the id is given, so there is nothing to compare")
	}
	return m, nil
}

func joined(columns string) (out []string) {
	for c := range strings.SplitSeq(columns, "+") {
		out = append(out, strings.TrimSpace(c))
	}
	return out
}

// ReadCSV reads people from a CSV file with a header; name is for errors. Without an id column rows are named by their number, from 1.
// truth, unless "", is the column that names the person a row is really about. Spaces around values do not count.
func ReadCSV(from io.Reader, name string, m Map, truth string) (people []Person, truths map[string]string, err error) {
	in := csv.NewReader(skipMark(from))
	in.ReuseRecord = true
	in.TrimLeadingSpace = true
	in.LazyQuotes = true
	in.FieldsPerRecord = -1
	first, err := in.Read()
	if err == nil && utf16(first[0]) {
		return nil, nil, fmt.Errorf("%s: the file is in UTF-16, which is not read; it should be in UTF-8", name)
	}
	if errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: the file is empty: it should begin with a header", name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: the header: %w", name, err)
	}
	header := slices.Clone(first)
	for i := range header {
		header[i] = strings.TrimSpace(plain(header[i]))
	}
	at := func(columns []string) (out []int, err error) {
		for _, c := range columns {
			i := slices.Index(header, c)
			if i < 0 {
				i = slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, c) })
			}
			if i < 0 {
				return nil, fmt.Errorf("%s: line 1: there is no column %q; the columns are %.1000q", name, c, strings.Join(header, ", "))
			}
			if j := slices.Index(header[i+1:], c); j >= 0 {
				return nil, fmt.Errorf("%s: line 1: column %q stands twice", name, c)
			}
			out = append(out, i)
		}
		return out, nil
	}
	id, err := at(m.ID)
	if err != nil {
		return nil, nil, err
	}
	var where [fieldCount][]int
	for f := range where {
		if where[f], err = at(m.Fields[f]); err != nil {
			return nil, nil, err
		}
	}
	further := make([][]int, len(m.Also))
	for i, also := range m.Also {
		if further[i], err = at(also.Columns); err != nil {
			return nil, nil, err
		}
	}
	var truthAt []int
	if truth != "" {
		if truthAt, err = at([]string{truth}); err != nil {
			return nil, nil, err
		}
		truths = map[string]string{}
	}
	lines := map[string]int{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return people, truths, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if !slices.ContainsFunc(row, func(v string) bool { return strings.TrimSpace(v) != "" }) {
			continue // a spreadsheet writes such rows below the last
		}
		line, _ := in.FieldPos(0)
		if len(row) != len(header) {
			return nil, nil, fmt.Errorf("%s: line %d has %d values, the header has %d columns", name, line, len(row), len(header))
		}
		p := Person{ID: strconv.Itoa(len(people) + 1)}
		if id != nil {
			if p.ID = value(row, id); p.ID == "" {
				return nil, nil, fmt.Errorf("%s: line %d: column %s, the id, is empty", name, line, strings.Join(m.ID, "+"))
			}
		}
		if other, twice := lines[p.ID]; twice {
			return nil, nil, fmt.Errorf("%s: line %d: id %q is that of line %d too", name, line, p.ID, other)
		}
		lines[p.ID] = line
		for f, columns := range where {
			p.Values[f] = value(row, columns)
		}
		for i, columns := range further {
			if v := value(row, columns); v != "" {
				p.Also = append(p.Also, Value{m.Also[i].Field, v})
			}
		}
		if truthAt != nil {
			truths[p.ID] = value(row, truthAt)
		}
		people = append(people, p)
	}
}

func value(row []string, columns []int) string {
	if len(columns) == 1 {
		return strings.Clone(strings.TrimSpace(plain(row[columns[0]])))
	}
	var parts []string
	for _, c := range columns {
		if v := strings.TrimSpace(plain(row[c])); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}

// plain is a value as UTF-8. What is none is Windows-1252, as spreadsheets write it.
func plain(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	out, err := charmap.Windows1252.NewDecoder().String(v)
	if err != nil {
		return strings.ToValidUTF8(v, "\uFFFD")
	}
	return out
}

func utf16(start string) bool {
	return strings.HasPrefix(start, "\xff\xfe") || strings.HasPrefix(start, "\xfe\xff")
}

// skipMark drops the byte order mark that spreadsheets write.
func skipMark(from io.Reader) io.Reader {
	var start [3]byte
	n, err := io.ReadFull(from, start[:])
	if err != nil || string(start[:n]) != "\ufeff" {
		return io.MultiReader(bytes.NewReader(start[:n]), from)
	}
	return from
}

// Count compares links with the truth.
type Count struct{ Right, Wrong, Missed int }

// Precision is the share of links that are right; 1 where there is none.
func (c Count) Precision() float64 { return ratio(c.Right, c.Right+c.Wrong) }

// Recall is the share of true pairs that are links.
func (c Count) Recall() float64 { return ratio(c.Right, c.Right+c.Missed) }

// F1 is the harmonic mean of the two.
func (c Count) F1() float64 { return ratio(2*c.Right, 2*c.Right+c.Wrong+c.Missed) }

func ratio(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

// Check counts right, wrong and missed links. truthA and truthB say by id who a row is about; truthB is nil for one file. Rows whose
// person is "" are about nobody else.
func (r *Roster) Check(found []Scored, truthA, truthB map[string]string) Count {
	who := func(row uint32) string {
		if r.rows[row].file == 1 {
			return truthB[r.ids[row]]
		}
		return truthA[r.ids[row]]
	}
	var c Count
	for _, p := range found {
		if p.Decision != One {
			continue
		}
		if w := who(p.A); w != "" && w == who(p.B) {
			c.Right++
		} else {
			c.Wrong++
		}
	}
	var rows [2]map[string]int
	rows[0], rows[1] = map[string]int{}, map[string]int{}
	for i := range r.rows {
		if w := who(uint32(i)); w != "" {
			rows[r.rows[i].file][w]++
		}
	}
	pairs := 0
	for w, n := range rows[0] {
		if r.linkage {
			pairs += n * rows[1][w]
		} else {
			pairs += n * (n - 1) / 2
		}
	}
	c.Missed = pairs - c.Right
	return c
}

// Find returns the rows of two ids, of the first file and the second where there are two.
func (r *Roster) Find(a, b string) (one, other uint32, err error) {
	at := func(id string, file uint8) (uint32, error) {
		for i := range r.ids {
			if r.ids[i] == id && r.rows[i].file == file {
				return uint32(i), nil
			}
		}
		return 0, fmt.Errorf("file %d has no row with id %q", file+1, id)
	}
	if one, err = at(a, 0); err != nil {
		return
	}
	second := uint8(0)
	if r.linkage {
		second = 1
	}
	other, err = at(b, second)
	return
}

// Weighed is a line of the report of weights. Bits is a range where it depends on how rare the value is.
type Weighed struct {
	Level
	Bits string
}

// Weights lists, for each field the roster has, what each level of agreement is worth.
func (r *Roster) Weights(s *Settings) [fieldCount][]Weighed {
	m := s.model(r)
	var out [fieldCount][]Weighed
	for f := range fieldCount {
		if r.dicts[f].filled[0]+r.dicts[f].filled[1] == 0 {
			continue
		}
		for l, level := range s.Fields[f].Levels {
			bits := fmt.Sprintf("%+.1f", m.bits[f][l+1])
			if uint8(l+1) == same(f) && f != Sex {
				common, rare := m.ends(r, f)
				bits = fmt.Sprintf("%+.1f to %+.1f", common, rare)
			}
			out[f] = append(out[f], Weighed{level, bits})
		}
	}
	return out
}

// ends are the bits of agreeing on a field's commonest and rarest values.
func (m *model) ends(r *Roster, f Field) (common, rare float64) {
	g := agreement{}
	first := true
	for v := 1; v < len(r.dicts[f].words); v++ {
		g.levels[f], g.rare[f] = same(f), r.rare(f, uint32(v))
		b := m.of(&g, f)
		if first {
			common, rare, first = b, b, false
		}
		common, rare = min(common, b), max(rare, b)
	}
	return common, rare
}
