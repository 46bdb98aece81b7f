package hl7

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir/r4"
)

// binary keeps bytes as a Binary and gives the attachment that shows them.
func (b *builder) binary(key, at, contentType, title string, data []byte) *r4.Attachment {
	x, e := draft[r4.Binary](b, "Binary", key, at)
	x.ContentType = contentType
	x.Data = base64.StdEncoding.EncodeToString(data)
	if b.patient.ID != "" {
		x.SecurityContext = b.patient.reference()
	}
	return &r4.Attachment{ContentType: contentType, URL: e.ref.String(), Title: title, Size: ptr(len(data))}
}

// file reads ED (a file) or RP (a pointer to one), nil where it is empty.
func (b *builder) file(at, kind string, p Part, key string, s Segment) *r4.Attachment {
	title := or(s.Field(3).Comp(2).Text(), s.Field(3).Comp(1).Text())
	if kind == "RP" {
		address := p.Comp(1).Text()
		if address == "" {
			return nil
		}
		a := &r4.Attachment{Title: or(title, address), ContentType: mediaType(p.Comp(3).Text(), p.Comp(4).Text())}
		if u, err := url.Parse(address); err == nil && u.IsAbs() && !strings.ContainsAny(address, " \\") {
			a.URL = address
		} else {
			a.Title = address
		}
		return a
	}
	data, ok := decodeED(p.Comp(4).Text(), p.Comp(5).Text())
	if !ok {
		b.warn(at, "the data are not %s as OBX-5.4 says; they are kept as they came", or(p.Comp(4).Text(), "text"))
	}
	if len(data) == 0 {
		return nil
	}
	return b.binary(key, at[:strings.LastIndexByte(at, '-')], mediaType(p.Comp(2).Text(), p.Comp(3).Text()), title, data)
}

// decodeED undoes the encoding of ED-5 by table 0299: Base64, Hex or A for none. Some senders break Base64 into lines.
func decodeED(encoding, data string) ([]byte, bool) {
	switch strings.ToLower(encoding) {
	case "base64", "64":
		joined := strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, data)
		if out, err := base64.StdEncoding.DecodeString(joined); err == nil {
			return out, true
		}
		if out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(joined, "=")); err == nil {
			return out, true
		}
		return []byte(data), false
	case "hex":
		out, err := hex.DecodeString(strings.TrimSpace(data))
		if err != nil {
			return []byte(data), false
		}
		return out, true
	}
	return []byte(data), true
}

// mediaType is the MIME type of a data type (table 0191) and subtype (0291).
func mediaType(kind, subtype string) string {
	if strings.Count(subtype, "/") == 1 {
		return strings.ToLower(subtype)
	}
	if c, ok := lookup("media", subtype); ok {
		return c.code
	}
	switch strings.ToUpper(kind) {
	case "TEXT", "TX", "FT":
		return "text/plain"
	case "IM", "IMAGE":
		return "image/" + or(strings.ToLower(oneWord(subtype)), "*")
	}
	return "application/octet-stream"
}

func oneWord(s string) string {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return ""
		}
	}
	return s
}

