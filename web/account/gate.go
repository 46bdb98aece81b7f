package account

import (
	_ "embed"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// For is who may see a page at all.
type For string

// Whom pages are for.
const (
	Anyone   For = "anyone"
	SignedIn For = "signed in" // whoever has a session, staff also before they have chosen a role
	Patients For = "patients"
	Workers  For = "staff"
)

// Gate says who may see the pages at an address and below it. Whose record is shown there is for the record to decide.
type Gate struct {
	Path  string // the address, without a last slash
	For   For
	Level access.Level // of patients
	Roles []string     // of staff; nil for all of them
	What  string       // what is locked, in words that follow "To see"
}

// gates is the whole table of pages and levels; the longest path counts. What stands under /my is a patient's own and needs P9 where nothing else is
// said; everything that has no row is for staff, so that a page that somebody forgets is locked.
var gates = []Gate{
	{"/signin", Anyone, 0, nil, ""},
	{"/signin/role", SignedIn, 0, nil, words.Text("your roles")},
	{"/signout", Anyone, 0, nil, ""},
	{"/static", Anyone, 0, nil, ""},
	{"/account/static", Anyone, 0, nil, ""},
	{"/idp", Anyone, 0, nil, ""},
	{"/account", SignedIn, 0, nil, words.Text("your account")},
	{"/my", Patients, access.P9, nil, words.Text("your health record")},
	{"/my/help", Patients, access.P0, nil, words.Text("this page")},
	{"/for", Patients, access.P5, nil, words.Text("what somebody who trusts you has let you see")},
	{"/my/near", Patients, access.P5, nil, words.Text("what is near you")},
	{"/my/waiting", Patients, access.P0, nil, words.Text("waiting times")},
	{"/my/messages", Patients, access.P5, nil, words.Text("your messages")},
	{"/my/needs", Patients, access.P5, nil, words.Text("how we reach you")},
	{"/my/appointments", Patients, access.P5, nil, words.Text("your appointments")},
	{"/my/ask", Patients, access.P5, nil, words.Text("the page to ask about a health problem")},
	{"/my/record", Patients, access.P9, nil, words.Text("your health record")},
	{"/my/results", Patients, access.P9, nil, words.Text("your results")},
	{"/my/medicines", Patients, access.P9, nil, words.Text("your medicines")},
	{"/my/visits", Patients, access.P9, nil, words.Text("your home care visits")},
	{"/my/tasks", Patients, access.P9, nil, words.Text("what carers do for you")},
	{"/my/carer", Patients, access.P9, nil, words.Text("help for carers")},
	{"/my/growing", Patients, access.P9, nil, words.Text("who can see your record")},
	{"/my/plan", Patients, access.P9, nil, words.Text("your care plan and goals")},
	{"/my/prescriptions", Patients, access.P9, nil, words.Text("your medicines and repeat prescriptions")},
	{"/my/trusted", Patients, access.P9, nil, words.Text("who you have given access to")},
	{"/my/trusted/accept", Patients, access.P5, nil, words.Text("the page to act for someone who trusts you")},
	{"/my/seen", Patients, access.P9, nil, words.Text("who has looked at your record")},
	{"/shared", Anyone, 0, nil, ""}, // whoever has a link to a summary
	{"/verify", Anyone, 0, nil, ""},
	{"/.well-known", Anyone, 0, nil, ""},
	{"/audit", Workers, 0, []string{"privacy"}, words.Text("the audit")},
	{"/desk", Workers, 0, signin.DeskRoles(), words.Text("the desk")},
	{"/auth", Anyone, 0, nil, ""}, // an app sends people there; who they are is asked once the app is known
	{"/apps", SignedIn, 0, nil, words.Text("the apps you have connected")},
	{"/clients", Workers, 0, []string{"operator", words.Text("manager")}, words.Text("the register of apps")},
	{"", Workers, 0, nil, words.Text("pages for staff")},
}

// hub is the page of patients from which the others hang; it is below none of the rows, since those who may see little must see what would unlock more.
var hub = Gate{"/my", Patients, access.P0, nil, words.Text("this page")}

// Gates is the table, for whoever reviews it.
func Gates() []Gate { return append([]Gate{hub}, gates...) }

// GateOf is the row of the table that an address falls under.
func GateOf(path string) Gate {
	if path == hub.Path {
		return hub
	}
	var best Gate
	for _, g := range gates {
		if (path == g.Path || strings.HasPrefix(path, g.Path+"/")) && len(g.Path) >= len(best.Path) {
			best = g
		}
	}
	return best
}

//go:embed locked.html
var lockedHTML string

var lockedPage = kit.Page(lockedHTML)

// lockedView is a page that the reader may not see, and what would unlock it.
type lockedView struct {
	Frame  kit.Frame
	What   string
	Why    string // why they are where they are
	Unlock string
	Role   string // of staff
	Ways   []way
}

// Guard stands before all pages. It lets a request through to those that its reader may see at all, sends those who have not signed in to do so, and
// says to the others what would unlock the page.
func (s *Site) Guard(next http.Handler) http.Handler {
	return s.SignIn.Keep(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := GateOf(r.URL.Path)
		if g.For == Anyone {
			next.ServeHTTP(w, r)
			return
		}
		if g.Path != "/signin/role" && s.AtOrigin(w, r) {
			return
		}
		who, err := s.SignIn.Who(r)
		if errors.Is(err, signin.RoleError{}) {
			if g.For == SignedIn {
				next.ServeHTTP(w, r)
				return
			}
			kit.See(w, r, "/signin/role"+toQuery(local(r.URL.RequestURI())))
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		patient := who.Role == "patient"
		switch {
		case g.For == SignedIn, g.For == Patients && patient && who.Level >= g.Level, g.For == Workers && !patient && (g.Roles == nil || slices.Contains(g.Roles, who.Role)):
			next.ServeHTTP(w, r)
		case patient && r.URL.Path == "/":
			kit.See(w, r, "/my")
		default:
			s.locked(w, r, g, who)
		}
	}))
}

