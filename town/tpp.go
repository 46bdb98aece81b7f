package town

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tpp writes the Strategic Reporting extracts of the practice that has SystmOne: a directory a drop, every field quoted,
// Windows-1252, ids that are numbers.
type tpp struct {
	town     Town
	place    *place
	practice int
	feed     int
	name     string
	cuts     []time.Time
	bulk     time.Time // the day of the bulk extract, which is cuts[0] but for what is sent live
	base     int       // how many drops went before cuts[0]
	gap      int       // the drop that is sent late, 0 for none
	shape    [2][]tppShape
	profiles map[*practitioner]string
}

// tppShape is a table's header in one version.
type tppShape struct {
	columns []string
	at      map[string]int
}

// The drop whose SRCode is a whole table again although the manifest says delta.
const tppRebulk = 4

func newTPP(t Town, place *place, practice, feed int, cuts []time.Time, gap bool) *tpp {
	x := &tpp{town: t, place: place, practice: practice, feed: feed, name: "tpp-" + strings.ToLower(place.organizations[practice].ods), cuts: cuts, bulk: cuts[0], profiles: map[*practitioner]string{}}
	if gap && len(cuts) > 4 {
		x.gap = 3
	}
	for i := range tppTables {
		for old := range 2 {
			columns := tppTables[i].columns
			if old == 1 && tppTables[i].older != "" {
				columns = tppTables[i].older
			}
			s := tppShape{strings.Split(columns, ","), map[string]int{}}
			for k, name := range s.columns {
				s.at[name] = k
			}
			x.shape[old] = append(x.shape[old], s)
		}
	}
	for i := range place.staff {
		x.profiles[&place.staff[i]] = strconv.Itoa(7000 + place.ours(i, practice))
	}
	return x
}

func (x *tpp) key(drop, table int) sheetKey { return sheetKey{x.feed, drop, table} }

// shapeOf is a table's header in a drop: the bulk is written by an older version.
func (x *tpp) shapeOf(table, drop int) *tppShape {
	if drop == 0 {
		return &x.shape[1][table]
	}
	return &x.shape[0][table]
}

func (x *tpp) ods() string { return x.place.organizations[x.practice].ods }

// folder is a drop's directory; the drop that is missing lies beside the feed, to be sent when somebody asks for it.
func (x *tpp) folder(drop int) string {
	name := x.name
	if drop == x.gap && drop > 0 {
		name += "-late"
	}
	return name + "/" + x.sentAt(drop).Format("20060102_1504")
}

func (x *tpp) begin(w *files) error {
	for drop := range x.cuts {
		for table := range tppTables {
			if tppTables[table].reference && drop > 0 && table != tppManifest {
				continue
			}
			if err := w.begin(x.key(drop, table), x.path(drop, table), x.header(drop, table)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sentAt is when a drop is there.
func (x *tpp) sentAt(drop int) time.Time { return x.cuts[drop].Add(2*time.Hour + 5*time.Minute) }

func (x *tpp) path(drop, table int) string {
	return x.folder(drop) + "/" + tppTables[table].name + ".csv"
}

func (x *tpp) header(drop, table int) []byte {
	var s sheet
	s.allQuoted(x.shapeOf(table, drop).columns)
	return s.data
}

func (x *tpp) end(*files) error { return nil }

// row appends a row given as names and values; what is not named is empty, and a name the version lacks is left out.
func (x *tpp) row(o *outbox, drop, table int, pairs ...string) {
	shape := x.shapeOf(table, drop)
	fields := make([]string, len(shape.columns))
	for i := 0; i < len(pairs); i += 2 {
		if k, ok := shape.at[pairs[i]]; ok {
			fields[k] = pairs[i+1]
		}
	}
	if k, ok := shape.at["RemovedData"]; ok && fields[k] == "" {
		fields[k] = "0"
	}
	if k, ok := shape.at["IDOrganisationVisibleTo"]; ok {
		fields[k] = x.ods()
	}
	for i, f := range fields {
		fields[i] = windows1252(f)
	}
	o.sheet(x.key(drop, table)).allQuoted(fields)
	o.rows++
}

// windows1252 writes text in the extract's character set. The town uses letters of Latin-1 only, where the two agree.
func windows1252(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			var b []byte
			for _, r := range s {
				switch {
				case r < 0x100:
					b = append(b, byte(r))
				case r == '€':
					b = append(b, 0x80)
				case r == '’':
					b = append(b, 0x92)
				default:
					b = append(b, '?')
				}
			}
			return string(b)
		}
	}
	return s
}

// tppTime is the format of dates everywhere but in SRPatient.
func tppTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("02 Jan 2006 15:04:05")
}

func tppMinute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("02 Jan 2006 15:04")
}

