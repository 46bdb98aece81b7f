// Package subscribe speaks HTTP about FHIR Subscriptions; they live in package notify.
package subscribe

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/rest"
)

// Handler serves Subscriptions. Both fields must be set.
type Handler struct {
	Subscriptions *notify.Service
	Base          string // of FHIR, absolute, without a last slash
}

// Serve answers a request about the Subscription of an id, or about all of the asker's where it is "". res is what the request brings.
func (h *Handler) Serve(r *http.Request, who access.Actor, id string, res *fhir.Resource) (*rest.Answer, error) {
	version, err := match(r)
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case http.MethodPost:
		k, err := h.Subscriptions.Create(r.Context(), who, res)
		return answer(http.StatusCreated, k, err)
	case http.MethodPut:
		k, err := h.Subscriptions.Update(r.Context(), who, id, version, res)
		return answer(http.StatusOK, k, err)
	case http.MethodDelete:
		if err := h.Subscriptions.Delete(r.Context(), who, id, version); err != nil {
			return nil, err
		}
		return &rest.Answer{Status: http.StatusNoContent}, nil
	}
	if of, found := strings.CutSuffix(id, "/$status"); found {
		status, err := h.Subscriptions.Status(r.Context(), who, of)
		if err != nil {
			return nil, err
		}
		b := append([]byte(`{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":`), status...)
		return &rest.Answer{Status: http.StatusOK, Body: append(b, `,"search":{"mode":"match"}}]}`...)}, nil
	}
	if id != "" {
		k, err := h.Subscriptions.Read(r.Context(), who, id)
		return answer(http.StatusOK, k, err)
	}
	return h.list(r, who)
}

func answer(status int, k *notify.Kept, err error) (*rest.Answer, error) {
	if err != nil {
		return nil, err
	}
	a := &rest.Answer{Status: status, Body: k.Body, ETag: `W/"` + strconv.Itoa(k.Version) + `"`}
	if status == http.StatusCreated {
		a.Location = "Subscription/" + k.ID
	}
	return a, nil
}

// match is the version that must be current, 0 for any.
func match(r *http.Request) (int, error) {
	text := r.Header.Get("If-Match")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(text, "W/"), `"`))
	if err != nil || n < 1 {
		return 0, fhir.Errorf(fhir.Invalid, "If-Match: %s is no version such as W/\"1\"", text)
	}
	return n, nil
}

// list are the asker's Subscriptions, of which status and id may be asked for.
func (h *Handler) list(r *http.Request, who access.Actor) (*rest.Answer, error) {
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the query string %q cannot be read", r.URL.RawQuery)
	}
	for name := range params {
		if !slices.Contains([]string{"_id", "status", "_format", "_pretty"}, name) {
			return nil, fhir.Errorf(fhir.Unsupported, "Subscriptions are searched by _id and status, not by %s", name)
		}
	}
	all, err := h.Subscriptions.List(r.Context(), who)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(k *notify.Kept) bool {
		return params.Has("status") && !slices.Contains(strings.Split(params.Get("status"), ","), k.Status) || params.Has("_id") && !slices.Contains(strings.Split(params.Get("_id"), ","), k.ID)
	})
	b := append([]byte(`{"resourceType":"Bundle","type":"searchset","total":`), strconv.Itoa(len(all))...)
	for i, k := range all {
		if i == 0 {
			b = append(b, `,"entry":[`...)
		} else {
			b = append(b, ',')
		}
		b = fhir.AppendString(append(b, `{"fullUrl":`...), h.Base+"/Subscription/"+k.ID)
		b = append(append(b, `,"resource":`...), k.Body...)
		b = append(b, `,"search":{"mode":"match"}}`...)
	}
	if len(all) > 0 {
		b = append(b, ']')
	}
	return &rest.Answer{Status: http.StatusOK, Body: append(b, '}')}, nil
}
