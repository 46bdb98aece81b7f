package terms

import (
	"bytes"
	"context"
)

// parsed is a conformance resource of the record, read; one of the three is set.
type parsed struct {
	body       []byte // what was read, to notice a change
	system     *codeSystem
	set        *valueSet
	conceptMap *conceptMap
}

// keepParsed is how many resources stay read; a place has some dozens.
const keepParsed = 256

// resource asks Source for a canonical of one type; nil if it has none. A resource is read again only once its bytes
// have changed.
func (t *Terms) resource(ctx context.Context, canonical, resourceType string) (*parsed, error) {
	if t.Source == nil {
		return nil, nil
	}
	res, err := t.Source.Canonical(ctx, resourceType, canonical)
	if err != nil {
		return nil, err
	}
	if res == nil || res.Type() != resourceType {
		return nil, nil
	}
	key := resourceType + " " + canonical
	t.mu.Lock()
	had, ok := t.parsed[key]
	t.mu.Unlock()
	if ok && bytes.Equal(had.body, res.Bytes()) {
		return &had, nil
	}
	p := parsed{body: res.Bytes()}
	switch resourceType {
	case "CodeSystem":
		p.system = readCodeSystem(res.Root())
		p.system.url, _ = splitCanonical(canonical)
	case "ValueSet":
		p.set = readValueSet(res.Root())
	case "ConceptMap":
		p.conceptMap = readConceptMap(res.Root())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parsed == nil || len(t.parsed) >= keepParsed {
		t.parsed = map[string]parsed{}
	}
	t.parsed[key] = p
	return &p, nil
}
