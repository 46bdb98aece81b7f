package hl7

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

var update = flag.Bool("update", false, "write the goldens again")

// Each message of testdata/map comes to the resources beside it. They are filed one on top of the other in the order of a
// stay, so that the discharge shows what the admission left.
func TestMapping(t *testing.T) {
	have := shelf{}
	door := record.Test(t)
	for i, name := range []string{"admission", "result", "document", "discharge", "booking", "vaccination", "referral", "prescription"} {
		data, err := os.ReadFile(filepath.Join("testdata", "map", name+".hl7"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Map(m, Config{Feed: "zz1", Item: int64(i + 1), Received: noon}, have.current)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		have.file(f)
		var out bytes.Buffer
		for _, d := range f.Resources {
			issues, err := door.Validate(t.Context(), nobody, d.Resource)
			if err != nil {
				t.Fatal(err)
			}
			for _, issue := range issues {
				if issue.Severity == validate.Error {
					t.Errorf("%s, %s: %v", name, d.Place, issue)
				}
			}
			fmt.Fprintf(&out, "%s makes ", d.Place)
			if err := json.Indent(&out, d.Resource.Bytes(), "", " "); err != nil {
				t.Fatal(err)
			}
			out.WriteByte('\n')
		}
		for _, ref := range f.Confirmed {
			fmt.Fprintf(&out, "says again %s\n", ref)
		}
		for _, w := range f.Warnings {
			fmt.Fprintf(&out, "warns %s\n", w)
		}
		golden(t, filepath.Join("testdata", "map", name+".txt"), out.Bytes())
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update writes it again. Now:\n%s", path, got)
	}
}

// What we send is what we would understand: each message of ours is mapped back.
func TestWhatWeSendCanBeReadBack(t *testing.T) {
	have := shelf{}
	data, err := os.ReadFile("testdata/map/admission.hl7")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Map(m, Config{Feed: "zz1", Received: noon}, have.current)
	if err != nil {
		t.Fatal(err)
	}
	have.file(f)
	patient := &r4.Patient{}
	if err := r4.Decode(have.current("Patient", ID("zz1", "Patient", "ZZ1|M100")), patient); err != nil {
		t.Fatal(err)
	}
	h := Header{SendingApp: "KITH", SendingFacility: "PLACE", ReceivingApp: "PAS", ReceivingFacility: "ZZ1", Time: noon, ControlID: "K1"}
	when := dateTime(t, "2026-10-25T01:30:00Z")
	doc := &r4.DocumentReference{ID: "doc1", DocStatus: "final", Description: "Letter | of Dr Walsh", Date: when, Author: []r4.Reference{{Reference: "Practitioner/1", Display: "Dr Joyce Walsh"}}}
	booking := h
	booking.Event = "S12"
	var out bytes.Buffer
	type sent struct {
		raw   []byte
		err   error
		types string
	}
	pack := func(raw []byte, err error) func(string) sent {
		return func(types string) sent { return sent{raw, err, types} }
	}
	for _, one := range []sent{
		pack(Document(h, patient, doc, "application/pdf", []byte("%PDF-1.4\n")))("Binary DocumentReference"),
		pack(Document(h, patient, doc, "text/plain; charset=utf-8", []byte("Dear Dr,\nall is well & good.")))("Binary DocumentReference"),
		pack(Booking(booking, patient, &r4.Appointment{ID: "app1", Start: when, End: dateTime(t, "2026-10-25T02:00:00Z"), Comment: "Bring your medicines",
			ServiceType: []r4.CodeableConcept{*concept("http://snomed.info/sct", "394579002", "Cardiology")},
			Participant: []r4.AppointmentParticipant{{Actor: &r4.Reference{Reference: "Practitioner/1", Display: "Dr Joyce Walsh"}}}}))("Appointment"),
		pack(Referral(h, patient, &r4.ServiceRequest{ID: "ref1", Priority: "urgent", Code: concept("http://snomed.info/sct", "183524004", "Referral to cardiology"),
			ReasonCode: []r4.CodeableConcept{{Text: "Chest pain"}}, Requester: &r4.Reference{Display: "Dr Bola Adeyemi"}, AuthoredOn: dateTime(t, "2026-03-04")}))("ServiceRequest"),
	} {
		if one.err != nil {
			t.Fatal(one.err)
		}
		fmt.Fprintf(&out, "%s\n", strings.ReplaceAll(string(one.raw), "\r", "\n"))
		back, err := Parse(one.raw)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Map(back, Config{Feed: "loop", Received: noon}, shelf{}.current)
		if err != nil {
			t.Fatalf("%v\n%s", err, one.raw)
		}
		for _, typ := range append(strings.Fields(one.types), "Patient") {
			found := false
			for _, d := range f.Resources {
				if d.Resource.Type() == typ {
					found = true
					fmt.Fprintf(&out, "%s\n", d.Resource.Bytes())
				}
			}
			if !found {
				t.Errorf("no %s comes of\n%s", typ, one.raw)
			}
		}
		out.WriteByte('\n')
	}
	golden(t, "testdata/outbound.txt", out.Bytes())
	if _, err := Booking(booking, patient, &r4.Appointment{ID: "x"}); err == nil {
		t.Error("a booking without a time was written")
	}
	if _, err := Referral(h, &r4.Patient{}, &r4.ServiceRequest{ID: "x"}); err == nil {
		t.Error("a referral of nobody was written")
	}
}
