package staff

import (
	"cmp"
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/web/kit"
)

//go:embed feeds.html
var feedsHTML string

var feedsPage = page(feedsHTML)

// feedsView is the page on which one sees how all feeds stand.
type feedsView struct {
	Frame   kit.Frame
	Sum     string
	Trouble bool
	Feeds   []feedRow
}

// feedRow is how one feed stands.
type feedRow struct {
	Name, Title, Organization, Kind    string
	State                              string // one or two words
	Calm                               bool   // the state is nothing to look into
	Why                                string // a sentence, "" where all is well
	Doing                              string
	Last, Limit                        string // when it last spoke, and how long it may be silent
	In, Filed, Unchanged, Taken, Older string // rows of the newest items
	Quarantined, Parked, Waiting       string // now
	Bad                                bool   // something is in quarantine
	Lag                                string
	Quality                            []measure // the checks that not everything passes
	Checked                            bool
	rank                               int // trouble first
}

// measure is one check of the data a feed sends.
type measure struct {
	Name, Share, Fault    string // Fault says how many do not pass, "" where all do
	Family, List, Address string // which rows do not pass now, and where they are listed
}

func (s *Site) feeds(w http.ResponseWriter, r *http.Request) {
	if s.Feeds == nil {
		s.missing(w, r, "No feeds are run for this record.")
		return
	}
	all, err := s.Feeds.Overview(r.Context(), s.who(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := feedsView{Frame: s.frame("Feeds")}
	for i := range all {
		view.Feeds = append(view.Feeds, s.rowOfFeed(&all[i]))
	}
	slices.SortStableFunc(view.Feeds, func(a, b feedRow) int { return cmp.Or(b.rank-a.rank, strings.Compare(a.Title, b.Title)) })
	view.Sum, view.Trouble = summed(view.Feeds)
	s.Send(w, r, http.StatusOK, feedsPage, view)
}

// summed says in a sentence how many feeds need somebody.
func summed(rows []feedRow) (sum string, trouble bool) {
	counts := map[string]int{}
	var states []string
	for _, f := range rows {
		if f.Calm {
			continue
		}
		if counts[f.State] == 0 {
			states = append(states, f.State)
		}
		counts[f.State]++
	}
	if states == nil {
		return "All feeds are well.", false
	}
	for i, state := range states {
		states[i] = fmt.Sprintf("%d %s", counts[state], strings.ToLower(state))
	}
	return "To look into: " + strings.Join(states, ", ") + ".", true
}

// kinds says what each language of feeds is called.
var kinds = map[string]string{"emis": "EMIS Web extract", "tpp": "SystmOne extract", "vision": "Vision extract", "gpconnect": "GP Connect Structured", "hl7": "HL7 v2 messages",
	"cld": "Client Level Data", "visits": "Home-care visits", "openmhealth": "Open mHealth readings", "healthkit": "Apple Health export", "gatt": "Bluetooth readings", "fhir": "FHIR R4", "adastra": "Out-of-hours cases", "community": "Community services", "documents": "Letters as files", "letters": "FHIR messages"}

func (s *Site) rowOfFeed(st *feeds.Status) feedRow {
	f := st.Feed
	row := feedRow{Name: f.Name, Title: cmp.Or(f.Title, f.Name), Organization: f.Organization, Kind: cmp.Or(kinds[f.Kind], f.Kind), Doing: st.Doing, Limit: spell(f.Silence()),
		In: count(st.Rows.In), Filed: count(st.Rows.Filed), Unchanged: count(st.Rows.Unchanged), Taken: count(st.Rows.Retracted), Older: count(st.Rows.Older),
		Quarantined: atLeast(st.Quarantined), Parked: atLeast(st.Parked), Waiting: atLeast(st.Waiting), Bad: st.Quarantined > 0}
	if st.Last != nil {
		row.Last, row.Lag = clock(st.Last.Received), spell(st.Lag)
	}
	row.state(st)
	row.Checked = len(st.Quality) > 0
	for _, m := range st.Quality {
		if m.Pass < m.Of {
			row.Quality = append(row.Quality, measureOf(m))
		}
	}
	return row
}

// state puts into words how the feed stands, the worst that is so.
func (row *feedRow) state(st *feeds.Status) {
	failure, failed := strings.CutPrefix(st.Doing, "failed: ")
	switch {
	case st.Feed.Held != "":
		row.State, row.Why, row.rank = "Held", st.Feed.Held, 6
	case failed:
		row.State, row.Why, row.Doing, row.rank = "Failing", "It fails and is tried again: "+failure, "", 5
	case st.Silent:
		row.State, row.Why, row.rank = "Silent", "Nothing has come since "+row.Last+": longer than "+row.Limit, 4
	case st.Feed.Moved != "":
		row.State, row.Why, row.rank = "Moved", "The newest full extract is not the size of the one before: "+st.Feed.Moved, 3
	case st.Quarantined > 0:
		row.State, row.Why, row.rank = "With errors", "Some of what came could not be filed", 2
	case st.Last == nil:
		row.State, row.Calm, row.rank = "Nothing yet", true, 1
	default:
		row.State, row.Calm = "Well", true
	}
}

// measures says what the checks are that every feed is held against.
var measures = map[string]string{"understood": "Rows understood", "parent there": "What rows belong to has come"}

func measureOf(m feeds.Measure) measure {
	out := measure{Name: titleOf(m.Check), Family: capital(string(m.Family)), Share: "–"}
	if m.Of > 0 {
		out.Share = percent(m.Pass, m.Of)
	}
	if bad := m.Of - m.Pass; bad > 0 {
		out.Fault = count(bad) + " of " + count(m.Of) + " not"
	}
	return out
}

// percent writes a share with one decimal, and never rounds up to 100 what is not all.
func percent(part, of int) string {
	if part == of {
		return "100 %"
	}
	tenths := min(max(part, 0)*1000/of, 999)
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

func count(n int) string { return thousands(int64(n)) }

// atLeast writes a count that stops at a thousand.
func atLeast(n int) string {
	if n >= 1000 {
		return count(n) + " or more"
	}
	return count(n)
}

// clock writes a moment as a day and a time in England.
func clock(t time.Time) string {
	text := t.Format(time.RFC3339)
	return kit.Date(text) + " " + kit.Clock(text)
}

// spell writes how long something took or may take.
func spell(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return number(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return number(int(d.Minutes())) + " min"
	case d < 72*time.Hour:
		return number(int(d.Hours())) + " hours"
	}
	return number(int(d.Hours()/24)) + " days"
}

// sentence begins with a capital, unless its first word is the name of a file or of a place in a message.
func sentence(text string) string {
	if first, _, _ := strings.Cut(text, " "); text == "" || strings.ContainsAny(first, "./[") {
		return text
	}
	return capital(text)
}

// titles are what people call the feeds, by name.
func (s *Site) titles() map[string]string {
	titles := map[string]string{}
	if s.Feeds != nil {
		for _, f := range s.Feeds.Desk.Feeds() {
			titles[f.Name] = cmp.Or(f.Title, f.Name)
		}
	}
	return titles
}

// state of an item, in words.
var itemStates = map[intake.Status]string{intake.Pending: "Waiting", intake.Filed: "Filed", intake.Quarantined: "Quarantined", intake.Refused: "Refused"}
