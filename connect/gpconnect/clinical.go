package gpconnect

// allergyUp: the states became concepts, the day it was asserted the day it was recorded; the encounter was an extension.
func allergyUp(m *mapping, n *node) {
	coded(n, "clinicalStatus", hl7Terms+"allergyintolerance-clinical")
	coded(n, "verificationStatus", hl7Terms+"allergyintolerance-verification")
	n.rename("assertedDate", "recordedDate")
	if _, visit := valueOf(n.takeExtension(hl7Core + "encounter-associatedEncounter")); visit != nil {
		n.put("encounter", visit)
	}
	for _, r := range n.get("reaction").items() {
		if r.get("manifestation") == nil {
			// Both versions ask for one; a reaction that is only told in words is still a reaction.
			text := r.text("description")
			if text == "" {
				text = "not stated"
			}
			r.put("manifestation", list(object(word("text", text))))
		}
	}
}

func allergyDown(_ *giving, n *node) {
	uncoded(n, "clinicalStatus", hl7Terms+"allergyintolerance-clinical")
	uncoded(n, "verificationStatus", hl7Terms+"allergyintolerance-verification")
	if n.get("verificationStatus") == nil {
		n.put("verificationStatus", str("unconfirmed"))
	}
	n.rename("recordedDate", "assertedDate")
	if visit := n.take("encounter"); visit != nil {
		n.add("extension", extension(hl7Core+"encounter-associatedEncounter", "Reference", visit))
	}
}

// conditionUp: the states became concepts, the context the encounter, the day it was asserted the day it was recorded.
func conditionUp(m *mapping, n *node) {
	coded(n, "clinicalStatus", hl7Terms+"condition-clinical")
	coded(n, "verificationStatus", hl7Terms+"condition-ver-status")
	m.context(n)
	n.rename("assertedDate", "recordedDate")
	if yes := n.take("abatementBoolean"); yes.is("true") {
		n.put("abatementString", str("abated"))
	}
	// R4 forbids an end for what is active (con-4). Which of the two is wrong nobody here knows: the problem stays active, so that it is
	// not overlooked, and its end is kept beside it.
	if s := n.text("clinicalStatus", "coding", "code"); s == "active" || s == "recurrence" || s == "relapse" {
		for _, name := range []string{"abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString"} {
			if end := n.take(name); end != nil {
				kind := name[len("abatement"):]
				n.add("extension", extension(crossVersion+"Condition.abatement", kind, end))
				m.note("an active problem has an end")
			}
		}
	}
	if n.text("verificationStatus", "coding", "code") == "entered-in-error" {
		n.put("clinicalStatus", nil)
	}
}

func conditionDown(_ *giving, n *node) {
	if end := n.takeExtension(crossVersion + "Condition.abatement"); end != nil {
		name, v := valueOf(end)
		n.put("abatement"+name[len("value"):], v)
	}
	uncoded(n, "clinicalStatus", hl7Terms+"condition-clinical")
	uncoded(n, "verificationStatus", hl7Terms+"condition-ver-status")
	n.rename("encounter", "context")
	n.rename("recordedDate", "assertedDate")
	if n.get("asserter") == nil {
		n.rename("recorder", "asserter")
	}
	n.one("stage")
}

// context leads STU3's context to R4's encounter; an episode of care, which it may also be, is kept as an extension.
func (m *mapping) context(n *node) {
	c := n.get("context")
	if c == nil {
		return
	}
	if kind := c.text("reference"); len(kind) > 14 && kind[:14] == "EpisodeOfCare/" {
		n.put("context", nil)
		n.add("extension", extension(hl7Core+"workflow-episodeOfCare", "Reference", c))
		return
	}
	n.rename("context", "encounter")
}

// observationUp: comments became notes, and what an observation is related to has an element for each kind of relation.
func observationUp(m *mapping, n *node) {
	m.context(n)
	if text := n.take("comment"); text != nil {
		n.add("note", object(has("text", text)))
	}
	for _, r := range n.take("related").items() {
		target := r.get("target")
		switch kind := r.text("type"); {
		case kind == "has-member" && memberOf[typeOf(target)]:
			n.add("hasMember", target)
		case kind == "derived-from" && derivedOf[typeOf(target)]:
			n.add("derivedFrom", target)
		default:
			n.add("extension", m.kept("Observation.related", r))
		}
	}
	n.many("interpretation")
	for _, c := range n.get("component").items() {
		c.many("interpretation")
	}
}

