package town

import "time"

// closing is the drop that a practice sends when it leaves its sharing agreement: the agreement is disabled, and every
// patient is deleted. A reader must stop and ask before it applies that. It lies in a folder of its own, after the last
// delta, and the truth does not know of it.
type closing struct{ *emis }

func newClosing(t Town, place *place, practice, feed int, cuts []time.Time) *closing {
	last := cuts[len(cuts)-1]
	e := newEMIS(t, place, practice, feed, []time.Time{last, last.Add(day)})
	e.bulk, e.base = cuts[0], len(cuts)-1
	e.name += "-closing"
	return &closing{e}
}

func (x *closing) begin(w *files) error { return x.beginFrom(w, 1) }

func (x *closing) shared(o *outbox) {
	x.row(o, 1, emisSharingOrganisation, x.org(), "false", ymd(x.cuts[1]), "true", "false")
}

func (x *closing) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	stays := c.p.registered(c.b, x.practice)
	if stays == nil {
		return records
	}
	r := emisRows{emis: x.emis, c: c, o: o, stays: stays, patient: guid(x.town.Seed, 'P', c.p.i, 0), closing: true}
	r.v = c.view(x.practice, stays, x.bulk)
	if !r.v.erasedBy(x.cuts[0]) && !stays[0].from.After(x.cuts[0]) {
		o.serial = int64(c.p.i)*60_000 + 10_000_000
		r.registration(1, x.cuts[0], x.cuts[1])
	}
	return records
}
