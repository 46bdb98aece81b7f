package staff

import (
	"cmp"
	_ "embed"
	"net/http"
	"strconv"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

//go:embed trace.html
var traceHTML string

var tracePage = page(traceHTML)

// traceView says where one entry of the record came from.
type traceView struct {
	Frame   kit.Frame
	Banner  *banner // whose entry it is; nil where it is of nobody
	What    string  // the entry in words
	Ref     string
	Source  string // what the entry itself says, where it came by no feed
	Origins []originRow
}

// originRow is a row or a message that the entry was made from.
type originRow struct {
	Feed, FeedTitle, Item, Address, Received string
	Place                                    string // line 12, or segment OBX[3]
	Columns                                  []pair // of a row, the empty ones left out
	Empty                                    int    // how many columns say nothing
	Text                                     []traceLine
	Left                                     string // what of a long message is not shown
}

// traceLine is a line of a message, and whether it is the one.
type traceLine struct {
	Text   string
	Marked bool
}

func (s *Site) trace(w http.ResponseWriter, r *http.Request) {
	typ, id := r.PathValue("type"), r.PathValue("id")
	if !fhir.ValidID(id) {
		s.missing(w, r, "There is no entry at this address.")
		return
	}
	stored, err := s.Door.Get(r.Context(), s.who(r), typ, id)
	if fhir.KindOf(err) == fhir.NotFound && err != nil {
		s.missing(w, r, "There is no entry at this address.")
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, err := entry.Of(stored)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := traceView{Ref: typ + "/" + id, What: described(f), Source: f.At("meta.source")}
	view.Frame = s.frame("Where this came from")
	if whose := patientOf(f); whose != "" {
		b, err := s.bannerFor(r, whose, "arrived")
		if err != nil && fhir.KindOf(err) != fhir.NotFound && fhir.KindOf(err) != fhir.Gone {
			s.fail(w, r, err)
			return
		}
		if err == nil {
			view.Banner, view.Frame.Title = b, b.Name+": where this came from"
		}
	}
	if s.Feeds != nil && f.Feed != "" {
		origins, err := s.Feeds.Desk.Trace(r.Context(), s.who(r), typ, id)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		for i := range origins {
			view.Origins = append(view.Origins, originOf(&origins[i]))
		}
	}
	s.Send(w, r, http.StatusOK, tracePage, view)
}

// bannerFor is the banner of a page about a person that is not their record; current is which.
func (s *Site) bannerFor(r *http.Request, id, current string) (*banner, error) {
	patient, err := s.patient(r, id)
	if err != nil {
		return nil, err
	}
	facts, _, err := s.facts(r.Context(), s.who(r), id, "AllergyIntolerance")
	if err != nil && fhir.KindOf(err) != fhir.Forbidden {
		return nil, err
	}
	b := bannerOf(patient, facts, s.Time())
	b.Practice, b.Tabs = s.practiceOf(r, patient.Root()), s.tabsOf(id, current)
	return &b, nil
}

// patientOf is the id of the Patient whose entry it is, "" where it is nobody's.
func patientOf(f fact) string {
	if f.Kind == "Patient" {
		return f.ID
	}
	for _, member := range []string{"subject", "patient", "beneficiary", "for"} {
		if ref := fhir.ParseReference(f.V.Get(member).Get("reference").Text()); ref.Type == "Patient" {
			return ref.ID
		}
	}
	for p := range f.V.Get("participant").Items() {
		if ref := fhir.ParseReference(p.Get("actor").Get("reference").Text()); ref.Type == "Patient" {
			return ref.ID
		}
	}
	return ""
}

// described is an entry in words: what it is, when, and what it says.
func described(f fact) string {
	if f.Kind == "Patient" {
		return "Patient: " + kit.Name(f.V.Get("name"))
	}
	l := entryOf(f)
	return l.Kind + ": " + strings.TrimSuffix(l.Text+", "+l.On, ", ")
}

// entryOf is a line of any kind of entry; of those that the timeline does not show it says what all kinds have in common.
func entryOf(f fact) line {
	for _, kind := range shown {
		if f.Kind == kind {
			return lineOf(f)
		}
	}
	l := line{On: kit.Date(f.When()), Kind: cmp.Or(kindsOfEntries[f.Kind], f.Kind), Source: f.Source(), Trace: f.Trace()}
	for _, member := range []string{"code", "type", "serviceType", "vaccineCode", "medicationCodeableConcept", "relationship", "category", "class"} {
		if l.Text == "" {
			l.Text = kit.Words(kit.FirstOf(f.V.Get(member)))
		}
	}
	l.Text = cmp.Or(l.Text, f.At("description"), f.At("name"), sentence(f.At("status")))
	if l.On == "" {
		l.On = kit.Date(cmp.Or(f.At("start"), f.At("occurrencePeriod.start"), f.At("created")))
	}
	return l
}

// kindsOfEntries are the types of resource in words.
var kindsOfEntries = map[string]string{"Patient": "Patient", "Condition": "Problem", "AllergyIntolerance": "Allergy", "MedicationRequest": "Prescription", "MedicationStatement": "Medicine", "Observation": "Result or measurement",
	"Encounter": "Visit", "Immunization": "Vaccination", "Procedure": "Procedure", "DiagnosticReport": "Report", "DocumentReference": "Document", "Appointment": "Appointment", "ServiceRequest": "Request or referral",
	"EpisodeOfCare": "Registration or spell of care", "RelatedPerson": "Carer or relative", "FamilyMemberHistory": "Family history", "MedicationAdministration": "Medicine given", "Flag": "Flag", "Specimen": "Specimen",
	"CarePlan": "Care plan", "QuestionnaireResponse": "Assessment", "Organization": "Organisation", "Practitioner": "Member of staff", "PractitionerRole": "Role of staff", "Location": "Place", "Schedule": "Session", "Slot": "Slot"}

func originOf(o *intake.Origin) originRow {
	row := originRow{Feed: o.Feed.Name, FeedTitle: cmp.Or(o.Feed.Title, o.Feed.Name), Item: o.Item.Name, Address: "/feeds/" + o.Feed.Name + "/items/" + strconv.FormatInt(o.Item.Number, 10), Received: clock(o.Item.Received)}
	if o.Line > 0 {
		row.Place = "line " + strconv.FormatInt(o.Line, 10)
	} else if o.Place != "" {
		row.Place = o.Place
	}
	for _, c := range o.Columns {
		if c.Value == "" {
			row.Empty++
			continue
		}
		row.Columns = append(row.Columns, pair{c.Column, cut(c.Value, 1000)})
	}
	if len(o.Columns) == 0 {
		row.message(readable([]byte(o.Text), o.Item), o.Place)
	}
	return row
}

// linesAround is how many lines of a long message stand around the one that is marked.
const linesAround = 30

// message shows the lines of a message with the one in which the entry stands marked: OBX[3] is the third OBX, OBX the first.
func (row *originRow) message(text, place string) {
	segment, rest, _ := strings.Cut(place, "[")
	nth, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if err != nil {
		nth = 1
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	at, met := -1, 0
	for i, l := range lines {
		if segment != "" && (l == segment || strings.HasPrefix(l, segment+"|")) {
			if met++; met == nth {
				at = i
			}
		}
	}
	first, last := max(at-linesAround, 0), min(max(at, 0)+linesAround, len(lines))
	for i := first; i < last; i++ {
		row.Text = append(row.Text, traceLine{cut(lines[i], 1000), i == at})
	}
	if left := len(lines) - (last - first); left > 0 {
		row.Left = count(left) + " more lines are not shown"
	}
}
