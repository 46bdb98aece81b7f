package town

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// emis writes the extracts of one practice that has EMIS Web (IM1 bulk extract): a bulk, then daily deltas in which
// every table is compared on its own with the day before. https://digital.nhs.uk/services/gp-it-futures-systems/im1-pairing-integration
type emis struct {
	town     Town
	place    *place
	practice int
	feed     int
	name     string // emis-zz001
	old      bool   // sends the older columns, with "Ususal" and "Clinican"
	cuts     []time.Time
	bulk     time.Time // the day of the bulk extract, which is cuts[0] but for what is sent live
	base     int       // how many drops went before cuts[0]
	orgID    string
	lacks    map[int]int              // table → position of the newest column that the older form lacks
	users    map[*practitioner]string // everyone's GUID here; someone of another practice is one of ours here
}

func newEMIS(t Town, place *place, practice, feed int, cuts []time.Time) *emis {
	e := &emis{town: t, place: place, practice: practice, feed: feed, name: "emis-" + strings.ToLower(place.organizations[practice].ods), old: practice == millLane, cuts: cuts, bulk: cuts[0],
		orgID: guid(t.Seed, 'O', practice, 0), users: map[*practitioner]string{}, lacks: map[int]int{}}
	for i, table := range emisTables {
		names, older := strings.Split(table.columns, ","), strings.Split(table.older, ",")
		if e.old && table.older != "" && len(older) < len(names) {
			e.lacks[i] = slices.IndexFunc(names, func(name string) bool { return !slices.Contains(older, name) })
		}
	}
	for i := range place.staff {
		e.users[&place.staff[i]] = guid(t.Seed, 'U', place.ours(i, practice), 0)
	}
	return e
}

func (e *emis) key(drop, table int) sheetKey { return sheetKey{e.feed, drop, table} }

func (e *emis) org() string { return e.orgID }

// columns of a table, in the order of a drop: every third drop has the last column first and one that nobody knows.
func (e *emis) columns(table, drop int) []string {
	t := &emisTables[table]
	names := strings.Split(t.columns, ",")
	if e.old && t.older != "" {
		names = strings.Split(t.older, ",")
	}
	if e.shuffled(table, drop) {
		last := len(names) - 1
		names = append(append([]string{names[last]}, names[:last]...), "SupplierNote")
	}
	return names
}

func (e *emis) shuffled(table, drop int) bool {
	return (e.base+drop)%3 == 2 && (table == emisObservation || table == emisPatient || table == emisIssueRecord)
}

// begin makes all files of all drops, with what does not depend on people.
func (e *emis) begin(w *files) error { return e.beginFrom(w, 0) }

