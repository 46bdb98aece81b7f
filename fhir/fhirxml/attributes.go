package fhirxml

import (
	"bytes"
	"unicode/utf8"
)

// name reads a name and returns where it starts, where its local part starts and where it ends.
func (s *scanner) name() (start, local, end int, err error) {
	start, local = s.pos, s.pos
	i := s.pos
	for ; i < len(s.data); i++ {
		c := s.data[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			continue
		case i > local && (c >= '0' && c <= '9' || c == '-' || c == '.'):
			continue
		case c == ':' && local == start && i > start:
			local = i + 1
			continue
		case c >= utf8.RuneSelf:
			return 0, 0, 0, s.failAt(i, "neither FHIR nor XHTML has a name with %q in it", firstRune(s.data[i:]))
		}
		break
	}
	if i == local {
		return 0, 0, 0, s.failAt(i, "a name must stand here")
	}
	s.pos = i
	return start, local, i, nil
}

// attributes reads up to the end of a start tag, notes namespace declarations, and reports whether the tag closed itself.
func (s *scanner) attributes() (closed bool, err error) {
	first, declared := len(s.attrs), len(s.spaces)
	type pending struct{ start, local int }
	var prefixes [maxAttributes]pending
	for {
		before := s.pos
		s.blanks()
		switch {
		case s.has("/>"):
			s.pos += 2
			return true, s.resolve(first, declared, func(i int) (int, int) { return prefixes[i].start, prefixes[i].local })
		case s.peek() == '>':
			s.pos++
			return false, s.resolve(first, declared, func(i int) (int, int) { return prefixes[i].start, prefixes[i].local })
		case s.pos >= len(s.data):
			return false, s.fail("the document ends inside a tag")
		case s.pos == before:
			return false, s.fail("a blank, / or > must stand here")
		case len(s.attrs)-first == maxAttributes:
			return false, s.fail("an element has more than %d attributes", maxAttributes)
		}
		start, local, end, err := s.name()
		if err != nil {
			return false, err
		}
		from, to, err := s.quoted()
		if err != nil {
			return false, err
		}
		prefixes[len(s.attrs)-first] = pending{start, local}
		s.attrs = append(s.attrs, attr{nameStart: uint32(local), nameEnd: uint32(end), from: uint32(from), to: uint32(to)})
		if err := s.declare(start, local, end, from, to); err != nil {
			return false, err
		}
	}
}

// quoted reads ="…" and checks what stands in it.
func (s *scanner) quoted() (from, to int, err error) {
	s.blanks()
	if s.peek() != '=' {
		return 0, 0, s.fail("= must follow the name of an attribute")
	}
	s.pos++
	s.blanks()
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return 0, 0, s.fail("the value of an attribute must stand in quotes")
	}
	s.pos++
	length := bytes.IndexByte(s.data[s.pos:], quote)
	if length < 0 {
		return 0, 0, s.fail("the value of an attribute does not end")
	}
	value := s.data[s.pos : s.pos+length]
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '<':
			return 0, 0, s.failAt(s.pos+i, "< may not stand in the value of an attribute")
		case '&':
			n, _ := reference(value[i:])
			if n == 0 {
				return 0, 0, s.failAt(s.pos+i, "& must begin one of &amp; &lt; &gt; &quot; &apos; &#…;")
			}
			i += n - 1
		}
	}
	from, to = s.pos, s.pos+length
	s.pos = to + 1
	return from, to, nil
}

// declare notes xmlns="…" and xmlns:p="…".
func (s *scanner) declare(start, local, end, from, to int) error {
	var prefix string
	switch {
	case local == start && string(s.data[start:end]) == "xmlns":
	case local > start && string(s.data[start:local]) == "xmlns:":
		prefix = string(s.data[local:end])
	default:
		return nil
	}
	s.attrs[len(s.attrs)-1].space = spaceDeclaration
	uri := string(appendText(nil, s.data[from:to], true))
	if prefix == "xml" && uri != xmlSpace || prefix == "xmlns" || prefix != "" && uri == "" {
		return s.failAt(start, "the prefix %q cannot be bound to %q", prefix, uri)
	}
	known := map[string]space{fhirSpace: spaceFHIR, xhtmlSpace: spaceXHTML, xsiSpace: spaceXSI, xmlSpace: spaceXML, "": noSpace}
	where, ok := known[uri]
	if !ok {
		where = spaceOther
	}
	s.spaces = append(s.spaces, declaration{prefix, where})
	return nil
}

// resolve gives the attributes of a tag their namespaces, once all its declarations are read, and refuses doubles.
func (s *scanner) resolve(first, declared int, prefix func(int) (start, local int)) error {
	all := s.attrs[first:]
	for i := range all {
		a := &all[i]
		start, local := prefix(i)
		if a.space != spaceDeclaration {
			var err error
			if a.space, err = s.lookup(start, local, true); err != nil {
				return err
			}
		}
		for j := range i {
			otherStart, _ := prefix(j)
			same := bytes.Equal(s.data[start:a.nameEnd], s.data[otherStart:all[j].nameEnd])
			alike := a.space != noSpace && a.space != spaceOther && a.space != spaceDeclaration && a.space == all[j].space &&
				bytes.Equal(s.data[a.nameStart:a.nameEnd], s.data[all[j].nameStart:all[j].nameEnd])
			if same || alike {
				return s.failAt(start, "the attribute %s stands twice", s.data[start:a.nameEnd])
			}
		}
	}
	return nil
}

// lookup finds the namespace of the prefix in front of local; attributes without one have none.
func (s *scanner) lookup(start, local int, attribute bool) (space, error) {
	if local == start && attribute {
		return noSpace, nil
	}
	prefix := s.data[start:max(start, local-1)]
	for i := len(s.spaces) - 1; i >= 0; i-- {
		if s.spaces[i].prefix == string(prefix) {
			return s.spaces[i].space, nil
		}
	}
	return noSpace, s.failAt(start, "the prefix %q is not declared", prefix)
}
