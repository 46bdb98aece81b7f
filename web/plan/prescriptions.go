package plan

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/care/near"
	"github.com/kith-care/kith/care/plan"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
	"github.com/kith-care/kith/words"
)

// repeatsView are the medicines on repeat, and the orders that were made.
type repeatsView struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Field      kit.Field
	Rows       []repeatRow
	Some       bool // at least one can be chosen
	Orders     []orderRow
}

type repeatRow struct {
	ID string // of the input
	*plan.Repeat
	Ticked bool
	Notes  []string
}

// notes say what is to be known of a repeat before it is ordered.
func notes(l *words.Lang, r *plan.Repeat) (out []string) {
	if !r.Last.IsZero() {
		out = append(out, l.T("Last given on %s.", l.Date(r.Last)))
	}
	if r.Early() {
		out = append(out, l.T("Not due yet: you can order it from %s. If you need it sooner, say why on the next page.", l.Date(r.From)))
	}
	if r.Review {
		out = append(out, l.T("A review is overdue. Your practice may ask to see you first."))
	}
	return out
}

// orderRow is an order as pages show it.
type orderRow struct {
	*plan.Order
	Says  string
	Late  bool
	Items []itemRow
}

type itemRow struct {
	plan.Item
	Says string
}

// stepText is a step of an order.
func stepText(l *words.Lang, at plan.At) string {
	switch at {
	case plan.Asked:
		return l.T("Asked for")
	case plan.LookedAt:
		return l.T("Your practice has looked at it")
	case plan.Sent:
		return l.T("Sent to the pharmacy")
	case plan.Ready:
		return l.T("Ready to collect")
	case plan.Collected:
		return l.T("Collected")
	case plan.Refused:
		return l.T("Not prescribed")
	}
	return ""
}

func (s *Site) orderRowOf(l *words.Lang, o *plan.Order) orderRow {
	row := orderRow{Order: o, Late: o.Open() && s.Time().After(o.Due)}
	for _, st := range o.Steps {
		if st.Reached {
			row.Says = stepText(l, st.At)
		}
	}
	for _, it := range o.Items {
		row.Items = append(row.Items, itemRow{it, stepText(l, it.State)})
	}
	return row
}

// mostOrders is how many orders are listed.
const mostOrders = 12

func (s *Site) repeats(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	s.showRepeats(w, r, at, "", http.StatusOK)
}

