package seat

import (
	"net/http"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// Follow has pages follow what somebody needs, from their next one on: their language, where pages are in it, and their format.
func Follow(w http.ResponseWriter, r *http.Request, n need.Need) {
	lang := ""
	if n.Language != "" && words.In(n.Language).Code == n.Language {
		lang = n.Language
	}
	kit.Choose(w, r, lang, formats[n.Format])
}

// formats are the formats of pages that fit what somebody needs; all others are kept to paper and people.
var formats = map[need.Format]kit.Format{need.Standard: kit.Standard, need.LargePrint: kit.Large, need.EasyRead: kit.Easy}

// Follows reports whether a need would have pages look other than they do where nobody has chosen anything in this browser.
func Follows(r *http.Request, n need.Need) bool {
	lang := n.Language != "" && words.In(n.Language).Code == n.Language && kit.Lang(r).Code != n.Language
	format, known := formats[n.Format]
	return !kit.Chosen(r) && (lang || known && format != kit.Standard)
}
