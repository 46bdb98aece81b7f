package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kith-care/kith/care/triage"
)

func (c *triaging) eval() error {
	if len(c.words) == 0 {
		return fmt.Errorf("name a FILE.jsonl")
	}
	var all []*triage.Vignette
	for _, name := range c.words {
		v, err := readVignettes(name)
		if err != nil {
			return err
		}
		all = append(all, v...)
	}
	now := time.Now()
	report, err := c.book.Evaluate(all, c.settings(), now)
	if err != nil {
		return err
	}
	curve, err := c.book.Curve(all, c.settings(), now)
	if err != nil {
		return err
	}
	if c.svg != "" {
		out, err := newOutput(c.svg, c.words...)
		if err != nil {
			return err
		}
		defer out.drop()
		if err := out.keep(func(w io.Writer) error { return triage.WriteSVG(w, curve) }); err != nil {
			return err
		}
	}
	if c.asJSON {
		type wrong struct {
			ID          string          `json:"id"`
			Right       triage.Level    `json:"right"`
			Found       triage.Level    `json:"found"`
			Heard       []string        `json:"heard"`
			Explanation *triage.Outcome `json:"explanation"`
		}
		out := struct {
			*triage.Report
			Curve []*triage.Report `json:"curve"`
			Wrong []wrong          `json:"wrong,omitempty"`
		}{Report: report, Curve: curve}
		for _, r := range report.Ran {
			if c.show && r.Outcome.Level != r.Vignette.Level {
				out.Wrong = append(out.Wrong, wrong{r.Vignette.ID, r.Vignette.Level, r.Outcome.Level, r.Heard, r.Outcome})
			}
		}
		return c.print(out)
	}
	report.Write(c.stdout)
	fmt.Fprintln(c.stdout)
	triage.WriteCurve(c.stdout, curve)
	if c.show {
		fmt.Fprintln(c.stdout)
		report.WriteWrong(c.stdout)
	}
	return nil
}

func readVignettes(name string) (out []*triage.Vignette, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		v, err := triage.ParseVignette([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if v.ID == "" {
			v.ID = fmt.Sprintf("%s:%d", filepath.Base(name), n)
		}
		out = append(out, v)
	}
	return out, lines.Err()
}
