package record

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/seat"
)

//go:embed certificate.html
var certificateHTML string

var certificatePage = page(certificateHTML)

// certificateView is the certificates of somebody's vaccinations, each with its code.
type certificateView struct {
	head
	Person, Born string
	Issuer       string
	Cards        []cardView
}

type cardView struct {
	Shots []shotRow
	QR    template.HTML
}

type shotRow struct{ Name, On, Batch string }

// cards signs certificates of what somebody was given, as whoever sits there sees it.
func (s *Site) cards(ctx context.Context, at seat.Seat) (signed []string, patient *fhir.Resource, err error) {
	f, err := s.read(ctx, at, "Immunization")
	if err != nil {
		return nil, nil, err
	}
	if at.Staff {
		if err := s.asPatient(ctx, at, f); err != nil {
			return nil, nil, err
		}
	}
	stored, err := s.Door.Get(ctx, at.Who, "Patient", at.Patient)
	if err != nil {
		return nil, nil, err
	}
	if patient, err = stored.Resource(); err != nil {
		return nil, nil, err
	}
	var shots []*fhir.Resource
	for _, e := range given(f.of["Immunization"]) {
		shots = append(shots, e.V.Resource())
	}
	signed, err = s.Carry.Cards(patient, shots)
	return signed, patient, err
}

func (s *Site) certificate(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	t := at.Words.T
	signed, _, err := s.cards(r.Context(), at)
	if fhir.KindOf(err) == fhir.Invalid {
		s.Say(w, r, at, http.StatusNotFound, t("No certificate"), t("No vaccination is recorded, so there is nothing to certify."))
		return
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	v := certificateView{head: s.head(at, t("Certificate of vaccinations"), "-"), Issuer: s.Carry.Base}
	v.Frame.Back.To = at.Base + "/record/vaccinations"
	for i, one := range signed {
		card, err := s.Carry.Verify(one)
		if err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Person, v.Born = card.Name, on(at.Words, card.Born)
		c := cardView{Shots: s.shots(at, card)}
		if c.QR, err = carry.QR(carry.Numeric(one), t("The certificate as a QR code, %d of %d", i+1, len(signed))); err != nil {
			s.Fail(w, r, at, err)
			return
		}
		v.Cards = append(v.Cards, c)
	}
	s.Send(w, r, http.StatusOK, certificatePage, v)
}

// shots are the vaccinations of a certificate as people read them.
func (s *Site) shots(at seat.Seat, card *carry.Card) []shotRow {
	var out []shotRow
	for i := range card.Shots {
		shot := &card.Shots[i]
		out = append(out, shotRow{s.vaccine(at, shot), on(at.Words, shot.On), shot.Batch})
	}
	return out
}

// vaccine is a vaccine in plain words, with its term where it has one.
func (s *Site) vaccine(at seat.Seat, shot *carry.Shot) string {
	system, code, _ := strings.Cut(shot.Code, "|")
	x := s.Glossary.OfCode(system, code)
	switch {
	case x == nil && shot.Vaccine == "":
		return shot.Code
	case x == nil:
		return shot.Vaccine
	case shot.Vaccine == "":
		return at.Words.T(x.Name)
	}
	return at.Words.T(x.Name) + " (" + shot.Vaccine + ")"
}

// certificateFile sends the certificates as health apps take them.
func (s *Site) certificateFile(w http.ResponseWriter, r *http.Request, at seat.Seat) {
	signed, _, err := s.cards(r.Context(), at)
	var file []byte
	if err == nil {
		file, err = carry.File(signed)
	}
	if err != nil {
		s.Fail(w, r, at, err)
		return
	}
	w.Header().Set("Content-Type", "application/smart-health-card")
	w.Header().Set("Content-Disposition", "attachment; filename=vaccinations.smart-health-card")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(file) // who asked has gone away where this fails
}
