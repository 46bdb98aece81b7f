// Package access decides who may see and do what. One function, Decide, answers for a request and a person; the record
// asks it for every read and every write, so there is nothing to forget elsewhere.
//
// What stands here now is the seam and the simplest policy: Everyone, for a record that only this machine can reach
// (serve --auth off), and Nobody. Roles, relationships, consent and break-glass come into Decide without its callers
// changing.
package access

// Action is what is to be done.
type Action string

// The actions, as AuditEvent.action writes them.
const (
	Create Action = "C"
	Read   Action = "R"
	Update Action = "U"
	Delete Action = "D"
	Search Action = "E"
)

// Request is one question: may this actor do this to a resource of this type, in the record of this patient?
type Request struct {
	Actor   Actor
	Action  Action
	Type    string
	Patient string // id of the patient whose record it is in, "" for none
}

// Decision is the answer, with its reason in a sentence for the person who asked.
type Decision struct {
	Permit bool
	Reason string
}

// Policy decides.
type Policy interface{ Decide(Request) Decision }

// Everyone permits everything.
type Everyone struct{}

// Decide permits.
func (Everyone) Decide(Request) Decision {
	return Decision{true, "access control is off on this server"}
}

// Nobody permits nothing.
type Nobody struct{}

// Decide refuses.
func (Nobody) Decide(Request) Decision {
	return Decision{false, "nobody has been given access to this record yet"}
}
