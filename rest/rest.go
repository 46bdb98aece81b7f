// Package rest speaks FHIR's REST interface: about twelve generic interactions over all resource types, and one table
// of operations. It translates and never decides: what may be seen, what is valid and what is stored is settled behind
// record.Door. https://hl7.org/fhir/R4/http.html
//
// A request becomes a call on the door; what comes back is written from the stored bytes, spliced into bundles without
// being taken apart. XML is converted at the edge. Errors become OperationOutcomes by one table (errors.go).
package rest

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// Server serves a record under one base URL.
type Server struct {
	Door *record.Door
	Base string // absolute, without a last slash: "http://127.0.0.1:8080/fhir"
	Who  func(*http.Request) (access.Actor, error)

	// Provenance says as a FHIR Provenance where a resource came from; nil where nothing comes from elsewhere.
	Provenance func(ctx context.Context, who access.Actor, typ, id string) ([]byte, error)

	// Export serves $export and the addresses it leads to, relative to the base; nil where there is none.
	Export func(w http.ResponseWriter, r *http.Request, who access.Actor) error

	// Subscriptions serves everything about resources of type Subscription, which are kept apart from the record; nil where they are resources
	// like others. id is "" for the type and ends with /$status for that operation, res nil where the request brings no resource.
	Subscriptions func(r *http.Request, who access.Actor, id string, res *fhir.Resource) (*Answer, error)

	// Security is what metadata says of how apps get access, as JSON of CapabilityStatement.rest.security; nil for nothing.
	Security []byte

	// MaxBody is the size of a request in bytes, 0 for 64 MiB.
	MaxBody int64
}

const defaultMaxBody = 64 << 20

// request is one interaction under way.
type request struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	who    access.Actor
	query  string // the raw query string
	xml    bool   // the answer is wanted as XML
	pretty bool
	nested bool // within a bundle
}

// ServeHTTP answers a request whose path is relative to the base.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Server: s, w: w, r: r, query: r.URL.RawQuery}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if err := q.serve(); err != nil {
		q.fail(err)
	}
}

func (q *request) serve() error {
	if err := q.negotiate(); err != nil {
		return err
	}
	method, path := q.r.Method, strings.Trim(q.r.URL.Path, "/")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if path == "metadata" {
		return q.one(method, path) // says nothing of anybody, and an app reads there how to identify itself
	}
	who, err := q.Who(q.r)
	if err != nil {
		return err
	}
	q.who = who
	var parts []string
	if path != "" {
		parts = strings.Split(path, "/")
	}
	if len(parts) > 0 && parts[0] == "Subscription" && q.Subscriptions != nil {
		return q.subscription(method, parts[1:])
	}
	switch len(parts) {
	case 0:
		return q.root(method)
	case 1:
		return q.one(method, parts[0])
	}
	if parts[0] == "$export" && q.Export != nil {
		return q.export()
	}
	if _, ok := spec.Resource(parts[0]); !ok {
		return noType(parts[0])
	}
	switch {
	case len(parts) == 2 && parts[1] == "_search" && method == http.MethodPost:
		return q.searchForm(parts[0])
	case len(parts) == 2 && parts[1] == "_history" && method == http.MethodGet:
		return q.history(parts[0], "")
	case len(parts) == 2 && strings.HasPrefix(parts[1], "$"):
		return q.operation(method, parts[0], "", parts[1])
	case len(parts) == 2:
		return q.instance(method, parts[0], parts[1])
	case len(parts) == 3 && parts[2] == "_history" && method == http.MethodGet:
		return q.history(parts[0], parts[1])
	case len(parts) == 3 && strings.HasPrefix(parts[2], "$"):
		return q.operation(method, parts[0], parts[1], parts[2])
	case len(parts) == 3 && method == http.MethodGet:
		return q.compartment(parts[0], parts[1], parts[2])
	case len(parts) == 4 && parts[2] == "_history" && method == http.MethodGet:
		return q.vread(parts[0], parts[1], parts[3])
	case len(parts) == 4 && parts[3] == "_search" && method == http.MethodPost:
		if err := q.form(); err != nil {
			return err
		}
		return q.compartment(parts[0], parts[1], parts[2])
	}
	return notAllowed(q.r.Method, path)
}

func noType(name string) error {
	return fhir.Errorf(fhir.NotFound, "there is no resource type %q in FHIR R4", name)
}

func notAllowed(method, path string) error {
	return &statusError{http.StatusMethodNotAllowed, fhir.Errorf(fhir.Unsupported, "%s is not served on %q", method, path)}
}

