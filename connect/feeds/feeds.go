// Package feeds runs the feeds of a place: it watches folders for extracts, listens for messages, asks systems that must be asked,
// goes on with what was broken off, and raises an alarm when a source falls silent or sends what it never sent before.
//
// A Service holds one desk and what is known of each kind of feed. Run starts every feed there is; one that is added while it runs is
// started too. Overview, Faults, Replay and Accept are what the console shows and does.
package feeds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Poller asks a system that sends nothing by itself, once; it is called again and again.
type Poller func(ctx context.Context, d *intake.Desk, f *intake.Feed) error

// Service runs feeds. Desk must be set; a kind of feed is in one of Formats, Readers or Pollers, or is hl7.
type Service struct {
	Desk    *intake.Desk
	Formats map[string]*intake.Format
	Readers map[string]intake.Reader
	Pollers map[string]Poller
	Every   time.Duration // how often folders are looked at and systems asked; 0 for 5 seconds
	Now     func() time.Time
	Who     func(*http.Request) (access.Actor, error) // who pushes; nil where whoever reaches Push may

	mu      sync.Mutex
	running map[string]bool
	going   map[string]string // what a feed is doing now
	rounds  map[string]int    // how often a system that is asked was asked for all there is
	bound   map[string]net.Addr
	box     record.Box
	queues  sync.Map // *queue by feed
}

// queue is what was sent to a feed in batches and waits to be filed.
type queue struct {
	wake    chan struct{}
	waiting atomic.Int64
}

// Load reads the feeds of a place from a file: a JSON list of feeds as the console shows them.
func Load(ctx context.Context, d *intake.Desk, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var list []struct {
		intake.Feed
		Limit string `json:"limit"` // as people write it: 36h
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return fmt.Errorf("%s is not a list of feeds: %w", path, err)
	}
	for i, said := range list {
		f := said.Feed
		if said.Limit != "" {
			if f.Limit, err = time.ParseDuration(said.Limit); err != nil || f.Limit <= 0 {
				return fmt.Errorf("%s, feed %d: limit %q is no time such as 36h", path, i+1, said.Limit)
			}
		}
		for _, at := range []*string{&f.Folder, &f.PGPKey, &f.PGPPassphrase, &f.PGPSigner} {
			if *at != "" && !filepath.IsAbs(*at) && !strings.HasPrefix(*at, "env:") {
				*at = filepath.Join(filepath.Dir(path), *at)
			}
		}
		if _, err := d.Feed(ctx, f); err != nil {
			return fmt.Errorf("%s, feed %d: %w", path, i+1, err)
		}
	}
	return nil
}

func (s *Service) every() time.Duration {
	if s.Every == 0 {
		return 5 * time.Second
	}
	return s.Every
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Knows reports whether feeds of a kind can be run.
func (s *Service) Knows(kind string) bool {
	return kind == "hl7" || s.Formats[kind] != nil || s.Readers[kind] != nil || s.Pollers[kind] != nil
}

// Run runs all feeds until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running, s.going, s.bound, s.rounds, s.box = map[string]bool{}, map[string]string{}, map[string]net.Addr{}, map[string]int{}, s.Desk.Door.Box("feeds")
	s.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	alarm := time.Time{}
	for ctx.Err() == nil {
		for _, f := range s.Desk.Feeds() {
			if s.begin(f.Name) {
				all.Go(func() { s.feed(ctx, f) })
			}
		}
		if s.now().Sub(alarm) >= time.Minute {
			alarm = s.now()
			if err := s.alarms(ctx); err != nil && ctx.Err() == nil {
				slog.Error("the silence of feeds could not be checked", "error", err)
			}
		}
		pause(ctx, time.Second)
	}
	return ctx.Err()
}

func (s *Service) begin(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[name] {
		return false
	}
	s.running[name] = true
	return true
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// feed runs one feed until ctx ends; what fails is logged and tried again.
func (s *Service) feed(ctx context.Context, f *intake.Feed) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		err := s.once(ctx, f.Name)
		if err == nil || ctx.Err() != nil {
			wait = time.Second
			select {
			case <-ctx.Done():
			case <-s.queue(f.Name).wake:
			case <-time.After(s.every()):
			}
			continue
		}
		slog.Error("a feed failed and will try again", "feed", f.Name, "error", err)
		s.doing(f.Name, "failed: "+err.Error())
		pause(ctx, wait)
	}
}

func (s *Service) doing(feed, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.going != nil {
		s.going[feed] = what
	}
}

