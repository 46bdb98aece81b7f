package letter

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

var update = flag.Bool("update", false, "write goldens again")

func welsh() Letter {
	return Letter{Language: "cy", From: []string{"Meddygfa Tŷ Gwyn", "1 Mill Lane", "Merrowby", "ZZ1 1AA", "01632 960100"}, To: []string{"Mrs Ŵena Prŷs", "4 Tŷ Gwyn Terrace", "Merrowby", "ZZ1 2BB"}, Date: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC),
		Day: "26 Tachwedd 2026", Reference: "Ein cyfeirnod: inbox-1", Continued: "Tudalen %d", Subject: "Eich apwyntiad", Box: []Row{{"Pryd", "Dydd Mawrth 1 Rhagfyr am 2:30yp, 2026"}, {"Ble", "Ystafell 3, 1 Mill Lane, Merrowby"}, {"Cysylltu", "Ffoniwch 01632 960100"}},
		Paragraphs: []string{"Annwyl Mrs Prŷs,", "Mae gennych apwyntiad gyda'r nyrs."}}
}

// shown are the texts of a PDF that is not compressed, in the order in which they are drawn, with the place of each from the top left in millimetres.
func shown(t *testing.T, pdf []byte) (out []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?s)\(((?:\\.|[^\\)])*)\)\s?Tj`).FindAllSubmatch(pdf, -1) {
		raw := regexp.MustCompile(`(?s)\\(.)`).ReplaceAllFunc(m[1], func(b []byte) []byte {
			if b[1] == 'r' {
				return []byte("\r")
			}
			return b[1:]
		})
		var units []uint16
		for i := 0; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		}
		if text := strings.TrimSpace(string(utf16.Decode(units))); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// What a letter says, standard and large, word for word: what is needed first stands before any sentence.
func TestLetters(t *testing.T) {
	for name, large := range map[string]bool{"standard": false, "large": true} {
		l := welsh()
		l.Large = large
		raw, err := l.pdf(false)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(shown(t, raw), "\n") + "\n"
		golden(t, "testdata/"+name+".txt", got)
		if when, dear := strings.Index(got, "Pryd"), strings.Index(got, "Annwyl"); when < 0 || dear < when {
			t.Errorf("%s: the box does not come first:\n%s", name, got)
		}
		again, err := l.pdf(false)
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%s: the same letter makes other bytes: %v", name, err)
		}
		sizes := regexp.MustCompile(`/F\w+ ([0-9.]+) Tf`).FindAllSubmatch(raw, -1)
		body := sizes[len(sizes)-2][1] // the last is the foot's
		if want := map[bool]string{false: "12.00", true: "18.00"}[large]; string(body) != want {
			t.Errorf("%s: the body has %s points, want %s", name, body, want)
		}
		packed, err := l.PDF()
		if err != nil || len(packed) > 120<<10 || !bytes.HasPrefix(packed, []byte("%PDF-")) {
			t.Errorf("%s: %d bytes: %v", name, len(packed), err)
		}
	}
}

// The address stands in the window of a DL envelope on the page folded in three: 20 to 110 mm from the left and 45 to 85 mm from the top, 5 mm clear of its edges.
func TestTheAddressStandsInTheWindow(t *testing.T) {
	for lines := 2; lines <= MostLines; lines++ {
		l := welsh()
		l.To = nil
		for range lines {
			l.To = append(l.To, "Xxxxxxxxxxxxxxxxxxxxxxxxx Xxxxxxxxxxxxxxxxxxxxxxx")
		}
		raw, err := l.pdf(false)
		if err != nil {
			t.Fatal(err)
		}
		const page = 841.89
		n := 0
		for _, m := range regexp.MustCompile(`BT (?:0 Tr )?([0-9.]+) ([0-9.]+) Td \(\x00X`).FindAllSubmatch(raw, -1) {
			x, y := number(t, m[1])*millimetre, (page-number(t, m[2]))*millimetre
			if n++; x < 25 || x > 30 || y < 50 || y > 88 {
				t.Errorf("%d lines: one stands at %.1f, %.1f mm", lines, x, y)
			}
		}
		if n != lines {
			t.Errorf("%d of %d lines were found", n, lines)
		}
	}
	for _, lines := range []int{0, 1, MostLines + 1} {
		l := welsh()
		l.To = make([]string, lines)
		if _, err := l.PDF(); err == nil {
			t.Errorf("an address of %d lines is taken", lines)
		}
	}
}

func TestALongLetterGoesOn(t *testing.T) {
	l := welsh()
	l.Large = true
	for range 30 {
		l.Paragraphs = append(l.Paragraphs, "Dewch â'ch meddyginiaethau gyda chi. Dewch â'ch meddyginiaethau gyda chi.")
	}
	raw, err := l.pdf(false)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(shown(t, raw), "\n"); strings.Count(got, "Dewch â'ch") < 60 || !strings.Contains(got, "Tudalen 3") {
		t.Errorf("something is missing:\n%s", got)
	}
}

func TestBraille(t *testing.T) {
	for text, want := range map[string]string{
		"Come on 3 May at 2:30pm.": ",come on #c ,may at #b3#cjpm4",
		"9am":                      "#i;am", // not 91
		"ZZ1 2BB":                  ",z,z#a #b,b,b",
		"1,250.5":                  "#a1bej4e",
		"Tŷ Gwyn":                  ",t^%y ,gwyn",
		"(a/b) £5?":                `"<a_/b"> @l#e8`,
		"☃":                        `"<character #igca">`,
	} {
		if got := Braille(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	l := welsh()
	brf := string(l.BRF())
	golden(t, "testdata/braille.brf", brf)
	for _, line := range strings.FieldsFunc(brf, func(r rune) bool { return r == '\n' || r == '\f' }) {
		if line = strings.TrimSuffix(line, "\r"); len(line) > cells {
			t.Errorf("%q is too long", line)
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s (%v):\n%s", path, err, got)
	}
}

func number(t *testing.T, text []byte) float64 {
	t.Helper()
	n := 0.0
	whole, part, _ := strings.Cut(string(text), ".")
	for _, r := range whole {
		n = n*10 + float64(r-'0')
	}
	scale := 0.1
	for _, r := range part {
		n += float64(r-'0') * scale
		scale /= 10
	}
	return n
}

func TestWhatTheFontWrites(t *testing.T) {
	for text, want := range map[string]bool{"Dydd Mercher, ŵ ŷ": true, "wrzesień, żółć": true, "вересень": true, "سبتمبر": false, "সেপ্টেম্বর": false, "ਸਤੰਬਰ": false} {
		if got := Writes(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
