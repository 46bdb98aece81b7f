package family

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

//go:embed carer.html
var carerHTML string

var carerPage = kit.Page(carerHTML)

// carerView is what there is for somebody who looks after another.
type carerView struct {
	Frame      kit.Frame
	Base, Name string // whom they look after, where they came from that person's pages
	Registered bool
	Since      time.Time
	Said       bool
}

// carer registers somebody as a carer, and leads to help.
func (s *Site) carer(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	cares := ""
	if at.Trusted {
		cares = at.Patient
	}
	if r.Method == http.MethodPost {
		if err := s.Carers.Register(r.Context(), at.Who, cares); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		kit.See(w, r, at.Base+"/carer?did=registered")
		return
	}
	known, err := s.Carers.Known(r.Context(), at.Who)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	s.Send(w, r, http.StatusOK, carerPage, carerView{Frame: s.Frame(at, at.Words.T("Help for carers"), from(at)), Base: at.Base, Name: at.Name, Registered: known.Registered, Since: known.Since, Said: r.URL.Query().Get("did") == "registered"})
}
