// Command readings puts the load of a place's devices on a running kith serve: batches of readings at a rate, some of which somebody must be told of.
//
//	readings -base http://127.0.0.1:8080 -feed devices -people 2000 -rate 500 -seconds 60
//
// It says how long batches took to be kept (202), how long it took from the commit of a reading to the commit of its Task, and how long until all was filed.
// scripts/bench runs it.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is one run.
type load struct {
	base, feed, run       string
	people, rate, batch   int
	seconds, alerts, from int
	client                *http.Client
	kept                  []time.Duration
	mu                    sync.Mutex
	sent, failed, turned  atomic.Int64
}

func main() {
	l := &load{client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, run: fmt.Sprint(time.Now().UnixNano())}
	flag.StringVar(&l.base, "base", "http://127.0.0.1:8080", "the server")
	flag.StringVar(&l.feed, "feed", "devices", "the feed of devices")
	flag.IntVar(&l.people, "people", 2000, "people who measure")
	flag.IntVar(&l.rate, "rate", 500, "readings a second")
	flag.IntVar(&l.batch, "batch", 50, "readings in a batch")
	flag.IntVar(&l.seconds, "seconds", 60, "for how long")
	flag.IntVar(&l.alerts, "alerts", 2, "readings a second that somebody must be told of")
	flag.IntVar(&l.from, "from", 0, "the first person of whom somebody must be told: who has been told of is told of no more")
	setup := flag.Bool("setup", true, "make the people and their plans first")
	flag.Parse()
	if err := l.do(*setup); err != nil {
		fmt.Fprintln(os.Stderr, "readings:", err)
		os.Exit(1)
	}
}

func (l *load) do(setup bool) error {
	if setup {
		if err := l.setup(); err != nil {
			return err
		}
		if err := l.warm(); err != nil {
			return err
		}
	}
	before, err := l.count("Observation")
	if err != nil {
		return err
	}
	begun := time.Now()
	l.send(begun)
	sending := time.Since(begun)
	want := before + int(l.sent.Load())
	for {
		n, err := l.count("Observation")
		if err != nil {
			return err
		}
		if n >= want {
			break
		}
		if time.Since(begun) > 15*time.Minute {
			return fmt.Errorf("after 15 minutes %d of %d are filed", n-before, l.sent.Load())
		}
		time.Sleep(200 * time.Millisecond)
	}
	drained := time.Since(begun)
	slices.Sort(l.kept)
	fmt.Printf("%d readings in %.1f s (%.0f/s) in batches of %d, %d batches failed, %d were turned away and sent again\n", l.sent.Load(), sending.Seconds(), float64(l.sent.Load())/sending.Seconds(), l.batch, l.failed.Load(), l.turned.Load())
	fmt.Printf("202 after: median %v, p99 %v, most %v\n", at(l.kept, .5), at(l.kept, .99), at(l.kept, 1))
	fmt.Printf("all filed %.1f s after the first was sent, %.1f s after the last (%.0f/s)\n", drained.Seconds(), (drained - sending).Seconds(), float64(l.sent.Load())/drained.Seconds())
	return l.told(begun)
}

func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(100 * time.Microsecond)
}

func (l *load) user(i int) string { return fmt.Sprintf("bench-%06d", i) }

// patient is the id that the desk gives a user of the feed.
func (l *load) patient(i int) string {
	sum := sha256.Sum256([]byte(l.feed + "\x00Patient\x00" + l.user(i)))
	return hex.EncodeToString(sum[:16])
}

