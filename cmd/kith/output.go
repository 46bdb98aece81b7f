package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// output is a file that comes to be whole or not at all: it is written beside its place and put there at the end. What is no regular file, such as a
// pipe, is written to directly.
type output struct {
	name, part string // part is "" where it is written to directly
	file       *os.File
}

// newOutput begins a file, so that a folder that is missing or full of somebody else's is told before the work and not after it. It must be none of the
// files that are read.
func newOutput(name string, read ...string) (*output, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	info, err := os.Stat(name)
	if err == nil {
		for _, r := range read {
			if other, err := os.Stat(r); err == nil && os.SameFile(info, other) {
				return nil, fmt.Errorf("%s is read, so it cannot be written", name)
			}
		}
	}
	o := &output{name: name}
	if err == nil && !info.Mode().IsRegular() {
		o.file, err = os.OpenFile(name, os.O_WRONLY, 0)
		return o, err
	}
	o.part = name + ".part"
	o.file, err = os.Create(o.part)
	return o, err
}

// keep writes the file and puts it in its place.
func (o *output) keep(write func(io.Writer) error) error {
	buffered := bufio.NewWriter(o.file)
	err := write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err = errors.Join(err, o.file.Close()); err != nil || o.part == "" {
		return err
	}
	if err := os.Rename(o.part, o.name); err != nil {
		return err
	}
	o.part = ""
	return nil
}

// drop takes away what was not kept.
func (o *output) drop() {
	if o == nil || o.part == "" {
		return
	}
	_ = o.file.Close()
	_ = os.Remove(o.part)
}
