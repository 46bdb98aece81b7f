package files

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// identity is the id under which an item from elsewhere is stored each time it comes: the UUID that its bundle names it
// by, its own id, or else a digest of its first identifier, or of all of it.
func identity(res *fhir.Resource, fullURL string) string {
	if id, ok := strings.CutPrefix(fullURL, "urn:uuid:"); ok && fhir.ValidID(id) {
		return id
	}
	if ref := fhir.ParseReference(fullURL); ref.Type == res.Type() {
		return ref.ID
	}
	if id := res.ID(); id != "" {
		return id
	}
	for id := range res.Root().Get("identifier").Items() {
		if v := id.Get("value").Text(); v != "" {
			return digest(res.Type() + "|" + id.Get("system").Text() + "|" + v)
		}
	}
	return digest(string(res.Bytes()))
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