func (s *Site) showRepeats(w http.ResponseWriter, r *http.Request, at seat.Seat, wrong string, status int) {
	all, err := s.Plan.Repeats(r.Context(), at.Who, at.Patient)
	var orders []plan.Order
	if err == nil {
		orders, err = s.Plan.Orders(r.Context(), at.Who, at.Patient)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := repeatsView{Frame: s.Frame(at, at.Words.T("Medicines and repeat prescriptions"), home(at)), Base: at.Base, Name: at.Name, Field: kit.Field{ID: "item", Error: wrong}}
	if wrong != "" {
		v.Errors = []kit.Field{v.Field}
		v.Frame.Title = at.Words.T("Error:") + " " + v.Frame.Title
	}
	for _, one := range all {
		row := repeatRow{ID: "item-" + one.ID, Repeat: one, Notes: notes(at.Words, one), Ticked: slices.Contains(r.Form["item"], one.ID)}
		if one.OpenAt.IsZero() && !v.Some {
			row.ID, v.Some = "item", true
		}
		v.Rows = append(v.Rows, row)
	}
	for i := range orders[:min(len(orders), mostOrders)] {
		v.Orders = append(v.Orders, s.orderRowOf(at.Words, &orders[i]))
	}
	s.Send(w, r, status, repeatsPage, v)
}

// checkView is an order before it is sent.
type checkView struct {
	Frame      kit.Frame
	Errors     []kit.Field
	Base, Name string
	Rows       []repeatRow
	Early      bool
	Why, Note  kit.Field
	Pharmacy   string // where it goes as things are
	Choices    []choice
	Other      kit.Field
}

func (s *Site) checkOrder(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	if !s.parsed(w, r, at) {
		return
	}
	t := at.Words.T
	if len(r.Form["item"]) == 0 {
		s.showRepeats(w, r, at, t("Choose at least one medicine"), http.StatusBadRequest)
		return
	}
	all, err := s.Plan.Repeats(r.Context(), at.Who, at.Patient)
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := checkView{Frame: s.Frame(at, t("Check your order"), "/prescriptions"), Base: at.Base, Name: at.Name, Why: kit.Field{ID: "why", Value: strings.TrimSpace(r.PostFormValue("why"))}, Note: kit.Field{ID: "note", Value: strings.TrimSpace(r.PostFormValue("note"))}, Other: kit.Field{ID: "other", Value: strings.TrimSpace(r.PostFormValue("other"))}}
	for _, one := range all {
		if slices.Contains(r.Form["item"], one.ID) {
			v.Rows = append(v.Rows, repeatRow{Repeat: one, Notes: notes(at.Words, one)})
			v.Early = v.Early || one.Early()
		}
	}
	if len(v.Rows) == 0 {
		s.showRepeats(w, r, at, t("Choose at least one medicine"), http.StatusBadRequest)
		return
	}
	if v.Pharmacy, err = s.Plan.Pharmacy(r.Context(), at.Who, at.Patient); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if v.Choices, err = s.pharmacies(r, at, v.Pharmacy); err != nil {
		s.Fail(w, r, at, err)
		return
	}
	if r.Method == http.MethodGet {
		s.Send(w, r, http.StatusOK, checkPage, v)
		return
	}
	for _, f := range []*kit.Field{&v.Why, &v.Note, &v.Other} {
		if len([]rune(f.Value)) > 500 {
			f.Error = t("Write no more than 500 letters")
			v.Errors = append(v.Errors, *f)
		}
	}
	if v.Early && v.Why.Value == "" {
		v.Why.Error = t("Say why you need it sooner, or go back and leave it out")
		v.Errors = append(v.Errors, v.Why)
	}
	chosen := r.PostFormValue("pharmacy")
	if chosen == "other" {
		if chosen = v.Other.Value; chosen == "" {
			v.Other.Error = t("Write which pharmacy")
			v.Errors = append(v.Errors, v.Other)
		}
	}
	if len(v.Errors) > 0 {
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
		s.Send(w, r, http.StatusBadRequest, checkPage, v)
		return
	}
	id, err := s.Plan.Order(r.Context(), at.Who, at.Patient, plan.Wish{Repeats: r.Form["item"], Why: v.Why.Value, Note: v.Note.Value, Pharmacy: chosen})
	switch {
	case err == nil:
		kit.See(w, r, at.Base+"/prescriptions/"+url.PathEscape(id)+"?did=asked")
	case fhir.KindOf(err) == fhir.Conflict:
		s.Say(w, r, at, http.StatusConflict, t("This was ordered already"), t("One of these medicines is on its way, or your list has changed since you looked. Go back to your medicines and look again."))
	default:
		s.Fail(w, r, at, err)
	}
}

// pharmacies are where an order can go: as it is, those near the person, or another one.
func (s *Site) pharmacies(r *http.Request, at seat.Seat, usual string) ([]choice, error) {
	chosen := r.PostFormValue("pharmacy")
	pairs := []string{"", usual}
	if usual == "" {
		pairs[1] = at.Words.T("The one your practice has for you")
	}
	if s.Near != nil {
		found, err := s.Near.Find(r.Context(), near.Query{Kind: "pharmacy"})
		if err != nil {
			return nil, err
		}
		for _, e := range found[:min(len(found), 12)] {
			name := e.Name
			if e.Address != "" {
				name += ", " + e.Address
			}
			if name != usual {
				pairs = append(pairs, name, name)
			}
		}
	}
	out := choices("pharmacy", chosen, append(pairs, "other", at.Words.T("Another pharmacy"))...)
	for i := range out { // what is called by its place in the list needs no name that could stand twice
		if i > 0 {
			out[i].ID = "pharmacy-" + string(rune('a'+i))
		}
	}
	return out, nil
}

// orderView is how an order stands.
type orderView struct {
	Frame      kit.Frame
	Base, Name string
	Done       bool
	Row        orderRow
	Steps      []stepRow
}

type stepRow struct {
	Text    string
	When    time.Time
	Reached bool
}

func (s *Site) order(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	o, err := s.Plan.OneOrder(r.Context(), at.Who, at.Patient, r.PathValue("id"))
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := orderView{Frame: s.Frame(at, at.Words.T("Your order"), "/prescriptions"), Base: at.Base, Name: at.Name, Done: r.URL.Query().Get("did") == "asked", Row: s.orderRowOf(at.Words, o)}
	for _, st := range o.Steps {
		if st.At != plan.Refused || st.Reached {
			v.Steps = append(v.Steps, stepRow{stepText(at.Words, st.At), st.When, st.Reached})
		}
	}
	s.Send(w, r, http.StatusOK, orderPage, v)
}
