package gpconnect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/validate"
)

// Config says whose record is mapped.
type Config struct {
	Feed string // ids are made from it and from the source's own
	Item int64  // under which the answer is kept as it came
}

// Record is a structured record in R4.
type Record struct {
	Patient   string // id of the Patient in R4
	NHSNumber string
	Resources []Filed
	Left      []Left         // entries that are not filed
	Notes     map[string]int // what was noticed, with how often
	Lists     []string       // SNOMED CT codes of the sections that were answered
}

// Filed is one resource with where it stood.
type Filed struct {
	Resource *fhir.Resource
	Place    string // entry[12]
	Kind     string // its type in STU3
	Key      string // the source's own id
}

// Left is an entry that is not filed, and why.
type Left struct {
	Place, Reason string
	Type, ID      string // what it would have been
}

// Map turns a structured record into R4: a Bundle, or Parameters that hold one. It is refused whole, with the entry and the
// element at fault, where it has no patient, more than one, or anything R4 cannot hold. An entry of somebody else is left out.
func Map(bundle []byte, c Config) (*Record, error) {
	res, err := fhir.Parse(bundle)
	if err != nil {
		return nil, err
	}
	entries, err := entriesOf(res)
	if err != nil {
		return nil, err
	}
	m := &mapping{Config: c, record: &Record{Notes: map[string]int{}}, drugs: map[string]*node{}, wanted: map[string]bool{}, seen: map[string][]byte{}, urls: map[string]string{}}
	if err := m.meet(entries); err != nil {
		return nil, err
	}
	var drugs []*entry
	for _, e := range entries {
		if e.kind == "Medication" {
			drugs = append(drugs, e) // whether they stand for themselves is known when all others are mapped
			continue
		}
		if err := m.entry(e); err != nil {
			return nil, err
		}
	}
	for _, e := range drugs {
		if m.wanted["Medication/"+e.id] || !m.used[e.id] || !plainDrug(e.tree) {
			if err := m.entry(e); err != nil {
				return nil, err
			}
		}
	}
	return m.record, nil
}

// entry is one resource of the bundle before it is mapped.
type entry struct {
	place, kind, id string
	tree            *node
}

// mapping is a record being mapped.
type mapping struct {
	Config
	record  *Record
	patient string            // the source's id of the Patient
	urls    map[string]string // full URLs of entries, to Type/id
	drugs   map[string]*node  // codes of Medications by the source's id
	used    map[string]bool   // Medications that a prescription took in
	wanted  map[string]bool   // what is referred to, as Type/id of the source
	seen    map[string][]byte // entries by Type/id
}

// entriesOf finds the resources of an answer.
func entriesOf(res *fhir.Resource) ([]*entry, error) {
	root, prefix := res.Root(), ""
	if res.Type() == "Parameters" {
		found := fhir.Value{}
		n := 0
		for p := range root.Get("parameter").Items() {
			if r := p.Get("resource"); r.Get("resourceType").Is("Bundle") {
				found, prefix = r, fmt.Sprintf("parameter[%d].", n)
			}
			n++
		}
		if !found.Exists() {
			return nil, fhir.Errorf(fhir.Invalid, "the Parameters hold no Bundle")
		}
		root = found
	} else if res.Type() != "Bundle" {
		return nil, fhir.Errorf(fhir.Invalid, "a structured record is a Bundle, not a %s", res.Type())
	}
	var out []*entry
	n := 0
	for e := range root.Get("entry").Items() {
		place := fmt.Sprintf("%sentry[%d]", prefix, n)
		n++
		r := e.Get("resource")
		if r.Kind() != fhir.Object {
			return nil, fhir.Errorf(fhir.Invalid, "the entry has no resource").At(place)
		}
		tree := treeOf(r)
		x := &entry{place: place, kind: tree.text("resourceType"), id: tree.text("id"), tree: tree}
		if x.kind == "" {
			return nil, fhir.Errorf(fhir.Invalid, "the resource does not say its resourceType").At(place)
		}
		if url := e.Get("fullUrl").Text(); url != "" {
			tree.put(fullURL, str(url))
		}
		out = append(out, x)
	}
	return out, nil
}

