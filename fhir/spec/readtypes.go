package spec

import "strings"

// typeTable is types.tsv in memory.
type typeTable struct {
	byName    map[string]*Type
	names     []string
	resources []string
	children  []childEntry // open-addressed by (type, JSON name); its length is a power of two
}

type childEntry struct {
	owner   uint32 // Type.number, 0 for an empty place
	name    string
	typ     string
	element *Element
	child   *Type
}

// declared is a type as its rows say, before inherited elements are put in front.
type declared struct {
	typ *Type
	own []int32 // places in typeReader.rows
}

func readTypes() *typeTable {
	r := typeReader{
		table:    &typeTable{byName: make(map[string]*Type, 1024)},
		rows:     make([]Element, 0, count(typesTable, '\n')),
		order:    make([]declared, 0, 1024),
		rules:    readConstraints(),
		refs:     map[string][]TypeRef{},
		bindings: map[string]*Binding{},
	}
	r.readRows()
	r.inherit()
	r.indexChildren()
	return r.table
}

type typeReader struct {
	table *typeTable
	rows  []Element
	order []declared

	rules    map[string]Constraint
	refs     map[string][]TypeRef // by their text, since most repeat
	bindings map[string]*Binding
}

func (r *typeReader) readRows() {
	rest := typesTable
	for rest != "" {
		line := cut(&rest, '\n')
		if line[0] == '=' {
			r.beginType(line[1:])
			continue
		}
		r.element(line)
	}
}

// beginType reads: name, kind [abstract], base, constraints.
func (r *typeReader) beginType(line string) {
	name := cut(&line, '\t')
	kind := cut(&line, '\t')
	t := r.add(name, cut(&line, '\t'))
	t.Constraints = r.constraints(line)
	t.Abstract = strings.HasSuffix(kind, " abstract")
	switch cut(&kind, ' ') {
	case "primitive":
		t.Kind = Primitive
	case "complex":
		t.Kind = Complex
	case "resource":
		t.Kind = ResourceType
		if !t.Abstract {
			r.table.resources = append(r.table.resources, name)
			t.ID = TypeID(len(r.table.resources))
		}
	}
	r.table.names = append(r.table.names, name)
}

func (r *typeReader) add(name, base string) *Type {
	t := &Type{Name: name, Base: base, number: uint32(len(r.order) + 1)}
	r.table.byName[name] = t
	r.order = append(r.order, declared{typ: t})
	return t
}

// element reads: path, cardinality, types, flags, binding, constraints. A structure's own rows follow its row, so the
// rows of one type are gathered under the path above them.
func (r *typeReader) element(line string) {
	path := cut(&line, '\t')
	e := Element{Path: path}
	if base, ok := strings.CutSuffix(path, "[x]"); ok {
		e.Path, e.Choice = base, true
	}
	dot := strings.LastIndexByte(e.Path, '.')
	e.Name = e.Path[dot+1:]
	e.Min, e.Max = cardinality(cut(&line, '\t'))
	if refs := cut(&line, '\t'); refs != "" && refs[0] == '#' {
		e.Content = refs[1:]
	} else {
		e.Types = r.typeRefs(refs)
	}
	for _, flag := range cut(&line, '\t') {
		switch flag {
		case 'S':
			e.Summary = true
		case 'M':
			e.Modifier = true
		case 'A':
			e.Attribute = true
		case 'X':
			e.XHTML = true
		}
	}
	e.Binding = r.binding(cut(&line, '\t'))
	e.Constraints = r.constraints(line)
	owner := r.owner(e.Path[:dot])
	owner.own = append(owner.own, int32(len(r.rows)))
	r.rows = append(r.rows, e)
}

// owner finds the type a row belongs to: the last one begun, or the structure its path names, which becomes a type with
// its first element.
func (r *typeReader) owner(path string) *declared {
	for i := len(r.order) - 1; i >= 0; i-- {
		if r.order[i].typ.Name == path {
			return &r.order[i]
		}
		if r.order[i].typ.Kind != Backbone {
			break
		}
	}
	t := r.add(path, r.structureBase(path))
	t.Kind = Backbone
	return &r.order[len(r.order)-1]
}

// structureBase is BackboneElement or, inside data types, Element: the type the structure's own row gave.
func (r *typeReader) structureBase(path string) string {
	above := path[:strings.LastIndexByte(path, '.')]
	for i := len(r.order) - 1; i >= 0; i-- {
		if r.order[i].typ.Name != above {
			continue
		}
		for _, row := range r.order[i].own {
			if e := &r.rows[row]; e.Path == path {
				return e.Types[0].Code
			}
		}
	}
	panic("spec: types.tsv has no row for " + path)
}

