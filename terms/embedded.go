package terms

import (
	_ "embed"
	"strings"
	"sync"
)

var (
	//go:embed codesystems.tsv
	codeSystemsTable string
	//go:embed valuesets.tsv
	valueSetsTable string
	//go:embed conceptmaps.tsv
	conceptMapsTable string
)

// shelf is one embedded table: where each entry stands, and those already read.
type shelf[T any] struct {
	text map[string]string
	read sync.Map // URL to *T
	from func(url, text string) *T
}

var (
	embeddedSystems = sync.OnceValue(func() *shelf[codeSystem] { return newShelf(codeSystemsTable, parseCodeSystem) })
	embeddedSets    = sync.OnceValue(func() *shelf[valueSet] { return newShelf(valueSetsTable, parseValueSet) })
	embeddedMaps    = sync.OnceValue(func() *shelf[conceptMap] { return newShelf(conceptMapsTable, parseConceptMap) })
)

func embeddedSystem(url string) *codeSystem { return embeddedSystems().get(url) }
func embeddedSet(url string) *valueSet      { return embeddedSets().get(url) }
func embeddedMap(url string) *conceptMap    { return embeddedMaps().get(url) }

// newShelf notes where each entry begins: at a line that starts with = and its URL.
func newShelf[T any](table string, from func(url, text string) *T) *shelf[T] {
	s := &shelf[T]{text: make(map[string]string, 2048), from: from}
	for table != "" {
		end := strings.Index(table, "\n=")
		entry := table
		if end < 0 {
			table = ""
		} else {
			entry, table = table[:end+1], table[end+1:]
		}
		url := entry[1:strings.IndexAny(entry, "\t\n")]
		s.text[url] = entry
	}
	return s
}

func (s *shelf[T]) get(url string) *T {
	if had, ok := s.read.Load(url); ok {
		return had.(*T)
	}
	text, ok := s.text[url]
	if !ok {
		return nil
	}
	had, _ := s.read.LoadOrStore(url, s.from(url, text))
	return had.(*T)
}

// lines gives the lines of an entry, each as its tab-separated fields; those that are left out are "".
func lines(text string, visit func(fields [5]string)) {
	for line := range strings.Lines(text) {
		var fields [5]string
		rest := strings.TrimSuffix(line, "\n")
		for i := range fields {
			fields[i], rest, _ = strings.Cut(rest, "\t")
		}
		visit(fields)
	}
}

// parseCodeSystem reads a first line (URL, version, name, flags) and concepts (depth, code, display, flags, further
// parents).
func parseCodeSystem(url, text string) *codeSystem {
	s := &codeSystem{url: url, byCode: make(map[string]int32, strings.Count(text, "\n"))}
	var above []int32 // the concept last seen at each depth
	further := map[int32]string{}
	lines(text, func(f [5]string) {
		if strings.HasPrefix(f[0], "=") {
			s.version, s.fold, s.partial = f[1], strings.Contains(f[3], "i"), strings.Contains(f[3], "p")
			return
		}
		depth := int(f[0][0] - '0')
		c := concept{code: f[1], display: f[2], abstract: strings.Contains(f[3], "a"), inactive: strings.ContainsAny(f[3], "dr")}
		if depth > 0 {
			c.parents = []int32{above[depth-1]}
		}
		at := s.add(c)
		above = append(above[:depth], at)
		if f[4] != "" {
			further[at] = f[4]
		}
	})
	for at, codes := range further {
		for _, code := range strings.Fields(codes) {
			if parent, ok := s.byCode[s.key(code)]; ok {
				s.concepts[at].parents = append(s.concepts[at].parents, parent)
			}
		}
	}
	return s
}

// parseValueSet reads a first line (URL, version, name), what it includes and excludes (+ or -, system, version, value
// sets) and the concepts (c, code, display) and filters (f, property, op, value) of each.
func parseValueSet(url, text string) *valueSet {
	v := &valueSet{url: url}
	var last *component
	lines(text, func(f [5]string) {
		switch f[0] {
		case "+", "-":
			list := &v.include
			if f[0] == "-" {
				list = &v.exclude
			}
			*list = append(*list, component{system: f[1], version: f[2], sets: strings.Fields(f[3])})
			last = &(*list)[len(*list)-1]
		case "c":
			last.add(f[1], f[2])
		case "f":
			last.filters = append(last.filters, newFilter(f[1], f[2], f[3]))
		default:
			v.version = f[1]
		}
	})
	return v
}

// parseConceptMap reads a first line (URL, source, target), groups (g, source system, target system) and elements (e,
// code, target code, equivalence, display).
func parseConceptMap(url, text string) *conceptMap {
	m := &conceptMap{url: url}
	lines(text, func(f [5]string) {
		switch f[0] {
		case "g":
			m.groups = append(m.groups, mapGroup{source: f[1], target: f[2]})
		case "e":
			g := &m.groups[len(m.groups)-1]
			g.elements = append(g.elements, mapElement{f[1], Match{Concept{System: g.target, Code: f[2], Display: f[4]}, f[3]}})
		default:
			m.source, m.target = f[1], f[2]
		}
	})
	return m
}
