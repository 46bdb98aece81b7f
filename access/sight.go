package access

import "github.com/kith-care/kith/fhir/spec"

// Labels are the sensitive labels of a resource, a bit each, as the policy numbers them.
type Labels uint64

// Sight is what one actor may do in one person's record, or with what is in nobody's.
type Sight struct {
	all      bool
	reason   string
	unlock   Unlock
	table    *Table
	may      [maxClasses]uint8 // actions by class
	hidden   Labels
	taken    map[spec.TypeID]bool // types that a consent takes away; nil nearly always
	withheld bool
	scopes   []Scope // of an app: what remains of each action on each type; nil where there is no app
	scoped   []uint8 // of an app: how its scopes allow reading and searching, by type, as far as it was asked; see reach
	confined bool    // an app that was launched for somebody else
}

// maxClasses bounds the classes of a policy.
const maxClasses = 24

// Hidden are the labels that hide a resource.
func (s *Sight) Hidden() Labels { return s.hidden }

// Withheld reports whether where the person lives is not shown.
func (s *Sight) Withheld() bool { return s.withheld }

// May reports whether the actor may do this to resources of a type that bear these labels. An app may be held to less by
// the queries of its scopes (Queries).
func (s *Sight) May(action Action, typ spec.TypeID, labels Labels) bool {
	switch {
	case s.all:
		return true
	case labels&s.hidden != 0 || s.table == nil || s.may[s.table.classOf[typ]]&action.bit() == 0 || s.taken != nil && s.taken[typ]:
		return false
	}
	return s.scopes == nil || s.reach(action, typ) > none
}

// How far an app's scopes reach.
const (
	none     uint8 = iota + 1
	narrowed       // where a query holds
	freely
)

// reach is how an app's scopes allow an action on a type. It is remembered for searching, which asks once a resource.
func (s *Sight) reach(action Action, typ spec.TypeID) uint8 {
	if action != Search {
		return s.look(action, typ)
	}
	if s.scoped == nil {
		s.scoped = make([]uint8, len(s.table.classOf))
	}
	if s.scoped[typ] == 0 {
		s.scoped[typ] = s.look(action, typ)
	}
	return s.scoped[typ]
}

func (s *Sight) look(action Action, typ spec.TypeID) uint8 {
	best := none
	name := typ.String()
	for i := range s.scopes {
		sc := &s.scopes[i]
		if sc.Type != name && sc.Type != "*" || !sc.allows(action) {
			continue
		}
		if sc.Query == "" {
			return freely
		}
		best = narrowed
	}
	return best
}

// Queries are the searches of which a resource must meet one to be within an app's scopes; none where it is free.
func (s *Sight) Queries(action Action, typ spec.TypeID) []string {
	if s.scopes == nil || s.reach(action, typ) != narrowed {
		return nil
	}
	var out []string
	name := typ.String()
	for _, sc := range s.scopes {
		if (sc.Type == name || sc.Type == "*") && sc.allows(action) {
			out = append(out, sc.Query)
		}
	}
	return out
}

// Decide says for one action on one type why, and what would unlock it.
func (s *Sight) Decide(action Action, typ spec.TypeID, labels Labels) Decision {
	if s.May(action, typ, labels) {
		return Decision{Permit: true}
	}
	d := Decision{Reason: s.reason, Unlock: s.unlock}
	switch {
	case s.table == nil:
	case s.confined:
		d = Decision{Reason: "This app was opened for somebody else’s record.", Unlock: ByScope}
	case s.may[s.table.classOf[typ]]&action.bit() != 0 && s.scopes != nil && s.reach(action, typ) == none:
		d = Decision{Reason: "This app was not allowed to do this.", Unlock: ByScope}
	case labels&s.hidden != 0 && s.may[s.table.classOf[typ]]&action.bit() != 0:
		d = Decision{Reason: "This is marked as sensitive, and is not shown to people in your role or with your relation to the person.", Unlock: s.unlock}
	}
	if d.Reason == "" {
		d.Reason = "People in your role may not do this."
	}
	return d
}

// allows reports whether a scope covers an action. https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
func (s *Scope) allows(action Action) bool {
	letter := byte('r')
	switch action {
	case Create:
		letter = 'c'
	case Update:
		letter = 'u'
	case Delete:
		letter = 'd'
	case Search:
		letter = 's'
	}
	for i := range len(s.May) {
		if s.May[i] == letter {
			return true
		}
	}
	return false
}
