package staff

import (
	"cmp"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
)

//go:embed feed.html
var feedHTML string

var feedPage = page(feedHTML)

// feedView is one feed: how it stands, what came, what could not be filed, and what a person may do about it.
type feedView struct {
	Frame      kit.Frame
	Feed       feedRow
	Checks     []measure
	Held       string
	From       string // where it gets what it files
	Validation string // "" where it is not validated in full
	Said       string // what was just done
	Errors     []field
	File, Why  field // of the forms
	Files      bool  // it takes files
	Replays    bool
	Sent       []itemRow // what became of the file that was just sent
	Items      []itemRow
	Newer      string
	Older      string
	Faults     []faultRow
	Counted    string // that there is more than is counted
}

// itemRow is one thing that arrived.
type itemRow struct {
	Name, Address, Received, Size, State, Reason string
	In, Filed, Quarantined, Parked               string
	Calm                                         bool
}

// faultRow is a reason for which rows are in quarantine.
type faultRow struct {
	Reason, Count string
	Rows          []badRow
}

// badRow is a row that could not be filed, as it came, the column at fault in the middle.
type badRow struct {
	Where, Address, Reason string
	Before, Marked, After  string
}

const itemsAPage = 25

// happened is what a page says after something was done.
var happened = map[string]string{
	"released": "The feed was released: what waits is being filed.",
	"held":     "The feed is held. What arrives is kept and not filed.",
	"again":    "This file came before under the same name, and everything in it has been filed. Nothing has changed.",
	"messages": "The messages in the file were taken. They stand first in the list of what arrived.",
	"replayed": "The replay is done. What is shown below is what doing it once more would change.",
}

func (s *Site) feed(w http.ResponseWriter, r *http.Request) {
	s.showFeed(w, r, feedView{Said: happened[r.URL.Query().Get("did")]})
}

