package staff

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/kith-care/kith/web/staff/stafftest"
)

// console serves a place that its feeds have filled.
func console(t *testing.T) (http.Handler, *stafftest.Place) {
	t.Helper()
	p := stafftest.Fill(t)
	site := &Site{Door: p.Door, Feeds: p.Feeds, Linker: p.Linker, Now: func() time.Time { return stafftest.Today }}
	return site.Handler(), p
}

// steady replaces what is different each time: the numbers of items, and how long this machine took.
func steady(page string) string {
	numbers := map[string]string{}
	return regexp.MustCompile(`\b\d{19}\b`).ReplaceAllStringFunc(page, func(n string) string {
		if numbers[n] == "" {
			numbers[n] = fmt.Sprint("item-", len(numbers)+1)
		}
		return numbers[n]
	})
}

func TestConsolePages(t *testing.T) {
	h, p := console(t)
	_, feed, _ := get(t, h, "/feeds/emis-zz001")
	_, matches, _ := get(t, h, "/matches")
	for _, c := range []struct{ golden, path string }{
		{"feeds.golden.html", "/feeds"},
		{"feed.golden.html", "/feeds/emis-zz001"},
		{"feed-held.golden.html", "/feeds/emis-zz002"},
		{"feed-hl7.golden.html", "/feeds/hospital-zz1"},
		{"release.golden.html", "/feeds/emis-zz002/release"},
		{"replay.golden.html", "/feeds/emis-zz001/replay?from=31-Oct-2026&to=1-Nov-2026"},
		{"item.golden.html", itemOfFile(t, feed, "CareRecord_Observation")},
		{"matches.golden.html", "/matches"},
		{"question.golden.html", regexp.MustCompile(`/matches/[^"]+_[^"]+`).FindString(matches)},
		{"links.golden.html", "/person/" + stafftest.Okafor + "/links"},
		{"arrived.golden.html", "/person/" + stafftest.Okafor + "/arrived"},
		{"lists.golden.html", "/person/" + stafftest.Okafor + "/lists"},
		{"person-joined.golden.html", "/person/" + stafftest.Okafor},
	} {
		status, body, header := get(t, h, c.path)
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %q", c.path, status, header.Get("Cache-Control"))
		}
		golden(t, c.golden, steady(body))
	}
	_ = p
}

func itemOfFile(t *testing.T, page, file string) string {
	t.Helper()
	m := regexp.MustCompile(`href="(/feeds/[^"]+)">[^<]*` + file).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no item of %s", file)
	}
	return m[1]
}
