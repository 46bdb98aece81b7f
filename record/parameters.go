package record

import (
	"context"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
)

// check holds a resource against the structure of its type before it is stored.
func (d *Door) check(res *fhir.Resource) error { return nil }

func (d *Door) loadCatalogue(ctx context.Context) error { return nil }

func (d *Door) customTouched(c *commit) bool { return false }

// resolveCodes turns :in, :not-in, :below and :above into the codes they stand for.
func (d *Door) resolveCodes(ctx context.Context, c *search.Cond) error {
	return fhir.Errorf(fhir.Unsupported, "%s: the modifier :%s is not served yet", c.Source, c.Modifier)
}
