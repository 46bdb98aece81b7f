package gpconnect

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// ItemName names what a practice answered, so that Read knows what was asked.
func ItemName(nhsNumber string, s Scope, at time.Time) string {
	return "structured " + nhsNumber + " " + s.String() + " " + at.UTC().Format(time.RFC3339)
}

var itemName = regexp.MustCompile(`^structured (\d{10}) (\S+) \S+$`)

// Read is the intake.Reader of kind gpconnect: an item is what a practice answered, a Bundle or Parameters. An OperationOutcome
// changes nothing.
func Read(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	var scope Scope
	asked := ""
	if p := itemName.FindStringSubmatch(it.Name); p != nil {
		var err error
		if scope, err = ParseScope(p[2]); err != nil {
			return nil, err
		}
		asked = p[1]
	}
	res, err := fhir.Parse(raw)
	if err != nil {
		return nil, err
	}
	if res.Type() == "OperationOutcome" {
		o := OutcomeOf(0, raw)
		return &intake.Reading{Rows: intake.Rows{In: 1}, Notes: map[string]int{strings.TrimSpace(o.Code + " " + o.Text): 1}}, nil
	}
	r, err := Map(raw, Config{Feed: f.Name, Item: it.Number})
	if err != nil {
		return nil, err
	}
	if asked != "" && r.NHSNumber != "" && r.NHSNumber != asked {
		return nil, fhir.Errorf(fhir.Invalid, "the record is of NHS number %s, but %s was asked for", r.NHSNumber, asked).At("Patient.identifier")
	}
	x := &filing{ctx: ctx, desk: d, feed: f, item: it, record: r, reach: reachOf(scope, r.Lists), have: map[string]*record.Stored{}}
	return x.reading()
}

func reachOf(s Scope, lists []string) reach {
	r := reach{Scope: s}
	for _, code := range lists {
		if name, ok := sectionOf(code); ok {
			r.answered = append(r.answered, name)
		}
	}
	return r
}

// filing holds an answer against the record.
type filing struct {
	ctx    context.Context
	desk   *intake.Desk
	feed   *intake.Feed
	item   *intake.Item
	record *Record
	reach  reach
	have   map[string]*record.Stored // what this source said of the patient before, by Type/id
}

// held are the types that may hold something of a patient that a later answer no longer has.
var held = []string{"AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "FamilyMemberHistory", "Immunization", "List",
	"MedicationRequest", "MedicationStatement", "Observation", "Procedure", "QuestionnaireResponse", "ServiceRequest", "Specimen"}

func (x *filing) reading() (*intake.Reading, error) {
	if err := x.before(); err != nil {
		return nil, err
	}
	out := &intake.Reading{Patients: []string{x.record.Patient}, Notes: x.record.Notes}
	out.Rows.In = len(x.record.Resources) + len(x.record.Left)
	said := map[string]bool{}
	for _, f := range x.record.Resources {
		ref := f.Resource.Type() + "/" + f.Resource.ID()
		said[ref] = true
		was, err := x.current(f.Resource)
		if err != nil {
			return nil, err
		}
		if was != nil && saysSame(was, f.Resource) {
			out.Rows.Unchanged++
			continue
		}
		out.Rows.Filed++
		out.Ops = append(out.Ops, record.Op{Method: record.Update, Type: f.Resource.Type(), ID: f.Resource.ID(), Resource: f.Resource})
	}
	for _, l := range x.record.Left {
		said[l.Type+"/"+l.ID] = true // it is there, though it cannot be filed
		out.Rows.Quarantined++
		out.Bad = append(out.Bad, intake.Bad{Table: l.Place, Reason: l.Reason})
	}
	for ref, was := range x.have {
		if said[ref] {
			continue
		}
		res, err := was.Resource()
		if err != nil {
			return nil, err
		}
		if x.earlier(res) && x.reach.covers(res) {
			out.Rows.Retracted++
			out.Ops = append(out.Ops, record.Op{Method: record.Delete, Type: was.Type, ID: was.ID})
		}
	}
	return out, nil
}

// before reads what this source said of the patient so far. The search also finds what other sources say of the same person: that is
// none of ours.
func (x *filing) before() error {
	if stored, err := x.stored("Patient", x.record.Patient); err != nil || stored == nil {
		return err
	}
	mine := "Patient/" + x.record.Patient
	for _, typ := range held {
		for s, err := range x.desk.Door.All(x.ctx, x.desk.Who, typ+"?patient="+mine) {
			if err != nil {
				return err
			}
			res, err := s.Resource()
			if err != nil {
				return err
			}
			root := res.Root()
			feed, _, ok := intake.SourceOf(root.Get("meta").Get("source").Text())
			if ok && feed == x.feed.Name && (root.Get("subject").Get("reference").Is(mine) || root.Get("patient").Get("reference").Is(mine)) {
				x.have[s.Ref()] = s
			}
		}
	}
	return nil
}

// current is what the record holds under a resource's id, nil for nothing.
func (x *filing) current(res *fhir.Resource) (*record.Stored, error) {
	if s := x.have[res.Type()+"/"+res.ID()]; s != nil {
		return s, nil
	}
	return x.stored(res.Type(), res.ID())
}

func (x *filing) stored(typ, id string) (*record.Stored, error) {
	s, err := x.desk.Door.Get(x.ctx, x.desk.Who, typ, id)
	switch fhir.KindOf(err) {
	case fhir.NotFound, fhir.Gone:
		if err != nil {
			return nil, nil
		}
	}
	return s, err
}

// saysSame reports whether a resource says what is there, whichever answer it came in.
func saysSame(was *record.Stored, now *fhir.Resource) bool {
	have, err := was.Resource()
	if err != nil {
		return false
	}
	from, to := have.Root().Get("meta").Get("source"), now.Root().Get("meta").Get("source")
	if !from.Exists() || !to.Exists() {
		return was.Says(now)
	}
	same, err := fhir.Parse(fhir.Splice(now.Bytes(), []fhir.Edit{{Start: to.Offset(), End: to.End(), With: from.Raw()}}))
	return err == nil && was.Says(same)
}

// earlier reports whether a resource came in this answer or one before it: what came later is not gone because an older answer, read again,
// does not have it.
func (x *filing) earlier(res *fhir.Resource) bool {
	_, rest, ok := intake.SourceOf(res.Root().Get("meta").Get("source").Text())
	number, _, _ := strings.Cut(rest, "#")
	n, err := strconv.ParseInt(number, 10, 64)
	return ok && err == nil && n <= x.item.Number
}
