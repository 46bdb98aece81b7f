package town

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// clientLevelColumns are the columns of a Client Level Data submission (Release 2) as the specification of feeds names
// them; their order is assumed.
const clientLevelColumns = "LA_Code,Reporting_Period_Start_Date,Reporting_Period_End_Date,NHS_Number,LA_Person_Unique_Identifier,GP_Practice_Code,Gender,Ethnicity,Date_of_Birth,Date_of_Death,Client_Type,Primary_Support_Reason," +
	"Postcode,Accommodation_Status,Employment_Status,Has_Unpaid_Carer,Autism_Spectrum_Disorder_ASD,Visual_Impairment,Hearing_Impairment,Dementia,Client_Funding_Status," +
	"Event_Type,Event_Reference,Event_Start_Date,Event_End_Date,Event_Description,Event_Outcome,Request_Route_of_Access,Assessment_Type,Eligible_Needs_Identified,Method_of_Assessment,Service_Type,Service_Component," +
	"Delivery_Mechanism,Provider_CQC_Location_ID,Review_Reason,Review_Outcomes_Achieved,Method_of_Review,Unit_Cost,Cost_Frequency_Unit_Type,Planned_units_per_week,Total_Hrs_Caring_per_week,No_of_adults_being_cared_for," +
	"Adult_1_Linked_Person_ID,Adult_2_Linked_Person_ID,Adult_3_Linked_Person_ID"

// council writes the two latest quarterly submissions of Client Level Data, each of a rolling year: what the second says
// of the months both cover replaces the first.
type council struct {
	town Town
	feed int
	ends [2]time.Time // the last days of the two periods
}

func newCouncil(t Town, feed int, cuts []time.Time) *council {
	c := &council{town: t, feed: feed}
	last := cuts[len(cuts)-1]
	quarter := date(last.Year(), (int(last.Month())-1)/3*3+1, 1) // the first day of this quarter
	c.ends = [2]time.Time{quarter.AddDate(0, -3, -1), quarter.AddDate(0, 0, -1)}
	return c
}

const councilName = "council-zzc"

func (x *council) begin(w *files) error {
	for n, end := range x.ends {
		path := fmt.Sprintf("%s/%s/CLD_ZZC_%s_%s.csv", councilName, end.Format("2006-01"), x.start(n).Format("20060102"), end.Format("20060102"))
		if err := w.begin(sheetKey{x.feed, n, 0}, path, []byte(clientLevelColumns+"\r\n")); err != nil {
			return err
		}
	}
	return nil
}

func (x *council) shared(*outbox)   {}
func (x *council) end(*files) error { return nil }

// start is the first day of a submission's year.
func (x *council) start(n int) time.Time { return x.ends[n].AddDate(-1, 0, 1) }

// careEvent is a row's event.
type careEvent struct {
	kind       string // Request, Assessment, Service, Review
	from, to   time.Time
	detail     string // route, assessment type, service type or reason
	component  string
	clientType string
	first      bool // stands in the first submission only: it was entered by mistake, or the service stopped without an end
}

// write writes what the council knows of a person who has care, or cares.
func (x *council) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	p, d := c.p, roll(x.town.Seed, c.p.i, "council")
	care, ok := c.supported()
	if !ok && !(c.b.cares > 20 && d.chance(0.15)) {
		return records
	}
	who := c.known("council", x.ends[0], 0.15)
	person := fmt.Sprintf("LA%06d", 400_000+p.i)
	events := slices.DeleteFunc(x.events(c, care, ok, d), func(e careEvent) bool { return !e.from.Before(p.end) })
	wrote := false
	truth, order := map[string]trueFact{}, []string{}
	for n := range x.ends {
		for i, e := range events {
			if e.from.After(x.ends[n]) || !e.to.IsZero() && e.to.Before(x.start(n)) || e.first && n == 1 {
				continue
			}
			x.row(o, n, i, person, &who, c, e)
			wrote = true
			key := e.key(person, x.ends[len(x.ends)-1])
			if _, known := truth[key]; !known {
				order = append(order, key)
			}
			kind := map[string]string{"Request": "ServiceRequest", "Assessment": "Encounter", "Service": "EpisodeOfCare", "Review": "Encounter"}[e.kind]
			truth[key] = trueFact{Feed: councilName, Patient: person, Person: personName(p.i), Kind: kind, Key: key, Date: ymd(e.from)}
		}
	}
	if !wrote {
		return records
	}
	for _, e := range events {
		key := e.key(person, x.ends[len(x.ends)-1])
		line, known := truth[key]
		if !known || !e.first {
			continue
		}
		if e.kind == "Service" { // missing from the next period: it ended with the first
			line.Ended = ymd(x.ends[0])
		} else if !e.from.Before(x.start(1)) {
			line.Deleted, line.Date = true, ""
		}
		truth[key] = line
	}
	for _, key := range order {
		line := truth[key]
		o.say(&line)
	}
	return append(records, trueRecord{Feed: councilName, Key: person, NHS: who.nhs})
}

// key is what makes an event the same event, as the last submission has it, which ends on last: its reference does not. (specification of feeds §6)
func (e *careEvent) key(person string, last time.Time) string {
	end := ""
	if e.kind != "Service" && !e.to.IsZero() && !e.to.After(last) {
		end = ymd(e.to)
	}
	return strings.Join([]string{"ZZC", person, e.kind, ymd(e.from), end, e.clientType, e.detail, e.component}, "|")
}

