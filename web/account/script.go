package account

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"sync"
)

//go:embed static/passkey.js
var passkeyJS []byte

// scriptHTML is where the script says what went wrong.
//
//go:embed script.html
var scriptHTML string

// script is the address of the script, with the sum of its content in it, so that it may be kept for ever.
var script = sync.OnceValue(func() string {
	sum := sha256.Sum256(passkeyJS)
	return "/account/static/passkey-" + hex.EncodeToString(sum[:6]) + ".js"
})

func serveScript(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != script() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Write(passkeyJS) // the reader has gone away where this fails
}
