package smart

import (
	"io"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kith-care/kith/fhir"
)

// keyCache remembers the keys that clients publish.
type keyCache struct {
	mu sync.Mutex
	of map[string]fetchedKeys
}

type fetchedKeys struct {
	address string
	set     []jose.JSONWebKey
	when    time.Time
}

func (k *keyCache) get(client, address string) ([]jose.JSONWebKey, time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.of[client]; f.address == address {
		return f.set, f.when
	}
	return nil, time.Time{}
}

func (k *keyCache) put(client, address string, set []jose.JSONWebKey, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]fetchedKeys{}
	}
	k.of[client] = fetchedKeys{address, set, now}
}

func (k *keyCache) forget(client string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, client)
}

func (k *keyCache) forgetAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of = nil
}

// readAtMost reads all there is, and refuses more than a limit.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fhir.Errorf(fhir.TooLarge, "more than %d bytes", limit)
	}
	return body, err
}
