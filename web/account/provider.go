package account

import (
	_ "embed"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/web/kit"
)

//go:embed provider.html
var providerHTML string

var providerPage = kit.Page(providerHTML)

// providerView is the page of the provider that is built in.
type providerView struct {
	Frame  kit.Frame
	Listed bool // one chooses from made-up people
	Staff  bool
	People []madeUpRow
	Hidden []hidden
	User   string
	Who    field
	Broken string
	Errors []field
}

type madeUpRow struct{ ID, Subject, Name, About string }

type hidden struct{ Name, Value string }

// ShowProvider writes the sign-in page of the built-in provider, which says clearly that it is that.
func (s *Site) ShowProvider(w http.ResponseWriter, r *http.Request, status int, p idp.View) {
	l := kit.Lang(r)
	v := providerView{Listed: p.People != nil, Staff: p.Staff, User: p.User, Who: field{ID: "who"}}
	if p.Broken != "" {
		v.Broken = kit.Refusal(l, p.Broken, providerSays)
	}
	if p.Error != "" {
		v.Who.Error = strings.TrimSuffix(kit.Refusal(l, p.Error, providerSays), ".")
	}
	for i, one := range p.People {
		row := madeUpRow{ID: "who", Subject: one.Subject, Name: one.Name()}
		if i > 0 {
			row.ID += "-" + one.Subject
		}
		if one.Staff {
			for _, role := range one.Roles {
				if row.About != "" {
					row.About += "; "
				}
				row.About += l.T("%s at %s", role.Title, role.Organisation)
			}
		} else {
			row.About = l.T("born %s, level %s", kit.DateIn(l, one.Born), one.Proofing)
		}
		v.People = append(v.People, row)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Request)) {
		v.Hidden = append(v.Hidden, hidden{name, p.Request.Get(name)})
	}
	title := l.T("Built-in sign-in")
	if p.Error != "" {
		title = l.T("Error:") + " " + title
		v.Errors = []field{v.Who}
	}
	v.Frame = kit.Frame{Title: title, Plain: true}
	if s.MadeUp != nil {
		v.Frame.MadeUp = s.MadeUp()
	}
	kit.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Send(w, r, status, providerPage, v)
	})).ServeHTTP(w, r)
}
