package fhirpath

import (
	"strings"

	"github.com/kith-care/kith/fhir"
)

// maxDepth is how deeply an expression may nest.
const maxDepth = 200

type parser struct {
	tokens []token
	at     int
	depth  int
	scoped bool
}

// parse reads an expression; scoped says that it defines variables.
func parse(src string) (n node, scoped bool, err error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, false, err
	}
	p := parser{tokens: tokens}
	if n, err = p.expression(0); err != nil {
		return nil, false, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, false, syntaxError(t.at, "%s is not expected here", t)
	}
	return n, p.scoped, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind == tokSymbol && t.text == s {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if p.symbol(s) {
		return nil
	}
	t := p.peek()
	return syntaxError(t.at, "\"%s\" is missing before %s", s, t)
}

// levels are the binary operators from loose to tight. https://hl7.org/fhirpath/#operator-precedence
var levels = [...]string{
	" implies ",
	" or xor ",
	" and ",
	" in contains ",
	" = ~ != !~ ",
	" <= < > >= ",
	" | ",
	" is as ",
	" + - & ",
	" * / div mod ",
}

func (p *parser) operator(level int) (token, bool) {
	t := p.peek()
	if t.kind != tokSymbol && t.kind != tokName || !strings.Contains(levels[level], " "+t.text+" ") {
		return t, false
	}
	return t, true
}

// expression reads operators of a level and everything tighter.
func (p *parser) expression(level int) (node, error) {
	if level == len(levels) {
		return p.polarity()
	}
	if level == 0 {
		if p.depth++; p.depth > maxDepth {
			return nil, syntaxError(p.peek().at, "the expression nests more than %d levels deep", maxDepth)
		}
		defer func() { p.depth-- }()
	}
	left, err := p.expression(level + 1)
	for err == nil {
		op, ok := p.operator(level)
		if !ok {
			return left, nil
		}
		p.at++
		if op.text == "is" || op.text == "as" {
			var spec typeSpec
			if spec, err = p.typeSpec(); err == nil {
				left, err = newTypeNode(left, spec, op.text == "as"), nil
			}
			continue
		}
		var right node
		if right, err = p.expression(level + 1); err == nil {
			left = newBinary(op.text, left, right)
		}
	}
	return nil, err
}

func (p *parser) polarity() (node, error) {
	signs, minus := 0, false
	for ; ; signs++ {
		if p.symbol("-") {
			minus = !minus
		} else if !p.symbol("+") {
			break
		}
	}
	n, err := p.path()
	if err != nil || signs == 0 {
		return n, err
	}
	return &polarity{operand: n, minus: minus}, nil
}

