package rest

import (
	"encoding/base64"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhirpath"
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
	if op.Patch, err = resourcePatch(res); err != nil {
		return err
	}
	return q.commit(op)
}

func jsonPatch(body []byte) func(*fhir.Resource) (*fhir.Resource, error) {
	return func(r *fhir.Resource) (*fhir.Resource, error) {
		ops, err := fhir.ParseJSONPatch(body)
		if err != nil {
			return nil, err
		}
		return r.Patch(ops)
	}
}

// resourcePatch is the patch that a resource carries: Parameters for FHIRPath Patch, or a Binary that holds a JSON Patch,
// as bundles carry it.
func resourcePatch(res *fhir.Resource) (func(*fhir.Resource) (*fhir.Resource, error), error) {
	switch res.Type() {
	case "Parameters":
		return func(r *fhir.Resource) (*fhir.Resource, error) { return fhirpath.Patch(r, res) }, nil
	case "Binary":
		if !res.Root().Get("contentType").Is("application/json-patch+json") {
			return nil, fhir.Errorf(fhir.Unsupported, "a Binary that patches holds application/json-patch+json, not %s", res.Root().Get("contentType").Text()).At("Binary.contentType")
		}
		data, err := base64.StdEncoding.DecodeString(res.Root().Get("data").Text())
		if err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "the data of the Binary is not base64").At("Binary.data")
		}
		return jsonPatch(data), nil
	}
	return nil, fhir.Errorf(fhir.Invalid, "a patch is a Parameters resource or application/json-patch+json, not a %s", res.Type())
}
