package gpconnect

import (
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Provider answers GP Connect for our record. Mount it at the address that Base names, the path stripped. Every reading goes through
// the door as the person in the JWT, so it is decided and audited as theirs.
type Provider struct {
	Door *record.Door
	Base string // our address, which the JWT must be for; "" for any
	ASID string // ours, which Ssp-To must be; "" for any
	// Keys are of those who ask, by issuer. Without them tokens are not signed, as the Spine sends them; they are then taken only over
	// mutual TLS, or from this machine, where a proxy has seen to it: anybody can write an unsigned token.
	Keys map[string]*rsa.PublicKey
	Now  func() time.Time
}

// largestRequest is more than any request of GP Connect.
const largestRequest = 1 << 20

func (p *Provider) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// ServeHTTP answers one request, or says in an OperationOutcome why not.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	route, id := p.route(r.Method, parts)
	if route == nil {
		refuse(w, "BAD_REQUEST", r.Method+" "+r.URL.Path+" is nothing GP Connect does here")
		return
	}
	interaction := r.Header.Get("Ssp-InteractionID")
	for _, name := range []string{"Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"} {
		if r.Header.Get(name) == "" {
			refuse(w, "BAD_REQUEST", "the header "+name+" is missing")
			return
		}
	}
	if !slices.Contains(route.interactions, interaction) {
		refuse(w, "BAD_REQUEST", "Ssp-InteractionID is "+interaction+", not "+strings.Join(route.interactions, " or "))
		return
	}
	if to := r.Header.Get("Ssp-To"); p.ASID != "" && to != p.ASID {
		refuse(w, "BAD_REQUEST", "Ssp-To is "+to+", which is not this system")
		return
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		refuse(w, "BAD_REQUEST", "the header Authorization holds no Bearer token")
		return
	}
	if p.Keys == nil && !vouched(r) {
		refuse(w, "ACCESS_DENIED", "the connection is not by mutual TLS, so an unsigned JWT is not believed")
		return
	}
	who, err := readToken(token, p.Base, p.now(), p.Keys)
	if err != nil {
		fail(w, err)
		return
	}
	if who.scope != route.scope {
		refuse(w, "BAD_REQUEST", "requested_scope of the JWT is "+who.scope+", not "+route.scope)
		return
	}
	who.actor.From = r.RemoteAddr
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestRequest))
	if err != nil {
		refuse(w, "BAD_REQUEST", "the request could not be read")
		return
	}
	route.answer(&call{p: p, w: w, r: r, who: who, body: body, id: id, interaction: interaction})
}