func (x *council) events(c *chart, care support, supported bool, d dice) (all []careEvent) {
	if !supported {
		from := workday(after(x.ends[1], -0.9*d.Float64()))
		return []careEvent{{kind: "Request", from: from, to: from.Add(3 * day), detail: "Self-Referral", clientType: "Carer"},
			{kind: "Assessment", from: from.Add(14 * day), to: from.Add(15 * day), detail: "Carer Assessment", clientType: "Carer"}}
	}
	at := care.from
	service := careEvent{kind: "Service", from: workday(at), detail: "Long Term Support: Community", component: "Home Support", clientType: "Service User"}
	if d.chance(0.08) && at.Before(x.ends[0]) {
		service.first = true
	}
	if !c.p.died.IsZero() {
		service.to = c.p.died
	}
	all = []careEvent{
		{kind: "Request", from: workday(at.Add(-40 * day)), to: workday(at.Add(-38 * day)), detail: pick(d, []string{"Discharge from hospital", "Self-Referral", "Other route"}), clientType: "Service User"},
		{kind: "Assessment", from: workday(at.Add(-20 * day)), to: workday(at.Add(-18 * day)), detail: "Long Term Assessment", clientType: "Service User"}, service}
	if d.chance(0.3) {
		all = append(all, careEvent{kind: "Service", from: workday(at.Add(5 * day)), detail: "Long Term Support: Community", component: "Meals", clientType: "Service User"})
	}
	for review := workday(at.Add(200 * day)); review.Before(x.ends[1]) && review.Before(c.p.end); review = workday(review.Add(365 * day)) {
		all = append(all, careEvent{kind: "Review", from: review, to: review.Add(day), detail: "Planned", clientType: "Service User"})
	}
	if d.chance(0.04) {
		wrong := workday(x.ends[0].Add(-time.Duration(10+d.IntN(60)) * day))
		all = append(all, careEvent{kind: "Assessment", from: wrong, to: wrong.Add(day), detail: "Short Term Assessment", clientType: "Service User", first: true})
	}
	return all
}

func (x *council) row(o *outbox, n, i int, person string, who *identity, c *chart, e careEvent) {
	p, b := c.p, c.b
	day := func(t time.Time) string {
		if t.IsZero() || t.After(x.ends[n]) {
			return ""
		}
		return ymd(t)
	}
	yes := func(is bool) string { return map[bool]string{true: "Yes", false: "No"}[is] }
	f := map[string]string{
		"LA_Code": "ZZC", "Reporting_Period_Start_Date": ymd(x.start(n)), "Reporting_Period_End_Date": ymd(x.ends[n]), "NHS_Number": who.nhs, "LA_Person_Unique_Identifier": person,
		"GP_Practice_Code": "ZZ00" + map[int]string{millLane: "1", stationRoad: "2", canalSide: "3", holmeRise: "4", windmill: "5"}[p.practice], "Gender": map[bool]string{true: "Female", false: "Male"}[p.female],
		"Ethnicity": b.ethnicity, "Date_of_Birth": ymd(who.born), "Date_of_Death": day(p.died), "Client_Type": e.clientType, "Primary_Support_Reason": "Physical Support: Personal Care Support", "Postcode": who.house.postcode,
		"Accommodation_Status": "Owner occupier or shared ownership scheme", "Employment_Status": "Retired", "Has_Unpaid_Carer": yes(b.carer != ""), "Autism_Spectrum_Disorder_ASD": "No", "Visual_Impairment": yes(c.l.h.has("glaucoma", x.ends[n])),
		"Hearing_Impairment": "Unknown", "Dementia": yes(c.l.h.has("dementia", x.ends[n])), "Client_Funding_Status": "Fully LA funded", "Event_Type": e.kind,
		"Event_Reference": fmt.Sprintf("E%d-%d%02d", n+1, p.i, i), "Event_Start_Date": ymd(e.from), "Event_End_Date": day(e.to), "Event_Description": e.detail,
	}
	if c.l.h.has("dementia", x.ends[n]) {
		f["Primary_Support_Reason"] = "Support with Memory & Cognition"
	}
	switch e.kind {
	case "Request":
		f["Request_Route_of_Access"], f["Event_Outcome"] = e.detail, "Progress to assessment"
	case "Assessment":
		f["Assessment_Type"], f["Eligible_Needs_Identified"], f["Method_of_Assessment"], f["Event_Outcome"] = e.detail, "Yes", "Face to face", "Progress to Support Planning / Services"
	case "Service":
		f["Service_Type"], f["Service_Component"], f["Delivery_Mechanism"], f["Provider_CQC_Location_ID"] = e.detail, e.component, "CASSR Managed Personal Budget", "1-999000001"
		f["Unit_Cost"], f["Cost_Frequency_Unit_Type"], f["Planned_units_per_week"] = "21.50", "Hourly", "10.5"
	case "Review":
		f["Review_Reason"], f["Review_Outcomes_Achieved"], f["Method_of_Review"], f["Event_Outcome"] = e.detail, "Fully achieved", "Face to face", "No change in package"
	}
	if e.clientType == "Carer" {
		f["Total_Hrs_Caring_per_week"], f["No_of_adults_being_cared_for"] = fmt.Sprint(b.cares), "1"
	}
	names := strings.Split(clientLevelColumns, ",")
	fields := make([]string, len(names))
	for k, name := range names {
		fields[k] = f[name]
	}
	o.sheet(sheetKey{x.feed, n, 0}).csv(fields)
	o.rows++
}

func (x *council) folders() []string { return []string{councilName} }
