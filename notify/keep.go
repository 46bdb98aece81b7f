package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

// Kept is a Subscription as its maker reads it.
type Kept struct {
	ID      string
	Version int
	Status  string
	Body    []byte // without headers
}

// contentExtension says how much a notification holds. https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-payload-content.html
const contentExtension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"

// Create keeps a new Subscription, which is active once its endpoint was looked at.
func (s *Service) Create(ctx context.Context, who access.Actor, res *fhir.Resource) (*Kept, error) {
	v, err := s.read(ctx, who, s.Door.NewID(), res, nil)
	if err != nil {
		return nil, err
	}
	seq, _, err := s.Door.Moment(ctx)
	if err != nil {
		return nil, err
	}
	err = s.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		mine, err := record.ReadJSON[owned](read, kindOwner, who.Key())
		if err != nil {
			return record.Noted{}, err
		}
		if mine == nil {
			mine = &owned{}
		}
		if len(mine.IDs) >= or(s.Kept, 50) {
			return record.Noted{}, fhir.Errorf(fhir.TooMany, "you have %d Subscriptions, as many as one may have: delete one", len(mine.IDs))
		}
		mine.IDs = append(slices.Clone(mine.IDs), v.ID)
		items := []record.BoxItem{record.JSONItem(kindSub, v.ID, v), record.JSONItem(kindPlace, v.ID, place{Seq: seq}), record.JSONItem(kindOwner, who.Key(), mine)}
		return record.Noted{Items: items, Jobs: jobsOf(v, s.now()), Who: who, Action: access.Create, What: "Subscription/" + v.ID + ": " + v.Type + "?" + v.Query}, nil
	})
	if err != nil {
		return nil, err
	}
	return s.kept(v)
}

func jobsOf(v *sub, now time.Time) []record.Job {
	if v.Status == off {
		return nil
	}
	return []record.Job{{Name: v.ID, Due: now}}
}

// Read is a Subscription of the asker. One of somebody else is as if it were not there.
func (s *Service) Read(ctx context.Context, who access.Actor, id string) (*Kept, error) {
	v, err := s.mine(s.reads(ctx), who, id)
	if err != nil {
		return nil, err
	}
	return s.kept(v)
}

// List are the Subscriptions of the asker, in the order in which they were made.
func (s *Service) List(ctx context.Context, who access.Actor) (all []*Kept, err error) {
	mine, err := record.ReadJSON[owned](s.reads(ctx), kindOwner, who.Key())
	if err != nil || mine == nil {
		return nil, err
	}
	for _, id := range mine.IDs {
		k, err := s.Read(ctx, who, id)
		if err != nil && fhir.KindOf(err) == fhir.NotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// Update replaces a Subscription of the asker; version is the one that must be current, 0 for any. It goes on from where it was: what happened
// while it was off or failing is told. Headers that are not sent again stay while the endpoint stays the same.
func (s *Service) Update(ctx context.Context, who access.Actor, id string, version int, res *fhir.Resource) (*Kept, error) {
	before, err := s.mine(s.reads(ctx), who, id)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx, who, id, res, before)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, who, access.Update, id, version, func(now *sub) (*sub, []record.BoxItem) {
		v.Version = now.Version + 1
		return v, []record.BoxItem{record.JSONItem(kindSub, id, v), gone(kindActive, now.activeKey())}
	})
}

// Delete removes a Subscription of the asker.
func (s *Service) Delete(ctx context.Context, who access.Actor, id string, version int) error {
	_, err := s.change(ctx, who, access.Delete, id, version, func(now *sub) (*sub, []record.BoxItem) {
		return nil, []record.BoxItem{gone(kindSub, id), gone(kindPlace, id), gone(kindWoken, id), gone(kindActive, now.activeKey())}
	})
	return err
}

// change changes a Subscription of the asker in one transaction.
func (s *Service) change(ctx context.Context, who access.Actor, action access.Action, id string, version int, to func(*sub) (*sub, []record.BoxItem)) (*Kept, error) {
	var v *sub
	err := s.box().Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		now, err := s.mine(read, who, id)
		if err != nil {
			return record.Noted{}, err
		}
		if version != 0 && version != now.Version {
			return record.Noted{}, fhir.Errorf(fhir.Precondition, "Subscription/%s is at version %d, not %d", id, now.Version, version)
		}
		n := record.Noted{Who: who, Action: action, What: "Subscription/" + id}
		if v, n.Items = to(now); v != nil {
			n.Jobs, n.What = jobsOf(v, s.now()), n.What+": "+v.Type+"?"+v.Query
			return n, nil
		}
		owner, err := disowned(read, who.Key(), id)
		n.Items = append(n.Items, owner...)
		return n, err
	})
	if err != nil || v == nil {
		return nil, err
	}
	return s.kept(v)
}

// disowned is what is written of an asker who has a Subscription no more.
func disowned(read func(kind, key string) ([]byte, error), key, id string) ([]record.BoxItem, error) {
	mine, err := record.ReadJSON[owned](read, kindOwner, key)
	if err != nil || mine == nil {
		return nil, err
	}
	if mine.IDs = slices.DeleteFunc(mine.IDs, func(other string) bool { return other == id }); len(mine.IDs) == 0 {
		return []record.BoxItem{gone(kindOwner, key)}, nil
	}
	return []record.BoxItem{record.JSONItem(kindOwner, key, mine)}, nil
}

func (s *Service) mine(read func(kind, key string) ([]byte, error), who access.Actor, id string) (*sub, error) {
	v, err := record.ReadJSON[sub](read, kindSub, id)
	if err == nil && (v == nil || v.Who.Key() != who.Key()) {
		err = fhir.Errorf(fhir.NotFound, "there is no Subscription/%s", id)
	}
	return v, err
}

