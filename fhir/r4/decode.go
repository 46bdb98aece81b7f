package r4

import (
	"math"
	"reflect"
	"strconv"

	"github.com/kith-care/kith/fhir"
)

// Decode fills the struct that into points to from a resource of that type. Strings are copied; contained resources and
// what goes to More share the bytes of res. An error is Invalid and names the element whose JSON has the wrong shape.
func Decode(res *fhir.Resource, into any) error {
	v := reflect.ValueOf(into).Elem()
	t := tableOf(v.Type())
	if res.Type() != t.resourceType {
		return fhir.Errorf(fhir.Invalid, "a %s was asked for, but this is a %s", t.resourceType, res.Type())
	}
	return DecodeValue(res.Root(), into)
}

// DecodeValue is Decode for a part of a resource: an Extension, a HumanName, an entry's resource.
func DecodeValue(from fhir.Value, into any) error {
	v := reflect.ValueOf(into).Elem()
	v.SetZero()
	t := tableOf(v.Type())
	name := t.resourceType
	if name == "" {
		name = v.Type().Name()
	}
	if err := t.decode(from, v); err != nil {
		return fhir.Errorf(fhir.Invalid, "%s", err.message).At(name + err.path)
	}
	return nil
}

// fault is an error whose path grows on the way out.
type fault struct{ path, message string }

func (f *fault) below(name string, index int) *fault {
	if index >= 0 {
		name += "[" + strconv.Itoa(index) + "]"
	}
	f.path = "." + name + f.path
	return f
}

func wrong(v fhir.Value, wanted string) *fault {
	raw := v.Raw()
	if len(raw) > 40 {
		raw = append(raw[:40:40], "…"...)
	}
	return &fault{message: string(raw) + " stands where " + wanted + " must"}
}

func (t *table) decode(from fhir.Value, into reflect.Value) *fault {
	if from.Kind() != fhir.Object {
		return wrong(from, "an object")
	}
	for m := from.First(); m.Exists(); m = m.Next() {
		name := m.RawName()
		i, ok := t.byName[string(name)]
		if !ok {
			if t.resourceType == "" || string(name) != "resourceType" {
				t.keep(into, m.Name(), m.Raw())
			}
			continue
		}
		f := &t.fields[i]
		if err := f.decode(t, m, into); err != nil {
			return err.below(f.name, -1)
		}
	}
	return nil
}

// keep puts a member into More.
func (t *table) keep(into reflect.Value, name string, raw []byte) {
	more := into.FieldByIndex(t.more).Addr().Interface().(*More)
	if *more == nil {
		*more = More{}
	}
	(*more)[name] = raw
}

// decode fills one field. Dates, times and numbers that would be written differently, or that are too strange to be
// read, are kept in More as they were written.
func (f *field) decode(t *table, m fhir.Value, into reflect.Value) *fault {
	at := f.of(into)
	switch f.kind {
	case stringKind:
		if m.Kind() != fhir.String {
			return wrong(m, "a string")
		}
		at.SetString(m.Text())
		return nil
	case objectKind:
		fresh := reflect.New(f.inner.typ)
		at.Set(fresh)
		return f.inner.get().decode(m, fresh.Elem())
	case objectsKind:
		return f.decodeObjects(m, at)
	case resourceKind:
		if m.Kind() != fhir.Object {
			return wrong(m, "a resource")
		}
		*at.Addr().Interface().(**fhir.Resource) = m.Resource()
		return nil
	}
	if err := f.scalar(m, at); err != nil {
		return err
	}
	if f.kind == boolKind || f.kind == stringsKind || f.kind == resourcesKind {
		return nil
	}
	var scratch [64]byte
	if written := f.appendScalar(scratch[:0], at); string(written) != string(m.Raw()) {
		t.keep(into, f.name, m.Raw())
	}
	return nil
}

