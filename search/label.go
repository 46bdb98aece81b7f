package search

import (
	"slices"

	"github.com/kith-care/kith/fhir/spec"
)

// Eyes decide which rows whoever asks may see. A row that is not seen is treated as if it were not there: it is in no
// count, no order, no page and no chain.
type Eyes interface {
	// Sees reports whether a row in the record of that patient (0 for nobody's) is seen. It may narrow the row to what is.
	// Where the eyes do not know yet, known is false: the row must be asked about again after Learn.
	Sees(row *Row, patient int64) (seen, known bool, err error)
	// Learn finds out about the patients of the rows that were not known.
	Learn() error
}

// Labels find codes that mark a resource in its keys.
type Labels struct {
	filter [1024]uint64 // of the codes' hashes, so that most keys are passed over at a glance
	bits   map[string][]labelled
}

type labelled struct {
	system string
	bits   uint64
}

// Add has a code give a resource bits.
func (l *Labels) Add(system, code string, bits uint64) {
	if l.bits == nil {
		l.bits = map[string][]labelled{}
	}
	h := labelHash([]byte(code))
	l.filter[h>>6&1023] |= 1 << (h & 63)
	l.bits[code] = append(l.bits[code], labelled{system, bits})
}

func labelHash(code []byte) uint64 {
	h := uint64(len(code))
	for _, b := range code {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h ^ h>>32
}

// Of are the bits of a row by its keys. For each patient whose record the row is in, other is called with the id; those
// that the store has put into no compartment, such as a Task's, too.
func (l *Labels) Of(t spec.TypeID, keys []byte, other func(id []byte)) (bits uint64, sound bool) {
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		switch k.Kind {
		case TokenKey:
			if h := labelHash(k.Code); l.filter[h>>6&1023]&(1<<(h&63)) != 0 {
				for _, have := range l.bits[string(k.Code)] {
					if have.system == string(k.System) {
						bits |= have.bits
					}
				}
			}
		case ReferenceKey:
			if isPatientName(k.System) && slices.Contains(personal[t], k.Param) {
				other(k.Code)
			}
		}
	}
	return bits, !r.bad
}

// isPatientName reports whether a type's name is Patient, at a glance.
func isPatientName(name []byte) bool { return len(name) == 7 && string(name) == "Patient" }

// personal are, by type, the reference parameters that say whose record a resource is in: those of the patient
// compartment, and patient and subject of the types that R4 has put into no compartment, such as Task. A Patient is in
// its own record whatever it links to.
var personal = func() [][]spec.ParamID {
	out := make([][]spec.ParamID, len(typeNames))
	for i, name := range spec.ResourceNames() {
		t := spec.TypeID(i + 1)
		if t == patientType {
			continue
		}
		out[t] = slices.Clone(compartments[t])
		for _, code := range []string{"patient", "subject"} {
			if id, _ := spec.ParamCode(code); spec.Param(name, code) != nil && !slices.Contains(out[t], id) {
				out[t] = append(out[t], id)
			}
		}
	}
	return out
}()

// Personal reports whether resources of a type are in people's records.
func Personal(t spec.TypeID) bool { return t == patientType || len(personal[t]) > 0 }

// Compartment reports whether a query's Within reaches every resource of a type that is in those people's records: what its
// store keeps by the patient compartment is all that says so.
func Compartment(t spec.TypeID) bool {
	return len(compartments[t]) > 0 && len(personal[t]) == len(compartments[t])
}

// Tokens calls f with the system and code of each token key of a row under p, until f answers false.
func Tokens(keys []byte, p spec.ParamID, f func(system, code []byte) bool) {
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		if k.Param == p && k.Kind == TokenKey && !f(k.System, k.Code) {
			return
		}
	}
}

// Without are the keys of a row but for those under some parameters; tokens of one system stay all the same.
func Without(keys []byte, params []spec.ParamID, keep string) []byte {
	out := make([]byte, 0, len(keys))
	r := keyReader{buf: keys}
	var k Key
	for r.next(&k) {
		if !slices.Contains(params, k.Param) || k.Kind == TokenKey && string(k.System) == keep {
			out = appendKey(out, &k)
		}
	}
	return out
}

// Bits are the bits that one code gives.
func (l *Labels) Bits(system, code string) uint64 {
	var bits uint64
	for _, have := range l.bits[code] {
		if have.system == system {
			bits |= have.bits
		}
	}
	return bits
}
