package plan

import (
	_ "embed"

	"github.com/kith-care/kith/web/kit"
)

// parts are what several of these pages show.
//
//go:embed parts.html
var parts string

//go:embed plan.html
var planHTML string

//go:embed question.html
var questionHTML string

//go:embed history.html
var historyHTML string

//go:embed goal.html
var goalHTML string

//go:embed programmes.html
var programmesHTML string

//go:embed programme.html
var programmeHTML string

//go:embed repeats.html
var repeatsHTML string

//go:embed check.html
var checkHTML string

//go:embed order.html
var orderHTML string

//go:embed queue.html
var queueHTML string

//go:embed quiet.html
var quietHTML string

var (
	planPage       = kit.Page(parts + planHTML)
	questionPage   = kit.Page(parts + questionHTML)
	historyPage    = kit.Page(parts + historyHTML)
	goalPage       = kit.Page(parts + goalHTML)
	programmesPage = kit.Page(parts + programmesHTML)
	programmePage  = kit.Page(parts + programmeHTML)
	repeatsPage    = kit.Page(parts + repeatsHTML)
	checkPage      = kit.Page(parts + checkHTML)
	orderPage      = kit.Page(parts + orderHTML)
	queuePage      = kit.English(queueHTML)
	quietPage      = kit.English(quietHTML)
)
