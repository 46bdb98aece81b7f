package monitor

import "github.com/kith-care/kith/access"

// me is in whose name monitoring reads and writes.
var me = access.Actor{ID: "kith/monitor", Name: "Monitoring", Role: access.Kith, Purpose: "TREAT"}
