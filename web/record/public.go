package record

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kith-care/kith/care/carry"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// PublicPaths are the addresses of what anybody may open: links, the checking of certificates, the keys to check them by.
func PublicPaths() []string { return []string{"/shared/", "/verify", "/.well-known/jwks.json"} }

// Calls are those of PublicPaths that programs of others call, by the patterns of http.ServeMux: they look at no cookie, so that it does no harm where they
// come from.
func Calls() []string { return []string{"/shared/{id}/manifest"} }

// Public serves what anybody may open.
func (s *Site) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shared/{token}", s.shared)
	mux.HandleFunc("POST /shared/{token}", s.shared)
	mux.HandleFunc("/shared/{id}/manifest", s.manifest)
	mux.HandleFunc("GET /verify", s.verify)
	mux.HandleFunc("POST /verify", s.verify)
	mux.HandleFunc("GET /.well-known/jwks.json", s.keys)
	return s.Serve(mux, 256<<10)
}

//go:embed shared.html
var sharedHTML string

//go:embed verify.html
var verifyHTML string

var sharedPage, verifyPage = page(sharedHTML), page(verifyHTML)

// sharedView is a link that somebody opens: first a button, and a passcode where it asks for one; then the summary.
type sharedView struct {
	Frame  kit.Frame
	Token  string
	Errors []kit.Field
	Code   kit.Field
	Asks   bool
	Open   bool
	Label  string
	Parts  []sharedPart
	Person string
	Born   string
	Number string
	Made   string
	From   string
	Until  string
}

type sharedPart struct {
	Title string
	Lines []string
}

// shared opens a link. Looking at its address opens nothing: programs that show what is behind an address in a message would count as views otherwise, and keep it.
func (s *Site) shared(w http.ResponseWriter, r *http.Request) {
	at := seat.Seat{Words: kit.Lang(r), Base: "/"}
	t := at.Words.T
	v := sharedView{Token: r.PathValue("token"), Code: kit.Field{ID: "code"}, Frame: s.Host.Frame(t("A patient’s summary"), true, false)}
	gone := func(err error) {
		if fhir.KindOf(err) == fhir.NotFound {
			s.Say(w, r, at, http.StatusNotFound, t("This link does not open"), t("It has ended, or it is not complete. Ask the person who gave it to you for a new one."))
			return
		}
		s.Fail(w, r, at, err)
	}
	asks, err := s.Carry.Asks(r.Context(), v.Token)
	if err != nil {
		gone(err)
		return
	}
	v.Asks = asks
	if r.Method != http.MethodPost {
		s.Send(w, r, http.StatusOK, sharedPage, v)
		return
	}
	doc, link, err := s.Carry.Read(r.Context(), v.Token, strings.TrimSpace(r.PostFormValue("code")), r.RemoteAddr)
	if left, wrong := wrongCode(err); wrong {
		if left == 0 {
			gone(fhir.Errorf(fhir.NotFound, "too many wrong passcodes"))
			return
		}
		v.Code.Error = at.Words.N(left, "This passcode is wrong. You can try %d more time.", "This passcode is wrong. You can try %d more times.")
		v.Errors = []kit.Field{v.Code}
		v.Frame.Title = t("Error:") + " " + v.Frame.Title
		s.Send(w, r, http.StatusForbidden, sharedPage, v)
		return
	}
	if err != nil {
		gone(err)
		return
	}
	v.read(at, doc)
	v.Open, v.Label, v.Until = true, link.Label, at.Words.When(link.Until)
	s.Send(w, r, http.StatusOK, sharedPage, v)
}

