package message

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
)

// exif is what a telephone writes into a photograph: which way is up, and where it was taken.
func exif(orientation uint16) []byte {
	t := []byte("MM\x00*\x00\x00\x00\x08")
	entry := func(tag, kind uint16, count, value uint32) {
		t = binary.BigEndian.AppendUint16(t, tag)
		t = binary.BigEndian.AppendUint16(t, kind)
		t = binary.BigEndian.AppendUint32(t, count)
		t = binary.BigEndian.AppendUint32(t, value)
	}
	t = binary.BigEndian.AppendUint16(t, 2)
	entry(0x0112, 3, 1, uint32(orientation)<<16)
	entry(0x8825, 4, 1, 38)
	t = append(t, "\x00\x00\x00\x00GPS 51.5074N 0.1278W Pixel 9"...)
	body := append([]byte("Exif\x00\x00"), t...)
	out := append([]byte("\xff\xe1"), 0, 0)
	binary.BigEndian.PutUint16(out[2:], uint16(len(body)+2))
	return append(out, body...)
}

// taken is a photograph of 60 by 40, red at the left and blue at the right, turned as orientation says.
func taken(t *testing.T, orientation uint16) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 60, 40))
	for y := range 40 {
		for x := range 60 {
			img.Set(x, y, map[bool]color.Color{true: color.RGBA{200, 0, 0, 255}, false: color.RGBA{0, 0, 200, 255}}[x < 30])
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	raw := out.Bytes()
	return append(append([]byte("\xff\xd8"), exif(orientation)...), raw[2:]...)
}

// Where a photograph was taken, and by which telephone, is in nothing that is kept; which way is up is kept by turning it.
func TestNothingStaysOfWhereAPhotographWasTaken(t *testing.T) {
	raw := taken(t, 6)
	if !bytes.Contains(raw, []byte("GPS")) {
		t.Fatal("the photograph of the test says nothing of where it was taken")
	}
	p, err := Clean(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"GPS", "Exif", "Pixel"} {
		if bytes.Contains(p.JPEG, []byte(word)) {
			t.Errorf("%s is still in it", word)
		}
	}
	if p.Wide != 40 || p.Height != 60 {
		t.Errorf("it is %d by %d, want 40 by 60", p.Wide, p.Height)
	}
	img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
	if err != nil {
		t.Fatal(err)
	}
	// A quarter to the right: what was left is above.
	if r, _, b, _ := img.At(20, 10).RGBA(); r < b {
		t.Error("it is turned the wrong way")
	}
}

// Each of the eight ways in which a camera can be held.
func TestPhotographsAreUpright(t *testing.T) {
	redAt := map[uint16]image.Point{1: {5, 20}, 2: {55, 20}, 3: {55, 20}, 4: {5, 20}, 5: {20, 5}, 6: {20, 5}, 7: {20, 55}, 8: {20, 55}}
	for o, at := range redAt {
		p, err := Clean(taken(t, o))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, b, _ := img.At(at.X, at.Y).RGBA(); r < b {
			t.Errorf("orientation %d: there is no red at %v of %v", o, at, img.Bounds())
		}
	}
}

func TestPhotographsThatCannotBeKept(t *testing.T) {
	bomb := pngOf(t, 1, 1)
	binary.BigEndian.PutUint32(bomb[16:], 60000) // wide
	binary.BigEndian.PutUint32(bomb[20:], 60000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	for _, c := range []struct {
		name string
		raw  []byte
		kind fhir.ErrKind
		says string
	}{
		{"nothing", nil, fhir.Invalid, "empty"},
		{"too many bytes", append([]byte("\xff\xd8\xff"), make([]byte, MostPhotoBytes)...), fhir.TooLarge, "8 MB"},
		{"a page", []byte("<html><script>alert(1)</script>"), fhir.Unsupported, "not a photograph"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), fhir.Unsupported, "HEIC"},
		{"cut off", taken(t, 1)[:300], fhir.Invalid, "damaged"},
		{"more pixels than it has bytes", bomb, fhir.TooLarge, "pixels"},
	} {
		_, err := Clean(c.raw)
		if err == nil || fhir.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func pngOf(t *testing.T, wide, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewNRGBA(image.Rect(0, 0, wide, height))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestLargePhotographsAreMadeSmaller(t *testing.T) {
	p, err := Clean(pngOf(t, 5000, 100))
	if err != nil || p.Wide != Longest || p.Height != 40 {
		t.Errorf("%d by %d: %v", p.Wide, p.Height, err)
	}
	img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(10, 10).RGBA(); r < 0xf000 {
		t.Error("what is see-through is not white")
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		orientation(raw)
		if p, err := Clean(raw); err == nil && (p.Wide > Longest || p.Height > Longest || heic(raw)) {
			t.Errorf("%d by %d", p.Wide, p.Height)
		}
	})
}
