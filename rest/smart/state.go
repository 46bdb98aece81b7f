package smart

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// The kinds of things in the box.
const (
	kindClient  = "client"  // by client id: Client
	kindGrant   = "grant"   // by grant id: Grant
	kindCode    = "code"    // by hash: code
	kindRefresh = "refresh" // by hash: refresh
	kindAccess  = "access"  // by hash: bearer
	kindLaunch  = "launch"  // by hash: launch
	kindJTI     = "jti"     // by client and hash: expiring, assertions that were used
	kindKey     = "key"     // by key id: signing keys, and the key of tickets
	kindEpoch   = "epoch"   // one item that changes when anything is revoked: what is cached must be forgotten
)

// Grant is what one person allowed one app, or what a backend service asked for.
type Grant struct {
	ID        string
	Client    string
	Who       access.Actor // as at consent or the last refresh, without App
	Scopes    []string     // as granted, in the spelling in which they were asked for
	Patient   string       // id of the Patient the app was launched for, "" for none
	Encounter string
	Nonce     string // of OpenID Connect
	Made      time.Time
	Used      time.Time // when tokens were last given
	Until     time.Time // when the last token of it ends
	Ended     time.Time // zero while it stands
	Why       string    // it was ended
}

// code is an authorisation code that was given out. It stays a while after it was used, so that a second use is seen.
type code struct {
	Grant     Grant
	Redirect  string
	Challenge string
	Until     time.Time
	Used      bool
}

// refresh is one refresh token. It stays after it was used, so that a second use is seen.
type refresh struct {
	Grant, Client string
	Until         time.Time
	Used          bool
}

// bearer is one access token.
type bearer struct {
	Grant, Client string
	Scopes        []string
	Made, Until   time.Time
}

// launch is the context in which our own pages opened an app.
type launch struct {
	Who, Client, Patient, Encounter string
	Until                           time.Time
}

// expiring is how every item but clients and keys says when it may be cleared away.
type expiring struct{ Until time.Time }

// get reads an item into v; raw is what stands there, for compare-and-set, nil where there is none.
func (s *Service) get(ctx context.Context, kind, key string, v any) (raw record.BoxItem, err error) {
	raw = record.BoxItem{Kind: kind, Key: key}
	if raw.Value, err = s.box.Get(ctx, kind, key); err != nil || raw.Value == nil {
		return raw, err
	}
	if err := json.Unmarshal(raw.Value, v); err != nil {
		return raw, fhir.Errorf(fhir.Broken, "%s %s of the authorisation server cannot be read: %w", kind, key, err)
	}
	return raw, nil
}

// item makes an item of v.
func item(kind, key string, v any) record.BoxItem {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("smart: " + err.Error()) // plain structs of ours
	}
	return record.BoxItem{Kind: kind, Key: key, Value: raw}
}

// absent says of compare-and-set that nothing may be there yet.
func absent(kind, key string) record.BoxItem { return record.BoxItem{Kind: kind, Key: key} }

// swap writes items where those of was are as they were read; otherwise nothing is written and the error is a Conflict.
func (s *Service) swap(ctx context.Context, who access.Actor, was []record.BoxItem, items ...record.BoxItem) error {
	return s.box.Relate(ctx, who, nil, was, items...)
}

// epoch is the item that has every process forget what it cached.
func epoch() record.BoxItem {
	return record.BoxItem{Kind: kindEpoch, Key: "1", Value: []byte(newToken())}
}

// each calls f with the items of a kind whose keys begin with prefix, in order, until it answers false.
func (s *Service) each(ctx context.Context, kind, prefix string, f func(record.BoxItem) (bool, error)) error {
	for after := prefix; ; {
		items, err := s.box.List(ctx, kind, after, 500)
		if err != nil {
			return err
		}
		for _, it := range items {
			if len(it.Key) < len(prefix) || it.Key[:len(prefix)] != prefix {
				return nil
			}
			if more, err := f(it); err != nil || !more {
				return err
			}
			after = it.Key
		}
		if len(items) < 500 {
			return nil
		}
	}
}
