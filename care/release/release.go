// Package release says when patients see their results: at once, after a member of staff has talked to them, or after some days. The choice is made for a
// class of tests, as data (classes.yaml), and can be made for one test when it is ordered.
//
// What is held bears the label of the policy that keeps it from the patient and from whoever they trust (not-for-patient). watch.go puts it on when a result comes,
// and takes it off when its time has come or when somebody releases it. That a result is there may be told meanwhile, where its class says so; what it is of, never.
//
// A result of the past is not held: what was issued so long ago that its time is over is seen at once.
package release

import (
	"bytes"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/search"
)

// Rule is when a result is seen.
type Rule string

// The rules.
const (
	Now  Rule = "now"  // as soon as it is filed
	Talk Rule = "talk" // once somebody has talked to the patient, at the latest after some days
	Days Rule = "days" // after some days
)

// Class is a kind of test with its choice.
type Class struct {
	Name  string   `yaml:"name"`
	What  string   `yaml:"what"`
	Rule  Rule     `yaml:"rule"`
	Days  int      `yaml:"days"` // at the latest
	Tell  bool     `yaml:"tell"` // the patient may know that a result is there
	Codes []string `yaml:"codes"`
	Words []string `yaml:"words"` // that stand in the name of the test
}

// Rules are the classes, in the order in which they are asked.
type Rules struct {
	Author   string  `yaml:"author"`
	Version  string  `yaml:"version"`
	Review   string  `yaml:"review"`
	Reviewer string  `yaml:"reviewer"`
	Source   string  `yaml:"source"`
	Classes  []Class `yaml:"classes"`

	byCode map[string]*Class
	most   time.Duration // how long any of them is held
}

//go:embed classes.yaml
var shipped []byte

// Shipped are the rules that come with Kith.
func Shipped() []byte { return shipped }

// longest is for how many days a class may hold results: longer would be to keep them.
const longest = 60

var prefixes = map[string]string{"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "read2": "http://read.info/readv2", "ctv3": "http://read.info/ctv3"}

// Read reads rules. An error names the class at fault.
func Read(text []byte) (*Rules, error) {
	r := &Rules{byCode: map[string]*Class{}}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(r); err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the classes of results cannot be read: %w", err)
	}
	if r.Author == "" || r.Version == "" || r.Review == "" || r.Source == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the classes of results must say their author, version, review and source")
	}
	for i := range r.Classes {
		c := &r.Classes[i]
		switch {
		case c.Name == "" || c.What == "":
			return nil, fhir.Errorf(fhir.Invalid, "class %d of results has no name, or does not say what it is", i+1)
		case c.Rule != Now && c.Rule != Talk && c.Rule != Days:
			return nil, fhir.Errorf(fhir.Invalid, "class %s: the rule is now, talk or days, not %q", c.Name, c.Rule)
		case c.Rule != Now && (c.Days < 1 || c.Days > longest):
			return nil, fhir.Errorf(fhir.Invalid, "class %s: results are held for 1 to %d days, not %d", c.Name, longest, c.Days)
		}
		r.most = max(r.most, c.hold())
		for _, code := range c.Codes {
			system, value, full := strings.Cut(code, "|")
			if !full {
				system, value, _ = strings.Cut(code, ":")
				system = prefixes[system]
			}
			key := system + "|" + value
			if system == "" || value == "" || r.byCode[key] != nil {
				return nil, fhir.Errorf(fhir.Invalid, "class %s: %q is no code, or is in two classes", c.Name, code)
			}
			r.byCode[key] = c
		}
	}
	return r, nil
}

func (c *Class) hold() time.Duration { return time.Duration(c.Days) * 24 * time.Hour }

// Of is the class of a result, a DiagnosticReport or an Observation; nil where it is in none.
func (r *Rules) Of(root fhir.Value) *Class {
	if typ := root.Get("resourceType"); !typ.Is("Observation") && !typ.Is("DiagnosticReport") {
		return nil
	}
	concepts := []fhir.Value{root.Get("code")}
	for c := range root.Get("category").Items() {
		concepts = append(concepts, c)
	}
	for _, concept := range concepts {
		for c := range concept.Get("coding").Items() {
			if class := r.byCode[c.Get("system").Text()+"|"+c.Get("code").Text()]; class != nil {
				return class
			}
		}
	}
	name := root.Get("code").Get("text").Text()
	for c := range root.Get("code").Get("coding").Items() {
		name += " " + c.Get("display").Text()
		if strings.HasPrefix(c.Get("system").Text(), "urn:") {
			name += " " + c.Get("code").Text()
		}
	}
	name = " " + strings.Join(strings.FieldsFunc(search.Fold(name), func(c rune) bool { return c == ' ' || c == ',' || c == '(' || c == ')' || c == ':' }), " ") + " "
	for i := range r.Classes {
		if slices.ContainsFunc(r.Classes[i].Words, func(w string) bool { return strings.Contains(name, " "+search.Fold(w)+" ") }) {
			return &r.Classes[i]
		}
	}
	return nil
}