// root is the base itself: batch, transaction, search of the whole system.
func (q *request) root(method string) error {
	switch method {
	case http.MethodPost:
		return q.bundle()
	case http.MethodGet:
		return q.search("")
	}
	return notAllowed(method, "/")
}

// one is a path of one segment: a type, metadata, or something of the whole system.
func (q *request) one(method, name string) error {
	switch {
	case name == "metadata":
		if method != http.MethodGet {
			return notAllowed(q.r.Method, name)
		}
		return q.metadata()
	case name == "_history" && method == http.MethodGet:
		return q.history("", "")
	case name == "_search" && method == http.MethodPost:
		return q.searchForm("")
	case strings.HasPrefix(name, "$"):
		return q.operation(method, "", "", name)
	}
	if _, ok := spec.Resource(name); !ok {
		return noType(name)
	}
	switch method {
	case http.MethodGet:
		return q.search(name)
	case http.MethodPost:
		return q.create(name)
	case http.MethodPut:
		return q.update(name, "")
	case http.MethodPatch:
		return q.patch(name, "")
	case http.MethodDelete:
		return q.delete(name, "")
	}
	return notAllowed(method, name)
}

func (q *request) instance(method, typ, id string) error {
	switch method {
	case http.MethodGet:
		return q.read(typ, id)
	case http.MethodPut:
		return q.update(typ, id)
	case http.MethodPatch:
		return q.patch(typ, id)
	case http.MethodDelete:
		return q.delete(typ, id)
	}
	return notAllowed(method, typ+"/"+id)
}

// param is one parameter of the query string.
func (q *request) param(name string) string {
	if !strings.Contains(q.query, name) {
		return ""
	}
	v, _ := url.ParseQuery(q.query)
	return v.Get(name)
}

// negotiate settles the format of the answer. https://hl7.org/fhir/R4/http.html#mime-type
func (q *request) negotiate() error {
	q.pretty = q.param("_pretty") == "true"
	wanted := q.param("_format")
	if wanted == "" {
		wanted = q.r.Header.Get("Accept")
	}
	switch wanted {
	case "", "*/*", "application/fhir+json", "application/json":
		return nil
	}
	best := 0.0
	for part := range strings.SplitSeq(wanted, ",") {
		media, params, _ := strings.Cut(part, ";")
		xml, served := format(media)
		weight := weightOf(params)
		if strings.Contains(media, "html") {
			q.pretty = true // a browser, which asks for pages first
		}
		if served && weight > best {
			best, q.xml = weight, xml
		}
	}
	if best > 0 || strings.HasPrefix(strings.Trim(q.r.URL.Path, "/"), "$export/") && strings.Contains(wanted, "ndjson") {
		return nil
	}
	return &statusError{http.StatusNotAcceptable, fhir.Errorf(fhir.Unsupported, "the format %q is not served: ask for application/fhir+json or application/fhir+xml of FHIR 4.0", wanted)}
}

// format reports whether a media type is one of ours, and which.
func format(media string) (xml, served bool) {
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "json", "application/json", "application/fhir+json", "application/fhir json", "text/json", "*/*", "application/*", "application/json+fhir":
		return false, true
	case "xml", "application/xml", "application/fhir+xml", "application/fhir xml", "text/xml", "application/xml+fhir":
		return true, true
	}
	return false, false
}

// weightOf is how much a client wants a format, 0 where it wants another version of FHIR.
func weightOf(params string) float64 {
	weight := 1.0
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(name) {
		case "q":
			var err error
			if weight, err = strconv.ParseFloat(value, 64); err != nil {
				return 0
			}
		case "fhirversion":
			if !ours(value) {
				return 0
			}
		}
	}
	return weight
}

// ours reports whether a version of FHIR is the one served. https://hl7.org/fhir/R4/http.html#version-parameter
func ours(version string) bool {
	version = strings.Trim(version, `"`)
	return version == "4.0" || version == spec.Version
}

// only refuses parameters of the query string that an interaction does not know.
func (q *request) only(names ...string) error {
	if q.query == "" || q.lenient() {
		return nil
	}
	params, err := url.ParseQuery(q.query)
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "the query string %q cannot be read", q.query)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch name {
		case "_format", "_pretty", "_summary", "_elements":
			continue
		}
		if !slices.Contains(names, name) {
			return fhir.Errorf(fhir.Invalid, "unknown parameter %q for %s", name, q.r.URL.Path)
		}
	}
	return nil
}
