package town

import "encoding/json"

// The shapes a made-up record is written in: as much of FHIR R4 as Merrowby uses, in the order FHIR lists members.

const (
	snomed   = "http://snomed.info/sct"
	loinc    = "http://loinc.org"
	ucum     = "http://unitsofmeasure.org"
	hl7      = "http://terminology.hl7.org/CodeSystem/"
	ukCore   = "https://fhir.hl7.org.uk/StructureDefinition/"
	ukSystem = "https://fhir.hl7.org.uk/CodeSystem/"
	nhsID    = "https://fhir.nhs.uk/Id/"
)

type meta struct {
	Source  string   `json:"source,omitempty"`
	Profile []string `json:"profile,omitempty"`
}

func profile(name string) meta { return meta{Profile: []string{ukCore + "UKCore-" + name}} }

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

func code(system, code, display string) *concept {
	return &concept{Coding: []coding{{system, code, display}}}
}

type identifier struct {
	Extension []extension `json:"extension,omitempty"`
	System    string      `json:"system"`
	Value     string      `json:"value"`
}

type extension struct {
	URL     string   `json:"url"`
	Concept *concept `json:"valueCodeableConcept,omitempty"`
}

type reference struct {
	Reference string `json:"reference"`
	Display   string `json:"display,omitempty"`
}

type humanName struct {
	Use    string   `json:"use"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Prefix []string `json:"prefix,omitempty"`
}

type contactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use"`
}

type address struct {
	Use        string   `json:"use,omitempty"`
	Line       []string `json:"line"`
	City       string   `json:"city"`
	PostalCode string   `json:"postalCode"`
}

type period struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
}

// quantity holds its value as the digits that are written: 5.0 is not 5.
type quantity struct {
	Value      json.Number `json:"value"`
	Comparator string      `json:"comparator,omitempty"`
	Unit       string      `json:"unit"`
	System     string      `json:"system,omitempty"`
	Code       string      `json:"code,omitempty"`
}

type organizationResource struct {
	ResourceType string         `json:"resourceType"`
	ID           string         `json:"id"`
	Meta         meta           `json:"meta"`
	Identifier   []identifier   `json:"identifier"`
	Active       bool           `json:"active"`
	Type         []*concept     `json:"type"`
	Name         string         `json:"name"`
	Telecom      []contactPoint `json:"telecom"`
	Address      []address      `json:"address"`
	PartOf       *reference     `json:"partOf,omitempty"`
}

type practitionerResource struct {
	ResourceType  string          `json:"resourceType"`
	ID            string          `json:"id"`
	Meta          meta            `json:"meta"`
	Identifier    []identifier    `json:"identifier"`
	Active        bool            `json:"active"`
	Name          []humanName     `json:"name"`
	Gender        string          `json:"gender"`
	Qualification []qualification `json:"qualification"`
}

type qualification struct {
	Code   *concept   `json:"code"`
	Issuer *reference `json:"issuer,omitempty"`
}

type patientResource struct {
	ResourceType         string         `json:"resourceType"`
	ID                   string         `json:"id"`
	Meta                 meta           `json:"meta"`
	Extension            []extension    `json:"extension"`
	Identifier           []identifier   `json:"identifier"`
	Active               bool           `json:"active"`
	Name                 []humanName    `json:"name"`
	Telecom              []contactPoint `json:"telecom"`
	Gender               string         `json:"gender"`
	BirthDate            string         `json:"birthDate"`
	Deceased             string         `json:"deceasedDateTime,omitempty"`
	Address              []address      `json:"address"`
	MaritalStatus        *concept       `json:"maritalStatus,omitempty"`
	GeneralPractitioner  []reference    `json:"generalPractitioner"`
	ManagingOrganization *reference     `json:"managingOrganization"`
}

type encounterResource struct {
	ResourceType    string        `json:"resourceType"`
	ID              string        `json:"id"`
	Meta            meta          `json:"meta"`
	Status          string        `json:"status"`
	Class           coding        `json:"class"`
	Type            []*concept    `json:"type"`
	Subject         reference     `json:"subject"`
	Participant     []participant `json:"participant"`
	Period          period        `json:"period"`
	ReasonCode      []*concept    `json:"reasonCode"`
	ServiceProvider *reference    `json:"serviceProvider"`
}

type participant struct {
	Individual reference `json:"individual"`
}

