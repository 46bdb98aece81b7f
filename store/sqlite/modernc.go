//go:build !cgo

package sqlite

import (
	"database/sql/driver"

	"modernc.org/sqlite"
)

// sqliteDriver is SQLite translated to Go, for where there is no C compiler.
var sqliteDriver driver.Driver = &sqlite.Driver{}