var (
	memberOf  = map[string]bool{"Observation": true, "QuestionnaireResponse": true, "MolecularSequence": true}
	derivedOf = map[string]bool{"Observation": true, "QuestionnaireResponse": true, "MolecularSequence": true, "DocumentReference": true, "ImagingStudy": true, "Media": true}
)

// typeOf is the type a reference names.
func typeOf(ref *node) string {
	s := ref.text("reference")
	for i := range s {
		if s[i] == '/' {
			return s[:i]
		}
	}
	return ""
}

func observationDown(_ *giving, n *node) {
	n.rename("encounter", "context")
	text := ""
	for _, note := range n.take("note").items() {
		if text != "" {
			text += "\n"
		}
		text += note.text("text")
	}
	n.put("comment", str(text))
	for _, r := range []struct{ name, kind string }{{"hasMember", "has-member"}, {"derivedFrom", "derived-from"}} {
		for _, target := range n.take(r.name).items() {
			n.add("related", object(word("type", r.kind), has("target", target)))
		}
	}
	n.one("interpretation")
	for _, c := range n.get("component").items() {
		c.one("interpretation")
	}
}

// reportUp: who performed it is no longer said with a role, pictures are media, diagnoses conclusion codes.
func reportUp(m *mapping, n *node) {
	m.context(n)
	var who []*node
	for _, p := range n.take("performer").items() {
		if actor := p.get("actor"); actor != nil {
			if role := p.get("role"); role != nil {
				actor.add("extension", m.kept("DiagnosticReport.performer.role", role))
			}
			who = append(who, actor)
		}
	}
	n.put("performer", list(who...))
	n.rename("image", "media")
	n.rename("codedDiagnosis", "conclusionCode")
}

func reportDown(_ *giving, n *node) {
	n.rename("encounter", "context")
	var who []*node
	for _, actor := range n.take("performer").items() {
		p := object()
		if _, role := valueOf(actor.takeExtension(crossVersion + "DiagnosticReport.performer.role")); role != nil {
			p.put("role", role)
		}
		p.put("actor", actor)
		who = append(who, p)
	}
	n.put("performer", list(who...))
	n.one("category")
	n.rename("media", "image")
	n.rename("conclusionCode", "codedDiagnosis")
}

// specimenUp: fasting became an element.
func specimenUp(_ *mapping, n *node) {
	c := n.get("collection")
	if c == nil {
		return
	}
	if _, fasting := valueOf(c.takeExtension(ccExt + "FastingStatus-1")); fasting != nil {
		c.put("fastingStatusCodeableConcept", fasting)
	}
}

func specimenDown(_ *giving, n *node) {
	c := n.get("collection")
	if fasting := c.get("fastingStatusCodeableConcept"); fasting != nil {
		c.put("fastingStatusCodeableConcept", nil)
		c.add("extension", extension(ccExt+"FastingStatus-1", "CodeableConcept", fasting))
	}
}

// procedureUp: what was not done is a status, and why not its reason.
func procedureUp(m *mapping, n *node) {
	m.context(n)
	if n.take("notDone").is("true") {
		n.put("status", str("not-done"))
	}
	n.rename("notDoneReason", "statusReason")
	replaced(n, "status", map[string]string{"suspended": "on-hold", "aborted": "stopped"})
	for _, p := range n.get("performer").items() {
		p.rename("role", "function")
	}
}

// familyUp: what was not asked is a reason for missing data.
func familyUp(_ *mapping, n *node) {
	n.rename("notDoneReason", "dataAbsentReason")
	if n.take("notDone").is("true") {
		n.put("status", str("health-unknown"))
	}
}

func questionnaireUp(m *mapping, n *node) {
	m.context(n)
	n.rename("parent", "partOf")
	if q := n.get("questionnaire"); q.isObject() {
		n.put("questionnaire", nil)
		n.add("extension", m.kept("QuestionnaireResponse.questionnaire", q))
	}
}
