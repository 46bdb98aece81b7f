package staff

import (
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
)

// fact is one resource of the record, read for showing.
type fact struct {
	kind    string
	id      string
	v       fhir.Value
	updated time.Time
	feed    string // name of the feed it came by, "" where it came by none
	from    string // what people call that feed
}

func factOf(s *record.Stored) (fact, error) {
	r, err := s.Resource()
	if err != nil {
		return fact{}, err
	}
	f := fact{kind: s.Type, id: s.ID, v: r.Root(), updated: s.Updated}
	f.feed, _, _ = intake.SourceOf(f.v.Get("meta").Get("source").Text())
	f.from = f.feed
	return f, nil
}

// trace is the address of the page that says where the entry came from, "" where it came by no feed.
func (f fact) trace() string {
	if f.feed == "" {
		return ""
	}
	return "/trace/" + f.kind + "/" + f.id
}

// mistaken reports whether the entry was withdrawn by whoever made it. Such entries stay in the record; a page that
// showed them would be believed.
func (f fact) mistaken() bool {
	return f.v.Get("status").Is("entered-in-error") || f.v.Get("status").Is("cancelled") && f.kind == "Observation" || f.has("verificationStatus", "entered-in-error")
}

// has reports whether a CodeableConcept of the fact has a code.
func (f fact) has(member, code string) bool {
	for concept := range f.v.Get(member).Items() {
		for c := range concept.Get("coding").Items() {
			if c.Get("code").Is(code) {
				return true
			}
		}
	}
	return false
}

// when returns the date that matters clinically, as it was written; "" where none was recorded.
func (f fact) when() string {
	for _, path := range []string{"effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "onsetDateTime", "onsetPeriod.start", "performedDateTime",
		"performedPeriod.start", "occurrenceDateTime", "period.start", "authoredOn", "date", "dateAsserted", "recordedDate", "issued"} {
		if text := f.at(path); text != "" {
			return text
		}
	}
	return ""
}

// recorded returns when the entry was made, else when this record received it.
func (f fact) recorded() string {
	for _, path := range []string{"recordedDate", "issued", "recorded", "authoredOn", "date", "dateAsserted"} {
		if text := f.at(path); text != "" {
			return "recorded " + kit.Date(text)
		}
	}
	if !f.updated.IsZero() {
		return "received " + kit.Date(f.updated.Format(time.RFC3339))
	}
	return ""
}

// source returns who said so, or which system it came from.
func (f fact) source() string {
	for _, member := range []string{"performer", "requester", "recorder", "asserter", "informationSource", "author"} {
		var names []string
		for p := range f.v.Get(member).Items() {
			if actor := p.Get("actor"); actor.Exists() {
				p = actor
			}
			if name := f.said(p); name != "" {
				names = append(names, name)
			}
		}
		if names != nil {
			if f.from != "" {
				return strings.Join(names, "; ") + ", " + f.from
			}
			return strings.Join(names, "; ")
		}
	}
	if f.from != "" {
		return f.from
	}
	provider := said(f.v.Get("serviceProvider"))
	for p := range f.v.Get("participant").Items() {
		name := said(p.Get("individual"))
		if name == "" {
			continue
		}
		if provider == "" || strings.HasSuffix(name, provider) {
			return name
		}
		return name + ", " + provider
	}
	if provider != "" {
		return provider
	}
	if s := f.v.Get("meta").Get("source").Text(); s != "" {
		return s
	}
	return "source " + kit.NotKnown
}

// said is who a reference names; of what came by a feed only what it calls them, since ids say nothing to a reader.
func (f fact) said(ref fhir.Value) string {
	if f.feed != "" {
		return ref.Get("display").Text()
	}
	return said(ref)
}

func (f fact) at(path string) string {
	v := f.v
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v.Text()
}

