package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

const accountUsage = `usage: kith account add      [--db DATABASE] --kind staff --name NAME --born DATE --role ROLE@ODS … [--practitioner Practitioner/ID]
       kith account add      [--db DATABASE] --kind patient --patient ID
       kith account list     [--db DATABASE]
       kith account code     [--db DATABASE] [--revoke] ACCOUNT
       kith account roles    [--db DATABASE] --role ROLE@ODS … ACCOUNT
       kith account link     [--db DATABASE] --issuer URL --subject SUBJECT ACCOUNT
       kith account remove   [--db DATABASE] ACCOUNT
       kith account password [--db DATABASE] --given NAME --family NAME [--role ROLE@ODS … | --number NHSNUMBER --born DATE --level P0|P5|P9] USER

Accounts of those who sign in. add makes one and prints a one-use code: with it and the date of birth its owner signs in the first time, and then makes
a passkey. code prints a new one; with --revoke every other way in is removed and all sessions end, for somebody who has lost their device. remove ends an account
for good. password keeps somebody in the built-in provider (docs/signin.md), under a user name; the password is read from standard input. Everything is
written to the audit.

Roles: clinician, nurse, pharmacist, socialworker, careworker, receptionist, administrator, manager, privacy, operator, analyst, researcher.

`

// manyRoles are flags --role ROLE@ODS, as often as wanted.
type manyRoles []signin.Role

// String is what flag shows of it.
func (m *manyRoles) String() string { return "" }

// Set reads one.
func (m *manyRoles) Set(text string) error {
	role, ods, ok := strings.Cut(text, "@")
	if !ok {
		return fmt.Errorf("a role looks like nurse@A81001")
	}
	*m = append(*m, signin.Role{Role: role, Organization: ods})
	return nil
}

// accountFlags are the flags of all of kith account.
type accountFlags struct {
	db, kind, name, born, patient, practitioner string
	issuer, subject                             string
	given, family, number, level                string
	revoke                                      bool
	roles                                       manyRoles
}

func accountCommand(args []string, stdout, stderr io.Writer) int {
	return accountFrom(args, os.Stdin, stdout, stderr)
}

func accountFrom(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var a accountFlags
	f := flagsOf("account", accountUsage, stderr)
	f.StringVar(&a.db, "db", "sqlite:kith.db", dbHelp)
	f.StringVar(&a.kind, "kind", "staff", "staff or patient")
	f.StringVar(&a.name, "name", "", "the `NAME` of the owner; of a patient it is in the record")
	f.StringVar(&a.born, "born", "", "their `DATE` of birth, such as 1945-07-14; of a patient it is in the record")
	f.StringVar(&a.patient, "patient", "", "the `ID` of their Patient")
	f.StringVar(&a.practitioner, "practitioner", "", "the `REFERENCE` of staff in the record: Practitioner/ID")
	f.Var(&a.roles, "role", "a role in an organisation, `ROLE@ODS`; may be given several times")
	f.StringVar(&a.issuer, "issuer", "", "the `URL` of a provider of OpenID Connect")
	f.StringVar(&a.subject, "subject", "", "who the owner is for that provider: its claim `sub`")
	f.BoolVar(&a.revoke, "revoke", false, "remove every other way in")
	f.StringVar(&a.given, "given", "", "given `NAME`")
	f.StringVar(&a.family, "family", "", "family `NAME`")
	f.StringVar(&a.number, "number", "", "`NHSNUMBER` of a patient")
	f.StringVar(&a.level, "level", "P0", "how well it is known who a patient is: `P0`, P5 or P9, which is for people who were seen in person")
	verb := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	wants := map[string]int{"add": 0, "list": 0, "code": 1, "roles": 1, "link": 1, "remove": 1, "password": 1}
	if n, known := wants[verb]; !known || f.NArg() != n {
		f.Usage()
		return 2
	}
	if err := a.run(context.Background(), verb, f.Arg(0), stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "kith account %s: %v\n", verb, err)
		return 1
	}
	return 0
}

