package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Actor is who is asking, in which role and why. https://hl7.org/fhir/R4/auditevent.html
//
// Whoever identifies somebody (a session, an app's token, a part of this program) makes one; nothing in it is taken from
// what a request says of itself.
type Actor struct {
	ID           string  // a reference such as Practitioner/1 or Patient/1, or the name of a system such as kith/import
	Name         string  // for people to read
	Role         string  // a role of the policy: clinician, receptionist, patient, …; Kith for a part of this program
	Organization string  // ODS code of the organisation in whose name staff act
	Patient      string  // id of the Patient who this actor is, of patients and of people someone trusts
	Level        Level   // how well a patient has proved who they are
	Purpose      string  // a code of v3-PurposeOfUse such as TREAT
	From         string  // network address
	Helper       string  // who does this on the actor's behalf, such as Practitioner/2 at the desk; "" for nobody
	App          *Client // the app through which the actor asks, nil for our own pages
}

// Key names whoever asks in this role, for this purpose and through this app: what one started is nobody else's, not even the same person's in
// another role. It tells nothing of them.
func (a *Actor) Key() string {
	parts := []string{a.ID, a.Role, a.Organization, a.Patient, a.Purpose}
	if a.App != nil {
		parts = append(parts, a.App.ID, a.App.Patient)
	}
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Level is how well somebody has proved who they are, in the levels of NHS login.
// https://nhsconnect.github.io/nhslogin/vectors-of-trust/
type Level uint8

// The levels.
const (
	P0 Level = 0 // an account with an e-mail address and a telephone number
	P5 Level = 5 // matched to a person by what they know
	P9 Level = 9 // shown to be that person, by photo ID or by somebody at the desk
)

// Kith is the role of parts of this program, such as feeds and the linking of people. No sign-in gives it.
const Kith = "kith"

// Client is an app, with what it was allowed.
type Client struct {
	ID      string
	Scopes  []Scope
	Patient string // id of the one Patient whom the app was launched for; "" where it was not launched for one
	Grant   string // what it was allowed this by, as the authorisation server names it; "" where that does not matter
}

// Brings reports whether a backend service was allowed to bring what a source records: to create resources of all types, or
// Bundles of them.
func (c *Client) Brings() bool {
	if c == nil {
		return false
	}
	for i := range c.Scopes {
		if s := &c.Scopes[i]; s.Context == "system" && (s.Type == "*" || s.Type == "Bundle") && s.Query == "" && s.allows(Create) {
			return true
		}
	}
	return false
}

// Scope is one SMART App Launch v2 scope on FHIR resources: patient/Observation.rs?category=laboratory.
// https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
type Scope struct {
	Context string // patient, user or system
	Type    string // a resource type, or * for all
	May     string // of "cruds", in this order, at least one
	Query   string // search parameters that narrow it, as they stand after the ?; "" for none
}

// String writes the scope as SMART does.
func (s Scope) String() string {
	text := s.Context + "/" + s.Type + "." + s.May
	if s.Query != "" {
		text += "?" + s.Query
	}
	return text
}

// ParseScope reads a scope on resources, also in the form of SMART v1 (patient/Observation.read), which it turns into
// that of v2. Whether the type and the query make sense is for the caller to find out.
func ParseScope(text string) (Scope, error) {
	context, rest, ok := strings.Cut(text, "/")
	head, query, narrowed := strings.Cut(rest, "?")
	typ, may, dotted := strings.Cut(head, ".")
	s := Scope{context, typ, may, query}
	switch {
	case !ok || !dotted || typ == "" || narrowed && query == "", context != "patient" && context != "user" && context != "system":
		return Scope{}, badScope(text)
	case may == "read" && !narrowed:
		s.May = "rs"
	case may == "write" && !narrowed:
		s.May = "cud"
	case may == "*" && !narrowed:
		s.May = "cruds"
	case !inOrder(may, "cruds"):
		return Scope{}, badScope(text)
	}
	return s, nil
}

// inOrder reports whether all letters of s are in all, in its order, and each once at most.
func inOrder(s, all string) bool {
	for _, c := range s {
		i := strings.IndexRune(all, c)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return s != ""
}

func badScope(text string) error {
	return fhir.Errorf(fhir.Invalid, "%q is no scope on resources: they look like patient/Observation.rs or user/*.cruds", text)
}
