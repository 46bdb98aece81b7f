package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// turn is how long one Subscription is served before it stands behind the others again.
const turn = 10 * time.Second

// retryIn is how long to wait where some of what was to be told was, and then the endpoint failed.
const retryIn = 10 * time.Second

// Run tells subscribers until ctx ends, beside all other processes that do.
func (s *Service) Run(ctx context.Context) error {
	d := &delivering{s, s.Allowed.client(or(s.Wait, 10*time.Second))}
	defer d.http.CloseIdleConnections()
	var both sync.WaitGroup
	both.Go(func() { s.box().Wake(ctx, s.wake) })
	both.Go(func() {
		s.box().Work(ctx, record.Queue{Parallel: 32, Poll: s.Poll, Limit: or(s.Limit, 30*time.Second), Tries: or(s.Tries, 10), Do: d.do, GiveUp: s.giveUp})
	})
	both.Wait()
	return nil
}

// wake puts the Subscriptions to some types into the queue. One whose job is under way may have looked already, so what woke it is noted too.
func (s *Service) wake(ctx context.Context, types []string, last int64) (n record.Noted, err error) {
	for _, typ := range types {
		for after := typ + " "; ; {
			some, err := s.box().List(ctx, kindActive, after, 500)
			if err != nil {
				return n, err
			}
			for _, it := range some {
				id, found := strings.CutPrefix(it.Key, typ+" ")
				if !found {
					break
				}
				after = it.Key
				n.Items = append(n.Items, record.BoxItem{Kind: kindWoken, Key: id, Value: strconv.AppendInt(nil, last, 10)})
				n.Jobs = append(n.Jobs, record.Job{Name: id, Once: true})
			}
			if len(some) < 500 || !strings.HasPrefix(some[len(some)-1].Key, typ+" ") {
				break
			}
		}
	}
	return n, nil
}

// delivering serves Subscriptions.
type delivering struct {
	*Service
	http *http.Client
}

// do tells one subscriber what is new.
func (d *delivering) do(ctx context.Context, due record.Job) (record.Settle, error) {
	v, err := record.ReadJSON[sub](d.reads(ctx), kindSub, due.Name)
	if err != nil || v == nil || v.Status == failing {
		return nil, err
	}
	if v.Status == off {
		return d.forget(v), nil
	}
	if v.ended(d.now()) {
		return d.stop(v, off, ""), nil
	}
	who, err := d.still(ctx, v)
	if err == nil && v.Status == requested {
		err = d.greet(ctx, v)
	}
	if err != nil {
		return d.failed(ctx, v, err)
	}
	at, err := record.ReadJSON[place](d.reads(ctx), kindPlace, v.ID)
	if err != nil || at == nil {
		return nil, err
	}
	began, told := time.Now(), at.Events
	more := true
	for more && time.Since(began) < turn {
		var numbers []int64
		var upTo int64
		if numbers, upTo, more, err = d.Door.News(ctx, who, v.Type, v.Query, at.Seq); err != nil {
			break
		}
		for _, n := range numbers {
			if err = d.tell(ctx, who, v, at, n); err != nil {
				break
			}
			if time.Since(began) >= turn {
				upTo, more = n, true
				break
			}
		}
		if err != nil {
			break
		}
		at.Seq = upTo
	}
	if err != nil && at.Events == told {
		return d.failed(ctx, v, err)
	}
	next := time.Time{}
	if err != nil {
		next = d.now().Add(retryIn) // some were told, so it is no failure to be counted
	}
	return d.went(v, at, more || err != nil, next), nil
}

// still is who made a Subscription, as they are now.
func (d *delivering) still(ctx context.Context, v *sub) (access.Actor, error) {
	if d.Still == nil {
		return v.Who, nil
	}
	who, err := d.Still(ctx, v.Who)
	if err != nil && final(err) {
		err = fhir.Errorf(fhir.Gone, "what the Subscription rested on was taken back, or is over")
	}
	return who, err
}

