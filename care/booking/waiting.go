package booking

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

const (
	referralCategory = "3457005" // SNOMED CT: Patient referral
	rttSystem        = "https://www.datadictionary.nhs.uk/data_elements/referral_to_treatment_period_status.html"
	statusReason     = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
)

// listSystem is of the category of a referral that says on which list it is: inpatient or outpatient.
const listSystem = "http://terminology.hl7.org/CodeSystem/v2-0284"

// isWait reports whether a referral is a wait: whoever keeps the list tells of it, by the status of the referral-to-treatment period or by the list. A practice's
// record has the same referral as well, and never hears that it ended.
func isWait(r *r4.ServiceRequest) bool {
	if code, _ := codeIn(r.Category, snomed); code != referralCategory {
		return false
	}
	list, _ := codeIn(r.Category, listSystem)
	return list != "" || rttOf(r) != "" || !fromElsewhere(r.Meta)
}

// rttOf is the status of the referral-to-treatment period, "" where it is not said.
func rttOf(r *r4.ServiceRequest) string {
	for _, e := range r.Extension {
		if e.URL == statusReason {
			if code, _ := codeIn(concepts(e.ValueCodeableConcept), rttSystem); code != "" {
				return code
			}
		}
	}
	return ""
}

func referralQuery(more string) string {
	return "ServiceRequest?category=" + snomed + "|" + referralCategory + "&" + more
}

// Waiting is one wait of a patient's, and what is known of how long such waits are.
type Waiting struct {
	ID      string    // of the ServiceRequest
	For     string    // "Referral to orthopaedic service"
	Why     string    // "Hip pain"; "" where it is not said
	By      string    // who referred
	To      string    // whom
	Since   time.Time // since when it counts
	Days    int       // how long that is
	Next    *Appointment
	Likely  *Likely   // nil where too few were seen to say
	Seen    int       // how many were seen in the time that is known
	Checked time.Time // when the patient last said that they still need it; zero for never
	Said    Choice    // what they said then
}

// Likely says by when: half of those who have waited as long are seen by Half, nine in ten by Most.
type Likely struct {
	Half, Most time.Time // zero where it is later than anything known
	HalfWeeks  int       // of everybody from the referral on: half are seen within so many weeks; 0 for longer than is known
	MostWeeks  int       // nine in ten
	Longest    time.Time // beyond this day nothing is known
	People     int       // who were seen
	From, To   time.Time // in this time
}

// Waits are a patient's waits that have not ended, the longest first.
func (s *Service) Waits(ctx context.Context, who access.Actor, patient string) ([]*Waiting, error) {
	said, err := s.answers(ctx, who, patient)
	if err != nil {
		return nil, err
	}
	var out []*Waiting
	for m, err := range s.Door.All(ctx, who, referralQuery("patient=Patient/"+patient+"&status=active")) {
		if err != nil {
			return nil, err
		}
		var r r4.ServiceRequest
		if err := m.Decode(&r); err != nil {
			return nil, err
		}
		if !isWait(&r) {
			continue
		}
		w := &Waiting{ID: r.ID, For: textOf(r.Code), Why: firstText(r.ReasonCode), Since: r.AuthoredOn.Low(), Days: daysOf(s.now().Sub(r.AuthoredOn.Low()))}
		if r.Requester != nil {
			w.By = r.Requester.Display
		}
		if len(r.Performer) > 0 {
			w.To = r.Performer[0].Display
		}
		if a, ok := said[r.ID]; ok {
			w.Checked, w.Said = a.at, a.choice
		}
		if w.Next, err = s.nextOf(ctx, who, r.ID); err != nil {
			return nil, err
		}
		if w.Likely, w.Seen, err = s.likely(ctx, &r); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b *Waiting) int { return a.Since.Compare(b.Since) })
	return out, nil
}

// nextOf is the next appointment of a referral that somebody may see.
func (s *Service) nextOf(ctx context.Context, who access.Actor, referral string) (*Appointment, error) {
	var next *Appointment
	for m, err := range s.Door.All(ctx, who, "Appointment?based-on=ServiceRequest/"+referral+"&status=booked,pending") {
		if err != nil {
			if fhir.KindOf(err) == fhir.Forbidden {
				return nil, nil
			}
			return nil, err
		}
		a := new(r4.Appointment)
		if err := m.Decode(a); err != nil {
			return nil, err
		}
		if one := s.says(a, m.Version); one.Coming(s.now()) && (next == nil || one.Start.Before(next.Start)) {
			next = one
		}
	}
	return next, nil
}

