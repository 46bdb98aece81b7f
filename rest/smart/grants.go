package smart

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// end ends a grant: all its tokens stop working, here at once and in other processes within seconds. One that is not there or has ended
// is left as it is.
func (s *Service) end(ctx context.Context, who access.Actor, id, why string) error {
	for range 10 {
		var g Grant
		raw, err := s.get(ctx, kindGrant, id, &g)
		if err != nil || raw.Value == nil || !g.Ended.IsZero() {
			return err
		}
		g.Ended, g.Why = s.Now().UTC(), why
		if err := s.box.Note(ctx, who, access.Delete, "end grant "+id+" of client "+g.Client+" for "+g.Who.ID+": "+why, ""); err != nil {
			return err
		}
		err = s.swap(ctx, who, []record.BoxItem{raw}, item(kindGrant, id, g), epoch())
		if err == nil {
			s.tokens.forget()
			return nil
		}
		if fhir.KindOf(err) != fhir.Conflict {
			return err
		}
	}
	return fhir.Errorf(fhir.Busy, "the grant keeps being changed by others")
}

// Grants are what somebody allowed apps that still goes on.
func (s *Service) Grants(ctx context.Context, who string) (all []Grant, err error) {
	now := s.Now()
	err = s.each(ctx, kindGrant, grantsOf(who), func(it record.BoxItem) (bool, error) {
		var g Grant
		if err := json.Unmarshal(it.Value, &g); err != nil {
			return false, fhir.Errorf(fhir.Broken, "grant %s cannot be read: %w", it.Key, err)
		}
		if g.Ended.IsZero() && now.Before(g.Until) && g.Who.ID == who {
			all = append(all, g)
		}
		return true, nil
	})
	return all, err
}

// Disconnect ends everything that somebody allowed a client, or every client where it is "". by is who asks for it: the person themselves, or
// the part of this program that closes their account.
func (s *Service) Disconnect(ctx context.Context, by access.Actor, who, client, why string) (ended int, err error) {
	grants, err := s.Grants(ctx, who)
	if err != nil {
		return 0, err
	}
	for _, g := range grants {
		if client != "" && g.Client != client {
			continue
		}
		if err := s.end(ctx, by, g.ID, why); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

// Run clears away what is over, and renews signing keys, every hour until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil {
			slog.Error("tokens that are over could not be cleared away", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tidy clears away what is over and renews signing keys once.
func (s *Service) Tidy(ctx context.Context) error {
	for _, kind := range []string{kindCode, kindRefresh, kindAccess, kindLaunch, kindJTI, kindGrant} {
		for {
			over, err := s.over(ctx, kind)
			if err != nil {
				return err
			}
			for part := range slices.Chunk(over, 200) {
				var gone []record.BoxItem
				for _, it := range part {
					gone = append(gone, absent(it.Kind, it.Key))
				}
				// What somebody is using this moment has changed, and stays until the next time.
				if err := s.swap(ctx, self, part, gone...); err != nil && fhir.KindOf(err) != fhir.Conflict {
					return err
				}
			}
			if len(over) < tidyAtOnce {
				break
			}
		}
	}
	return s.loadKeys(ctx)
}

const tidyAtOnce = 5000

// over are items of a kind whose time is over, so many at most.
func (s *Service) over(ctx context.Context, kind string) (over []record.BoxItem, err error) {
	now := s.Now()
	err = s.each(ctx, kind, "", func(it record.BoxItem) (bool, error) {
		var e expiring
		if err := json.Unmarshal(it.Value, &e); err != nil {
			return false, fhir.Errorf(fhir.Broken, "%s %s cannot be read: %w", kind, it.Key, err)
		}
		if now.After(e.Until.Add(time.Minute)) {
			over = append(over, it)
		}
		return len(over) < tidyAtOnce, nil
	})
	return over, err
}
