package town

import (
	"strconv"
	"strings"
)

// clinical is one clinical code as general practice knows it: SNOMED CT, the Read code it had before, CTV3.
//
// Codes are those the field uses as far as they are known by heart; their check digits are right, but none was looked up
// in a release. Local codes (no SNOMED) are made up in the manner of the supplier.
type clinical struct {
	n        int // position: the supplier's own numbers follow from it
	snomed   string
	read2    string // Read v2, five characters, or a supplier's local code
	ctv3     string
	category category
	term     string
}

// category is what a code is about; EMIS says it in Coding_ClinicalCode, the others by their hierarchies.
type category byte

const (
	biochemistry  category = 'B'
	haematology   category = 'H'
	microbiology  category = 'M'
	radiology     category = 'R'
	bodily        category = 'V' // biological values
	conditions    category = 'C' // conditions, operations, procedures: a condition
	procedures    category = 'D' // the same category: a procedure
	symptoms      category = 'S'
	administrated category = 'A'
	allergic      category = 'L'
	immunised     category = 'I'
	familial      category = 'F'
	investigation category = 'Q'
	referred      category = 'P'
	specimens     category = 'X'
	management    category = 'T' // health management
	ethnic        category = 'E'
	social        category = 'O'
)

// emisCategory is EmisCodeCategoryDescription.
var emisCategory = map[category]string{
	biochemistry: "Biochemistry", haematology: "Haematology", microbiology: "Microbiology", radiology: "Radiology", bodily: "Biological Values",
	conditions: "Conditions, Operations, Procedures", procedures: "Conditions, Operations, Procedures", symptoms: "Symptoms, Findings",
	administrated: "Administration", allergic: "Allergy & Adverse Drug Reactions", immunised: "Immunisations", familial: "Family History",
	investigation: "Investigation Requests", referred: "Referral", specimens: "Pathology Specimen", management: "Health Management",
	ethnic: "Ethnicity", social: "Personal Health and Social",
}

// clinicals are all codes; codeBook finds them by SNOMED code or, for local ones, by the Read column.
var clinicals, codeBook = readCodes(codeTable)

func readCodes(table string) ([]clinical, map[string]*clinical) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	all, book := make([]clinical, len(lines)), make(map[string]*clinical, len(lines))
	for i, line := range lines {
		f := strings.SplitN(line, "|", 5)
		c := &all[i]
		*c = clinical{i, f[0], f[1], f[2], category(f[3][0]), f[4]}
		if c.snomed != "" {
			book[c.snomed] = c
		} else {
			book[c.read2] = c
		}
	}
	return all, book
}

// coded returns the row of the code book; a code that is not there is a mistake in the program.
func coded(code string) *clinical {
	if c, ok := codeBook[code]; ok {
		return c
	}
	panic("town: the code book has no " + code)
}

// codeID is the number EMIS has for the code.
func (c *clinical) codeID() string {
	if c == nil {
		return ""
	}
	return strconv.Itoa(253_001 + 37*c.n)
}

// description is a SNOMED description id of the right form.
func (c *clinical) description() string {
	if c.snomed == "" {
		return ""
	}
	return withCheck(strconv.Itoa(2_470_000+c.n) + "01")
}

// the dihedral group of SNOMED's check digit. https://en.wikipedia.org/wiki/Verhoeff_algorithm
var (
	verhoeffD = [10][10]byte{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
		{5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}}
	verhoeffP = [8][10]byte{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}}
	verhoeffI = [10]byte{0, 4, 3, 2, 1, 5, 6, 7, 8, 9}
)

// withCheck adds the check digit of a SNOMED or dm+d identifier.
func withCheck(body string) string {
	c := byte(0)
	for i := range len(body) {
		c = verhoeffD[c][verhoeffP[(i+1)%8][body[len(body)-1-i]-'0']]
	}
	return body + string('0'+verhoeffI[c])
}

// drug is a medicine of the town's prescriptions with a code of dm+d's form. The codes are not dm+d's own: their item
// numbers begin with 99.
type drug struct {
	n              int
	name, unit, id string
}

// drugs are all medicines that problems, illnesses and old repeat slips name.
var drugs, drugBook = readDrugs()

func readDrugs() ([]drug, map[string]*drug) {
	var all []drug
	seen := map[string]bool{}
	add := func(m medicine) {
		if !seen[m.name] {
			seen[m.name] = true
			all = append(all, drug{len(all), m.name, m.unit, withCheck("99" + strconv.Itoa(1000+len(all)) + "100000110")})
		}
	}
	for i := range problems {
		for _, m := range problems[i].medicines {
			add(m)
		}
	}
	for i := range illnesses {
		for _, m := range illnesses[i].medicines {
			add(m)
		}
	}
	add(insteadOfPenicillin)
	for _, m := range oldAcutes {
		add(m)
	}
	for _, m := range maternal {
		add(m)
	}
	book := make(map[string]*drug, len(all))
	for i := range all {
		book[all[i].name] = &all[i]
	}
	return all, book
}

// codeID is the number EMIS has for the drug.
func (d *drug) codeID() string { return strconv.Itoa(1_201_007 + 53*d.n) }

// oldAcutes are short courses of years ago.
var oldAcutes = []medicine{
	amoxicillin,
	tablets(0, "Trimethoprim 200mg tablets", "One to be taken twice a day", "6"),
	capsules(0, "Flucloxacillin 500mg capsules", "One to be taken four times a day", "28"),
	tablets(0, "Prednisolone 5mg tablets", "Six to be taken each morning for five days", "30"),
	tablets(0, "Codeine 30mg tablets", "One to be taken up to four times a day", "28"),
	doses(0, "Clotrimazole 1% cream", "To be applied two or three times a day"),
	doses(0, "Fluticasone 50micrograms/dose nasal spray", "Two sprays in each nostril once a day"),
	tablets(0, "Prochlorperazine 5mg tablets", "One to be taken three times a day", "28"),
	tablets(0, "Loratadine 10mg tablets", oneADay, "30"),
	doses(0, "Sodium alginate oral suspension", "10ml to be taken after meals and at bedtime"),
	tablets(0, "Zopiclone 3.75mg tablets", "One to be taken at night when required", "7"),
	capsules(0, "Doxycycline 100mg capsules", "Two on the first day, then one each day", "8"),
}
