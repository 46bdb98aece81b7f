package bulk

import (
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/fhir"
)

// mostAsked is how large the body of a kick-off may be, in bytes.
const mostAsked = 8 << 20

// known are the parameters of a kick-off.
var known = []string{"_outputFormat", "_since", "_type", "_typeFilter", "_elements", "patient"}

// read is what a kick-off asks for.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, parts []string) (*export.Ask, error) {
	prefer := preferences(r)
	if !slices.Contains(prefer, "respond-async") {
		return nil, fhir.Errorf(fhir.Invalid, "an export is prepared while you wait: say Prefer: respond-async")
	}
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the query string %q cannot be read", r.URL.RawQuery)
	}
	delete(params, "_format") // of the answer to the kick-off, which has no body
	delete(params, "_pretty")
	if r.Method == http.MethodPost {
		if err := addBody(w, r, params); err != nil {
			return nil, err
		}
	} else if params.Has("patient") {
		return nil, fhir.Errorf(fhir.Invalid, "patient is taken in the body of a POST alone, so that it stands in no log of addresses")
	}
	ask := &export.Ask{Request: h.Base + r.URL.RequestURI(), Personal: parts[0] != "$export"}
	if parts[0] == "Group" {
		ask.Group = parts[1]
	}
	lenient := slices.Contains(prefer, "handling=lenient")
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !slices.Contains(known, name) && !lenient {
			return nil, fhir.Errorf(fhir.Unsupported, "%s is not served by $export; it takes %s", name, strings.Join(known, ", "))
		}
	}
	return ask, fill(ask, params)
}

// fill reads the parameters into what is asked for.
func fill(ask *export.Ask, params url.Values) error {
	switch format := params.Get("_outputFormat"); format {
	case "", "application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson":
	default:
		return fhir.Errorf(fhir.Unsupported, "_outputFormat: %q is not served: exports are application/fhir+ndjson", format)
	}
	if text := params.Get("_since"); text != "" {
		at, err := fhir.ParseDateTime(strings.Replace(text, " ", "+", 1)) // a plus sign that was not escaped
		if err != nil || !strings.Contains(text, "T") {
			return fhir.Errorf(fhir.Invalid, "_since=%s is no instant such as 2026-11-26T10:00:00Z", text)
		}
		ask.Since = at.Low()
	}
	ask.Types = listed(params["_type"])
	ask.Elements = listed(params["_elements"])
	for _, text := range params["_typeFilter"] {
		ask.Filters = append(ask.Filters, filters(text)...)
	}
	for _, ref := range params["patient"] {
		if !ask.Personal {
			return fhir.Errorf(fhir.Unsupported, "patient is taken by Patient/$export and Group/[id]/$export")
		}
		of := fhir.ParseReference(ref)
		if of.Type != "Patient" || !fhir.ValidID(of.ID) {
			return fhir.Errorf(fhir.Invalid, "patient: %q is no reference such as Patient/1", ref)
		}
		ask.Patients = append(ask.Patients, of.ID)
	}
	return nil
}

// listed are values that stand one after another, with commas, or as several parameters.
func listed(values []string) []string {
	var out []string
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one != "" {
				out = append(out, one)
			}
		}
	}
	return out
}

// another is where the next search begins in a list of them: a comma may also stand within one.
var another = regexp.MustCompile(`,([A-Z][A-Za-z]+\?)`)

func filters(text string) []string {
	return strings.Split(another.ReplaceAllString(text, "\n$1"), "\n")
}

// preferences are what the Prefer headers ask for.
func preferences(r *http.Request) []string {
	var out []string
	for _, h := range r.Header.Values("Prefer") {
		out = append(out, strings.FieldsFunc(h, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })...)
	}
	return out
}

// addBody reads the parameters of a Parameters resource.
func addBody(w http.ResponseWriter, r *http.Request, params url.Values) error {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/fhir+json" && media != "application/json" {
		return fhir.Errorf(fhir.Unsupported, "an export is asked for by GET, or by POST of a Parameters resource as application/fhir+json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostAsked))
	if err != nil {
		return fhir.Errorf(fhir.TooLarge, "the body is larger than %d MB, or broke off", mostAsked>>20)
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	if res.Type() != "Parameters" {
		return fhir.Errorf(fhir.Invalid, "the body is of type %q, not Parameters", res.Type())
	}
	for p := range res.Root().Get("parameter").Items() {
		name := p.Get("name").Text()
		value := ""
		for member, v := range p.Members() {
			switch {
			case member == "valueReference":
				value = v.Get("reference").Text()
			case strings.HasPrefix(member, "value"):
				value = v.Text()
			}
		}
		if value == "" {
			return fhir.Errorf(fhir.Invalid, "the parameter %q has no value", name)
		}
		params.Add(name, value)
	}
	return nil
}
