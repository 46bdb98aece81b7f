package access

import "time"

// Day is a moment as a decision looks at it. It is a time, named for what it is used for: periods, ages and expiries.
type Day = time.Time

// Circle is what the record knows of one person that bears on who may see their record. It is gathered from the
// resources of all Patients who are that person.
type Circle struct {
	Patients   []string  // ids of all Patients who are this person
	Born       time.Time // zero where unknown
	Restricted bool      // where they live is withheld from whoever is not close (PDS restricted, meta.security R)
	Ties       []Tie
	Consents   []Consent
}

// Is reports whether a Patient is this person.
func (c *Circle) Is(patient string) bool {
	if patient != "" {
		for _, id := range c.Patients {
			if id == patient {
				return true
			}
		}
	}
	return false
}

// age is the person's age in whole years, -1 where unknown.
func (c *Circle) age(today time.Time) int {
	if c.Born.IsZero() {
		return -1
	}
	return whole(c.Born, today)
}

// whole is the number of whole years from one day to another.
func whole(from, to time.Time) int {
	years := to.Year() - from.Year()
	if to.Month() < from.Month() || to.Month() == from.Month() && to.Day() < from.Day() {
		years--
	}
	return years
}

// TieKind is why somebody has to do with a person's care.
type TieKind uint8

// The ties, from the closest.
const (
	Registration TieKind = iota + 1 // the practice where they are registered
	Admission                       // they are in hospital, or on its virtual ward
	Team                            // named in a care team
	Visit                           // seen lately, or will be
	Referral                        // referred, and waiting or under care
	Duty                            // a task about them
)

// Tie is one reason for somebody to see the record.
type Tie struct {
	Kind         TieKind
	Organization string    // ODS code, "" where it is one person's alone
	Practitioner string    // reference, "" where it is the organisation's
	Since        time.Time // zero where it has always been
	Until        time.Time // zero where no end is known
}

func (t *Tie) holds(who *Actor, now time.Time) bool {
	if !t.Since.IsZero() && now.Before(t.Since) || !t.Until.IsZero() && !now.Before(t.Until) {
		return false
	}
	return t.Organization != "" && t.Organization == who.Organization || t.Practitioner != "" && t.Practitioner == who.ID
}

// ConsentKind is what a Consent is about.
type ConsentKind uint8

// The kinds of consent.
const (
	Trusted  ConsentKind = iota + 1 // someone may act for this person
	Sharing                         // who may not see what (dissent), or may all the same
	OptOut                          // the national data opt-out: no use beyond care
	Research                        // this person's data may be used for research
	Glass                           // somebody opened the record in an emergency
)

// Consent is one rule of a FHIR Consent that is active. https://hl7.org/fhir/R4/consent.html
type Consent struct {
	ID           string
	Kind         ConsentKind
	Deny         bool
	Patients     []string // ids of the Patients it names: who is trusted
	Actor        string   // reference of the practitioner or related person it names
	Organization string   // ODS code it names
	Scopes       []string // of Trusted: see, book, message, manage
	Types        []string // resource types it is about, nil for all
	Labels       Labels   // labels it is about, 0 for all
	Since, Until time.Time
	Reviewed     time.Time // when it was last looked at by somebody
	ByPerson     bool      // the person gave it themselves
}

func (c *Consent) holds(now time.Time) bool {
	return (c.Since.IsZero() || !now.Before(c.Since)) && (c.Until.IsZero() || now.Before(c.Until))
}

// names reports whether the consent is about this actor.
func (c *Consent) names(who *Actor) bool {
	if who.Patient != "" {
		for _, id := range c.Patients {
			if id == who.Patient {
				return true
			}
		}
	}
	return c.Actor != "" && c.Actor == who.ID || c.Organization != "" && c.Organization == who.Organization
}
