package booking

import (
	_ "embed"

	"github.com/kith-care/kith/web/kit"
)

// parts are what several of these pages show.
//
//go:embed parts.html
var parts string

//go:embed list.html
var listHTML string

//go:embed need.html
var needHTML string

//go:embed times.html
var timesHTML string

//go:embed check.html
var checkHTML string

//go:embed one.html
var oneHTML string

//go:embed cancel.html
var cancelHTML string

//go:embed ask.html
var askHTML string

//go:embed print.html
var printHTML string

//go:embed waiting.html
var waitingHTML string

//go:embed still.html
var stillHTML string

//go:embed letter.html
var letterHTML string

var (
	listPage    = kit.Page(parts + listHTML)
	needPage    = kit.Page(parts + needHTML)
	timesPage   = kit.Page(parts + timesHTML)
	checkPage   = kit.Page(parts + checkHTML)
	onePage     = kit.Page(parts + oneHTML)
	cancelPage  = kit.Page(parts + cancelHTML)
	askPage     = kit.Page(parts + askHTML)
	printPage   = kit.Page(parts + printHTML)
	waitingPage = kit.Page(parts + waitingHTML)
	stillPage   = kit.Page(parts + stillHTML)
	letterPage  = kit.Page(parts + letterHTML)
)
