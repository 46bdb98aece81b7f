package kit

import (
	"bytes"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-care/kith/words"
)

// Format is how a page is set for its reader. https://www.england.nhs.uk/about/equality/equality-hub/patient-equalities-programme/equality-frameworks-and-information-standards/accessibleinfo/
type Format string

// The formats of pages.
const (
	Standard Format = "standard"
	Large    Format = "large" // large print: everything half as large again, on paper too
	Easy     Format = "easy"  // easy read: large, short lines, wide gaps, one thing below another
)

// Formats are all of them.
var formats = []Format{Standard, Large, Easy}

// What a reader has chosen is kept by their browser; what they need is kept in their record (care/need) and put there when they say so or sign in.
const langCookie, formatCookie = "kith-words", "kith-format"

// Lang is the language of a request: chosen, or else the first that the browser asks for and that there is.
func Lang(r *http.Request) *words.Lang {
	if l, ok := r.Context().Value(spoken{}).(*words.Lang); ok {
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil {
		return words.In(c.Value)
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		code, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(code, "-")
		if l := words.In(base); l.Code == base {
			return l
		}
	}
	return words.In("en")
}

// spoken is the key under which a request holds the language that was chosen for it.
type spoken struct{}

// Speak answers a request whose pages are in a language, whatever its reader has chosen.
func Speak(r *http.Request, l *words.Lang) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), spoken{}, l))
}

// FormatOf is the format of a request.
func FormatOf(r *http.Request) Format {
	if c, err := r.Cookie(formatCookie); err == nil && slices.Contains(formats, Format(c.Value)) {
		return Format(c.Value)
	}
	return Standard
}

// Choose keeps a language and a format for the reader's next pages; what is empty stays as it is.
func Choose(w http.ResponseWriter, r *http.Request, lang string, format Format) {
	keep := func(name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
	}
	if lang != "" {
		keep(langCookie, words.In(lang).Code)
	}
	if slices.Contains(formats, format) {
		keep(formatCookie, string(format))
	}
}

// Chosen reports whether this browser keeps a language or a format that somebody chose.
func Chosen(r *http.Request) bool {
	for _, name := range []string{langCookie, formatCookie} {
		if _, err := r.Cookie(name); err == nil {
			return true
		}
	}
	return false
}

// Chooser lets a reader choose on any page: ?words=cy is the same page in Welsh from now on, ?set=large in large print. It stands before everything;
// what is under /fhir is no page, and its queries are left alone.
func Chooser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/fhir/") || !strings.Contains(r.URL.RawQuery, "words=") && !strings.Contains(r.URL.RawQuery, "set=") {
			next.ServeHTTP(w, r)
			return
		}
		query := r.URL.Query()
		lang, format := query.Get("words"), query.Get("set")
		if lang == "" && format == "" {
			next.ServeHTTP(w, r)
			return
		}
		Choose(w, r, lang, Format(format))
		query.Del("words")
		query.Del("set")
		to := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/\\") // never the address of another host
		if rest := query.Encode(); rest != "" {
			to += "?" + rest
		}
		See(w, r, to)
	})
}

// choices puts the reader's format into a page, and lets the links that choose keep the rest of the page's address.
func choices(page []byte, r *http.Request) []byte {
	if f := FormatOf(r); f != Standard {
		page = bytes.Replace(page, []byte(` class="kith-standard"`), []byte(` class="kith-`+f+`"`), 1)
	}
	if r.URL.RawQuery != "" {
		query := r.URL.Query()
		query.Del("words")
		query.Del("set")
		if rest := query.Encode(); rest != "" {
			for _, name := range []string{"words", "set"} {
				page = bytes.ReplaceAll(page, []byte(`href="?`+name+`=`), []byte(`href="?`+template.HTMLEscapeString(rest)+`&amp;`+name+`=`))
			}
		}
	}
	return page
}
