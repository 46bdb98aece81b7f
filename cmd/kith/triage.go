package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir/r4"
)

const triageUsage = `kith triage says how soon somebody who asks for help should be seen, and why. It is not assured for anyone's care.

usage:

  kith triage ask "FREE TEXT" [--record FILE] [--answers FILE]   an interview in the terminal
  kith triage run --pack NAME --answers FILE [--record FILE]     the level for given answers, without questions
  kith triage eval FILE.jsonl … [--show] [--svg FILE]            vignettes: accuracy, safety, over-triage, the λ curve
  kith triage packs                                              the packs, with version, sources and date of review
  kith triage check DIR                                          says what is wrong with the packs of a place
  kith triage export NAME                                        a pack in FHIR: Questionnaire (SDC), PlanDefinition, ActivityDefinitions
  kith triage hear "FREE TEXT"                                   what is heard in a text, and which packs it speaks for

All take --packs DIR (packs of a place, beside those that come with Kith), --lambda N (how much worse too late is than too early) and --json.

A line of FILE.jsonl is {"id":…,"text":…,"age":years,"sex":"female","record":{…},"present":[…],"absent":[…],"level":0 to 4}. present and absent are
plain words ("fever", "pain going into left arm"), ids or SNOMED CT codes; a record is
{"conditions":[…],"medicines":[…],"allergies":[…],"pregnant":true,"events":[{"what":"surgery","daysAgo":10}]} or a FHIR Bundle.
Levels: 0 self-care, 1 routine, 2 same day, 3 emergency department now, 4 call 999.

FILE of --answers is {"headache":"yes","stiff-neck":"no","temperature":38.9,"duration":3} with ids of findings or plain words; duration is in days.

`

// triaging is what kith triage was asked for.
type triaging struct {
	packs, pack, answers, record, sex, svg string
	age, lambda                            float64
	asJSON, show                           bool
	words                                  []string
	book                                   *triage.Book
	stdin                                  io.Reader
	stdout, stderr                         io.Writer
}

func triageCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("triage", triageUsage, stderr)
	c := &triaging{stdin: os.Stdin, stdout: stdout, stderr: stderr}
	f.StringVar(&c.packs, "packs", "", "a `DIR` with packs, findings and facts of a place")
	f.StringVar(&c.pack, "pack", "", "the `NAME` of the pack; of ask the one to confirm instead of the first candidate")
	f.StringVar(&c.answers, "answers", "", "a JSON `FILE` of answers; what it does not answer is no, and a number is not known")
	f.StringVar(&c.record, "record", "", "a `FILE` with the record: plain words or a FHIR Bundle")
	f.StringVar(&c.sex, "sex", "", "male or female")
	f.Float64Var(&c.age, "age", -1, "age in `years`, also 0.25")
	f.Float64Var(&c.lambda, "lambda", triage.DefaultLambda, "`λ`: what one level too late costs, beside one too early")
	f.StringVar(&c.svg, "svg", "", "draw the curve into this `FILE`")
	f.BoolVar(&c.show, "show", false, "list vignettes whose level was not found, with why")
	f.BoolVar(&c.asJSON, "json", false, "print JSON")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	if f.NArg() == 0 {
		f.Usage()
		return 2
	}
	c.words = f.Args()[1:]
	do, ok := map[string]func() error{"ask": c.ask, "run": c.run, "eval": c.eval, "packs": c.list, "check": c.check, "hear": c.hear, "export": c.export}[f.Arg(0)]
	if !ok {
		fmt.Fprintf(stderr, "kith triage: there is no %q; see kith triage --help\n", f.Arg(0))
		return 2
	}
	if err := c.load(f); err != nil {
		fmt.Fprintf(stderr, "kith triage: %v\n", err)
		return 1
	}
	if err := do(); err != nil {
		fmt.Fprintf(stderr, "kith triage %s: %v\n", f.Arg(0), err)
		return 1
	}
	return 0
}

