package hl7

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-care/kith/fhir"
)

// The bytes of a frame. https://www.hl7.org/documentcenter/public/wg/inm/mllp_transport_specification.PDF
const (
	startBlock = 0x0b
	endBlock   = 0x1c
	endFrame   = 0x0d
)

// Server takes messages over MLLP. Its zero value, with Handle set, works.
type Server struct {
	// Handle deals with one message and gives the bytes of the acknowledgement, nil for none. Messages of one connection
	// come one after the other, so that the sender's order is kept; connections run beside each other.
	Handle func(ctx context.Context, from string, message []byte) []byte
	// Trouble is told of what is not a message: bytes between frames, a message over the limit, a connection that broke in
	// the middle of one. Nil to ignore it.
	Trouble func(from string, err error)
	TLS     *tls.Config   // nil for plain TCP; ClientAuth and ClientCAs in it make it mutual
	Limit   int           // bytes of a message; 0 for 16 MiB
	Idle    time.Duration // how long a connection may say nothing; 0 for an hour
	Within  time.Duration // how long a message may take to come in, or its answer to go out; 0 for a minute
	// Most is how many may be connected; 0 for 1000. Of more, the one that has said nothing for longest is closed.
	Most int
	// Hold bounds the bytes of messages, beyond the first 64 KiB of each, that all connections together are in the middle of; 0 for 128 MiB. Who
	// goes beyond is closed.
	Hold int64

	mu    sync.Mutex
	conns map[*serverConn]bool
	ended bool
	held  atomic.Int64
}

type serverConn struct {
	net.Conn
	busy  bool      // a message is being read or handled
	since time.Time // from when on it waits for one
	held  int64     // its part of Server.held
}

// ordinary is how many bytes a message may have without counting against Server.Hold.
const ordinary = 64 << 10

// hold notes how much of a message has come; false where it is more than there is room for.
func (s *Server) hold(c *serverConn, bytes int) bool {
	more := max(int64(bytes)-ordinary, 0) - c.held
	c.held += more
	return s.held.Add(more) <= or0(s.Hold, 128<<20) || more <= 0
}

// Serve answers on a listener until ctx ends; messages that have begun by then are answered first, for at most Within. Where no connection can be
// taken, as when there are too many open files, it makes room and tries again for as long.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if s.TLS != nil {
		ln = tls.NewListener(ln, s.TLS)
	}
	s.mu.Lock()
	s.conns, s.ended = map[*serverConn]bool{}, false
	s.mu.Unlock()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-ctx.Done():
		case <-done:
		}
		_ = ln.Close()
		s.hangUp()
	}()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var all sync.WaitGroup
	defer func() {
		s.hangUp()
		stop := time.AfterFunc(within(s.Within), cancel)
		all.Wait()
		stop.Stop()
	}()
	var deaf time.Time // since when no connection could be taken
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if deaf.IsZero() {
				deaf = time.Now()
				s.trouble(ln.Addr().String(), err)
			}
			if errors.Is(err, net.ErrClosed) || time.Since(deaf) > within(s.Within) {
				return err
			}
			s.makeRoom(0)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		deaf = time.Time{}
		c := &serverConn{Conn: conn, since: time.Now()}
		if !s.makeRoom(or0(s.Most, 1000)) || !s.enter(c) {
			s.trouble(conn.RemoteAddr().String(), fhir.Errorf(fhir.Busy, "too many are connected: the connection was closed"))
			_ = conn.Close()
			continue
		}
		all.Go(func() {
			defer s.leave(c)
			s.talk(work, c)
		})
	}
}

// hangUp closes the connections that wait for a message, and tells the others to end after theirs.
func (s *Server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for c := range s.conns {
		if !c.busy {
			_ = c.Close()
		}
	}
}

// makeRoom closes the connection that has waited for a message for longest, where there are as many as may be; false where all are in the middle
// of one.
func (s *Server) makeRoom(most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) < most {
		return true
	}
	var idlest *serverConn
	for c := range s.conns {
		if !c.busy && (idlest == nil || c.since.Before(idlest.since)) {
			idlest = c
		}
	}
	if idlest == nil {
		return false
	}
	delete(s.conns, idlest)
	_ = idlest.Close()
	return true
}

