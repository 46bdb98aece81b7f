package need

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// Service reads and keeps what somebody needs. Door must be set.
type Service struct {
	Door *record.Door
	Now  func() time.Time // nil for the clock
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// as is in whose name needs are read and written once it is decided: the Flags are part of how somebody is reached, as the Patient is, and a desk that may
// see no clinical record must know them.
func as(who access.Actor) access.Actor {
	return access.Actor{ID: "kith/need", Name: "How people are reached", Role: access.Kith, Purpose: cmp.Or(who.Purpose, "TREAT"), Helper: who.ID, From: who.From}
}

// Get is how somebody is to be reached, for whoever may read their Patient.
func (s *Service) Get(ctx context.Context, who access.Actor, patient string) (Need, error) {
	if err := s.may(ctx, who, access.Read, patient); err != nil {
		return Need{}, err
	}
	return s.Known(ctx, as(who), patient)
}

// Speaks is the language in which somebody is written to, for a part of this program that acts as who; English where nothing is known of it.
func (s *Service) Speaks(ctx context.Context, who access.Actor, patient string) (*words.Lang, error) {
	n, err := s.Known(ctx, who, strings.TrimPrefix(patient, "Patient/"))
	if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
		return nil, err
	}
	return words.In(n.Written()), nil
}

// Known is Get for a part of this program that acts as who.
func (s *Service) Known(ctx context.Context, who access.Actor, patient string) (Need, error) {
	group, err := s.group(ctx, patient)
	if err != nil {
		return Need{}, err
	}
	var patients []r4.Patient
	for _, id := range group {
		m, err := s.Door.Get(ctx, who, "Patient", id)
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			continue
		}
		if err != nil {
			return Need{}, err
		}
		var p r4.Patient
		if err := m.Decode(&p); err != nil {
			return Need{}, err
		}
		patients = append(patients, p)
	}
	if patients == nil {
		return Need{}, fhir.Errorf(fhir.NotFound, "there is no Patient/%s", patient)
	}
	var flags []r4.Flag
	for m, err := range s.Door.All(ctx, who, "Flag?patient="+patient) {
		if err != nil {
			return Need{}, err
		}
		var f r4.Flag
		if err := m.Decode(&f); err != nil {
			return Need{}, err
		}
		flags = append(flags, f)
	}
	// What was chosen here last counts: Flags of ours come after those of others.
	slices.SortStableFunc(flags, func(a, b r4.Flag) int { return strings.Compare(sinceOf(&a), sinceOf(&b)) })
	return Of(patients, flags), nil
}

// group are the Patients who are one person, the one asked for first.
func (s *Service) group(ctx context.Context, patient string) ([]string, error) {
	all, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	return append([]string{patient}, slices.DeleteFunc(all, func(id string) bool { return id == patient })...), nil
}

func sinceOf(f *r4.Flag) string {
	if f.Period == nil || f.Period.Start.Precision() == 0 {
		return ""
	}
	return f.Period.Start.Low().UTC().Format(time.RFC3339)
}

// Set keeps what somebody chose; empty fields take back what was said before. Who asks must be allowed to change the Patient, or to act for them. The
// errors are Invalid where there is no such choice, and Forbidden.
func (s *Service) Set(ctx context.Context, who access.Actor, patient string, c Choice) error {
	switch {
	case c.Language != "" && !slices.Contains(Languages, c.Language):
		return fhir.Errorf(fhir.Invalid, "%s", words.Text("Choose a language from the list")).At("language")
	case c.Format != "" && !slices.Contains(Formats, c.Format):
		return fhir.Errorf(fhir.Invalid, "%s", words.Text("Choose how we write to you")).At("format")
	case c.Channel != "" && !slices.Contains(Channels, c.Channel):
		return fhir.Errorf(fhir.Invalid, "%s", words.Text("Choose how we reach you")).At("channel")
	}
	if err := s.may(ctx, who, access.Update, patient); err != nil {
		return err
	}
	said := map[string]string{"language": c.Language, "format": string(c.Format), "channel": string(c.Channel), "interpreter": ""}
	if c.Interpreter {
		said["interpreter"] = "yes"
	}
	group, err := s.group(ctx, patient)
	if err != nil {
		return err
	}
	var ops []record.Op
	for _, kind := range []string{"language", "format", "channel", "interpreter"} {
		o, err := s.flag(ctx, who, group, kind, said[kind])
		if err != nil {
			return err
		}
		ops = append(ops, o...)
	}
	if len(ops) == 0 {
		return nil
	}
	_, err = s.Door.Commit(ctx, as(who), ops)
	return err
}

