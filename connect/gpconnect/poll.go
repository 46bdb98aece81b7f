package gpconnect

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Poll asks practices for everybody they should know. The zero Poll with From and To set works.
type Poll struct {
	Client Client            // what is the same for all practices; its Base, TLS and To come from the feed
	To     map[string]string // ASID of a practice's system by ODS code
	Scope  Scope
	Every  time.Duration // a patient is asked for at most this often; 0 for a day
	Pause  time.Duration // between two questions to a practice; 0 for 200 ms
	Now    func() time.Time
	Diary  bool // free slots of practices are offered here, and what is booked here is booked there

	mu    sync.Mutex
	known map[string]register // by feed
}

// register is who is known to be registered, and what it cost to find that out.
type register struct {
	numbers []string
	at      time.Time // by this machine's clock: only what is between two of them matters
	took    time.Duration
}

// Where looking through the record for a practice's patients is dear, it may take a twentieth of the time.
const (
	dear      = 250 * time.Millisecond
	lookShare = 20
)

// state is what is kept of a patient: when they were asked for and what came of it.
type state struct {
	At     time.Time `json:"at"`
	Digest string    `json:"digest,omitempty"` // of the last answer
	Code   string    `json:"code,omitempty"`   // why there was none
	Fails  int       `json:"fails,omitempty"`  // in a row
}

const (
	listFile     = "patients.txt"
	deadAfter    = 3 // questions in a row without an answer: the practice cannot be reached
	firstRetry   = 5 * time.Minute
	defaultEvery = 24 * time.Hour
	defaultPause = 200 * time.Millisecond
)

// Once is the feeds.Poller of kind gpconnect. Answers that lie in the feed's folder as *.json are filed first; a feed without an address has
// only those. Then it asks for each patient who is due: those of the list patients.txt in the feed's folder
// (an NHS number a line), those the record says are registered with the feed's organisation, and those known from this feed. Where it breaks
// off, the next call goes on.
func (p *Poll) Once(ctx context.Context, d *intake.Desk, f *intake.Feed) error {
	if err := d.ResumeItems(ctx, f.Name, Read); err != nil {
		return err
	}
	if err := answers(ctx, d, f); err != nil || f.Address == "" {
		return err
	}
	numbers, err := p.patients(ctx, d, f)
	if err != nil {
		return err
	}
	client, err := p.client(f)
	if err != nil {
		return err
	}
	if p.Diary {
		diary := &diary{ctx: ctx, desk: d, feed: f, box: d.Door.Box("gpconnect"), client: client, now: p.now()}
		if err := diary.once(); err != nil {
			return err
		}
	}
	r := &round{poll: p, ctx: ctx, desk: d, feed: f, box: d.Door.Box("gpconnect"), client: client, found: map[string]int{}}
	for _, n := range numbers {
		if err := r.patient(n); err != nil {
			return err
		}
	}
	return r.close()
}

// answers files what somebody has put into the folder. What was filed before is recognised; what cannot be understood is quarantined.
func answers(ctx context.Context, d *intake.Desk, f *intake.Feed) error {
	if f.Folder == "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(f.Folder, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if it, err := d.Receive(ctx, f.Name, filepath.Base(path), data, Read); err != nil && (it == nil || it.Status != intake.Quarantined) {
			return err
		}
	}
	return nil
}

func (p *Poll) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// client is the client of a practice, with the certificates that the feed names.
func (p *Poll) client(f *intake.Feed) (*Client, error) {
	c := &Client{Base: f.Address, TLS: p.Client.TLS, From: p.Client.From, To: p.Client.To, Requester: p.Client.Requester, Audience: p.Client.Audience, Key: p.Client.Key,
		Timeout: p.Client.Timeout, Tries: p.Client.Tries, Wait: p.Client.Wait, Limit: p.Client.Limit, Now: p.Client.Now}
	if to := p.To[f.Organization]; to != "" {
		c.To = to
	}
	if f.Certificate == "" && f.ClientCA == "" {
		return c, nil
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if f.Certificate != "" {
		cert, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "the certificate of the feed %s cannot be read: %w", f.Name, err)
		}
		c.TLS.Certificates = []tls.Certificate{cert}
	}
	if f.ClientCA != "" {
		pem, err := os.ReadFile(f.ClientCA)
		if err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "whose certificates the feed %s trusts cannot be read: %w", f.Name, err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fhir.Errorf(fhir.Invalid, "%s holds no certificate", f.ClientCA)
		}
	}
	return c, nil
}

// patients are the NHS numbers of everybody the practice should know, in order.
func (p *Poll) patients(ctx context.Context, d *intake.Desk, f *intake.Feed) ([]string, error) {
	have := map[string]bool{}
	if f.Folder != "" {
		if err := listed(filepath.Join(f.Folder, listFile), have); err != nil {
			return nil, err
		}
	}
	numbers, err := p.registered(ctx, d, f)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		have[n] = true
	}
	return slices.Sorted(maps.Keys(have)), nil
}

