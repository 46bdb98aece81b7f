package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
)

const dbHelp = "the `DATABASE`: sqlite:PATH, postgres://USER@HOST/NAME, or file:PATH of a file that holds such an address. Without it the environment variable KITH_DB, which may say the same, else sqlite:kith.db"

// databaseVar is the flag --db. An address with a password belongs into a file or the environment, since everyone on the
// machine can read the arguments of a program.
func databaseVar(f *flag.FlagSet, into *string, otherwise string) {
	*into = otherwise
	v := &databaseValue{f, into}
	if env := os.Getenv("KITH_DB"); env != "" {
		if err := v.read(env); err != nil {
			*into = env // opening it says what is wrong
		}
	}
	f.Var(v, "db", dbHelp)
}

// databaseFlag is databaseVar where a variable is wanted.
func databaseFlag(f *flag.FlagSet, otherwise string) *string {
	var db string
	databaseVar(f, &db, otherwise)
	return &db
}

type databaseValue struct {
	f    *flag.FlagSet
	into *string
}

// String is empty: usage must not print an address from the environment.
func (v *databaseValue) String() string { return "" }

// Set takes an address, and warns of a password in it.
func (v *databaseValue) Set(text string) error {
	if err := v.read(text); err != nil {
		return err
	}
	if u, err := url.Parse(text); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			fmt.Fprintln(v.f.Output(), "The password of the database stands in the arguments of this program, where everyone on this machine can read it: put the address into the environment variable KITH_DB, or into a file and say --db file:PATH.")
		}
	}
	return nil
}

func (v *databaseValue) read(text string) error {
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text = strings.TrimSpace(string(content)); text == "" {
			return fmt.Errorf("%s is empty", path)
		}
	}
	*v.into = text
	return nil
}
