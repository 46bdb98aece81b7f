package wordstest

import (
	"slices"
	"testing"
)

func TestEnglishIsFound(t *testing.T) {
	page := `<html><head><title>Cymorth for you</title><style>the { }</style></head><body><p>Dylid gweld nawr frech</p><p>Tell <b>us</b>
what is wrong</p><a href="/the" lang="en" rel="x">When to call 999</a><nav aria-label="All of it"></nav><p>Gofal yn The Old Mill</p></body></html>`
	if got, want := English(page, "The Old Mill"), []string{"Cymorth for you", "what is wrong", "All of it"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}