// showFeed shows the feed that the address names. What view holds already is what the person did, and what was wrong with it.
func (s *Site) showFeed(w http.ResponseWriter, r *http.Request, view feedView) {
	name := r.PathValue("name")
	if s.Feeds == nil {
		s.missing(w, r, "No feeds are run for this record.")
		return
	}
	all, err := s.Feeds.Overview(r.Context(), s.who(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	found := false
	for i := range all {
		if f := all[i].Feed; f.Name == name {
			found = true
			if view.Checks, err = s.checksOf(r, &all[i]); err != nil {
				s.fail(w, r, err)
				return
			}
			view.Feed, view.Held, view.From = s.rowOfFeed(&all[i]), f.Held, from(f)
			view.Validation = validation(f)
			view.Replays = s.Feeds.Replays(f.Kind)
			view.Files = view.Replays || f.Kind == "hl7"
		}
	}
	if !found {
		s.missing(w, r, "There is no feed of this name.")
		return
	}
	view.Frame = s.frame(view.Feed.Title)
	view.File.ID, view.Why.ID = "file", "why"
	status := http.StatusOK
	if view.Errors != nil {
		status, view.Frame.Title = http.StatusBadRequest, "Error: "+view.Feed.Title
	}
	if err := s.items(&view, r, name); err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.faults(&view, r, name); err != nil {
		s.fail(w, r, err)
		return
	}
	s.Send(w, r, status, feedPage, view)
}

// from is where a feed gets what it files.
func from(f *intake.Feed) string {
	switch {
	case f.Address != "" && f.Kind == "hl7":
		return "messages sent to " + f.Address
	case f.Address != "":
		return "asks " + f.Address
	case f.Folder != "":
		return "watches the folder " + f.Folder
	}
	return "what is uploaded here"
}

// validation says what becomes of what does not validate in full.
func validation(f *intake.Feed) string {
	switch {
	case f.Strict:
		return "what does not validate is refused"
	case f.Warn:
		return "what does not validate is filed and listed"
	}
	return ""
}

// items fills in the page of what arrived, and what became of a file that was just sent.
func (s *Site) items(view *feedView, r *http.Request, name string) error {
	q := r.URL.Query()
	before, err := strconv.ParseInt(cmp.Or(q.Get("before"), "0"), 10, 64)
	if err != nil || before < 0 {
		return fhir.Errorf(fhir.Invalid, "%q is no number of an item", q.Get("before"))
	}
	items, err := s.Feeds.Desk.Items(r.Context(), name, before, itemsAPage+1)
	if err != nil {
		return err
	}
	if len(items) > itemsAPage {
		items = items[:itemsAPage]
		view.Older = "/feeds/" + name + "?before=" + strconv.FormatInt(items[itemsAPage-1].Number, 10) + "#arrived"
	}
	if before != 0 {
		view.Newer = "/feeds/" + name + "#arrived"
	}
	for _, it := range items {
		view.Items = append(view.Items, itemOf(it))
	}
	drop := q.Get("sent")
	if drop == "" {
		return nil
	}
	sent, err := s.Feeds.Desk.Items(r.Context(), name, 0, 200)
	for _, it := range sent {
		if it.Drop == drop {
			view.Sent = append(view.Sent, itemOf(it))
		}
	}
	return err
}

func itemOf(it *intake.Item) itemRow {
	return itemRow{Name: it.Name, Address: "/feeds/" + it.Feed + "/items/" + strconv.FormatInt(it.Number, 10), Received: clock(it.Received), Size: size(it.Size),
		State: itemStates[it.Status], Calm: it.Status == intake.Filed, Reason: it.Reason, In: count(it.Rows.In), Filed: count(it.Rows.Filed), Quarantined: count(it.Rows.Quarantined), Parked: count(it.Rows.Parked)}
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " bytes"
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + " kB"
	}
	return thousands(n/1_000_000) + " MB"
}

// faults fills in what could not be filed, by reason.
func (s *Site) faults(view *feedView, r *http.Request, name string) error {
	faults, err := s.Feeds.Faults(r.Context(), s.who(r), name)
	if err != nil {
		return err
	}
	items := map[int64]*intake.Item{}
	total := 0
	for _, f := range faults {
		total += f.Count
		row := faultRow{Reason: sentence(f.Reason), Count: count(f.Count)}
		for _, b := range f.Rows {
			if items[b.Item] == nil {
				it, err := s.Feeds.Desk.Item(r.Context(), b.Item)
				if fhir.KindOf(err) == fhir.NotFound && err != nil {
					it, err = &intake.Item{Feed: name, Number: b.Item}, nil // a file that was never read has no columns to mark
				}
				if err != nil {
					return err
				}
				items[b.Item] = it
			}
			row.Rows = append(row.Rows, badOf(b, items[b.Item]))
		}
		view.Faults = append(view.Faults, row)
	}
	if total >= 1000 {
		view.Counted = "the first 1,000 are counted"
	}
	return nil
}

func badOf(b intake.Bad, it *intake.Item) badRow {
	row := badRow{Where: b.File, Address: "/feeds/" + b.Feed + "/items/" + strconv.FormatInt(b.Item, 10), Reason: sentence(b.Reason)}
	if b.Line > 0 {
		row.Where += ", line " + strconv.FormatInt(b.Line, 10)
	}
	if b.Column != "" {
		row.Where += ", column " + b.Column
	}
	text := cut(b.Row, 2000)
	from, to := columnIn(text, b.Column, it)
	row.Before, row.Marked, row.After = text[:from], text[from:to], text[to:]
	return row
}

// columnIn is where the column stands in a row as it came: from == to where that is not known, or it is empty.
func columnIn(text, column string, it *intake.Item) (from, to int) {
	if len(it.Header) == 0 {
		return segmentField(text, column)
	}
	comma := byte(',')
	if c := it.Meta["comma"]; c != "" {
		comma = c[0]
	}
	at, quoted := 0, false
	for i := 0; i <= len(text); i++ {
		switch {
		case i < len(text) && text[i] == '"':
			quoted = !quoted
		case i == len(text) || text[i] == comma && !quoted:
			if at < len(it.Header) && strings.EqualFold(it.Header[at], column) {
				return from, i
			}
			at, from = at+1, i+1
		}
	}
	return 0, 0
}

// segmentField is where field n of a segment of HL7 v2 stands. MSH-1 is the separator itself.
func segmentField(text, column string) (from, to int) {
	n, err := strconv.Atoi(column)
	if err != nil || n < 1 || len(text) < 4 || text[3] != '|' {
		return 0, 0
	}
	if strings.HasPrefix(text, "MSH") {
		n--
	}
	fields := strings.Split(text, "|")
	if n < 1 || n >= len(fields) {
		return 0, 0
	}
	from = len(strings.Join(fields[:n], "|")) + 1
	return from, from + len(fields[n])
}

// cut keeps text to some length, at a whole character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}

// mostUpload is the largest file that a page takes; larger ones belong into a watched folder.
const mostUpload = 4 << 30

func (s *Site) upload(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	wrong := func(message string) {
		f := field{ID: "file", Error: message}
		s.showFeed(w, r, feedView{File: f, Errors: []field{f}})
	}
	if s.Feeds == nil {
		s.missing(w, r, "No feeds are run for this record.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostUpload)
	err := r.ParseMultipartForm(8 << 20)
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		wrong("The file is larger than 4 GB: put it into a folder that the feed watches")
		return
	}
	if err != nil || len(r.MultipartForm.File["file"]) != 1 || r.MultipartForm.File["file"][0].Filename == "" {
		wrong("Choose a file to upload")
		return
	}
	head := r.MultipartForm.File["file"][0]
	before := s.newest(r, name)
	report, err := s.Feeds.Accept(r.Context(), s.who(r), name, head.Filename, func() (io.ReadCloser, error) { return head.Open() })
	switch kind := fhir.KindOf(err); {
	case err != nil && (kind == fhir.Invalid || kind == fhir.Unsupported || kind == fhir.Conflict):
		wrong(sentence(err.Error()))
	case err != nil && kind == fhir.NotFound:
		s.missing(w, r, "There is no feed of this name.")
	case err != nil:
		s.fail(w, r, err)
	case len(report.Ignored) > 0 && len(report.Items) == 0:
		wrong(head.Filename + " holds nothing that this feed reads: its files are known by their names and columns. Nothing was kept")
	default:
		kit.See(w, r, "/feeds/"+name+"?"+s.afterUpload(r, name, before, report))
	}
}

// afterUpload is what the page's address says of a file that was sent.
func (s *Site) afterUpload(r *http.Request, name string, before int64, report *intake.Report) string {
	if f, err := s.Feeds.Desk.Named(name); err == nil && f.Kind == "hl7" {
		return "did=messages"
	}
	if len(report.Items) == 0 && report.Held == "" && s.newest(r, name) == before {
		return "did=again"
	}
	return url.Values{"sent": {report.Drop}}.Encode()
}

// newest is the number of what arrived last by a feed, 0 for nothing.
func (s *Site) newest(r *http.Request, name string) int64 {
	items, err := s.Feeds.Desk.Items(r.Context(), name, 0, 1)
	if err != nil || len(items) == 0 {
		return 0
	}
	return items[0].Number
}

func (s *Site) hold(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	why := field{ID: "why", Value: strings.TrimSpace(r.PostFormValue("why"))}
	if _, ok := s.named(w, r); !ok {
		return
	}
	if why.Value == "" || len(why.Value) > 500 {
		why.Error = "Write in a sentence why the feed is to be held"
		s.showFeed(w, r, feedView{Why: why, Errors: []field{why}})
		return
	}
	err := s.Door.Box("intake").Disclose(r.Context(), s.who(r), "hold of the feed "+name+": "+why.Value)
	if err == nil {
		err = s.Feeds.Hold(r.Context(), s.who(r), name, why.Value)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	kit.See(w, r, "/feeds/"+name+"?did=held")
}

// named is the feed that the address names; where there is none, the page that says so has been sent.
func (s *Site) named(w http.ResponseWriter, r *http.Request) (*intake.Feed, bool) {
	if s.Feeds == nil {
		s.missing(w, r, "No feeds are run for this record.")
		return nil, false
	}
	f, err := s.Feeds.Desk.Named(r.PathValue("name"))
	if err != nil {
		s.missing(w, r, "There is no feed of this name.")
		return nil, false
	}
	return f, true
}
