package faults

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between Kith and PostgreSQL. Once armed it passes the next COMMIT on a connection that has sent a certain
// statement on, and then cuts it, so that the commit happens and its answer is lost.
type proxy struct {
	url   string
	armed atomic.Pointer[string]
	cuts  atomic.Int64
}

// What only writers of the record, and only the audit, send.
const (
	ofRecord = "FROM feed FOR UPDATE"
	ofAudit  = "INSERT INTO audit"
)

func (p *proxy) arm(statement string) { p.armed.Store(&statement) }

func newProxy(t *testing.T, c *cluster) *proxy {
	t.Helper()
	dir := t.TempDir()
	p := &proxy{url: "postgres://kith@/postgres?host=" + dir}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(c.dir, ".s.PGSQL.5432"))
			if err != nil {
				client.Close()
				continue
			}
			go p.pass(client, server)
		}
	}()
	return p
}

func (p *proxy) pass(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var mute atomic.Bool
	go func() {
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || mute.Load() {
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	sent := map[string]bool{}
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		for _, statement := range []string{ofRecord, ofAudit} {
			if bytes.Contains(b[:n], []byte(statement)) {
				sent[statement] = true
			}
		}
		armed := p.armed.Load()
		cut := armed != nil && sent[*armed] && bytes.Contains(bytes.ToLower(b[:n]), []byte("commit\x00")) && p.armed.CompareAndSwap(armed, nil)
		mute.Store(cut)
		if _, err := io.Copy(server, bytes.NewReader(b[:n])); err != nil {
			return
		}
		if cut {
			p.cuts.Add(1)
			time.Sleep(300 * time.Millisecond)
			return
		}
	}
}
