package kit

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"html/template"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/words"
)

//go:embed frame.html
var frame string

//go:embed form.html
var form string

// Template is a page in every language it can be read in, each parsed when it is first asked for.
type Template struct {
	text    string
	english bool     // it is read in English alone
	langs   sync.Map // by *words.Lang, what makes the page in it
}

// Page parses a page's template into the frame, with the parts of forms at hand, for every language. In it, {{t "Text %d" .N}} is a text in the reader's
// language, {{h "<b>Text</b>"}} one with marks of HTML and nothing put in, {{n .Count "%d letter" "%d letters"}} one about a number, and {{day .At}},
// {{date .At}}, {{clock .At}} and {{when .At}} are how a time.Time is written.
func Page(text string) *Template { return pageOf(text, false) }

// English is Page for readers who work here: staff's pages are in English.
func English(text string) *Template { return pageOf(text, true) }

func pageOf(text string, english bool) *Template {
	p := &Template{text: text, english: english}
	p.in(words.In("en")) // what cannot be parsed is found at once
	return p
}

func parse(text string, l *words.Lang) *template.Template {
	t := template.New("page").Funcs(template.FuncMap{
		"stylesheet": func() string { return stylesheet(l.Dir) },
		"lang":       func() *words.Lang { return l },
		"offered":    words.Offered,
		"t":          l.T,
		"h":          func(english string) template.HTML { return template.HTML(l.T(english)) },
		"told":       func(english string) template.HTML { return told(l, english) },
		"n":          func(n int, one, many string, args ...any) string { return l.N(n, one, many, args...) },
		"day":        func(t time.Time) string { return l.Day(t) },
		"date":       func(t time.Time) string { return l.Date(t) },
		"clock":      func(t time.Time) string { return l.Clock(t) },
		"when":       func(t time.Time) string { return l.When(t) },
	})
	for _, part := range []string{frame, form, text} {
		template.Must(t.Parse(part))
	}
	return t
}

// told is a text that stands in data, such as the glossary's: in the language where the language has it, else in English and marked as such, since a place may
// add entries of its own.
func told(l *words.Lang, english string) template.HTML {
	said := template.HTML(template.HTMLEscapeString(l.T(english)))
	if l.Has(english) {
		return said
	}
	return `<span lang="en-GB">` + said + `</span>`
}

// in is the page in a language; nil is English.
func (p *Template) in(l *words.Lang) *template.Template {
	if l == nil || p.english {
		l = words.In("en")
	}
	made, there := p.langs.Load(l)
	if !there {
		made, _ = p.langs.LoadOrStore(l, sync.OnceValue(func() *template.Template { return parse(p.text, l) }))
	}
	return made.(func() *template.Template)()
}

// Execute writes the page in a language; nil is English.
func (p *Template) Execute(out io.Writer, l *words.Lang, view any) error {
	return p.in(l).Execute(out, view)
}

// Write sends a page in the reader's language and format, whole or not at all, compressed where the reader takes it.
func Write(w http.ResponseWriter, r *http.Request, status int, page *Template, view any) error {
	var out bytes.Buffer
	if err := page.Execute(&out, Lang(r), view); err != nil {
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return err
	}
	body := choices(out.Bytes(), r)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	if !takesGzip(r) {
		w.WriteHeader(status)
		_, err := w.Write(body)
		return err
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := zips.Get().(*gzip.Writer)
	defer zips.Put(z)
	z.Reset(w)
	if _, err := z.Write(body); err != nil {
		return err
	}
	return z.Close()
}

// zips are writers that have their tables already: a new one costs more than a page.
var zips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed+2)
	return z
}}

func takesGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Method != http.MethodHead
}
