package smart

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// tokenBody is what an app gets. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-5
type tokenBody struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Patient      string `json:"patient,omitempty"`
	Encounter    string `json:"encounter,omitempty"`
	Banner       *bool  `json:"need_patient_banner,omitempty"`
}

// token is /auth/token.
func (s *Service) token(w http.ResponseWriter, r *http.Request, form url.Values) error {
	c, err := s.authenticate(r.Context(), r, form)
	if err != nil {
		return s.noted(r, form.Get("client_id"), form.Get("grant_type"), err)
	}
	var body *tokenBody
	switch kind := form.Get("grant_type"); {
	case kind == "authorization_code" && c.Kind != Backend:
		body, err = s.byCode(r.Context(), c, form)
	case kind == "refresh_token" && c.Kind != Backend:
		body, err = s.byRefresh(r.Context(), c, form)
	case kind == "client_credentials" && c.Kind == Backend:
		body, err = s.byClient(r.Context(), c, form)
	case kind == "authorization_code" || kind == "refresh_token" || kind == "client_credentials":
		err = refuse("unauthorized_client", "the client is not registered for this grant type")
	default:
		err = refuse("unsupported_grant_type", "grant_type must be authorization_code, refresh_token or client_credentials")
	}
	if err != nil {
		return s.noted(r, c.ID, form.Get("grant_type"), err)
	}
	s.answer(w, http.StatusOK, body)
	return nil
}

// noted writes a refusal to the audit and answers it.
func (s *Service) noted(r *http.Request, client, what string, err error) error {
	refusal, ok := err.(*Refusal)
	if !ok {
		return err
	}
	if len(client) > 64 {
		client = client[:64]
	}
	if len(what) > 64 {
		what = what[:64]
	}
	who := access.Actor{ID: "client/" + client, Role: "system", From: s.From(r)}
	if e := s.box.Note(r.Context(), who, access.Create, "token by "+what, refusal.Text); e != nil {
		return e
	}
	return err
}

var errCode = refuse("invalid_grant", "the code is not known, was used, is over, or was given for another client, address or verifier")

// byCode exchanges an authorisation code. Where it was used before, whoever has it is not alone with it, so what it gave is taken
// back. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
func (s *Service) byCode(ctx context.Context, c *Client, form url.Values) (*tokenBody, error) {
	text, verifier := form.Get("code"), form.Get("code_verifier")
	if text == "" || verifier == "" {
		return nil, refuse("invalid_request", "code and code_verifier are needed")
	}
	var given code
	raw, err := s.get(ctx, kindCode, hashed(text), &given)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case raw.Value == nil || given.Grant.Client != c.ID:
		return nil, errCode
	case given.Used:
		return nil, s.compromised(ctx, c, given.Grant.ID, "its code was used twice", errCode)
	case !s.Now().Before(given.Until) || given.Redirect != form.Get("redirect_uri") || len(verifier) < 43 || len(verifier) > 128,
		subtle.ConstantTimeCompare([]byte(challenge), []byte(given.Challenge)) != 1:
		return nil, errCode
	}
	given.Used = true
	g := given.Grant
	given.Until = s.Now().Add(time.Hour) // until then a second use is recognised
	body, items, err := s.issue(c, &g, g.Scopes)
	if err != nil {
		return nil, err
	}
	items = append(items, item(kindCode, hashed(text), given))
	if err := s.gives(ctx, &g, body); err != nil {
		return nil, err
	}
	err = s.swap(ctx, g.Who, []record.BoxItem{raw, absent(kindGrant, g.ID)}, items...)
	if err != nil && fhir.KindOf(err) == fhir.Conflict {
		return nil, s.compromised(ctx, c, g.ID, "its code was used twice", errCode)
	}
	return body, err
}

// gives writes to the audit that an app gets tokens, before it does.
func (s *Service) gives(ctx context.Context, g *Grant, body *tokenBody) error {
	return s.box.Note(ctx, g.Who, access.Create, "tokens for client "+g.Client+" under grant "+g.ID+": "+body.Scope, "")
}

// issue makes tokens under a grant, and the items that keep them. The scopes are those of the grant or fewer.
func (s *Service) issue(c *Client, g *Grant, scopes []string) (*tokenBody, []record.BoxItem, error) {
	now := s.Now().UTC()
	life := s.Access
	if c.Kind == Backend {
		life = min(life, backendLife)
	}
	body := &tokenBody{AccessToken: newToken(), TokenType: "Bearer", ExpiresIn: int64(life / time.Second), Scope: strings.Join(scopes, " "), Patient: g.Patient, Encounter: g.Encounter}
	until := now.Add(life)
	items := []record.BoxItem{item(kindAccess, hashed(body.AccessToken), bearer{Grant: g.ID, Client: c.ID, Scopes: scopes, Made: now, Until: until})}
	if g.Patient != "" {
		banner := true // no page of ours stands around an app, so it has to say itself whose record it shows
		body.Banner = &banner
	}
	if slices.Contains(scopes, scopeOpenID) {
		var err error
		if body.IDToken, err = s.idToken(c, g, scopes, now); err != nil {
			return nil, nil, err
		}
	}
	if end, ok := s.refreshable(g, now); ok {
		body.RefreshToken = newToken()
		items = append(items, item(kindRefresh, hashed(body.RefreshToken), refresh{Grant: g.ID, Client: c.ID, Until: end}))
		if end.After(until) {
			until = end
		}
	}
	g.Used, g.Until = now, until
	return body, append(items, item(kindGrant, g.ID, g)), nil
}

// refreshable reports whether a grant comes with a refresh token, and until when that is good.
func (s *Service) refreshable(g *Grant, now time.Time) (end time.Time, ok bool) {
	switch {
	case slices.Contains(g.Scopes, scopeOffline):
		end = now.Add(s.Offline)
	case slices.Contains(g.Scopes, scopeOnline):
		end = g.Made.Add(s.Online)
	default:
		return end, false
	}
	if last := g.Made.Add(longest); end.After(last) {
		end = last
	}
	return end, end.After(now)
}
