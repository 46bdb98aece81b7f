package smart_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

// What goes on after a request ends with what it rests on: the client, what the person allowed it, the person's account. A token that has run out is
// none of these.
func TestWhatGoesOnStandsOnlyAsLongAsItsGround(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := appstest.Open(t, db)
		of := func(token string) access.Actor {
			t.Helper()
			who, ok, err := p.Smart.Who(request(t, "/fhir/Patient", token))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			return who
		}
		stands := func(who access.Actor) bool {
			t.Helper()
			now, err := p.Smart.Stands(context.Background(), who)
			if err != nil && fhir.KindOf(err) != fhir.Gone {
				t.Fatal(err)
			}
			if err == nil && now.Key() != who.Key() {
				t.Errorf("%+v became %+v", who, now)
			}
			return err == nil
		}
		key := newSigner(t, jose.ES384, "k")
		c := backend(p, jwks(key), "")
		service := of(p.Post("/auth/token", asks(key.sign(t, claimsOf(p, c)), "system/Patient.rs")).JSON("access_token"))
		app := public(p)
		lasting := p.Connect("lone", app, "launch/patient patient/Patient.rs offline_access")
		lone := of(lasting.JSON("access_token"))
		brief := of(p.Connect("lone", app, "launch/patient patient/Patient.rs").JSON("access_token"))
		session := appstest.Accounts["sam"]
		for _, who := range []access.Actor{service, lone, brief, session} {
			if !stands(who) {
				t.Errorf("%s does not stand", who.ID)
			}
		}
		p.Pass(time.Hour) // all tokens have run out
		if err := p.Smart.Tidy(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !stands(service) || !stands(lone) || stands(brief) {
			t.Error("after an hour:", stands(service), stands(lone), stands(brief))
		}
		more := service
		more.App = &access.Client{ID: c.ID, Scopes: append(service.App.Scopes, access.Scope{Context: "system", Type: "Condition", May: "rs"}), Grant: service.App.Grant}
		if now, err := p.Smart.Stands(context.Background(), more); err != nil || len(now.App.Scopes) != 1 {
			t.Errorf("a client has more than it is registered for: %+v %v", now.App, err)
		}
		if _, err := p.Smart.Disconnect(context.Background(), lone, "Patient/lone", app.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		if stands(lone) {
			t.Error("it goes on after the person took it back")
		}
		if _, err := p.Smart.Decide(context.Background(), appstest.Accounts["olga"], c.ID, smart.Suspended, "a fault was found"); err != nil {
			t.Fatal(err)
		}
		if stands(service) {
			t.Error("it goes on after the client was suspended")
		}
		p.CloseAccount("sam")
		if stands(session) {
			t.Error("it goes on after the account was closed")
		}
	})
}
