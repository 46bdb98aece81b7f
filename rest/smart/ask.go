package smart

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// Ask is an authorisation request that was checked: who asks, and the most they can get.
type Ask struct {
	Client    *Client
	Scopes    []string // asked for and within what the client is registered for
	Patient   string   // of the launch context, "" where none was handed over
	Encounter string
	Choose    bool // somebody has to say for which patient this is

	redirect, state, challenge, nonce, launch string
	query                                     url.Values
}

// Query is the request as it came, to be carried from page to page.
func (a *Ask) Query() string { return a.query.Encode() }

// Returns is the origin or scheme to which the person is sent back, as a Content-Security-Policy names it.
func (a *Ask) Returns() string {
	u, err := url.Parse(a.redirect)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		scheme, _, _ := strings.Cut(a.redirect, ":")
		return scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// askParams are the parameters of an authorisation request that mean something here.
var askParams = []string{"response_type", "client_id", "redirect_uri", "scope", "state", "aud", "launch", "code_challenge", "code_challenge_method", "nonce", "prompt", "response_mode", "request", "request_uri"}

// challenge is the form of an S256 code challenge: 32 bytes in base64url. https://www.rfc-editor.org/rfc/rfc7636#section-4.2
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// Check checks an authorisation request. Until client and address to return to are known to belong together the Refusal has no To, so that
// nobody is sent to an address of somebody else's choice; after that the app hears of it.
// https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
func (s *Service) Check(ctx context.Context, params url.Values) (*Ask, error) {
	if name := twice(params); name != "" {
		return nil, refuse("invalid_request", "the parameter "+name+" stands twice")
	}
	a := &Ask{query: url.Values{}}
	for _, name := range askParams {
		if v := params.Get(name); v != "" {
			a.query.Set(name, v)
		}
	}
	if len(a.Query()) > maxForm/8 {
		return nil, refuse("invalid_request", "the request is too long")
	}
	c, err := s.approved(ctx, params.Get("client_id"))
	if err != nil {
		return nil, err
	}
	a.Client, a.redirect, a.state = c, params.Get("redirect_uri"), params.Get("state")
	if c.Kind == Backend {
		return nil, refuse("unauthorized_client", "a backend service has nobody to ask")
	}
	if a.redirect == "" || !c.returnsTo(a.redirect) {
		return nil, refuse("invalid_request", "the address to return to is not one that the app is registered with")
	}
	if err := s.checkRest(ctx, a, params); err != nil {
		if r, ok := err.(*Refusal); ok {
			r.To = s.back(a, url.Values{"error": {r.Code}, "error_description": {r.Text}})
		}
		return nil, err
	}
	return a, nil
}

func (s *Service) checkRest(ctx context.Context, a *Ask, params url.Values) error {
	switch {
	case params.Get("request") != "":
		return refuse("request_not_supported", "request objects are not served")
	case params.Get("request_uri") != "":
		return refuse("request_uri_not_supported", "request objects are not served")
	case params.Get("response_type") != "code":
		return refuse("unsupported_response_type", "response_type must be code")
	case params.Get("response_mode") != "" && params.Get("response_mode") != "query":
		return refuse("invalid_request", "response_mode must be query")
	case params.Get("code_challenge") == "":
		return refuse("invalid_request", "code_challenge is missing: PKCE is not optional")
	case params.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case !challengeForm.MatchString(params.Get("code_challenge")):
		return refuse("invalid_request", "code_challenge is not a SHA-256 in base64url")
	case strings.TrimSuffix(params.Get("aud"), "/") != s.Base:
		return refuse("invalid_request", "aud must be "+s.Base)
	case params.Get("state") == "":
		return refuse("invalid_request", "state is missing")
	case slices.Contains(strings.Fields(params.Get("prompt")), "none"):
		return refuse("interaction_required", "a person is always asked")
	}
	a.challenge, a.nonce = params.Get("code_challenge"), params.Get("nonce")
	asked, err := s.parseScopes(params.Get("scope"))
	if err != nil {
		return refuse("invalid_scope", plain(err))
	}
	a.Scopes = allowedOf(asked, a.Client.Scopes)
	a.Scopes = withoutContext(a.Scopes, "system")
	if slices.Contains(a.Scopes, scopeOffline) {
		a.Scopes = slices.DeleteFunc(a.Scopes, func(t string) bool { return t == scopeOnline })
	}
	if !slices.Contains(a.Scopes, scopeOpenID) {
		// Without openid there is no token that could say who the person is.
		a.Scopes = slices.DeleteFunc(a.Scopes, func(t string) bool { return t == scopeUser || t == scopeProfile })
	}
	if len(a.Scopes) == 0 {
		return refuse("invalid_scope", "nothing that is asked for is among what the app is registered for")
	}
	token := params.Get("launch")
	switch hasLaunch := slices.Contains(a.Scopes, scopeLaunch); {
	case token == "" && hasLaunch:
		return refuse("invalid_request", "the scope launch goes with the parameter launch")
	case token != "":
		var l launch
		raw, err := s.get(ctx, kindLaunch, hashed(token), &l)
		if err != nil {
			return err
		}
		if raw.Value == nil || l.Client != a.Client.ID || !s.Now().Before(l.Until) {
			return refuse("invalid_request", "the launch is not known, was used, or is over: open the app again")
		}
		a.launch, a.Patient, a.Encounter = token, l.Patient, l.Encounter
	}
	a.Choose = a.Patient == "" && needsPatient(a.Scopes)
	return nil
}

// back is the address by which the person returns to the app, with who answers (RFC 9207), so that an app that knows several servers cannot
// take this one's answer for another's.
func (s *Service) back(a *Ask, answer url.Values) string {
	u, err := url.Parse(a.redirect)
	if err != nil {
		return s.Issuer() // returnsTo has parsed it
	}
	answer.Set("iss", s.Issuer())
	if a.state != "" {
		answer.Set("state", a.state)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += answer.Encode()
	return u.String()
}

// Launch opens an app from a page of ours for a patient, who the actor must be allowed to see, and answers the address to send the
// browser to. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
func (s *Service) Launch(ctx context.Context, who access.Actor, client, patient, encounter string) (string, error) {
	c, err := s.Client(ctx, client)
	switch {
	case err != nil:
		return "", err
	case c.State != Approved:
		return "", fhir.Errorf(fhir.Forbidden, "%s is not approved", c.Name)
	case c.Launch == "":
		return "", fhir.Errorf(fhir.Invalid, "%s has no launch address, so it cannot be opened from here", c.Name)
	}
	if patient != "" {
		if _, err := s.Door.Get(ctx, who, "Patient", patient); err != nil {
			return "", err
		}
	}
	if encounter != "" {
		stored, err := s.Door.Get(ctx, who, "Encounter", encounter)
		if err != nil {
			return "", err
		}
		res, err := stored.Resource()
		if err != nil {
			return "", err
		}
		if of := res.Root().Get("subject").Get("reference").Text(); patient == "" || of != "Patient/"+patient {
			return "", fhir.Errorf(fhir.Invalid, "Encounter/%s is not of Patient/%s", encounter, patient)
		}
	}
	token := newToken()
	if err := s.box.Note(ctx, who, access.Create, "launch client "+c.ID+" for Patient/"+patient, ""); err != nil {
		return "", err
	}
	l := launch{Who: who.ID, Client: c.ID, Patient: patient, Encounter: encounter, Until: s.Now().Add(launchLife)}
	if err := s.swap(ctx, who, nil, item(kindLaunch, hashed(token), l)); err != nil {
		return "", err
	}
	u, err := url.Parse(c.Launch)
	if err != nil {
		return "", fhir.Errorf(fhir.Broken, "the launch address of %s cannot be read: %w", c.Name, err)
	}
	q := u.Query()
	q.Set("iss", s.Base)
	q.Set("launch", token)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// plain is an error's sentence without the place.
func plain(err error) string {
	if e, ok := err.(*fhir.Error); ok {
		return e.Msg
	}
	return err.Error()
}
