package smart

import (
	"context"
	"net/url"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

// byClient gives a backend service an access token for what it asks within what it was approved for. It gets no refresh token: it can
// always ask again. https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
func (s *Service) byClient(ctx context.Context, c *Client, form url.Values) (*tokenBody, error) {
	asked, err := s.parseScopes(form.Get("scope"))
	if err != nil {
		return nil, refuse("invalid_scope", plain(err))
	}
	scopes := allowedOf(asked, c.Scopes)
	if len(scopes) == 0 {
		return nil, refuse("invalid_scope", "nothing that is asked for is among what the client is registered for")
	}
	who := access.Actor{ID: "client/" + c.ID, Name: c.Name, Role: "system", Organization: c.Organization, Purpose: c.Purpose}
	now := s.Now().UTC()
	g := Grant{ID: grantID(who.ID), Client: c.ID, Who: who, Scopes: scopes, Made: now}
	body, items, err := s.issue(c, &g, scopes)
	if err != nil {
		return nil, err
	}
	if err := s.gives(ctx, &g, body); err != nil {
		return nil, err
	}
	return body, s.swap(ctx, who, []record.BoxItem{absent(kindGrant, g.ID)}, items...)
}
