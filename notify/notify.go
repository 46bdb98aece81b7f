// Package notify tells subscribers of changes: the life of FHIR Subscriptions, whose channel is rest-hook.
// https://hl7.org/fhir/R4/subscription.html
//
// A Subscription is kept apart from the record and is its maker's alone (keep.go). What it asks for is a search; whoever makes it must be allowed
// to make that search, and is decided about again, as they are then, each time something is sent. Where the endpoint may be is settled in
// endpoint.go.
//
// Each Subscription has a place of its own in the change feed. When resources of its type change it is woken; a job then finds what a search
// would find now and that was written since its place, and sends one after another, in order (deliver.go, message.go). The place moves when the
// endpoint has answered. So each is told at least once, one subscriber never waits for another, and what may not be seen is not even counted.
//
// A subscriber is told how a resource is now: of several changes that follow quickly the last is told, and what cannot be found any more is not.
package notify

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/record"
)

// Service tells subscribers. Door and Base must be set.
type Service struct {
	Door *record.Door
	Base string           // of FHIR, absolute, without a last slash
	Now  func() time.Time // nil for time.Now

	// Still is an actor as of now, asked before each delivery; an error of kind Forbidden, NotFound or Gone ends their Subscriptions. Nil leaves them as they were.
	Still   func(context.Context, access.Actor) (access.Actor, error)
	Secrets *secret.Keeper // keeps headers encrypted; nil keeps them as they are
	Allowed Networks       // where endpoints may be besides the public Internet

	Kept  int           // Subscriptions that one asker may have, 0 for 50
	Tries int           // deliveries of one event before it is given up, 0 for 10, which takes an hour and a half
	Wait  time.Duration // how long an endpoint may take to answer, 0 for 10 s
	Poll  time.Duration // how often to look for what is due, 0 for 250 ms
	Limit time.Duration // how long one job may take; twice that after a process was killed another goes on. 0 for 30 s
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func (s *Service) box() record.Box { return s.Door.Box("notify") }

// The kinds of things in the box.
const (
	kindSub    = "sub"    // by id: sub
	kindPlace  = "place"  // by id: place
	kindActive = "active" // by type and id: which are active
	kindWoken  = "woken"  // by id: the last change of which it was woken
	kindOwner  = "owner"  // by who made them: owned
)

// The states of a Subscription. https://hl7.org/fhir/R4/valueset-subscription-status.html
const (
	requested = "requested"
	active    = "active"
	failing   = "error"
	off       = "off"
)

// sub is a Subscription.
type sub struct {
	ID       string
	Who      access.Actor    // who made it, as they were then
	Body     json.RawMessage // as it was sent, without what is kept beside it and without headers
	Version  int
	Updated  time.Time
	Type     string // of resources
	Query    string // conditions, as they stand after the ?
	Endpoint string
	Payload  bool   // the resource is sent with the notification, as plain R4 has it
	Content  string // empty, id-only or full-resource of the R5 backport, "" for plain R4
	Headers  []byte `json:",omitempty"` // sealed: JSON of []string
	Status   string
	Error    string
	End      time.Time // zero for none
}

// place is how far a Subscription has come.
type place struct {
	Seq    int64 // of the feed: all up to this change was dealt with
	Events int64 // that were told
}

// owned are the Subscriptions of one asker.
type owned struct{ IDs []string }

func (s *Service) reads(ctx context.Context) func(kind, key string) ([]byte, error) {
	return func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }
}

func gone(kind, key string) record.BoxItem { return record.BoxItem{Kind: kind, Key: key} }

func (v *sub) activeKey() string { return v.Type + " " + v.ID }

// ended reports whether the end that its maker set has come.
func (v *sub) ended(now time.Time) bool { return !v.End.IsZero() && !now.Before(v.End) }
