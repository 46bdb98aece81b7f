package monitor

import (
	"context"
	"net/url"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/fhir/reading"
	"github.com/kith-care/kith/record"
)

// FormSystem is the system of the identifiers of what was sent from a form.
const FormSystem = "urn:kith:form"

// Send puts a reading into the record in the name of whoever sends it, and answers what was sent. key names it: what is sent twice is there once. Invalid where it
// is no reading of a living person, Forbidden where whoever sends it may write none for them.
func Send(ctx context.Context, door *record.Door, who access.Actor, key string, r reading.Reading) (sent []Sent, err error) {
	if who, err = writer(ctx, door, who, r.Subject); err != nil {
		return nil, err
	}
	name := func(part string) string {
		if part == "" {
			return key
		}
		return key + "/" + part
	}
	r.Identifier = func(part string) r4.Identifier { return r4.Identifier{System: FormSystem, Value: name(part)} }
	const first = "urn:uuid:7f0a7f5c-9a3e-4e0c-8a2b-2d1f0c6b9e01" // stands for it until it has an id
	r.Ref = func(string) *r4.Reference { return &r4.Reference{Reference: first} }
	parts, _, err := r.Observations()
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s", err)
	}
	var ops []record.Op
	for _, p := range parts {
		res, err := r4.Resource(p.Observation)
		if err != nil {
			return nil, err
		}
		op := record.Op{Method: record.Create, Type: "Observation", Resource: res, IfNoneExist: "identifier=" + url.QueryEscape(FormSystem+"|"+name(p.Name))}
		if p.Name == "" {
			op.FullURL = first
		}
		ops = append(ops, op)
		sent = append(sent, PointsOf(p.Observation)...)
	}
	_, err = door.Commit(ctx, who, ops)
	return sent, err
}

// writer is as whom a reading is written. At the desk and on the telephone office staff are told of readings who see nobody's: who may ask for something on the person's
// behalf has the reading written for them, in their own name, and sees no others by it.
func writer(ctx context.Context, door *record.Door, who access.Actor, subject *r4.Reference) (access.Actor, error) {
	if subject == nil || who.Role == access.Kith {
		return who, nil
	}
	patient := fhir.ParseReference(subject.Reference).ID
	d, err := door.Decide(ctx, who, access.Create, "Observation", patient)
	if err != nil || d.Permit || who.Patient != "" {
		return who, err
	}
	if d, err = door.Decide(ctx, who, access.Create, "Task", patient); err != nil || !d.Permit {
		return who, err
	}
	return access.Actor{ID: who.ID, Name: who.Name, Role: access.Kith, Organization: who.Organization, Purpose: who.Purpose, From: who.From, Helper: who.Helper}, nil
}

// Sends are the readings from home of somebody since a moment, newest first, as whoever asks may see them.
func Sends(ctx context.Context, door *record.Door, who access.Actor, patient string, since time.Time) (out []Sent, err error) {
	query := url.Values{"patient": {patient}, "_tag": {reading.RouteSystem + "|"}, "date": {"ge" + since.UTC().Format(time.RFC3339)}, "_sort": {"-date"}}
	for m, err := range door.All(ctx, who, "Observation?"+query.Encode()) {
		if err != nil {
			return nil, err
		}
		var o r4.Observation
		if err := m.Decode(&o); err != nil {
			return nil, err
		}
		out = append(out, PointsOf(&o)...)
	}
	return out, nil
}

// High reports whether an average at home is in a stage of hypertension.
func (r *Rules) High(m *HomeMean) bool {
	k := r.Kinds["pressure"]
	return k != nil && k.Average != nil && k.Average.Stage(m) > 0
}

// Words say a reading: 182/104 mmHg. Name is the kind's, "" where the rules do not know it.
func (r *Rules) Words(s Sent) (name, words string) {
	k := r.Kinds[s.Kind]
	if k == nil {
		return "", ""
	}
	return k.Name, k.words(s.Point)
}

// Beyond is the most urgent of the service's limits that a reading reaches, nil for none. It is for saying something at once; the person's own limits, and
// whether a reading is confirmed, are looked at when it is judged.
func (r *Rules) Beyond(s Sent) *Limit {
	k := r.Kinds[s.Kind]
	if k == nil {
		return nil
	}
	for i := range k.Limits { // the most urgent stands first
		if k.Limits[i].breached(s.Point) {
			return &k.Limits[i]
		}
	}
	return nil
}
