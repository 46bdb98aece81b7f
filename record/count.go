package record

import (
	"context"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// A counter knows how many resources there are, not how many of them somebody may see. Where an actor may see all of a type, of
// everybody who has refused nothing, what is counted is the counter's number, with those who have refused something put in place
// one by one. Everybody else's matches are looked at one by one, up to a limit.

// refusingLimit bounds how many Consents may be there for refusals to be put in place one by one.
const refusingLimit = 1000

// counted is the number of matches of a query that asks for no more than that, as somebody sees the record; false where it must
// be found by looking at each.
func (d *Door) counted(ctx context.Context, q *search.Query, e *eyes) (int64, bool, error) {
	if e == nil || q.Within != nil || q.Page != nil || len(q.Types) != 1 || q.Summary != "count" && q.Count != 0 {
		return 0, false, nil
	}
	t := q.Types[0]
	if hasPlace(t) || !d.policy.Always(e.who, access.Search, t, e.today) {
		return 0, false, nil
	}
	blind := *q
	blind.Eyes = nil
	plan := blind.Plan()
	if plan.Counted == 0 {
		return 0, false, nil
	}
	refusing, few, err := d.circles.refusing(ctx)
	if err != nil || !few || len(refusing) > 0 && !search.Compartment(t) {
		return 0, false, err
	}
	if len(refusing) == 0 {
		found, err := d.store.Search(ctx, plan)
		return total(found), err == nil, err
	}
	before, err := d.store.Seq(ctx)
	if err != nil {
		return 0, false, err
	}
	found, err := d.store.Search(ctx, plan)
	if err != nil {
		return 0, false, err
	}
	if after, err := d.store.Seq(ctx); err != nil || after != before {
		return 0, false, err // the counter is not of one moment with what follows
	}
	n := total(found)
	for _, some := range []struct {
		eyes search.Eyes
		sign int64
	}{{nil, -1}, {e, 1}} {
		of := *q
		of.Within, of.Page, of.Eyes = refusing, moment(before), some.eyes
		found, err := d.store.Search(ctx, of.Plan())
		if err != nil || found.Total == store.Unknown {
			return 0, false, err
		}
		n += some.sign * found.Total
	}
	return n, true, nil
}

func total(f *store.Found) int64 {
	if f == nil {
		return store.Unknown
	}
	return f.Total
}

// refusing are the Patients of all who have refused something to somebody; few is false where there are too many Consents to tell.
func (c *circles) refusing(ctx context.Context) (ids []string, few bool, err error) {
	c.mu.RLock()
	have := c.refused
	c.mu.RUnlock()
	if have != nil {
		return have.ids, have.few, nil
	}
	as, err := c.moment(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	q := &search.Query{Types: consentTypes, Count: refusingLimit}
	found, err := c.d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, false, err
	}
	r := &refusals{few: found.Next == nil}
	if r.few {
		for _, v := range found.Rows {
			res, err := fhir.Parse(v.Body)
			if err != nil {
				return nil, false, err
			}
			for _, consent := range consentsOf(res, nil, func(string) string { return "" }, c.d.labelOf) {
				if consent.Deny {
					r.ids = append(r.ids, fhir.ParseReference(res.Root().Get("patient").Get("reference").Text()).ID)
					break
				}
			}
		}
		if r.ids, err = c.d.store.Person(ctx, r.ids, 0); err != nil {
			return nil, false, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh(as) {
		c.refused = r
	}
	return r.ids, r.few, nil
}

// refusals are what refusing has found.
type refusals struct {
	ids []string
	few bool
}
