package match

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Rate is how many Patients of one group are linked with another source's, and about how many somebody is asked.
type Rate struct {
	By       string // ethnicity, deprivation or age
	Group    string
	Patients int
	Linked   int
	Asked    int
}

// Share is the share of Patients that are linked, 0 to 1.
func (r Rate) Share() float64 {
	if r.Patients == 0 {
		return 0
	}
	return float64(r.Linked) / float64(r.Patients)
}

// unknown is the group of those of whom it is not known.
const unknown = "not known"

// Report counts links by ethnicity, deprivation and age: matching that finds some groups of people less often than others would give
// them a poorer record.
func (l *Linker) Report(ctx context.Context) ([]Rate, error) {
	links := graph{}
	err := l.each(ctx, linkKind, "", func(it record.BoxItem) error {
		e, err := editOf(it.Key, it.Value)
		if err == nil {
			links.set(e.A, e.B, flagsOf(e.Link))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	groups := map[string][3]string{}
	for after := int64(0); ; {
		changes, err := l.door.Changes(ctx, l.o.Who, record.Log{Type: "Patient", After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			after = c.Seq
			if c.Deleted {
				delete(groups, c.ID)
				continue
			}
			if groups[c.ID], err = l.groupsOf(&c); err != nil {
				return nil, err
			}
		}
		if len(changes) < 1000 {
			break
		}
	}
	rates := map[[2]string]Rate{}
	for id, of := range groups {
		var all flags
		for _, s := range links[id] {
			all |= s.flags
		}
		for i, by := range [3]string{"age", "deprivation", "ethnicity"} {
			r := rates[[2]string{by, of[i]}]
			r.By, r.Group = by, of[i]
			r.Patients++
			if all&linked != 0 {
				r.Linked++
			}
			if all&doubted != 0 {
				r.Asked++
			}
			rates[[2]string{by, of[i]}] = r
		}
	}
	return slices.SortedFunc(maps.Values(rates), func(a, b Rate) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Group, b.Group)) }), nil
}

// groupsOf are a Patient's groups by age, deprivation and ethnicity.
func (l *Linker) groupsOf(c *record.Stored) (of [3]string, err error) {
	res, err := c.Resource()
	if err != nil {
		return of, err
	}
	var p r4.Patient
	if err := r4.Decode(res, &p); err != nil {
		return of, err
	}
	of = [3]string{unknown, unknown, ethnicGroup(&p)}
	if p.BirthDate.Year != 0 {
		now := l.o.Now()
		age := now.Year() - int(p.BirthDate.Year)
		if b := p.BirthDate; b.Day != 0 && (int(now.Month()) < int(b.Month) || int(now.Month()) == int(b.Month) && now.Day() < int(b.Day)) {
			age--
		}
		of[0] = "85 and over"
		for _, band := range []struct {
			below int
			name  string
		}{{5, "00 to 04"}, {18, "05 to 17"}, {40, "18 to 39"}, {65, "40 to 64"}, {85, "65 to 84"}} {
			if age < band.below {
				of[0] = band.name
				break
			}
		}
	}
	if l.o.Deprivation != nil {
		if group := l.o.Deprivation(&p); group != "" {
			of[1] = group
		}
	}
	return of, nil
}
