// Package access decides who may see and do what. One function, Policy.See, answers for one actor and one person whose
// record it is; the record asks it for every read and every write, so there is nothing to forget elsewhere.
//
// What decides is data: a policy (policy.txt, read by Parse) says for each role what it may do with each class of
// resources, how close it must be to the person, for which purposes and at which level of proof, and which sensitive
// labels it sees. How close somebody is follows from the record itself: registration, admission, visit, referral, task,
// and what the person has said (Consent). The record gathers that as a Circle.
//
// The answer is a Sight: what this actor may do in this record, class by class, and the labels that hide a resource. It
// is made once a request and person; holding a resource against it is a mask and a bit.
//
// Nothing here reads a database or a clock.
package access

import "github.com/kith-care/kith/fhir/spec"

// Action is what is to be done.
type Action string

// The actions, as AuditEvent.action writes them. A search is a reading of what it finds.
const (
	Create Action = "C"
	Read   Action = "R"
	Update Action = "U"
	Delete Action = "D"
	Search Action = "E"
)

// bit is the action's place in a set.
func (a Action) bit() uint8 {
	switch a {
	case Create:
		return 1
	case Read, Search:
		return 2
	case Update:
		return 4
	case Delete:
		return 8
	}
	return 0
}

// Decision is the answer, with its reason in a sentence for the person who asked, and what would unlock it.
type Decision struct {
	Permit bool
	Reason string
	Unlock Unlock // how it may become possible; "" where it may not
}

// Unlock is what would turn a refusal into a permission.
type Unlock string

// What unlocks.
const (
	ByGlass   Unlock = "break-glass" // an emergency, with a reason
	ByProof   Unlock = "proof"       // a higher level of proof of identity
	ByConsent Unlock = "consent"     // the person's own consent
	ByCare    Unlock = "care"        // a registration, referral, admission, visit or task
	ByScope   Unlock = "scope"       // the app asks for more, and is given it
)

// Sentence is the reason followed by what would unlock it.
func (d Decision) Sentence() string {
	switch d.Unlock {
	case ByGlass:
		return d.Reason + " In an emergency you may open the record by giving a reason; the person and the privacy officer are told."
	case ByProof:
		return d.Reason + " Prove who you are, with photo ID on-line or in person at the desk, and it opens."
	case ByConsent:
		return d.Reason + " It opens when the person agrees."
	case ByCare:
		return d.Reason + " It opens with a registration, referral, admission, visit or task."
	case ByScope:
		return d.Reason + " Connect the app again and allow it."
	}
	return d.Reason
}

// Policy decides. See answers what an actor may do in one person's record, or with resources that are in nobody's, where
// the circle is nil.
type Policy interface {
	See(who *Actor, circle *Circle, today Day) *Sight
	// Ever says whether an actor may do something with a type of resource in anybody's record at all.
	Ever(who *Actor, action Action, typ spec.TypeID) Decision
	// Open reports whether nothing at all is hidden from an actor.
	Open(who *Actor) bool
	// Always reports whether an actor may do something with all resources of a type, whatever their labels, in the record of
	// everybody who has refused nothing, and in nobody's.
	Always(who *Actor, action Action, typ spec.TypeID, today Day) bool
}

// Everyone permits everything: for a record that only this machine can reach (serve --auth off), and for tests.
type Everyone struct{}

// See permits.
func (Everyone) See(*Actor, *Circle, Day) *Sight { return &Sight{all: true} }

// Ever permits.
func (Everyone) Ever(*Actor, Action, spec.TypeID) Decision { return Decision{Permit: true} }

// Open is so.
func (Everyone) Open(*Actor) bool { return true }

// Always is so.
func (Everyone) Always(*Actor, Action, spec.TypeID, Day) bool { return true }

// Nobody permits nothing.
type Nobody struct{}

// See refuses.
func (Nobody) See(*Actor, *Circle, Day) *Sight {
	return &Sight{reason: "Nobody has been given access to this record yet."}
}

// Ever refuses.
func (n Nobody) Ever(*Actor, Action, spec.TypeID) Decision {
	return Decision{Reason: n.See(nil, nil, Day{}).reason}
}

// Open is not so.
func (Nobody) Open(*Actor) bool { return false }

// Always is not so.
func (Nobody) Always(*Actor, Action, spec.TypeID, Day) bool { return false }
