package triage

import (
	"slices"
	"strings"
	"testing"
)

// heardAs is what is heard in a text: ids, with a minus before those denied, each once, sorted.
func heardAs(lex *Lexicon, text string) []string {
	var out []string
	for _, h := range lex.hear(text).Findings {
		id := lex.Findings[h.Finding].ID
		if h.Value == No {
			id = "-" + id
		}
		out = append(out, id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestWhatIsSaidAndDeniedIsHeard(t *testing.T) {
	lex := shippedBook(t).Lexicon
	for _, c := range []struct{ text, has, hasNot string }{
		{"no rash or stiff neck", "-rash -stiff-neck", "rash stiff-neck"},
		{"I have a headache without fever, rash or vomiting", "headache -fever -rash -vomiting", "fever rash vomiting"},
		{"no fever, but a sore throat", "-fever sore-throat", "fever -sore-throat"},
		{"no fever and I have a sore throat", "-fever sore-throat", "fever -sore-throat"},
		{"no fever, I have a cough", "-fever cough", "-cough"},
		{"denies chest pain, palpitations and breathlessness", "-chest-pain -palpitations -breathless", "chest-pain"},
		{"My neck isn't stiff but light hurts my eyes", "-stiff-neck light-hurts", "stiff-neck -light-hurts"},
		{"she hasn't been sick", "-vomiting", "vomiting"},
		{"he is not drinking", "not-drinking", "-not-drinking"},
		{"I can't keep any fluids down", "cannot-keep-down", "-cannot-keep-down"},
		{"bad hedache and vommiting", "headache vomiting", ""},
		{"diarhoea since yesterday", "diarrhoea", ""},
		{"my tummy hurts", "abdominal-pain", ""},
		{"belly aches after dinner", "abdominal-pain", ""},
		{"my dad had a heart attack at 50. I have a cough", "cough", "heart-disease chest-pain"},
		{"family history of stroke, I have a sore throat", "sore-throat", "stroke-before"},
		{"I am worried it could be cancer", "", "cancer"},
		{"I am fit and well, just a cough", "cough", "seizure"},
		{"I've been off sick with back pain", "back-pain", "vomiting nausea"},
		{"I'm on warfarin", "anticoagulant", "-anticoagulant"},
		{"the pain came back", "", "back-pain"},
	} {
		got := heardAs(lex, c.text)
		for id := range strings.FieldsSeq(c.has) {
			if !slices.Contains(got, id) {
				t.Errorf("%q: %s is not heard, only %v", c.text, id, got)
			}
		}
		for id := range strings.FieldsSeq(c.hasNot) {
			if slices.Contains(got, id) {
				t.Errorf("%q: %s is heard", c.text, id)
			}
		}
	}
}

func TestNumbersAreRead(t *testing.T) {
	lex := shippedBook(t).Lexicon
	for _, c := range []struct {
		text, number string
		want         float64 // -1 for none
	}{
		{"temperature of 38.9", temperatureID, 38.9},
		{"temp 102F", temperatureID, 38.9},
		{"a fever of 39 degrees", temperatureID, 39},
		{"he is 39 and has a cough", temperatureID, -1},
		{"headache for three days", durationID, 3},
		{"since yesterday", durationID, 1},
		{"coughing for 10 wks", durationID, 70},
		{"a couple of weeks now", durationID, 14},
		{"cough for 2-3 days", durationID, 3},
		{"my son is 3 months old and has a rash", durationID, -1},
		{"hip operation 10 days ago, now a cough", durationID, -1},
		{"I am 20 weeks pregnant with a headache", durationID, -1},
		{"I am 20 weeks pregnant with a headache", weeksID, 20},
		{"pain is 8/10", severityID, 8},
		{"8 out of 10 pain", severityID, 8},
	} {
		got, ok := lex.hear(c.text).Numbers[lex.byID[c.number]]
		if c.want < 0 && ok || c.want >= 0 && (!ok || got.Lo != c.want) {
			t.Errorf("%q: %s is %v (%t), want %g", c.text, c.number, got, ok, c.want)
		}
	}
}

func TestWhomATextIsAbout(t *testing.T) {
	lex := shippedBook(t).Lexicon
	for _, c := range []struct {
		text  string
		age   float64 // -1 where no one age is said
		sex   string
		other bool
	}{
		{"My daughter (4) has a rash", 4, femaleID, true},
		{"my mum's chest hurts, she's 82", 82, femaleID, true},
		{"he's 3 months old and hot", 0.25, maleID, true},
		{"I'm a 62 year old man with a cough", 62, maleID, false},
		{"My 8 week old baby won't feed", 8 * 7 / 365.25, "", true},
		{"My 5 year old son has a cough", 5, maleID, true},
		{"I have a headache and my wife told me to ask", -1, "", false},
		{"I'm 45, my knee hurts", 45, "", false},
		{"34F sore throat", 34, femaleID, false},
		{"I have had a cough for 20 days", -1, "", false},
	} {
		h := lex.hear(c.text)
		if c.age < 0 != (h.Age.Lo != h.Age.Hi) || c.age >= 0 && (h.Age.Lo < c.age-0.01 || h.Age.Lo > c.age+0.01) {
			t.Errorf("%q: age %v, want %g", c.text, h.Age, c.age)
		}
		if h.Sex != c.sex || h.Other != c.other {
			t.Errorf("%q: sex %q, other %t; want %q, %t", c.text, h.Sex, h.Other, c.sex, c.other)
		}
	}
}

func FuzzHear(f *testing.F) {
	lex := shippedBook(f).Lexicon
	for _, text := range []string{"", "no", "My daughter (4), 38.9 no rash or…", "8/10 1/0 99999999999999999999 days", "can't can't can't", "pain pain pain chest not not not"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range lex.hear(text).Findings {
			if h.Finding < 0 || h.Value == Unknown {
				t.Errorf("%q: heard %+v", text, h)
			}
		}
	})
}