func (s *Server) enter(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) leave(c *serverConn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.Close()
}

// turn notes whether a connection is in the middle of a message; false when it should end instead.
func (s *Server) turn(c *serverConn, busy bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy, c.since = busy, time.Now()
	return !s.ended
}

func (s *Server) talk(ctx context.Context, c *serverConn) {
	from := c.RemoteAddr().String()
	defer s.hold(c, 0)
	r := &frameReader{r: bufio.NewReaderSize(c, 32<<10), limit: s.Limit, conn: c, idle: or0(s.Idle, time.Hour), within: within(s.Within)}
	r.began = func() { s.turn(c, true) }
	r.hold = func(bytes int) bool { return s.hold(c, bytes) }
	for {
		message, err := r.next()
		if r.junk != nil {
			s.trouble(from, fhir.Errorf(fhir.Invalid, "%d bytes came between messages: %q", r.junkLen, r.junk))
			r.junk, r.junkLen = nil, 0
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.trouble(from, err)
			}
			return
		}
		answer := s.Handle(ctx, from, message)
		if answer != nil {
			_ = c.SetWriteDeadline(time.Now().Add(within(s.Within)))
			if _, err := c.Write(Frame(answer)); err != nil {
				s.trouble(from, err)
				return
			}
		}
		s.hold(c, 0)
		if !s.turn(c, false) {
			return
		}
	}
}

func (s *Server) trouble(from string, err error) {
	if s.Trouble != nil {
		s.Trouble(from, err)
	}
}

func within(d time.Duration) time.Duration { return or0(d, time.Minute) }

func or0[T time.Duration | int | int64](d, otherwise T) T {
	if d == 0 {
		return otherwise
	}
	return d
}

// Frame puts a message between the bytes of a frame.
func Frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(out, startBlock)
	out = append(out, message...)
	return append(out, endBlock, endFrame)
}

// frameReader takes frames off a stream.
type frameReader struct {
	r            *bufio.Reader
	limit        int
	conn         net.Conn
	idle, within time.Duration
	began        func() // a frame has begun
	hold         func(bytes int) bool
	junk         []byte // the beginning of what came between frames
	junkLen      int
}

// next is the next message. A frame ends with 0x1C 0x0D; 0x1C alone is in the message. Who sends anything else has as long as for a message to begin
// with one: a sender that knows nothing of frames would wait for ever for its answer, and nobody would be told.
func (f *frameReader) next() ([]byte, error) {
	_ = f.conn.SetReadDeadline(time.Now().Add(f.idle))
	for {
		b, err := f.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if b == startBlock {
			break
		}
		if b > ' ' || f.junkLen > 0 {
			if f.junkLen++; f.junkLen == 1 {
				_ = f.conn.SetReadDeadline(time.Now().Add(f.within))
			}
			if len(f.junk) < 80 {
				f.junk = append(f.junk, b)
			}
		}
	}
	if f.began != nil {
		f.began()
	}
	_ = f.conn.SetReadDeadline(time.Now().Add(f.within))
	limit := f.limit
	if limit == 0 {
		limit = 16 << 20
	}
	var message []byte
	for {
		part, err := f.r.ReadSlice(endBlock)
		if len(message)+len(part) > limit+1 {
			return nil, fhir.Errorf(fhir.TooLarge, "a message of more than %d bytes came; the connection was closed", limit)
		}
		if f.hold != nil && !f.hold(len(message)+len(part)) {
			return nil, fhir.Errorf(fhir.Busy, "too much comes in at once; the connection was closed after %d bytes of a message", len(message))
		}
		message = append(message, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, broken(err, len(message))
		}
		b, err := f.r.ReadByte()
		if err != nil {
			return nil, broken(err, len(message))
		}
		if b == endFrame {
			return message[:len(message)-1], nil
		}
		if err := f.r.UnreadByte(); err != nil {
			return nil, err
		}
	}
}

func broken(err error, got int) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // EOF alone is a connection that ended between messages
	}
	return fhir.Errorf(fhir.Invalid, "the connection ended after %d bytes of a message: %w", got, err)
}
