package intake

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// scan reads all rows of a text by way of a reader that gives it in small pieces.
func scan(t testing.TB, text string, want int) [][]string {
	t.Helper()
	s := &scanner{in: iotest.HalfReader(strings.NewReader(text)), comma: ','}
	var out [][]string
	for {
		raw, spans, line, place, err := s.next(want)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text[place:], string(raw)) {
			t.Fatalf("a row is said to stand at byte %d and does not", place)
		}
		if stands := int64(strings.Count(text[:place], "\n") + 1); line != stands {
			t.Fatalf("a row is said to stand in line %d and stands in line %d", line, stands)
		}
		r := &Row{raw: raw, spans: spans, head: &header{}}
		var row []string
		for i := range spans {
			row = append(row, r.field(i))
		}
		out = append(out, row)
	}
}

func TestRowsAreCut(t *testing.T) {
	for text, want := range map[string]string{
		"a,b\n1,2\n":                    "[[a b] [1 2]]",
		"a,b\r\n1,2\r\n":                "[[a b] [1 2]]",
		"a,b\n1,2":                      "[[a b] [1 2]]",
		"\"a,b\",c\n\"x\"\"y\",\"z\"\n": "[[a,b c] [x\"y z]]",
		"\"two\nlines\",c\n1,2\n":       "[[two\nlines c] [1 2]]",
		"a,\"open\nb,c\n":               "[[a \"open] [b c]]",
		"\n\na,b\n\n":                   "[[a b]]",
		"\r\n\n a\r\n\r\n\r\n  \n\rb":   "[[a] [b]]",
		",\n":                           "[[ ]]",
		"\"\",\"\"\n":                   "[[ ]]",
		" a , b \n":                     "[[a b]]",
	} {
		if got := fmt.Sprint(scan(t, text, 2)); got != want {
			t.Errorf("%q is cut to %s, want %s", text, got, want)
		}
	}
}

// A row in quotes over several lines that begins in one block and ends in the next is one row.
func TestARowMayCrossABlock(t *testing.T) {
	var text strings.Builder
	for text.Len() < 3*scanBlock {
		fmt.Fprintf(&text, "%d,\"Pain 6/10, worse on stairs,\nbetter at rest \"\"now\"\"\"\n", text.Len())
	}
	rows := scan(t, text.String(), 2)
	for _, r := range rows {
		if len(r) != 2 || r[1] != "Pain 6/10, worse on stairs,\nbetter at rest \"now\"" {
			t.Fatalf("a row was torn: %q", r)
		}
	}
}

// A line without an end costs that line alone, and no more memory than a block: a cell of 300 MB was once filed, at 2 GB.
func TestALineThatIsTooLongIsPassedOver(t *testing.T) {
	long := strings.Repeat("x", 3*maxRow)
	for name, text := range map[string]string{"plain": "a,b\n1,2\n3," + long + "\n5,6\n", "quoted": "a,b\n1,2\n3,\"" + long + "\n5,6\n", "last": "a,b\n1,2\n5,6\n3," + long} {
		f := &File{Name: name}
		var got []string
		err := f.rows(iotest.HalfReader(strings.NewReader(text)), &Table{}, false, func(r *Row, bad error) error {
			if bad != nil && len(r.Text()) > longShown {
				t.Errorf("%s: %d bytes of the line are kept", name, len(r.Text()))
			}
			if bad == nil {
				got = append(got, r.Get("a")+r.Get("b"))
			} else {
				got = append(got, fmt.Sprint(r.Line, " ", bad))
			}
			if bad == nil && !strings.HasPrefix(text[r.place:], r.Get("a")) {
				t.Errorf("%s: a row is said to stand at byte %d and does not", name, r.place)
			}
			return nil
		})
		want := []string{"12", "3 the line is longer than 1 MB", "56"}
		if name == "last" {
			want = []string{"12", "56", "4 the line is longer than 1 MB"}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := (&File{Name: "bomb"}).rows(strings.NewReader(long), &Table{}, false, nil); err == nil || !strings.Contains(err.Error(), "no header") {
		t.Errorf("a header of %d bytes: %v", len(long), err)
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte("a,b\n1,\"2\n3\"\n"), 2)
	f.Add([]byte("\"\"\"\n\","), 0)
	f.Fuzz(func(t *testing.T, data []byte, want int) {
		s := &scanner{in: bytes.NewReader(data), comma: ','}
		read := 0
		for {
			raw, spans, _, place, err := s.next(want)
			if err == io.EOF {
				break
			}
			if err != nil && err != errLong {
				t.Fatal(err)
			}
			if int(place)+len(raw) > len(data) || len(raw) == 0 || !bytes.Equal(data[place:int(place)+len(raw)], raw) {
				t.Fatalf("a row is not where it is said to be: %d", place)
			}
			r := &Row{raw: raw, spans: spans, head: &header{}}
			for i := range spans {
				_ = r.field(i)
			}
			read += len(raw)
		}
		if read > len(data) {
			t.Fatal("more was read than there is")
		}
	})
}
