package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/connect/gpconnect"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// A practice that is asked by GP Connect: its free times are offered here, what is booked here is booked there, exactly once also where its answer is lost; what it
// has given to somebody else is refused; what is cancelled here is cancelled there once it cannot be undone.
func TestAppointmentsAtAPracticeByGPConnect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		now := new(atomic.Int64)
		noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
		now.Store(noon.UnixNano())
		clock := func() time.Time { return time.Unix(0, now.Load()).UTC() }
		ctx, kith := t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}
		put := func(door *record.Door, texts ...string) {
			t.Helper()
			for _, text := range texts {
				res, err := fhir.Parse([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := door.Commit(ctx, kith, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		practice := record.Test(t)
		put(practice, `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}],"birthDate":"1950-01-01"}`,
			`{"resourceType":"Practitioner","id":"dr","name":[{"family":"Walsh","prefix":["Dr"],"given":["Ann"]}]}`,
			`{"resourceType":"Schedule","id":"s1","actor":[{"reference":"Practitioner/dr"}]}`,
			`{"resourceType":"Slot","id":"a","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-27T09:00:00Z","end":"2026-11-27T09:10:00Z"}`,
			`{"resourceType":"Slot","id":"b","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-27T09:10:00Z","end":"2026-11-27T09:20:00Z"}`,
			`{"resourceType":"Slot","id":"c","schedule":{"reference":"Schedule/s1"},"status":"free","start":"2026-11-27T09:20:00Z","end":"2026-11-27T09:30:00Z"}`)
		provider := &gpconnect.Provider{Door: practice, Now: clock}
		lose := new(atomic.Bool) // the practice does what it is asked, and its answer is lost
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lose.Load() && r.Method == http.MethodPost {
				provider.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			provider.ServeHTTP(w, r)
		}))
		defer server.Close()
		provider.Base = server.URL

		door, err := record.Open(ctx, record.Options{DB: db, Policy: access.Default(), Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		defer door.Close()
		put(door, `{"resourceType":"Patient","id":"ada","identifier":[{"system":"urn:kith:source:medicus","value":"p1"}],"managingOrganization":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ009"}}}`)
		desk, err := intake.Open(ctx, door)
		if err != nil {
			t.Fatal(err)
		}
		feed := intake.Feed{Name: "medicus", Kind: "gpconnect", Organization: "ZZ009", Title: "Far Practice", Address: server.URL}
		if _, err := desk.Feed(ctx, feed); err != nil {
			t.Fatal(err)
		}
		poll := &gpconnect.Poll{Diary: true, Now: clock, Pause: time.Millisecond, Client: gpconnect.Client{From: "200000000001", To: "200000000002", Tries: 1, Now: clock,
			Requester: gpconnect.Requester{Issuer: "https://kith.test", Device: "kith", Version: "1", Model: "Kith", Organization: "Kith", ODS: "ZZC", UserID: "1", SDSUserID: "UNK", SDSRole: "UNK", JobRole: "R8000", Family: "Feeds", Given: "Kith"}}}
		round := func() {
			t.Helper()
			if err := poll.Once(ctx, desk, &feed); err != nil {
				t.Fatal(err)
			}
		}
		round()
		service := &booking.Service{Door: door, Now: clock}
		ada := access.Actor{ID: "Patient/ada", Role: "patient", Patient: "ada", Level: access.P9}
		find := func() []booking.Offer {
			t.Helper()
			now.Add(int64(3 * time.Second)) // what a day has is kept for a moment
			list, err := service.Find(ctx, ada, "ada", booking.Wanted{Need: "gp"})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		status := func(d *record.Door, typ, id string) string {
			t.Helper()
			m, err := d.Get(ctx, kith, typ, id)
			if err != nil {
				t.Fatal(err)
			}
			res, err := m.Resource()
			if err != nil {
				t.Fatal(err)
			}
			return res.Root().Get("status").Text()
		}
		count := func(query string) int {
			t.Helper()
			page, err := practice.Find(context.Background(), kith, query)
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Matches)
		}
		offers := find()
		if len(offers) != 3 || offers[0].With != "Dr Ann Walsh" || !offers[0].Confirm {
			t.Fatalf("%d are offered: %+v", len(offers), offers)
		}
		book := func(slot string) string {
			t.Helper()
			a, err := service.Book(ctx, ada, "ada", booking.Request{Slot: slot, Reason: "cough"})
			if err != nil || a.Status != "pending" {
				t.Fatalf("%+v, %v", a, err)
			}
			return a.ID
		}

		first := book(offers[0].Slot)
		round()
		if s := status(door, "Appointment", first); s != "booked" || status(practice, "Slot", "a") != "busy" || count("Appointment?status=booked") != 1 {
			t.Fatalf("here it is %s, there the slot is %s", s, status(practice, "Slot", "a"))
		}

		lose.Store(true)
		second := book(offers[1].Slot)
		round()
		if s := status(door, "Appointment", second); s != "pending" {
			t.Errorf("nobody knows, and it is %s", s)
		}
		lose.Store(false)
		round()
		if s := status(door, "Appointment", second); s != "booked" || count("Appointment?status=booked") != 2 {
			t.Fatalf("it is %s, and there are %d", s, count("Appointment?status=booked"))
		}

		third := book(offers[2].Slot)
		put(practice, `{"resourceType":"Slot","id":"c","schedule":{"reference":"Schedule/s1"},"status":"busy","start":"2026-11-27T09:20:00Z","end":"2026-11-27T09:30:00Z"}`)
		round()
		if s := status(door, "Appointment", third); s != "cancelled" {
			t.Errorf("what the practice gave to somebody else is %s", s)
		}

		e, err := service.Effect(ctx, ada, "ada", first)
		if err != nil || e.Wish {
			t.Fatalf("%+v, %v", e, err)
		}
		if _, err := service.Cancel(ctx, ada, "ada", first, e.Key(), ""); err != nil {
			t.Fatal(err)
		}
		round()
		if count("Appointment?status=booked") != 2 {
			t.Error("it is cancelled there while it can be undone here")
		}
		now.Add(int64(booking.UndoFor + time.Minute))
		if _, err := service.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		round()
		if count("Appointment?status=booked") != 1 || status(practice, "Slot", "a") != "free" {
			t.Errorf("there are %d there, and the slot is %s", count("Appointment?status=booked"), status(practice, "Slot", "a"))
		}
		now.Add(int64(11 * time.Minute))
		round()
		if offers := find(); len(offers) != 1 || !offers[0].Start.Equal(time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("afterwards %d are offered", len(offers))
		}
	})
}
