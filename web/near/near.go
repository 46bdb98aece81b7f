// Package near is the pages about what is near somebody: services and groups to find, health information from A to Z, asking for a link worker; and for link
// workers the list of those who asked.
package near

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// Site serves /near at every place, and /social for link workers. Near and Book must be set.
type Site struct {
	seat.Places
	Near *near.Service
	Book *triage.Book // complaints, with where more can be read about each
}

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of others.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Page(mux, "GET", "/near", s.find)
	s.Page(mux, "GET", "/near/az", s.topics)
	s.Page(mux, "GET", "/near/link", s.link)
	s.Page(mux, "POST", "/near/link", s.link)
	s.Page(mux, "GET", "/near/service/{id}", s.one)
	mux.HandleFunc("GET /social", s.social)
	mux.HandleFunc("POST /social/{id}", s.socialChange)
	return s.Serve(mux, 64<<10)
}

//go:embed find.html
var findHTML string

//go:embed one.html
var oneHTML string

//go:embed topics.html
var topicsHTML string

var findPage, onePage, topicsPage = kit.Page(findHTML), kit.Page(oneHTML), kit.Page(topicsHTML)

// shownMost is how many entries are listed; more words make it fewer.
const shownMost = 40

// findView is what is looked for and what was found.
type findView struct {
	Frame    kit.Frame
	Base     string
	Other    bool // about somebody else than who reads
	Asked    bool // a link worker was just asked
	About    string
	Words    string
	Postcode string
	Kinds    []kindRow
	Rows     []near.Entry
	Found    int
	Open     *referralRow // a link worker who was asked, where there is one
}

type kindRow struct {
	Code, Title string
	Chosen      bool
}

// referralRow is how asking for a link worker stands.
type referralRow struct {
	Wants     []string
	At, Due   time.Time
	Owner     string
	Taken     bool
	Ended     bool
	EndedAt   time.Time
	End, Said string
}

// kinds and wants are the words of the directory for readers.
var (
	_ = []string{words.Text("Help today"), words.Text("Pharmacies"), words.Text("GP practices"), words.Text("Feelings and mental health"), words.Text("Company and groups"), words.Text("Moving more"), words.Text("Money, housing and rights"),
		words.Text("Help for carers"), words.Text("Babies, children and families"), words.Text("Living well when older"), words.Text("Stop smoking, drink less, eat well"), words.Text("Clinics and health services"), words.Text("Other help")}
	_ = []string{words.Text("Meeting people, feeling less alone"), words.Text("Money, bills or benefits"), words.Text("Housing"), words.Text("Being more active"), words.Text("Looking after someone"), words.Text("Stress or low mood"),
		words.Text("Work or learning"), words.Text("Food and cooking"), words.Text("Something else")}
	// ends are what came of it, for the person.
	ends = map[string]string{"joined": words.Text("You go to a service or group now"), "told": words.Text("You were told what there is"), "unwanted": words.Text("You did not want it any more"), "unreached": words.Text("They could not reach you. Ask again if you still want help."),
		"elsewhere": words.Text("You were passed on to other help")}
)

func (s *Site) find(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t, q := at.Words.T, r.URL.Query()
	v := findView{Frame: s.Frame(at, t("What is near me"), home(at)), Base: at.Base, Other: !at.Own(), Asked: q.Get("did") == "asked", Words: strings.TrimSpace(q.Get("words-of")), Postcode: strings.TrimSpace(q.Get("postcode"))}
	if !q.Has("postcode") {
		postcode, err := s.postcode(r, at)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Postcode = postcode
	}
	kind, about := q.Get("kind"), q.Get("about")
	for _, k := range near.Kinds {
		v.Kinds = append(v.Kinds, kindRow{k.Code, t(k.Title), k.Code == kind})
	}
	if p := s.Book.Pack(about); p != nil {
		v.About = t(p.Title)
	} else if about != "carer" {
		about = ""
	}
	rows, err := s.Near.Find(r.Context(), near.Query{Words: v.Words, Kind: kind, Helps: about, Postcode: v.Postcode})
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if v.Found, v.Rows = len(rows), rows; len(rows) > shownMost {
		v.Rows = rows[:shownMost]
	}
	// Referrals are part of somebody's record: who may not see them finds services all the same.
	referrals, err := s.Near.Of(r.Context(), at.Who, at.Patient)
	if err != nil && fhir.KindOf(err) != fhir.Forbidden {
		s.Fail(w, r, at, err)
		return
	}
	if len(referrals) > 0 {
		v.Open = rowOf(&referrals[0], at.Words)
	}
	s.Send(w, r, http.StatusOK, findPage, v)
}

