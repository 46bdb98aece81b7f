package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir/r4"
)

// Other is a plan that somebody else keeps: the council, a community service, a practice. It is shown and not changed here.
type Other struct {
	ID, Title, About string
	From, Feed       string    // who wrote it; the name of the feed that brought it, "" for none
	Since, Until     time.Time // zero where not known
	Lines            []string
}

// Others are the plans of others that are active, as whoever asks may see them, by title.
func (s *Service) Others(ctx context.Context, who access.Actor, patient string) (out []Other, err error) {
	for m, err := range s.Door.All(ctx, who, "CarePlan?status=active,on-hold&patient="+url.QueryEscape(patient)) {
		if err != nil {
			return nil, err
		}
		var c r4.CarePlan
		if err := m.Decode(&c); err != nil {
			return nil, err
		}
		// Measuring at home has pages of its own.
		if inCategory(c.Category, PlanSystem, AboutMe) || inCategory(c.Category, monitorPlan, "monitoring") {
			continue
		}
		out = append(out, otherOf(&c))
	}
	slices.SortFunc(out, func(a, b Other) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func otherOf(c *r4.CarePlan) Other {
	o := Other{ID: c.ID, Title: c.Title, About: c.Description}
	for i := range c.Category {
		o.Title = cmp.Or(o.Title, textOf(&c.Category[i]))
	}
	if c.Author != nil {
		o.From = c.Author.Display
	}
	if c.Meta != nil {
		if source, brought := strings.CutPrefix(c.Meta.Source, "urn:kith:intake:"); brought {
			o.Feed, _, _ = strings.Cut(source, "/")
		}
	}
	if c.Period != nil {
		if c.Period.Start.Year != 0 {
			o.Since = c.Period.Start.Low()
		}
		if c.Period.End.Year != 0 {
			o.Until = c.Period.End.Low()
		}
	}
	for _, a := range c.Activity {
		if a.Detail == nil {
			continue
		}
		// What is done says more to a reader than how it is paid for, which is what councils write in the description.
		if line := cmp.Or(textOf(a.Detail.Code), a.Detail.Description, a.Detail.ScheduledString); line != "" && line != o.Title {
			o.Lines = append(o.Lines, line)
		}
	}
	return o
}
