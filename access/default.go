package access

import (
	_ "embed"
	"strings"
	"sync"
)

// DefaultText is the policy that Kith comes with, as it is written.
//
//go:embed policy.txt
var DefaultText string

// Default is the policy that Kith comes with.
var Default = sync.OnceValue(func() *Table {
	t, err := Parse(strings.NewReader(DefaultText))
	if err != nil {
		panic("access: " + err.Error())
	}
	return t
})
