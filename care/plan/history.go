package plan

import (
	"context"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Change is what one version of a plan changed.
type Change struct {
	At    time.Time
	By    string
	Parts []PartChange
}

// PartChange is a part before and after; "" before where it was new, "" after where it was taken out.
type PartChange struct {
	Part     Part
	Was, Now string
}

// mostVersions is how many versions of a plan are compared; older ones stay in the record.
const mostVersions = 200

// History is what was changed in somebody's plan, the newest first.
func (s *Service) History(ctx context.Context, who access.Actor, patient string) ([]Change, error) {
	id, err := s.planID(ctx, patient)
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, who, access.Read, "CarePlan", patient); err != nil {
		return nil, err
	}
	versions, err := s.Door.Changes(ctx, who, record.Log{Type: "CarePlan", ID: id, Back: true, Limit: mostVersions})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Reverse(versions)
	var out []Change
	was := &Plan{Says: map[Part]Said{}}
	for i := range versions {
		v := &versions[i]
		if v.Deleted || v.Body == nil {
			continue
		}
		var c r4.CarePlan
		if err := v.Decode(&c); err != nil {
			return nil, err
		}
		is := &Plan{Says: map[Part]Said{}}
		is.take(&c)
		one := Change{At: v.Updated}
		if n := len(c.Contributor); n > 0 {
			one.By = c.Contributor[n-1].Display
		}
		for _, part := range Parts {
			if a, b := was.Says[part].Text, is.Says[part].Text; a != b {
				one.Parts = append(one.Parts, PartChange{part, a, b})
			}
		}
		if len(one.Parts) > 0 && (i > 0 || len(versions) < mostVersions) {
			out = append(out, one)
		}
		was = is
	}
	slices.Reverse(out)
	return out, nil
}
