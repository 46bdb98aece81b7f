package smart

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Kind is how an app proves that it is itself.
type Kind string

// The kinds of client. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
const (
	Public  Kind = "public"  // runs in a browser or on a telephone and can keep no secret
	Secret  Kind = "secret"  // runs on a server and has a secret
	Key     Kind = "key"     // runs on a server and signs with a key of its own
	Backend Kind = "backend" // a system without a person in front of it; signs with a key of its own
)

// State is how far a client has come.
type State string

// The states. A client that was revoked stays so.
const (
	Registered State = "registered" // nobody has reviewed it, so it gets nothing
	Approved   State = "approved"
	Suspended  State = "suspended" // gets nothing until it is approved again
	Revoked    State = "revoked"
)

// Client is an app that may ask for access.
type Client struct {
	ID           string
	Name         string // as people know it
	Maker        string // the organisation that makes it
	Does         string // what it is for, in a sentence
	Kind         Kind
	Redirects    []string        // where people may be sent back to, exactly
	Launch       string          // where our own pages open it, "" for nowhere
	Scopes       []string        // the most it may ask for
	JWKS         json.RawMessage `json:",omitempty"` // its public keys
	JWKSURI      string          // where they are found
	SignedBy     string          // algorithm of its id tokens: RS256 or ES256
	Organization string          // ODS code in whose name a backend service acts
	Purpose      string          // of a backend service, a code of v3-PurposeOfUse
	Introspects  bool            // it may ask about tokens of other clients, as a resource server does
	SecretHash   string
	State        State
	Made         time.Time
	MadeBy       string
	History      []Review // oldest first
}

// Review is what somebody decided about a client, and why.
type Review struct {
	When   time.Time
	By     string // name
	ByID   string
	State  State
	Reason string
}

// Reviewed is the approval that stands, nil where none does.
func (c *Client) Reviewed() *Review {
	if n := len(c.History); n > 0 && c.History[n-1].State == Approved {
		return &c.History[n-1]
	}
	return nil
}

// Register keeps a new client. It gets an id, and where its kind has one a secret, which is shown here and never again.
func (s *Service) Register(ctx context.Context, who access.Actor, c Client) (kept Client, secret string, err error) {
	c.State, c.Made, c.MadeBy, c.History, c.SecretHash = Registered, s.Now().UTC(), named(who), nil, ""
	if c.ID == "" {
		c.ID = s.Door.NewID()
	}
	if c.SignedBy == "" {
		c.SignedBy = "RS256"
	}
	if err := s.validClient(&c); err != nil {
		return Client{}, "", err
	}
	if c.Kind == Secret {
		secret = newToken()
		c.SecretHash = hashed(secret)
	}
	if err := s.box.Note(ctx, who, access.Create, "register client "+c.ID+" ("+c.Name+")", ""); err != nil {
		return Client{}, "", err
	}
	err = s.swap(ctx, who, []record.BoxItem{absent(kindClient, c.ID)}, item(kindClient, c.ID, c))
	if fhir.KindOf(err) == fhir.Conflict && err != nil {
		err = fhir.Errorf(fhir.Conflict, "there is a client %s already", c.ID)
	}
	return c, secret, err
}

