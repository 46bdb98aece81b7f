package subscribe_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// Subscribers are told by another process, which is killed without warning while it tells. This one goes on: nothing is lost, the order is kept, and
// what was being sent when the process died may be sent once more.
func TestKilledWhileTelling(t *testing.T) {
	if db := os.Getenv("KITH_TEST_NOTIFY"); db != "" {
		d, err := record.Open(t.Context(), record.Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Default()})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		networks, err := notify.ParseNetworks("127.0.0.0/8")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("telling")
		(&notify.Service{Door: d, Base: "http://kith.test/fhir", Allowed: networks, Poll: 10 * time.Millisecond, Limit: time.Second}).Run(t.Context())
		return
	}
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db)
		p.service.Secrets = nil // the other process has not got them
		p.service.Limit = time.Second
		h := newHook(t)
		h.set(200, 15*time.Millisecond)
		id := p.subscribe("a", strings.Replace(text("Observation", h.url, withResource), `,"header":["Authorization: Bearer secret-of-hook"]`, "", 1))
		child := exec.Command(os.Args[0], "-test.run=^TestKilledWhileTelling$")
		child.Env = append(os.Environ(), "KITH_TEST_NOTIFY="+db)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "telling") {
		}
		p.becomes("a", id, "active")
		const n = 60
		for i := range n {
			p.observe(fmt.Sprintf("o%d", i), "ada", "1", "")
		}
		eventually(t, func() bool { return len(h.requests()) >= 10 })
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait() // it was killed: its exit says nothing
		if got := len(h.requests()); got >= n {
			t.Fatalf("all was told before the process could be killed: %d", got)
		}
		p.run()
		last := fmt.Sprintf("PUT /Observation/o%d", n-1)
		eventually(t, func() bool { got := h.requests(); return len(got) > 0 && got[len(got)-1] == last })
		time.Sleep(200 * time.Millisecond)
		next, again := 0, 0
		for _, r := range h.requests() {
			switch r {
			case fmt.Sprintf("PUT /Observation/o%d", next):
				next++
			case fmt.Sprintf("PUT /Observation/o%d", next-1):
				again++
			default:
				t.Fatalf("%s came after %d others", r, next)
			}
		}
		if next != n || again > 3 { // what was under way when it was killed, and on a busy machine what took longer than the limit
			t.Errorf("%d of %d were told, %d of them twice", next, n, again)
		}
	})
}
