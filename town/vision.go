package town

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// visionTable is a file of a Vision extract. It has no header: the columns are in the catalogue only, and an older form
// is told from the newer by how many there are.
type visionTable struct {
	zip            string // which outer zip holds it
	name           string
	columns, older string
}

// The Vision tables by position in visionTables.
const (
	visionPractice = iota
	visionStaff
	visionActiveUser
	visionCheckSum
	visionPatient
	visionEncounter
	visionReferral
	visionJournal
)

// visionTables are all files of an extract. active_user and patient_check_sum are not in the catalogue, and nobody needs
// them: their columns are assumed.
var visionTables = []visionTable{
	{"ADMIN", "practice", "ID,NAME,IDENTIFIER,HA,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,POSTCODE,PHONE,EMAIL,FAX", ""},
	{"ADMIN", "staff", "ID,HCP_TYPE,GMP_CODE,SURNAME,FORENAME,TITLE,SEX,SERVICE_ID", ""},
	{"ADMIN", "active_user", "ID,LOGIN,SERVICE_ID", ""},
	{"PATIENT", "patient_check_sum", "PID,SUM", ""},
	{"PATIENT", "patient", "PID,REFERENCE,DATE_OF_BIRTH,SEX,POSTCODE,MARITAL_STATUS,GP,GP_USUAL,ACTIVE,REGISTERED_DATE,REMOVED_DATE,HA,PCG,SURGERY,MILEAGE,DISPENSING,ETHNIC,DATE_OF_DEATH,PRACTICE,SURNAME,FORENAME,TITLE,NHS_NUMBER,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,PHONE_NUMBER,MOBILE_NUMBER,EMAIL,PRACT_NUMBER,SERVICE_ID,ACTION",
		"PID,REFERENCE,DATE_OF_BIRTH,SEX,POSTCODE,MARITAL_STATUS,GP,GP_USUAL,ACTIVE,REGISTERED_DATE,REMOVED_DATE,HA,PCG,SURGERY,MILEAGE,DISPENSING,ETHNIC,DATE_OF_DEATH,PRACTICE,SURNAME,FORENAME,TITLE,NHS_NUMBER,ADDRESS,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,ADDRESS_5,PRACT_NUMBER,SERVICE_ID,ACTION"},
	{"CLINICAL", "encounter", "PID,ID,DATE,HCP,HCP_TYPE,SESSION,LOCATION,TIME,DURATION,TRAVEL,LINKS,PRACT_NUMBER,SERVICE_ID,ACTION", ""},
	{"CLINICAL", "referral", "PID,ID,DATE,HCP,HCP_TYPE,TO_HCP,SPECIALTY,UNIT,TYPE,CONTRACTOR,CONTRACT,ACTION_DATE,LINKS,SERVICE_ID,ACTION", ""},
	{"CLINICAL", "journal", "PID,ID,DATE,RECORDED_DATE,CODE,SNOMED_CODE,BNF_CODE,HCP,HCP_TYPE,GMS,EPISODE,TEXT,RUBRIC,DRUG_FORM,DRUG_STRENGTH,DRUG_PACKSIZE,DMD_CODE,IMMS_STATUS,IMMS_COMPOUND,IMMS_SOURCE,IMMS_BATCH,IMMS_REASON,IMMS_METHOD,IMMS_SITE,ENTITY,VALUE1_NAME,VALUE1,VALUE1_UNITS,VALUE2_NAME,VALUE2,VALUE2_UNITS,END_DATE,TIME,CONTEXT,CERTAINTY,SEVERITY,LINKS,LINKS_EXT,SERVICE_ID,ACTION,SUBSET,DOCUMENT_ID",
		"PID,ID,DATE,RECORDED_DATE,CODE,BNF_CODE,HCP_CODE,HCP_TYPE,GMS,EPISODE,TEXT,RUBRIC,VALUE1,VALUE2,END_DATE,TIME,CONTEXT,CERTAINTY,SEVERITY,LINKS,SERVICE_ID,SUBSET,ACTION"},
}

// The drop that is written in the older columns, which have neither SNOMED nor dm+d.
const visionOlder = 2

// vision writes the extracts of the practice that has Vision: outer zips by subject, CSV without a header inside, now and
// then in a zip of its own.
type vision struct {
	town     Town
	place    *place
	practice int
	feed     int
	name     string
	cuts     []time.Time
	bulk     time.Time // the day of the bulk extract, which is cuts[0] but for what is sent live
	base     int       // how many drops went before cuts[0]
	shape    [2][]map[string]int
	width    [2][]int
	users    map[*practitioner]string
}

func newVision(t Town, place *place, practice, feed int, cuts []time.Time) *vision {
	x := &vision{town: t, place: place, practice: practice, feed: feed, name: "vision-" + strings.ToLower(place.organizations[practice].ods), cuts: cuts, bulk: cuts[0], users: map[*practitioner]string{}}
	for i := range visionTables {
		for old := range 2 {
			columns := visionTables[i].columns
			if old == 1 && visionTables[i].older != "" {
				columns = visionTables[i].older
			}
			names := strings.Split(columns, ",")
			at := map[string]int{}
			for k, name := range names {
				at[strings.TrimSuffix(name, "_CODE")] = k
				at[name] = k
			}
			x.shape[old], x.width[old] = append(x.shape[old], at), append(x.width[old], len(names))
		}
	}
	for i := range place.staff {
		x.users[&place.staff[i]] = strconv.Itoa(20 + place.ours(i, practice))
	}
	return x
}

