package booking

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/words"
)

// running lets the service follow until the test ends.
func (y *place) running(t *testing.T) {
	t.Helper()
	y.Every = 20 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); y.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

func (y *place) soon(what string, is func() bool) {
	y.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	y.t.Fatalf("not within ten seconds: %s", what)
}

// reminders are the start of each message that is still to be sent, by when.
func (y *place) reminders() string {
	y.t.Helper()
	var out []string
	for m, err := range y.Door.All(y.t.Context(), me, "CommunicationRequest?status=active&_sort=occurrence") {
		if err != nil {
			y.t.Fatal(err)
		}
		var r r4.CommunicationRequest
		if err := m.Decode(&r); err != nil {
			y.t.Fatal(err)
		}
		if code, _ := codeIn(r.Category, categorySystem); code == "reminder" {
			out = append(out, r.OccurrenceDateTime.String()+" "+r.Payload[0].ContentString)
		}
	}
	return strings.Join(out, "\n")
}

// An appointment to come has one reminder, at the right time; one that was moved has another, one that was cancelled none. A slot whose appointment was cancelled by
// another door is free again.
func TestRemindersAndSlotsFollowAppointments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		y := open(t, db)
		y.running(t)
		ctx := t.Context()
		offers, err := y.Find(ctx, ada, "ada", Wanted{Need: "gp", From: noon.Add(days(4))})
		if err != nil {
			t.Fatal(err)
		}
		a := y.book(ada, offers[0].Slot)
		want := "2026-11-29T09:00:00Z Reminder: you have an appointment on Tuesday 1 December at 9am. Sign in to see where, or to change or cancel it."
		y.soon("a reminder", func() bool { return y.reminders() == want })
		if _, err := y.Change(ctx, ada, "ada", a.ID, y.key(ada, a.ID), Request{Slot: offers[7].Slot}); err != nil {
			t.Fatal(err)
		}
		y.soon("a reminder of the new time alone", func() bool {
			r := y.reminders()
			return strings.Contains(r, "Wednesday 2 December at 9:10am") && !strings.Contains(r, "\n")
		})
		stored, err := y.Door.Get(ctx, me, "Appointment", a.ID)
		if err != nil {
			t.Fatal(err)
		}
		body := bytes.Replace(stored.Body, []byte(`"status":"booked"`), []byte(`"status":"cancelled"`), 1) // as a receptionist's system would, by FHIR
		res, err := fhir.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := y.Door.Commit(ctx, me, []record.Op{{Method: record.Update, Type: "Appointment", ID: a.ID, Resource: res}}); err != nil {
			t.Fatal(err)
		}
		y.soon("no reminder, and a free slot", func() bool { return y.reminders() == "" && y.slot(offers[7].Slot).Status == "free" })
		soonest := y.first(ada, "gp")
		y.book(ada, soonest.Slot) // tomorrow: whoever books for tomorrow knows
		last := y.book(ada, offers[20].Slot)
		y.soon("the next reminder", func() bool { return strings.Count(y.reminders(), "Reminder") == 1 })
		y.at(last.Start.Add(-time.Hour))
		if _, err := y.Hold(ctx, ben, "ben", y.first(ben, "gp").Slot); err != nil {
			t.Fatal(err)
		}
		y.at(last.Start)
		y.soon("a hold ends by itself", func() bool { return y.count("Slot?status=busy-tentative") == 0 })
	})
}

// A reminder is in the language in which somebody is written to.
func TestARemindersLanguage(t *testing.T) {
	y := open(t, "sqlite::memory:")
	y.put(`{"resourceType":"Patient","id":"ben","name":[{"given":["Ben"],"family":"Reed"}],"birthDate":"1960-03-01","managingOrganization":{"reference":"Organization/mill"},"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"cy"}]},"preferred":true}]}`)
	y.running(t)
	y.book(ben, y.first(ben, "blood-test").Slot)
	y.soon("a reminder in Welsh", func() bool {
		return strings.Contains(y.reminders(), "Nodyn atgoffa o'ch apwyntiad: Dydd Mawrth 1 Rhagfyr am ")
	})
}

// Somebody whose time the practice's system refused is told, once.
func TestWhoseTimeWasRefusedIsTold(t *testing.T) {
	y := open(t, "sqlite::memory:")
	y.running(t)
	refused := `{"resourceType":"Appointment","id":"r","meta":{"source":"urn:kith:booking"},"status":"cancelled","cancelationReason":{"coding":[{"system":"https://kith.care/fhir/CodeSystem/booking","code":"refused"}]},"start":"2026-12-01T09:00:00Z","end":"2026-12-01T09:10:00Z","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]%s}`
	y.put(fmt.Sprintf(refused, ""))
	told := func() int { return y.count("CommunicationRequest?recipient=Patient/ada") }
	y.soon("she is told", func() bool { return told() == 1 })
	y.put(fmt.Sprintf(refused, `,"comment":"x"`))
	a := y.book(ada, y.first(ada, "blood-test").Slot) // its reminder comes after what was changed before
	y.soon("a reminder", func() bool { return strings.Contains(y.reminders(), "Tuesday 1 December") })
	if n := told(); n != 2 || a.Refused {
		t.Errorf("she is told %d times", n)
	}
}

func TestRemindersFitATextMessage(t *testing.T) {
	for _, l := range words.Offered() {
		for _, text := range []string{reminderText(l, time.Date(2026, 9, 30, 9, 59, 0, 0, time.UTC)), l.T(RefusedText), l.T(StillText)} { // Wednesday 30 September at 10:59am
			if n := len([]rune(text)); n > 160 {
				t.Errorf("%d letters: %s", n, text)
			}
		}
	}
}

// A calendar file by RFC 5545: in UTC on either side of the change of clocks, folded, escaped.
func TestCalendar(t *testing.T) {
	at := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 01:30 in summer time, the first of two
	a := &Appointment{ID: "a1", Version: 3, Status: "booked", Start: at, End: at.Add(10 * time.Minute)}
	got := string(a.Calendar(noon, "GP appointment; Mill Lane, Merrowby", "2 Mill Lane, ZZ1 1AA", strings.Repeat("Diwrnod â ŵ ", 12)+"\nline"))
	for _, want := range []string{"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "UID:a1@kith\r\n", "SEQUENCE:2\r\n", "DTSTAMP:20261126T120000Z\r\n", "DTSTART:20261025T003000Z\r\n", "DTEND:20261025T004000Z\r\n", `SUMMARY:GP appointment\; Mill Lane\, Merrowby`, `\nline`, "STATUS:CONFIRMED", "TRIGGER:-P1D", "END:VCALENDAR\r\n"} {
		if !strings.Contains(strings.ReplaceAll(got, "\r\n ", ""), want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	for _, line := range strings.Split(got, "\r\n") {
		if len(line) > 75 {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
	if strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") {
		t.Error("a line ends with a bare line feed")
	}
	a.Status = "cancelled"
	if got := string(a.Calendar(noon, "x", "", "")); !strings.Contains(got, "METHOD:CANCEL") || !strings.Contains(got, "STATUS:CANCELLED") || strings.Contains(got, "VALARM") {
		t.Errorf("cancelled: %s", got)
	}
}
