package rest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// entry is one entry of a batch or transaction.
type entry struct {
	index       int
	fullURL     string
	method, url string
	res         *fhir.Resource
	noneExist   string
	match, none string
}

// bundle carries out a batch or a transaction. https://hl7.org/fhir/R4/http.html#transaction
func (q *request) bundle() error {
	res, err := q.resource()
	if err != nil {
		return err
	}
	if res.Type() != "Bundle" {
		return fhir.Errorf(fhir.Invalid, "the base takes a Bundle, not a %s", res.Type())
	}
	entries, err := entriesOf(res)
	if err != nil {
		return err
	}
	switch typ := res.Root().Get("type").Text(); typ {
	case "transaction":
		return q.transaction(entries)
	case "batch":
		return q.batch(entries)
	default:
		return fhir.Errorf(fhir.Invalid, "a Bundle of type %q cannot be carried out: it takes batch or transaction", typ).At("Bundle.type")
	}
}

func entriesOf(bundle *fhir.Resource) ([]entry, error) {
	var out []entry
	for e := range bundle.Root().Get("entry").Items() {
		i := len(out)
		at := "Bundle.entry[" + strconv.Itoa(i) + "]"
		r := e.Get("request")
		x := entry{index: i, fullURL: e.Get("fullUrl").Text(), method: r.Get("method").Text(), url: r.Get("url").Text(),
			res: e.Get("resource").Resource(), noneExist: r.Get("ifNoneExist").Text(), match: r.Get("ifMatch").Text(), none: r.Get("ifNoneMatch").Text()}
		switch {
		case !r.Exists():
			return nil, fhir.Errorf(fhir.Invalid, "entry %d has no request", i).At(at)
		case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, x.method):
			return nil, fhir.Errorf(fhir.Invalid, "entry %d asks for the method %q", i, x.method).At(at + ".request.method")
		case x.url == "":
			return nil, fhir.Errorf(fhir.Invalid, "entry %d has no url", i).At(at + ".request.url")
		}
		out = append(out, x)
	}
	return out, nil
}

// order is the order in which a transaction is carried out. https://hl7.org/fhir/R4/http.html#trules
var order = map[string]int{"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 3, "GET": 4, "HEAD": 4}

func (q *request) transaction(entries []entry) error {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b entry) int { return order[a.method] - order[b.method] })
	var ops []record.Op
	var of []int // the entry of each op
	urls := map[string]int{}
	for _, e := range sorted {
		if e.fullURL != "" {
			if j, twice := urls[e.fullURL]; twice && e.method == "POST" {
				return &record.OpError{Index: e.index, Err: fhir.Errorf(fhir.Invalid, "the fullUrl %s stands twice, first at entry %d", e.fullURL, j)}
			}
			urls[e.fullURL] = e.index
		}
		if e.reads() {
			continue
		}
		op, err := q.opOf(e)
		if err != nil {
			return &record.OpError{Index: e.index, Err: err}
		}
		ops, of = append(ops, op), append(of, e.index)
	}
	answers := make([][]byte, len(entries))
	if len(ops) > 0 {
		if err := q.tryReads(sorted, ops); err != nil {
			return err
		}
		results, err := q.Door.Commit(q.r.Context(), q.who, ops)
		if err != nil {
			if at, ok := errors.AsType[*record.OpError](err); ok {
				return &record.OpError{Index: of[at.Index], Err: at.Err}
			}
			return err
		}
		for i := range results {
			answers[of[i]] = q.answerOf(&results[i])
		}
	}
	for _, e := range sorted {
		if answers[e.index] != nil {
			continue
		}
		status, body := q.inner(e)
		switch {
		case status < 400:
			answers[e.index] = readAnswer(status, body)
		case len(ops) == 0:
			return readFailed(e, status, body)
		default:
			answers[e.index] = failedAnswer(status, body) // the changes are made, so they are answered for
		}
	}
	q.bundleOf("transaction-response", answers)
	return nil
}

// tryReads carries out the reads of a transaction before its changes: one that fails must leave nothing changed. What
// the changes themselves will bring need not be there yet.
func (q *request) tryReads(entries []entry, ops []record.Op) error {
	for _, e := range entries {
		if !e.reads() {
			continue
		}
		status, body := q.inner(e)
		if status < 400 {
			continue
		}
		coming := slices.ContainsFunc(ops, func(op record.Op) bool {
			return op.ID != "" && strings.HasPrefix(e.url+"/", op.Type+"/"+op.ID+"/")
		})
		if !coming || status != http.StatusNotFound && status != http.StatusGone {
			return readFailed(e, status, body)
		}
	}
	return nil
}

// reads reports whether an entry changes nothing.
func (e *entry) reads() bool { return order[e.method] == 4 || strings.Contains(e.url, "$") }

// readFailed is a transaction's refusal because of a read, which says what the read's own outcome said.
func readFailed(e entry, status int, outcome []byte) error {
	why := ""
	if res, err := fhir.Parse(outcome); err == nil {
		why = ": " + res.Root().Get("issue").First().Get("diagnostics").Text()
	}
	return &record.OpError{Index: e.index, Err: &statusError{status, fhir.Errorf(fhir.Invalid, "%s %s failed%s", e.method, e.url, why)}}
}

func (q *request) bundleOf(typ string, answers [][]byte) {
	size := 0
	for _, a := range answers {
		size += len(a) + 1
	}
	w := newBundle(q.Base, typ, size)
	for _, a := range answers {
		if w.entries == 0 {
			w.b = append(w.b, `,"entry":[`...)
		} else {
			w.b = append(w.b, ',')
		}
		w.entries++
		w.b = append(w.b, a...)
	}
	q.write(http.StatusOK, w.close())
}

