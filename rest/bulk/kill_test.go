package bulk_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// An export is prepared in another process, which is killed without warning in the middle. This one goes on: every resource is in the files once.
func TestKilledInMidExport(t *testing.T) {
	if db := os.Getenv("KITH_TEST_EXPORT"); db != "" {
		d, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Everyone{}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		fmt.Println("preparing")
		(&export.Service{Door: d, Step: 1, Poll: 30 * time.Millisecond, Limit: 500 * time.Millisecond}).Run(t.Context())
		return
	}
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Everyone{})
		p.exports.Limit = 500 * time.Millisecond
		const n = 12_000
		for at := 0; at < n; {
			var ops []record.Op
			for range 1000 {
				r, err := fhir.Parse([]byte(fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p%d"}}`, at, at%100)))
				if err != nil {
					t.Fatal(err)
				}
				ops = append(ops, record.Op{Method: record.Update, Type: "Observation", ID: r.ID(), Resource: r})
				at++
			}
			if _, err := p.door.Commit(t.Context(), theSystem, ops); err != nil {
				t.Fatal(err)
			}
		}
		at := p.start("service", "$export?_type=Observation", "")
		child := exec.Command(os.Args[0], "-test.run=^TestKilledInMidExport$")
		child.Env = append(os.Environ(), "KITH_TEST_EXPORT="+db)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "preparing") {
		}
		eventually(t, func() bool { return p.pieces() >= 3 })
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait() // it was killed: its exit says nothing
		if status, _, text := p.ask("service", "GET", at, ""); status != 202 {
			t.Fatalf("it was done before it could be killed: %d %s", status, text)
		}
		p.run()
		got := p.lines("service", p.wait("service", at)) // tells whatever stands there twice
		if len(got) != n {
			t.Errorf("%d resources, want %d", len(got), n)
		}
	})
}

func (p *place) pieces() int {
	items, err := p.door.Box("export").List(context.Background(), "piece", "", 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(items)
}
