package notify

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Whatever a name led to when it was looked at: where a connection in fact goes is asked once more.
func TestConnectionsGoNowhereInside(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	for _, at := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		_, err := Networks(nil).client(time.Second).Get(at)
		if err == nil || !strings.Contains(err.Error(), "inside a network") || reached {
			t.Errorf("%s: %v", at, err)
		}
	}
	allowed, err := ParseNetworks("127.0.0.1, 10.0.0.0/8")
	if err != nil || len(allowed) != 2 {
		t.Fatal(allowed, err)
	}
	if _, err := allowed.client(time.Second).Get(server.URL); err != nil || !reached {
		t.Error(err)
	}
}

// No proxy of the environment stands between: it would be asked to connect to what is refused here.
func TestNoProxyIsUsed(t *testing.T) {
	transport, ok := Networks(nil).client(time.Second).Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Error("a proxy may be used")
	}
}

func TestNetworksThatAreNone(t *testing.T) {
	for _, text := range []string{"10.0.0.0/33", "here", "10.0.0"} {
		if _, err := ParseNetworks(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// What is checked never lets an address pass that a connection would refuse, and no scheme but https outside.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{"https://hook.example/x", "https://10.0.0.1/", "http://127.0.0.1:1/", "https://[::ffff:127.0.0.1]/", "https://0x7f.1/", "https://127.1/", "https://①②⑦.0.0.1/", "https://a@b/", "https://[fe80::1%25x]/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		err := Networks(nil).check(endpoint)
		if err != nil {
			if fhir.KindOf(err) != fhir.Invalid {
				t.Errorf("%q: %v", endpoint, err)
			}
			return
		}
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			t.Errorf("%q was taken", endpoint)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !Networks(nil).allows(addr) {
			t.Errorf("%q was taken", endpoint)
		}
	})
}
