package intake

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Mapping is a unit being made: the rows that say what it is now, and what it becomes.
type Mapping struct {
	Feed *Feed
	Key  string // the unit's key
	kind *Unit
	rows []*Row // live ones, in the order of their tables
	run  *extract
	ctx  context.Context
	with *filing // what is written together with it
	puts []put
	note []string
}

type put struct {
	make int
	res  *fhir.Resource
	said verdict // of the checks of its data
}

// Row is the row of a table in the unit, nil where there is none; of several, the one with the smallest key.
func (m *Mapping) Row(table string) *Row {
	var found *Row
	for _, r := range m.rows {
		if r.table.Name == table && (found == nil || r.key < found.key) {
			found = r
		}
	}
	return found
}

// Rows are all rows of a table in the unit, in order of key.
func (m *Mapping) Rows(table string) []*Row {
	var found []*Row
	for _, r := range m.rows {
		if r.table.Name == table {
			found = append(found, r)
		}
	}
	for i := range found {
		for j := i; j > 0 && found[j].key < found[j-1].key; j-- {
			found[j], found[j-1] = found[j-1], found[j]
		}
	}
	return found
}

// waiting says that a unit cannot be made until another is there.
type waiting struct {
	unit int64
	what string
}

func (w *waiting) Error() string { return "waits for " + w.what }

// Wait parks the unit until the one of that kind and key is there.
func (m *Mapping) Wait(kind, key string) error {
	return &waiting{digestOf(kind, key), kind + " " + key}
}

// Look is the row of a looked up unit, such as a code. Where it is not there the error parks this unit until it is; keys
// that are "" name nothing and give nil.
func (m *Mapping) Look(table, key string) (*Row, error) {
	r, err := m.Try(table, key)
	if err == nil && r == nil && key != "" {
		err = m.Wait(m.run.table(table).Unit, key)
	}
	return r, err
}

// Try is Look where the row may be missing for good: nil then.
func (m *Mapping) Try(table, key string) (*Row, error) {
	rows, err := m.All(table, key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// All are the rows of a looked up unit, in order of key.
func (m *Mapping) All(table, key string) ([]*Row, error) {
	if key == "" {
		return nil, nil
	}
	return m.run.look(table, key)
}

// Codes is the ConceptMap by which a place maps its suppliers' codes to SNOMED CT, where its record has one: a supplier's own mapping is
// kept beside it, never trusted alone.
const Codes = "urn:kith:conceptmap:supplier-codes"

// Standard adds to a concept what the place's own map says that its codes of a system are. Where the supplier says otherwise both stand, ours
// first, and the difference is noted.
func (m *Mapping) Standard(c *r4.CodeableConcept, system string) error {
	if c == nil {
		return nil
	}
	for _, from := range c.Coding {
		if from.System != system {
			continue
		}
		to, err := m.run.translate(system, from.Code)
		if err != nil || to == nil {
			return err
		}
		for _, have := range c.Coding {
			if have.System == to.System && have.Code == to.Code {
				return nil
			}
			if have.System == to.System {
				m.Note("our map and the supplier's differ: %s is %s or %s", from.Code, to.Code, have.Code)
			}
		}
		c.Coding = append([]r4.Coding{*to}, c.Coding...)
		return nil
	}
	return nil
}

const snomed = "http://snomed.info/sct"

// translate asks the place's map for a code, once a run.
func (x *extract) translate(system, code string) (*r4.Coding, error) {
	key := system + "|" + code
	x.mu.Lock()
	to, known := x.translated[key]
	x.mu.Unlock()
	if known {
		return to, nil
	}
	found, err := x.desk.Door.Translate(x.ctx, Codes, system, code, snomed)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		to = &r4.Coding{System: found[0].System, Code: found[0].Code, Display: found[0].Display}
	}
	x.mu.Lock()
	x.translated[key] = to
	x.mu.Unlock()
	return to, nil
}

// Note counts something noticed, for the console.
func (m *Mapping) Note(format string, args ...any) {
	m.note = append(m.note, fmt.Sprintf(format, args...))
}

// ID is the id of what a unit of this feed makes under a name of Makes.
func (m *Mapping) ID(made, kind, key string) string {
	typ, suffix, _ := strings.Cut(made, "#")
	return m.run.id(typ, suffix, kind, key)
}

// Ref refers to what a unit of this feed makes; nil where key is "".
func (m *Mapping) Ref(made, kind, key string) *r4.Reference {
	if key == "" {
		return nil
	}
	typ, _, _ := strings.Cut(made, "#")
	return &r4.Reference{Reference: typ + "/" + m.ID(made, kind, key)}
}

// Put makes a resource: a pointer to a struct of fhir/r4. Its id, and where it came from, are set here. Made is its name in
// Unit.Makes.
func (m *Mapping) Put(made string, resource any) error {
	n := -1
	for i, name := range m.kind.Makes {
		if name == made {
			n = i
		}
	}
	if n < 0 {
		return fhir.Errorf(fhir.Broken, "units of kind %s do not make %s", m.kind.Kind, made)
	}
	v := reflect.ValueOf(resource).Elem()
	v.FieldByName("ID").SetString(m.ID(made, m.kind.Kind, m.Key))
	meta := v.FieldByName("Meta")
	if meta.IsNil() {
		meta.Set(reflect.ValueOf(&r4.Meta{}))
	}
	meta.Interface().(*r4.Meta).Source = RowSource(m.Feed.Name, m.kind.Kind, m.Key)
	res, err := fhir.Parse(r4.Encode(resource))
	if err != nil {
		return err
	}
	m.puts = append(m.puts, put{make: n, res: res})
	return nil
}

// id makes a resource's id from its unit.
func (x *extract) id(typ, suffix, kind, key string) string {
	if suffix != "" {
		key += "\x00" + suffix
	}
	return IDOf(x.feed.Name, typ, kind, key)
}

// IDOf is the id of what a unit of a feed makes, of the type's plain name.
func IDOf(feed, typ, kind, key string) string { return ID(feed, typ, kind+"\x00"+key) }

func (x *extract) made(u *Unit, n int, key string) record.Op {
	typ, suffix, _ := strings.Cut(u.Makes[n], "#")
	return record.Op{Method: record.Update, Type: typ, ID: x.id(typ, suffix, u.Kind, key)}
}

// isWaiting takes the unit waited for out of an error.
func isWaiting(err error) (int64, bool) {
	w, ok := errors.AsType[*waiting](err)
	if !ok {
		return 0, false
	}
	return w.unit, true
}