func (c *triaging) load(f *flag.FlagSet) (err error) {
	folders := []fs.FS{triage.Shipped()}
	if f.Arg(0) == "check" {
		return nil
	}
	if c.packs != "" {
		folders = append(folders, os.DirFS(c.packs))
	}
	c.book, err = triage.Load(folders...)
	return err
}

func (c *triaging) settings() triage.Settings { return triage.Settings{Lambda: c.lambda} }

func (c *triaging) print(x any) error {
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(x)
}

func (c *triaging) text() (string, error) {
	if len(c.words) != 1 || strings.TrimSpace(c.words[0]) == "" {
		return "", fmt.Errorf("one text is needed, in quotes")
	}
	return c.words[0], nil
}

// person is what flags and --record say.
func (c *triaging) person() (triage.Person, error) {
	var who triage.Person
	if c.record != "" {
		data, err := os.ReadFile(c.record)
		if err != nil {
			return who, err
		}
		var ignored []string
		if who, ignored, err = c.book.ReadRecord(data, time.Now()); err != nil {
			return who, fmt.Errorf("%s: %w", c.record, err)
		}
		for _, w := range ignored {
			fmt.Fprintf(c.stderr, "%s: no pack knows %q\n", c.record, w)
		}
	}
	if c.age >= 0 {
		who.Age = &c.age
	}
	if c.sex != "" {
		who.Sex = c.sex
	}
	return who, nil
}

// readAnswers reads --answers.
func (c *triaging) readAnswers() (*triage.Answers, error) {
	if c.answers == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.answers)
	if err != nil {
		return nil, err
	}
	a, err := c.book.ParseAnswers(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.answers, err)
	}
	return a, nil
}

func (c *triaging) ask() error {
	text, err := c.text()
	if err != nil {
		return err
	}
	who, err := c.person()
	if err != nil {
		return err
	}
	answers, err := c.readAnswers()
	if err != nil {
		return err
	}
	i := c.book.Begin(text, who, c.settings())
	if c.pack != "" {
		p := c.book.Pack(c.pack)
		if p == nil {
			return fmt.Errorf("there is no pack %q", c.pack)
		}
		i.Choose(p)
	}
	talk := c.stdout
	if c.asJSON {
		talk = c.stderr
	}
	fmt.Fprintf(talk, "About: %s\n", i.Pack.Title)
	lines := bufio.NewScanner(c.stdin)
	for q := i.Next(); q != nil; q = i.Next() {
		fmt.Fprintf(talk, "\n%s\n", q.Text)
		var yes []triage.Tri
		var number triage.Span
		if answers != nil {
			yes, number = answers.To(q)
			fmt.Fprintf(talk, "  %s\n", c.book.Said(q, yes, number))
		} else if yes, number, err = askPerson(talk, lines, q); err != nil {
			return err
		}
		i.Answer(q, yes, number)
	}
	return c.outcome(i.Outcome())
}

// askPerson puts a question and reads numbers of boxes, y, n or ?.
func askPerson(w io.Writer, lines *bufio.Scanner, q *triage.Ask) ([]triage.Tri, triage.Span, error) {
	for i, b := range q.Boxes {
		fmt.Fprintf(w, "  %d  %s\n", i+1, b)
	}
	for i, b := range q.Bands {
		fmt.Fprintf(w, "  %d  %s\n", i+1, b.Name)
	}
	switch {
	case q.Bands != nil:
		fmt.Fprint(w, "  which? (? for not sure) ")
	case q.Boxes != nil:
		fmt.Fprint(w, "  which? (numbers, none, ? for not sure) ")
	default:
		fmt.Fprint(w, "  y, n or ? ")
	}
	for lines.Scan() {
		yes, number, ok := q.Read(lines.Text())
		if ok {
			return yes, number, nil
		}
		fmt.Fprint(w, "  please answer as shown: ")
	}
	return nil, triage.Open(), fmt.Errorf("the answers ended before the questions")
}

