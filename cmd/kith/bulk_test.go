package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// backendPlace is a server as it is run, with a backend service that was registered and approved beside it.
type backendPlace struct {
	t          *testing.T
	site       string
	client     string
	key        jose.JSONWebKey
	door       *record.Door
	kithClient func(args ...string) string
}

// serveBackend serves a record of two practices' people to a backend service of practice A.
func serveBackend(t *testing.T, db string, change func(*serving)) *backendPlace {
	t.Helper()
	p := &backendPlace{t: t}
	folder := t.TempDir()
	secretKey := filepath.Join(folder, "secret.key")
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.key = jose.JSONWebKey{Key: private, KeyID: "k", Algorithm: string(jose.ES384)}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(folder, "keys.json")
	if err := os.WriteFile(keys, set, 0o600); err != nil {
		t.Fatal(err)
	}
	p.kithClient = func(args ...string) string {
		t.Helper()
		var out, bad bytes.Buffer
		if code := run(append(append([]string{"client"}, args...), "--db", db, "--secret-key", secretKey), &out, &bad); code != 0 {
			t.Fatalf("kith client %v: %d %s%s", args, code, out.String(), bad.String())
		}
		return out.String()
	}
	added := p.kithClient("add", "--name", "Warehouse", "--maker", "Practice A", "--does", "Keeps the practice's figures", "--kind", "backend", "--keys", keys, "--organization", "A", "--purpose", "TREAT", "--scopes", "system/*.cruds")
	p.client = regexp.MustCompile(`client id: (\S+)\n`).FindStringSubmatch(added)[1]
	p.kithClient("approve", p.client, "--by", "Sam", "--reason", "reviewed for the test")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		s := serving{addr: addr, db: db, auth: "on", name: "Kith", secretKey: secretKey}
		if change != nil {
			change(&s)
		}
		ended <- s.run(ctx, io.Discard, func(ctx context.Context, door *record.Door, _ *feeds.Service) {
			p.door = door
			p.fill()
			close(ready)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not answer")
	}
	p.site = "http://" + addr
	return p
}

func (p *backendPlace) put(texts ...string) {
	p.t.Helper()
	var ops []record.Op
	for _, text := range texts {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			p.t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	if _, err := p.door.Commit(context.Background(), access.Actor{ID: "kith/test", Role: access.Kith}, ops); err != nil {
		p.t.Fatal(err)
	}
}

func (p *backendPlace) fill() {
	for _, one := range [][2]string{{"ada", "A"}, {"ben", "B"}} {
		p.put(`{"resourceType":"Organization","id":"`+one[1]+`","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"`+one[1]+`"}]}`,
			`{"resourceType":"Patient","id":"`+one[0]+`","birthDate":"1950-02-03","managingOrganization":{"reference":"Organization/`+one[1]+`"}}`,
			`{"resourceType":"Observation","id":"`+one[0]+`-1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},"subject":{"reference":"Patient/`+one[0]+`"}}`)
	}
}

// token asks for an access token with a signed assertion.
func (p *backendPlace) token(scope string) (status int, token string) {
	p.t.Helper()
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: p.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		p.t.Fatal(err)
	}
	assertion, err := jwt.Signed(by).Claims(jwt.Claims{Issuer: p.client, Subject: p.client, Audience: jwt.Audience{p.site + "/auth/token"}, Expiry: jwt.NewNumericDate(time.Now().Add(4 * time.Minute)), ID: rand.Text()}).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := http.PostForm(p.site+"/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, body.Token
}

// ask sends a request with a token.
func (p *backendPlace) ask(token, method, at, body string, header ...string) (int, http.Header, string) {
	p.t.Helper()
	if !strings.HasPrefix(at, "http") {
		at = p.site + "/fhir/" + at
	}
	q, err := http.NewRequest(method, at, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/fhir+json")
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

// A backend service as it is run: registered, approved, given a token; it asks, waits, fetches, and finds what searches find. Once it is taken
// back it gets nothing more.
func TestABackendServiceExports(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := serveBackend(t, db, nil)
		status, token := p.token("system/*.rs")
		if status != 200 {
			t.Fatal(status)
		}
		if _, _, text := p.ask(token, "GET", "metadata", ""); strings.Count(text, `"name":"export"`) != 3 || !strings.Contains(text, "bulkdata/CapabilityStatement/bulk-data") {
			t.Error("the capability statement says nothing of exports")
		}
		if _, _, text := p.ask(token, "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"$export"}},{"request":{"method":"GET","url":"Patient/$export"}},{"request":{"method":"GET","url":"$export/x/0.Patient.ndjson"}}]}`); strings.Count(text, "not within a Bundle") != 3 {
			t.Error(text)
		}
		status, header, text := p.ask(token, "GET", "Patient/$export?_type=Patient,Observation", "", "Prefer", "respond-async", "Accept", "application/fhir+json")
		at := header.Get("Content-Location")
		if status != 202 || !strings.HasPrefix(at, p.site+"/fhir/") {
			t.Fatal(status, header, text)
		}
		var manifest struct {
			Output []struct{ Type, URL string }
		}
		for range 200 {
			if status, _, text = p.ask(token, "GET", at, ""); status != 202 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err := json.Unmarshal([]byte(text), &manifest); status != 200 || err != nil || len(manifest.Output) != 2 {
			t.Fatal(status, text, err)
		}
		var got, want []string
		for _, f := range manifest.Output {
			if status, _, text = p.ask(token, "GET", f.URL, ""); status != 200 {
				t.Fatal(status, text)
			}
			for line := range strings.Lines(text) {
				got = append(got, strings.TrimSpace(line))
			}
			_, _, text = p.ask(token, "GET", f.Type, "")
			var bundle struct {
				Entry []struct{ Resource json.RawMessage }
			}
			if err := json.Unmarshal([]byte(text), &bundle); err != nil {
				t.Fatal(err)
			}
			for _, e := range bundle.Entry {
				want = append(want, string(e.Resource))
			}
		}
		if len(want) != 2 || !slices.Equal(got, want) {
			t.Errorf("exported %q, found %q", got, want)
		}
		p.kithClient("revoke", p.client, "--by", "Sam", "--reason", "it ended")
		for began := time.Now(); ; {
			if status, _, _ = p.ask(token, "GET", manifest.Output[0].URL, ""); status == 401 {
				break
			}
			if time.Since(began) > 20*time.Second {
				t.Fatal("a client that was taken back still fetches:", status)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if status, _ = p.token("system/*.rs"); status != 401 {
			t.Error(fmt.Sprint("it gets a token: ", status))
		}
	})
}

// The same backend service is told of what is new of its people, and of nobody else's, until it is taken back.
func TestABackendServiceSubscribes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		got := make(chan string, 100)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Method + " " + r.URL.Path }))
		defer hook.Close()
		p := serveBackend(t, db, func(s *serving) { s.notifyNetworks = "127.0.0.1" })
		_, token := p.token("system/*.cruds")
		status, header, text := p.ask(token, "POST", "Subscription", `{"resourceType":"Subscription","status":"requested","reason":"r","criteria":"Observation?code=1","channel":{"type":"rest-hook","endpoint":"`+hook.URL+`/x","payload":"application/fhir+json"}}`)
		if status != 201 {
			t.Fatal(status, text)
		}
		if _, _, text := p.ask(token, "GET", "metadata", ""); !strings.Contains(text, "rest-hook") {
			t.Error("the capability statement says nothing of Subscriptions")
		}
		for range 200 {
			if _, _, text = p.ask(token, "GET", header.Get("Location"), ""); strings.Contains(text, `"active"`) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		observe := func(id, patient string) {
			p.put(`{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},"subject":{"reference":"Patient/` + patient + `"}}`)
		}
		wants := func(want string) {
			t.Helper()
			select {
			case have := <-got:
				if have != want {
					t.Errorf("it was told %s, not %s", have, want)
				}
			case <-time.After(20 * time.Second):
				t.Errorf("it was not told %s", want)
			}
		}
		observe("ben-2", "ben")
		observe("ada-2", "ada")
		wants("PUT /x/Observation/ada-2")
		p.kithClient("suspend", p.client, "--by", "Sam", "--reason", "a fault was found")
		observe("ada-3", "ada")
		select {
		case have := <-got:
			t.Errorf("a suspended client was told %s", have)
		case <-time.After(2 * time.Second):
		}
	})
}
