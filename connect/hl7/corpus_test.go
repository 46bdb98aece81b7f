package hl7

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kith-care/kith/conformance/need"
)

// sample is one message of the real data.
type sample struct {
	file string
	line int
	data []byte
	junk bool
}

// corpus are the pieces of all files below a folder of the real messages.
func corpus(t testing.TB, folder string) []sample {
	t.Helper()
	var out []sample
	root := need.Data(t, "hl7v2", folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := filepath.Ext(path)
		if !slices.Contains([]string{".hl7", ".out", ".txt", ".xml"}, ext) || folder == "simhospital" && ext != ".out" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if ext == ".xml" {
			out = append(out, sample{name, 1, data, false})
			return nil
		}
		pieces, err := Split(data)
		if err != nil {
			t.Logf("%s: %v", name, err)
		}
		for _, p := range pieces {
			out = append(out, sample{name, p.Line, p.Data, p.Junk})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var corpora = strings.Fields("simhospital microsoft-samples hapi linuxforhealth")
