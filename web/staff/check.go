package staff

import (
	"cmp"
	_ "embed"
	"encoding/csv"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kith-care/kith/connect/feeds"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/web/kit"
)

//go:embed check.html
var checkHTML string

var checkPage = page(checkHTML)

// checkView is the rows of a feed that do not pass one check.
type checkView struct {
	Frame           kit.Frame
	Feed, FeedTitle string
	Title, Family   string
	Wrong           string
	Messages        bool   // what came is no tables
	Total           string // "" where it is not counted
	Order           string
	Rows            []failingRow
	CSV             string
	Newest, Next    string
}

// failingRow is where a row that does not pass stands.
type failingRow struct {
	File, Address, Line, Key, Column, Why string
}

const failingAPage = 50

// check shows the list of rows that do not pass.
func (s *Site) check(w http.ResponseWriter, r *http.Request) {
	f, c, ok := s.checkAt(w, r)
	if !ok {
		return
	}
	after := r.URL.Query().Get("after")
	rows, next, err := s.Feeds.Failing(r.Context(), s.who(r), f.Name, c.Name, "list", after, failingAPage)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	here := "/feeds/" + f.Name + "/checks/" + c.Name
	view := checkView{Feed: f.Name, FeedTitle: cmp.Or(f.Title, f.Name), Title: titleOf(c), Family: capital(string(c.Family)), Wrong: c.Wrong, CSV: here + "/csv", Messages: s.Feeds.Formats[f.Kind] == nil}
	if view.Order = "newest file first"; c.Name == "understood" {
		view.Order = "in order of key"
	}
	view.Frame = s.frame(view.FeedTitle + ": " + view.Title)
	if c.Name != "understood" && !view.Messages {
		fails, err := s.Feeds.Desk.Fails(r.Context(), f)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		view.Total = rowsOf(fails[c.Name])
	}
	for _, row := range rows {
		view.Rows = append(view.Rows, failingOf(f, row))
	}
	if after != "" {
		view.Newest = here
	}
	if next != "" {
		view.Next = here + "?" + url.Values{"after": {next}}.Encode()
	}
	s.Send(w, r, http.StatusOK, checkPage, view)
}

func failingOf(f *intake.Feed, row intake.Failing) failingRow {
	out := failingRow{File: row.File, Address: "/feeds/" + f.Name + "/items/" + strconv.FormatInt(row.Item, 10), Key: row.Key, Column: row.Column, Why: sentence(row.Why)}
	if row.Line > 0 {
		out.Line = count(int(row.Line))
	}
	return out
}

// checkAt is the feed and the check that the address names.
func (s *Site) checkAt(w http.ResponseWriter, r *http.Request) (*intake.Feed, intake.Check, bool) {
	f, ok := s.named(w, r)
	if !ok {
		return nil, intake.Check{}, false
	}
	c, ok := intake.CheckNamed(r.PathValue("check"))
	if !ok {
		s.missing(w, r, "There is no check of this name.")
	}
	return f, c, ok
}

// checkCSV hands the whole list out for the supplier: where each row stands, by what key the supplier knows it, and what is wrong, and nothing
// else of what stands in it.
func (s *Site) checkCSV(w http.ResponseWriter, r *http.Request) {
	f, c, ok := s.checkAt(w, r)
	if !ok {
		return
	}
	const piece = 1000
	rows, next, err := s.Feeds.Failing(r.Context(), s.who(r), f.Name, c.Name, "download", "", piece)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name + "-" + c.Name + "-" + s.Time().Format("2006-01-02") + ".csv"}))
	h.Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	out.UseCRLF = true // https://www.rfc-editor.org/rfc/rfc4180
	out.Write([]string{"file", "line", "key", "column", "reason"})
	for {
		for _, row := range rows {
			line := ""
			if row.Line > 0 {
				line = strconv.FormatInt(row.Line, 10)
			}
			out.Write([]string{cell(row.File), line, cell(row.Key), cell(row.Column), cell(row.Why)})
		}
		if out.Flush(); out.Error() != nil || next == "" {
			return
		}
		if rows, next, err = s.Feeds.Failing(r.Context(), s.who(r), f.Name, c.Name, "download, from "+next+" on,", next, piece); err != nil {
			s.Logger().ErrorContext(r.Context(), "a list of rows could not be handed out whole", "feed", f.Name, "check", c.Name, "error", err)
			panic(http.ErrAbortHandler) // the reader must not take a part for the whole
		}
	}
}

// cell is a value that a spreadsheet shows and does not calculate. https://owasp.org/www-community/attacks/CSV_Injection
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// titleOf is what passes a check, in words.
func titleOf(c intake.Check) string { return cmp.Or(measures[c.Title], sentence(c.Title)) }

func rowsOf(n int) string {
	if n == 1 {
		return "1 row"
	}
	return count(n) + " rows"
}

// checksOf are the checks of a feed, each with how many rows do not pass it now and where they are listed.
func (s *Site) checksOf(r *http.Request, st *feeds.Status) ([]measure, error) {
	fails, err := s.Feeds.Desk.Fails(r.Context(), st.Feed)
	if err != nil {
		return nil, err
	}
	made := map[string]feeds.Measure{}
	for _, m := range st.Quality {
		made[m.Name] = m
	}
	var out []measure
	for _, c := range intake.Checks() {
		m, ok := made[c.Name]
		m.Check = c
		row := measureOf(m)
		switch {
		case c.Name == "understood" && st.Quarantined > 0:
			row.List = atLeast(st.Quarantined) + " in quarantine"
		case fails[c.Name] > 0:
			row.List = rowsOf(fails[c.Name])
		case s.Feeds.Formats[st.Feed.Kind] == nil && m.Of > m.Pass && c.Name != "parent":
			row.List = "those that do not"
		}
		if row.List != "" {
			row.Address = "/feeds/" + st.Feed.Name + "/checks/" + c.Name
		}
		if ok || row.List != "" {
			out = append(out, row)
		}
	}
	return out, nil
}
