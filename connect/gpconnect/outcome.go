package gpconnect

import (
	"fmt"
	"net/http"

	"github.com/kith-care/kith/fhir"
)

const spineErrors = stu3UK + "CodeSystem/Spine-ErrorOrWarningCode-1"

// Outcome is what a practice, or the Spine before it, answers where it does not do what it was asked.
type Outcome struct {
	Status int    // of HTTP
	Code   string // PATIENT_NOT_FOUND, INVALID_NHS_NUMBER, …; "" where it says none
	Text   string
}

// Error is the answer in a sentence.
func (o *Outcome) Error() string {
	text := o.Text
	if text == "" {
		text = http.StatusText(o.Status)
	}
	if o.Code == "" {
		return fmt.Sprintf("the practice answered %d: %s", o.Status, text)
	}
	return fmt.Sprintf("the practice answered %s: %s", o.Code, text)
}

// OutcomeOf reads an OperationOutcome of GP Connect. What is none becomes an Outcome without code.
// https://developer.nhs.uk/apis/gpconnect-1-6-0/development_fhir_error_handling_guidance.html
func OutcomeOf(status int, body []byte) *Outcome {
	o := &Outcome{Status: status}
	res, err := fhir.Parse(body)
	if err != nil || res.Type() != "OperationOutcome" {
		return o
	}
	for issue := range res.Root().Get("issue").Items() {
		for c := range issue.Get("details").Get("coding").Items() {
			if o.Code == "" {
				o.Code = c.Get("code").Text()
			}
		}
		if o.Text == "" {
			o.Text = outcomeText(treeOf(issue))
		}
	}
	return o
}

// Unknown reports whether the practice says that it has no such patient: moved away, died, sensitive, not yet traced, only
// temporarily there or really unknown. It is never a reason to delete anything.
func (o *Outcome) Unknown() bool {
	return o.Code == "PATIENT_NOT_FOUND" || o.Code == "NO_PATIENT_CONSENT" || o.Code == "NO_RELATIONSHIP"
}

// refusal is an error as GP Connect writes it.
type refusal struct {
	status              int
	code, kind, wording string
}

// refusals are the errors of GP Connect by code, with the HTTP status and the type of issue that go with each.
var refusals = map[string]refusal{
	"PATIENT_NOT_FOUND":         {http.StatusNotFound, "PATIENT_NOT_FOUND", "not-found", "Patient not found"},
	"NO_RECORD_FOUND":           {http.StatusNotFound, "NO_RECORD_FOUND", "not-found", "No record found"},
	"REFERENCE_NOT_FOUND":       {http.StatusNotFound, "REFERENCE_NOT_FOUND", "not-found", "Reference not found"},
	"INVALID_NHS_NUMBER":        {http.StatusBadRequest, "INVALID_NHS_NUMBER", "value", "Invalid NHS number"},
	"BAD_REQUEST":               {http.StatusBadRequest, "BAD_REQUEST", "invalid", "Bad request"},
	"INVALID_RESOURCE":          {http.StatusUnprocessableEntity, "INVALID_RESOURCE", "invalid", "Submitted resource is not valid"},
	"INVALID_PARAMETER":         {http.StatusUnprocessableEntity, "INVALID_PARAMETER", "invalid", "Submitted parameter is not valid"},
	"INVALID_IDENTIFIER_SYSTEM": {http.StatusBadRequest, "INVALID_IDENTIFIER_SYSTEM", "value", "Invalid identifier system"},
	"ACCESS_DENIED":             {http.StatusForbidden, "ACCESS_DENIED", "forbidden", "Access has been denied to process this request"},
	"DUPLICATE_REJECTED":        {http.StatusConflict, "DUPLICATE_REJECTED", "duplicate", "Create would lead to creation of a duplicate resource"},
	"FHIR_CONSTRAINT_VIOLATION": {http.StatusConflict, "FHIR_CONSTRAINT_VIOLATION", "conflict", "FHIR constraint violated"},
	"NOT_IMPLEMENTED":           {http.StatusNotImplemented, "NOT_IMPLEMENTED", "not-supported", "Not implemented"},
	"INTERNAL_SERVER_ERROR":     {http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "processing", "Unexpected internal server error"},
}

// refuse answers an error as GP Connect's clients expect it.
func refuse(w http.ResponseWriter, code, why string) {
	r := refusals[code]
	w.Header().Set("Content-Type", "application/fhir+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.status)
	w.Write(object(word("resourceType", "OperationOutcome"), has("meta", object(has("profile", list(str(stu3NHS+"StructureDefinition/GPConnect-OperationOutcome-1"))))),
		has("issue", list(object(word("severity", "error"), word("code", r.kind), has("details", object(has("coding", list(coding(spineErrors, code, r.wording))))), word("diagnostics", why))))).append(nil))
}

// refusalOf is the code of GP Connect for an error of the record.
func refusalOf(err error) string {
	switch fhir.KindOf(err) {
	case fhir.Invalid, fhir.TooLarge, fhir.TooCostly:
		return "BAD_REQUEST"
	case fhir.NotFound, fhir.Gone:
		return "NO_RECORD_FOUND"
	case fhir.Forbidden:
		return "ACCESS_DENIED"
	case fhir.Conflict, fhir.Precondition:
		return "FHIR_CONSTRAINT_VIOLATION"
	case fhir.Unsupported:
		return "NOT_IMPLEMENTED"
	case fhir.Unprocessable:
		return "INVALID_RESOURCE"
	}
	return "INTERNAL_SERVER_ERROR"
}