// document maps TXA and the OBX below it: a document about the patient. T01 to T11, chapter 9.
func (b *builder) document(txa Segment, body []Segment) {
	at := txa.Place()
	number := txa.Field(12)
	key, from := orderNumber(number)
	if key == "" {
		key = b.patient.ID + "|" + txa.Field(2).Text() + "|" + or(txa.Field(4).Text(), txa.Field(6).Text())
		b.warn(at+"-12", "the document has no number: it is known by patient, type and time")
	}
	x, e := draft[r4.DocumentReference](b, "DocumentReference", "TXA|"+key, at)
	if e.stale {
		return
	}
	if from.Comp(1).Text() != "" {
		id := b.entity(from.Rep())
		x.MasterIdentifier = &id
	}
	x.Status = "current"
	switch b.event {
	case "T11":
		x.Status = "entered-in-error"
	}
	switch txa.Field(19).Text() { // table 0273
	case "OB":
		x.Status = "superseded"
	case "CA", "UN":
		x.Status = "entered-in-error"
	}
	x.DocStatus = plain("document-status", txa.Field(17).Text(), x.DocStatus)
	switch b.event {
	case "T05", "T06", "T07", "T08":
		if x.DocStatus == "final" {
			x.DocStatus = "amended"
		}
	}
	if c := b.coded("document", txa.Field(2)); c != nil {
		x.Type = c
	}
	x.Subject = b.patient.reference()
	for _, n := range []int{8, 6, 4} { // edited, originated, of the activity
		if when := b.clock.dateTime(at+"-"+strconv.Itoa(n), txa.Field(n)); when.Clock.Known != 0 {
			x.Date = when
			break
		}
	}
	for _, n := range []int{9, 5} {
		if field := txa.Field(n); !field.Empty() {
			x.Author = nil
			for rep := range field.Reps() {
				if who := b.practitioner(at, rep); who != nil {
					x.Author = append(x.Author, *who)
				}
			}
			break
		}
	}
	if who := b.practitioner(at, txa.Field(22).Rep()); who != nil {
		x.Authenticator = who
	}
	if title := txa.Field(16).Text(); title != "" {
		x.Description = title
	}
	if secret := txa.Field(18).Text(); secret != "" {
		x.SecurityLabel = []r4.CodeableConcept{*concept("http://terminology.hl7.org/CodeSystem/v2-0272", oneSpace(secret), "")}
	}
	if b.encounter.ID != "" {
		x.Context = &r4.DocumentReferenceContext{Encounter: []r4.Reference{*b.encounter.reference()}}
	}
	b.parent(x, txa)
	b.contents(x, "TXA|"+key, txa, body)
}

// parent relates an addendum or a replacement to the document it is about, and supersedes what is replaced.
func (b *builder) parent(x *r4.DocumentReference, txa Segment) {
	key, _ := orderNumber(txa.Field(13))
	if key == "" {
		return
	}
	code := "appends"
	if b.event == "T09" || b.event == "T10" {
		code = "replaces"
	}
	target := Ref{"DocumentReference", ID(b.cfg.Feed, "DocumentReference", "TXA|"+key)}
	if target.ID == x.ID {
		return
	}
	x.RelatesTo = []r4.DocumentReferenceRelatesTo{{Code: code, Target: target.reference()}}
	if code == "replaces" && b.current("DocumentReference", target.ID) != nil {
		old, e := draft[r4.DocumentReference](b, "DocumentReference", "TXA|"+key, txa.Place())
		if !e.stale {
			old.Status = "superseded"
		}
	}
}

// contents are the files and the text of a document: lines of text are one text, each file is its own.
func (b *builder) contents(x *r4.DocumentReference, key string, txa Segment, body []Segment) {
	var lines []string
	var textAt string
	var files []r4.Attachment
	for _, s := range body {
		kind := strings.ToUpper(s.Field(2).Text())
		if kind == "ED" || kind == "RP" {
			for rep := range s.Field(5).Reps() {
				if a := b.file(s.Place()+"-5", kind, rep, key+"|"+strconv.Itoa(len(files)+1), s); a != nil {
					files = append(files, *a)
				}
			}
			continue
		}
		for rep := range s.Field(5).Reps() {
			lines = append(lines, rep.Whole())
		}
		textAt = or(textAt, s.Place())
	}
	title := or(x.Description, txa.Field(2).Comp(2).Text())
	if x.Type != nil && title == "" {
		title = x.Type.Coding[0].Display
	}
	var content []r4.DocumentReferenceContent
	if text := strings.TrimSpace(strings.Join(lines, "\n")); text != "" && utf8.ValidString(text) {
		a := b.binary(key+"|text", textAt, "text/plain; charset=utf-8", title, []byte(text))
		content = append(content, r4.DocumentReferenceContent{Attachment: a})
	}
	for i := range files {
		content = append(content, r4.DocumentReferenceContent{Attachment: &files[i]})
	}
	switch {
	case content != nil:
		x.Content = content
	case x.Content == nil: // T01 and its kin only say that there is a document
		a := r4.Attachment{Title: or(title, "Document"), ContentType: mediaType(txa.Field(3).Text(), "")}
		if a.ContentType == "application/octet-stream" {
			a.ContentType = ""
		}
		x.Content = []r4.DocumentReferenceContent{{Attachment: &a}}
	}
}
