package hl7

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
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

	mu    sync.Mutex
	conns map[*serverConn]bool
	ended bool
}

type serverConn struct {
	net.Conn
	busy bool // a message is being read or handled
}

// Serve answers on a listener until ctx ends; messages that have begun by then are answered first, for at most Within.
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
		stop := time.AfterFunc(within(s.Within), cancel)
		all.Wait()
		stop.Stop()
	}()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return err
		}
		c := &serverConn{Conn: conn}
		if !s.enter(c) {
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
	c.busy = busy
	return !s.ended
}

func (s *Server) talk(ctx context.Context, c *serverConn) {
	from := c.RemoteAddr().String()
	r := &frameReader{r: bufio.NewReaderSize(c, 32<<10), limit: s.Limit, conn: c, idle: or0(s.Idle, time.Hour), within: within(s.Within)}
	r.began = func() { s.turn(c, true) }
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

func or0(d, otherwise time.Duration) time.Duration {
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
	junk         []byte // the beginning of what came between frames
	junkLen      int
}

// next is the next message. A frame ends with 0x1C 0x0D; 0x1C alone is in the message.
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
			f.junkLen++
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
