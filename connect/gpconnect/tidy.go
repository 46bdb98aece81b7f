package gpconnect

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/spec"
)

// crossVersion begins the extensions that HL7 defines for elements another version of FHIR does not have, with the version
// and the element's path. https://hl7.org/fhir/R4/versions.html#extensions
const crossVersion = "http://hl7.org/fhir/3.0/StructureDefinition/extension-"

// tidy fits a tree into R4's tables: lists where R4 has lists, single members where it has those. What R4 has no place for is kept in an
// extension that names its place in STU3, so that nothing is lost.
func (m *mapping) tidy(stu3, r4 string, n *node) error {
	if _, ok := spec.Resource(r4); !ok {
		return fhir.Errorf(fhir.Unsupported, "R4 has no %s", stu3)
	}
	t := spec.TypeOf(r4)
	for _, c := range n.get("contained").items() {
		if err := m.containedIn(c); err != nil {
			return err
		}
	}
	m.fit(stu3, t, n)
	return nil
}

func (m *mapping) containedIn(c *node) error {
	was := c.text("resourceType")
	k, ok := kinds[was]
	if !ok {
		k = kind{r4: was}
	}
	if k.up != nil {
		k.up(m, c)
	}
	c.put("resourceType", str(k.r4))
	c.put("meta", nil)
	return m.tidy(was, k.r4, c)
}

// fit is tidy for one object of a type; path is where it stands in STU3.
func (m *mapping) fit(path string, t *spec.Type, n *node) {
	if t == nil || !n.isObject() {
		return
	}
	for _, name := range append([]string(nil), n.names...) {
		if name == "resourceType" || name == "contained" || name == "extension" || name == "modifierExtension" || strings.HasPrefix(name, "_") {
			continue
		}
		kid := n.get(name)
		el, child, ok := t.ChildType(name)
		if !ok {
			n.put(name, nil)
			for _, k := range kid.items() {
				n.add("extension", m.kept(path+"."+name, k))
			}
			continue
		}
		switch {
		case el.Max == 1 && kid.isList:
			for _, k := range n.one(name) {
				n.add("extension", m.kept(path+"."+name, k))
			}
		case el.Max != 1 && !kid.isList:
			n.many(name)
		}
		if child != nil && (child.Name == "dateTime" || child.Name == "instant") {
			m.zoned(n.get(name))
		}
		if child != nil && child.Name == "code" {
			for _, k := range n.get(name).items() {
				m.trimmed(k)
			}
		}
		if child == nil || child.Kind == spec.Primitive {
			continue
		}
		for _, k := range n.get(name).items() {
			m.fit(path+"."+name, child, k)
			if child.Name == "Period" {
				m.forward(path+"."+name, k)
			}
		}
	}
}

// forward keeps the end of a period that ends before it begins beside it: R4 does not allow such a period (per-1), and which of the two
// times is wrong nobody here knows.
func (m *mapping) forward(path string, period *node) {
	start, err1 := fhir.ParseDateTime(period.text("start"))
	end, err2 := fhir.ParseDateTime(period.text("end"))
	if err1 == nil && err2 == nil && end.HighIn(london.Zone).Before(start.LowIn(london.Zone)) {
		m.note("%s ends before it begins", path)
		period.add("extension", extension(crossVersion+"Period.end", "DateTime", period.take("end")))
	}
}

// trimmed takes the blanks off a code: with them it is another code, and none.
func (m *mapping) trimmed(n *node) {
	if is := strings.Join(strings.Fields(n.text()), " "); n.isText && is != n.word {
		m.note("a code has blanks around it: taken without")
		*n = *str(is)
	}
}

var zoneless = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?$`)

// zoned adds the zone that a supplier left out of a time: its clocks hang in Britain.
func (m *mapping) zoned(n *node) {
	p := zoneless.FindStringSubmatch(n.text())
	if p == nil {
		return
	}
	var f [6]int
	for i := range f {
		f[i], _ = strconv.Atoi(p[i+1])
	}
	if f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > fhir.DaysIn(f[0], f[1]) || f[3] > 23 || f[4] > 59 || f[5] > 59 {
		return // no time at all: the check of the resource will say so
	}
	at, sure := london.Time(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5])
	m.note("a time without zone was read as Britain's")
	if !sure {
		m.note("a time in the hour of the clock change may be an hour off")
	}
	*n = *str(london.DateTime(at).String())
}

// kept is an element of STU3 as an extension. An object of no known shape is an extension of its members.
func (m *mapping) kept(path string, n *node) *node {
	m.note("R4 has no %s: kept as an extension", path)
	return keptAs(crossVersion+path, n)
}

func keptAs(url string, n *node) *node {
	if n.empty() {
		return nil
	}
	if kind := guess(n); kind != "" {
		return extension(url, kind, n)
	}
	e := object(word("url", url))
	for i, name := range n.names {
		for _, k := range n.kids[i].items() {
			e.add("extension", keptAs(name, k))
		}
	}
	if len(n.names) == 0 {
		for _, k := range n.items() {
			e.add("extension", keptAs("item", k))
		}
	}
	return e
}

// guess is the data type that a value without a known one can only be.
func guess(n *node) string {
	switch {
	case n.is("true"), n.is("false"):
		return "Boolean"
	case n.isText:
		return "String"
	case n.raw != nil:
		return "Decimal"
	case n.get("coding") != nil, n.get("text") != nil && len(n.names) == 1:
		return "CodeableConcept"
	case n.get("reference") != nil:
		return "Reference"
	case only(n, "start", "end"):
		return "Period"
	case only(n, "value", "comparator", "unit", "system", "code") && n.get("value") != nil && !n.get("value").isText:
		return "Quantity"
	case only(n, "system", "version", "code", "display", "userSelected") && n.get("code") != nil:
		return "Coding"
	case only(n, "use", "type", "system", "value", "period", "assigner") && n.get("value") != nil:
		return "Identifier"
	}
	return ""
}

// only reports whether an object has no members but these, and one at least.
func only(n *node, names ...string) bool {
	if !n.isObject() || len(n.names) == 0 {
		return false
	}
	for _, have := range n.names {
		found := false
		for _, name := range names {
			found = found || name == have
		}
		if !found {
			return false
		}
	}
	return true
}