// kept writes a Subscription as its maker reads it.
func (s *Service) kept(v *sub) (*Kept, error) {
	status := v.Status
	if v.ended(s.now()) {
		status = off
	}
	res, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	meta := `{"versionId":"` + strconv.Itoa(v.Version) + `","lastUpdated":"` + v.Updated.Format("2006-01-02T15:04:05.000Z") + `"}`
	ops := []fhir.PatchOp{{Op: "add", Path: "/id", Value: quoted(v.ID)}, {Op: "add", Path: "/meta", Value: []byte(meta)}, {Op: "add", Path: "/status", Value: quoted(status)}}
	if v.Error != "" {
		ops = append(ops, fhir.PatchOp{Op: "add", Path: "/error", Value: quoted(v.Error)})
	}
	if res, err = res.Patch(ops); err != nil {
		return nil, err
	}
	return &Kept{v.ID, v.Version, status, res.Bytes()}, nil
}

func quoted(text string) []byte { return fhir.AppendString(nil, text) }

// read reads what is asked for, and refuses what is not served by the name of the element.
func (s *Service) read(ctx context.Context, who access.Actor, id string, res *fhir.Resource, before *sub) (*sub, error) {
	if err := validate.Err(validate.Structure(res)); err != nil {
		return nil, err
	}
	root := res.Root()
	wrong := func(path, format string, args ...any) error {
		return fhir.Errorf(fhir.Unsupported, format, args...).At("Subscription." + path)
	}
	channel := root.Get("channel")
	v := &sub{ID: id, Who: who, Version: 1, Updated: s.now().UTC(), Endpoint: channel.Get("endpoint").Text()}
	v.Who.From = "" // what is sent later goes nowhere from there
	switch v.Status = root.Get("status").Text(); v.Status {
	case off:
	case requested, active, failing:
		v.Status = requested
	default:
		return nil, wrong("status", "a Subscription is sent as requested, or as off, not as %q", v.Status)
	}
	if typ := channel.Get("type").Text(); typ != "rest-hook" {
		return nil, wrong("channel.type", "the channel %q is not served: it is rest-hook", typ)
	}
	switch payload := channel.Get("payload").Text(); payload {
	case "":
	case "application/fhir+json", "application/json":
		v.Payload = true
	default:
		return nil, wrong("channel.payload", "the payload %q is not served: it is application/fhir+json, or none", payload)
	}
	for e := range channel.Get("_payload").Get("extension").Items() {
		if !e.Get("url").Is(contentExtension) {
			continue
		}
		if v.Content = e.Get("valueCode").Text(); v.Content != "empty" && v.Content != "id-only" && v.Content != "full-resource" {
			return nil, wrong("channel.payload", "the content %q is not served: it is empty, id-only or full-resource", v.Content)
		}
	}
	if err := s.Allowed.check(v.Endpoint); err != nil {
		return nil, err
	}
	if end := root.Get("end"); end.Exists() {
		at, err := fhir.ParseDateTime(end.Text())
		if err != nil {
			return nil, err
		}
		v.End = at.Low()
	}
	v.Type, v.Query, _ = strings.Cut(root.Get("criteria").Text(), "?")
	if _, ok := spec.Resource(v.Type); !ok {
		return nil, wrong("criteria", "%q is no search such as Observation?code=1", root.Get("criteria").Text())
	}
	if err := s.Door.MaySubscribe(ctx, who, v.Type, v.Query); err != nil {
		return nil, err
	}
	if err := s.readHeaders(v, channel, before); err != nil {
		return nil, err
	}
	return v, bare(v, res)
}

// readHeaders keeps the headers that are sent, or those of before where none is and the endpoint is still the same: a secret never goes elsewhere
// than where it was given for.
func (s *Service) readHeaders(v *sub, channel fhir.Value, before *sub) error {
	var headers []string
	for h := range channel.Get("header").Items() {
		if err := validHeader(h.Text()); err != nil {
			return err
		}
		if headers = append(headers, h.Text()); len(headers) > 20 {
			return fhir.Errorf(fhir.Invalid, "a channel has 20 headers at most").At("Subscription.channel.header")
		}
	}
	if headers == nil {
		if before != nil && before.Endpoint == v.Endpoint {
			v.Headers = before.Headers
		}
		return nil
	}
	raw, err := json.Marshal(headers)
	v.Headers = s.Secrets.Keep(secretOf(v.ID), raw)
	return err
}

func secretOf(id string) string { return "subscription/" + id }

// headers are those of a channel, opened.
func (s *Service) headers(v *sub) (out []string, err error) {
	raw, err := s.Secrets.Read(secretOf(v.ID), v.Headers)
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	return out, json.Unmarshal(raw, &out)
}

// bare keeps of a resource what its maker reads again.
func bare(v *sub, res *fhir.Resource) error {
	var ops []fhir.PatchOp
	for path, there := range map[string]bool{"/id": res.Root().Get("id").Exists(), "/meta": res.Root().Get("meta").Exists(), "/error": res.Root().Get("error").Exists(),
		"/channel/header": res.Root().Get("channel").Get("header").Exists(), "/channel/_header": res.Root().Get("channel").Get("_header").Exists()} {
		if there {
			ops = append(ops, fhir.PatchOp{Op: "remove", Path: path})
		}
	}
	res, err := res.Patch(ops)
	if err != nil {
		return err
	}
	v.Body = bytes.Clone(res.Bytes())
	return nil
}
