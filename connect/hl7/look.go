package hl7

import (
	"context"
	"strconv"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// look reads the record for one message.
type look struct {
	f    *Feed
	ctx  context.Context
	have map[Ref]held
	hope bool
	new  bool // nobody has the request, or the report, that the message is speaking of
	err  error
}

// held is a resource as the record has it; version 0 where there is none, and -1 where it was deleted.
type held struct {
	res     *fhir.Resource
	version int64
	seen    time.Time // when a message last said it again without changing it
}

func (l *look) current(typ, id string) *fhir.Resource {
	ref := Ref{typ, id}
	if h, ok := l.have[ref]; ok {
		return h.res
	}
	if h, ok := l.f.known.get(ref); ok {
		l.have[ref] = h
		l.hope = l.hope && typ != "DiagnosticReport"
		return h.res
	}
	if l.hope && l.new && (typ == "Observation" || typ == "DiagnosticReport") {
		l.have[ref] = held{}
		return nil
	}
	stored, err := l.f.desk.Door.Get(l.ctx, l.f.desk.Who, typ, id)
	h := held{}
	switch {
	case err == nil:
		h.version = stored.Version
		if h.res, err = stored.Resource(); err == nil {
			h.seen, err = l.seen(ref)
		}
	case fhir.KindOf(err) == fhir.Gone:
		h.version, err = -1, nil
	case fhir.KindOf(err) == fhir.NotFound:
		err = nil
	}
	if err != nil && l.err == nil {
		l.err = err
	}
	switch typ {
	case "ServiceRequest":
		l.new = h.version == 0
	case "DiagnosticReport":
		l.new = h.version == 0
		l.hope = l.hope && l.new
	}
	l.have[ref] = h
	return h.res
}

// seen is when a resource was last confirmed by a message that did not change it.
func (l *look) seen(ref Ref) (time.Time, error) {
	value, err := l.f.box().Get(l.ctx, "hl7-seen/"+l.f.name, ref.String())
	if err != nil || value == nil {
		return time.Time{}, err
	}
	micros, err := strconv.ParseInt(string(value), 10, 64)
	return time.UnixMicro(micros), err
}

func (l *look) seenAt(typ, id string) time.Time { return l.have[Ref{typ, id}].seen }

// confirm keeps that a message said resources again, where that is news. Of patients only ADT is worth keeping so: a
// result repeats what the laboratory was once told.
func (l *look) confirm(refs []Ref, at time.Time, adt bool) (items []record.BoxItem, learn []Ref) {
	for _, ref := range refs {
		if at.IsZero() || !at.After(l.have[ref].seen) || shared[ref.Type] || ref.Type == "Patient" && !adt {
			continue
		}
		items = append(items, record.BoxItem{Kind: "hl7-seen/" + l.f.name, Key: ref.String(), Value: []byte(strconv.FormatInt(at.UnixMicro(), 10))})
		learn = append(learn, ref)
	}
	return items, learn
}

// ops writes drafts on condition that the record is still as it was read.
func (l *look) ops(drafts []Draft) []record.Op {
	ops := make([]record.Op, len(drafts))
	for i, d := range drafts {
		ref := Ref{d.Resource.Type(), d.Resource.ID()}
		ops[i] = record.Op{Method: record.Update, Type: ref.Type, ID: ref.ID, Resource: d.Resource}
		switch h := l.have[ref]; {
		case h.version > 0:
			ops[i].IfMatch = h.version
		case h.version == 0:
			ops[i].IfNone = true
		}
	}
	return ops
}
