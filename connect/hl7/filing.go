package hl7

import (
	"fmt"
	"slices"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Config says whose message is mapped.
type Config struct {
	Feed     string // names the sender among our feeds, for example "ZZ1"; ids are made from it
	Item     int64  // under which the message is kept as it came
	Received time.Time
	Place    *time.Location // where the sender's clocks hang; nil for Europe/London
	// Seen is when a resource was last spoken of by a message that did not change it; nil where nobody remembers.
	Seen func(typ, id string) time.Time
}

// Filing is what a message comes to: resources to be put, resources to be deleted, merges to be made, in that order.
type Filing struct {
	Resources []Draft
	Deletes   []Delete
	Merges    []Merge
	// Confirmed are resources that the message says again without changing them. They are not written; what is kept of
	// them is that they were so at Stamp, so that an older message that comes later does not undo it.
	Confirmed []Ref
	Stamp     time.Time // when what the message says was so
	// PatientKeys are the ids of the Patients the message is about, in the order they must be kept in: messages that share
	// one are filed one after the other.
	PatientKeys []string
	Warnings    []string
}

// Draft is one resource, with its id, to be put whole.
type Draft struct {
	Resource *fhir.Resource
	Place    string // "OBX[3]"
}

// Ref names a resource.
type Ref struct{ Type, ID string }

// Delete is a resource that the sender takes back.
type Delete struct {
	Ref
	Place   string
	Cascade bool // with all that came with it from this feed
}

// Merge is what a sender says of two patients or two stays.
type Merge struct {
	Kind  MergeKind
	From  Ref // goes
	Into  Ref // stays
	What  Ref // of a move: the stay that moves from one patient to the other
	Place string
}

// MergeKind is what sort of merge a Merge is.
type MergeKind string

// The kinds of merge.
const (
	MergePatient MergeKind = "patient" // A18, A30, A34, A36, A39, A40, A46, A47: From is the same person as Into
	MergeEpisode MergeKind = "episode" // A35, A41, A42, A50, A51: stay From is the same as stay Into
	MoveEpisode  MergeKind = "move"    // A43, A44, A45: What belongs to Into, not to From
	SwapBeds     MergeKind = "swap"    // A17: the beds are in the stays already; From and Into are the two patients
	Link         MergeKind = "link"    // A24: the two are one person
	Unlink       MergeKind = "unlink"  // A37: they are not
)

// ID is the id of a resource that comes from a feed, always the same for the same key.
func ID(feed, typ, key string) string { return intake.ID(feed, typ, key) }

// stampURL is the extension of meta that says when what the resource says was so, by the sender's clock.
const stampURL = "https://kith.care/fhir/StructureDefinition/hl7-as-of"

// registeredURL is the extension of a Patient's meta that says that ADT spoke of them: from then on only ADT changes more
// than their numbers.
const registeredURL = "https://kith.care/fhir/StructureDefinition/hl7-registered"

// builder gathers what a message comes to.
type builder struct {
	cfg     Config
	msg     *Message
	clock   *clock
	current func(typ, id string) *fhir.Resource
	filing  *Filing
	code    string // ADT
	event   string // A01
	entries []*entry
	byRef   map[Ref]*entry
	err     error

	patient   Ref // the one the message is speaking of now
	encounter Ref
	facility  string // MSH-4
}

type entry struct {
	ref    Ref
	place  string
	x      any // pointer to an r4 struct
	before []byte
	isNew  bool
	stale  bool // the record has a newer message's word for it
	quiet  bool // what the message adds does not depend on when it was so
}

// draft is the struct of a resource to be filled: as the record has it, or as an earlier segment left it, or new. What is
// put into a stale one is thrown away.
func draft[T any](b *builder, typ, key, place string) (*T, *entry) {
	ref := Ref{typ, ID(b.cfg.Feed, typ, key)}
	if e := b.byRef[ref]; e != nil {
		return e.x.(*T), e
	}
	x := new(T)
	e := &entry{ref: ref, place: place, x: x, isNew: true}
	if cur := b.current(typ, ref.ID); cur != nil {
		if err := r4.Decode(cur, x); err != nil && b.err == nil {
			b.err = fhir.Errorf(fhir.Broken, "%s/%s cannot be read back: %w", typ, ref.ID, err)
		}
		e.isNew = false
		e.before = r4.Encode(x)
		last := stampOf(*headOf(x).meta)
		if b.cfg.Seen != nil {
			if seen := b.cfg.Seen(typ, ref.ID); seen.After(last) {
				last = seen
			}
		}
		e.stale = last.After(b.filing.Stamp) && !b.filing.Stamp.IsZero()
	}
	*headOf(x).id = ref.ID
	b.entries = append(b.entries, e)
	b.byRef[ref] = e
	return x, e
}

func stampOf(m *r4.Meta) time.Time {
	if m == nil {
		return time.Time{}
	}
	for i := range m.Extension {
		if m.Extension[i].URL == stampURL {
			return m.Extension[i].ValueInstant.Low()
		}
	}
	return time.Time{}
}

// finish encodes what the message changes.
func (b *builder) finish() error {
	if b.err != nil {
		return b.err
	}
	for _, e := range b.entries {
		if e.stale {
			b.warn(e.place, "%s/%s was last spoken of by a newer message and stays as it is", e.ref.Type, e.ref.ID)
			continue
		}
		if e.before != nil && string(e.before) == string(r4.Encode(e.x)) {
			b.filing.Confirmed = append(b.filing.Confirmed, e.ref)
			continue
		}
		h := headOf(e.x)
		if *h.meta == nil {
			*h.meta = &r4.Meta{}
		}
		b.stamp(*h.meta, e.place, e.quiet)
		res, err := r4.Resource(e.x)
		if err != nil {
			return fhir.Errorf(fhir.Broken, "%s of %s cannot be written: %w", e.ref.Type, e.place, err)
		}
		b.filing.Resources = append(b.filing.Resources, Draft{res, e.place})
	}
	return nil
}

// stamp notes where a resource comes from and as of when.
func (b *builder) stamp(m *r4.Meta, place string, quiet bool) {
	m.Source = intake.Source(b.cfg.Feed, b.cfg.Item, place)
	m.VersionId, m.LastUpdated = "", fhir.DateTime{}
	if quiet || b.filing.Stamp.IsZero() {
		return
	}
	kept := m.Extension[:0:0]
	for _, ext := range m.Extension {
		if ext.URL != stampURL {
			kept = append(kept, ext)
		}
	}
	m.Extension = append(kept, r4.Extension{URL: stampURL, ValueInstant: fhir.DateTimeOf(b.filing.Stamp.UTC())})
}

func (b *builder) warn(at, format string, args ...any) {
	w := at + ": " + fmt.Sprintf(format, args...)
	if len(b.filing.Warnings) < 100 && !slices.Contains(b.filing.Warnings, w) {
		b.filing.Warnings = append(b.filing.Warnings, w)
	}
}

func (r Ref) String() string { return r.Type + "/" + r.ID }

// reference is a reference to a resource, nil where there is none.
func (r Ref) reference() *r4.Reference {
	if r.ID == "" {
		return nil
	}
	return &r4.Reference{Reference: r.String()}
}

type header struct {
	id   *string
	meta **r4.Meta
}

// headOf is id and meta of a struct.
func headOf(x any) header {
	switch x := x.(type) {
	case *r4.Patient:
		return header{&x.ID, &x.Meta}
	case *r4.RelatedPerson:
		return header{&x.ID, &x.Meta}
	case *r4.Practitioner:
		return header{&x.ID, &x.Meta}
	case *r4.Organization:
		return header{&x.ID, &x.Meta}
	case *r4.Location:
		return header{&x.ID, &x.Meta}
	case *r4.Encounter:
		return header{&x.ID, &x.Meta}
	case *r4.Condition:
		return header{&x.ID, &x.Meta}
	case *r4.AllergyIntolerance:
		return header{&x.ID, &x.Meta}
	case *r4.Procedure:
		return header{&x.ID, &x.Meta}
	case *r4.ServiceRequest:
		return header{&x.ID, &x.Meta}
	case *r4.DiagnosticReport:
		return header{&x.ID, &x.Meta}
	case *r4.Specimen:
		return header{&x.ID, &x.Meta}
	case *r4.Observation:
		return header{&x.ID, &x.Meta}
	case *r4.Appointment:
		return header{&x.ID, &x.Meta}
	case *r4.DocumentReference:
		return header{&x.ID, &x.Meta}
	case *r4.Binary:
		return header{&x.ID, &x.Meta}
	case *r4.Immunization:
		return header{&x.ID, &x.Meta}
	case *r4.MedicationRequest:
		return header{&x.ID, &x.Meta}
	}
	panic(fmt.Sprintf("hl7: no header for %T", x))
}
