package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/record"
)

// write sends a resource in the format asked for.
func (q *request) write(status int, body []byte) {
	h := q.w.Header()
	if q.xml {
		x, err := q.asXML(body)
		if err != nil {
			q.xml = false // what is wrong is said in the other format
			q.fail(&statusError{http.StatusNotAcceptable, fhir.Errorf(fhir.Unsupported, "this cannot be written as XML: %w", err)})
			return
		}
		body = x
		h.Set("Content-Type", "application/fhir+xml; charset=utf-8")
	} else {
		if q.pretty {
			var out bytes.Buffer
			if json.Indent(&out, body, "", "  ") == nil {
				body = out.Bytes()
			}
		}
		h.Set("Content-Type", "application/fhir+json; charset=utf-8")
	}
	if len(body) > 1000 && TakesGzip(q.r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		body = compress(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	q.w.WriteHeader(status)
	if q.r.Method != http.MethodHead {
		q.w.Write(body) // the client has gone away where this fails
	}
}

// TakesGzip reports whether an Accept-Encoding allows gzip. A client that names it with q=0 refuses it.
func TakesGzip(accept string) bool {
	if accept == "" {
		return false
	}
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" || name == "*" {
			return weightOf(params) > 0
		}
	}
	return false
}

func (q *request) asXML(body []byte) ([]byte, error) {
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	if q.pretty {
		return fhirxml.Indented(res, "  ")
	}
	return fhirxml.FromJSON(res)
}

var compressors = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

func compress(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body)/4 + 64)
	w := compressors.Get().(*gzip.Writer)
	w.Reset(&out)
	w.Write(body)
	w.Close()
	compressors.Put(w)
	return out.Bytes()
}

// stored sends one version of a resource with its validators.
func (q *request) stored(status int, s *record.Stored) error {
	q.validators(s)
	body, err := q.subset(s)
	if err != nil {
		return err
	}
	q.write(status, body)
	return nil
}

func (q *request) validators(s *record.Stored) {
	h := q.w.Header()
	h.Set("ETag", etag(s.Version))
	h.Set("Last-Modified", s.Updated.UTC().Format(http.TimeFormat))
}

func etag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// notModified reports whether the client has this version already.
func (q *request) notModified(s *record.Stored) bool {
	if match := q.r.Header.Get("If-None-Match"); match != "" {
		return match == "*" || strings.Contains(match, etag(s.Version)) || match == `"`+strconv.FormatInt(s.Version, 10)+`"`
	}
	if since := q.r.Header.Get("If-Modified-Since"); since != "" {
		t, err := http.ParseTime(since)
		return err == nil && !s.Updated.Truncate(time.Second).After(t)
	}
	return false
}

// bundleWriter writes a Bundle entry by entry from stored bytes.
type bundleWriter struct {
	b       []byte
	base    string
	entries int
}

func newBundle(base, typ string, size int) *bundleWriter {
	w := &bundleWriter{b: make([]byte, 0, size+512), base: base}
	w.b = append(w.b, `{"resourceType":"Bundle","type":"`...)
	w.b = append(w.b, typ...)
	w.b = append(w.b, '"')
	return w
}

func (w *bundleWriter) total(n int64) {
	w.b = append(w.b, `,"total":`...)
	w.b = strconv.AppendInt(w.b, n, 10)
}

// links writes relation and URL in turn; an empty URL is left out.
func (w *bundleWriter) links(pairs ...string) {
	n := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if n == 0 {
			w.b = append(w.b, `,"link":[`...)
		} else {
			w.b = append(w.b, ',')
		}
		n++
		w.b = append(w.b, `{"relation":"`...)
		w.b = append(w.b, pairs[i]...)
		w.b = append(w.b, `","url":`...)
		w.b = append(fhir.AppendString(w.b, w.base+"/"+pairs[i+1]), '}')
	}
	if n > 0 {
		w.b = append(w.b, ']')
	}
}

// entry begins an entry; a resource without bytes is left out.
func (w *bundleWriter) entry(typ, id string, body []byte) {
	if w.entries == 0 {
		w.b = append(w.b, `,"entry":[`...)
	} else {
		w.b = append(w.b, ',')
	}
	w.entries++
	w.b = append(w.b, '{')
	comma := false
	if id != "" {
		w.b = append(w.b, `"fullUrl":"`...)
		w.b = append(append(append(append(append(w.b, w.base...), '/'), typ...), '/'), id...)
		w.b = append(w.b, '"')
		comma = true
	}
	if body != nil {
		if comma {
			w.b = append(w.b, ',')
		}
		w.b = append(append(w.b, `"resource":`...), body...)
	}
}

func (w *bundleWriter) mode(mode string) {
	w.b = append(append(append(w.b, `,"search":{"mode":"`...), mode...), `"}}`...)
}

func (w *bundleWriter) close() []byte {
	if w.entries > 0 {
		w.b = append(w.b, ']')
	}
	return append(w.b, '}')
}

// searchset sends a page of matches.
func (q *request) searchset(p *record.Page, self string) error {
	size := 0
	for i := range p.Matches {
		size += len(p.Matches[i].Body) + 160
	}
	for i := range p.Included {
		size += len(p.Included[i].Body) + 160
	}
	w := newBundle(q.Base, "searchset", size)
	if p.Total != record.Unknown {
		w.total(p.Total)
	}
	w.links("self", self, "next", p.Next)
	if q.param("_summary") == "count" {
		q.write(http.StatusOK, w.close())
		return nil
	}
	for i := range p.Matches {
		body, err := q.subset(&p.Matches[i])
		if err != nil {
			return err
		}
		w.entry(p.Matches[i].Type, p.Matches[i].ID, body)
		w.mode("match")
	}
	for i := range p.Included {
		w.entry(p.Included[i].Type, p.Included[i].ID, p.Included[i].Body)
		w.mode("include")
	}
	if len(p.Ignored) > 0 {
		text := "left out, because not understood: " + strings.Join(p.Ignored, ", ")
		w.entry("", "", appendOutcome(nil, "warning", "not-supported", text, ""))
		w.mode("outcome")
	}
	q.write(http.StatusOK, w.close())
	return nil
}
