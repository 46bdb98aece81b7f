package rest

import (
	"net/http"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Answer is what is answered about a resource that is kept apart from the record.
type Answer struct {
	Status   int
	Body     []byte // JSON, nil for none
	Location string // relative to the base, "" for none
	ETag     string
}

// subscription serves what is asked of Subscriptions.
func (q *request) subscription(method string, path []string) error {
	id := ""
	if len(path) > 0 {
		id = path[0]
	}
	writes := method == http.MethodPost || method == http.MethodPut
	if len(path) == 2 && path[1] == "$status" && method == http.MethodGet {
		id, path = id+"/$status", path[:1] // the one operation: answered like a resource
	}
	if len(path) > 1 || strings.HasPrefix(id, "_") || strings.HasPrefix(id, "$") || id == "" && method != http.MethodGet && method != http.MethodPost ||
		id != "" && method != http.MethodGet && method != http.MethodPut && method != http.MethodDelete {
		return notAllowed(q.r.Method, "Subscription/"+strings.Join(path, "/"))
	}
	if q.nested && writes {
		return notAllowed(q.r.Method, "Subscription within a Bundle")
	}
	var res *fhir.Resource
	if writes {
		if q.r.Header.Get("If-None-Exist") != "" {
			return fhir.Errorf(fhir.Unsupported, "a Subscription is not created on a condition")
		}
		var err error
		if res, err = q.resource(); err != nil {
			return err
		}
		if res.Type() != "Subscription" {
			return fhir.Errorf(fhir.Invalid, "the resource is of type %q, but Subscription was asked for", res.Type())
		}
		if id != "" && res.ID() != id {
			return fhir.Errorf(fhir.Invalid, "the id of the resource, %q, is not that of the address, %q", res.ID(), id)
		}
	}
	a, err := q.Subscriptions(q.r, q.who, id, res)
	if err != nil {
		return err
	}
	if a.Location != "" {
		q.w.Header().Set("Location", q.Base+"/"+a.Location)
	}
	if a.ETag != "" {
		q.w.Header().Set("ETag", a.ETag)
	}
	if a.Body == nil {
		q.w.WriteHeader(a.Status)
		return nil
	}
	q.write(a.Status, a.Body)
	return nil
}

// subscriptionCapability is what metadata says of Subscriptions that are kept apart from the record.
const subscriptionCapability = `{"type":"Subscription","profile":"http://hl7.org/fhir/StructureDefinition/Subscription","documentation":"Each is its maker's alone. The channel is rest-hook; criteria are a search; channel.payload may bear the extension backport-payload-content (empty, id-only, full-resource). Headers of the channel are not shown again.",` +
	`"interaction":[{"code":"create"},{"code":"read"},{"code":"update"},{"code":"delete"},{"code":"search-type"}],"versioning":"versioned","readHistory":false,"updateCreate":false,"operation":[{"name":"status","definition":"http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status"}]}`
