package rest

import (
	"testing"

	"github.com/kith-care/kith/fhir"
)

// FuzzEntries reads bundles: whatever stands in one, it becomes operations or is refused.
func FuzzEntries(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p"},"request":{"method":"PUT","url":"Patient/p","ifMatch":"W/\"3\""}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="},"request":{"method":"PATCH","url":"Patient?identifier=1"}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Parameters"},"request":{"method":"PATCH","url":"Patient/1"}},{"request":{"method":"DELETE","url":"/Patient//"}}]}`,
		`{"resourceType":"Bundle","entry":{"request":{"method":"POST","url":"http://kith.test/fhir/Patient","ifNoneExist":"Patient?x=1"},"resource":[]}}`,
		`{"resourceType":"Bundle","entry":[7,null,[],{"request":"x"}]}`,
	} {
		f.Add([]byte(s))
	}
	q := &request{Server: &Server{Base: "http://kith.test/fhir"}}
	f.Fuzz(func(t *testing.T, data []byte) {
		res, err := fhir.Parse(data)
		if err != nil {
			return
		}
		entries, err := entriesOf(res)
		if err != nil {
			if fhir.KindOf(err) == fhir.Broken {
				t.Errorf("%s is answered by %v", data, err)
			}
			return
		}
		for _, e := range entries {
			op, err := q.opOf(e)
			if err != nil {
				if fhir.KindOf(err) == fhir.Broken {
					t.Errorf("%s is answered by %v", data, err)
				}
				continue
			}
			if op.Patch != nil {
				patient, _ := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p","name":[{"family":"x"}]}`))
				op.Patch(patient)
			}
		}
	})
}
