package message

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"

	"golang.org/x/image/draw"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/words"
)

// Photo is a photograph with nothing in it but what it shows: upright, no larger than Longest, as JPEG.
type Photo struct {
	JPEG         []byte
	Wide, Height int // pixels
}

// Limits of a photograph: bytes as it comes, pixels as it comes, and the longer side, in pixels, as it is kept.
const (
	MostPhotoBytes = 8 << 20
	mostPixels     = 50_000_000
	Longest        = 2048
)

// What is wrong with photographs, in English: words has it in other languages.
var (
	PhotoTooLarge = words.Text("The photograph is too large. Choose one of 8 MB or less")
	TooManyPhotos = words.Text("Send no more than 3 photographs with one message")
)

// onePhoto lets one photograph be opened at a time: a large one takes 200 MB while it is.
var onePhoto sync.Mutex

// Clean opens a photograph as it comes from a telephone or camera, and writes it anew, so that nothing stays of when, where and by which device it was
// taken. What it is is told by its bytes, not by its name. The errors are sentences for whoever sent it: TooLarge, Unsupported or Invalid.
func Clean(raw []byte) (Photo, error) {
	switch {
	case len(raw) == 0:
		return Photo{}, refuse(fhir.Invalid, "photo", words.Text("The photograph is empty. Choose another"))
	case len(raw) > MostPhotoBytes:
		return Photo{}, refuse(fhir.TooLarge, "photo", PhotoTooLarge)
	}
	var decode func([]byte) (image.Image, error)
	var size image.Config
	var err error
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		size, err = jpeg.DecodeConfig(bytes.NewReader(raw))
		decode = func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		size, err = png.DecodeConfig(bytes.NewReader(raw))
		decode = func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }
	case heic(raw):
		return Photo{}, refuse(fhir.Unsupported, "photo", words.Text("This photograph is a HEIC file, which cannot be opened here. Send it as a JPEG, or take a picture of it with your screen"))
	default:
		return Photo{}, refuse(fhir.Unsupported, "photo", words.Text("This file is not a photograph. Choose a JPEG or PNG file"))
	}
	if err != nil {
		return Photo{}, broken()
	}
	if size.Width < 1 || size.Height < 1 || size.Width > mostPixels/size.Height {
		return Photo{}, refuse(fhir.TooLarge, "photo", words.Text("The photograph has too many pixels. Choose a smaller one"))
	}
	onePhoto.Lock()
	defer onePhoto.Unlock()
	img, err := decode(raw)
	if err != nil {
		return Photo{}, broken()
	}
	out := upright(shrink(img), orientation(raw))
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, out, &jpeg.Options{Quality: 85}); err != nil {
		return Photo{}, err
	}
	return Photo{buf.Bytes(), out.Bounds().Dx(), out.Bounds().Dy()}, nil
}

func broken() error {
	return refuse(fhir.Invalid, "photo", words.Text("The photograph is damaged and cannot be opened. Choose another"))
}

// heic reports whether a file is of the kind that new telephones take: ISO base media with a brand of HEIF. ISO/IEC 23008-12.
func heic(raw []byte) bool {
	if len(raw) < 12 || string(raw[4:8]) != "ftyp" {
		return false
	}
	switch string(raw[8:12]) {
	case "heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1", "avif":
		return true
	}
	return false
}

// shrink makes a picture no longer than Longest, on white where it is see-through.
func shrink(img image.Image) *image.RGBA {
	b := img.Bounds()
	wide, height := b.Dx(), b.Dy()
	if long := max(wide, height); long > Longest {
		wide, height = max(1, wide*Longest/long), max(1, height*Longest/long)
	}
	out := image.NewRGBA(image.Rect(0, 0, wide, height))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	if wide == b.Dx() && height == b.Dy() {
		draw.Draw(out, out.Bounds(), img, b.Min, draw.Over)
		return out
	}
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, b, draw.Over, nil)
	return out
}

// upright turns a picture as its orientation says (1 to 8 of EXIF), since what says so is left out.
func upright(img *image.RGBA, o int) *image.RGBA {
	if o < 2 || o > 8 {
		return img
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	size := image.Rect(0, 0, w, h)
	if o >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch o {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			copy(out.Pix[out.PixOffset(tx, ty):][:4], img.Pix[img.PixOffset(x, y):][:4])
		}
	}
	return out
}

// orientation is how a JPEG says that it is to be turned, 1 where it says nothing or nothing that can be read. EXIF 2.32, section 4.6.4.
func orientation(raw []byte) int {
	const upright = 1
	if len(raw) < 4 || raw[0] != 0xff || raw[1] != 0xd8 {
		return upright
	}
	for at := 2; at+4 <= len(raw) && raw[at] == 0xff; {
		length := int(binary.BigEndian.Uint16(raw[at+2:]))
		end := at + 2 + length
		if raw[at+1] == 0xda || length < 2 || end > len(raw) {
			break
		}
		if raw[at+1] == 0xe1 && bytes.HasPrefix(raw[at+4:end], []byte("Exif\x00\x00")) {
			return inTIFF(raw[at+10 : end])
		}
		at = end
	}
	return upright
}

// inTIFF finds the orientation in the first directory of a TIFF structure.
func inTIFF(t []byte) int {
	const tagOrientation, upright = 0x0112, 1
	if len(t) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if t[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int(order.Uint32(t[4:]))
	if at < 8 || at+2 > len(t) {
		return upright
	}
	for i := range int(order.Uint16(t[at:])) {
		entry := at + 2 + 12*i
		if entry+12 > len(t) {
			break
		}
		if order.Uint16(t[entry:]) == tagOrientation {
			return int(order.Uint16(t[entry+8:]))
		}
	}
	return upright
}
