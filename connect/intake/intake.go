// Package intake is the desk at which everything from elsewhere arrives: extracts, messages, bundles, readings, documents.
//
// The story of an item: Keep stores it as it came, compressed, named by its digest, before anybody reads it. A room that knows
// its language (connect/gp, connect/hl7, …) turns it into resources with ids made from the source's own keys (ID), so that the
// same thing sent again is the same resource, and files them with File: resources, what became of the item, and the rows it
// held are one transaction. Until then the item is pending, and Pending hands it out again after a crash.
//
// Each resource says in meta.source where it came from: urn:kith:intake:FEED/ITEM#PLACE for a message, or
// urn:kith:intake:FEED/TABLE/KEY for a row of an extract. Trace leads from there to the bytes in one step, and Provenance writes
// the same as FHIR.
//
// Extracts of tables (format.go, extract.go) are recognised row by row: a row that says what it said is not written again, one
// that cannot be understood is quarantined with its reason, one whose parent is missing is parked until it comes.
//
// Rules: Kith's feeds specification, section 0.
package intake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Desk receives for one record. Make it with Open.
type Desk struct {
	Door *record.Door
	Who  access.Actor // as whom feeds write
	Now  func() time.Time
	box  record.Box

	mu      sync.Mutex
	feeds   map[string]*Feed
	last    int64
	running map[string]*sync.Mutex // one extract of a feed at a time
	chunks  chunkCache
}

// Open makes the desk of a record and reads which feeds there are.
func Open(ctx context.Context, door *record.Door) (*Desk, error) {
	d := &Desk{Door: door, Who: access.Actor{ID: "kith/intake", Name: "Feeds", Role: access.Kith, Purpose: "TREAT"}, Now: time.Now, box: door.Box("intake"),
		feeds: map[string]*Feed{}, running: map[string]*sync.Mutex{}}
	return d, each(ctx, d.box, "feed", func(it record.BoxItem) error {
		f := &Feed{}
		if err := json.Unmarshal(it.Value, f); err != nil {
			return fhir.Errorf(fhir.Broken, "the feed %s cannot be read: %w", it.Key, err)
		}
		d.feeds[f.Name] = f
		return nil
	})
}

// each calls do with every item of a kind.
func each(ctx context.Context, box record.Box, kind string, do func(record.BoxItem) error) error {
	for after := ""; ; {
		items, err := box.List(ctx, kind, after, 500)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := do(it); err != nil {
				return err
			}
			after = it.Key
		}
		if len(items) < 500 {
			return nil
		}
	}
}

// Feed is one source of the place: a practice's system, the hospital's messages, the council's submissions.
type Feed struct {
	Name         string        `json:"name"`                   // emis-zz001: lower case, digits and dashes
	Number       int64         `json:"number"`                 // given when the feed is first seen
	Kind         string        `json:"kind"`                   // the language: emis, tpp, vision, gpconnect, hl7, cld, visits, openmhealth, fhir, …
	Title        string        `json:"title"`                  // what people call it: Mill Lane Surgery (EMIS Web)
	Organization string        `json:"organization,omitempty"` // ODS code of whose record it is
	Limit        time.Duration `json:"limit,omitempty"`        // silence longer than this is an alarm; 0 for 36 hours
	Folder       string        `json:"folder,omitempty"`       // watched for extracts
	Address      string        `json:"address,omitempty"`      // of a system that is asked, or a port that is listened on
	Map          string        `json:"map,omitempty"`          // the column map of a table without a format of its own
	Warn         bool          `json:"warn,omitempty"`         // what it sends is validated in full; what does not validate is filed, counted and listed
	Strict       bool          `json:"strict,omitempty"`       // it is validated in full; what does not validate is refused
	Certificate  string        `json:"certificate,omitempty"`  // file with the certificate of a feed that listens by TLS, or shows one to whom it asks
	Key          string        `json:"key,omitempty"`          // file with its key
	ClientCA     string        `json:"clientCA,omitempty"`     // file with whose certificates the other side must show
	// PGPKey is a file with the private key by which files that end in .gpg are opened, PGPPassphrase a file with its passphrase, or env:NAME for a
	// variable of the environment, and PGPSigner a file with the public key by which they must be signed, "" where they need not be.
	PGPKey        string `json:"pgpKey,omitempty"`
	PGPPassphrase string `json:"pgpPassphrase,omitempty"`
	PGPSigner     string `json:"pgpSigner,omitempty"`
	// Held says why nothing more is filed until a person says so; "" where it is not held.
	Held string `json:"held,omitempty"`
	// Awaits says that the feed is held for want of something, such as a delta, and goes on by itself when it comes.
	Awaits bool `json:"awaits,omitempty"`
	// Confirmed says that a person has let the feed go on: what it was held for is done once.
	Confirmed bool `json:"confirmed,omitempty"`
	// Full is, by table, the stamp of the newest full extract, in microseconds: older rows have nothing more to say.
	Full map[string]int64 `json:"full,omitempty"`
	// Until is where the newest extract ends, in microseconds: the next must begin there, where the format says from when.
	Until int64 `json:"until,omitempty"`
	// Moved says by how much the newest full extract is larger or smaller than the one before, "" where by no more than a tenth.
	Moved string `json:"moved,omitempty"`
	// Rows is the count of live rows by table after the newest full extract.
	Rows map[string]int64 `json:"rows,omitempty"`
}

// Silence is how long the feed may say nothing before it is an alarm.
func (f *Feed) Silence() time.Duration {
	if f.Limit == 0 {
		return 36 * time.Hour
	}
	return f.Limit
}