// vouched reports whether somebody has checked who is at the other end.
func vouched(r *http.Request) bool {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// route is one thing that can be asked.
type route struct {
	interactions []string
	scope        string // that the JWT must ask for
	answer       func(*call)
}

// call is one request whose asker is known.
type call struct {
	p           *Provider
	w           http.ResponseWriter
	r           *http.Request
	who         *caller
	body        []byte
	id          string
	interaction string
}

func (p *Provider) route(method string, parts []string) (*route, string) {
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch {
	case method == http.MethodPost && len(parts) == 2 && at(0) == "Patient" && at(1) == "$gpc.getstructuredrecord":
		return &route{[]string{interactionStructured}, "patient/*.read", (*call).structured}, ""
	case method == http.MethodGet && len(parts) == 1 && at(0) == "Slot":
		return &route{[]string{interactionSlots}, "organization/*.read", (*call).slots}, ""
	case method == http.MethodPost && len(parts) == 1 && at(0) == "Appointment":
		return &route{[]string{interactionBook}, "patient/*.write", (*call).book}, ""
	case method == http.MethodPut && len(parts) == 2 && at(0) == "Appointment":
		return &route{[]string{interactionAmend, interactionCancel}, "patient/*.write", (*call).change}, at(1)
	case method == http.MethodGet && len(parts) == 2 && at(0) == "Appointment":
		return &route{[]string{interactionRead}, "patient/*.read", (*call).read}, at(1)
	case method == http.MethodGet && len(parts) == 3 && at(0) == "Patient" && at(2) == "Appointment":
		return &route{[]string{interactionOf}, "patient/*.read", (*call).appointments}, at(1)
	}
	return nil, ""
}

// fail answers an error of the record or of the request. What is our fault goes to the log, not to the asker.
func fail(w http.ResponseWriter, err error) {
	why := err.Error()
	if e, ok := errors.AsType[*fhir.Error](err); !ok || e.Kind == fhir.Broken {
		slog.Error("a GP Connect request failed", "error", err)
		why = "the record could not be read"
	}
	refuse(w, refusalOf(err), why)
}

func (c *call) write(status int, body []byte) {
	c.w.Header().Set("Content-Type", "application/fhir+json")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(status)
	c.w.Write(body)
}

// wanted is a request for a structured record.
type wanted struct {
	number   string
	scope    Scope
	warnings []*node // parameters that are passed over
}

// structured answers a structured record.
func (c *call) structured() {
	q, code, why := understood(c.body, c.p.now())
	if code != "" {
		refuse(c.w, code, why)
		return
	}
	patient, same, err := find(c.r.Context(), c.p.Door, c.who.actor, q.number)
	if err != nil {
		fail(c.w, err)
		return
	}
	if patient == nil {
		refuse(c.w, "PATIENT_NOT_FOUND", "no patient with this NHS number is here")
		return
	}
	a := &answer{ctx: c.r.Context(), door: c.p.Door, who: c.who.actor, scope: q.scope, none: len(q.scope.Sections) == 0, now: c.p.now(), nhs: q.number, patient: patient,
		g: &giving{patient: patient.ID(), same: same, kinds: map[string]string{}, drugs: map[string]bool{}, refs: map[string]bool{}}}
	body, err := a.bundle(q.warnings)
	if err != nil {
		fail(c.w, err)
		return
	}
	c.write(http.StatusOK, body)
}

// understood reads the Parameters of a request. What GP Connect may add to them later is passed over with a warning, as it asks.
// https://developer.nhs.uk/apis/gpconnect-1-6-0/accessrecord_structured_development_version_compatibility.html
func understood(body []byte, now time.Time) (q wanted, code, why string) {
	res, err := fhir.Parse(body)
	if err != nil {
		return q, "BAD_REQUEST", err.Error()
	}
	if res.Type() != "Parameters" {
		return q, "INVALID_RESOURCE", "the request is a " + res.Type() + ", not Parameters"
	}
	seen := map[string]bool{}
	for p := range res.Root().Get("parameter").Items() {
		name := p.Get("name").Text()
		if seen[name] {
			return q, "INVALID_PARAMETER", "the parameter " + name + " stands twice"
		}
		seen[name] = true
		if name == "patientNHSNumber" {
			id := p.Get("valueIdentifier")
			if !id.Get("system").Is(nhsNumberSystem) {
				return q, "INVALID_IDENTIFIER_SYSTEM", "patientNHSNumber is of the system " + id.Get("system").Text()
			}
			q.number = id.Get("value").Text()
			continue
		}
		i := slices.IndexFunc(sections, func(s section) bool { return s.param == name })
		if i < 0 {
			q.warn(name)
			continue
		}
		q.scope.Sections = append(q.scope.Sections, sections[i].name)
		if code, why = q.parts(sections[i].name, p, now); code != "" {
			return q, code, why
		}
	}
	switch {
	case !seen["patientNHSNumber"]:
		return q, "INVALID_PARAMETER", "the parameter patientNHSNumber is missing"
	case !ValidNHSNumber(q.number):
		return q, "INVALID_NHS_NUMBER", q.number + " is not an NHS number"
	}
	return q, "", ""
}

func (q *wanted) warn(name string) {
	q.warnings = append(q.warnings, object(word("severity", "warning"), word("code", "not-supported"),
		has("details", object(has("coding", list(coding(spineErrors, "NOT_IMPLEMENTED", "Not implemented"))), word("text", name+" is an unrecognised parameter")))))
}

func (q *wanted) parts(name Section, p fhir.Value, now time.Time) (code, why string) {
	given := map[string]bool{}
	for part := range p.Get("part").Items() {
		of := part.Get("name").Text()
		given[of] = true
		switch {
		case of == "includeResolvedAllergies" && name == Allergies:
			if k := part.Get("valueBoolean").Kind(); k != fhir.True && k != fhir.False {
				return "INVALID_PARAMETER", of + " is not true or false"
			}
			q.scope.NoResolved = !part.Get("valueBoolean").Bool()
		case of == "includePrescriptionIssues" && name == Medication:
			if k := part.Get("valueBoolean").Kind(); k != fhir.True && k != fhir.False {
				return "INVALID_PARAMETER", of + " is not true or false"
			}
			q.scope.NoIssues = !part.Get("valueBoolean").Bool()
		case of == "medicationSearchFromDate" && name == Medication:
			d, err := fhir.ParseDate(part.Get("valueDate").Text())
			if err != nil || d.Precision() != fhir.Day {
				return "INVALID_PARAMETER", "medicationSearchFromDate is " + part.Get("valueDate").Text() + ", not a day"
			}
			if d.Low().After(now) {
				return "INVALID_PARAMETER", "medicationSearchFromDate is in the future"
			}
			q.scope.From = d
		default:
			q.warn(of)
		}
	}
	if name == Allergies && !given["includeResolvedAllergies"] {
		return "INVALID_PARAMETER", "includeAllergies does not say includeResolvedAllergies"
	}
	return "", ""
}
