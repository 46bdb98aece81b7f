package access

import (
	"testing"

	"github.com/kith-care/kith/fhir/spec"
)

func TestDefaultPolicyKnowsEveryType(t *testing.T) {
	p := Default()
	for _, name := range spec.ResourceNames() {
		typ, _ := spec.Resource(name)
		if p.classOf[typ] == 0 {
			t.Errorf("%s is in no class", name)
		}
	}
}
