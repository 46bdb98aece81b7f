// Command bookings books appointments on kith serve as people do, at a steady rate: it looks for times, chooses one of those it is shown, holds it, reads what it is
// asked to check, and books it, each for a patient of its own. It prints how long each step took, how often somebody else was first, and then reads the record
// and fails where a Slot is in two appointments, or where what was answered and what is there differ. scripts/bench-booking runs it.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	base      = flag.String("base", "http://127.0.0.1:8080", "where kith serves")
	rate      = flag.Float64("rate", 5000.0/60, "bookings a second")
	seconds   = flag.Int("seconds", 60, "how long")
	practices = flag.Int("practices", 10, "organisations of the file of sessions")
	sessions  = flag.String("sessions", "", "write a file of sessions here and end")
)

// client keeps its connections, and does not follow where a form leads: that is a step of its own.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func main() {
	flag.Parse()
	if *sessions != "" {
		if err := os.WriteFile(*sessions, file(), 0o644); err != nil {
			log.Fatal(err)
		}
		return
	}
	n := int(*rate * float64(*seconds))
	before, err := inRecord()
	if err != nil {
		log.Fatal(err)
	}
	if err := people(n); err != nil {
		log.Fatal(err)
	}
	began := time.Now()
	all := load(n)
	took := time.Since(began)
	fmt.Printf("%d bookings asked for in %.1f s (%.0f a minute), %d booked, %d times somebody else was first, %d failed\n", n, took.Seconds(), float64(all.booked.Load())/took.Minutes(), all.booked.Load(), all.taken.Load(), all.failed.Load())
	for _, step := range []string{"times", "hold", "check", "book", "all four"} {
		fmt.Printf("  %-8s p50 %4.0f ms  p95 %4.0f ms  p99 %4.0f ms\n", step, all.at(step, 0.5), all.at(step, 0.95), all.at(step, 0.99))
	}
	now, err := inRecord()
	if err != nil {
		log.Fatal(err)
	}
	if now-before != int(all.booked.Load()) {
		log.Fatalf("%d were answered and %d are there", all.booked.Load(), now-before)
	}
	fmt.Printf("the record has %d appointments, each in a Slot of its own\n", now)
	if all.failed.Load() > 0 {
		os.Exit(1)
	}
}

// file is sessions of GPs, enough for 60,000 bookings.
func file() []byte {
	var b bytes.Buffer
	b.WriteString("weeks: 4\nservices: [{id: gp, name: See a GP, for: registered, kind: gp}]\nplaces:\n")
	for p := range *practices {
		fmt.Fprintf(&b, "  - {id: p%d, name: Practice %d, ods: ZB%03d, street: %d Mill Lane, town: Merrowby, postcode: ZZ1 1AA}\n", p, p, p, p)
	}
	b.WriteString("clinics:\n")
	for p := range *practices {
		for d := range 10 {
			fmt.Fprintf(&b, "  - {id: c%d-%d, service: gp, place: p%d, with: Dr %d, sessions: [{days: [mon, tue, wed, thu, fri, sat, sun], from: \"08:00\", to: \"13:00\", minutes: 10, modes: [in-person, telephone]}]}\n", p, d, p, d)
		}
	}
	return b.Bytes()
}

// people makes patients, spread over the practices.
func people(n int) error {
	type entry struct {
		Resource json.RawMessage   `json:"resource"`
		Request  map[string]string `json:"request"`
	}
	for from := 0; from < n; from += 500 {
		var entries []entry
		for i := from; i < min(from+500, n); i++ {
			entries = append(entries, entry{fmt.Appendf(nil, `{"resourceType":"Patient","id":"bench-%d","name":[{"family":"Person","given":["N%d"]}],"managingOrganization":{"type":"Organization","identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZB%03d"}}}`, i, i, i%*practices),
				map[string]string{"method": "PUT", "url": fmt.Sprintf("Patient/bench-%d", i)}})
		}
		body, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "transaction", "entry": entries})
		if err != nil {
			return err
		}
		resp, err := client.Post(*base+"/fhir", "application/fhir+json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		said, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("patients are not taken: %s: %.300s", resp.Status, said)
		}
	}
	return nil
}

