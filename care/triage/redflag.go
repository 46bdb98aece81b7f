package triage

// A finding of a screen is a red flag: whoever has it is never sent to somebody later because of it. So no floor may need its absence, no weight may
// take points away for it or add points for its absence. This is checked when packs are loaded; TestARedFlagNeverLowersTheLevel tries it.

// signs are how a rule uses a finding: for, where its presence can make the rule hold; against, where its absence can.
func (n *node) signs(finding int, negated bool) (with, against bool) {
	switch n.kind {
	case nodeFinding:
		return n.finding == finding && !negated, n.finding == finding && negated
	case nodeCompare:
		return false, false
	case nodeNot:
		negated = !negated
	}
	for i := range n.parts {
		w, a := n.parts[i].signs(finding, negated)
		with, against = with || w, against || a
	}
	return with, against
}

// checkScreens refuses packs in which a red flag could lower the level.
func (b *Book) checkScreens(faults *faults) {
	flags := func(p *Pack) (out []int) {
		for i := range p.Screen {
			out = append(out, p.Screen[i].items...)
		}
		return out
	}
	shared := flags(b.Shared)
	for _, p := range append([]*Pack{b.Shared}, b.Packs...) {
		own := append(flags(p), shared...)
		for _, n := range own {
			id := b.Lexicon.Findings[n].ID
			for _, other := range append([]*Pack{b.Shared}, b.Packs...) {
				for _, f := range other.Floors {
					if _, against := f.when.node.signs(n, false); against {
						faults.add(p.file, 0, "the red flag %s must not keep the floor %s/%s from holding", id, other.Name, f.ID)
					}
				}
			}
			for _, w := range p.Score.Weights {
				if with, against := w.when.node.signs(n, false); w.Add < 0 && with || w.Add > 0 && against {
					faults.add(p.file, 0, "the red flag %s must not lower the score: %s, %+d", id, w.When, w.Add)
				}
			}
			for _, g := range p.Benign {
				if with, _ := g.when.node.signs(n, false); with {
					faults.add(p.file, 0, "%s: the red flag %s is not benign", g.ID, id)
				}
			}
		}
	}
}
