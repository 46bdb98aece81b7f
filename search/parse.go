package search

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Parser turns a FHIR query string into a Query. https://hl7.org/fhir/R4/search.html
type Parser struct {
	Catalogue *Catalogue
	Base      string // our own base URL without a last slash: references under it are ours
	Lenient   bool   // leave out what is not understood instead of refusing it (Prefer: handling=lenient)
	Now       func() time.Time
}

// maxDepth bounds chains and _filter brackets.
const maxDepth = 8

// Parse reads a query on one type ("Observation", "patient=1&code=8302-2"), or on the types that _type names where
// typ is "". Unknown parameters, modifiers and values are refused by name (Invalid or Unsupported).
func (p *Parser) Parse(typ, query string) (*Query, error) {
	q := &Query{Count: CountUnset, Used: url.Values{}}
	pairs, err := pairsOf(query)
	if err != nil {
		return nil, err
	}
	if typ != "" {
		t, ok := spec.Resource(typ)
		if !ok {
			return nil, fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", typ)
		}
		q.Types = []spec.TypeID{t}
	} else if q.Types, err = p.systemTypes(pairs); err != nil {
		return nil, err
	}
	for _, kv := range pairs {
		if kv.value == "" && !strings.HasPrefix(kv.name, "_") {
			continue // an empty value is a parameter left open
		}
		if err := p.one(q, kv.name, kv.value); err != nil {
			if k := fhir.KindOf(err); !p.Lenient || k != fhir.Invalid && k != fhir.Unsupported {
				return nil, err
			}
			q.Ignored = append(q.Ignored, kv.name)
			continue
		}
		if kv.name != "_page" {
			q.Used[kv.name] = append(q.Used[kv.name], kv.value)
		}
	}
	return q, nil
}

type pair struct{ name, value string }

func pairsOf(query string) ([]pair, error) {
	var out []pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, fhir.Errorf(fhir.Invalid, "%q is not a valid part of a query string", part)
		}
		out = append(out, pair{n, v})
	}
	return out, nil
}

func (p *Parser) systemTypes(pairs []pair) ([]spec.TypeID, error) {
	var types []spec.TypeID
	for _, kv := range pairs {
		if kv.name != "_type" {
			continue
		}
		for name := range strings.SplitSeq(kv.value, ",") {
			t, ok := spec.Resource(name)
			if !ok {
				return nil, fhir.Errorf(fhir.Invalid, "_type: there is no resource type %q in FHIR R4", name)
			}
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		for i := range spec.ResourceNames() {
			types = append(types, spec.TypeID(i+1))
		}
	}
	return types, nil
}

func (p *Parser) one(q *Query, name, value string) error {
	base, modifier, _ := strings.Cut(name, ":")
	switch base {
	case "_type", "_format", "_pretty":
		return nil
	case "_sort":
		return p.sort(q, value)
	case "_count":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return invalid(name, value, "a whole number of entries, 0 or more")
		}
		q.Count = n
		return nil
	case "_total":
		return oneOf(&q.Total, name, value, "none", "estimate", "accurate")
	case "_summary":
		return oneOf(&q.Summary, name, value, "true", "text", "data", "count", "false")
	case "_elements":
		for e := range strings.SplitSeq(value, ",") {
			if e = strings.TrimSpace(e); e != "" {
				q.Elements = append(q.Elements, e[strings.LastIndexByte(e, '.')+1:])
			}
		}
		return nil
	case "_include", "_revinclude":
		inc, err := p.include(q, base == "_revinclude", modifier, name, value)
		if err == nil {
			q.Includes = append(q.Includes, inc)
		}
		return err
	case "_page":
		page, err := ParsePage(value)
		q.Page = page
		return err
	case "_contained":
		if value == "false" {
			return nil
		}
		return fhir.Errorf(fhir.Unsupported, "%s=%s: contained resources are not searched by themselves here", name, value)
	case "_filter":
		c, err := p.filter(q.Types, value)
		if err == nil {
			q.Where = append(q.Where, c)
		}
		return err
	}
	c, err := p.cond(q.Types, name, value, 0)
	if err == nil {
		q.Where = append(q.Where, c)
	}
	return err
}

