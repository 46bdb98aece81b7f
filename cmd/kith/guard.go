package main

import (
	"net"
	"net/http"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// loopback reports whether an address can be reached from this machine alone.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// localOnly answers only requests that call this machine by its own name. Without sign-in the address is all that keeps
// others out, and a page elsewhere can have its own name resolve to 127.0.0.1 (DNS rebinding).
func localOnly(next http.Handler) http.Handler {
	refuse := refusing("access control is off, so this is answered on localhost, 127.0.0.1 and [::1] only, not under another name")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopbackHost(host) {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusing answers 403 and says why, to programs as an OperationOutcome.
func refusing(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/fhir" && !strings.HasPrefix(r.URL.Path, "/fhir/") {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		body := fhir.AppendString([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","diagnostics":`), why)
		w.Write(append(body, "}]}"...)) // the client has gone away where this fails
	})
}
