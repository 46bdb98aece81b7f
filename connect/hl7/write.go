package hl7

import (
	"strings"
	"time"
)

// Value is a field as it stands in a message, its text escaped already: made by Text, Comps, Subs and Reps.
type Value string

// Row is a segment to be written: Row{"MSA", Text("AA"), Text(id)}. Its first value is the name.
type Row []Value

// Text escapes a text.
func Text(s string) Value { return Value(escape(s)) }

// Comps puts components together.
func Comps(parts ...Value) Value { return join(parts, "^") }

// Subs puts subcomponents together.
func Subs(parts ...Value) Value { return join(parts, "&") }

// Reps puts repetitions together.
func Reps(parts ...Value) Value { return join(parts, "~") }

func join(parts []Value, sep string) Value {
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return Value(strings.Join(words, sep))
}

// Stamp writes a moment as HL7 does, with its offset, so that nobody has to guess about the clock change.
func Stamp(t time.Time) Value { return Value(t.Format("20060102150405-0700")) }

// Encode writes a message with the usual separators and CR after each segment. Rows without anything after the name are
// left out.
func Encode(rows ...Row) []byte {
	var b strings.Builder
	for _, row := range rows {
		if line := string(join(row, "|")); len(line) > 3 {
			b.WriteString(line)
			b.WriteByte('\r')
		}
	}
	return []byte(b.String())
}

// Header is what MSH of a message of ours says.
type Header struct {
	SendingApp, SendingFacility     string
	ReceivingApp, ReceivingFacility string
	Time                            time.Time
	Code, Event, Structure          string // "MDM", "T02", "MDM_T02"
	ControlID                       string
	Processing                      string // "" for P
	Version                         string // "" for 2.5.1
}

// Row is the MSH segment.
func (h Header) Row() Row {
	return Row{"MSH", `^~\&`, Text(h.SendingApp), Text(h.SendingFacility), Text(h.ReceivingApp), Text(h.ReceivingFacility),
		Stamp(h.Time), "", Comps(Text(h.Code), Text(h.Event), Text(h.Structure)), Text(h.ControlID),
		Text(or(h.Processing, "P")), Text(or(h.Version, "2.5.1")), "", "", "", "", "GBR", "UNICODE UTF-8"}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
