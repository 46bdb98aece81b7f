package gpconnect

import (
	"strings"

	"github.com/kith-care/kith/connect/intake"
)

// patientUp: animals are not patients in R4; all else is the same.
func patientUp(*mapping, *node) {}

// patientDown gives the NHS number as GP Connect writes it, with that it was verified where we know so.
func patientDown(g *giving, n *node) {
	var kept []*node
	for _, id := range n.get("identifier").items() {
		if !strings.HasPrefix(id.text("system"), "urn:kith:") {
			kept = append(kept, id)
		}
	}
	n.put("identifier", list(kept...))
}

// locationDown: R4 allows several types, STU3 one.
func locationDown(_ *giving, n *node) { n.one("type") }

// serviceUp: what STU3 calls by one name R4 made a list; only the appointment's need differs.
func serviceUp(_ *mapping, n *node) { n.put("programName", nil) }

const registrationDetails = gpcExt + "RegistrationDetails-1"

// registration makes the EpisodeOfCare that is a registration with a practice: STU3 has it as an extension of the Patient, R4's UK
// Core has none. The extension stays on the Patient too.
func (m *mapping) registration(e *entry, patient *node) error {
	r := patient.extended(registrationDetails)
	if r == nil {
		return nil
	}
	period := partOf(r, "registrationPeriod")
	status := "active"
	if period.text("end") != "" {
		status = "finished"
	}
	key := e.id + "/registration"
	episode := object(word("resourceType", "EpisodeOfCare"), word("id", m.id("EpisodeOfCare", key)),
		has("meta", object(word("source", intake.Source(m.Feed, m.Item, e.place)))),
		has("identifier", list(object(word("system", Identifier(m.Feed)), word("value", key)))), word("status", status))
	if kind := partOf(r, "registrationType"); kind != nil {
		episode.put("type", list(kind.copy()))
	}
	episode.put("patient", object(word("reference", "Patient/"+m.record.Patient)))
	episode.put("managingOrganization", patient.get("managingOrganization").copy())
	episode.put("period", period.copy())
	return m.keep(e.place, "EpisodeOfCare", key, episode)
}

// partOf is the value of a part of a complex extension.
func partOf(e *node, url string) *node {
	_, v := valueOf(e.extended(url))
	return v
}
