package rest

import (
	"net/http"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// metadata is the CapabilityStatement, made from the tables that requests are served by.
func (q *request) metadata() error {
	if err := q.only("mode"); err != nil {
		return err
	}
	if mode := q.param("mode"); mode != "" && mode != "full" {
		return fhir.Errorf(fhir.Unsupported, "metadata is served with mode=full, not %q", mode)
	}
	b := make([]byte, 0, 256<<10)
	b = append(b, `{"resourceType":"CapabilityStatement","status":"active","date":"2026-11-21","kind":"instance","software":{"name":"Kith"},"implementation":{"description":"Kith","url":`...)
	b = fhir.AppendString(b, q.Base)
	b = append(b, `}`...)
	if q.Export != nil {
		b = append(b, `,"instantiates":["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]`...)
	}
	b = append(b, `,"fhirVersion":"`+spec.Version+`","format":["application/fhir+json","application/fhir+xml","json","xml"],"patchFormat":["application/json-patch+json","application/fhir+json","application/fhir+xml"],"rest":[{"mode":"server",`...)
	if q.Security != nil {
		b = append(append(append(b, `"security":`...), q.Security...), ',')
	}
	b = append(b, `"resource":[`...)
	for i, name := range spec.ResourceNames() {
		if i > 0 {
			b = append(b, ',')
		}
		b = q.appendResource(b, name)
	}
	b = append(b, `],"interaction":[{"code":"transaction"},{"code":"batch"},{"code":"search-system"},{"code":"history-system"}],"searchParam":`...)
	b = appendParams(b, q, "Basic", func(code string) bool { return strings.HasPrefix(code, "_") })
	b = appendOperations(b, q, "", func(o operation) bool { return o.system })
	b = append(b, `,"compartment":[`...)
	for i, name := range spec.CompartmentNames() {
		if i > 0 {
			b = append(b, ',')
		}
		b = fhir.AppendString(b, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(name))
	}
	b = append(b, `]}]}`...)
	q.write(http.StatusOK, b)
	return nil
}

func (q *request) appendResource(b []byte, name string) []byte {
	if name == "Subscription" && q.Subscriptions != nil {
		return append(b, subscriptionCapability...)
	}
	b = append(b, `{"type":"`+name+`","profile":"http://hl7.org/fhir/StructureDefinition/`+name+`","interaction":[{"code":"read"},{"code":"vread"},{"code":"update"},{"code":"patch"},{"code":"delete"},{"code":"history-instance"},{"code":"history-type"},{"code":"create"},{"code":"search-type"}],`...)
	b = append(b, `"versioning":"versioned-update","readHistory":true,"updateCreate":true,"conditionalCreate":true,"conditionalRead":"full-support","conditionalUpdate":true,"conditionalDelete":"single","referencePolicy":["literal","logical","local"]`...)
	n := 0
	for _, p := range q.Door.Params(name) {
		if p.Type == "reference" {
			if n++; n == 1 {
				b = append(b, `,"searchInclude":[`...)
			} else {
				b = append(b, ',')
			}
			b = fhir.AppendString(b, name+":"+p.Code)
		}
	}
	if n > 0 {
		b = append(b, ']')
	}
	b = append(b, `,"searchParam":`...)
	b = appendParams(b, q, name, func(string) bool { return true })
	b = appendOperations(b, q, name, func(o operation) bool { return o.typ || o.instance })
	return append(b, '}')
}

func appendParams(b []byte, q *request, typ string, want func(string) bool) []byte {
	b = append(b, '[')
	n := 0
	for _, p := range q.Door.Params(typ) {
		if !want(p.Code) {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, `{"name":"`+p.Code+`","type":"`+p.Type+`","definition":`...)
		b = append(fhir.AppendString(b, p.URL), '}')
	}
	return append(b, ']')
}

func appendOperations(b []byte, q *request, typ string, want func(operation) bool) []byte {
	n := 0
	for _, o := range q.operations() {
		if !want(o) || o.on != nil && (typ == "" || o.on[0] != typ) {
			continue
		}
		if n++; n == 1 {
			b = append(b, `,"operation":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"name":"`+strings.TrimPrefix(o.name, "$")+`","definition":"`+o.url+`"}`...)
	}
	if n > 0 {
		b = append(b, ']')
	}
	return b
}
