package feeds

import (
	"net/http"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
)

// mostBatch is the largest batch, in bytes; mostWaiting is how many batches of a feed may wait to be filed before others are turned away for a while.
const (
	mostBatch   = 4 << 20
	mostWaiting = 20_000
)

// batch takes what gateways of devices send, POST /{feed}/batch: many readings at a time, many times a second. It is answered 202 once the batch is kept, durably
// and as it came, and filed in the background, the oldest first; what could not be filed is in quarantine, and the console shows it. The same
// batch again gets the same answer and is filed once. 503 with Retry-After says that too many wait.
func (s *Service) batch(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r, mostBatch)
	if !ok {
		return
	}
	name := r.PathValue("feed")
	f, err := s.Desk.Named(name)
	switch {
	case err != nil:
		answer(w, http.StatusNotFound, nil, err)
		return
	case s.Readers[f.Kind] == nil:
		answer(w, http.StatusBadRequest, nil, fhir.Errorf(fhir.Unsupported, "the feed %s takes nothing that is pushed: its kind is %s", name, f.Kind))
		return
	}
	q := s.queue(name)
	if q.waiting.Load() >= mostWaiting {
		w.Header().Set("Retry-After", "5")
		answer(w, http.StatusServiceUnavailable, nil, fhir.Errorf(fhir.Busy, "%d batches of the feed %s wait to be filed: send it again in a while", mostWaiting, name))
		return
	}
	it, again, err := s.Desk.Keep(r.Context(), name, "batch", body)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		answer(w, http.StatusServiceUnavailable, nil, err)
		return
	}
	if !again || it.Status == intake.Pending {
		q.waiting.Add(1)
		select {
		case q.wake <- struct{}{}:
		default: // it is awake
		}
	}
	answer(w, http.StatusAccepted, it, nil)
}

// queue is what waits of a feed, as far as this process knows.
func (s *Service) queue(name string) *queue {
	q, _ := s.queues.LoadOrStore(name, &queue{wake: make(chan struct{}, 1)})
	return q.(*queue)
}
