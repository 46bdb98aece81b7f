package export

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
)

// Ask is what somebody asks for.
type Ask struct {
	Request  string   // the address at which it was asked for, for the manifest
	Personal bool     // only what is in people's records
	Group    string   // id of the Group whose members it is about, "" for none
	Patients []string // ids of the Patients it is about, within the Group where one is named; nil for all
	Types    []string // nil for all that the asker may see
	Filters  []string // searches such as Observation?code=1, of which a resource of that type must meet one
	Since    time.Time
	Elements []string // members of the top level, nil for all
}

// mostPeople bounds the Patients that one extract names.
const mostPeople = 50_000

// ErrTooMany says that the asker has as many extracts under way, or kept, as one may have.
var ErrTooMany = fhir.Errorf(fhir.TooMany, "you have as many exports as one may have at once: wait until one is prepared, or delete one")

// Start begins an extract and answers its id. Forbidden names a type that the asker may never see; where they name none, it is about those they may.
func (s *Service) Start(ctx context.Context, who access.Actor, a Ask) (id string, err error) {
	id, err = s.start(ctx, who, a)
	if err != nil && fhir.KindOf(err) == fhir.Forbidden {
		err = errors.Join(err, s.box().Note(ctx, who, access.Search, a.Request, err.Error()))
	}
	return id, err
}

func (s *Service) start(ctx context.Context, who access.Actor, a Ask) (id string, err error) {
	j := &job{ID: s.Door.NewID(), Who: who, Request: a.Request, Personal: a.Personal, Elements: a.Elements, Begun: s.now().UTC(), Filters: map[string][]string{}}
	if err := s.settleTypes(j, who, &a); err != nil {
		return "", err
	}
	people, err := s.people(ctx, who, &a, slices.ContainsFunc(j.Types, record.Personal))
	if err != nil {
		return "", err
	}
	j.People = len(people)
	if j.Seq, j.Moment, err = s.Door.Moment(ctx); err != nil {
		return "", err
	}
	if !a.Since.IsZero() {
		j.Since = true
		if j.From, err = s.Door.SeqBy(ctx, a.Since); err != nil {
			return "", err
		}
		j.At.After = j.From
	}
	items := []record.BoxItem{record.JSONItem(kindJob, j.ID, j)}
	if people != nil {
		items = append(items, record.BoxItem{Kind: kindPeople, Key: j.ID, Value: []byte(strings.Join(people, "\n"))})
		if len(people) == 0 {
			j.State, j.Until = finished, s.now().Add(s.keep())
			items = []record.BoxItem{record.JSONItem(kindJob, j.ID, j)}
		}
	}
	return j.ID, s.box().Decide(ctx, func(get func(kind, key string) ([]byte, error)) (record.Noted, error) {
		key := who.Key()
		mine, under, err := s.ownedBy(get, key)
		if err != nil {
			return record.Noted{}, err
		}
		if under >= or(s.AtOnce, 4) || len(mine.Jobs) >= or(s.Kept, 50) {
			return record.Noted{}, ErrTooMany
		}
		mine.Jobs = append(mine.Jobs, j.ID)
		return record.Noted{Items: append(slices.Clone(items), record.JSONItem(kindOwner, key, mine)), Jobs: []record.Job{{Name: j.ID, Due: j.Until}}, Who: who, Action: access.Search, What: "start " + j.ID + ": " + a.Request}, nil
	})
}

func (s *Service) keep() time.Duration { return or(s.Keep, 24*time.Hour) }

// ownedBy are the extracts of an asker that are still there, and how many of them are under way.
func (s *Service) ownedBy(get func(kind, key string) ([]byte, error), key string) (mine owned, under int, err error) {
	have, err := record.ReadJSON[owned](get, kindOwner, key)
	if err != nil || have == nil {
		return mine, 0, err
	}
	for _, id := range have.Jobs {
		j, err := record.ReadJSON[job](get, kindJob, id)
		if err != nil {
			return mine, 0, err
		}
		if j == nil {
			continue
		}
		mine.Jobs = append(mine.Jobs, id)
		if j.State == running {
			under++
		}
	}
	return mine, under, nil
}

