package smart

import (
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"

	"github.com/kith-care/kith/fhir"
)

// Refusal is an answer of OAuth that is no: a code of RFC 6749 and a sentence for the app's developer.
type Refusal struct {
	Code string
	Text string
	To   string // where the person is sent back to with it, "" where it must be shown to them on a page of ours
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Text }

func refuse(code, text string) *Refusal { return &Refusal{Code: code, Text: text} }

// errorBody is an error of RFC 6749, section 5.2.
type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// answer sends JSON that nobody may keep.
func (s *Service) answer(w http.ResponseWriter, status int, body any) {
	out, err := json.Marshal(body)
	if err != nil {
		s.fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	w.Write(out) // the client has gone away where this fails
}

// fail answers an error at an endpoint that apps call.
func (s *Service) fail(w http.ResponseWriter, err error) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		status := http.StatusBadRequest
		if r.Code == "invalid_client" {
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="kith"`)
		}
		s.answer(w, status, errorBody{r.Code, r.Text})
		return
	}
	switch fhir.KindOf(err) {
	case fhir.Busy, fhir.NoRoom:
		w.Header().Set("Retry-After", "2")
		s.answer(w, http.StatusServiceUnavailable, errorBody{"temporarily_unavailable", "try again in a moment"})
	default:
		slog.Error("the authorisation server failed", "error", err)
		s.answer(w, http.StatusInternalServerError, errorBody{"server_error", "something went wrong on the server"})
	}
}

// form reads the form of a POST and hands it on; nothing is taken from the query string.
func (s *Service) form(handle func(http.ResponseWriter, *http.Request, url.Values) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.preflight(w, r, "POST") {
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST, OPTIONS")
			s.answer(w, http.StatusMethodNotAllowed, errorBody{"invalid_request", "this takes POST only"})
			return
		}
		if err := func() error {
			if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
				return refuse("invalid_request", "the body must be application/x-www-form-urlencoded")
			}
			if r.URL.RawQuery != "" {
				return refuse("invalid_request", "parameters belong into the body, where no log keeps them")
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				return refuse("invalid_request", "the form cannot be read")
			}
			if name := twice(r.PostForm); name != "" {
				return refuse("invalid_request", "the parameter "+name+" stands twice")
			}
			return handle(w, r, r.PostForm)
		}(); err != nil {
			s.fail(w, err)
		}
	}
}

// twice is a parameter that stands more than once, which RFC 6749 forbids; "" for none.
func twice(v url.Values) string {
	for name, values := range v {
		if len(values) > 1 {
			return name
		}
	}
	return ""
}