// final reports whether trying again would not help.
func final(err error) bool {
	switch fhir.KindOf(err) {
	case fhir.Broken, fhir.Busy, fhir.NoRoom:
		return false
	}
	return true
}

// greet looks at the endpoint of a new Subscription, which is active then. One that understands notifications as Bundles gets a first one; as plain
// R4 has it every request means that something happened, so none is sent.
func (d *delivering) greet(ctx context.Context, v *sub) error {
	if err := d.Allowed.lookUp(ctx, v.Endpoint); err != nil {
		return err
	}
	if v.Content != "" {
		if err := d.send(ctx, v, message{http.MethodPost, v.Endpoint, d.bundle(v, "handshake", nil, 0)}); err != nil {
			return err
		}
	}
	seen := v.Version
	return d.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		now, err := record.ReadJSON[sub](read, kindSub, v.ID)
		if err != nil {
			return record.Noted{}, err
		}
		if now == nil || now.Version != seen {
			return record.Noted{}, fhir.Errorf(fhir.Busy, "the Subscription was changed meanwhile")
		}
		v.Status, v.Error, v.Version, v.Updated = active, "", seen+1, d.now().UTC()
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindSub, v.ID, v), {Kind: kindActive, Key: v.activeKey(), Value: []byte("1")}}}, nil
	})
}

// tell sends one version, if it may still be seen and is still current, and moves the place when it was taken.
func (d *delivering) tell(ctx context.Context, who access.Actor, v *sub, at *place, number int64) error {
	res, err := d.Door.Current(ctx, who, record.Sent+" "+v.ID+": "+v.Type, number)
	if err != nil {
		return err
	}
	if res == nil {
		at.Seq = number
		return nil
	}
	if err := d.send(ctx, v, d.event(v, res, at.Events+1)); err != nil {
		return err
	}
	at.Seq, at.Events = number, at.Events+1
	// It was taken, and that must be known to whoever goes on, however this ends.
	return d.box().Decide(context.WithoutCancel(ctx), func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		items, err := d.advance(read, v, at)
		return record.Noted{Items: items}, err
	})
}

// advance is the place written down, unless the Subscription has been changed, deleted, or served further by another.
func (d *delivering) advance(read func(kind, key string) ([]byte, error), v *sub, at *place) ([]record.BoxItem, error) {
	now, err := record.ReadJSON[sub](read, kindSub, v.ID)
	if err != nil {
		return nil, err
	}
	if now == nil || now.Version != v.Version {
		return nil, fhir.Errorf(fhir.Busy, "the Subscription was changed meanwhile")
	}
	have, err := record.ReadJSON[place](read, kindPlace, v.ID)
	if err != nil || have == nil || have.Seq > at.Seq {
		return nil, err
	}
	return []record.BoxItem{record.JSONItem(kindPlace, v.ID, at)}, nil
}

// went is what is written when a Subscription was served: its place, and that it is to be served again where there is more.
func (d *delivering) went(v *sub, at *place, more bool, next time.Time) record.Settle {
	return func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		items, err := d.advance(read, v, at)
		if err != nil {
			return record.Noted{Jobs: []record.Job{{Name: v.ID}}}, ignoreBusy(err)
		}
		woken, err := read(kindWoken, v.ID)
		if err != nil {
			return record.Noted{}, err
		}
		if last, _ := strconv.ParseInt(string(woken), 10, 64); last > at.Seq {
			more = true
		}
		n := record.Noted{Items: items}
		if v.Error != "" && next.IsZero() {
			v.Error = ""
			n.Items = append(n.Items, record.JSONItem(kindSub, v.ID, v))
		}
		if more {
			n.Jobs = []record.Job{{Name: v.ID, Due: next}}
		}
		return n, nil
	}
}

func ignoreBusy(err error) error {
	if fhir.KindOf(err) == fhir.Busy {
		return nil
	}
	return err
}