// measured is what became of all bookings.
type measured struct {
	booked, taken, failed atomic.Int64
	mu                    sync.Mutex
	took                  map[string][]float64 // milliseconds
}

func (m *measured) add(step string, since time.Time) {
	m.mu.Lock()
	m.took[step] = append(m.took[step], float64(time.Since(since).Microseconds())/1000)
	m.mu.Unlock()
}

func (m *measured) at(step string, share float64) float64 {
	list := m.took[step]
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, int(share*float64(len(list))))]
}

// load begins bookings at the rate, whether or not earlier ones have ended.
func load(n int) *measured {
	m := &measured{took: map[string][]float64{}}
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		if wait := time.Until(began.Add(time.Duration(float64(i) / *rate * float64(time.Second)))); wait > 0 {
			time.Sleep(wait)
		}
		all.Go(func() {
			from := time.Now()
			for try := 0; ; try++ {
				done, err := m.book(fmt.Sprintf("bench-%d", i))
				if err != nil || !done && try == 10 {
					if m.failed.Add(1) <= 5 {
						log.Printf("bench-%d: %v", i, err)
					}
					return
				}
				if done {
					break
				}
				m.taken.Add(1)
			}
			m.booked.Add(1)
			m.add("all four", from)
		})
	}
	all.Wait()
	return m
}

var slot = regexp.MustCompile(`name="slot" value="([^"]+)"`)

// book goes through the pages; done is false where somebody else was first.
func (m *measured) book(patient string) (done bool, err error) {
	at := "/person/" + patient + "/appointments/"
	began := time.Now()
	_, page, err := ask(http.MethodGet, at+"times?need=gp", nil, http.StatusOK)
	if err != nil {
		return false, err
	}
	m.add("times", began)
	offered := slot.FindAllStringSubmatch(page, -1)
	if len(offered) == 0 {
		return false, fmt.Errorf("no time is offered")
	}
	want := offered[rand.IntN(len(offered))][1]
	began = time.Now()
	to, _, err := ask(http.MethodPost, at+"times", url.Values{"slot": {want}, "need": {"gp"}}, http.StatusSeeOther, http.StatusConflict)
	if err != nil || to == "" {
		return false, err
	}
	m.add("hold", began)
	began = time.Now()
	if _, _, err = ask(http.MethodGet, to, nil, http.StatusOK); err != nil {
		return false, err
	}
	m.add("check", began)
	began = time.Now()
	to, _, err = ask(http.MethodPost, at+"check", url.Values{"slot": {want}, "what": {"gp"}, "way": {"telephone"}, "reason": {"cough"}}, http.StatusSeeOther, http.StatusConflict)
	if err != nil || to == "" {
		return false, err
	}
	m.add("book", began)
	return true, nil
}

// ask sends a request and answers where it leads and what it shows.
func ask(method, path string, form url.Values, want ...int) (to, page string, err error) {
	r, err := http.NewRequest(method, *base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && !slices.Contains(want, resp.StatusCode) {
		err = fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return resp.Header.Get("Location"), string(body), err
}

// inRecord reads all appointments and counts them: each is of one Slot, and no Slot is in two.
func inRecord() (int, error) {
	seen, n := map[string]string{}, 0
	for next := *base + "/fhir/Appointment?status=booked&_count=1000"; next != ""; {
		resp, err := client.Get(next)
		if err != nil {
			return 0, err
		}
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct {
				Resource struct {
					ID   string
					Slot []struct{ Reference string }
				}
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			return 0, err
		}
		for _, e := range page.Entry {
			n++
			if len(e.Resource.Slot) != 1 {
				return 0, fmt.Errorf("the appointment %s is of %d slots", e.Resource.ID, len(e.Resource.Slot))
			}
			at := e.Resource.Slot[0].Reference
			if other := seen[at]; other != "" {
				return 0, fmt.Errorf("%s is in the appointments %s and %s", at, other, e.Resource.ID)
			}
			seen[at] = e.Resource.ID
		}
		next = ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
	}
	return n, nil
}