var feedName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Feed makes a feed known, or changes what is said of it, and returns it as it is now.
func (d *Desk) Feed(ctx context.Context, f Feed) (*Feed, error) {
	if !feedName.MatchString(f.Name) {
		return nil, fhir.Errorf(fhir.Invalid, "%q cannot name a feed: it takes up to 63 lower case letters, digits and dashes", f.Name)
	}
	if f.Kind == "" {
		return nil, fhir.Errorf(fhir.Invalid, "the feed %s has no kind", f.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if have := d.feeds[f.Name]; have != nil {
		if have.Kind != f.Kind {
			return nil, fhir.Errorf(fhir.Conflict, "the feed %s is of kind %s, not %s", f.Name, have.Kind, f.Kind)
		}
		if have.Organization != "" && f.Organization != have.Organization {
			return nil, fhir.Errorf(fhir.Conflict, "the feed %s is of the organisation %s, not %q: keys are an organisation's own, so another needs a feed of its own", f.Name, have.Organization, f.Organization)
		}
		f.Number, f.Held, f.Awaits, f.Confirmed, f.Full, f.Until, f.Moved, f.Rows = have.Number, have.Held, have.Awaits, have.Confirmed, have.Full, have.Until, have.Moved, have.Rows
	} else {
		f.Number = 1
		for _, other := range d.feeds {
			f.Number = max(f.Number, other.Number+1)
		}
	}
	if err := d.saveFeed(ctx, &f); err != nil {
		return nil, err
	}
	return d.feeds[f.Name].copy(), nil
}

func (f *Feed) copy() *Feed {
	c := *f
	c.Full, c.Rows = map[string]int64{}, map[string]int64{}
	for t, n := range f.Full {
		c.Full[t] = n
	}
	for t, n := range f.Rows {
		c.Rows[t] = n
	}
	return &c
}

// saveFeed writes a feed; d.mu is held.
func (d *Desk) saveFeed(ctx context.Context, f *Feed) error {
	if have := d.feeds[f.Name]; have != nil && string(encode(have)) == string(encode(f)) {
		return nil
	}
	if _, err := d.box.Commit(ctx, d.Who, nil, feedItem(f)); err != nil {
		return err
	}
	d.feeds[f.Name] = f.copy()
	return nil
}

func feedItem(f *Feed) record.BoxItem {
	return record.BoxItem{Kind: "feed", Key: f.Name, Value: encode(f)}
}

// change alters a feed and saves it.
func (d *Desk) change(ctx context.Context, name string, how func(*Feed)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.feeds[name]
	if have == nil {
		return fhir.Errorf(fhir.NotFound, "there is no feed %s", name)
	}
	f := have.copy()
	how(f)
	return d.saveFeed(ctx, f)
}

// Hold stops filing from a feed until Release; what arrives is kept. Why is a sentence for staff.
func (d *Desk) Hold(ctx context.Context, name, why string) error {
	return d.hold(ctx, name, &held{why: why})
}

func (d *Desk) hold(ctx context.Context, name string, h *held) error {
	return d.change(ctx, name, func(f *Feed) { f.Held, f.Awaits = h.why, h.awaits })
}

// Release lets a held feed go on and do once what it was held for. Who says so is in the audit.
func (d *Desk) Release(ctx context.Context, who access.Actor, name string) error {
	if err := d.box.Operate(ctx, who, "release of the feed "+name); err != nil {
		return err
	}
	return d.change(ctx, name, func(f *Feed) { f.Held, f.Awaits, f.Confirmed = "", false, true })
}

// Named is the feed of that name.
func (d *Desk) Named(name string) (*Feed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.feeds[name]; f != nil {
		return f.copy(), nil
	}
	return nil, fhir.Errorf(fhir.NotFound, "there is no feed %s", name)
}

// Feeds are all feeds, in order of name.
func (d *Desk) Feeds() []*Feed {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*Feed
	for _, f := range d.feeds {
		out = append(out, f.copy())
	}
	sortFeeds(out)
	return out
}

// ID is the id of what a source's key names, the same whenever it comes: 32 hexadecimal digits.
func ID(feed, typ, key string) string {
	h := sha256.New()
	h.Write([]byte(feed))
	h.Write([]byte{0})
	h.Write([]byte(typ))
	h.Write([]byte{0})
	h.Write([]byte(key))
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:16])
}

const sourcePrefix = "urn:kith:intake:"

// Source is meta.source of a resource that came in an item: place is where in it, such as OBX[3].
func Source(feed string, item int64, place string) string {
	return fmt.Sprintf("%s%s/%d#%s", sourcePrefix, feed, item, place)
}

// RowSource is meta.source of a resource that a row of an extract made. Which file says so now, Trace knows.
func RowSource(feed, kind, key string) string {
	return sourcePrefix + feed + "/" + kind + "/" + escapeKey(key)
}

func escapeKey(key string) string {
	if !strings.ContainsAny(key, " #%<>\"{}|\\^`") {
		return key
	}
	var b strings.Builder
	for _, c := range []byte(key) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("#%<>\"{}|\\^`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// number makes the number of an item: later ones are larger, and no two processes make the same.
func (d *Desk) number() int64 {
	var b [2]byte
	rand.Read(b[:])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = max(d.Now().UnixMicro(), d.last>>10+1)<<10 | int64(binary.BigEndian.Uint16(b[:])&1023)
	return d.last
}

// newestFirst is a key that sorts items the newest first.
func newestFirst(item int64) string { return fmt.Sprintf("%019d", math.MaxInt64-item) }

func oldestFirst(item int64) string { return fmt.Sprintf("%019d", item) }

func encode(x any) []byte {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err) // plain structs of ours
	}
	return b
}