// read fills in what a document says in words: the text of its sections.
func (v *sharedView) read(at seat.Seat, doc *fhir.Resource) {
	for e := range doc.Root().Get("entry").Items() {
		res := e.Get("resource")
		switch res.Get("resourceType").Text() {
		case "Patient":
			v.Person, v.Born, v.Number = kit.Name(res.Get("name")), on(at.Words, res.Get("birthDate").Text()), kit.NHSNumberOf(res)
		case "Composition":
			v.Made, v.From = on(at.Words, res.Get("date").Text()), kit.FirstOf(res.Get("author")).Get("display").Text()
			for section := range res.Get("section").Items() {
				v.Parts = append(v.Parts, sharedPart{section.Get("title").Text(), lines(section.Get("text").Get("div").Text())})
			}
		}
	}
}

// lines are the lines of a narrative of ours, without its marks.
func lines(div string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.NewReplacer("</li>", "\n", "</p>", "\n").Replace(div), "\n") {
		var b strings.Builder
		in := false
		for _, r := range part {
			switch {
			case r == '<':
				in = true
			case r == '>':
				in = false
			case !in:
				b.WriteRune(r)
			}
		}
		if text := strings.TrimSpace(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(b.String())); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// manifest answers a program that reads a SMART Health Link. https://docs.smarthealthit.org/smart-health-links/spec#smart-health-link-manifest-request
func (s *Site) manifest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "POST")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	send := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body) // who asked has gone away where this fails
	}
	type problem struct {
		Error string `json:"error,omitempty"`
		Left  *int   `json:"remainingAttempts,omitempty"`
	}
	var ask struct {
		Recipient string `json:"recipient"`
		Passcode  string `json:"passcode"`
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		send(http.StatusMethodNotAllowed, problem{Error: "POST is what this address takes"})
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || ask.Recipient == "" {
		send(http.StatusBadRequest, problem{Error: "the body is JSON with a recipient"})
		return
	}
	sealed, _, err := s.Carry.Fetch(r.Context(), r.PathValue("id"), ask.Passcode, r.RemoteAddr, ask.Recipient)
	if left, wrong := wrongCode(err); wrong {
		send(http.StatusUnauthorized, problem{Left: &left})
		return
	}
	switch {
	case fhir.KindOf(err) == fhir.NotFound && err != nil:
		send(http.StatusNotFound, problem{Error: "there is no such link, or it has ended"})
		return
	case err != nil:
		s.Logger().ErrorContext(r.Context(), "a link could not be opened", "error", err)
		send(http.StatusInternalServerError, problem{Error: "this is our fault, and has been logged"})
		return
	}
	type file struct {
		Kind     string `json:"contentType"`
		Embedded string `json:"embedded"`
	}
	send(http.StatusOK, struct {
		Files []file `json:"files"`
	}{[]file{{"application/fhir+json", sealed}}})
}

// verifyView is the checking of a certificate.
type verifyView struct {
	Frame  kit.Frame
	Errors []kit.Field
	Text   kit.Field
	Card   *carry.Card
	Born   string
	Shots  []shotRow
	At     string
}

// verify checks a certificate that somebody types or pastes.
func (s *Site) verify(w http.ResponseWriter, r *http.Request) {
	at := seat.Seat{Words: kit.Lang(r), Base: "/"}
	t := at.Words.T
	v := verifyView{Frame: s.Host.Frame(t("Check a certificate"), true, false), Text: kit.Field{ID: "text"}}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		v.Text.Value = strings.TrimSpace(r.PostFormValue("text"))
		card, err := s.Carry.Verify(v.Text.Value)
		if err != nil {
			v.Text.Error = t("This is not a certificate that was signed here, or it is not complete")
			v.Errors = []kit.Field{v.Text}
			v.Frame.Title = t("Error:") + " " + v.Frame.Title
			status = http.StatusBadRequest
		} else {
			v.Card, v.Born, v.Shots, v.At = card, on(at.Words, card.Born), s.shots(at, card), at.Words.Date(card.At)
		}
	}
	s.Send(w, r, status, verifyPage, v)
}

// keys are the public keys by which certificates are checked. https://spec.smarthealth.cards/#determining-keys-associated-with-an-issuer
func (s *Site) keys(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=3600")
	json.NewEncoder(w).Encode(s.Carry.Keys()) // who asked has gone away where this fails
}
