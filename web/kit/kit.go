// Package kit is what all pages share: the frame around them, the stylesheet, how a name, a date, an NHS number or a
// result is written, and a small chart.
//
// Pages are made on the server and work without script. Nothing is fetched from anywhere else: the stylesheet is
// compiled from nhsuk-frontend (MIT) set in Arial, without the licensed Frutiger, and without the NHS logo; a deployer
// who may use them supplies their own. A page is one typed view and one template; a template never sees a resource.
//
// How things are written follows the common user interface of the NHS: 14-Jul-1945 (81y), 999 000 0018, "Not Known".
package kit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

//go:generate sh -c "cd .. && npx --no-install sass --no-source-map --style=compressed --load-path=node_modules kit/style/kith.scss kit/static/kith.css && npx --no-install rtlcss --silent kit/static/kith.css kit/static/kith.rtl.css"

//go:embed static
var static embed.FS

// Frame is what stands around a page.
type Frame struct {
	Title  string // of the window; the page's own heading stands in the page
	MadeUp *MadeUp
	Plain  bool   // without the ways to staff's pages
	Signed string // what the way to the reader's account is called; "" where nobody signs in
	Script string // address of the page's one script, "" nearly always; whoever sets it also calls Scripted
	Back   Way    // where the link back leads, where there is one
	Help   string // a telephone number that helps with these pages, "" for none
}

// Way is a link.
type Way struct{ To, Text string }

// MadeUp says on every page that the people shown do not exist, and how far the town has been filled.
type MadeUp struct {
	Place       string
	Done, Total int    // people; equal once all are there
	Failed      string // why filling stopped, "" nearly always
}

// Filling reports whether people are still being added.
func (m *MadeUp) Filling() bool { return m.Done < m.Total && m.Failed == "" }

// Secure sets what keeps a page from being framed, scripted or sniffed. No page has script or inline style, so none is
// allowed.
func Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// Scripted lets the page that is about to be written load scripts from our own files, and have them ask our own addresses.
func Scripted(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; script-src 'self'; connect-src 'self'")
}

// Static serves the stylesheets and the icon under /static/. Their names change with their content, so they may be kept.
func Static() http.Handler {
	files, _ := fs.Sub(static, "static")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/static/")
		for _, s := range sheets() {
			if r.URL.Path == s.address {
				s.serve(w, r)
				return
			}
		}
		data, err := fs.ReadFile(files, name)
		if err != nil || strings.HasSuffix(name, ".css") {
			http.NotFound(w, r)
			return
		}
		keep(w, "image/svg+xml")
		w.Write(data)
	})
}

func keep(w http.ResponseWriter, kind string) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Vary", "Accept-Encoding")
}

// sheet is a compiled stylesheet.
type sheet struct {
	address   string // with the sum of its content in it
	css, gzip []byte
}

// sheets are the stylesheets, by the direction in which their pages run: ltr, and rtl, which is the same from right to left.
var sheets = sync.OnceValue(func() map[string]*sheet {
	out := map[string]*sheet{}
	for dir, name := range map[string]string{"ltr": "kith", "rtl": "kith.rtl"} {
		css, err := static.ReadFile("static/" + name + ".css")
		if err != nil {
			panic("kit: " + err.Error()) // it is built in
		}
		sum := sha256.Sum256(css)
		var packed bytes.Buffer
		z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		z.Write(css)
		z.Close()
		out[dir] = &sheet{"/static/" + name + "-" + hex.EncodeToString(sum[:6]) + ".css", css, packed.Bytes()}
	}
	return out
})

func (s *sheet) serve(w http.ResponseWriter, r *http.Request) {
	keep(w, "text/css; charset=utf-8")
	if takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(s.gzip)
		return
	}
	w.Write(s.css)
}

// stylesheet is the address of the stylesheet of pages that run in a direction.
func stylesheet(dir string) string { return sheets()[dir].address }
