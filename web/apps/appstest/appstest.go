// Package appstest is a small place with people, apps and the whole of what serves them, for tests that drive it over HTTP. Who is signed in
// is what the cookie "session" says; signing in is asking /signin?as=NAME. Clocks can be put forward.
package appstest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/apps"
	"github.com/kith-care/kith/web/kit"
)

// Place is a server with a few people.
type Place struct {
	T     testing.TB
	Door  *record.Door
	Smart *smart.Service
	URL   string // of the site, without a last slash
	Base  string // of FHIR

	Handler http.Handler // of all of it

	ahead  atomic.Int64
	mu     sync.Mutex
	closed map[string]bool   // accounts that are no more
	trust  map[string]string // who is trusted by whom else
}

// Accounts are who can sign in.
var Accounts = map[string]access.Actor{
	"ada":  {ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"},
	"lone": {ID: "Patient/lone", Name: "Ben Reed", Role: "patient", Patient: "lone", Level: access.P5, Purpose: "PATRQT"},
	"new":  {ID: "account/7", Name: "Una New", Role: "patient", Level: access.P0, Purpose: "PATRQT"},
	"sam":  {ID: "Practitioner/sam", Name: "Dr Sam Reed", Role: "clinician", Organization: "ZZ001", Purpose: "TREAT"},
	"olga": {ID: "Practitioner/olga", Name: "Olga Wynn", Role: "operator", Organization: "ZZ001", Purpose: "HSYSADMIN"},
}

// Open serves a place on a database, as storetest names it.
func Open(t testing.TB, db string, change ...func(*smart.Options)) *Place {
	t.Helper()
	p := &Place{T: t, Door: record.TestOn(t, db), closed: map[string]bool{}, trust: map[string]string{}}
	p.fill()
	p.Serve(change...)
	return p
}

// Serve serves the place's record once more, as another process would.
func (p *Place) Serve(change ...func(*smart.Options)) {
	server := httptest.NewUnstartedServer(nil)
	p.URL = "http://" + server.Listener.Addr().String()
	p.Base = p.URL + "/fhir"
	o := smart.Options{Door: p.Door, Base: p.Base, Session: p.session, Still: p.still, People: p.people, Now: p.Now, CheckScope: p.check}
	for _, f := range change {
		f(&o)
	}
	var err error
	if p.Smart, err = smart.Open(context.Background(), o); err != nil {
		p.T.Fatal(err)
	}
	fhirServer := &rest.Server{Door: p.Door, Base: p.Base, Security: p.Smart.Security(), Who: func(r *http.Request) (access.Actor, error) {
		if who, ok, err := p.Smart.Who(r); ok || err != nil {
			return who, err
		}
		return p.session(r)
	}}
	mux := http.NewServeMux()
	mux.Handle("/fhir/", p.Smart.Protect(http.StripPrefix("/fhir", fhirServer)))
	for _, path := range smart.Calls() {
		mux.Handle(path, p.Smart.Handler())
	}
	mux.Handle("/", (&apps.Site{Door: p.Door, Smart: p.Smart}).Handler())
	mux.Handle("/static/", kit.Static())
	mux.HandleFunc("/signin", func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if to == "" || strings.HasPrefix(to, "//") {
			to = "/"
		}
		if as := r.URL.Query().Get("as"); as != "" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: as, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		fmt.Fprintf(w, "<!doctype html><title>Sign in</title><form><input type=hidden name=to value=\"%s\"><button name=as value=ada>Ada</button><button name=as value=sam>Sam</button></form>", strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;").Replace(to))
	})
	p.Handler = p.Smart.Guard(http.NewCrossOriginProtection(), mux)
	server.Config.Handler = p.Handler
	server.Start()
	p.T.Cleanup(server.Close)
}

// Now is the place's clock.
func (p *Place) Now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

// Pass lets time go by.
func (p *Place) Pass(d time.Duration) { p.ahead.Add(int64(d)) }

// CloseAccount takes somebody's account away.
func (p *Place) CloseAccount(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed[Accounts[name].ID] = true
}

func (p *Place) session(r *http.Request) (access.Actor, error) {
	c, err := r.Cookie("session")
	if err != nil {
		return access.Actor{}, fhir.Errorf(fhir.Forbidden, "nobody is signed in")
	}
	who := Accounts[c.Value]
	who.From = r.RemoteAddr
	return p.still(r.Context(), who)
}

func (p *Place) still(_ context.Context, who access.Actor) (access.Actor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed[who.ID] {
		return access.Actor{}, fhir.Errorf(fhir.Gone, "the account is closed")
	}
	return who, nil
}

// Trust has somebody trusted by a patient, by none where it is "".
func (p *Place) Trust(name, patient string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trust[Accounts[name].Patient] = patient
}

// people: Ada is trusted by her mother Una, others by whom Trust says.
func (p *Place) people(_ context.Context, who access.Actor) ([]smart.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []smart.Person{{Patient: who.Patient, Name: who.Name}}
	if who.Patient == "ada" {
		list = append(list, smart.Person{Patient: "una", Name: "Una Okafor", Born: "03-Mar-1925", Relation: "trusts you"})
	}
	if also := p.trust[who.Patient]; also != "" {
		list = append(list, smart.Person{Patient: also, Name: "Somebody Else", Relation: "your friend"})
	}
	return list, nil
}

func (p *Place) check(sc access.Scope) error {
	if sc.Query == "" {
		return nil
	}
	_, err := p.Door.Explain(context.Background(), sc.Type+"?"+sc.Query)
	return err
}

func (p *Place) fill() {
	var ops []record.Op
	put := func(text string) {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			p.T.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	for _, one := range [][4]string{{"ada", "Ada", "Okafor", "1950-02-03"}, {"una", "Una", "Okafor", "1925-03-03"}, {"lone", "Ben", "Reed", "1984-11-02"}} {
		number := map[string]string{"ada": "9990000018", "una": "9990000026", "lone": "9990000034"}[one[0]]
		put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":%q}],"name":[{"family":%q,"given":[%q]}],"birthDate":%q}`, one[0], number, one[2], one[1], one[3]))
	}
	for i, code := range []string{"8480-6", "2823-3", "718-7"} {
		category := map[bool]string{true: "vital-signs", false: "laboratory"}[i == 0]
		put(fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/ada"},"effectiveDateTime":"2026-01-0%d","valueQuantity":{"value":%d}}`, i, category, code, i+1, 100+i))
	}
	put(`{"resourceType":"Encounter","id":"visit","status":"in-progress","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/ada"}}`)
	if _, err := p.Door.Commit(context.Background(), access.Actor{ID: "test"}, ops); err != nil {
		p.T.Fatal(err)
	}
}

// Add registers and approves a client, and answers it with its secret.
func (p *Place) Add(c smart.Client) (smart.Client, string) {
	p.T.Helper()
	if c.Name == "" {
		c.Name = "My Health"
	}
	if c.Maker == "" {
		c.Maker, c.Does = "Acme Health Ltd", "Shows your results and keeps your appointments"
	}
	c, secret, err := p.Smart.Register(context.Background(), Accounts["olga"], c)
	if err == nil {
		c, err = p.Smart.Decide(context.Background(), Accounts["olga"], c.ID, smart.Approved, "reviewed for the test")
	}
	if err != nil {
		p.T.Fatal(err)
	}
	return c, secret
}
