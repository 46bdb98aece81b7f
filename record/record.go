// Package record is the one door to the record. Whatever wants to read or change a person's data comes through a Door:
// a decision is made (package access), the change is validated, indexed and stored in one transaction, and an audit
// entry is written before the answer leaves.
//
// Get reads one resource, Find searches in FHIR's own query language, Commit changes any number of resources at once,
// and Changes follows what happened. Requests that arrive together are committed together, each as a whole or not at
// all. The rest of the program never sees the store.
package record

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/store/postgres"
	"github.com/kith-care/kith/store/sqlite"
	"github.com/kith-care/kith/terms"
)

// Options are how a record is opened. The zero value opens nothing: DB must be set.
type Options struct {
	DB     string        // sqlite:PATH, sqlite::memory: or a postgres:// URL
	Base   string        // our own base URL, without a last slash: references under it are ours
	Policy access.Policy // nil permits nobody
	// TestNumbers says that the record is for made-up people, whose NHS numbers begin with 999. It is decided when the
	// record is created and never changes, so that made-up people and real ones are never mixed.
	TestNumbers bool
	Now         func() time.Time
}

// Door is an open record.
type Door struct {
	store       *store.Store
	policy      access.Policy
	base        string
	now         func() time.Time
	testNumbers bool
	catalogue   atomic.Pointer[search.Catalogue]
	terms       atomic.Pointer[terms.Terms]
	loading     sync.Mutex     // held while the catalogue is made
	defined     atomic.Int64   // the newest change to a SearchParameter that the catalogue knows
	filling     map[int64]bool // custom parameters that are being filled in, by number; under loading
	tasks       sync.WaitGroup
	end         context.CancelFunc // ends what runs in the background
	running     context.Context
	audit       *auditor
	commits     *committer
	circles     *circles      // who is close to whom
	labels      search.Labels // the policy's sensitive codes
	scopes      scopes
	marks       atomic.Pointer[map[spec.TypeID]Mark]
}

// Open opens the record that o names, creating or migrating its database.
func Open(ctx context.Context, o Options) (*Door, error) {
	d := &Door{policy: o.Policy, base: strings.TrimSuffix(o.Base, "/"), now: o.Now, filling: map[int64]bool{}}
	if d.policy == nil {
		d.policy = access.Nobody{}
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.circles = newCircles(d)
	d.readLabels()
	chain := make([]byte, 8)
	rand.Read(chain)
	ledger, err := d.open(ctx, o.DB, hex.EncodeToString(chain))
	if err != nil {
		return nil, err
	}
	d.store.Now = d.now
	if d.testNumbers, err = d.settleTestNumbers(ctx, o.TestNumbers); err != nil {
		return nil, errors.Join(err, ledger.Close(), d.store.Close())
	}
	if d.circles.looked, err = d.store.Seq(ctx); err != nil {
		return nil, errors.Join(err, ledger.Close(), d.store.Close())
	}
	d.newTerms()
	d.running, d.end = context.WithCancel(context.Background())
	d.audit = newAuditor(ledger, d.now)
	d.audit.about = d.about
	d.commits = newCommitter(d)
	if err := d.loadCatalogue(ctx); err != nil {
		d.Close()
		return nil, err
	}
	d.background(d.housekeeping)
	return d, nil
}

func (d *Door) open(ctx context.Context, db, chain string) (ledger *store.Ledger, err error) {
	if path, ok := strings.CutPrefix(db, "sqlite:"); ok && path != "" {
		if d.store, err = sqlite.Open(ctx, path); err == nil {
			ledger, err = sqlite.OpenLedger(ctx, path, chain)
		}
	} else if strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://") {
		if d.store, err = postgres.Open(ctx, db); err == nil {
			ledger, err = postgres.OpenLedger(ctx, db, chain)
		}
	} else {
		return nil, fhir.Errorf(fhir.Invalid, "the database %q is neither sqlite:PATH nor a postgres:// URL", db)
	}
	return ledger, err
}

// TestNumbers reports whether the record was created for made-up people.
func (d *Door) TestNumbers() bool { return d.testNumbers }

func (d *Door) settleTestNumbers(ctx context.Context, want bool) (bool, error) {
	mark, err := d.store.BoxGet(ctx, "record", "store", "test-numbers")
	if err != nil || mark != nil || !want {
		return mark != nil, err
	}
	seq, err := d.store.Seq(ctx)
	if err != nil {
		return false, err
	}
	if seq > 0 {
		return false, fhir.Errorf(fhir.Conflict, "the record was not created for test numbers and has people in it: made-up people must not be mixed with real ones")
	}
	return true, d.store.Write(ctx, func(w *store.Writer) error {
		return w.Box(ctx, store.BoxItem{Room: "record", Kind: "store", Key: "test-numbers", Value: []byte("yes")})
	})
}

