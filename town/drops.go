package town

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// sheetKey is one file of one drop of one feed.
type sheetKey struct {
	feed  int // index in the writing's feeds
	drop  int // 0 is the bulk, then the days
	table int
}

// sheet is what some people's rows add to a file.
type sheet struct {
	data  []byte
	lines int // line feeds in data
}

// outbox gathers rows for many files. Each worker fills its own; they are put behind each other in order of people, so
// that the files are the same however many work.
type outbox struct {
	sheets    map[sheetKey]*sheet
	bad       []badRow
	serial    int64 // of the person's next row
	people    []byte
	facts     []byte
	documents []document // files of their own
	rows      int64      // in extracts
	known     int        // people with a record
	told      int64      // lines of facts
}

// document is a whole file.
type document struct {
	at   time.Time
	path string
	data []byte
}

// badRow is a row that must not be filed.
type badRow struct {
	key     sheetKey
	line    int // within the sheet, from 0
	outcome string
	why     string
}

func (o *outbox) sheet(k sheetKey) *sheet {
	s := o.sheets[k]
	if s == nil {
		s = &sheet{}
		o.sheets[k] = s
	}
	return s
}

// spoil notes that the next row of a file is one that must not be filed.
func (o *outbox) spoil(k sheetKey, outcome, why string) {
	o.bad = append(o.bad, badRow{k, o.sheet(k).lines, outcome, why})
}

// csv appends a row as a spreadsheet does: quoted where it must be.
func (s *sheet) csv(fields []string) {
	for i, f := range fields {
		if i > 0 {
			s.data = append(s.data, ',')
		}
		if strings.ContainsAny(f, ",\"\r\n") {
			s.quoted(f)
		} else {
			s.data = append(s.data, f...)
		}
	}
	s.end()
}

// allQuoted appends a row with every field quoted.
func (s *sheet) allQuoted(fields []string) {
	for i, f := range fields {
		if i > 0 {
			s.data = append(s.data, ',')
		}
		s.quoted(f)
	}
	s.end()
}

func (s *sheet) quoted(f string) {
	s.data = append(s.data, '"')
	for i := range len(f) {
		switch f[i] {
		case '"':
			s.data = append(s.data, '"')
		case '\n':
			s.lines++
		}
		s.data = append(s.data, f[i])
	}
	s.data = append(s.data, '"')
}

func (s *sheet) end() {
	s.data = append(s.data, '\r', '\n')
	s.lines++
}

// files are those being written. Rows wait in memory until there are enough to open the file for: a month of drops has
// more files than a process may hold open.
type files struct {
	dir   string
	files map[sheetKey]*file
	names map[sheetKey]string // path below dir
}

type file struct {
	wait  []byte
	lines int
}

const enoughToWrite = 256 << 10

// begin makes a file with its first line, so that a table without rows is there too.
func (w *files) begin(k sheetKey, path string, header []byte) error {
	full := filepath.Join(w.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return fhir.Errorf(fhir.Broken, "%s could not be made: %v", filepath.Dir(full), err)
	}
	if err := os.WriteFile(full, header, 0o644); err != nil {
		return fhir.Errorf(fhir.Broken, "%s could not be written: %v", full, err)
	}
	w.names[k] = path
	w.files[k] = &file{lines: bytes.Count(header, []byte("\n"))}
	return nil
}

// append puts rows behind a file and returns the number of the line they begin on, from 1.
func (w *files) append(k sheetKey, data []byte, lines int) (first int, err error) {
	f := w.files[k]
	if f == nil {
		return 0, fhir.Errorf(fhir.Broken, "no file was begun for feed %d, drop %d, table %d", k.feed, k.drop, k.table)
	}
	first = f.lines + 1
	f.wait = append(f.wait, data...)
	f.lines += lines
	if len(f.wait) >= enoughToWrite {
		return first, w.flush(k, f)
	}
	return first, nil
}

// whole writes a file of its own.
func (w *files) whole(d document) error {
	full := filepath.Join(w.dir, filepath.FromSlash(d.path))
	err := os.WriteFile(full, d.data, 0o644)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(full), 0o755); err == nil {
			err = os.WriteFile(full, d.data, 0o644)
		}
	}
	if err != nil {
		return fhir.Errorf(fhir.Broken, "%s could not be written: %v", full, err)
	}
	return nil
}

func (w *files) flush(k sheetKey, f *file) error {
	if len(f.wait) == 0 {
		return nil
	}
	full := filepath.Join(w.dir, filepath.FromSlash(w.names[k]))
	out, err := os.OpenFile(full, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = out.Write(f.wait)
		if e := out.Close(); err == nil {
			err = e
		}
	}
	f.wait = f.wait[:0]
	if err != nil {
		return fhir.Errorf(fhir.Broken, "%s could not be written: %v", full, err)
	}
	return nil
}

func (w *files) close() error {
	for k, f := range w.files {
		if err := w.flush(k, f); err != nil {
			return err
		}
		f.wait = nil
	}
	return nil
}

// guid is a GUID in the manner of EMIS. The same person and number give the same one at every practice: it is unique
// only within an organisation.
func guid(seed int64, space byte, who, n int) string {
	a := scatter(uint64(seed)*31 + uint64(space)<<56 + uint64(who)<<20 + uint64(n))
	b := scatter(a ^ 0x9E3779B97F4A7C15)
	const digits = "0123456789ABCDEF"
	var out [38]byte
	out[0], out[37] = '{', '}'
	j := 1
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			out[j] = '-'
			j++
		}
		x := a
		if i >= 16 {
			x = b
		}
		out[j] = digits[x>>(4*uint(i%16))&15]
		j++
	}
	return string(out[:])
}

// scatter is a bijection of 64 bits (splitmix64).
func scatter(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// dayFolder names a drop.
func dayFolder(bulk time.Time, drop int) string {
	if drop == 0 {
		return "bulk"
	}
	return ymd(bulk.Add(time.Duration(drop) * day))
}

// jsonLine appends a line of JSON.
func jsonLine(to []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("town: a line of truth cannot be written: %v", err))
	}
	return append(append(to, line...), '\n')
}
