package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

func TestKnownElements(t *testing.T) {
	for _, c := range []struct {
		typ, member, path, as string
		min, max              int
	}{
		{"Patient", "birthDate", "Patient.birthDate", "date", 0, 1},
		{"Patient", "id", "Resource.id", "id", 0, 1},
		{"Patient", "text", "DomainResource.text", "Narrative", 0, 1},
		{"Patient", "contained", "DomainResource.contained", "Resource", 0, -1},
		{"Patient", "contact", "Patient.contact", "Patient.contact", 0, -1},
		{"Patient.contact", "name", "Patient.contact.name", "HumanName", 0, 1},
		{"Patient.contact", "modifierExtension", "BackboneElement.modifierExtension", "Extension", 0, -1},
		{"Patient", "deceasedBoolean", "Patient.deceased", "boolean", 0, 1},
		{"Observation", "status", "Observation.status", "code", 1, 1},
		{"Observation", "valueQuantity", "Observation.value", "Quantity", 0, 1},
		{"Observation", "valueDateTime", "Observation.value", "dateTime", 0, 1},
		{"Observation.component", "referenceRange", "Observation.component.referenceRange", "Observation.referenceRange", 0, -1},
		{"Questionnaire.item", "item", "Questionnaire.item.item", "Questionnaire.item", 0, -1},
		{"Extension", "url", "Extension.url", "uri", 1, 1},
		{"Extension", "valueMeta", "Extension.value", "Meta", 0, 1},
		{"Extension", "valueBase64Binary", "Extension.value", "base64Binary", 0, 1},
		{"Narrative", "div", "Narrative.div", "xhtml", 1, 1},
		{"Bundle.entry", "resource", "Bundle.entry.resource", "Resource", 0, 1},
		{"Parameters", "parameter", "Parameters.parameter", "Parameters.parameter", 0, -1},
		{"Parameters.parameter", "part", "Parameters.parameter.part", "Parameters.parameter", 0, -1},
		{"Timing", "repeat", "Timing.repeat", "Timing.repeat", 0, 1},
		{"Timing.repeat", "boundsPeriod", "Timing.repeat.bounds", "Period", 0, 1},
		{"Age", "value", "Quantity.value", "decimal", 0, 1},
		{"code", "extension", "Element.extension", "Extension", 0, -1},
		{"ElementDefinition", "slicing", "ElementDefinition.slicing", "ElementDefinition.slicing", 0, 1},
		{"ElementDefinition.slicing", "discriminator", "ElementDefinition.slicing.discriminator", "ElementDefinition.slicing.discriminator", 0, -1},
	} {
		typ := TypeOf(c.typ)
		if typ == nil {
			t.Errorf("no type %s", c.typ)
			continue
		}
		el, as, ok := typ.Child(c.member)
		if !ok {
			t.Errorf("%s has no %s", c.typ, c.member)
			continue
		}
		if el.Path != c.path || as != c.as || el.Min != c.min || el.Max != c.max {
			t.Errorf("%s.%s is %s %s %d..%d, want %s %s %d..%d", c.typ, c.member, el.Path, as, el.Min, el.Max, c.path, c.as, c.min, c.max)
		}
	}
	for _, c := range [][2]string{{"Patient", "value"}, {"Observation", "value"}, {"Observation", "valueMoney"}, {"Bundle", "text"}, {"Patient", "Contact"}, {"HumanName", ""}} {
		if _, _, ok := TypeOf(c[0]).Child(c[1]); ok {
			t.Errorf("%s has %q", c[0], c[1])
		}
	}
	status := TypeOf("Observation").Element("status")
	if !status.Modifier || !status.Summary || status.Binding == nil || status.Binding.Strength != "required" ||
		status.Binding.ValueSet != "http://hl7.org/fhir/ValueSet/observation-status|4.0.1" {
		t.Errorf("Observation.status: %+v %+v", status, status.Binding)
	}
	subject := TypeOf("Observation").Element("subject").Types[0]
	if subject.Code != "Reference" || !slices.Equal(subject.Targets, []string{"Patient", "Group", "Device", "Location"}) {
		t.Errorf("Observation.subject: %+v", subject)
	}
	low := TypeOf("Observation.referenceRange").Element("low").Types[0]
	if low.Code != "Quantity" || low.Profile != "SimpleQuantity" {
		t.Errorf("Observation.referenceRange.low: %+v", low)
	}
	if url := TypeOf("Extension").Element("url"); !url.Attribute || !TypeOf("Narrative").Element("div").XHTML {
		t.Error("Extension.url is an attribute and Narrative.div XHTML")
	}
}

