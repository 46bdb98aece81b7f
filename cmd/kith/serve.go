package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/idp"
	"github.com/kith-care/kith/access/secret"
	"github.com/kith-care/kith/care/booking"
	"github.com/kith-care/kith/connect/documents"
	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/gpconnect"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/export"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/notify"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/rest/bulk"
	"github.com/kith-care/kith/rest/subscribe"
	"github.com/kith-care/kith/web/kit"
)

// serving is what a server is told by its flags.
type serving struct {
	addr, db, auth, base, debug string
	organisation, name          string // whose record it is
	asid, practiceASID          string // of GP Connect: ours, and whom we ask
	feeds                       string // file with the list of feeds, "" for those the record has
	policy                      string // file with the policy, "" for the one Kith comes with
	secretKey                   string // file with the key that keeps secrets, "" for the usual one
	secrets                     *secret.Keeper
	notifyNetworks              string            // where endpoints of Subscriptions may be besides the public Internet
	signin                      string            // file that says how people sign in, "" for passkeys and codes alone
	directory                   string            // file with what is near (care/near), "" for none
	madeUpNear                  []byte            // the directory of a made-up town, nil where the place is real
	homeRules                   string            // file with the rules of home care, "" for those Kith comes with
	helpLine                    string            // telephone number that helps with pages, "" for none
	out                         outgoing          // how things leave the house
	packs                       string            // folder with packs of triage of the place, "" for none
	rota, monitorRules          string            // files that say who is told of readings, and by which rules; "" for the rules Kith comes with
	sessionsFile                string            // file with the sessions of the place's own clinics, "" for none
	sessions                    *booking.Sessions // the same, made up
	validateLists               bool              // ask people who wait whether they still need it
	diary                       bool              // appointments of practices are offered and booked by GP Connect
	words                       string            // folder with words of the place; "" for those Kith comes with
	glossary, releaseFile       string            // folder with the place's own explanations, and file that says when results are seen; "" for what Kith comes with
	testNumbers                 bool
	every                       time.Duration       // how often folders are looked at, 0 as usual
	pause                       time.Duration       // between two questions to a practice, 0 as usual
	madeUp                      func() *kit.MadeUp  // what pages say where the people are made up, nil where they are real
	people                      func() []idp.Person // made-up people whom anybody may sign in as; nil where people are real
	reach                       reach
}

const serveUsage = `usage: kith serve [--addr HOST:PORT] [--db DATABASE] [--auth off] [--signin FILE] [--base URL] [--feeds FILE] [--debug HOST:PORT]

Serves a record: FHIR R4 at /fhir, pages at /, /health, and /metrics for Prometheus. The database is made or brought to
this version's schema first. --feeds names a JSON list of feeds to be run: folders that are watched, addresses that are listened on,
systems that are asked (docs/feeds.md). People who are in several of them are linked. --signin names a JSON file that says with whose
sign-in people come in (docs/signin.md); without it there are passkeys, and codes that kith account and the desk give out.

`

// flagsOf makes a flag set that prints usage and its flags for --help.
func flagsOf(name, usage string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(f.Output(), usage)
		f.PrintDefaults()
	}
	return f
}

// parsed reads flags; done with an exit code where there is nothing more to do.
func parsed(f *flag.FlagSet, args []string, stdout io.Writer) (code int, done bool) {
	for _, a := range args {
		if a == "--help" || a == "-h" || a == "-help" {
			f.SetOutput(stdout)
		}
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, true
	case err != nil:
		return 2, true
	}
	return 0, false
}

const testNumbersHelp = "a new record is for made-up people, whose NHS numbers begin with 999; one with real people in it is refused"

