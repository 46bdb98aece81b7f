package gpconnect

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
)

// answer is one structured record being put together for somebody.
type answer struct {
	ctx     context.Context
	door    *record.Door
	who     access.Actor
	scope   Scope
	none    bool // only who the patient is was asked for
	now     time.Time
	nhs     string
	g       *giving
	patient *fhir.Resource
	got     map[string][]*fhir.Resource // by type
	visits  map[string][]string         // entries made in a consultation, by its id
	held    bool                        // something is kept back as confidential
	ended   []string                    // resolved allergies
	filed   map[Section][]string        // what stands in the list of each section
}

// find is the person with an NHS number, nil where we say that there is none: also where they have died, are inactive or restricted, or where
// two people have the number.
func find(ctx context.Context, door *record.Door, who access.Actor, number string) (*fhir.Resource, map[string]bool, error) {
	same := map[string]bool{}
	var best *fhir.Resource
	for m, err := range door.All(ctx, who, "Patient?identifier="+nhsNumberSystem+"%7C"+number) {
		if err != nil {
			return nil, nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, nil, err
		}
		root := res.Root()
		if root.Get("active").Kind() == fhir.False || root.Get("deceasedBoolean").Bool() || root.Get("deceasedDateTime").Exists() || restricted(root) {
			return nil, nil, nil
		}
		if best != nil && !best.Root().Get("birthDate").Is(root.Get("birthDate").Text()) {
			return nil, nil, nil // whose number it is, a person must settle first
		}
		if best == nil || len(res.Bytes()) > len(best.Bytes()) {
			best = res
		}
		group, err := door.Person(ctx, res.ID())
		if err != nil {
			return nil, nil, err
		}
		same[res.ID()] = true
		for _, id := range group {
			same[id] = true
		}
	}
	return best, same, nil
}

// restricted reports whether a resource is marked as not to be passed on. https://terminology.hl7.org/CodeSystem-v3-Confidentiality.html
func restricted(root fhir.Value) bool {
	for s := range root.Get("meta").Get("security").Items() {
		switch s.Get("code").Text() {
		case "R", "V", "NOPAT":
			return true
		}
	}
	return false
}

// gather reads what the record has of a person.
func (a *answer) gather() error {
	a.got = map[string][]*fhir.Resource{}
	seen := map[string]bool{}
	for _, typ := range held {
		for id := range a.g.same {
			for m, err := range a.door.All(a.ctx, a.who, typ+"?patient=Patient/"+id) {
				if err != nil {
					return err
				}
				if seen[m.Ref()] {
					continue
				}
				seen[m.Ref()] = true
				res, err := m.Resource()
				if err != nil {
					return err
				}
				if restricted(res.Root()) {
					a.held = true
					continue
				}
				if !res.Root().Get("status").Is("entered-in-error") {
					a.got[typ] = append(a.got[typ], res)
				}
			}
		}
	}
	for typ := range a.got {
		slices.SortFunc(a.got[typ], func(x, y *fhir.Resource) int { return strings.Compare(x.ID(), y.ID()) })
	}
	for _, r := range a.got["ServiceRequest"] {
		a.g.kinds["ServiceRequest/"+r.ID()] = requestKind(r.Root())
	}
	for _, r := range a.got["Condition"] {
		if !isProblem(r.Root()) {
			a.g.kinds["Condition/"+r.ID()] = "Observation"
		}
	}
	for _, typ := range []string{"Procedure", "FamilyMemberHistory"} {
		for _, r := range a.got[typ] {
			a.g.kinds[typ+"/"+r.ID()] = "Observation"
		}
	}
	return nil
}

// requestKind is which of STU3's two requests a ServiceRequest is.
func requestKind(root fhir.Value) string {
	if kind := tagged(root); kind != "" {
		return kind
	}
	for c := range root.Get("category").Items() {
		for code := range c.Get("coding").Items() {
			if code.Get("code").Is("3457005") { // patient referral
				return "ReferralRequest"
			}
		}
	}
	return "ProcedureRequest"
}

func isProblem(root fhir.Value) bool {
	for c := range root.Get("category").Items() {
		for code := range c.Get("coding").Items() {
			if code.Get("code").Is("problem-list-item") {
				return true
			}
		}
	}
	return false
}

