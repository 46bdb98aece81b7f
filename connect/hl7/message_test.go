package hl7

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
)

const mshLine = `MSH|^~\&|LAB|ZZ1|KITH|PLACE|20260302080000||ORU^R01|1|P|2.4`

func parse(t testing.TB, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(strings.ReplaceAll(text, "\n", "\r")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFieldsRepetitionsComponents(t *testing.T) {
	m := parse(t, mshLine+"\nPID|1||A^^^ZZ1&1.2.3&ISO^MR~B^^^NHS^NH||O'Brien&&&&x^Ann||\"\"||  |~^&|")
	pid := m.First("PID")
	if got := m.At(0).Field(1).Raw() + m.At(0).Field(2).Raw() + m.At(0).Field(3).Text(); got != `|^~\&LAB` {
		t.Errorf("MSH-1 to MSH-3 are %q", got)
	}
	if got := pid.Field(3).Comp(4).Sub(2).Text(); got != "1.2.3" {
		t.Errorf("PID-3.4.2 is %q", got)
	}
	var values []string
	for rep := range pid.Field(3).Reps() {
		values = append(values, rep.Comp(1).Text())
	}
	if strings.Join(values, " ") != "A B" {
		t.Errorf("PID-3 repeats %q", values)
	}
	if got := pid.Field(5).Comp(1).Text(); got != "O'Brien" {
		t.Errorf("PID-5.1 is %q", got)
	}
	if !pid.Field(7).Null() || pid.Field(7).Empty() || pid.Field(7).Text() != "" {
		t.Error(`"" is not null`)
	}
	for _, n := range []int{6, 8, 9, 10, 11, 40} {
		if !pid.Field(n).Empty() || pid.Field(n).Null() {
			t.Errorf("PID-%d is not empty", n)
		}
	}
	if pid.Place() != "PID[1]" || pid.Fields() != 11 || m.First("OBX").Exists() {
		t.Error(pid.Place(), pid.Fields())
	}
}

func TestEscapeSequences(t *testing.T) {
	for escaped, want := range map[string]string{
		`A\F\B\S\C\T\D\R\E\E\F`:         `A|B^C&D~E\F`,
		`one\.br\two\.sp2\three`:        "one\ntwo\n\nthree",
		`\H\bold\N\ \.in+4\x\.ce\y`:     "bold x\ny",
		`\X41C2A3\`:                     "A£",
		`\XA3\5`:                        "£5",
		`C:\dir`:                        `C:\dir`,
		`5\6\7`:                         `5\6\7`,
		`\C2842\keep \M2442\ \Zlocal\ `: `\C2842\keep \M2442\ \Zlocal\`,
		`\XZZ\`:                         `\XZZ\`,
		"a\x01b\x00c":                   "abc",
	} {
		m := parse(t, mshLine+"\nNTE|1||"+escaped)
		if got := m.First("NTE").Field(3).Text(); got != want {
			t.Errorf("%q becomes %q, want %q", escaped, got, want)
		}
	}
	for _, text := range []string{`a|b^c&d~e\f`, "two\nlines", "£ and é", `\X41\`} {
		m := parse(t, string(Encode(Header{Code: "ACK", ControlID: "1"}.Row(), Row{"NTE", "1", "", Text(text)})))
		if got := m.First("NTE").Field(3).Text(); got != text {
			t.Errorf("%q written and read again is %q", text, got)
		}
	}
}

func TestCharacterSets(t *testing.T) {
	for _, c := range []struct{ set, bytes, want string }{
		{"", "caf\xc3\xa9", "café"},
		{"", "caf\xe9 \x80", "café €"},
		{"ASCII", "\xa35", "£5"},
		{"8859/1", "caf\xe9", "café"},
		{"8859/15", "\xa4", "€"},
		{"UNICODE UTF-8", "caf\xc3\xa9", "café"},
		{"UNICODE UTF-8~8859/1", "caf\xc3\xa9", "café"},
		{"WINDOWS-1252", "\x9350%\x94", "“50%”"},
	} {
		m := parse(t, mshLine+"||||||"+c.set+"\nNTE|1||"+c.bytes)
		if got := m.First("NTE").Field(3).Text(); got != c.want {
			t.Errorf("%q of %q is %q", c.bytes, c.set, got)
		}
	}
	for set, says := range map[string]string{"UNICODE UTF-8": "not UTF-8", "ISO IR87": "is not read here"} {
		_, err := Parse([]byte(mshLine + "||||||" + set + "\rNTE|1||caf\xe9"))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "MSH-18") {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestLineEnds(t *testing.T) {
	for name, text := range map[string]string{
		"CR": mshLine + "\rPID|1\rPV1|1\r", "LF": mshLine + "\nPID|1\nPV1|1\n", "CRLF": mshLine + "\r\nPID|1\r\nPV1|1\r\n",
		"empty lines": "\xef\xbb\xbf\r\n" + mshLine + "\r\n\r\nPID|1\n\r\nPV1|1", "mixed": mshLine + "\rPID|1\nPV1|1\r",
	} {
		m, err := Parse([]byte(text))
		if err != nil || m.Len() != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := Parse([]byte(mshLine + "\rNTE|1||one\ntwo\rPID|1\r"))
	if err != nil || m.First("NTE").Field(3).Text() != "one\ntwo" || m.Len() != 3 {
		t.Errorf("a line break inside a segment: %v", err)
	}
}

func TestWrongMessagesNameThePlace(t *testing.T) {
	for text, says := range map[string]string{
		"":                                   "empty",
		"PID|1":                              "not with MSH",
		"<ADT_A01/>":                         "XML",
		`MSHA^~\&|x|y`:                       "MSH-1",
		`MSH|^~\\&|x|y`:                      "MSH-2",
		`MSH|^|`:                             "",
		mshLine + "\rnonsense|1\r":           "line 2",
		mshLine + "\rMSH|^~\\&|second|one\r": "MSH[2]",
		mshLine + "\rPID|1||" + strings.Repeat("x~", MaxRepeats): "PID[1]-3: a field repeats more than",
	} {
		_, err := Parse([]byte(text))
		if says == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), says) || fhir.KindOf(err) == fhir.Broken {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOtherSeparators(t *testing.T) {
	m := parse(t, "MSH^~|\\&^SENDING^200M^^^20120918^^ADT~A24^2003^T^2.4\nPID^1^^11111&x~~~NI|22222")
	code, event := m.Type()
	if code != "ADT" || event != "A24" || m.First("PID").Field(3).Comp(4).Text() != "NI" || m.First("PID").Field(3).Comp(1).Sub(2).Text() != "x" {
		t.Error(code, event)
	}
}

func TestSplit(t *testing.T) {
	file := "FHS|^~\\&|x\rBHS|^~\\&|x\r" + mshLine + "\rPID|1\r\r" + mshLine + "\rPID|2\rBTS|3\rFTS|1\r// a comment\n\x0b" + mshLine + "\rPID|3\r\x1c\r"
	pieces, err := Split([]byte(file))
	if err == nil || !strings.Contains(err.Error(), "says it holds 3 messages, but 2 came") {
		t.Errorf("the count: %v", err)
	}
	var kinds []string
	for _, p := range pieces {
		if p.Junk {
			kinds = append(kinds, "junk")
			continue
		}
		m, err := Parse(p.Data)
		if err != nil {
			t.Fatalf("%q: %v", p.Data, err)
		}
		kinds = append(kinds, m.First("PID").Field(1).Text())
	}
	if got := strings.Join(kinds, " "); got != "1 2 junk 3" {
		t.Errorf("the pieces are %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(result(1, 1))
	f.Add([]byte(mshLine + "\rPID|1||\"\"~^&\\F\\|\\X41\\\\.sp9\\"))
	f.Add([]byte("MSH^~|\\&^a\n\rPID^~|"))
	f.Add([]byte("FHS|x\rMSH|^~\\&|\x0b\x1c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Split(data); err != nil && fhir.KindOf(err) == fhir.Broken {
			t.Fatal(err)
		}
		m, err := Parse(data)
		if err != nil {
			if fhir.KindOf(err) == fhir.Broken || err.Error() == "" {
				t.Fatal(err)
			}
			Nack(data, Reply{Verdict: Fault, Err: err})
			return
		}
		for s := range m.All() {
			for i := range s.Fields() + 2 {
				for rep := range s.Field(i).Reps() {
					_ = rep.Comp(2).Sub(2).Text() + rep.Whole()
				}
			}
		}
		raw := Ack(m, Reply{Verdict: Accept, Now: noon})
		if raw != nil {
			if _, of, err := ReadAck(raw); err != nil || of != m.ControlID() && !strings.ContainsAny(m.ControlID(), "\r\n\\") {
				t.Fatalf("%v: %q answers %q", err, raw, m.ControlID())
			}
		}
		filing, err := Map(m, Config{Feed: "zz1", Received: noon}, shelf{}.current)
		if err != nil && fhir.KindOf(err) == fhir.Broken {
			t.Fatal(err)
		}
		if err == nil {
			for _, d := range filing.Resources {
				if !bytes.HasPrefix(d.Resource.Bytes(), []byte(`{"resourceType":`)) {
					t.Fatalf("%s", d.Resource.Bytes())
				}
			}
		}
	})
}

func dateTime(t *testing.T, s string) fhir.DateTime {
	t.Helper()
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
