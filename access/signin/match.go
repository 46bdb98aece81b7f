package signin

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// match finds the Patients of the one person who has this NHS number and date of birth. Where it is not exactly one person, why says what the person can do.
func (s *Service) match(ctx context.Context, c *claims) (patients []string, why string, err error) {
	number, born := c.number(), c.born()
	if number == "" || born == "" {
		return nil, "your NHS number or date of birth was not shared, so your record could not be found", nil
	}
	page, err := s.o.Door.Find(ctx, self(), "Patient?identifier="+url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+number)+"&birthdate="+born+"&_count=50")
	if err != nil {
		return nil, "", err
	}
	if len(page.Matches) == 0 {
		return nil, "no record here has your NHS number and date of birth", nil
	}
	if patients, err = s.o.Door.Person(ctx, page.Matches[0].ID); err != nil {
		return nil, "", err
	}
	// The Patient that was found comes first: it bears the number.
	first := page.Matches[0].ID
	patients = append([]string{first}, slices.DeleteFunc(patients, func(id string) bool { return id == first })...)
	for _, m := range page.Matches {
		if !slices.Contains(patients, m.ID) {
			return nil, "more than one record here has your NHS number", nil
		}
	}
	return patients, "", nil
}

// practitioner is the one Practitioner of the record who has this number of the Spine's directory; "" where it is not exactly one.
func (s *Service) practitioner(ctx context.Context, user string) (string, error) {
	if user == "" || len(user) > 20 || strings.Trim(user, "0123456789") != "" {
		return "", nil
	}
	page, err := s.o.Door.Find(ctx, self(), "Practitioner?identifier=https://fhir.nhs.uk/Id/sds-user-id|"+user+"&_count=2")
	if err != nil || len(page.Matches) != 1 {
		return "", err
	}
	return "Practitioner/" + page.Matches[0].ID, nil
}
