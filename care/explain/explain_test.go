package explain

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/plain"
)

func glossary(t testing.TB) *Glossary {
	t.Helper()
	g, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func concept(t *testing.T, json string) fhir.Value {
	t.Helper()
	res, err := fhir.Parse([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return res.Root()
}

func TestTermsAreFoundByCodeThenByTheirVeryWords(t *testing.T) {
	g := glossary(t)
	for _, c := range []struct{ typ, concept, name string }{
		{"Condition", `{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"anything"}]}`, "Type 2 diabetes"},
		{"Condition", `{"coding":[{"system":"http://read.info/readv2","code":"C10F."}]}`, "Type 2 diabetes"},
		{"Condition", `{"text":"type 2  DIABETES mellitus"}`, "Type 2 diabetes"},
		{"Condition", `{"text":"Type 2 diabetes mellitus, perhaps"}`, ""},
		{"Condition", `{"coding":[{"system":"http://example.org","code":"44054006"}]}`, ""},
		{"MedicationRequest", `{"text":"Metformin 500mg tablets"}`, "Metformin"},
		{"MedicationRequest", `{"text":"Metforminol 500mg tablets"}`, ""},
		{"MedicationRequest", `{"text":"Folic acid 5mg tablets"}`, "Folic acid"},
		{"MedicationRequest", `{"text":"Aspirin"}`, "Aspirin"},
		{"AllergyIntolerance", `{"text":"ASPIRIN"}`, "Allergy to aspirin"},
		{"AllergyIntolerance", `{"text":"Amoxicillin 500mg capsules"}`, ""},
		{"Observation", `{"coding":[{"system":"http://loinc.org","code":"59261-8"}]}`, "Average blood sugar (HbA1c)"},
		{"Appointment", `{"coding":[{"system":"urn:kith:code:hospital-zz1:local","code":"Rheumatology clinic: Rheumatoid arthritis"}]}`, "Joint clinic (rheumatology)"},
		{"ServiceRequest", `{"text":"Recall Asthma annual review"}`, "Asthma review"},
		{"MedicationRequest", `{"coding":[{"system":"http://snomed.info/sct","code":"9910041000001103"}]}`, "Metformin"},
		{"Condition", `{}`, ""},
	} {
		got := ""
		if e := g.Of(c.typ, concept(t, c.concept)); e != nil {
			got = e.Name
		}
		if got != c.name {
			t.Errorf("%s %s: %q, want %q", c.typ, c.concept, got, c.name)
		}
	}
}

// The measure of the specification: grade 6 or below for 95 in 100 of the passages of 50 words and more, a plain-word list for all.
func TestTheGlossaryIsPlain(t *testing.T) {
	long, easy := 0, 0
	for _, e := range glossary(t).Entries {
		p := e.Passage()
		for _, w := range plain.Hard(p) {
			t.Errorf("%s: a hard word, %s", e.Name, w)
		}
		n, grade := plain.Count(p), plain.Grade(p)
		if n.Words/max(n.Sentences, 1) > 14 {
			t.Errorf("%s: its sentences have %d words", e.Name, n.Words/n.Sentences)
		}
		if n.Words < 50 {
			if grade > 8 && n.Words > 15 {
				t.Errorf("%s: short, and of grade %.1f", e.Name, grade)
			}
			continue
		}
		long++
		if grade <= 6 {
			easy++
		} else {
			t.Logf("%s: grade %.1f", e.Name, grade)
		}
	}
	t.Logf("%d of %d passages of 50 words and more have grade 6 or below (%.1f %%)", easy, long, Share(easy, long))
	if long < 40 || Share(easy, long) < 95 {
		t.Errorf("only %d of %d", easy, long)
	}
}

// What somebody could act on must be there: who wrote it, from where, until when it holds; and each illness and medicine says when to get help.
func TestEveryEntryCanBeReviewed(t *testing.T) {
	source := regexp.MustCompile(`^[a-z0-9-]+/([a-z0-9-]+/)*$`)
	for _, e := range glossary(t).Entries {
		if !source.MatchString(e.Source) || !strings.HasPrefix(e.Link(), "https://www.nhs.uk/") {
			t.Errorf("%s: source %q", e.Name, e.Link())
		}
		birth := strings.Contains(strings.ToLower(e.Name), "birth") || e.Name == "Stillbirth"
		if (e.File.Kind == Medicine || e.File.Kind == Condition && !birth) && (e.Self == "" || e.Help == "") {
			t.Errorf("%s does not say what to do oneself, or when to get help", e.Name)
		}
		for _, text := range []string{e.What, e.Self, e.Help} {
			if text != "" && !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", e.Name, text)
			}
		}
	}
}

func TestFaultsOfAGlossaryAreNamed(t *testing.T) {
	head := "kind: condition\nauthor: A\nversion: 2026-01-01\nreview: 2027-01-01\nreviewer: none yet\nsite: https://www.nhs.uk/\nentries:\n"
	for text, says := range map[string]string{
		head + "- {name: A, source: a/, what: It is.}\n- {name: B, codes: [sct:1], source: a/, what: It is.}\n- {name: C, codes: [sct:1], source: a/, what: It is.}\n": `one.yaml: C: "http://snomed.info/sct|1" leads to "B" already`,
		head + "- {name: A, codes: [icd10:I10], source: a/, what: It is.}\n":                                                                                           `"icd10:I10" is no code`,
		head + "- {name: A, group: blood, source: a/, what: It is.}\n":                                                                                                 `not "blood"`,
		head + "- {name: A, source: a/}\n":                                        "must not be empty",
		head + "- {name: A, source: a/, what: It is., cure: none}\n":              "cure",
		strings.Replace(head, "2026-01-01", "soon", 1):                            `not "soon"`,
		strings.Replace(head, "kind: condition", "kind: thing", 1):                "must say its kind",
		strings.Replace(head, "https://www.nhs.uk/", "http://www.nhs.uk", 1) + "": "https address",
	} {
		_, err := Load(fstest.MapFS{"one.yaml": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\n%v, want %q", text, err, says)
		}
	}
	own := fstest.MapFS{"own.yaml": {Data: []byte(head + "- {name: Our words, codes: [sct:44054006], source: a/, what: It is.}\n")}}
	g, err := Load(Shipped(), own)
	if err != nil || g.Of("Condition", concept(t, `{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}`)).Name != "Our words" {
		t.Errorf("a place's own entry does not take the place of ours: %v", err)
	}
}

func TestCoverageCountsPlacesAndTerms(t *testing.T) {
	c := glossary(t).Count()
	for _, json := range []string{
		`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}}`,
		`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}}`,
		`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"1","display":"Rare"}]}}`,
		`{"resourceType":"Condition","code":{"text":"Asthma"}}`,
		`{"resourceType":"Encounter","type":[{"text":"Telephone"},{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"UNK"}]}]}`,
	} {
		c.Add(concept(t, json))
	}
	got := c.Done()
	a := got.All
	if a.Entries != 3 || a.Explained != 2 || a.Terms != 2 || a.ExplainedTerms != 1 || a.Uncoded != 3 || a.UncodedKnown != 2 {
		t.Errorf("%+v", a)
	}
	if len(got.Missing) != 1 || got.Missing[0] != (MissingTerm{"Conditions", "http://snomed.info/sct|1", "Rare", 1}) {
		t.Errorf("%+v", got.Missing)
	}
}
