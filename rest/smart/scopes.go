package smart

import (
	"net/url"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
)

// The scopes that are not on resources. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
const (
	scopeLaunch          = "launch"
	scopeLaunchPatient   = "launch/patient"
	scopeLaunchEncounter = "launch/encounter"
	scopeOpenID          = "openid"
	scopeUser            = "fhirUser"
	scopeProfile         = "profile"
	scopeOffline         = "offline_access"
	scopeOnline          = "online_access"
)

var plainScopes = []string{scopeLaunch, scopeLaunchPatient, scopeLaunchEncounter, scopeOpenID, scopeUser, scopeProfile, scopeOffline, scopeOnline}

// maxScopes bounds one request; no app on record asks for half as many.
const maxScopes = 100

// OnResources reports whether a scope is one on resources, and what it says.
func OnResources(text string) (access.Scope, bool) {
	if slices.Contains(plainScopes, text) {
		return access.Scope{}, false
	}
	sc, err := access.ParseScope(text)
	return sc, err == nil
}

// parseScopes reads a list of scopes, each once, in the order given. Words that are no scope of SMART are left out, as RFC 6749
// (section 3.3) has it; a scope on resources that makes no sense is an error.
func (s *Service) parseScopes(list string) ([]string, error) {
	var out []string
	for text := range strings.FieldsSeq(list) {
		if slices.Contains(out, text) {
			continue
		}
		if len(out) == maxScopes {
			return nil, fhir.Errorf(fhir.Invalid, "more than %d scopes are asked for", maxScopes)
		}
		context, _, _ := strings.Cut(text, "/")
		switch {
		case slices.Contains(plainScopes, text):
		case context == "patient" || context == "user" || context == "system":
			if err := s.checkScope(text); err != nil {
				return nil, err
			}
		default:
			continue
		}
		out = append(out, text)
	}
	return out, nil
}

// checkScope says whether a scope on resources is one.
func (s *Service) checkScope(text string) error {
	sc, err := access.ParseScope(text)
	if err != nil {
		return err
	}
	if sc.Type != "*" {
		if _, ok := spec.Resource(sc.Type); !ok {
			return fhir.Errorf(fhir.Invalid, "the scope %q is on %s, which is no resource type of FHIR R4", text, sc.Type)
		}
	}
	if sc.Query != "" {
		if sc.Type == "*" {
			return fhir.Errorf(fhir.Invalid, "the scope %q narrows all types by one query: name the type", text)
		}
		params, err := url.ParseQuery(sc.Query)
		if err != nil {
			return fhir.Errorf(fhir.Invalid, "the query of the scope %q cannot be read", text)
		}
		for name := range params {
			// What brings in more, or says how the answer looks, narrows nothing.
			if strings.HasPrefix(name, "_") && !slices.Contains(narrowing, strings.SplitN(name, ":", 2)[0]) || params.Get(name) == "" {
				return fhir.Errorf(fhir.Invalid, "the query of the scope %q does not narrow it by %s", text, name)
			}
		}
	}
	if s.CheckScope != nil {
		return s.CheckScope(sc)
	}
	return nil
}

// narrowing are the parameters of all types by which a scope can be narrowed.
var narrowing = []string{"_id", "_lastUpdated", "_tag", "_security", "_profile"}

// within is the part of a scope that another allows, "" for none. Two different queries become one that asks for both.
func within(asked, allowed string) string {
	if asked == allowed {
		return asked
	}
	a, ok := OnResources(asked)
	b, also := OnResources(allowed)
	if !ok || !also || a.Context != b.Context {
		return ""
	}
	both := access.Scope{Context: a.Context, Type: a.Type, Query: a.Query}
	switch {
	case a.Type == b.Type || b.Type == "*":
	case a.Type == "*":
		both.Type = b.Type
	default:
		return ""
	}
	for _, c := range a.May {
		if strings.ContainsRune(b.May, c) {
			both.May += string(c)
		}
	}
	if both.May == "" {
		return ""
	}
	both.Query = narrowedBy(a.Query, b.Query)
	if both == a {
		return asked // in the spelling of the app: v1 stays v1
	}
	return both.String()
}

// narrowedBy is a query that asks for what it says and for what another says.
func narrowedBy(query, also string) string {
	have := strings.Split(query, "&")
	for param := range strings.SplitSeq(also, "&") {
		switch {
		case param == "" || slices.Contains(have, param):
		case query == "":
			query = param
		default:
			query += "&" + param
		}
	}
	return query
}

// allowedOf is what of the scopes asked for stands within those allowed.
func allowedOf(asked, allowed []string) []string {
	var out []string
	for _, a := range asked {
		for _, b := range allowed {
			if w := within(a, b); w != "" && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	// What another gives already is left out; of two that give the same the first stays.
	var least []string
	for i, one := range out {
		if !slices.ContainsFunc(out[:i], func(o string) bool { return covers(o, one) }) && !slices.ContainsFunc(out[i+1:], func(o string) bool { return covers(o, one) && !covers(one, o) }) {
			least = append(least, one)
		}
	}
	return least
}

// covers reports whether everything that a scope gives is given by another.
func covers(wide, narrow string) bool {
	if wide == narrow {
		return true
	}
	return within(narrow, wide) == narrow
}

// allCovered reports whether all of some scopes are covered by others.
func allCovered(narrow, wide []string) bool {
	for _, n := range narrow {
		if !slices.ContainsFunc(wide, func(w string) bool { return covers(w, n) }) {
			return false
		}
	}
	return true
}

// resourceScopes are the scopes on resources, as the policy takes them.
func resourceScopes(list []string) []access.Scope {
	var out []access.Scope
	for _, text := range list {
		if sc, ok := OnResources(text); ok {
			out = append(out, sc)
		}
	}
	return out
}

// needsPatient reports whether scopes make no sense without one patient.
func needsPatient(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(text string) bool {
		return text == scopeLaunchPatient || strings.HasPrefix(text, "patient/")
	})
}

func withoutContext(scopes []string, context string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(text string) bool { return strings.HasPrefix(text, context+"/") })
}
