package smart

import (
	"slices"
	"strings"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct{ asked, allowed, want string }{
		{"patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/Observation.read", "patient/*.rs", "patient/Observation.read"},
		{"patient/*.read", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/*.*", "patient/Observation.cu", "patient/Observation.cu"},
		{"patient/Observation.cruds", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/Observation.rs", "user/Observation.rs", ""},
		{"patient/Observation.rs", "patient/Condition.rs", ""},
		{"patient/Observation.c", "patient/Observation.rs", ""},
		{"patient/Observation.rs", "patient/Observation.r?category=laboratory", "patient/Observation.r?category=laboratory"},
		{"patient/Observation.r?category=laboratory", "patient/Observation.rs", "patient/Observation.r?category=laboratory"},
		{"patient/Observation.rs?code=1", "patient/Observation.rs?category=laboratory", "patient/Observation.rs?code=1&category=laboratory"},
		{"patient/Observation.rs?code=1&category=laboratory", "patient/Observation.rs?category=laboratory", "patient/Observation.rs?code=1&category=laboratory"},
		{"openid", "openid", "openid"}, {"openid", "patient/*.rs", ""}, {"launch/patient", "patient/*.cruds", ""}, {"patient/*.cruds", "launch/patient", ""},
	} {
		if got := within(c.asked, c.allowed); got != c.want {
			t.Errorf("%s within %s is %q, want %q", c.asked, c.allowed, got, c.want)
		}
	}
}

func TestAllowedOfSaysNothingTwice(t *testing.T) {
	got := allowedOf([]string{"patient/*.rs", "patient/Observation.r", "patient/Observation.read", "openid"}, []string{"patient/Observation.rs", "patient/Patient.r", "openid"})
	if want := "patient/Observation.rs patient/Patient.r openid"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Whatever is asked for, what comes out is covered by what is allowed and by what was asked.
func FuzzScopes(f *testing.F) {
	f.Add("patient/*.read openid", "patient/Observation.rs?category=laboratory openid")
	f.Add("patient/Observation.rs?a=1&b=2 user/*.*", "user/Patient.r patient/Observation.cruds?b=2")
	f.Add("launch/patient patient/Patient.cud", "patient/*.cruds launch")
	f.Fuzz(func(t *testing.T, asks, allows string) {
		s := &Service{}
		asked, err := s.parseScopes(asks)
		if err != nil {
			return
		}
		allowed, err := s.parseScopes(allows)
		if err != nil {
			return
		}
		got := allowedOf(asked, allowed)
		if !allCovered(got, allowed) || !allCovered(got, asked) {
			t.Errorf("%v of %v within %v", got, asked, allowed)
		}
		for _, one := range got {
			if !slices.Contains(plainScopes, one) && s.checkScope(one) != nil {
				t.Errorf("%q comes out of %v within %v and is no scope", one, asked, allowed)
			}
		}
		// And so it stays, however often it is done.
		if again := allowedOf(got, allowed); !slices.Equal(again, got) {
			t.Errorf("%v becomes %v", got, again)
		}
	})
}

// An address to return to is one that is registered, or the same on another port of this machine.
func FuzzReturnsTo(f *testing.F) {
	for _, s := range []string{"https://app.example/cb", "http://127.0.0.1:80/cb", "https://app.example@evil.example/cb", "http://127.0.0.1:1@evil.example/cb", "http://[::1]:9/cb", "//evil.example", "http://127.0.0.1:80/cb#x", `http://127.0.0.1\@evil.example/cb`} {
		f.Add(s)
	}
	c := &Client{Kind: Public, Redirects: []string{"https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "org.example.app:/cb"}}
	f.Fuzz(func(t *testing.T, address string) {
		if !c.returnsTo(address) || slices.Contains(c.Redirects, address) {
			return
		}
		// What is left begins with the machine itself, has digits as its port and nothing else of its own.
		rest, ok := strings.CutPrefix(strings.ToLower(address), "http://127.0.0.1")
		if !ok {
			rest, ok = strings.CutPrefix(strings.ToLower(address), "http://[::1]")
		}
		port, path, _ := strings.Cut(rest, "/")
		if !ok || strings.Trim(strings.TrimPrefix(port, ":"), "0123456789") != "" || path != "cb" {
			t.Errorf("%q is taken", address)
		}
	})
}
