package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

func (q *request) create(typ string) error {
	res, err := q.resource()
	if err != nil {
		return err
	}
	return q.commit(record.Op{Method: record.Create, Type: typ, Resource: res, IfNoneExist: q.r.Header.Get("If-None-Exist")})
}

func (q *request) update(typ, id string) error {
	res, err := q.resource()
	if err != nil {
		return err
	}
	op := record.Op{Method: record.Update, Type: typ, ID: id, Resource: res}
	if id == "" {
		if op.Query = q.conditions(); op.Query == "" {
			return fhir.Errorf(fhir.Precondition, "a PUT on %s needs an id in the URL, or conditions after ?", typ)
		}
	} else if err := sameID(res, typ, id); err != nil {
		return err
	}
	if err := q.preconditions(&op); err != nil {
		return err
	}
	return q.commit(op)
}

// sameID refuses a resource that says it is another one. https://hl7.org/fhir/R4/http.html#update
func sameID(res *fhir.Resource, typ, id string) error {
	if have := res.Root().Get("id"); !have.Is(id) {
		return fhir.Errorf(fhir.Invalid, "the resource has the id %q, but the URL says %s/%s", have.Text(), typ, id).At(typ + ".id")
	}
	return nil
}

func (q *request) delete(typ, id string) error {
	op := record.Op{Method: record.Delete, Type: typ, ID: id}
	if id == "" {
		if op.Query = q.conditions(); op.Query == "" {
			return fhir.Errorf(fhir.Precondition, "a DELETE on %s needs an id in the URL, or conditions after ?", typ)
		}
	}
	if err := q.preconditions(&op); err != nil {
		return err
	}
	return q.commit(op)
}

// conditions is the query string without the parameters that are about the answer.
func (q *request) conditions() string {
	var keep []string
	for part := range strings.SplitSeq(q.query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if part != "" && name != "_format" && name != "_pretty" {
			keep = append(keep, part)
		}
	}
	return strings.Join(keep, "&")
}

func (q *request) preconditions(op *record.Op) error {
	return preconditions(op, q.r.Header.Get("If-Match"), q.r.Header.Get("If-None-Match"))
}

func preconditions(op *record.Op, match, none string) error {
	op.IfNone = none == "*"
	if match == "" {
		return nil
	}
	v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(match, "W/"), `"`), 10, 64)
	if err != nil || v < 1 {
		return fhir.Errorf(fhir.Precondition, "If-Match: %s is no version of ours: they look like W/\"3\"", match)
	}
	op.IfMatch = v
	return nil
}

// commit makes one change and answers with what became of it.
func (q *request) commit(op record.Op) error {
	results, err := q.Door.Commit(q.r.Context(), q.who, []record.Op{op})
	if err != nil {
		if at, ok := err.(*record.OpError); ok {
			return at.Err // one change: there is no entry to name
		}
		return err
	}
	r := &results[0]
	status := statusFor(r)
	if r.Outcome == record.Unchanged || r.Outcome == record.Deleted {
		if r.Outcome == record.Deleted {
			q.w.Header().Set("ETag", etag(r.Version))
		}
		q.w.WriteHeader(status)
		return nil
	}
	q.validators(&r.Stored)
	if r.Outcome == record.Created || r.Outcome == record.Matched {
		q.w.Header().Set("Location", q.Base+"/"+r.Ref()+"/_history/"+strconv.FormatInt(r.Version, 10))
	}
	switch {
	case q.prefers("return=minimal"):
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(status)
	case q.prefers("return=OperationOutcome"):
		q.write(status, appendOutcome(nil, "information", "informational", r.Ref()+" was stored as version "+strconv.FormatInt(r.Version, 10), ""))
	case r.Body == nil: // matched: the door answers what is there only to a reader
		s, err := q.Door.Get(q.r.Context(), q.who, r.Type, r.ID)
		if err != nil {
			return err
		}
		q.write(status, s.Body)
	default:
		q.write(status, r.Body)
	}
	return nil
}

func statusFor(r *record.Result) int {
	switch r.Outcome {
	case record.Created:
		return http.StatusCreated
	case record.Deleted, record.Unchanged:
		return http.StatusNoContent
	}
	return http.StatusOK
}
