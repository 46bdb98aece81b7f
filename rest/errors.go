package rest

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// kinds maps what went wrong to HTTP and to the issue types of an OperationOutcome.
// https://hl7.org/fhir/R4/valueset-issue-type.html
var kinds = map[fhir.ErrKind]struct {
	status int
	code   string
}{
	fhir.Broken:        {http.StatusInternalServerError, "exception"},
	fhir.Invalid:       {http.StatusBadRequest, "invalid"},
	fhir.NotFound:      {http.StatusNotFound, "not-found"},
	fhir.Forbidden:     {http.StatusForbidden, "forbidden"},
	fhir.Conflict:      {http.StatusConflict, "conflict"},
	fhir.Gone:          {http.StatusGone, "deleted"},
	fhir.Unsupported:   {http.StatusBadRequest, "not-supported"},
	fhir.Busy:          {http.StatusServiceUnavailable, "transient"},
	fhir.TooLarge:      {http.StatusRequestEntityTooLarge, "too-long"},
	fhir.Unprocessable: {http.StatusUnprocessableEntity, "processing"},
	fhir.Precondition:  {http.StatusPreconditionFailed, "conflict"},
	fhir.TooCostly:     {http.StatusForbidden, "too-costly"},
	fhir.NoRoom:        {http.StatusInsufficientStorage, "no-store"},
	fhir.TooMany:       {http.StatusTooManyRequests, "throttled"},
}

// statusError answers with a status of its own.
type statusError struct {
	status int
	err    *fhir.Error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// statusOf is the HTTP status and issue type of an error.
func statusOf(err error) (status int, code string) {
	k := kinds[fhir.KindOf(err)]
	if own, ok := errors.AsType[*statusError](err); ok {
		return own.status, k.code
	}
	return k.status, k.code
}

// outcome is the OperationOutcome that says what went wrong, and its status. Causes are for the log alone.
func outcome(err error) (int, []byte) {
	status, code := statusOf(err)
	text, path := "something went wrong on the server", ""
	if e, ok := errors.AsType[*fhir.Error](err); ok && (e.Kind != fhir.Broken) {
		text, path = sentence(e), e.Path
	}
	if at, ok := errors.AsType[*record.OpError](err); ok {
		entry := "Bundle.entry[" + strconv.Itoa(at.Index) + "]"
		if path == "" {
			path = entry
		} else {
			path = entry + ".resource.ofType(" + rootOf(path) + ")" + path[len(rootOf(path)):]
		}
		text = "entry " + strconv.Itoa(at.Index) + ": " + text
	}
	return status, appendOutcome(nil, "error", code, text, path)
}

// sentence is the message without the cause that Errorf put behind it.
func sentence(e *fhir.Error) string {
	if e.Cause == nil {
		return e.Msg
	}
	cause := e.Cause.Error()
	n := len(e.Msg) - len(cause)
	if n <= 2 || e.Msg[n:] != cause || e.Kind < fhir.Conflict {
		return e.Msg
	}
	if inner, ours := e.Cause.(*fhir.Error); ours {
		return e.Msg[:n] + sentence(inner)
	}
	return e.Msg[:n-2]
}

func rootOf(path string) string {
	for i := range len(path) {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return path
}

func appendOutcome(b []byte, severity, code, text, path string) []byte {
	b = append(b, `{"resourceType":"OperationOutcome","issue":[`...)
	b = appendIssue(b, severity, code, text, path)
	return append(b, `]}`...)
}

func appendIssue(b []byte, severity, code, text, path string) []byte {
	b = append(b, `{"severity":"`+severity+`","code":"`+code+`","diagnostics":`...)
	b = fhir.AppendString(b, text)
	if path != "" {
		b = append(b, `,"expression":[`...)
		b = append(fhir.AppendString(b, path), ']')
	}
	return append(b, '}')
}

// fail answers with an error.
func (q *request) fail(err error) {
	status, body := outcome(err)
	if status >= 500 {
		slog.ErrorContext(q.r.Context(), "request failed", "method", q.r.Method, "path", q.r.URL.Path, "error", err)
	}
	switch status {
	case http.StatusServiceUnavailable:
		q.w.Header().Set("Retry-After", "2")
	case http.StatusTooManyRequests:
		q.w.Header().Set("Retry-After", "30")
	}
	q.write(status, body)
}
