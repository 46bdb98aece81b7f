package spec

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var plainPath = regexp.MustCompile(`^[A-Z]\w*(\.\w+|\.ofType\(\w+\))*$`)

// Every search parameter that is a plain path leads along elements that exist, so that none is silently never found.
func TestSearchPathsExist(t *testing.T) {
	checked := 0
	for _, name := range ResourceNames() {
		for _, p := range Params(name) {
			for _, term := range unionTerms(p.For(name)) {
				if !plainPath.MatchString(term) {
					continue
				}
				checked++
				if fault := follow(name, term); fault != "" {
					t.Errorf("%s of %s: %s: %s", p.Code, name, term, fault)
				}
			}
		}
	}
	if checked < 2500 {
		t.Errorf("only %d paths were plain enough to follow", checked)
	}
}

// follow walks path from the resource type and says what it misses.
func follow(resourceType, path string) string {
	steps := strings.Split(path, ".")
	at := TypeOf(resourceType)
	if !at.Is(steps[0]) {
		return "begins elsewhere"
	}
	var choice *Element
	for _, step := range steps[1:] {
		if as, ok := strings.CutPrefix(step, "ofType("); ok {
			as = strings.TrimSuffix(as, ")")
			if choice == nil {
				if at == nil || at.Kind == ResourceType || !at.Is(as) {
					return "no choice before " + step
				}
				continue
			}
			if !slices.ContainsFunc(choice.Types, func(ref TypeRef) bool { return ref.Code == as }) {
				return choice.Path + " is never " + as
			}
			at, choice = TypeOf(as), nil
			continue
		}
		if choice != nil {
			return "a step beyond the choice " + choice.Path
		}
		el := at.Element(step)
		if el == nil {
			return at.Name + " has no " + step
		}
		if el.Choice {
			choice = el
			continue
		}
		_, at, _ = at.ChildType(step)
		if at == nil {
			return "" // any resource
		}
	}
	return ""
}
