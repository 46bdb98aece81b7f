package record

import (
	"context"

	"github.com/kith-care/kith/access"
)

// Sees says of resources that somebody was shown which of them another would see now, in their order. It is for showing a young person what a parent sees, and
// discloses nothing to the other, so that the audit has no entry of theirs. What has changed since it was read counts as not seen.
func (d *Door) Sees(ctx context.Context, other access.Actor, shown []Stored) ([]bool, error) {
	out := make([]bool, len(shown))
	numbers := make([]int64, len(shown))
	for i := range shown {
		numbers[i] = shown[i].Seq
	}
	versions, err := d.store.Numbered(ctx, numbers)
	if err != nil {
		return nil, err
	}
	eyes := d.eyes(ctx, nil, &other, access.Read)
	seen := map[int64]bool{}
	for _, v := range versions {
		if !v.Current() {
			continue
		}
		if eyes == nil {
			seen[v.Rid] = true
		} else if seen[v.Rid], err = eyes.may(access.Read, v); err != nil {
			return nil, err
		}
	}
	for i := range shown {
		out[i] = seen[shown[i].Seq]
	}
	return out, nil
}
