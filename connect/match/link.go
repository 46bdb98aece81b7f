package match

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Link is what is held of two Patients: whether they are one person, whether somebody is being asked, and everything that was ever
// asserted about it. Nothing is taken out of its history.
type Link struct {
	A       string      `json:"a"` // ids of Patients, in order
	B       string      `json:"b"`
	Version int         `json:"version"`
	Linked  bool        `json:"linked"`
	Doubt   *Doubt      `json:"doubt,omitempty"` // an open question
	Said    []Assertion `json:"said,omitempty"`  // oldest first
}

// Assertion is one statement that two Patients are one person, or two.
type Assertion struct {
	Same      bool        `json:"same"`
	Rule      string      `json:"rule"` // one of the Rules
	By        string      `json:"by"`   // the person, or the machine
	When      time.Time   `json:"when"`
	Reason    string      `json:"reason,omitempty"` // a person's
	Weight    float64     `json:"weight"`           // log2 odds at the time
	Parts     []Part      `json:"parts,omitempty"`  // add up to it
	With      []string    `json:"with,omitempty"`   // other Patients of the two people, whose words were weighed as well
	Settings  string      `json:"settings"`         // version of the settings that weighed
	Retracted *Retraction `json:"retracted,omitempty"`
}

// The rules by which a link is made.
const (
	ByNumber = "nhs-number-and-birth-date"
	ByWeight = "weight"
	BySource = "source-says-so"
	ByPerson = "person"
)

// Retraction ends an assertion.
type Retraction struct {
	By   string    `json:"by"`
	When time.Time `json:"when"`
	Why  string    `json:"why"`
}

// Doubt is a question for a person.
type Doubt struct {
	Since    time.Time `json:"since"`
	Why      string    `json:"why"`
	Weight   float64   `json:"weight"`
	Parts    []Part    `json:"parts"`
	With     []string  `json:"with,omitempty"`
	Settings string    `json:"settings"`
}

// ID names the pair, and its question: two Patient ids, which have no underscore.
func (l *Link) ID() string { return l.A + "_" + l.B }

func pairID(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return a + "_" + b
}

// answer is what a person said last, nil where nobody did.
func (l *Link) answer() *Assertion {
	for i := len(l.Said) - 1; i >= 0; i-- {
		if a := &l.Said[i]; a.Rule == ByPerson && a.Retracted == nil {
			return a
		}
	}
	return nil
}

// standing is the assertion by which they are linked, nil where none is.
func (l *Link) standing() *Assertion {
	for i := len(l.Said) - 1; i >= 0; i-- {
		if a := &l.Said[i]; a.Same && a.Retracted == nil {
			return a
		}
	}
	return nil
}

// retract ends whatever was asserted.
func (l *Link) retract(by string, when time.Time, why string) {
	for i := range l.Said {
		if l.Said[i].Retracted == nil {
			l.Said[i].Retracted = &Retraction{by, when, why}
		}
	}
	l.Linked = false
}

// Kinds of things in the box "match".
const (
	linkKind     = "link"     // key A_B: a Link
	ofKind       = "of"       // key B_A, to find the links of B
	queueKind    = "queue"    // since when, A_B: a question that is open
	saidKind     = "said"     // when, by whom a link was changed that the matcher did not make
	settingsKind = "settings" // key: their version
	placeKind    = "place"    // how far a batch has come
)

func queueKey(l *Link) string { return fmt.Sprintf("%019d_%s", l.Doubt.Since.UnixMicro(), l.ID()) }

// edit is a Link being changed: was is how it stood in the box, nil where it did not.
type edit struct {
	*Link
	was    []byte
	queued string // key of its question, "" where there was none
}

func editOf(id string, was []byte) (*edit, error) {
	a, b, ok := strings.Cut(id, "_")
	if !ok || !fhir.ValidID(a) || !fhir.ValidID(b) || a >= b {
		return nil, fhir.Errorf(fhir.Invalid, "%q does not name two Patients: it should be ID_ID", id)
	}
	e := &edit{Link: &Link{A: a, B: b}, was: was}
	if was == nil {
		return e, nil
	}
	if err := json.Unmarshal(was, e.Link); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "the link %s cannot be read: %w", id, err)
	}
	if e.Doubt != nil {
		e.queued = queueKey(e.Link)
	}
	return e, nil
}

// items are what the box is to hold of it from now on, and what it must still hold for that to be right.
func (e *edit) items() (was record.BoxItem, items []record.BoxItem, err error) {
	e.Version++
	value, err := json.Marshal(e.Link)
	if err != nil {
		return was, nil, err
	}
	items = append(items, record.BoxItem{Kind: linkKind, Key: e.ID(), Value: value})
	if e.was == nil {
		items = append(items, record.BoxItem{Kind: ofKind, Key: e.B + "_" + e.A, Value: []byte("1")})
	}
	queued := ""
	if e.Doubt != nil {
		queued = queueKey(e.Link)
	}
	if queued != e.queued {
		if e.queued != "" {
			items = append(items, record.BoxItem{Kind: queueKind, Key: e.queued})
		}
		if queued != "" {
			items = append(items, record.BoxItem{Kind: queueKind, Key: queued, Value: []byte("1")})
		}
	}
	return record.BoxItem{Kind: linkKind, Key: e.ID(), Value: e.was}, items, nil
}
