package rest

import "github.com/kith-care/kith/fhir"

func jsonPatch(body []byte) func(*fhir.Resource) (*fhir.Resource, error) {
	return func(r *fhir.Resource) (*fhir.Resource, error) {
		return nil, fhir.Errorf(fhir.Unsupported, "patch is not served yet")
	}
}

func bundlePatch(res *fhir.Resource) (func(*fhir.Resource) (*fhir.Resource, error), error) {
	return nil, fhir.Errorf(fhir.Unsupported, "patch is not served yet")
}
