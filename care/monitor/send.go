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

// Send puts a reading into the record in the name of whoever sends it. key names it: what is sent twice is there once. Improbable are the kinds of which a
// number was noted as such. Invalid where it is no reading of a living person.
func Send(ctx context.Context, door *record.Door, who access.Actor, key string, r reading.Reading) (improbable []string, err error) {
	name := func(part string) string {
		if part == "" {
			return key
		}
		return key + "/" + part
	}
	r.Identifier = func(part string) r4.Identifier { return r4.Identifier{System: FormSystem, Value: name(part)} }
	const first = "urn:uuid:7f0a7f5c-9a3e-4e0c-8a2b-2d1f0c6b9e01" // stands for it until it has an id
	r.Ref = func(string) *r4.Reference { return &r4.Reference{Reference: first} }
	parts, rare, err := r.Observations()
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s", err)
	}
	for _, k := range rare {
		improbable = append(improbable, k.Display)
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
	}
	_, err = door.Commit(ctx, who, ops)
	return improbable, err
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

// MeanWords say an average at home, with what stage of hypertension it is in.
func (r *Rules) MeanWords(m *HomeMean) string {
	words := "Your " + m.words()
	if k := r.Kinds["pressure"]; k != nil && k.Average != nil && k.Average.Stage(m) > 0 {
		words += ", which is high"
	}
	return words + "."
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