func TestConstraints(t *testing.T) {
	var keys []string
	for _, c := range TypeOf("Observation").AllConstraints() {
		keys = append(keys, c.Key)
		if c.Human == "" || c.Expression == "" || (c.Severity != "error" && c.Severity != "warning") {
			t.Errorf("incomplete: %+v", c)
		}
	}
	if got := strings.Join(keys, " "); got != "dom-2 dom-3 dom-4 dom-5 dom-6 obs-6 obs-7" {
		t.Errorf("Observation: %s", got)
	}
	if c := TypeOf("Patient").Element("contact").Constraints; len(c) != 1 || c[0].Key != "pat-1" {
		t.Errorf("Patient.contact: %+v", c)
	}
	if c := TypeOf("Age").AllConstraints(); len(c) != 3 || c[0].Key != "ele-1" || c[1].Key != "qty-3" || c[2].Key != "age-1" {
		t.Errorf("Age: %+v", c)
	}
	if c := TypeOf("Task").Constraints; len(c) == 0 || !strings.Contains(c[0].Expression, "authoredOn") {
		t.Errorf("Task: %+v", c) // inv-1 of Task and inv-1 of TestReport are different rules
	}
	for _, name := range TypeNames() {
		for _, c := range TypeOf(name).AllConstraints() {
			if strings.Contains(c.Key, "~") {
				t.Errorf("%s: key %s", name, c.Key)
			}
		}
	}
}

// Every type an element names exists, every content reference leads to a structure, and each type is reached.
func TestEveryTypeResolves(t *testing.T) {
	reached := map[*Type]bool{}
	var visit func(typ *Type)
	visit = func(typ *Type) {
		if reached[typ] {
			return
		}
		reached[typ] = true
		seen := map[string]bool{}
		for i := range typ.Elements {
			e := &typ.Elements[i]
			if seen[e.Name] {
				t.Errorf("%s has %s twice", typ.Name, e.Name)
			}
			seen[e.Name] = true
			if e.Min < 0 || e.Max == 0 || e.Max > 0 && e.Min > e.Max || len(e.Types) == 0 && e.Content == "" {
				t.Errorf("%s: %+v", e.Path, e)
			}
			if e.Content != "" && TypeOf(e.Content) == nil {
				t.Errorf("%s repeats %s, which is no structure", e.Path, e.Content)
			}
			for _, ref := range e.Types {
				if ref.Code != "Resource" && TypeOf(ref.Code) == nil {
					t.Errorf("%s has the unknown type %s", e.Path, ref.Code)
				}
				for _, target := range ref.Targets {
					if to := TypeOf(target); to == nil || to.Kind != ResourceType {
						t.Errorf("%s points to %s", e.Path, target)
					}
				}
				name := e.Name
				if e.Choice {
					name += strings.ToUpper(ref.Code[:1]) + ref.Code[1:]
				}
				el, child, ok := typ.ChildType(name)
				if !ok || el != e {
					t.Errorf("%s.%s is not found as a child", typ.Name, name)
				}
				if child != nil {
					visit(child)
				} else if ref.Code != "Resource" {
					t.Errorf("%s.%s has no type", typ.Name, name)
				}
			}
		}
	}
	for _, name := range TypeNames() {
		visit(TypeOf(name))
	}
	for _, typ := range types().byName {
		if !reached[typ] {
			t.Errorf("%s is not reached", typ.Name)
		}
	}
}

// The numbers of resource types and search parameters are in stores: they may only be added to.
func TestNumbersAreFrozen(t *testing.T) {
	if n := len(ResourceNames()); n != 146 {
		t.Errorf("%d resource types, want 146", n)
	}
	if !slices.IsSorted(ResourceNames()) {
		t.Error("resource types out of order")
	}
	for _, c := range []struct {
		name, hash string
		list       []string
	}{
		{"resource types", "18342ce5738fdafa", ResourceNames()},
		{"parameter codes", "184803e57b6fce61", ParamCodes()[:458]},
	} {
		sum := sha256.Sum256([]byte(strings.Join(c.list, "\n")))
		if got := hex.EncodeToString(sum[:8]); got != c.hash {
			t.Errorf("%s changed: %s, want %s", c.name, got, c.hash)
		}
	}
	for i, name := range ResourceNames() {
		if id, ok := Resource(name); !ok || int(id) != i+1 || id.String() != name {
			t.Errorf("%s is %d", name, id)
		}
	}
	if _, ok := Resource("DomainResource"); ok {
		t.Error("DomainResource has a number")
	}
	if _, ok := Resource("HumanName"); ok {
		t.Error("HumanName has a number")
	}
	for i, code := range ParamCodes() {
		if id, ok := ParamCode(code); !ok || int(id) != i+1 || id.String() != code {
			t.Errorf("%s is %d", code, id)
		}
	}
	if TypeID(0).String() != "" || TypeID(9999).String() != "" || ParamID(0).String() != "" || ParamID(9999).String() != "" {
		t.Error("a number that is none has a name")
	}
}

