package browser

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/trust"
	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/care/explain"
	"github.com/kith-care/kith/care/monitor"
	"github.com/kith-care/kith/care/release"
	"github.com/kith-care/kith/care/triage"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/fhir"
	kith "github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/patient"
	"github.com/kith-care/kith/web/record"
	"github.com/kith-care/kith/web/seat"
)

// Reading one's own record, taking it away and giving a link to it, with a real browser: two activations from the hub to a result with its meaning, without
// JavaScript, on a small telephone, and what axe knows of barriers on every page, every error and on paper.
func TestOnesOwnRecordWithARealBrowser(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": openOwnRecord(t)})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "record.mjs", input, 7)
}

// openOwnRecord serves the pages of Ada Okafor, who has signed in, and under /person those of her doctor.
func openOwnRecord(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	door, err := kith.Open(t.Context(), kith.Options{DB: "sqlite::memory:", Base: base + "/fhir", Policy: access.Default()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	text, err := os.ReadFile("../record/testdata/ada.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var ops []kith.Op
	for line := range strings.Lines(string(text)) {
		r, err := fhir.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, kith.Op{Method: kith.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	if _, err := door.Commit(t.Context(), access.Actor{ID: "kith/test", Role: access.Kith}, ops); err != nil {
		t.Fatal(err)
	}
	who := func(r *http.Request) (access.Actor, error) {
		if strings.HasPrefix(r.URL.Path, "/person/") {
			return access.Actor{ID: "Practitioner/dee", Name: "Dr Dee", Role: "clinician", Organization: "A81001", Purpose: "TREAT"}, nil
		}
		return access.Actor{ID: "Patient/ada", Name: "Ada Okafor", Role: "patient", Patient: "ada", Level: access.P9, Purpose: "PATRQT"}, nil
	}
	places := seat.Places{Door: door, Who: who, Host: kit.Host{MadeUp: func() *kit.MadeUp { return &kit.MadeUp{Place: "Merrowby"} }}}
	glossary, err := explain.Load(explain.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := release.Read(release.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	carrying, err := carry.Open(t.Context(), carry.Options{Door: door, Base: base, Name: "Merrowby Shared Record"})
	if err != nil {
		t.Fatal(err)
	}
	book, err := triage.Load(triage.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	limits, err := monitor.ReadRules("")
	if err != nil {
		t.Fatal(err)
	}
	site := &record.Site{Places: places, Glossary: glossary, Release: &release.Service{Door: door, Rules: rules}, Carry: carrying}
	hub := &patient.Site{Places: places, Triage: &triage.Service{Door: door, Book: book}, Rules: limits, Trust: &trust.Service{Door: door}}
	mux := http.NewServeMux()
	mux.Handle("/static/", kit.Static())
	mux.Handle("/my", hub.Handler())
	for _, path := range record.Paths() {
		mux.Handle("/my"+path, site.Handler())
		mux.Handle("/person/{id}"+path, site.Handler())
	}
	for _, path := range record.PublicPaths() {
		mux.Handle(path, site.Public())
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: kit.Chooser(http.NewCrossOriginProtection().Handler(mux))}}
	server.Start()
	t.Cleanup(server.Close)
	return base
}
