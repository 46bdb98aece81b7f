package community

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
)

// fewDays is how many days cannot be as the map has them before they are a habit.
const fewDays = 3

// monthFirst is an error where a file, of which head is the beginning, writes the month before the day though its map says that the day comes
// first: those of the first twelve days of a month would be filed under another day, and nobody would notice.
func (mp *Map) monthFirst(t *MapTable, head []byte) error {
	own := append(mp.days(), mp.times()...)
	var swapped []string
	for _, l := range own {
		if s := strings.NewReplacer("02/01", "01/02", "02-01", "01-02", "02.01", "01.02").Replace(l); s != l {
			swapped = append(swapped, s)
		}
	}
	rows := csv.NewReader(bytes.NewReader(head))
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	if mp.Comma != "" {
		rows.Comma = rune(mp.Comma[0])
	}
	columns, err := rows.Read()
	if err != nil || len(swapped) == 0 {
		return nil // what is wrong with it is said when it is read
	}
	names := map[int]string{}
	for i, c := range columns {
		c = strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))
		for _, element := range []string{"start", "end", "born", "died"} {
			if slices.Contains(t.Columns[element], c) {
				names[i] = c
			}
		}
	}
	is := func(v string, layouts []string) bool {
		return slices.ContainsFunc(layouts, func(l string) bool { _, err := time.Parse(l, v); return err == nil })
	}
	mine, others := 0, 0
	var first error
	for {
		row, err := rows.Read()
		if err != nil {
			break
		}
		for i, c := range names {
			if i >= len(row) || row[i] == "" {
				continue
			}
			switch asMapped, otherwise := is(row[i], own), is(row[i], swapped); {
			case asMapped && !otherwise:
				mine++
			case otherwise && !asMapped:
				if others++; first == nil {
					line, _ := rows.FieldPos(i)
					first = fhir.Errorf(fhir.Invalid, "line %d: %s: %q has the month before the day, as others of its days have; the map has the day first, so rows would be filed under other days", line, c, row[i])
				}
			}
		}
	}
	if others < fewDays || others <= mine {
		return nil
	}
	return first
}