// fullURL is where a tree keeps its entry's address until it is read; no element of FHIR can have that name.
const fullURL = " fullUrl"

// meet learns who the record is about, what its entries are called, and which medicines there are.
func (m *mapping) meet(entries []*entry) error {
	m.used = map[string]bool{}
	for _, e := range entries {
		if url := e.tree.take(fullURL).text(); url != "" && e.id != "" {
			m.urls[url] = e.kind + "/" + e.id
		}
		switch e.kind {
		case "Patient":
			if e.id == "" {
				return fhir.Errorf(fhir.Invalid, "the Patient has no id").At(e.place + ".resource.id")
			}
			if m.patient != "" && m.patient != e.id {
				return fhir.Errorf(fhir.Invalid, "the record is of two patients, %s and %s", m.patient, e.id).At(e.place)
			}
			m.patient = e.id
			for _, id := range e.tree.get("identifier").items() {
				if id.text("system") == nhsNumberSystem {
					m.record.NHSNumber = strings.ReplaceAll(id.text("value"), " ", "")
				}
			}
		case "Medication":
			if _, again := m.drugs[e.id]; !again && e.id != "" {
				m.drugs[e.id] = e.tree.get("code")
			}
		}
	}
	if m.patient == "" {
		return fhir.Errorf(fhir.Invalid, "no entry is a Patient, so it is not known whose record this is").At("entry")
	}
	m.record.Patient = m.id("Patient", m.patient)
	return nil
}

func (m *mapping) id(kind, key string) string { return intake.ID(m.Feed, kind, key) }

func (m *mapping) note(format string, args ...any) { m.record.Notes[fmt.Sprintf(format, args...)]++ }

// entry maps one entry, and the resolved allergies that stand inside a list of them.
func (m *mapping) entry(e *entry) error {
	if e.kind == "OperationOutcome" {
		for _, issue := range e.tree.get("issue").items() {
			m.note("the supplier says: %s", outcomeText(issue))
		}
		return nil
	}
	if e.kind == "Composition" || e.kind == "List" {
		m.section(e)
	}
	if e.id == "" || m.isSection(e) {
		// An id of a section's list is not one to go by: systems number them anew in each answer, the same for every patient.
		e.id = m.nameless(e)
	}
	if e.id == "" {
		m.leave(e, "a "+e.kind+" without id or identifier: it could not be recognised when it comes again")
		return nil
	}
	if again, err := m.again(e); again || err != nil {
		return err
	}
	if e.kind == "List" {
		if err := m.promote(e); err != nil {
			return err
		}
	}
	return m.file(e)
}

func (m *mapping) leave(e *entry, why string) {
	m.record.Left = append(m.record.Left, Left{Place: e.place, Reason: why, Type: r4Kind(e.kind), ID: m.id(e.kind, e.id)})
}

// section notes which part of a record a list answers. A practice that cannot answer one says so in the list; while a record is on its way
// from another practice, what is missing is not gone.
func (m *mapping) section(e *entry) {
	for _, x := range e.tree.get("extension").items() {
		if x.text("url") == gpcExt+"ListWarningCode-1" && x.text("valueCode") == "data-in-transit" {
			return
		}
	}
	unable := false
	e.tree.walk(func(n *node) {
		for _, name := range []string{"text", "display", "reference"} {
			unable = unable || strings.Contains(n.text(name), "not supported")
		}
	})
	if unable {
		return
	}
	for _, c := range e.tree.get("code", "coding").items() {
		code := c.text("code")
		if _, ok := sectionOf(code); (ok || code == endedAllergies) && !slices.Contains(m.record.Lists, code) {
			m.record.Lists = append(m.record.Lists, code)
		}
	}
}

