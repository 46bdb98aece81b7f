package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/kith-care/kith/record"
)

func (s *serving) pages(mux *http.ServeMux, door *record.Door) {}

func demoCommand(args []string, stdout, stderr io.Writer) int {
	fmt.Fprintln(stderr, "kith demo: not built yet")
	return 1
}

func fhirpathCommand(args []string, stdout, stderr io.Writer) int {
	fmt.Fprintln(stderr, "kith fhirpath: not built yet")
	return 1
}
