package search

import (
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// filter reads a _filter expression into conditions. https://hl7.org/fhir/R4/search_filter.html
func (p *Parser) filter(types []spec.TypeID, text string) (Cond, error) {
	f := filterParser{p: p, types: types, text: text}
	c, err := f.or(0)
	if err == nil && f.word() != "" {
		err = f.fail("nothing more")
	}
	c.Source = "_filter=" + text
	return c, err
}

type filterParser struct {
	p     *Parser
	types []spec.TypeID
	text  string
	pos   int
}

func (f *filterParser) fail(want string) error {
	return fhir.Errorf(fhir.Invalid, "_filter: %s should stand at character %d of %q", want, f.pos+1, f.text)
}

func (f *filterParser) space() {
	for f.pos < len(f.text) && f.text[f.pos] == ' ' {
		f.pos++
	}
}

// word is the next word, without taking it: up to a space or bracket.
func (f *filterParser) word() string {
	f.space()
	end := f.pos
	if end < len(f.text) && (f.text[end] == '(' || f.text[end] == ')') {
		return f.text[end : end+1]
	}
	depth := 0
	for end < len(f.text) && (f.text[end] != ' ' && f.text[end] != '(' && f.text[end] != ')' || depth > 0) {
		switch f.text[end] {
		case '[':
			depth++
		case ']':
			depth--
		}
		end++
	}
	return f.text[f.pos:end]
}

func (f *filterParser) take(word string) bool {
	if f.word() != word {
		return false
	}
	f.pos += len(word)
	return true
}

func (f *filterParser) or(depth int) (Cond, error) {
	return f.joined(depth, "or", Or, func() (Cond, error) {
		return f.joined(depth, "and", And, func() (Cond, error) { return f.term(depth) })
	})
}

func (f *filterParser) joined(depth int, word string, op Op, part func() (Cond, error)) (Cond, error) {
	if depth > maxDepth {
		return Cond{}, f.fail("less nesting")
	}
	first, err := part()
	if err != nil || f.word() != word {
		return first, err
	}
	all := Cond{Op: op, Kids: []Cond{first}, Source: "_filter=" + f.text}
	for f.take(word) {
		next, err := part()
		if err != nil {
			return Cond{}, err
		}
		all.Kids = append(all.Kids, next)
	}
	return all, nil
}

func (f *filterParser) term(depth int) (Cond, error) {
	if f.take("not") {
		c, err := f.bracket(depth)
		return Cond{Op: Not, Kids: []Cond{c}, Source: "_filter=" + f.text}, err
	}
	if f.word() == "(" {
		return f.bracket(depth)
	}
	return f.comparison()
}

func (f *filterParser) bracket(depth int) (Cond, error) {
	if !f.take("(") {
		return Cond{}, f.fail("(")
	}
	c, err := f.or(depth + 1)
	if err == nil && !f.take(")") {
		err = f.fail(")")
	}
	return c, err
}

// comparison reads path operator value; the value is a quoted string or a word.
func (f *filterParser) comparison() (Cond, error) {
	path := f.word()
	if path == "" || path == "(" || path == ")" {
		return Cond{}, f.fail("a search parameter")
	}
	if strings.ContainsRune(path, '[') {
		return Cond{}, fhir.Errorf(fhir.Unsupported, "_filter: conditions in brackets after a parameter (%s) are not served here", path)
	}
	f.pos += len(path)
	op := f.word()
	f.pos += len(op)
	value, err := f.value()
	if err != nil {
		return Cond{}, err
	}
	head, _, _ := strings.Cut(path, ".")
	code, _, _ := strings.Cut(head, ":")
	param, err := f.p.common(f.types, code, "_filter")
	if err != nil {
		return Cond{}, err
	}
	name, value, negate, err := comparisonOf(path, op, value, param.Type, strings.ContainsRune(path, '.'))
	if err != nil {
		return Cond{}, err
	}
	c, err := f.p.cond(f.types, name, value, 0)
	if err == nil && !c.compare(op) && (op == "sw" || op == "ew" || op == "po") {
		err = fhir.Errorf(fhir.Invalid, "_filter: the operator %q cannot compare %s", op, path)
	}
	if negate {
		c = Cond{Op: Not, Kids: []Cond{c}, Source: c.Source}
	}
	return c, err
}

// compare makes the last condition of a chain compare as an operator says that search parameters do not have, and reports
// whether it can. In a filter, texts are equal as a whole, whatever their case.
func (c *Cond) compare(op string) bool {
	able := len(c.Kids) > 0
	for i := range c.Kids {
		able = c.Kids[i].compare(op) && able
	}
	switch {
	case c.Chain != nil:
		return c.Chain.Cond.compare(op)
	case c.Param == nil || c.Modifier != "":
		return able
	case c.Param.Type == "string" && op != "po", c.Param.Type == "date" && op == "po":
		for i := range c.Values {
			c.Values[i].Prefix = op
		}
		return true
	}
	return false
}

func (f *filterParser) value() (string, error) {
	f.space()
	if f.pos < len(f.text) && f.text[f.pos] == '"' {
		var b strings.Builder
		for i := f.pos + 1; i < len(f.text); i++ {
			switch f.text[i] {
			case '\\':
				i++
				if i < len(f.text) {
					b.WriteByte(f.text[i])
				}
			case '"':
				f.pos = i + 1
				return escape(b.String()), nil
			default:
				b.WriteByte(f.text[i])
			}
		}
		return "", f.fail("a closing quote")
	}
	w := f.word()
	if w == "" || w == "(" || w == ")" {
		return "", f.fail("a value")
	}
	f.pos += len(w)
	return strings.ReplaceAll(w, ",", `\,`), nil
}

// escape keeps the separators of the query language from meaning anything inside a quoted value.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`).Replace(s) }

// comparisonOf turns one comparison into a search parameter: name with modifier, value with prefix, and whether the
// condition is turned round.
func comparisonOf(path, op, value, typ string, chained bool) (name, val string, negate bool, err error) {
	if op == "pr" {
		return path + ":missing", map[string]string{"true": "false", "false": "true"}[value], false, nil
	}
	ordered := typ == "date" || typ == "number" || typ == "quantity" || chained
	switch op {
	case "eq":
		return path, value, false, nil
	case "ne":
		return path, value, true, nil
	case "co":
		if typ == "string" || chained {
			return path + ":contains", value, false, nil
		}
	case "sw", "ew":
		if typ == "string" || chained {
			return path, value, false, nil
		}
	case "po":
		if typ == "date" || chained {
			return path, value, false, nil
		}
	case "gt", "lt", "ge", "le", "sa", "eb", "ap":
		if ordered {
			return path, op + value, false, nil
		}
	case "in":
		return path + ":in", value, false, nil
	case "ni":
		return path + ":in", value, true, nil
	case "ss":
		if typ == "token" {
			return path + ":above", value, false, nil
		}
	case "sb":
		if typ == "token" {
			return path + ":below", value, false, nil
		}
	case "re":
		if typ == "reference" {
			return path, value, false, nil
		}
	}
	return "", "", false, fhir.Errorf(fhir.Invalid, "_filter: the operator %q cannot compare %s, a %s parameter", op, path, typ)
}
