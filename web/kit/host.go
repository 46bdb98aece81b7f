package kit

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kith-care/kith/words"
)

// Host is what every set of pages is told by whoever serves it. The zero value will do.
type Host struct {
	Now    func() time.Time // nil for the clock
	MadeUp func() *MadeUp   // what to say where the people are made up; nil where they are real
	Log    *slog.Logger     // nil for the default
}

// Time is now.
func (h *Host) Time() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// Logger is where faults are told.
func (h *Host) Logger() *slog.Logger {
	if h.Log != nil {
		return h.Log
	}
	return slog.Default()
}

// Frame is the frame of a page. plain leaves out the ways to staff's pages; the way to the reader's account is there where they have signed in.
func (h *Host) Frame(title string, plain, signed bool) Frame {
	f := Frame{Title: title, Plain: plain}
	if signed {
		f.Signed = words.Text("My account")
	}
	if h.MadeUp != nil {
		f.MadeUp = h.MadeUp()
	}
	return f
}

// Send writes a page; that a reader has gone is nobody's fault.
func (h *Host) Send(w http.ResponseWriter, r *http.Request, status int, page *Template, view any) {
	if err := Write(w, r, status, page, view); err != nil && r.Context().Err() == nil {
		h.Logger().ErrorContext(r.Context(), "page could not be written", "path", r.URL.Path, "error", err)
	}
}

// See answers a change with the address of the page to look at next, so that going back does not do it again.
func See(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Sentence makes a sentence of what an error says.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimSuffix(Capital(text), ".") + "."
}

// Refusal is a sentence of what a use said when it refused, in the reader's language. known are the English texts that it may say, with %s for what varies
// (words.Lang.Again). What is not among them is shown to those who read English; others read that it cannot be done, rather than a language they may not understand.
func Refusal(l *words.Lang, said string, known []string) string {
	text, is := l.Again(said, known...)
	if is || l.Code == "en" {
		return Sentence(text)
	}
	return l.T("This cannot be done. Go back and try again, or ask at your practice.")
}

// Capital begins a text with a capital letter.
func Capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
