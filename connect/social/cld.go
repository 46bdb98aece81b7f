package social

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// personColumns are what each row repeats of the person.
var personColumns = []string{"NHS_Number", "LA_Person_Unique_Identifier", "GP_Practice_Code", "Gender", "Ethnicity", "Date_of_Birth", "Date_of_Death", "Postcode", "Primary_Support_Reason",
	"Accommodation_Status", "Employment_Status", "Has_Unpaid_Carer", "Autism_Spectrum_Disorder_ASD", "Visual_Impairment", "Hearing_Impairment", "Dementia", "Client_Funding_Status"}

// CLD is Client Level Data, Release 2. A feed that says whose record it is takes submissions of that council alone: those of two would take back each
// other's events, and their numbers for people are not of one kind.
func CLD() *intake.Format {
	f := cld("")
	f.For = func(feed *intake.Feed) (*intake.Format, error) { return cld(feed.Organization), nil }
	return f
}

func cld(council string) *intake.Format {
	content := func(columns ...string) func(*intake.Row) string {
		return func(r *intake.Row) string {
			var b strings.Builder
			for _, c := range columns {
				b.WriteString(r.Get(c))
				b.WriteByte(0)
			}
			return b.String()
		}
	}
	who := func(r *intake.Row) string { return r.Get("LA_Person_Unique_Identifier") }
	tables := []intake.Table{
		{Name: "event", Need: []string{"LA_Person_Unique_Identifier", "Event_Type", "Event_Start_Date"}, Key: eventKey, Unit: "event", Missing: eventMissing, Also: []string{"person"}},
		{Name: "person", Key: who, Unit: intake.PatientUnit, Content: content(personColumns...)},
	}
	for _, n := range []string{"1", "2", "3"} {
		adult := "Adult_" + n + "_Linked_Person_ID"
		tables[0].Also = append(tables[0].Also, "carer"+n)
		tables = append(tables, intake.Table{Name: "carer" + n, Unit: "carer", Content: content("LA_Person_Unique_Identifier", adult),
			Key:  func(r *intake.Row) string { return r.Get(adult) + "|" + who(r) },
			Skip: func(r *intake.Row) bool { return r.Get(adult) == "" || r.Get("Client_Type") != "Carer" }})
	}
	return &intake.Format{
		Kind: "cld", Recognise: func(name string, head []byte) (*intake.File, error) { return cldFile(name, head, council) }, Tables: tables, Stages: [][]string{{"event"}},
		Columns:  map[string][]string{"parent": {"LA_Person_Unique_Identifier"}, "nhs-number": {"NHS_Number"}, "birth-date": {"Date_of_Birth"}, "postcode": {"Postcode"}},
		Volatile: []string{"Reporting_Period_Start_Date", "Reporting_Period_End_Date", "Event_Reference"},
		Units: []intake.Unit{
			{Kind: intake.PatientUnit, Makes: []string{"Patient", "Observation"}, Map: cldPerson},
			{Kind: "carer", Makes: []string{"RelatedPerson"}, Map: cldCarer,
				Patient: func(m *intake.Mapping) string { adult, _, _ := strings.Cut(m.Key, "|"); return adult }},
			{Kind: "event", Makes: []string{"ServiceRequest", "Encounter", "QuestionnaireResponse", "CarePlan", "EpisodeOfCare"}, Map: cldEvent,
				Patient: func(m *intake.Mapping) string { return who(m.Row("event")) }},
		},
	}
}

var cldVersion = regexp.MustCompile(`(?i)_v(\d{1,4})\.csv$`)