// isSection reports whether an entry is the list of a section, of which there is one of each for a patient.
func (m *mapping) isSection(e *entry) bool {
	if e.kind != "List" {
		return false
	}
	for _, c := range e.tree.get("code", "coding").items() {
		code := c.text("code")
		if _, ok := sectionOf(code); ok || code == endedAllergies {
			return true
		}
	}
	return false
}

// nameless makes a key for a resource without id: lists of sections have none, as there is one of each for a patient; of
// anything else its first identifier will do.
func (m *mapping) nameless(e *entry) string {
	if e.kind == "List" {
		for _, c := range e.tree.get("code", "coding").items() {
			if code := c.text("code"); code != "" {
				return m.patient + "/" + code
			}
		}
		if title := e.tree.text("title"); title != "" {
			return m.patient + "/" + title
		}
		return ""
	}
	if id := e.tree.get("identifier").first(); id.text("value") != "" {
		return id.text("system") + "|" + id.text("value")
	}
	return ""
}

// again recognises an entry that came already. The same once more is nothing; something else under the same id is kept beside
// the first, so that neither is lost.
func (m *mapping) again(e *entry) (bool, error) {
	said := e.tree.append(nil)
	for n := 1; n <= 100; n++ {
		key := e.kind + "/" + e.id
		if n > 1 {
			key = fmt.Sprintf("%s#%d", key, n)
		}
		have, ok := m.seen[key]
		if !ok {
			m.seen[key] = said
			if n > 1 {
				m.note("two different entries are called %s/%s: both are kept", e.kind, e.id)
				e.id = fmt.Sprintf("%s#%d", e.id, n)
			}
			return false, nil
		}
		if string(have) == string(said) {
			m.note("an entry came twice")
			return true, nil
		}
	}
	return false, fhir.Errorf(fhir.Invalid, "more than a hundred entries are called %s/%s", e.kind, e.id).At(e.place)
}

// promote makes entries of the resolved allergies that a list of ended allergies contains: they belong to the record like the
// others, and an allergy that ends keeps its id. https://developer.nhs.uk/apis/gpconnect-1-6-0/accessrecord_structured_development_list.html
func (m *mapping) promote(l *entry) error {
	contained := l.tree.get("contained")
	if contained == nil {
		return nil
	}
	rest := &node{isList: true}
	for i, c := range contained.items() {
		if c.text("resourceType") != "AllergyIntolerance" {
			rest.kids = append(rest.kids, c)
			continue
		}
		e := &entry{place: fmt.Sprintf("%s.resource.contained[%d]", l.place, i), kind: "AllergyIntolerance", id: c.text("id"), tree: c}
		local := "#" + e.id
		if len(e.id) < 16 { // a number within this answer, not a name
			if id := c.get("identifier").first(); id.text("value") != "" {
				e.id = id.text("value")
			} else {
				e.id = l.id + "#" + e.id
			}
		}
		l.tree.walk(func(n *node) {
			if ref := n.get("reference"); ref.text() == local {
				n.put("reference", str("AllergyIntolerance/"+e.id))
			}
		})
		if again, err := m.again(e); again || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := m.file(e); err != nil {
			return err
		}
	}
	l.tree.put("contained", nil)
	if len(rest.kids) > 0 {
		l.tree.put("contained", rest)
	}
	return nil
}

// file turns one resource into R4 and keeps it.
func (m *mapping) file(e *entry) error {
	n := e.tree
	if other := m.stranger(n); other != "" {
		m.leave(e, fmt.Sprintf("%s/%s is of another patient (%s)", e.kind, e.id, other))
		return nil
	}
	k, known := kinds[e.kind]
	if !known {
		k = kind{r4: e.kind}
	}
	m.inner(e, n)
	if k.up != nil {
		k.up(m, n)
	}
	n.put("resourceType", str(k.r4))
	m.whose(e, k, n)
	if err := m.tidy(e.kind, k.r4, n); err != nil {
		m.leave(e, err.Error())
		return nil
	}
	m.name(e, k, n)
	if err := m.keep(e.place, e.kind, e.id, n); err != nil {
		return err
	}
	if e.kind == "Patient" {
		return m.registration(e, n)
	}
	return nil
}

