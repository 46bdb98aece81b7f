package fhir

import "strings"

// Reference is what a reference string points at. https://hl7.org/fhir/R4/references.html#literal
type Reference struct {
	Base    string // of an absolute URL, without the last slash: "https://example.org/fhir"
	Type    string // "Patient"; "" for urn:uuid:, a fragment or any other URI
	ID      string
	Version string
	URI     string // the string itself, without a version, where it is not Type/id
}

// ParseReference takes a reference string apart. Anything that does not end in Type/id[/_history/version] with a type
// that starts with a capital is a URI as it stands.
func ParseReference(s string) Reference {
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "urn:") {
		return Reference{URI: s}
	}
	rest, version := s, ""
	if i := strings.Index(s, "/_history/"); i >= 0 {
		rest, version = s[:i], s[i+len("/_history/"):]
	}
	i := strings.LastIndexByte(rest, '/')
	if i <= 0 || !ValidID(rest[i+1:]) {
		return Reference{URI: s}
	}
	id, rest := rest[i+1:], rest[:i]
	base := ""
	if j := strings.LastIndexByte(rest, '/'); j >= 0 {
		base, rest = rest[:j], rest[j+1:]
	}
	if !typeName(rest) || base != "" && !strings.Contains(base, "://") {
		return Reference{URI: s}
	}
	return Reference{Base: base, Type: rest, ID: id, Version: version}
}

// String is the reference as one writes it, without a version.
func (r Reference) String() string {
	switch {
	case r.Type == "":
		return r.URI
	case r.Base != "":
		return r.Base + "/" + r.Type + "/" + r.ID
	default:
		return r.Type + "/" + r.ID
	}
}

// ValidID reports whether s may be a logical id: 1 to 64 of A-Z a-z 0-9 - and the full stop.
// https://hl7.org/fhir/R4/datatypes.html#id
func ValidID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

func typeName(s string) bool {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