// cldFile reads the period from the first row: all rows of a submission are of one.
func cldFile(name string, head []byte, council string) (*intake.File, error) {
	if !strings.EqualFold(path.Ext(name), ".csv") {
		return nil, nil
	}
	if err := intake.IsUTF8(head); err != nil {
		return nil, err
	}
	if len(head) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the file is empty: it should begin with a header")
	}
	header, rest, _ := strings.Cut(strings.TrimPrefix(string(head), "\ufeff"), "\n")
	rest = strings.TrimLeft(rest, "\r\n")
	columns := intake.SplitRow(header, ',')
	at := func(column string) int {
		for i, c := range columns {
			if c == column {
				return i
			}
		}
		return -1
	}
	end := at("Reporting_Period_End_Date")
	if end < 0 {
		return nil, fhir.Errorf(fhir.Invalid, "line 1: there is no column Reporting_Period_End_Date, so that nothing says what the submission covers; the columns are %.500q", header)
	}
	row := intake.SplitRow(rest, ',')
	if end >= len(row) {
		return nil, fhir.Errorf(fhir.Invalid, "line 2: the row does not say what the submission covers")
	}
	if la := at("LA_Code"); council != "" && la >= 0 && la < len(row) && row[la] != council {
		return nil, fhir.Errorf(fhir.Invalid, "line 2: LA_Code: the submission is of %q, the feed of %q", row[la], council)
	}
	d, err := fact.Day(row[end], days...)
	if err != nil || d.Year == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "line 2: Reporting_Period_End_Date: %q is not a day", row[end])
	}
	stamp := d.Low()
	if v := cldVersion.FindStringSubmatch(name); v != nil {
		n, _ := strconv.Atoi(v[1])
		stamp = stamp.Add(time.Duration(n) * time.Second)
	}
	return &intake.File{Name: name, Table: "event", Stamp: stamp, Full: true}, nil
}

// eventKey is what makes an event the same from one submission to the next; a service goes on, so when it ends does not tell it from another.
func eventKey(r *intake.Row) string {
	if r.Get("LA_Person_Unique_Identifier") == "" {
		return ""
	}
	kind := r.Get("Event_Type")
	end := plainDay(r, "Event_End_Date")
	if kind == "Service" {
		end = ""
	}
	which := r.First(map[string]string{"Request": "Request_Route_of_Access", "Assessment": "Assessment_Type", "Service": "Service_Type", "Review": "Review_Reason"}[kind])
	return strings.Join([]string{r.Get("LA_Code"), r.Get("LA_Person_Unique_Identifier"), kind, plainDay(r, "Event_Start_Date"), end, r.Get("Client_Type"), which, r.Get("Service_Component")}, "|")
}

// plainDay is a day as yyyy-MM-dd, however it is written: councils write days now one way, now another. What is no day stays as it is.
func plainDay(r *intake.Row, column string) string {
	if d, err := fact.Day(r.Get(column), days...); err == nil && d.Year != 0 {
		return d.String()
	}
	return r.Get(column)
}

// eventMissing says what it means that a later submission lacks an event. Submissions cover the twelve months up to their stamp.
func eventMissing(r *intake.Row, newest time.Time) intake.Absence {
	start, err := fact.Day(r.Get("Event_Start_Date"), days...)
	if err != nil {
		return intake.TakenBack
	}
	end, err := fact.Day(r.Get("Event_End_Date"), days...)
	if err != nil || end.Year == 0 {
		end = start
	}
	year := newest.Truncate(24*time.Hour).AddDate(-1, 0, 1)
	switch {
	case r.Get("Event_Type") == "Service":
		return intake.Ended
	case end.Low().Before(year):
		return intake.Beyond
	}
	return intake.TakenBack
}

