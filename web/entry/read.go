package entry

import (
	"cmp"
	"context"
	"net/url"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
)

// Most is how many resources of a type a page reads; beyond it the page says that it is not all.
const Most = 5000

// Read reads the entries of one type from all records of a person, as whoever looks sees them, up to Most; more says that there are others. Those that were withdrawn are
// left out. titles are what people call the feeds.
func Read(ctx context.Context, door *record.Door, who access.Actor, patient, kind string, titles map[string]string) (entries []Entry, more bool, err error) {
	entries = []Entry{}
	for m, err := range door.All(ctx, who, kind+"?patient="+url.QueryEscape(patient)) {
		if err != nil {
			return nil, false, err
		}
		if len(entries) == Most {
			return entries, true, nil
		}
		f, err := Of(m)
		if err != nil {
			return nil, false, err
		}
		f.From = cmp.Or(titles[f.Feed], f.Feed)
		if !f.Mistaken() {
			entries = append(entries, f)
		}
	}
	return entries, false, nil
}
