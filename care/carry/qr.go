package carry

import (
	"html/template"
	"strconv"
	"strings"

	"rsc.io/qr/coding"

	"github.com/kith-care/kith/fhir"
)

// QR draws text as a QR code, as SVG that a page may hold: dark squares on white, with the quiet zone around them. label says what it is to those who do not
// see it. Digits after shc:/ take the little room that digits need. Invalid where the text is too long for any QR code.
func QR(text, label string) (template.HTML, error) {
	parts := []coding.Encoding{coding.String(text)}
	if digits, ok := strings.CutPrefix(text, "shc:/"); ok {
		parts = []coding.Encoding{coding.String("shc:/"), coding.Num(digits)}
	}
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		need := 0
		for _, p := range parts {
			need += p.Bits(v)
		}
		if need > v.DataBytes(coding.L)*8 {
			continue
		}
		plan, err := coding.NewPlan(v, coding.L, 0)
		if err != nil {
			return "", fhir.Errorf(fhir.Broken, "a QR code cannot be planned: %w", err)
		}
		code, err := plan.Encode(parts...)
		if err != nil {
			return "", fhir.Errorf(fhir.Broken, "a QR code cannot be drawn: %w", err)
		}
		return svg(code, label), nil
	}
	return "", fhir.Errorf(fhir.Invalid, "%d letters are too many for a QR code", len(text))
}

// quiet is the white border that readers need, in squares.
const quiet = 4

func svg(code *coding.Code, label string) template.HTML {
	size := strconv.Itoa(code.Size + 2*quiet)
	var b strings.Builder
	b.WriteString(`<svg class="kith-qr" viewBox="0 0 ` + size + ` ` + size + `" role="img" aria-label="` + template.HTMLEscapeString(label) + `" shape-rendering="crispEdges"><rect width="` + size + `" height="` + size + `" fill="#fff"/><path fill="#000" d="`)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if n := x - from; n > 0 {
				b.WriteString("M" + strconv.Itoa(from+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(n) + "v1h-" + strconv.Itoa(n) + "z")
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String())
}
