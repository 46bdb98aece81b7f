// Package letter makes letters that can be printed and posted: a page of A4 whose address stands in the window of an envelope, in standard or large
// print, and the same words as a file for a Braille printer.
//
// What somebody needs first stands first: date, place and whom to call, in a box, before any sentence. Letters are plain words and lines; where they come
// from is the caller's affair. The font is Go Regular and Go Bold, which have the letters of Welsh (ŵ, ŷ).
package letter

import (
	"bytes"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/kith-care/kith/fhir"
)

// Letter is what is written to somebody. All texts are in its language.
type Letter struct {
	Language   string   // of BCP 47, for those who have the file read aloud
	From       []string // who writes: name, then address and telephone, a line each
	To         []string // name and address, a line each: at most MostLines
	Date       time.Time
	Day        string // Date as the letter writes it
	Reference  string // by which the sender finds it again
	Box        []Row  // what somebody needs first: when, where, whom to call
	Subject    string
	Paragraphs []string
	Large      bool   // large print: 18 points
	Continued  string // "Page %d", at the foot of each page
}

// Row is a line of the box.
type Row struct{ Label, Text string }

// MostLines is how many lines of an address fit into the window of an envelope.
const MostLines = 8

// Where the window of a DL or C5 envelope is on a page folded for it, and sizes, in millimetres. The address keeps 5 mm from the window's edges, so that the sheet may slip.
// BS 4264; Royal Mail asks for 5 mm clear around the address.
const (
	windowLeft, windowTop, windowWide = 25.0, 50.0, 80.0
	margin                            = 22.0
	bodyTop                           = 105.0 // below the first fold, which is at 99 mm
	millimetre                        = 25.4 / 72
)

// Sizes of print, in points. The NHS asks for at least 12; large print begins at 16.
const (
	standardPoints = 12.0
	largePoints    = 18.0
)

// PDF is the letter as a page or more of A4. The same letter makes the same bytes. Invalid where the address does not fit into the window.
func (l *Letter) PDF() ([]byte, error) { return l.pdf(true) }

func (l *Letter) pdf(compress bool) ([]byte, error) {
	if len(l.To) < 2 || len(l.To) > MostLines {
		return nil, fhir.Errorf(fhir.Invalid, "an address of %d lines does not fit into the window of an envelope: 2 to %d do", len(l.To), MostLines)
	}
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCompression(compress)
	f.SetCatalogSort(true)
	f.SetCreationDate(l.Date)
	f.SetModificationDate(l.Date)
	f.SetLang(l.Language)
	f.SetTitle(l.Subject, true)
	f.AddUTF8FontFromBytes("go", "", goregular.TTF)
	f.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, margin)
	p := &page{f, standardPoints}
	if l.Large {
		p.points = largePoints
	}
	f.SetFooterFunc(func() {
		f.SetY(-margin + 6)
		p.font("", min(p.points, 14))
		f.CellFormat(0, 6, l.foot(f.PageNo()), "", 0, "R", false, 0, "")
	})
	f.AddPage()
	p.head(l)
	p.box(l.Box)
	p.body(l)
	var out bytes.Buffer
	if err := f.Output(&out); err != nil {
		return nil, fhir.Errorf(fhir.Unprocessable, "the letter could not be made: %w", err)
	}
	return out.Bytes(), nil
}

// foot is what stands at the foot of a page.
func (l *Letter) foot(number int) string {
	text := l.Reference
	if l.Continued != "" && number > 1 {
		text += "   " + sprint(l.Continued, number)
	}
	return text
}

// page is a page that is being written.
type page struct {
	*fpdf.Fpdf
	points float64
}

func (p *page) font(style string, points float64) { p.SetFont("go", style, points) }

// line is the height of a line of the body: one and a half times the size of its letters, as large print needs.
func (p *page) line() float64 { return p.points * 1.4 * millimetre }

// head writes the sender at the top right, the address in the window and the day below it.
func (p *page) head(l *Letter) {
	const small = 10.0
	for i, line := range l.From {
		p.font(map[bool]string{true: "B", false: ""}[i == 0], map[bool]float64{true: standardPoints, false: small}[i == 0])
		p.SetXY(margin, 14+float64(i)*5.2)
		p.CellFormat(0, 5.2, line, "", 0, "R", false, 0, "")
	}
	height := min(5.2, 35.0/float64(len(l.To)))
	for i, line := range l.To {
		p.font("", 11)
		for p.GetStringWidth(line) > windowWide { // a long line is set smaller rather than cut off
			size, _ := p.GetFontSize()
			if size <= 7 {
				break
			}
			p.font("", size-0.5)
		}
		p.SetXY(windowLeft, windowTop+float64(i)*height)
		p.CellFormat(windowWide, height, line, "", 0, "L", false, 0, "")
	}
	p.SetXY(margin, bodyTop-12)
	p.font("", p.points)
	p.CellFormat(0, p.line(), l.Day, "", 0, "R", false, 0, "")
	p.SetXY(margin, bodyTop)
}

// box draws a frame around what somebody needs first. It is not broken over pages: it stands on the first, whose room it fits.
func (p *page) box(rows []Row) {
	if len(rows) == 0 {
		return
	}
	const pad = 4.0
	wide, _ := p.GetPageSize()
	inner := wide - 2*margin - 2*pad
	top := p.GetY()
	p.SetY(top + pad)
	for _, r := range rows {
		p.SetX(margin + pad)
		p.font("B", p.points)
		p.MultiCell(inner, p.line(), r.Label+": ", "", "L", false)
		p.SetX(margin + pad)
		p.font("", p.points)
		p.MultiCell(inner, p.line(), r.Text, "", "L", false)
	}
	p.SetLineWidth(0.6)
	p.Rect(margin, top, wide-2*margin, p.GetY()+pad-top, "D")
	p.SetXY(margin, p.GetY()+2*pad)
}

func (p *page) body(l *Letter) {
	if l.Subject != "" {
		p.font("B", p.points+2)
		p.MultiCell(0, p.line()+1, l.Subject, "", "L", false)
		p.Ln(p.line() / 2)
	}
	for _, text := range l.Paragraphs {
		p.font("", p.points)
		p.MultiCell(0, p.line(), text, "", "L", false)
		p.Ln(p.line() / 2)
	}
}
