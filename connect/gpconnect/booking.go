package gpconnect

// appointmentUp: reasons are codes and references, the referral what it is based on.
func appointmentUp(_ *mapping, n *node) {
	n.rename("reason", "reasonCode")
	n.rename("indication", "reasonReference")
	n.rename("incomingReferral", "basedOn")
	n.many("serviceCategory")
}

func appointmentDown(_ *giving, n *node) {
	n.rename("reasonCode", "reason")
	n.rename("reasonReference", "indication")
	n.rename("basedOn", "incomingReferral")
	n.one("serviceCategory")
	for _, p := range n.get("participant").items() {
		p.put("period", nil)
	}
}

func slotUp(_ *mapping, n *node) { n.many("serviceCategory") }

func slotDown(_ *giving, n *node) { n.one("serviceCategory") }

func scheduleUp(_ *mapping, n *node) { n.many("serviceCategory") }

func scheduleDown(_ *giving, n *node) { n.one("serviceCategory") }
