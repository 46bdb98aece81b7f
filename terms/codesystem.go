package terms

import (
	"context"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// codeSystem is one code system, all its concepts in one list.
type codeSystem struct {
	url, version string
	fold         bool // codes differ in case only by mistake
	partial      bool // there are more codes than these
	concepts     []concept
	byCode       map[string]int32
	valueSet     string // canonical of the value set of all its codes
}

type concept struct {
	code, display      string
	parents            []int32
	abstract, inactive bool
	properties         []property
}

type property struct{ code, value string }

func (s *codeSystem) find(code string) *concept {
	if s.fold {
		code = strings.ToLower(code)
	}
	i, ok := s.byCode[code]
	if !ok {
		return nil
	}
	return &s.concepts[i]
}

// below reports whether c lies under ancestor. Parents may be several, and even, in a broken code system, in a circle.
func (s *codeSystem) below(c, ancestor *concept) bool {
	for range s.concepts {
		if len(c.parents) != 1 {
			break
		}
		if c = &s.concepts[c.parents[0]]; c == ancestor {
			return true
		}
	}
	if len(c.parents) < 2 {
		return false
	}
	seen := map[int32]bool{}
	next := slices.Clone(c.parents)
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		if &s.concepts[at] == ancestor {
			return true
		}
		if !seen[at] {
			seen[at] = true
			next = append(next, s.concepts[at].parents...)
		}
	}
	return false
}

func (s *codeSystem) public(c *concept) Concept {
	return Concept{System: s.url, Code: c.code, Display: c.display, Abstract: c.abstract, Inactive: c.inactive}
}

func (s *codeSystem) add(c concept) int32 {
	at := int32(len(s.concepts))
	s.concepts = append(s.concepts, c)
	key := c.code
	if s.fold {
		key = strings.ToLower(key)
	}
	if _, twice := s.byCode[key]; !twice {
		s.byCode[key] = at
	}
	return at
}

// system finds a code system: the embedded one of the version asked for, else the record's, else the embedded one if no
// version was asked for; nil if there is none.
func (t *Terms) system(ctx context.Context, canonical string) (*codeSystem, error) {
	url, version := splitCanonical(canonical)
	embedded := embeddedSystem(url)
	if embedded != nil && version != "" && satisfies(embedded.version, version) {
		return embedded, nil
	}
	res, err := t.resource(ctx, canonical, "CodeSystem")
	if err != nil {
		return nil, err
	}
	if res != nil {
		return res.system, nil
	}
	if version != "" {
		return nil, nil
	}
	return embedded, nil
}

// readCodeSystem reads a CodeSystem resource.
func readCodeSystem(root fhir.Value) *codeSystem {
	s := &codeSystem{
		url:     root.Get("url").Text(),
		version: root.Get("version").Text(),
		fold:    root.Get("caseSensitive").Kind() == fhir.False,
		partial: root.Get("content").Text() != "complete",
		byCode:  map[string]int32{},
	}
	s.valueSet = root.Get("valueSet").Text()
	later := map[int32][]property{} // parents and children named by code, once all codes are known
	s.readConcepts(root.Get("concept"), -1, later)
	for at, all := range later {
		for _, p := range all {
			other := s.find(p.value)
			if other == nil {
				continue
			}
			if p.code == "child" {
				other.parents = append(other.parents, at)
			} else {
				s.concepts[at].parents = append(s.concepts[at].parents, s.byCode[s.key(p.value)])
			}
		}
	}
	return s
}

func (s *codeSystem) key(code string) string {
	if s.fold {
		return strings.ToLower(code)
	}
	return code
}

func (s *codeSystem) readConcepts(list fhir.Value, parent int32, later map[int32][]property) {
	for v := range list.Items() {
		c := concept{code: v.Get("code").Text(), display: v.Get("display").Text()}
		if parent >= 0 {
			c.parents = []int32{parent}
		}
		var links []property
		for p := range v.Get("property").Items() {
			prop := readProperty(p)
			c.properties = append(c.properties, prop)
			switch prop.code {
			case "parent", "subsumedBy", "child":
				links = append(links, prop)
			case "notSelectable", "abstract":
				c.abstract = c.abstract || prop.value == "true"
			case "inactive":
				c.inactive = c.inactive || prop.value == "true"
			case "status":
				c.inactive = c.inactive || prop.value == "deprecated" || prop.value == "retired" || prop.value == "inactive"
			}
		}
		at := s.add(c)
		if links != nil {
			later[at] = links
		}
		s.readConcepts(v.Get("concept"), at, later)
	}
}

// readProperty takes the value of whatever type as text; of a Coding, its code.
func readProperty(v fhir.Value) property {
	p := property{code: v.Get("code").Text()}
	for name, value := range v.Members() {
		if !strings.HasPrefix(name, "value") {
			continue
		}
		if value.Kind() == fhir.Object {
			value = value.Get("code")
		}
		p.value = value.Text()
	}
	return p
}