// Decide approves, suspends or revokes a client, with the reason. What it has been given stops working at once when
// it is not approved any more.
func (s *Service) Decide(ctx context.Context, who access.Actor, id string, to State, reason string) (Client, error) {
	reason = strings.TrimSpace(reason)
	var c Client
	raw, err := s.get(ctx, kindClient, id, &c)
	switch {
	case err != nil:
		return c, err
	case raw.Value == nil:
		return c, fhir.Errorf(fhir.NotFound, "there is no client %q", id)
	case reason == "" || len(reason) > 1000:
		return c, fhir.Errorf(fhir.Invalid, "say in a sentence why").At("reason")
	case to != Approved && to != Suspended && to != Revoked:
		return c, fhir.Errorf(fhir.Invalid, "a client is approved, suspended or revoked, not %q", to)
	case c.State == Revoked:
		return c, fhir.Errorf(fhir.Conflict, "%s was revoked, and stays so: register it anew", c.Name)
	case c.State == to:
		return c, fhir.Errorf(fhir.Conflict, "%s is %s already", c.Name, to)
	case c.State == Registered && to == Suspended:
		return c, fhir.Errorf(fhir.Conflict, "%s has not been approved, so there is nothing to suspend", c.Name)
	}
	c.State = to
	c.History = append(c.History, Review{When: s.Now().UTC(), By: named(who), ByID: who.ID, State: to, Reason: reason})
	if err := s.box.Note(ctx, who, access.Update, string(to)+" client "+c.ID+" ("+c.Name+"): "+reason, ""); err != nil {
		return c, err
	}
	if err := s.swap(ctx, who, []record.BoxItem{raw}, item(kindClient, id, c), epoch()); err != nil {
		return c, err
	}
	s.tokens.forget()
	s.jwks.forget(id)
	return c, nil
}

// Client is one client. NotFound where there is none.
func (s *Service) Client(ctx context.Context, id string) (Client, error) {
	var c Client
	raw, err := s.get(ctx, kindClient, id, &c)
	if err == nil && raw.Value == nil {
		err = fhir.Errorf(fhir.NotFound, "there is no client %q", id)
	}
	return c, err
}

// Clients are all clients, in order of name.
func (s *Service) Clients(ctx context.Context) (all []Client, err error) {
	err = s.each(ctx, kindClient, "", func(it record.BoxItem) (bool, error) {
		var c Client
		if err := json.Unmarshal(it.Value, &c); err != nil {
			return false, fhir.Errorf(fhir.Broken, "client %s cannot be read: %w", it.Key, err)
		}
		all = append(all, c)
		return true, nil
	})
	slices.SortFunc(all, func(a, b Client) int {
		return strings.Compare(strings.ToLower(a.Name)+a.ID, strings.ToLower(b.Name)+b.ID)
	})
	return all, err
}

// validClient says what is wrong with a registration, by the path of the field.
func (s *Service) validClient(c *Client) error {
	wrong := func(path, format string, args ...any) error {
		return fhir.Errorf(fhir.Invalid, format, args...).At(path)
	}
	for _, f := range []struct {
		path, value string
		max         int
	}{{"name", c.Name, 100}, {"maker", c.Maker, 200}, {"does", c.Does, 500}} {
		if strings.TrimSpace(f.value) == "" || len(f.value) > f.max || strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' }) {
			return wrong(f.path, "the %s of a client takes 1 to %d characters on one line", f.path, f.max)
		}
	}
	if !fhir.ValidID(c.ID) {
		return wrong("id", "%q cannot be the id of a client: it takes 1 to 64 letters, digits, - and .", c.ID)
	}
	if c.Kind != Public && c.Kind != Secret && c.Kind != Key && c.Kind != Backend {
		return wrong("kind", "a client is public, secret, key or backend, not %q", c.Kind)
	}
	if c.SignedBy != "RS256" && c.SignedBy != "ES256" {
		return wrong("signedBy", "id tokens are signed by RS256 or ES256, not %q", c.SignedBy)
	}
	if err := s.validScopes(c); err != nil {
		return err
	}
	if err := validKeys(c); err != nil {
		return err
	}
	if c.Kind == Backend {
		if len(c.Redirects) > 0 || c.Launch != "" {
			return wrong("redirects", "a backend service sends nobody anywhere, so it has no addresses to return to")
		}
		if c.Organization == "" || c.Purpose == "" {
			return wrong("organization", "a backend service acts in the name of an organisation (ODS code) and for a purpose (such as TREAT)")
		}
		return nil
	}
	if len(c.Redirects) == 0 || len(c.Redirects) > 20 {
		return wrong("redirects", "name 1 to 20 addresses to which people are sent back")
	}
	for _, r := range c.Redirects {
		if err := validRedirect(r, c.Kind); err != nil {
			return err
		}
	}
	if c.Launch != "" {
		u, err := url.Parse(c.Launch)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !hostForm.MatchString(u.Host) || u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) {
			return wrong("launch", "the launch address %q is not one of https", c.Launch)
		}
	}
	return nil
}