// failed says what becomes of a Subscription that could not be served: it is tried again, or it stops where that would not help.
func (d *delivering) failed(ctx context.Context, v *sub, why error) (record.Settle, error) {
	switch {
	case fhir.KindOf(why) == fhir.Gone, fhir.KindOf(why) == fhir.Forbidden:
		return d.stop(v, off, sentence(why)), nil
	case final(why):
		return d.stop(v, failing, sentence(why)), nil
	}
	if text := sentence(why); text != v.Error && v.Status == active {
		err := d.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
			now, err := record.ReadJSON[sub](read, kindSub, v.ID)
			if err != nil || now == nil || now.Version != v.Version {
				return record.Noted{}, err
			}
			now.Error = text
			return record.Noted{Items: []record.BoxItem{record.JSONItem(kindSub, v.ID, now)}}, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return nil, why
}

// giveUp stops a Subscription whose endpoint failed for the last time.
func (s *Service) giveUp(due record.Job, why error) record.Settle {
	return func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		v, err := record.ReadJSON[sub](read, kindSub, due.Name)
		if err != nil || v == nil {
			return record.Noted{}, err
		}
		return s.stop(v, failing, sentence(why))(read)
	}
}

// stop writes that a Subscription is served no more, and why.
func (s *Service) stop(v *sub, status, why string) record.Settle {
	return func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		now, err := record.ReadJSON[sub](read, kindSub, v.ID)
		if err != nil || now == nil || now.Version != v.Version {
			return record.Noted{}, err
		}
		now.Status, now.Error, now.Version, now.Updated = status, why, now.Version+1, s.now().UTC()
		var jobs []record.Job
		if status == off {
			jobs = []record.Job{{Name: v.ID, Due: now.Updated.Add(keptOff)}}
		}
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindSub, v.ID, now), gone(kindActive, v.activeKey())}, Jobs: jobs,
			Who: v.Who, Action: access.Update, What: "Subscription/" + v.ID + " is " + status, Refusal: why}, nil
	}
}

// keptOff is how long a Subscription that was switched off by us can still be read: nobody may be left who could delete it.
const keptOff = 30 * 24 * time.Hour

// forget removes a Subscription that has been off for long.
func (s *Service) forget(v *sub) record.Settle {
	return func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		now, err := record.ReadJSON[sub](read, kindSub, v.ID)
		if err != nil || now == nil || now.Version != v.Version || s.now().Before(v.Updated.Add(keptOff)) {
			return record.Noted{}, err
		}
		n := record.Noted{Items: []record.BoxItem{gone(kindSub, v.ID), gone(kindPlace, v.ID), gone(kindWoken, v.ID)}}
		owner, err := disowned(read, v.Who.Key(), v.ID)
		n.Items = append(n.Items, owner...)
		return n, err
	}
}

// sentence is what the maker of a Subscription reads about a failure.
func sentence(err error) string {
	if e, ok := errors.AsType[*fhir.Error](err); ok && e.Kind != fhir.Broken {
		return e.Msg
	}
	return "something went wrong on the server"
}

// send sends a message; the error is Busy where the endpoint did not take it.
func (d *delivering) send(ctx context.Context, v *sub, m message) error {
	headers, err := d.headers(v)
	if err != nil {
		return err
	}
	if err := d.Allowed.check(v.Endpoint); err != nil { // the place's settings may have changed
		return err
	}
	q, err := http.NewRequestWithContext(ctx, m.method, m.url, bytes.NewReader(m.body))
	if err != nil {
		return refusedEndpoint("the endpoint is no address of https")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		q.Header.Add(name, strings.TrimSpace(value))
	}
	if q.Header.Get("User-Agent") == "" {
		q.Header.Set("User-Agent", "Kith")
	}
	if m.body != nil {
		q.Header.Set("Content-Type", "application/fhir+json")
	}
	answer, err := d.http.Do(q)
	if err != nil {
		if refused, ok := errors.AsType[*fhir.Error](err); ok {
			return refused
		}
		return fhir.Errorf(fhir.Busy, "the endpoint could not be reached")
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // what it says besides the status is of no interest
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fhir.Errorf(fhir.Busy, "%s", fmt.Sprintf("the endpoint answered %d", answer.StatusCode))
	}
	return nil
}
