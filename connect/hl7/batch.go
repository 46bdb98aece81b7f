package hl7

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Piece is one part of a file: a message, or text between messages that is none.
type Piece struct {
	Line int // where it begins in the file, from 1
	Data []byte
	Junk bool
}

// Split takes a file of messages apart: a batch (FHS, BHS … BTS, FTS), messages one after the other, or frames as they
// went over the wire. What stands between messages is given as junk, for whoever sent the file. The error says that a
// batch counts other messages than it holds; the pieces are good all the same.
// Chapter 2.10.3 of HL7 v2.8.
func Split(data []byte) ([]Piece, error) {
	data = trimMark(data)
	var pieces []Piece
	var said, counted error
	messages, line := 0, 1
	open, blank := false, true
	for len(data) > 0 {
		end := bytes.IndexAny(data, "\r\n")
		next := end + 1
		if end < 0 {
			end, next = len(data), len(data)
		} else if data[end] == '\r' && next < len(data) && data[next] == '\n' {
			next++
		}
		whole, text := data[:next], bytes.Trim(data[:end], "\x0b\x1c \t")
		data = data[next:]
		switch {
		case len(text) == 0:
			blank = true
			if open {
				last := &pieces[len(pieces)-1]
				last.Data = append(last.Data, whole...)
			}
		case bytes.HasPrefix(text, []byte("MSH")) && len(text) > 8 && !wordByte(text[3]):
			pieces = append(pieces, Piece{Line: line, Data: bytes.Clone(bytes.TrimLeft(whole, "\x0b \t"))})
			messages++
			open, blank = true, false
		case isEnvelope(text):
			open, blank = false, false
			if said = batchCount(text, messages); said != nil && counted == nil {
				counted = said
			}
			if bytes.HasPrefix(text, []byte("BHS")) {
				messages = 0
			}
		case open && (!blank || isSegment(string(text), text[min(3, len(text)-1)])):
			last := &pieces[len(pieces)-1]
			last.Data = append(last.Data, bytes.TrimRight(whole, "\x1c")...)
			blank = false
		default:
			open, blank = false, false
			pieces = append(pieces, Piece{Line: line, Data: bytes.Clone(text), Junk: true})
		}
		line += max(1, bytes.Count(whole, []byte("\n")))
	}
	for i := range pieces {
		pieces[i].Data = bytes.TrimRight(pieces[i].Data, "\x1c\r\n")
	}
	return pieces, counted
}

func isEnvelope(line []byte) bool {
	if len(line) < 3 || len(line) > 3 && wordByte(line[3]) {
		return false
	}
	switch string(line[:3]) {
	case "FHS", "BHS", "BTS", "FTS":
		return true
	}
	return false
}

// batchCount holds BTS-1 against the messages that came.
func batchCount(line []byte, messages int) error {
	if !bytes.HasPrefix(line, []byte("BTS")) || len(line) < 5 {
		return nil
	}
	field, _, _ := strings.Cut(string(line[4:]), string(line[3]))
	if n, err := strconv.Atoi(strings.TrimSpace(field)); err == nil && n != messages {
		return fhir.Errorf(fhir.Invalid, "the batch says it holds %d messages, but %d came", n, messages).At("BTS-1")
	}
	return nil
}