func cldPerson(m *intake.Mapping) error {
	r := m.Row("person")
	born, err := day(r, "Date_of_Birth")
	if err != nil {
		return err
	}
	died, err := day(r, "Date_of_Death")
	if err != nil {
		return err
	}
	p := fact.Person{NHSNumber: r.Get("NHS_Number"), Sex: r.Get("Gender"), Born: born, Died: died, Postcode: r.Get("Postcode"), Practice: r.Get("GP_Practice_Code"), Ethnicity: r.Get("Ethnicity")}
	if err := m.Put("Patient", p.Patient(m.Feed.Name, m.Key)); err != nil {
		return err
	}
	o := &r4.Observation{Identifier: []r4.Identifier{fact.Source(m.Feed.Name, m.Key+"|circumstances")}, Status: "final", Code: fact.Text("Circumstances, as the council has them"),
		Category: fact.List(fact.Concept(fact.HL7+"observation-category", "social-history", "Social History")), Subject: m.Ref("Patient", intake.PatientUnit, m.Key)}
	for _, c := range personColumns[8:] {
		if v := r.Get(c); v != "" {
			o.Component = append(o.Component, r4.ObservationComponent{Code: fact.Text(strings.ReplaceAll(c, "_", " ")), ValueString: v})
		}
	}
	if o.Component == nil {
		return nil
	}
	return m.Put("Observation", o)
}

// cldCarer makes an unpaid carer, known to the council, a related person of the adult they care for.
func cldCarer(m *intake.Mapping) error {
	adult, carer, _ := strings.Cut(m.Key, "|")
	return m.Put("RelatedPerson", &r4.RelatedPerson{Identifier: []r4.Identifier{fact.Source(m.Feed.Name, m.Key), {System: "urn:kith:source:" + m.Feed.Name + ":person", Value: carer}}, Active: fact.Truth(true),
		Patient: m.Ref("Patient", intake.PatientUnit, adult), Relationship: []r4.CodeableConcept{{Text: "Unpaid carer"}}})
}

// event is what the four kinds of event have in common.
type event struct {
	m          *intake.Mapping
	r          *intake.Row
	id         []r4.Identifier
	patient    *r4.Reference
	start, end fhir.Date
	council    *r4.Reference
}

func cldEvent(m *intake.Mapping) error {
	r := m.Row("event")
	e := &event{m: m, r: r, id: []r4.Identifier{fact.Source(m.Feed.Name, m.Key)}, patient: m.Ref("Patient", intake.PatientUnit, r.Get("LA_Person_Unique_Identifier"))}
	if code := r.Get("LA_Code"); code != "" {
		if ours := m.Feed.Organization; ours != "" && code != ours {
			return r.Bad("LA_Code", "the row is of %q, the feed of %q", code, ours)
		}
		e.council = &r4.Reference{Type: "Organization", Identifier: &r4.Identifier{System: fact.ODSCode, Value: code}}
	}
	var err error
	if e.start, err = day(r, "Event_Start_Date"); err != nil {
		return err
	}
	if e.start.Year == 0 {
		return r.Bad("Event_Start_Date", "the event has no day on which it began")
	}
	if e.end, err = day(r, "Event_End_Date"); err != nil {
		return err
	}
	if e.end.Year != 0 && e.end.Low().Before(e.start.Low()) {
		return r.Bad("Event_End_Date", "the event ends on %s, before it began on %s", e.end, e.start)
	}
	switch r.Get("Event_Type") {
	case "Request":
		return e.request()
	case "Assessment":
		return e.contact(r.Get("Assessment_Type"), r.Get("Method_of_Assessment"), "Assessment_Type", "Eligible_Needs_Identified", "Method_of_Assessment", "Event_Outcome",
			"Total_Hrs_Caring_per_week", "No_of_adults_being_cared_for")
	case "Review":
		return e.contact("Review: "+r.Get("Review_Reason"), r.Get("Method_of_Review"), "Review_Reason", "Review_Outcomes_Achieved", "Method_of_Review", "Event_Outcome")
	case "Service":
		return e.service()
	}
	return r.Bad("Event_Type", "%q is no kind of event: it is Request, Assessment, Service or Review", r.Get("Event_Type"))
}

