package account

import (
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

//go:embed mine.html
var mineHTML string

var minePage = kit.Page(mineHTML)

// mineView is what somebody can see and change of how they sign in.
type mineView struct {
	Frame     kit.Frame
	Name      string
	Patient   bool
	Level     string // what the level opens, in words
	Why       string
	Unlock    string // what opens more, "" where nothing is locked
	Role      string // of staff, the one they work in
	Several   bool   // they have others
	Did       string
	Passkeys  []passkeyRow
	Providers []linkRow
	Sessions  []sessionRow
}

type passkeyRow struct{ ID, Name, Made, Used string }

type linkRow struct{ Title, Since string }

type sessionRow struct {
	Device, Began, Used, How string
	Here                     bool
}

// did are what may have been done just before the page was asked for.
var did = map[string]string{"added": words.Text("Your new passkey is ready. You can use it the next time you sign in."), "removed": words.Text("The passkey was removed. It does not sign in any more.")}

// levelWords say what a level opens.
var levelWords = map[access.Level]string{access.P0: words.Text("You have an account. Your health record is still locked."), access.P5: words.Text("We know how to reach you. Your health record is still locked."),
	access.P9: words.Text("We know who you are. You can see your health record.")}

func (s *Site) account(w http.ResponseWriter, r *http.Request) {
	if s.AtOrigin(w, r) {
		return
	}
	se, a, err := s.SignIn.Session(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	l := kit.Lang(r)
	v := mineView{Frame: s.frame(r, l.T("My account")), Name: a.Name, Patient: a.Kind == signin.Patient}
	if text := did[r.URL.Query().Get("did")]; text != "" {
		v.Did = l.T(text)
	}
	v.Frame.Signed = "My account"
	if v.Patient {
		v.Level, v.Why = l.T(levelWords[a.Level]), why(l, a.Why)
		if a.Level != access.P9 {
			v.Unlock = s.unlock(l)
		}
	} else {
		v.Several = len(a.Roles) > 1
		if se.Role >= 0 && se.Role < len(a.Roles) {
			v.Role = roleText(a.Roles[se.Role])
		}
	}
	for _, p := range a.Passkeys {
		row := passkeyRow{ID: p.ID(), Name: p.Name, Made: l.T("made %s", l.Date(p.Made)), Used: l.T("not used yet")}
		if p.Used != nil {
			row.Used = l.T("last used %s", l.When(*p.Used))
		}
		v.Passkeys = append(v.Passkeys, row)
	}
	for _, u := range a.Subjects {
		v.Providers = append(v.Providers, linkRow{s.titleOf(u.Provider), l.Date(u.Since)})
	}
	list, err := s.SignIn.Sessions(r.Context(), a)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, one := range list {
		v.Sessions = append(v.Sessions, sessionRow{device(one.Agent, l), l.When(one.Began), l.When(one.Used), s.howWords(one.How, l), one.ID == se.ID})
	}
	s.Send(w, r, http.StatusOK, minePage, v)
}

// devices are those of access/signin's names for devices that are not names of products.
var devices = map[string]string{"Android phone": words.Text("Android phone"), "Windows computer": words.Text("Windows computer"), "Linux computer": words.Text("Linux computer"), "A device": words.Text("A device")}

func device(agent string, l *words.Lang) string {
	name := signin.DeviceName(agent)
	if text, ok := devices[name]; ok {
		return l.T(text)
	}
	return name
}

func (s *Site) titleOf(name string) string {
	for _, p := range s.SignIn.Providers() {
		if p.Name == name {
			return p.Title
		}
	}
	return name
}

func (s *Site) howWords(how string, l *words.Lang) string {
	switch how {
	case "passkey":
		return l.T("a passkey")
	case "code":
		return l.T("a code from the desk")
	}
	return s.titleOf(how)
}

// unlock says what somebody does to have their record opened: what there is here.
func (s *Site) unlock(l *words.Lang) string {
	for _, p := range s.SignIn.Providers() {
		if p.For == signin.Patient && !p.BuiltIn {
			return l.T("To unlock it, show %[1]s photo ID and sign in with %[1]s again. Or ask at the desk of your GP practice: they check who you are and give you a code. You do not need a smartphone or photo ID for that.", p.Title)
		}
	}
	return l.T("To unlock it, ask at the desk of your GP practice: they check who you are and give you a code. You do not need a smartphone or photo ID.")
}

func (s *Site) everywhere(w http.ResponseWriter, r *http.Request) {
	if err := s.SignIn.SignOutEverywhere(r.Context(), r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.SignIn.ClearCookie(w)
	kit.See(w, r, "/signin?out=yes")
}