// keep checks a resource and takes it into the record.
func (m *mapping) keep(place, kind, key string, n *node) error {
	res, err := n.resource()
	if err != nil {
		return fhir.Errorf(fhir.Invalid, "%s/%s: %w", kind, key, err).At(place)
	}
	for _, issue := range validate.Structure(res) {
		if issue.Severity == validate.Error {
			return fhir.Errorf(fhir.Invalid, "%s/%s: %s: %s", kind, key, issue.Expression, issue.Message).At(place)
		}
	}
	m.record.Resources = append(m.record.Resources, Filed{Resource: res, Place: place, Kind: kind, Key: key})
	return nil
}

// inner changes what is the same in every resource: medicines are taken in, references led to our ids, extensions and code
// systems called what R4 calls them.
func (m *mapping) inner(e *entry, n *node) {
	if k := e.kind; k == "MedicationRequest" || k == "MedicationStatement" || k == "MedicationDispense" || k == "MedicationAdministration" {
		m.takeIn(n)
	}
	n.walk(func(n *node) {
		if n.isObject() && n.get("reference") != nil {
			m.refer(n)
		}
	})
	n.walk(upExtensions)
	n.walk(func(n *node) {
		if at := n.get("valueDateTime"); n.isObject() && at != nil {
			m.zoned(at)
		}
	})
	n.walk(func(n *node) {
		if c := n.get("coding"); n.isObject() && c != nil {
			n.put("coding", twins(c, r4System))
		}
	})
}

// takeIn puts a medicine's code where UK Core has it, in place of a reference: a reader of the prescription sees what it is.
func (m *mapping) takeIn(n *node) {
	ref := n.get("medicationReference")
	if ref == nil {
		return
	}
	kind, id := m.named(ref.text("reference"))
	if code := m.drugs[id]; kind == "Medication" && code != nil {
		m.used[id] = true
		for _, c := range code.get("coding").items() {
			if c.text("code") == degraded {
				m.note("a medicine has lost its code on its way between GP systems")
			}
		}
		n.put("medicationReference", nil)
		n.put("medicationCodeableConcept", code.copy())
	}
}

// plainDrug reports whether a Medication says nothing but its code.
func plainDrug(n *node) bool {
	for _, name := range n.names {
		switch name {
		case "resourceType", "id", "meta", "code", "text":
		default:
			return false
		}
	}
	return true
}

var relative = regexp.MustCompile(`^(?:https?://.+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?$`)

// named takes a reference apart, "" where it names nothing of a source.
func (m *mapping) named(ref string) (kind, id string) {
	if to, ok := m.urls[ref]; ok {
		ref = to
	}
	if parts := relative.FindStringSubmatch(ref); parts != nil {
		return parts[1], parts[2]
	}
	if kind, id, ok := strings.Cut(ref, "/"); ok && kind == "AllergyIntolerance" && m.seen[ref] != nil {
		return kind, id // a resolved one, promoted
	}
	return "", ""
}

// refer leads a reference to our id of what it names. What names nothing, such as a sentence where a reference should be, stays as
// its text.
func (m *mapping) refer(n *node) {
	ref := n.text("reference")
	kind, id := m.named(ref)
	switch {
	case kind != "":
		m.wanted[kind+"/"+id] = true
		n.put("reference", str(r4Kind(kind)+"/"+m.id(kind, id)))
	case strings.HasPrefix(ref, "#"):
		// contained: it stays
	default:
		n.put("reference", nil)
		if n.text("display") == "" {
			n.put("display", str(ref))
		}
		m.note("a reference names nothing")
	}
}

// r4Kind is what a type of STU3 is called in R4.
func r4Kind(kind string) string {
	if k, ok := kinds[kind]; ok {
		return k.r4
	}
	return kind
}

