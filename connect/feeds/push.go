package feeds

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
)

// mostPushed is the largest body that is pushed, in bytes.
const mostPushed = 64 << 20

// Push takes what other systems send by POST /{feed}: one item of a feed whose kind is read item by item, such as fhir or devices. It is answered when
// it has been filed: 200 with the number under which it is kept, 422 with the reason where it is in quarantine, 503 where it should be sent again, 415 where it is compressed. What
// came before gets the same answer. POST /{feed}/batch is for many small ones (batch.go).
func (s *Service) Push() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{feed}/batch", s.batch)
	mux.HandleFunc("POST /{feed}", func(w http.ResponseWriter, r *http.Request) {
		body, ok := s.body(w, r, mostPushed)
		if !ok {
			return
		}
		it, err := s.pushed(r.Context(), r.PathValue("feed"), body)
		status := http.StatusOK
		switch {
		case err == nil:
		case it != nil && it.Status == intake.Quarantined:
			status = http.StatusUnprocessableEntity
		case fhir.KindOf(err) == fhir.NotFound:
			status = http.StatusNotFound
		case fhir.KindOf(err) == fhir.Unsupported:
			status = http.StatusBadRequest
		default:
			status = http.StatusServiceUnavailable
		}
		answer(w, status, it, err)
	})
	return mux
}

// body is what is pushed, by whoever may; otherwise it has answered why not.
func (s *Service) body(w http.ResponseWriter, r *http.Request, most int64) ([]byte, bool) {
	if how := r.Header.Get("Content-Encoding"); how != "" && how != "identity" { // read as it came, it would be quarantined as damaged
		answer(w, http.StatusUnsupportedMediaType, nil, fhir.Errorf(fhir.Unsupported, "the body is encoded as %q: send it as it is", how))
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, nil, fhir.Errorf(fhir.Invalid, "the body is larger than %d MB, or broke off", most>>20))
		return nil, false
	}
	if err := s.mayPush(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Kith"`)
		answer(w, http.StatusUnauthorized, nil, err)
		return nil, false
	}
	return body, true
}

// mayPush refuses whoever is not the source of the feed: a backend service of the feed's organisation that was allowed to bring what it
// records. Who guesses names of feeds learns nothing.
func (s *Service) mayPush(r *http.Request) error {
	if s.Who == nil {
		return nil
	}
	who, err := s.Who(r)
	if err != nil {
		return err
	}
	f, err := s.Desk.Named(r.PathValue("feed"))
	if err != nil || who.Role != "system" || !who.App.Brings() || f.Organization != "" && f.Organization != who.Organization {
		return fhir.Errorf(fhir.Forbidden, "the token is not one that may bring what this feed takes: it needs system/*.c, for the organisation of the feed")
	}
	return nil
}

func (s *Service) pushed(ctx context.Context, feed string, body []byte) (*intake.Item, error) {
	f, err := s.Desk.Named(feed)
	if err != nil {
		return nil, err
	}
	read := s.Readers[f.Kind]
	if read == nil {
		return nil, fhir.Errorf(fhir.Unsupported, "the feed %s takes nothing that is pushed: its kind is %s", feed, f.Kind)
	}
	it, err := s.Desk.Receive(ctx, feed, "pushed", body, read)
	if err == nil && it.Status == intake.Quarantined {
		err = fhir.Errorf(fhir.Invalid, "%s", it.Reason) // it came before, and was not understood then either
	}
	return it, err
}

// answer says what became of a push.
func answer(w http.ResponseWriter, status int, it *intake.Item, err error) {
	said := struct {
		Item     string         `json:"item,omitempty"`
		Status   intake.Status  `json:"status,omitempty"`
		Filed    map[string]int `json:"filed,omitempty"`
		Problems int            `json:"quarantined,omitempty"`
		Reason   string         `json:"reason,omitempty"`
	}{}
	if it != nil {
		said.Item, said.Status, said.Filed, said.Problems = strconv.FormatInt(it.Number, 10), it.Status, it.Types, it.Rows.Quarantined
	}
	if err != nil {
		said.Reason = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(said)
}
