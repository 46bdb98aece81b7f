package hl7

import (
	_ "embed" // the table of codes
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir/r4"
)

//go:embed codes.tsv
var codesTSV string

// code is what a v2 code is in FHIR.
type code struct{ code, system, display string }

// codes holds codes.tsv: table and v2 code to FHIR code.
var codes = sync.OnceValue(func() map[string]map[string]code {
	tables := map[string]map[string]code{}
	for line := range strings.Lines(codesTSV) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if tables[f[0]] == nil {
			tables[f[0]] = map[string]code{}
		}
		c := code{code: f[2], system: f[3], display: f[4]}
		if c.system == "-" {
			c.system = ""
		}
		if c.display == "-" {
			c.display = ""
		}
		tables[f[0]][f[1]] = c
	}
	return tables
})

// lookup finds a v2 code in a table, as it is written or in capitals.
func lookup(table, v2 string) (code, bool) {
	if v2 == "" {
		return code{}, false
	}
	t := codes()[table]
	if c, ok := t[v2]; ok {
		return c, true
	}
	if c, ok := t[strings.ToUpper(v2)]; ok {
		return c, true
	}
	c, ok := t[strings.ToUpper(v2[:1])+strings.ToLower(v2[1:])]
	return c, ok
}

// plain is the FHIR code for a v2 code of a table, otherwise where the table has none.
func plain(table, v2, otherwise string) string {
	if c, ok := lookup(table, v2); ok {
		return c.code
	}
	return otherwise
}

func (c code) coding() r4.Coding {
	return r4.Coding{System: c.system, Code: c.code, Display: c.display}
}

func concept(system, code, display string) *r4.CodeableConcept {
	return &r4.CodeableConcept{Coding: []r4.Coding{{System: system, Code: code, Display: display}}}
}