func (s *Service) validScopes(c *Client) error {
	if len(c.Scopes) == 0 {
		return fhir.Errorf(fhir.Invalid, "name the scopes it may ask for at most").At("scopes")
	}
	parsed, err := s.parseScopes(strings.Join(c.Scopes, " "))
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%w", err).At("scopes")
	}
	for _, text := range c.Scopes {
		sc, onResources := OnResources(text)
		switch {
		case !slices.Contains(parsed, text):
			return fhir.Errorf(fhir.Invalid, "%q is no scope", text).At("scopes")
		case c.Kind == Backend && (!onResources || sc.Context != "system"):
			return fhir.Errorf(fhir.Invalid, "%q is not for a backend service: its scopes begin with system/", text).At("scopes")
		case c.Kind != Backend && onResources && sc.Context == "system":
			return fhir.Errorf(fhir.Invalid, "%q is for backend services only", text).At("scopes")
		}
	}
	c.Scopes = parsed
	return nil
}

// validRedirect checks an address to return to: https, or this machine, or a scheme that an app on a telephone owns.
// https://www.rfc-editor.org/rfc/rfc8252#section-7
func validRedirect(text string, kind Kind) error {
	u, err := url.Parse(text)
	bad := func(why string) error {
		return fhir.Errorf(fhir.Invalid, "the address %q to return to %s", text, why).At("redirects")
	}
	switch {
	case err != nil || u.Scheme == "" || len(text) > 500:
		return bad("is no address")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return bad("has a part after #")
	case u.User != nil:
		return bad("has a user in it")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '*' || r == '\\' }) || !hostForm.MatchString(u.Host):
		return bad("has a character that is not allowed: it is compared exactly")
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && loopbackHost(u.Hostname()):
		return nil
	case u.Scheme != "http" && u.Scheme != "https" && strings.Contains(u.Scheme, ".") && kind == Public:
		return nil
	}
	return bad("is neither https nor on this machine nor of a scheme such as org.example.app")
}

// hostForm is what stands before the path. It goes into a Content-Security-Policy, so it has nothing in it that would mean something there.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]*$`)

// returnsTo reports whether people may be sent back to an address: exactly one of those registered, save that an app
// on the person's own machine may listen on any port. https://www.rfc-editor.org/rfc/rfc8252#section-7.3
func (c *Client) returnsTo(address string) bool {
	if slices.Contains(c.Redirects, address) {
		return true
	}
	u, err := url.Parse(address)
	if err != nil || c.Kind != Public || u.Scheme != "http" || !loopbackIP(u.Hostname()) || u.User != nil || strings.ContainsAny(address, "#\\") {
		return false
	}
	return slices.ContainsFunc(c.Redirects, func(r string) bool {
		v, err := url.Parse(r)
		return err == nil && v.Scheme == "http" && v.Hostname() == u.Hostname() && v.EscapedPath() == u.EscapedPath() && v.RawQuery == u.RawQuery
	})
}

// origins are the sites whose pages may call us in a browser.
func (c *Client) origins() (out []string) {
	for _, r := range append(slices.Clone(c.Redirects), c.Launch) {
		if u, err := url.Parse(r); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			out = append(out, u.Scheme+"://"+strings.ToLower(u.Host))
		}
	}
	return out
}

func loopbackIP(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func loopbackHost(host string) bool { return host == "localhost" || loopbackIP(host) }

// hasSecret compares in constant time.
func (c *Client) hasSecret(secret string) bool {
	return c.SecretHash != "" && subtle.ConstantTimeCompare([]byte(hashed(secret)), []byte(c.SecretHash)) == 1
}

// named is how an actor stands in a history.
func named(who access.Actor) string {
	if who.Name != "" {
		return who.Name
	}
	return who.ID
}
