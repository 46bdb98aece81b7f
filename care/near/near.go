// Package near is what is near somebody: services, groups and people who can help, and being brought together with them by a link worker (social prescribing).
//
// The directory is FHIR HealthcareServices with their Locations. What feeds and the REST door bring is in it; a place keeps the rest (the walking group, the warm
// room, the advice desk) in a file that whoever knows the town can write (directory.go). Nothing in it is about a person.
//
// Somebody asks for a link worker, or is referred by staff: a ServiceRequest, and a Task that a person has by a day. The link worker takes it, writes
// what came of it, and the person sees where it stands (refer.go). https://www.england.nhs.uk/personalisedcare/social-prescribing/
package near

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Service looks things up and refers people. Door must be set.
type Service struct {
	Door  *record.Door
	Owner string           // who has referrals that nobody has taken, "" for "Link workers"
	Now   func() time.Time // nil for the clock

	mu    sync.Mutex
	known []Entry
	at    time.Time
}

// Systems of our codes.
const (
	kindSystem  = "https://kith.care/fhir/CodeSystem/near-kind"
	helpsSystem = "https://kith.care/fhir/CodeSystem/near-helps"
	nearSystem  = "https://kith.care/fhir/near"
)

// Entry is one service or group.
type Entry struct {
	ID       string   // of the HealthcareService
	Name     string   // what it is called
	What     string   // what it does, in a sentence or two
	For      string   // whom it is for; "" for everybody
	Kinds    []string // of Kinds
	Helps    []string // complaints (names of packs of care/triage) and needs it helps with
	Address  string   // on one line; "" where there is no place to go to
	Postcode string
	When     string // when it is open or meets
	Phone    string
	Email    string
	Web      string
	Cost     string // "" for free
	Self     bool   // one can go or call without being referred
	By       string // who runs it
}

// Kind is a kind of help, as people look for it.
type Kind struct{ Code, Title string }

// Kinds are all kinds, in the order in which they are offered.
var Kinds = []Kind{
	{"urgent", "Help today"}, {"pharmacy", "Pharmacies"}, {"gp", "GP practices"}, {"mind", "Feelings and mental health"}, {"company", "Company and groups"}, {"move", "Moving more"},
	{"money", "Money, housing and rights"}, {"carer", "Help for carers"}, {"family", "Babies, children and families"}, {"older", "Living well when older"}, {"habit", "Stop smoking, drink less, eat well"}, {"health", "Clinics and health services"}, {"other", "Other help"},
}

// fresh is how long what was read of the directory is used again. It is in nobody's record, so nothing of it can be taken back.
const fresh = time.Minute

// all is the whole directory, by name.
func (s *Service) all(ctx context.Context) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); s.known != nil && now.Sub(s.at) < fresh {
		return s.known, nil
	}
	places := map[string]fhir.Value{}
	for m, err := range s.Door.All(ctx, me, "Location?status=active") {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		places[res.ID()] = res.Root()
	}
	out := []Entry{}
	for m, err := range s.Door.All(ctx, me, "HealthcareService?active=true") {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		var h r4.HealthcareService
		if err := r4.Decode(res, &h); err != nil {
			return nil, err
		}
		// What does not say what it does helps nobody to choose: a clinic's sessions are found where they can be booked.
		if e := entryOf(&h, places); e.Name != "" && e.What != "" {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	s.known, s.at = out, s.now()
	return out, nil
}

var me = access.Actor{ID: "kith/near", Name: "Kith, directory", Role: access.Kith, Purpose: "HOPERAT"}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Query is what somebody looks for; empty fields do not narrow it.
type Query struct {
	Words    string // in the name, what it does, whom it is for
	Kind     string // of Kinds
	Helps    string // a complaint or need
	Postcode string // where the person is: what is near comes first
}

// Find is what fits a query: the nearest first by postcode (the same sector, district, area, then all others), then by name.
func (s *Service) Find(ctx context.Context, q Query) ([]Entry, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(strings.ToLower(q.Words))
	var out []Entry
	for _, e := range all {
		if q.Kind != "" && !slices.Contains(e.Kinds, q.Kind) || q.Helps != "" && !slices.Contains(e.Helps, q.Helps) || !e.says(words) {
			continue
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Compare(Far(q.Postcode, a.Postcode), Far(q.Postcode, b.Postcode)) })
	return out, nil
}

// One is an entry by its id.
func (s *Service) One(ctx context.Context, id string) (*Entry, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return &all[i], nil
		}
	}
	return nil, fhir.Errorf(fhir.NotFound, "HealthcareService/%s is not in the directory", id)
}

