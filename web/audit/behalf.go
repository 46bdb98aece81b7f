package audit

import "github.com/kith-care/kith/record"

// behalf says of staff who did something because the person asked, at the desk or on the telephone, that they did it on their behalf: with both names in one line,
// since that is what the person remembers.
func (l *look) behalf(e *record.TrailEntry) {
	if e.Purpose != "PATRQT" || e.Role == "patient" || computer(e) {
		return
	}
	if l.Organisation != "" {
		l.Who, l.Organisation = l.Who+" at "+l.Organisation, ""
	}
	l.Who += ", on your behalf"
}