func (e *event) request() error {
	s := &r4.ServiceRequest{Identifier: e.id, Status: "active", Intent: "proposal", Category: fact.List(fact.Text("Request for adult social care")),
		Code: fact.Text(e.r.First("Request_Route_of_Access", "Event_Description")), Subject: e.patient, AuthoredOn: e.start, Performer: fact.List(e.council), OccurrencePeriod: period(e.start, e.end)}
	if e.end.Year != 0 {
		s.Status = "completed"
	}
	if o := e.r.Get("Event_Outcome"); o != "" {
		s.Note = fact.Note("Outcome: " + o)
	}
	return e.m.Put("ServiceRequest", s)
}

// contact is an assessment or a review: an encounter, and what was found, as answers.
func (e *event) contact(what, how string, columns ...string) error {
	class := r4.Coding{System: fact.HL7 + "v3-ActCode", Code: "AMB", Display: "ambulatory"}
	if l := strings.ToLower(how); strings.Contains(l, "phone") || strings.Contains(l, "remote") || strings.Contains(l, "virtual") || strings.Contains(l, "online") {
		class.Code, class.Display = "VR", "virtual"
	}
	enc := &r4.Encounter{Identifier: e.id, Status: "finished", Class: &class, Type: fact.List(fact.Text(what)), Subject: e.patient, Period: period(e.start, e.end), ServiceProvider: e.council}
	if e.end.Year == 0 {
		enc.Status = "in-progress"
	}
	if err := e.m.Put("Encounter", enc); err != nil {
		return err
	}
	items := answers(e.r, columns...)
	if items == nil {
		return nil
	}
	q := &r4.QuestionnaireResponse{Identifier: &e.id[0], Status: "completed", Subject: e.patient, Encounter: e.m.Ref("Encounter", "event", e.m.Key), Authored: e.start, Item: items}
	if e.end.Year != 0 {
		q.Authored = e.end
	} else {
		q.Status = "in-progress"
	}
	return e.m.Put("QuestionnaireResponse", q)
}

// service is care that goes on: an episode, and what is planned in it. Where a later submission has it no more, it ended with the last
// period that had it.
func (e *event) service() error {
	if e.end.Year == 0 && e.r.Left() {
		var err error
		if e.end, err = day(e.r, "Reporting_Period_End_Date"); err != nil {
			return err
		}
	}
	episode, plan, activity := "active", "active", "in-progress"
	if e.end.Year != 0 {
		episode, plan, activity = "finished", "completed", "completed"
	}
	kind := fact.Text(e.r.First("Service_Type", "Event_Description"))
	if err := e.m.Put("EpisodeOfCare", &r4.EpisodeOfCare{Identifier: e.id, Status: episode, Type: fact.List(kind), Patient: e.patient, ManagingOrganization: e.council, Period: period(e.start, e.end)}); err != nil {
		return err
	}
	d := &r4.CarePlanActivityDetail{Code: fact.Text(e.r.First("Service_Component", "Service_Type", "Event_Description")), Status: activity, ScheduledPeriod: period(e.start, e.end)}
	if id := e.r.Get("Provider_CQC_Location_ID"); id != "" {
		d.Performer = []r4.Reference{{Type: "Organization", Identifier: &r4.Identifier{System: "https://api.cqc.org.uk/public/v1/locations", Value: id}}}
	}
	var said []string
	for _, c := range []string{"Delivery_Mechanism", "Planned_units_per_week", "Unit_Cost", "Cost_Frequency_Unit_Type"} {
		if v := e.r.Get(c); v != "" {
			said = append(said, strings.ReplaceAll(c, "_", " ")+": "+v)
		}
	}
	d.Description = strings.Join(said, "; ")
	return e.m.Put("CarePlan", &r4.CarePlan{Identifier: e.id, Status: plan, Intent: "plan", Title: e.r.First("Service_Component", "Service_Type"), Category: fact.List(kind), Subject: e.patient, Period: period(e.start, e.end),
		SupportingInfo: fact.List(e.m.Ref("EpisodeOfCare", "event", e.m.Key)), Activity: []r4.CarePlanActivity{{Detail: d}}})
}