// waits are those of one service at one place, as they were read.
type waits struct {
	curve Curve
	ok    bool
	read  time.Time
}

// waitsFresh is how long a curve is kept: it changes by the week.
const waitsFresh = time.Hour

// likely is what is known of how long waits like one are: of the same service, as the same system told them.
func (s *Service) likely(ctx context.Context, r *r4.ServiceRequest) (*Likely, int, error) {
	code, system := "", ""
	if r.Code != nil && len(r.Code.Coding) > 0 {
		code, system = r.Code.Coding[0].Code, r.Code.Coding[0].System
	}
	if code == "" {
		return nil, 0, nil
	}
	from := feedOf(r.Meta)
	key := system + "|" + code + " " + from
	s.mu.Lock()
	w := s.waits[key]
	s.mu.Unlock()
	if w == nil || s.now().Sub(w.read) >= waitsFresh {
		list, err := s.waitsOf(ctx, system, code, from)
		if err != nil {
			return nil, 0, err
		}
		w = &waits{read: s.now()}
		w.curve, w.ok = curveOf(list, s.now())
		s.mu.Lock()
		if s.waits == nil {
			s.waits = map[string]*waits{}
		}
		s.waits[key] = w
		s.mu.Unlock()
	}
	if !w.ok {
		return nil, w.curve.Seen, nil
	}
	since, waited := r.AuthoredOn.Low(), daysOf(s.now().Sub(r.AuthoredOn.Low()))
	l := &Likely{People: w.curve.Seen, From: w.curve.From, To: w.curve.To, Longest: since.AddDate(0, 0, w.curve.Longest())}
	if d, ok := w.curve.By(0.5, waited); ok {
		l.Half = since.AddDate(0, 0, d)
	}
	if d, ok := w.curve.By(0.9, waited); ok {
		l.Most = since.AddDate(0, 0, d)
	}
	if d, ok := w.curve.By(0.5, -1); ok {
		l.HalfWeeks = (d + 6) / 7
	}
	if d, ok := w.curve.By(0.9, -1); ok {
		l.MostWeeks = (d + 6) / 7
	}
	return l, w.curve.Seen, nil
}

// feedOf is which system told of something: the part of meta.source that names its feed, "" for our own.
func feedOf(meta *r4.Meta) string {
	if meta == nil {
		return ""
	}
	rest, ok := strings.CutPrefix(meta.Source, intakeSource)
	if !ok {
		return ""
	}
	feed, _, _ := strings.Cut(rest, "/")
	return feed
}

// waitsOf are the waits of everybody with one code of referral, as one system told them. They are read with Kith's own eyes; what comes of them is a figure of
// twenty people at least.
func (s *Service) waitsOf(ctx context.Context, system, code, from string) ([]wait, error) {
	var out []wait
	for m, err := range s.Door.All(ctx, me, referralQuery("code="+system+"|"+code)) {
		if err != nil {
			return nil, err
		}
		var r r4.ServiceRequest
		if err := m.Decode(&r); err != nil {
			return nil, err
		}
		if r.AuthoredOn.Year == 0 || !isWait(&r) || feedOf(r.Meta) != from {
			continue
		}
		if w, ok := waitOf(&r, s.now()); ok {
			out = append(out, w)
		}
	}
	return out, nil
}

// waitOf is a referral as a wait. The status of the referral-to-treatment period says how it ended: 30 is treatment, 31 and 32 are active monitoring, which begin
// when somebody is seen; 33 to 36 and a referral that was taken back are other ends (NHS Data Dictionary).
func waitOf(r *r4.ServiceRequest, now time.Time) (wait, bool) {
	w := wait{from: r.AuthoredOn.Low(), to: now}
	rtt := rttOf(r)
	switch r.Status {
	case "active", "on-hold":
		return w, true
	case "completed", "revoked":
		if r.OccurrencePeriod == nil || r.OccurrencePeriod.End.Year == 0 {
			return w, false // it ended, and nobody knows when
		}
		w.to = r.OccurrencePeriod.End.Low()
		w.seen = r.Status == "completed" && (rtt == "" || rtt == "30" || rtt == "31" || rtt == "32")
		return w, true
	}
	return w, false
}