func oneOf(into *string, name, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return invalid(name, value, "one of "+strings.Join(allowed, ", "))
	}
	*into = value
	return nil
}

func invalid(name, value, want string) error {
	return fhir.Errorf(fhir.Invalid, "the search parameter %s=%s is not valid: it takes %s", name, value, want)
}

func (p *Parser) sort(q *Query, value string) error {
	for code := range strings.SplitSeq(value, ",") {
		code, desc := strings.CutPrefix(code, "-")
		if code == "_id" || code == "_lastUpdated" {
			q.Sort = append(q.Sort, Sort{p.param(q.Types[0], code), desc})
			continue
		}
		param, err := p.common(q.Types, code, "_sort")
		if err != nil {
			return err
		}
		switch param.Type {
		case "composite", "special":
			return fhir.Errorf(fhir.Unsupported, "_sort=%s: results cannot be sorted by a parameter of type %s", code, param.Type)
		}
		q.Sort = append(q.Sort, Sort{param, desc})
	}
	return nil
}

func (p *Parser) include(q *Query, rev bool, modifier, name, value string) (Include, error) {
	inc := Include{Rev: rev}
	switch modifier {
	case "":
	case "iterate", "recurse":
		inc.Iterate = true
	default:
		return inc, fhir.Errorf(fhir.Invalid, "the search parameter %s is not valid: its only modifier is :iterate", name)
	}
	parts := strings.SplitN(value, ":", 3)
	var ok bool
	if value == "*" {
		if rev || len(q.Types) != 1 {
			return inc, fhir.Errorf(fhir.Unsupported, "%s=* is not served here: name the types and parameters", name)
		}
		inc.Source = q.Types[0]
		return inc, nil
	}
	if inc.Source, ok = spec.Resource(parts[0]); !ok || len(parts) < 2 {
		return inc, invalid(name, value, "Type:parameter or Type:parameter:TargetType")
	}
	if parts[1] != "*" {
		inc.Param = p.param(inc.Source, parts[1])
		if inc.Param == nil || inc.Param.Type != "reference" {
			return inc, fhir.Errorf(fhir.Invalid, "%s=%s: %s has no reference parameter %q", name, value, parts[0], parts[1])
		}
	}
	if len(parts) == 3 {
		if inc.Target, ok = spec.Resource(parts[2]); !ok {
			return inc, fhir.Errorf(fhir.Invalid, "%s=%s: there is no resource type %q", name, value, parts[2])
		}
	}
	return inc, nil
}

// common is the parameter of that code, which every type searched must have.
func (p *Parser) common(types []spec.TypeID, code, asked string) (*Param, error) {
	param := p.param(types[0], code)
	for _, t := range types {
		if p.param(t, code) == nil {
			return nil, fhir.Errorf(fhir.Invalid, "unknown search parameter %q for %s (%s)", code, t, asked)
		}
		if param.Custom != 0 && len(types) > 1 {
			return nil, fhir.Errorf(fhir.Unsupported, "%s: the added search parameter %q is served on one type at a time", asked, code)
		}
	}
	return param, nil
}

func (p *Parser) param(t spec.TypeID, code string) *Param { return p.Catalogue.Param(t, code) }

// cond reads one condition: name may carry a modifier, a chain or _has.
func (p *Parser) cond(types []spec.TypeID, name, value string, depth int) (Cond, error) {
	if depth > maxDepth {
		return Cond{}, fhir.Errorf(fhir.Invalid, "the search parameter %s is chained deeper than %d levels", name, maxDepth)
	}
	source := name + "=" + value
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return p.has(rest, value, source, depth)
	}
	head, rest, chained := strings.Cut(name, ".")
	code, modifier, _ := strings.Cut(head, ":")
	if code == "_list" {
		if !fhir.ValidID(value) {
			return Cond{}, invalid(name, value, "the id of a List")
		}
		return Cond{Source: source, Modifier: "list", Values: []Value{{Code: value}}}, nil
	}
	param, err := p.common(types, code, source)
	if err != nil {
		return Cond{}, err
	}
	if param.expr == nil && param.Type != "composite" && code != "_id" && code != "_lastUpdated" {
		return Cond{}, fhir.Errorf(fhir.Unsupported, "the search parameter %q of %s is not served here", code, types[0])
	}
	if param.Building {
		return Cond{}, fhir.Errorf(fhir.Unsupported, "the search parameter %q of %s is being built and cannot be used yet: %s", code, types[0], param.Progress)
	}
	if chained {
		return p.chain(param, modifier, rest, value, source, depth)
	}
	c := Cond{Param: param, Modifier: modifier, Source: source}
	return c, p.values(&c, name, value)
}

