package hl7

import (
	"context"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

// shelf is what a test has of the record.
type shelf map[Ref]*fhir.Resource

func (s shelf) current(typ, id string) *fhir.Resource { return s[Ref{typ, id}] }

func (s shelf) file(f *Filing) {
	for _, d := range f.Resources {
		s[Ref{d.Resource.Type(), d.Resource.ID()}] = d.Resource
	}
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// Every message of the real data is mapped or refused with a reason, and what is mapped is R4.
func TestRealMessagesAreMappedOrRefusedWithAReason(t *testing.T) {
	door := record.Test(t)
	for _, folder := range corpora {
		have := shelf{}
		mapped, refused, junk := 0, 0, 0
		for _, s := range corpus(t, folder) {
			if s.junk {
				junk++
				continue
			}
			m, err := Parse(s.data)
			var f *Filing
			if err == nil {
				f, err = Map(m, Config{Feed: "zz1", Item: 1, Received: noon}, have.current)
			}
			if err != nil {
				refused++
				if fhir.KindOf(err) == fhir.Broken {
					t.Errorf("%s line %d: our fault: %v", s.file, s.line, err)
				}
				if testing.Verbose() {
					t.Logf("%s line %d refused (%c): %v", s.file, s.line, VerdictOf(err), err)
				}
				continue
			}
			mapped++
			if len(f.Resources)+len(f.Confirmed)+len(f.Warnings)+len(f.Deletes) == 0 {
				t.Errorf("%s line %d: nothing came of it", s.file, s.line)
			}
			for _, d := range f.Resources {
				issues, err := door.Validate(context.Background(), nobody, d.Resource)
				if err != nil {
					t.Fatal(err)
				}
				for _, issue := range append(issues, validate.Structure(d.Resource)...) {
					if issue.Severity == validate.Error {
						t.Errorf("%s line %d, %s at %s: %v\n%s", s.file, s.line, d.Resource.Type(), d.Place, issue, d.Resource.Bytes())
					}
				}
			}
			have.file(f)
		}
		t.Logf("%s: %d mapped, %d refused, %d pieces of text between messages", folder, mapped, refused, junk)
	}
}