func serveCommand(args []string, stdout, stderr io.Writer) int {
	var s serving
	f := flagsOf("serve", serveUsage, stderr)
	f.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to serve on")
	databaseVar(f, &s.db, "sqlite:kith.db")
	s.reach.flags(f)
	f.StringVar(&s.auth, "auth", "on", "off: no sign-in, everything is shown to everyone; on loopback addresses only")
	f.StringVar(&s.base, "base", "", "the `URL` of /fhir as others see it (default http://ADDR/fhir)")
	f.BoolVar(&s.testNumbers, "test-numbers", false, testNumbersHelp)
	f.StringVar(&s.organisation, "organisation", "", "`ODS` code of whose record this is: letters go out in its name, and what belongs to nobody is its own")
	f.StringVar(&s.name, "name", "Kith", "its `NAME`")
	f.StringVar(&s.asid, "asid", "", "our `ASID` on the Spine, in whose name practices are asked by GP Connect, and by which others ask us at /gpconnect")
	f.StringVar(&s.practiceASID, "practice-asid", "", "the `ASID` of the practices' system that is asked by GP Connect")
	f.StringVar(&s.feeds, "feeds", "", "`FILE` with the list of feeds")
	f.StringVar(&s.policy, "policy", "", "`FILE` that says who may see and do what, instead of the policy Kith comes with (kith policy prints that)")
	f.StringVar(&s.secretKey, "secret-key", "", secretKeyHelp)
	f.StringVar(&s.notifyNetworks, "notify-networks", "", "`NETWORKS` such as 10.1.0.0/16,10.2.0.7 in which endpoints of Subscriptions may be besides the public Internet")
	f.StringVar(&s.signin, "signin", "", "`FILE` that says how people sign in")
	f.StringVar(&s.rota, "rota", "", "`FILE` with the rota: who is told of readings at home, and who next (docs/monitoring.md)")
	f.StringVar(&s.packs, "packs", "", "a `DIR` with packs of triage of the place, beside those Kith comes with (docs/triage.md)")
	f.StringVar(&s.words, "words", "", "a `DIR` with words of the place: other languages, other words for a text, texts of its own data, and who has reviewed them (docs/languages.md)")
	f.StringVar(&s.glossary, "glossary", "", "a `DIR` with explanations of the place, which take the place of those Kith comes with (docs/record.md)")
	f.StringVar(&s.releaseFile, "release", "", "`FILE` that says when patients see results of which tests, instead of the one Kith comes with (docs/record.md)")
	f.StringVar(&s.monitorRules, "monitor-rules", "", "`FILE` with the rules of monitoring, instead of those Kith comes with")
	f.StringVar(&s.directory, "directory", "", "`FILE` with the services and groups of the place (YAML; docs/near.md)")
	f.StringVar(&s.homeRules, "home-rules", "", "`FILE` with the rules of home care: when a visit is late or missed, which medicines cannot wait (docs/family.md)")
	f.StringVar(&s.helpLine, "help-line", "", "a telephone `NUMBER` that helps people with the pages of the front door; it stands on each")
	s.out.flags(f)
	f.StringVar(&s.sessionsFile, "sessions", "", "`FILE` with the sessions of the place's own clinics, from which Slots are made (docs/booking.md)")
	f.BoolVar(&s.validateLists, "validate-lists", false, "ask people who wait for a hospital, every twelve weeks, whether they still need it (docs/booking.md)")
	f.BoolVar(&s.diary, "gpconnect-appointments", false, "offer the free times of practices that are asked by GP Connect, and book there what is booked here")
	f.StringVar(&s.debug, "debug", "", "loopback `HOST:PORT` for pprof, and for why a Task of monitoring is there, off where empty")
	if code, done := parsed(f, args, stdout); done {
		return code
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "kith serve: %q is too much\n", f.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := s.run(ctx, stdout, nil); err != nil {
		fmt.Fprintf(stderr, "kith serve: %v\n", err)
		return 1
	}
	return 0
}

// run serves until ctx ends. This is the whole product: every use is made here, and nowhere else. Once the server
// answers, ready is called with the door (for the demo, which then fills it).
func (s *serving) run(ctx context.Context, stdout io.Writer, ready func(context.Context, *record.Door, *feeds.Service)) error {
	table, err := policyOf(s.policy)
	if err != nil {
		return err
	}
	policy := access.Policy(table)
	if s.auth == "off" {
		if !loopback(s.addr) {
			return fmt.Errorf("--auth off shows every record to everyone, so it works on loopback addresses only (127.0.0.1, localhost, ::1), not on %s", s.addr)
		}
		policy = access.Everyone{}
	} else if s.auth != "on" {
		return fmt.Errorf("--auth is on or off, not %q", s.auth)
	}
	if err := useWords(s.words); err != nil {
		return err
	}
	wrapListener, wrap, scheme, err := s.reach.open(s.addr)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	defer listener.Close() // whatever happens before it serves; after that it is closed already
	if s.base == "" {
		s.base = scheme + "://" + listener.Addr().String() + "/fhir"
	}
	door, err := record.Open(ctx, record.Options{DB: s.db, Base: s.base, Policy: policy, TestNumbers: s.testNumbers})
	if err != nil {
		return err
	}
	defer door.Close()
	if err := s.sealAudit(ctx, door, stdout); err != nil {
		return err
	}

	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	desk, err := intake.Open(ctx, door)
	if err != nil {
		return err
	}
	if s.feeds != "" {
		if err := feeds.Load(ctx, desk, s.feeds); err != nil {
			return err
		}
	}
	linker, err := match.NewLinker(door, match.Options{})
	if err != nil {
		return err
	}
	post := &documents.Service{Door: door, Intake: desk, Organization: s.organisation, Name: s.name, Endpoint: strings.TrimSuffix(s.base, "/fhir") + "/messages"}
	if _, err := desk.Feed(ctx, intake.Feed{Name: "letters", Kind: "letters", Title: "Letters and referrals by FHIR message", Limit: 365 * 24 * time.Hour}); err != nil {
		return err
	}
	known := readers()
	known["letters"] = post.Letter
	board := &feeds.Service{Desk: desk, Formats: formats(), Readers: known, Pollers: s.pollers(), Every: s.every}
	people, err := s.enter(ctx, door, s.says(door))
	if err != nil {
		return err
	}
	fhirServer := &rest.Server{Door: door, Base: s.base, Who: people.who, Provenance: provenance(desk)}
	appServer, err := s.openApps(ctx, door, people)
	if err != nil {
		return err
	}
	exports := &export.Service{Door: door, Still: stands(appServer)}
	fhirServer.Export = (&bulk.Handler{Exports: exports, Base: s.base}).Serve
	networks, err := notify.ParseNetworks(s.notifyNetworks)
	if err != nil {
		return err
	}
	subscriptions := &notify.Service{Door: door, Base: s.base, Still: stands(appServer), Secrets: s.secrets, Allowed: networks}
	fhirServer.Subscriptions = (&subscribe.Handler{Subscriptions: subscriptions, Base: s.base}).Serve
	if appServer != nil {
		board.Who, post.Sender = asking(appServer), asking(appServer)
	}

	mux := http.NewServeMux()
	s.serveFHIR(mux, fhirServer, appServer, people)
	mux.Handle("/gpconnect/", http.StripPrefix("/gpconnect", &gpconnect.Provider{Door: door, Base: strings.TrimSuffix(s.base, "/fhir") + "/gpconnect", ASID: s.asid}))
	mux.Handle("/push/", http.StripPrefix("/push", board.Push()))
	mux.Handle("/messages", post.Handler(desk, "letters"))
	mux.HandleFunc("GET /health", health(door))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	s.pages(mux, door, board, linker, people)
	s.auditPages(mux, door, people)
	s.trustPages(mux, door, people)
	watch, err := s.watch(door)
	if err != nil {
		return err
	}
	monitoring, err := s.monitoring(door)
	if err != nil {
		return err
	}
	helping, err := s.triage(door)
	if err != nil {
		return err
	}
	messages, err := s.messages(door, people)
	if err != nil {
		return err
	}
	appointments, err := s.booking(door)
	if err != nil {
		return err
	}
	if err := s.messagePages(mux, door, messages, monitoring.Rules, people); err != nil {
		return err
	}
	s.patientPages(mux, door, helping, monitoring.Rules, messages, appointments, people)
	s.bookingPages(mux, door, appointments, people)
	plans, err := s.plan(door)
	if err != nil {
		return err
	}
	s.planPages(mux, door, plans, desk, people)
	if err := s.nearby(ctx, mux, door, helping.Book, people); err != nil {
		return err
	}
	families, err := s.family(mux, door, people)
	if err != nil {
		return err
	}
	own, err := s.ownRecord(ctx, door)
	if err != nil {
		return err
	}

	// A page elsewhere must not make a browser change the record in its reader's name.
	guard := http.NewCrossOriginProtection()
	if err := s.recordPages(mux, door, desk, own, people, guard); err != nil {
		return err
	}
	guard.SetDenyHandler(refusing("this change comes from a page of another site, and is refused"))
	handler := guard.Handler(mux)
	if appServer != nil {
		handler = appServer.Guard(guard, mux)
	}
	if s.auth == "off" {
		handler = localOnly(handler)
	}
	server := &http.Server{Handler: counted(metrics, wrap(kit.Chooser(handler))), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if err := s.startDebug(ctx, door); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Kith serves %s://%s (FHIR at %s)\n", scheme, listener.Addr(), s.base)
	if s.auth == "off" {
		fmt.Fprintln(stdout, "Access control is off: everyone on this machine sees every record.")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		<-ctx.Done()
		// Requests under way are answered; new ones are not taken.
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(end); err != nil {
			slog.Error("the server did not stop in time", "error", err)
		}
	}()
	var background sync.WaitGroup
	if appServer != nil {
		background.Go(func() { ended(ctx, "the clearing away of tokens", appServer.Run(ctx)) })
	}
	background.Go(func() { ended(ctx, "the feeds", board.Run(ctx)) })
	background.Go(func() { ended(ctx, "the preparing of exports", exports.Run(ctx)) })
	background.Go(func() { ended(ctx, "the telling of subscribers", subscriptions.Run(ctx)) })
	background.Go(func() { ended(ctx, "the following up of documents", post.Run(ctx)) })
	background.Go(func() { ended(ctx, "the linking of people", linker.Run(ctx)) })
	background.Go(func() { ended(ctx, "the watch for unusual access", watch.Run(ctx)) })
	background.Go(func() { ended(ctx, "the watch over readings at home", monitoring.Run(ctx)) })
	background.Go(func() { ended(ctx, "the sending of messages", messages.Run(ctx)) })
	background.Go(func() { ended(ctx, "the holding of results", own.release.Run(ctx)) })
	background.Go(func() { own.carry.Run(ctx) })
	background.Go(func() { ended(ctx, "the keeping of appointments", appointments.Run(ctx)) })
	background.Go(func() { families(ctx) })
	background.Go(func() { ended(ctx, "the watch over goals", plans.Run(ctx)) })
	background.Go(func() { people.run(ctx) })
	if ready != nil {
		background.Go(func() { ready(ctx, door, board) })
	}
	err = server.Serve(wrapListener(listener))
	cancel()
	background.Wait()
	<-answered // Serve returns as soon as it is told to stop; the door stays open until the last request is answered
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// pollers ask systems that send nothing by themselves, by kind.
func (s *serving) pollers() map[string]feeds.Poller {
	ask := &gpconnect.Poll{Pause: s.pause, Diary: s.diary, Client: gpconnect.Client{From: s.asid, To: s.practiceASID, Requester: gpconnect.Requester{Issuer: strings.TrimSuffix(s.base, "/fhir"),
		Device: s.name, Version: "1", Model: "Kith", Organization: s.name, ODS: s.organisation, UserID: "kith-feeds", SDSUserID: "UNK", SDSRole: "UNK", JobRole: "R8000", Family: "Feeds", Given: "Kith"}}}
	return map[string]feeds.Poller{"gpconnect": ask.Once}
}

// ended reports what should go on until the program ends and did not.
func ended(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		slog.Error(what+" ended", "error", err)
	}
}

// provenance answers where a resource came from.
func provenance(desk *intake.Desk) func(context.Context, access.Actor, string, string) ([]byte, error) {
	return func(ctx context.Context, who access.Actor, typ, id string) ([]byte, error) {
		p, err := desk.Provenance(ctx, who, typ, id)
		if err != nil {
			return nil, err
		}
		return r4.Encode(p), nil
	}
}

func health(door *record.Door) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := door.Healthy(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "the database does not answer")
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// startDebug serves profiles, and why Tasks of monitoring are there, on a loopback address.
func (s *serving) startDebug(ctx context.Context, door *record.Door) error {
	if s.debug == "" {
		return nil
	}
	if !loopback(s.debug) {
		return fmt.Errorf("--debug shows the inside of the program, so it works on loopback addresses only, not on %s", s.debug)
	}
	listener, err := net.Listen("tcp", s.debug)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/why/Task/{id}", whyTask(door))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	go server.Serve(listener)
	return nil
}

// counted counts and times requests for Prometheus.
func counted(metrics *prometheus.Registry, next http.Handler) http.Handler {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kith_http_request_seconds", Help: "Time to answer requests.", Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"method", "status"})
	metrics.MustRegister(seconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(c, r)
		seconds.WithLabelValues(knownMethod(r.Method), classes[min(max(c.status/100, 1), 5)]).Observe(time.Since(start).Seconds())
	})
}

var classes = [...]string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}

// knownMethod keeps made-up methods from making new series.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead:
		return m
	}
	return "other"
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer inside.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