func (x *vision) key(drop, table int) sheetKey { return sheetKey{x.feed, drop, table} }

func (x *vision) ods() string { return x.place.organizations[x.practice].ods }

func (x *vision) stamp(drop int) string {
	return x.cuts[drop].Add(5 * time.Minute).Format("2006-01-02-150405")
}

func visionMode(drop int) string {
	if drop == 0 {
		return "FULL"
	}
	return "INCREMENTAL"
}

// inner is a CSV's name inside its zip.
func (x *vision) inner(drop, table int) string {
	return fmt.Sprintf("%s_%s_%s_data_extract-%s.csv", visionMode(drop), x.ods(), visionTables[table].name, x.stamp(drop))
}

func (x *vision) folder(drop int) string { return x.name + "/" + dayFolder(x.cuts[0], drop) }

// begin makes the CSV files; end zips them.
func (x *vision) begin(w *files) error {
	for drop := range x.cuts {
		for table := range visionTables {
			if err := w.begin(x.key(drop, table), x.folder(drop)+"/"+x.inner(drop, table), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

var visionSubjects = []string{"ADMIN", "PATIENT", "CLINICAL"}

// outer is the path of a drop's zip.
func (x *vision) outer(drop int, subject string) string {
	return fmt.Sprintf("%s/%s_%s_%s-KITH-V1.0.0_%s.zip", x.folder(drop), visionMode(drop), subject, x.ods(), x.stamp(drop))
}

func (x *vision) end(w *files) error {
	for drop := range x.cuts {
		for _, subject := range visionSubjects {
			path := filepath.Join(w.dir, filepath.FromSlash(x.outer(drop, subject)))
			if err := x.zip(w, drop, subject, path); err != nil {
				return fhir.Errorf(fhir.Broken, "%s could not be written: %v", path, err)
			}
		}
	}
	return nil
}

// zip packs the CSV files of a subject, and removes them.
func (x *vision) zip(w *files, drop int, subject, path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	err = x.pack(out, drop, subject, func(table int, to io.Writer) error {
		k := x.key(drop, table)
		if err := w.flush(k, w.files[k]); err != nil {
			return err
		}
		delete(w.files, k)
		from := filepath.Join(w.dir, filepath.FromSlash(w.names[k]))
		in, err := os.Open(from)
		if err != nil {
			return err
		}
		defer in.Close()
		if _, err := io.Copy(to, in); err != nil {
			return err
		}
		return os.Remove(from)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// pack writes a drop's zip of a subject; each table's rows come from fill. Now and then the journal lies in a zip of its own
// inside.
func (x *vision) pack(out io.Writer, drop int, subject string, fill func(table int, to io.Writer) error) error {
	outer := zip.NewWriter(out)
	for table := range visionTables {
		if visionTables[table].zip != subject {
			continue
		}
		name := x.inner(drop, table)
		nested := (x.base+drop)%3 == 1 && table == visionJournal
		member := name
		if nested {
			member = strings.TrimSuffix(name, ".csv") + ".zip"
		}
		to, err := outer.CreateHeader(&zip.FileHeader{Name: member, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if !nested {
			if err := fill(table, to); err != nil {
				return err
			}
			continue
		}
		inner := zip.NewWriter(to)
		if to, err = inner.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}); err != nil {
			return err
		}
		if err := fill(table, to); err != nil {
			return err
		}
		if err := inner.Close(); err != nil {
			return err
		}
	}
	return outer.Close()
}

func (x *vision) old(drop, table int) int {
	if x.base+drop == visionOlder && visionTables[table].older != "" {
		return 1
	}
	return 0
}

// row appends a row given as names and values.
func (x *vision) row(o *outbox, drop, table int, pairs ...string) {
	old := x.old(drop, table)
	fields := make([]string, x.width[old][table])
	at := x.shape[old][table]
	set := func(name, value string) {
		if k, ok := at[name]; ok {
			fields[k] = value
		}
	}
	set("SERVICE_ID", x.ods())
	for i := 0; i < len(pairs); i += 2 {
		set(pairs[i], pairs[i+1])
	}
	o.sheet(x.key(drop, table)).csv(fields)
	o.rows++
}

// shared writes the practice and its staff.
func (x *vision) shared(o *outbox) {
	g := &x.place.organizations[x.practice]
	x.row(o, 0, visionPractice, "ID", "1", "NAME", g.name, "IDENTIFIER", g.ods, "ADDRESS_1", g.street, "ADDRESS_3", Name, "POSTCODE", g.postcode, "PHONE", g.phone)
	for i := range x.place.staff {
		s := &x.place.staff[i]
		if s.at != g {
			continue
		}
		kind, sex := "G", "M"
		if s.role == nurseRole {
			kind = "N"
		}
		if s.female {
			sex = "F"
		}
		x.row(o, 0, visionStaff, "ID", x.users[s], "HCP_TYPE", kind, "GMP_CODE", "G9"+s.number[5:], "SURNAME", s.last, "FORENAME", s.first, "TITLE", s.prefix, "SEX", sex)
		x.row(o, 0, visionActiveUser, "ID", x.users[s], "LOGIN", strings.ToLower(plain(s.last)))
	}
}

func (x *vision) folders() []string { return []string{x.name} }
