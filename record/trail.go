package record

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// TrailQuery asks who did what to whose record. What is left out does not narrow.
type TrailQuery struct {
	Patient  string // id of a Patient: entries about any Patient who is that person
	Actor    string // as Actor.ID
	From, To time.Time
	Changes  bool   // only what was created, changed or deleted
	Count    int    // entries of a page, DefaultCount where 0
	Page     string // TrailPage.Next of the page before
}

// TrailEntry is one entry of the audit trail.
type TrailEntry struct {
	ID           string        `json:"id"` // where it stands
	At           time.Time     `json:"at"`
	Who          string        `json:"who"`
	Name         string        `json:"name,omitempty"`
	Role         string        `json:"role,omitempty"`
	Organization string        `json:"org,omitempty"`
	Is           string        `json:"is,omitempty"` // id of the Patient who the actor is
	Helper       string        `json:"helper,omitempty"`
	App          string        `json:"app,omitempty"`
	Purpose      string        `json:"why,omitempty"`
	From         string        `json:"from,omitempty"`
	Action       access.Action `json:"action"`
	What         string        `json:"what"`
	Refused      string        `json:"refused,omitempty"`
	Patients     []string      `json:"patients,omitempty"` // ids of the Patients whose records were shown or changed
}

// TrailPage is one page of the trail, newest first.
type TrailPage struct {
	Entries []TrailEntry
	Next    string // for TrailQuery.Page, "" after the last
}

// Trail reads the audit trail. Whether somebody may is asked of the policy, and that they did becomes an entry itself.
func (d *Door) Trail(ctx context.Context, who access.Actor, q TrailQuery) (*TrailPage, error) {
	what := q.String()
	decision, err := d.Decide(ctx, who, access.Search, "AuditEvent", q.Patient)
	if err != nil {
		return nil, err
	}
	if !decision.Permit {
		return nil, d.audit.refused(ctx, who, access.Search, what, fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence()))
	}
	page, about, err := d.trail(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.Patient != "" {
		person, err := d.Person(ctx, q.Patient)
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			page.Entries[i].narrow(person, who)
		}
	}
	// The entry says whose trail was read, not who stands in it.
	return page, d.audit.disclosed(ctx, who, access.Search, what, ofPatients(about)...)
}

// String is the question as a search, for the trail itself.
func (q TrailQuery) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("patient", q.Patient)
	add("agent", q.Actor)
	if q.Changes {
		add("action", "C,U,D")
	}
	if !q.From.IsZero() {
		add("date", "ge"+q.From.UTC().Format(time.RFC3339))
	}
	if !q.To.IsZero() {
		add("date", "le"+q.To.UTC().Format(time.RFC3339))
	}
	return "AuditEvent?" + strings.Join(parts, "&")
}

// trail answers a question without deciding or noting anything, and with it the numbers of the Patients it was about.
func (d *Door) trail(ctx context.Context, q TrailQuery) (*TrailPage, []int64, error) {
	ask := store.Ask{Limit: q.Count}
	if ask.Limit <= 0 {
		ask.Limit = DefaultCount
	}
	ask.Limit = min(ask.Limit, MaxCount)
	if !q.From.IsZero() {
		ask.From = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		ask.To = q.To.UnixMicro()
	}
	var err error
	if ask.Before, err = readTrailPage(q.Page); err != nil {
		return nil, nil, err
	}
	var about []int64
	if q.Patient != "" {
		ids, err := d.Person(ctx, q.Patient)
		if err != nil {
			return nil, nil, err
		}
		if about, err = d.numbers(ctx, ids); err != nil {
			return nil, nil, err
		}
		if len(about) == 0 {
			return &TrailPage{}, nil, nil // nobody's record: nothing can have been shown of it
		}
		ask.Subjects = about
	} else if q.Actor != "" {
		ask.Subjects = []int64{store.ActorSubject(q.Actor)}
	}
	want := ask.Limit
	ask.Limit++ // one more than wanted tells whether there is another page
	page := &TrailPage{}
	named := names{}
	var last store.Entry
	// Of a patient's entries only one actor's may be wanted, and two actors may share a number: go on until there are enough.
	for {
		found, err := d.audit.ledger.Find(ctx, ask)
		if err != nil {
			return nil, nil, err
		}
		for i := range found {
			ask.Before = found[i]
			if q.Changes && !changes(found[i].Text) {
				continue
			}
			e, err := d.trailEntry(ctx, &found[i], named)
			if err != nil {
				return nil, nil, err
			}
			if q.Actor != "" && e.Who != q.Actor {
				continue
			}
			if len(page.Entries) == want {
				page.Next = trailToken(&last)
				return page, about, nil
			}
			page.Entries, last = append(page.Entries, e), found[i]
		}
		if len(found) < ask.Limit {
			return page, about, nil
		}
	}
}

