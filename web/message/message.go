// Package message is the pages of messages: the inbox over all organisations, a conversation, writing, replying with a photograph, closing; how somebody is to be
// reached; and for staff what waits for an answer and what did not reach anybody.
//
// All but the last are the same pages for oneself, for somebody who trusts one, and by staff on somebody's behalf (web/seat). Nothing needs a script: a photograph is
// a file in a form. What may be read and written is decided where it is kept.
package message

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/web/seat"
)

// Site serves /messages and /needs at every seat, and /messages for staff. Messages and Needs must be set, and of Places what that asks for.
type Site struct {
	seat.Places
	Messages *message.Service
	Needs    *need.Service
}

// mostForm is how large a form with photographs may be.
const mostForm = message.MostPhotos*(message.MostPhotoBytes+1<<10) + 1<<20

// Handler serves the pages. What changes something is a POST; whoever serves it must refuse those that come from pages of
// others (http.CrossOriginProtection).
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Page(mux, "GET", "/messages", s.inbox)
	s.Page(mux, "GET", "/messages/new", s.write)
	s.Page(mux, "POST", "/messages/new", s.write)
	s.Page(mux, "GET", "/messages/{thread}", s.thread)
	s.Page(mux, "POST", "/messages/{thread}", s.thread)
	s.Page(mux, "GET", "/messages/{thread}/close", s.close)
	s.Page(mux, "POST", "/messages/{thread}/close", s.close)
	s.Page(mux, "GET", "/messages/{thread}/photo/{id}", s.photo)
	s.Staff(mux, "POST", "/messages/{thread}/photo/{id}", s.keepPhoto)
	s.Page(mux, "GET", "/needs", s.needs)
	s.Page(mux, "GET", "/needs/{question}", s.ask)
	s.Page(mux, "POST", "/needs/{question}", s.ask)
	mux.HandleFunc("GET /messages", s.waiting)
	mux.HandleFunc("POST /messages/{task}", s.attend)
	return s.Serve(mux, mostForm)
}

// home is the path of the page that a seat's others hang from.
func home(at seat.Seat) string {
	if at.Staff {
		return "/front"
	}
	return ""
}

// form is what a form with photographs holds, without anything having been written to a disk.
type form struct {
	url.Values
	photos []message.Photo
}

// mostField is how large a field of such a form may be, in bytes.
const mostField = 64 << 10

// read reads a form with photographs. The error, where it is Invalid, TooLarge or Unsupported, is a sentence about one of these: what else was typed is there all the same.
func read(r *http.Request) (form, error) {
	f := form{Values: url.Values{}}
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		if err := r.ParseForm(); err != nil {
			return f, tooLarge(err)
		}
		f.Values = r.PostForm
		return f, nil
	}
	if err != nil {
		return f, fhir.Errorf(fhir.Invalid, "the form cannot be read")
	}
	var wrong error
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, wrong
		}
		if err != nil {
			return f, tooLarge(err)
		}
		limit := int64(mostField)
		if p.FileName() != "" {
			limit = message.MostPhotoBytes + 1
		}
		raw, err := io.ReadAll(io.LimitReader(p, limit))
		switch {
		case err != nil:
			return f, tooLarge(err)
		case p.FileName() == "" && p.FormName() != "photo":
			f.Add(p.FormName(), string(raw))
		case p.FileName() == "": // no photograph was chosen
		case len(f.photos) == message.MostPhotos:
			wrong = refusal(message.TooManyPhotos)
		default:
			photo, err := message.Clean(raw)
			if err != nil {
				wrong = err
				continue
			}
			f.photos = append(f.photos, photo)
		}
	}
}

func refusal(text string) error { return fhir.Errorf(fhir.Invalid, "%s", text).At("photo") }

// tooLarge is why a form could not be read to its end.
func tooLarge(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fhir.Errorf(fhir.TooLarge, "%s", message.PhotoTooLarge).At("photo")
	}
	return fhir.Errorf(fhir.Invalid, "the form was cut off: send it again")
}

// wrong is what is to be said beside a field; ok is false for an error that is no matter of what was typed.
func wrong(at seat.Seat, err error, fields ...*kit.Field) (list []kit.Field, ok bool) {
	var e *fhir.Error
	if !errors.As(err, &e) || e.Kind != fhir.Invalid && e.Kind != fhir.TooLarge && e.Kind != fhir.Unsupported {
		return nil, false
	}
	for _, f := range fields {
		if f.ID == e.Path || e.Path == "" {
			f.Error = at.Words.T(e.Msg)
			return []kit.Field{*f}, true
		}
	}
	return nil, false
}

// lines are what somebody wrote, as it is to be shown.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
