package subscribe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// An endpoint whose certificate nobody vouches for is sent nothing.
func TestEndpointsProveWhoTheyAre(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.run()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it got a request") }))
	defer server.Close()
	id := p.subscribe("a", text("Observation", server.URL, ""))
	p.becomes("a", id, "active")
	p.observe("one", "ada", "1", "")
	eventually(t, func() bool {
		_, why := p.status("a", id)
		return strings.Contains(why, "could not be reached")
	})
}
