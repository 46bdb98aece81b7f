package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// wardOf fills a record with patients who each have an alert, some of them a score and something overdue.
func wardOf(t testing.TB, db string, n int) *record.Door {
	t.Helper()
	door, err := record.Open(t.Context(), record.Options{DB: db, Policy: access.Everyone{}, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	var ops []record.Op
	put := func(text string) {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res})
	}
	for i := range n {
		name := fmt.Sprintf("Mr Number%03d", i)
		put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d"}`, i))
		task := func(id, code, priority, words string, minutes int) {
			put(fmt.Sprintf(`{"resourceType":"Task","id":%q,"status":"requested","intent":"order","priority":%q,"code":{"coding":[{"system":"urn:kith:task","code":%q}]},"description":"%s: %s","for":{"reference":"Patient/p%d","display":%q},"authoredOn":%q,"owner":{"display":"the ward"},"restriction":{"period":{"end":%q}}}`,
				id, priority, code, name, words, i, name, start.Add(time.Duration(-minutes)*time.Minute).Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339)))
		}
		task(fmt.Sprint("a", i), alertCode, []string{"routine", "urgent", "stat"}[i%3], "182/104, his limit is 160/100", n-i)
		if i%5 == 0 {
			task(fmt.Sprint("m", i), missingCode, "routine", "No reading of weight", 5)
		}
		for k, total := range []int{i % 9, i%9 + 2} {
			put(fmt.Sprintf(`{"resourceType":"Observation","id":"n%d-%d","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"1104051000000101"}]},"subject":{"reference":"Patient/p%d"},"effectiveDateTime":%q,"valueQuantity":{"value":%d}}`, i, k, i, start.Add(time.Duration(k-5)*time.Hour).Format(time.RFC3339), total))
		}
	}
	for len(ops) > 0 {
		m := min(500, len(ops))
		if _, err := door.Commit(t.Context(), me, ops[:m]); err != nil {
			t.Fatal(err)
		}
		ops = ops[m:]
	}
	return door
}

func TestTheBoardHasOneRowAPatientTheMostUrgentFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		rows, err := Board(t.Context(), wardOf(t, db, 12), nurse, start)
		if err != nil || len(rows) != 12 {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		first := rows[0]
		if first.Priority != "stat" || first.Patient != "p2" || first.Reason != "182/104, his limit is 160/100" || first.Name != "Mr Number002" || first.Owner != "the ward" || first.Next != "Call the person now" || !first.By.Equal(start.Add(time.Hour)) {
			t.Errorf("%+v", first)
		}
		if first.NEWS2 == nil || *first.NEWS2 != 4 || first.Trend != 2 {
			t.Errorf("the score and its trend: %+v", first)
		}
		overdue := 0
		for i, r := range rows {
			if i > 0 && ranks[r.Priority] > ranks[rows[i-1].Priority] {
				t.Errorf("row %d is more urgent than the one before", i)
			}
			if len(r.Overdue) == 1 && strings.HasPrefix(r.Overdue[0], "No reading of weight") {
				overdue++
			}
		}
		if overdue != 3 {
			t.Errorf("%d rows have something overdue", overdue)
		}
	})
}

// 500 patients in 200 ms is what the specification asks for; a machine that is busy with other things gets five times as long, and the benchmark says what it is.
func TestABoardOfFiveHundredIsQuick(t *testing.T) {
	door := wardOf(t, storetest.SQLite(t), 500)
	best := time.Hour
	for range 5 {
		begun := time.Now()
		rows, err := Board(t.Context(), door, nurse, start)
		if err != nil || len(rows) != 500 {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		best = min(best, time.Since(begun))
	}
	t.Logf("500 patients in %v", best)
	if best > time.Second {
		t.Errorf("500 patients take %v", best)
	}
}

func BenchmarkBoardOfFiveHundred(b *testing.B) {
	for name, db := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			door := wardOf(b, db(b), 500)
			for b.Loop() {
				if rows, err := Board(b.Context(), door, nurse, start); err != nil || len(rows) != 500 {
					b.Fatal(err)
				}
			}
		})
	}
}
