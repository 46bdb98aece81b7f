package rest

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

func (q *request) read(typ, id string) error {
	if err := q.only(); err != nil {
		return err
	}
	if typ == "AuditEvent" && auditEventID(id) {
		e, err := q.Door.TrailEntry(q.r.Context(), q.who, id)
		if err == nil {
			q.write(http.StatusOK, r4.Encode(auditEvent(e)))
		}
		return err
	}
	s, err := q.Door.Get(q.r.Context(), q.who, typ, id)
	if err != nil {
		if s != nil {
			q.validators(s) // the deletion has a version too
		}
		return err
	}
	if q.notModified(s) {
		q.validators(s)
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return q.stored(http.StatusOK, s)
}

func (q *request) vread(typ, id, vid string) error {
	if err := q.only(); err != nil {
		return err
	}
	version, err := strconv.ParseInt(vid, 10, 64)
	if err != nil {
		return fhir.Errorf(fhir.NotFound, "%s/%s has no version %q", typ, id, vid)
	}
	s, err := q.Door.GetVersion(q.r.Context(), q.who, typ, id, version)
	if err != nil {
		return err
	}
	return q.stored(http.StatusOK, s)
}

// search answers a query on a type, or on the whole system where typ is "".
func (q *request) search(typ string) error {
	if typ == "AuditEvent" {
		if values, own := q.onlyTrail(); own {
			return q.trail(values)
		}
	}
	find := q.Door.Find
	if q.lenient() {
		find = q.Door.FindLenient
	}
	p, err := find(q.r.Context(), q.who, typ+"?"+q.query)
	if err != nil {
		return err
	}
	return q.searchset(p, p.Self)
}

func (q *request) lenient() bool { return q.prefers("handling=lenient") }

// prefers reports whether the Prefer header asks for something. https://hl7.org/fhir/R4/http.html#ops
func (q *request) prefers(what string) bool {
	for _, h := range q.r.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(h, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
			if part == what {
				return true
			}
		}
	}
	return false
}

// form adds the parameters of a form to those of the URL.
func (q *request) form() error {
	if t := q.r.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(t, "application/x-www-form-urlencoded") {
		return unsupportedMedia("a search by POST takes application/x-www-form-urlencoded, not %s", t)
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if q.query != "" {
			q.query += "&"
		}
		q.query += string(body)
	}
	return q.negotiate()
}

func (q *request) searchForm(typ string) error {
	if err := q.form(); err != nil {
		return err
	}
	return q.search(typ)
}

func (q *request) compartment(name, id, typ string) error {
	if typ == "*" && name == "Patient" {
		return q.everything(id)
	}
	p, err := q.Door.FindIn(q.r.Context(), q.who, name+"/"+id, typ+"?"+q.query, q.lenient())
	if err != nil {
		return err
	}
	return q.searchset(p, p.Self)
}

// history answers the versions of a resource, a type or everything, newest first.
func (q *request) history(typ, id string) error {
	if err := q.only("_count", "_since", "_page"); err != nil {
		return err
	}
	l := record.Log{Type: typ, ID: id, Back: true, Limit: record.DefaultCount}
	for _, p := range [...]struct {
		name string
		set  func(string) error
	}{
		{"_count", func(s string) (err error) { l.Limit, err = count(s); return err }},
		{"_since", func(s string) (err error) { l.Since, err = instant("_since", s); return err }},
		{"_page", func(s string) (err error) { l.Before, err = strconv.ParseInt(s, 10, 64); return err }},
	} {
		if s := q.param(p.name); s != "" {
			if err := p.set(s); err != nil {
				return fhir.Errorf(fhir.Invalid, "%s=%s is not valid: %w", p.name, s, err)
			}
		}
	}
	want := l.Limit
	l.Limit++
	versions, err := q.Door.Changes(q.r.Context(), q.who, l)
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(strings.Trim(typ+"/"+id, "/")+"/_history", "/")
	next := ""
	if len(versions) > want {
		versions = versions[:want]
		next = path + "?_count=" + strconv.Itoa(want) + "&_page=" + strconv.FormatInt(versions[want-1].Seq, 10)
	}
	w := newBundle(q.Base, "history", 4096)
	if next == "" && l.Before == 0 {
		w.total(int64(len(versions)))
	}
	w.links("self", path, "next", next)
	for i := range versions {
		appendHistory(w, &versions[i])
	}
	q.write(http.StatusOK, w.close())
	return nil
}

