package signin

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// claims are what a provider says of somebody, in the words of NHS login and of CIS2.
// https://nhsconnect.github.io/nhslogin/scopes-and-claims/
type claims struct {
	Subject   string      `json:"sub"`
	Proofing  string      `json:"identity_proofing_level"`
	Number    string      `json:"nhs_number"`
	Born      string      `json:"birthdate"`
	Family    string      `json:"family_name"`
	Given     string      `json:"given_name"`
	Name      string      `json:"name"`
	User      string      `json:"nhsid_useruid"`
	NRBAC     []nrbacRole `json:"nhsid_nrbac_roles"`
	Vectors   string      `json:"vot"`
	Telephone string      `json:"phone_number"`
}

type nrbacRole struct {
	Organisation string `json:"org_code"`
	Code         string `json:"role_code"`
	Title        string `json:"role_name"`
}

// readClaims reads claims over those already known; what the later document does not say stays.
func readClaims(text []byte, c *claims) error {
	if err := json.Unmarshal(text, c); err != nil {
		return fhir.Errorf(fhir.Invalid, "what the provider says of you cannot be read: %w", err)
	}
	return nil
}

// fullName is somebody's name as people say it.
func (c *claims) fullName() string {
	name := strings.TrimSpace(c.Given + " " + c.Family)
	if name == "" {
		name = strings.TrimSpace(c.Name)
	}
	if name == "" {
		name = "Somebody without a name"
	}
	return short(name, 200)
}

// level is how well the provider knows who somebody is. What it does not say is P0.
func (c *claims) level(p Provider) access.Level {
	said := c.Proofing
	if said == "" && c.Vectors != "" {
		said, _, _ = strings.Cut(c.Vectors, ".") // P9.Cp.Cd
	}
	if p.Levels != nil {
		return access.Level(p.Levels[said])
	}
	switch said {
	case "P9":
		return access.P9
	case "P5":
		return access.P5
	}
	return access.P0
}

// roles are those of the policy, by the provider's table. A role that the table does not know, or of an organisation that may not, is none.
func (c *claims) roles(p Provider) (out []Role) {
	for _, n := range c.NRBAC {
		role := p.Roles[n.Code]
		if role == "" {
			role = p.Roles[n.Code[strings.LastIndexByte(n.Code, ':')+1:]]
		}
		if role == "" || !validODS(n.Organisation) || len(p.Organisations) > 0 && !slices.Contains(p.Organisations, n.Organisation) {
			continue
		}
		r := Role{Role: role, Organization: n.Organisation, Name: short(n.Title, 100), Issuer: p.Issuer}
		if !slices.ContainsFunc(out, func(have Role) bool { return have.Role == r.Role && have.Organization == r.Organization }) {
			out = append(out, r)
		}
	}
	return out
}

// born is the date of birth, "" where it is none.
func (c *claims) born() string {
	if _, err := time.Parse(time.DateOnly, c.Born); err != nil {
		return ""
	}
	return c.Born
}

// number is the NHS number in ten digits, "" where it is none.
func (c *claims) number() string {
	n := strings.ReplaceAll(c.Number, " ", "")
	if len(n) != 10 {
		return ""
	}
	sum := 0
	for i, d := range n {
		if d < '0' || d > '9' {
			return ""
		}
		if i < 9 {
			sum += int(d-'0') * (10 - i)
		}
	}
	if check := (11 - sum%11) % 11; check == 10 || check != int(n[9]-'0') {
		return ""
	}
	return n
}
