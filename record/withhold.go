package record

import (
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
)

// Of a person whose whereabouts are withheld, nobody who is not close is shown, or may search by, what says where they
// live, by which number they are reached, or which practice they go to. The feed that a Patient came by says that too.

// placeMembers are the members of a Patient or RelatedPerson that say where somebody is.
var placeMembers = []string{"address", "telecom", "contact", "generalPractitioner", "managingOrganization", "extension", "photo", "text", "contained", "link"}

// placeParams are the search parameters that lead to these.
var placeParams = func() []spec.ParamID {
	var out []spec.ParamID
	for _, code := range strings.Fields("address address-city address-country address-postalcode address-state address-use telecom phone email general-practitioner organization link _source identifier") {
		if id, ok := spec.ParamCode(code); ok {
			out = append(out, id)
		}
	}
	return out
}()

// numberSystem is the one identifier by which such a person is still found: it names nobody else.
const numberSystem = "https://fhir.nhs.uk/Id/nhs-number"

// hasPlace reports whether resources of a type say where a person is.
func hasPlace(t spec.TypeID) bool { return t == patientType || t == relatedType }

var relatedType, _ = spec.Resource("RelatedPerson")

// narrowKeys are the keys of a row without those that say where somebody is.
func narrowKeys(keys []byte) []byte { return search.Without(keys, placeParams, numberSystem) }

// withhold is a resource without what says where somebody is.
func withhold(res *fhir.Resource) (*fhir.Resource, error) {
	var ops []fhir.PatchOp
	remove := func(path string) { ops = append(ops, fhir.PatchOp{Op: "remove", Path: path}) }
	root := res.Root()
	for _, name := range placeMembers {
		if root.Get(name).Exists() {
			remove("/" + name)
		}
	}
	if root.Get("meta").Get("source").Exists() {
		remove("/meta/source")
	}
	var others []string
	n := 0
	for it := range root.Get("identifier").Items() {
		if !it.Get("system").Is(numberSystem) {
			others = append(others, it.Pointer())
		}
		n++
	}
	slices.Reverse(others) // so that those before keep their places
	if n > 0 && len(others) == n {
		others = []string{"/identifier"}
	}
	for _, path := range others {
		remove(path)
	}
	return res.Patch(ops)
}

// narrowed reads of a row only what is not withheld.
type narrowed struct{ search.Rest }

// Extra finds nothing: a custom parameter may be about anything.
func (narrowed) Extra(int64) ([]byte, error) { return nil, nil }

// Body is the resource without what is withheld.
func (n narrowed) Body() (*fhir.Resource, error) {
	res, err := n.Rest.Body()
	if err != nil {
		return nil, err
	}
	return withhold(res)
}
