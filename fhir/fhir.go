// Package fhir is what the record is made of: a FHIR R4 resource as the bytes it came in plus a flat index over them.
//
// Parse checks the bytes once and lays an index of 16-byte nodes beside them. Everything else (REST, store, search,
// FHIRPath, history, export, validation) walks that index through Value, for all resource types alike, and whatever is
// not understood is still there byte for byte. A Resource never changes: an edit makes new bytes (Splice).
//
// Decimal keeps its digits and Date its precision, because 1.50 is not 1.5 and 2020 is not 1 January 2020.
package fhir