func rowOf(f *near.Referral, l *words.Lang) *referralRow {
	row := &referralRow{At: f.At, Due: f.Due, Owner: f.Owner, Taken: f.Taken, Ended: !f.Ended.IsZero(), EndedAt: f.Ended, Said: f.EndWords}
	for _, w := range near.Wants {
		if slices.Contains(f.Wants, w.Code) {
			row.Wants = append(row.Wants, l.T(w.Title))
		}
	}
	if f.End != "" {
		row.End = l.T(ends[f.End])
	}
	return row
}

// home is the path of the page that a seat's others hang from.
func home(at seat.Seat) string {
	if at.Staff {
		return "/front"
	}
	return ""
}

// postcode is where the person lives, as the record says; "" where it may not be known.
func (s *Site) postcode(r *http.Request, at seat.Seat) (string, error) {
	stored, err := s.Door.Get(r.Context(), at.Who, "Patient", at.Patient)
	if err != nil {
		return "", err
	}
	res, err := stored.Resource()
	if err != nil {
		return "", err
	}
	for a := range res.Root().Get("address").Items() {
		if !a.Get("use").Is("old") && a.Get("postalCode").Text() != "" {
			return a.Get("postalCode").Text(), nil
		}
	}
	return "", nil
}

type oneView struct {
	Frame kit.Frame
	Base  string
	near.Entry
	Tel   string // the number as an address
	Kinds []string
}

func (s *Site) one(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	e, err := s.Near.One(r.Context(), r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := oneView{Frame: s.Frame(at, e.Name, "/near"), Base: at.Base, Entry: *e}
	for _, k := range near.Kinds {
		if slices.Contains(e.Kinds, k.Code) {
			v.Kinds = append(v.Kinds, at.Words.T(k.Title))
		}
	}
	v.Tel = strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c == '+' {
			return c
		}
		return -1
	}, e.Phone)
	s.Send(w, r, http.StatusOK, onePage, v)
}

// topicsView is health information from A to Z.
type topicsView struct {
	Frame   kit.Frame
	Base    string
	Letters []letter
}

type letter struct {
	Letter string
	Topics []topic
}

type topic struct {
	Title, Name string
	Pages       []triage.Source // where more can be read
	Near        bool            // something in the directory helps with it
}

func (s *Site) topics(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	v := topicsView{Frame: s.Frame(at, t("Health information, A to Z"), "/near"), Base: at.Base}
	all, err := s.Near.Find(r.Context(), near.Query{})
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	helped := map[string]bool{}
	for _, e := range all {
		for _, h := range e.Helps {
			helped[h] = true
		}
	}
	by := map[string][]topic{}
	for _, p := range s.Book.Packs {
		if p == s.Book.Shared || p.Name == "general" {
			continue
		}
		one := topic{Title: t(p.Title), Name: p.Name, Near: helped[p.Name]}
		for _, src := range p.Sources {
			if u, err := url.Parse(src.URL); err == nil && strings.HasSuffix(u.Host, "nhs.uk") {
				one.Pages = append(one.Pages, src)
			}
		}
		slices.SortFunc(one.Pages, func(a, b triage.Source) int { return strings.Compare(a.Title, b.Title) })
		first := strings.ToUpper(string([]rune(one.Title)[:1]))
		by[first] = append(by[first], one)
	}
	for first, topics := range by {
		slices.SortFunc(topics, func(a, b topic) int { return strings.Compare(a.Title, b.Title) })
		v.Letters = append(v.Letters, letter{first, topics})
	}
	slices.SortFunc(v.Letters, func(a, b letter) int { return strings.Compare(a.Letter, b.Letter) })
	s.Send(w, r, http.StatusOK, topicsPage, v)
}