// problemRows are the long-term problems that last and those that are over. Illnesses that came and went at one visit
// stand in the timeline, unless they are still active.
func problemRows(facts map[string][]fact) (now, past []row) {
	for _, f := range newestFirst(facts["Condition"]) {
		r := row{Text: kit.Words(f.v.Get("code")), Since: kit.Date(f.when()), Source: f.source(), Trace: f.trace(), Recorded: f.recorded()}
		if r.Text == "" {
			r.Text = "Problem without a name"
		}
		if until := f.at("abatementDateTime"); until != "" {
			r.Until = kit.Date(until)
		}
		switch {
		case f.has("verificationStatus", "refuted"):
			r.Flag = "Ruled out"
			past = append(past, r)
		case f.has("clinicalStatus", "resolved") || f.has("clinicalStatus", "inactive") || f.has("clinicalStatus", "remission") || r.Until != "":
			past = append(past, r)
		default:
			if f.has("verificationStatus", "provisional") || f.has("verificationStatus", "differential") || f.has("verificationStatus", "unconfirmed") {
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
	for _, f := range newestFirst(slices.Concat(facts["MedicationRequest"], facts["MedicationStatement"])) {
		if plan, ok := latest[f.basedOn()]; ok && (plan.current || !f.current()) {
			continue // an issue, or the same medicine said once more: it belongs to the prescription it is based on
		}
		when := words(latest[f.kind+"/"+f.id].when, f.when())
		r := row{Text: medicine(f.v), Detail: dose(f.v), Since: kit.Date(when), Source: f.source(), Trace: f.trace(), Recorded: f.recorded()}
		switch status := f.v.Get("status").Text(); status {
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
		if f.basedOn() == "" {
			latest[f.kind+"/"+f.id] = issue{f.when(), f.current()}
		}
	}
	for _, f := range facts["MedicationRequest"] {
		have, plan := latest[f.basedOn()]
		if !plan {
			continue
		}
		issued, _ := kit.Moment(f.when())
		if before, _ := kit.Moment(have.when); issued.After(before) {
			latest[f.basedOn()] = issue{f.when(), have.current}
		}
	}
	return latest
}

// current reports whether a medicine is being taken, or may be.
func (f fact) current() bool {
	status := f.v.Get("status")
	return status.Is("active") || status.Is("on-hold") || status.Is("intended") || status.Is("unknown")
}

// basedOn is the prescription by which a medicine was issued or is taken, "" where none is named.
func (f fact) basedOn() string { return kit.FirstOf(f.v.Get("basedOn")).Get("reference").Text() }

func medicine(v fhir.Value) string {
	if text := kit.Words(v.Get("medicationCodeableConcept")); text != "" {
		return text
	}
	if text := said(v.Get("medicationReference")); text != "" {
		return text
	}
	return "Medicine without a name"
}

func dose(v fhir.Value) string {
	var doses []string
	for _, member := range []string{"dosageInstruction", "dosage"} {
		for d := range v.Get(member).Items() {
			if text := d.Get("text").Text(); text != "" {
				doses = append(doses, text)
			} else if d.Get("asNeededBoolean").Bool() {
				doses = append(doses, "When required")
			}
		}
	}
	if doses == nil {
		return "Dose " + kit.NotKnown
	}
	return strings.Join(doses, "; ")
}

// allergyRows are what the person must not be given. none says that somebody asked and there were none; with neither,
// it is not known.
func allergyRows(facts []fact) (rows []row, none string) {
	for _, f := range newestFirst(facts) {
		if f.has("verificationStatus", "refuted") || f.has("clinicalStatus", "inactive") || f.has("clinicalStatus", "resolved") {
			continue
		}
		r := row{Text: kit.Words(f.v.Get("code")), Since: kit.Date(f.when()), Source: f.source(), Trace: f.trace(), Recorded: f.recorded()}
		if f.has("code", "716186003") {
			none = r.Text + " (" + r.Recorded + ", " + r.Source + ")"
			continue
		}
		var what []string
		for reaction := range f.v.Get("reaction").Items() {
			for m := range reaction.Get("manifestation").Items() {
				what = append(what, strings.ToLower(kit.Words(m)))
			}
			if reaction.Get("severity").Is("severe") {
				r.Severe = "Severe"
			}
		}
		r.Detail = strings.Join(what, ", ")
		if f.v.Get("criticality").Is("high") {
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

func newestFirst(facts []fact) []fact {
	sorted := slices.Clone(facts)
	slices.SortStableFunc(sorted, func(a, b fact) int {
		x, _ := kit.Moment(a.when())
		y, _ := kit.Moment(b.when())
		return y.Compare(x)
	})
	return sorted
}

// capital writes a status code as a word: entered-in-error as Entered-in-error, none as Status Not Known.
func capital(status string) string {
	if status == "" {
		return "Status " + kit.NotKnown
	}
	return kit.Capital(status)
}