func (s *Site) locked(w http.ResponseWriter, r *http.Request, g Gate, who access.Actor) {
	l := kit.Lang(r)
	v := lockedView{What: l.T(g.What), Ways: []way{{"/account", l.T("My account")}}}
	switch {
	case g.For == Patients && who.Role == "patient":
		_, a, err := s.SignIn.Session(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		v.Why, v.Unlock = why(l, a.Why), s.unlock(l)
		for _, p := range s.SignIn.Providers() {
			if p.For == signin.Patient && !p.BuiltIn {
				v.Ways = append([]way{{"/signin/with/" + p.Name + toQuery(local(r.URL.RequestURI())), l.T("Sign in with %s", p.Title)}}, v.Ways...)
			}
		}
	case g.For == Patients:
		v.Why, v.Unlock = l.T("This page is for patients, and you are signed in as staff"), l.T("To see your own record, sign out and sign in as a patient.")
	case who.Role == "patient":
		v.Why, v.Unlock = l.T("This page is for people who work in health and care"), l.T("If you work here, sign out and sign in the way staff do.")
	default:
		v.Role = roleText(signin.Role{Role: who.Role, Organization: who.Organization})
		var may []string
		for _, role := range g.Roles {
			may = append(may, strings.ToLower(roleWords[role]))
		}
		v.Why = l.T("You are working as %s", v.Role)
		v.Unlock = l.T("It is for these roles: %s. If one of them is yours, change your role. If one should be, ask whoever looks after accounts at your organisation.", strings.Join(may, ", "))
		v.Ways = append([]way{{"/signin/role" + toQuery(local(r.URL.RequestURI())), l.T("Change your role")}}, v.Ways...)
	}
	v.Frame = s.frame(r, l.T("This page is locked"))
	kit.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Send(w, r, http.StatusForbidden, lockedPage, v)
	})).ServeHTTP(w, r)
}
