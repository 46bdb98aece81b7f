package hl7

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// answered sends a message on a connection and reports whether it was accepted.
func answered(conn net.Conn) bool {
	if _, err := conn.Write(Frame([]byte(mshLine + "\r"))); err != nil {
		return false
	}
	answer := make([]byte, 1000)
	n, _ := conn.Read(answer)
	return strings.Contains(string(answer[:n]), "MSA|AA")
}

// ended reports whether the other side has closed a connection.
func ended(conn net.Conn) bool {
	_, err := conn.Read(make([]byte, 1))
	ne := net.Error(nil)
	return err != nil && !(errors.As(err, &ne) && ne.Timeout())
}

// Connections that say nothing once stayed as long as they liked, until there were no files left to open.
func TestOfTooManyConnectionsTheIdlestIsClosed(t *testing.T) {
	addr, _, _ := echo(t, &Server{Most: 3})
	var conns []net.Conn
	for range 5 {
		conns = append(conns, dial(t, addr))
		if !answered(conns[len(conns)-1]) {
			t.Fatalf("connection %d was not answered", len(conns))
		}
	}
	if !ended(conns[0]) || !ended(conns[1]) {
		t.Error("the connections that said nothing for longest are still there")
	}
	for i, c := range conns[2:] {
		if !answered(c) {
			t.Errorf("connection %d was closed", i+3)
		}
	}
}

// Where no connection could be taken for want of files, the feed was deaf until the last one had ended.
func TestAListenerThatFailsIsAskedAgain(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	s := &Server{Trouble: func(_ string, err error) { told = append(told, err.Error()) }, Handle: func(_ context.Context, _ string, raw []byte) []byte {
		m, _ := Parse(raw)
		return Ack(m, Reply{Verdict: Accept, Now: noon})
	}}
	filled := make(chan bool)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, &fullListener{Listener: ln, full: 3, filled: filled}) }()
	idle := dial(t, ln.Addr().String())
	if !answered(idle) {
		t.Fatal("the first is not answered")
	}
	close(filled)
	if !answered(dial(t, ln.Addr().String())) {
		t.Error("who came when files were short is not answered")
	}
	if !ended(idle) {
		t.Error("the idle connection was not given up for it")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(told) != 1 || told[0] != "too many open files" {
		t.Errorf("trouble told: %q", told)
	}
}

// fullListener takes one connection and then fails for a while.
type fullListener struct {
	net.Listener
	taken, full int
	filled      chan bool
}

func (l *fullListener) Accept() (net.Conn, error) {
	if l.taken++; l.taken > 1 && l.full > 0 {
		<-l.filled
		l.full--
		return nil, errors.New("too many open files")
	}
	return l.Listener.Accept()
}

// Three thousand halves of messages once took more than a gigabyte, and might have taken forty.
func TestHalvesOfMessagesAreBoundedTogether(t *testing.T) {
	addr, trouble, _ := echo(t, &Server{Hold: 300 << 10})
	big := []byte("\x0b" + mshLine + "\rZZZ|" + strings.Repeat("x", ordinary+200<<10))
	first, second := dial(t, addr), dial(t, addr)
	for _, c := range []net.Conn{first, second} {
		if _, err := c.Write(big); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !ended(second) {
		t.Error("the second half of a large message was taken")
	}
	if !answered(dial(t, addr)) {
		t.Error("an ordinary message was not answered meanwhile")
	}
	if _, err := first.Write([]byte("\r\x1c\r")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1000)
	if n, err := first.Read(answer); err != nil || !strings.Contains(string(answer[:n]), "MSA|AA") {
		t.Errorf("the first was answered %q, %v", answer[:n], err)
	}
	if got := trouble(); strings.Count(got, "too much comes in at once") != 1 {
		t.Errorf("trouble told: %q", got)
	}
	if _, err := first.Write(append(big, "\r\x1c\r"...)); err != nil { // what was held is free again
		t.Fatal(err)
	}
	if n, err := first.Read(answer); err != nil || !strings.Contains(string(answer[:n]), "MSA|AA") {
		t.Errorf("again the first was answered %q, %v", answer[:n], err)
	}
}

// A sender without frames once waited for an hour, and nobody was told.
func TestAMessageWithoutAFrameIsTold(t *testing.T) {
	addr, trouble, _ := echo(t, &Server{Within: 100 * time.Millisecond})
	conn := dial(t, addr)
	if _, err := conn.Write([]byte(mshLine + "\r")); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); len(answer) > 0 || err != nil {
		t.Errorf("answered %q, %v", answer, err)
	}
	if got := trouble(); !strings.Contains(got, "bytes came between messages: \"MSH|") {
		t.Errorf("trouble told: %q", got)
	}
}
