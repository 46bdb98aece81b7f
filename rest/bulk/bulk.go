// Package bulk speaks FHIR's Bulk Data Access to whoever wants much of the record at once: $export of everything, of patients, of the members
// of a Group. https://hl7.org/fhir/uv/bulkdata/STU2/export.html
//
// A request is answered at once with the address at which to ask how far it is; that answers with the manifest once all is prepared, and the
// manifest names files of NDJSON. What is asked for is read here (ask.go) and prepared in package export, where the record decides.
package bulk

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
)

// Handler serves exports. Both fields must be set.
type Handler struct {
	Exports *export.Service
	Base    string // of FHIR, absolute, without a last slash
}

const instant = "2006-01-02T15:04:05.000000Z"

// retryAfter is how many seconds a client should wait before it asks again.
const retryAfter = "2"

// Serve answers a request whose path is relative to the base: a kick-off, or an address that one led to. An error is for the caller to answer.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] != "$export" || len(parts) == 1 {
		return h.kickOff(w, r, who, parts)
	}
	switch {
	case len(parts) == 2 && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return h.status(w, r, who, parts[1])
	case len(parts) == 2 && r.Method == http.MethodDelete:
		if err := h.Exports.Remove(r.Context(), who, parts[1]); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	case len(parts) == 3 && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		number, _, _ := strings.Cut(parts[2], ".")
		n, err := strconv.Atoi(number)
		if err != nil {
			return fhir.Errorf(fhir.NotFound, "there is no file %q", parts[2])
		}
		return h.file(w, r, who, parts[1], n)
	}
	return fhir.Errorf(fhir.NotFound, "%s is not served on %s", r.Method, r.URL.Path)
}

// kickOff begins an export and answers where to ask for it.
func (h *Handler) kickOff(w http.ResponseWriter, r *http.Request, who access.Actor, parts []string) error {
	ask, err := h.read(w, r, parts)
	if err != nil {
		return err
	}
	id, err := h.Exports.Start(r.Context(), who, *ask)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Location", h.Base+"/$export/"+id)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// status answers how far an export is, and its manifest once it is prepared.
func (h *Handler) status(w http.ResponseWriter, r *http.Request, who access.Actor, id string) error {
	s, err := h.Exports.Status(r.Context(), who, id)
	if err != nil {
		return err
	}
	if !s.Done {
		w.Header().Set("X-Progress", s.Progress)
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	b := append([]byte(`{"transactionTime":"`), s.Moment.UTC().Format(instant)...)
	b = fhir.AppendString(append(b, `","request":`...), s.Request)
	b = append(b, `,"requiresAccessToken":true,"output":[`...)
	b = h.appendFiles(b, id, s.Files, false)
	b = append(b, `],"deleted":[`...)
	b = h.appendFiles(b, id, s.Files, true)
	b = append(b, `],"error":[]}`...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Expires", s.Until.UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusOK)
	w.Write(b) // the client has gone away where this fails
	return nil
}

func (h *Handler) appendFiles(b []byte, id string, files []export.File, deleted bool) []byte {
	first := true
	for _, f := range files {
		if f.Deleted != deleted {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		typ := f.Type
		if deleted {
			typ = "Bundle"
		}
		b = append(b, `{"type":"`+typ+`","url":`...)
		b = fhir.AppendString(b, h.Base+"/$export/"+id+"/"+strconv.Itoa(f.Number)+"."+f.Type+".ndjson")
		b = append(b, `,"count":`...)
		b = append(strconv.AppendInt(b, int64(f.Lines), 10), '}')
	}
	return b
}

// file sends a file, a piece at a time. One that breaks off is cut off, so that nobody takes it for whole.
func (h *Handler) file(w http.ResponseWriter, r *http.Request, who access.Actor, id string, number int) error {
	reading, err := h.Exports.Open(r.Context(), who, id, number)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/fhir+ndjson")
	w.Header().Add("Vary", "Accept-Encoding")
	var out io.Writer = w
	var packed *gzip.Writer
	if rest.TakesGzip(r.Header.Get("Accept-Encoding")) {
		w.Header().Set("Content-Encoding", "gzip")
		if packed, err = gzip.NewWriterLevel(w, gzip.BestSpeed); err != nil {
			return err
		}
		out = packed
	}
	if r.Method == http.MethodHead {
		return nil
	}
	sent := false
	var lines []byte
	for some, err := range reading.Pieces(r.Context()) {
		if err == nil {
			lines, err = appendLines(lines[:0], reading, some)
		}
		if err == nil {
			sent = true
			_, err = out.Write(lines)
		}
		if err != nil && !sent {
			w.Header().Del("Content-Encoding")
			return err
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if packed != nil && packed.Close() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// appendLines writes a piece of a file: a line for each resource, or one Bundle for all deletions.
func appendLines(b []byte, r *export.Reading, some []record.Stored) ([]byte, error) {
	if r.Deleted {
		return appendDeleted(b, some), nil
	}
	for i := range some {
		body := some[i].Body
		if len(r.Elements) > 0 {
			var err error
			if body, err = rest.Elements(&some[i], r.Elements); err != nil {
				return nil, err
			}
		}
		at := len(b)
		b = append(b, body...)
		// A resource stays as it came but for the ends of its lines, which JSON allows between two values only.
		for line := b[at:]; ; {
			n := bytes.IndexAny(line, "\r\n")
			if n < 0 {
				break
			}
			line[n] = ' '
			line = line[n+1:]
		}
		b = append(b, '\n')
	}
	return b, nil
}

// appendDeleted writes what was deleted as the transaction that would delete it. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#deleted-items
func appendDeleted(b []byte, some []record.Stored) []byte {
	if len(some) == 0 {
		return b
	}
	b = append(b, `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	for i := range some {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"request":{"method":"DELETE","url":"`+some[i].Ref()+`"}}`...)
	}
	return append(b, "]}\n"...)
}
