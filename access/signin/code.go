package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// alphabet leaves out letters and digits that look or sound like others: 0 O, 1 I L, 2 Z, 5 S, 8 B, U. Twelve of 24 letters are 55 bits.
const alphabet = "34679ACDEFGHJKMNPQRTVWXY"

const codeLength = 12

// Code is a one-use code as it is kept: the account has it, and its hash leads to the account.
type Code struct {
	Hash    string
	By      string // who gave it out
	Made    time.Time
	Expires time.Time
}

// Printed is a code as its owner gets it, once.
type Printed struct {
	Text    string // ABCD-EFGH-JKMN
	Account *Account
	Expires time.Time
}

// newCode draws a code.
func newCode() string {
	var out [codeLength]byte
	for i := 0; i < codeLength; {
		var b [32]byte
		rand.Read(b[:])
		for _, x := range b {
			// 240 is the last multiple of 24 in a byte: without this some letters would come more often.
			if x < 240 && i < codeLength {
				out[i] = alphabet[int(x)%len(alphabet)]
				i++
			}
		}
	}
	return string(out[:])
}

func spaced(code string) string { return code[:4] + "-" + code[4:8] + "-" + code[8:] }

// readCode takes a code as people type it: in small letters, with spaces or hyphens. It is "" where it cannot be one.
func readCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	var out []byte
	for _, c := range strings.ToUpper(typed) {
		switch {
		case c == ' ' || c == '-' || c == '–' || c == '\u00a0' || c == '\t':
		case c < 128 && strings.IndexByte(alphabet, byte(c)) >= 0:
			out = append(out, byte(c))
		default:
			return ""
		}
	}
	if len(out) != codeLength {
		return ""
	}
	return string(out)
}

func (s *Service) hashCode(code string) string {
	m := hmac.New(sha256.New, s.codeKey)
	m.Write([]byte("code " + code))
	return hex.EncodeToString(m.Sum(nil))
}

// codeItem leads from the hash of a code to its account.
type codeItem struct {
	Account string
	Expires time.Time
}

// giveCode gives an account a new code inside a transaction; the one it had cannot be used any more.
func (s *Service) giveCode(a *Account, by access.Actor, life time.Duration) (text string, items []record.BoxItem) {
	if a.Code != nil {
		items = append(items, record.BoxItem{Kind: "code", Key: a.Code.Hash})
	}
	text = newCode()
	now := s.o.Now().UTC()
	a.Code = &Code{Hash: s.hashCode(text), By: by.Name, Made: now, Expires: now.Add(life)}
	value, _ := json.Marshal(codeItem{a.ID, a.Code.Expires}) // a text and a time
	return spaced(text), append(items, record.BoxItem{Kind: "code", Key: a.Code.Hash, Value: value})
}

// Issue gives an account a one-use code to be taken away on paper, such as the first one an operator hands out. With revoke every other
// way into the account is removed, and its sessions end.
func (s *Service) Issue(ctx context.Context, by access.Actor, id string, revoke bool) (*Printed, error) {
	p := &Printed{}
	a, err := s.change(ctx, id, func(_ reader, a *Account) (record.Noted, error) {
		if a.Ended != nil {
			return record.Noted{}, fhir.Errorf(fhir.Gone, "account %s was ended", id)
		}
		if a.Born == "" {
			return record.Noted{}, fhir.Errorf(fhir.Conflict, "account %s has no date of birth, which is asked with a code", id)
		}
		n := record.Noted{Who: by, Action: access.Update, What: "one-use code for account/" + id + " of " + a.Name}
		if revoke {
			n.Items = s.strip(a)
			n.What += ", all other ways in removed"
		}
		text, items := s.giveCode(a, by, s.o.PaperLife)
		p.Text, p.Expires = text, a.Code.Expires
		n.Items = append(n.Items, items...)
		return n, nil
	})
	p.Account = a
	return p, err
}

// errCode is the one answer to a wrong code, a wrong date of birth, a code that was used and one that has expired: which it was would help whoever is
// guessing.
var errCode = fhir.Errorf(fhir.Forbidden, "this code and this date of birth do not go together, or the code has been used or is out of date")

