package spec

import (
	"slices"
	"strings"
)

// paramTable is params.tsv and paramcodes.txt in memory.
type paramTable struct {
	codes  []string
	ids    map[string]ParamID
	byURL  map[string]*SearchParameter
	byType map[string][]*SearchParameter
}

func readParams() *paramTable {
	t := &paramTable{
		ids:    make(map[string]ParamID, 512),
		byURL:  make(map[string]*SearchParameter, 1536),
		byType: make(map[string][]*SearchParameter, 160),
	}
	for rest := paramCodes; rest != ""; {
		code := cut(&rest, '\n')
		t.codes = append(t.codes, code)
		t.ids[code] = ParamID(len(t.codes))
	}
	all := make([]SearchParameter, 0, count(paramsTable, '\n')) // never grows: pointers into it are kept
	for rest := paramsTable; rest != ""; {
		line := cut(&rest, '\n')
		if line[0] == '\t' {
			line = line[1:]
			last := &all[len(all)-1]
			last.Components = append(last.Components, Component{Definition: cut(&line, '\t'), Expression: line})
			continue
		}
		all = append(all, t.parameter(line))
		p := &all[len(all)-1]
		t.byURL[p.URL] = p
		for _, base := range p.Base {
			t.byType[base] = append(t.byType[base], p)
		}
	}
	t.inherit()
	return t
}

// parameter reads: code, url, type, usage, bases, targets, expression, comparators, modifiers, chain, o and a for
// parameters that take one value and stand once.
func (t *paramTable) parameter(line string) SearchParameter {
	p := SearchParameter{Code: cut(&line, '\t'), URL: cut(&line, '\t'), Type: cut(&line, '\t'), XPathUsage: cut(&line, '\t')}
	p.ID = t.ids[p.Code]
	p.Base, p.Target = list(cut(&line, '\t')), list(cut(&line, '\t'))
	p.Expression = cut(&line, '\t')
	p.Comparators, p.Modifiers, p.Chain = list(cut(&line, '\t')), list(cut(&line, '\t')), list(cut(&line, '\t'))
	p.OneValue, p.Once = strings.Contains(line, "o"), strings.Contains(line, "a")
	return p
}

// inherit gives each concrete type the parameters of Resource and, where it is one, DomainResource, sorted by code.
func (t *paramTable) inherit() {
	resource, domain := t.byType["Resource"], t.byType["DomainResource"]
	delete(t.byType, "Resource")
	delete(t.byType, "DomainResource")
	for _, name := range ResourceNames() {
		own := t.byType[name]
		all := make([]*SearchParameter, 0, len(own)+len(resource)+len(domain))
		all = append(append(all, resource...), own...)
		if TypeOf(name).Is("DomainResource") {
			all = append(all, domain...)
		}
		slices.SortFunc(all, func(a, b *SearchParameter) int { return strings.Compare(a.Code, b.Code) })
		t.byType[name] = all
	}
}

func readCompartments() map[string]*CompartmentDefinition {
	all := map[string]*CompartmentDefinition{}
	for rest := compartmentsTable; rest != ""; {
		line := cut(&rest, '\n')
		name := cut(&line, '\t')
		if all[name] == nil {
			all[name] = &CompartmentDefinition{Name: name, params: map[string][]string{}}
		}
		resourceType := cut(&line, '\t')
		all[name].params[resourceType] = list(line)
	}
	return all
}

// list splits a field at its blanks.
func list(s string) []string {
	if s == "" {
		return nil
	}
	all := make([]string, 0, count(s, ' ')+1)
	for s != "" {
		all = append(all, cut(&s, ' '))
	}
	return all
}
