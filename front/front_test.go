package front

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var fine = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.RemoteAddr, " ", r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
})

func ask(h http.Handler, from string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/fhir/Patient", nil)
	r.RemoteAddr = from
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTooManyRequestsAreToldToWait(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	f := &Front{Address: Rate{2, 3}, Now: func() time.Time { return now }}
	h := f.Wrap(fine)
	for i := range 3 {
		if w := ask(h, "192.0.2.1:1"); w.Code != 200 {
			t.Errorf("request %d: %d", i, w.Code)
		}
	}
	w := ask(h, "192.0.2.1:2")
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"code":"throttled"`) {
		t.Errorf("the fourth at once: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := ask(h, "192.0.2.2:1"); w.Code != 200 {
		t.Errorf("somebody else: %d", w.Code)
	}
	now = now.Add(500 * time.Millisecond)
	if w := ask(h, "192.0.2.1:1"); w.Code != 200 {
		t.Errorf("half a second later: %d", w.Code)
	}
	if w := ask(h, "192.0.2.1:1"); w.Code != 429 {
		t.Errorf("and one more: %d", w.Code)
	}
}

// One machine has all addresses of an IPv6 network to choose from; this machine is not limited; a token is limited from anywhere.
func TestWhoseLimitARequestCountsAgainst(t *testing.T) {
	now := time.Now()
	h := (&Front{Address: Rate{1, 1}, Now: func() time.Time { return now }}).Wrap(fine)
	if a, b := ask(h, "[2001:db8::1]:1"), ask(h, "[2001:db8::2]:1"); a.Code != 200 || b.Code != 429 {
		t.Errorf("two addresses of one network: %d %d", a.Code, b.Code)
	}
	if w := ask(h, "[2001:db8:0:1::1]:1"); w.Code != 200 {
		t.Errorf("another network: %d", w.Code)
	}
	for range 5 {
		if w := ask(h, "127.0.0.1:1"); w.Code != 200 {
			t.Errorf("this machine: %d", w.Code)
		}
	}
	h = (&Front{Token: Rate{1, 2}, Session: []string{"s"}, Now: func() time.Time { return now }}).Wrap(fine)
	for i, want := range []int{200, 200, 429} {
		if w := ask(h, fmt.Sprintf("192.0.2.%d:1", i), "Authorization", "Bearer x"); w.Code != want {
			t.Errorf("token, request %d: %d", i, w.Code)
		}
		if w := ask(h, "127.0.0.1:1", "Cookie", "s=y"); w.Code != want {
			t.Errorf("session, request %d: %d", i, w.Code)
		}
	}
}

func TestLimitsTakeBoundedMemory(t *testing.T) {
	b := newBuckets(Rate{1, 1}, time.Now)
	b.most = 10
	for i := range 1000 {
		b.take(fmt.Sprint(i))
	}
	if len(b.by) != 10 || b.order.Len() != 10 {
		t.Errorf("%d buckets, %d in order, want 10", len(b.by), b.order.Len())
	}
	if b.take("999") == 0 {
		t.Error("who asked last was forgotten")
	}
}

func TestRequestsAtOnceAreLimited(t *testing.T) {
	inside, goOn := make(chan bool), make(chan bool)
	h := (&Front{AtOnce: 1}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- true; <-goOn }))
	done := make(chan int)
	go func() { done <- ask(h, "192.0.2.1:1").Code }()
	<-inside
	if w := ask(h, "192.0.2.1:2"); w.Code != 429 {
		t.Errorf("a second at once: %d", w.Code)
	}
	goOn <- true
	if code := <-done; code != 200 {
		t.Errorf("the first: %d", code)
	}
	go func() { done <- ask(h, "192.0.2.1:1").Code }()
	<-inside
	goOn <- true
	if code := <-done; code != 200 {
		t.Errorf("after the first: %d", code)
	}
}

// What a request says of where it comes from counts only where a trusted proxy says it, and only its last stranger.
func TestForwardedForIsBelievedOfTrustedProxiesOnly(t *testing.T) {
	h := (&Front{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}).Wrap(fine)
	for _, c := range []struct{ from, forwarded, want string }{
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1:5 "},
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7:0 https"},
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.7", "198.51.100.7:0 https"},
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7:0 https"},
		{"10.0.0.1:5", "203.0.113.9, nonsense", "10.0.0.1:5 https"},
		{"10.0.0.1:5", "", "10.0.0.1:5 https"},
	} {
		w := ask(h, c.from, "X-Forwarded-For", c.forwarded, "X-Forwarded-Proto", "https")
		if got := w.Body.String(); got != c.want {
			t.Errorf("from %s for %s: %q, want %q", c.from, c.forwarded, got, c.want)
		}
		if hsts := w.Header().Get("Strict-Transport-Security") != ""; hsts != strings.HasPrefix(c.from, "10.") {
			t.Errorf("from %s: HSTS %v", c.from, hsts)
		}
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	h := (&Front{Address: Rate{1, 1}}).Wrap(fine)
	for _, w := range []*httptest.ResponseRecorder{ask(h, "192.0.2.1:1"), ask(h, "192.0.2.1:1")} {
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%d: %s is %q, want %q", w.Code, name, got, want)
			}
		}
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	var read int64
	h := (&Front{Body: 10}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		read = n
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	}))
	for _, body := range []io.Reader{strings.NewReader("0123456789x"), struct{ io.Reader }{strings.NewReader("0123456789x")}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/fhir", body))
		if w.Code != http.StatusRequestEntityTooLarge || read > 10 {
			t.Errorf("%T: %d after %d bytes", body, w.Code, read)
		}
	}
}

// A client that begins a request and falls silent is cut off; one that is slow but steady is not.
func TestSilentClientsAreCutOff(t *testing.T) {
	server := httptest.NewServer((&Front{Slow: 200 * time.Millisecond}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "silent", http.StatusRequestTimeout)
			return
		}
		time.Sleep(300 * time.Millisecond) // the answer may take longer than the client may be silent
		if r.Context().Err() != nil {
			http.Error(w, "given up", http.StatusTeapot)
		}
	})))
	defer server.Close()
	send := func(pieces int, pause time.Duration) string {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: kith\r\nContent-Length: 6\r\n\r\n")
		for range pieces {
			time.Sleep(pause)
			fmt.Fprint(conn, "x")
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return err.Error()
		}
		return line
	}
	if got := send(6, 80*time.Millisecond); !strings.Contains(got, "200") {
		t.Errorf("slow but steady: %s", got)
	}
	if got := send(2, 20*time.Millisecond); !strings.Contains(got, "408") {
		t.Errorf("silent after two bytes: %s", got)
	}
}

// far is a listener whose connections seem to come from another machine.
type far struct{ net.Listener }

type farConn struct{ net.Conn }

func (f far) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	return farConn{c}, err
}

func (farConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:1"))
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: fine, ReadHeaderTimeout: time.Minute}
	go server.Serve(Crowd(far{inner}, 2, nil))
	defer server.Close()
	open := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	answers := func(c net.Conn) bool {
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: kith\r\n\r\n")
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := bufio.NewReader(c).ReadString('\n')
		return err == nil
	}
	a, b := open(), open()
	defer b.Close()
	if !answers(a) || !answers(b) {
		t.Fatal("two connections must do")
	}
	c := open()
	defer c.Close()
	if answers(c) {
		t.Error("a third was let in")
	}
	a.Close()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		d := open()
		in := answers(d)
		d.Close()
		if in {
			break
		}
		if time.Now().After(end) {
			t.Fatal("after one was closed no other is let in")
		}
	}
}

// What the front costs a request, without the network.
func BenchmarkFront(b *testing.B) {
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	h := (&Front{Address: Rate{1e9, 1e9}, Token: Rate{1e9, 1e9}, AtOnce: 100, Body: 1 << 20, Slow: time.Minute, Session: []string{"s"}}).Wrap(plain)
	r := httptest.NewRequest("GET", "/fhir/Patient", nil)
	r.RemoteAddr = "192.0.2.1:1"
	r.Header.Set("Authorization", "Bearer x")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
