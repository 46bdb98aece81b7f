package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/kith-care/kith/care/carry"
)

const cardUsage = `usage: kith card verify --issuer URL --keys FILE [CARD]

Checks a certificate of vaccinations (a SMART Health Card) without asking anybody: CARD is a file with what its QR code says (shc:/…), with its
letters, or as apps keep it; without CARD it is read from the standard input. FILE holds the issuer's keys, as they stand at URL/.well-known/jwks.json.
The exit code is 1 where the certificate was not signed by them.

`

func cardCommand(args []string, stdout, stderr io.Writer) int {
	f := flagsOf("card", cardUsage, stderr)
	issuer := f.String("issuer", "", "`URL` of whoever signed it")
	keys := f.String("keys", "", "`FILE` with their keys")
	if code, done := parsed(f, flagsFirst(f, args), stdout); done {
		return code
	}
	if f.Arg(0) != "verify" || f.NArg() > 2 || *issuer == "" || *keys == "" {
		fmt.Fprintln(stderr, "kith card: say verify, with --issuer and --keys")
		return 2
	}
	card, err := checkCard(*issuer, *keys, f.Arg(1))
	if err != nil {
		fmt.Fprintf(stderr, "kith card: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "valid: signed by %s on %s\n%s, born %s\n", card.Issuer, card.At.Format(time.DateOnly), card.Name, card.Born)
	for _, s := range card.Shots {
		fmt.Fprintln(stdout, strings.TrimSpace(s.On+"  "+or(s.Vaccine, s.Code)+"  "+s.Batch))
	}
	return 0
}

func checkCard(issuer, keyFile, file string) (*carry.Card, error) {
	keys, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	var text []byte
	if file == "" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	return carry.VerifyBy(string(text), issuer, keys, time.Now())
}
