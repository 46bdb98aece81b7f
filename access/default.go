package access

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed policy.txt
var policyText string

// Default is the policy that Kith comes with.
var Default = sync.OnceValue(func() *Table {
	t, err := Parse(strings.NewReader(policyText))
	if err != nil {
		panic("access: " + err.Error())
	}
	return t
})
