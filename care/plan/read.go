package plan

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Repeats are the medicines somebody has on repeat now, by name, as whoever asks may see them. Where two systems say the same repeat, the one that was issued last stands.
func (s *Service) Repeats(ctx context.Context, who access.Actor, patient string) ([]*Repeat, error) {
	book, err := s.book()
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, who, access.Read, "MedicationRequest", patient); err != nil {
		return nil, err
	}
	var out []*Repeat
	for m, err := range s.Door.All(ctx, who, "MedicationRequest?status=active&intent=plan&patient="+url.QueryEscape(patient)) {
		if err != nil {
			return nil, err
		}
		var x r4.MedicationRequest
		if err := m.Decode(&x); err != nil {
			return nil, err
		}
		if err := s.medicine(ctx, who, &x); err != nil {
			return nil, err
		}
		if r := repeatOf(&x); r != nil {
			r.AskFirst = book.askFirst(r.Name)
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	if err := s.issued(ctx, who, patient, out); err != nil {
		return nil, err
	}
	now := s.now()
	for _, r := range out {
		r.due(&book.Rules.Repeats, now)
		r.Review = r.allowed > 0 && r.issues >= r.allowed || !r.ReviewBy.IsZero() && now.After(r.ReviewBy)
	}
	slices.SortFunc(out, func(a, b *Repeat) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(out, (*Repeat).same), nil
}

// medicine puts the medicine itself where a resource only refers to one.
func (s *Service) medicine(ctx context.Context, who access.Actor, x *r4.MedicationRequest) error {
	if x.MedicationCodeableConcept != nil || x.MedicationReference == nil {
		return nil
	}
	ref := fhir.ParseReference(x.MedicationReference.Reference)
	if ref.Type == "Medication" {
		stored, err := s.Door.Get(ctx, who, ref.Type, ref.ID)
		var m r4.Medication
		if err == nil {
			err = stored.Decode(&m)
		}
		if err != nil && !absent(err) {
			return err
		}
		x.MedicationCodeableConcept = m.Code
	}
	if x.MedicationCodeableConcept == nil && x.MedicationReference.Display != "" {
		x.MedicationCodeableConcept = &r4.CodeableConcept{Text: x.MedicationReference.Display}
	}
	return nil
}

// same reports whether two are one medicine in one dose.
func (r *Repeat) same(o *Repeat) bool {
	return strings.EqualFold(r.Name, o.Name) && strings.EqualFold(r.Dose, o.Dose)
}

// repeatOf reads a repeat, nil where a plan is none: a course of treatment that is not continuous.
func repeatOf(x *r4.MedicationRequest) *Repeat {
	code := ""
	if x.CourseOfTherapyType != nil {
		for _, c := range x.CourseOfTherapyType.Coding {
			if strings.HasPrefix(c.Code, "continuous") {
				code = c.Code
			}
		}
	}
	if code == "" || x.MedicationCodeableConcept == nil {
		return nil
	}
	r := &Repeat{ID: x.ID, Patient: patientOf(x.Subject), Name: textOf(x.MedicationCodeableConcept), Codes: codesOf(x.MedicationCodeableConcept)}
	if len(x.DosageInstruction) > 0 {
		r.Dose = x.DosageInstruction[0].Text
	}
	if d := x.DispenseRequest; d != nil {
		if d.Quantity != nil && d.Quantity.Value != nil {
			r.Supply = strings.TrimSpace(d.Quantity.Value.String() + " " + d.Quantity.Unit)
		}
		r.Days, r.Known = daysOf(d.ExpectedSupplyDuration)
	}
	// UK Core's extension says until when the practice has authorised it.
	// https://simplifier.net/hl7fhirukcorer4/extension-ukcore-medicationrepeatinformation
	for i := range x.Extension {
		if !strings.HasSuffix(x.Extension[i].URL, "MedicationRepeatInformation") {
			continue
		}
		for _, e := range x.Extension[i].Extension {
			if e.URL == "authorisationExpiryDate" && e.ValueDateTime.Year != 0 {
				r.ReviewBy = e.ValueDateTime.HighIn(london.Zone)
			}
		}
	}
	if d := x.DispenseRequest; d != nil && d.NumberOfRepeatsAllowed != nil {
		r.allowed = *d.NumberOfRepeatsAllowed
	}
	return r
}

// daysOf is a duration in days, where it is one.
func daysOf(q *r4.Quantity) (int, bool) {
	if q == nil || q.Value == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(q.Value.String(), 64)
	switch u := strings.ToLower(cmp.Or(q.Code, q.Unit)); {
	case err != nil || n < 1 || n > 400:
		return 0, false
	case strings.HasPrefix(u, "wk") || strings.HasPrefix(u, "week"):
		return int(n * 7), true
	case strings.HasPrefix(u, "mo"):
		return int(n * 28), true
	case strings.HasPrefix(u, "d"):
		return int(n), true
	}
	return 0, false
}

func codesOf(c *r4.CodeableConcept) (out []string) {
	for _, k := range c.Coding {
		if k.Code != "" {
			out = append(out, k.System+"|"+k.Code)
		}
	}
	return out
}

// issued sets of each repeat when it was issued last, for how long, and whether an order is under way.
func (s *Service) issued(ctx context.Context, who access.Actor, patient string, repeats []*Repeat) error {
	open := map[string]*r4.Task{} // by the order that is under way
	for m, err := range s.Door.All(ctx, me, "Task?patient="+url.QueryEscape(patient)+"&code="+taskSystem+"|"+orderCode) {
		if err != nil {
			return err
		}
		t := new(r4.Task)
		if err := m.Decode(t); err != nil {
			return err
		}
		for _, b := range t.BasedOn {
			open[b.Reference] = t
		}
	}
	for m, err := range s.Door.All(ctx, who, "MedicationRequest?intent=order,reflex-order,filler-order,instance-order&patient="+url.QueryEscape(patient)) {
		if err != nil {
			return err
		}
		var x r4.MedicationRequest
		if err := m.Decode(&x); err != nil {
			return err
		}
		if err := s.medicine(ctx, who, &x); err != nil {
			return err
		}
		for _, r := range repeats {
			mine := isOrder(&x)
			if !of(&x, r) {
				continue
			}
			if mine && basedOn(x.BasedOn, r.ID) {
				r.number++
			}
			if mine && (x.Status == "draft" || x.Status == "on-hold") {
				r.Open, r.OpenAt = "", x.AuthoredOn.Low()
				if t := open["MedicationRequest/"+x.ID]; t != nil {
					r.Open = t.ID
				}
				continue
			}
			// What was refused or withdrawn was not issued.
			if x.Status == "cancelled" || x.Status == "entered-in-error" || x.Status == "draft" || x.AuthoredOn.Year == 0 {
				continue
			}
			if !mine && basedOn(x.BasedOn, r.ID) {
				r.issues++
			}
			if at := x.AuthoredOn.LowIn(london.Zone); at.After(r.Last) {
				r.Last = at
				if d := x.DispenseRequest; d != nil {
					if n, known := daysOf(d.ExpectedSupplyDuration); known {
						r.Days, r.Known = n, true
					}
				}
			}
		}
	}
	return nil
}

// of reports whether an order is of a repeat: it says so, or names the same medicine and no repeat.
func of(x *r4.MedicationRequest, r *Repeat) bool {
	if basedOn(x.BasedOn, r.ID) {
		return true
	}
	if x.MedicationCodeableConcept == nil {
		return false
	}
	codes := codesOf(x.MedicationCodeableConcept)
	return slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(r.Codes, c) }) || len(codes) == 0 && strings.EqualFold(textOf(x.MedicationCodeableConcept), r.Name)
}

