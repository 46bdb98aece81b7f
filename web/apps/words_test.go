package apps

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/rest/smart"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

func TestScopesInWords(t *testing.T) {
	en := words.In("en")
	me, mother, staff, unsettled := reader{words: en, self: true}, reader{words: en, name: "Una Okafor"}, reader{words: en, staff: true, name: "OKAFOR, Ada"}, reader{words: en, review: true}
	for _, c := range []struct {
		who         reader
		scope, want string
	}{
		{me, "patient/Observation.rs", "See your test results and measurements"},
		{me, "patient/Observation.rs?category=laboratory", "See your test results and measurements. Only laboratory results."},
		{me, "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs,survey", "See your test results and measurements. Only measurements such as blood pressure and weight or answers to questionnaires."},
		{me, "patient/Observation.rs?category=laboratory&code=718-7", "See your test results and measurements. Only code 718-7, and of these only laboratory results."},
		{me, "patient/Appointment.c", "Book appointments for you"},
		{me, "patient/Appointment.cruds", "See, book, change and cancel appointments for you"},
		{me, "patient/*.read", "See everything in your record"},
		{me, "patient/*.cruds", "See, add, change and delete everything in your record"},
		{me, "patient/CareTeam.r", "See the people who give care in your record"},
		{me, "patient/Basic.u", "Change your entries of the kind “Basic”"},
		{me, "user/Condition.rs", "See health problems and diagnoses of you and of people you look after"},
		{mother, "patient/AllergyIntolerance.s", "See Una Okafor’s allergies"},
		{mother, "patient/Appointment.d", "Cancel appointments for Una Okafor"},
		{mother, "patient/*.r", "See everything in Una Okafor’s record"},
		{staff, "patient/Condition.write", "Add, change and delete OKAFOR, Ada’s health problems and diagnoses"},
		{staff, "user/*.rs", "See everything in the records of all patients you may see"},
		{unsettled, "system/Encounter.rs", "See visits and hospital stays of all patients whom its organisation may see"},
		{unsettled, "patient/Encounter.rs", "See the patient’s visits and hospital stays"},
	} {
		sc, err := access.ParseScope(c.scope)
		if err != nil {
			t.Fatal(err)
		}
		said, hint := c.who.say(sc)
		if hint != "" {
			said += ". " + hint
		}
		if said != c.want {
			t.Errorf("%s is %q, want %q", c.scope, said, c.want)
		}
	}
}

// Whatever an app asks for is put into some words, once each, and nothing that it asks for is left out of them.
func FuzzWords(f *testing.F) {
	f.Add("patient/Observation.rs?category=laboratory openid offline_access")
	f.Add("user/*.* system/Patient.read patient/Observation.c?code=a|b,c|&x=%41")
	f.Fuzz(func(t *testing.T, list string) {
		var scopes []string
		asked := 0
		for _, text := range strings.Fields(list) {
			scopes = append(scopes, text)
			if _, ok := smart.OnResources(text); ok {
				asked++
			}
		}
		said := 0
		for _, p := range permissions(&smart.Ask{Scopes: scopes}, reader{words: words.In("en"), self: true}, nil, "offline", "online") {
			if p.Words == "" || utf8.ValidString(list) && !utf8.ValidString(p.Words+p.Hint) {
				t.Errorf("%q is %q", p.Scopes, p.Words)
			}
			if _, ok := smart.OnResources(p.Scopes); ok {
				said++
			}
		}
		if said != asked {
			t.Errorf("%q: %d of %d are said", list, said, asked)
		}
		if s := kit.Sentence(list); utf8.ValidString(list) && !utf8.ValidString(s) {
			t.Errorf("%q becomes %q", list, s)
		}
	})
}
