package audit

import (
	"context"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/words"
)

// behalf says of staff who did something because the person asked, at the desk or on the telephone, that they did it on their behalf: with both names in one line,
// since that is what the person remembers. Of a program that worked for one of the staff it says for whom, where the record knows their name.
func (s *Site) behalf(ctx context.Context, in *words.Lang, l *look, e *record.TrailEntry) error {
	switch {
	case e.Purpose == "PATRQT" && strings.HasPrefix(e.Who, "Practitioner/"):
		if l.Organisation == "" {
			l.Who = in.T("%s, on your behalf", l.Who)
		} else {
			l.Who, l.Organisation = in.T("%s at %s, on your behalf", l.Who, l.Organisation), ""
		}
	case computer(e) && strings.HasPrefix(e.Helper, "Practitioner/"):
		stored, err := s.Door.Get(ctx, access.Actor{ID: "kith/page", Role: access.Kith, Purpose: "HOPERAT"}, "Practitioner", strings.TrimPrefix(e.Helper, "Practitioner/"))
		if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := stored.Resource()
		if err != nil {
			return err
		}
		l.Who = in.T("%s, for %s", l.Who, signin.NameOf(res.Root()))
	}
	return nil
}
