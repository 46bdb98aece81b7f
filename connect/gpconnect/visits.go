package gpconnect

import "strings"

// encounterUp: R4 asks for a class; GP Connect has only the words of the type.
func encounterUp(m *mapping, n *node) {
	if c := n.get("class"); c == nil {
		code, display := "AMB", "ambulatory"
		what := strings.ToLower(n.text("type", "text") + " " + n.text("type", "coding", "display"))
		switch {
		case strings.Contains(what, "telephone"), strings.Contains(what, "video"), strings.Contains(what, "online"):
			code, display = "VR", "virtual"
		case strings.Contains(what, "home visit"), strings.Contains(what, "visit note"):
			code, display = "HH", "home health"
		}
		n.put("class", coding(hl7Terms+"v3-ActCode", code, display))
	} else if to := r4System(c.text("system")); to != "" {
		c.put("system", str(to))
	}
	n.rename("incomingReferral", "basedOn")
	n.rename("reason", "reasonCode")
	for _, d := range n.get("diagnosis").items() {
		d.rename("role", "use")
	}
	n.many("appointment")
}

func encounterDown(_ *giving, n *node) {
	if c := n.get("class"); c != nil {
		if to := stu3System(c.text("system")); to != "" {
			c.put("system", str(to))
		}
	}
	n.rename("basedOn", "incomingReferral")
	n.rename("reasonCode", "reason")
	for _, d := range n.get("diagnosis").items() {
		d.rename("use", "role")
	}
	n.one("appointment")
}

// documentUp: when it was indexed is R4's date; when it was created belongs to the file.
func documentUp(m *mapping, n *node) {
	n.rename("indexed", "date")
	if created := n.take("created"); created != nil {
		for _, c := range n.get("content").items() {
			if a := c.get("attachment"); a != nil && a.get("creation") == nil {
				a.put("creation", created.copy())
			}
		}
	}
	n.rename("class", "category")
	if c := n.get("context"); c != nil {
		c.many("encounter")
		var related []*node
		for _, r := range c.take("related").items() {
			ref := r.get("ref")
			if ref == nil {
				ref = object()
			}
			ref.put("identifier", r.get("identifier"))
			related = append(related, ref)
		}
		c.put("related", list(related...))
	}
}

func documentDown(_ *giving, n *node) {
	n.rename("date", "indexed")
	if created := n.get("content").first().get("attachment", "creation"); created != nil {
		n.put("created", created.copy())
	}
	if n.get("indexed") == nil {
		if created := n.text("created"); len(created) > len("2006-01-02T15:04:05") {
			n.put("indexed", str(created))
		}
	}
	n.one("category")
	n.rename("category", "class")
	if c := n.get("context"); c != nil {
		c.one("encounter")
		var related []*node
		for _, ref := range c.take("related").items() {
			id := ref.take("identifier")
			related = append(related, object(has("identifier", id), has("ref", ref)))
		}
		c.put("related", list(related...))
	}
}
