package plain

import (
	"strings"
	"unicode"
)

// hard are words for which there is a plainer one. The list follows the NHS digital service manual's A to Z of health writing and GOV.UK's list of words
// to avoid, as Kith's authors remember them, and is for adding to. https://service-manual.nhs.uk/content/a-to-z-of-nhs-health-writing
var hard = map[string]string{
	"abdomen": "tummy", "abdominal": "tummy", "acute": "sudden, or short", "adhere": "stick to", "administer": "give", "administered": "given", "adverse": "bad", "alleviate": "ease", "ambulatory": "able to walk",
	"analgesia": "pain relief", "analgesic": "painkiller", "anterior": "front", "approximately": "about", "ascertain": "find out", "assist": "help", "assistance": "help", "attend": "go to", "attendance": "visit",
	"benign": "not cancer", "bilateral": "on both sides", "cardiac": "of the heart", "cease": "stop", "chronic": "long-term", "clinician": "doctor or nurse", "commence": "start", "commenced": "started",
	"component": "part", "condition’s": "illness’s", "consequently": "so", "consume": "eat or drink", "contraindicated": "not safe", "deceased": "dead", "decrease": "go down", "defecate": "poo", "demonstrate": "show",
	"deteriorate": "get worse", "deterioration": "getting worse", "discontinue": "stop", "dosage": "dose", "dyspnoea": "being short of breath", "elevated": "high", "endeavour": "try", "ensure": "make sure",
	"exacerbate": "make worse", "exacerbation": "flare-up", "excessive": "too much", "facilitate": "help", "faeces": "poo", "febrile": "with a fever", "frequently": "often", "gastric": "of the stomach", "haemorrhage": "bleeding",
	"hepatic": "of the liver", "hypertension": "high blood pressure", "hypotension": "low blood pressure", "immediately": "at once", "implement": "carry out", "inadequate": "not enough", "inflammation": "swelling", "ingest": "swallow",
	"initial": "first", "initiate": "start", "lesion": "mark or sore", "localised": "in one place", "malignant": "cancer", "micturition": "passing urine", "monitor": "check", "monitored": "checked", "monitoring": "checking",
	"nausea": "feeling sick", "obtain": "get", "oedema": "swelling", "optimal": "best", "oral": "by mouth", "orally": "by mouth", "palpitations": "heart flutters", "persist": "go on", "persistent": "that does not go", "posterior": "back",
	"prior": "before", "prognosis": "outlook", "prophylaxis": "prevention", "proximal": "near", "pulmonary": "of the lungs", "purchase": "buy", "pyrexia": "fever", "regarding": "about", "renal": "of the kidneys", "require": "need",
	"required": "needed", "respiratory": "of the lungs", "retain": "keep", "subsequent": "next", "sufficient": "enough", "symptomatic": "with signs", "terminate": "end", "therapeutic": "that treats", "titrate": "change bit by bit",
	"topical": "for the skin", "unilateral": "on one side", "utilise": "use", "utilised": "used", "vomit": "be sick", "vomiting": "being sick", "whilst": "while",
}

// Hard returns the words of a text for which there is a plainer one, each with it: "renal: of the kidneys". Names of illnesses and medicines are not
// among them: where one has to stand, it is explained.
func Hard(text string) []string {
	var found []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '’' }) {
		if plainer, is := hard[word]; is {
			found = append(found, word+": "+plainer)
		}
	}
	return found
}
