package hl7

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var nobody = access.Actor{ID: "test", Role: "system"}

// open makes a feed on a record of its own.
func open(t testing.TB, db, name string) *Feed {
	t.Helper()
	return openOn(t, record.TestOn(t, db), name)
}

func openOn(t testing.TB, door *record.Door, name string) *Feed {
	t.Helper()
	desk, err := intake.Open(t.Context(), door)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Feed(t.Context(), intake.Feed{Name: name, Kind: "hl7", Title: "The hospital"}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(desk, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// take sends a message and gives the code and the text of its acknowledgement.
func take(t testing.TB, f *Feed, message string) Answer {
	t.Helper()
	raw := f.Take(t.Context(), "test", []byte(strings.ReplaceAll(message, "\n", "\r")))
	if raw == nil {
		return Answer{}
	}
	a, _, err := ReadAck(raw)
	if err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	return a
}

// everything is what a search finds, all pages.
func everything(t testing.TB, door *record.Door, query string) map[string]*record.Stored {
	t.Helper()
	out := map[string]*record.Stored{}
	for m, err := range door.All(t.Context(), nobody, query) {
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out[m.ID] = m
	}
	return out
}

// counts are the resources of each type.
func counts(t testing.TB, door *record.Door) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, typ := range strings.Fields("Patient RelatedPerson Practitioner Organization Location Encounter Condition AllergyIntolerance Procedure ServiceRequest DiagnosticReport Specimen Observation Appointment DocumentReference Binary Immunization MedicationRequest") {
		n, err := door.Count(t.Context(), typ)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			out[typ] = n
		}
	}
	return out
}

// All real messages go through the feed: each is acknowledged or refused with a reason, what it holds is found by search,
// and sending everything again changes nothing.
func TestRealMessagesAreFiledAndFoundAndOnlyOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		for _, folder := range corpora {
			t.Run(folder, func(t *testing.T) {
				door := record.TestOn(t, nextDB(t, db))
				feeds := map[string]*Feed{}
				expected := map[string]shelf{}
				verdicts := map[string]int{}
				messages := corpus(t, folder)
				for _, s := range messages {
					if s.junk {
						continue
					}
					f := feedOf(t, door, feeds, folder, s.file)
					raw := f.Take(t.Context(), "test", s.data)
					m, parseErr := Parse(s.data)
					if raw == nil {
						if code, _ := m.Type(); code != "ACK" {
							if _, any := Wanted(m, Accept); any {
								t.Errorf("%s line %d: no answer", s.file, s.line)
							}
						}
						verdicts["unanswered, as asked"]++
						continue
					}
					a, of, err := ReadAck(raw)
					if err != nil {
						t.Fatalf("%s line %d: %v in %q", s.file, s.line, err, raw)
					}
					verdicts[a.Code]++
					if !a.Accepted() && a.Text == "" {
						t.Errorf("%s line %d: %s without a reason", s.file, s.line, a.Code)
					}
					if parseErr == nil && of != m.ControlID() {
						t.Errorf("%s line %d: MSA-2 is %q, MSH-10 was %q", s.file, s.line, of, m.ControlID())
					}
					if a.Accepted() {
						if expected[f.name] == nil {
							expected[f.name] = shelf{}
						}
						filing, err := Map(m, Config{Feed: f.name, Received: noon}, expected[f.name].current)
						if err != nil {
							t.Fatalf("%s line %d was accepted, but: %v", s.file, s.line, err)
						}
						expected[f.name].file(filing)
						for _, d := range filing.Deletes {
							maps.DeleteFunc(expected[f.name], func(r Ref, _ *fhir.Resource) bool { return !shared[r.Type] })
							_ = d
						}
					}
				}
				for _, have := range expected {
					found(t, door, have)
				}
				before, seq := counts(t, door), changes(t, door)
				t.Logf("%s: answers %v; filed %s", folder, verdicts, list(before))
				for _, s := range messages {
					if !s.junk {
						feedOf(t, door, feeds, folder, s.file).Take(t.Context(), "test", s.data)
					}
				}
				if after := changes(t, door); after != seq {
					t.Errorf("sending everything again made %d changes", after-seq)
				}
			})
		}
	})
}

// feedOf is the feed for a file: senders of the samples all number from the same MSG00001, so each file is a sender.
func feedOf(t testing.TB, door *record.Door, feeds map[string]*Feed, folder, file string) *Feed {
	name := folder
	if folder != "simhospital" {
		name = fmt.Sprintf("%s-%x", folder[:4], hashOf(file))
	}
	if feeds[name] == nil {
		feeds[name] = openOn(t, door, name)
	}
	return feeds[name]
}

func hashOf(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

func nextDB(t testing.TB, db string) string {
	if strings.HasPrefix(db, "sqlite:") {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

func changes(t testing.TB, door *record.Door) int64 {
	n, err := door.Seq(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func list(m map[string]int64) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(words, ", ")
}

// found looks for every resource by a search that a reader would make: patients by their number, the rest by patient.
func found(t *testing.T, door *record.Door, have shelf) {
	t.Helper()
	byPatient := map[[2]string][]string{}
	for ref, res := range have {
		root := res.Root()
		switch ref.Type {
		case "Patient", "Practitioner", "Organization", "Location":
			id := root.Get("identifier").First()
			query := ref.Type + "?identifier=" + escapeToken(id.Get("system").Text()) + "|" + escapeToken(id.Get("value").Text())
			if everything(t, door, query)[ref.ID] == nil {
				t.Errorf("%s is not found by %s", ref, query)
			}
		case "Binary":
			if _, err := door.Get(t.Context(), nobody, ref.Type, ref.ID); err != nil {
				t.Error(err)
			}
		default:
			patient := root.Get("subject").Get("reference").Text()
			if patient == "" {
				patient = root.Get("patient").Get("reference").Text()
			}
			if ref.Type == "Appointment" {
				patient = root.Get("participant").First().Get("actor").Get("reference").Text()
			}
			byPatient[[2]string{ref.Type, patient}] = append(byPatient[[2]string{ref.Type, patient}], ref.ID)
		}
	}
	for k, ids := range byPatient {
		got := everything(t, door, k[0]+"?patient="+k[1]+"&_count=1000")
		for _, id := range ids {
			if got[id] == nil {
				t.Errorf("%s/%s of %s is not found", k[0], id, k[1])
			}
		}
	}
}

func escapeToken(s string) string {
	s = strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(s)
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", " ", "%20", "#", "%23", ";", "%3B").Replace(s)
}