func (p *Parser) chain(param *Param, modifier, rest, value, source string, depth int) (Cond, error) {
	if param.Type != "reference" {
		return Cond{}, fhir.Errorf(fhir.Invalid, "%s: only a reference can be chained, and %s is a %s", source, param.Code, param.Type)
	}
	var types []spec.TypeID
	targets := param.Targets
	if len(targets) == 0 || slices.Contains(targets, "Resource") {
		targets = spec.ResourceNames() // of a custom one that does not say: any
	}
	if modifier != "" {
		targets = []string{modifier}
	}
	next, _, _ := strings.Cut(rest, ".")
	code, _, _ := strings.Cut(next, ":")
	for _, name := range targets {
		t, ok := spec.Resource(name)
		if !ok {
			return Cond{}, fhir.Errorf(fhir.Invalid, "%s: there is no resource type %q", source, name)
		}
		if code == "_has" || p.param(t, code) != nil {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return Cond{}, fhir.Errorf(fhir.Invalid, "%s: none of the types %s refers to has a search parameter %q", source, param.Code, code)
	}
	var kinds []Cond
	for _, t := range types {
		c, err := p.cond([]spec.TypeID{t}, rest, value, depth+1)
		if err != nil {
			return Cond{}, err
		}
		kinds = append(kinds, Cond{Param: param, Source: source, Chain: &Chain{Types: []spec.TypeID{t}, Cond: c}})
	}
	if len(kinds) == 1 {
		return kinds[0], nil
	}
	return Cond{Op: Or, Kids: kinds, Source: source}, nil
}

// has reads Type:reference:rest of _has:Type:reference:rest=value.
func (p *Parser) has(rest, value, source string, depth int) (Cond, error) {
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) < 3 {
		return Cond{}, fhir.Errorf(fhir.Invalid, "%s: it takes the form _has:Type:reference:parameter", source)
	}
	t, ok := spec.Resource(parts[0])
	if !ok {
		return Cond{}, fhir.Errorf(fhir.Invalid, "%s: there is no resource type %q", source, parts[0])
	}
	ref := p.param(t, parts[1])
	if ref == nil || ref.Type != "reference" {
		return Cond{}, fhir.Errorf(fhir.Invalid, "%s: %s has no reference parameter %q", source, parts[0], parts[1])
	}
	c, err := p.cond([]spec.TypeID{t}, parts[2], value, depth+1)
	if err != nil {
		return Cond{}, err
	}
	return Cond{Source: source, Has: &Has{Type: t, Ref: ref, Cond: c}}, nil
}

// String is the page as it stands in a link: sequence, row and sort key, with a check that tells it from any other text.
func (p *Page) String() string {
	b := binary.AppendUvarint(nil, uint64(p.Seq))
	b = binary.AppendUvarint(b, uint64(p.Rid))
	b = append(b, p.Sort...)
	return base64.RawURLEncoding.EncodeToString(append(b, pageCheck(b)...))
}

func pageCheck(b []byte) []byte {
	h := Hash(0, 0, string(b))
	return []byte{byte(h), byte(h >> 8)}
}

// ParsePage reads what String wrote.
func ParsePage(s string) (*Page, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil && len(b) > 2 && string(b[len(b)-2:]) == string(pageCheck(b[:len(b)-2])) {
		b = b[:len(b)-2]
		seq, n := binary.Uvarint(b)
		if n > 0 {
			rid, m := binary.Uvarint(b[n:])
			if m > 0 && int64(seq) >= 0 && int64(rid) >= 0 {
				return &Page{Seq: int64(seq), Rid: int64(rid), Sort: b[n+m:]}, nil
			}
		}
	}
	return nil, fhir.Errorf(fhir.Invalid, "the page %q is not one of ours: follow the links of the first page", s)
}