// opOf turns a changing entry into an operation on the record.
func (q *request) opOf(e entry) (record.Op, error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(e.url, q.Base+"/"), "?")
	typ, id, _ := strings.Cut(strings.Trim(path, "/"), "/")
	op := record.Op{Type: typ, ID: id, Resource: e.res, FullURL: e.fullURL, Closed: true}
	if strings.Contains(id, "/") {
		return op, fhir.Errorf(fhir.Invalid, "%s %s is not an interaction of a bundle", e.method, e.url)
	}
	if typ == "Subscription" && q.Subscriptions != nil {
		return op, fhir.Errorf(fhir.Unsupported, "a Subscription is made and changed by a request of its own, not within a Bundle")
	}
	if id == "" {
		op.Query = query
	}
	if err := preconditions(&op, e.match, e.none); err != nil {
		return op, err
	}
	if e.res == nil && e.method != "DELETE" {
		return op, fhir.Errorf(fhir.Invalid, "%s %s has no resource", e.method, e.url)
	}
	switch e.method {
	case "POST":
		op.Method, op.Query, op.IfNoneExist = record.Create, "", strings.TrimPrefix(e.noneExist, typ+"?")
		if id != "" {
			return op, fhir.Errorf(fhir.Invalid, "POST %s: a create takes the type alone", e.url)
		}
	case "PUT":
		op.Method = record.Update
		if id == "" && query == "" {
			return op, fhir.Errorf(fhir.Invalid, "PUT %s needs an id or conditions", e.url)
		}
		if id != "" {
			return op, sameID(e.res, typ, id)
		}
	case "PATCH":
		op.Method, op.Resource = record.Patch, nil
		var err error
		op.Patch, err = resourcePatch(e.res)
		return op, err
	case "DELETE":
		op.Method = record.Delete
		if id == "" && query == "" {
			return op, fhir.Errorf(fhir.Invalid, "DELETE %s needs an id or conditions", e.url)
		}
	}
	return op, nil
}

var statusText = map[int]string{200: "200 OK", 201: "201 Created", 204: "204 No Content", 304: "304 Not Modified"}

// answerOf is the response entry of a change.
func (q *request) answerOf(r *record.Result) []byte {
	b := make([]byte, 0, 200)
	status := statusFor(r)
	if q.prefers("return=representation") && r.Body != nil {
		b = append(append(append(b, `{"fullUrl":"`...), q.Base+"/"+r.Ref()...), `","resource":`...)
		b = append(append(b, r.Body...), ',')
	} else {
		b = append(b, '{')
	}
	b = append(append(append(b, `"response":{"status":"`...), statusText[status]...), '"')
	if status != http.StatusNoContent {
		b = append(append(append(append(b, `,"location":"`...), r.Type...), '/'), r.ID...)
		b = append(b, `/_history/`...)
		b = strconv.AppendInt(b, r.Version, 10)
		b = append(b, `","etag":"W/\"`...)
		b = strconv.AppendInt(b, r.Version, 10)
		b = append(b, `\"","lastModified":"`...)
		b = r.Updated.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
		b = append(b, '"')
	}
	return append(b, '}', '}')
}

func readAnswer(status int, body []byte) []byte {
	text := statusText[status]
	if text == "" {
		text = strconv.Itoa(status) + " " + http.StatusText(status)
	}
	b := []byte{'{'}
	if len(body) > 0 {
		b = append(append(append(b, `"resource":`...), body...), ',')
	}
	return append(b, `"response":{"status":"`+text+`"}}`...)
}

// batch carries out each entry by itself: one that fails says so in its place.
func (q *request) batch(entries []entry) error {
	answers := make([][]byte, len(entries))
	for _, e := range entries {
		if e.reads() {
			status, body := q.inner(e)
			if status >= 400 {
				answers[e.index] = failedAnswer(status, body)
			} else {
				answers[e.index] = readAnswer(status, body)
			}
			continue
		}
		op, err := q.opOf(e)
		var results []record.Result
		if err == nil {
			op.FullURL, op.Closed = "", false
			results, err = q.Door.Commit(q.r.Context(), q.who, []record.Op{op})
		}
		if err != nil {
			if at, ok := errors.AsType[*record.OpError](err); ok {
				err = at.Err
			}
			answers[e.index] = failedAnswer(outcome(err))
			continue
		}
		answers[e.index] = q.answerOf(&results[0])
	}
	q.bundleOf("batch-response", answers)
	return nil
}

func failedAnswer(status int, outcome []byte) []byte {
	b := append([]byte(`{"response":{"status":"`), strconv.Itoa(status)+" "+http.StatusText(status)...)
	b = append(append(b, `","outcome":`...), outcome...)
	return append(b, '}', '}')
}

// inner answers a reading entry as a request of its own would be.
func (q *request) inner(e entry) (int, []byte) {
	path, query, _ := strings.Cut(strings.TrimPrefix(e.url, q.Base+"/"), "?")
	var body []byte
	if e.res != nil {
		body = e.res.Bytes()
	}
	ctx := context.WithoutCancel(q.r.Context())
	r := (&http.Request{Method: e.method, URL: &url.URL{Path: "/" + strings.Trim(path, "/"), RawQuery: query}, Header: http.Header{}, RemoteAddr: q.r.RemoteAddr}).WithContext(ctx)
	r.Body, r.ContentLength = http.NoBody, 0
	if body != nil {
		r.Body, r.ContentLength = readCloser{bytes.NewReader(body)}, int64(len(body))
	}
	r.Header.Set("If-None-Match", e.none)
	w := &recorder{status: http.StatusOK, header: http.Header{}}
	in := &request{Server: q.Server, w: w, r: r, who: q.who, query: query, nested: true}
	if err := in.serve(); err != nil {
		in.fail(err)
	}
	return w.status, w.body.Bytes()
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