func basedOn(list []r4.Reference, id string) bool {
	return slices.ContainsFunc(list, func(r r4.Reference) bool { return r.Reference == "MedicationRequest/"+id })
}

// isOrder reports whether an order was made here.
func isOrder(x *r4.MedicationRequest) bool {
	return slices.ContainsFunc(x.Identifier, func(i r4.Identifier) bool { return i.System == RepeatSystem })
}

// nominated is the pharmacy that prescriptions go to: the one that was chosen here last, else the one the record has.
func (s *Service) nominated(ctx context.Context, who access.Actor, patient string) (string, error) {
	orders, err := s.Orders(ctx, who, patient)
	if err != nil {
		return "", err
	}
	for _, o := range orders {
		if o.Pharmacy != "" {
			return o.Pharmacy, nil
		}
	}
	all, err := s.patients(ctx, who, patient)
	if err != nil {
		return "", err
	}
	var extensions []r4.Extension
	for _, p := range all {
		extensions = append(extensions, p.Extension...)
	}
	for _, e := range extensions {
		// https://simplifier.net/hl7fhirukcorer4/extension-ukcore-nominatedpharmacy, and the Personal Demographics Service's own
		if !strings.HasSuffix(strings.ToLower(e.URL), "nominatedpharmacy") || e.ValueReference == nil {
			continue
		}
		if e.ValueReference.Display != "" {
			return e.ValueReference.Display, nil
		}
		if e.ValueReference.Identifier != nil {
			return s.organisation(ctx, e.ValueReference.Identifier.Value)
		}
	}
	return "", nil
}

// patients are all Patients of a person that somebody may see, the one asked for first.
func (s *Service) patients(ctx context.Context, who access.Actor, patient string) (out []*r4.Patient, err error) {
	group, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	ids := append([]string{patient}, slices.DeleteFunc(group, func(id string) bool { return id == patient })...)
	for _, id := range ids {
		stored, err := s.Door.Get(ctx, who, "Patient", id)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := new(r4.Patient)
		if err := stored.Decode(p); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// organisation is what an organisation is called, or its code where the record does not know.
func (s *Service) organisation(ctx context.Context, ods string) (string, error) {
	page, err := s.Door.Find(ctx, me, "Organization?_count=1&identifier=https://fhir.nhs.uk/Id/ods-organization-code|"+url.QueryEscape(ods))
	if err != nil || len(page.Matches) == 0 {
		return ods, err
	}
	var o r4.Organization
	if err := page.Matches[0].Decode(&o); err != nil {
		return ods, err
	}
	return cmp.Or(o.Name, ods), nil
}

// Pharmacy is where somebody's orders go, "" where that is not known.
func (s *Service) Pharmacy(ctx context.Context, who access.Actor, patient string) (string, error) {
	return s.nominated(ctx, who, patient)
}

// since is the day before which nothing of an order can have happened.
func since(at time.Time) time.Time {
	y, m, d := at.In(london.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, london.Zone)
}
