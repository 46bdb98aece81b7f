package carrier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Gateway sends text messages by a gateway that speaks as GOV.UK Notify does. Base, Key and Template must be set.
// https://docs.notifications.service.gov.uk/rest-api.html
type Gateway struct {
	Base     string // https://api.notifications.service.gov.uk
	Key      string // NAME-SERVICE-SECRET, as Notify gives it: two UUIDs at its end
	Template string // id of a template whose whole text is ((text))
	Client   *http.Client
	Now      func() time.Time
}

// uuidLength is how long a UUID is as text.
const uuidLength = 36

// parts are the service and the secret of the key.
func (g *Gateway) parts() (service, secret string, err error) {
	if len(g.Key) < 2*uuidLength+1 {
		return "", "", fhir.Errorf(fhir.Invalid, "the key of the text gateway is too short: it ends in two UUIDs, NAME-SERVICE-SECRET")
	}
	secret = g.Key[len(g.Key)-uuidLength:]
	return g.Key[len(g.Key)-2*uuidLength-1 : len(g.Key)-uuidLength-1], secret, nil
}

// Check says what is wrong with how the gateway is named.
func (g *Gateway) Check() error {
	u, err := url.Parse(g.Base)
	if err != nil || u.Host == "" || u.Scheme != "https" && !loopback(u) {
		return fhir.Errorf(fhir.Invalid, "the text gateway %q is no https address", g.Base)
	}
	if g.Template == "" {
		return fhir.Errorf(fhir.Invalid, "the text gateway needs the id of a template")
	}
	_, _, err = g.parts()
	return err
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Text sends a text message and answers the gateway's own id of it.
func (g *Gateway) Text(ctx context.Context, key, to, text string) (string, error) {
	token, err := g.token()
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(struct {
		Phone    string            `json:"phone_number"`
		Template string            `json:"template_id"`
		With     map[string]string `json:"personalisation"`
		Key      string            `json:"reference"`
	}{to, g.Template, map[string]string{"text": text}, key})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(g.Base, "/")+"/v2/notifications/sms", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	client := g.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return "", fhir.Errorf(fhir.Busy, "the text gateway does not answer: %w", err)
		}
		return "", fhir.Errorf(fhir.Broken, "it is not known whether the text gateway took it: %w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	return read(answer.StatusCode, said, err)
}

// read is what the gateway said.
func read(status int, said []byte, err error) (string, error) {
	var v struct {
		ID     string
		Errors []struct{ Error, Message string }
	}
	decoded := json.Unmarshal(said, &v)
	why := ""
	if len(v.Errors) > 0 {
		why = ": " + v.Errors[0].Message
	}
	switch {
	case status/100 == 2 && (err != nil || decoded != nil):
		return "", nil // it has it, whatever it calls it
	case status/100 == 2:
		return v.ID, nil
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusForbidden, status == http.StatusUnauthorized:
		return "", fhir.Errorf(fhir.Busy, "the text gateway does not take it now (%d%s)", status, why)
	case status/100 == 4:
		return "", fhir.Errorf(fhir.Unprocessable, "the text gateway refuses it (%d%s)", status, why)
	}
	return "", fhir.Errorf(fhir.Broken, "it is not known whether the text gateway took it (%d)", status)
}

// token is the JSON Web Token that proves who asks: HS256, the service and the moment.
func (g *Gateway) token() (string, error) {
	service, secret, err := g.parts()
	if err != nil {
		return "", err
	}
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	claims, err := json.Marshal(struct {
		Issuer string `json:"iss"`
		At     int64  `json:"iat"`
	}{service, now().Unix()})
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(mac, signed)
	return signed + "." + b64(mac.Sum(nil)), nil
}