// Redeem signs in with a one-use code and the date of birth of its owner (1945-07-14). A SlowedError says that there were too many wrong tries.
func (s *Service) Redeem(ctx context.Context, r *http.Request, typed, born string) (*SignedIn, error) {
	from := s.From(r)
	address := addressKey(from)
	// Whoever must wait costs no transaction.
	if have, err := readSlow(s.plain(ctx), address); err != nil {
		return nil, err
	} else if s.o.Now().Before(have.Until) {
		return nil, &SlowedError{have.Until}
	}
	hash := s.hashCode(readCode(typed)) // of no code at all where it cannot be one: the same work, the same answer
	var in *SignedIn
	var refusal error
	err := s.box.Decide(ctx, func(read reader) (record.Noted, error) {
		in, refusal = nil, errCode
		now := s.o.Now().UTC()
		n := record.Noted{Who: stranger(from), Action: access.Create, What: "sign-in by one-use code"}
		try, err := readSlow(read, address)
		if err != nil {
			return n, err
		}
		if now.Before(try.Until) {
			refusal = &SlowedError{try.Until}
			return record.Noted{}, nil
		}
		a, err := s.ofCode(read, hash)
		if err != nil {
			return n, err
		}
		if a == nil {
			n.Refusal = "there is no such code"
			n.Items = []record.BoxItem{try.failed(now, freeAddress).item(address)}
			return n, nil
		}
		n.What += " to account/" + a.ID
		tried, err := readSlow(read, accountKey(a.ID))
		if err != nil {
			return n, err
		}
		right := subtle.ConstantTimeCompare([]byte(born), []byte(a.Born)) == 1
		switch {
		case now.Before(tried.Until):
			refusal = &SlowedError{tried.Until}
			n.Refusal = "too many wrong tries for this account"
			return n, nil
		case a.Ended != nil:
			n.Refusal = "the account was ended"
		case !now.Before(a.Code.Expires):
			n.Refusal = "the code has expired"
		case !right || a.Born == "":
			n.Refusal = "the date of birth is another"
			n.Items = append(n.Items, tried.failed(now, freeAccount).item(accountKey(a.ID)))
		}
		if n.Refusal != "" {
			n.Items = append(n.Items, try.failed(now, freeAddress).item(address))
			return n, nil
		}
		n.Items = append(n.Items, record.BoxItem{Kind: "code", Key: a.Code.Hash}, slow{}.item(accountKey(a.ID)))
		a.Code = nil
		var items []record.BoxItem
		if in, items, err = s.begin(read, r, a, "code"); err != nil {
			return n, err
		}
		refusal, n.Who = nil, in.Actor
		n.Items = append(n.Items, items...)
		return n, nil
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return nil, err
	}
	s.settle(in)
	return in, nil
}

// ofCode is the account that a hash leads to, nil where it leads to none.
func (s *Service) ofCode(read reader, hash string) (*Account, error) {
	value, err := read("code", hash)
	if err != nil || value == nil {
		return nil, err
	}
	var it codeItem
	if err := json.Unmarshal(value, &it); err != nil {
		return nil, fhir.Errorf(fhir.Broken, "a one-use code is damaged: %w", err)
	}
	a, err := readAccount(read, it.Account)
	if err != nil {
		if fhir.KindOf(err) == fhir.NotFound {
			return nil, nil
		}
		return nil, err
	}
	if a.Code == nil || subtle.ConstantTimeCompare([]byte(a.Code.Hash), []byte(hash)) != 1 {
		return nil, nil
	}
	return a, nil
}

// Slowed reports until when nothing can be tried, where err says that.
func Slowed(err error) (until time.Time, slowed bool) {
	var e *SlowedError
	if errors.As(err, &e) {
		return e.Until, true
	}
	return time.Time{}, false
}

// LooksLikeCode reports whether what somebody typed can be a code at all. It says nothing of whether there is such a code.
func LooksLikeCode(typed string) bool { return readCode(typed) != "" }

// Lives is how long a code can be used: one that goes home on paper, and one that is used at the desk.
func (s *Service) Lives() (paper, desk time.Duration) { return s.o.PaperLife, s.o.DeskLife }
