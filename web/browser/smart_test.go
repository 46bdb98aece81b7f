package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/web/apps/appstest"
)

// The SMART flows by npm fhirclient, which we did not write, in a real Chromium: an app of another site launched by itself and from our pages, for
// a person, for somebody they are trusted for, and by staff; and the pages that go with it.
func TestSMARTInARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	bundle, err := os.ReadFile("../node_modules/fhirclient/build/fhir-client.js")
	if err != nil {
		need.Skip(t, "web/node_modules/fhirclient is not there (scripts/setup css)")
	}
	p := appstest.Open(t, storetest.SQLite(t))
	app := httptest.NewUnstartedServer(nil)
	// Another host than ours, so that a browser takes it for another site.
	origin := "http://localhost:" + strings.Split(app.Listener.Addr().String(), ":")[1]
	scopes := []string{"launch", "launch/patient", "patient/Patient.rs", "patient/Observation.rs", "patient/Appointment.cu", "patient/AllergyIntolerance.rs", "openid", "fhirUser", "offline_access"}
	c, _ := p.Add(smart.Client{Name: "Growth Chart", Kind: smart.Public, Redirects: []string{origin + "/app"}, Launch: origin + "/launch", Scopes: scopes})
	server, _ := p.Add(smart.Client{Name: "Diary", Kind: smart.Secret, Redirects: []string{"https://diary.example/cb"}, Scopes: []string{"patient/*.rs"}})
	waiting, _, err := p.Smart.Register(t.Context(), appstest.Accounts["olga"], smart.Client{Name: "New app", Maker: "Acme Health Ltd", Does: "Shows your results", Kind: smart.Public, Redirects: []string{"https://new.example/cb"}, Scopes: []string{"patient/Observation.rs?category=laboratory", "user/Patient.rs"}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir-client.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Write(bundle)
	})
	page := func(script string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, "<!doctype html><title>App</title><link rel=icon href=data:,><pre id=out>…</pre><script src=/fhir-client.js></script><script>%s</script>", script)
		}
	}
	mux.HandleFunc("/launch", page(fmt.Sprintf(`FHIR.oauth2.authorize({clientId: %q, scope: "launch patient/Patient.rs patient/Observation.rs openid fhirUser", redirectUri: "/app"})`, c.ID)))
	mux.HandleFunc("/standalone", page(fmt.Sprintf(`FHIR.oauth2.authorize({iss: %q, clientId: %q, scope: "launch/patient patient/Patient.rs patient/Observation.rs?category=laboratory patient/Appointment.cu openid fhirUser offline_access", redirectUri: "/app"})`, p.Base, c.ID)))
	mux.HandleFunc("/app", page(`
		const out = document.getElementById("out"), say = (o) => { out.textContent = JSON.stringify(o); out.className = "done"; };
		FHIR.oauth2.ready().then(async (client) => {
			window.client = client;
			const patient = await client.patient.read();
			const found = await client.request("Observation?category=laboratory&patient=" + client.patient.id);
			say({ patient: patient.id, user: client.user.fhirUser, observations: (found.entry ?? []).length, scope: client.state.tokenResponse.scope, refresh: !!client.state.tokenResponse.refresh_token });
		}).catch((e) => say({ error: e.message }))`))
	app.Config.Handler = mux
	app.Start()
	t.Cleanup(app.Close)

	ask := func(scope string) string {
		return "/auth/authorize?" + p.Ask(c, scope).Encode()
	}
	wrong := p.Ask(c, "patient/Patient.rs")
	wrong.Set("redirect_uri", "https://evil.example/")
	p.Connect("sam", c, "patient/Patient.rs patient/Observation.rs offline_access", "for", "ada")
	input, err := json.Marshal(map[string]any{
		"chromium": chromium, "site": p.URL, "app": origin, "client": c.ID, "waiting": waiting.ID, "pictures": os.Getenv("KITH_PICTURES"),
		"pages": map[string]string{ // who sees it, and the address
			"consent": "lone " + ask("launch/patient patient/Patient.rs patient/Observation.rs?category=laboratory patient/Appointment.cu patient/AllergyIntolerance.rs openid fhirUser offline_access"), "consent for somebody else": "ada " + ask("patient/Patient.rs") + "&for=una",
			"consent of staff": "sam " + ask("patient/Patient.rs patient/Observation.rs") + "&for=ada", "for whom": "ada " + ask("patient/Patient.rs"), "for which patient": "sam " + ask("patient/Patient.rs"),
			"patients found": "sam " + ask("patient/Patient.rs") + "&nhs=999+000+0018&born=3-Feb-1950", "nobody found": "sam " + ask("patient/Patient.rs") + "&nhs=999+000+0018&born=4-Feb-1950", "wrong search": "sam " + ask("patient/Patient.rs") + "&nhs=12&born=never",
			"nobody chosen": "ada " + ask("patient/Patient.rs") + "&for=", "not connected": "lone /auth/authorize?" + wrong.Encode(), "no apps": "lone /apps", "apps of staff": "sam /apps", "open an app": "sam /apps/open/ada",
			"clients": "olga /clients", "a client": "olga /clients/" + c.ID, "a client that waits": "olga /clients/" + waiting.ID, "a server": "olga /clients/" + server.ID, "register": "olga /clients/new", "no access": "sam /clients", "no such client": "olga /clients/nobody",
		},
		"ask": ask("launch/patient patient/Patient.rs patient/Observation.rs"),
	})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "smart.mjs", input, 50)
}
