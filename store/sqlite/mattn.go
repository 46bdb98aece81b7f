//go:build cgo

package sqlite

import (
	"database/sql/driver"

	"github.com/mattn/go-sqlite3"
)

// sqliteDriver is SQLite itself, compiled by the C compiler.
var sqliteDriver driver.Driver = &sqlite3.SQLiteDriver{}