func (e *emis) beginFrom(w *files, first int) error {
	for drop := first; drop < len(e.cuts); drop++ {
		for table := range emisTables {
			if err := w.begin(e.key(drop, table), e.path(drop, table), e.header(drop, table)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sentAt is when a drop is there.
func (e *emis) sentAt(drop int) time.Time {
	return e.cuts[drop].Add(2*time.Hour + 13*time.Minute + 7*time.Second)
}

func (e *emis) path(drop, table int) string {
	t := &emisTables[table]
	return fmt.Sprintf("%s/%s/291_%s_%s_%s_%s.csv", e.name, dayFolder(e.cuts[0], drop), t.schema, t.name, e.sentAt(drop).Format("20060102150405"), strings.Trim(guid(e.town.Seed, 'A', e.practice, 0), "{}"))
}

func (e *emis) header(drop, table int) []byte {
	var s sheet
	s.csv(e.columns(table, drop))
	return s.data
}

// row appends a row in the columns of the drop. fields are in the order of the newest columns.
func (e *emis) row(o *outbox, drop, table int, fields ...string) {
	s := o.sheet(e.key(drop, table))
	o.rows++
	if k := e.lacks[table]; k > 0 && len(fields) > k {
		fields = append(fields[:k:k], fields[k+1:]...)
	}
	if e.shuffled(table, drop) {
		last := len(fields) - 1
		fields = append(append([]string{fields[last]}, fields[:last]...), "x")
	}
	s.csv(fields)
}

// serial is the next ProcessingId: it rises with drops, and within a drop with people.
func (e *emis) serial(o *outbox, drop int) string {
	o.serial++
	return strconv.FormatInt(int64(e.base+drop)*100_000_000_000+o.serial, 10)
}

// shared writes organisations, staff, codes, sessions: what stands once in a drop.
func (e *emis) shared(o *outbox) {
	for drop, cut := range e.cuts {
		o.serial = 0
		for i := range clinicals {
			c := &clinicals[i]
			national, kind, text := "", "", ""
			if c.category == ethnic {
				national, kind, text = e.ethnicLetter(c.snomed), "Ethnicity", c.term
			}
			e.row(o, drop, emisClinicalCode, c.codeID(), c.term, c.read2, c.snomed, c.description(), national, kind, text, emisCategory[c.category], e.serial(o, drop), "")
		}
		for i := range drugs {
			e.row(o, drop, emisDrugCode, drugs[i].codeID(), drugs[i].name, drugs[i].id, e.serial(o, drop))
		}
		e.row(o, drop, emisSharingOrganisation, e.org(), "true", ymd(e.bulk.Add(-400*day)), "false", "false")
		e.sessions(o, drop, cut)
	}
	o.serial = 1_000_000
	for i := range e.place.organizations {
		x := &e.place.organizations[i]
		org, location := guid(e.town.Seed, 'O', i, 0), guid(e.town.Seed, 'L', i, 0)
		kind := "NHS Trust"
		if slices.Contains(practices, i) {
			kind = "GP Practice"
		}
		number, street, _ := strings.Cut(x.street, " ")
		e.row(o, 0, emisOrganisation, org, strconv.Itoa(30100+i), x.name, x.ods, "", "", kind, "1998-04-01", "", location, e.serial(o, 0))
		e.row(o, 0, emisLocation, location, x.name, "Main Surgery", "", "1998-04-01", "", "", "", "", x.phone, number, street, "", Name, "Merrowshire", x.postcode, "false", e.serial(o, 0))
		e.row(o, 0, emisOrganisationLocation, org, location, "true", "false", e.serial(o, 0))
	}
	for i := range e.place.staff {
		s := &e.place.staff[i]
		if s.at == &e.place.organizations[e.practice] {
			job := map[string][2]string{gpRole: {"R0260", "General Medical Practitioner"}, nurseRole: {"R0620", "Staff Nurse"}}[s.role]
			e.row(o, 0, emisUserInRole, e.user(s), e.org(), s.prefix, s.first, s.last, job[0], job[1], "2012-05-01", "", e.serial(o, 0))
		}
	}
}

func (e *emis) ethnicLetter(code string) string {
	for letter, c := range ethnicCode {
		if c == code {
			return letter
		}
	}
	return ""
}

// user is the GUID of a member of staff.
func (e *emis) user(s *practitioner) string { return e.users[s] }

// Sessions are one clinic a month and clinician, kept from a month before they begin.
const sessionsBack = 36 * 12

func monthOf(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }

func (e *emis) session(user string, at time.Time) string {
	h := uint64(14695981039346656037)
	for i := range len(user) {
		h = (h ^ uint64(user[i])) * 1099511628211
	}
	return guid(e.town.Seed, 'S', int(h>>24&0xFFFFFFF), monthOf(at))
}

func (e *emis) sessions(o *outbox, drop int, cut time.Time) {
	last := monthOf(cut.Add(31 * day))
	first := last - sessionsBack
	if drop > 0 {
		first = monthOf(e.cuts[drop-1].Add(31*day)) + 1
	}
	for month := first; month <= last; month++ {
		from := date(month/12, month%12+1, 1)
		to := from.AddDate(0, 1, -1)
		for i := range e.place.staff {
			s := &e.place.staff[i]
			if s.at != &e.place.organizations[e.practice] {
				continue
			}
			user := e.user(s)
			id := e.session(user, from)
			e.row(o, drop, emisSession, id, s.name()+", "+from.Format("January 2006"), guid(e.town.Seed, 'L', e.practice, 0), "Timed", "General", ymd(from), "08:00:00", ymd(to), "18:30:00", "false", e.org(), "false", e.serial(o, drop))
			e.row(o, drop, emisSessionUser, id, user, "false", e.serial(o, drop))
		}
	}
}

// end has nothing left to do: every file is whole.
func (e *emis) end(*files) error { return nil }

func (e *emis) folders() []string { return []string{e.name} }
