package smart

import (
	"context"
	"errors"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// Stands is an actor as of now, for what goes on after the request in which Who named them: exports, subscriptions. Gone where the client is not
// approved any more, where what a person allowed it was taken back or is over, and where the person's own account is no longer what it was.
// An app never gets more than it is registered for now.
//
// A backend service asks for a new token every few minutes, so what it began does not end with one of them, but with the client.
func (s *Service) Stands(ctx context.Context, who access.Actor) (access.Actor, error) {
	if who.App != nil {
		c, err := s.approved(ctx, who.App.ID)
		if _, refused := errors.AsType[*Refusal](err); refused {
			return who, fhir.Errorf(fhir.Gone, "the client is not approved any more")
		}
		if err != nil {
			return who, err
		}
		var g Grant
		raw, err := s.get(ctx, kindGrant, who.App.Grant, &g)
		if err != nil {
			return who, err
		}
		if raw.Value == nil && c.Kind != Backend || raw.Value != nil && !g.Ended.IsZero() || c.Kind != Backend && !s.Now().Before(g.Until) {
			return who, fhir.Errorf(fhir.Gone, "what the client was allowed was taken back, or is over")
		}
		app := *who.App
		asked := make([]string, len(app.Scopes))
		for i, sc := range app.Scopes {
			asked[i] = sc.String()
		}
		app.Scopes = resourceScopes(allowedOf(asked, c.Scopes))
		who.App = &app
		if c.Kind == Backend {
			return who, nil
		}
	}
	if s.Still == nil {
		return who, nil
	}
	return s.Still(ctx, who)
}
