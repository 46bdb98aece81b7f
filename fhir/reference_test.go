package fhir

import "testing"

func TestParseReference(t *testing.T) {
	for in, want := range map[string]Reference{
		"Patient/1":                           {Type: "Patient", ID: "1"},
		"Patient/1/_history/2":                {Type: "Patient", ID: "1", Version: "2"},
		"https://x.org/fhir/Patient/1":        {Base: "https://x.org/fhir", Type: "Patient", ID: "1"},
		"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd": {URI: "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd"},
		"#c1":                                 {URI: "#c1"},
		"patient/1":                           {URI: "patient/1"},
		"Patient/a b":                         {URI: "Patient/a b"},
		"x/Patient/1":                         {URI: "x/Patient/1"},
		"Patient/":                            {URI: "Patient/"},
		"":                                    {},
	} {
		if got := ParseReference(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
		if got := ParseReference(in).String(); want.Version == "" && got != in {
			t.Errorf("%q is written back as %q", in, got)
		}
	}
}
