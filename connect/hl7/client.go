package hl7

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Client sends messages over MLLP on one connection, which it opens when needed and again after it broke. Its zero value,
// with Addr set, works.
type Client struct {
	Addr   string
	TLS    *tls.Config
	Within time.Duration // how long the answer may take; 0 for a minute

	mu     sync.Mutex
	conn   net.Conn
	reader *frameReader
}

// Answer is what a receiver said of a message.
type Answer struct {
	Code string // MSA-1: AA, AE, AR, CA, CE or CR
	Text string // why not, in words
	Raw  []byte
}

// Accepted reports whether the receiver has taken the message.
func (a Answer) Accepted() bool { return a.Code == "AA" || a.Code == "CA" }

// Send sends one message and waits for its acknowledgement. An answer that refuses is no error; the error says that it is
// not known whether the message arrived (Busy), or that the answer is none.
func (c *Client) Send(ctx context.Context, message []byte) (Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := Parse(message)
	if err != nil {
		return Answer{}, err
	}
	if err := c.open(ctx); err != nil {
		return Answer{}, fhir.Errorf(fhir.Busy, "%s does not answer: %w", c.Addr, err)
	}
	conn := c.conn // hangUp forgets it, perhaps while the function below runs
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(within(c.Within)))
	if _, err := c.conn.Write(Frame(message)); err != nil {
		c.hangUp()
		return Answer{}, fhir.Errorf(fhir.Busy, "the connection to %s broke while sending: %w", c.Addr, err)
	}
	for {
		raw, err := c.reader.next()
		if err != nil {
			c.hangUp()
			return Answer{}, fhir.Errorf(fhir.Busy, "%s did not acknowledge message %s: %w", c.Addr, m.ControlID(), err)
		}
		a, of, err := ReadAck(raw)
		if err != nil {
			return Answer{}, err
		}
		if of == m.ControlID() || of == "" && !a.Accepted() {
			return a, nil
		} // else the late answer to a message we had given up
	}
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUp()
	return nil
}

func (c *Client) open(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	dialer := &net.Dialer{Timeout: within(c.Within)}
	conn, err := dialer.DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	if c.TLS != nil {
		conf := c.TLS.Clone()
		if conf.ServerName == "" {
			conf.ServerName, _, _ = net.SplitHostPort(c.Addr)
		}
		secure := tls.Client(conn, conf)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return err
		}
		conn = secure
	}
	c.conn = conn
	c.reader = &frameReader{r: bufio.NewReader(conn), conn: conn, idle: within(c.Within), within: within(c.Within)}
	return nil
}

func (c *Client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn, c.reader = nil, nil
}

// ReadAck reads an acknowledgement and the control id of the message it is about.
func ReadAck(raw []byte) (a Answer, of string, err error) {
	m, err := Parse(raw)
	if err != nil {
		return Answer{}, "", err
	}
	msa := m.First("MSA")
	if !msa.Exists() {
		return Answer{}, "", fhir.Errorf(fhir.Invalid, "the answer has no MSA segment").At("MSA")
	}
	a = Answer{Code: msa.Field(1).Text(), Text: msa.Field(3).Text(), Raw: raw}
	if e := m.First("ERR"); a.Text == "" && e.Exists() {
		a.Text = or(e.Field(8).Text(), or(e.Field(3).Comp(2).Text(), e.Field(1).Comp(4).Sub(2).Text()))
	}
	return a, msa.Field(2).Text(), nil
}
