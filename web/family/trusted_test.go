package family

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/seat"
	webtrust "github.com/kith-care/kith/web/trust"
)

// goOn fills in what a page asks, with what it carries along, and sends it.
func goOn(t *testing.T, h http.Handler, address, page string, answer url.Values) (code int, next string) {
	t.Helper()
	form := url.Values{}
	for _, tag := range regexp.MustCompile(`<input type="hidden"[^>]*>`).FindAllString(page, -1) {
		name, value := regexp.MustCompile(`name="([^"]*)"`).FindStringSubmatch(tag), regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(tag)
		form.Add(name[1], value[1])
	}
	for name, values := range answer {
		form[name] = values
	}
	w := look(t, h, address, form)
	return w.Code, w.Body.String()
}

// Ada, registered at one practice, lets Joy, registered at another, see her record: by pages from the invitation to the code. Another process serves Joy. When Ada
// stops it, Joy's next click is refused there too: at once in the process that did it, and within a minute, which is the promise, in the other.
func TestTrustedAcrossOrganisationsAndEndedEverywhere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := &place{t: t}
		p.now = time.Now
		open := func() *record.Door {
			door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Default()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { door.Close() })
			return door
		}
		p.door = open()
		p.put(town[:4]...)
		second := open()
		visits := func(door *record.Door) http.Handler {
			return siteOn(door, time.Now, func() access.Actor { return joy }).Handler()
		}
		here, there := visits(p.door), visits(second)
		if a, b := look(t, here, "/for/ada/visits", nil).Code, look(t, there, "/for/ada/visits", nil).Code; a != http.StatusNotFound || b != http.StatusNotFound {
			t.Fatalf("before: %d and %d", a, b)
		}
		who := ada
		pages := (&webtrust.Site{Trust: &trust.Service{Door: p.door}, Places: seat.Places{Door: p.door, Who: func(*http.Request) (access.Actor, error) { return who, nil }}}).Handler()
		const asking, accepting = "/my/trusted/new", "/my/trusted/accept"
		page := look(t, pages, asking, nil).Body.String()
		for _, answer := range []url.Values{{"name": {"My daughter Joy"}}, {"may": {"see"}}, {"long": {"year"}}, nil} {
			if _, page = goOn(t, pages, asking, page, answer); strings.Contains(page, "There is a problem") {
				t.Fatalf("%v is not taken: %s", answer, page)
			}
		}
		code := regexp.MustCompile(`[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}`).FindString(page)
		if code == "" {
			t.Fatal("there is no code: ", page)
		}
		who = joy
		_, page = goOn(t, pages, accepting, look(t, pages, accepting, nil).Body.String(), url.Values{"code": {code}})
		if done, page := goOn(t, pages, accepting, page, url.Values{"day": {"1"}, "month": {"3"}, "year": {"1950"}}); done != http.StatusSeeOther {
			t.Fatalf("%d %s", done, page)
		}
		until := func(h http.Handler, want int) time.Duration {
			began := time.Now()
			for look(t, h, "/for/ada/visits", nil).Code != want {
				if time.Since(began) > time.Minute {
					t.Fatalf("after a minute it is still not %d", want)
				}
				time.Sleep(20 * time.Millisecond)
			}
			return time.Since(began)
		}
		until(here, http.StatusOK)
		until(there, http.StatusOK)

		who = ada
		id := regexp.MustCompile(`/my/trusted/([^/"]+)/end`).FindString(look(t, pages, "/my/trusted", nil).Body.String())
		if w := look(t, pages, id, url.Values{}); w.Code != http.StatusSeeOther {
			t.Fatal(w.Code)
		}
		if w := look(t, here, "/for/ada/visits", nil); w.Code != http.StatusNotFound {
			t.Errorf("the next click where it was ended: %d", w.Code)
		}
		t.Logf("ended in another process after %v", until(there, http.StatusNotFound).Round(time.Millisecond))
		for _, path := range []string{"/for/ada/tasks", "/for/ada/carer"} {
			if w := look(t, there, path, nil); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
}
