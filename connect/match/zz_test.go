package match

import (
	"fmt"
	"sort"
	"testing"
)

func TestZZ(t *testing.T) {
	d := newDirty(3, .28, 2, .12)
	d.two(5000)
	rows, who := d.one()
	r, _ := New(rows, nil, false)
	s := r.Learn(quiet)
	m := s.model(r)
	found := r.Run(s, false, quiet)
	grp := map[string]map[uint32]bool{}
	linked := map[pair]bool{}
	comp := map[uint32]uint32{}
	for i := range r.rows {
		comp[uint32(i)] = uint32(i)
	}
	for _, p := range found {
		if p.Decision == One {
			linked[pair{p.A, p.B}] = true
			x, y := comp[p.A], comp[p.B]
			if x != y {
				for k, v := range comp {
					if v == y {
						comp[k] = x
					}
				}
			}
		}
	}
	for i := range r.rows {
		w := who[r.ids[i]]
		if grp[w] == nil {
			grp[w] = map[uint32]bool{}
		}
		grp[w][uint32(i)] = true
	}
	type ms struct {
		s    string
		pw   float64
		cost int
	}
	var out []ms
	for w, g := range grp {
		parts := map[uint32][]uint32{}
		for i := range g {
			parts[comp[i]] = append(parts[comp[i]], i)
		}
		if len(parts) < 2 {
			continue
		}
		var keys []uint32
		for k := range parts {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(a, b int) bool { return len(parts[keys[a]]) > len(parts[keys[b]]) })
		for _, k := range keys[1:] {
			a, b := parts[keys[0]], parts[k]
			g, pw := r.bestOf(m, r.profile(a), r.profile(b), nil)
			best := -99.0
			for _, x := range a {
				for _, y := range b {
					if _, q := r.best(m, x, y); q > best {
						best = q
					}
				}
			}
			txt := ""
			for _, i := range b {
				for f := range fieldCount {
					txt += r.dicts[f].words[r.rows[i].values[f]].text + "|"
				}
				txt += "  "
			}
			txt2 := ""
			for f := range fieldCount {
				txt2 += r.dicts[f].words[r.rows[a[0]].values[f]].text + "|"
			}
			out = append(out, ms{fmt.Sprintf("%s %d+%d best %.1f profile %.1f %v\n      %s\n      %s", w, len(a), len(b), best, pw, g.levels, txt, txt2), pw, len(a) * len(b)})
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].pw > out[b].pw })
	for _, o := range out {
		t.Log(o.cost, o.s)
	}
	t.Logf("roof %.2f share %.2f prior %.2f household %v", s.Roof, s.Share, m.prior, s.Households)
}
