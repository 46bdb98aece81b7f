package record

import (
	"context"
	"maps"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Mark puts on a resource that is being written what must stand on it before anybody sees it, such as a security label; it answers the resource itself where there is
// nothing to put. It must not change what the resource says otherwise. It may be asked several times for one resource.
type Mark func(ctx context.Context, ref string, res *fhir.Resource) (*fhir.Resource, error)

// Marks has resources of types marked when they are created or updated, in the commit that brings them. What is patched bears its marks already, and a room that takes
// one off again does it by a patch. Other programs that write to the same database do not know of it, so a room that marks follows the changes as well.
func (d *Door) Marks(mark Mark, types ...string) {
	all := map[spec.TypeID]Mark{}
	if have := d.marks.Load(); have != nil {
		maps.Copy(all, *have)
	}
	for _, name := range types {
		if t, ok := spec.Resource(name); ok {
			all[t] = mark
		}
	}
	d.marks.Store(&all)
}

// marked is a resource that is created or updated, with its marks.
func (d *Door) marked(ctx context.Context, s *step, res *fhir.Resource) (*fhir.Resource, error) {
	marks := d.marks.Load()
	if marks == nil || s.op.Method == Patch {
		return res, nil
	}
	mark := (*marks)[s.ref.Type]
	if mark == nil {
		return res, nil
	}
	return mark(ctx, s.ref.String(), res)
}
