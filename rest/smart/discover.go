package smart

import (
	"net/http"

	"github.com/kith-care/kith/fhir"
)

// smartConfiguration is what apps read first.
// https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
type smartConfiguration struct {
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	Authorize     string   `json:"authorization_endpoint"`
	Grants        []string `json:"grant_types_supported"`
	Token         string   `json:"token_endpoint"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Scopes        []string `json:"scopes_supported"`
	Responses     []string `json:"response_types_supported"`
	Management    string   `json:"management_endpoint"`
	Introspect    string   `json:"introspection_endpoint"`
	Revoke        string   `json:"revocation_endpoint"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	IssInResponse bool     `json:"authorization_response_iss_parameter_supported"`

	Capabilities []string `json:"capabilities,omitempty"` // of SMART

	Modes    []string `json:"response_modes_supported,omitempty"` // the rest is of OpenID Connect
	Subjects []string `json:"subject_types_supported,omitempty"`
	IDAlgs   []string `json:"id_token_signing_alg_values_supported,omitempty"`
	Claims   []string `json:"claims_supported,omitempty"`
}

// capabilities are those of SMART that are served.
// https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capability-sets
var capabilities = []string{"launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric", "sso-openid-connect",
	"context-banner", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient", "permission-offline", "permission-online", "permission-patient", "permission-user",
	"permission-v1", "permission-v2"}

func (s *Service) configuration() smartConfiguration {
	at := s.Issuer()
	return smartConfiguration{
		Issuer: at, JWKS: at + "/auth/jwks", Authorize: at + "/auth/authorize", Token: at + "/auth/token", Introspect: at + "/auth/introspect", Revoke: at + "/auth/revoke", Management: at + "/apps",
		Grants:    []string{"authorization_code", "refresh_token", "client_credentials"},
		TokenAuth: []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}, TokenAuthAlgs: []string{"RS384", "ES384"},
		Scopes: append(append([]string{}, plainScopes...), "patient/*.cruds", "user/*.cruds", "system/*.cruds"), Responses: []string{"code"}, Challenges: []string{"S256"}, IssInResponse: true,
	}
}

func (s *Service) smartConfiguration(w http.ResponseWriter, r *http.Request) {
	c := s.configuration()
	c.Capabilities = capabilities
	s.answer(w, http.StatusOK, c)
}

// openIDConfiguration is the same for OpenID Connect and RFC 8414.
func (s *Service) openIDConfiguration(w http.ResponseWriter, r *http.Request) {
	c := s.configuration()
	c.Modes, c.Subjects, c.IDAlgs = []string{"query"}, []string{"public"}, []string{"RS256", "ES256"}
	c.Claims = []string{"iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile", "name"}
	s.answer(w, http.StatusOK, c)
}

// Security is the security section of the CapabilityStatement, as JSON.
// https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
func (s *Service) Security() []byte {
	at := s.Issuer()
	b := []byte(`{"cors":true,"service":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/restful-security-service","code":"SMART-on-FHIR"}],"text":"OAuth2 using SMART-on-FHIR profile"}],"extension":[{"url":"http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris","extension":[`)
	for i, e := range []struct{ name, path string }{{"authorize", "/auth/authorize"}, {"token", "/auth/token"}, {"introspect", "/auth/introspect"}, {"revoke", "/auth/revoke"}, {"manage", "/apps"}} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"url":"`+e.name+`","valueUri":`...)
		b = append(fhir.AppendString(b, at+e.path), '}')
	}
	return append(b, `]}]}`...)
}
