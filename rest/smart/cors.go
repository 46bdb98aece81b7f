package smart

import (
	"context"
	"net/http"
	"strings"
)

// preflight lets pages of registered apps call us from a browser (CORS), and answers a browser that asks whether it may; true where
// nothing is left to do. No cookie is ever sent along: credentials are not allowed. https://fetch.spec.whatwg.org/#http-cors-protocol
func (s *Service) preflight(w http.ResponseWriter, r *http.Request, methods string) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	asks := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if origin != "" && s.knowsOrigin(r.Context(), origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Content-Location, ETag, Expires, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Progress")
		if asks {
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer")
			h.Set("Access-Control-Max-Age", "600")
		}
	}
	if r.Method == http.MethodOptions {
		h.Set("Allow", methods+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	return false
}

// public serves what anybody may read from anywhere, by GET.
func (s *Service) public(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Accept, Content-Type")
			w.WriteHeader(http.StatusNoContent)
		case http.MethodGet, http.MethodHead:
			next(w, r)
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			s.answer(w, http.StatusMethodNotAllowed, errorBody{"invalid_request", "this takes GET only"})
		}
	}
}

// knowsOrigin reports whether an approved client has pages at an origin.
func (s *Service) knowsOrigin(ctx context.Context, origin string) bool {
	if s.current(ctx) != nil {
		return false
	}
	k := &s.tokens
	k.mu.RLock()
	known, gen := k.origins, k.gen
	k.mu.RUnlock()
	if known == nil {
		clients, err := s.Clients(ctx)
		if err != nil {
			return false // the request itself will hear of it
		}
		known = map[string]bool{}
		for i := range clients {
			if clients[i].State == Approved {
				for _, o := range clients[i].origins() {
					known[o] = true
				}
			}
		}
		k.mu.Lock()
		if k.gen == gen {
			k.origins = known
		}
		k.mu.Unlock()
	}
	return known[strings.ToLower(origin)]
}
