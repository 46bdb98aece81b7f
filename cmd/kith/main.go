// Command kith is the whole of Kith in one program: it serves a record, fills it, and explains itself.
package main

import (
	"fmt"
	"io"
	"os"
)

// command is one word after kith.
type command struct {
	name, does string
	run        func(args []string, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"serve", "serve a record as FHIR R4 and as pages", serveCommand},
		{"import", "read bundles, resources and NDJSON into a record", importCommand},
		{"extract", "file extracts of GP and other systems into a record", extractCommand},
		{"match", "find the rows of one or two CSV files that are about the same person", matchCommand},
		{"demo", "serve a made-up town on an embedded database", demoCommand},
		{"town", "write what the systems of a made-up town send, and the truth", townCommand},
		{"score", "hold a record against the truth of a made-up town", scoreCommand},
		{"monitor", "play histories of readings through the rules of monitoring", monitorCommand},
		{"optout", "take in the national data opt-out", optoutCommand},
		{"glossary", "say how much of a record is explained in plain words", glossaryCommand},
		{"words", "list languages, and say what a translation lacks", wordsCommand},
		{"policy", "print or check the policy: who may see and do what", policyCommand},
		{"fhirpath", "evaluate a FHIRPath expression on a file", fhirpathCommand},
		{"explain", "show how a search is answered: plan and SQL", explainCommand},
		{"client", "register, approve and revoke apps and systems", clientCommand},
		{"backup", "save a record while it is in use, encrypted", backupCommand},
		{"restore", "make a record of a backup", restoreCommand},
		{"audit", "hold the audit trail against its checkpoints, and read it", auditCommand},
		{"account", "make, list and end the accounts of those who sign in", accountCommand},
		{"slots", "say what a file of sessions offers, and make its Slots", slotsCommand},
		{"triage", "say how soon somebody should be seen, and try packs on vignettes", triageCommand},
		{"card", "check a certificate of vaccinations", cardCommand},
		{"migrate", "bring a database to this version's schema", migrateCommand},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		usage(stdout)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "kith: there is no command %q\n\n", args[0])
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Kith joins up health and care for a place: one record, in FHIR R4.")
	fmt.Fprintln(w)
	fmt.Fprintln(w, "usage: kith COMMAND [--help] …")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.does)
	}
}
