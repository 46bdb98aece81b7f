package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// steadyBody gives a client time anew with each piece it sends, so that a large file may take long and silence may not.
type steadyBody struct {
	io.ReadCloser
	control *http.ResponseController
	slow    time.Duration
}

// Read reads a piece.
func (b *steadyBody) Read(p []byte) (int, error) {
	// A writer that has no deadline, as in tests, is not held to one.
	_ = b.control.SetReadDeadline(time.Now().Add(b.slow))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) { // all is there; from here on the client may wait as long as the answer takes
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// steadyWriter gives a client time anew with each piece it takes.
type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	slow    time.Duration
}

// Write writes a piece.
func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.slow))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the writer inside.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what was written.
func (w *steadyWriter) Flush() {
	_ = w.control.Flush() // where it cannot be done there is nothing to be done
}

// Crowd limits how many connections one address may have open, so that nobody keeps all others out by opening many and saying
// nothing. This machine itself and proxies, behind which are many, are not limited.
func Crowd(inner net.Listener, most int, proxies []netip.Prefix) net.Listener {
	return &crowd{Listener: inner, counter: newCounter(most), front: &Front{Proxies: proxies}}
}

type crowd struct {
	net.Listener
	counter *counter
	front   *Front
}

// Accept waits for the next connection that may be open.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || peer.Addr().IsLoopback() || c.front.trusts(peer.Addr()) {
			return conn, nil
		}
		key := addressKey(peer.Addr())
		if !c.counter.enter(key) {
			conn.Close()
			continue
		}
		return &counted{Conn: conn, leave: sync.OnceFunc(func() { c.counter.leave(key) })}, nil
	}
}

type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection and counts it no longer.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