// settleTypes says of which types an extract is, and by what they are filtered.
func (s *Service) settleTypes(j *job, who access.Actor, a *Ask) error {
	for _, text := range a.Filters {
		typ, query, found := strings.Cut(text, "?")
		if !found || query == "" {
			return fhir.Errorf(fhir.Invalid, "_typeFilter: %q is no search such as Observation?status=final", text)
		}
		if _, ok := spec.Resource(typ); !ok {
			return fhir.Errorf(fhir.Invalid, "_typeFilter: there is no resource type %q in FHIR R4", typ)
		}
		if a.Types != nil && !slices.Contains(a.Types, typ) {
			return fhir.Errorf(fhir.Invalid, "_typeFilter: %s is not among the types of _type", typ)
		}
		j.Filters[typ] = append(j.Filters[typ], query)
	}
	for _, typ := range slices.Sorted(maps.Keys(j.Filters)) {
		if err := s.Door.CheckExtract(typ, j.Filters[typ]); err != nil {
			return err
		}
		if err := s.Door.MayExtract(who, typ); err != nil {
			return err
		}
	}
	for _, typ := range a.Types {
		if err := s.Door.MayExtract(who, typ); err != nil {
			return err
		}
		if a.Personal && !record.Personal(typ) {
			return fhir.Errorf(fhir.Unsupported, "_type: resources of type %s are in nobody's record: ask for them by [base]/$export", typ)
		}
		if !slices.Contains(j.Types, typ) {
			j.Types = append(j.Types, typ)
		}
	}
	if a.Types != nil {
		return nil
	}
	for _, typ := range spec.ResourceNames() {
		if (!a.Personal || record.Personal(typ)) && s.Door.MayExtract(who, typ) == nil {
			j.Types = append(j.Types, typ)
		}
	}
	if len(j.Types) == 0 {
		return s.Door.MayExtract(who, "Patient")
	}
	return nil
}

// people are the Patients that an extract is about, in order, nil for all. Each brings all Patients who are the same person. personal says that
// resources of people are asked for.
func (s *Service) people(ctx context.Context, who access.Actor, a *Ask, personal bool) ([]string, error) {
	within, bound, err := s.Door.Within(ctx, who)
	if err != nil {
		return nil, err
	}
	bound = bound && personal
	if bound && !a.Personal {
		return nil, fhir.Errorf(fhir.Unsupported, "you see some people's records only: ask for them by [base]/Patient/$export")
	}
	if a.Group == "" && a.Patients == nil && !bound {
		return nil, nil
	}
	ids := a.Patients
	if a.Group != "" {
		members, err := s.members(ctx, who, a.Group)
		if err != nil {
			return nil, err
		}
		if ids, err = s.all(ctx, members); err != nil {
			return nil, err
		}
		if a.Patients != nil {
			named, err := s.all(ctx, a.Patients)
			if err != nil {
				return nil, err
			}
			ids = both(ids, named)
		}
	} else if a.Patients != nil {
		if ids, err = s.all(ctx, a.Patients); err != nil {
			return nil, err
		}
	}
	if bound {
		slices.Sort(within)
		if a.Group == "" && a.Patients == nil {
			ids = within
		} else {
			ids = both(ids, within)
		}
	}
	if ids == nil {
		ids = []string{}
	}
	return ids, nil
}

// both are the ids that stand in each of two lists in order.
func both(a, b []string) []string {
	out := []string{}
	for _, id := range a {
		if _, ok := slices.BinarySearch(b, id); ok {
			out = append(out, id)
		}
	}
	return out
}

// all are Patients and whoever else is the same person, in order and each once.
func (s *Service) all(ctx context.Context, patients []string) ([]string, error) {
	var out []string
	for _, id := range patients {
		if !fhir.ValidID(id) {
			return nil, fhir.Errorf(fhir.Invalid, "patient: %q cannot be the id of a Patient", id)
		}
		same, err := s.Door.Person(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, same...)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) > mostPeople {
		return nil, fhir.Errorf(fhir.TooCostly, "one export names %d people at most: ask for Patient/$export", mostPeople)
	}
	return out, nil
}

// members are the Patients who are in a Group now. The Group is read as by anybody who asks for it.
func (s *Service) members(ctx context.Context, who access.Actor, id string) ([]string, error) {
	stored, err := s.Door.Get(ctx, who, "Group", id)
	if err != nil {
		return nil, err
	}
	group, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	if group.Root().Get("actual").Is("false") || !group.Root().Get("actual").Bool() || !group.Root().Get("member").Exists() && group.Root().Get("characteristic").Exists() {
		return nil, fhir.Errorf(fhir.Unsupported, "Group/%s says what its members are like, and not who they are", id)
	}
	out := []string{}
	for m := range group.Root().Get("member").Items() {
		ref := fhir.ParseReference(m.Get("entity").Get("reference").Text())
		if ref.Type != "Patient" || m.Get("inactive").Bool() || s.over(m.Get("period").Get("end")) {
			continue
		}
		out = append(out, ref.ID)
	}
	return out, nil
}

// over reports whether a date is past.
func (s *Service) over(end fhir.Value) bool {
	if !end.Exists() {
		return false
	}
	at, err := fhir.ParseDateTime(end.Text())
	return err == nil && !at.High().After(s.now())
}
