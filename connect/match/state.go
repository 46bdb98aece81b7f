package match

import "slices"

// standing is what the matcher remembers of a pair without reading the box.
type standing struct {
	other string
	flags flags
}

type flags uint8

const (
	linked    flags = 1 << iota
	doubted         // a question is open
	answered        // a person has said what they are
	different       // and that they are two
)

func flagsOf(l *Link) (f flags) {
	if l.Linked {
		f |= linked
	}
	if l.Doubt != nil {
		f |= doubted
	}
	if a := l.answer(); a != nil {
		f |= answered
		if !a.Same {
			f |= different
		}
	}
	return f
}

// graph is who is linked with whom.
type graph map[string][]standing

func (g graph) set(a, b string, f flags) {
	for _, end := range [2][2]string{{a, b}, {b, a}} {
		i := slices.IndexFunc(g[end[0]], func(s standing) bool { return s.other == end[1] })
		if i < 0 {
			g[end[0]] = append(g[end[0]], standing{end[1], f})
		} else {
			g[end[0]][i].flags = f
		}
	}
}

func (g graph) between(a, b string) flags {
	for _, s := range g[a] {
		if s.other == b {
			return s.flags
		}
	}
	return 0
}

// person are the Patients that are one person with id, itself first.
func (g graph) person(id string) []string {
	group := []string{id}
	for i := 0; i < len(group); i++ {
		for _, s := range g[group[i]] {
			if s.flags&linked != 0 && !slices.Contains(group, s.other) {
				group = append(group, s.other)
			}
		}
	}
	return group
}

// said reports whether somebody said that a Patient of one group and one of the other are two people.
func (g graph) said(one, other []string) bool {
	for _, a := range one {
		for _, s := range g[a] {
			if s.flags&different != 0 && slices.Contains(other, s.other) {
				return true
			}
		}
	}
	return false
}

// asked reports whether a question is open between two groups.
func (g graph) asked(one, other []string) bool {
	for _, a := range one {
		for _, s := range g[a] {
			if s.flags&doubted != 0 && slices.Contains(other, s.other) {
				return true
			}
		}
	}
	return false
}

// parts are the people that some Patients are, by the links among them.
func (g graph) parts(ids []string) (people [][]string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		group := g.person(id)
		for _, member := range group {
			seen[member] = true
		}
		people = append(people, group)
	}
	return people
}

// learnt is what the record says of its sources. It is kept with the links, so that a linker that starts again judges by what it judged by before.
type learnt struct {
	Patients int                `json:"patients"` // how many there were when it was counted
	Shares   map[string]float64 `json:"shares"`   // by source: how likely its people are to be known elsewhere
}

// learn counts anew how likely the people of each source are to be known elsewhere, once there are many more Patients than when it was
// last counted; it reports whether it did.
func (s *state) learn() bool {
	n := s.index.Len()
	if was := s.learnt; was.Shares != nil && n < was.Patients+was.Patients/4+200 {
		return false
	}
	s.learnt, s.fresh = learnt{n, s.index.shares(s.sources)}, true
	return true
}

// share is how likely somebody among some Patients is to be known elsewhere.
func (s *state) share(patients ...string) float64 {
	share := s.index.settings.Share
	for _, id := range patients {
		share = max(share, s.learnt.Shares[s.sources[id]])
	}
	return share
}
