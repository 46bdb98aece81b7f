package message

import (
	_ "embed"
	"net/http"

	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed close.html
var closeHTML string

var closePage = kit.Page(closeHTML)

// closeView asks why a conversation is closed.
type closeView struct {
	Frame  kit.Frame
	Action string
	Errors []kit.Field
	Why    kit.Field
}

func (s *Site) close(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t, err := s.Messages.Thread(r.Context(), at.Who, at.Patient, r.PathValue("thread"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	here := "/messages/" + t.ID
	v := closeView{Frame: s.Frame(at, at.Words.T("Why do you close the conversation?"), here), Action: at.Base + here + "/close", Why: kit.Field{ID: "why"}}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		v.Why.Value = r.PostFormValue("why")
		err := s.Messages.Close(r.Context(), at.Who, at.Patient, t.ID, v.Why.Value, false)
		if err == nil {
			kit.See(w, r, at.Base+"/messages?did=closed")
			return
		}
		var typed bool
		if v.Errors, typed = wrong(at, err, &v.Why); !typed {
			s.Fail(w, r, at, err)
			return
		}
		v.Frame.Title, status = at.Words.T("Error:")+" "+v.Frame.Title, http.StatusBadRequest
	}
	s.Send(w, r, status, closePage, v)
}
