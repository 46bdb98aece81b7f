package carrier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Folder takes letters that are to be printed and posted, a file each, and says in manifest.ndjson which there are. Whoever prints takes the files away; the
// manifest stays.
type Folder struct {
	Dir string
	Now func() time.Time

	mu sync.Mutex
}

// Printed is a line of the manifest.
type Printed struct {
	Key  string    `json:"key"` // of what is sent
	File string    `json:"file"`
	Kind string    `json:"kind"` // letter, large-print, braille
	At   time.Time `json:"at"`
}

// manifest is the file that says which letters there are.
const manifest = "manifest.ndjson"

// Print puts a file into the folder, whole or not at all, and answers its name. What has the same key was put there before, and is left as it is.
func (f *Folder) Print(_ context.Context, key, kind, ending string, file []byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return "", fhir.Errorf(fhir.Busy, "the folder for letters cannot be made: %w", err)
	}
	name := key + "." + ending
	listed, err := f.listed(key)
	if err != nil || listed {
		return name, err
	}
	path := filepath.Join(f.Dir, name)
	if err := write(path, file); err != nil {
		return "", fhir.Errorf(fhir.Busy, "the letter cannot be written to the folder: %w", err)
	}
	now := time.Now
	if f.Now != nil {
		now = f.Now
	}
	line, err := json.Marshal(Printed{key, name, kind, now().UTC()})
	if err != nil {
		return "", err
	}
	if err := add(filepath.Join(f.Dir, manifest), append(line, '\n')); err != nil {
		return "", fhir.Errorf(fhir.Busy, "the list of letters cannot be written: %w", err)
	}
	return name, nil
}

// listed reports whether the manifest names a key. A line that was cut off by a crash names nothing.
func (f *Folder) listed(key string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(f.Dir, manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fhir.Errorf(fhir.Busy, "the list of letters cannot be read: %w", err)
	}
	for line := range bytes.Lines(text) {
		var p Printed
		if json.Unmarshal(line, &p) == nil && p.Key == key {
			return true, nil
		}
	}
	return false, nil
}

// write writes a file beside its name first, so that nobody prints half a letter.
func write(path string, file []byte) error {
	part := path + ".part"
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(file)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// add puts a line at the end of a file, on a line of its own even where the one before was cut off.
func add(path string, line []byte) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if info, err := out.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := out.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = out.Write(line)
	return errors.Join(err, out.Sync(), out.Close())
}