func (c *triaging) run() error {
	p := c.book.Pack(c.pack)
	if p == nil {
		return fmt.Errorf("--pack must name a pack; there is no %q", c.pack)
	}
	answers, err := c.readAnswers()
	if err != nil {
		return err
	}
	if answers == nil {
		return fmt.Errorf("--answers is needed")
	}
	who, err := c.person()
	if err != nil {
		return err
	}
	return c.outcome(c.book.Decide(p, who, answers, c.settings()))
}

func (c *triaging) outcome(o *triage.Outcome) error {
	if c.asJSON {
		return c.print(o)
	}
	o.Write(c.stdout)
	return nil
}

func (c *triaging) hear() error {
	text, err := c.text()
	if err != nil {
		return err
	}
	who, err := c.person()
	if err != nil {
		return err
	}
	i := c.book.Begin(text, who, c.settings())
	for _, h := range i.Heard.Findings {
		fmt.Fprintf(c.stdout, "%-8s %-28s %q\n", map[triage.Tri]string{triage.Yes: "present", triage.No: "absent"}[h.Value], c.book.Lexicon.Findings[h.Finding].ID, h.Words)
	}
	for n, span := range i.Heard.Numbers {
		fmt.Fprintf(c.stdout, "%-8s %-28s %g\n", "number", c.book.Lexicon.Findings[n].ID, span.Lo)
	}
	fmt.Fprintf(c.stdout, "about somebody else: %t; age %v; sex %q\npacks:", i.Heard.Other, i.Heard.Age, i.Heard.Sex)
	for _, p := range i.Candidates {
		fmt.Fprintf(c.stdout, " %s", p.Name)
	}
	fmt.Fprintln(c.stdout)
	return nil
}

func (c *triaging) list() error {
	packs := append([]*triage.Pack{c.book.Shared}, c.book.Packs...)
	if c.asJSON {
		type row struct {
			Name     string                   `json:"name"`
			Title    string                   `json:"title"`
			Version  string                   `json:"version"`
			Author   string                   `json:"author"`
			Reviewed string                   `json:"reviewed"`
			ReviewBy string                   `json:"reviewBy"`
			Floors   int                      `json:"floors"`
			Sources  map[string]triage.Source `json:"sources"`
		}
		var rows []row
		for _, p := range packs {
			rows = append(rows, row{p.Name, p.Title, p.Version, p.Author, p.Reviewed, p.ReviewBy, len(p.Floors), p.Sources})
		}
		return c.print(rows)
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "pack\tversion\ttitle\treviewed\treview by\tfloors\tsources")
	for _, p := range packs {
		var sources []string
		for _, s := range p.Sources {
			sources = append(sources, s.URL)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", p.Name, p.Version, p.Title, p.Reviewed, p.ReviewBy, len(p.Floors), strings.Join(sources, " "))
	}
	return t.Flush()
}

func (c *triaging) export() error {
	if len(c.words) != 1 {
		return fmt.Errorf("name one pack")
	}
	p := c.book.Pack(c.words[0])
	if p == nil {
		return fmt.Errorf("there is no pack %q", c.words[0])
	}
	bundle, err := c.book.Export(p, c.settings())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s\n", r4.Encode(bundle))
	return err
}

func (c *triaging) check() error {
	if len(c.words) != 1 {
		return fmt.Errorf("name one DIR")
	}
	if _, err := os.Stat(c.words[0]); err != nil {
		return err
	}
	book, err := triage.Load(triage.Shipped(), os.DirFS(c.words[0]))
	if err != nil {
		return err
	}
	faults := book.TryExamples()
	for _, f := range faults {
		fmt.Fprintln(c.stderr, f)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d examples do not come out as they should", len(faults))
	}
	fmt.Fprintf(c.stdout, "%s is sound: with it there are %d packs and %d findings.\n", c.words[0], len(book.Packs), len(book.Lexicon.Findings))
	return nil
}
