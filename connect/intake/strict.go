package intake

import (
	"context"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/validate"
)

// Validates reports whether what a feed sends is validated in full. Whatever is written has its structure checked in any case; the rest of R4
// (invariants, bindings) costs as much again, and finds nothing wrong with most that our own mappings make.
func (f *Feed) Validates() bool { return f.Strict || f.Warn }

// Invalid says why a resource is not valid R4, "" where it is: the first error, with its place.
func (d *Desk) Invalid(ctx context.Context, res *fhir.Resource) (why string, err error) {
	issues, err := d.Door.Validate(ctx, d.Who, res)
	if err != nil {
		return "", err
	}
	for _, issue := range issues {
		if issue.Severity != validate.Error {
			continue
		}
		why = "it does not validate: " + issue.Expression + ": " + issue.Message
		if issue.Key != "" {
			why += " (" + issue.Key + ")"
		}
		return why, nil
	}
	return "", nil
}

// Validate says of what an item makes whether it validates, by reference; nil where the feed does not ask. Of a strict feed what does not is the
// error: the item is refused as a whole.
func (d *Desk) Validate(ctx context.Context, f *Feed, ops []record.Op) (valid map[string]bool, err error) {
	if !f.Validates() {
		return nil, nil
	}
	valid = make(map[string]bool, len(ops))
	for _, op := range ops {
		if op.Resource == nil || op.Method == record.Delete {
			continue
		}
		why, err := d.Invalid(ctx, op.Resource)
		if err != nil {
			return nil, err
		}
		if why != "" && f.Strict {
			place := op.Resource.Root().Get("meta").Get("source").Text()
			return nil, fhir.Errorf(fhir.Invalid, "the %s it makes (%s): %s", op.Type, place, why)
		}
		valid[op.Type+"/"+op.ID] = why == ""
	}
	return valid, nil
}

// valid validates what a unit makes, where its feed asks. Of a strict feed what does not validate is the fault of the unit's row.
func (x *extract) valid(m *Mapping) error {
	if !x.feed.Validates() {
		return nil
	}
	for i := range m.puts {
		p := &m.puts[i]
		why, err := x.desk.Invalid(x.ctx, p.res)
		if err != nil {
			return err
		}
		p.said.say(isValid, why == "")
		if why != "" && x.feed.Strict {
			return m.rows[0].Bad("", "the %s it makes is refused: %s", p.res.Type(), why)
		}
	}
	return nil
}
