package staff

import (
	"cmp"
	_ "embed"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/web/kit"
)

//go:embed item.html
var itemHTML string

var itemPage = page(itemHTML)

// itemView is one thing that arrived.
type itemView struct {
	Frame                          kit.Frame
	Item                           itemRow
	Feed, FeedTitle                string
	Number, Digest, Drop, Finished string
	Unchanged, Taken, Older        string
	Made                           []pair // resources written, by type
	Notes                          []pair
	Patients                       []string
	Columns                        string
	Text                           string // the first part of it
	Shown                          string // how much of it, "" for all
}

// pair is a name and what is said of it.
type pair struct{ Name, Value string }

// firstPart is how much of an item the page shows.
const firstPart = 4000

func (s *Site) item(w http.ResponseWriter, r *http.Request) {
	f, it, ok := s.itemAt(w, r, "item")
	if !ok {
		return
	}
	begin, err := s.Feeds.Desk.Bytes(r.Context(), it.Number, 0, min(it.Size, firstPart))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := itemView{Frame: s.frame(it.Name), Item: itemOf(it), Feed: f.Name, FeedTitle: cmp.Or(f.Title, f.Name), Number: strconv.FormatInt(it.Number, 10), Digest: it.SHA256, Drop: it.Drop,
		Unchanged: count(it.Rows.Unchanged), Taken: count(it.Rows.Retracted), Older: count(it.Rows.Older), Patients: it.Patients, Columns: strings.Join(it.Header, ", "), Text: readable(begin, it)}
	if !it.Finished.IsZero() {
		view.Finished = clock(it.Finished) + ", " + spell(it.Finished.Sub(it.Received)) + " after it arrived"
	}
	view.Made, view.Notes = pairs(it.Types), pairs(it.Notes)
	if it.Size > firstPart {
		view.Shown = "the first " + size(firstPart) + " of " + size(it.Size)
	}
	s.Send(w, r, http.StatusOK, itemPage, view)
}

// itemAt is the item that the address names, of the feed that it names. That somebody sees what stands in it is audited first.
func (s *Site) itemAt(w http.ResponseWriter, r *http.Request, as string) (*intake.Feed, *intake.Item, bool) {
	f, ok := s.named(w, r)
	if !ok {
		return nil, nil, false
	}
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	var it *intake.Item
	if err == nil {
		it, err = s.Feeds.Desk.Item(r.Context(), n)
	}
	if err != nil || it.Feed != f.Name {
		s.missing(w, r, "Nothing of this number arrived by this feed.")
		return nil, nil, false
	}
	if err := s.Door.Box("intake").Disclose(r.Context(), s.who(r), as+" "+strconv.FormatInt(n, 10)+" of "+f.Name); err != nil {
		s.fail(w, r, err)
		return nil, nil, false
	}
	return f, it, true
}

func pairs(counts map[string]int) (out []pair) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, pair{name, count(counts[name])})
	}
	return out
}

// readable is what arrived as text, line by line.
func readable(raw []byte, it *intake.Item) string {
	var text string
	if it.Meta["charset"] == "windows-1252" {
		var b strings.Builder
		for _, c := range raw {
			b.WriteRune(windows1252(c))
		}
		text = b.String()
	} else {
		text = strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\r':
			return '\n'
		case c < ' ' && c != '\n' && c != '\t':
			return '\u00b7'
		}
		return c
	}, text)
}

// windows1252 is a byte as that character set has it: Latin 1 but for 0x80 to 0x9F.
func windows1252(c byte) rune {
	if c < 0x80 || c > 0x9f {
		return rune(c)
	}
	return []rune("€\uFFFD‚ƒ„…†‡ˆ‰Š‹Œ\uFFFDŽ\uFFFD\uFFFD‘’“”•–—˜™š›œ\uFFFDžŸ")[c-0x80]
}

// raw hands out what arrived, byte for byte, as a file and never as a page.
func (s *Site) raw(w http.ResponseWriter, r *http.Request) {
	_, it, ok := s.itemAt(w, r, "download of item")
	if !ok {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(strings.ReplaceAll(it.Name, `\`, "/"))}))
	h.Set("Content-Length", strconv.FormatInt(it.Size, 10))
	h.Set("Cache-Control", "no-store")
	const piece = 1 << 20
	for at := int64(0); at < it.Size; at += piece {
		data, err := s.Feeds.Desk.Bytes(r.Context(), it.Number, at, min(piece, it.Size-at))
		if err != nil {
			s.Logger().ErrorContext(r.Context(), "an item could not be handed out whole", "item", it.Number, "error", err)
			panic(http.ErrAbortHandler) // the reader must not take a part for the whole
		}
		if _, err := w.Write(data); err != nil {
			return
		}
	}
}
