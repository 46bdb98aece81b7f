package browser

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/account"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/patient"
	"github.com/kith-care/kith/web/seat"
)

var shots = flag.String("shots", "", "a folder for pictures of the pages of signing in")

// Signing in with a real browser: passkeys of a virtual authenticator, the desk, the built-in provider; without JavaScript, by keyboard alone, on a small
// telephone, and what axe knows of barriers on every page and every error.
func TestSigningInWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	site, codes := openSignIn(t)
	asked := map[string]any{"chromium": chromium, "site": site, "codes": codes}
	if *shots != "" {
		asked["shots"], _ = filepath.Abs(*shots)
	}
	input, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "signin.mjs", input, 60)
}

// openSignIn serves the pages of signing in, with codes for the first accounts, by name.
func openSignIn(t *testing.T) (origin string, codes map[string]string) {
	t.Helper()
	door := record.Test(t)
	operator := access.Actor{ID: "kith/account", Name: "operator", Role: access.Kith}
	var ops []record.Op
	for _, text := range []string{
		`{"resourceType":"Patient","id":"okafor","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"1945-07-14","address":[{"line":["3 Mill Lane"],"city":"Merrowby","postalCode":"ZZ1 1AA"}]}`,
		`{"resourceType":"Patient","id":"reed","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Reed","given":["Tom"]}],"birthDate":"1950-01-02"}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: "Patient", ID: r.ID(), Resource: r})
	}
	if _, err := door.Commit(t.Context(), operator, ops); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(server.Close)
	origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s, err := signin.Open(t.Context(), signin.Options{Door: door, Origin: origin, Providers: []signin.Provider{
		{Name: "built-in", Title: "a made-up person", For: signin.Patient, Issuer: origin + "/idp", ClientID: "kith"}, {Name: "passwords", Title: "a password", For: signin.Patient, Issuer: origin + "/passwords/idp", ClientID: "kith"}}})
	if err != nil {
		t.Fatal(err)
	}
	site := &account.Site{SignIn: s, Door: door, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}
	for _, each := range []struct {
		path, back string
		people     func() []idp.Person
	}{{"/idp", "built-in", func() []idp.Person {
		return []idp.Person{{Subject: "fay", Given: "Fay", Family: "Five", Proofing: "P5", Born: "1970-01-01"}, {Subject: "ada", Given: "Ada", Family: "Okafor", Proofing: "P5", Born: "1945-07-14"}, {Subject: "tom", Given: "Tom", Family: "Reed", Number: "9990000026", Born: "1950-01-02", Proofing: "P9"}}
	}}, {"/passwords/idp", "passwords", nil}} {
		p, err := idp.Open(t.Context(), idp.Options{Door: door, Issuer: origin + each.path, Show: site.ShowProvider, People: each.people, Clients: []idp.Client{{ID: "kith", Redirects: []string{origin + "/signin/back/" + each.back}}}})
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle(each.path+"/", http.StripPrefix(each.path, p.Handler()))
	}
	own := site.Guard(site.Handler())
	for _, path := range []string{"/signin", "/signin/", "/signout", "/account", "/account/", "/desk/"} {
		mux.Handle(path, own)
	}
	mux.Handle("/static/", kit.Static())
	mux.Handle("/", site.Guard(kit.Secure(http.NotFoundHandler())))
	mux.Handle("/my", site.Guard((&patient.Site{Places: seat.Places{Door: door, Who: s.Who, Signed: true}, Trust: &trust.Service{Door: door}}).Handler()))
	codes = map[string]string{}
	for name, roles := range map[string][]signin.Role{
		"desk":    {{Role: "receptionist", Organization: "A81001"}},
		"several": {{Role: "nurse", Organization: "A81001", Name: "Ward 4"}, {Role: "analyst", Organization: "RXX01"}},
		"keys":    {{Role: "nurse", Organization: "A81001"}},
		"tabs":    {{Role: "nurse", Organization: "A81001"}},
	} {
		a, err := s.Add(t.Context(), operator, signin.NewAccount{Kind: signin.Staff, Name: "Nia " + name, Born: "1980-02-03", Roles: roles})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Issue(t.Context(), operator, a.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		codes[name] = p.Text
	}
	return origin, codes
}