func appendHistory(w *bundleWriter, s *record.Stored) {
	if s.ID == "" {
		return // erased
	}
	w.entry(s.Type, s.ID, s.Body)
	method, status := "PUT", "200"
	url := s.Type + "/" + s.ID
	switch {
	case s.Deleted:
		method, status = "DELETE", "204"
	case s.Created:
		status = "201"
	}
	w.b = append(w.b, `,"request":{"method":"`+method+`","url":"`+url+`"},"response":{"status":"`+status+`","etag":"W/\"`...)
	w.b = strconv.AppendInt(w.b, s.Version, 10)
	w.b = append(w.b, `\"","lastModified":"`...)
	w.b = s.Updated.UTC().AppendFormat(w.b, "2006-01-02T15:04:05.000000Z")
	w.b = append(w.b, `"}}`...)
}

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fhir.Errorf(fhir.Invalid, "it takes a whole number from 1")
	}
	return min(n, record.MaxCount), nil
}

func instant(name, s string) (time.Time, error) {
	d, err := fhir.ParseDateTime(strings.Replace(s, " ", "+", 1))
	if err != nil {
		return time.Time{}, fhir.Errorf(fhir.Invalid, "%s takes a date or instant", name)
	}
	return d.Low(), nil
}

// body reads the request, within the limit of size.
func (q *request) body() ([]byte, error) {
	limit := q.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	if q.r.ContentLength > limit {
		q.linger()
		return nil, tooLarge(limit)
	}
	switch q.r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		return q.unpack(limit)
	default:
		return nil, unsupportedMedia("the content encoding %s is not taken here: send it plain or as gzip", q.r.Header.Get("Content-Encoding"))
	}
	// The length a client claims costs it nothing, so only what has come is given much room.
	var body bytes.Buffer
	body.Grow(int(min(max(q.r.ContentLength, 0)+bytes.MinRead, 1<<20)))
	if _, err := body.ReadFrom(io.LimitReader(q.r.Body, limit+1)); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the request ended before all of it had come")
	}
	if int64(body.Len()) > limit {
		q.linger()
		return nil, tooLarge(limit)
	}
	return body.Bytes(), nil
}

// linger reads on for a moment, so that whoever is still sending comes to read the answer instead of a broken connection. Who waits to be
// asked for the body is not asked.
func (q *request) linger() {
	if q.r.Header.Get("Expect") != "" {
		return
	}
	const most, moment = 32 << 20, 3 * time.Second
	if http.NewResponseController(q.w).SetReadDeadline(time.Now().Add(moment)) == nil {
		_, _ = io.CopyN(io.Discard, q.r.Body, most)
	}
}

// unpack reads a packed request; the limit is on what comes out.
func (q *request) unpack(limit int64) ([]byte, error) {
	z, err := gzip.NewReader(q.r.Body)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the request is not valid gzip")
	}
	body, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the request is not valid gzip to its end")
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int64) error {
	return fhir.Errorf(fhir.TooLarge, "the request is larger than %d MiB", limit>>20)
}

// resource reads and parses the request's body, JSON or XML.
func (q *request) resource() (*fhir.Resource, error) {
	xml, err := q.bodyFormat()
	if err != nil {
		return nil, err
	}
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the request has no body, and a resource belongs there")
	}
	if xml {
		if body, err = fhirxml.ToJSON(body); err != nil {
			return nil, err
		}
	}
	return fhir.Parse(body)
}

// bodyFormat reads the Content-Type of a request that carries a resource.
func (q *request) bodyFormat() (xml bool, err error) {
	text := q.r.Header.Get("Content-Type")
	if text == "" {
		return false, nil
	}
	media, params, err := mime.ParseMediaType(text)
	xml, served := format(media)
	switch {
	case err != nil, !served, strings.Contains(media, "*"):
		return false, unsupportedMedia("the content type %s is not taken here: send application/fhir+json or application/fhir+xml", text)
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") && !strings.EqualFold(params["charset"], "us-ascii"):
		return false, unsupportedMedia("the character set %s is not taken here: FHIR is written in UTF-8", params["charset"])
	case params["fhirversion"] != "" && !ours(params["fhirversion"]):
		return false, unsupportedMedia("resources of FHIR %s are not taken here: this is FHIR 4.0", params["fhirversion"])
	}
	return xml, nil
}

func unsupportedMedia(format string, args ...any) error {
	return &statusError{http.StatusUnsupportedMediaType, fhir.Errorf(fhir.Unsupported, format, args...)}
}