// twins puts beside each coding of an old address one of the new, the old ones after them.
func twins(codings *node, address func(string) string) *node {
	out := &node{isList: true}
	has := map[string]bool{}
	for _, c := range codings.items() {
		has[c.text("system")+"|"+c.text("code")] = true
	}
	for _, c := range codings.items() {
		if to := address(c.text("system")); to != "" && !has[to+"|"+c.text("code")] {
			twin := c.copy()
			twin.put("system", str(to))
			twin.put("userSelected", nil)
			out.kids = append(out.kids, twin)
		}
	}
	out.kids = append(out.kids, codings.items()...)
	return out
}

// upExtensions calls extensions what UK Core calls them.
func upExtensions(n *node) {
	for _, e := range n.get("extension").items() {
		url := e.text("url")
		if url == descriptionID {
			url = stu3UK + "StructureDefinition/Extension-coding-sctdescid"
		}
		to := extensions[url]
		if to == "" {
			continue
		}
		e.put("url", str(to))
		switch to {
		case ukExt + "ListWarningCode":
			if code := e.take("valueCode"); code != nil {
				e.put("valueCodeableConcept", concept(ukCode+"ListWarningCode", code.text(), ""))
			}
		case ukExt + "DeliveryChannel":
			if code := e.take("valueCode"); code != nil {
				e.put("valueCodeableConcept", concept(ukCode+"DeliveryChannel", code.text(), ""))
			}
		case ukExt + "CodingSCTDescId":
			for _, part := range e.get("extension").items() {
				if id := part.take("valueId"); id != nil {
					part.put("valueIdentifier", object(word("system", snomed), has("value", id)))
				}
			}
		}
	}
}

var tenDigits = regexp.MustCompile(`^\d{10}$`)

// stranger is the patient a resource speaks of where that is another than the record's.
func (m *mapping) stranger(n *node) string {
	for _, name := range []string{"subject", "patient"} {
		ref := n.get(name)
		if kind, id := m.named(ref.text("reference")); kind == "Patient" && id != m.patient {
			return ref.text("reference")
		}
		if id := ref.get("identifier"); id.text("system") == nhsNumberSystem && ref.text("reference") == "" && tenDigits.MatchString(m.record.NHSNumber) && strings.ReplaceAll(id.text("value"), " ", "") != m.record.NHSNumber {
			return "NHS number " + id.text("value")
		}
	}
	return ""
}

// whose says that a resource is the patient's where it does not say so itself.
func (m *mapping) whose(e *entry, k kind, n *node) {
	if k.patient == "" || n.text(k.patient, "reference") != "" {
		return
	}
	ref := n.get(k.patient)
	if ref == nil {
		ref = object()
		m.note("a %s does not say whose it is", e.kind)
	}
	ref.put("reference", str("Patient/"+m.record.Patient))
	n.put(k.patient, ref)
}

// name gives a resource our id, the source's as an identifier, and where it came from.
func (m *mapping) name(e *entry, k kind, n *node) {
	n.put("id", str(m.id(e.kind, e.id)))
	meta := object()
	was := n.get("meta")
	meta.put("source", str(intake.Source(m.Feed, m.Item, e.place)))
	meta.put("security", was.get("security"))
	meta.put("tag", was.get("tag"))
	if k.r4 != e.kind {
		meta.add("tag", coding(kindTag, e.kind, ""))
	}
	n.put("meta", meta)
	if len(k.single) > 0 && slices.Contains(k.single, "identifier") {
		return
	}
	n.add("identifier", object(word("system", Identifier(m.Feed)), word("value", e.id)))
}

// Identifier is the system of the ids that a feed's source has given.
func Identifier(feed string) string { return "urn:kith:source:" + feed }

// outcomeText is what an issue of an OperationOutcome says.
func outcomeText(issue *node) string {
	for _, s := range []string{issue.text("diagnostics"), issue.text("details", "text"), issue.text("details", "coding", "display"), issue.text("details", "coding", "code")} {
		if s != "" {
			return s
		}
	}
	return "something without words"
}
