package record

import (
	"net/url"
	"strings"
	"testing"

	"github.com/kith-care/kith/store/storetest"
)

// The store keeps the beginning of a long text; the cut must not go through the middle of a letter, which a database
// refuses, and what is cut off still counts.
func TestLongTextsAreCutBetweenLetters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := TestOn(t, db)
		for i, letter := range []string{"x", "ж", "漢", "😀"} {
			for shift := range 4 {
				name := strings.Repeat("a", shift) + strings.Repeat(letter, 70)
				id := string(rune('a'+i)) + string(rune('0'+shift))
				put(t, d, `{"resourceType":"Patient","id":"`+id+`","name":[{"family":"`+name+`"}]}`)
				for query, want := range map[string]string{
					"family=" + url.QueryEscape(name):       id,
					"family:exact=" + url.QueryEscape(name): id,
					"family=" + url.QueryEscape(name+"y"):   "",
				} {
					if got := ids(t, d, "Patient?"+query+"&_id="+id); got != want {
						t.Errorf("%d %d %s finds %q, want %q", i, shift, query[:12], got, want)
					}
					if got := ids(t, d, "Patient?"+query); got != want {
						t.Errorf("%d %d %s finds %q, want %q", i, shift, query[:12], got, want)
					}
				}
			}
		}
	})
}
