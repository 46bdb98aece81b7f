package files

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

func (r *run) walk(ctx context.Context, paths []string) error {
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != p && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case d.IsDir() || name != p && !readable(name):
				return nil
			}
			return r.open(ctx, name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readable reports whether a file in a folder looks like one of ours, by its name.
func readable(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return slices.Contains([]string{".json", ".ndjson", ".jsonl", ".xml", ".tar", ".tgz"}, filepath.Ext(name))
}

// open reads one file of the disk, unpacking it.
func (r *run) open(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(&counting{f, r}, 1<<16)
	if err := r.unpack(ctx, name, in); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.bad(item{file: name}, -1, err)
	}
	return nil
}

type counting struct {
	f *os.File
	r *run
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.f.Read(p)
	total := c.r.read.Add(int64(n))
	if c.r.Progress != nil {
		c.r.Progress(total)
	}
	return n, err
}

func (r *run) unpack(ctx context.Context, name string, in *bufio.Reader) error {
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("not valid gzip: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	if head, _ := in.Peek(262); len(head) == 262 && string(head[257:262]) == "ustar" {
		return r.archive(ctx, name, tar.NewReader(in))
	}
	return r.content(ctx, name, in)
}

func (r *run) archive(ctx context.Context, name string, t *tar.Reader) error {
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the archive cannot be read further: %w", err)
		}
		if h.Typeflag != tar.TypeReg || !readable(h.Name) || strings.HasPrefix(filepath.Base(h.Name), ".") {
			continue
		}
		inner := name + "/" + h.Name
		if err := r.unpack(ctx, inner, bufio.NewReaderSize(t, 1<<16)); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.bad(item{file: inner}, -1, err)
		}
	}
}

// content splits a file into items: lines where each line is a resource, else the whole.
func (r *run) content(ctx context.Context, name string, in *bufio.Reader) error {
	r.mu.Lock()
	r.sum.Files++
	r.mu.Unlock()
	base := strings.TrimSuffix(strings.ToLower(name), ".gz")
	if strings.HasSuffix(base, ".ndjson") || strings.HasSuffix(base, ".jsonl") {
		return r.lines(ctx, name, in)
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxItem+1))
	if err != nil {
		return fmt.Errorf("the file cannot be read further: %w", err)
	}
	if len(data) > MaxItem {
		return fmt.Errorf("the file is larger than %d MiB", MaxItem>>20)
	}
	return r.send(ctx, item{file: name, data: data})
}

func (r *run) lines(ctx context.Context, name string, in *bufio.Reader) error {
	var group []item
	size := 0
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		it := group[0]
		it.more = group[1:]
		group, size = nil, 0
		return r.send(ctx, it)
	}
	for n := 1; ; n++ {
		line, err := readLine(in, MaxItem)
		switch {
		case err == errLong:
			r.bad(item{file: name, line: n}, -1, err)
			continue
		case err != nil && err != io.EOF:
			return errors.Join(flush(), fmt.Errorf("the file cannot be read further: %w", err)) // the line is not whole
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			group, size = append(group, item{file: name, line: n, data: line}), size+len(line)
		}
		if err == io.EOF || len(group) == linesTogether || size > bytesTogether {
			if err := flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

var errLong = fmt.Errorf("the line is larger than %d MiB", MaxItem>>20)

// readLine reads on to the end of a line, or of the file (io.EOF). Of one that is longer than most nothing is kept, and the error is errLong.
func readLine(in *bufio.Reader, most int) (line []byte, err error) {
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > most; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case long && (err == nil || err == io.EOF):
			return nil, errLong // at the end of the file, the next call says so
		default:
			return line, err
		}
	}
}

func (r *run) send(ctx context.Context, it item) error {
	select {
	case r.items <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
