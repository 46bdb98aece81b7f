package gp

import (
	"strings"

	"github.com/kith-care/kith/fhir/r4"
)

// Maps from the suppliers' words, after Endeavour Health's maps (Apache-2.0).

// emisUrgency is ServiceRequest.priority.
var emisUrgency = map[string]string{"routine": "routine", "urgent": "urgent", "2 week wait": "urgent", "soon": "asap", "emergency": "stat"}

// emisSignificance is a SNOMED CT qualifier.
var emisSignificance = map[string]string{"significant problem": "386134007", "minor problem": "371928007"}

// emisPrescription is UK Core's type of a course of medicine.
func emisPrescription(kind string) *r4.CodeableConcept {
	code := map[string]string{"acute": "acute", "repeat": "continuous", "repeat dispensing": "continuous-repeat-dispensing", "automatic": "continuous"}[strings.ToLower(kind)]
	if code == "" {
		return text(kind)
	}
	system := hl7 + "medicationrequest-course-of-therapy"
	if code == "continuous-repeat-dispensing" {
		system = ukCode + "UKCore-MedicationRequestCourseOfTherapy"
	}
	c := concept(system, code, "")
	c.Text = kind
	return c
}

// registered are types of registration with a practice.
// https://www.datadictionary.nhs.uk (patient registration type)
var registered = map[string]string{"dummy": "O", "emg": "E", "emergency": "E", "immediately necessary": "IN", "private": "P", "regular": "R", "temporary": "T", "community registered": "C", "walk-in patient": "W", "minor surgery": "MS", "contraceptive services": "CS"}

func emisRegistered(words string) *r4.CodeableConcept {
	if words == "" {
		return nil
	}
	c := text(words)
	if code, ok := registered[strings.ToLower(words)]; ok {
		c.Coding = []r4.Coding{{System: ukCode + "UKCore-RegistrationType", Code: code}}
	}
	return c
}
