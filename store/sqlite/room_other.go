//go:build !unix

package sqlite

func room(string) (free, size int64, ok bool) { return 0, 0, false }
