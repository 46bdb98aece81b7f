package account

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed role.html
var roleHTML string

var rolePage = kit.English(roleHTML)

// roleView asks staff in which of their roles they work now.
type roleView struct {
	Frame  kit.Frame
	To     string
	Roles  []roleRow
	Role   field
	Errors []field
}

type roleRow struct {
	N          int
	Text, Hint string
	Chosen     bool
}

// roleWords are the roles as people say them.
var roleWords = map[string]string{"clinician": "Clinician", "nurse": "Nurse", "pharmacist": "Pharmacist", "socialworker": "Social worker", "careworker": "Care worker", "receptionist": "Receptionist", "administrator": "Administrator",
	"manager": "Manager", "privacy": "Privacy officer", "operator": "Operator", "analyst": "Analyst", "researcher": "Researcher"}

func roleText(r signin.Role) string {
	word := roleWords[r.Role]
	if word == "" {
		word = r.Role
	}
	return word + " at " + r.Organization
}

func (s *Site) askRole(w http.ResponseWriter, r *http.Request) {
	s.showRole(w, r, roleView{To: local(r.URL.Query().Get("to"))})
}

func (s *Site) showRole(w http.ResponseWriter, r *http.Request, v roleView) {
	se, a, err := s.SignIn.Session(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if a.Kind != signin.Staff {
		kit.See(w, r, "/account")
		return
	}
	for i, role := range a.Roles {
		v.Roles = append(v.Roles, roleRow{i, roleText(role), role.Name, i == se.Role})
	}
	title, status := "Which role are you working in?", http.StatusOK
	if v.Errors != nil {
		title, status = "Error: "+title, http.StatusBadRequest
	}
	v.Frame, v.Role.ID = s.frame(r, title), "role"
	s.Send(w, r, status, rolePage, v)
}

func (s *Site) takeRole(w http.ResponseWriter, r *http.Request) {
	v := roleView{To: local(r.PostFormValue("to"))}
	n, err := strconv.Atoi(r.PostFormValue("role"))
	if err == nil {
		var in *signin.SignedIn
		if in, err = s.SignIn.ChooseRole(r.Context(), r, n); err == nil {
			s.SignIn.SetCookie(w, in)
			to := v.To
			if to == "" {
				to = home(in.Account)
			}
			kit.See(w, r, to)
			return
		}
		if fhir.KindOf(err) != fhir.Invalid {
			s.fail(w, r, err)
			return
		}
	}
	v.Role.Error = "Choose one of your roles"
	v.Errors = []field{{ID: "role", Error: v.Role.Error}}
	s.showRole(w, r, v)
}
