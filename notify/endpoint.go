package notify

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kith-care/kith/fhir"
)

// Networks are addresses at which endpoints may be besides the public Internet: those of the place's own network, or this machine for trying
// things out. Whoever may make a Subscription has the server send requests to an address of their choosing, so by default none is inside.
type Networks []netip.Prefix

// ParseNetworks reads networks such as 10.1.0.0/16, with commas between; a single address is a network of one.
func ParseNetworks(text string) (Networks, error) {
	var out Networks
	for one := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if addr, err := netip.ParseAddr(one); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "%q is no network such as 10.1.0.0/16", one)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// inside are addresses that mean something within a network, or to nobody.
// https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
var inside = func() (out []netip.Prefix) {
	for text := range strings.FieldsSeq("0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 " +
		"::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/9 ff00::/8") {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}()

// allows reports whether an endpoint may be at an address.
func (n Networks) allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	holds := func(p netip.Prefix) bool { return p.Contains(addr) }
	return slices.ContainsFunc(n, holds) || addr.IsValid() && !slices.ContainsFunc(inside, holds)
}

func refusedEndpoint(format string, args ...any) error {
	return fhir.Errorf(fhir.Invalid, format, args...).At("Subscription.channel.endpoint")
}

// check says what is wrong with an endpoint that can be seen without asking anybody.
func (n Networks) check(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || len(endpoint) > 2000:
		return refusedEndpoint("the endpoint is no address of https")
	case u.User != nil || u.Fragment != "" || strings.Contains(endpoint, "#"):
		return refusedEndpoint("an endpoint has no user and no fragment in it: send what proves who we are as a header")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case u.Scheme == "http" && literal && addr.IsLoopback() && n.allows(addr): // this machine, where the place's settings allow it
		return nil
	case u.Scheme != "https":
		return refusedEndpoint("notifications go out by https only")
	case literal && !n.allows(addr):
		return refusedEndpoint("notifications do not go to this address: it is inside a network")
	}
	return nil
}

// lookUp says whether the name of an endpoint leads to addresses at which it may be. The same is asked once more of the address that is in fact
// connected to, since a name may lead elsewhere then.
func (n Networks) lookUp(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return refusedEndpoint("the endpoint is no address of https")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return n.check(endpoint)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fhir.Errorf(fhir.Busy, "the name of the endpoint is not known")
	}
	for _, addr := range found {
		if !n.allows(addr) {
			return refusedEndpoint("notifications do not go to this address: it is inside a network")
		}
	}
	return nil
}

// client sends notifications: to nowhere that is not allowed, through no proxy, and no further than it is told.
func (n Networks) client(wait time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: wait, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !n.allows(at.Addr()) {
			return refusedEndpoint("notifications do not go to this address: it is inside a network")
		}
		return nil
	}}
	return &http.Client{Timeout: wait, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: wait, MaxIdleConnsPerHost: 1, MaxIdleConns: 100, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 32 << 10, DisableCompression: true}}
}

// ours are headers that say how a request is sent, and are not for a subscriber to set.
var ours = strings.Fields("Host Content-Length Content-Type Content-Encoding Transfer-Encoding Connection Keep-Alive Upgrade Te Trailer Expect Proxy-Authorization Proxy-Connection")

// validHeader says whether a header of a channel can be sent.
func validHeader(text string) error {
	name, value, found := strings.Cut(text, ":")
	bad := !found || name == "" || len(text) > 4000
	for _, r := range name {
		bad = bad || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}
	for _, r := range value {
		bad = bad || r < ' ' || r > '~'
	}
	if bad || slices.Contains(ours, http.CanonicalHeaderKey(name)) {
		return fhir.Errorf(fhir.Invalid, "a header of the channel looks like Authorization: Bearer 123, and is none that says how a request is sent").At("Subscription.channel.header")
	}
	return nil
}