// once does what there is to do for a feed now; a feed that listens stays in it.
func (s *Service) once(ctx context.Context, name string) error {
	f, err := s.Desk.Named(name)
	if err != nil {
		return err
	}
	switch {
	case f.Held != "" && !f.Awaits:
		s.doing(name, "held")
		return nil
	case f.Kind == "hl7":
		return s.listen(ctx, f)
	case s.Pollers[f.Kind] != nil:
		s.doing(name, "asking "+f.Address)
		err := s.Pollers[f.Kind](ctx, s.Desk, f)
		if err == nil {
			s.doing(name, "")
			s.mu.Lock()
			s.rounds[name]++
			s.mu.Unlock()
		}
		return err
	}
	if format := s.Formats[f.Kind]; format != nil {
		if err := s.Desk.Resume(ctx, format, name, nil, s.rowsRead(name)); err != nil {
			return err
		}
	} else if read := s.Readers[f.Kind]; read != nil {
		s.queue(name).waiting.Store(0) // what comes from now on is counted anew
		if err := s.Desk.ResumeItems(ctx, name, read); err != nil {
			return err
		}
	} else {
		return fhir.Errorf(fhir.Unsupported, "nothing here understands feeds of kind %s", f.Kind)
	}
	s.doing(name, "")
	if f.Folder == "" {
		return nil
	}
	return s.watch(ctx, f, func(d intake.Drop) error { return s.take(ctx, f, d) })
}

func (s *Service) rowsRead(name string) func(int64) {
	return func(rows int64) { s.doing(name, fmt.Sprintf("reading: %d rows", rows)) }
}

// watch takes the drops of a folder that are whole: a drop is when nothing in it has changed from one look to the next.
func (s *Service) watch(ctx context.Context, f *intake.Feed, take func(intake.Drop) error) error {
	drops, err := intake.Drops(f.Folder)
	if err != nil {
		return err
	}
	for _, d := range drops {
		mark, err := signature(f.Folder, d)
		if err != nil {
			return err
		}
		have, err := s.box.Get(ctx, "watched/"+f.Name, d.Name)
		if err != nil || string(have) == "filed "+mark {
			if err != nil {
				return err
			}
			continue
		}
		if string(have) != "seen "+mark { // it may still be being written
			if err := s.remember(ctx, f.Name, d.Name, "seen "+mark); err != nil {
				return err
			}
			continue
		}
		s.doing(f.Name, "reading "+d.Name)
		if err := take(d); err != nil {
			return err
		}
		if err := s.remember(ctx, f.Name, d.Name, "filed "+mark); err != nil {
			return err
		}
		s.doing(f.Name, "")
	}
	return nil
}

func (s *Service) remember(ctx context.Context, feed, drop, what string) error {
	_, err := s.box.Commit(ctx, s.Desk.Who, nil, record.BoxItem{Kind: "watched/" + feed, Key: drop, Value: []byte(what)})
	return err
}

