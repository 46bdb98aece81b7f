package hl7

import (
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// group is one order of a message: ORC and OBR with what stands below them.
type group struct {
	orc, obr Segment
	request  Ref
	report   Ref
	key      string // of the report: observations are keyed below it
	specimen Ref
	seen     map[string]int // observations of a code and sub-id so far
	lastText *textLines     // the text that the next OBX may go on with
	last     *r4.Observation
	stale    bool // the report stays as it is
	category *r4.CodeableConcept
}

// textLines is a text that comes as one OBX a line.
type textLines struct {
	code, sub string
	x         *r4.Observation
}

// isText reports whether a value type is words, so that lines of it belong together.
func isText(kind string) bool { return kind == "TX" || kind == "FT" || kind == "ST" || kind == "" }

// obx maps one OBX below an order, or below the stay where there is none.
func (b *builder) obx(s Segment, g *group) {
	at := s.Place()
	kind := strings.ToUpper(s.Field(2).Text())
	code, sub := s.Field(3), s.Field(4).Text()
	named := conceptKey(code)
	if code.Empty() {
		code = g.obr.Field(4)
		named = "report"
	}
	if named == "" && code.Empty() {
		b.warn(at, "OBX-3 is empty, and there is no order to take the name of the observation from")
		return
	}
	if kind == "ED" || kind == "RP" {
		b.attachment(s, g)
		return
	}
	if t := g.lastText; isText(kind) && t != nil && t.code == named && t.sub == sub {
		if line := s.Field(5).Whole(); t.x.ValueString != "" {
			t.x.ValueString += "\n" + line
		} else if line != "" {
			t.x.ValueString, t.x.DataAbsentReason = line, nil
		}
		return
	}
	pair := named + "|" + sub
	g.seen[pair]++
	key := g.key + "|" + pair
	if n := g.seen[pair]; n > 1 {
		key += "#" + strconv.Itoa(n)
	}
	x, e := draft[r4.Observation](b, "Observation", key, at)
	g.lastText, g.last = nil, x
	x.Code = b.concept(code)
	if x.Code == nil {
		x.Code = &r4.CodeableConcept{Text: "Report"}
	}
	b.observation(x, s, g, kind)
	if isText(kind) {
		g.lastText = &textLines{named, sub, x}
	}
	if e.stale {
		return
	}
	b.intoReport(g, e.ref)
}

// observation fills all but the code.
func (b *builder) observation(x *r4.Observation, s Segment, g *group, kind string) {
	at := s.Place()
	x.Status = plain("observation-status", s.Field(11).Text(), plain("observation-status", g.obr.Field(25).Text(), "unknown"))
	x.Subject = b.patient.reference()
	x.Encounter = b.encounter.reference()
	x.BasedOn = addRef(nil, g.request)
	if g.category != nil {
		x.Category = []r4.CodeableConcept{*g.category}
	}
	if id := s.Field(21); id.Comp(1).Text() != "" {
		x.Identifier = addIdentifier(x.Identifier, b.entity(id.Rep()))
	}
	when := s.Field(14)
	x.EffectiveDateTime, x.EffectivePeriod = fhir.DateTime{}, nil
	switch {
	case !when.Empty():
		x.EffectiveDateTime = b.clock.dateTime(at+"-14", when)
	case !g.obr.Field(7).Empty():
		b.obrPeriod(g.obr, &x.EffectiveDateTime, &x.EffectivePeriod)
	case !g.obr.Exists():
		x.EffectiveDateTime = b.eventTime()
	}
	if issued := b.clock.dateTime(at+"-19", s.Field(19)); issued.Clock.Known != 0 {
		x.Issued = issued
	} else if issued := b.clock.dateTime(g.obr.Place()+"-22", g.obr.Field(22)); issued.Clock.Known != 0 {
		x.Issued = issued
	}
	x.Performer = nil
	for rep := range s.Field(16).Reps() {
		if who := b.practitioner(at, rep); who != nil {
			x.Performer = append(x.Performer, *who)
		}
	}
	if org := b.organization(at, s.Field(23)); org != nil {
		x.Performer = append(x.Performer, *org)
	}
	set(s.Field(17), &x.Method, b.concept)
	set(s.Field(20), &x.BodySite, b.concept)
	if g.specimen.ID != "" {
		x.Specimen = g.specimen.reference()
	}
	x.Interpretation = b.interpretation(s.Field(8))
	x.ReferenceRange = b.referenceRange(at+"-7", s.Field(7), s.Field(6))
	x.Note = nil
	b.values(x, s, kind)
}

// values sets the value, or a component for each value where OBX-5 repeats.
func (b *builder) values(x *r4.Observation, s Segment, kind string) {
	at := s.Place() + "-5"
	var list []value
	for rep := range s.Field(5).Reps() {
		if isText(kind) { // the repetitions of a text are its lines
			if len(list) > 0 {
				list[0].text += "\n" + rep.Whole()
				continue
			}
		}
		if v := b.read(at, kind, rep, s.Field(6)); !v.absent() {
			list = append(list, v)
		}
	}
	x.ValueQuantity, x.ValueCodeableConcept, x.ValueString, x.ValueRange, x.ValueRatio = nil, nil, "", nil, nil
	x.ValueDateTime, x.ValueTime, x.ValuePeriod, x.DataAbsentReason = fhir.DateTime{}, fhir.Time{}, nil, nil
	x.Component = nil
	switch len(list) {
	case 0:
		reason := [2]string{"unknown", "Unknown"}
		switch s.Field(11).Text() {
		case "X":
			reason = [2]string{"error", "Error"}
		case "N":
			reason = [2]string{"not-asked", "Not Asked"}
		case "I", "O", "P", "S":
			reason = [2]string{"temp-unknown", "Temporarily Unknown"}
		}
		x.DataAbsentReason = concept(absentSystem, reason[0], reason[1])
	case 1:
		v := list[0]
		x.ValueQuantity, x.ValueCodeableConcept, x.ValueString, x.ValueRange, x.ValueRatio = v.quantity, v.concept, v.text, v.rng, v.ratio
		x.ValueDateTime, x.ValueTime, x.ValuePeriod = v.when, v.clock, v.period
	default:
		for _, v := range list {
			x.Component = append(x.Component, r4.ObservationComponent{Code: x.Code, ValueQuantity: v.quantity,
				ValueCodeableConcept: v.concept, ValueString: v.text, ValueRange: v.rng, ValueRatio: v.ratio,
				ValueDateTime: v.when, ValueTime: v.clock, ValuePeriod: v.period})
		}
	}
}

// intoReport lists an observation among the results of its report.
func (b *builder) intoReport(g *group, ref Ref) {
	if e := b.byRef[g.report]; e != nil {
		x := e.x.(*r4.DiagnosticReport)
		x.Result = addRef(x.Result, ref)
	}
}

// attachment maps an OBX that holds a file (ED) or the address of one (RP): a DocumentReference, its bytes a Binary, and
// the report shows it. The Observation only says what it is.
func (b *builder) attachment(s Segment, g *group) {
	at := s.Place()
	kind := strings.ToUpper(s.Field(2).Text())
	pair := conceptKey(s.Field(3)) + "|" + s.Field(4).Text() + "|" + kind
	g.seen[pair]++
	key := g.key + "|" + pair + "#" + strconv.Itoa(g.seen[pair])
	var files []r4.Attachment
	for rep := range s.Field(5).Reps() {
		if a := b.file(at+"-5", kind, rep, key+"|"+strconv.Itoa(len(files)), s); a != nil {
			files = append(files, *a)
		}
	}
	if files == nil {
		b.warn(at+"-5", "the file is empty")
		return
	}
	x, e := draft[r4.DocumentReference](b, "DocumentReference", key, at)
	x.Status = "current"
	if plain("observation-status", s.Field(11).Text(), "") == "entered-in-error" {
		x.Status = "entered-in-error"
	}
	x.Subject = b.patient.reference()
	x.Type = b.concept(s.Field(3))
	x.Content = nil
	for i := range files {
		x.Content = append(x.Content, r4.DocumentReferenceContent{Attachment: &files[i]})
	}
	if when := b.clock.dateTime(at+"-14", s.Field(14)); when.Clock.Known != 0 {
		x.Date = when
	}
	if b.encounter.ID != "" {
		x.Context = &r4.DocumentReferenceContext{Encounter: []r4.Reference{*b.encounter.reference()}}
	}
	g.lastText = nil
	obs, oe := draft[r4.Observation](b, "Observation", key, at)
	obs.Code = b.concept(s.Field(3))
	if obs.Code == nil {
		if obs.Code = b.concept(g.obr.Field(4)); obs.Code == nil {
			obs.Code = &r4.CodeableConcept{Text: "Document"}
		}
	}
	b.observation(obs, s, g, "none")
	obs.ValueString, obs.DataAbsentReason, obs.Component = or(files[0].Title, "Document"), nil, nil
	obs.DerivedFrom = addRef(nil, e.ref)
	if oe.stale {
		return
	}
	b.intoReport(g, oe.ref)
	if r := b.byRef[g.report]; r != nil {
		report := r.x.(*r4.DiagnosticReport)
		for _, f := range files {
			if !hasAttachment(report.PresentedForm, f) {
				report.PresentedForm = append(report.PresentedForm, f)
			}
		}
	}
}

func hasAttachment(list []r4.Attachment, a r4.Attachment) bool {
	for i := range list {
		if list[i].URL == a.URL && list[i].Title == a.Title {
			return true
		}
	}
	return false
}

// note puts an NTE to the observation or the order it stands below.
func addNote(list []r4.Annotation, s Segment) []r4.Annotation {
	var lines []string
	for rep := range s.Field(3).Reps() {
		if t := rep.Whole(); t != "" {
			lines = append(lines, t)
		}
	}
	if lines == nil {
		return list
	}
	text := strings.Join(lines, "\n")
	for i := range list {
		if list[i].Text == text {
			return list
		}
	}
	return append(list, r4.Annotation{Text: text})
}
