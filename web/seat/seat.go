// Package seat is from where somebody uses a page of the front door: for themselves, for somebody who trusts them, or as staff on somebody's behalf, at the
// desk or on the telephone. The page is the same, so that nobody is left out who is not online, and the record decides what may be done from there: it sees
// who acts and about whom, and the audit names both.
package seat

import (
	_ "embed"
	"errors"
	"net/http"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// Seat is from where a page is used.
type Seat struct {
	Who     access.Actor
	Patient string // id of the Patient whom the page is about
	Base    string // of the addresses: /my, /for/ID or /person/ID
	Staff   bool   // staff sit there
	Trusted bool   // somebody sits there whom the person trusts
	Name    string // of the person, where they do not sit there themselves
	Words   *words.Lang
}

// OnBehalf is the purpose for which staff do something on these pages: the person asked. https://terminology.hl7.org/CodeSystem/v3-ActReason (PATRQT)
const OnBehalf = "PATRQT"

// Own reports whether people sit there for themselves.
func (at Seat) Own() bool { return !at.Staff && !at.Trusted }

// Places serves pages at every place from which they can be used. All fields but those of Host must be set.
type Places struct {
	kit.Host
	Door   *record.Door
	Who    func(*http.Request) (access.Actor, error) // who is looking
	Signed bool                                      // whoever is looking has signed in, and finds their account on every page
	Help   string                                    // a telephone number that helps with pages, "" for none
}

// Page serves a page under /my, /for/ID and /person/ID; path begins with a slash, or is empty. What changes something is a POST; whoever serves the
// mux must refuse those that come from pages of others (http.CrossOriginProtection).
//
// What staff change there they change because the person asked. What they only look at they may look at to care for them, and other purposes than care have rules of
// their own.
func (p *Places) Page(mux *http.ServeMux, method, path string, show func(http.ResponseWriter, *http.Request, Seat)) {
	if method == http.MethodPost {
		show = onBehalf(show)
	}
	for _, base := range []string{"/my", "/for/{person}", "/person/{person}"} {
		mux.HandleFunc(method+" "+base+path, p.at(base, show))
	}
}

// Asked serves a page as Page does, which staff look at too only because the person asked: it is no part of caring for them.
func (p *Places) Asked(mux *http.ServeMux, method, path string, show func(http.ResponseWriter, *http.Request, Seat)) {
	p.Page(mux, method, path, onBehalf(show))
}

// onBehalf has the rules and the audit know that staff do something because the person asked.
func onBehalf(show func(http.ResponseWriter, *http.Request, Seat)) func(http.ResponseWriter, *http.Request, Seat) {
	return func(w http.ResponseWriter, r *http.Request, at Seat) {
		if at.Staff && (at.Who.Purpose == "" || at.Who.Purpose == "TREAT") {
			at.Who.Purpose = OnBehalf
		}
		show(w, r, at)
	}
}

// Own serves a page under /my alone: what nobody does for somebody else.
func (p *Places) Own(mux *http.ServeMux, method, path string, show func(http.ResponseWriter, *http.Request, Seat)) {
	mux.HandleFunc(method+" /my"+path, p.at("/my", show))
}

// Trusted is a page under /for/ID alone, for whoever names its address to a mux.
func (p *Places) Trusted(show func(http.ResponseWriter, *http.Request, Seat)) http.HandlerFunc {
	return p.at("/for/{person}", show)
}

// Staff serves a page under /person/ID alone: what people do not do for themselves.
func (p *Places) Staff(mux *http.ServeMux, method, path string, show func(http.ResponseWriter, *http.Request, Seat)) {
	mux.HandleFunc(method+" /person/{person}"+path, p.at("/person/{person}", show))
}

// Serve answers what mux has no page for as a page too, and keeps everything from being framed, scripted, or larger than most bytes.
func (p *Places) Serve(mux *http.ServeMux, most int64) http.Handler {
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.absent(w, r, Seat{Words: kit.Lang(r)})
	})
	return kit.Secure(http.MaxBytesHandler(mux, most))
}

func (p *Places) at(base string, show func(http.ResponseWriter, *http.Request, Seat)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if base == "/person/{person}" {
			r = kit.Speak(r, words.In("en")) // staff's pages are in English
		}
		if at, ok := p.seat(w, r, base); ok {
			show(w, r, at)
		}
	}
}

