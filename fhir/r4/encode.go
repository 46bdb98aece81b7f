package r4

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

// Encode writes the struct x points to as JSON, its members in the order of the specification. What is absent is left
// out; bytes of a string that are no UTF-8 become U+FFFD.
func Encode(x any) []byte { return Append(make([]byte, 0, 1024), x) }

// Append is Encode into a slice the caller has.
func Append(out []byte, x any) []byte {
	v := reflect.ValueOf(x).Elem()
	return tableOf(v.Type()).append(out, v)
}

func (t *table) append(out []byte, v reflect.Value) []byte {
	more := *v.FieldByIndex(t.more).Addr().Interface().(*More)
	start := len(out)
	out = append(out, '{')
	if t.resourceType != "" {
		out = append(out, `"resourceType":"`...)
		out = append(append(out, t.resourceType...), '"', ',')
	}
	for i := range t.fields {
		f := &t.fields[i]
		at := f.of(v)
		if !f.absent(at) {
			out = appendName(out, f.name)
			if raw, ok := more[f.name]; ok && f.unchanged(raw, at) {
				out = append(out, raw...)
			} else {
				out = f.append(out, at, more)
			}
			out = append(out, ',')
		} else if raw, ok := more[f.name]; ok && f.unchanged(raw, at) {
			out = append(append(appendName(out, f.name), raw...), ',')
		}
		if more == nil {
			continue
		}
		if raw, ok := more["_"+f.name]; ok {
			out = append(append(append(out, '"', '_'), f.name...), '"', ':')
			out = append(append(out, raw...), ',')
		}
	}
	out = t.appendMore(out, more)
	if len(out) > start+1 {
		out = out[:len(out)-1] // the last comma
	}
	return append(out, '}')
}

// appendMore writes the members that belong to no field, in the order of their names.
func (t *table) appendMore(out []byte, more More) []byte {
	if len(more) == 0 {
		return out
	}
	var names []string
	for name := range more {
		_, plain := t.byName[name]
		_, companion := t.byName[strings.TrimPrefix(name, "_")]
		if !plain && !companion {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(appendString(out, name), ':')
		out = append(append(out, more[name]...), ',')
	}
	return out
}

func appendName(out []byte, name string) []byte {
	return append(append(append(out, '"'), name...), '"', ':')
}

func (f *field) absent(at reflect.Value) bool {
	switch f.kind {
	case dateKind:
		return at.Addr().Interface().(*fhir.DateTime).Year == 0
	case timeKind:
		return at.Addr().Interface().(*fhir.Time).Known == 0
	case stringKind:
		return at.Len() == 0
	case boolKind, intKind, decimalKind, resourceKind, objectKind:
		return at.IsNil()
	}
	return at.Len() == 0
}

// unchanged reports whether a field still is what raw, the way it was written, was decoded to.
func (f *field) unchanged(raw []byte, at reflect.Value) bool {
	res, err := fhir.Parse(append(append([]byte(`{"v":`), raw...), '}'))
	if err != nil {
		return false
	}
	was := reflect.New(at.Type()).Elem()
	if f.scalar(res.Root().Get("v"), was) != nil {
		return false
	}
	return f.absent(was) == f.absent(at) && string(f.appendScalar(nil, was)) == string(f.appendScalar(nil, at))
}

func (f *field) append(out []byte, at reflect.Value, more More) []byte {
	switch f.kind {
	case stringKind:
		return appendString(out, at.String())
	case objectKind:
		return f.inner.get().append(out, at.Elem())
	case objectsKind:
		inner := f.inner.get()
		out = append(out, '[')
		for i := range at.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			out = inner.append(out, at.Index(i))
		}
		return append(out, ']')
	}
	return f.appendScalar(out, at)
}

// appendScalar writes a primitive, a list of primitives or resources.
func (f *field) appendScalar(out []byte, at reflect.Value) []byte {
	switch v := at.Addr().Interface().(type) {
	case **bool:
		if *v != nil {
			out = strconv.AppendBool(out, **v)
		}
	case **int:
		if *v != nil {
			out = strconv.AppendInt(out, int64(**v), 10)
		}
	case **fhir.Decimal:
		if *v != nil {
			out = (*v).AppendText(out)
		}
	case **fhir.Resource:
		out = append(out, (*v).Bytes()...)
	case *fhir.DateTime:
		out = appendDate(out, v)
	case *fhir.Time:
		out = appendClock(out, v)
	case *[]string:
		out = appendList(out, *v, func(out []byte, s *string) []byte {
			if *s == "" {
				return append(out, "null"...)
			}
			return appendString(out, *s)
		})
	case *[]int:
		out = appendList(out, *v, func(out []byte, n *int) []byte { return strconv.AppendInt(out, int64(*n), 10) })
	case *[]fhir.Decimal:
		out = appendList(out, *v, func(out []byte, d *fhir.Decimal) []byte { return d.AppendText(out) })
	case *[]fhir.DateTime:
		out = appendList(out, *v, appendDate)
	case *[]fhir.Time:
		out = appendList(out, *v, appendClock)
	case *[]*fhir.Resource:
		out = appendList(out, *v, func(out []byte, res **fhir.Resource) []byte { return append(out, (*res).Bytes()...) })
	}
	return out
}

func appendList[T any](out []byte, list []T, one func([]byte, *T) []byte) []byte {
	out = append(out, '[')
	for i := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = one(out, &list[i])
	}
	return append(out, ']')
}

func appendDate(out []byte, d *fhir.DateTime) []byte {
	if d.Year == 0 {
		return append(out, "null"...)
	}
	return append(d.AppendText(append(out, '"')), '"')
}

func appendClock(out []byte, c *fhir.Time) []byte {
	if c.Known == 0 {
		return append(out, "null"...)
	}
	return append(c.AppendText(append(out, '"')), '"')
}

// appendString appends s as a JSON string.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		out = append(out, s[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			out = append(out, "\uFFFD"...)
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		default:
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(out, s[from:]...), '"')
}
