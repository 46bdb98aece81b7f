package gpconnect

var requestStatus = map[string]string{"suspended": "on-hold", "cancelled": "revoked"}

var requestStatusDown = map[string]string{"on-hold": "suspended", "revoked": "cancelled"}

// procedureRequestUp: a request for a test or a recall is a ServiceRequest in R4.
func procedureRequestUp(m *mapping, n *node) {
	m.context(n)
	agent(m, "ProcedureRequest", n)
	replaced(n, "status", requestStatus)
	if n.get("status") == nil {
		n.put("status", str("unknown"))
	}
	n.many("performer")
}

func procedureRequestDown(_ *giving, n *node) {
	n.rename("encounter", "context")
	agentDown(n)
	replaced(n, "status", requestStatusDown)
	n.one("performer")
	n.put("requisition", n.get("requisition").first())
}

// referralUp: what was asked for is R4's code, to whom its performer. Suppliers say what the referral is in its reason: it is then the
// code as well, since a ServiceRequest without code is found by nobody.
func referralUp(m *mapping, n *node) {
	m.context(n)
	agent(m, "ReferralRequest", n)
	replaced(n, "status", requestStatus)
	if n.get("status") == nil {
		n.put("status", str("unknown"))
	}
	asked := n.take("serviceRequested").items()
	switch {
	case len(asked) > 0:
		n.put("code", asked[0])
		n.put("orderDetail", list(asked[1:]...))
	case n.get("reasonCode") != nil:
		n.put("code", n.get("reasonCode").first().copy())
	}
	n.rename("type", "category")
	n.many("category")
	n.rename("specialty", "performerType")
	n.rename("recipient", "performer")
	n.rename("groupIdentifier", "requisition")
	if text := n.take("description"); text != nil {
		n.put("note", list(append([]*node{object(has("extension", list(extension(crossVersion+"ReferralRequest.description", "Boolean", truth(true)))), has("text", text))}, n.get("note").items()...)...))
	}
	n.many("supportingInfo")
}

func referralDown(_ *giving, n *node) {
	n.rename("encounter", "context")
	agentDown(n)
	replaced(n, "status", requestStatusDown)
	code := n.take("code")
	if n.get("reasonCode") == nil && code != nil {
		n.put("reasonCode", list(code)) // where GP Connect says what a referral is
	} else if code != nil && string(code.append(nil)) != string(n.get("reasonCode").first().append(nil)) {
		n.put("serviceRequested", list(append([]*node{code}, n.take("orderDetail").items()...)...))
	}
	n.one("category")
	n.rename("category", "type")
	n.rename("performerType", "specialty")
	n.rename("performer", "recipient")
	n.rename("requisition", "groupIdentifier")
	var notes []*node
	for _, note := range n.take("note").items() {
		if note.extended(crossVersion+"ReferralRequest.description") != nil {
			n.put("description", note.get("text"))
			continue
		}
		notes = append(notes, note)
	}
	n.put("note", list(notes...))
}