// TrailEntry is one entry of the trail, by its place. Whoever asks must be allowed to see the trail of everybody whose record it shows.
func (d *Door) TrailEntry(ctx context.Context, who access.Actor, id string) (*TrailEntry, error) {
	what := "AuditEvent/" + id
	chain, number, _ := strings.Cut(id, ".")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fhir.Errorf(fhir.NotFound, "there is no %s", what)
	}
	found, err := d.audit.ledger.Entry(ctx, chain, n)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fhir.Errorf(fhir.NotFound, "there is no %s", what)
	}
	e, err := d.trailEntry(ctx, found, names{})
	if err != nil {
		return nil, err
	}
	decision, err := d.Decide(ctx, who, access.Read, "AuditEvent", "")
	if err != nil {
		return nil, err
	}
	if !decision.Permit {
		// Who may not see the trail of everybody sees of an entry what it says of those whose trail they may see.
		var may []string
		for _, patient := range e.Patients {
			of, err := d.Decide(ctx, who, access.Read, "AuditEvent", patient)
			if err != nil {
				return nil, err
			}
			if of.Permit {
				may = append(may, patient)
			}
		}
		if len(may) == 0 {
			return nil, d.audit.refused(ctx, who, access.Read, what, fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence()))
		}
		e.narrow(may, who)
	}
	numbers, err := d.numbers(ctx, e.Patients)
	if err != nil {
		return nil, err
	}
	return &e, d.audit.disclosed(ctx, who, access.Read, what, ofPatients(numbers)...)
}

// narrow leaves of an entry what concerns these Patients. One request may show several people: what was asked can name others, so
// that then only the types of resources are said. A patient does not see from which address staff work.
func (e *TrailEntry) narrow(patients []string, who access.Actor) {
	if who.Patient != "" {
		e.From = ""
	}
	all := len(e.Patients)
	e.Patients = slices.DeleteFunc(e.Patients, func(id string) bool { return !slices.Contains(patients, id) })
	if len(e.Patients) == all && (e.Action != access.Search || !strings.Contains(e.What, "?")) {
		return
	}
	left := strings.Join(Types(e.What), ", ")
	for _, way := range []string{Copied, Sent} {
		if strings.HasPrefix(e.What, way+" ") {
			left = way + ": " + left // how it left the record concerns everybody whose it is
		}
	}
	e.What = left
}

// Copied and Sent are the first words of what an entry says of extracts and of what subscribers were sent.
const (
	Copied = "export"
	Sent   = "notify"
)

