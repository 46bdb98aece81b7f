package fhirpath

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// resolve finds what references point to: contained resources, entries of the Bundle at the root, and what Env.Resolve
// knows. What is not found is left out.
func resolve(_ *call, s *scope, in Collection) (Collection, error) {
	var out Collection
	for _, it := range in {
		ref := string(referenceOf(it))
		if ref == "" {
			continue
		}
		if v, ok := s.find(it, ref); ok {
			out = append(out, s.item(v))
		}
	}
	return out, nil
}

func (s *scope) find(it Item, ref string) (fhir.Value, bool) {
	if id, local := strings.CutPrefix(ref, "#"); local {
		return contained(s.root(), it.v, id)
	}
	for e := range s.root().Get("entry").Items() {
		url := e.Get("fullUrl").Text()
		if url != "" && (url == ref || strings.HasSuffix(url, "/"+ref)) {
			return e.Get("resource"), true
		}
	}
	if s.env.Resolve != nil {
		return s.env.Resolve(ref)
	}
	return fhir.Value{}, false
}

// contained finds the resource with an id in the container v stands in; "#" alone is the container.
func contained(root, v fhir.Value, id string) (fhir.Value, bool) {
	if v.Exists() {
		root = v.Root()
	}
	holder := root
	for at := root; at.Exists() && at != v; {
		if at.Get("contained").Exists() || at == root {
			holder = at
		}
		next := at.First()
		for n := next.Next(); n.Exists() && v.Exists() && n.Offset() <= v.Offset(); n = n.Next() {
			next = n
		}
		at = next
	}
	if id == "" {
		return holder, true
	}
	for c := range holder.Get("contained").Items() {
		if c.Get("id").Is(id) {
			return c, true
		}
	}
	return fhir.Value{}, false
}

// refersTo is "resolve() is Type": the type is read from the reference, so nothing needs to be fetched.
type refersTo struct {
	input node
	typ   string
}

func (n *refersTo) eval(s *scope) (Collection, error) {
	in := s.this
	if n.input != nil {
		var err error
		if in, err = n.input.eval(s); err != nil {
			return nil, err
		}
	}
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > 1 {
		return nil, s.fail("\"is\" takes a single item, not %d", len(in))
	}
	if typ, sure := referredType(in[0]); sure {
		return truth(n.is(string(typ))), nil
	}
	if v, ok := s.find(in[0], string(referenceOf(in[0]))); ok {
		return truth(n.is(v.Get("resourceType").Text())), nil
	}
	// Reference.type says what the reference itself does not.
	if typ := in[0].v.Get("type").Text(); typ != "" {
		return truth(n.is(typ)), nil
	}
	return nil, nil
}

func (n *refersTo) is(typ string) bool { return typ == n.typ || spec.TypeOf(typ).Is(n.typ) }

// referredType reads the type from a reference: Patient/1, https://…/Patient/1/_history/2, or the contained resource
// #id of the resource itself. Not sure for urn:uuid and other opaque references.
func referredType(it Item) (typ []byte, sure bool) {
	ref := referenceOf(it)
	if len(ref) == 0 {
		return nil, false
	}
	if ref[0] == '#' {
		v, ok := contained(fhir.Value{}, it.v, string(ref[1:]))
		raw := v.Get("resourceType").Raw()
		if !ok || len(raw) < 2 {
			return nil, false
		}
		return raw[1 : len(raw)-1], true
	}
	if at := bytes.Index(ref, []byte("/_history/")); at > 0 {
		ref = ref[:at]
	}
	slash := bytes.LastIndexByte(ref, '/')
	if slash <= 0 {
		return nil, false
	}
	typ = ref[:slash]
	if before := bytes.LastIndexByte(typ, '/'); before >= 0 {
		typ = typ[before+1:]
	}
	_, known := spec.Resource(string(typ))
	return typ, known
}

func extension(c *call, s *scope, in Collection) (Collection, error) {
	url, ok, err := c.text(0, s)
	if err != nil || !ok {
		return nil, err
	}
	var out Collection
	for _, it := range in {
		if it.sys != nil {
			continue
		}
		e := extensionMember.open(it)
		if !s.env.NoModel {
			e.typ = extensionType()
		}
		for x, ok := e.next(); ok; x, ok = e.next() {
			if x.v.Get("url").Is(url) {
				out = append(out, x)
			}
		}
	}
	return out, nil
}

var extensionType = sync.OnceValue(func() *spec.Type { return spec.TypeOf("Extension") })

var extensionMember = newMember(&special{"$this"}, "extension")

// isPrimitive tells a value from a structure; a System.Quantity is a structure, and so is XHTML.
func isPrimitive(it Item) bool {
	switch {
	case it.sys != nil:
		return it.sys.kind != Quantity && it.sys.kind != TypeInfo
	case it.typ != nil && it.typ.Name == "xhtml":
		return false
	}
	return it.hasValue() && it.v.Kind() != fhir.Object
}

func hasValue(_ *call, _ *scope, in Collection) (Collection, error) {
	return truth(len(in) == 1 && isPrimitive(in[0])), nil
}

