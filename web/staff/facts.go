package staff

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
)

// fact is one entry of a record.
type fact = entry.Entry

// problemRows are the long-term problems that last and those that are over. Illnesses that came and went at one visit
// stand in the timeline, unless they are still active.
func problemRows(facts map[string][]fact) (now, past []row) {
	for _, f := range entry.NewestFirst(facts["Condition"]) {
		r := row{Text: kit.Words(f.V.Get("code")), Since: kit.Date(f.When()), Source: f.Source(), Trace: f.Trace(), Recorded: f.Recorded()}
		if r.Text == "" {
			r.Text = "Problem without a name"
		}
		if until := f.At("abatementDateTime"); until != "" {
			r.Until = kit.Date(until)
		}
		switch {
		case f.Has("verificationStatus", "refuted"):
			r.Flag = "Ruled out"
			past = append(past, r)
		case f.Has("clinicalStatus", "resolved") || f.Has("clinicalStatus", "inactive") || f.Has("clinicalStatus", "remission") || r.Until != "":
			past = append(past, r)
		default:
			if f.Has("verificationStatus", "provisional") || f.Has("verificationStatus", "differential") || f.Has("verificationStatus", "unconfirmed") {
				r.Flag = "Not confirmed"
			}
			now = append(now, r)
		}
	}
	return now, past
}

// medicineRows are medicines being taken and those that are not any more. An active one that nobody has prescribed for
// a year says so: it may only never have been ended.
func medicineRows(facts map[string][]fact, today time.Time) (now, stopped []row) {
	latest := issues(facts)
	for _, f := range entry.NewestFirst(slices.Concat(facts["MedicationRequest"], facts["MedicationStatement"])) {
		if plan, ok := latest[f.BasedOn()]; ok && (plan.current || !f.Current()) {
			continue // an issue, or the same medicine said once more: it belongs to the prescription it is based on
		}
		when := cmp.Or(latest[f.Kind+"/"+f.ID].when, f.When())
		r := row{Text: entry.Medicine(f.V), Detail: entry.Dose(f.V), Since: kit.Date(when), Source: f.Source(), Trace: f.Trace(), Recorded: f.Recorded()}
		switch status := f.V.Get("status").Text(); status {
		case "active", "on-hold", "intended", "unknown":
			if status != "active" {
				r.Flag = map[string]string{"on-hold": "On hold", "intended": "Not started", "unknown": "Status " + kit.NotKnown}[status]
			}
			r.Ago = kit.Ago(when, today)
			now = append(now, r)
		case "draft":
		default:
			r.Flag = capital(status)
			stopped = append(stopped, r)
		}
	}
	slices.SortStableFunc(now, func(a, b row) int { return strings.Compare(a.Text, b.Text) })
	return now, stopped
}

// issue is when a prescription was last issued, and whether it is current.
type issue struct {
	when    string
	current bool
}

// issues are the last ones by prescription; one that was never issued, or nobody says when, has its own date.
func issues(facts map[string][]fact) map[string]issue {
	latest := map[string]issue{}
	for _, f := range facts["MedicationRequest"] {
		if f.BasedOn() == "" {
			latest[f.Kind+"/"+f.ID] = issue{f.When(), f.Current()}
		}
	}
	for _, f := range facts["MedicationRequest"] {
		have, plan := latest[f.BasedOn()]
		if !plan {
			continue
		}
		issued, _ := kit.Moment(f.When())
		if before, _ := kit.Moment(have.when); issued.After(before) {
			latest[f.BasedOn()] = issue{f.When(), have.current}
		}
	}
	return latest
}

// allergyRows are what the person must not be given. none says that somebody asked and there were none; with neither,
// it is not known.
func allergyRows(facts []fact) (rows []row, none string) {
	for _, f := range entry.NewestFirst(facts) {
		if f.Has("verificationStatus", "refuted") || f.Has("clinicalStatus", "inactive") || f.Has("clinicalStatus", "resolved") {
			continue
		}
		r := row{Text: kit.Words(f.V.Get("code")), Since: kit.Date(f.When()), Source: f.Source(), Trace: f.Trace(), Recorded: f.Recorded()}
		if f.Has("code", "716186003") {
			none = r.Text + " (" + r.Recorded + ", " + r.Source + ")"
			continue
		}
		var what []string
		for reaction := range f.V.Get("reaction").Items() {
			for m := range reaction.Get("manifestation").Items() {
				what = append(what, strings.ToLower(kit.Words(m)))
			}
			if reaction.Get("severity").Is("severe") {
				r.Severe = "Severe"
			}
		}
		r.Detail = strings.Join(what, ", ")
		if f.V.Get("criticality").Is("high") {
			r.Severe = "Severe"
		}
		if r.Text == "" {
			r.Text = "Allergy without a name"
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(b.Severe, a.Severe) })
	if rows != nil {
		none = "" // an old "no known allergies" never hides an allergy
	}
	return rows, none
}

// capital writes a status code as a word: entered-in-error as Entered-in-error, none as Status Not Known.
func capital(status string) string {
	if status == "" {
		return "Status " + kit.NotKnown
	}
	return kit.Capital(status)
}