// flag is the change of one Flag: the one that holds the answer already, which may stand with another of the person's Patients, or a new one.
func (s *Service) flag(ctx context.Context, who access.Actor, group []string, kind, said string) ([]record.Op, error) {
	code, now := kind, fhir.DateTimeOf(s.now().UTC().Truncate(time.Second))
	if said != "" && kind != "interpreter" {
		code = kind + "-" + said
	}
	var ops []record.Op
	wanted := said != ""
	for _, patient := range group {
		id := flagID(patient, kind)
		m, err := s.Door.Get(ctx, as(who), "Flag", id)
		if k := fhir.KindOf(err); err != nil && k != fhir.NotFound && k != fhir.Gone {
			return nil, err
		}
		if err != nil {
			continue
		}
		var f r4.Flag
		if err := m.Decode(&f); err != nil {
			return nil, err
		}
		same := len(f.Code.Coding) > 0 && f.Code.Coding[0].Code == code
		switch {
		case wanted && same && f.Status == "active":
			wanted = false
			continue
		case wanted:
			f.Status, f.Code, f.Period, f.Author = "active", concept(code), &r4.Period{Start: now}, authorOf(who)
			wanted = false
		case f.Status == "active":
			f.Status, f.Period = "inactive", &r4.Period{Start: f.Period.Start, End: now}
		default:
			continue
		}
		f.Meta = nil
		o, err := put("Flag", id, &f)
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
	if wanted {
		id := flagID(group[0], kind)
		o, err := put("Flag", id, &r4.Flag{ID: id, Status: "active", Category: []r4.CodeableConcept{{Coding: []r4.Coding{{System: categorySystem, Code: categoryCode}}}}, Code: concept(code),
			Subject: &r4.Reference{Reference: "Patient/" + group[0]}, Period: &r4.Period{Start: now}, Author: authorOf(who)})
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
	return ops, nil
}

// may asks whether somebody may read or set how a person is reached: whoever may do so with the Patient, and for setting also whoever may act for them in
// their record.
func (s *Service) may(ctx context.Context, who access.Actor, action access.Action, patient string) error {
	decision, err := s.Door.Decide(ctx, who, action, "Patient", patient)
	if err != nil || decision.Permit {
		return err
	}
	if action == access.Update {
		other, err := s.Door.Decide(ctx, who, access.Create, "Flag", patient)
		if err != nil || other.Permit {
			return err
		}
	}
	return fhir.Errorf(fhir.Forbidden, "%s", decision.Sentence())
}

// flagID is the id of the Flag in which a Patient's answer to one question stands.
func flagID(patient, kind string) string {
	sum := sha256.Sum256([]byte("need\x00" + patient + "\x00" + kind))
	return "need-" + hex.EncodeToString(sum[:12])
}

// authorOf names who said it; somebody without a resource of their own by name.
func authorOf(who access.Actor) *r4.Reference {
	if ref := fhir.ParseReference(who.ID); ref.Type == "Patient" || ref.Type == "Practitioner" || ref.Type == "PractitionerRole" {
		return &r4.Reference{Reference: who.ID, Display: who.Name}
	}
	if who.Name == "" {
		return nil
	}
	return &r4.Reference{Display: who.Name}
}

func put(typ, id string, resource any) (record.Op, error) {
	res, err := fhir.Parse(r4.Encode(resource))
	return record.Op{Method: record.Update, Type: typ, ID: id, Resource: res}, err
}