// inherit gives every type the elements of its bases followed by its own.
func (r *typeReader) inherit() {
	own := make([][]int32, len(r.order)+1)
	for _, d := range r.order {
		own[d.typ.number] = d.own
		if d.typ.Base != "" {
			d.typ.base = r.table.byName[d.typ.Base]
		}
	}
	total := 0
	for _, d := range r.order {
		for t := d.typ; t != nil; t = t.base {
			total += len(own[t.number])
		}
	}
	all := make([]Element, 0, total)
	var gather func(t *Type)
	gather = func(t *Type) {
		if t.base != nil {
			gather(t.base)
		}
		for _, row := range own[t.number] {
			all = append(all, r.rows[row])
		}
	}
	for _, d := range r.order {
		from := len(all)
		gather(d.typ)
		d.typ.Elements = all[from:len(all):len(all)]
	}
}

// indexChildren lays out the table that Child reads.
func (r *typeReader) indexChildren() {
	r.table.children = make([]childEntry, 1<<14)
	for _, d := range r.order {
		for i := range d.typ.Elements {
			e := &d.typ.Elements[i]
			e.Order = i
			if e.Min > 0 {
				d.typ.Required = append(d.typ.Required, i)
			}
			if !e.Choice {
				typ := r.childType(e)
				r.put(d.typ, e.Name, typ, e)
				continue
			}
			for _, ref := range e.Types {
				r.put(d.typ, e.Name+strings.ToUpper(ref.Code[:1])+ref.Code[1:], ref.Code, e)
			}
		}
	}
}

func (r *typeReader) childType(e *Element) string {
	switch {
	case e.Content != "":
		return e.Content
	case r.table.byName[e.Path] != nil:
		return e.Path
	default:
		return e.Types[0].Code
	}
}

func (r *typeReader) put(t *Type, name, typ string, e *Element) {
	entry := childEntry{owner: t.number, name: name, typ: typ, element: e}
	if typ != "Resource" {
		if entry.child = r.table.byName[typ]; entry.child == nil {
			panic("spec: " + e.Path + " has the unknown type " + typ)
		}
	}
	mask := uint32(len(r.table.children) - 1)
	at := childHash(t.number, name) & mask
	for r.table.children[at].owner != 0 {
		at = (at + 1) & mask
	}
	r.table.children[at] = entry
}

// child finds the entry of a JSON name in the type with that number, nil if it has none.
func (t *typeTable) child(owner uint32, name string) *childEntry {
	mask := uint32(len(t.children) - 1)
	for at := childHash(owner, name) & mask; ; at = (at + 1) & mask {
		c := &t.children[at]
		if c.owner == 0 {
			return nil
		}
		if c.owner == owner && c.name == name {
			return c
		}
	}
}

func childHash(owner uint32, name string) uint32 {
	h := owner * 0x9E3779B1
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * 0x01000193
	}
	return h ^ h>>15
}

// readConstraints reads: key, severity, human, expression.
func readConstraints() map[string]Constraint {
	rules := make(map[string]Constraint, 256)
	rest := constraintsTable
	for rest != "" {
		line := cut(&rest, '\n')
		name := cut(&line, '\t')
		key := name
		c := Constraint{Severity: cut(&line, '\t'), Human: cut(&line, '\t'), Expression: line}
		c.Key = cut(&key, '~')
		rules[name] = c
	}
	return rules
}

func (r *typeReader) constraints(names string) []Constraint {
	if names == "" {
		return nil
	}
	all := make([]Constraint, 0, count(names, ' ')+1)
	for names != "" {
		name := cut(&names, ' ')
		c, ok := r.rules[name]
		if !ok {
			panic("spec: constraints.tsv has no " + name)
		}
		all = append(all, c)
	}
	return all
}

// cardinality reads "0..1" and "1..*".
func cardinality(s string) (lowest, highest int) {
	lowest = int(s[0] - '0')
	for _, c := range s[3:] {
		if c == '*' {
			return lowest, -1
		}
		highest = highest*10 + int(c-'0')
	}
	return lowest, highest
}

// typeRefs reads "string Quantity!SimpleQuantity Reference(Patient,Group)".
func (r *typeReader) typeRefs(s string) []TypeRef {
	if refs, ok := r.refs[s]; ok {
		return refs
	}
	key := s
	refs := make([]TypeRef, 0, count(s, ' ')+1)
	for s != "" {
		text := cut(&s, ' ')
		var ref TypeRef
		if open := strings.IndexByte(text, '('); open >= 0 {
			ref.Targets = strings.Split(text[open+1:len(text)-1], ",")
			text = text[:open]
		}
		ref.Code, ref.Profile, _ = strings.Cut(text, "!")
		refs = append(refs, ref)
	}
	r.refs[key] = refs
	return refs
}

// binding reads "required http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1".
func (r *typeReader) binding(s string) *Binding {
	if s == "" {
		return nil
	}
	b := r.bindings[s]
	if b == nil {
		b = new(Binding)
		r.bindings[s] = b
		b.Strength, b.ValueSet, b.Max = cut(&s, ' '), cut(&s, ' '), s
	}
	return b
}
