package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Mark is a signed checkpoint of the ledger: it says of every chain how long it was at a time, and the hash of its last entry.
// Whoever cuts off the end of a chain, or takes a whole one away, cannot make the mark again without the key; and since
// each mark also holds the hash of the one before, and leaves the machine in the log, marks do not vanish unseen either.
//
// A whole mark names all chains there have ever been. The others name those that have grown since the mark before.
type Mark struct {
	N      int64  `json:"mark"`
	At     int64  `json:"at"` // microseconds since 1970
	By     string `json:"by"` // the chain of the process that made it
	Key    string `json:"key"`
	Prev   string `json:"prev"` // SHA-256 of the body of the mark before, "" for the first
	Whole  bool   `json:"whole"`
	Chains []Head `json:"chains"`

	body, sig []byte
}

// Head is how far a chain has come.
type Head struct {
	Chain string `json:"chain"`
	N     int64  `json:"n"`
	Hash  string `json:"hash"`
}

// Time is when the mark was made.
func (m *Mark) Time() time.Time { return time.UnixMicro(m.At).UTC() }

const (
	wholeEvery  = 60        // marks; so many are read to know what the last one knew
	markAtLeast = time.Hour // a mark is made so often even where nothing was written
	markPrefix  = "kith-audit-1."
)