type conditionResource struct {
	ResourceType       string     `json:"resourceType"`
	ID                 string     `json:"id"`
	Meta               meta       `json:"meta"`
	ClinicalStatus     *concept   `json:"clinicalStatus"`
	VerificationStatus *concept   `json:"verificationStatus"`
	Category           []*concept `json:"category"`
	Code               *concept   `json:"code"`
	Subject            reference  `json:"subject"`
	Encounter          *reference `json:"encounter,omitempty"`
	Onset              string     `json:"onsetDateTime"`
	Abatement          string     `json:"abatementDateTime,omitempty"`
	RecordedDate       string     `json:"recordedDate"`
	Recorder           reference  `json:"recorder"`
	Asserter           *reference `json:"asserter,omitempty"`
}

type allergyResource struct {
	ResourceType       string            `json:"resourceType"`
	ID                 string            `json:"id"`
	Meta               meta              `json:"meta"`
	ClinicalStatus     *concept          `json:"clinicalStatus"`
	VerificationStatus *concept          `json:"verificationStatus"`
	Type               string            `json:"type,omitempty"`
	Category           []string          `json:"category,omitempty"`
	Criticality        string            `json:"criticality,omitempty"`
	Code               *concept          `json:"code"`
	Patient            reference         `json:"patient"`
	RecordedDate       string            `json:"recordedDate"`
	Recorder           reference         `json:"recorder"`
	Reaction           []allergyReaction `json:"reaction,omitempty"`
}

type allergyReaction struct {
	Manifestation []*concept `json:"manifestation"`
	Severity      string     `json:"severity"`
}

type medicationRequestResource struct {
	ResourceType    string      `json:"resourceType"`
	ID              string      `json:"id"`
	Meta            meta        `json:"meta"`
	Status          string      `json:"status"`
	Intent          string      `json:"intent"`
	Category        []*concept  `json:"category"`
	Medication      *concept    `json:"medicationCodeableConcept"`
	Subject         reference   `json:"subject"`
	Encounter       *reference  `json:"encounter,omitempty"`
	AuthoredOn      string      `json:"authoredOn"`
	Requester       reference   `json:"requester"`
	ReasonReference []reference `json:"reasonReference,omitempty"`
	CourseOfTherapy *concept    `json:"courseOfTherapyType"`
	Dosage          []dosage    `json:"dosageInstruction"`
	Dispense        *dispense   `json:"dispenseRequest"`
}

type dosage struct {
	Text string `json:"text"`
}

type dispense struct {
	Validity *period   `json:"validityPeriod,omitempty"`
	Quantity *quantity `json:"quantity"`
}

type observationResource struct {
	ResourceType   string           `json:"resourceType"`
	ID             string           `json:"id"`
	Meta           meta             `json:"meta"`
	Status         string           `json:"status"`
	Category       []*concept       `json:"category"`
	Code           *concept         `json:"code"`
	Subject        reference        `json:"subject"`
	Encounter      *reference       `json:"encounter,omitempty"`
	Effective      string           `json:"effectiveDateTime"`
	Issued         string           `json:"issued,omitempty"`
	Performer      []reference      `json:"performer"`
	Quantity       *quantity        `json:"valueQuantity,omitempty"`
	Concept        *concept         `json:"valueCodeableConcept,omitempty"`
	DateTime       string           `json:"valueDateTime,omitempty"`
	Interpretation []*concept       `json:"interpretation,omitempty"`
	Range          []referenceRange `json:"referenceRange,omitempty"`
	Component      []component      `json:"component,omitempty"`
}

type referenceRange struct {
	Low  *quantity `json:"low,omitempty"`
	High *quantity `json:"high,omitempty"`
}

type component struct {
	Code     *concept  `json:"code"`
	Quantity *quantity `json:"valueQuantity"`
}

type immunizationResource struct {
	ResourceType string          `json:"resourceType"`
	ID           string          `json:"id"`
	Meta         meta            `json:"meta"`
	Status       string          `json:"status"`
	VaccineCode  *concept        `json:"vaccineCode"`
	Patient      reference       `json:"patient"`
	Occurrence   string          `json:"occurrenceDateTime"`
	Recorded     string          `json:"recorded"`
	Primary      bool            `json:"primarySource"`
	Performer    []performer     `json:"performer"`
	Protocol     []protocolDoses `json:"protocolApplied"`
}

type performer struct {
	Actor reference `json:"actor"`
}

type protocolDoses struct {
	Diseases []*concept `json:"targetDisease"`
	Dose     int        `json:"doseNumberPositiveInt"`
}

type procedureResource struct {
	ResourceType string      `json:"resourceType"`
	ID           string      `json:"id"`
	Meta         meta        `json:"meta"`
	Status       string      `json:"status"`
	Code         *concept    `json:"code"`
	Subject      reference   `json:"subject"`
	Encounter    *reference  `json:"encounter,omitempty"`
	Performed    string      `json:"performedDateTime"`
	Performer    []performer `json:"performer"`
}
