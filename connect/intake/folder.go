package intake

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Drop is what a source sent together, found on disk.
type Drop struct {
	Name  string
	Files []Upload
}

// Drops are the drops below a path: a file is one, a folder with files is one, and each folder inside it is another, in the order of
// their names with full extracts first. Zip files are opened; what is in a zip inside a zip too.
func Drops(path string) ([]Drop, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fhir.Errorf(fhir.NotFound, "%s cannot be read: %w", path, err)
	}
	if !info.IsDir() {
		files, err := uploads(path, filepath.Base(path))
		return []Drop{{filepath.Base(path), files}}, err
	}
	var drops []Drop
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(filepath.Clean(path)), p)
		if err != nil {
			return err
		}
		d := Drop{Name: filepath.ToSlash(name)}
		entries, err := os.ReadDir(p)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			files, err := uploads(filepath.Join(p, e.Name()), d.Name+"/"+e.Name())
			if err != nil {
				return err
			}
			d.Files = append(d.Files, files...)
		}
		if d.Files != nil {
			drops = append(drops, d)
		}
		return nil
	})
	slices.SortStableFunc(drops, func(a, b Drop) int {
		if x, y := isFull(a.Name), isFull(b.Name); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return drops, err
}

func isFull(name string) bool {
	name = strings.ToLower(filepath.Base(name))
	return strings.Contains(name, "bulk") || strings.Contains(name, "full")
}

// uploads are the files that a file on disk holds: itself, or what is in the zip. A zip that cannot be opened is given as it is, as what is wrong:
// it must not hold up what lies beside it.
func uploads(path, name string) ([]Upload, error) {
	whole := Upload{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	if !strings.EqualFold(filepath.Ext(path), ".zip") {
		return []Upload{whole}, nil
	}
	out, err := zipped(name, 1, func() (io.ReaderAt, int64, io.Closer, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, 0, nil, err
		}
		return f, info.Size(), f, nil
	})
	if fhir.KindOf(err) == fhir.Invalid {
		whole.Wrong = err
		return []Upload{whole}, nil
	}
	for i := range out {
		out[i].zip = &whole
	}
	return out, err
}

// corrupt reports whether what is in a zip cannot be unpacked, however often it is tried.
func corrupt(err error) bool {
	_, cut := errors.AsType[flate.CorruptInputError](err)
	return cut || errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Opened are the files that an upload holds: itself, or what is in the zip.
func Opened(name string, open func() (io.ReadCloser, error)) ([]Upload, error) {
	if !strings.EqualFold(filepath.Ext(name), ".zip") {
		return []Upload{{Name: name, Open: open}}, nil
	}
	return zipped(name, 1, func() (io.ReaderAt, int64, io.Closer, error) {
		in, err := open()
		if err != nil {
			return nil, 0, nil, err
		}
		defer in.Close()
		data, err := io.ReadAll(io.LimitReader(in, maxInner+1))
		if err == nil && int64(len(data)) > maxInner {
			err = fhir.Errorf(fhir.Invalid, "%s is larger than %d MB: put it into the feed's folder", name, maxInner>>20)
		}
		return bytes.NewReader(data), int64(len(data)), io.NopCloser(strings.NewReader("")), err
	})
}

// mostUnzipped bounds what one file inside a zip may grow to, so that a small zip cannot fill the disk.
const mostUnzipped = 16 << 30

// deepest is how many zips may lie in each other: there are zips that hold themselves.
const deepest = 3

// zipped are the files of a zip; those of a zip inside it too. Depth counts the zips around it, itself included.
func zipped(name string, depth int, open func() (io.ReaderAt, int64, io.Closer, error)) ([]Upload, error) {
	at, size, closer, err := open()
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	z, err := zip.NewReader(at, size)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s is not a whole zip file: %w", name, err)
	}
	var out []Upload
	for i, entry := range z.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		if entry.UncompressedSize64 > mostUnzipped {
			return nil, fhir.Errorf(fhir.Invalid, "%s/%s would be %d GB", name, entry.Name, entry.UncompressedSize64>>30)
		}
		inner := name + "/" + entry.Name
		if entry.Flags&1 != 0 {
			return nil, fhir.Errorf(fhir.Invalid, "%s is encrypted and cannot be opened", inner)
		}
		if strings.EqualFold(filepath.Ext(entry.Name), ".zip") {
			if depth == deepest {
				return nil, fhir.Errorf(fhir.Invalid, "%s: no more than %d zips inside each other are opened", inner, deepest)
			}
			more, err := zipped(inner, depth+1, func() (io.ReaderAt, int64, io.Closer, error) {
				data, err := member(open, i, maxInner)
				if err != nil {
					return nil, 0, nil, err
				}
				return bytes.NewReader(data), int64(len(data)), io.NopCloser(strings.NewReader("")), nil
			})
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		out = append(out, Upload{Name: inner, Open: func() (io.ReadCloser, error) { return stream(open, i) }})
	}
	return out, nil
}

// maxInner is the largest zip inside a zip that is opened: it is held in memory.
const maxInner = 1 << 30

func member(open func() (io.ReaderAt, int64, io.Closer, error), i int, most int64) ([]byte, error) {
	in, err := stream(open, i)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(data)) > most {
		err = fhir.Errorf(fhir.Invalid, "a zip inside a zip is larger than %d MB", most>>20)
	}
	return data, err
}

// stream opens one member of a zip; closing it closes the zip.
func stream(open func() (io.ReaderAt, int64, io.Closer, error), i int) (io.ReadCloser, error) {
	at, size, closer, err := open()
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		closer.Close()
		return nil, err
	}
	in, err := z.File[i].Open()
	if err != nil {
		closer.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(in, mostUnzipped), closer}, nil
}
