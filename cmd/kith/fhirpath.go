package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/fhirpath"
)

const fhirpathUsage = `kith fhirpath evaluates a FHIRPath expression on a FHIR R4 resource in a file.

Usage:

  kith fhirpath [--paths] EXPRESSION FILE

FILE holds one resource in JSON or XML. The results are printed to standard output as a JSON array, in order:

  [{"type":"FHIR.string","value":"Ngozi"},{"type":"System.Integer","value":3}]

"type" is the qualified FHIRPath type: FHIR.… for elements of the resource, System.… for computed values. "value" is
the element's JSON as it stands, or the computed boolean, number or string; dates, times, quantities and 64-bit whole
numbers are strings. An element that has only an id or extensions and no value is not printed.

Flags:

  --paths   print the place of each element, too: {"type":…,"path":"Patient.name[0].given[1]","value":…}

What trace() shows goes to standard error. References resolve within the file: contained resources and the entries of
a Bundle. memberOf(), subsumes() and profiles other than R4's own need a server and are an error here.

The exit code is 0 also where there is no result, 1 for a wrong expression, a run-time error or an unreadable file
(one line on standard error says which), and 2 for a wrong call.

Examples:

  kith fhirpath "Patient.name.where(use = 'official').given" patient.json
  kith fhirpath "component.value.where(\$this > 150 'mm[Hg]').exists()" reading.xml
  kith fhirpath "birthDate.duration(today(), 'year')" patient.json
`

// fhirpathCommand is kith fhirpath; it returns the exit code.
func fhirpathCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("fhirpath", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	paths := flags.Bool("paths", false, "")
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp:
		fmt.Fprint(stdout, fhirpathUsage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "kith fhirpath: %v; see kith fhirpath --help\n", err)
		return 2
	case flags.NArg() != 2:
		fmt.Fprintf(stderr, "kith fhirpath: an EXPRESSION and a FILE are needed, not %d arguments; see kith fhirpath --help\n", flags.NArg())
		return 2
	}
	out, err := evaluateFile(flags.Arg(0), flags.Arg(1), *paths, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "kith fhirpath: %s\n", strings.Join(strings.Fields(err.Error()), " "))
		return 1
	}
	if _, err := stdout.Write(out); err != nil {
		fmt.Fprintf(stderr, "kith fhirpath: %v\n", err)
		return 1
	}
	return 0
}

func evaluateFile(expression, file string, paths bool, stderr io.Writer) ([]byte, error) {
	compiled, err := fhirpath.Compile(expression)
	if err != nil {
		return nil, err
	}
	resource, err := readResource(file)
	if err != nil {
		return nil, err
	}
	env := &fhirpath.Env{Trace: func(name string, items fhirpath.Collection) {
		fmt.Fprintf(stderr, "%s: %s", name, resultsJSON(items, paths))
	}}
	items, err := compiled.Eval(fhirpath.At(resource.Root(), ""), env)
	if err != nil {
		return nil, err
	}
	return resultsJSON(items, paths), nil
}

// readResource reads a resource in JSON or XML, with or without a byte order mark.
func readResource(file string) (*fhir.Resource, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if start := bytes.TrimLeft(data, " \t\r\n"); len(start) > 0 && start[0] == '<' {
		if data, err = fhirxml.ToJSON(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	resource, err := fhir.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return resource, nil
}

func resultsJSON(items fhirpath.Collection, paths bool) []byte {
	b := []byte{'['}
	for _, it := range items {
		if !it.Computed() && (it.Value().Kind() == fhir.Null || !it.Value().Exists()) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, `{"type":"`...), it.Type()...)
		if paths && !it.Computed() {
			b = append(append(b, `","path":"`...), it.Path()...)
		}
		b = append(it.AppendJSON(append(b, `","value":`...)), '}')
	}
	b = append(b, ']')
	var line bytes.Buffer
	if err := json.Compact(&line, b); err != nil {
		return append(b, '\n')
	}
	line.WriteByte('\n')
	return line.Bytes()
}
