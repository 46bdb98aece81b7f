package signin

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Provider is a place whose sign-in is taken, by OpenID Connect. https://openid.net/specs/openid-connect-core-1_0.html
type Provider struct {
	Name     string   `json:"name"`   // in addresses: nhs-login
	Title    string   `json:"title"`  // on the button: NHS login
	For      Kind     `json:"for"`    // patient or staff
	Issuer   string   `json:"issuer"` // its address, where /.well-known/openid-configuration stands
	ClientID string   `json:"clientID"`
	Secret   string   `json:"secret"` // where our secret stands: env:NAME or the path of a file; "" for none
	Key      string   `json:"key"`    // where our private key stands (PEM), with which we sign instead of having a secret, as NHS login asks; env:NAME or a path
	KeyID    string   `json:"keyID"`
	Scopes   []string `json:"scopes"` // beside openid; none for those NHS login or CIS2 know
	// Ask are more parameters of the request, such as vtr or acr_values.
	Ask map[string]string `json:"ask"`
	// Levels says which Level the values of the claim identity_proofing_level are; nil for those of NHS login, which are P0, P5 and P9.
	Levels map[string]int `json:"levels"`
	// Roles says which role of the policy a role_code of the claim nhsid_nrbac_roles is: the whole code (S8000:G8000:R8000) or its last part (R8000).
	Roles map[string]string `json:"roles"`
	// Organisations are the ODS codes whose staff may sign in; none for all of them.
	Organisations []string `json:"organisations"`
	BuiltIn       bool     `json:"-"` // it is Kith's own: nobody shows it photo ID
}

func (p Provider) check() error {
	wrong := func(format string, args ...any) error {
		return fhir.Errorf(fhir.Invalid, "provider "+p.Name+": "+format, args...)
	}
	if p.Name == "" || strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fhir.Errorf(fhir.Invalid, "a provider's name is of small letters, digits and -, not %q", p.Name)
	}
	if p.Title == "" {
		return wrong("title says what stands on its button")
	}
	if p.For != Patient && p.For != Staff {
		return wrong("for is patient or staff, not %q", p.For)
	}
	u, err := url.Parse(p.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return wrong("issuer is an https address, not %q", p.Issuer)
	}
	if p.ClientID == "" {
		return wrong("clientID is missing")
	}
	if p.Secret != "" && p.Key != "" {
		return wrong("secret and key are both given: one is enough")
	}
	for value, level := range p.Levels {
		if level != 0 && level != 5 && level != 9 {
			return wrong("levels: %s is level %d, which is not 0, 5 or 9", value, level)
		}
	}
	if p.For == Staff && len(p.Roles) == 0 {
		return wrong("roles says which role each role_code is; without it no staff could sign in")
	}
	for code, role := range p.Roles {
		if !slices.Contains(staffRoles, role) {
			return wrong("roles: %s is %q; there are: %s", code, role, strings.Join(staffRoles, ", "))
		}
	}
	return nil
}

// scopes are what is asked for.
func (p Provider) scopes() []string {
	if len(p.Scopes) > 0 {
		return append([]string{"openid"}, p.Scopes...)
	}
	if p.For == Staff {
		return []string{"openid", "profile", "nationalrbacaccess"}
	}
	return []string{"openid", "profile", "profile_extended", "phone"}
}

// File is the JSON file of kith serve --signin (docs/signin.md).
type File struct {
	Origin      string     `json:"origin"` // what browsers have in their address bar
	Name        string     `json:"name"`
	Proxies     []string   `json:"proxies"` // addresses or networks of machines in front of this one
	Providers   []Provider `json:"providers"`
	IdleStaff   string     `json:"idleStaff"` // "30m"
	IdlePatient string     `json:"idlePatient"`
	Absolute    string     `json:"absolute"`
	PaperLife   string     `json:"paperLife"`
	DeskLife    string     `json:"deskLife"`
	// BuiltIn is the provider inside Kith, for places without one: its users have passwords (kith account password). "" for none, patient, staff or both.
	BuiltIn []Kind `json:"builtIn"`
}

// ReadFile reads such a file into options. What it does not know is refused, so that a mistyped word does no harm in silence.
func ReadFile(text []byte) (File, Options, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, Options{}, fhir.Errorf(fhir.Invalid, "the file is not understood: %w", err)
	}
	if d.More() {
		return f, Options{}, fhir.Errorf(fhir.Invalid, "the file goes on after its end")
	}
	o := Options{Origin: f.Origin, Name: f.Name, Providers: f.Providers}
	for _, t := range []struct {
		name, text string
		value      *time.Duration
		least      time.Duration
	}{{"idleStaff", f.IdleStaff, &o.IdleStaff, time.Minute}, {"idlePatient", f.IdlePatient, &o.IdlePatient, time.Minute}, {"absolute", f.Absolute, &o.Absolute, 10 * time.Minute},
		{"paperLife", f.PaperLife, &o.PaperLife, time.Hour}, {"deskLife", f.DeskLife, &o.DeskLife, time.Minute}} {
		if t.text == "" {
			continue
		}
		d, err := time.ParseDuration(t.text)
		if err != nil || d < t.least {
			return f, o, fhir.Errorf(fhir.Invalid, "%s is a time such as 30m or 12h, at least %v, not %q", t.name, t.least, t.text)
		}
		*t.value = d
	}
	for _, p := range f.Proxies {
		network, err := netip.ParsePrefix(p)
		if err != nil {
			a, err := netip.ParseAddr(p)
			if err != nil {
				return f, o, fhir.Errorf(fhir.Invalid, "proxies: %q is no address and no network", p)
			}
			network = netip.PrefixFrom(a, a.BitLen())
		}
		o.Proxies = append(o.Proxies, network)
	}
	for _, p := range f.Providers {
		if err := p.check(); err != nil {
			return f, o, err
		}
	}
	for _, k := range f.BuiltIn {
		if k != Patient && k != Staff {
			return f, o, fhir.Errorf(fhir.Invalid, "builtIn is patient or staff, not %q", k)
		}
	}
	return f, o, nil
}

// secret reads what stands outside the file: env:NAME or the path of a file.
func secret(where string) (string, error) {
	if where == "" {
		return "", nil
	}
	if name, ok := strings.CutPrefix(where, "env:"); ok {
		value := os.Getenv(name)
		if value == "" {
			return "", fhir.Errorf(fhir.Invalid, "the environment has no %s", name)
		}
		return value, nil
	}
	text, err := os.ReadFile(where)
	if err != nil {
		return "", fhir.Errorf(fhir.Invalid, "the secret cannot be read: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
