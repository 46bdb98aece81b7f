package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

const monitorUsage = `usage: kith monitor replay [--limits FILE] [--rules FILE] [--json] FILES…

Runs histories of readings through the rules of monitoring as if they came in now, and counts what they would have raised: alerts and manual
alerts (those that a member of staff gets) for each patient and day, and, where the histories mark deteriorations, how many were seen before they
happened, how long before, and how many alerts were about none. Beside it stand the figures of fixed thresholds on the same histories.

FILES are CSV with a header (person,time,kind,value,unit[,value2][,deterioration]), NDJSON of Observations, or Bundles. --limits names what is planned for
people: own limits and expected intervals (as kith town readings writes it).

  kith town readings --people 300 --days 120 --seed 11 --out readings
  kith monitor replay --limits readings/plans.json readings/readings.csv

`

func monitorCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("monitor", monitorUsage, stderr)
	limits := f.String("limits", "", "`FILE` with people's own limits and expected intervals")
	rulesFile := f.String("rules", "", "`FILE` with the rules, instead of those Kith comes with")
	asJSON := f.Bool("json", false, "write JSON")
	attended := f.Duration("attended", 72*time.Hour, "how long staff take to deal with an episode")
	before := f.Duration("before", 14*24*time.Hour, "how long before a deterioration an alert counts as having seen it")
	var word string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		word, args = args[0], args[1:]
	}
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if word != "replay" || f.NArg() == 0 {
		fmt.Fprintln(stderr, "kith monitor: say what to do: replay FILES…")
		return 2
	}
	y := monitor.Replaying{Attended: *attended, Before: *before}
	result, err := replay(&y, *rulesFile, *limits, f.Args())
	if err != nil {
		fmt.Fprintf(stderr, "kith monitor: %v\n", err)
		return 1
	}
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(result); err != nil {
			return 1
		}
		return 0
	}
	printReplay(stdout, result)
	return 0
}

func replay(y *monitor.Replaying, rules, limits string, files []string) (*monitor.Replay, error) {
	var err error
	if y.Rules, err = monitor.ReadRules(rules); err != nil {
		return nil, err
	}
	if limits != "" {
		text, err := os.ReadFile(limits)
		if err != nil {
			return nil, err
		}
		if y.Plans, err = monitor.ReadPlans(text); err != nil {
			return nil, err
		}
	}
	var h monitor.Histories
	for _, name := range files {
		in, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = h.Read(name, in)
		in.Close()
		if err != nil {
			return nil, err
		}
	}
	return y.Play(h.All()), nil
}

func printReplay(w io.Writer, r *monitor.Replay) {
	total := 0
	for _, n := range r.Events {
		total += n
	}
	fmt.Fprintf(w, "%d people, %.0f patient-days, %d deteriorations; rules of %s\n\n", r.People, r.Days, total, r.Rules)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\talerts/day\tmanual/day\tcaught\tof them %\tprecision %\thours before (median)\t")
	for _, o := range []struct {
		name string
		monitor.Outcome
	}{{"personal and own limits", r.Kith}, {"fixed thresholds", r.Fixed}} {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%d\t%.1f\t%.1f\t%.0f\t\n", o.name, o.PerDay, o.ManualDay, o.Caught, 100*o.Recall, 100*o.Precision, o.Hours)
	}
	t.Flush()
	fmt.Fprintf(w, "\nmanual alerts by rule: %v; caught: %v of %v\n", r.Kith.ByRule, r.Caught, r.Events)
}

// monitoring is the watch over readings at home.
func (s *serving) monitoring(door *record.Door) (*monitor.Service, error) {
	rules, err := monitor.ReadRules(s.monitorRules)
	if err != nil {
		return nil, err
	}
	m := &monitor.Service{Door: door, Rules: rules}
	if s.rota != "" {
		m.Rota, err = monitor.ReadRota(s.rota)
	}
	return m, err
}

// whyTask shows the rule, the readings and the limits behind a Task. Whoever asks is at the machine itself, and stands in the audit as such.
func whyTask(door *record.Door) http.HandlerFunc {
	who := access.Actor{ID: "kith/debug", Name: "Somebody at the server", Role: access.Kith, Purpose: "HOPERAT"}
	return func(w http.ResponseWriter, r *http.Request) {
		why, err := monitor.Explain(r.Context(), door, who, r.PathValue("id"))
		if err != nil {
			status := http.StatusInternalServerError
			if fhir.KindOf(err) == fhir.NotFound {
				status = http.StatusNotFound
			}
			http.Error(w, err.Error(), status)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.Encode(why) // who asked has gone away where this fails
	}
}
