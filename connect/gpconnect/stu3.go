package gpconnect

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// laterVersion begins the extensions for elements of R4 that STU3 has no place for.
const laterVersion = "http://hl7.org/fhir/4.0/StructureDefinition/extension-"

// giving is a record being written in STU3.
type giving struct {
	patient string            // the Patient that all entries are led to
	same    map[string]bool   // ids of Patients who are this person
	kinds   map[string]string // STU3 types of ServiceRequests and whatever else changes its type, by Type/id
	drugs   map[string]bool   // Medications written so far
	entries []*node
	refs    map[string]bool // what is referred to
}

// give writes one resource as an entry of a type of STU3 and answers it.
func (g *giving) give(res *fhir.Resource, stu3 string) *node {
	n := treeOf(res.Root())
	g.turn(n, stu3)
	g.entries = append(g.entries, n)
	return n
}

// turn makes a resource of R4 one of STU3.
func (g *giving) turn(n *node, stu3 string) {
	k := kinds[stu3]
	security := n.get("meta", "security")
	n.put("meta", object(has("security", security)))
	if k.profile != "" {
		profile := stu3NHS + "StructureDefinition/CareConnect-" + k.profile
		if stu3 == "HealthcareService" {
			profile = stu3UK + "StructureDefinition/CareConnect-" + k.profile
		}
		n.get("meta").put("profile", list(str(profile)))
	}
	g.inward(n)
	n.put("resourceType", str(stu3))
	if len(k.single) == 0 || !slices.Contains(k.single, "identifier") {
		identify(n)
	}
	if concept := n.get("medicationCodeableConcept"); concept != nil && (stu3 == "MedicationRequest" || stu3 == "MedicationStatement") {
		n.put("medicationCodeableConcept", nil)
		n.put("medicationReference", object(word("reference", "Medication/"+g.drug(concept))))
	}
	if k.down != nil {
		k.down(g, n)
	}
	if k.stu3 != "" {
		g.leftovers(stu3, strings.Fields(k.stu3), n)
	}
}

// inward leads references to this person and to the types of STU3, and calls extensions and code systems what STU3 calls them.
func (g *giving) inward(n *node) {
	n.walk(func(n *node) {
		ref := n.get("reference")
		if !n.isObject() || ref == nil {
			return
		}
		r := fhir.ParseReference(ref.text())
		if r.Type == "" || r.ID == "" {
			return
		}
		to := r.Type + "/" + r.ID
		if r.Type == "Patient" && g.same[r.ID] {
			to = "Patient/" + g.patient
		}
		if kind := g.kinds[to]; kind != "" {
			to = kind + "/" + r.ID
		}
		g.refs[to] = true
		n.put("reference", str(to))
	})
	n.walk(downExtensions)
	n.walk(func(n *node) {
		if c := n.get("coding"); n.isObject() && c != nil {
			n.put("coding", untwinned(c))
		}
	})
}

// downExtensions turns upExtensions round.
func downExtensions(n *node) {
	for _, e := range n.get("extension").items() {
		url := e.text("url")
		to := ""
		for from, uk := range extensions {
			if uk == url {
				to = from
			}
		}
		if to == "" {
			continue
		}
		e.put("url", str(to))
		switch url {
		case ukExt + "ListWarningCode", ukExt + "DeliveryChannel":
			if c := e.take("valueCodeableConcept"); c != nil {
				e.put("valueCode", str(c.text("coding", "code")))
			}
		case ukExt + "CodingSCTDescId":
			for _, part := range e.get("extension").items() {
				if id := part.take("valueIdentifier"); id != nil {
					part.put("valueId", id.get("value"))
				}
			}
		}
	}
}

// untwinned takes back the codings that R4's addresses were added with.
func untwinned(codings *node) *node {
	have := map[string]bool{}
	for _, c := range codings.items() {
		have[c.text("system")+"|"+c.text("code")] = true
	}
	var out []*node
	for _, c := range codings.items() {
		if to := stu3System(c.text("system")); to != "" {
			if have[to+"|"+c.text("code")] {
				continue
			}
			c.put("system", str(to))
		}
		out = append(out, c)
	}
	return list(out...)
}

// identify leaves out the names that sources had for a resource here, and gives it ours where none of its own is left.
func identify(n *node) {
	var out []*node
	for _, id := range n.get("identifier").items() {
		if !strings.HasPrefix(id.text("system"), "urn:kith:") {
			out = append(out, id)
		}
	}
	if out == nil && n.text("id") != "" && n.text("resourceType") != "Patient" {
		out = []*node{object(word("system", "https://fhir.nhs.uk/Id/cross-care-setting-identifier"), word("value", n.text("id")))}
	}
	n.put("identifier", list(out...))
}

// drug writes a medicine once and answers its id.
func (g *giving) drug(concept *node) string {
	sum := sha256.Sum256(concept.append(nil))
	id := hex.EncodeToString(sum[:16])
	if !g.drugs[id] {
		g.drugs[id] = true
		g.entries = append(g.entries, object(word("resourceType", "Medication"), word("id", id),
			has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/CareConnect-GPC-Medication-1"))))), has("code", concept)))
	}
	return id
}

// leftovers keeps what STU3 has no place for as extensions.
func (g *giving) leftovers(kind string, elements []string, n *node) {
	for _, name := range slices.Clone(n.names) {
		plain := strings.TrimPrefix(name, "_")
		switch plain {
		case "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension":
			continue
		}
		if slices.Contains(elements, plain) {
			continue
		}
		kid := n.take(name)
		if name != plain {
			continue
		}
		for _, k := range kid.items() {
			n.add("extension", keptAs(laterVersion+kind+"."+name, k))
		}
	}
}
