package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest/smart"
)

const clientUsage = `usage: kith client add|list|approve|suspend|revoke [--db DATABASE] …

Looks after the apps and systems that may ask for access (docs/apps.md). One that is added gets nothing until it is approved.
Running servers on the same database take notice within five seconds.

  kith client add --name 'My Health' --maker 'Acme Ltd' --does 'Shows your results' --kind public \
       --redirect https://app.example/callback --scopes 'launch/patient patient/Observation.rs openid fhirUser'
  kith client add --name 'Research export' --maker 'Acme Ltd' --does 'Counts visits' --kind backend \
       --keys keys.json --scopes 'system/Encounter.rs' --organization ZZ001 --purpose HRESCH
  kith client list
  kith client approve ID --by 'Sam Reed' --reason 'DTAC of March, agreement signed'
  kith client revoke ID --by 'Sam Reed' --reason 'the agreement ended'

`

// clientArgs is what kith client was asked for.
type clientArgs struct {
	db, by, reason        string
	secretKey             string
	c                     smart.Client
	kind, redirects, keys string
	scopes                string
}

func clientCommand(args []string, stdout, stderr io.Writer) int {
	var a clientArgs
	f := flagsOf("client", clientUsage, stderr)
	f.StringVar(&a.db, "db", "sqlite:kith.db", dbHelp)
	f.StringVar(&a.secretKey, "secret-key", "", secretKeyHelp)
	f.StringVar(&a.by, "by", "", "the `NAME` of whoever decides or adds; for approve, suspend and revoke it is needed")
	f.StringVar(&a.reason, "reason", "", "`WHY`; for approve, suspend and revoke it is needed")
	f.StringVar(&a.c.ID, "id", "", "the client `ID`; one is made where empty")
	f.StringVar(&a.c.Name, "name", "", "its `NAME`, as people know it")
	f.StringVar(&a.c.Maker, "maker", "", "the `ORGANISATION` that makes it")
	f.StringVar(&a.c.Does, "does", "", "what it is for, in a `SENTENCE`")
	f.StringVar(&a.kind, "kind", "public", "public (browser or telephone), secret (server with a secret), key (server with a key) or backend (no person in front of it)")
	f.StringVar(&a.redirects, "redirect", "", "the `ADDRESSES` people return to, separated by spaces")
	f.StringVar(&a.c.Launch, "launch", "", "the `ADDRESS` at which our pages open it")
	f.StringVar(&a.scopes, "scopes", "", "the `SCOPES` it may ask for at most, separated by spaces")
	f.StringVar(&a.keys, "keys", "", "its public keys: a `FILE` with a JWKS, or the https address of one")
	f.StringVar(&a.c.SignedBy, "signed-by", "RS256", "the `ALGORITHM` of its id tokens, RS256 or ES256")
	f.StringVar(&a.c.Organization, "organization", "", "the `ODS` code a backend service acts for")
	f.StringVar(&a.c.Purpose, "purpose", "", "the `PURPOSE` of a backend service, such as TREAT")
	f.BoolVar(&a.c.Introspects, "introspects", false, "it may ask whether tokens of other clients are good")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	if f.NArg() == 0 {
		f.Usage()
		return 2
	}
	if err := a.run(f.Args(), stdout); err != nil {
		fmt.Fprintf(stderr, "kith client: %v\n", err)
		return 1
	}
	return 0
}

func (a *clientArgs) run(words []string, stdout io.Writer) error {
	ctx := context.Background()
	if _, known := decisions[words[0]]; !known && words[0] != "add" && words[0] != "list" {
		return fmt.Errorf("there is no %q: say add, list, approve, suspend or revoke", words[0])
	}
	door, err := record.Open(ctx, record.Options{DB: a.db})
	if err != nil {
		return err
	}
	defer door.Close()
	secrets, err := secret.Open(or(a.secretKey, secretKeyFile(a.db)))
	if err != nil {
		return err
	}
	service, err := smart.Open(ctx, smart.Options{Door: door, Base: "http://localhost/fhir", Secrets: secrets, CheckScope: door.CheckScope})
	if err != nil {
		return err
	}
	switch words[0] {
	case "add":
		if len(words) > 1 {
			return fmt.Errorf("%q is too much", words[1])
		}
		return a.add(ctx, service, stdout)
	case "list":
		return listClients(ctx, service, stdout)
	}
	if len(words) != 2 {
		return fmt.Errorf("name one client by its id")
	}
	if a.by == "" || a.reason == "" {
		return fmt.Errorf("--by and --reason are needed: who decides, and why")
	}
	c, err := service.Decide(ctx, a.who(), words[1], decisions[words[0]], a.reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s (%s) is %s\n", c.Name, c.ID, c.State)
	return nil
}

var decisions = map[string]smart.State{"approve": smart.Approved, "suspend": smart.Suspended, "revoke": smart.Revoked}

// who is the person at the keyboard, with the name of their account on this machine.
func (a *clientArgs) who() access.Actor {
	account := "unknown"
	if u, err := user.Current(); err == nil {
		account = u.Username
	}
	name := a.by
	if name == "" {
		name = account
	}
	return access.Actor{ID: "kith/client/" + account, Name: name, Role: "operator", Purpose: "HSYSADMIN"}
}

func (a *clientArgs) add(ctx context.Context, service *smart.Service, stdout io.Writer) error {
	a.c.Kind, a.c.Redirects, a.c.Scopes = smart.Kind(a.kind), strings.Fields(a.redirects), strings.Fields(a.scopes)
	if strings.Contains(a.keys, "://") {
		a.c.JWKSURI = a.keys
	} else if a.keys != "" {
		set, err := os.ReadFile(a.keys)
		if err != nil {
			return err
		}
		if !json.Valid(set) {
			return fmt.Errorf("%s is no JSON", a.keys)
		}
		a.c.JWKS = set
	}
	c, secret, err := service.Register(ctx, a.who(), a.c)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "client id: %s\n", c.ID)
	if secret != "" {
		fmt.Fprintf(stdout, "secret: %s\nCopy it now: it is not kept and cannot be shown again.\n", secret)
	}
	fmt.Fprintf(stdout, "It gets nothing until it is reviewed: kith client approve %s --by NAME --reason WHY\n", c.ID)
	return nil
}

func listClients(ctx context.Context, service *smart.Service, stdout io.Writer) error {
	all, err := service.Clients(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "id\tname\tmade by\tkind\tstate\tby")
	for _, c := range all {
		by := c.MadeBy
		if n := len(c.History); n > 0 {
			by = c.History[n-1].By + ": " + c.History[n-1].Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Name, c.Maker, c.Kind, c.State, by)
	}
	return w.Flush()
}
