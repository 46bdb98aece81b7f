package appstest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/kith-care/kith/rest/smart"
)

// Verifier is the PKCE verifier of requests made here.
const Verifier = "a-verifier-that-is-forty-three-characters-long-or-more"

// Challenge is the S256 challenge of a verifier.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Ask are the parameters of a right authorisation request.
func (p *Place) Ask(c smart.Client, scope string) url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {c.Redirects[0]}, "scope": {scope}, "state": {"st-1"}, "aud": {p.Base}, "code_challenge": {Challenge(Verifier)}, "code_challenge_method": {"S256"}}
}

// Answer is a response, read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Location is where the answer leads, with its parameters.
func (a Answer) Location() (at string, params url.Values) {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return a.Header.Get("Location"), nil
	}
	params = u.Query()
	u.RawQuery = ""
	return u.String(), params
}

// JSON is a member of the answer's body that is a string or a number or true.
func (a Answer) JSON(name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(a.Body), &members) != nil {
		return ""
	}
	return strings.Trim(string(members[name]), `"`)
}

// Do sends a request as somebody, "" for nobody, and follows no redirect. header is pairs of name and value.
func (p *Place) Do(method, path, as, body string, header ...string) Answer {
	p.T.Helper()
	q, err := http.NewRequest(method, p.URL+path, strings.NewReader(body))
	if err != nil {
		p.T.Fatal(err)
	}
	if as != "" {
		q.AddCookie(&http.Cookie{Name: "session", Value: as})
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(q)
	if err != nil {
		p.T.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.T.Fatal(err)
	}
	return Answer{res.StatusCode, res.Header, string(text)}
}

// Post sends a form to an endpoint that apps call.
func (p *Place) Post(path string, form url.Values, header ...string) Answer {
	p.T.Helper()
	return p.Do(http.MethodPost, path, "", form.Encode(), header...)
}

// Fields are the hidden fields and ticked boxes of the form on a page.
func Fields(page string) url.Values {
	out := url.Values{}
	for _, m := range regexp.MustCompile(`<input[^>]*>`).FindAllString(page, -1) {
		attr := func(name string) string {
			if v := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(m); v != nil {
				return html.UnescapeString(v[1])
			}
			return ""
		}
		if typ := attr("type"); typ == "hidden" || typ == "checkbox" && strings.Contains(m, " checked") {
			out.Add(attr("name"), attr("value"))
		}
	}
	return out
}

// Screen is the consent screen that somebody sees.
func (p *Place) Screen(as string, ask url.Values, also ...string) Answer {
	p.T.Helper()
	for i := 0; i+1 < len(also); i += 2 {
		ask.Set(also[i], also[i+1])
	}
	return p.Do(http.MethodGet, "/auth/authorize?"+ask.Encode(), as, "")
}

// Allow reads the consent screen and allows what is ticked, without what is named; it answers the code.
func (p *Place) Allow(as string, ask url.Values, without ...string) string {
	p.T.Helper()
	screen := p.Screen(as, ask)
	form := Fields(screen.Body)
	if screen.Status != http.StatusOK || form.Get("ticket") == "" {
		p.T.Fatalf("no consent screen: %d %v %s", screen.Status, screen.Header, screen.Body)
	}
	var ticked []string
	for _, box := range form["scope"] {
		keep := true
		for _, w := range without {
			keep = keep && box != w
		}
		if keep {
			ticked = append(ticked, box)
		}
	}
	form["scope"] = ticked
	form.Set("answer", "allow")
	answer := p.Do(http.MethodPost, "/auth/consent", as, form.Encode())
	_, params := answer.Location()
	if answer.Status != http.StatusSeeOther || params.Get("code") == "" {
		p.T.Fatalf("no code: %d %v %s", answer.Status, answer.Header, answer.Body)
	}
	return params.Get("code")
}

// Exchange is the form by which a public client exchanges a code.
func Exchange(c smart.Client, code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirects[0]}, "client_id": {c.ID}, "code_verifier": {Verifier}}
}

// Connect goes the whole way and answers what /auth/token gave a public client.
func (p *Place) Connect(as string, c smart.Client, scope string, also ...string) Answer {
	p.T.Helper()
	ask := p.Ask(c, scope)
	for i := 0; i+1 < len(also); i += 2 {
		ask.Set(also[i], also[i+1])
	}
	answer := p.Post("/auth/token", Exchange(c, p.Allow(as, ask)))
	if answer.Status != http.StatusOK {
		p.T.Fatalf("no tokens: %d %s", answer.Status, answer.Body)
	}
	return answer
}

// Read asks FHIR with a token and answers the status.
func (p *Place) Read(token string) int {
	p.T.Helper()
	return p.Do(http.MethodGet, "/fhir/Patient/ada", "", "", "Authorization", "Bearer "+token).Status
}
