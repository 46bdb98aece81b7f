package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/kith-care/kith/words"
)

const wordsUsage = `usage: kith words list [--words DIR]
       kith words missing LANGUAGE [--words DIR]

list prints the languages there are: how many texts each has and lacks, and who has reviewed it. missing prints what a language, such as pl,
lacks, as a file to be filled in: English on the left, and what stands on the right is the Welsh, to be replaced. A text with plurals has one
form for each plural of the language (docs/languages.md). DIR has words of the place, as kith serve --words takes them in.

`

func wordsCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("words", wordsUsage, stderr)
	own := f.String("words", "", "a `DIR` with words of the place")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	list, missing := f.NArg() == 1 && f.Arg(0) == "list", f.NArg() == 2 && f.Arg(0) == "missing"
	if !list && !missing {
		fmt.Fprintln(stderr, "kith words: say list, or missing and a language")
		return 2
	}
	if err := useWords(*own); err != nil {
		fmt.Fprintf(stderr, "kith words: %v\n", err)
		return 1
	}
	if list {
		return printLanguages(stdout)
	}
	for _, l := range words.All() {
		if l.Code == f.Arg(1) {
			if err := l.WriteMissing(stdout); err != nil {
				fmt.Fprintf(stderr, "kith words: %v\n", err)
				return 1
			}
			return 0
		}
	}
	fmt.Fprintf(stderr, "kith words: there is no language %q: make a folder of that name with a language.yaml\n", f.Arg(1))
	return 1
}

// useWords takes in the words of the place that are in dir, where one is given.
func useWords(dir string) error {
	if dir == "" {
		return nil
	}
	if err := words.Use(os.DirFS(dir)); err != nil {
		return fmt.Errorf("--words %s: %w", dir, err)
	}
	return nil
}

func printLanguages(stdout io.Writer) int {
	offered := map[string]string{}
	for _, l := range words.Offered() {
		offered[l.Code] = "offered"
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "code\tlanguage\ttexts\tlacks\t\treviewed")
	for _, l := range words.All() {
		reviewed := "by nobody yet"
		switch {
		case l.Code == "en":
			reviewed = "written here"
		case !l.Draft():
			reviewed = fmt.Sprintf("by %s, %s", l.Reviewer, l.Reviewed)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\n", l.Code, l.English, len(l.Keys()), len(l.Missing()), offered[l.Code], reviewed)
	}
	if t.Flush() != nil {
		return 1
	}
	return 0
}