// bundle writes the answer.
func (a *answer) bundle(warnings []*node) ([]byte, error) {
	a.filed, a.visits = map[Section][]string{}, map[string][]string{}
	a.g.give(a.patient, "Patient")
	if !a.none {
		if err := a.gather(); err != nil {
			return nil, err
		}
		a.clinical()
		a.lists()
	}
	if err := a.others(); err != nil {
		return nil, err
	}
	entries := &node{isList: true}
	for _, e := range a.g.entries {
		entries.kids = append(entries.kids, object(has("resource", e)))
	}
	if len(warnings) > 0 {
		entries.kids = append(entries.kids, object(has("resource", object(word("resourceType", "OperationOutcome"),
			has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/GPConnect-OperationOutcome-1"))))), has("issue", list(warnings...))))))
	}
	return object(word("resourceType", "Bundle"), has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/GPConnect-StructuredRecord-Bundle-1"))))),
		word("type", "collection"), has("entry", entries)).append(nil), nil
}

// clinical writes what belongs to the sections asked for.
func (a *answer) clinical() {
	results := map[string]bool{}
	for _, r := range a.got["DiagnosticReport"] {
		for ref := range r.Root().Get("result").Items() {
			results[ref.Get("reference").Text()] = true
		}
	}
	for _, typ := range held {
		for _, r := range a.got[typ] {
			root := r.Root()
			switch typ {
			case "AllergyIntolerance":
				a.allergy(r)
			case "Condition":
				if isProblem(root) {
					a.put(r, "Condition", Problems)
				} else {
					a.observed(r, "code", "onsetDateTime", "recordedDate")
				}
			case "Procedure":
				a.observed(r, "code", "performedDateTime", "")
			case "FamilyMemberHistory":
				a.observed(r, "condition", "date", "")
			case "Immunization":
				a.put(r, "Immunization", Immunisations)
			case "MedicationRequest":
				if root.Get("intent").Is("order") && a.scope.NoIssues || !a.inUse(root.Get("authoredOn")) {
					continue
				}
				a.put(r, "MedicationRequest", Medication)
			case "MedicationStatement":
				end := root.Get("effectivePeriod").Get("end")
				if !end.Exists() || a.inUse(end) {
					a.put(r, "MedicationStatement", Medication)
				}
			case "Observation":
				if results["Observation/"+r.ID()] {
					a.put(r, "Observation", Investigations)
				} else {
					a.put(r, "Observation", Uncategorised)
				}
			case "DiagnosticReport", "Specimen":
				a.put(r, typ, Investigations)
			case "ServiceRequest":
				section := Investigations
				kind := requestKind(root)
				if kind == "ReferralRequest" {
					section = Referrals
				} else if root.Get("intent").Is("plan") {
					section = Diary
				}
				a.put(r, kind, section)
			case "Encounter":
				if a.scope.Has(Consultations) {
					a.g.give(r, "Encounter")
				}
			case "DocumentReference":
				if a.scope.Has(Uncategorised) {
					a.g.give(r, "DocumentReference")
					a.visit(r, "DocumentReference")
				}
			}
		}
	}
}

// inUse reports whether a medicine with this day is asked for.
func (a *answer) inUse(at fhir.Value) bool {
	return reach{Scope: a.scope}.since(at)
}

// put writes a resource of a section that was asked for and notes where it is listed.
func (a *answer) put(r *fhir.Resource, kind string, in Section) {
	if !a.scope.Has(in) {
		return
	}
	a.g.give(r, kind)
	ref := kind + "/" + r.ID()
	switch {
	case kind == "Specimen", kind == "MedicationRequest", kind == "Observation" && in == Investigations:
		// named by what lists them
	default:
		a.filed[in] = append(a.filed[in], ref)
	}
	a.visit(r, kind)
}

// visit notes in which consultation an entry was made.
func (a *answer) visit(r *fhir.Resource, kind string) {
	if id, ok := strings.CutPrefix(r.Root().Get("encounter").Get("reference").Text(), "Encounter/"); ok {
		a.visits[id] = append(a.visits[id], kind+"/"+r.ID())
	}
}

// allergy writes an active allergy as an entry; a resolved one is contained in the list of those.
func (a *answer) allergy(r *fhir.Resource) {
	resolved := false
	for c := range r.Root().Get("clinicalStatus").Get("coding").Items() {
		resolved = resolved || c.Get("code").Is("resolved")
	}
	if !resolved {
		a.put(r, "AllergyIntolerance", Allergies)
		return
	}
	if a.scope.Has(Allergies) && !a.scope.NoResolved {
		a.ended = append(a.ended, r.ID())
	}
}

// observed writes what GP Connect has no resource for, such as a procedure or an illness in the family, as the coded entry it is in
// a GP's record: an Observation.
func (a *answer) observed(r *fhir.Resource, code, when, recorded string) {
	if !a.scope.Has(Uncategorised) {
		return
	}
	n := treeOf(r.Root())
	o := object(word("resourceType", "Observation"), word("id", r.ID()), word("status", "unknown"))
	o.put("meta", n.get("meta"))
	o.put("identifier", n.get("identifier"))
	what := n.get(code)
	if code == "condition" {
		what = n.get("condition").first().get("code")
	}
	if what == nil {
		what = object(word("text", "not stated"))
	}
	o.put("code", what)
	o.put("subject", object(word("reference", "Patient/"+a.g.patient)))
	o.put("encounter", n.get("encounter"))
	o.put("effectiveDateTime", n.get(when))
	if recorded != "" && len(n.text(recorded)) > len(time.DateTime) {
		o.put("issued", n.get(recorded))
	}
	o.put("note", n.get("note"))
	a.g.turn(o, "Observation")
	a.g.entries = append(a.g.entries, o)
	ref := "Observation/" + r.ID()
	a.filed[Uncategorised] = append(a.filed[Uncategorised], ref)
	a.visit(r, "Observation")
}

// lists writes the list of each section asked for, and the consultations as lists of what was entered in them.
func (a *answer) lists() {
	if a.scope.Has(Consultations) {
		a.consultations()
	}
	for _, s := range sections {
		if a.scope.Has(s.name) {
			a.list("", s.title, s.list, a.filed[s.name], nil)
		}
	}
	if a.scope.Has(Allergies) && !a.scope.NoResolved {
		a.endedAllergies()
	}
}

// consultations lists each visit: its own lists where its source made some, else one of what was entered.
func (a *answer) consultations() {
	listed := map[string]bool{}
	for _, l := range a.got["List"] {
		code := ""
		for c := range l.Root().Get("code").Get("coding").Items() {
			code = c.Get("code").Text()
		}
		if code != consultation && code != topic && code != heading {
			continue
		}
		a.g.give(l, "List")
		if code == consultation {
			a.filed[Consultations] = append(a.filed[Consultations], "List/"+l.ID())
			listed[strings.TrimPrefix(l.Root().Get("encounter").Get("reference").Text(), "Encounter/")] = true
		}
	}
	for _, e := range a.got["Encounter"] {
		if listed[e.ID()] {
			continue
		}
		title := e.Root().Get("type").First().Get("text").Text()
		visit := object(word("reference", "Encounter/"+e.ID()))
		a.list("topic-"+e.ID(), title, topic, a.visits[e.ID()], visit)
		a.list("visit-"+e.ID(), title, consultation, []string{"List/topic-" + e.ID()}, visit)
		a.filed[Consultations] = append(a.filed[Consultations], "List/visit-"+e.ID())
	}
}

func (a *answer) list(id, title, code string, refs []string, visit *node) *node {
	l := object(word("resourceType", "List"), word("id", id), has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/CareConnect-GPC-List-1"))))),
		word("status", "current"), word("mode", "snapshot"), word("title", title), has("code", concept(snomed, code, title)),
		has("subject", object(word("reference", "Patient/"+a.g.patient), has("identifier", object(word("system", nhsNumberSystem), word("value", a.nhs))))),
		has("encounter", visit.copy()), word("date", london.DateTime(a.now).String()), has("orderedBy", concept("http://hl7.org/fhir/list-order", "event-date", "")))
	if a.held && id == "" {
		l.add("extension", extension(gpcExt+"ListWarningCode-1", "Code", str("confidential-items")))
		l.add("note", object(word("text", "Items excluded due to confidentiality and/or patient preferences.")))
	}
	if len(refs) == 0 {
		l.add("note", object(word("text", "Information not available")))
		l.put("emptyReason", concept(stu3NHS+"CodeSystem/CareConnect-ListEmptyReasonCode-1", "no-content-recorded", "No Content Recorded"))
	}
	for _, ref := range refs {
		l.add("entry", object(has("item", object(word("reference", ref)))))
	}
	a.g.entries = append(a.g.entries, l)
	return l
}

// endedAllergies are contained in their list, since they are nobody's allergies any more.
func (a *answer) endedAllergies() {
	var refs []string
	var contained []*node
	for _, r := range a.got["AllergyIntolerance"] {
		if slices.Contains(a.ended, r.ID()) {
			n := treeOf(r.Root())
			a.g.turn(n, "AllergyIntolerance")
			contained = append(contained, n)
			refs = append(refs, "#"+r.ID())
		}
	}
	l := a.list("", "Ended allergies", endedAllergies, refs, nil)
	l.put("contained", list(contained...))
}

// staffTypes are whom entries name.
var staffTypes = []string{"Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService"}

// others adds the people, practices and places that entries name, and those they name in turn.
func (a *answer) others() error {
	done := map[string]bool{}
	for range 4 {
		var more []string
		for ref := range a.g.refs {
			if typ, _, _ := strings.Cut(ref, "/"); slices.Contains(staffTypes, typ) && !done[ref] {
				more = append(more, ref)
			}
		}
		if more == nil {
			return nil
		}
		slices.Sort(more)
		for _, ref := range more {
			done[ref] = true
			typ, id, _ := strings.Cut(ref, "/")
			stored, err := a.door.Get(a.ctx, a.who, typ, id)
			if kind := fhir.KindOf(err); err != nil && (kind == fhir.NotFound || kind == fhir.Gone) {
				continue
			}
			if err != nil {
				return err
			}
			res, err := stored.Resource()
			if err != nil {
				return err
			}
			a.g.give(res, typ)
		}
	}
	return nil
}
