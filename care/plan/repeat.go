package plan

import (
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
)

// RepeatRules are the numbers by which repeats are ordered.
type RepeatRules struct {
	UsualDays  int `yaml:"usual_days"`  // how long a supply lasts where the record does not say
	EarlyDays  int `yaml:"early_days"`  // so many days before it is used up it can be ordered
	AnswerDays int `yaml:"answer_days"` // within how many working days the practice looks at an order
}

// Repeat is a medicine that somebody has again and again, and whether it can be ordered now.
type Repeat struct {
	ID       string // of the MedicationRequest that is the repeat
	Patient  string // whose it is in the record: one of the person's Patients
	Name     string
	Dose     string
	Supply   string // how much comes at once, such as 28 tablet
	Codes    []string
	Last     time.Time // when it was issued last, zero where that is not known
	Days     int       // how long a supply lasts
	Known    bool      // the record says so
	From     time.Time // from when it can be ordered, zero for now
	Review   bool      // a review is overdue: no issues are left, or its day has passed
	ReviewBy time.Time // the day of the review, zero where not known
	AskFirst *AskFirst // somebody looks at it first, nil where nothing is known that asks for it
	Open     string    // id of the Task of an order under way, "" for none
	OpenAt   time.Time
	number   int // of orders made here before
	issues   int // of the practice
	allowed  int // issues before a review, 0 where not known
}

// Early reports whether it is not due yet.
func (r *Repeat) Early() bool { return !r.From.IsZero() }

// Person reports whether a person must decide: nobody else does here, but these are told apart in the list.
func (r *Repeat) Person() bool { return r.AskFirst != nil || r.Review || r.Early() }

// AskFirst is a medicine that a prescriber or pharmacist looks at before each supply.
type AskFirst struct {
	Names []string // beginnings of words in its name, in small letters
	Kind  string   // controlled or monitored
	Why   string   // for whoever orders it
}

// askFirstFile is how they are written down.
type askFirstFile struct {
	Version, Author, Reviewed string
	ReviewBy                  string `yaml:"review_by"`
	Sources                   []Link
	Medicines                 []AskFirst
}

func (f *askFirstFile) check() ([]AskFirst, error) {
	if f.Author == "" || f.Version == "" || len(f.Sources) == 0 {
		return nil, fhir.Errorf(fhir.Invalid, "author, version and sources are needed")
	}
	for i, m := range f.Medicines {
		if len(m.Names) == 0 || m.Why == "" || m.Kind != "controlled" && m.Kind != "monitored" {
			return nil, fhir.Errorf(fhir.Invalid, "medicine %d needs names, why, and a kind: controlled or monitored", i+1)
		}
	}
	if err := dated(f.Reviewed, f.ReviewBy); err != nil {
		return nil, err
	}
	return f.Medicines, checkLinks(f.Sources)
}

// askFirst is the entry that a medicine's name falls under, nil for none. A controlled one goes before a monitored one.
func (b *Book) askFirst(name string) (found *AskFirst) {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && r < 128 })
	for i := range b.AskFirst {
		m := &b.AskFirst[i]
		for _, n := range m.Names {
			for _, w := range words {
				if strings.HasPrefix(w, n) && (found == nil || m.Kind == "controlled" && found.Kind != "controlled") {
					found = m
				}
			}
		}
	}
	return found
}

// due sets from when a repeat can be ordered: some days before the supply is used up, by London's days.
func (r *Repeat) due(rules *RepeatRules, now time.Time) {
	if r.Days == 0 {
		r.Days = rules.UsualDays
	}
	r.From = time.Time{}
	if r.Last.IsZero() {
		return
	}
	l := r.Last.In(london.Zone)
	early := min(rules.EarlyDays, r.Days/2) // of a supply for a week not the whole
	from, _ := london.Time(l.Year(), l.Month(), l.Day()+r.Days-early, 0, 0, 0)
	if now.Before(from) {
		r.From = from
	}
}

// workingDays is a moment so many working days later. Bank holidays are not known and count as working days, so an answer may be due a day too soon, never too late.
func workingDays(from time.Time, n int) time.Time {
	at := from.In(london.Zone)
	for n > 0 {
		if at = at.AddDate(0, 0, 1); at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
			n--
		}
	}
	return at.UTC()
}