// says reports whether every word begins a word of the entry.
func (e *Entry) says(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.FieldsFunc(strings.ToLower(e.Name+" "+e.What+" "+e.For+" "+strings.Join(e.Helps, " ")), func(r rune) bool {
		return r != '\'' && r != '’' && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r < 128
	})
	for _, w := range words {
		if !slices.ContainsFunc(text, func(t string) bool { return strings.HasPrefix(t, w) }) {
			return false
		}
	}
	return true
}

// Far is how far two postcodes are apart: 0 the same sector (ZZ1 5), 1 the same district (ZZ1), 2 the same area (ZZ), 3 another or not known.
// https://www.gov.uk/government/publications/bulk-data-transfer-for-sponsors-xml-schema (appendix C) has what a postcode is made of.
func Far(a, b string) int {
	a, b = tight(a), tight(b)
	if len(a) < 5 || len(b) < 5 {
		return 3
	}
	districtA, districtB := a[:len(a)-3], b[:len(b)-3]
	switch {
	case districtA == districtB && a[len(a)-3] == b[len(b)-3]:
		return 0
	case districtA == districtB:
		return 1
	case area(districtA) == area(districtB):
		return 2
	}
	return 3
}

func tight(postcode string) string {
	return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(postcode), " ", ""))
}

func area(district string) string { return strings.TrimRight(district, "0123456789") }

// entryOf reads a HealthcareService, whoever wrote it.
func entryOf(h *r4.HealthcareService, places map[string]fhir.Value) Entry {
	e := Entry{ID: h.ID, Name: h.Name, What: h.Comment, When: h.AvailabilityExceptions, Cost: h.ExtraDetails}
	if e.Name == "" && len(h.Type) > 0 {
		e.Name = h.Type[0].Text
	}
	for _, c := range h.Category {
		for _, code := range c.Coding {
			if code.System == kindSystem {
				e.Kinds = append(e.Kinds, code.Code)
			}
		}
	}
	if e.Kinds == nil {
		e.Kinds = []string{"health"}
	}
	for _, c := range h.Characteristic {
		for _, code := range c.Coding {
			if code.System == helpsSystem {
				e.Helps = append(e.Helps, code.Code)
			}
		}
	}
	if len(h.Eligibility) > 0 {
		e.For = h.Eligibility[0].Comment
	}
	for _, c := range h.ReferralMethod {
		e.Self = e.Self || c.Text == selfReferral
	}
	for _, t := range h.Telecom {
		switch {
		case t.System == "phone" && e.Phone == "":
			e.Phone = t.Value
		case t.System == "email" && e.Email == "":
			e.Email = t.Value
		case t.System == "url" && e.Web == "":
			e.Web = t.Value
		}
	}
	if h.ProvidedBy != nil {
		e.By = h.ProvidedBy.Display
	}
	for _, l := range h.Location {
		place, known := places[strings.TrimPrefix(l.Reference, "Location/")]
		if !known {
			continue
		}
		address := place.Get("address")
		var parts []string
		for line := range address.Get("line").Items() {
			parts = append(parts, line.Text())
		}
		parts = append(parts, address.Get("city").Text(), address.Get("postalCode").Text())
		e.Address = strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
		e.Postcode = address.Get("postalCode").Text()
		break
	}
	return e
}
