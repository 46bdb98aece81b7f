package hl7

import (
	"slices"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
)

// Map turns a message into what is to be filed. It asks for what the record has by current (nil where it has nothing) and
// nothing else: no clock, no database. The error says what of the message makes it unfit, and where.
func Map(msg *Message, cfg Config, current func(typ, id string) *fhir.Resource) (*Filing, error) {
	b := &builder{cfg: cfg, msg: msg, current: current, filing: &Filing{}, byRef: map[Ref]*entry{}}
	b.filing.Warnings = append(b.filing.Warnings, msg.Warnings...)
	msh := msg.At(0)
	b.facility = or(msh.Field(4).Text(), msh.Field(3).Text())
	if err := b.accept(); err != nil {
		return nil, err
	}
	b.clock = clockOf(msg, cfg.Place, cfg.Received, b.warn)
	b.filing.Stamp = b.asOf()
	if b.code == "ADT" && b.event == "A29" {
		return b.filing, b.deletePerson()
	}
	if err := b.walk(); err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	return b.filing, nil
}

// deletePerson is A29: the sender takes the patient back, with all that came with them.
func (b *builder) deletePerson() error {
	pid := b.msg.First("PID")
	key, _ := b.patientKey(pid.Place()+"-3", pid.Field(3))
	if key == "" {
		return missing("PID[1]-3", "the patient has no identifier")
	}
	ref := Ref{"Patient", ID(b.cfg.Feed, "Patient", key)}
	b.speaksOf(ref.ID)
	b.filing.Deletes = []Delete{{Ref: ref, Place: pid.Place(), Cascade: true}}
	return nil
}

// Patients are the ids of the Patients a message is about, those it merges included, without anything else being read.
func Patients(msg *Message, feed string) []string {
	b := &builder{cfg: Config{Feed: feed}, msg: msg, filing: &Filing{}}
	b.clock = &clock{place: london.Zone, warn: func(string, string, ...any) {}}
	b.facility = or(msg.At(0).Field(4).Text(), msg.At(0).Field(3).Text())
	for s := range msg.All() {
		fields := []int{3, 2, 4}
		switch s.Name() {
		case "MRG":
			fields = []int{1, 4}
		case "PID":
		default:
			continue
		}
		for _, n := range fields {
			if key, _ := b.patientKey("", s.Field(n)); key != "" {
				b.speaksOf(ID(feed, "Patient", key))
				break
			}
		}
	}
	return b.filing.PatientKeys
}

// kindOf is message code and trigger event, from EVN-1 or the code's usual event where MSH-9 has none, as before v2.3.
func kindOf(msg *Message) (code, event string) {
	code, event = msg.Type()
	if event == "" {
		event = msg.First("EVN").Field(1).Text()
	}
	if event == "" {
		event = map[string]string{"ORU": "R01", "ORM": "O01"}[code]
	}
	return code, event
}

// accept refuses what is no message of ours, before anything of it is read.
func (b *builder) accept() error {
	msh := b.msg.At(0)
	if b.msg.ControlID() == "" {
		return missing("MSH[1]-10", "the message has no control id, by which a repetition would be known")
	}
	if v := msh.Field(12).Text(); v != "" && (len(v) < 2 || v[:2] != "2.") {
		return &codedError{"203", "Unsupported version id", fhir.Errorf(fhir.Unsupported, "version %q is not read here", v).At("MSH[1]-12")}
	}
	b.code, b.event = kindOf(b.msg)
	if b.code == "" {
		return missing("MSH[1]-9", "the message does not say of what type it is")
	}
	if _, ok := codes()["message"][b.code+"^"+b.event]; ok {
		return nil
	}
	for key := range codes()["message"] {
		if len(key) > 3 && key[:3] == b.code {
			return &codedError{"201", "Unsupported event code", fhir.Errorf(fhir.Unsupported, "%s messages with event %q are not filed here", b.code, b.event).At("MSH[1]-9")}
		}
	}
	return &codedError{"200", "Unsupported message type", fhir.Errorf(fhir.Unsupported, "%s^%s messages are not filed here", b.code, b.event).At("MSH[1]-9")}
}

