package hl7

import "github.com/kith-care/kith/fhir/r4"

// mrg maps MRG: what PID (and PV1) of its group take over. One that does not say of what is an error: which of two people
// something belongs to is not for us to guess.
func (b *builder) mrg(s, pid, pv1 Segment) error {
	switch b.event {
	case "A18", "A30", "A34", "A36", "A39", "A40", "A43", "A46", "A47":
		return b.mergePatient(s)
	case "A35", "A41", "A42", "A50", "A51":
		return b.mergeEpisode(s, pid, pv1)
	case "A44", "A45":
		return b.moveEpisode(s, pid, pv1)
	}
	return nil
}

// former is the Patient that MRG-1 (before v2.3.1 also MRG-4) names. Where it is not known yet, it is made with nothing
// but its number, so that what still comes under that number belongs to the person at once.
func (b *builder) former(s Segment, create bool) Ref {
	at := s.Place()
	key, ids := b.patientKey(at+"-1", s.Field(1))
	if key == "" {
		key, ids = b.patientKey(at+"-4", s.Field(4))
	}
	if key == "" {
		return Ref{}
	}
	ref := Ref{"Patient", ID(b.cfg.Feed, "Patient", key)}
	b.speaksOf(ref.ID)
	if create && b.byRef[ref] == nil && b.current("Patient", ref.ID) == nil {
		x, _ := draft[r4.Patient](b, "Patient", key, at)
		for _, id := range ids {
			x.Identifier = addIdentifier(x.Identifier, id)
		}
		setList(s.Field(7), &x.Name, func(p Part) *r4.HumanName { return b.name(at+"-7", p) })
	}
	return ref
}

func (b *builder) mergePatient(s Segment) error {
	from := b.former(s, true)
	switch {
	case from.ID == "":
		return missing(s.Place()+"-1", "no patient is named who is merged")
	case from == b.patient:
		b.warn(s.Place()+"-1", "the patient is merged with itself: nothing to do")
	default:
		b.filing.Merges = append(b.filing.Merges, Merge{Kind: MergePatient, From: from, Into: b.patient, Place: s.Place()})
	}
	return nil
}

// stays are the ids under which a stay may be known, by the numbers given.
func (b *builder) stays(at string, visit, account Part) []Ref {
	var list []Ref
	for i, p := range []Part{visit, account} {
		if p.Comp(1).Text() != "" {
			_, key := b.cx(at, p.Rep())
			list = append(list, Ref{"Encounter", ID(b.cfg.Feed, "Encounter", []string{"visit|", "account|"}[i]+key)})
		}
	}
	return list
}

// known is the first of some stays that the record has, else the first.
func (b *builder) known(list []Ref) Ref {
	for _, ref := range list {
		if b.byRef[ref] != nil || b.current(ref.Type, ref.ID) != nil {
			return ref
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return Ref{}
}

func (b *builder) mergeEpisode(s, pid, pv1 Segment) error {
	b.former(s, false)
	from := b.known(b.stays(s.Place(), s.Field(5), s.Field(3)))
	into := b.known(b.stays(s.Place(), pv1.Field(19), pid.Field(18)))
	switch {
	case from.ID == "" || into.ID == "":
		return missing(s.Place()+"-5", "a merge of stays needs the number of the old one (MRG-5 or MRG-3) and of the new one (PV1-19 or PID-18)")
	case from == into:
		b.warn(s.Place(), "the stay is merged with itself: nothing to do")
	default:
		b.filing.Merges = append(b.filing.Merges, Merge{Kind: MergeEpisode, From: from, Into: into, Place: s.Place()})
	}
	return nil
}

func (b *builder) moveEpisode(s, pid, pv1 Segment) error {
	from := b.former(s, true)
	candidates := append(b.stays(s.Place(), s.Field(5), s.Field(3)), b.stays(s.Place(), pv1.Field(19), pid.Field(18))...)
	what := b.known(candidates)
	switch {
	case from.ID == "" || what.ID == "":
		return missing(s.Place()+"-5", "a move of a stay needs the patient it moves from (MRG-1) and its number (MRG-5, MRG-3, PV1-19 or PID-18)")
	case from == b.patient:
		b.warn(s.Place(), "the stay moves to the patient it is with: nothing to do")
	default:
		b.filing.Merges = append(b.filing.Merges, Merge{Kind: MoveEpisode, From: from, Into: b.patient, What: what, Place: s.Place()})
	}
	return nil
}

// pairs adds what a message says by naming two patients: A17 swaps their beds, A24 links them, A37 unlinks them.
func (b *builder) pairs(patients []Ref) {
	kind, ok := map[string]MergeKind{"A17": SwapBeds, "A24": Link, "A37": Unlink}[b.event]
	if !ok || b.code != "ADT" {
		return
	}
	if len(patients) < 2 || patients[0] == patients[1] {
		b.warn("PID[2]", "%s speaks of two patients, but one is named", b.event)
		return
	}
	b.filing.Merges = append(b.filing.Merges, Merge{Kind: kind, From: patients[1], Into: patients[0], Place: "PID[2]"})
}
