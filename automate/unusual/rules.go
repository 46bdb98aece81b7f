package unusual

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"time"

	"github.com/kith-care/kith/fhir"
)

//go:embed rules.json
var ordinary []byte

// Rules are what counts as unusual: data, with who wrote it and from where, so that it can be reviewed and changed without a
// new program.
type Rules struct {
	Version    string           `json:"version"`
	Author     string           `json:"author"`
	Source     string           `json:"source"`
	Due        string           `json:"due"`  // how long a privacy officer has, as 120h
	Most       int              `json:"most"` // of a request that showed more people than this, none was looked for
	Self       bool             `json:"self"` // staff looking at their own record
	Family     Family           `json:"family"`
	Neighbour  Neighbour        `json:"neighbour"`
	VIP        VIP              `json:"vip"`
	BreakGlass []string         `json:"breakGlass"` // purposes that go past the usual limits
	Volume     map[string]Limit `json:"volume"`     // by role, "" for all others
}

// Family is looking at somebody of the same family name.
type Family struct {
	On     bool     `json:"on"`
	Except []string `json:"except"` // names so common that they say nothing, in small letters
}

// Neighbour is looking at somebody who lives at the same place.
type Neighbour struct {
	On bool   `json:"on"`
	By string `json:"by"` // address: same postcode and first line; postcode: same postcode
}

// VIP says how people are marked who many would like to look at.
type VIP struct {
	Flag string `json:"flag"` // system|code of a Flag
	List string `json:"list"` // system|code of a List whose items they are
}

// Limit is how many different people somebody usually looks at, at most; 0 for any number.
type Limit struct {
	Hour int `json:"hour"`
	Day  int `json:"day"`
}

// ReadRules reads rules from a file, those of this program where it is "".
func ReadRules(file string) (*Rules, error) {
	text := ordinary
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	var r Rules
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the rules of unusual access cannot be read: %w", err)
	}
	switch {
	case r.Version == "" || r.Author == "" || r.Source == "":
		return nil, fhir.Errorf(fhir.Invalid, "the rules of unusual access must say their version, author and source")
	case r.Neighbour.On && r.Neighbour.By != "address" && r.Neighbour.By != "postcode":
		return nil, fhir.Errorf(fhir.Invalid, "neighbours are told by address or by postcode, not by %q", r.Neighbour.By)
	case r.Most < 1:
		return nil, fhir.Errorf(fhir.Invalid, "most must be 1 or more")
	}
	if d, err := time.ParseDuration(r.Due); err != nil || d <= 0 {
		return nil, fhir.Errorf(fhir.Invalid, "due is a time such as 120h, not %q", r.Due)
	}
	return &r, nil
}

// someone is what is compared of a member of staff and a patient.
type someone struct {
	family, given, born, number string
	homes                       []home
}

type home struct{ postcode, line string }

// sameAs reports whether two are one human being, as far as can be seen.
func (a *someone) sameAs(b *someone) bool {
	if a.number != "" && a.number == b.number {
		return true
	}
	return a.family != "" && a.given != "" && a.born != "" && a.family == b.family && a.given == b.given && a.born == b.born
}

func (r *Rules) relatives(a, b *someone) bool {
	if !r.Family.On || a.family == "" || a.family != b.family {
		return false
	}
	for _, common := range r.Family.Except {
		if a.family == common {
			return false
		}
	}
	return true
}

func (r *Rules) neighbours(a, b *someone) bool {
	if !r.Neighbour.On {
		return false
	}
	for _, x := range a.homes {
		for _, y := range b.homes {
			if x.postcode != "" && x.postcode == y.postcode && (r.Neighbour.By == "postcode" || x.line != "" && x.line == y.line) {
				return true
			}
		}
	}
	return false
}

// limit is how many people somebody in a role usually looks at.
func (r *Rules) limit(role string) Limit {
	if l, ok := r.Volume[role]; ok {
		return l
	}
	return r.Volume[""]
}