// Types are the resource types that stand in what an entry says was asked, each once.
func Types(what string) []string {
	var out []string
	for _, word := range strings.FieldsFunc(what, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		name, _, _ := strings.Cut(word, "/")
		name, _, _ = strings.Cut(name, "?")
		if _, ok := spec.Resource(name); ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// numbers are the numbers by which entries name Patients.
func (d *Door) numbers(ctx context.Context, ids []string) ([]int64, error) {
	by, err := d.store.Numbers(ctx, nil, ids)
	return slices.Sorted(maps.Values(by)), err
}

// about are the numbers of the Patients in whose records versions are, nil where there are none. R4 has put some types into no compartment, such as Task; these are in
// the record of whom they name.
func (d *Door) about(ctx context.Context, w *store.Writer, versions []*store.Version) ([]int64, error) {
	if len(versions) == 0 {
		return nil, nil
	}
	out := make([]int64, 0, 4)
	var ids []string
	for _, v := range versions {
		if v.Patient != 0 {
			if len(out) == 0 || out[len(out)-1] != v.Patient {
				out = append(out, v.Patient)
			}
			continue
		}
		if !search.Personal(v.Type) || search.Compartment(v.Type) {
			continue
		}
		d.labels.Of(v.Type, v.Keys, func(id []byte) {
			if n := len(ids); n == 0 || ids[n-1] != string(id) {
				ids = append(ids, string(id))
			}
		})
	}
	if len(ids) > 0 {
		numbers, err := d.store.Numbers(ctx, w, ids)
		if err != nil {
			return nil, err
		}
		out = slices.AppendSeq(out, maps.Values(numbers))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ofPatients stands for resources of these patients where an entry says whose records were shown.
func ofPatients(numbers []int64) []*store.Version {
	out := make([]*store.Version, len(numbers))
	for i, n := range numbers {
		out[i] = &store.Version{Patient: n}
	}
	return out
}

// names are ids of Patients by their numbers, "" of those who are no more: most entries of a page are about the same few.
type names map[int64]string

func (n names) of(ctx context.Context, s *store.Store, number int64) (string, error) {
	id, known := n[number]
	if known {
		return id, nil
	}
	id, err := s.Patient(ctx, number)
	if err != nil && fhir.KindOf(err) != fhir.NotFound {
		return "", err
	}
	n[number] = id
	return id, nil
}

// trailEntry reads an entry. Patients are named by their ids.
func (d *Door) trailEntry(ctx context.Context, e *store.Entry, named names) (TrailEntry, error) {
	var raw struct {
		At                                                                      int64
		Who, Name, Role, Org, Is, Helper, App, Why, From, Action, What, Refused string
		Patients                                                                []int64
	}
	if err := json.Unmarshal(e.Text, &raw); err != nil {
		return TrailEntry{}, fhir.Errorf(fhir.Broken, "entry %d of chain %s of the audit trail cannot be read: %w", e.N, e.Chain, err)
	}
	out := TrailEntry{ID: trailID(e), At: time.UnixMicro(raw.At).UTC(), Who: raw.Who, Name: raw.Name, Role: raw.Role, Organization: raw.Org, Is: raw.Is, Helper: raw.Helper,
		App: raw.App, Purpose: raw.Why, From: raw.From, Action: access.Action(raw.Action), What: raw.What, Refused: raw.Refused}
	for _, n := range raw.Patients {
		id, err := named.of(ctx, d.store, n)
		if err != nil {
			return out, err
		}
		if id != "" {
			out.Patients = append(out.Patients, id)
		}
	}
	return out, nil
}

// changes reports whether an entry says that something was changed, at a glance: a quote in a string is escaped, so that the member cannot be inside one.
func changes(entry []byte) bool {
	_, action, _ := bytes.Cut(entry, []byte(`,"action":"`))
	return len(action) > 1 && action[1] == '"' && (action[0] == access.Create[0] || action[0] == access.Update[0] || action[0] == access.Delete[0])
}

// trailID is an entry's place as an id.
func trailID(e *store.Entry) string { return e.Chain + "." + strconv.FormatInt(e.N, 10) }

// trailToken is where a page ends, with its time, so that going on needs no search for the place.
func trailToken(e *store.Entry) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", e.Chain, e.N, e.At))
}

func readTrailPage(token string) (e store.Entry, err error) {
	if token == "" {
		return e, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%s %d %d", &e.Chain, &e.N, &e.At)
	}
	if err != nil {
		return e, fhir.Errorf(fhir.Invalid, "%q is no page of the audit trail", token)
	}
	return e, nil
}
