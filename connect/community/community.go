// Package community turns what the services around general practice send as tables into FHIR R4: out-of-hours services that use Adastra
// (adastra.go), and community, mental health and hospice services, whose columns a map says (map.go).
//
// A map is data: a JSON file that says which file is which table, which column is which element, how days are written and what the supplier's
// words mean. A new supplier is a new map and no code. The maps that come with Kith are in maps/; intake.Feed.Map names one of them, or a
// file. A map is read when a drop arrives, and refused with the place of its fault.
//
// Contacts become Encounters, caseloads EpisodesOfCare, assessments Observations and QuestionnaireResponses, plans CarePlans; the columns of
// the person that any row repeats make the Patient.
//
// Rules: Kith's feeds specification, section 7a.
package community
