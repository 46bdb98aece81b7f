package apps_test

import (
	"testing"

	"github.com/kith-care/kith/words/wordstest"
)

// What an app wants, what is connected, and what can go wrong are in Welsh where that is chosen; what an app says of itself stays as it says it.
func TestNoEnglishIsLeftOnWelshPages(t *testing.T) {
	p, c := place(t)
	p.Connect("ada", c, "patient/Patient.rs patient/Observation.rs offline_access", "for", "una")
	ask := p.Ask(c, "launch/patient patient/Patient.r patient/Observation.rs?category=laboratory patient/Observation.c patient/Appointment.cu patient/MedicationRequest.rs patient/CareTeam.rs patient/Basic.rs openid fhirUser offline_access online_access").Encode()
	for _, one := range []struct{ as, path string }{
		{"lone", "/auth/authorize?" + ask},
		{"ada", "/auth/authorize?" + ask},
		{"ada", "/auth/authorize?" + ask + "&for=una"},
		{"ada", "/auth/authorize?" + ask + "&for="},
		{"ada", "/auth/authorize?" + p.Ask(c, "user/*.rs user/Condition.rs").Encode()},
		{"new", "/auth/authorize?" + ask},
		{"ada", "/auth/authorize?client_id=nobody"},
		{"ada", "/apps"}, {"lone", "/apps"}, {"ada", "/apps/open/nobody"}, {"ada", "/clients"},
	} {
		got := p.Do("GET", one.path, one.as, "", "Accept-Language", "cy")
		for _, line := range wordstest.English(got.Body, c.Does, c.Maker) {
			t.Errorf("%s as %s, in English: %s", one.path, one.as, line)
		}
	}
}
