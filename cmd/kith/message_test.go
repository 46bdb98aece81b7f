package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
)

// What the flags say of carriers is checked before anything is served: a wrong one is told with its name, and nothing is sent in the open by mistake.
func TestCarriersThatCannotWork(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KITH_TEST_KEY", "too-short")
	for name, c := range map[string]struct {
		out  outgoing
		says string
	}{
		"no port":                {outgoing{mailServer: "mail.example", mailFrom: "a@b.example"}, "HOST:PORT"},
		"no sender":              {outgoing{mailServer: "mail.example:587"}, "no address that mail can come from"},
		"without TLS elsewhere":  {outgoing{mailServer: "mail.example:25", mailFrom: "a@b.example", mailPlain: true}, "this machine alone"},
		"a password in the open": {outgoing{mailServer: "mail.example:587", mailFrom: "a@b.example", mailUser: "x", mailPassword: open}, "--mail-password"},
		"no key":                 {outgoing{textGateway: "https://gateway.example"}, "--text-key"},
		"a key that is none":     {outgoing{textGateway: "https://gateway.example", textKey: "env:KITH_TEST_KEY", textTemplate: "t"}, "too short"},
		"a gateway in the open":  {outgoing{textGateway: "http://gateway.example", textKey: "env:KITH_TEST_KEY", textTemplate: "t"}, "https"},
	} {
		s := serving{out: c.out}
		if _, err := s.messages(record.Test(t), nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := serving{}
	m, err := s.messages(record.Test(t), nil)
	if err != nil || m.Mail != nil || m.Text != nil || m.Print != nil {
		t.Errorf("without flags something is sent: %+v %v", m, err)
	}
}

// What a gateway brings to /carrier is kept in the thread it answers; without the token nothing is.
func TestCarriersBringAnswersBack(t *testing.T) {
	door := record.Test(t)
	for _, text := range []string{`{"resourceType":"Organization","id":"a","name":"Mill Lane Surgery"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor"}],"telecom":[{"system":"phone","use":"mobile","value":"07700 900123"}],"managingOrganization":{"reference":"Organization/a"}}`} {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KITH_TEST_TOKEN", "t0ken")
	s := serving{base: "http://kith.test/fhir", out: outgoing{token: "env:KITH_TEST_TOKEN"}}
	m, err := s.messages(door, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := s.messagePages(mux, door, m, rules, nil); err != nil {
		t.Fatal(err)
	}
	say := func(token, id, from, words string) int {
		r := httptest.NewRequest(http.MethodPost, "/carrier/texts", strings.NewReader(`{"id":"`+id+`","source_number":"`+from+`","message":"`+words+`"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code
	}
	send := func(token string) int { return say(token, "n1", "447700900123", "Who are you?") }
	if code := send("wrong"); code != http.StatusUnauthorized {
		t.Errorf("without the token it answers %d", code)
	}
	for range 2 {
		if code := send("t0ken"); code != http.StatusNoContent {
			t.Errorf("it answers %d", code)
		}
	}
	// She was sent nothing, so nobody knows what it answers: it is the desk's, once.
	page, err := door.Find(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, "Task?code=urn:kith:task|message-unknown")
	if err != nil || len(page.Matches) != 1 {
		t.Errorf("%d Tasks: %v", len(page.Matches), err)
	}

	// A reading is filed as one, once, and answered without a word of what it says. One from a number that is nobody's is the desk's.
	for range 2 {
		if code := say("t0ken", "n2", "447700900123", "BP 142/88 pulse 72"); code != http.StatusNoContent {
			t.Errorf("it answers %d", code)
		}
	}
	say("t0ken", "n3", "447700900999", "BP 150/90")
	say("t0ken", "n4", "447700900123", "Sats 94 but I feel dizzy")
	for query, want := range map[string]int{
		"Observation?patient=ada&code=http://loinc.org|85354-9&_tag=" + reading.RouteSystem + "|text": 1,
		"Observation?patient=ada&code=http://loinc.org|8867-4":                                        1,
		"CommunicationRequest?patient=ada":                                                            2,
		"Task?code=urn:kith:task|message-unknown":                                                     3,
		"Observation?code=http://loinc.org|85354-9":                                                   1,
	} {
		page, err := door.Find(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, query)
		if err != nil || len(page.Matches) != want {
			t.Errorf("%s: %d, not %d: %v", query, len(page.Matches), want, err)
			continue
		}
		if strings.HasPrefix(query, "CommunicationRequest") {
			res, err := page.Matches[0].Resource()
			if err != nil {
				t.Fatal(err)
			}
			// What it says, not when: a time may have any numbers in it.
			if text := string(res.Root().Get("payload").Raw()); err != nil || !strings.Contains(text, "Your reading has come") || strings.Contains(text, "142") {
				t.Error(text, err)
			}
		}
	}
}