// Close answers what has been asked and closes the record.
func (d *Door) Close() error {
	d.end()
	d.tasks.Wait()
	d.commits.stop()
	err := d.audit.close()
	if e := d.store.Close(); err == nil {
		err = e
	}
	return err
}

// Healthy reports whether the record can answer.
func (d *Door) Healthy(ctx context.Context) error { return d.store.Healthy(ctx) }

// Stored is one version of a resource as it is in the record.
type Stored struct {
	Type, ID string
	Version  int64
	Seq      int64 // its number in the change feed
	Updated  time.Time
	Deleted  bool
	Created  bool   // the first version
	Body     []byte // JSON with id and meta; nil where Deleted

	keys []byte
	kind spec.TypeID
}

func stored(v *store.Version) *Stored {
	return &Stored{Type: v.Type.String(), ID: v.ID, Version: v.Version, Seq: v.Rid, Updated: v.Time(), Deleted: v.Op >= store.Delete, Created: v.Op == store.Create, Body: v.Body, keys: v.Keys, kind: v.Type}
}

// Resource parses the body.
func (s *Stored) Resource() (*fhir.Resource, error) { return fhir.Parse(s.Body) }

// Says reports whether the stored version says the same as a resource, their meta.versionId and meta.lastUpdated aside.
func (s *Stored) Says(res *fhir.Resource) bool {
	have, err := s.Resource()
	if err != nil {
		return false
	}
	a, _ := store.Strip(have, s.ID)
	b, _ := store.Strip(res, s.ID)
	return bytes.Equal(a, b)
}

// Ref is Type/id.
func (s *Stored) Ref() string { return s.Type + "/" + s.ID }

func refOf(typ, id string) (store.Ref, error) {
	t, ok := spec.Resource(typ)
	if !ok {
		return store.Ref{}, fhir.Errorf(fhir.NotFound, "there is no resource type %s in FHIR R4", typ)
	}
	if !fhir.ValidID(id) {
		return store.Ref{}, fhir.Errorf(fhir.Invalid, "%q cannot be the id of a resource: it takes 1 to 64 letters, digits, - and .", id)
	}
	return store.Ref{Type: t, ID: id}, nil
}

// Get reads the current version of a resource. NotFound where there never was one, Gone where it was deleted.
func (d *Door) Get(ctx context.Context, who access.Actor, typ, id string) (*Stored, error) {
	ref, err := refOf(typ, id)
	if err != nil {
		return nil, err
	}
	v, err := d.store.Get(ctx, ref)
	return d.read(ctx, who, typ+"/"+id, v, err)
}

// GetVersion reads one version of a resource.
func (d *Door) GetVersion(ctx context.Context, who access.Actor, typ, id string, version int64) (*Stored, error) {
	ref, err := refOf(typ, id)
	if err != nil {
		return nil, err
	}
	v, err := d.store.GetVersion(ctx, ref, version)
	return d.read(ctx, who, typ+"/"+id, v, err)
}

func (d *Door) read(ctx context.Context, who access.Actor, what string, v *store.Version, err error) (*Stored, error) {
	if err != nil {
		return nil, err
	}
	if e := d.eyes(ctx, nil, &who, access.Read); e != nil {
		ok, err := e.may(access.Read, v)
		if err == nil && !ok {
			// Whoever may not see it learns nothing, not even that it is there.
			return nil, d.audit.refusedAs(ctx, who, access.Read, what, e.why(access.Read, v), fhir.Errorf(fhir.NotFound, "there is no %s", v.Ref()), v)
		}
		if err == nil {
			v, err = e.narrow(v)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := d.audit.disclosed(ctx, who, access.Read, what, v); err != nil {
		return nil, err
	}
	if v.Op >= store.Delete {
		return stored(v), fhir.Errorf(fhir.Gone, "%s was deleted on %s", v.Ref(), v.Time().Format(time.RFC3339))
	}
	return stored(v), nil
}

// permit asks the policy about an action on one version. The refusal says why.
func (d *Door) permit(ctx context.Context, who access.Actor, action access.Action, v *store.Version) error {
	e := d.eyes(ctx, nil, &who, action)
	if e == nil {
		return nil
	}
	ok, err := e.may(action, v)
	if err == nil && !ok {
		err = fhir.Errorf(fhir.Forbidden, "%s", e.why(action, v).Sentence())
	}
	return err
}

// NewID makes a logical id: 20 characters, time first so that ids made together stand together in the indexes, then 60
// bits of chance so that none can be guessed.
func (d *Door) NewID() string {
	var b [13]byte
	rand.Read(b[:])
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], uint64(d.now().UnixMilli())<<16)
	copy(b[:5], t[1:6]) // 40 bits of milliseconds count to 2004 and round again; order matters only among neighbours
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:20]
}
