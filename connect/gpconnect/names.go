package gpconnect

import "strings"

const (
	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsCode         = "https://fhir.nhs.uk/Id/ods-organization-code"
	snomed          = "http://snomed.info/sct"
	hl7Terms        = "http://terminology.hl7.org/CodeSystem/"
	hl7Core         = "http://hl7.org/fhir/StructureDefinition/"
	stu3NHS         = "https://fhir.nhs.uk/STU3/"
	stu3UK          = "https://fhir.hl7.org.uk/STU3/"
	ukCore          = "https://fhir.hl7.org.uk/"
	ukExt           = ukCore + "StructureDefinition/Extension-UKCore-"
	ukCode          = ukCore + "CodeSystem/UKCore-"
	gpcExt          = stu3NHS + "StructureDefinition/Extension-CareConnect-GPC-"
	ccExt           = stu3UK + "StructureDefinition/Extension-CareConnect-"
	// degraded is the code of a medicine that lost its own on the way from one GP system to another; what it was says the text.
	degraded = "196421000000109"
	// kindTag marks in meta.tag which of STU3's types a ServiceRequest was.
	kindTag = "urn:kith:gpconnect:type"
)

// extensions are those of Care Connect for which UK Core has the same under another name, some retired there since.
// https://simplifier.net/guide/uk-core-implementation-guide
var extensions = map[string]string{
	ccExt + "ActualProblem-1":                                                   ukExt + "ActualProblem",
	ccExt + "ProblemSignificance-1":                                             ukExt + "ProblemSignificance",
	ccExt + "RelatedClinicalContent-1":                                          ukExt + "RelatedClinicalContent",
	ccExt + "RelatedProblemHeader-1":                                            ukExt + "RelatedProblemHeader",
	ccExt + "ParentPresent-1":                                                   ukExt + "ParentPresent",
	ccExt + "VaccinationProcedure-1":                                            ukExt + "VaccinationProcedure",
	ccExt + "MedicationStatementDosageLastChanged-1":                            ukExt + "MedicationDosageLastChanged",
	gpcExt + "AllergyIntoleranceEnd-1":                                          ukExt + "AllergyIntoleranceEnd",
	gpcExt + "ClinicalSetting-1":                                                ukExt + "ClinicalSetting",
	gpcExt + "ListWarningCode-1":                                                ukExt + "ListWarningCode",
	gpcExt + "MedicationQuantityText-1":                                         ukExt + "MedicationQuantityText",
	gpcExt + "MedicationStatementLastIssueDate-1":                               ukExt + "MedicationStatementLastIssueDate",
	gpcExt + "PrescribingAgency-1":                                              ukExt + "MedicationPrescribingAgency",
	gpcExt + "MainLocation-1":                                                   ukExt + "MainLocation",
	gpcExt + "NHSCommunication-1":                                               ukExt + "NHSCommunication",
	gpcExt + "NHSNumberVerificationStatus-1":                                    ukExt + "NHSNumberVerificationStatus",
	stu3UK + "StructureDefinition/Extension-coding-sctdescid":                   ukExt + "CodingSCTDescId",
	stu3NHS + "StructureDefinition/Extension-GPConnect-BookingOrganisation-1":   ukExt + "BookingOrganization",
	stu3NHS + "StructureDefinition/Extension-GPConnect-DeliveryChannel-2":       ukExt + "DeliveryChannel",
	stu3UK + "StructureDefinition/Extension-CareConnect-EthnicCategory-1":       ukExt + "EthnicCategory",
	stu3UK + "StructureDefinition/Extension-CareConnect-ReligiousAffiliation-1": ukExt + "ReligiousAffiliation",
	stu3UK + "StructureDefinition/Extension-CareConnect-ResidentialStatus-1":    ukExt + "ResidentialStatus",
	stu3UK + "StructureDefinition/Extension-CareConnect-TreatmentCategory-1":    ukExt + "TreatmentCategory",
}

// descriptionID says which description of a SNOMED CT concept was chosen; suppliers write it under two addresses.
const descriptionID = stu3NHS + "StructureDefinition/Extension-coding-sctdescid"

// systems are code systems that HL7 gave another address in R4. The coding as it came stays beside the new one.
var systems = map[string]string{
	"http://hl7.org/fhir/condition-category":              hl7Terms + "condition-category",
	"http://hl7.org/fhir/condition-clinical":              hl7Terms + "condition-clinical",
	"http://hl7.org/fhir/allergy-clinical-status":         hl7Terms + "allergyintolerance-clinical",
	"http://hl7.org/fhir/observation-category":            hl7Terms + "observation-category",
	"http://hl7.org/fhir/list-empty-reason":               hl7Terms + "list-empty-reason",
	"http://hl7.org/fhir/list-order":                      hl7Terms + "list-order",
	"http://hl7.org/fhir/organization-type":               hl7Terms + "organization-type",
	"http://hl7.org/fhir/location-physical-type":          hl7Terms + "location-physical-type",
	"http://hl7.org/fhir/referencerange-meaning":          hl7Terms + "referencerange-meaning",
	"http://hl7.org/fhir/diagnosis-role":                  hl7Terms + "diagnosis-role",
	"http://hl7.org/fhir/data-absent-reason":              hl7Terms + "data-absent-reason",
	"http://hl7.org/fhir/practitioner-role":               hl7Terms + "practitioner-role",
	stu3UK + "CodeSystem/CareConnect-ConditionCategory-1": hl7Terms + "condition-category",
}

// r4System is R4's address of a code system, "" where it is the same.
func r4System(system string) string {
	if to := systems[system]; to != "" {
		return to
	}
	if v3, ok := strings.CutPrefix(system, "http://hl7.org/fhir/v3/"); ok {
		return hl7Terms + "v3-" + v3
	}
	if v2, ok := strings.CutPrefix(system, "http://hl7.org/fhir/v2/"); ok {
		return hl7Terms + "v2-" + v2
	}
	return ""
}

// stu3System turns r4System round.
func stu3System(system string) string {
	if system == hl7Terms+"condition-category" {
		return "http://hl7.org/fhir/condition-category"
	}
	for from, to := range systems {
		if to == system && from != stu3UK+"CodeSystem/CareConnect-ConditionCategory-1" {
			return from
		}
	}
	if v3, ok := strings.CutPrefix(system, hl7Terms+"v3-"); ok {
		return "http://hl7.org/fhir/v3/" + v3
	}
	if v2, ok := strings.CutPrefix(system, hl7Terms+"v2-"); ok {
		return "http://hl7.org/fhir/v2/" + v2
	}
	return ""
}
