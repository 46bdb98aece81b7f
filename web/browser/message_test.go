package browser

import (
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/message"
	reach "github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	webmessage "github.com/kith-care/kith/web/message"
	"github.com/kith-care/kith/web/seat"
)

// Messages with a real browser: a photograph, an answer, a reply and closing without JavaScript; how somebody is to be reached with the keyboard alone; at the
// desk; on a small telephone; and what axe knows of barriers on every page and every error.
func TestMessagesWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	dir := t.TempDir()
	photo, file := filepath.Join(dir, "arm.jpg"), filepath.Join(dir, "arm.heic")
	out, err := os.Create(photo)
	if err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(out, image.NewRGBA(image.Rect(0, 0, 60, 40)), nil); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if err := os.WriteFile(file, []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	site, desk := openMessages(t)
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": site, "desk": desk, "photo": photo, "file": file})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "message.mjs", input, 5)
}

// openMessages serves the pages of somebody who has signed in, and those of a nurse.
func openMessages(t *testing.T) (site, desk string) {
	t.Helper()
	door := record.Test(t)
	for _, text := range []string{
		`{"resourceType":"Organization","id":"a","name":"Mill Lane Surgery"}`, `{"resourceType":"Organization","id":"h","name":"Merrowby General"}`,
		`{"resourceType":"HealthcareService","id":"eyes","name":"Eye clinic","providedBy":{"reference":"Organization/h"},"characteristic":[{"coding":[{"system":"urn:kith:message","code":"takes-messages"}]}]}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"managingOrganization":{"reference":"Organization/a"},"generalPractitioner":[{"reference":"Organization/a"},{"reference":"Organization/h"}],"telecom":[{"system":"email","value":"ada@example.org"}]}`,
		`{"resourceType":"Communication","id":"failed","status":"not-done","category":[{"coding":[{"system":"urn:kith:message","code":"delivery"}]}],"statusReason":{"text":"there is no such address"},"medium":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationMode","code":"EMAILWRIT"}]}],"subject":{"reference":"Patient/ada"}}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, []record.Op{{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
	messages := &message.Service{Door: door, Name: "Merrowby Shared Record"}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); messages.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	serve := func(who access.Actor) string {
		s := &webmessage.Site{Places: seat.Places{Door: door, Who: func(*http.Request) (access.Actor, error) { return who, nil }, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}, Messages: messages, Needs: &reach.Service{Door: door}}
		mux := http.NewServeMux()
		mux.Handle("/static/", kit.Static())
		mux.Handle("/", s.Handler())
		server := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
		t.Cleanup(server.Close)
		return server.URL
	}
	return serve(access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9}), serve(access.Actor{ID: "Practitioner/bell", Name: "Nurse Bell", Role: "nurse"})
}
