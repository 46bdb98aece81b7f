package gpconnect

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// The interactions of GP Connect, as Ssp-InteractionID names them.
const (
	interactionStructured = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
	interactionSlots      = "urn:nhs:names:services:gpconnect:fhir:rest:search:slot-1"
	interactionBook       = "urn:nhs:names:services:gpconnect:fhir:rest:create:appointment-1"
	interactionRead       = "urn:nhs:names:services:gpconnect:fhir:rest:read:appointment-1"
	interactionAmend      = "urn:nhs:names:services:gpconnect:fhir:rest:update:appointment-1"
	interactionCancel     = "urn:nhs:names:services:gpconnect:fhir:rest:cancel:appointment-1"
	interactionOf         = "urn:nhs:names:services:gpconnect:fhir:rest:search:patient_appointments-1"
)

// Client asks one practice. Base, From and To must be set.
type Client struct {
	Base      string      // address of its GP Connect server, through the Spine proxy where there is one
	TLS       *tls.Config // with our certificate, for mutual TLS
	From, To  string      // ASIDs of our system and theirs
	Requester Requester
	Audience  string          // of the JWT; "" for Base
	Key       *rsa.PrivateKey // signs the JWT; nil for an unsigned one
	Timeout   time.Duration   // of one try; 0 for a minute
	Tries     int             // of a question that fails for want of a connection; 0 for 3
	Wait      time.Duration   // before the second try, doubled each time; 0 for a second
	Limit     int64           // of an answer in bytes; 0 for 64 MB
	Now       func() time.Time

	once sync.Once
	http *http.Client
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Structured asks for a patient's record. Where the practice says no, the error is an *Outcome.
func (c *Client) Structured(ctx context.Context, nhsNumber string, s Scope) ([]byte, error) {
	return c.ask(ctx, http.MethodPost, "/Patient/$gpc.getstructuredrecord", interactionStructured, "patient/*.read", s.parameters(nhsNumber), "", c.tries())
}

func (c *Client) tries() int {
	if c.Tries == 0 {
		return 3
	}
	return c.Tries
}

// parameters is the request for a scope.
// https://developer.nhs.uk/apis/gpconnect-1-6-0/accessrecord_structured_development_retrieve_patient_record.html
func (s Scope) parameters(nhsNumber string) []byte {
	all := []*node{object(word("name", "patientNHSNumber"), has("valueIdentifier", object(word("system", nhsNumberSystem), word("value", nhsNumber))))}
	part := func(name string, value *node, kind string) *node {
		return object(word("name", name), has("value"+kind, value))
	}
	for _, x := range sections {
		if !s.Has(x.name) {
			continue
		}
		p := object(word("name", x.param))
		switch x.name {
		case Allergies:
			p.put("part", list(part("includeResolvedAllergies", truth(!s.NoResolved), "Boolean")))
		case Medication:
			parts := []*node{part("includePrescriptionIssues", truth(!s.NoIssues), "Boolean")}
			if s.From.Year != 0 {
				parts = append(parts, part("medicationSearchFromDate", str(s.From.String()), "Date"))
			}
			p.put("part", list(parts...))
		}
		all = append(all, p)
	}
	return object(word("resourceType", "Parameters"), has("parameter", list(all...))).append(nil)
}

// ask sends one request and answers its body. What fails before an answer came, or is answered with "try later", is tried again.
func (c *Client) ask(ctx context.Context, method, path, interaction, scope string, body []byte, match string, tries int) ([]byte, error) {
	wait := c.Wait
	if wait == 0 {
		wait = time.Second
	}
	for try := 1; ; try++ {
		answer, later, err := c.send(ctx, method, path, interaction, scope, body, match)
		if err == nil || later < 0 || try >= tries || ctx.Err() != nil {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(max(later, wait)):
		}
		wait *= 2
	}
}

// longestWait is how long a practice may make us wait before we ask again.
const longestWait = time.Minute

// send is one try. Later is how long to wait at least before the next, negative where there shall be none.
func (c *Client) send(ctx context.Context, method, path, interaction, scope string, body []byte, match string) (answer []byte, later time.Duration, err error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	limit := c.Limit
	if limit == 0 {
		limit = 64 << 20
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.Base, "/")+path, content)
	if err != nil {
		return nil, -1, fhir.Errorf(fhir.Invalid, "%s is no address: %w", c.Base, err)
	}
	audience := c.Audience
	if audience == "" {
		audience = c.Base
	}
	token, err := c.Requester.token(audience, scope, c.now(), c.Key)
	if err != nil {
		return nil, -1, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/fhir+json")
	if body != nil {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	r.Header.Set("Ssp-TraceID", traceID())
	r.Header.Set("Ssp-From", c.From)
	r.Header.Set("Ssp-To", c.To)
	r.Header.Set("Ssp-InteractionID", interaction)
	res, err := c.client().Do(r)
	if err != nil {
		return nil, 0, fhir.Errorf(fhir.Busy, "%s did not answer: %w", c.Base, err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, 0, fhir.Errorf(fhir.Busy, "the answer of %s broke off: %w", c.Base, err)
	}
	if int64(len(answer)) > limit {
		return nil, -1, fhir.Errorf(fhir.TooLarge, "the answer of %s is larger than %d bytes", c.Base, limit)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return answer, 0, nil
	}
	later = -1
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		later = min(time.Duration(max(seconds, 0))*time.Second, longestWait)
	}
	return nil, later, OutcomeOf(res.StatusCode, answer)
}

func (c *Client) client() *http.Client {
	c.once.Do(func() {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = c.TLS
		t.MaxIdleConnsPerHost = 4
		c.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("GP Connect does not redirect") // it would carry the token elsewhere
		}}
	})
	return c.http
}

func traceID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
