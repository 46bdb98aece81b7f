package signin

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// slow is how often guessing failed for an account or an address.
type slow struct {
	Fails int
	Last  time.Time
	Until time.Time // nothing is tried before
}

// Failures that cost nothing yet: people mistype. A waiting room shares one address, so an address may fail more often.
const (
	freeAccount = 3
	freeAddress = 10
	firstWait   = 30 * time.Second
	mostWait    = time.Hour
	forgetAfter = 24 * time.Hour
)

// failed is the state after one more failure: each one beyond the free ones doubles the wait.
func (b slow) failed(now time.Time, free int) slow {
	if now.Sub(b.Last) > forgetAfter {
		b = slow{}
	}
	b.Fails++
	b.Last = now
	if over := b.Fails - free; over > 0 {
		wait := mostWait
		if over < 8 {
			wait = min(firstWait<<(over-1), mostWait)
		}
		b.Until = now.Add(wait)
	}
	return b
}

// takenBack is the state when what was counted as a failure turned out to be none.
func (b slow) takenBack() slow {
	b.Fails = max(b.Fails-1, 0)
	b.Until = time.Time{}
	return b
}

// SlowedError says that there were too many wrong tries.
type SlowedError struct{ Until time.Time }

// Error is the sentence for a person.
func (e *SlowedError) Error() string {
	return "there were too many wrong tries; it can be tried again at " + e.Until.UTC().Format("15:04:05") + " UTC"
}

// Unwrap makes it an error of kind Busy.
func (e *SlowedError) Unwrap() error { return fhir.Errorf(fhir.Busy, "%s", e.Error()) }

func addressKey(from string) string {
	a, err := netip.ParseAddr(from)
	if err == nil && a.Is6() {
		// Whoever has one IPv6 address has as many as they like, all in one /64.
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return "address " + p.String()
		}
	}
	return "address " + from
}

func accountKey(id string) string { return "account " + id }

func readSlow(read reader, key string) (b slow, err error) {
	value, err := read("slow", key)
	if err != nil || value == nil {
		return b, err
	}
	if err := json.Unmarshal(value, &b); err != nil {
		return b, fhir.Errorf(fhir.Broken, "the counter of tries %q is damaged: %w", key, err)
	}
	return b, nil
}

func (b slow) item(key string) record.BoxItem {
	if b.Fails == 0 {
		return record.BoxItem{Kind: "slow", Key: key}
	}
	value, _ := json.Marshal(b) // a number and two times
	return record.BoxItem{Kind: "slow", Key: key, Value: value}
}

// Brake slows the guessing of secrets that others check, such as passwords. Its counters stand in the record, so they hold across processes and
// restarts.
type Brake struct {
	Box record.Box
	Now func() time.Time
}

// Try counts a try before it is made, so that many at once are counted too. A SlowedError says when the next may be made; account
// may name one that does not exist, and is counted all the same.
func (b Brake) Try(ctx context.Context, account, from string) error {
	var slowed *SlowedError
	err := b.Box.Decide(ctx, func(read reader) (record.Noted, error) {
		slowed = nil
		n := record.Noted{}
		for _, c := range []struct {
			key  string
			free int
		}{{accountKey(account), freeAccount}, {addressKey(from), freeAddress}} {
			have, err := readSlow(read, c.key)
			if err != nil {
				return n, err
			}
			if now := b.Now(); now.Before(have.Until) {
				slowed = &SlowedError{have.Until}
				return record.Noted{}, nil
			}
			n.Items = append(n.Items, have.failed(b.Now(), c.free).item(c.key))
		}
		return n, nil
	})
	if err == nil && slowed != nil {
		return slowed
	}
	return err
}

// Right says that the try was right: the account's failures are forgotten, and the address has one fewer.
func (b Brake) Right(ctx context.Context, account, from string) error {
	return b.Box.Decide(ctx, func(read reader) (record.Noted, error) {
		have, err := readSlow(read, addressKey(from))
		return record.Noted{Items: []record.BoxItem{slow{}.item(accountKey(account)), have.takenBack().item(addressKey(from))}}, err
	})
}