var (
	markTable   = &Table{Name: "audit_mark", Columns: []string{"n", "whole", "body", "sig"}, Types: []string{"int", "int", "blob", "blob"}}
	markPattern = regexp.MustCompile(`kith-audit-1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
)

// String is the mark with its signature as one word for the log, which ParseMarks finds there again.
func (m *Mark) String() string {
	return markPrefix + base64.RawURLEncoding.EncodeToString(m.body) + "." + base64.RawURLEncoding.EncodeToString(m.sig)
}

// ParseMarks finds all marks in a text, such as a log.
func ParseMarks(text []byte) ([]Mark, error) {
	var out []Mark
	for _, word := range markPattern.FindAll(text, -1) {
		part := strings.Split(string(word), ".")
		body, err := base64.RawURLEncoding.DecodeString(part[1])
		if err != nil {
			return nil, fmt.Errorf("the checkpoint %.40s… cannot be read: %w", word, err)
		}
		sig, err := base64.RawURLEncoding.DecodeString(part[2])
		if err != nil {
			return nil, fmt.Errorf("the signature of the checkpoint %.40s… cannot be read: %w", word, err)
		}
		m, err := readMark(body, sig)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func readMark(body, sig []byte) (Mark, error) {
	var m Mark
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("a checkpoint is not written as checkpoints are: %w", err)
	}
	m.body, m.sig = body, sig
	return m, nil
}

// PublicKey writes a public key as marks and people do.
func PublicKey(key ed25519.PublicKey) string { return base64.RawURLEncoding.EncodeToString(key) }

// ParseKey reads a public key as PublicKey writes it.
func ParseKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no public key: it has 43 letters and digits", strings.TrimSpace(text))
	}
	return key, nil
}

// signed reports whether the mark is signed by the key it names, and that is one of keys; any will do where there are none.
func (m *Mark) signed(keys []ed25519.PublicKey) bool {
	key, err := ParseKey(m.Key)
	if err != nil || !ed25519.Verify(key, m.body, m.sig) {
		return false
	}
	return len(keys) == 0 || slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(key) })
}

func (m *Mark) sum() string {
	sum := sha256.Sum256(m.body)
	return hex.EncodeToString(sum[:])
}

// errShort says that a chain is not as long as a mark says it was; the mark is made all the same and goes on saying so.
var errShort = errors.New("the audit trail is shorter than its checkpoints say: run kith audit verify")

// Mark makes a mark and writes it, durably, unless nothing has been written since the last one; first says that this process has
// made none yet, and then one is always made. The caller must be who appends. An error beside a mark says that entries are missing.
func (l *Ledger) Mark(ctx context.Context, now time.Time, key ed25519.PrivateKey, first bool) (made *Mark, short error, err error) {
	for try := 0; ; try++ {
		made, short = nil, nil
		err = l.db.Write(ctx, func(tx Tx) error {
			made, short, err = l.mark(ctx, tx, now, key, first)
			return err
		})
		if err == nil || try == 12 || ctx.Err() != nil {
			break
		}
		time.Sleep(rand.N(time.Duration(1+try) * 4 * time.Millisecond)) // another process may just have made the mark of this number
	}
	if err == nil && made != nil {
		err = l.sync(ctx)
	}
	return made, short, l.db.Faulty(err)
}

func (l *Ledger) mark(ctx context.Context, tx Tx, now time.Time, key ed25519.PrivateKey, first bool) (*Mark, error, error) {
	last, known, err := lastMarks(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	heads, err := headsOf(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	if l.n > 0 { // of our own chain we know better than the database
		heads[l.chain] = Head{l.chain, l.n, hex.EncodeToString(l.head)}
	}
	var short error
	grown := []Head{}
	for chain, was := range known {
		if heads[chain].N < was.N { // it was longer once: this is never forgotten
			short, heads[chain] = errShort, was
		}
	}
	m := &Mark{N: 1, At: now.UnixMicro(), By: l.chain, Key: PublicKey(key.Public().(ed25519.PublicKey)), Whole: true}
	if last != nil {
		m.N, m.Prev, m.Whole = last.N+1, last.sum(), first || last.N%wholeEvery == 0
	}
	for chain, head := range heads {
		if m.Whole || known[chain] != head {
			grown = append(grown, head)
		}
	}
	if last != nil && !first && len(grown) == 0 && now.Sub(last.Time()) < markAtLeast {
		return nil, short, nil
	}
	slices.SortFunc(grown, func(a, b Head) int { return strings.Compare(a.Chain, b.Chain) })
	m.Chains = grown
	if m.body, err = json.Marshal(m); err != nil {
		return nil, nil, err
	}
	m.sig = ed25519.Sign(key, m.body)
	whole := int64(0)
	if m.Whole {
		whole = 1
	}
	return m, short, tx.Insert(ctx, markTable, [][]any{{m.N, whole, m.body, m.sig}})
}

// lastMarks is the last mark, nil where there is none, and what it and those before it say of each chain.
func lastMarks(ctx context.Context, q Queryer) (last *Mark, known map[string]Head, err error) {
	known = map[string]Head{}
	const sql = "SELECT body, sig FROM audit_mark WHERE n >= (SELECT coalesce(max(n), 0) FROM audit_mark WHERE whole = 1) ORDER BY n"
	return last, known, q.Query(ctx, sql, nil, func(r Row) error {
		var body, sig []byte
		if err := r.Scan(&body, &sig); err != nil {
			return err
		}
		m, err := readMark(body, sig)
		if err != nil {
			return err
		}
		last = &m
		for _, h := range m.Chains {
			known[h.Chain] = h
		}
		return nil
	})
}

// headsOf is how far each chain has come. Chains are found by going from each to the next one in the index.
func headsOf(ctx context.Context, q Queryer) (map[string]Head, error) {
	const sql = `WITH RECURSIVE c (chain) AS (SELECT min(chain) FROM audit UNION ALL SELECT (SELECT min(a.chain) FROM audit a WHERE a.chain > c.chain) FROM c WHERE c.chain IS NOT NULL)
SELECT audit.chain, audit.n, audit.hash FROM c JOIN audit ON audit.chain = c.chain AND audit.n = (SELECT max(b.n) FROM audit b WHERE b.chain = c.chain) WHERE c.chain IS NOT NULL`
	heads := map[string]Head{}
	return heads, q.Query(ctx, sql, nil, func(r Row) error {
		var h Head
		var hash []byte
		err := r.Scan(&h.Chain, &h.N, &hash)
		h.Hash = hex.EncodeToString(hash)
		heads[h.Chain] = h
		return err
	})
}

// Marks are all marks of the ledger, oldest first.
func (l *Ledger) Marks(ctx context.Context) ([]Mark, error) {
	var out []Mark
	err := l.db.Query(ctx, "SELECT n, body, sig FROM audit_mark ORDER BY n", nil, func(r Row) error {
		var n int64
		var body, sig []byte
		if err := r.Scan(&n, &body, &sig); err != nil {
			return err
		}
		m, err := readMark(body, sig)
		if err != nil {
			m = Mark{N: n, body: body, sig: sig} // Check says that nobody signed it
		}
		if m.N != n {
			m = Mark{N: n, body: body} // it stands under another number than its own
		}
		out = append(out, m)
		return nil
	})
	return out, l.db.Faulty(err)
}
