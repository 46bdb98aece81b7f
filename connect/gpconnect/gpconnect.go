// Package gpconnect speaks GP Connect: Access Record Structured and Appointment Management, in the FHIR STU3 of Care Connect, both
// as the one who asks and as the one who is asked.
//
// Map turns a structured record into R4 with UK Core: every type element by element, codes as they came with R4's beside them,
// and what R4 has no place for in HL7's cross-version extensions, so that nothing is lost. Read files such a record: there are no deltas
// and no deletes, so what a patient had from this source and has no more is retracted, but only in the sections that were both asked for
// (Scope) and answered. That a practice does not know a patient says nothing: they may be sensitive, or have moved, or
// have died; it is never a deletion. Client asks a practice, Poll asks it again and again for everybody it should know.
//
// Provider answers the same question about our own record, and Booking lets slots be found, booked, changed and cancelled. Kith's own ids
// are what it answers with; who asks is in the JWT, and the reading is theirs in the audit.
//
// Assumed of suppliers, as GP Connect requires it: a resource keeps its id from one answer to the next.
//
// Specifications: https://developer.nhs.uk/apis/gpconnect-1-6-0/ and https://developer.nhs.uk/apis/gpconnect-1-2-7/ (appointments).
package gpconnect