func getValue(_ *call, _ *scope, in Collection) (Collection, error) {
	if len(in) != 1 || !isPrimitive(in[0]) {
		return nil, nil
	}
	v, ok := in[0].system()
	return one(computed(v), ok), nil
}

func memberOf(c *call, s *scope, in Collection) (Collection, error) {
	url, ok, err := c.text(0, s)
	if err != nil || !ok || len(in) != 1 {
		return nil, err
	}
	if s.env.MemberOf == nil {
		return nil, s.fail("memberOf() needs the value sets, which are not at hand here")
	}
	found, err := s.env.MemberOf(url, in[0])
	return truth(found), err
}

// subsumes is subsumes() and subsumedBy(), of two codes, Codings or CodeableConcepts.
func subsumes(c *call, s *scope, in Collection) (Collection, error) {
	other, err := c.arg(0, s)
	if err != nil || len(in) != 1 || len(other) != 1 {
		return nil, err
	}
	if s.env.Subsumes == nil {
		return nil, s.fail("%s() needs the code systems, which are not at hand here", c.name)
	}
	a, b := in[0], other[0]
	if c.name == "subsumedBy" {
		a, b = b, a
	}
	for _, x := range codings(a) {
		for _, y := range codings(b) {
			if x[0] != y[0] {
				continue
			}
			if found, err := s.env.Subsumes(x[0], x[1], y[1]); err != nil || found {
				return truth(found), err
			}
		}
	}
	return truth(false), nil
}

// codings are the (system, code) pairs of an item.
func codings(it Item) [][2]string {
	if it.v.Kind() != fhir.Object {
		return [][2]string{{"", it.Text()}}
	}
	if !it.v.Get("coding").Exists() {
		return [][2]string{{it.v.Get("system").Text(), it.v.Get("code").Text()}}
	}
	var out [][2]string
	for c := range it.v.Get("coding").Items() {
		out = append(out, [2]string{c.Get("system").Text(), c.Get("code").Text()})
	}
	return out
}

// conformsTo knows R4's own types by their canonical URL; any other profile is Env.ConformsTo's.
func conformsTo(c *call, s *scope, in Collection) (Collection, error) {
	url, ok, err := c.text(0, s)
	if err != nil || !ok || len(in) == 0 {
		return nil, err
	}
	if len(in) > 1 {
		return nil, s.fail("conformsTo() takes a single item, not %d", len(in))
	}
	if name, ok := strings.CutPrefix(url, "http://hl7.org/fhir/StructureDefinition/"); ok && spec.TypeOf(name) != nil {
		return truth(in[0].Is(name)), nil
	}
	if s.env.ConformsTo == nil {
		return nil, s.fail("the profile %s is not known here", url)
	}
	fits, err := s.env.ConformsTo(url, in[0])
	return truth(fits), err
}

// checkModifiers fails on a modifier extension the expression does not know.
func checkModifiers(c *call, s *scope, in Collection) (Collection, error) {
	var known []string
	for i := range c.args {
		url, _, err := c.text(i, s)
		if err != nil {
			return nil, err
		}
		known = append(known, url)
	}
	for _, it := range in {
		for x := range it.v.Get("modifierExtension").Items() {
			if url := x.Get("url").Text(); !slices.Contains(known, url) {
				return nil, s.fail("the modifier extension %s is not known", url)
			}
		}
	}
	return in, nil
}

// htmlChecks applies the rules of narrative: only XHTML's formatting elements and attributes, no scripts, forms, frames
// or outside styles, and something to read. https://hl7.org/fhir/R4/narrative.html#xhtml
func htmlChecks(_ *call, _ *scope, in Collection) (Collection, error) {
	if len(in) != 1 || !in[0].hasValue() {
		return nil, nil
	}
	return truth(goodNarrative(in[0].Text())), nil
}

const narrativeElements = " a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q s samp small span strike strong style sub sup table tbody td tfoot th thead tr tt u ul var "

const narrativeAttributes = " abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width xmlns xml:lang space "

func goodNarrative(html string) bool {
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict = true
	d.Entity = xml.HTMLEntity
	depth, roots, content := 0, 0, false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return roots == 1 && content
		}
		if err != nil {
			return false
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				if roots++; t.Name.Local != "div" || t.Name.Space != "http://www.w3.org/1999/xhtml" {
					return false
				}
			}
			depth++
			content = content || t.Name.Local == "img"
			if !strings.Contains(narrativeElements, " "+t.Name.Local+" ") || !goodAttributes(t) {
				return false
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				if depth == 0 {
					return false
				}
				content = true
			}
		case xml.ProcInst, xml.Directive:
			return false
		}
	}
}

func goodAttributes(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if !strings.Contains(narrativeAttributes, " "+a.Name.Local+" ") {
			return false
		}
		if a.Name.Local == "src" || a.Name.Local == "href" {
			link := strings.ToLower(strings.TrimSpace(a.Value))
			if strings.HasPrefix(link, "javascript:") || strings.HasPrefix(link, "vbscript:") {
				return false
			}
		}
	}
	return true
}
