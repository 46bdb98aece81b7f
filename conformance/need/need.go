// Package need says what a test cannot do without: without it the test is skipped, or fails where KITH_REQUIRE=all says
// that nothing may be skipped.
package need

import (
	"os"
	"path/filepath"
	"runtime"
)

// TB is what this package needs of testing.TB.
type TB interface {
	Helper()
	Skip(...any)
	Fatal(...any)
}

// Skip ends a test for want of something.
func Skip(t TB, what string) {
	t.Helper()
	if os.Getenv("KITH_REQUIRE") == "all" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Data is a file or folder of the real data: below KITH_DATA, or ../shared/data beside the project.
func Data(t TB, path ...string) string {
	t.Helper()
	root := os.Getenv("KITH_DATA")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared", "data")
	}
	full := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(full); err != nil {
		Skip(t, full+" is not there")
	}
	return full
}
