package plan

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// The lists are for staff and in English, like all pages of theirs.

// queueView is what waits for a practice.
type queueView struct {
	Frame kit.Frame
	Said  string
	Wrong string
	Rows  []queueRow
	More  bool // others wait behind these
}

type queueRow struct {
	orderRow
	Person, Since, DueOn string
	Taken, May           bool // looked at by somebody; the reader may answer
	Plain                bool // nothing in it is to be looked at first, so that it can be answered at once
}

// desk is the seat of staff at a list.
func desk() seat.Seat { return seat.Seat{Staff: true, Words: words.In("en")} }

var saidOfOrders = map[string]string{"looked": "You are looking at it. The person sees that.", "sent": "Answered. The person sees what was sent and what was not, with your reasons."}

func (s *Site) queue(w http.ResponseWriter, r *http.Request) {
	s.showQueue(w, r, http.StatusOK, "")
}

func (s *Site) showQueue(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	who, err := s.Who(r)
	var orders []plan.Order
	var more bool
	if err == nil {
		orders, more, err = s.Plan.Queue(r.Context(), who)
	}
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	v := queueView{More: more, Frame: s.Host.Frame("Repeat prescriptions", false, s.Signed), Said: saidOfOrders[r.URL.Query().Get("did")], Wrong: wrong}
	for i := range orders {
		o := &orders[i]
		row := queueRow{orderRow: s.orderRowOf(words.In("en"), o), Since: kit.Date(o.At.Format(time.DateOnly)), DueOn: kit.Date(o.Due.Format(time.DateOnly)), Taken: o.State != "requested"}
		if row.Person, err = s.nameOf(r, who, o.Patient); err != nil {
			s.Fail(w, r, desk(), err)
			return
		}
		d, err := s.Door.Decide(r.Context(), who, access.Update, "MedicationRequest", o.Patient)
		if err != nil {
			s.Fail(w, r, desk(), err)
			return
		}
		row.May = d.Permit && len(o.Items) > 0
		row.Plain = row.May && !slices.ContainsFunc(o.Items, func(it plan.Item) bool { return len(it.Look) > 0 })
		v.Rows = append(v.Rows, row)
	}
	s.Send(w, r, status, queuePage, v)
}

// nameOf is what a person is called in any of their Patients, as far as whoever asks may know.
func (s *Site) nameOf(r *http.Request, who access.Actor, patient string) (string, error) {
	group, err := s.Door.Person(r.Context(), patient)
	if err != nil {
		return "", err
	}
	for _, id := range append([]string{patient}, group...) {
		stored, err := s.Door.Get(r.Context(), who, "Patient", id)
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			continue
		}
		if err != nil {
			return "", err
		}
		res, err := stored.Resource()
		if err != nil {
			return "", err
		}
		if kit.FirstOf(res.Root().Get("name")).Exists() {
			return signin.NameOf(res.Root()), nil
		}
	}
	return "Name " + kit.NotKnown, nil
}

// answer says what becomes of an order: that somebody looks at it, or for each medicine that it was sent or why not.
func (s *Site) answer(w http.ResponseWriter, r *http.Request) {
	who, err := s.Who(r)
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	if !s.parsed(w, r, desk()) {
		return
	}
	id, did := r.PathValue("id"), "looked"
	if r.PostFormValue("look") != "" {
		err = s.Plan.Look(r.Context(), who, id)
	} else {
		did = "sent"
		refuse := map[string]string{}
		var send []string
		for name, values := range r.PostForm {
			item, is := strings.CutPrefix(name, "answer-")
			if !is {
				continue
			}
			switch reason := strings.TrimSpace(r.PostFormValue("reason-" + item)); {
			case values[0] == "refuse" && reason == "":
				s.showQueue(w, r, http.StatusBadRequest, "Write why it is not prescribed: the person reads it")
				return
			case values[0] == "refuse":
				refuse[item] = reason
			case values[0] != "approve":
				s.showQueue(w, r, http.StatusBadRequest, "Choose for each medicine whether it is prescribed")
				return
			case reason != "":
				s.showQueue(w, r, http.StatusBadRequest, "There is a reason against a medicine that is prescribed: take one of them back")
				return
			default:
				send = append(send, item)
			}
		}
		version, wrong := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
		if wrong != nil {
			version = -1
		}
		err = s.Plan.Answer(r.Context(), who, id, version, send, refuse)
		if fhir.KindOf(err) == fhir.Invalid {
			s.showQueue(w, r, http.StatusBadRequest, "Choose for each medicine whether it is prescribed")
			return
		}
	}
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	kit.See(w, r, "/prescriptions?did="+did)
}

// quietView are people with a goal who have gone quiet.
type quietView struct {
	Frame kit.Frame
	Said  string
	Wrong string
	Rows  []quietRow
}

type quietRow struct {
	plan.Quiet
	Person, Since, DueOn string
	Late                 bool
}

var saidOfQuiet = map[string]string{"taken": "You have taken it. Get in touch, then write what came of it.", "ended": "It has come to its end."}

func (s *Site) quiet(w http.ResponseWriter, r *http.Request) {
	s.showQuiet(w, r, http.StatusOK, "")
}

func (s *Site) showQuiet(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	who, err := s.Who(r)
	var people []plan.Quiet
	if err == nil {
		people, err = s.Plan.QuietPeople(r.Context(), who)
	}
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	v := quietView{Frame: s.Host.Frame("Health coaching", false, s.Signed), Said: saidOfQuiet[r.URL.Query().Get("did")], Wrong: wrong}
	for _, q := range people {
		row := quietRow{Quiet: q, Since: kit.Date(q.Since.Format(time.DateOnly)), DueOn: kit.Date(q.Due.Format(time.DateOnly)), Late: s.Time().After(q.Due)}
		if row.Person, err = s.nameOf(r, who, q.Patient); err != nil {
			s.Fail(w, r, desk(), err)
			return
		}
		v.Rows = append(v.Rows, row)
	}
	s.Send(w, r, status, quietPage, v)
}

// reached takes somebody who has gone quiet, or says what came of getting in touch.
func (s *Site) reached(w http.ResponseWriter, r *http.Request) {
	who, err := s.Who(r)
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	if !s.parsed(w, r, desk()) {
		return
	}
	did := "taken"
	if r.PostFormValue("take") != "" {
		err = s.Plan.TakeQuiet(r.Context(), who, r.PathValue("id"))
	} else if did = "ended"; strings.TrimSpace(r.PostFormValue("words")) == "" {
		s.showQuiet(w, r, http.StatusBadRequest, "Write what came of it")
		return
	} else {
		err = s.Plan.EndQuiet(r.Context(), who, r.PathValue("id"), r.PostFormValue("words"))
	}
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	kit.See(w, r, "/coaching?did="+did)
}
