package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// databaseOf is the database that a command was told of: by its flag, by the environment variable KITH_DB, or by the file that
// KITH_DB_FILE names, in this order; a file in this folder where nothing is said. An address with a password in it belongs into one of the latter two:
// everyone on the machine can read the arguments of a program.
func databaseOf(flag string) string {
	if flag != "" {
		return flag
	}
	if db := os.Getenv("KITH_DB"); db != "" {
		return db
	}
	if file := os.Getenv("KITH_DB_FILE"); file != "" {
		if text, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(text))
		}
		return "file:" + file // which no database is called: opening it says so
	}
	return "sqlite:kith.db"
}

// warnOfPassword says where a password stands among the arguments of the program.
func warnOfPassword(flag string, stderr io.Writer) {
	u, err := url.Parse(flag)
	if err != nil || u.User == nil {
		return
	}
	if _, has := u.User.Password(); has {
		fmt.Fprintln(stderr, "The password of the database stands in the arguments of this program, where everyone on this machine can read it: put the address into KITH_DB or a file that KITH_DB_FILE names.")
	}
}
