package plan

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
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
	var patients []string
	for i := range orders {
		patients = append(patients, orders[i].Patient)
	}
	called, err := s.namesOf(r.Context(), who, patients)
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	v := queueView{More: more, Frame: s.Host.Frame("Repeat prescriptions", false, s.Signed), Said: saidOfOrders[r.URL.Query().Get("did")], Wrong: wrong}
	for i := range orders {
		o := &orders[i]
		row := queueRow{Person: called[o.Patient], orderRow: s.orderRowOf(words.In("en"), o), Since: kit.Date(o.At.Format(time.DateOnly)), DueOn: kit.Date(o.Due.Format(time.DateOnly)), Taken: o.State != "requested"}
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

// namesOf are what people are called, as far as whoever asks may know: as their own Patient says, else as any other of the same person does.
func (s *Site) namesOf(ctx context.Context, who access.Actor, patients []string) (map[string]string, error) {
	slices.Sort(patients)
	patients = slices.Compact(patients)
	out := map[string]string{}
	read := func(ids []string, patient string) error {
		for some := range slices.Chunk(ids, 100) {
			for m, err := range s.Door.All(ctx, who, "Patient?_id="+url.QueryEscape(strings.Join(some, ","))) {
				if err != nil {
					return err
				}
				res, err := m.Resource()
				if err != nil {
					return err
				}
				if key := cmp.Or(patient, m.ID); out[key] == "" && kit.FirstOf(res.Root().Get("name")).Exists() {
					out[key] = signin.NameOf(res.Root())
				}
			}
		}
		return nil
	}
	if err := read(patients, ""); err != nil {
		return nil, err
	}
	for _, patient := range patients {
		if out[patient] != "" {
			continue
		}
		group, err := s.Door.Person(ctx, patient)
		if err == nil {
			err = read(group, patient)
		}
		if err != nil {
			return nil, err
		}
		out[patient] = cmp.Or(out[patient], "Name "+kit.NotKnown)
	}
	return out, nil
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
	var patients []string
	for i := range people {
		patients = append(patients, people[i].Patient)
	}
	called, err := s.namesOf(r.Context(), who, patients)
	if err != nil {
		s.Fail(w, r, desk(), err)
		return
	}
	v := quietView{Frame: s.Host.Frame("Health coaching", false, s.Signed), Said: saidOfQuiet[r.URL.Query().Get("did")], Wrong: wrong}
	for _, q := range people {
		row := quietRow{Person: called[q.Patient], Quiet: q, Since: kit.Date(q.Since.Format(time.DateOnly)), DueOn: kit.Date(q.Due.Format(time.DateOnly)), Late: s.Time().After(q.Due)}
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