// Choice is what was decided for one result.
type Choice struct {
	Class string    `json:"class"` // "" where the order chose
	Rule  Rule      `json:"rule"`
	By    time.Time `json:"by"` // until when it is held at the latest
	Tell  bool      `json:"tell"`
}

// defaultDays is how long a result is held that its order says to talk about first, where its class says nothing.
const defaultDays = 10

// Choose decides about a result: class is its class, nil for none; ordered is what was chosen when the test was ordered, "" for nothing. held is false where
// the patient sees it now.
func Choose(class *Class, ordered Rule, issued, now time.Time) (c Choice, held bool) {
	switch {
	case ordered == Now || ordered == "" && (class == nil || class.Rule == Now):
		return Choice{}, false
	case class != nil && class.Rule != Now:
		c = Choice{class.Name, class.Rule, issued.Add(class.hold()), class.Tell}
	default:
		c = Choice{"", ordered, issued.Add(defaultDays * 24 * time.Hour), true}
	}
	if ordered == Talk || ordered == Days {
		c.Rule = ordered
	}
	// A day that is promised is a whole day.
	y, m, d := c.By.In(london.Zone).Date()
	c.By = time.Date(y, m, d, 23, 59, 0, 0, london.Zone)
	return c, now.Before(c.By)
}

// IssuedAt is when a result was given out; the moment it is about where that is not said, the zero time where neither is.
func IssuedAt(root fhir.Value) time.Time {
	for _, name := range []string{"issued", "effectiveDateTime", "effectiveInstant"} {
		if v := root.Get(name); v.Exists() {
			if d, err := fhir.ParseDateTime(v.Text()); err == nil {
				return d.Low()
			}
		}
	}
	if d, err := fhir.ParseDateTime(root.Get("effectivePeriod").Get("start").Text()); err == nil {
		return d.Low()
	}
	return time.Time{}
}

// The label that keeps a result from its patient, as the policy names it.
const (
	LabelSystem = "https://kith.care/fhir/CodeSystem/label"
	LabelCode   = "not-for-patient"
)

// Labelled reports whether a resource bears the label.
func Labelled(root fhir.Value) bool {
	for s := range root.Get("meta").Get("security").Items() {
		if s.Get("system").Is(LabelSystem) && s.Get("code").Is(LabelCode) {
			return true
		}
	}
	return false
}

// withLabel is the resource with the label.
func withLabel(res *fhir.Resource) (*fhir.Resource, error) {
	label := []byte(`{"system":"` + LabelSystem + `","code":"` + LabelCode + `","display":"Not for the patient until released"}`)
	meta := res.Root().Get("meta")
	switch {
	case !meta.Exists():
		return res.Patch([]fhir.PatchOp{{Op: "add", Path: "/meta", Value: []byte(`{"security":[` + string(label) + `]}`)}})
	case !meta.Get("security").Exists():
		return res.Patch([]fhir.PatchOp{{Op: "add", Path: "/meta/security", Value: []byte("[" + string(label) + "]")}})
	}
	return res.Patch([]fhir.PatchOp{{Op: "add", Path: "/meta/security/-", Value: label}})
}

// withoutLabel is the resource without it.
func withoutLabel(res *fhir.Resource) (*fhir.Resource, error) {
	i := 0
	list := res.Root().Get("meta").Get("security")
	for s := range list.Items() {
		if s.Get("system").Is(LabelSystem) && s.Get("code").Is(LabelCode) {
			if list.Len() == 1 {
				return res.Patch([]fhir.PatchOp{{Op: "remove", Path: "/meta/security"}})
			}
			out, err := res.Patch([]fhir.PatchOp{{Op: "remove", Path: "/meta/security/" + strconv.Itoa(i)}})
			if err != nil {
				return nil, err
			}
			return withoutLabel(out)
		}
		i++
	}
	return res, nil
}
