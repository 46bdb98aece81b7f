package need

import "github.com/kith-care/kith/fhir/r4"

// System is the code system in which our Flags say what somebody chose: language-cy, interpreter, format-large-print, channel-letter.
const System = "https://kith.care/fhir/CodeSystem/need"

// The national category of a Flag that is a reasonable adjustment.
// https://digital.nhs.uk/developer/api-catalogue/reasonable-adjustment-flag-fhir
const (
	categorySystem = "https://fhir.nhs.uk/STU3/CodeSystem/RARecord-FlagCategory-1"
	categoryCode   = "NRAF"
	snomed         = "http://snomed.info/sct"
)

// The SNOMED CT codes of the Accessible Information Standard's subsets that we write and read beside our own. To be reviewed against the current subsets by
// whoever may see them: both were seen in published examples, none was looked up in a release of SNOMED CT. For the other terms no code could be verified, so
// none is written: a wrong one would say something else of a person. Their terms stand in the Flag's text, as the Standard has them.
const (
	interpreterNeeded = "315594003"       // Interpreter needed
	easyRead          = "796161000000101" // Requires information in Easyread
)

// terms are the Standard's own words for what is chosen, where it has them, and the code of SNOMED CT, where it is known.
var terms = map[string]struct{ text, snomed string }{
	"interpreter":        {"Interpreter needed", interpreterNeeded},
	"format-standard":    {"Standard print", ""},
	"format-large-print": {"Requires written information in at least 16 point sans serif font", ""},
	"format-easy-read":   {"Requires information in Easyread", easyRead},
	"format-braille":     {"Requires information in uncontracted (Grade 1) Braille", ""},
	"format-bsl":         {"British Sign Language by video relay", ""},
	"format-audio":       {"Requires information in audio", ""},
	"channel-app":        {"Prefers messages on these pages", ""},
	"channel-email":      {"Requires contact by email", ""},
	"channel-text":       {"Requires contact by short message service text message", ""},
	"channel-letter":     {"Requires contact by letter", ""},
	"channel-telephone":  {"Requires contact by telephone", ""},
}

// concept is the code of a Flag.
func concept(code string) *r4.CodeableConcept {
	t := terms[code]
	c := &r4.CodeableConcept{Coding: []r4.Coding{{System: System, Code: code}}, Text: t.text}
	if t.text == "" {
		c.Text = code
	}
	if t.snomed != "" {
		c.Coding = append(c.Coding, r4.Coding{System: snomed, Code: t.snomed, Display: t.text})
	}
	return c
}