func (f *field) decodeObjects(m fhir.Value, at reflect.Value) *fault {
	if m.Kind() != fhir.Array {
		return wrong(m, "an array")
	}
	n := m.Len()
	list := reflect.MakeSlice(at.Type(), n, n)
	i := 0
	for item := m.First(); item.Exists(); item = item.Next() {
		if err := f.inner.get().decode(item, list.Index(i)); err != nil {
			err.path = "[" + strconv.Itoa(i) + "]" + err.path
			return err
		}
		i++
	}
	at.Set(list)
	return nil
}

// scalar fills a field that is a primitive, a list of primitives or a list of resources.
func (f *field) scalar(m fhir.Value, at reflect.Value) *fault {
	switch to := at.Addr().Interface().(type) {
	case **bool:
		if m.Kind() != fhir.True && m.Kind() != fhir.False {
			return wrong(m, "true or false")
		}
		*to = new(m.Bool())
	case **int:
		n, err := integer(m)
		if err != nil {
			return err
		}
		*to = new(n)
	case **fhir.Decimal:
		d, ok, err := decimal(m)
		if ok {
			*to = new(d)
		}
		return err
	case *fhir.DateTime:
		return f.date(m, to)
	case *fhir.Time:
		return clock(m, to)
	case *[]string:
		return each(m, to, func(v fhir.Value, s *string) *fault {
			if v.Kind() != fhir.String {
				return wrong(v, "a string")
			}
			*s = v.Text()
			return nil
		})
	case *[]int:
		return each(m, to, func(v fhir.Value, n *int) (err *fault) {
			*n, err = integer(v)
			return err
		})
	case *[]fhir.Decimal:
		return each(m, to, func(v fhir.Value, d *fhir.Decimal) (err *fault) {
			*d, _, err = decimal(v)
			return err
		})
	case *[]fhir.DateTime:
		return each(m, to, f.date)
	case *[]fhir.Time:
		return each(m, to, clock)
	case *[]*fhir.Resource:
		return each(m, to, func(v fhir.Value, res **fhir.Resource) *fault {
			if v.Kind() != fhir.Object {
				return wrong(v, "a resource")
			}
			*res = v.Resource()
			return nil
		})
	}
	return nil
}

// each fills a list; null leaves the zero value, since it only keeps a place for the extensions opposite.
func each[T any](m fhir.Value, to *[]T, one func(fhir.Value, *T) *fault) *fault {
	if m.Kind() != fhir.Array {
		return wrong(m, "an array")
	}
	list := make([]T, m.Len())
	i := 0
	for item := m.First(); item.Exists(); item = item.Next() {
		if item.Kind() != fhir.Null {
			if err := one(item, &list[i]); err != nil {
				err.path = "[" + strconv.Itoa(i) + "]" + err.path
				return err
			}
		}
		i++
	}
	*to = list
	return nil
}

func integer(m fhir.Value) (int, *fault) {
	if m.Kind() == fhir.Number {
		if d, err := fhir.ParseDecimal(m.Raw()); err == nil {
			if n, ok := d.Int64(); ok && n >= math.MinInt32 && n <= math.MaxInt32 {
				return int(n), nil
			}
		}
	}
	return 0, wrong(m, "a whole number of 32 bits")
}

// decimal reads a number; one that is too long to be kept as a Decimal is not ok, and no fault.
func decimal(m fhir.Value) (d fhir.Decimal, ok bool, err *fault) {
	if m.Kind() != fhir.Number {
		return d, false, wrong(m, "a number")
	}
	d, bad := fhir.ParseDecimal(m.Raw())
	return d, bad == nil, nil
}

func (f *field) date(m fhir.Value, to *fhir.DateTime) *fault {
	if m.Kind() != fhir.String {
		return wrong(m, "a date")
	}
	raw := m.Raw()
	d, err := fhir.ParseDateTime(raw[1 : len(raw)-1])
	if err != nil {
		return wrong(m, "a date")
	}
	*to = d
	return nil
}

func clock(m fhir.Value, to *fhir.Time) *fault {
	if m.Kind() == fhir.String {
		raw := m.Raw()
		if c, err := fhir.ParseTime(raw[1 : len(raw)-1]); err == nil {
			*to = c
			return nil
		}
	}
	return wrong(m, "a time of day")
}
