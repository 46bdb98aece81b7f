//go:build unix

package sqlite

import (
	"path/filepath"
	"syscall"
)

// room is how many bytes are free, and how many there are, on the file system that holds path.
func room(path string) (free, size int64, ok bool) {
	var s syscall.Statfs_t
	if path == "" || syscall.Statfs(filepath.Dir(path), &s) != nil {
		return 0, 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), true
}