// registered are the NHS numbers of those whom the record says the practice should know. In a large record looking for them takes
// seconds, so it is not done at every call.
func (p *Poll) registered(ctx context.Context, d *intake.Desk, f *intake.Feed) ([]string, error) {
	p.mu.Lock()
	last, ok := p.known[f.Name]
	p.mu.Unlock()
	if ok && last.took > dear && time.Since(last.at) < last.took*lookShare {
		return last.numbers, nil
	}
	began := time.Now()
	have := map[string]bool{}
	queries := []string{"Patient?identifier=" + url.QueryEscape(Identifier(f.Name)) + "%7C"}
	if f.Organization != "" {
		code := url.QueryEscape(odsCode + "|" + f.Organization)
		queries = append(queries, "Patient?organization:Organization.identifier="+code, "Patient?general-practitioner:identifier="+code, "Patient?general-practitioner:Organization.identifier="+code)
	}
	for _, q := range queries {
		for m, err := range d.Door.All(ctx, d.Who, q) {
			if err != nil {
				return nil, err
			}
			res, err := m.Resource()
			if err != nil {
				return nil, err
			}
			for id := range res.Root().Get("identifier").Items() {
				if n := strings.ReplaceAll(id.Get("value").Text(), " ", ""); id.Get("system").Is(nhsNumberSystem) && ValidNHSNumber(n) {
					have[n] = true
				}
			}
		}
	}
	last = register{slices.Collect(maps.Keys(have)), time.Now(), time.Since(began)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string]register{}
	}
	p.known[f.Name] = last
	return last.numbers, nil
}

// listed reads a list of NHS numbers; lines that begin with # are remarks. A line that is none stops the whole list: half of it would
// be silence about the rest.
func listed(path string, have map[string]bool) error {
	in, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.ReplaceAll(strings.TrimSpace(lines.Text()), " ", "")
		if line == "" || line[0] == '#' {
			continue
		}
		if !ValidNHSNumber(line) {
			return fhir.Errorf(fhir.Invalid, "%s, line %d: %q is no NHS number", path, n, line)
		}
		have[line] = true
	}
	return lines.Err()
}

// ValidNHSNumber reports whether a text is ten digits of which the last is right.
// https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func ValidNHSNumber(n string) bool {
	if !tenDigits.MatchString(n) {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(n[i]-'0') * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check == int(n[9]-'0')
}

// round is one call of Once.
type round struct {
	poll   *Poll
	ctx    context.Context
	desk   *intake.Desk
	feed   *intake.Feed
	box    record.Box
	client *Client
	asked  int
	dead   []record.BoxItem // of patients of whom nobody answered, in a row: that it was their fault is known when another is answered
	found  map[string]int
}

// patient asks for one patient who is due.
func (r *round) patient(number string) error {
	kind := "asked/" + r.feed.Name
	var s state
	value, err := r.box.Get(r.ctx, kind, number)
	if err != nil {
		return err
	}
	if value != nil {
		if err := json.Unmarshal(value, &s); err != nil {
			return fhir.Errorf(fhir.Broken, "what is kept of %s cannot be read: %w", number, err)
		}
		if r.poll.now().Before(s.At.Add(r.due(&s))) {
			return nil
		}
	}
	if r.asked > 0 {
		pause := r.poll.Pause
		if pause == 0 {
			pause = defaultPause
		}
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-time.After(pause):
		}
	}
	r.asked++
	unanswered, err := r.ask(number, &s)
	if err != nil {
		return err
	}
	s.At = r.poll.now().UTC()
	value, err = json.Marshal(s)
	if err != nil {
		return err
	}
	r.dead = append(r.dead, record.BoxItem{Kind: kind, Key: number, Value: value})
	if unanswered != nil {
		if len(r.dead) >= deadAfter {
			return unanswered // a practice that cannot be reached is asked for all of them when it can be
		}
		return nil
	}
	_, err = r.box.Commit(r.ctx, r.desk.Who, nil, r.dead...)
	r.dead = nil
	return err
}

// due is how long after the last question the next may come: sooner where it failed.
func (r *round) due(s *state) time.Duration {
	every := r.poll.Every
	if every == 0 {
		every = defaultEvery
	}
	if s.Fails > 0 {
		return min(every, firstRetry<<min(s.Fails-1, 10))
	}
	return every
}

// ask asks for a patient and files the answer. Unanswered is why there was none.
func (r *round) ask(number string, s *state) (unanswered, err error) {
	answer, err := r.client.Structured(r.ctx, number, r.poll.Scope)
	if r.ctx.Err() != nil {
		return nil, r.ctx.Err()
	}
	if o, ok := errors.AsType[*Outcome](err); ok {
		s.Code = o.Code
		if s.Code == "" {
			s.Code = fmt.Sprintf("HTTP %d", o.Status)
		}
		s.Fails++
		if o.Unknown() {
			s.Fails = 0 // that is an answer
		}
		r.found[s.Code]++
		return nil, nil
	}
	if err != nil {
		s.Code = err.Error()
		s.Fails++
		r.found["no answer"]++
		return err, nil
	}
	sum := sha256.Sum256(answer)
	digest := hex.EncodeToString(sum[:])
	if digest == s.Digest {
		s.Code, s.Fails = "", 0
		r.found["unchanged"]++
		return nil, nil
	}
	it, err := r.desk.Receive(r.ctx, r.feed.Name, ItemName(number, r.poll.Scope, r.poll.now()), answer, Read)
	switch {
	case err == nil:
		r.found["filed"]++
	case it != nil && it.Status == intake.Quarantined:
		r.found["quarantined"]++ // the desk tells staff; asking again at once would not help
	default:
		return nil, err
	}
	*s = state{Digest: digest}
	return nil, nil
}

// close leaves a mark that the practice was asked, so that a feed in which nothing changes does not look silent.
func (r *round) close() error {
	if r.asked == 0 {
		return nil
	}
	text := fmt.Sprintf("%d patients were asked for", r.asked)
	for _, what := range slices.Sorted(maps.Keys(r.found)) {
		text += fmt.Sprintf("; %s: %d", what, r.found[what])
	}
	body := object(word("resourceType", "OperationOutcome"), has("issue", list(object(word("severity", "information"), word("code", "informational"), word("diagnostics", text))))).append(nil)
	_, err := r.desk.Receive(r.ctx, r.feed.Name, "round "+r.poll.now().UTC().Format(time.RFC3339Nano), body, Read)
	return err
}
