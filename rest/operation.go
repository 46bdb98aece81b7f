package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// operation is one row of the table of operations.
type operation struct {
	name     string
	on       []string // resource types, nil for every one
	system   bool     // at the base
	typ      bool     // at a type
	instance bool     // at a resource
	methods  []string
	run      func(q *request, typ, id string) error
	url      string // its definition
}

// operations is the table of all that are served.
func (s *Server) operations() []operation {
	both := []string{http.MethodGet, http.MethodPost}
	all := []operation{
		{name: "$everything", on: []string{"Patient"}, instance: true, methods: both, url: "http://hl7.org/fhir/OperationDefinition/Patient-everything",
			run: func(q *request, _, id string) error { return q.everything(id) }},
		{name: "$validate", typ: true, instance: true, methods: []string{http.MethodPost}, url: "http://hl7.org/fhir/OperationDefinition/Resource-validate",
			run: (*request).validate},
		{name: "$meta", instance: true, methods: []string{http.MethodGet}, url: "http://hl7.org/fhir/OperationDefinition/Resource-meta",
			run: (*request).meta},
		{name: "$provenance", instance: true, methods: []string{http.MethodGet}, url: "urn:kith:operation:provenance", run: (*request).provenance},
	}
	if s.Export != nil {
		export := func(q *request, _, _ string) error { return q.export() }
		const defined = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
		all = append(all, operation{name: "$export", system: true, methods: both, url: defined + "export", run: export},
			operation{name: "$export", on: []string{"Patient"}, typ: true, methods: both, url: defined + "patient-export", run: export},
			operation{name: "$export", on: []string{"Group"}, instance: true, methods: both, url: defined + "group-export", run: export})
	}
	return all
}

func (q *request) operation(method, typ, id, name string) error {
	if typ != "" {
		if _, ok := spec.Resource(typ); !ok {
			return noType(typ)
		}
	}
	for _, o := range q.operations() {
		if o.name != name || o.on != nil && !slices.Contains(o.on, typ) {
			continue
		}
		if !(typ == "" && o.system || typ != "" && id == "" && o.typ || id != "" && o.instance) {
			continue
		}
		if !slices.Contains(o.methods, method) {
			return notAllowed(method, name)
		}
		return o.run(q, typ, id)
	}
	return fhir.Errorf(fhir.NotFound, "there is no operation %s on %s here", name, strings.Trim(typ+"/"+id, "/"))
}

// export hands a request to whoever serves exports: it is answered by files, not by resources.
func (q *request) export() error {
	if q.nested {
		return fhir.Errorf(fhir.Unsupported, "an export is asked for by a request of its own, not within a Bundle")
	}
	return q.Export(q.w, q.r, q.who)
}

func (q *request) everything(id string) error {
	if err := q.only("_page", "start", "end", "_type", "_since", "_count"); err != nil {
		return err
	}
	e := record.Everything{Page: q.param("_page")}
	for name, into := range map[string]*time.Time{"start": &e.Start, "end": &e.End} {
		if s := q.param(name); s != "" {
			day, err := fhir.ParseDateTime(s)
			if err != nil {
				return fhir.Errorf(fhir.Invalid, "%s=%s is not valid: it takes a date", name, s)
			}
			if *into = day.Low(); name == "end" {
				*into = day.High()
			}
		}
	}
	if types := q.param("_type"); types != "" {
		e.Types = strings.Split(types, ",")
	}
	var err error
	if s := q.param("_since"); s != "" {
		if e.Since, err = instant("_since", s); err != nil {
			return err
		}
	}
	if s := q.param("_count"); s != "" {
		if e.Count, err = count(s); err != nil {
			return fhir.Errorf(fhir.Invalid, "_count=%s is not valid: %w", s, err)
		}
	}
	p, err := q.Door.Everything(q.r.Context(), q.who, id, e)
	if err != nil {
		return err
	}
	self := "Patient/" + id + "/$everything"
	if p.Next != "" {
		v := url.Values{"_page": {p.Next}}
		for _, name := range [...]string{"_type", "_since", "start", "end", "_count"} {
			if s := q.param(name); s != "" {
				v.Set(name, s)
			}
		}
		p.Next = self + "?" + v.Encode()
	}
	return q.searchset(p, self)
}

// meta answers the profiles, tags and security labels of a resource.
func (q *request) meta(typ, id string) error {
	if err := q.only(); err != nil {
		return err
	}
	s, err := q.Door.Get(q.r.Context(), q.who, typ, id)
	if err != nil {
		return err
	}
	res, err := s.Resource()
	if err != nil {
		return err
	}
	b := append([]byte(`{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":`), res.Root().Get("meta").Raw()...)
	q.write(http.StatusOK, append(b, "}]}"...))
	return nil
}

// provenance answers where a resource came from: the file and row, or the message and segment.
func (q *request) provenance(typ, id string) error {
	if err := q.only(); err != nil {
		return err
	}
	if q.Provenance == nil {
		return fhir.Errorf(fhir.NotFound, "%s/%s came by no feed", typ, id)
	}
	body, err := q.Provenance(q.r.Context(), q.who, typ, id)
	if err != nil {
		return err
	}
	q.write(http.StatusOK, body)
	return nil
}

// validate checks a resource without storing it. https://hl7.org/fhir/R4/resource-operation-validate.html
func (q *request) validate(typ, id string) error {
	if err := q.only(); err != nil {
		return err
	}
	res, err := q.resource()
	if err != nil {
		return err
	}
	if res.Type() == "Parameters" && typ != "Parameters" {
		for p := range res.Root().Get("parameter").Items() {
			if p.Get("name").Is("resource") {
				if inner := p.Get("resource").Resource(); inner != nil {
					res = inner
				}
			}
		}
	}
	if res.Type() != typ {
		return fhir.Errorf(fhir.Invalid, "the resource is of type %q, but %s was asked for", res.Type(), typ)
	}
	b := []byte(`{"resourceType":"OperationOutcome","issue":[`)
	issues, err := q.Door.Validate(q.r.Context(), q.who, res)
	if err != nil {
		return err
	}
	for i, issue := range issues {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendIssue(b, string(issue.Severity), issue.Code, issue.Message, issue.Expression)
	}
	if len(issues) == 0 {
		b = appendIssue(b, "information", "informational", "no problems were found in this "+typ, "")
	}
	q.write(http.StatusOK, append(b, `]}`...))
	return nil
}