// The lists that SRMapping resolves: a column holds a number, and the text stands here.
var tppMappings = []struct {
	id    string
	group string
	text  string
}{
	{"101", "1", "Home telephone"}, {"102", "1", "Mobile telephone"}, {"103", "1", "Work telephone"},
	{"111", "2", "Home"}, {"112", "2", "Temporary"}, {"113", "2", "Correspondence only"},
	{"121", "3", "First"}, {"122", "3", "New"}, {"123", "3", "Ongoing"},
	{"131", "4", "Booked"}, {"132", "4", "Finished"}, {"133", "4", "Did Not Attend"},
	{"141", "5", "Major"}, {"142", "5", "Minor"},
	{"151", "6", "Daughter"}, {"152", "6", "Son"}, {"153", "6", "Spouse"}, {"154", "6", "Friend"}, {"155", "6", "Neighbour"},
	{"161", "7", "Face to face"}, {"162", "7", "Telephone"}, {"163", "7", "Other"},
	{"171", "8", "Sent"}, {"172", "8", "Accepted"},
	{"181", "9", "Vaccination given"},
}

var tppRelation = map[string]string{"Daughter": "151", "Son": "152", "Spouse": "153", "Friend": "154", "Neighbour": "155"}

// tppRoots are the tops of CTV3 that a code's resource follows from.
var tppRoots = map[category][2]string{
	conditions: {"X0003", "Disorders"}, procedures: {"XaBVZ", "Operations, procedures and interventions"}, familial: {"12...", "Family history"},
	allergic: {"XaBVX", "Allergies and adverse reactions"},
}

const tppFindings = "XaBVJ" // Clinical findings: everything else

// MultiLex products of the two medicines people are allergic to.
var tppAllergens = map[string][3]string{"91936005": {"90001", "e3...", "PENICILLIN"}, "293586001": {"90002", "bu2..", "ASPIRIN"}}

// shared writes what does not depend on people.
func (x *tpp) shared(o *outbox) {
	for _, m := range tppMappings {
		x.row(o, 0, tppMapping, "RowIdentifier", m.id, "IdMappingGroup", m.group, "Mapping", m.text)
	}
	for i, place := range []string{"GP Surgery", "Telephone consultation", "Nurse clinic", "Home visit", "Administration", "Externally entered"} {
		x.row(o, 0, tppConfiguredListOption, "RowIdentifier", strconv.Itoa(300+i), "ConfiguredList", "9", "ConfiguredListOption", place)
	}
	x.codes(o)
	for i := range x.place.organizations {
		g := &x.place.organizations[i]
		number, road, _ := strings.Cut(g.street, " ")
		x.row(o, 0, tppOrganisation, "RowIdentifier", strconv.Itoa(500+i), "Name", g.name, "ID", g.ods, "HouseNumber", number, "NameOfRoad", road, "NameOfTown", Name, "FullPostCode", g.postcode,
			"Telephone", g.phone, "MadeObsolete", "FALSE")
	}
	x.row(o, 0, tppOrganisationBranch, "RowIdentifier", "600", "ID", "B1", "BranchName", x.place.organizations[x.practice].name, "Town", Name, "BranchObsolete", "FALSE", "IDOrganisation", x.ods())
	for i := range x.place.staff {
		s := &x.place.staff[i]
		if s.at != &x.place.organizations[x.practice] {
			continue
		}
		role := map[string]string{gpRole: "General Medical Practitioner", nurseRole: "Practice Nurse"}[s.role]
		x.row(o, 0, tppStaffMember, "RowIdentifier", strconv.Itoa(4000+i), "StaffName", s.name(), "StaffUserName", strings.ToLower(plain(s.first)+"."+plain(s.last)), "NationalIdType", "GMC", "IDNational", s.number[3:10], "Obsolete", "FALSE")
		x.row(o, 0, tppStaffMemberProfile, "RowIdentifier", x.profiles[s], "DateProfileCreated", tppTime(date(2013, 4, 2)), "StaffRole", role, "DateEmploymentStart", tppTime(date(2013, 4, 2)), "IDStaffMember", strconv.Itoa(4000+i), "IDOrganisation", x.ods())
	}
	for drop, cut := range x.cuts {
		x.rotas(o, drop, cut)
		x.manifest(o, drop)
	}
	o.spoil(x.key(0, tppPatient), "ignored", "a test patient")
	x.row(o, 0, tppPatient, "RowIdentifier", "99", "Title", "Mr", "FirstName", "Test", "Surname", "XXTESTPATIENT-DONOTUSE", "NHSNumber", "", "DateBirth", tppMinute(date(1970, 1, 1)), "Gender", "M", "TestPatient", "TRUE", "SpineMatched", "FALSE")
}

