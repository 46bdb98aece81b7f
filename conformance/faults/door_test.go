package faults

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/store/storetest"
)

// Without sign-in the address is all that keeps others out.
func TestAuthOffIsForThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:8080", "example.org:80"} {
		out, err := kith(t, "serve", "--auth", "off", "--addr", addr, "--db", storetest.SQLite(t)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--auth off shows every record to everyone, so it works on loopback addresses only") {
			t.Errorf("kith serve --auth off --addr %s: %v: %s", addr, err, out)
		}
	}
	s := serve(t, storetest.SQLite(t))
	for _, c := range []struct {
		method, path, host string
		headers            []string
		want               int
	}{
		{"GET", "/fhir/Patient", s.addr, nil, 200},
		{"GET", "/fhir/Patient", "localhost", nil, 200},
		{"GET", "/fhir/Patient", "[::1]:8080", nil, 200},
		{"GET", "/fhir/Patient", "evil.example:8080", nil, 403},
		{"GET", "/fhir/Patient", "127.0.0.1.evil.example", nil, 403},
		{"GET", "/", "evil.example", nil, 403},
		{"GET", "/metrics", "192.0.2.1", nil, 403},
		{"POST", "/fhir/Patient", s.addr, nil, 201},
		{"POST", "/fhir/Patient", s.addr, []string{"Origin", "http://" + s.addr}, 201},
		{"POST", "/fhir/Patient", s.addr, []string{"Origin", "http://evil.example"}, 403},
		{"POST", "/fhir/Patient", s.addr, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", "/fhir/Patient/x", s.addr, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/fhir/Patient", s.addr, []string{"Sec-Fetch-Site", "cross-site"}, 200},
	} {
		body := ""
		if c.method == "POST" {
			body = `{"resourceType":"Patient"}`
		}
		r, err := http.NewRequest(c.method, "http://"+s.addr+c.path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		r.Header.Set("Content-Type", "application/fhir+json")
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s %s as %s %v: %d, want %d: %.200s", c.method, c.path, c.host, c.headers, res.StatusCode, c.want, text)
		}
		if c.want == 403 && strings.HasPrefix(c.path, "/fhir") {
			reply{status: res.StatusCode, body: text}.refusal(t, 403, "another")
		}
	}
}

// A client that sends its request a byte at a time holds a connection, not the server.
func TestSlowHeadersAreCutOff(t *testing.T) {
	s := serve(t, storetest.SQLite(t))
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	go func() {
		fmt.Fprintf(c, "GET /fhir/Patient HTTP/1.1\r\nHost: %s\r\n", s.addr)
		for i := 0; i < 30; i++ {
			if _, err := fmt.Fprintf(c, "X-%d: slow\r\n", i); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}()
	c.SetReadDeadline(began.Add(25 * time.Second))
	text, err := io.ReadAll(c)
	if took := time.Since(began); err != nil && os.IsTimeout(err) || took < 5*time.Second || took > 20*time.Second {
		t.Errorf("the connection was held for %v (%v) and answered %q, want to be cut off after 10 s", took, err, text)
	}
	if r := s.do("GET", "/health", ""); r.status != 200 {
		t.Errorf("others are not served: %v", r)
	}
}

// What is too large is refused before it is read, with or without a length; so are too many headers.
func TestTooLargeIsRefused(t *testing.T) {
	s := serve(t, storetest.SQLite(t))
	big := append([]byte(`{"resourceType":"Patient","name":[{"family":"`), bytes.Repeat([]byte("a"), 64<<20)...)
	for _, length := range []int64{int64(len(big)), -1} {
		r, err := http.NewRequest("POST", "http://"+s.addr+"/fhir/Patient", bytes.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/fhir+json")
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		reply{status: res.StatusCode, body: text}.refusal(t, 413, "")
	}
	if r := s.do("GET", "/fhir/Patient", "", "X-Long", strings.Repeat("a", 100<<10)); r.status != 431 {
		t.Errorf("100 kB of headers: %v", r)
	}
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /fhir/Patient HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{\"resourceType\":", s.addr)
	c.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	reply{status: res.StatusCode, body: text}.refusal(t, 400, "")
}

// A database that a newer Kith has written is refused, and not a byte of it changes.
func TestNewerSchemaIsLeftAlone(t *testing.T) {
	db := storetest.SQLite(t)
	path := strings.TrimPrefix(db, "sqlite:")
	if out, err := kith(t, "migrate", "--db", db).CombinedOutput(); err != nil || !strings.Contains(string(out), "the database has schema ") {
		t.Fatalf("kith migrate: %v: %s", err, out)
	}
	again, err := kith(t, "migrate", "--db", db).CombinedOutput()
	if err != nil {
		t.Fatalf("kith migrate twice: %v: %s", err, again)
	}
	driver := "sqlite"
	if slices.Contains(sql.Drivers(), "sqlite3") {
		driver = "sqlite3"
	}
	raw, err := sql.Open(driver, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("INSERT INTO kith VALUES (999)"); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	before := digest(t, path)
	for _, args := range [][]string{{"serve", "--addr", "127.0.0.1:0", "--auth", "off"}, {"migrate"}, {"explain", "Patient?name=x"}, {"import", os.DevNull}} {
		args = append([]string{args[0], "--db", db}, args[1:]...)
		out, err := kith(t, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "the database has schema 999 and this program knows") {
			t.Errorf("kith %v: %v: %s", args, err, out)
		}
	}
	if digest(t, path) != before {
		t.Error("the file was changed")
	}
}

func digest(t *testing.T, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}