// signature changes whenever a file of the drop does.
func signature(folder string, d intake.Drop) (string, error) {
	h := fnv.New64a()
	root := filepath.Dir(filepath.Clean(folder))
	seen := map[string]bool{}
	for _, u := range d.Files {
		path := filepath.Join(root, filepath.FromSlash(u.Name))
		for strings.Contains(strings.ToLower(path), ".zip"+string(filepath.Separator)) {
			path = filepath.Dir(path)
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d %d;", filepath.Base(path), info.Size(), info.ModTime().UnixNano())
	}
	return fmt.Sprintf("%x", h.Sum64()), nil
}

// take files one drop: as an extract, or file by file.
func (s *Service) take(ctx context.Context, f *intake.Feed, d intake.Drop) error {
	if format := s.Formats[f.Kind]; format != nil {
		_, err := s.Desk.Extract(ctx, format, f.Name, d.Name, d.Files, s.rowsRead(f.Name))
		return err
	}
	for _, u := range d.Files {
		raw, err := whole(u)
		if err != nil {
			return err
		}
		it, err := s.Desk.Receive(ctx, f.Name, u.Name, raw, s.Readers[f.Kind])
		if err != nil && (it == nil || it.Status == intake.Pending) {
			return err // what is wrong with the item itself is in quarantine, and others follow
		}
	}
	return nil
}

// mostItem is the largest single item that is no table, in bytes.
const mostItem = 512 << 20

// listen takes HL7 messages on the feed's address until ctx ends.
func (s *Service) listen(ctx context.Context, f *intake.Feed) error {
	messages, err := hl7.Open(s.Desk, f.Name)
	if err != nil {
		return err
	}
	if f.Address == "" {
		if f.Folder == "" {
			s.doing(f.Name, "nothing to listen on")
			return messages.Resume(ctx)
		}
		if err := messages.Resume(ctx); err != nil {
			return err
		}
		return s.watch(ctx, f, func(d intake.Drop) error {
			for _, u := range d.Files {
				if err := s.messageFile(ctx, messages, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	conf, err := tlsOf(f)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", f.Address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.bound[f.Name] = ln.Addr()
	s.mu.Unlock()
	s.doing(f.Name, "listening on "+ln.Addr().String())
	go s.released(ctx, f, messages)
	err = messages.Serve(ctx, ln, conf, func(from string, err error) {
		slog.Warn("trouble on a message feed", "feed", f.Name, "from", from, "error", err)
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// released files what a held feed has kept once a person lets it go on, while it listens.
func (s *Service) released(ctx context.Context, f *intake.Feed, messages *hl7.Feed) {
	held := f.Held
	for ctx.Err() == nil {
		pause(ctx, s.every())
		now, err := s.Desk.Named(f.Name)
		if err == nil && held != "" && now.Held == "" {
			err = messages.Resume(ctx)
		}
		if err != nil {
			if ctx.Err() == nil {
				slog.Error("what a held feed has kept could not be filed and is tried again", "feed", f.Name, "error", err)
			}
			continue
		}
		held = now.Held
	}
}

// Bound is where a feed listens, nil while it does not.
func (s *Service) Bound(feed string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound[feed]
}

// tlsOf reads the certificates of a feed that listens by TLS.
func tlsOf(f *intake.Feed) (*tls.Config, error) {
	if f.Certificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the certificate of the feed %s cannot be used: %w", f.Name, err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if f.ClientCA != "" {
		pem, err := os.ReadFile(f.ClientCA)
		if err != nil {
			return nil, err
		}
		conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !conf.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fhir.Errorf(fhir.Invalid, "%s holds no certificate", f.ClientCA)
		}
	}
	return conf, nil
}

// messageFile files the messages of a file. What stands between them, and a batch that counts others than it holds, is in quarantine.
func (s *Service) messageFile(ctx context.Context, to *hl7.Feed, u intake.Upload) error {
	raw, err := whole(u)
	if err != nil {
		return err
	}
	pieces, miscounted := hl7.Split(raw)
	for _, p := range pieces {
		if err := to.Read(ctx, p.Data); err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
	}
	if miscounted != nil {
		return to.Miscounted(ctx, u.Name, raw, miscounted)
	}
	return nil
}

// whole is all of a file that is no table.
func whole(u intake.Upload) ([]byte, error) {
	in, err := u.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, mostItem+1))
	if err == nil && len(raw) > mostItem {
		err = fhir.Errorf(fhir.TooLarge, "%s is larger than %d MB", u.Name, mostItem>>20)
	}
	return raw, err
}

// Hold stops a feed until somebody releases it, in the name of a person who says why.
func (s *Service) Hold(ctx context.Context, who access.Actor, feed, why string) error {
	if err := s.Desk.Door.Box("intake").Operate(ctx, who, "hold of "+feed+": "+why); err != nil {
		return err
	}
	return s.Desk.Hold(ctx, feed, why)
}

// Accept files one upload of a person: a file of any feed that takes files.
func (s *Service) Accept(ctx context.Context, who access.Actor, feed, name string, open func() (io.ReadCloser, error)) (*intake.Report, error) {
	f, err := s.Desk.Named(feed)
	if err != nil {
		return nil, err
	}
	if err := s.Desk.Door.Box("intake").Operate(ctx, who, "upload of "+name+" to "+feed); err != nil {
		return nil, err
	}
	files, err := intake.Opened(name, open)
	if err != nil {
		return nil, err
	}
	drop := "upload " + s.now().UTC().Format("2006-01-02T15:04:05.000")
	if format := s.Formats[f.Kind]; format != nil {
		return s.Desk.Extract(ctx, format, feed, drop, files, s.rowsRead(feed))
	}
	if f.Kind == "hl7" {
		messages, err := hl7.Open(s.Desk, feed)
		if err != nil {
			return nil, err
		}
		for _, u := range files {
			if err := s.messageFile(ctx, messages, u); err != nil {
				return nil, err
			}
		}
		return &intake.Report{Drop: drop}, nil
	}
	report := &intake.Report{Drop: drop, Types: map[string]int{}}
	read := s.Readers[f.Kind]
	if read == nil {
		return nil, fhir.Errorf(fhir.Unsupported, "the feed %s takes no files", feed)
	}
	for _, u := range files {
		raw, err := whole(u)
		if err != nil {
			return nil, err
		}
		it, err := s.Desk.Receive(ctx, feed, u.Name, raw, read)
		if it == nil {
			return nil, err
		}
		report.Items = append(report.Items, it)
		report.Add(it)
	}
	return report, nil
}

// Rounds is how often a feed's system has been asked for all there is, since Run began.
func (s *Service) Rounds(feed string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rounds[feed]
}

// Seen reports whether everything that lies in a feed's folder has been filed.
func (s *Service) Seen(ctx context.Context, feed string) (bool, error) {
	f, err := s.Desk.Named(feed)
	if err != nil || f.Folder == "" {
		return err == nil, err
	}
	drops, err := intake.Drops(f.Folder)
	if err != nil {
		return false, err
	}
	for _, d := range drops {
		have, err := s.Desk.Door.Box("feeds").Get(ctx, "watched/"+feed, d.Name)
		if err != nil || !strings.HasPrefix(string(have), "filed ") {
			return false, err
		}
	}
	return true, nil
}
