package main

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
)

type codeSystem struct {
	URL, Version, Name, Content, ValueSet string
	CaseSensitive                         *bool
	Concept                               []concept
}

type concept struct {
	Code, Display string
	Property      []struct {
		Code         string
		ValueCode    string
		ValueBoolean bool
	}
	Concept []concept
}

type valueSet struct {
	URL, Version, Name string
	Compose            struct{ Include, Exclude []include }
}

type include struct {
	System, Version string
	ValueSet        []string
	Concept         []struct{ Code, Display string }
	Filter          []struct{ Property, Op, Value string }
}

type conceptMap struct {
	URL, SourceURI, SourceCanonical, TargetURI, TargetCanonical string
	Group                                                       []struct {
		Source, Target string
		Element        []struct {
			Code   string
			Target []struct{ Code, Display, Equivalence string }
		}
	}
}

// exactTable keeps blanks, since they may be part of a code.
type exactTable struct{ strings.Builder }

func (t *exactTable) row(fields ...string) {
	for i, f := range fields {
		fields[i] = strings.NewReplacer("\t", " ", "\r\n", " ", "\n", " ", "\r", " ").Replace(f)
	}
	t.WriteString(strings.TrimRight(strings.Join(fields, "\t"), "\t"))
	t.WriteByte('\n')
}

func (t *exactTable) save(path string) error { return os.WriteFile(path, []byte(t.String()), 0o644) }

// writeTerms writes R4's code systems, value sets and concept maps. Definitions of concepts stay behind: they are prose.
func writeTerms(from definitions) error {
	if err := os.MkdirAll("terms", 0o755); err != nil {
		return err
	}
	if err := writeCodeSystems(from); err != nil {
		return err
	}
	if err := writeValueSets(from); err != nil {
		return err
	}
	return writeConceptMaps(from)
}

func writeCodeSystems(from definitions) error {
	var all []codeSystem
	err := each(from, "CodeSystem", func(s codeSystem) error {
		example := strings.HasPrefix(s.URL, "http://hl7.org/fhir/CodeSystem/example") || strings.HasPrefix(s.URL, "http://example")
		if s.Content != "supplement" && s.Content != "not-present" && !example {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b codeSystem) int { return cmp.Compare(a.URL, b.URL) })
	var out exactTable
	for _, s := range all {
		flags := ""
		if s.CaseSensitive != nil && !*s.CaseSensitive {
			flags += "i"
		}
		if s.Content != "complete" {
			flags += "p"
		}
		out.row("="+s.URL, s.Version, s.Name, flags)
		parents := map[string][]string{}
		gatherChildren(s.Concept, parents)
		writeConcepts(&out, s.Concept, 0, parents)
	}
	return out.save("terms/codesystems.tsv")
}

// gatherChildren notes who names a concept as its child besides the concept it is nested in.
func gatherChildren(all []concept, parents map[string][]string) {
	for _, c := range all {
		for _, p := range c.Property {
			if p.Code == "child" {
				parents[p.ValueCode] = append(parents[p.ValueCode], c.Code)
			}
		}
		gatherChildren(c.Concept, parents)
	}
}

// writeConcepts writes depth, code, display, flags (a abstract, d deprecated, r retired) and further parents.
func writeConcepts(out *exactTable, all []concept, depth int, parents map[string][]string) {
	for _, c := range all {
		flags := ""
		for _, p := range c.Property {
			switch {
			case (p.Code == "notSelectable" || p.Code == "abstract") && p.ValueBoolean:
				flags += "a"
			case p.Code == "status" && p.ValueCode == "deprecated":
				flags += "d"
			case p.Code == "status" && p.ValueCode == "retired":
				flags += "r"
			}
		}
		out.row(strconv.Itoa(depth), c.Code, c.Display, flags, strings.Join(parents[c.Code], " "))
		writeConcepts(out, c.Concept, depth+1, parents)
	}
}

func writeValueSets(from definitions) error {
	var all []valueSet
	err := each(from, "ValueSet", func(v valueSet) error {
		if len(v.Compose.Include) > 0 && !strings.HasPrefix(v.URL, "http://hl7.org/fhir/ValueSet/example-") {
			all = append(all, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b valueSet) int { return cmp.Compare(a.URL, b.URL) })
	var out exactTable
	for _, v := range all {
		out.row("="+v.URL, v.Version, v.Name)
		writeIncludes(&out, "+", v.Compose.Include)
		writeIncludes(&out, "-", v.Compose.Exclude)
	}
	return out.save("terms/valuesets.tsv")
}

// licensed are the systems whose descriptions belong to others: a value set may name their codes, and no more is kept.
var licensed = []string{"http://snomed.info/sct", "http://loinc.org", "http://www.ama-assn.org/go/cpt", "http://nucc.org/provider-taxonomy"}

func writeIncludes(out *exactTable, sign string, all []include) {
	for _, i := range all {
		out.row(sign, i.System, i.Version, strings.Join(i.ValueSet, " "))
		for _, c := range i.Concept {
			if slices.Contains(licensed, i.System) {
				c.Display = ""
			}
			out.row("c", c.Code, c.Display)
		}
		for _, f := range i.Filter {
			out.row("f", f.Property, f.Op, f.Value)
		}
	}
}

func writeConceptMaps(from definitions) error {
	var all []conceptMap
	err := each(from, "ConceptMap", func(m conceptMap) error {
		if !strings.HasPrefix(m.URL, "http://hl7.org/fhir/ConceptMap/example") && !strings.HasPrefix(m.URL, "http://hl7.org/fhir/ConceptMap/1") {
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b conceptMap) int { return cmp.Compare(a.URL, b.URL) })
	var out exactTable
	for _, m := range all {
		out.row("="+m.URL, m.SourceURI+m.SourceCanonical, m.TargetURI+m.TargetCanonical)
		for _, g := range m.Group {
			out.row("g", g.Source, g.Target)
			for _, e := range g.Element {
				for _, t := range e.Target {
					out.row("e", e.Code, t.Code, t.Equivalence, t.Display)
				}
			}
		}
	}
	return out.save("terms/conceptmaps.tsv")
}
