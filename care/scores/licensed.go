package scores

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Calculator works out a score that needs a licence of its own, such as QRISK3 or QDiabetes. Kith has none: a site plugs in its own.
type Calculator func(ctx context.Context, score string, inputs []Input) (*Result, error)

// Command is a Calculator in a program of its own, so that nothing of it is linked into Kith. The program gets on its standard input
//
//	{"score": "QRISK3", "inputs": [{"name": "age", "value": "64", "unit": "a", "from": "Patient/1"}]}
//
// and answers on its standard output, with exit code 0,
//
//	{"value": 12.4, "unit": "%", "band": "10-year risk", "source": "…", "version": "…"}
//
// or says on its standard error why it cannot, with any other exit code.
type Command struct {
	Path  string
	Args  []string
	Limit time.Duration // how long it may take; 0 for 10 seconds
}

// mostAnswer is the longest answer that is read, in bytes.
const mostAnswer = 64 << 10

// Calculate is the Calculator.
func (c Command) Calculate(ctx context.Context, score string, inputs []Input) (*Result, error) {
	limit := c.Limit
	if limit == 0 {
		limit = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	question, err := json.Marshal(struct {
		Score  string  `json:"score"`
		Inputs []Input `json:"inputs"`
	}{score, inputs})
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, c.Path, c.Args...)
	run.WaitDelay = time.Second
	var out, said bytes.Buffer
	run.Stdin, run.Stdout, run.Stderr = bytes.NewReader(question), &out, &said
	if err := run.Run(); err != nil {
		why := strings.TrimSpace(said.String())
		if why == "" {
			why = err.Error()
		}
		return nil, fhir.Errorf(fhir.Unprocessable, "%s could not be worked out: %.500s", score, why)
	}
	var a struct {
		Value                       json.RawMessage
		Unit, Band, Source, Version string
	}
	if out.Len() > mostAnswer {
		return nil, fhir.Errorf(fhir.Broken, "%s: the calculator's answer is longer than %d KB", score, mostAnswer>>10)
	}
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "%s: the calculator's answer is no JSON: %w", score, err)
	}
	value, err := fhir.ParseDecimal([]byte(a.Value))
	if err != nil || a.Source == "" || a.Version == "" {
		return nil, fhir.Errorf(fhir.Broken, "%s: the calculator's answer must have a value that is a number, a source and a version", score)
	}
	return &Result{Score: score, Value: value, Unit: a.Unit, Band: a.Band, Inputs: inputs, Source: a.Source, Version: a.Version}, nil
}
