package r4

import (
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

// table says how the fields of one struct type stand in JSON. It is made once for each type, when first used.
type table struct {
	resourceType string // of a resource, else ""
	fields       []field
	byName       map[string]int
	more         []int // place of the field More
}

type field struct {
	name  string // in JSON
	index []int
	kind  kind
	inner *lazyTable
}

// of gives the field in a struct.
func (f *field) of(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	return v.FieldByIndex(f.index)
}

// lazyTable is the table of a field's own type: made late, since types contain themselves.
type lazyTable struct {
	once sync.Once
	typ  reflect.Type
	made *table
}

func (l *lazyTable) get() *table {
	l.once.Do(func() { l.made = tableOf(l.typ) })
	return l.made
}

type kind uint8

const (
	stringKind kind = iota
	boolKind
	intKind
	decimalKind
	dateKind // fhir.DateTime and fhir.Date
	timeKind
	resourceKind
	objectKind
	// the same, repeated
	stringsKind
	intsKind
	decimalsKind
	datesKind
	timesKind
	resourcesKind
	objectsKind
)

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[string]():           stringKind,
	reflect.TypeFor[*bool]():            boolKind,
	reflect.TypeFor[*int]():             intKind,
	reflect.TypeFor[*fhir.Decimal]():    decimalKind,
	reflect.TypeFor[fhir.DateTime]():    dateKind,
	reflect.TypeFor[fhir.Time]():        timeKind,
	reflect.TypeFor[*fhir.Resource]():   resourceKind,
	reflect.TypeFor[[]string]():         stringsKind,
	reflect.TypeFor[[]int]():            intsKind,
	reflect.TypeFor[[]fhir.Decimal]():   decimalsKind,
	reflect.TypeFor[[]fhir.DateTime]():  datesKind,
	reflect.TypeFor[[]fhir.Time]():      timesKind,
	reflect.TypeFor[[]*fhir.Resource](): resourcesKind,
}

var tables sync.Map // reflect.Type to *table: made on first use, never changed

// tableOf gives the table of a struct type of this package.
func tableOf(typ reflect.Type) *table {
	if made, ok := tables.Load(typ); ok {
		return made.(*table)
	}
	t := &table{byName: map[string]int{}}
	t.add(typ, nil)
	if _, ok := typ.FieldByName("Element"); !ok {
		t.resourceType = typ.Name()
	}
	made, _ := tables.LoadOrStore(typ, t)
	return made.(*table)
}

// add notes the fields of typ, those of embedded structs in their place.
func (t *table) add(typ reflect.Type, above []int) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		index := append(above[:len(above):len(above)], i)
		switch {
		case f.Anonymous:
			t.add(f.Type, index)
			continue
		case f.Type == reflect.TypeFor[More]():
			t.more = index
			continue
		}
		one := field{name: jsonName(f.Name), index: index}
		one.kind, one.inner = kindOf(f.Type)
		t.byName[one.name] = len(t.fields)
		t.fields = append(t.fields, one)
	}
}

func kindOf(typ reflect.Type) (kind, *lazyTable) {
	if k, ok := kinds[typ]; ok {
		return k, nil
	}
	if typ.Kind() == reflect.Slice {
		return objectsKind, &lazyTable{typ: typ.Elem()}
	}
	return objectKind, &lazyTable{typ: typ.Elem()}
}

// jsonName turns BirthDate into birthDate and ID into id.
func jsonName(name string) string {
	if name == "ID" || name == "URL" {
		return strings.ToLower(name)
	}
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}