func (a *accountFlags) run(ctx context.Context, verb, whom string, stdin io.Reader, stdout io.Writer) error {
	door, err := record.Open(ctx, record.Options{DB: a.db, Policy: access.Everyone{}})
	if err != nil {
		return err
	}
	defer door.Close()
	s, err := signin.Open(ctx, signin.Options{Door: door, Origin: "https://localhost"})
	if err != nil {
		return err
	}
	by := access.Actor{ID: "kith/account", Name: "operator", Role: access.Kith}
	if u, err := user.Current(); err == nil {
		by.Name = "operator " + u.Username
	}
	switch verb {
	case "add":
		return a.add(ctx, door, s, by, stdout)
	case "list":
		return list(ctx, s, stdout)
	case "code":
		p, err := s.Issue(ctx, by, whom, a.revoke)
		if err == nil {
			printCode(stdout, p)
		}
		return err
	case "roles":
		if len(a.roles) == 0 {
			return fhir.Errorf(fhir.Invalid, "give at least one --role; remove ends an account")
		}
		return s.SetRoles(ctx, by, whom, a.roles)
	case "link":
		return s.LinkSubject(ctx, by, whom, signin.Subject{Provider: a.issuer, Issuer: a.issuer, Subject: a.subject})
	case "password":
		return a.password(ctx, door, by, whom, stdin)
	}
	return s.End(ctx, by, whom)
}

func (a *accountFlags) add(ctx context.Context, door *record.Door, s *signin.Service, by access.Actor, stdout io.Writer) error {
	n := signin.NewAccount{Kind: signin.Kind(a.kind), Name: a.name, Born: a.born, Practitioner: a.practitioner, Roles: a.roles}
	if n.Kind == signin.Patient {
		stored, err := door.Get(ctx, by, "Patient", a.patient)
		if err != nil {
			return err
		}
		res, err := stored.Resource()
		if err != nil {
			return err
		}
		n.Patient, n.Level, n.Why = a.patient, access.P9, "Whoever looks after this system made your account"
		if n.Name == "" {
			n.Name = signin.NameOf(res.Root())
		}
		if n.Born == "" {
			n.Born = res.Root().Get("birthDate").Text()
		}
	}
	if n.Born == "" {
		return fhir.Errorf(fhir.Invalid, "--born is missing: the date of birth is asked with the one-use code")
	}
	made, err := s.Add(ctx, by, n)
	if err != nil {
		return err
	}
	p, err := s.Issue(ctx, by, made.ID, false)
	if err == nil {
		printCode(stdout, p)
	}
	return err
}

func printCode(stdout io.Writer, p *signin.Printed) {
	fmt.Fprintf(stdout, "account  %s\nowner    %s\ncode     %s\nuntil    %s\n\nAt /signin choose \"Use a code from the desk\"; the code works once.\n", p.Account.ID, p.Account.Name, p.Text, p.Expires.Format(time.RFC1123))
}

func list(ctx context.Context, s *signin.Service, stdout io.Writer) error {
	for after := ""; ; {
		accounts, err := s.Accounts(ctx, after, 500)
		if err != nil || len(accounts) == 0 {
			return err
		}
		for _, a := range accounts {
			after = a.ID
			what := fmt.Sprintf("P%d", a.Level)
			if a.Kind == signin.Staff {
				var roles []string
				for _, r := range a.Roles {
					roles = append(roles, r.Role+"@"+r.Organization)
				}
				what = strings.Join(roles, ",")
			} else if a.Patient != "" {
				what += " Patient/" + a.Patient
			}
			if a.Ended != nil {
				what += " ended " + a.Ended.Format(time.DateOnly)
			}
			fmt.Fprintf(stdout, "%s  %-7s  %s  (%s; passkeys %d, providers %d)\n", a.ID, a.Kind, a.Name, what, len(a.Passkeys), len(a.Subjects))
		}
	}
}

// password keeps somebody in the built-in provider. What staff are there is said in the policy's own words.
func (a *accountFlags) password(ctx context.Context, door *record.Door, by access.Actor, name string, stdin io.Reader) error {
	line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	one := idp.Person{Given: a.given, Family: a.family}
	if len(a.roles) > 0 {
		one.Staff, one.User = true, name
		for _, r := range a.roles {
			one.Roles = append(one.Roles, idp.Role{Organisation: r.Organization, Code: r.Role, Title: r.Role})
		}
	} else {
		one.Number, one.Born, one.Proofing = a.number, a.born, a.level
	}
	return idp.SetPerson(ctx, door.Box("idp"), by, name, strings.TrimRight(line, "\r\n"), one)
}