// setup makes the people, and a plan of each with limits of their own.
func (l *load) setup() error {
	var people bytes.Buffer
	people.WriteString("user_id,nhs_number,forename,surname,date_of_birth,postcode,email\n")
	for i := range l.people {
		fmt.Fprintf(&people, "%s,,Given%d,Family%d,%d-01-02,,\n", l.user(i), i, i, 1930+i%60)
	}
	if status, body, err := l.post("/push/"+l.feed, people.Bytes()); err != nil || status != http.StatusOK {
		return fmt.Errorf("the people: %d %s %w", status, body, err)
	}
	for from := 0; from < l.people; from += 200 {
		var entries []string
		for i := from; i < min(from+200, l.people); i++ {
			who := l.patient(i)
			entries = append(entries, fmt.Sprintf(`{"request":{"method":"PUT","url":"Goal/bench-%d"},"resource":{"resourceType":"Goal","id":"bench-%d","lifecycleStatus":"active","description":{"text":"limit"},"subject":{"reference":"Patient/%s"},"target":[{"measure":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"detailRange":{"high":{"value":190,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}]}}`, i, i, who),
				fmt.Sprintf(`{"request":{"method":"PUT","url":"CarePlan/bench-%d"},"resource":{"resourceType":"CarePlan","id":"bench-%d","status":"active","intent":"plan","category":[{"coding":[{"system":"urn:kith:plan","code":"monitoring"}]}],"subject":{"reference":"Patient/%s"},"goal":[{"reference":"Goal/bench-%d"}]}}`, i, i, who, i))
		}
		status, body, err := l.post("/fhir", []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`))
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("the plans: %d %.500s %w", status, body, err)
		}
	}
	return nil
}

// warm sends one reading of each person, and waits until it is filed and looked at: the server has then read what it must know of everybody, as one has that began
// yesterday.
func (l *load) warm() error {
	begun := time.Now()
	before, err := l.count("Observation")
	if err != nil {
		return err
	}
	for from := 0; from < l.people; from += l.batch {
		var body bytes.Buffer
		for i := from; i < min(from+l.batch, l.people); i++ {
			fmt.Fprintf(&body, `{"id":"%s-warm-%d","user":%q,"route":"device","time":%q,"kind":"pressure","value":120,"value2":75,"unit":"mm[Hg]"}`+"\n", l.run, i, l.user(i), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
		}
		if status, text, err := l.post("/push/"+l.feed+"/batch", body.Bytes()); err != nil || status != http.StatusAccepted {
			return fmt.Errorf("the first readings: %d %.300s %w", status, text, err)
		}
	}
	for n := 0; n < before+l.people; time.Sleep(200 * time.Millisecond) {
		if n, err = l.count("Observation"); err != nil {
			return err
		}
	}
	took := time.Since(begun)
	time.Sleep(took + 2*time.Second) // whoever watches is as far behind as filing took, at most
	fmt.Printf("the first reading of each of %d people filed in %.1f s\n", l.people, took.Seconds())
	return nil
}

func (l *load) post(path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequest("POST", l.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	res, err := l.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// send sends batches at the rate, each when it is due whatever became of the one before.
func (l *load) send(begun time.Time) {
	batches := l.rate * l.seconds / l.batch
	apart := time.Duration(float64(time.Second) * float64(l.batch) / float64(l.rate))
	perAlert := max(l.rate/max(l.alerts, 1), 1)
	var wait sync.WaitGroup
	limit := make(chan struct{}, 64)
	alert := 0
	for n := range batches {
		time.Sleep(time.Until(begun.Add(time.Duration(n) * apart)))
		var body bytes.Buffer
		for k := range l.batch {
			i := n*l.batch + k
			who, up := rand.IntN(l.people), 118+rand.IntN(24)
			if l.alerts > 0 && i%perAlert == perAlert/2 { // each of another person, so that each is one Task
				who, up = (l.from+alert)%l.people, 200+rand.IntN(20)
				alert++
			}
			fmt.Fprintf(&body, `{"id":"%s-%d","user":%q,"route":"device","time":%q,"kind":"pressure","value":%d,"value2":%d,"unit":"mm[Hg]"}`+"\n", l.run, i, l.user(who), time.Now().Add(-time.Duration(rand.IntN(900))*time.Millisecond).UTC().Format(time.RFC3339), up, 70+rand.IntN(15))
		}
		limit <- struct{}{}
		wait.Go(func() {
			defer func() { <-limit }()
			l.one(body.Bytes())
		})
	}
	wait.Wait()
}

func (l *load) one(body []byte) {
	for {
		start := time.Now()
		status, _, err := l.post("/push/"+l.feed+"/batch", body)
		took := time.Since(start)
		switch {
		case err == nil && status == http.StatusAccepted:
			l.sent.Add(int64(l.batch))
			l.mu.Lock()
			l.kept = append(l.kept, took)
			l.mu.Unlock()
			return
		case status == http.StatusServiceUnavailable:
			l.turned.Add(1)
			time.Sleep(time.Second)
		default:
			l.failed.Add(1)
			return
		}
	}
}

func (l *load) get(path string, into any) error {
	res, err := l.client.Get(l.base + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s %.300s", path, res.Status, text)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

func (l *load) count(typ string) (int, error) {
	var page struct{ Total int }
	err := l.get("/fhir/"+typ+"?_summary=count", &page)
	return page.Total, err
}

// told says how long it took from the commit of a reading to the commit of the Task about it.
func (l *load) told(begun time.Time) error {
	time.Sleep(2 * time.Second)
	type stored struct {
		Meta  struct{ LastUpdated time.Time }
		ID    string
		Focus struct{ Reference string }
		Note  []struct{ Text string }
	}
	var waits []time.Duration
	next := "/fhir/Task?code=urn:kith:task|monitor-alert&_count=500&_include=Task:focus&authored-on=ge" + begun.Add(-time.Second).UTC().Format("2006-01-02T15:04:05Z")
	for next != "" {
		var page struct {
			Entry []struct {
				Resource struct {
					ResourceType string
					stored
				}
			}
			Link []struct{ Relation, URL string }
		}
		if err := l.get(next, &page); err != nil {
			return err
		}
		readings := map[string]time.Time{}
		for _, e := range page.Entry {
			if e.Resource.ResourceType == "Observation" {
				readings["Observation/"+e.Resource.ID] = e.Resource.Meta.LastUpdated
			}
		}
		for _, e := range page.Entry {
			if at, ok := readings[e.Resource.Focus.Reference]; ok && e.Resource.ResourceType == "Task" && len(e.Resource.Note) == 0 {
				waits = append(waits, e.Resource.Meta.LastUpdated.Sub(at))
			}
		}
		next = ""
		for _, link := range page.Link {
			if link.Relation == "next" {
				next = strings.TrimPrefix(link.URL, l.base)
			}
		}
	}
	slices.Sort(waits)
	fmt.Printf("commit of a reading to commit of its Task, %d of them: median %v, p99 %v, most %v\n", len(waits), at(waits, .5), at(waits, .99), at(waits, 1))
	return nil
}
