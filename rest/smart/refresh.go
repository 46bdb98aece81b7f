package smart

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

var errRefresh = refuse("invalid_grant", "the refresh token is not known, was used, is over, was taken back, or belongs to another client")

// byRefresh exchanges a refresh token for new tokens; each is used once. Where one is used twice, somebody else has it too, so everything given
// under its grant ends. https://www.rfc-editor.org/rfc/rfc9700#section-4.14
func (s *Service) byRefresh(ctx context.Context, c *Client, form url.Values) (*tokenBody, error) {
	text := form.Get("refresh_token")
	if text == "" {
		return nil, refuse("invalid_request", "refresh_token is needed")
	}
	var held refresh
	raw, err := s.get(ctx, kindRefresh, hashed(text), &held)
	if err != nil {
		return nil, err
	}
	if raw.Value == nil || held.Client != c.ID {
		return nil, errRefresh
	}
	if held.Used {
		return nil, s.compromised(ctx, c, held.Grant, "a refresh token of it was used twice", errRefresh)
	}
	var g Grant
	rawGrant, err := s.get(ctx, kindGrant, held.Grant, &g)
	if err != nil {
		return nil, err
	}
	if rawGrant.Value == nil || !g.Ended.IsZero() || !s.Now().Before(held.Until) {
		return nil, errRefresh
	}
	scopes, err := s.narrowed(form.Get("scope"), &g)
	if err != nil {
		return nil, err
	}
	if err := s.still(ctx, c, &g); err != nil {
		return nil, err
	}
	// What the client is registered for may have become less since.
	scopes = allowedOf(scopes, c.Scopes)
	if len(scopes) == 0 {
		return nil, refuse("invalid_scope", "nothing of it is among what the app is registered for")
	}
	body, items, err := s.issue(c, &g, scopes)
	if err != nil {
		return nil, err
	}
	held.Used = true
	items = append(items, item(kindRefresh, hashed(text), held))
	if err := s.gives(ctx, &g, body); err != nil {
		return nil, err
	}
	err = s.swap(ctx, g.Who, []record.BoxItem{raw, rawGrant}, items...)
	if err != nil && fhir.KindOf(err) == fhir.Conflict {
		// Two came at once with one token, or the grant was ended meanwhile: either way it must not go on.
		return nil, s.compromised(ctx, c, g.ID, "a refresh token of it was used twice at once", errRefresh)
	}
	return body, err
}

// narrowed are the scopes of a refresh: those of the grant, or fewer, never more.
func (s *Service) narrowed(list string, g *Grant) ([]string, error) {
	if strings.TrimSpace(list) == "" {
		return g.Scopes, nil
	}
	asked, err := s.parseScopes(list)
	if err != nil {
		return nil, refuse("invalid_scope", plain(err))
	}
	if len(asked) == 0 || len(asked) != len(slices.Compact(slices.Sorted(strings.FieldsSeq(list)))) || !allCovered(asked, g.Scopes) {
		return nil, refuse("invalid_scope", "more is asked for than was granted")
	}
	return asked, nil
}

// still asks again for the person of a grant, and whether they may still connect apps for its patient. Where not, the grant ends.
func (s *Service) still(ctx context.Context, c *Client, g *Grant) error {
	if s.Still != nil {
		who, err := s.Still(ctx, g.Who)
		if err == nil && who.ID != g.Who.ID {
			err = fhir.Errorf(fhir.Gone, "%s has become somebody else", g.Who.ID)
		}
		switch fhir.KindOf(err) {
		case fhir.Forbidden, fhir.NotFound, fhir.Gone:
			return s.compromised(ctx, c, g.ID, "the person's account is closed", errRefresh)
		}
		if err != nil {
			return err
		}
		who.App, who.Helper = nil, ""
		g.Who = who
	}
	if g.Who.Patient == "" || g.Patient == "" || g.Patient == g.Who.Patient {
		return nil
	}
	people, err := s.Patients(ctx, g.Who)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(people, func(p Person) bool { return p.Patient == g.Patient }) {
		return s.compromised(ctx, c, g.ID, "the person is no longer trusted with this record", errRefresh)
	}
	return nil
}

// compromised ends a grant, says so in the audit, and answers a refusal.
func (s *Service) compromised(ctx context.Context, c *Client, grant, why string, answer *Refusal) error {
	who := access.Actor{ID: "client/" + c.ID, Name: c.Name, Role: "system"}
	if err := s.end(ctx, who, grant, why); err != nil {
		return err
	}
	return answer
}
