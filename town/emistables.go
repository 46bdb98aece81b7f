package town

// emisTable is a file of an EMIS extract: its columns as the catalogue of extracts has them, in the newest form and in
// the older one that some packs still send.
type emisTable struct {
	schema, name   string
	columns, older string // older is "" where there is but one
}

// The EMIS tables by position in emisTables.
const (
	emisLocation = iota
	emisOrganisation
	emisOrganisationLocation
	emisPatient
	emisUserInRole
	emisSharingOrganisation
	emisSession
	emisSessionUser
	emisSlot
	emisPatientAudit
	emisRegistrationAudit
	emisConsultation
	emisDiary
	emisObservation
	emisObservationReferral
	emisProblem
	emisClinicalCode
	emisDrugCode
	emisDrugRecord
	emisIssueRecord
	emisPatientHistory
)

// emisTables are all files of an extract. Admin_PatientHistory is not in the catalogue: its columns are assumed.
var emisTables = []emisTable{
	{"Admin", "Location", "LocationGuid,LocationName,LocationTypeDescription,ParentLocationGuid,OpenDate,CloseDate,MainContactName,FaxNumber,EmailAddress,PhoneNumber,HouseNameFlatNumber,NumberAndStreet,Village,Town,County,Postcode,Deleted,ProcessingId", ""},
	{"Admin", "Organisation", "OrganisationGuid,CDB,OrganisationName,ODSCode,ParentOrganisationGuid,CCGOrganisationGuid,OrganisationType,OpenDate,CloseDate,MainLocationGuid,ProcessingId", ""},
	{"Admin", "OrganisationLocation", "OrganisationGuid,LocationGuid,IsMainLocation,Deleted,ProcessingId", ""},
	{"Admin", "Patient", "PatientGuid,OrganisationGuid,UsualGpUserInRoleGuid,Sex,DateOfBirth,DateOfDeath,Title,GivenName,MiddleNames,Surname,DateOfRegistration,NhsNumber,PatientNumber,PatientTypeDescription,DummyType,HouseNameFlatNumber,NumberAndStreet,Village,Town,County,Postcode,ResidentialInstituteCode,NHSNumberStatus,CarerName,CarerRelation,PersonGuid,DateOfDeactivation,Deleted,SpineSensitive,IsConfidential,EmailAddress,HomePhone,MobilePhone,ExternalUsualGPGuid,ExternalUsualGP,ExternalUsualGPOrganisation,ProcessingId", "PatientGuid,OrganisationGuid,UsualGpUserInRoleGuid,Sex,DateOfBirth,DateOfDeath,Title,GivenName,MiddleNames,Surname,DateOfRegistration,NhsNumber,PatientNumber,PatientTypeDescription,DummyType,HouseNameFlatNumber,NumberAndStreet,Village,Town,County,Postcode,ResidentialInstituteCode,NHSNumberStatus,CarerName,CarerRelation,PersonGuid,DateOfDeactivation,Deleted,SpineSensitive,IsConfidential,EmailAddress,HomePhone,MobilePhone,ExternalUsualGPGuid,ExternalUsusalGP,ExternalUsusalGPOrganisation,ProcessingId"},
	{"Admin", "UserInRole", "UserInRoleGuid,OrganisationGuid,Title,GivenName,Surname,JobCategoryCode,JobCategoryName,ContractStartDate,ContractEndDate,ProcessingId", ""},
	{"Agreements", "SharingOrganisation", "OrganisationGuid,IsActivated,LastModifiedDate,Disabled,Deleted", ""},
	{"Appointment", "Session", "AppointmentSessionGuid,Description,LocationGuid,SessionTypeDescription,SessionCategoryDisplayName,StartDate,StartTime,EndDate,EndTime,Private,OrganisationGuid,Deleted,ProcessingId", ""},
	{"Appointment", "SessionUser", "SessionGuid,UserInRoleGuid,Deleted,ProcessingId", ""},
	{"Appointment", "Slot", "SlotGuid,AppointmentDate,AppointmentStartTime,PlannedDurationInMinutes,PatientGuid,SendInTime,LeftTime,DidNotAttend,PatientWaitInMin,AppointmentDelayInMin,ActualDurationInMinutes,OrganisationGuid,SessionGuid,DnaReasonCodeId,Deleted,ProcessingId", ""},
	{"Audit", "PatientAudit", "ItemGuid,PatientGuid,OrganisationGuid,ModifiedDate,ModifiedTime,UserInRoleGuid,ItemType,ModeType,ProcessingId", ""},
	{"Audit", "RegistrationAudit", "PatientGuid,OrganisationGuid,ModifiedDate,ModifiedTime,UserInRoleGuid,ModeType,ProcessingId", ""},
	{"CareRecord", "Consultation", "ConsultationGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,AppointmentSlotGuid,ConsultationSourceTerm,ConsultationSourceCodeId,Complete,Deleted,IsConfidential,ProcessingId", "ConsultationGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,AppointmentSlotGuid,ConsultationSourceTerm,ConsultationSourceCodeId,Complete,Deleted,IsConfidential,ProcessingId"},
	{"CareRecord", "Diary", "DiaryGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,OriginalTerm,AssociatedText,DurationTerm,LocationTypeDescription,Deleted,IsConfidential,IsActive,IsComplete,ConsultationGuid,ProcessingId", "DiaryGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicanUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,OriginalTerm,AssociatedText,DurationTerm,LocationTypeDescription,Deleted,IsConfidential,IsActive,IsComplete,ConsultationGuid,ProcessingId"},
	{"CareRecord", "Observation", "ObservationGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,ParentObservationGuid,CodeId,ProblemGuid,AssociatedText,ConsultationGuid,Value,NumericUnit,ObservationType,NumericRangeLow,NumericRangeHigh,DocumentGuid,Deleted,IsConfidential,ProcessingId", ""},
	{"CareRecord", "ObservationReferral", "ObservationGuid,PatientGuid,OrganisationGuid,ReferralTargetOrganisationGuid,ReferralUrgency,ReferralServiceType,ReferralMode,ReferralReceivedDate,ReferralReceivedTime,ReferralEndDate,ReferralSourceId,ReferralSourceOrganisationGuid,ReferralUBRN,ReferralReasonCodeId,ReferringCareProfessionalStaffGroupCodeId,ReferralEpisodeRTTMeasurementTypeId,ReferralEpisodeClosureDate,ReferralEpisodeDischargeLetterIssuedDate,ReferralClosureReasonCodeId,ProcessingId", ""},
	{"CareRecord", "Problem", "ObservationGuid,PatientGuid,OrganisationGuid,ParentProblemObservationGuid,Deleted,Comment,EndDate,EndDatePrecision,ExpectedDuration,LastReviewDate,LastReviewDatePrecision,LastReviewUserInRoleGuid,ParentProblemRelationship,ProblemStatusDescription,SignificanceDescription,ProcessingId", "ObservationGuid,PatientGuid,OrganisationGuid,ParentProblemObservationGuid,Comment,EndDate,EndDatePrecision,ExpectedDuration,LastReviewDate,LastReviewDatePrecision,LastReviewUserInRoleGuid,ParentProblemRelationship,ProblemStatusDescription,SignificanceDescription,ProcessingId"},
	{"Coding", "ClinicalCode", "CodeId,Term,ReadTermId,SnomedCTConceptId,SnomedCTDescriptionId,NationalCode,NationalCodeCategory,NationalDescription,EmisCodeCategoryDescription,ProcessingId,ParentCodeId", "CodeId,Term,ReadTermId,SnomedCTConceptId,SnomedCTDescriptionId,NationalCode,NationalCodeCategory,NationalDescription,EmisCodeCategoryDescription,ProcessingId"},
	{"Coding", "DrugCode", "CodeId,Term,DmdProductCodeId,ProcessingId", ""},
	{"Prescribing", "DrugRecord", "DrugRecordGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,Dosage,Quantity,QuantityUnit,ProblemObservationGuid,PrescriptionType,IsActive,CancellationDate,NumberOfIssues,NumberOfIssuesAuthorised,IsConfidential,Deleted,ProcessingId", "DrugRecordGuid,PatientGuid,OrganisationGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicanUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,Dosage,Quantity,QuantityUnit,ProblemObservationGuid,PrescriptionType,IsActive,CancellationDate,NumberOfIssues,NumberOfIssuesAuthorised,IsConfidential,Deleted,ProcessingId"},
	{"Prescribing", "IssueRecord", "IssueRecordGuid,PatientGuid,OrganisationGuid,DrugRecordGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicianUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,Dosage,Quantity,QuantityUnit,ProblemObservationGuid,CourseDurationInDays,EstimatedNhsCost,IsConfidential,Deleted,ProcessingId", "IssueRecordGuid,PatientGuid,OrganisationGuid,DrugRecordGuid,EffectiveDate,EffectiveDatePrecision,EnteredDate,EnteredTime,ClinicanUserInRoleGuid,EnteredByUserInRoleGuid,CodeId,Dosage,Quantity,QuantityUnit,ProblemObservationGuid,CourseDurationInDays,EstimatedNhsCost,IsConfidential,Deleted,ProcessingId"},
	{"Admin", "PatientHistory", "PatientGuid,OrganisationGuid,DateOfRegistration,DateOfDeactivation,PatientTypeDescription,DummyType,Deleted,ProcessingId", ""},
}