// asOf is when what the message says was so: for ADT the time the event was recorded, where that is not after the message;
// else the time of the message, else that of its coming.
func (b *builder) asOf() time.Time {
	sent, known := b.clock.moment(b.msg.At(0).Field(7))
	if !known {
		sent = b.cfg.Received
	}
	if recorded, ok := b.clock.moment(b.msg.First("EVN").Field(2)); ok && b.code == "ADT" && !recorded.After(sent) {
		return recorded
	}
	return sent
}

// walker is where in a message we are.
type walker struct {
	*builder
	pid, orc   Segment
	patients   []Ref
	group      *group
	stay       *group // of observations that stand under no order
	rx         *r4.MedicationRequest
	vaccine    *r4.Immunization
	txa        Segment
	body       []Segment // OBX of a document
	sch, rf1   Segment
	resources  []Segment // AIS, AIG, AIL, AIP
	providers  []Segment // PRD
	notes      []Segment // NTE of an appointment
	specimen   Ref       // of the orders that follow (OUL)
	noted      *[]r4.Annotation
	hasSamples bool
	billed     bool
}

// walk reads the segments in order. PV1 is read with the PID it follows, however far behind it stands: in REF it is last.
func (b *builder) walk() error {
	w := &walker{builder: b, hasSamples: b.msg.First("SPM").Exists()}
	for s := range b.msg.All() {
		if s.Name() != "PID" && b.patient.ID == "" && needsPatient[s.Name()] {
			return missing("PID[1]", "%s stands before any PID segment: nobody can say whose it is", s.Place())
		}
		if err := w.segment(s); err != nil {
			return err
		}
	}
	if b.patient.ID == "" && !w.sch.Exists() {
		return missing("PID[1]", "the message names no patient")
	}
	return w.end()
}

var needsPatient = map[string]bool{"NK1": true, "PV1": true, "DG1": true, "AL1": true, "IAM": true, "PR1": true, "PRB": true,
	"OBR": true, "OBX": true, "RXO": true, "RXE": true, "RXA": true, "SPM": true, "TXA": true, "MRG": true}

func (w *walker) segment(s Segment) error {
	switch s.Name() {
	case "PID":
		return w.person(s)
	case "PV1":
		if w.follows(s, "PID", "PV1") != w.pid.Index() { // a second stay of the same patient
			w.pv1(w.pid, s, w.ahead(s, "PV2", "PID", "PV1"))
		}
	case "NK1":
		w.nk1(s)
	case "DG1":
		w.dg1(s)
	case "PRB":
		w.prb(s)
	case "AL1", "IAM":
		w.al1(s)
	case "PR1":
		w.pr1(s)
	case "MRG":
		pv1 := w.ahead(s, "PV1", "PID", "MRG")
		return w.mrg(s, w.pid, pv1)
	case "ORC":
		w.orc, w.group, w.rx, w.vaccine, w.noted = s, nil, nil, nil, nil
	case "OBR":
		w.obr(s)
	case "TQ1":
		if w.group != nil {
			w.tq1(s, w.group)
		}
	case "SPM":
		w.sample(s)
	case "RXO", "RXE":
		w.rx = w.prescription(w.orc, s)
		if w.rx != nil {
			w.noted = &w.rx.Note
		}
	case "RXA":
		w.vaccine = w.rxa(w.orc, s)
		if w.vaccine != nil {
			w.noted = &w.vaccine.Note
		}
	case "RXR":
		if w.vaccine != nil {
			w.vaccineRoute(s, w.vaccine)
		} else {
			w.route(s, w.rx)
		}
	case "OBX":
		w.result(s)
	case "NTE":
		switch {
		case w.sch.Exists():
			w.notes = append(w.notes, s)
		case w.noted != nil:
			*w.noted = addNote(*w.noted, s)
		}
	case "TXA":
		w.flushDocument()
		w.txa = s
	case "SCH":
		w.sch = s
	case "AIS", "AIG", "AIL", "AIP":
		w.resources = append(w.resources, s)
	case "RF1":
		w.rf1 = s
	case "PRD":
		w.providers = append(w.providers, s)
	case "FT1":
		if !w.billed {
			w.warn(s.Place(), "charges are not kept here")
			w.billed = true
		}
	}
	return nil
}

