package account

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

//go:embed desk.html
var deskHTML string

var deskPage = kit.English(deskHTML)

//go:embed paper.html
var paperHTML string

var paperPage = kit.English(paperHTML)

// deskView is staff at the desk finding the person before them, and then saying what they saw. Both are posted, so that no NHS number stands
// in an address.
type deskView struct {
	Frame   kit.Frame
	Recover bool
	Address string
	Number  field
	Date    kit.DateField
	Person  *personView // nil until somebody is found
	Things  []thing
	Seen    field // of the group
	Here    string
	Where   field
	Why     field
	Errors  []field

	Paper, Desk string // how long each sort of code is good for
}

// personView is the person as the record knows them.
type personView struct{ ID, Name, Born, Number, Address, Account string }

type thing struct {
	ID, Key, Words string
	Ticked         bool
}

// paperView is the page that is printed.
type paperView struct {
	Frame         kit.Frame
	Name, Code    string
	Site          string // the address, as one says it
	Until         string
	Here, Recover bool
}

func (s *Site) desk(w http.ResponseWriter, r *http.Request) {
	who, err := s.SignIn.Who(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := deskView{Address: r.URL.Path, Recover: r.URL.Path == "/desk/recover", Number: field{ID: "number"}, Date: kit.DateField{ID: "born"}, Seen: field{ID: "seen"}, Where: field{ID: "where"}, Why: field{ID: "why"}}
	if r.Method == http.MethodGet {
		s.showDesk(w, r, http.StatusOK, v)
		return
	}
	if id := r.PostFormValue("patient"); id != "" {
		s.vouch(w, r, who, v, id)
		return
	}
	s.find(w, r, who, v)
}

// find looks for the person by NHS number and date of birth: both, so that nobody browses.
func (s *Site) find(w http.ResponseWriter, r *http.Request, who access.Actor, v deskView) {
	v.Number.Value, v.Date = strings.TrimSpace(r.PostFormValue("number")), kit.DateOf(r, "born")
	digits, err := kit.NHSNumberDigits(v.Number.Value)
	if v.Number.Value == "" {
		v.Number.Error = "Enter the NHS number"
	} else if err != nil {
		v.Number.Error = strings.TrimSuffix(kit.Sentence(err.Error()), ".")
	}
	iso, bad := v.Date.Born(s.Time(), words.In("en"))
	v.Date.Error = bad
	for _, f := range []field{v.Number, {ID: "born", Error: v.Date.Error}} {
		if f.Error != "" {
			v.Errors = append(v.Errors, f)
		}
	}
	if v.Errors != nil {
		s.showDesk(w, r, http.StatusBadRequest, v)
		return
	}
	page, err := s.Door.Find(r.Context(), who, "Patient?identifier="+url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+digits)+"&birthdate="+iso+"&_count=50")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	one, problem, err := s.only(r, page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if one == nil {
		v.Number.Error = problem
		v.Errors = []field{v.Number}
		s.showDesk(w, r, http.StatusNotFound, v)
		return
	}
	err = s.SignIn.MayVouchFor(r.Context(), who, one.ID)
	if err == nil {
		v.Person, err = s.personOf(r, one)
	}
	if err != nil {
		s.notHere(w, r, v, err)
		return
	}
	s.showDesk(w, r, http.StatusOK, v)
}

// notHere says why no code was given out.
func (s *Site) notHere(w http.ResponseWriter, r *http.Request, v deskView, err error) {
	if k := fhir.KindOf(err); k == fhir.Conflict || k == fhir.NotFound || k == fhir.Forbidden {
		if _, out := signin.IsNoSession(err); !out {
			s.say(w, r, statusOf(k), "No code was given out", kit.Sentence(err.Error()), way{v.Address, "Begin again"})
			return
		}
	}
	s.fail(w, r, err)
}

// only is the one person whom a search found.
func (s *Site) only(r *http.Request, page *record.Page) (one *record.Stored, problem string, err error) {
	if len(page.Matches) == 0 {
		return nil, "Nobody in the record has this NHS number and this date of birth. Check both", nil
	}
	group, err := s.Door.Person(r.Context(), page.Matches[0].ID)
	if err != nil {
		return nil, "", err
	}
	for _, m := range page.Matches[1:] {
		if !slices.Contains(group, m.ID) {
			return nil, "Several people in the record have this NHS number. Ask whoever decides who is who to look first", nil
		}
	}
	return &page.Matches[0], "", nil
}

func (s *Site) personOf(r *http.Request, stored *record.Stored) (*personView, error) {
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	p := res.Root()
	v := &personView{ID: stored.ID, Name: kit.Name(p.Get("name")), Born: kit.Date(p.Get("birthDate").Text()), Number: kit.NHSNumberOf(p), Address: kit.NotKnown, Account: "None yet"}
	for a := range p.Get("address").Items() {
		if use := a.Get("use").Text(); use == "old" {
			continue
		}
		var parts []string
		for l := range a.Get("line").Items() {
			parts = append(parts, l.Text())
		}
		for _, name := range []string{"city", "postalCode"} {
			if t := a.Get(name).Text(); t != "" {
				parts = append(parts, t)
			}
		}
		v.Address = strings.Join(parts, ", ")
		break
	}
	a, err := s.SignIn.OfPatient(r.Context(), stored.ID)
	if err != nil {
		return nil, err
	}
	if a != nil {
		v.Account = "Made on " + day(a.Made)
	}
	return v, nil
}

// vouch gives out the code.
func (s *Site) vouch(w http.ResponseWriter, r *http.Request, who access.Actor, v deskView, id string) {
	said := signin.Vouching{Patient: id, Seen: r.PostForm["seen"], Here: r.PostForm.Get("where") == "here", Recover: v.Recover, Why: strings.TrimSpace(r.PostForm.Get("why"))}
	v.Why.Value, v.Where.Value, v.Seen.Value = said.Why, r.PostForm.Get("where"), strings.Join(said.Seen, " ")
	if !signin.Enough(said.Seen) {
		v.Seen.Error = "Tick what you saw: photo ID, or that you know them, or two of the others"
		v.Errors = append(v.Errors, v.Seen)
	}
	if v.Where.Value != "here" && v.Where.Value != "paper" {
		v.Where.Error = "Say where the code will be used"
		v.Errors = append(v.Errors, v.Where)
	}
	if v.Recover && (said.Why == "" || len(said.Why) > 300) {
		v.Why.Error = "Write in a sentence what happened"
		v.Errors = append(v.Errors, v.Why)
	}
	if v.Errors != nil {
		stored, err := s.Door.Get(r.Context(), who, "Patient", id)
		if err == nil {
			v.Person, err = s.personOf(r, stored)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.showDesk(w, r, http.StatusBadRequest, v)
		return
	}
	printed, err := s.SignIn.Vouch(r.Context(), who, said)
	if err != nil {
		s.notHere(w, r, v, err)
		return
	}
	origin := strings.TrimPrefix(strings.TrimPrefix(s.SignIn.Origin(), "https://"), "http://")
	s.Send(w, r, http.StatusOK, paperPage, paperView{Frame: s.frame(r, "Code for "+printed.Account.Name), Name: printed.Account.Name, Code: printed.Text, Site: origin + "/signin", Until: clock(printed.Expires), Here: said.Here, Recover: v.Recover})
}

func (s *Site) showDesk(w http.ResponseWriter, r *http.Request, status int, v deskView) {
	title := "Give somebody a code"
	if v.Recover {
		title = "Help somebody back in"
	}
	for _, t := range signin.SeenAtDesk() {
		id := "seen"
		if len(v.Things) > 0 {
			id += "-" + t.Key
		}
		v.Things = append(v.Things, thing{id, t.Key, t.Words, slices.Contains(strings.Fields(v.Seen.Value), t.Key)})
	}
	if v.Errors != nil {
		title = "Error: " + title
	}
	paper, desk := s.SignIn.Lives()
	v.Paper, v.Desk = lasting(paper), lasting(desk)
	v.Frame = s.frame(r, title)
	s.Send(w, r, status, deskPage, v)
}

// lasting is a length of time in words.
func lasting(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.of); n >= 1 {
			if n > 1 {
				u.word += "s"
			}
			return strconv.Itoa(n) + " " + u.word
		}
	}
	return d.String()
}
