package intake

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Origin is where something shown came from: the bytes that said so.
type Origin struct {
	Feed    *Feed
	Item    *Item
	Line    int64   // of a row, from 1; 0 where the item is no table
	Place   string  // in a message: OBX[3]
	Text    string  // the row or message as it came
	Columns []Value // of a row
}

// Value is one column of a row.
type Value struct{ Column, Value string }

// Trace leads from a resource to what it was made from. Whoever asks must be allowed to read the resource, and the audit says
// that they did. A resource that came by no feed has no origins.
func (d *Desk) Trace(ctx context.Context, who access.Actor, typ, id string) ([]Origin, error) {
	stored, err := d.Door.Get(ctx, who, typ, id)
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	return d.origins(ctx, res.Root().Get("meta").Get("source").Text())
}

func (d *Desk) origins(ctx context.Context, source string) ([]Origin, error) {
	name, rest, ok := SourceOf(source)
	if !ok {
		return nil, nil
	}
	feed, err := d.Named(name)
	if err != nil {
		return nil, err
	}
	if item, place, ok := strings.Cut(rest, "#"); ok {
		n, err := strconv.ParseInt(item, 10, 64)
		if err != nil {
			return nil, fhir.Errorf(fhir.Broken, "%q names nothing that arrived", source)
		}
		it, err := d.Item(ctx, n)
		if err != nil {
			return nil, err
		}
		raw, err := d.Raw(ctx, it)
		return []Origin{{Feed: feed, Item: it, Place: place, Text: strings.ToValidUTF8(string(raw), "\uFFFD")}}, err
	}
	kind, escaped, _ := strings.Cut(rest, "/")
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fhir.Errorf(fhir.Broken, "%q names nothing that arrived", source)
	}
	parts, err := d.box.Parts(ctx, feed.Number, []int64{digestOf(kind, key)})
	if err != nil {
		return nil, err
	}
	var out []Origin
	for i := range parts {
		o, err := d.origin(ctx, feed, &parts[i])
		if err != nil {
			return nil, err
		}
		out = append(out, *o)
	}
	return out, nil
}

// origin reads the row of a part.
func (d *Desk) origin(ctx context.Context, feed *Feed, p *record.Part) (*Origin, error) {
	it, err := d.Item(ctx, p.Item)
	if err != nil {
		return nil, err
	}
	raw, err := d.Bytes(ctx, p.Item, p.Place, p.Size)
	if err != nil {
		return nil, err
	}
	comma := byte(',')
	if c := it.Meta["comma"]; c != "" {
		comma = c[0]
	}
	_, spans, _, _ := cut(raw, comma, true)
	r := &Row{raw: raw, spans: spans, head: newHeader(it.Header, it.Meta["charset"] == "windows-1252")}
	o := &Origin{Feed: feed, Item: it, Line: p.Line, Text: r.Text()}
	for i, c := range it.Header {
		if i < len(spans) {
			o.Columns = append(o.Columns, Value{c, r.field(i)})
		}
	}
	return o, nil
}

// Provenance says as FHIR where a resource came from: the file or message, its digest, the row or segment, whose system sent it and
// when it came. It is made when it is asked for, so it is always of what the record says now.
// https://hl7.org/fhir/R4/provenance.html
func (d *Desk) Provenance(ctx context.Context, who access.Actor, typ, id string) (*r4.Provenance, error) {
	stored, err := d.Door.Get(ctx, who, typ, id)
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	origins, err := d.origins(ctx, res.Root().Get("meta").Get("source").Text())
	if err != nil {
		return nil, err
	}
	if len(origins) == 0 {
		return nil, fhir.Errorf(fhir.NotFound, "%s/%s came by no feed", typ, id)
	}
	p := &r4.Provenance{Target: []r4.Reference{{Reference: typ + "/" + id + "/_history/" + strconv.FormatInt(stored.Version, 10)}}}
	p.Recorded = fhir.DateTimeOf(stored.Updated)
	for _, o := range origins {
		p.Agent = []r4.ProvenanceAgent{{Type: &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/provenance-participant-type", Code: "transmitter"}}},
			Who: &r4.Reference{Identifier: &r4.Identifier{System: "https://fhir.nhs.uk/Id/ods-organization-code", Value: o.Feed.Organization}, Display: o.Feed.Title}}}
		if o.Feed.Organization == "" {
			p.Agent[0].Who.Identifier = nil
		}
		place := o.Place
		if o.Line > 0 {
			place = "line " + strconv.FormatInt(o.Line, 10)
		}
		entity := r4.ProvenanceEntity{Role: "source", What: &r4.Reference{
			Identifier: &r4.Identifier{System: "urn:kith:intake", Value: o.Feed.Name + "/" + strconv.FormatInt(o.Item.Number, 10)},
			Display:    o.Item.Name + ", " + place + ", received " + o.Item.Received.UTC().Format(time.RFC3339) + ", SHA-256 " + o.Item.SHA256}}
		p.Entity = append(p.Entity, entity)
	}
	return p, nil
}
