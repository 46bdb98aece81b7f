package kit

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/words"
)

// Field is one thing that a form asks, with what was answered and what is wrong with that. The templates "errors" and "message" show the latter.
type Field struct{ ID, Value, Error string }

// DateField is a date that somebody types in three parts. The template "date" asks for it.
type DateField struct {
	ID, Day, Month, Year, Error string
	Own                         bool // the date of birth of whoever types it, which their browser may know
}

// DateOf reads the parts from a form: fields day, month and year.
func DateOf(r *http.Request, id string) DateField {
	typed := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return DateField{ID: id, Day: typed("day"), Month: typed("month"), Year: typed("year")}
}

// months are the words for them; the first three letters are enough.
var months = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// Born is the date of birth as FHIR writes it; wrong is a sentence for the reader, in their language, where it can be none. Months may be named in English or in that language.
func (d DateField) Born(now time.Time, l *words.Lang) (iso, wrong string) {
	if d.Day == "" && d.Month == "" && d.Year == "" {
		return "", l.T("Enter a date of birth")
	}
	day, err := strconv.Atoi(d.Day)
	if err != nil {
		return "", l.T("The day must be a number, such as 14")
	}
	year, err := strconv.Atoi(d.Year)
	if err != nil || len(d.Year) != 4 {
		return "", l.T("The year must have 4 numbers, such as 1945")
	}
	month, err := strconv.Atoi(d.Month)
	if word := strings.ToLower(d.Month); err != nil && len(word) >= 3 {
		for i, m := range months {
			if strings.HasPrefix(m, word) || strings.HasPrefix(strings.ToLower(l.Month(time.Month(i+1))), word) {
				month = i + 1
			}
		}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	switch {
	case month < 1 || month > 12:
		return "", l.T("The month must be a number from 1 to 12, or its name")
	case t.Day() != day || int(t.Month()) != month:
		return "", l.T("There is no such day: check the day and the month")
	case t.After(now) || year < 1880:
		return "", l.T("The year of birth cannot be right")
	}
	return t.Format(time.DateOnly), ""
}
