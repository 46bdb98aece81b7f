// Command generate reads HL7's published definitions of FHIR R4 (4.0.1) and writes the facts Kith needs from them as
// small tables (types, constraints, search parameters, compartments, code systems and value sets), and package r4's
// structs.
//
// It fetches the npm package hl7.fhir.r4.examples (CC0-1.0), which holds every definition of R4 as one JSON file each,
// and is run by `make generate`, through go generate. With -from DIR it reads an unpacked package instead.
// The tables are sorted and diffable, and a second run changes nothing: a change in them is a change in what Kith knows.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

const source = "hl7.fhir.r4.examples@4.0.1"

func main() {
	from := flag.String("from", "", "read the definitions from this unpacked package instead of fetching "+source)
	root := flag.String("root", ".", "root of the repository, below which the tables are written")
	flag.Parse()
	if err := run(*from, *root); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(from, root string) error {
	if from == "" {
		dir, err := os.MkdirTemp("", "kith-definitions-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if from, err = fetch(dir); err != nil {
			return err
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	for _, write := range []func(definitions) error{writeTypes, writeParams, writeCompartments, writeTerms, writeStructs} {
		if err := write(definitions(from)); err != nil {
			return err
		}
	}
	return nil
}

// fetch downloads and unpacks the package below dir.
func fetch(dir string) (string, error) {
	npm := exec.Command("npm", "pack", "--silent", source)
	npm.Dir, npm.Stderr = dir, os.Stderr
	name, err := npm.Output()
	if err != nil {
		return "", fmt.Errorf("npm pack %s: %w", source, err)
	}
	tar := exec.Command("tar", "xzf", strings.TrimSpace(string(name)))
	tar.Dir, tar.Stderr = dir, os.Stderr
	if err := tar.Run(); err != nil {
		return "", fmt.Errorf("unpack %s: %w", source, err)
	}
	return filepath.Join(dir, "package"), nil
}

// definitions is the folder of an unpacked package.
type definitions string

// each decodes every file of one resource type, in the order of the file names.
func each[T any](from definitions, resourceType string, visit func(T) error) error {
	files, err := filepath.Glob(filepath.Join(string(from), resourceType+"-*.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no %s", from, resourceType)
	}
	sort.Strings(files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var t T
		if err := json.Unmarshal(data, &t); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := visit(t); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// table is a text file of tab-separated fields being written.
type table struct{ strings.Builder }

// row appends one line; white space inside a field becomes one blank, and empty fields at the end are left out.
func (t *table) row(fields ...string) {
	for i, f := range fields {
		fields[i] = strings.Join(strings.Fields(f), " ")
	}
	t.WriteString(strings.TrimRight(strings.Join(fields, "\t"), "\t"))
	t.WriteByte('\n')
}

func (t *table) save(path string) error {
	return os.WriteFile(filepath.FromSlash(path), []byte(t.String()), 0o644)
}