// seat is where the request comes from; what is shown otherwise has been sent.
func (p *Places) seat(w http.ResponseWriter, r *http.Request, base string) (Seat, bool) {
	at := Seat{Base: "/my", Words: kit.Lang(r)}
	who, err := p.Who(r)
	if err != nil {
		p.Fail(w, r, at, err)
		return at, false
	}
	at.Who = who
	if base == "/my" {
		if at.Patient = who.Patient; at.Patient == "" {
			p.Say(w, r, at, http.StatusForbidden, at.Words.T("Not for you"), at.Words.T("This page is for people who have a health record here and have signed in to it."))
		}
		return at, at.Patient != ""
	}
	person := r.PathValue("person")
	at.Patient, at.Staff, at.Trusted = person, base == "/person/{person}", base == "/for/{person}"
	if (who.Role == "patient") == at.Staff || !fhir.ValidID(person) {
		p.absent(w, r, at)
		return at, false
	}
	at.Base = base[:len(base)-len("{person}")] + person
	stored, err := p.Door.Get(r.Context(), who, "Patient", person)
	if err != nil {
		p.Fail(w, r, at, err)
		return at, false
	}
	res, err := stored.Resource()
	if err != nil {
		p.Fail(w, r, at, err)
		return at, false
	}
	at.Name = signin.NameOf(res.Root())
	return at, true
}

// Frame is the frame of a page for whoever sits there, with a link back: to an address below Base, "" for the page that all others hang from.
func (p *Places) Frame(at Seat, title, back string) kit.Frame {
	f := p.Host.Frame(title, !at.Staff, p.Signed)
	f.Help = p.Help
	f.Back = kit.Way{To: at.Base + back, Text: at.Words.T("Back")}
	return f
}

//go:embed say.html
var sayHTML string

var sayPage = kit.Page(sayHTML)

type sayView struct {
	Frame        kit.Frame
	Head, Reason string
}

// Say shows a heading and a sentence, both in the reader's language, where there is no page.
func (p *Places) Say(w http.ResponseWriter, r *http.Request, at Seat, status int, head, reason string) {
	f := p.Host.Frame(head, !at.Staff, p.Signed)
	f.Help = p.Help
	p.Send(w, r, status, sayPage, sayView{f, head, reason})
}

func (p *Places) absent(w http.ResponseWriter, r *http.Request, at Seat) {
	p.Say(w, r, at, http.StatusNotFound, at.Words.T("Not found"), at.Words.T("There is no page at this address."))
}

// Fail says in words what went wrong; what only operators understand goes to the log. What a refusal or a conflict says is a sentence of the use that refused (refusals.go).
func (p *Places) Fail(w http.ResponseWriter, r *http.Request, at Seat, err error) {
	var e *fhir.Error
	if !errors.As(err, &e) {
		e = &fhir.Error{Kind: fhir.Broken}
	}
	t := at.Words.T
	switch e.Kind {
	case fhir.Forbidden:
		p.Say(w, r, at, http.StatusForbidden, t("You cannot do this"), Refusal(at.Words, e.Msg))
	case fhir.NotFound, fhir.Gone:
		p.Say(w, r, at, http.StatusNotFound, t("Not found"), t("What stood here is over, or never was."))
	case fhir.Conflict:
		p.Say(w, r, at, http.StatusConflict, t("Begin again"), Refusal(at.Words, e.Msg))
	case fhir.Invalid:
		p.Say(w, r, at, http.StatusBadRequest, t("This does not work"), Refusal(at.Words, e.Msg))
	case fhir.Busy, fhir.NoRoom:
		w.Header().Set("Retry-After", "10")
		p.Say(w, r, at, http.StatusServiceUnavailable, t("Not now"), t("This does not work at the moment. Try again in a minute. If it cannot wait, call 111, or 999 in an emergency."))
	default:
		p.Logger().ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
		p.Say(w, r, at, http.StatusInternalServerError, t("Something went wrong"), t("This is our fault and has been logged. Try again, or telephone your practice. If it cannot wait, call 111, or 999 in an emergency."))
	}
}
