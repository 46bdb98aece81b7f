// Package faults tries the whole program, as it is started by people, against what goes wrong: it is killed, the database
// goes away, the disk is full, many do the same at once. Each test builds on one promise: what was answered is there.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the kith under test, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kith-faults-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kith")
	out, err := exec.Command("go", "build", "-o", path, "github.com/kith-care/kith/cmd/kith").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// server is one kith serve.
type server struct {
	t      testing.TB
	cmd    *exec.Cmd
	addr   string
	client *http.Client
	log    *syncBuffer
	exited chan struct{}
	err    error
}

func kith(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = filepath.Dir(path) // keys that are made beside no database are made there
	return cmd
}

// serve starts kith serve on a free port and waits until it answers.
func serve(t testing.TB, db string) *server {
	t.Helper()
	s := launch(t, db)
	for range 600 {
		if r, err := s.client.Get("http://" + s.addr + "/health"); err == nil {
			r.Body.Close()
			return s
		}
		select {
		case <-s.exited:
			t.Fatalf("kith serve ended: %v\n%s", s.err, s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("kith serve does not answer\n%s", s.log)
	return nil
}

func launch(t testing.TB, db string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := &server{t: t, addr: addr, log: &syncBuffer{}, exited: make(chan struct{})}
	s.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	s.cmd = kith(t, "serve", "--addr", addr, "--db", db, "--auth", "off")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(s.kill)
	return s
}

// kill ends the program as kill -9 does: without a word.
func (s *server) kill() {
	s.cmd.Process.Kill() // fails only where it has ended already
	<-s.exited
	s.client.CloseIdleConnections()
}

// stop ends it as an operator does.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
		if s.err != nil {
			s.t.Errorf("kith serve did not end well: %v\n%s", s.err, s.log)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("kith serve did not stop within 20 s\n%s", s.log)
	}
}

// reply is an answer that came; status 0 where none did.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r reply) String() string { return fmt.Sprintf("%d %v %.400s", r.status, r.err, r.body) }

// do asks. Headers come as name, value, name, value.
func (s *server) do(method, path, body string, headers ...string) reply {
	if !strings.HasPrefix(path, "http") {
		path = "http://" + s.addr + path
	}
	r, err := http.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return reply{err: err}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{err: err}
	}
	return reply{res.StatusCode, res.Header, text, nil}
}

// get asks for what must be there and decodes it.
func (s *server) get(path string) bundle {
	s.t.Helper()
	r := s.do("GET", path, "")
	if r.status != 200 {
		s.t.Fatalf("GET %s: %v", path, r)
	}
	var b bundle
	if err := json.Unmarshal(r.body, &b); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, r.body)
	}
	return b
}

func (s *server) total(path string) int {
	s.t.Helper()
	b := s.get(path)
	if b.Total == nil {
		s.t.Fatalf("%s has no total", path)
	}
	return *b.Total
}

// pages reads a search or history to its end.
func (s *server) pages(path string) []entry {
	s.t.Helper()
	var all []entry
	for path != "" {
		b := s.get(path)
		all = append(all, b.Entry...)
		path = ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				path = l.URL
			}
		}
	}
	return all
}

// bundle is what tests read of a Bundle, or of the one resource that a read answers.
type bundle struct {
	resource
	Total *int
	Entry []entry
	Link  []struct{ Relation, URL string }
}

type entry struct {
	FullURL  string
	Resource *resource
	Request  struct{ Method, URL string }
	Response struct{ Status, Location, ETag string }
}

type resource struct {
	ResourceType, ID string
	Meta             struct{ VersionID string }
	Identifier       []struct{ System, Value string }
	Issue            []struct{ Code, Diagnostics string }
}

func (r resource) ref() string { return r.ResourceType + "/" + r.ID }

// decode reads an answer's resource.
func (r reply) decode(t testing.TB) bundle {
	t.Helper()
	var b bundle
	if err := json.Unmarshal(r.body, &b); err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	return b
}

// refusal checks that an answer is an OperationOutcome with that status and a sentence that says so.
func (r reply) refusal(t testing.TB, status int, says string) {
	t.Helper()
	b := bundle{}
	if err := json.Unmarshal(r.body, &b); err != nil || r.status != status || b.ResourceType != "OperationOutcome" || len(b.Issue) == 0 || !strings.Contains(b.Issue[0].Diagnostics, says) {
		t.Errorf("want %d with an OperationOutcome that says %q, got %v", status, says, r)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// within waits for ok, and fails with what it was waiting for.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("within %v it did not happen that %s", limit, what)
}
