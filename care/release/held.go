package release

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

func readHeld(it record.BoxItem) (h heldItem, err error) {
	if err := json.Unmarshal(it.Value, &h); err != nil {
		return h, fhir.Errorf(fhir.Broken, "what is held under %s cannot be read: %w", it.Key, err)
	}
	return h, nil
}

// days are the days of what may be told, each once, the earliest first.
func days(held map[string]heldItem) []time.Time {
	var out []time.Time
	for _, h := range held {
		if h.Tell && !h.Other && !slices.ContainsFunc(out, h.By.Equal) {
			out = append(out, h.By)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func patientOf(root fhir.Value) string {
	id, ok := strings.CutPrefix(root.Get("subject").Get("reference").Text(), "Patient/")
	if !ok || strings.Contains(id, "/") {
		return ""
	}
	return id
}

// otherLabels reports whether a resource bears labels besides ours.
func otherLabels(root fhir.Value) bool {
	for s := range root.Get("meta").Get("security").Items() {
		if !s.Get("system").Is(LabelSystem) || !s.Get("code").Is(LabelCode) {
			return true
		}
	}
	return false
}
