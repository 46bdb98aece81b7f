package hl7

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Verdict is what becomes of a message, by HL7 table 0008.
type Verdict byte

// The verdicts: filed; kept but not filed, because of what is in it or of us; not taken at all, since it is no message of
// ours.
const (
	Accept Verdict = 'A'
	Fault  Verdict = 'E'
	Reject Verdict = 'R'
)

// Reply is one acknowledgement to be written.
type Reply struct {
	App, Facility string // ours; where empty, what the message names as receiver
	Now           time.Time
	ControlID     string // of the acknowledgement itself; "" for one made from the message's
	Verdict       Verdict
	Err           error  // why, where Verdict is not Accept
	Note          string // MSA-3 of a message that was accepted, for example that it was here before
}

// Wanted reports whether the sender wants to be answered. Without MSH-15 and MSH-16 it always does; in enhanced mode they
// say on which outcome. One reply goes back on the connection: the accept acknowledgement (CA, CE, CR) where MSH-15 asks
// for one, else the application's. An acknowledgement is never acknowledged. Chapter 2.9 of HL7 v2.8.
func Wanted(m *Message, v Verdict) (accept, any bool) {
	if code, _ := m.Type(); code == "ACK" || code == "MCF" {
		return false, false
	}
	first, second := m.At(0).Field(15).Text(), m.At(0).Field(16).Text()
	if first == "" && second == "" {
		return false, true
	}
	if asked(first, v) {
		return true, true
	}
	return false, asked(second, v)
}

func asked(condition string, v Verdict) bool {
	switch strings.ToUpper(condition) {
	case "AL":
		return true
	case "SU":
		return v == Accept
	case "ER":
		return v != Accept
	}
	return false
}

// Ack writes the acknowledgement of a message, nil where the sender wants none.
func Ack(m *Message, r Reply) []byte {
	accept, any := Wanted(m, r.Verdict)
	if !any {
		return nil
	}
	msh := m.At(0)
	_, event := m.Type()
	kind := "A"
	if accept {
		kind = "C"
	}
	version := or(msh.Field(12).Text(), "2.3")
	id := msh.Field(10).Text()
	row := Header{SendingApp: or(r.App, msh.Field(5).Text()), SendingFacility: or(r.Facility, msh.Field(6).Text()),
		ReceivingApp: msh.Field(3).Text(), ReceivingFacility: msh.Field(4).Text(), Time: r.Now, Code: "ACK", Event: event,
		Structure: "ACK", ControlID: or(r.ControlID, "A"+id), Processing: or(msh.Field(11).Text(), "P"), Version: version}.Row()
	row[8] = Comps("ACK", Text(event))
	if newer(version, "2.4") {
		row[8] = Comps("ACK", Text(event), "ACK")
	}
	msa := Row{"MSA", Value(kind) + Value(rune(r.Verdict)), Text(id), Text(r.Note)}
	if r.Err != nil {
		msa[3] = Text(sentence(r.Err))
	}
	rows := []Row{row[:len(row)-5], msa}
	if !ascii(string(msa[3])) {
		rows[0] = row
	}
	if r.Err != nil {
		rows = append(rows, errRow(version, r.Err))
	}
	return Encode(rows...)
}

// Nack answers bytes that are no message: nothing of them can be echoed but MSH-10, where it can be found.
func Nack(raw []byte, r Reply) []byte {
	id, sep := "", byte('|')
	line, _, _ := strings.Cut(strings.TrimLeft(string(trimMark(raw)), " \r\n\t"), "\r")
	if strings.HasPrefix(line, "MSH") && len(line) > 3 {
		sep = line[3]
		if f := strings.Split(line, string(rune(sep))); len(f) > 9 {
			id = clean(strings.ToValidUTF8(head(f[9], 199), ""))
		}
	}
	row := Header{SendingApp: or(r.App, "KITH"), SendingFacility: r.Facility, Time: r.Now, Code: "ACK",
		ControlID: or(r.ControlID, "A"+id)}.Row()
	return Encode(row, Row{"MSA", "A" + Value(rune(r.Verdict)), Text(id), Text(sentence(r.Err))}, errRow("2.5.1", r.Err))
}

// errRow is the ERR segment: with ERR-2 to ERR-8 since v2.5, with ERR-1 before.
func errRow(version string, err error) Row {
	segment, sequence, field := place(err)
	code, text := condition(err)
	if !newer(version, "2.5") {
		return Row{"ERR", Comps(Text(segment), Text(sequence), Text(field), Subs(Text(code), Text(text), "HL70357"))}
	}
	return Row{"ERR", "", Comps(Text(segment), Text(sequence), Text(field)), Comps(Text(code), Text(text), "HL70357"), "E",
		"", "", "", Text(sentence(err))}
}

// place takes "OBX[3]-5" apart.
func place(err error) (segment, sequence, field string) {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return "", "", ""
	}
	at := e.Path
	if len(at) < 3 || !isSegment(at[:3], '|') {
		return "", "", ""
	}
	segment, rest := at[:3], at[3:]
	if strings.HasPrefix(rest, "[") {
		sequence, rest, _ = strings.Cut(rest[1:], "]")
	}
	field, _, _ = strings.Cut(strings.TrimPrefix(rest, "-"), ".")
	if _, err := strconv.Atoi(field); err != nil {
		field = ""
	}
	return segment, or(sequence, "1"), field
}

// condition is the error in HL7 table 0357.
func condition(err error) (code, text string) {
	var c *codedError
	if errors.As(err, &c) {
		return c.code, c.text
	}
	switch fhir.KindOf(err) {
	case fhir.Unsupported:
		return "200", "Unsupported message type"
	case fhir.Invalid, fhir.Unprocessable:
		return "102", "Data type error"
	case fhir.Conflict, fhir.Precondition:
		return "205", "Duplicate key identifier"
	case fhir.Busy:
		return "206", "Application record locked"
	}
	return "207", "Application internal error"
}

// codedError gives an error its place in HL7 table 0357.
type codedError struct {
	code, text string
	err        *fhir.Error
}

func (c *codedError) Error() string { return c.err.Error() }
func (c *codedError) Unwrap() error { return c.err }

func missing(at, format string, args ...any) error {
	return &codedError{"101", "Required field missing", fhir.Errorf(fhir.Invalid, format, args...).At(at)}
}

func sentence(err error) string {
	if err == nil {
		return ""
	}
	var e *fhir.Error
	if errors.As(err, &e) && e.Kind == fhir.Broken {
		return "the message was kept and will be looked at: something went wrong here"
	}
	return err.Error()
}

// newer reports whether a version is at least another: 2.5.1 is at least 2.5.
func newer(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		x := 0
		if i < len(a) {
			x, _ = strconv.Atoi(strings.TrimSpace(a[i]))
		}
		if y, _ := strconv.Atoi(b[i]); x != y {
			return x > y
		}
	}
	return true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// VerdictOf is how a message that could not be filed is answered: what is none of ours is rejected, the rest is at fault.
func VerdictOf(err error) Verdict {
	if err == nil {
		return Accept
	}
	if fhir.KindOf(err) == fhir.Unsupported {
		return Reject
	}
	return Fault
}
