package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kith-care/kith/access"
)

const policyUsage = `usage: kith policy [FILE]

Prints the policy that Kith comes with: who may see and do what, as a place may take it, change it, have it reviewed, and give it to
kith serve --policy. With a FILE, reads that one and says whether it is sound. docs/access.md explains the words.
`

func policyCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("policy", policyUsage, stderr)
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	switch f.NArg() {
	case 0:
		fmt.Fprint(stdout, access.DefaultText)
		return 0
	case 1:
	default:
		fmt.Fprintf(stderr, "kith policy: %q is too much\n", f.Arg(1))
		return 2
	}
	p, err := policyOf(f.Arg(0))
	if err != nil {
		fmt.Fprintf(stderr, "kith policy: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s is sound: policy %s, version %s, by %s, for the roles %v.\n", f.Arg(0), p.Name, p.Version, p.Author, p.Roles())
	return 0
}

// policyOf reads a policy; the one Kith comes with where path is "".
func policyOf(path string) (*access.Table, error) {
	if path == "" {
		return access.Default(), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := access.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