// codes writes CTV3: the terms, what is under what, and SNOMED.
func (x *tpp) codes(o *outbox) {
	n := 0
	next := func() string { n++; return strconv.Itoa(n) }
	for _, c := range []category{conditions, procedures, familial, allergic} {
		x.row(o, 0, tppCtv3, "RowIdentifier", next(), "Ctv3Code", tppRoots[c][0], "Ctv3Text", tppRoots[c][1])
	}
	x.row(o, 0, tppCtv3, "RowIdentifier", next(), "Ctv3Code", tppFindings, "Ctv3Text", "Clinical findings")
	for i := range clinicals {
		c := &clinicals[i]
		parent := tppFindings
		if root, ok := tppRoots[c.category]; ok {
			parent = root[0]
		}
		x.row(o, 0, tppCtv3, "RowIdentifier", next(), "Ctv3Code", c.ctv3, "Ctv3Text", c.term)
		x.row(o, 0, tppCtv3Hierarchy, "RowIdentifier", next(), "Ctv3CodeParent", parent, "Ctv3CodeChild", c.ctv3, "ChildLevel", "1")
		if c.snomed != "" {
			x.row(o, 0, tppCtv3ToSnomed, "RowIdentifier", next(), "Ctv3Code", c.ctv3, "SnomedCode", c.snomed)
		}
		if c.category == immunised {
			x.row(o, 0, tppImmunisationContent, "RowIdentifier", strconv.Itoa(2000+c.n), "Name", c.term, "Content", c.term)
		}
	}
	for _, code := range []string{"91936005", "293586001"} {
		a := tppAllergens[code]
		x.row(o, 0, tppMedicationReadCodeDetails, "RowIdentifier", next(), "IDMultiLexProduct", a[0], "DrugReadCode", a[1], "DrugReadCodeDesc", a[2])
	}
}

// rotas are one a month and clinician.
func (x *tpp) rotas(o *outbox, drop int, cut time.Time) {
	last := monthOf(cut.Add(31 * day))
	first := last - sessionsBack
	if drop > 0 {
		first = monthOf(x.cuts[drop-1].Add(31*day)) + 1
	}
	for month := first; month <= last; month++ {
		from := date(month/12, month%12+1, 1)
		for i := range x.place.staff {
			s := &x.place.staff[i]
			if s.at == &x.place.organizations[x.practice] {
				x.row(o, drop, tppRota, "RowIdentifier", x.rota(s, from), "DateCreation", tppTime(from.Add(-25*day)), "IDProfileCreatedBy", x.profiles[s], "Name", s.name()+" "+from.Format("Jan 2006"), "RotaType", "Surgery",
					"Location", x.place.organizations[x.practice].name, "IDProfileOwner", x.profiles[s], "DateStart", tppTime(from), "AllowOverBooking", "FALSE", "IDBranch", "600")
			}
		}
	}
}

func (x *tpp) rota(s *practitioner, at time.Time) string {
	return fmt.Sprintf("%d%s", monthOf(at), x.profiles[s])
}

// manifest says what a drop holds. It says delta of every table of a delta, even of the one that is whole.
func (x *tpp) manifest(o *outbox, drop int) {
	from, delta := time.Time{}, "N"
	if drop > 0 {
		from, delta = x.cuts[drop-1], "Y"
	}
	for i := range tppTables {
		if i == tppManifest || tppTables[i].reference && drop > 0 {
			continue
		}
		reference := map[bool]string{true: "Y", false: "N"}[tppTables[i].reference]
		x.row(o, drop, tppManifest, "FileName", tppTables[i].name, "IsDelta", delta, "IsReference", reference, "DateExtractFrom", tppTime(from), "DateExtractTo", tppTime(x.cuts[drop]))
	}
}

func (x *tpp) folders() []string { return []string{x.name} }
