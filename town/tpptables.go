package town

// tppTable is a file of a SystmOne extract: its columns as the catalogue of extracts has them, in the newest version that
// says which rows were removed, and in an older one that does not, which the bulk is written in.
type tppTable struct {
	name           string
	reference      bool // sent with the bulk only
	columns, older string
}

// The TPP tables by position in tppTables.
const (
	tppMapping = iota
	tppConfiguredListOption
	tppCtv3
	tppCtv3Hierarchy
	tppCtv3ToSnomed
	tppMedicationReadCodeDetails
	tppImmunisationContent
	tppOrganisation
	tppOrganisationBranch
	tppStaffMember
	tppStaffMemberProfile
	tppPatient
	tppPatientAddressHistory
	tppPatientContactDetails
	tppPatientRegistration
	tppRecordStatus
	tppPatientRelationship
	tppRota
	tppAppointment
	tppEvent
	tppCode
	tppProblem
	tppRepeatTemplate
	tppPrimaryCareMedication
	tppDrugSensitivity
	tppImmunisation
	tppReferralOut
	tppReferralOutStatusDetails
	tppPersonAtRisk
	tppSpecialNotes
	tppRecall
	tppManifest
)

// tppTables are all files of an extract. SRManifest is not in the catalogue: its columns are assumed from the specification of feeds.
var tppTables = []tppTable{
	{"SRMapping", true, "RowIdentifier,IdMappingGroup,Mapping", ""},
	{"SRConfiguredListOption", true, "RowIdentifier,ConfiguredList,ConfiguredListOption,CDSCode,CAMHSCode,MHSDSCode,RemovedData", ""},
	{"SRCtv3", true, "RowIdentifier,IDOrganisationVisibleTo,Ctv3Code,Ctv3Text,RemovedData", ""},
	{"SRCtv3Hierarchy", true, "RowIdentifier,IDOrganisationVisibleTo,Ctv3CodeParent,Ctv3CodeChild,ChildLevel,RemovedData", ""},
	{"SRCtv3ToSnomed", true, "RowIdentifier,IDOrganisationVisibleTo,Ctv3Code,SnomedCode,RemovedData", ""},
	{"SRMedicationReadCodeDetails", true, "RowIdentifier,IDMultiLexProduct,DrugReadCode,DrugReadCodeDesc,RemovedData", ""},
	{"SRImmunisationContent", true, "RowIdentifier,Name,Content,DateDeleted,RemovedData", ""},
	{"SROrganisation", true, "RowIdentifier,Name,ID,HouseName,HouseNumber,NameOfRoad,NameOfLocality,NameOfTown,NameOfCounty,FullPostCode,Telephone,SecondaryTelephone,Fax,MadeObsolete,IDTrust,IDCcg,RemovedData", ""},
	{"SROrganisationBranch", true, "RowIdentifier,IDOrganisationVisibleTo,ID,BranchName,HouseName,HouseNumber,RoadName,Locality,Town,County,PostCode,BranchObsolete,IDOrganisation,RemovedData", ""},
	{"SRStaffMember", true, "RowIdentifier,StaffName,StaffUserName,NationalIdType,IDNational,IDSmartCard,Obsolete,RemovedData", ""},
	{"SRStaffMemberProfile", true, "RowIdentifier,DateProfileCreated,IdProfileCreatedBy,IDStaffMemberProfileRole,StaffRole,DateEmploymentStart,DateEmploymentEnd,PPAID,GPLocalCode,IDStaffMember,IDOrganisation,GmpID,RemovedData", ""},
	{"SRPatient", false, "RowIdentifier,IDOrganisationVisibleTo,Title,FirstName,MiddleNames,Surname,PreviousSurname,NHSNumber,DateBirth,DateDeath,BirthPlace,Gender,SpeaksEnglish,EmailAddress,TestPatient,SSRef,SpineMatched,RemovedData", ""},
	{"SRPatientAddressHistory", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,NameOfBuilding,NumberOfBuilding,NameOfRoad,NameOfLocality,NameOfTown,NameOfCounty,FullPostCode,DateTo,AddressType,IDEvent,IDPatient,IDOrganisation,CcgOfResidence,RemovedData", ""},
	{"SRPatientContactDetails", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,ContactType,ContactNumber,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRPatientRegistration", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,IDProfileEnteredBy,DateRegistration,DateDeRegistration,RegistrationStatus,PreferredPharmacy,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRRecordStatus", false, "RowIdentifier,IDOrganisationVisibleTo,DateEvent,DateEventRecorded,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,MedicalRecordStatus,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRPatientRelationship", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,DateEnded,RelationshipType,PersonalGuardianOrProxy,NextOfKin,CaresForPatient,PrincipalCarerForPatient,KeyHolder,HasParentalResponsibility,FinancialRepresentative,Advocate,MainVisitor,CallCentreCallBackConsent,CopyCorrespondence,ContactOrder,ContactMethod,CommunicationFormat,InterpreterRequired,IDRelationshipWithPatient,IDPatientRelationshipWith,CodeRelationshipWithUser,RelationshipWithName,RelationshipWithDateOfBirth,RelationshipWithHouseName,RelationshipWithHouseNumber,RelationshipWithRoad,RelationshipWithLocality,RelationshipWithPostTown,RelationshipWithCounty,RelationshipWithPostCode,RelationshipWithTelephone,RelationshipWithWorkTelephone,RelationshipWithMobileTelephone,RelationshipWithFax,RelationshipWithEmailAddress,RelationshipWithSex,RelationshipWithSpokenLanguage,RelationshipWithOrganisation,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRRota", false, "RowIdentifier,IDOrganisationVisibleTo,DateCreation,IDProfileCreatedBy,Name,RotaType,Location,Code,IDProfileOwner,DateStart,AllowOverBooking,BookingContactNumber,IDAppointmentRoom,IDBranch,RemovedData", ""},
	{"SRAppointment", false, "RowIdentifier,IDOrganisationVisibleTo,DateStart,DateEnd,AppointmentStatus,DateAppointmentBooked,DatePatientArrival,DatePatientSeen,FollowUpAppointment,TelephoneAppointment,IDClinician,IDProfileClinician,RotaName,RotaType,RotaLocation,RotaCode,IDRotaOwner,IDProfileRotaOwner,AllowsOverbooking,BookingContactNumber,DateAppointmentCancelled,IDRota,IDReferralIn,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateStart,DateEnd,AppointmentStatus,DateAppointmentBooked,DatePatientArrival,DatePatientSeen,FollowUpAppointment,TelephoneAppointment,IDClinician,IDProfileClinician,RotaName,RotaType,RotaLocation,RotaCode,IDRotaOwner,IDProfileRotaOwner,AllowsOverbooking,BookingContactNumber,DateAppointmentCancelled,IDRota,IDReferralIn,IDPatient,IDOrganisation,IDOrganisationRegisteredAt"},
	{"SREvent", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,IDStaffMemberProfileRole,TextualEventDoneBy,IDOrganisationDoneAt,IDAuthorisedBy,IDProfileAuthorisedBy,ContactEventLocation,ContactMethod,EventIncomplete,ClinicalEvent,IDReferralIn,IDPatient,IDOrganisation,IDTeam,IDBranch,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,IDStaffMemberProfileRole,TextualEventDoneBy,IDOrganisationDoneAt,IDAuthorisedBy,IDProfileAuthorisedBy,ContactEventLocation,ContactMethod,EventIncomplete,ClinicalEvent,IDReferralIn,IDPatient,IDOrganisation,IDTeam,IDBranch,IDOrganisationRegisteredAt"},
	{"SRCode", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,CTV3Code,CTV3Text,SNOMEDCode,SNOMEDText,NumericComparator,IsNumeric,NumericValue,NumericUnit,EpisodeType,IDTemplate,IDQuestionnaire,IDEvent,IDPatient,IDReferralIn,IDAppointment,IDVisit,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRProblem", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,CTV3Code,DateEnd,Severity,IDCode,IDEvent,IDPatient,IDReferralIn,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,CTV3Code,DateEnd,Severity,IDCode,IDEvent,IDPatient,IDReferralIn,IDOrganisation,IDOrganisationRegisteredAt"},
	{"SRRepeatTemplate", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,IDMultiLexProduct,IDMultiLexPack,IDMultiLexDMD,NameOfMedication,DateMedicationTemplateStart,DateMedicationTemplateEnd,DateMedicationTemplateReview,MedicationDosage,MedicationQuantity,MaxIssues,CourseLengthPerIssue,DrugStatus,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRPrimaryCareMedication", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,IDMultiLexProduct,IDMultiLexPack,IDMultiLexDMD,NameOfMedication,DateMedicationStart,DateMedicationEnd,MedicationDosage,MedicationQuantity,IsSupervised,SupervisedDose,UnsupervisedDose,IsRepeatMedication,IsOtherMedication,IsDentalMedication,IsHospitalMedication,IDRepeatTemplate,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,IDMultiLexProduct,IDMultiLexPack,IDMultiLexDMD,NameOfMedication,DateMedicationStart,DateMedicationEnd,MedicationDosage,MedicationQuantity,IsSupervised,SupervisedDose,UnsupervisedDose,IsRepeatMedication,IsOtherMedication,IsDentalMedication,IsHospitalMedication,IDRepeatTemplate,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt"},
	{"SRDrugSensitivity", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,DateStarted,DateEnded,FormulationSpecific,IDDrugCode,IDMultiLexAction,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,DateStarted,DateEnded,FormulationSpecific,IDDrugCode,IDMultiLexAction,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt"},
	{"SRImmunisation", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,IDVaccination,IDImmunisationContent,Dose,Location,Method,DateExpiry,ImmsReadCode,ImmsSNOMEDCode,VaccPart,VaccBatchNumber,VaccAreaCode,VaccinationStatus,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRReferralOut", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,TypeOfReferral,Reason,IDProfileReferrer,ServiceOffered,ReReferral,Urgency,PrimaryDiagnosis,SNOMEDPrimaryDiagnosis,RecipientID,RecipientIDType,IDEvent,IDPatient,IDOrganisation,M101140ReasonForOutOfAreaReferralAdultAcuteMentalHealth,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,TypeOfReferral,Reason,IDProfileReferrer,ServiceOffered,ReReferral,Urgency,PrimaryDiagnosis,SNOMEDPrimaryDiagnosis,RecipientID,RecipientIDType,IDEvent,IDPatient,IDOrganisation,M101140ReasonForOutOfAreaReferralAdultAcuteMentalHealth,IDOrganisationRegisteredAt"},
	{"SRReferralOutStatusDetails", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDOrganisationDoneAt,IDProfileEnteredBy,TextualEventDoneBy,IDDoneBy,StatusOfReferralOut,IDReferralOut,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", ""},
	{"SRPersonAtRisk", false, "RowIdentifier,IDOrganisationVisibleTo,DateAdded,IDProfileEnteredBy,ProtectionPlan,DateRemoved,IDProfileRemovedBy,RemovalReason,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,ReasonForPlan,RemovedData", ""},
	{"SRSpecialNotes", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,IDProfileEnteredBy,DateStart,Type,Note,DateExpired,DateDeleted,IDPatient,RemovedData", ""},
	{"SRRecall", false, "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,DateRecall,RecallType,RecallInitialStatus,RecallStatus,RecallStatusDate,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt,RemovedData", "RowIdentifier,IDOrganisationVisibleTo,DateEventRecorded,DateEvent,IDProfileEnteredBy,IDDoneBy,TextualEventDoneBy,IDOrganisationDoneAt,DateRecall,RecallType,RecallInitialStatus,RecallStatus,RecallStatusDate,IDReferralIn,IDEvent,IDPatient,IDOrganisation,IDOrganisationRegisteredAt"},
	{"SRManifest", true, "FileName,IsDelta,IsReference,DateExtractFrom,DateExtractTo", ""},
}
