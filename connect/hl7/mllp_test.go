package hl7

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo serves messages with an acknowledgement each, and gives what was told of trouble.
func echo(t *testing.T, s *Server) (addr string, trouble func() string, stop func()) {
	t.Helper()
	var mu sync.Mutex
	var told []string
	if s.Handle == nil {
		s.Handle = func(_ context.Context, _ string, raw []byte) []byte {
			m, err := Parse(raw)
			if err != nil {
				return Nack(raw, Reply{Verdict: Fault, Err: err, Now: noon})
			}
			return Ack(m, Reply{Verdict: Accept, Now: noon})
		}
	}
	s.Trouble = func(_ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err.Error())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return ln.Addr().String(), func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(told, "\n") }, stop
}

func TestSeveralMessagesInOneWriteAndJunkBetween(t *testing.T) {
	addr, trouble, _ := echo(t, &Server{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := strings.Replace(mshLine, "|1|P", "|first|P", 1) + "\r"
	two := strings.Replace(mshLine, "|1|P", "|second|P", 1) + "\rNTE|1||a \x1c in the middle\r"
	if _, err := conn.Write([]byte(string(Frame([]byte(one))) + "hello" + string(Frame([]byte(two))))); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(answers); strings.Count(got, "MSA|AA|first") != 1 || strings.Count(got, "MSA|AA|second") != 1 {
		t.Errorf("the answers are %q", got)
	}
	if !strings.Contains(trouble(), `5 bytes came between messages: "hello"`) {
		t.Errorf("trouble told: %q", trouble())
	}
}

func TestTooLargeAndBrokenOffMessagesAreTold(t *testing.T) {
	addr, trouble, stop := echo(t, &Server{Limit: 1000})
	for _, bytes := range []string{"\x0b" + strings.Repeat("x", 5000), "\x0bMSH|^~\\&|half"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		if answer, _ := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("answered %q", answer)
		}
		conn.Close()
	}
	stop()
	if got := trouble(); !strings.Contains(got, "more than 1000 bytes") || !strings.Contains(got, "ended after 13 bytes of a message") {
		t.Errorf("trouble told: %q", got)
	}
}

func TestShutdownAnswersWhatHasBegun(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	addr, _, stop := echo(t, &Server{Handle: func(_ context.Context, _ string, raw []byte) []byte {
		begun <- true
		<-finish
		m, _ := Parse(raw)
		return Ack(m, Reply{Verdict: Accept, Now: noon})
	}})
	idle, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	answered := make(chan Answer, 1)
	go func() {
		c := &Client{Addr: addr}
		defer c.Close()
		a, err := c.Send(context.Background(), []byte(mshLine+"\r"))
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-begun
	go func() { time.Sleep(50 * time.Millisecond); finish <- true }()
	stop()
	if a := <-answered; a.Code != "AA" {
		t.Errorf("the answer is %v", a)
	}
}

func TestMutualTLS(t *testing.T) {
	server, pool := certificate(t)
	client, clientPool := certificate(t)
	addr, _, _ := echo(t, &Server{TLS: &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientPool}})
	c := &Client{Addr: addr, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}}, Within: 5 * time.Second}
	defer c.Close()
	for range 2 {
		if a, err := c.Send(t.Context(), []byte(mshLine+"\r")); err != nil || !a.Accepted() {
			t.Fatal(a, err)
		}
	}
	stranger := &Client{Addr: addr, TLS: &tls.Config{RootCAs: pool}, Within: 5 * time.Second}
	defer stranger.Close()
	if a, err := stranger.Send(t.Context(), []byte(mshLine+"\r")); err == nil {
		t.Errorf("a client without a certificate was answered %v", a)
	}
}

// certificate makes a certificate for 127.0.0.1 and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ZZ1"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestAcknowledgements(t *testing.T) {
	bad := missing("PID[1]-3", "the patient has no identifier")
	for _, c := range []struct {
		name, msh string
		verdict   Verdict
		err       error
		want      []string
		none      bool
	}{
		{"original mode", `|P|2.3`, Accept, nil, []string{"MSA|AA|77", "ACK^A01"}, false},
		{"before 2.5", `|P|2.3`, Fault, bad, []string{"MSA|AE|77|PID[1]-3: the patient has no identifier", "ERR|PID^1^3^101&Required field missing&HL70357"}, false},
		{"since 2.5", `|P|2.5.1`, Fault, bad, []string{"ACK^A01^ACK", "ERR||PID^1^3|101^Required field missing^HL70357|E||||PID[1]-3: the patient"}, false},
		{"enhanced, always", `|P|2.4|||AL|NE`, Accept, nil, []string{"MSA|CA|77"}, false},
		{"enhanced, on errors, well", `|P|2.4|||ER|NE`, Accept, nil, nil, true},
		{"enhanced, on errors, badly", `|P|2.4|||ER|NE`, Reject, bad, []string{"MSA|CR|77"}, false},
		{"enhanced, application's", `|P|2.4|||NE|AL`, Accept, nil, []string{"MSA|AA|77"}, false},
		{"never", `|P|2.4|||NE|NE`, Fault, bad, nil, true},
	} {
		m := parse(t, `MSH|^~\&|PAS|ZZ1|KITH|PLACE|20260302080000||ADT^A01|77`+c.msh)
		got := string(Ack(m, Reply{Verdict: c.verdict, Err: c.err, Now: noon}))
		if (got == "") != c.none {
			t.Errorf("%s: %q", c.name, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", c.name, got, want)
			}
		}
		if got != "" && !strings.Contains(got, `MSH|^~\&|KITH|PLACE|PAS|ZZ1|20261125120000+0000|`) {
			t.Errorf("%s: the header is %q", c.name, got)
		}
	}
	if got := string(Nack([]byte("MSH|^~\\\\&|a|b|||||ADT^A01|77"), Reply{Verdict: Fault, Err: bad, Now: noon})); !strings.Contains(got, "MSA|AE|77") {
		t.Error(got)
	}
}
