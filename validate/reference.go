package validate

import (
	"bytes"
	"slices"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// reference checks what a Reference says: of the types its element allows, and for #id that such a resource is
// contained. https://hl7.org/fhir/R4/references.html
func (w *walker) reference(v fhir.Value) {
	text, typ := v.Get("reference"), v.Get("type")
	if !text.Exists() && !typ.Exists() {
		return
	}
	var to []byte // the type pointed to, where that can be seen
	if text.Kind() == fhir.String {
		raw := text.Raw()
		raw = raw[1 : len(raw)-1]
		if len(raw) > 0 && raw[0] == '#' {
			w.fragment(text, raw[1:])
			return
		}
		to = referenceType(raw)
		if to == nil && !absolute(text.Raw()) {
			w.fail("value", "%s is no reference: it must be Type/id, an absolute URL, urn:uuid:… or #id", abridged(text))
			return
		}
	}
	if typ.Kind() == fhir.String {
		raw := typ.Raw()
		named := raw[1 : len(raw)-1]
		if to != nil && !bytes.Equal(named, to) && isResourceType(named) {
			w.fail("value", "the reference points to %s, but its type says %s", to, named)
		}
		if to == nil {
			to = named
		}
	}
	if to != nil && isResourceType(to) {
		w.target(to)
	}
}

// fragment checks that a contained resource has that id; # alone is the container itself.
func (w *walker) fragment(text fhir.Value, id []byte) {
	if len(id) == 0 || !w.container.Exists() {
		return
	}
	for c := range w.container.Get("contained").Items() {
		if c.Get("id").Is(string(id)) {
			return
		}
	}
	w.failKey("ref-1", "the reference "+abridged(text)+" means a contained resource, but none has that id")
}

// target checks the type pointed to against those the element allows.
func (w *walker) target(to []byte) {
	if len(w.trail) == 0 {
		return
	}
	el := w.trail[len(w.trail)-1].el
	if el == nil {
		return
	}
	for i := range el.Types {
		if ref := &el.Types[i]; ref.Code == "Reference" {
			if len(ref.Targets) == 0 || slices.Contains(ref.Targets, string(to)) || slices.Contains(ref.Targets, "Resource") {
				return
			}
			w.fail("value", "%s may point to %s, not to %s", el.Path, list(ref.Targets), to)
			return
		}
	}
}

func list(names []string) string {
	var b []byte
	for i, n := range names {
		switch {
		case i > 0 && i == len(names)-1:
			b = append(b, " or "...)
		case i > 0:
			b = append(b, ", "...)
		}
		b = append(b, n...)
	}
	return string(b)
}

// referenceType finds the type in [base/]Type/id[/_history/version] or in the conditional Type?…; nil if there is none.
func referenceType(ref []byte) []byte {
	if at := bytes.Index(ref, []byte("/_history/")); at >= 0 {
		ref = ref[:at]
	}
	if at := bytes.IndexByte(ref, '?'); at > 0 && isResourceType(ref[:at]) {
		return ref[:at]
	}
	slash := bytes.LastIndexByte(ref, '/')
	if slash <= 0 || !validID(ref[slash+1:]) {
		return nil
	}
	start := bytes.LastIndexByte(ref[:slash], '/') + 1
	if typ := ref[start:slash]; isResourceType(typ) && (start == 0 || bytes.Contains(ref[:start], []byte("://"))) {
		return typ
	}
	return nil
}

func isResourceType(name []byte) bool {
	_, ok := spec.Resource(string(name))
	return ok
}
