package gpconnect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-care/kith/validate"
)

// golden of one whole answer: every type once, as R4 has it.
func TestMappingGolden(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "structured.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Map(data, Config{Feed: "windmill", Item: 1})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range r.Resources {
		out.WriteString(f.Place + " " + f.Kind + "/" + f.Key + " makes ")
		if err := json.Indent(&out, f.Resource.Bytes(), "", " "); err != nil {
			t.Fatal(err)
		}
		out.WriteByte('\n')
	}
	for _, l := range r.Left {
		out.WriteString(l.Place + " is left: " + l.Reason + "\n")
	}
	notes, err := json.MarshalIndent(r.Notes, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	out.Write(notes)
	golden(t, filepath.Join("testdata", "structured.txt"), out.Bytes())
}

// Whatever comes, Map answers R4 that is right or an error, and never breaks.
func FuzzMap(f *testing.F) {
	if data, err := os.ReadFile(filepath.Join("testdata", "structured.json")); err == nil {
		f.Add(data)
	}
	for _, seed := range []string{
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":{"resourceType":"Observation","id":"2","status":"final","code":{"text":"x"},"related":[{"type":"has-member","target":{"reference":"Observation/3"}}],"effectiveDateTime":"2020-10-25T01:30:00"}}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"x","resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1","extension":[{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-RegistrationDetails-1","extension":[{"url":"registrationPeriod","valuePeriod":{"start":"2020"}}]}]}}]}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":{"resourceType":"List","status":"current","mode":"snapshot","code":{"coding":[{"code":"1103671000000101"}]},"contained":[{"resourceType":"AllergyIntolerance","id":"28","code":{"text":"x"},"clinicalStatus":"resolved","verificationStatus":"unconfirmed"}],"entry":[{"item":{"reference":"#28"}}]}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Map(data, Config{Feed: "f", Item: 1})
		if err != nil {
			return
		}
		for _, x := range r.Resources {
			for _, issue := range validate.Structure(x.Resource) {
				if issue.Severity == validate.Error {
					t.Fatalf("%s: %v", x.Place, issue)
				}
			}
			if k, ok := kinds[x.Kind]; ok {
				lowered(x.Resource, x.Kind)
				_ = k
			}
		}
	})
}

// Whatever a caller's token holds, it is read or refused.
func FuzzToken(f *testing.F) {
	token, err := asking.token("https://kith.test", "patient/*.read", noon, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		who, err := readToken(token, "", noon, nil)
		if err == nil && (who.ods == "" || who.actor.ID == "") {
			t.Fatalf("%q is taken without who asks: %+v", token, who)
		}
	})
}

// Whatever Parameters hold, they are understood or refused with a code that GP Connect has.
func FuzzParameters(f *testing.F) {
	f.Add(Scope{}.parameters("9434765919"))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"patientNHSNumber"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, code, _ := understood(data, time.Unix(0, 0))
		if _, known := refusals[code]; code != "" && !known || code == "" && !ValidNHSNumber(q.number) {
			t.Fatalf("%s: %q", data, code)
		}
	})
}
