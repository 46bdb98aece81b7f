package record

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/web/entry"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// on writes a FHIR date or dateTime as precisely as it is known: 14 July 1945, July 1945, 1945; "" for nothing.
func on(l *words.Lang, text string) string {
	t, ok := kit.Moment(text)
	switch {
	case !ok:
		return ""
	case len(text) >= 10:
		return l.Date(t)
	case len(text) == 7:
		return strings.TrimPrefix(l.Date(t), "1 ")
	}
	return text
}

// heard is when a source was heard last.
type heard struct {
	Name   string
	Last   string
	Silent bool // for longer than is usual for it
}

// heardOf says of each source that some entry came from when it was heard last, in order of their names.
func (s *Site) heardOf(ctx context.Context, l *words.Lang, f *facts, now time.Time) ([]heard, error) {
	if s.Desk == nil {
		return nil, nil
	}
	feeds := map[string]bool{}
	for _, kind := range slices.Sorted(maps.Keys(f.of)) {
		for _, e := range f.of[kind] {
			feeds[e.Feed] = true
		}
	}
	var out []heard
	for _, feed := range s.Desk.Feeds() {
		if !feeds[feed.Name] {
			continue
		}
		last, err := s.Desk.Items(ctx, feed.Name, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(last) > 0 {
			out = append(out, heard{feed.Title, l.Date(last[0].Received), now.Sub(last[0].Received) > feed.Silence()})
		}
	}
	slices.SortFunc(out, func(a, b heard) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// worded reports whether an Observation only says something in words, such as what was done at a visit: it is no result.
func worded(e entry.Entry) bool {
	return entry.Category(e) == "" && !entry.Valued(e.V)
}

// cared reports whether an Observation is about care at home or from the council: it has no code of any system.
func cared(e entry.Entry) bool { return !e.V.Get("code").Get("coding").Exists() }
