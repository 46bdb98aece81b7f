package access

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir/spec"
)

// A policy that is wrong is refused, and the line at fault is named.
func TestWrongPolicies(t *testing.T) {
	whole := "policy p\nversion 1\nauthor a\nsource s\nclass c Patient\nclass d Observation\nlabel l sys code\nrole r\nmay r R c when anyone\nsees r l when own\ndays visit 1\ndays due 1\ndays waiting 1\nhours glass 1\nstage 0 always see\n"
	if _, err := Parse(strings.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ add, says string }{
		{"may x R c when anyone", "no role x"},
		{"may r Z c when anyone", "an action is"},
		{"may r R zz when anyone", "no class"},
		{"may r R c when nearby", "somebody is close as"},
		{"may r R c", "it is: may"},
		{"may r R c when anyone level 7", "a level is"},
		{"may r R c when anyone level", "stands alone"},
		{"may r R c when anyone if x", "level or for"},
		{"class c Observation", "said once"},
		{"class e Observation", "is in the class d already"},
		{"class e Nonsense", "no resource type Nonsense"},
		{"label l", "a label has"},
		{"sees r zz when own", "no label"},
		{"sees x l when own", "no role"},
		{"sees r l", "it is: sees"},
		{"role r", "said once"},
		{"stage 0", "in order"},
		{"stage x", "in order"},
		{"stage 5 sometimes", "always, reviewed or person"},
		{"days visit x", "no number"},
		{"days visit 0", "no number"},
		{"days lunch 1", "a span is"},
		{"days visit", "it is: days"},
		{"sings r", "a line begins with"},
	} {
		_, err := Parse(strings.NewReader(whole + c.add + "\n"))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "line 16") {
			t.Errorf("%q: %v", c.add, err)
		}
	}
	for _, without := range []string{"policy", "version", "author", "source", "may", "days", "hours", "stage"} {
		var rest []string
		for line := range strings.SplitSeq(whole, "\n") {
			if !strings.HasPrefix(line, without+" ") {
				rest = append(rest, line)
			}
		}
		if _, err := Parse(strings.NewReader(strings.Join(rest, "\n"))); err == nil {
			t.Errorf("a policy without %s is taken", without)
		}
	}
}

func TestScopes(t *testing.T) {
	for text, want := range map[string]string{
		"patient/Observation.rs": "patient/Observation.rs", "user/*.cruds": "user/*.cruds", "system/Patient.read": "system/Patient.rs", "patient/*.*": "patient/*.cruds", "user/Task.write": "user/Task.cud",
		"patient/Observation.rs?category=http://x|laboratory": "patient/Observation.rs?category=http://x|laboratory",
	} {
		if s, err := ParseScope(text); err != nil || s.String() != want {
			t.Errorf("%s: %s, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "patient", "patient/", "patient/Observation", "patient/.rs", "patient/Observation.", "patient/Observation.sr", "patient/Observation.rr", "patient/Observation.x", "other/Observation.rs", "patient/Observation.read?x=1", "patient/Observation.rs?", "patient/Observation.Read"} {
		if s, err := ParseScope(text); err == nil {
			t.Errorf("%q is taken as %s", text, s)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	f.Add("patient/Observation.rs?category=laboratory")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScope(text)
		if err != nil {
			return
		}
		if again, err := ParseScope(s.String()); err != nil || again != s {
			t.Errorf("%q is read as %v, which is read as %v (%v)", text, s, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(DefaultText)
	f.Fuzz(func(t *testing.T, text string) { _, _ = Parse(strings.NewReader(text)) })
}

// A birthday changes what someone trusted may do on the day, not before or after, on the 29th of February too.
func TestStagesBeginOnBirthdays(t *testing.T) {
	p := Default()
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	parent := Actor{ID: "Patient/m", Role: "patient", Patient: "m", Level: P9}
	observation, _ := spec.Resource("Observation")
	for _, c := range []struct {
		born, today, reviewed string
		self                  bool
		want                  bool
	}{
		{"2015-06-01", "2026-05-31", "", false, true},
		{"2015-06-01", "2026-06-01", "", false, false},
		{"2015-06-01", "2026-06-01", "2026-05-31", false, false},
		{"2015-06-01", "2026-06-01", "2026-06-01", false, true},
		{"2010-06-01", "2026-05-31", "2021-06-01", false, true},
		{"2010-06-01", "2026-06-01", "2026-06-01", false, false},
		{"2010-06-01", "2026-06-01", "", true, true},
		{"2008-06-01", "2026-06-01", "", false, true},
		{"2016-02-29", "2027-02-28", "", false, true},
		{"2016-02-29", "2027-03-01", "", false, false},
	} {
		circle := &Circle{Patients: []string{"child"}, Born: day(c.born), Consents: []Consent{{Kind: Trusted, Patients: []string{"m"}, Scopes: []string{"see", "book"}, ByPerson: c.self}}}
		if c.reviewed != "" {
			circle.Consents[0].Reviewed = day(c.reviewed)
		}
		if got := p.See(&parent, circle, day(c.today)).May(Read, observation, 0); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
