// Package scores works out risks and scores that are free to use: kidney function (CKD-EPI 2009), stroke in atrial fibrillation (CHA2DS2-VASc), depression
// and anxiety (PHQ-9, GAD-7), who is due an NHS Health Check, and the electronic frailty index.
//
// Each is a pure function: values with where they came from in, a Result out that carries them. Weights, cuts and sources are data (scores.json). A function
// refuses (Unprocessable) whoever its score is not for, and what is not whole, with the reason.
//
// Scores that need a licence (QRISK3, QDiabetes) are not here: a site plugs its own in (licensed.go).
package scores

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kith-care/kith/fhir"
)

//go:embed scores.json
var tableJSON []byte

// table is scores.json.
var table = readTable(tableJSON)

type tables struct {
	Author, Version, Review string
	CKDEPI                  struct {
		Source       string
		Youngest     int
		UMol         float64 // µmol/L in 1 mg/dL of creatinine
		Factor       float64
		Yearly, Fall float64
		Female, Male struct{ Kappa, Alpha, Factor float64 }
		Bands        []band
	}
	CHA2DS2VASc struct {
		Source string
		Points map[string]int
		Ages   []struct{ From, Points int }
		Female int
	}
	PHQ9, GAD7  questions
	HealthCheck struct {
		Source          string
		From, To, Years int
		Excluded        []string
	}
	Frailty struct {
		Source             string
		Deficits, Youngest int
		Above              []band
		Otherwise          string
	}
}

type band struct {
	From float64
	Band string
}

type questions struct {
	Source string
	Items  int
	Person int // the item that, above 0, always raises a person; 0 for none
	Bands  []band
}

func readTable(text []byte) *tables {
	t := &tables{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		panic(err) // it is built in
	}
	return t
}

// Input is one value that a score was worked out from.
type Input struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Unit  string `json:"unit,omitempty"` // UCUM
	From  string `json:"from"`           // where it stands in the record (Observation/…), or who said so
}

// Result is a score with everything it was made of.
type Result struct {
	Score   string       `json:"score"`
	Value   fhir.Decimal `json:"-"`
	Unit    string       `json:"unit,omitempty"` // UCUM; "" for points
	Band    string       `json:"band"`           // what the value means, in the words of its source
	Person  string       `json:"person,omitempty"`
	Inputs  []Input      `json:"inputs"`
	Source  string       `json:"source"`
	Version string       `json:"version"` // of the table
}

// Raises reports whether a person must be told now, whatever the total says. Person says why.
func (r *Result) Raises() bool { return r.Person != "" }

// result begins one.
func result(score, source string, inputs ...Input) *Result {
	return &Result{Score: score, Source: source, Version: table.Version, Inputs: inputs}
}

// bandOf is the first band, the highest first, that a value reaches.
func bandOf(bands []band, value float64) string {
	i := slices.IndexFunc(bands, func(b band) bool { return value >= b.From })
	if i < 0 {
		return ""
	}
	return bands[i].Band
}

// Age is an age in whole years, with where the birth date came from.
type Age struct {
	Years int
	From  string
}

func (a Age) input() Input { return Input{"age", fmt.Sprint(a.Years), "a", a.From} }

// Sex is administrative gender, female or male, with where it came from.
type Sex struct{ Code, From string }

func (s Sex) input() Input { return Input{"sex", s.Code, "", s.From} }

// Fact is that somebody has something, with where that stands: an entry of the record.
type Fact struct{ Name, From string }
