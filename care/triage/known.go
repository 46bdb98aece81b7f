package triage

import "strings"

// knownFile is known.yaml: the commonest conditions, medicines and events that matter to no rule. They are listed so that a record that names them is
// known to be understood, and what is left is what somebody should look at.
type knownFile struct {
	Author     string   `yaml:"author"`
	Reviewed   string   `yaml:"reviewed"`
	Conditions []string `yaml:"conditions"`
	Medicines  []string `yaml:"medicines"`
	Events     []string `yaml:"events"`
	Symptoms   []string `yaml:"symptoms"` // what people tell and no rule asks for: "awake", "sneezed twice"
}

func (lex *Lexicon) knows(file *knownFile) {
	if lex.known == nil {
		lex.known = map[string]bool{}
	}
	for _, list := range [][]string{file.Conditions, file.Medicines, file.Events, file.Symptoms} {
		for _, name := range list {
			lex.known[strings.ToLower(name)] = true
		}
	}
}

// isKnown reports whether a name has one of up to four words together that known.yaml lists: "Omeprazole 20mg capsules".
func (lex *Lexicon) isKnown(words string) bool {
	fields := strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return strings.ContainsRune(" ,.;()/", r) })
	for i := range fields {
		for j := i + 1; j <= min(i+4, len(fields)); j++ {
			if lex.known[strings.Join(fields[i:j], " ")] {
				return true
			}
		}
	}
	return false
}
