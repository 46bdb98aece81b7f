package message

import "testing"

// What others write into the record, however odd, stops nobody's messages.
func TestOddCommunicationsStopNothing(t *testing.T) {
	y := begin(t, "sqlite::memory:")
	y.put(`{"resourceType":"Group","id":"g","type":"person","actual":true}`, `{"resourceType":"Patient","id":"ada","managingOrganization":{"reference":"Organization/a"}}`)
	for _, text := range []string{
		`{"resourceType":"Communication","id":"o1","status":"completed","subject":{"reference":"Group/g"},"recipient":[{"reference":"Group/g"}],"identifier":[{"system":"urn:kith:thread","value":"t"}],"sent":"2026-11-24T10:00:00Z"}`,
		`{"resourceType":"Communication","id":"o2","status":"completed","subject":{"display":"somebody"},"recipient":[{"display":"somebody"}],"identifier":[{"system":"urn:kith:thread","value":"a b,c|d"}]}`,
		`{"resourceType":"Communication","id":"o3","status":"not-done","category":[{"coding":[{"system":"urn:kith:message","code":"delivery"}]}]}`,
		`{"resourceType":"Communication","id":"o4","status":"completed","subject":{"reference":"Patient/ada"},"sender":{"reference":"Patient/ada"},"identifier":[{"system":"urn:kith:thread","value":"a b,c|d"}]}`,
		`{"resourceType":"Communication","id":"o5","status":"completed","subject":{"reference":"Patient/ada"},"category":[{"coding":[{"system":"urn:kith:message","code":"photograph"}]}],"identifier":[{"system":"urn:kith:thread","value":"t5"}]}`,
		`{"resourceType":"CommunicationRequest","id":"r1","status":"active","recipient":[{"reference":"Group/g"}]}`,
		`{"resourceType":"CommunicationRequest","id":"r2","status":"active","recipient":[{"reference":"Patient/nobody-here"}]}`,
		`{"resourceType":"CommunicationRequest","id":"r3","status":"active","subject":{"reference":"Patient/ada"},"recipient":[{"reference":"Patient/ada"}]}`,
	} {
		y.put(text)
	}
	if err := y.do(`writes ada "Does anybody read this?"`); err != nil {
		t.Fatal(err)
	}
	if err := y.expect([]string{"task", "message-answer", "Mill Lane Surgery"}); err != nil {
		t.Error(err)
	}
	if _, err := y.s.Failures(t.Context(), nurse, "", 30); err != nil {
		t.Error(err)
	}
	if _, err := y.s.Picture(t.Context(), nurse, "ada", "o5"); err == nil {
		t.Error("a photograph without a picture is shown")
	}
}
