package search

import (
	"net/url"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// Query is one search: what must hold, in what order, and what to bring along.
type Query struct {
	Types    []spec.TypeID // the types searched; more than one for a search of the whole system
	Where    []Cond        // all must hold
	Sort     []Sort
	Count    int      // entries a page; CountUnset where the asker left it open
	Total    string   // none, estimate, accurate or ""
	Summary  string   // true, text, data, count, false or ""
	Elements []string // top-level elements asked for
	Includes []Include
	KeysOnly bool     // the rows' keys are all that is needed, not their bodies
	Page     *Page    // where an earlier page ended
	Eyes     Eyes     // what the asker may see; nil for everything
	Within   []string // ids of the Patients in whose records all that the asker may see of people is; nil for no such bound
	Ignored  []string // parameters left out under Prefer: handling=lenient
	Used     url.Values
}

// CountUnset is Query.Count where the asker did not say.
const CountUnset = -1

// Sort is one level of the order of results.
type Sort struct {
	Param *Param
	Desc  bool
}

// Include asks for resources that a match points at, or (Rev) that point at a match.
type Include struct {
	Rev     bool
	Iterate bool
	Source  spec.TypeID // the type that holds the reference
	Param   *Param      // nil for every reference parameter of the source ("*")
	Target  spec.TypeID // 0 for any
}

// Op is how a condition combines what is under it.
type Op uint8

// The ways of combining.
const (
	Leaf Op = iota
	And
	Or
	Not
)

// Cond is a condition on one resource. A leaf compares the values of one parameter; it holds if any value matches.
// A leaf with Chain or Has is a question about other resources: Resolve must have turned it into a set of references
// before rows are matched.
type Cond struct {
	Op   Op
	Kids []Cond

	Param    *Param
	Modifier string // "", missing, exact, contains, not, text, in, not-in, below, above, of-type, identifier or a type name
	Values   []Value
	Chain    *Chain
	Has      *Has
	Set      map[string]bool // resolved chain, has or list: "Type/id" of what may be referred to, or (Param nil) be
	Source   string          // as it was asked, for messages
}

// Chain continues a reference: the resource referred to is one of Types and meets Cond.
type Chain struct {
	Types []spec.TypeID
	Cond  Cond
}

// Has turns a reference round: some resource of Type, meeting Cond, refers here by Ref.
type Has struct {
	Type spec.TypeID
	Ref  *Param
	Cond Cond
}

// Value is one thing to compare with, parsed for the type of its parameter.
type Value struct {
	Prefix    string // eq ne gt lt ge le sa eb ap; eq where none was given
	System    string
	HasSystem bool   // "|code" or "system|code" was written: the system counts, also an empty one
	Code      string // token, string (folded unless :exact), uri, reference id
	Type      string // reference: type name; of-type: the type's code
	Lo, Hi    int64  // date: microseconds, half-open
	Num       Bounds // number and quantity
	Unit      string // quantity
	Parts     []Value
}

// Bounds are a decimal with the range its digits imply: 100 stands for 99.5 up to 100.5.
type Bounds struct {
	Exact, Low, High fhir.Decimal
}

// Page is the place where the next page goes on: the moment of the first page and the last row shown.
type Page struct {
	Seq  int64  // the search reads the record as of this change
	Rid  int64  // the last row shown
	Sort []byte // its sort key, where results are sorted by values
}

// Param is a search parameter that has been compiled for one resource type.
type Param struct {
	ID         spec.ParamID // 0 for a custom one
	URL        string
	Code       string
	Type       string // number date string token reference composite quantity uri special
	Of         spec.TypeID
	Targets    []string
	Components []Component
	Custom     int64  // its number in the store where it is not one of R4's, else 0
	Building   bool   // a custom one whose keys are still being filled in: it cannot be searched by yet
	Progress   string // how far that is
	expr       *expression
}

// Component is one part of a composite parameter.
type Component struct {
	Param *Param // how the part compares; nil ID where it has no parameter of its own
	expr  *expression
}
