// Package hl7 speaks HL7 v2 with hospitals: it takes their messages over MLLP, files what they say, and sends ours.
//
// The story of a message: Server takes its frame, Feed keeps the bytes as they came (connect/intake), Parse lays an index
// over them, Map turns segments into resources, Feed files those in one transaction, and only then is it acknowledged.
// Map is pure: it sees the message and what the record has, no clock and no database, so that a mapping is a golden in
// testdata. Codes are a table (codes.tsv), taken from HL7's own v2-to-FHIR maps and marked where they are not.
//
// What decides whether a message changes anything: ids are made from the sender's own numbers, so the same thing sent
// again is the same resource; a resource bears in meta when what it says was so, and an older message does not undo it;
// null ("") deletes, empty leaves. A merge links patients and moves stays so that it can be undone (Feed.Unmerge).
//
// Times without an offset are London's, the hour that comes twice and the one that does not come included (clock.go).
// Sending is Client, and Document, Booking and Referral (outbound.go).
//
// https://www.hl7.org/implement/standards/product_brief.cfm?product_id=185, https://build.fhir.org/ig/HL7/v2-to-fhir/
package hl7