func TestParams(t *testing.T) {
	if n := len(params().byURL); n != 1385 {
		t.Errorf("%d search parameters, want 1385", n)
	}
	code := Param("Observation", "code")
	if code == nil || code.Type != "token" || code.URL != "http://hl7.org/fhir/SearchParameter/clinical-code" {
		t.Fatalf("Observation code: %+v", code)
	}
	if got := code.For("Observation"); got != "Observation.code" {
		t.Errorf("code for Observation: %s", got)
	}
	if got := code.For("MedicationRequest"); got != "MedicationRequest.medication.ofType(CodeableConcept)" {
		t.Errorf("code for MedicationRequest: %s", got)
	}
	if got := code.For("AllergyIntolerance"); got != "AllergyIntolerance.code | AllergyIntolerance.reaction.substance" {
		t.Errorf("code for AllergyIntolerance: %s", got)
	}
	if got := Param("Observation", "patient").For("Observation"); got != "Observation.subject.where(resolve() is Patient)" {
		t.Errorf("patient for Observation: %s", got)
	}
	if got := Param("Patient", "_lastUpdated").For("Patient"); got != "Resource.meta.lastUpdated" {
		t.Errorf("_lastUpdated: %s", got)
	}
	if Param("Bundle", "_text") != nil || Param("Patient", "_text") == nil || Param("Bundle", "_id") == nil {
		t.Error("_text belongs to DomainResource, _id to Resource")
	}
	if Param("Patient", "code") != nil || Param("Nothing", "code") != nil || Params("Nothing") != nil {
		t.Error("parameters that are not there")
	}
	composite := Param("Observation", "code-value-quantity")
	if len(composite.Components) != 2 || composite.Components[1].Expression != "value.ofType(Quantity)" || !composite.OneValue {
		t.Errorf("code-value-quantity: %+v", composite)
	}
	if subject := Param("Observation", "subject"); !slices.Equal(subject.Target, []string{"Group", "Device", "Patient", "Location"}) {
		t.Errorf("subject: %v", subject.Target)
	}
	total := 0
	for _, name := range ResourceNames() {
		all := Params(name)
		total += len(all)
		for i, p := range all {
			if i > 0 && all[i-1].Code == p.Code {
				t.Errorf("%s has %s twice", name, p.Code)
			}
			if p.ID == 0 || Param(name, p.Code) != p || ParamByURL(p.URL) != p {
				t.Errorf("%s %s is not found", name, p.Code)
			}
			if p.Expression != "" && p.For(name) == "" {
				t.Errorf("%s of %s keeps nothing of %s", p.Code, name, p.Expression)
			}
			if p.Type == "composite" && len(p.Components) < 2 {
				t.Errorf("%s of %s has %d components", p.Code, name, len(p.Components))
			}
			for _, c := range p.Components {
				if ParamByURL(c.Definition) == nil {
					t.Errorf("%s of %s: no component %s", p.Code, name, c.Definition)
				}
			}
			for _, target := range p.Target {
				if _, ok := Resource(target); !ok {
					t.Errorf("%s of %s points to %s", p.Code, name, target)
				}
			}
			anything := p.Code == "item-subject" || name == "RequestGroup" && p.Code == "instantiates-canonical"
			if p.Type == "reference" && len(p.Target) == 0 && !anything {
				t.Errorf("%s of %s points nowhere", p.Code, name)
			}
		}
	}
	t.Logf("%d codes, %d parameters, %d over all types", len(ParamCodes()), len(params().byURL), total)
}

func TestCompartments(t *testing.T) {
	for _, c := range []struct {
		compartment, resourceType string
		params                    []string
	}{
		{"Patient", "Observation", []string{"subject", "performer"}},
		{"Patient", "Patient", []string{"{def}", "link"}},
		{"Patient", "Organization", nil},
		{"Practitioner", "Appointment", []string{"actor"}},
		{"Encounter", "Encounter", []string{"{def}"}},
	} {
		if got := Compartment(c.compartment).Params(c.resourceType); !slices.Equal(got, c.params) {
			t.Errorf("%s in %s: %v, want %v", c.resourceType, c.compartment, got, c.params)
		}
	}
	for _, name := range CompartmentNames() {
		for _, resourceType := range ResourceNames() {
			for _, code := range Compartment(name).Params(resourceType) {
				if code != "{def}" && Param(resourceType, code) == nil {
					t.Errorf("%s in %s by %s, which is no parameter", resourceType, name, code)
				}
			}
		}
	}
	if Compartment("Organization") != nil {
		t.Error("there is no compartment Organization")
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readTypes()
		readParams()
		readCompartments()
	}
}

func BenchmarkChild(b *testing.B) {
	observation := TypeOf("Observation")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := observation.Child("effectiveDateTime"); !ok {
			b.Fatal("absent")
		}
	}
}
