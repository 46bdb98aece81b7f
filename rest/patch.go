package rest

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// patch changes parts of a resource: JSON Patch, or FHIRPath Patch as a Parameters resource.
// https://hl7.org/fhir/R4/http.html#patch
func (q *request) patch(typ, id string) error {
	op := record.Op{Method: record.Patch, Type: typ, ID: id}
	if id == "" {
		if op.Query = q.conditions(); op.Query == "" {
			return fhir.Errorf(fhir.Precondition, "a PATCH on %s needs an id in the URL, or conditions after ?", typ)
		}
	}
	if err := q.preconditions(&op); err != nil {
		return err
	}
	media, _, _ := strings.Cut(q.r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(media) == "application/json-patch+json" {
		body, err := q.body()
		if err != nil {
			return err
		}
		op.Patch = jsonPatch(body)
		return q.commit(op)
	}
	res, err := q.resource()
	if err != nil {
		return err
	}
	if op.Patch, err = bundlePatch(res); err != nil {
		return err
	}
	return q.commit(op)
}