// person begins a patient: PID with the PD1, PV1 and PV2 that follow.
func (w *walker) person(s Segment) error {
	w.flushDocument()
	w.pid, w.orc, w.group, w.stay, w.rx, w.vaccine, w.noted, w.specimen = s, Segment{}, nil, nil, nil, nil, nil, Ref{}
	if err := w.builder.pid(s, w.ahead(s, "PD1", "PID")); err != nil {
		return err
	}
	w.patients = append(w.patients, w.patient)
	if pv1 := w.ahead(s, "PV1", "PID"); pv1.Exists() {
		w.pv1(s, pv1, w.ahead(s, "PV2", "PID"))
	}
	return nil
}

// ahead is the next segment of a name before any of the others.
func (w *walker) ahead(s Segment, name string, before ...string) Segment {
	for at := s.Next(); at.Exists(); at = at.Next() {
		if at.Name() == name {
			return at
		}
		if slices.Contains(before, at.Name()) {
			break
		}
	}
	return Segment{}
}

// follows is the index of the nearest segment of one of two names before s.
func (w *walker) follows(s Segment, one, other string) int {
	for i := s.Index() - 1; i >= 0; i-- {
		if name := w.msg.At(i).Name(); name == one || name == other {
			return i
		}
	}
	return -1
}

func (w *walker) obr(s Segment) {
	results := w.code == "ORU" || w.code == "OUL" || w.code == "REF" || w.code == "ORM" && !s.Field(25).Empty() ||
		w.code == "OML" && s.Field(25).Text() == "F"
	w.group = w.order(w.orc, s, results)
	w.orc = Segment{}
	if w.specimen.ID != "" {
		w.group.specimen = w.specimen
		w.useSpecimen(w.group)
	} else if !w.hasSamples {
		w.source(w.group)
	}
	w.noted = nil
	if e := w.byRef[w.group.request]; e != nil {
		w.noted = &e.x.(*r4.ServiceRequest).Note
	}
}

func (w *walker) sample(s Segment) {
	if w.group == nil {
		w.specimen = w.builder.specimen(s, Ref{}, w.patient.ID+"|"+w.msg.ControlID())
		return
	}
	first := w.group.specimen.ID == ""
	ref := w.builder.specimen(s, w.group.request, w.group.key)
	was := w.group.specimen
	w.group.specimen = ref
	w.useSpecimen(w.group)
	if !first {
		w.group.specimen = was
	}
	w.noted = nil
}

func (w *walker) result(s Segment) {
	switch {
	case w.txa.Exists():
		w.body = append(w.body, s)
		return
	case w.vaccine != nil && w.vaccineFact(s, w.vaccine):
		return
	}
	g := w.group
	if g == nil {
		if w.stay == nil {
			w.stay = &group{key: "stay|" + or(w.encounter.ID, w.patient.ID), seen: map[string]int{}}
		}
		g = w.stay
		g.key = "stay|" + or(w.encounter.ID, w.patient.ID) + "|" + or(s.Field(14).Text(), w.msg.At(0).Field(7).Text())
		if w.vaccine != nil {
			g.key = "vaccine|" + w.vaccine.ID
		}
	}
	w.obx(s, g)
	w.noted = nil
	if g.last != nil {
		w.noted = &g.last.Note
	}
}

func (w *walker) flushDocument() {
	if w.txa.Exists() {
		w.document(w.txa, w.body)
	}
	w.txa, w.body = Segment{}, nil
}

// end files what could only be read when all of the message was.
func (w *walker) end() error {
	w.flushDocument()
	w.pairs(w.patients)
	if w.code == "MDM" && w.byKind("DocumentReference") == 0 {
		return missing("TXA[1]", "the message names no document")
	}
	if w.code == "SIU" && !w.sch.Exists() {
		return missing("SCH[1]", "the message names no appointment")
	}
	if w.sch.Exists() && w.code == "SIU" {
		if len(w.patients) > 0 {
			w.patient = w.patients[0]
		}
		if err := w.appointment(w.sch, w.resources, w.notes); err != nil {
			return err
		}
	}
	if w.rf1.Exists() {
		w.referral(w.rf1, w.providers)
	} else if w.code == "REF" {
		return missing("RF1[1]", "the message names no referral")
	}
	return nil
}

func (b *builder) byKind(typ string) int {
	n := 0
	for _, e := range b.entries {
		if e.ref.Type == typ {
			n++
		}
	}
	return n
}