// path reads a term and what follows it by points and brackets.
func (p *parser) path() (node, error) {
	n, err := p.term()
	for err == nil {
		switch {
		case p.symbol("."):
			n, err = p.invocation(n)
		case p.symbol("["):
			var index node
			if index, err = p.expression(0); err == nil {
				n, err = &indexer{n, index}, p.expect("]")
			}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) term() (node, error) {
	t := p.peek()
	switch t.kind {
	case tokName, tokDelimited, tokVariable:
		if t.kind == tokName && (t.text == "true" || t.text == "false") {
			p.at++
			return &literal{Collection{boolean(t.text == "true")}}, nil
		}
		if n, ok, err := p.instance(); ok || err != nil {
			return n, err
		}
		return p.invocation(nil)
	case tokString:
		p.at++
		return &literal{Collection{text(t.text)}}, nil
	case tokInteger, tokLong, tokDecimal:
		return p.number()
	case tokDate, tokDateTime, tokTime:
		p.at++
		v, ok := parseMoment(t)
		if !ok {
			return nil, syntaxError(t.at, "@%s is no real date or time", t.text)
		}
		return &literal{Collection{computed(v)}}, nil
	}
	switch {
	case p.symbol("("):
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case p.symbol("{"):
		return &literal{}, p.expect("}")
	case p.symbol("%"):
		t := p.next()
		if t.kind != tokName && t.kind != tokDelimited && t.kind != tokString {
			return nil, syntaxError(t.at, "the name of a variable follows %%")
		}
		return &variable{t.text}, nil
	}
	return nil, syntaxError(t.at, "a value or a path is missing before %s", t)
}

func parseMoment(t token) (value, bool) {
	switch t.kind {
	case tokTime:
		c, err := fhir.ParseTime(t.text)
		return value{kind: Time, t: fhir.DateTime{Clock: c}}, err == nil
	case tokDate:
		d, err := fhir.ParseDate(t.text)
		return value{kind: Date, t: d}, err == nil
	}
	d, err := fhir.ParseDateTime(t.text)
	if d.Zone > 14*60 || d.Zone < -14*60 {
		return value{}, false
	}
	return value{kind: DateTime, t: d}, err == nil
}

// number reads a number, and the unit that makes it a quantity.
func (p *parser) number() (node, error) {
	t := p.next()
	d, err := fhir.ParseDecimal(t.text)
	if err != nil {
		return nil, syntaxError(t.at, "%s has more digits than can be kept", t)
	}
	if t.kind != tokLong {
		u := p.peek()
		if word, calendar := calendarUnits[u.text]; calendar && u.kind == tokName {
			p.at++
			return &literal{Collection{computed(value{kind: Quantity, d: d, s: word, calendar: true})}}, nil
		}
		if u.kind == tokString {
			p.at++
			return &literal{Collection{computed(quantityOf(d, u.text))}}, nil
		}
	}
	if t.kind == tokDecimal {
		return &literal{Collection{decimal(d)}}, nil
	}
	// 2147483648 may only stand behind a minus.
	largest := int64(1<<31 - 1)
	if before := p.at - 2; before >= 0 && p.tokens[before].kind == tokSymbol && p.tokens[before].text == "-" {
		largest++
	}
	n, ok := d.Int64()
	switch {
	case ok && t.kind == tokLong:
		return &literal{Collection{computed(value{kind: Long, n: n})}}, nil
	case ok && t.kind == tokInteger && n <= largest:
		return &literal{Collection{integer(n)}}, nil
	}
	return nil, syntaxError(t.at, "%s is out of range for a whole number", t)
}

// reserved are the keywords that cannot be names. https://hl7.org/fhirpath/#keywords
var reserved = map[string]bool{"and": true, "or": true, "xor": true, "implies": true, "div": true, "mod": true, "true": true, "false": true}

func (p *parser) invocation(input node) (node, error) {
	t := p.next()
	switch {
	case t.kind == tokVariable:
		switch t.text {
		case "$this", "$index", "$total":
			return &special{t.text}, nil
		}
		return nil, syntaxError(t.at, "%s is not $this, $index or $total", t)
	case t.kind == tokDelimited, t.kind == tokName && !reserved[t.text]:
	default:
		return nil, syntaxError(t.at, "a name is missing before %s", t)
	}
	if !p.symbol("(") {
		return newMember(input, t.text), nil
	}
	f, ok := functions[t.text]
	if !ok {
		return nil, syntaxError(t.at, "there is no function %s()", t.text)
	}
	if f.typed {
		return p.typed(input, t)
	}
	args, err := p.arguments(t.text)
	if err != nil {
		return nil, err
	}
	if len(args) < f.min || len(args) > f.max {
		return nil, syntaxError(t.at, "%s() takes %s, not %d", t.text, f.arity(), len(args))
	}
	p.scoped = p.scoped || t.text == "defineVariable"
	return newCall(input, t.text, f, args), nil
}

// typed reads is(T), as(T) and ofType(T).
func (p *parser) typed(input node, name token) (node, error) {
	spec, err := p.typeSpec()
	if err != nil {
		return nil, err
	}
	if input == nil {
		input = &special{"$this"}
	}
	if name.text == "ofType" {
		return &ofType{input, spec}, p.expect(")")
	}
	return newTypeNode(input, spec, name.text == "as"), p.expect(")")
}

func (p *parser) typeSpec() (typeSpec, error) {
	var names []string
	at := p.peek().at
	for {
		t := p.next()
		if t.kind != tokName && t.kind != tokDelimited {
			return typeSpec{}, syntaxError(t.at, "the name of a type is missing before %s", t)
		}
		names = append(names, t.text)
		if !p.symbol(".") {
			return resolveType(names, at)
		}
	}
}

func (p *parser) arguments(function string) ([]node, error) {
	var args []node
	if p.symbol(")") {
		return nil, nil
	}
	for {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		if function == "sort" {
			arg = p.sortKey(arg)
		}
		args = append(args, arg)
		if !p.symbol(",") {
			return args, p.expect(")")
		}
	}
}

// sortKey reads the direction of a key of sort(): "asc", "desc", or a minus before the key.
func (p *parser) sortKey(key node) node {
	k := &sortKey{key: key}
	if minus, ok := key.(*polarity); ok && minus.minus {
		k.key, k.down = minus.operand, true
	}
	if t := p.peek(); t.kind == tokName && (t.text == "asc" || t.text == "desc") {
		p.at++
		k.down = k.down != (t.text == "desc")
	}
	return k
}

// instance reads Coding { system: 'x', code: 'y' }; false where a name is not followed by a brace.
func (p *parser) instance() (node, bool, error) {
	start := p.at
	for i := start; ; i += 2 {
		t := p.tokens[i]
		if t.kind != tokName && t.kind != tokDelimited {
			return nil, false, nil
		}
		if t = p.tokens[i+1]; t.kind == tokSymbol && t.text == "{" {
			break
		}
		if t.kind != tokSymbol || t.text != "." {
			return nil, false, nil
		}
	}
	spec, err := p.typeSpec()
	if err != nil {
		return nil, true, err
	}
	n := &instance{typ: spec}
	p.at++ // the brace
	if p.symbol(":") || p.symbol("}") {
		if p.tokens[p.at-1].text == ":" {
			err = p.expect("}")
		}
		return n, true, err
	}
	for {
		t := p.next()
		if t.kind != tokName && t.kind != tokDelimited {
			return nil, true, syntaxError(t.at, "the name of an element is missing before %s", t)
		}
		if err := p.expect(":"); err != nil {
			return nil, true, err
		}
		v, err := p.expression(0)
		if err != nil {
			return nil, true, err
		}
		n.names, n.values = append(n.names, t.text), append(n.values, v)
		if !p.symbol(",") {
			return n, true, p.expect("}")
		}
	}
}
